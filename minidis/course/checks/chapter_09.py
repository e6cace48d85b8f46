"""Checks of chapter 9: transfers in every order, a script without rollback, WATCH and EXEC rebuilt.

Read next: minidis/course/models/interleaving.py, which runs the orders.
"""

from __future__ import annotations

import binascii
from collections.abc import Callable, Mapping
from itertools import permutations
from typing import Any
from unittest import mock

from redis.exceptions import NoScriptError, RedisError, ResponseError

from minidis.course.case import Case
from minidis.course.exercise import Exercise, Wrong, show
from minidis.course.guard import unobserved, virtual_sleep
from minidis.course.models.interleaving import MOST_COMMANDS_PER_CLIENT, UNFINISHED, Exploration, explore
from minidis.course.parts import plug
from minidis.drivers.embedded import Embedded
from minidis.protocol.replies import NULL_ARRAY, ReplyError

# -- 9.1 transfer -----------------------------------------------------------------------------------

transfer = Exercise(
    "9.1",
    "Transfer money, whoever else does",
    kind="use",
    points=6,
    hints=(
        "Between your GET and your MULTI anybody can spend the money. WATCH the source before you read "
        "it: EXEC then answers nil (redis-py raises WatchError) if it was touched in between.",
        "WATCH, GET, MULTI and EXEC must go over one connection: use one pipeline. After pipe.watch() its "
        "commands run at once, after pipe.multi() they are queued. WatchError: begin again, with WATCH.",
        "In the MULTI: DECRBY source, INCRBY target, not SET with a sum worked out before. So the target "
        "needs no WATCH, and an account to itself comes out even. Not enough: return False.",
    ),
)

Transfer = tuple[str, str, int]
Accounts = dict[str, int]


def _balances(redis: Any, accounts: Accounts) -> dict[str, Any]:
    return {name: int(redis.get(name) or 0) for name in accounts}


def _serial_outcomes(accounts: Accounts, wishes: Mapping[str, Transfer]) -> set[str]:
    """What the transfers can lead to if each is one step: the balances and answers, for every order."""
    outcomes = set()
    for order in permutations(wishes):
        held, answers = dict(accounts), {}
        for client in order:
            source, target, amount = wishes[client]
            answers[client] = held[source] >= amount
            if answers[client]:
                held[source] -= amount
                held[target] += amount
        outcomes.add(_in_words(held, {client: answers[client] for client in wishes}))
    return outcomes


def _in_words(balances: Mapping[str, Any], answers: Mapping[str, Any]) -> str:
    said = {
        client: f"{type(a).__name__}: {a}" if isinstance(a, Exception) else a for client, a in answers.items()
    }
    return f"balances {dict(balances)}, answers {said}"


def _every_order(case: Case, move: Callable, accounts: Accounts, wishes: Mapping[str, Transfer]) -> None:
    """Refuse `move` if a schedule leads to what no order of whole transfers leads to."""
    if len(wishes) > 2:  # what two of them can break is found sooner, and told in fewer steps
        _every_order(case, move, accounts, dict(list(wishes.items())[:2]))
    programs = {client: (lambda redis, wish=wish: move(redis, *wish)) for client, wish in wishes.items()}

    def judge(redis: Any, results: Mapping[str, Any]) -> str:
        return _in_words(_balances(redis, accounts), results)

    setup = [f"SET {name} {held}" for name, held in accounts.items()]
    try:
        found = explore(programs, setup, judge, new_client=case.redis)
    except ValueError as error:
        raise Wrong(f"{len(wishes)} clients, {wishes}", str(error), "a transfer of some commands") from error
    right = _serial_outcomes(accounts, wishes)
    for outcome, count in found.outcomes.items():
        if outcome not in right:
            given = f"{accounts}, and {_told(found, outcome, wishes)}"
            due = f"as if one came after the other ({count:,} of {found.schedules:,} schedules are like this)"
            came = (
                f"still at it after {MOST_COMMANDS_PER_CLIENT} commands: it waits for what never comes"
                if outcome == UNFINISHED
                else str(outcome)
            )
            raise Wrong(given, came, due)


def _told(found: Exploration, outcome: Any, wishes: Mapping[str, Transfer]) -> str:
    """The first schedule with an outcome, command by command."""
    said = ", ".join(f"{client} transfers {w[2]} from {w[0]} to {w[1]}" for client, w in wishes.items())
    steps = found.steps(found.schedule(0, outcome))
    lines = [
        f"{s.client}: {b' '.join(s.argv)[:60].decode('utf-8', 'replace')} -> {_reply(s.reply)}" for s in steps
    ]
    return f"{said}; in this order: " + "; ".join(lines[:24]) + ("; ..." if len(lines) > 24 else "")


def _reply(reply: Any) -> str:
    return "nil" if reply is None or reply is NULL_ARRAY else show(reply, 60)


@transfer.test("enough money is moved, too little is not")
def moved_or_not(case: Case, move: Callable) -> None:
    for held, has, amount in ((100, 5, 60), (60, 0, 60), (59, 1, 60), (0, 7, 1)):
        redis = case.redis()
        redis.mset({"ann": held, "bob": has})
        answer = move(redis, "ann", "bob", amount)
        given = f"ann has {held}, bob {has}; transfer {amount} from ann to bob"
        enough = held >= amount
        case.equal(answer, enough, given=given)
        due = {"ann": held - amount * enough, "bob": has + amount * enough}
        case.equal(_balances(redis, due), due, given=f"{given}; then the balances")


@transfer.test("a missing account is an empty one, and one's own is no other")
def empty_and_own(case: Case, move: Callable) -> None:
    redis = case.redis()
    case.equal(move(redis, "nobody", "bob", 1), False, given="transfer 1 from an account that doesn't exist")
    redis.set("ann", 50)
    case.equal(move(redis, "ann", "new", 20), True, given="transfer 20 to an account that doesn't exist")
    case.equal(_balances(redis, {"ann": 0, "new": 0}), {"ann": 30, "new": 20}, given="then the balances")
    case.equal(move(redis, "ann", "ann", 10), True, given="ann has 30 and transfers 10 to herself")
    case.equal(int(redis.get("ann")), 30, given="ann has 30 and transfers 10 to herself; then her balance")


@transfer.test("two spend the same money: in every order one of them gets it")
def same_money(case: Case, move: Callable) -> None:
    amount = case.random.randint(51, 99)
    _every_order(case, move, {"ann": 100, "bob": 0}, dict.fromkeys("AB", ("ann", "bob", amount)))


@transfer.test("enough for both: in every order both get it")
def enough_for_both(case: Case, move: Callable) -> None:
    amount = case.random.randint(1, 50)
    _every_order(case, move, {"ann": 100, "bob": 0}, dict.fromkeys("AB", ("ann", "bob", amount)))


@transfer.test("to and fro at once, and from two to one: the sum stays")
def to_and_fro(case: Case, move: Callable) -> None:
    first, second = case.random.randint(1, 100), case.random.randint(1, 150)
    wishes = {"A": ("ann", "bob", first), "B": ("bob", "ann", second)}
    _every_order(case, move, {"ann": 100, "bob": 50}, wishes)
    wishes["B"] = ("cid", "bob", second)
    _every_order(case, move, {"ann": 100, "bob": 50, "cid": 150}, wishes)


@transfer.test("three clients, every order")
def three_clients(case: Case, move: Callable) -> None:
    amount = case.random.randint(51, 90)
    wishes = {
        "A": ("ann", "bob", amount),
        "B": ("ann", "bob", amount),
        "C": ("bob", "ann", case.random.randint(1, amount)),
    }
    _every_order(case, move, {"ann": 100, "bob": 0}, wishes)


@transfer.test("a client that dies after any command moved all or nothing, and bars nobody's way")
def dies(case: Case, move: Callable) -> None:
    accounts = {"ann": 100, "bob": 0}
    programs = {"A": lambda redis: move(redis, "ann", "bob", 30)}
    found = explore(
        programs,
        ["MSET ann 100 bob 0"],
        lambda redis, _: str(_balances(redis, accounts)),
        new_client=case.redis,
    )
    order = found.schedule(0)
    for count in range(1, len(order) + 1):
        redis, last = found.after(order[:count], new_client=case.redis)
        given = f"a transfer of 30 from ann (100) to bob (0); its client dies after {last.argv[0].decode()}"
        held = _balances(redis, accounts)
        all_or_nothing = held in ({"ann": 100, "bob": 0}, {"ann": 70, "bob": 30})
        case.true(all_or_nothing, given, f"the balances {held}", "all moved, or nothing")
        others = explore(
            {"B": lambda redis: move(redis, "ann", "bob", 30)},
            [f"SET {key.decode()} {value.decode()}" for key, value in last.keys.items()],
            lambda redis, _: str(_balances(redis, accounts)),
            new_client=case.redis,
        )
        due = str({"ann": held["ann"] - 30, "bob": held["bob"] + 30})
        case.equal(list(others.outcomes), [due], given=f"{given}; then another client transfers 30")


RIVALS_PAYMENTS = 1500
"""More than anybody's "try it three times", or a hundred, or a thousand."""


@transfer.test("however often somebody is in the way, it tries again")
def tries_again(case: Case, move: Callable) -> None:
    node = case.node()
    redis = case.redis(node)
    redis.mset({"ann": 100, "bob": 0})
    original, paid = node.node.execute, 0

    def after_a_rival(client: Any, argv: list[bytes]) -> Any:
        """Just before a decision falls somebody pays in one, until the rival has had enough."""
        nonlocal paid
        if argv[0].upper() in (b"EXEC", b"EVAL", b"EVALSHA", b"FCALL") and paid < RIVALS_PAYMENTS:
            paid += 1
            node.execute("INCRBY", "ann", 1)
        return original(client, argv)

    given = "ann has 100; transfer 60 to bob, and just before each EXEC somebody pays 1 in to ann"
    with mock.patch.object(node.node, "execute", after_a_rival), virtual_sleep(lambda seconds: None):
        try:
            answer = move(redis, "ann", "bob", 60)
        except RedisError as error:
            raise Wrong(given, f"{type(error).__name__}: {error}", "True, in the end") from error
    case.equal(answer, True, given=f"{given}, {paid} times")
    due = {"ann": 100 + paid - 60, "bob": 60}
    case.equal(_balances(redis, due), due, given=f"{given}, {paid} times; then the balances")


# -- 9.2 one script ---------------------------------------------------------------------------------

transfer_in_lua = Exercise(
    "9.2",
    "The same as one script",
    kind="use",
    points=6,
    hints=(
        "redis.register_script(text) gives a function of keys= and args=. It sends EVALSHA, and when the "
        "server answers NOSCRIPT, loads the text and tries again. Source and target are KEYS[1] and "
        "KEYS[2].",
        "Nothing is taken back when a script fails in the middle: look at both keys first, move afterwards. "
        "Let Redis say what a number is: INCRBY key 0 (if it exists) fails on a list, on 'ten' and on '007', "
        "and a redis.call that fails ends the script. A pattern of your own takes '007' for a number.",
        "Let Redis do the sums, too: left = redis.call('DECRBY', KEYS[1], ARGV[1]); below zero, INCRBY it "
        "back and return 0. (tonumber() is wrong beyond 2**53.) The target may be full: pay in by "
        "redis.pcall; when it answers a table, that is an error: give back what you took, return the table.",
    ),
)

ANN, BOB = "{bank}:ann", "{bank}:bob"


class _ClusterRules:
    """What a Cluster asks of each script: its keys in one slot, and no key touched that isn't declared."""

    def __init__(self, case: Case) -> None:
        self.node = case.node()
        self.redis = case.redis(self.node)
        self.declared: set[bytes] = set()
        self.strayed: list[bytes] = []
        self.texts: set[bytes] = set()
        self.node.node.guards.append(self._guard)
        self.node.node.listen_to_keys(self._touched)

    def _guard(self, client: Any, command: Any, argv: list[bytes]) -> None:
        if command.name in ("eval", "evalsha"):
            self.texts.add(argv[1])
            self.declared = set(argv[3 : 3 + int(argv[2])])
            if len({_slot(key) for key in self.declared}) > 1:
                raise ReplyError("CROSSSLOT Keys in request don't hash to the same slot")

    def _touched(self, database: Any, key: bytes, event: str) -> None:
        if key not in self.declared:
            self.strayed.append(key)


def _slot(key: bytes) -> int:
    """The Cluster's slot of a key: CRC16 of its hash tag, or of all of it."""
    start = key.find(b"{")
    end = key.find(b"}", start + 1)
    tag = key[start + 1 : end] if start >= 0 and end > start + 1 else key
    return binascii.crc_hqx(tag, 0) % 16384


def _both(redis: Any, *names: str) -> list[Any]:
    return [int(redis.get(name) or 0) for name in names]


@transfer_in_lua.test("enough money is moved, too little is not")
def lua_moved_or_not(case: Case, move: Callable) -> None:
    redis = case.redis()
    for held, has, amount in ((100, 5, 60), (60, 0, 60), (59, 1, 60), (7, 0, 10), (100, 9, 20)):
        redis.mset({ANN: held, BOB: has})
        enough = held >= amount
        given = f"ann has {held}, bob {has}; transfer {amount} from ann to bob"
        case.equal(move(redis, ANN, BOB, amount), enough, given=given)
        case.equal(
            _both(redis, ANN, BOB),
            [held - amount * enough, has + amount * enough],
            given=f"{given}; then both",
        )
    case.equal(move(redis, "{bank}:nobody", BOB, 1), False, given="transfer 1 from a missing account")
    case.equal(move(redis, ANN, "{bank}:new", 30), True, given="transfer 30 to a missing account")
    case.equal(_both(redis, ANN, "{bank}:new"), [50, 30], given="ann had 80: the balances then")


@transfer_in_lua.test("one command, which is a script")
def one_command(case: Case, move: Callable) -> None:
    node = case.node()
    redis = case.redis(node)
    redis.mset({ANN: 1000, BOB: 0})
    move(redis, ANN, BOB, 1)
    for amount in (2, 3):
        before = len(case.commands(node))
        move(redis, ANN, BOB, amount)
        sent = [argv[0].decode() for argv in case.commands(node)[before:]]
        one = len(sent) == 1 and sent[0] in ("EVAL", "EVALSHA", "FCALL")
        case.true(
            one, "a transfer when the script is known", f"it sent {', '.join(sent)}", "one EVALSHA or EVAL"
        )


@transfer_in_lua.test("its keys are declared, and its text is always the same")
def declared(case: Case, move: Callable) -> None:
    rules = _ClusterRules(case)
    for source, target, amount in ((ANN, BOB, 5), (BOB, ANN, 2), ("{bank}:cid", ANN, 7)):
        rules.redis.set(source, 50)
        rules.strayed.clear()
        move(rules.redis, source, target, amount)
        given = f"transfer {amount} from {source} to {target}"
        case.equal(rules.strayed, [], given=f"{given}: keys that it touched without declaring them in KEYS")
    case.true(
        len(rules.texts) <= 2,
        "three transfers between three accounts",
        f"{len(rules.texts)} scripts",
        "one text, with KEYS and ARGV",
    )


@transfer_in_lua.test("accounts in two slots are refused, as a Cluster does")
def cross_slot(case: Case, move: Callable) -> None:
    rules = _ClusterRules(case)
    rules.redis.set("ann", 100)
    rules.redis.set("bob", 0)
    error = case.raises(
        ResponseError,
        move,
        rules.redis,
        "ann",
        "bob",
        5,
        given="transfer from ann to bob, two slots of a Cluster",
    )
    refused = "same slot" in str(error)  # redis-py takes the code off
    case.true(refused, "accounts in two slots", str(error), "the server's own error CROSSSLOT")
    case.equal(_both(rules.redis, "ann", "bob"), [100, 0], given="refused with CROSSSLOT; then the balances")


@transfer_in_lua.test("a server that forgot its scripts is told again")
def forgotten(case: Case, move: Callable) -> None:
    redis = case.redis()
    redis.mset({ANN: 100, BOB: 0})
    for number in range(1, 4):
        given = "SCRIPT FLUSH (the server was restarted), then a transfer of 10"
        try:
            answer = move(redis, ANN, BOB, 10)
        except NoScriptError as error:
            raise Wrong(given, f"NoScriptError: {error}", "True") from error
        case.equal(answer, True, given=given)
        case.equal(_both(redis, ANN, BOB), [100 - 10 * number, 10 * number], given=f"{given}; the balances")
        redis.script_flush()


NO_NUMBERS = ("007", "-0", "+5", " 5", "9" * 20)
"""What looks like a number, and INCRBY refuses."""


@transfer_in_lua.test("a wrong type stops it before anything has moved")
def wrong_type(case: Case, move: Callable) -> None:
    for source_held, target_held in (
        ("list", 5),
        (100, "list"),
        (100, "ten"),
        ("much", 5),
        (100, "1e3"),
        (100, ""),
        *((100, text) for text in NO_NUMBERS),
        *((text, 5) for text in NO_NUMBERS),
        (100, 2**63 - 5),  # a number, but 10 more are none
    ):
        redis = case.redis()
        for name, held in ((ANN, source_held), (BOB, target_held)):
            redis.rpush(name, "x") if held == "list" else redis.set(name, held)
        before = [redis.dump(name) for name in (ANN, BOB)]
        given = f"ann holds {source_held!r}, bob {target_held!r}; transfer 10 from ann to bob"
        case.raises(ResponseError, move, redis, ANN, BOB, 10, given=given)
        after = [redis.dump(name) for name in (ANN, BOB)]
        changed = [name for name, old, new in zip(("ann", "bob"), before, after, strict=True) if old != new]
        case.equal(changed, [], given=f"{given}; accounts that changed although it failed")


@transfer_in_lua.test("balances beyond 2**53 stay exact")
def beyond_doubles(case: Case, move: Callable) -> None:
    redis = case.redis()
    odd = 2**53 + 2 * case.random.randrange(1, 1000) + 1
    for large in (odd, odd + 2):  # a double is rounded up for one of the two, down for the other
        redis.mset({ANN: large, BOB: large})
        case.equal(move(redis, ANN, BOB, 2), True, given=f"ann and bob have {large} each; transfer 2")
        case.equal(
            _both(redis, ANN, BOB), [large - 2, large + 2], given=f"ann and bob had {large}; 2 were moved"
        )
        redis.mset({ANN: large, BOB: 0})
        case.equal(move(redis, ANN, BOB, large + 1), False, given=f"ann has {large}; transfer {large + 1}")


# -- 9.3 WATCH and EXEC -----------------------------------------------------------------------------

watch_and_exec = Exercise(
    "9.3",
    "WATCH and EXEC",
    kind="rebuild",
    points=8,
    hints=(
        "Two tables: which places each client watches, and which clients watch each place. And a set of "
        "the clients that have seen a change. touched() looks into the second table and fills the set; "
        "must_fail() looks into the set.",
        "Time passes without touched(): must_fail() also asks is_dead() of each watched place. Note at WATCH "
        "whether it was dead then: such a one is allowed to be dead, and to be freed, once.",
        "execute: failed = must_fail(client) first, unwatch in any case, then EXECABORT, then None, then the "
        "loop with try/except ReplyError around each call.",
    ),
)

Line = tuple[str, str]


def _run_lines(node: Embedded, lines: list[Line]) -> list[Any]:
    """Run `(client, line)` pairs; replies and errors.  `wait` moves the clock, `gone` cuts a connection."""
    clients: dict[str, Any] = {}
    replies: list[Any] = []
    for name, line in lines:
        words = line.split()
        if words[0] == "wait":
            node.step(float(words[1]))
            continue
        if words[0] == "gone":
            node.disconnect(clients.pop(name))
            continue
        if name not in clients:
            clients[name] = node.connect(name)
        try:
            replies.append(node.execute(*words, client=clients[name]))
        except ReplyError as error:
            replies.append(error)
    for client in clients.values():
        node.disconnect(client)
    return [_plain(reply) for reply in replies]


def _plain(reply: Any) -> Any:
    if isinstance(reply, ReplyError):
        return f"error {reply}"
    if reply is NULL_ARRAY:
        return None
    return [_plain(item) for item in reply] if isinstance(reply, list) else reply


def _same_as_engine(case: Case, make: Callable, text: str, about: str) -> None:
    """Run lines like `ann: WATCH k` on the engine and on the learner's part: all replies must be equal."""
    lines = [
        (name.strip(), line.strip()) for name, _, line in (part.partition(":") for part in text.split(";"))
    ]
    _compare(case, make, lines, about)


def _compare(case: Case, make: Callable, lines: list[Line], about: str) -> None:
    engine, learners = (_quiet(case) for _ in range(2))
    plug("transactions", make, learners)
    due = unobserved(_run_lines)(engine, lines)
    came = _run_lines(learners, lines)
    sent = [n for n, (_, line) in enumerate(lines) if line.split()[0] not in ("wait", "gone")]
    for at, mine, right in zip(sent, came, due, strict=True):
        if mine != right:
            story = "; ".join(f"{name}: {line}" for name, line in lines[max(0, at - 20) : at + 1])
            raise Wrong(f"{about} ({story})", show(mine), show(right))


def _quiet(case: Case) -> Embedded:
    """A node that frees dead keys only when somebody asks for them."""
    node = case.node({"hz": 1})
    node.node.active_expiry = False
    return node


@watch_and_exec.test("EXEC runs the queue; errors stand among the replies")
def runs_the_queue(case: Case, make: Callable) -> None:
    text = "a: MULTI; a: SET k 1; a: LPUSH k x; a: INCR k; a: EXEC; b: GET k; a: MULTI; a: EXEC; a: EXEC"
    _same_as_engine(case, make, text, "a command that fails in EXEC")
    text = "a: WATCH k; a: MULTI; a: SET k 1; a: SET k; a: EXEC; a: GET k; a: MULTI; a: SET k 2; a: EXEC"
    _same_as_engine(case, make, text, "a command that could not be queued")
    text = "a: WATCH k; a: MULTI; a: SET k; b: SET k 5; a: EXEC; a: MULTI; a: GET k; a: EXEC"
    _same_as_engine(case, make, text, "EXECABORT ends the watch, too")


@watch_and_exec.test("a change by anybody makes EXEC nil, once")
def nil_once(case: Case, make: Callable) -> None:
    after = "a: MULTI; a: SET r 1; a: EXEC; a: MULTI; a: SET r 2; a: EXEC; b: GET r"
    for what in (
        "b: SET k 2",
        "a: SET k 2",
        "b: DEL k",
        "b: APPEND k x",
        "b: RENAME k other",
        "b: EXPIRE k 100",
    ):
        _same_as_engine(case, make, f"b: SET k 1; a: WATCH k; {what}; {after}", f"watched k; {what}")
    for what in ("b: GET k", "b: SET other 2", "b: DEL missing", "b: SETNX k 3", "a: WATCH k"):
        _same_as_engine(case, make, f"b: SET k 1; a: WATCH k; {what}; {after}", f"watched k; {what}")
    two = "a: MULTI; c: MULTI; a: PING; c: PING; a: EXEC; c: EXEC"
    _same_as_engine(case, make, f"a: WATCH k; c: WATCH k; b: SET k 1; {two}", "two watch the same key")
    text = f"a: WATCH k; a: MULTI; a: SET r 0; b: SET k 1; a: EXEC; {after}"
    _same_as_engine(case, make, text, "a change between MULTI and EXEC")


@watch_and_exec.test("the same value again is a change")
def same_value(case: Case, make: Callable) -> None:
    text = "b: SET k 1; a: WATCH k; b: SET k 1; a: MULTI; a: PING; a: EXEC"
    _same_as_engine(case, make, text, "the same value written again")
    text = "b: SET k 1; a: WATCH k; b: SET k 2; b: SET k 1; a: MULTI; a: PING; a: EXEC"
    _same_as_engine(case, make, text, "changed, and changed back")
    text = "a: WATCH k; b: SET k 1; b: DEL k; a: MULTI; a: PING; a: EXEC"
    _same_as_engine(case, make, text, "made, and deleted again")


@watch_and_exec.test("time that runs out is a change, death before WATCH is not")
def expiry(case: Case, make: Callable) -> None:
    end = "a: MULTI; a: PING; a: EXEC"
    for middle in ("", "b: GET k; ", "b: GET k; b: SET other 1; "):
        text = f"b: SET k 1 PX 1000; a: WATCH k; a: wait 2; {middle}{end}"
        _same_as_engine(case, make, text, "a watched key runs out of time")
        text = f"b: SET k 1 PX 1000; a: wait 2; a: WATCH k; {middle}{end}"
        _same_as_engine(case, make, text, "the key was dead at WATCH")
    text = f"b: SET k 1 PX 1000; a: wait 2; a: WATCH k; b: GET k; b: SET k 2; {end}"
    _same_as_engine(case, make, text, "dead at WATCH, freed, and written anew")
    text = f"b: SET k 1 PX 1000; a: wait 2; a: WATCH k; b: SET k 2; {end}"
    _same_as_engine(case, make, text, "dead at WATCH, and written anew")
    text = f"b: SET k 1 PX 1000; a: WATCH k; a: wait 2; a: WATCH k; {end}"
    _same_as_engine(case, make, text, "watched again after its time ran out")


@watch_and_exec.test("FLUSHALL changes what there was")
def flush(case: Case, make: Callable) -> None:
    for prepare in ("b: SET k 1", "b: PING"):
        text = f"{prepare}; a: WATCH k; b: FLUSHALL; a: MULTI; a: PING; a: EXEC"
        _same_as_engine(case, make, text, f"{prepare}; then FLUSHALL")


@watch_and_exec.test("the same name in another database is another key")
def two_databases(case: Case, make: Callable) -> None:
    end = "a: MULTI; a: PING; a: EXEC"
    _same_as_engine(
        case, make, f"b: SELECT 1; a: WATCH k; b: SET k 1; {end}", "k of db 0 watched, of db 1 set"
    )
    text = f"b: SELECT 1; a: WATCH k; a: SELECT 1; a: WATCH k; b: SET k 1; {end}"
    _same_as_engine(case, make, text, "k of both databases watched, of db 1 set")
    text = f"b: SET k 1; a: SELECT 1; a: WATCH k; b: SET k 2; {end}"
    _same_as_engine(case, make, text, "k of db 1 watched, of db 0 set")


@watch_and_exec.test("UNWATCH, DISCARD and a lost connection forget; WATCH in MULTI is refused")
def forgets(case: Case, make: Callable) -> None:
    end = "a: MULTI; a: PING; a: EXEC"
    _same_as_engine(case, make, f"a: WATCH k; b: SET k 1; a: UNWATCH; {end}", "UNWATCH after a change")
    _same_as_engine(
        case, make, f"a: WATCH k; b: SET k 1; a: MULTI; a: DISCARD; {end}", "DISCARD after a change"
    )
    _same_as_engine(case, make, f"a: WATCH k; a: UNWATCH; b: SET k 1; {end}", "UNWATCH, then a change")
    text = f"c: WATCH k; a: WATCH k; c: UNWATCH; b: SET k 1; {end}; c: MULTI; c: PING; c: EXEC"
    _same_as_engine(case, make, text, "two watch, one gives up")
    text = "a: MULTI; a: WATCH k; a: PING; b: SET k 1; a: EXEC; a: MULTI; a: PING; a: EXEC"
    _same_as_engine(case, make, text, "WATCH inside MULTI")
    gone = make(lambda place: False)
    gone.watch(1, [(0, b"k")], False)
    gone.touched((0, b"k"), True)
    gone.unwatch(1)  # the connection is gone; its number may come again
    gone.watch(1, [(0, b"other")], False)
    case.equal(
        bool(gone.must_fail(1)), False, given="changed, the connection gone; client 1 watches another key"
    )


@watch_and_exec.test("nothing is kept of keys that nobody watches")
def no_traces(case: Case, make: Callable) -> None:
    part = make(lambda place: False)
    sizes = []
    for rounds in (50, 500):
        for number in range(rounds):
            part.watch(number, [(0, b"k%d" % number)], False)
            part.touched((0, b"k%d" % number), True)
            part.touched((0, b"unwatched %d" % number), True)
            part.execute(number, [], False, lambda argv: None)
        sizes.append(_held(part))
    case.true(
        sizes[1] <= sizes[0] + 20,
        "500 clients that watched a key each and are done",
        f"{sizes[1]} entries are kept",
        "none",
    )


def _held(thing: Any, depth: int = 4) -> int:
    """How many elements the containers within an object hold."""
    if isinstance(thing, dict):
        return len(thing) + sum(_held(value, depth - 1) for value in thing.values() if depth)
    if isinstance(thing, list | set | tuple | frozenset):
        return len(thing) + sum(_held(value, depth - 1) for value in thing if depth)
    return _held(vars(thing), depth - 1) if hasattr(thing, "__dict__") and depth else 0


@watch_and_exec.test("two thousand random commands: as the engine answers")
def random_commands(case: Case, make: Callable) -> None:
    random = case.random
    lines: list[Line] = []
    for _ in range(2000):
        name, key = random.choice("abc"), random.choice("kmn")
        line = random.choice(
            (
                f"WATCH {key}", f"WATCH {key}", "MULTI", "MULTI", "EXEC", "EXEC", "EXEC", "UNWATCH",
                "DISCARD",
                f"SET {key} 1", f"SET {key} 1 PX 700", f"DEL {key}", f"GET {key}", f"LPUSH {key} x", "SET k",
                f"SELECT {random.randrange(2)}", "FLUSHDB", f"INCR {key}", "wait 0.4",
            )
        )  # fmt: skip
        lines.append((name, line))
    _compare(case, make, lines, "random commands of three clients")


# -- 9.4 the myth -----------------------------------------------------------------------------------

myth = Exercise(
    "9.4",
    "Six snippets and a myth",
    kind="use",
    points=3,
    hints=(
        "There is no rollback anywhere in Redis. What differs is when the error comes: while commands "
        "are queued, or when they run.",
        "A wrong number of arguments is noticed while queueing: EXECABORT, nothing runs. A wrong type is "
        "noticed when the command runs: the others stand. In Lua, call raises and ends the script; "
        "pcall doesn't.",
        "WATCH compares no values, and doesn't ask who it was: the same value again, or one's own SET, "
        "makes EXEC nil.",
    ),
)

_ADD = "redis.call('INCRBY', 'x', ARGV[1])"
_SCRIPT = f"{_ADD} redis.call('LPUSH', 'x', ARGV[1]) {_ADD}"
_SCRIPT_WITH_PCALL = f"{_ADD} redis.pcall('LPUSH', 'x', ARGV[1]) {_ADD}"

SNIPPETS: dict[int, tuple[str, list[tuple[str, list[str]]]]] = {
    1: (
        "MULTI with a wrong type inside",
        [("me", ["MULTI"]), ("me", ["INCRBY", "x", "b"]), ("me", ["LPUSH", "x", "b"]),
         ("me", ["INCRBY", "x", "b"]), ("me", ["EXEC"])],
    ),
    2: (
        "MULTI with a wrong number of arguments inside",
        [("me", ["MULTI"]), ("me", ["INCRBY", "x", "b"]), ("me", ["INCRBY", "x"]),
         ("me", ["INCRBY", "x", "b"]), ("me", ["EXEC"])],
    ),
    3: ("a script with call", [("me", ["EVAL", _SCRIPT, "0", "b"])]),
    4: ("a script with pcall", [("me", ["EVAL", _SCRIPT_WITH_PCALL, "0", "b"])]),
    5: (
        "WATCH, and another client writes the same value",
        [("me", ["WATCH", "x"]), ("me", ["MULTI"]), ("me", ["INCRBY", "x", "b"]),
         ("other", ["SET", "x", "a"]), ("me", ["EXEC"])],
    ),
    6: (
        "WATCH, and the same client writes before MULTI",
        [("me", ["WATCH", "x"]), ("me", ["SET", "x", "b"]), ("me", ["MULTI"]),
         ("me", ["INCRBY", "x", "a"]), ("me", ["EXEC"])],
    ),
}  # fmt: skip


def _x_after(case: Case, snippet: int, a: int, b: int) -> int:
    """Run a snippet on a node, and look."""
    node = case.node()
    clients = {name: node.connect(name) for name in ("me", "other")}
    node.execute("SET", "x", a)
    for name, words in SNIPPETS[snippet][1]:
        try:
            node.execute(*[{"a": a, "b": b}.get(word, word) for word in words], client=clients[name])
        except ReplyError:
            pass
    return int(node.execute("GET", "x"))


def _snippet_test(number: int) -> None:
    about = SNIPPETS[number][0]

    @myth.test(f"snippet {number}: {about}")
    def predicted(case: Case, x_after: Callable) -> None:
        for _ in range(3):
            a, b = case.random.randrange(100, 1000), case.random.randrange(1, 50)
            given = f"snippet {number} with a = {a} and b = {b}: x afterwards"
            case.equal(x_after(number, a, b), _x_after(case, number, a, b), given=given)


for _number in SNIPPETS:
    _snippet_test(_number)

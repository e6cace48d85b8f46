"""Chapter 2: a counter that keeps its time to live, a one-time token, expiry, and INCR on bytes."""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Any

from minidis.course.case import Case
from minidis.course.exercise import Exercise, Wrong, show
from minidis.course.fixtures.counters import Recorded, recorded_replies
from minidis.course.models.interrupting import (
    after_each_command,
    at_every_point,
    immortal_keys,
    lose_connection_everywhere,
    ready,
)
from minidis.course.parts import plugged
from minidis.drivers.embedded import Embedded
from minidis.protocol.replies import ReplyError

NO_EXPIRY = -1


# -- 2.1 -----------------------------------------------------------------------------------------------------

counter = Exercise(
    "2.1",
    "A session counter that never loses its time to live",
    kind="use",
    points=6,
    hints=(
        "INCR keeps a time to live, but it also creates a missing key, and that one has none. So who "
        "gives the key its time, and what if the key dies between two of your commands?",
        "SET has NX (only when there is no such key), XX (only when there is one) and KEEPTTL. What "
        "stands between MULTI and EXEC runs at one moment: no other client, and no passing time, gets "
        "in between.",
        "count_view: in one redis.pipeline(transaction=True), SET key 0 EX ttl NX, then INCR; the "
        "second reply is the answer. correct: one SET with XX and KEEPTTL, and its reply tells whether "
        "the session was alive.",
    ),
)


@counter.test("counts the views of each session")
def counts_views(case: Case, count_view: Any, correct: Any) -> None:
    redis = case.redis()
    views: dict[str, int] = {}
    for _ in range(30):
        session = case.random.choice(["ann", "bob", "eve"])
        views[session] = views.get(session, 0) + 1
        case.equal(
            count_view(redis, session, 60), views[session], given=f"view {views[session]} of {session}"
        )
        if case.random.random() < 0.2:
            views[session] = case.random.randrange(100)
            given = f"correct(redis, {session!r}, {views[session]})"
            case.equal(correct(redis, session, views[session]), True, given=given)
            case.equal(redis.get(f"views:{session}"), b"%d" % views[session], given=f"{given}, then GET")


@counter.test("the first view decides when the counter dies")
def first_view_decides(case: Case, count_view: Any, correct: Any) -> None:
    node = case.node()
    redis, ttl_s = case.redis(node), case.random.randint(20, 600)
    count_view(redis, "ann", ttl_s)
    due = node.now_us // 1000 + ttl_s * 1000
    for _ in range(12):
        call = case.random.choice(["count_view", "correct"])
        node.step(case.random.randint(1, ttl_s * 1000 // 13) / 1000)
        if call == "correct":
            correct(redis, "ann", case.random.randrange(50))
        else:
            count_view(redis, "ann", ttl_s)
        came = redis.pexpiretime("views:ann")
        age_s = (node.now_us // 1000 - due) / 1000 + ttl_s
        given = f"PEXPIRETIME after {call} (session of {ttl_s} s, {age_s:g} s old)"
        case.equal(came, due, given=given)
    node.step((due - node.now_us // 1000 + 1) / 1000)
    case.equal(redis.get("views:ann"), None, given=f"GET when the session's {ttl_s} s are over")
    case.equal(count_view(redis, "ann", ttl_s), 1, given="the first view of the next session")
    case.equal(redis.ttl("views:ann"), ttl_s, given="TTL after the first view of the next session")


@counter.test("no command drops the time to live")
def nothing_drops_it(case: Case, count_view: Any, correct: Any) -> None:
    node = case.node()
    redis = ready(case, node)

    def look(count: int) -> None:
        if immortal_keys(node):
            argv = b" ".join(case.commands(node)[-1]).decode("utf-8", "replace")
            raise Wrong(
                f"the counter after your command {argv}", "TTL -1: it lives for ever", "a time to live"
            )

    stop = after_each_command(node, look)
    for call in ("count", "count", "correct", "count", "correct"):
        count_view(redis, "ann", 60) if call == "count" else correct(redis, "ann", 5)
    stop()
    for argv in case.commands(node):
        words = [word.upper() for word in argv]
        drops = words[0] in (b"GETSET", b"MSET", b"SETEX", b"PSETEX") or (
            words[0] == b"SET" and not {b"KEEPTTL", b"NX"} & set(words)
        )
        sent = b" ".join(argv).decode("utf-8", "replace")
        case.true(
            not drops,
            "the commands your answer sent",
            sent,
            "no command that drops or replaces the time to live",
        )


@counter.test("a correction revives nobody")
def correction_revives_nobody(case: Case, count_view: Any, correct: Any) -> None:
    node = case.node()
    redis = case.redis(node)
    case.equal(
        correct(redis, "nobody", 7), False, given='correct(redis, "nobody", 7): a session that never was'
    )
    case.equal(redis.exists("views:nobody"), 0, given="EXISTS views:nobody after that")
    count_view(redis, "ann", 10)
    node.step(10.001)
    case.equal(correct(redis, "ann", 7), False, given='correct(redis, "ann", 7) after the session\'s 10 s')
    case.equal(redis.exists("views:ann"), 0, given="EXISTS views:ann after that")


@counter.test("a connection that breaks leaves no immortal counter")
def broken_connection(case: Case, count_view: Any, correct: Any) -> None:
    calls: list[tuple[str, Callable[[Any], Any]]] = [
        ("the first count_view", lambda redis: count_view(redis, "eve", 60)),
        ("another count_view", lambda redis: count_view(redis, "ann", 60)),
        ("correct", lambda redis: correct(redis, "ann", 9)),
    ]
    for name, call in calls:
        for cut, node in lose_connection_everywhere(case, lambda r: count_view(r, "ann", 60), call):
            given = f"{name}, the connection lost after its command number {cut}"
            for key in immortal_keys(node):
                raise Wrong(
                    given, f"{key.decode()} lives for ever (TTL -1)", "a time to live, or no such key"
                )


@counter.test("time may pass between any two commands")
def time_passes(case: Case, count_view: Any, correct: Any) -> None:
    for before_ms in range(0, 12, 2):
        node = case.node()
        redis = ready(case, node)
        count_view(redis, "ann", 10)
        node.step(10 - before_ms / 1000)
        stop = after_each_command(node, lambda count, node=node: node.step(0.003))
        came = count_view(redis, "ann", 10)
        stop()
        given = f"a view {before_ms} ms before the session ends, each command 3 ms after the one before"
        case.true(came in (1, 2), given, f"count_view: {came!r}", "2, or 1 if it was too late")
        for key in immortal_keys(node):
            raise Wrong(given, f"{key.decode()} lives for ever (TTL -1)", "a time to live")


# -- 2.2 -----------------------------------------------------------------------------------------------------

token = Exercise(
    "2.2",
    "A one-time token",
    kind="use",
    points=6,
    hints=(
        "Ask of every pair of your commands: what if the other reader runs exactly in between?",
        "Redis has one command that reads a string and removes it, and one that stores a string with a "
        "time to live only when the key is free.",
        "issue: redis.set(key, payload, ex=30, nx=True). redeem: redis.getdel(key), whose None (no such"
        ' key) must not be mixed up with b"" (an empty payload).',
    ),
)


@token.test("the payload comes back once, as it was")
def payload_comes_back(case: Case, issue: Any, redeem: Any) -> None:
    redis = case.redis()
    payloads = [b"reset:ann@example.org", b"", b"0", b"\r\n\x00\xff", case.random.randbytes(50)]
    for number, payload in enumerate(payloads):
        name = f"t{number}"
        case.equal(issue(redis, name, payload), True, given=f"issue(redis, {name!r}, {show(payload)})")
        case.equal(redeem(redis, name), payload, given=f"redeem of a token issued with {show(payload)}")
        case.equal(redeem(redis, name), None, given=f"the second redeem of it ({show(payload)})")
    case.equal(redeem(redis, "never-issued"), None, given="redeem of a token that was never issued")


@token.test("it lives for 30 seconds, and leaves nothing behind")
def thirty_seconds(case: Case, issue: Any, redeem: Any) -> None:
    for wait_s, due in ((0.0, b"x"), (29.999, b"x"), (30.001, None), (120.0, None)):
        node = case.node()
        redis = case.redis(node)
        issue(redis, "t", b"x")
        node.step(wait_s)
        case.equal(redeem(redis, "t"), due, given=f"redeem {wait_s:g} s after issue")
        case.equal(redis.dbsize(), 0, given=f"DBSIZE after issue, {wait_s:g} s and redeem")
    node = case.node()
    redis = case.redis(node)
    issue(redis, "unread", b"x")
    node.step(40)
    case.equal(redis.dbsize(), 0, given="DBSIZE 40 s after issue; nobody redeemed")


@token.test("a token in use is not issued again")
def no_overwriting(case: Case, issue: Any, redeem: Any) -> None:
    node = case.node()
    redis = case.redis(node)
    issue(redis, "t", b"ann's")
    node.step(10)
    case.equal(issue(redis, "t", b"bob's"), False, given="issue of a token that ann has, 10 s before")
    case.equal(redeem(redis, "t"), b"ann's", given="redeem after bob tried to issue ann's token")
    case.equal(issue(redis, "t", b"bob's"), True, given="issue of a token that was redeemed before")


@token.test("two readers at every point: exactly one wins")
def two_readers(case: Case, issue: Any, redeem: Any) -> None:
    def prepare(redis: Any) -> None:
        issue(redis, "t", b"x")

    for given, first, second in at_every_point(case, prepare, lambda redis: redeem(redis, "t")):
        winners = [reply for reply in (first, second) if reply is not None]
        came = f"the one got {first!r}, the other {second!r}"
        case.true(winners == [b"x"], given, came, "exactly one gets b'x', the other None")


@token.test("two issuers at every point: exactly one wins")
def two_issuers(case: Case, issue: Any, redeem: Any) -> None:
    owners = iter(range(1000))

    def try_it(redis: Any) -> tuple[bool, bytes]:
        mine = b"payload of issuer %d" % next(owners)
        return issue(redis, "t", mine), mine

    for given, first, second in at_every_point(case, lambda redis: None, try_it):
        came = f"issue answered {first[0]!r} to the one and {second[0]!r} to the other"
        case.true([first[0], second[0]].count(True) == 1, given, came, "True to exactly one of them")
        winner = first[1] if first[0] is True else second[1]
        case.equal(redeem(case.redis(case.nodes[-1]), "t"), winner, given=f"{given}; then redeem")


@token.test("a connection that breaks leaves no immortal token")
def broken_issue(case: Case, issue: Any, redeem: Any) -> None:
    for name, call in (
        ("issue", lambda redis: issue(redis, "other", b"x")),
        ("redeem", lambda redis: redeem(redis, "t")),
    ):
        for cut, node in lose_connection_everywhere(case, lambda r: issue(r, "t", b"x"), call):
            given = f"{name}, the connection lost after its command number {cut}"
            for key in immortal_keys(node):
                raise Wrong(
                    given, f"{key.decode()} lives for ever (TTL -1)", "a time to live, or no such key"
                )


# -- 2.3 -----------------------------------------------------------------------------------------------------

expiry = Exercise(
    "2.3",
    "Lazy and active expiry",
    kind="rebuild",
    points=10,
    hints=(
        "A key lives through the very millisecond of its deadline: dead is now_ms > deadline. On a "
        "replica the answer to the caller is the same, only nothing is deleted.",
        "The cycle is a loop: draw a sample, delete its dead keys, and stop when at most a tenth of "
        "*this* sample was dead. Two more reasons to stop: nothing was drawn, or nothing is left of the"
        " budget.",
        "while budget - looked > 0: keys = sample(min(20, budget - looked)); looked += len(keys); dead "
        "= [those that are expired]; delete each; if len(dead) * 10 <= len(keys): break. With no keys "
        "that is 0 <= 0, so it ends.",
    ),
)


class Deadlines(dict):
    """Deadlines that do not let themselves be walked over: with a million keys that would take a second."""

    def _refuse(self, *arguments: Any) -> Any:
        raise Wrong(
            "a database with many keys",
            "your function walks over all of `expires`",
            "look at sampled keys only",
        )

    __iter__ = keys = values = items = copy = popitem = clear = _refuse  # type: ignore[assignment]


class Table:
    """Keys with deadlines, a sampler in a shuffled order, and a record of what an answer does with them."""

    def __init__(self, deadlines: dict[bytes, int], random: Random) -> None:
        self.expires = Deadlines(deadlines)
        self.order = list(deadlines)
        random.shuffle(self.order)
        self.asked: list[int] = []
        self.deleted: list[bytes] = []
        self.position = 0

    def sample(self, count: int) -> list[bytes]:
        self.asked.append(count)
        found: list[bytes] = []
        while len(found) < min(count, len(self.expires)):
            key = self.order[self.position % len(self.order)]
            self.position += 1
            if key in self.expires:
                found.append(key)
        return found

    def delete(self, key: bytes) -> None:
        if key not in self.expires:
            raise Wrong(
                f"delete({key!r})", "no such key: it was deleted before", "each dead key deleted once"
            )
        dict.pop(self.expires, key)
        self.deleted.append(key)


@expiry.test("a key lives through its last millisecond")
def last_millisecond(case: Case, is_expired: Any, expire_on_access: Any, active_cycle: Any) -> None:
    for _ in range(20):
        at_ms = case.random.randint(1, 2**45)
        for shift, due in ((-1, False), (0, False), (1, True), (10**6, True), (-(10**6), False)):
            given = f"is_expired of a key due at {at_ms}, at {at_ms + shift}"
            case.equal(is_expired(Deadlines({b"k": at_ms}), b"k", at_ms + shift), due, given=given)
    case.equal(
        is_expired(Deadlines({}), b"k", 10**13), False, given="is_expired of a key without a time to live"
    )


@expiry.test("asking for a dead key frees it")
def asking_frees(case: Case, is_expired: Any, expire_on_access: Any, active_cycle: Any) -> None:
    for now_ms, dead in ((99, []), (100, []), (101, [b"k"])):
        table = Table({b"k": 100, b"other": 50}, case.random)
        came = expire_on_access(table.expires, b"k", now_ms, table.delete, False)
        given = f"expire_on_access of k, due at 100, at {now_ms}"
        case.equal(came, bool(dead), given=given)
        case.equal(table.deleted, dead, given=f"{given}: the keys deleted")
    table = Table({b"other": 50}, case.random)
    came = expire_on_access(table.expires, b"k", 200, table.delete, False)
    case.equal((came, table.deleted), (False, []), given="expire_on_access of a key without a time to live")


@expiry.test("a replica hides dead keys and deletes none")
def replica_hides(case: Case, is_expired: Any, expire_on_access: Any, active_cycle: Any) -> None:
    table = Table({b"k": 100}, case.random)
    came = expire_on_access(table.expires, b"k", 101, table.delete, True)
    given = "expire_on_access on a replica, of a key that is dead"
    case.equal(came, True, given=given)
    case.equal(table.deleted, [], given=f"{given}: the keys deleted (its primary's DEL will do that)")
    came = expire_on_access(table.expires, b"k", 100, table.delete, True)
    case.equal(came, False, given="expire_on_access on a replica, of a key that is alive")


@expiry.test("samples of 20, and again while more than a tenth was dead")
def sample_again(case: Case, is_expired: Any, expire_on_access: Any, active_cycle: Any) -> None:
    scripts = [
        [0],
        [2],
        [3, 0],
        [20, 3, 2],
        [1],
        [5, 4, 3, 3, 2],
        [case.random.randint(3, 20) for _ in range(9)] + [1],
    ]
    for script in scripts:
        table = Scripted(script)
        came = active_cycle(table.expires, 1000, table.sample, table.delete, 10_000)
        given = f"samples of 20 with {', '.join(map(str, script))} dead keys in turn"
        case.equal(table.asked, [20] * len(script), given=f"{given}: what sample() was asked for")
        case.equal(table.deleted, sum(script), given=f"{given}: keys deleted")
        looked_at = 20 * len(script)
        case.equal(came, looked_at, given=f"{given}: what active_cycle answered (the keys it looked at)")
    small = Table({b"a": 1, b"b": 9999, b"c": 9999}, case.random)
    active_cycle(small.expires, 1000, small.sample, small.delete, 10_000)
    given = "three keys, one of them dead (33 %): samples drawn"
    case.equal(len(small.asked), 2, given=given)
    for name, deadlines in (("no keys at all", {}), ("only dead keys", {b"%d" % n: 1 for n in range(90)})):
        table = Table(deadlines, case.random)
        active_cycle(table.expires, 1000, table.sample, table.delete, 10_000)
        case.equal(len(table.expires), 0, given=f"{name}: keys left after one cycle")


class Scripted(Table):
    """A table whose n-th sample of 20 holds a given number of dead keys; after the script, none."""

    def __init__(self, script: list[int]) -> None:
        super().__init__({b"": 9999}, Random(0))
        self.script = iter(script)
        self.deleted: Any = 0

    def sample(self, count: int) -> list[bytes]:
        dead = next(self.script, 0)
        drawn = {b"%d:%d" % (len(self.asked), n): 1 if n < dead else 9999 for n in range(count)}
        self.asked.append(count)
        self.expires.update(drawn)
        return list(drawn)

    def delete(self, key: bytes) -> None:
        dict.pop(self.expires, key)
        self.deleted += 1


@expiry.test("never looks at more keys than the budget")
def budget_holds(case: Case, is_expired: Any, expire_on_access: Any, active_cycle: Any) -> None:
    for budget in (0, 7, 20, 50, 399, case.random.randint(21, 500)):
        table = Table({b"%d" % n: 1 for n in range(2000)}, case.random)
        came = active_cycle(table.expires, 1000, table.sample, table.delete, budget)
        given = f"2000 dead keys and a budget of {budget}"
        case.true(
            sum(table.asked) <= budget,
            given,
            f"sample() was asked for {sum(table.asked)} keys",
            f"at most {budget}",
        )
        case.equal(len(table.deleted), budget, given=f"{given}: keys deleted")
        case.equal(came, budget, given=f"{given}: what active_cycle answered (the keys it looked at)")


@expiry.test("frees dead keys and no others")
def frees_the_dead(case: Case, is_expired: Any, expire_on_access: Any, active_cycle: Any) -> None:
    now_ms = 1_000_000
    for _ in range(10):
        deadlines = {b"%d" % n: now_ms + case.random.randint(-3, 1) for n in range(200)}
        table = Table(deadlines, case.random)
        active_cycle(table.expires, now_ms, table.sample, table.delete, 10_000)
        living = [key for key in table.deleted if deadlines[key] >= now_ms]
        given = f"200 keys due within 3 ms of now ({now_ms}): living keys that were deleted"
        case.equal([(key, deadlines[key]) for key in living], [], given=given)


SPREADS: dict[str, Callable[[Random], float]] = {
    "all at once": lambda random: 5_000,
    "evenly over 10 s": lambda random: random.uniform(0, 10_000),
    "in two waves": lambda random: random.choice([2_000, 8_000]),
    "mostly short (exponential)": lambda random: random.expovariate(1 / 2_000),
    "one in five dies, the others live long": lambda random: random.choice([3_000, *[10**9] * 4]),
}


@expiry.test("the stale share falls below a tenth, whatever the distribution")
def stale_share_falls(case: Case, is_expired: Any, expire_on_access: Any, active_cycle: Any) -> None:
    count, budget = 1500, 400
    for name, draw in SPREADS.items():
        deadlines = {b"%d" % n: int(draw(case.random)) for n in range(count)}
        table = Table(deadlines, case.random)
        for now_ms in range(0, 12_000, 100):  # ten cycles a second
            active_cycle(table.expires, now_ms, table.sample, table.delete, budget)
        stale = sum(at_ms < 11_900 for at_ms in dict.values(table.expires))
        share = stale / max(1, len(table.expires))
        given = f"{count} keys, deadlines {name}, ten cycles a second for 12 s"
        came = f"{stale} dead keys among the {len(table.expires)} left ({share:.0%})"
        case.true(share <= 0.1, given, came, "at most 10 %")


@expiry.test("in a live node it answers and frees as the engine's own")
def in_a_live_node(case: Case, *functions: Any) -> None:
    plain, node = case.node(), case.node()
    freed: list[list[bytes]] = [[], []]
    for entries, side in zip(freed, (plain, node), strict=True):
        side.node.journal.subscribe(lambda entry, entries=entries: entries.append(b" ".join(entry.argv)))
    with plugged("expiry", functions, node):
        for number in range(400):
            words = _random_words(case.random)
            came, due = _reply(node, words), _reply(plain, words)
            given = f"command {number} on your node: {' '.join(map(str, words))}"
            case.equal(came, due, given=given)
            if number % 5 == 0:
                seconds = case.random.choice([0.001, 0.05, 0.3, 2])
                node.step(seconds)
                plain.step(seconds)
        for side in (node, plain):
            side.step(60)
        case.equal(_reply(node, ["DBSIZE"]), _reply(plain, ["DBSIZE"]), given="DBSIZE, a minute later")
        case.equal(
            sorted(freed[1]), sorted(freed[0]), given="the journal (one DEL for each key that expired)"
        )
        _replica_keeps(case, node)


def _replica_keeps(case: Case, node: Embedded) -> None:
    node.execute("FLUSHALL")
    node.execute("SET", "k", "v", "PX", "100")
    node.node.deletes_expired_keys = False
    node.step(5)
    case.equal(node.execute("GET", "k"), None, given="GET of a dead key on a replica")
    case.equal(node.execute("DBSIZE"), 1, given="DBSIZE of a replica that holds a dead key")


def _random_words(random: Random) -> list[Any]:
    key = f"k{random.randrange(12)}"
    forms: list[list[Any]] = [
        ["SET", key, random.randrange(100)],
        ["SET", key, "x", "PX", random.choice([1, 50, 100, 500, 3000])],
        ["SET", key, "y", "KEEPTTL"],
        ["SET", key, "z", "NX", "PX", 300],
        ["GET", key],
        ["GETDEL", key],
        ["PEXPIRE", key, random.choice([-1, 1, 100, 700])],
        ["PTTL", key],
        ["PERSIST", key],
        ["INCR", f"n{random.randrange(3)}"],
        ["PEXPIRE", f"n{random.randrange(3)}", 150],
        ["RPUSH", f"l{random.randrange(2)}", "a"],
        ["PEXPIRE", f"l{random.randrange(2)}", 200],
        ["EXISTS", *[f"k{n}" for n in range(12)]],
    ]
    return random.choice(forms)


def _reply(node: Embedded, words: list[Any]) -> Any:
    try:
        return node.execute(*words)
    except ReplyError as error:
        return str(error)


# -- 2.4 -----------------------------------------------------------------------------------------------------

bytes_counter = Exercise(
    "2.4",
    "INCR on bytes",
    kind="rebuild",
    points=8,
    hints=(
        "Python's int() is generous: it takes b' 1', b'+1', b'01' and b'1_000'. Redis takes a text only"
        " if it would print the number in exactly the same way.",
        "Three questions in this order: is the stored text the one way to write some number? Does that "
        "number fit into 64 bits? Does the sum? The first two fail with NOT_INTEGER, the last with "
        "OVERFLOW.",
        'Read the text with int() inside try, and compare b"%d" % number with the stored bytes: that '
        "refuses every other spelling at once, also b'-0'. 64 bits reach from -(2**63) to 2**63 - 1.",
    ),
)


@bytes_counter.test("counts")
def it_counts(case: Case, increment: Any) -> None:
    for line in recorded_replies():
        if line.about == "plain":
            _judge(case, increment, line)
    for _ in range(50):
        number, step = case.random.randint(-(10**12), 10**12), case.random.randint(-(10**12), 10**12)
        given = f"increment({b'%d' % number!r}, {step})"
        case.equal(increment(b"%d" % number, step), b"%d" % (number + step), given=given)


@bytes_counter.test("what only looks like a number is refused")
def lookalikes(case: Case, increment: Any) -> None:
    for line in recorded_replies():
        if line.about == "lookalike":
            _judge(case, increment, line)


@bytes_counter.test("the edges of 64 bits")
def edges(case: Case, increment: Any) -> None:
    for line in recorded_replies():
        if line.about == "edge":
            _judge(case, increment, line)


@bytes_counter.test("random texts, as a real server answered")
def random_texts(case: Case, increment: Any) -> None:
    for line in recorded_replies():
        if line.about == "random":
            _judge(case, increment, line)


@bytes_counter.test("in a live node: INCR, DECR, INCRBY, DECRBY")
def counting_in_a_live_node(case: Case, increment: Any) -> None:
    plain, node = case.node(), case.node()
    random = case.random
    with plugged("counters", increment, node):
        for number in range(300):
            key = f"n{random.randrange(6)}"
            words = random.choice(
                [
                    ["INCR", key],
                    ["DECR", key],
                    [
                        "INCRBY",
                        key,
                        random.choice([5, -7, 2**62, -(2**62), 2**63 - 1, -(2**63), 2**63, "x", "01"]),
                    ],
                    ["DECRBY", key, random.choice([5, 2**63 - 1, -(2**63)])],
                    ["SET", key, random.choice(["41", "-1", "01", "ten", "", "-0", 2**63 - 1]), "EX", 100],
                    ["APPEND", key, random.choice(["0", "1", " "])],
                    ["RPUSH", "n5", "x"],
                    ["DEL", key],
                    ["GET", key],
                    ["OBJECT", "ENCODING", key],
                    ["PTTL", key],
                ]
            )
            given = f"command {number} on your node: {' '.join(map(str, words))}"
            case.equal(_reply(node, words), _reply(plain, words), given=given)


def _judge(case: Case, increment: Any, line: Recorded) -> None:
    given = f"increment({show(line.stored, 80)}, {line.step})"
    if isinstance(line.reply, int):
        case.equal(increment(line.stored, line.step), line.then, given=given)
        return
    try:
        came = increment(line.stored, line.step)
    except ReplyError as error:
        case.equal(str(error), line.reply, given=f"{given}: the error")
        return
    raise Wrong(given, show(came), f"ReplyError({line.reply!r})")

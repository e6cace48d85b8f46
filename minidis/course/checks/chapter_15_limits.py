"""Chapter 15, limits: the guide's limiter mended, a token bucket in Lua, a command for the engine.

Read next: minidis/course/models/limiting.py, minidis/course/fixtures/throttling.py.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from fractions import Fraction
from typing import Any

from redis.exceptions import ResponseError

from minidis.course.case import Case
from minidis.course.exercise import Exercise, Wrong, show
from minidis.course.fixtures.throttling import Gcra, new_command
from minidis.course.models.interrupting import at_every_point, immortal_keys, lose_connection_everywhere
from minidis.course.models.limiting import Trial, attack, bytes_of_keys, rule
from minidis.course.parts import plugged
from minidis.drivers.embedded import Embedded
from minidis.protocol.replies import ReplyError

# -- 15.1 ----------------------------------------------------------------------------------------------------

limiter = Exercise(
    "15.1",
    "The limiter, mended",
    kind="use",
    points=7,
    hints=(
        "A counter can't know when each call was. Keep the times of the calls that were let through, in a "
        "sorted set for each user, and forget those that are older than the window.",
        "Forget, count, add: between your commands another server does the same. One script does it at one "
        "moment, with Redis's own clock (redis.call('TIME')), and gives the key a time to live in the end.",
        "ZREMRANGEBYSCORE key -inf now-window; if ZCARD key < limit then ZADD key now member, PEXPIRE key, "
        "return 0 end; return 1. The member must be unique: two calls of one microsecond are two. (In Lua "
        "now .. '' keeps 14 digits: string.format('%.0f', now).)",
    ),
)


def _judge(case: Case, is_limited: Callable, times_s: list[float], limit: int, window: int) -> Trial:
    """Let the answer judge calls of one user at these moments, on a fresh node."""
    node = case.node()
    redis, start_us = case.redis(node), node.now_us
    verdicts = []
    for time_s in times_s:
        node.jump(start_us + round(time_s * 1_000_000))
        came = is_limited(redis, "ann", limit, window)
        if came not in (True, False, 0, 1):
            raise Wrong(f"is_rate_limited(redis, 'ann', {limit}, {window})", show(came), "True or False")
        verdicts.append(not came)
    return Trial(times_s, verdicts, limit, window)


def _first(trial: Trial, marks: list[bool], call: str) -> str:
    """The first marked call in words."""
    number = marks.index(True)
    before = [time_s for time_s in trial.admitted if time_s < trial.times_s[number]][-trial.limit :]
    recent = ", ".join(f"{time_s:g}" for time_s in before) or "none"
    return (
        f"limit={trial.limit}, window={trial.window_s}: {call}; call {number + 1} at "
        f"{trial.times_s[number]:g} s, let through before it: {recent}"
    )


def _not_too_few(trial: Trial, about: str) -> None:
    marks = trial.too_few()
    if any(marks):
        raise Wrong(_first(trial, marks, about), "limited", "let through: there is room in the window")


def _not_too_many(trial: Trial, about: str) -> None:
    marks = trial.too_many()
    if any(marks):
        due = f"limited: {trial.limit} were let through within the last {trial.window_s} s"
        raise Wrong(_first(trial, marks, about), "let through", due)


@limiter.test("the first calls are let through, the next one isn't; each user for himself")
def first_calls(case: Case, is_limited: Callable) -> None:
    redis, limit = case.redis(), case.random.randint(2, 7)
    for number in range(limit + 3):
        given = f"limit={limit}, window=60: call {number + 1}, all in the same microsecond"
        case.equal(bool(is_limited(redis, "ann", limit, 60)), number >= limit, given=given)
    given = f"{limit + 3} calls of one user"
    case.true(redis.dbsize() > 0, given, "nothing is in Redis", "the calls, for all twenty servers")
    case.equal(bool(is_limited(redis, "bob", limit, 60)), False, given="bob's first call, ann being limited")


@limiter.test("a steady caller is served for ever")
def steady(case: Case, is_limited: Callable) -> None:
    for pace, about in ((1.1, "a call every window / limit, and a little more"), (0.6, "too fast, evenly")):
        limit, window = case.random.randint(3, 6), case.random.choice([10, 60])
        times_s = [round(number * pace * window / limit, 3) for number in range(8 * limit)]
        trial = _judge(case, is_limited, times_s, limit, window)
        _not_too_few(trial, about)
        _not_too_many(trial, about)


@limiter.test("never more than the limit within any window")
def edges(case: Case, is_limited: Callable) -> None:
    times_s = attack(limit=5, window_s=20)
    _not_too_many(_judge(case, is_limited, times_s, 5, 20), "bursts at an edge, a flood, steady ones")
    random_s = sorted(round(case.random.uniform(0, 100), 3) for _ in range(120))
    _not_too_many(_judge(case, is_limited, random_s, 6, 20), "calls at random")


@limiter.test("refused calls count for nothing, and take no memory")
def refused(case: Case, is_limited: Callable) -> None:
    times_s = [round(number * 0.25, 3) for number in range(120)]
    trial = _judge(case, is_limited, times_s, 4, 10)
    _not_too_few(trial, "four calls a second, all the time")
    case.equal(trial.verdicts, rule(times_s, 4, 10), given="four calls a second, limit=4, window=10")
    node = case.node()
    redis, sizes = case.redis(node), []
    for number in range(150):
        is_limited(redis, "ann", 4, 60)
        if number in (10, 149):
            sizes.append(bytes_of_keys(node))
    given = "limit=4: 150 calls in a moment, 146 of them refused"
    case.true(
        sizes[1] <= sizes[0] + 16, given, f"{sizes[1]} bytes in Redis, after 11 calls {sizes[0]}", "no more"
    )


@limiter.test("no key stays for ever, wherever the program dies")
def dies(case: Case, is_limited: Callable) -> None:
    for cut, node in lose_connection_everywhere(
        case, lambda redis: None, lambda redis: is_limited(redis, "ann", 3, 10)
    ):
        given = f"the connection lost after command {cut} of the first call"
        for key in immortal_keys(node):
            raise Wrong(given, f"{key.decode()} lives for ever (TTL -1)", "a time to live, or no such key")
        node.step(21)
        case.equal(case.redis(node).dbsize(), 0, given=f"{given}; DBSIZE two windows later")


@limiter.test("two servers at every point")
def together(case: Case, is_limited: Callable) -> None:
    def prepare(redis: Any) -> None:
        for _ in range(2):
            is_limited(redis, "ann", 3, 10)

    for given, one, other in at_every_point(case, prepare, lambda redis: is_limited(redis, "ann", 3, 10)):
        passed = [bool(one), bool(other)].count(False)
        came = f"{passed} of the two are let through"
        case.true(passed == 1, f"limit=3, two were let through; {given}", came, "exactly one")


# -- 15.2 ----------------------------------------------------------------------------------------------------

bucket = Exercise(
    "15.2",
    "A token bucket in Lua",
    kind="use",
    points=7,
    hints=(
        "Two numbers in a hash: the tokens, and when that was true. At each call first add what has "
        "dripped in since then, up to the capacity; then see whether the cost is there.",
        "Time to the microsecond: local t = redis.call('TIME'); local now = t[1] * 1000000 + t[2]. Tokens "
        "have fractions: keep them. Lua's tostring gives 14 digits, too few for such a time: store numbers "
        "by string.format('%.17g', x). If now is before the stored time, nothing has dripped in, and from "
        "now on the new time counts.",
        "Refused: {0, math.floor(tokens), math.ceil((cost - tokens) / rate * 1000)}, and -1 when cost > "
        "capacity. At the end always HSET both and PEXPIRE the key to the time at which it is full again: "
        "math.ceil((capacity - tokens) / rate * 1000) + 1.",
    ),
)


class Bucket:
    """A token bucket in fractions: what the script must come to."""

    def __init__(self, capacity: int, rate: Fraction) -> None:
        self.capacity, self.rate = capacity, rate
        self.tokens, self.at_us = Fraction(capacity), 0

    def take(self, now_us: int) -> tuple[int, Fraction]:
        """(allowed, the tokens before)."""
        dripped = self.rate * max(0, now_us - self.at_us) / 1_000_000 if self.at_us else 0
        self.tokens, self.at_us = min(Fraction(self.capacity), self.tokens + dripped), now_us
        before = self.tokens
        if before < 1:
            return 0, before
        self.tokens -= 1
        return 1, before


class Taker:
    """The answer at work on one node."""

    def __init__(self, case: Case, take: Callable) -> None:
        self.take, self.node = take, case.node()
        self.redis = case.redis(self.node)

    def __call__(self, capacity: int, rate: float, cost: int = 1, key: str = "bucket:ann") -> list[int]:
        """Its reply.  Raises Wrong for an error of the script, or what isn't three integers."""
        given = f"take(redis, {key!r}, {capacity}, {rate}, {cost})"
        try:
            reply = self.take(self.redis, key, capacity, rate, cost)
        except ResponseError as error:
            raise Wrong(given, f"an error of Redis: {error}", "[allowed, tokens, milliseconds]") from None
        words = list(reply) if isinstance(reply, list | tuple) else []
        if len(words) != 3 or not all(isinstance(word, int) for word in words):
            raise Wrong(given, show(reply), "[allowed, tokens, milliseconds]: three integers")
        return words

    def compare(self, model: Bucket, rate: float, given: str) -> None:
        """One call to both.  Where the tokens are next to 1, a double may err: then the script decides."""
        allowed, before = model.take(self.node.now_us)
        came = self(model.capacity, rate)
        if abs(before - 1) < Fraction(1, 10**6):
            model.tokens = before - 1 if came[0] else before
            return
        due = f"{allowed}: {float(before):.3f} tokens are there"
        if came[0] != allowed:
            raise Wrong(given, f"allowed = {came[0]}", due)


@bucket.test("full at first; then as many as dripped in, and when to come back")
def drips(case: Case, take: Callable) -> None:
    one = Taker(case, take)
    capacity = case.random.randint(3, 8)
    for number in range(capacity):
        given = f"capacity {capacity}, 2 a second: call {number + 1} in one moment"
        case.equal(one(capacity, 2), [1, capacity - number - 1, 0], given=given)
    given = f"capacity {capacity}, 2 a second: call {capacity + 1} in one moment"
    case.equal(one(capacity, 2), [0, 0, 500], given=given)
    one.node.step(0.25)
    case.equal(one(capacity, 2), [0, 0, 250], given=f"{given}, and once more 250 ms later")
    one.node.step(0.2503)
    case.equal(one(capacity, 2)[0], 1, given=f"{given}, and again 500.3 ms after it")
    one.node.jump(one.node.now_us + 3600 * 1_000_000)
    given = f"capacity {capacity}, 2 a second: an hour later"
    case.equal(one(capacity, 2)[:2], [1, capacity - 1], given=given)


@bucket.test("what it answers is when to come back: not a millisecond later")
def retry(case: Case, take: Callable) -> None:
    for rate in (0.37, 3, 700):
        one = Taker(case, take)
        for _ in range(2):
            one(2, rate)
        given = f"capacity 2, {rate} a second, both taken"
        wait_ms = one(2, rate)[2]
        case.equal(wait_ms, math.ceil(1000 / Fraction(str(rate))), given=f"{given}; milliseconds to wait")
        if wait_ms > 1:
            one.node.step((wait_ms - 1) / 1000)
            case.equal(one(2, rate)[0], 0, given=f"{given}, {wait_ms - 1} ms later")
            one.node.step(0.0011)
        else:
            one.node.step(0.0021)
        case.equal(one(2, rate)[0], 1, given=f"{given}, {wait_ms} ms later")


@bucket.test("a call may cost several; more than the bucket holds is never")
def costs(case: Case, take: Callable) -> None:
    one = Taker(case, take)
    case.equal(one(10, 1, 7), [1, 3, 0], given="capacity 10, cost 7")
    case.equal(one(10, 1, 4), [0, 3, 1000], given="capacity 10, 7 taken, cost 4")
    case.equal(one(10, 1, 11), [0, 3, -1], given="capacity 10, cost 11")
    case.equal(one(10, 1, 3), [1, 0, 0], given="capacity 10, 7 taken, 4 and 11 refused, cost 3")


@bucket.test("fractions add up")
def fractions(case: Case, take: Callable) -> None:
    one = Taker(case, take)
    model = Bucket(2, Fraction("0.3"))
    for number in range(150):
        given = f"capacity 2, 0.3 a second, call {number + 1}: one each 0.9 to 1.3 s"
        one.compare(model, 0.3, given)
        one.node.jump(one.node.now_us + case.random.randint(900_000, 1_300_000))


@bucket.test("a thousand callers: exactly as many as there were tokens")
def thousand(case: Case, take: Callable) -> None:
    one = Taker(case, take)
    model = Bucket(40, Fraction(9000))
    start_us = one.node.now_us
    for number in range(1000):
        given = f"capacity 40, 9000 a second, 1000 callers within 0.06 s: caller {number + 1}"
        one.compare(model, 9000, given)
        one.node.jump(start_us + 60 * (number + 1) + case.random.randint(0, 40))


@bucket.test("a clock that is set back mints nothing, and freezes nothing")
def set_back(case: Case, take: Callable) -> None:
    for step_s in (-3600, -0.5):
        one = Taker(case, take)
        model = Bucket(3, Fraction(1))
        for number in range(4):
            given = f"capacity 3, 1 a second: call {number + 1} before the clock is stepped by {step_s} s"
            one.compare(model, 1, given)
        one.node.jump(one.node.now_us + round(step_s * 1_000_000))
        for number in range(12):
            given = (
                f"capacity 3, 1 a second, empty, the clock stepped by {step_s} s; {number * 0.7:.1f} s later"
            )
            one.compare(model, 1, given)
            one.node.step(0.7)


@bucket.test("a bucket that is full again is gone; until then it stays")
def goes(case: Case, take: Callable) -> None:
    one = Taker(case, take)
    for name in ("ann", "bob"):
        for _ in range(4):
            one(5, 0.1, key=f"bucket:{name}")
    given = "capacity 5, 0.1 a second, 4 taken: full again after 40 s"
    case.equal(sorted(one.node.execute("KEYS", "*")), [b"bucket:ann", b"bucket:bob"], given=f"{given}; KEYS")
    case.equal(immortal_keys(one.node), [], given=f"{given}; keys without a time to live")
    one.node.step(39.9)
    case.equal(
        one(5, 0.1, key="bucket:bob")[1],
        3,
        given=f"{given}; tokens left after a call at 39.9 s",
    )
    one.node.step(1.2)
    case.equal(one.node.execute("EXISTS", "bucket:ann"), 0, given=f"{given}; EXISTS after 41.1 s")


@bucket.test("two callers at every point: one token is for one of them")
def one_token(case: Case, take: Callable) -> None:
    def prepare(redis: Any) -> None:
        take(redis, "bucket:ann", 2, 0.01)

    for given, first, second in at_every_point(
        case, prepare, lambda redis: take(redis, "bucket:ann", 2, 0.01)
    ):
        allowed = [first[0], second[0]]
        case.true(
            sum(allowed) == 1, f"one token is left; {given}", f"allowed: {allowed}", "exactly one of them"
        )


# -- 15.5 ----------------------------------------------------------------------------------------------------

throttle = Exercise(
    "15.5",
    "CL.THROTTLE",
    kind="rebuild",
    points=9,
    hints=(
        "The line: CL.THROTTLE key max_burst:int count:int period:int [quantity:int]. It changes a key and "
        "adds data, in O(1): write denyoom fast. Look at `set_` and `incr` in minidis/commands/strings.py "
        "for find, put, touch and rewrite.",
        "due = max(now, stored due); next_due = due + interval * quantity; it is limited if next_due - now > "
        "interval * (max_burst + 1). Work in whole nanoseconds, so that 7000 calls a second add up: "
        "interval = period * 10**9 // count.",
        "Allowed and quantity > 0: db.put(key, String(due)), db.set_expiry(key, at_ms), db.touch(key, "
        "'set'), client.rewrite(b'SET', key, b'%d' % due, b'PXAT', b'%d' % at_ms), where at_ms is the due "
        "time in milliseconds, rounded up. Limited: touch nothing. Check the arguments first.",
    ),
)


def _added(case: Case, syntax: Callable, flags: Callable, handler: Callable) -> tuple[Embedded, Any]:
    line, names = syntax(), flags()
    try:
        entry = new_command(line, names, handler)
    except Exception as error:
        raise Wrong(f"the line {line!r}, the flags {names!r}", f"{error}", "a command") from None
    if entry.name != "cl.throttle":
        raise Wrong(f"the line {line!r}", f"a command named {entry.name.upper()}", "CL.THROTTLE")
    return case.node(), entry


def _throttle(node: Embedded, key: str, *numbers: int) -> Any:
    given = f"CL.THROTTLE {key} {' '.join(map(str, numbers))}"
    try:
        return node.execute("CL.THROTTLE", key, *numbers)
    except ReplyError as error:
        raise Wrong(given, f"an error: {error}", "five integers") from None


@throttle.test("a burst, then none, then one after an interval")
def burst(case: Case, syntax: Callable, flags: Callable, handler: Callable) -> None:
    node, entry = _added(case, syntax, flags, handler)
    max_burst, period = case.random.randint(1, 6), case.random.choice([30, 60])
    model = Gcra(max_burst, 30, period)
    with plugged("CL.THROTTLE", entry, node):
        for number in range(max_burst + 4):
            given = f"CL.THROTTLE ann {max_burst} 30 {period}, call {number + 1} of one moment"
            came = _throttle(node, "ann", max_burst, 30, period)
            case.equal(came, model.call(node.now_us), given=given)
        node.step(period / 30)
        given = f"CL.THROTTLE ann {max_burst} 30 {period}, {period // 30} s after the burst"
        case.equal(_throttle(node, "ann", max_burst, 30, period), model.call(node.now_us), given=given)
        case.equal(_throttle(node, "bob", 0, 30, period)[:3], [0, 1, 0], given="another key, max_burst 0")


@throttle.test("hundreds of calls at random, as the formula has it")
def formula(case: Case, syntax: Callable, flags: Callable, handler: Callable) -> None:
    node, entry = _added(case, syntax, flags, handler)
    with plugged("CL.THROTTLE", entry, node):
        for key, (max_burst, count, period) in enumerate(
            ((4, 10, 60), (0, 100, 1), (14, 1, 2), (3, 5, 3600))
        ):
            model, interval_us = Gcra(max_burst, count, period), period * 1_000_000 // count
            for number in range(100):
                quantity = case.random.choice([1, 1, 1, 0, 2, max_burst + 1, max_burst + 2])
                words = (max_burst, count, period) + ((quantity,) if quantity != 1 else ())
                given = f"CL.THROTTLE key {' '.join(map(str, words))}, call {number + 1}"
                came, due = _throttle(node, f"k{key}", *words), model.call(node.now_us, quantity)
                case.equal(came, due, given=f"{given}; at {node.now_us % 10**9 / 1e6:.6f} s")
                node.jump(node.now_us + case.random.randrange(2 * interval_us))


@throttle.test("seven thousand a second add up")
def fast(case: Case, syntax: Callable, flags: Callable, handler: Callable) -> None:
    node, entry = _added(case, syntax, flags, handler)
    model, through = Gcra(9, 7000, 1), [0, 0]
    with plugged("CL.THROTTLE", entry, node):
        for _ in range(700):
            through[0] += _throttle(node, "ann", 9, 7000, 1)[0] == 0
            through[1] += model.call(node.now_us)[0] == 0
            node.jump(node.now_us + 71)
    given = "CL.THROTTLE ann 9 7000 1, 700 calls, one each 71 us"
    case.true(abs(through[0] - through[1]) <= 2, given, f"{through[0]} are let through", f"{through[1]}")


@throttle.test("one key that goes by itself; a refused call changes nothing")
def state(case: Case, syntax: Callable, flags: Callable, handler: Callable) -> None:
    node, entry = _added(case, syntax, flags, handler)
    with plugged("CL.THROTTLE", entry, node):
        _throttle(node, "ann", 2, 1, 10)
        given = "CL.THROTTLE ann 2 1 10"
        case.equal(node.execute("KEYS", "*"), [b"ann"], given=f"{given}; KEYS *")
        case.equal(node.execute("TYPE", "ann"), "string", given=f"{given}; TYPE ann")
        left_ms = node.execute("PTTL", "ann")
        case.true(9_990 <= left_ms <= 10_010, given, f"PTTL {left_ms}", "10000: when all is as before")
        for _ in range(2):
            _throttle(node, "ann", 2, 1, 10)
        changes, value = node.node.changes, node.execute("DUMP", "ann")
        for words in ((2, 1, 10), (2, 1, 10, 9), (2, 1, 10, 0)):
            _throttle(node, "ann", *words)
            given = f"three calls, then CL.THROTTLE ann {' '.join(map(str, words))}"
            case.equal(node.node.changes - changes, 0, given=f"{given}; changes that it made")
            case.equal(node.execute("DUMP", "ann") == value, True, given=f"{given}; the key is as before")
        _throttle(node, "new", 2, 1, 10, 0)
        case.equal(node.execute("EXISTS", "new"), 0, given="CL.THROTTLE new 2 1 10 0; EXISTS new")
        node.step(31)
        case.equal(node.execute("DBSIZE"), 0, given="half a minute later; DBSIZE")


@throttle.test("what is wrong is an error, and leaves nothing behind")
def errors(case: Case, syntax: Callable, flags: Callable, handler: Callable) -> None:
    node, entry = _added(case, syntax, flags, handler)
    node.execute("RPUSH", "list", "x")
    node.execute("SET", "text", "hello")
    with plugged("CL.THROTTLE", entry, node):
        for words, due in (
            ("ann -1 1 10", "ERR"),
            ("ann 1 0 10", "ERR"),
            ("ann 1 -5 10", "ERR"),
            ("ann 1 1 0", "ERR"),
            ("ann 1 1 10 -1", "ERR"),
            ("ann 1 1", "ERR wrong number of arguments"),
            ("ann 1 1 10 1 1", "ERR wrong number of arguments"),
            ("ann one 1 10", "ERR value is not an integer"),
            ("list 1 1 10", "WRONGTYPE"),
            ("text 1 1 10", "ERR"),
        ):
            given = f"CL.THROTTLE {words}"
            try:
                came = show(node.execute("CL.THROTTLE", *words.split()))
            except NotImplementedError:
                raise
            except ReplyError as error:
                came = str(error)
            except Exception as error:
                came = f"a crash, {type(error).__name__}: {error}"
            case.true(came.startswith(due), given, came, f"an error: {due} ...")
    case.equal(sorted(node.execute("KEYS", "*")), [b"list", b"text"], given="after ten errors; KEYS *")
    case.equal(node.execute("GET", "text"), b"hello", given="after CL.THROTTLE text 1 1 10; GET text")


@throttle.test("a replica, and a log, come to the same")
def effects(case: Case, syntax: Callable, flags: Callable, handler: Callable) -> None:
    node, entry = _added(case, syntax, flags, handler)
    replica = case.node()  # knows no CL.THROTTLE, and its clock is late
    replica.step(7.3)
    entered: list[list[bytes]] = []
    node.node.journal.subscribe(lambda entry: entered.append(list(entry.argv)))
    with plugged("CL.THROTTLE", entry, node):
        for _ in range(6):
            _throttle(node, "ann", 2, 1, 10)
            node.step(3)
        value, expires_ms = node.execute("GET", "ann"), node.execute("PEXPIRETIME", "ann")
    for argv in entered:
        given = f"the journal's {show(argv)}, carried out by a replica 7 s later"
        try:
            replica.execute(*argv)
        except ReplyError as error:
            raise Wrong(given, str(error), "a command of Redis's own, with the effect") from None
    given = "six calls, their journal carried out by a replica whose clock is 7 s late"
    case.equal(replica.execute("GET", "ann"), value, given=f"{given}; GET ann")
    case.equal(replica.execute("PEXPIRETIME", "ann"), expires_ms, given=f"{given}; PEXPIRETIME ann")


@throttle.test("a command like the others: COMMAND, MULTI, Lua, ACL, full memory")
def at_home(case: Case, syntax: Callable, flags: Callable, handler: Callable) -> None:
    node, entry = _added(case, syntax, flags, handler)
    with plugged("CL.THROTTLE", entry, node):
        name, arity, named, *keys = node.execute("COMMAND", "INFO", "CL.THROTTLE")[0][:6]
        given = "COMMAND INFO CL.THROTTLE"
        case.equal(arity, -5, given=f"{given}; arity (the name counts, quantity may be left out)")
        case.equal(sorted(map(str, named)), ["denyoom", "fast", "write"], given=f"{given}; flags")
        case.equal(keys, [1, 1, 1], given=f"{given}; first key, last key, step")
        node.execute("MULTI")
        case.equal(_throttle(node, "ann", 1, 1, 10), "QUEUED", given="MULTI, CL.THROTTLE ann 1 1 10")
        case.equal(node.execute("EXEC"), [[0, 2, 1, -1, 10_000]], given="... EXEC")
        script = "return redis.call('CL.THROTTLE', KEYS[1], 1, 1, 10)"
        case.equal(
            node.execute("EVAL", script, 1, "ann"), [0, 2, 0, -1, 20_000], given="the same by a script"
        )
        node.execute("ACL", "SETUSER", "guest", "on", "nopass", "+@all", "~guest:*")
        guest = node.connect("guest")
        node.execute("AUTH", "guest", "x", client=guest)
        try:
            came = show(node.execute("CL.THROTTLE", "ann", 1, 1, 10, client=guest))
        except ReplyError as error:
            came = str(error)
        given = "a user who may touch guest:* only; CL.THROTTLE ann 1 1 10"
        case.true(came.startswith("NOPERM"), given, came, "NOPERM ...")
        node.execute("CONFIG", "SET", "maxmemory", 1)
        try:
            came = show(node.execute("CL.THROTTLE", "new", 1, 1, 10))
        except ReplyError as error:
            came = str(error)
        case.true(came.startswith("OOM"), "maxmemory 1; CL.THROTTLE new 1 1 10", came, "OOM ...")

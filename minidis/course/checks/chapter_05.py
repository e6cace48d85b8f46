"""Checks of chapter 5: bits and sketches.

Read next: minidis/course/exercise.py.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from random import Random
from typing import Any

from minidis.course.case import Case
from minidis.course.exercise import Exercise, Wrong, show
from minidis.course.fixtures.counting import KINDS, SPECS, Spec
from minidis.course.guard import instruction_budget, unobserved
from minidis.course.parts import plug
from minidis.drivers.embedded import Embedded
from minidis.protocol.replies import ReplyError
from minidis.structures import hyperloglog as hll

# -- 5.1 seven-day retention ----------------------------------------------------------------------------

retention_by_bits = Exercise(
    "5.1",
    "Who came back? Seven-day retention by BITOP",
    kind="use",
    points=4,
    hints=(
        "A user's id is no offset: give each user the next free small number, once, and remember it (a "
        "hash of user -> number, a counter for the next). Two first visits may come at the same time: "
        "HSETNX answers who was first, and what it kept is the number that counts.",
        "returned = first day AND (any of the other days). loyal = all the days. The cohort is one "
        "BITCOUNT. BITOP takes as many keys as you like, and a day on which nobody came is a key that "
        "does not exist.",
        "BITOP leaves its result behind, and another report may use the same name at the same time. In "
        "one pipeline(transaction=True): BITCOUNT, BITOP OR, BITOP AND, BITCOUNT, BITOP AND, BITCOUNT, "
        "DEL. The replies come as a list.",
    ),
)

WEEK = [f"2026-01-{day:02d}" for day in range(5, 12)]
Visits = dict[str, list[int]]  # day -> users


def _visit_all(redis: Any, visit: Callable, visits: Visits) -> None:
    for day, users in visits.items():
        for user in users:
            visit(redis, day, user)


def _due(visits: Visits, days: list[str]) -> tuple[int, int, int]:
    first, *rest = [set(visits.get(day, ())) for day in days]
    return len(first), len(first & set().union(*rest)), len(first.intersection(*rest))


def _told(visits: Visits) -> str:
    return "; ".join(f"{day[5:]}: {', '.join(map(str, users)) or 'nobody'}" for day, users in visits.items())


def _report(case: Case, redis: Any, retention: Callable, visits: Visits, days: list[str], given: str) -> None:
    came = retention(redis, list(days))
    if not isinstance(came, tuple | list) or len(came) != 3:
        raise Wrong(given, show(came), "a tuple (cohort, returned, loyal)")
    case.equal(tuple(came), _due(visits, days), given=f"{given}; retention(redis, {days[0]} to {days[-1]})")


@retention_by_bits.test("cohort, returned, loyal in a small week")
def small_week(case: Case, visit: Callable, retention: Callable) -> None:
    always, sometimes = [1, 2], {WEEK[0]: [3, 4, 5], WEEK[2]: [3], WEEK[4]: [3, 6], WEEK[6]: [4, 6]}
    visits = {day: always + sometimes.get(day, []) for day in WEEK}
    redis = case.redis()
    _visit_all(redis, visit, visits)
    _report(case, redis, retention, visits, WEEK, _told(visits))
    _report(case, redis, retention, visits, WEEK[:2], _told(visits))


@retention_by_bits.test("a user who comes ten times a day is one user")
def many_visits(case: Case, visit: Callable, retention: Callable) -> None:
    redis = case.redis()
    visits = {day: [7] * 10 + [8] for day in WEEK}
    _visit_all(redis, visit, visits)
    _report(case, redis, retention, visits, WEEK, "users 7 (ten times a day) and 8, every day")


@retention_by_bits.test("days on which nobody came")
def empty_days(case: Case, visit: Callable, retention: Callable) -> None:
    redis = case.redis()
    _report(case, redis, retention, {}, WEEK, "nobody ever came")
    visits: Visits = {WEEK[0]: [1, 2, 3], WEEK[5]: [2]}
    _visit_all(redis, visit, visits)
    _report(case, redis, retention, visits, WEEK, _told(visits))
    _report(case, redis, retention, visits, WEEK[1:], _told(visits))


@retention_by_bits.test("the ids leap from 3 to 10^18: a day stays small")
def leap_in_ids(case: Case, visit: Callable, retention: Callable) -> None:
    # A million bytes is the largest string here: an id used as an offset is refused, not allocated.
    redis = case.redis(case.node({"proto-max-bulk-len": 1 << 20}))
    users = [3, 70_000, 6_000_000, 3_000_000_000, 2**40, 10**18, 10**18 + 1]
    visits = dict.fromkeys(WEEK, users)
    _visit_all(redis, visit, visits)
    given = f"users {', '.join(map(str, users))}, every day"
    _report(case, redis, retention, visits, WEEK, given)
    for day in WEEK:
        size = redis.strlen(f"active:{day}")
        case.true(0 < size <= 16, f"{given}; STRLEN active:{day}", f"{size} bytes", "1 to 16 bytes")


@retention_by_bits.test("800 users with random ids: exact, and 100 bytes a day")
def random_ids(case: Case, visit: Callable, retention: Callable) -> None:
    redis = case.redis()
    users = [case.random.getrandbits(60) for _ in range(800)]
    visits = {WEEK[0]: users, WEEK[1]: users[::3], WEEK[2]: users[1::3]}
    _visit_all(redis, visit, visits)
    given = "800 users with random ids of 60 bits"
    _report(case, redis, retention, visits, WEEK[:2], given)
    _report(case, redis, retention, visits, WEEK[:3], given)
    size = redis.strlen(f"active:{WEEK[0]}")
    case.true(
        0 < size <= 120, f"{given}; STRLEN active:{WEEK[0]}", f"{size} bytes", "100 bytes, 120 at the most"
    )


class _Interrupted:
    """Lets something else happen right before the n-th command (or pipeline) of a client."""

    def __init__(self, redis: Any, at: int, interrupt: Callable[[], Any]) -> None:
        self.left, self.interrupt, self.happened = at, interrupt, False
        redis.execute_command = self._wrapped(redis.execute_command)
        make_pipeline = redis.pipeline

        def pipeline(*arguments: Any, **options: Any) -> Any:
            made = make_pipeline(*arguments, **options)
            made.execute = self._wrapped(made.execute)
            return made

        redis.pipeline = pipeline

    def _wrapped(self, function: Callable) -> Callable:
        def run(*arguments: Any, **options: Any) -> Any:
            if self.left == 0 and not self.happened:
                self.happened = True
                self.interrupt()
            self.left -= 1
            return function(*arguments, **options)

        return run


def _interruptions(case: Case) -> Iterator[tuple[int, Any, Any]]:
    """(n, a client to be interrupted, another client), each on a fresh node."""
    for at in range(12):
        node = case.node()
        yield at, case.redis(node), case.redis(node)


@retention_by_bits.test("two first visits at the same time")
def visits_at_once(case: Case, visit: Callable, retention: Callable) -> None:
    for other in (5, 6):
        for at, redis, second in _interruptions(case):
            moment = _Interrupted(redis, at, lambda second=second, other=other: visit(second, WEEK[1], other))
            visit(redis, WEEK[0], 5)
            if not moment.happened:
                break
            visit(second, WEEK[2], 5)
            visits: Visits = {WEEK[0]: [5], WEEK[1]: [other], WEEK[2]: [5]}
            given = (
                f"visit(..., {WEEK[0]}, 5), and before its command {at + 1} another client runs the whole "
                f"visit(..., {WEEK[1]}, {other}); then visit(..., {WEEK[2]}, 5)"
            )
            for days in (WEEK[:2], [WEEK[0], WEEK[2]], WEEK[:3]):
                _report(case, second, retention, visits, days, given)


@retention_by_bits.test("two reports at the same time")
def reports_at_once(case: Case, visit: Callable, retention: Callable) -> None:
    visits: Visits = {WEEK[0]: [1, 2, 3], WEEK[1]: [1, 2], WEEK[2]: [1], WEEK[3]: [4, 5], WEEK[4]: [6]}
    for at, redis, second in _interruptions(case):
        _visit_all(second, visit, visits)
        moment = _Interrupted(redis, at, lambda second=second: retention(second, WEEK[3:5]))
        given = (
            f"{_told(visits)}; before command {at + 1} another client runs a report of {WEEK[3]}, {WEEK[4]}"
        )
        _report(case, redis, retention, visits, WEEK[:3], given)
        if not moment.happened:
            break


@retention_by_bits.test("a report changes nothing and leaves nothing behind")
def leaves_nothing(case: Case, visit: Callable, retention: Callable) -> None:
    redis = case.redis()
    visits = {
        day: [user for user in range(20) if user % (number + 1) == 0] for number, day in enumerate(WEEK)
    }
    _visit_all(redis, visit, visits)
    before = redis.keys()
    days_before = {day: redis.get(f"active:{day}") for day in WEEK}
    _report(case, redis, retention, visits, WEEK, _told(visits))
    _report(case, redis, retention, visits, WEEK, f"{_told(visits)}; the second report")
    for day in WEEK:
        case.equal(redis.get(f"active:{day}"), days_before[day], given=f"GET active:{day} after a report")
    left = [key for key in redis.keys() if key not in before and redis.ttl(key) < 0]
    case.equal(left, [], given="keys that stay behind for ever after a report")


@retention_by_bits.test("no bit travels to the client")
def cost_bound(case: Case, visit: Callable, retention: Callable) -> None:
    node = case.node()
    redis = case.redis(node)
    visits = {day: list(range(number, 80, 2)) for number, day in enumerate(WEEK)}
    _visit_all(redis, visit, visits)
    before = len(case.commands(node))
    _report(case, redis, retention, visits, WEEK, "80 users")
    sent = case.commands(node)[before:]
    reading = {b"GET", b"GETRANGE", b"SUBSTR", b"MGET", b"GETBIT", b"BITFIELD", b"BITFIELD_RO", b"BITPOS"}
    for argv in sent:
        words = b" ".join(argv).decode("utf-8", "replace")
        case.true(
            argv[0] not in reading | {b"SETBIT", b"HGETALL", b"HVALS"},
            "the commands of one report",
            words,
            "only numbers: let BITOP and BITCOUNT do the work where the bits are",
        )
    case.true(
        len(sent) <= 16,
        "the commands of one report",
        f"{len(sent)} commands",
        "at most 16, however many users",
    )


@retention_by_bits.test("random weeks")
def random_weeks(case: Case, visit: Callable, retention: Callable) -> None:
    for _ in range(3):
        redis = case.redis()
        users = [case.random.getrandbits(case.random.choice([4, 20, 50])) for _ in range(25)]
        visits = {day: case.random.sample(users, case.random.randrange(0, 25)) for day in WEEK}
        _visit_all(redis, visit, visits)
        for count in (2, 3, 7):
            _report(case, redis, retention, visits, WEEK[:count], _told(visits))


# -- 5.2 set, bitmap or HyperLogLog ------------------------------------------------------------------------

choice = Exercise(
    "5.2",
    "Set, bitmap or HyperLogLog, decided by measurement",
    kind="use",
    points=4,
    hints=(
        "Ask three things of a spec, in this order: is there a question that a HyperLogLog cannot answer "
        "(contains, forget, both days)? Can the ids be offsets at all? Then: what fits into the bytes?",
        "A bitmap takes largest_id / 8 bytes, a HyperLogLog at most 12 304 (MEMORY USAGE: 14 384), a set "
        "some 40 to 110 bytes for each element, but 8 where all are numbers and no more than 512. Measure "
        "a set of your own: SADD, MEMORY USAGE.",
        "An error limit is a promise: 0.81 % is one standard error, and one count in three is further "
        "off. Allow a HyperLogLog where the limit is three standard errors or more. Prefer what is exact: "
        "a set if it fits, else a bitmap, else the HyperLogLog.",
    ),
)

CAPABLE = {
    "set": {"count", "contains", "forget", "both days"},
    "bitmap": {"count", "contains", "forget", "both days"},
    "hll": {"count"},
}
LARGEST_MEASURED_BYTES = 16_000_000
HLL_TRIALS = 8


def _judge(case: Case, spec: Spec, choose: Callable) -> None:
    """Fill the structure that was chosen, measure it, and hold it to the spec."""
    kind = choose(spec)
    given = f"{spec}; you chose {show(kind)}"
    if kind not in KINDS:
        raise Wrong(f"choose({spec.name})", show(kind), 'one of "set", "bitmap", "hll"')
    missing = [ask for ask in spec.asks if ask not in CAPABLE[kind]]
    case.true(not missing, given, f"no command of it answers: {', '.join(missing)}", "an answer to each")
    size, error = unobserved(_measure)(spec, kind, case.seed, given)
    case.true(size <= spec.limit_bytes, given, f"{size:,} bytes", f"at most {spec.limit_bytes:,} bytes")
    case.true(
        error <= spec.limit_error,
        given,
        f"off by {error:.2%} in the worst of {HLL_TRIALS} days",
        f"off by at most {spec.limit_error:.1%}" if spec.limit_error else "the exact number",
    )


def _measure(spec: Spec, kind: str, seed: int, given: str) -> tuple[int, float]:
    """(MEMORY USAGE in bytes, relative error of the count) of one structure, filled with the spec's ids."""
    node, ids = Embedded(clock=0, seed=seed), spec.sample(seed)
    if kind == "bitmap":
        _fill_bitmap(node, spec, ids, given)
    else:
        node.execute("SADD" if kind == "set" else "PFADD", "key", *ids)
    error = max(_hll_error(spec, seed + trial) for trial in range(HLL_TRIALS)) if kind == "hll" else 0.0
    return node.execute("MEMORY", "USAGE", "key", "SAMPLES", "0"), error


def _fill_bitmap(node: Embedded, spec: Spec, ids: list[Any], given: str) -> None:
    if spec.largest_id is None:
        raise Wrong(given, "a name is no offset: SETBIT wants a number", "a structure that takes names")
    size = spec.largest_id // 8 + 1
    if size > LARGEST_MEASURED_BYTES:
        came = f"its highest id alone needs {size:,} bytes" + (
            " (and SETBIT refuses an offset from 2^32 on)" if spec.largest_id >= 2**32 else ""
        )
        raise Wrong(given, came, f"at most {spec.limit_bytes:,} bytes")
    node.execute("SETBIT", "key", max(ids), 1)
    for user in ids:
        node.execute("SETBIT", "key", user, 1)


def _hll_error(spec: Spec, seed: int) -> float:
    """How far one day's count is off; a good hash makes of any ids random numbers."""
    registers = next(_growing(Random(seed), [spec.elements]))
    return abs(hll.estimate(hll.register_histogram(registers)) / spec.elements - 1)


def _growing(random: Random, counts: list[int]) -> Iterator[bytes]:
    """The registers when so many elements, whose hashes are drawn at random, have come."""
    registers, added = bytearray(hll.REGISTERS), 0
    for count in counts:
        for hashed in memoryview(random.randbytes(8 * (count - added))).cast("Q"):
            run_bits = hashed >> hll.INDEX_BITS | 1 << hll.RUN_BITS
            value = (run_bits & -run_bits).bit_length()
            if registers[hashed & 16383] < value:
                registers[hashed & 16383] = value
        added = count
        yield bytes(registers)


def _test_of_spec(spec: Spec) -> None:
    @choice.test(spec.name)
    def judged(case: Case, choose: Callable) -> None:
        _judge(case, spec, choose)


for _spec in SPECS:
    _test_of_spec(_spec)


@choice.test("an error limit that HyperLogLog cannot promise")
def tight_limit(case: Case, choose: Callable) -> None:
    elements = case.random.randrange(12_000, 16_000)
    _judge(case, Spec("turnstile", ("count",), elements, 50_000, 16_000, 0.001), choose)
    _judge(case, Spec("voters", ("count",), 600, None, 100_000, 0.001), choose)


@choice.test("other numbers of the same kinds")
def other_numbers(case: Case, choose: Callable) -> None:
    random = case.random
    dense = random.randrange(2_000, 6_000)
    sparse = random.randrange(2_000, 4_000)
    specs = [
        Spec("logins", ("count", "contains"), dense, 2 * dense, dense // 3 + 200, 0.0),
        Spec("logins of ten days", ("both days",), dense, 10 * dense, 2 * dense, 0.0),
        Spec("phone numbers", ("count",), sparse, random.randrange(10**9, 10**10), 15_000, 0.04),
        Spec("search terms", ("count",), sparse, None, 15_000, random.choice([0.03, 0.05])),
        Spec("invited", ("contains",), random.randrange(50, 150), None, 20_000, 0.0),
        Spec("on call", ("forget",), random.randrange(100, 500), 2**60, 6_000, 0.0),
        Spec("cancelled seats", ("forget",), dense, dense + 100, 2_000, 0.0),
        Spec("first users", ("count",), random.randrange(20, 60), 10**6, 3_000, 0.05),
    ]
    for spec in random.sample(specs, len(specs)):
        _judge(case, spec, choose)


# -- 5.3 HyperLogLog -----------------------------------------------------------------------------------------

rebuilt_hyperloglog = Exercise(
    "5.3",
    "HyperLogLog: add, count, merge",
    kind="rebuild",
    points=8,
    hints=(
        "add: the last 14 bits of the hash are hashed & 16383; hashed >> 14 leaves 50 bits. Count their "
        "zeros from the right, add 1. If all 50 are 0 the value is 51: put a guard bit above them (| 1 << "
        "50), and no case is left over.",
        "count needs only the histogram: how many registers hold 0, 1, ... 51 (registers.count(v) is "
        "quick). Then z starts at m * tau(1 - histogram[51] / m); for v from 50 down to 1: z = (z + "
        "histogram[v]) / 2; at the end z += m * sigma(histogram[0] / m). Mind that sigma(1) is infinite: "
        "the answer is then 0.",
        "sigma(x): start with z = x, y = 1; repeat x = x * x, z += x * y, y = 2 * y until z stays the "
        "same. tau(x) is 0 for 0 and 1; else start with z = 1 - x, y = 1; repeat x = sqrt(x), y = y / 2, "
        "z -= (1 - x)**2 * y until z stays the same; the answer is z / 3.",
    ),
)

_MULTIPLIER, _MASK = 0xC6A4A7935BD1E995, 0xFFFFFFFFFFFFFFFF
_INVERSE = pow(_MULTIPLIER, -1, 1 << 64)


def element_with_hash(hashed: int) -> bytes:
    """The element of eight bytes that has this hash: MurmurHash2 run backwards.

    >>> hll.murmur_hash_64a(element_with_hash(123 << 14 | 5), hll.HASH_SEED) == 123 << 14 | 5
    True
    """
    hashed ^= hashed >> 47
    hashed = hashed * _INVERSE & _MASK
    hashed ^= hashed >> 47
    block = hashed * _INVERSE & _MASK ^ hll.HASH_SEED ^ 8 * _MULTIPLIER & _MASK
    block = block * _INVERSE & _MASK
    block ^= block >> 47
    return (block * _INVERSE & _MASK).to_bytes(8, "little")


def _bits(element: bytes) -> str:
    """An element and its hash, as feedback prints them."""
    hashed = f"{hll.murmur_hash_64a(element, hll.HASH_SEED):064b}"
    return f"{show(element)}, whose hash is {hashed[:50]} {hashed[50:]}"


def _add_one(case: Case, add: Callable, element: bytes) -> None:
    registers = bytearray(hll.REGISTERS)
    answer = add(registers, element)
    index, value = hll.register_of(element)
    came = {place: number for place, number in enumerate(registers) if number}
    given = f"empty registers; add {_bits(element)}"
    if came != {index: value}:
        raise Wrong(given, _set_registers(came), _set_registers({index: value}))
    case.true(answer, given, show(answer), "True: a register grew")


def _set_registers(values: dict[int, int]) -> str:
    if not values:
        return "no register set"
    return ", ".join(f"register {index} = {value}" for index, value in sorted(values.items())[:5])


@rebuilt_hyperloglog.test("add: which register, which value")
def add_places(case: Case, add: Callable, count: Callable, merge: Callable) -> None:
    for element in (b"user1", b"user6", b"", b"\x00", b"a" * 100, "é".encode()):
        _add_one(case, add, element)
    for _ in range(60):
        _add_one(case, add, case.random.randbytes(case.random.randrange(1, 20)))


@rebuilt_hyperloglog.test("add: runs of 0 to 50 zeros")
def add_long_runs(case: Case, add: Callable, count: Callable, merge: Callable) -> None:
    for zeros in (0, 1, 2, 31, 32, 33, 48, 49, 50):
        higher = case.random.getrandbits(50 - zeros - 1) << zeros + 1 if zeros < 49 else 0
        run_bits = higher | 1 << zeros if zeros < 50 else 0
        _add_one(case, add, element_with_hash(run_bits << 14 | case.random.randrange(16384)))
    _add_one(case, add, element_with_hash(0))
    _add_one(case, add, element_with_hash(16383))


@rebuilt_hyperloglog.test("add: a register only grows, and True means that it did")
def add_grows(case: Case, add: Callable, count: Callable, merge: Callable) -> None:
    registers, beside = bytearray(hll.REGISTERS), bytearray(hll.REGISTERS)
    for number in range(300):
        # Few registers, so that most elements meet one that is set.
        run_bits = case.random.getrandbits(49) << 1 | 1
        element = element_with_hash((run_bits << case.random.randrange(8) & (1 << 50) - 1) << 14 | number % 7)
        index, value = hll.register_of(element)
        given = f"register {index} holds {beside[index]}; add an element that asks for {value}"
        grows = value > beside[index]
        beside[index] = max(beside[index], value)
        answer = add(registers, element)
        case.equal(registers[index], beside[index], given=f"{given}: the register")
        case.true(registers == beside, given, "another register changed, too", "only this one")
        case.equal(bool(answer), grows, given=f"{given}: the answer")


def _count_must_be(case: Case, came: Any, due: int, tolerance: float, given: str) -> None:
    if isinstance(came, bool) or not isinstance(came, int):
        raise Wrong(given, show(came), "an int")
    case.true(
        abs(came - due) <= tolerance,
        given,
        f"{came} (off by {(came / due - 1) * 100 if due else came:+.2f}{' %' if due else ''})",
        f"{due}, give or take {tolerance:.0f}" if tolerance else str(due),
    )


@rebuilt_hyperloglog.test("count: nothing, one, a hundred")
def count_small(case: Case, add: Callable, count: Callable, merge: Callable) -> None:
    for elements in (0, 1, 2, 3, 10, 30, 100, 1000):
        registers = _filled(case.random, elements)
        exactly = len(registers) - registers.count(0)  # collisions are not the estimator's fault
        given = f"the registers after {elements} elements ({exactly} of them set)"
        due = elements if elements < 30 else hll.estimate(hll.register_histogram(registers))
        tolerance = 0 if elements < 3 else 1 if elements < 30 else elements * 0.01 + 1
        _count_must_be(case, count(bytearray(registers)), due, tolerance, given)


def _filled(random: Random, elements: int) -> bytes:
    """Registers after so many elements; up to 30 of them without a collision."""
    while True:
        registers = next(_growing(random, [elements]))
        if elements > 30 or len(registers) - registers.count(0) == elements:
            return registers


@rebuilt_hyperloglog.test("count: root mean square error below 1 % over 50 runs")
def count_error(case: Case, add: Callable, count: Callable, merge: Callable) -> None:
    elements = 12_000
    errors = []
    with instruction_budget(100_000_000):
        for _ in range(50):
            came = count(bytearray(next(_growing(case.random, [elements]))))
            if isinstance(came, bool) or not isinstance(came, int):
                raise Wrong(f"the registers after {elements} elements", show(came), "an int")
            errors.append(came / elements - 1)
    rms = math.sqrt(sum(error**2 for error in errors) / len(errors))
    mean = sum(errors) / len(errors)
    case.true(
        rms < 0.01,
        f"50 HyperLogLogs of {elements} elements each",
        f"root mean square error {rms:.2%}, mean {mean:+.2%}, worst {max(errors, key=abs):+.2%}",
        "a root mean square error below 1 %",
    )


@rebuilt_hyperloglog.test("count: no bias around 2.5 x 16384")
def count_bias(case: Case, add: Callable, count: Callable, merge: Callable) -> None:
    runs, counts = 10, [int(16384 * factor) for factor in (1, 2, 2.5, 2.6, 3, 4)]
    totals = dict.fromkeys(counts, 0.0)
    with instruction_budget(100_000_000):
        for _ in range(runs):
            for elements, registers in zip(counts, _growing(case.random, counts), strict=True):
                totals[elements] += count(bytearray(registers)) / elements - 1
    for elements, total in totals.items():
        case.true(
            abs(total / runs) < 0.011,
            f"{runs} HyperLogLogs of {elements} elements ({elements / 16384:.1f} x 16384)",
            f"too many by {total / runs:+.2%} in the mean",
            "no bias: a mean error within 1.1 %. (Two formulas and a switch between them are off just there)",
        )


@rebuilt_hyperloglog.test("count: up to a million million")
def count_huge(case: Case, add: Callable, count: Callable, merge: Callable) -> None:
    for elements in (10**7, 10**9, 10**13):
        rate = elements / hll.REGISTERS
        # Of `rate` elements (in the mean), none has a run that asks for more than v: exp(-rate / 2^v).
        below = [math.exp(-rate / 2**value) for value in range(hll.RUN_BITS + 1)] + [1.0]
        weights = [high - low for low, high in zip([0.0, *below], below, strict=False)]
        registers = bytes(case.random.choices(range(hll.RUN_BITS + 2), weights, k=hll.REGISTERS))
        due = hll.estimate(hll.register_histogram(registers))
        given = (
            f"the registers after {elements:.0e} elements, all between {min(registers)} and {max(registers)}"
        )
        _count_must_be(case, count(bytearray(registers)), due, due * 0.01, given)


@rebuilt_hyperloglog.test("count: looking changes nothing")
def count_reads(case: Case, add: Callable, count: Callable, merge: Callable) -> None:
    registers = _filled(case.random, 500)
    looked = bytearray(registers)
    first, second = count(looked), count(looked)
    case.true(looked == registers, "the registers before and after count", "other registers", "the same")
    case.equal(second, first, given="count twice")


@rebuilt_hyperloglog.test("merge: the larger of each pair, in place")
def merge_maximum(case: Case, add: Callable, count: Callable, merge: Callable) -> None:
    mine, other, third = (next(_growing(case.random, [size])) for size in (3000, 5000, 40))
    for others in ([], [other], [other, third], [mine], [bytes(hll.REGISTERS)], [third, other, other]):
        target, due = bytearray(mine), bytes(map(max, zip(mine, *others, strict=True))) if others else mine
        merge(target, list(others))
        given = f"merge registers of 3000 elements with {len(others)} others"
        _same_registers(target, due, given)


def _same_registers(came: bytearray, due: bytes, given: str) -> None:
    if len(came) != len(due):
        raise Wrong(given, f"{len(came)} registers", f"{len(due)} registers")
    for index, (value, expected) in enumerate(zip(came, due, strict=True)):
        if value != expected:
            raise Wrong(given, f"register {index} = {value}", f"register {index} = {expected}")


@rebuilt_hyperloglog.test("merge: in any order, and twice is once")
def merge_laws(case: Case, add: Callable, count: Callable, merge: Callable) -> None:
    left, right = (next(_growing(case.random, [2000])) for _ in range(2))
    one, two = bytearray(left), bytearray(right)
    merge(one, [right])
    merge(two, [left])
    _same_registers(one, bytes(two), "a merged with b, and b merged with a")
    merge(one, [right])
    _same_registers(one, bytes(two), "a merged with b twice")


@rebuilt_hyperloglog.test("in a live node: as the engine's own")
def live(case: Case, add: Callable, count: Callable, merge: Callable) -> None:
    engine, learner = case.node(), case.node()
    plug("hyperloglog", (add, count, merge), learner)
    keys = ["a", "b", "c", "d"]
    done: list[str] = []
    with instruction_budget(60_000_000):
        for number in range(120):
            words = _random_pf_command(case.random, keys, number)
            done.append(" ".join(map(str, words))[:70])
            given = " | ".join(done[-6:])
            due, came = _reply(engine, words), _reply(learner, words)
            if words[0] == "PFCOUNT" and isinstance(due, int):
                _count_must_be(case, came, due, due * 0.01 + 1, given)
            else:
                case.equal(came, due, given=given)
            for key in keys:
                stored = [_reply(node, ["GETRANGE", key, 16, -1]) for node in (learner, engine)]
                case.true(stored[0] == stored[1], given, f"other registers in {key}", "those of the engine")


def _random_pf_command(random: Random, keys: list[str], number: int) -> list[Any]:
    if number == 40:
        return ["PFDEBUG", "TODENSE", "a"]
    if number == 80:
        return ["SET", "d", "no HyperLogLog"]
    kind = random.random()
    if number < 4 or kind < 0.5:
        elements = [f"user:{random.randrange(400)}" for _ in range(random.randrange(0, 12))]
        return ["PFADD", keys[number] if number < 4 else random.choice(keys), *elements]
    if kind < 0.85:
        return ["PFCOUNT", *random.sample(keys, random.choice([1, 1, 2, 3]))]
    return ["PFMERGE", *random.sample(keys, random.randrange(1, 4))]


def _reply(node: Embedded, words: list[Any]) -> Any:
    try:
        return node.execute(*words)
    except ReplyError as error:
        return str(error)


# -- 5.4 ranges of bytes and bits ------------------------------------------------------------

bit_ranges = Exercise(
    "5.4",
    "BITCOUNT and BITPOS with ranges of bytes and bits",
    kind="rebuild",
    points=6,
    hints=(
        "Bring both units to one: first make start and end ordinary offsets in the unit that was named "
        "(add the length to negative ones, then 0 where still negative, then cut the end), only then "
        "multiply bytes: from start * 8 to end * 8 + 7. Both ends belong to the range.",
        "int.from_bytes(data, 'big') is the whole string as one number whose highest bit is bit 0. Shift "
        "right by what follows the range, mask with (1 << width) - 1: left are the bits of the range. "
        "int.bit_count() counts them, and width - int.bit_length() is where the first 1 stands.",
        "For the first 0, turn the bits over (number ^ (1 << width) - 1) and look for the first 1. Found "
        "none: -1, except for bit 0 with end=None: there, len(data) * 8. An empty range (start > end) is "
        "0 for bitcount and -1 for bitpos, always.",
    ),
)


def _range(data: bytes, start: int, end: int, unit: str) -> range:
    """The offsets of the bits of a range, by the book, one by one."""
    total = len(data) * (8 if unit == "BIT" else 1)
    start, end = (max(place + total, 0) if place < 0 else place for place in (start, end))
    end = min(end, total - 1)
    return range(start, end + 1) if unit == "BIT" else range(start * 8, end * 8 + 8)


def _bit(data: bytes, offset: int) -> int:
    return data[offset // 8] >> (7 - offset % 8) & 1


def brute_bitcount(data: bytes, start: int = 0, end: int = -1, unit: str = "BYTE") -> int:
    """BITCOUNT bit by bit.

    >>> brute_bitcount(b"foobar"), brute_bitcount(b"foobar", 1, 1), brute_bitcount(b"foobar", 5, 30, "BIT")
    (26, 6, 17)
    """
    if start < 0 and end < 0 and start > end:
        return 0
    return sum(_bit(data, offset) for offset in _range(data, start, end, unit))


def brute_bitpos(data: bytes, bit: int, start: int = 0, end: int | None = None, unit: str = "BYTE") -> int:
    """BITPOS bit by bit.

    >>> brute_bitpos(b"\\xff", 0), brute_bitpos(b"\\xff", 0, 0, -1), brute_bitpos(b"\\x00\\x0f", 1)
    (8, -1, 12)
    """
    offsets = _range(data, start, -1 if end is None else end, unit)
    found = next((offset for offset in offsets if _bit(data, offset) == bit), -1)
    return len(data) * 8 if found < 0 and not bit and end is None and len(offsets) else found


def _call(name: str, *arguments: Any) -> str:
    return f"{name}({', '.join(map(repr, arguments))})"


def _told_bits(data: bytes) -> str:
    return " ".join(f"{byte:08b}" for byte in data) if len(data) <= 8 else f"{len(data)} bytes"


def _counts(case: Case, bitcount: Callable, *arguments: Any) -> None:
    given = f"{_call('bitcount', *arguments)}, bits {_told_bits(arguments[0])}"
    case.equal(bitcount(*arguments), brute_bitcount(*arguments), given=given)


def _finds(case: Case, bitpos: Callable, *arguments: Any) -> None:
    given = f"{_call('bitpos', *arguments)}, bits {_told_bits(arguments[0])}"
    case.equal(bitpos(*arguments), brute_bitpos(*arguments), given=given)


@bit_ranges.test("bitcount: the whole string, and ranges of bytes")
def count_bytes(case: Case, bitcount: Callable, bitpos: Callable) -> None:
    for data in (b"", b"\x00", b"\xff", b"foobar", b"\x00\x00\x10"):
        _counts(case, bitcount, data)
    for start, end in ((0, 0), (1, 1), (2, 4), (5, 5), (0, 5), (4, 3)):
        _counts(case, bitcount, b"foobar", start, end)


@bit_ranges.test("bitcount: ranges of bits")
def count_in_bits(case: Case, bitcount: Callable, bitpos: Callable) -> None:
    for start, end in ((0, 0), (1, 1), (0, 7), (7, 8), (5, 30), (3, 3), (8, 15), (13, 12), (0, 47)):
        _counts(case, bitcount, b"foobar", start, end, "BIT")


@bit_ranges.test("bitcount: from the end, and beyond both ends")
def count_edges(case: Case, bitcount: Callable, bitpos: Callable) -> None:
    edges = ((-1, -1), (-2, -1), (-6, -6), (-100, -1), (0, 100), (6, 9), (100, 200), (-1, -2), (2, -5))
    for start, end in (*edges, (0, -100), (-100, -200), (-200, -100), (-7, -7), (1, -100)):
        for unit in ("BYTE", "BIT"):
            for data in (b"foobar", b"\xff\xff\xff", b""):
                _counts(case, bitcount, data, start, end, unit)


@bit_ranges.test("bitpos: the first 1 and the first 0, in bytes and bits")
def find_first(case: Case, bitcount: Callable, bitpos: Callable) -> None:
    for data in (b"\x00\x0f\x80", b"\xff\xf0\x00", b"\x80", b"\x01", b"\x7f\xff"):
        for bit in (0, 1):
            _finds(case, bitpos, data, bit)
            for start, end in ((0, 0), (1, 1), (1, 2), (2, 2), (-1, -1), (-2, -1)):
                _finds(case, bitpos, data, bit, start, end)
            for start, end in ((0, 3), (9, 12), (12, 12), (13, 20), (-4, -1), (5, -5)):
                _finds(case, bitpos, data, bit, start, end, "BIT")


@bit_ranges.test("bitpos: the zero behind the string, only where no end is named")
def find_behind(case: Case, bitcount: Callable, bitpos: Callable) -> None:
    for data in (b"\xff", b"\xff\xff\xff", b"\x00\xff", b""):
        for bit in (0, 1):
            _finds(case, bitpos, data, bit)
            _finds(case, bitpos, data, bit, 1)
            for end in (None, -1, 0, 100):
                for start in (0, 1, 2, -1, 7):
                    _finds(case, bitpos, data, bit, start, end)


@bit_ranges.test("bitpos: beyond both ends")
def find_edges(case: Case, bitcount: Callable, bitpos: Callable) -> None:
    for start, end in ((0, -100), (-100, -200), (-1, -2), (3, 9), (100, None), (-100, None), (1, -100)):
        for unit in ("BYTE", "BIT"):
            for bit in (0, 1):
                _finds(case, bitpos, b"\xff\xf0\xff", bit, start, end, unit)


def _random_string(random: Random) -> bytes:
    size = random.choice([0, 1, 1, 2, 3, 5, 8])
    return bytes(random.choice([0, 0, 255, 255, 1, 128, random.randrange(256)]) for _ in range(size))


def _random_arguments(random: Random) -> tuple[bytes, int, int, str]:
    data, unit = _random_string(random), random.choice(["BYTE", "BIT"])
    most = len(data) * (8 if unit == "BIT" else 1) + 2
    return data, random.randint(-most, most), random.randint(-most, most), unit


@bit_ranges.test("bitcount: 2 500 random strings")
def count_random(case: Case, bitcount: Callable, bitpos: Callable) -> None:
    for _ in range(2500):
        _counts(case, bitcount, *_random_arguments(case.random))


@bit_ranges.test("bitpos: 2 500 random strings")
def find_random(case: Case, bitcount: Callable, bitpos: Callable) -> None:
    for _ in range(2500):
        data, start, end, unit = _random_arguments(case.random)
        no_end = unit == "BYTE" and case.random.random() < 0.3  # BIT cannot be written without an end
        _finds(case, bitpos, data, case.random.randrange(2), start, None if no_end else end, unit)


@bit_ranges.test("a long string goes by bytes, not bit by bit")
def long_string(case: Case, bitcount: Callable, bitpos: Callable) -> None:
    size = 250_000
    last = case.random.randrange(8)
    data = bytes(size) + bytes([0x80 >> last])
    given = f"{size} zero bytes and then {data[-1]:08b}"
    case.equal(bitcount(data, 0, -1, "BYTE"), 1, given=f"{given}; bitcount")
    case.equal(bitcount(data, 5, size * 8 + last, "BIT"), 1, given=f"{given}; bitcount up to that bit")
    case.equal(bitpos(data, 1, 0, None, "BYTE"), size * 8 + last, given=f"{given}; bitpos of 1")
    case.equal(bitpos(data, 1, 3, size * 8 + last - 1, "BIT"), -1, given=f"{given}; bitpos of 1 before it")


@bit_ranges.test("in a live node: as the engine's own")
def bits_live(case: Case, bitcount: Callable, bitpos: Callable) -> None:
    engine, learner = case.node(), case.node()
    plug("bits", (bitcount, bitpos), learner)
    for node in (engine, learner):
        node.execute("RPUSH", "list", "x")
        node.execute("SET", "number", "12345")
        node.execute("SET", "full", b"\xff\xff\xfe\xff")
    for sentence in (
        "BITPOS full 0",
        "BITPOS full 0 3",
        "BITPOS full 0 3 -1",
        "BITPOS full 0 4",
        "BITCOUNT full",
    ):
        words = sentence.split()
        given = f"{sentence}; bits: {_told_bits(bytes.fromhex('fffffeff'))}"
        case.equal(_reply(learner, words), _reply(engine, words), given=given)
    for _ in range(300):
        random, key = case.random, case.random.choice(["bits", "bits", "bits", "number", "nobody", "list"])
        data, start, end, unit = _random_arguments(random)
        if random.random() < 0.3:
            words: list[Any] = ["SET", "bits", data]
        else:
            ranged = random.choice(
                [[], [start, end], [start, end, unit], [start, end, unit.lower()], [start]]
            )
            words = random.choice([["BITCOUNT", key, *ranged], ["BITPOS", key, random.randrange(3), *ranged]])
        bits = _reply(engine, ["GET", "bits"]) or b""
        sent = " ".join(show(word) if isinstance(word, bytes) else str(word) for word in words)
        given = f"{sent}; bits: {_told_bits(bits)}"
        case.equal(_reply(learner, words), _reply(engine, words), given=given)

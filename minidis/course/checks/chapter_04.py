"""Checks of chapter 4: sorted sets and the skip list.

Read next: minidis/course/exercise.py.
"""

from __future__ import annotations

import math
from bisect import bisect_left, insort
from collections.abc import Callable, Iterator
from functools import partial
from random import Random
from typing import Any
from unittest import mock

from minidis.course.case import Case
from minidis.course.exercise import Exercise, Wrong, show
from minidis.course.fixtures.skiplists import skiplist_of
from minidis.course.guard import instruction_budget
from minidis.course.parts import plug
from minidis.drivers.embedded import Embedded
from minidis.protocol.replies import ReplyError
from minidis.structures.skiplist import LexRange, ScoreRange, SkipList, SkipListNode

# -- 4.1 a leaderboard ---------------------------------------------------------------------------

leaderboard = Exercise(
    "4.1",
    "My place on the leaderboard, and my neighbours",
    kind="use",
    points=4,
    hints=(
        "Two questions: where does the player stand (ZREVRANK), and who stands around there (ZRANGE ... "
        "REV WITHSCORES)? Mind the top of the board: what does a negative start mean to ZRANGE?",
        "A shared place is one more than the number of players with a higher score. One command counts "
        'the scores of a range, and a bound that begins with "(" leaves its own score out.',
        "Only the first row needs that count. Each row below has the place of the row above where the "
        "scores are equal, and its own position (rank + 1) where they differ.",
    ),
)


def _standings(scores: dict[bytes, float]) -> list[tuple[int, bytes, float]]:
    """The whole board as the rules say it: (place, player, score), best first."""
    order = sorted(scores.items(), key=lambda item: (item[1], item[0]), reverse=True)
    values = sorted(scores.values())
    return [(len(values) - _bisect_right(values, score) + 1, player, score) for player, score in order]


def _bisect_right(values: list[float], value: float) -> int:
    return bisect_left(values, math.nextafter(value, math.inf))


def _neighbours_of(
    scores: dict[bytes, float], player: bytes, distance: int
) -> list[tuple[int, bytes, float]]:
    rows = _standings(scores)
    at = next(index for index, row in enumerate(rows) if row[1] == player)
    return rows[max(at - distance, 0) : at + distance + 1]


def _rows(answer: Any) -> list[tuple[Any, ...]]:
    """Rows as plain tuples; players as bytes, however the answer's client decodes."""
    if not isinstance(answer, list | tuple):
        raise Wrong("the type of what neighbours() answers", show(answer), "a list of (place, player, score)")
    rows = []
    for row in answer:
        if not isinstance(row, list | tuple) or len(row) != 3:
            raise Wrong("a row of what neighbours() answers", show(row), "(place, player, score)")
        place, player, score = row
        rows.append((place, player.encode() if isinstance(player, str) else player, score))
    return rows


def _ask(
    case: Case, neighbours: Callable, scores: dict[bytes, float], player: str, distance: int = 3
) -> None:
    redis = case.redis()
    redis.zadd("board", scores)
    came = _rows(neighbours(redis, "board", player, distance))
    board = ", ".join(f"{p.decode()} {s:.17g}" for _, p, s in _standings(scores)[:12])
    more = f" ... ({len(scores)} players)" if len(scores) > 12 else ""
    case.equal(
        came,
        _neighbours_of(scores, player.encode(), distance),
        given=f'the board {board}{more}; neighbours(redis, "board", "{player}", {distance})',
    )


def _plain_board(size: int) -> dict[bytes, float]:
    return {b"p%02d" % number: float(10 * number) for number in range(size)}


@leaderboard.test("three above, me, three below")
def three_above_three_below(case: Case, neighbours: Callable) -> None:
    _ask(case, neighbours, _plain_board(20), "p10")
    _ask(case, neighbours, _plain_board(20), "p10", 1)


@leaderboard.test("near the top and the bottom the list is shorter")
def shorter_at_the_ends(case: Case, neighbours: Callable) -> None:
    for player in ("p19", "p18", "p00", "p01"):
        _ask(case, neighbours, _plain_board(20), player)
    _ask(case, neighbours, _plain_board(2), "p01")


@leaderboard.test("equal scores share a place, and the next place is left out")
def shared_places(case: Case, neighbours: Callable) -> None:
    scores = {b"ann": 50.0, b"bob": 40.0, b"cid": 40.0, b"dan": 30.0, b"eve": 20.0}
    for player in ("ann", "bob", "cid", "dan", "eve"):
        _ask(case, neighbours, scores, player)


@leaderboard.test("a place shared with somebody beyond the edge of the list")
def shared_beyond_the_edge(case: Case, neighbours: Callable) -> None:
    scores = _plain_board(30) | {b"tie%02d" % number: 150.0 for number in range(12)}
    for player in ("tie00", "tie11", "tie05", "p15", "p14"):
        _ask(case, neighbours, scores, player, 2)


@leaderboard.test("scores that differ in the last digit are not equal")
def last_digit(case: Case, neighbours: Callable) -> None:
    _ask(case, neighbours, {b"ann": 0.1 + 0.2, b"bob": 0.3, b"cid": 0.3, b"dan": 1 / 3}, "cid")
    _ask(case, neighbours, {b"ann": 1e15 + 2, b"bob": 1e15 + 1, b"cid": 1e15 + 1, b"dan": 7.5}, "dan")


@leaderboard.test("who is not on the board has no neighbours")
def not_on_the_board(case: Case, neighbours: Callable) -> None:
    redis = case.redis()
    redis.zadd("board", {"ann": 1})
    case.equal(_rows(neighbours(redis, "board", "nobody", 3)), [], given='a player who is not on "board"')
    case.equal(_rows(neighbours(redis, "empty", "ann", 3)), [], given="a board that does not exist")


@leaderboard.test("a big board stays in Redis")
def big_board(case: Case, neighbours: Callable) -> None:
    random = case.random
    scores = {b"player:%d" % number: float(random.randrange(400)) for number in range(2000)}
    node = case.node()
    redis = case.redis(node)
    redis.zadd("board", scores)
    elements = 0

    def count(client: Any, argv: list[bytes], reply: Any) -> None:
        nonlocal elements
        elements += len(reply) if isinstance(reply, list | tuple | dict) else 0

    node.node.listen_to_commands(count)
    before = len(case.commands(node))
    player = random.choice(sorted(scores))
    came = _rows(neighbours(redis, "board", player.decode(), 3))
    given = f"2000 players, of whom {player.decode()} asks"
    case.equal(came, _neighbours_of(scores, player, 3), given=given)
    case.true(elements <= 30, given, f"{elements} elements travelled", "a handful: 7 rows are asked for")
    sent = len(case.commands(node)) - before
    case.true(sent <= 10, given, f"{sent} commands", "at most 10 commands")


@leaderboard.test("random boards with many ties")
def random_boards(case: Case, neighbours: Callable) -> None:
    for _ in range(25):
        size = case.random.randrange(1, 25)
        scores = {
            b"p%d" % number: float(case.random.choice([-1.5, 0, 1, 2, 2.5, 10])) for number in range(size)
        }
        player = case.random.choice(sorted(scores))
        _ask(case, neighbours, scores, player.decode(), case.random.randrange(0, 5))


# -- 4.2 a queue of delayed jobs -------------------------------------------------------------------

delayed_jobs = Exercise(
    "4.2",
    "Jobs that run later, each exactly once",
    kind="use",
    points=4,
    hints=(
        "Let the score be the moment at which the job is due. What is due now is then a range of scores. "
        "Whose now? The workers' clocks differ, Redis has one for all: redis.time() answers (seconds, "
        "microseconds).",
        "Looking (ZRANGE BYSCORE) and taking (ZREM) are two commands, and another worker may come "
        "between. ZREM answers how many it removed: who got 1 owns the job.",
        "Ask for the first due job only (LIMIT 0 1). Nothing there: answer None. There, and ZREM says 1: "
        "answer the job. ZREM says 0: somebody was faster, so look again, in a loop.",
    ),
)


@delayed_jobs.test("a job comes when it is due, not before")
def when_due(case: Case, schedule: Callable, take: Callable) -> None:
    redis = case.redis()
    schedule(redis, "jobs", "mail", 10)
    case.equal(take(redis, "jobs"), None, given="a job in 10 s, taken at once")
    case.step(9.999)
    case.equal(take(redis, "jobs"), None, given="a job in 10 s, taken after 9.999 s")
    case.step(0.001)
    case.equal(_job(take(redis, "jobs")), b"mail", given="a job in 10 s, taken after 10 s exactly")
    case.equal(take(redis, "jobs"), None, given="taken again")


@delayed_jobs.test("fractions of a second count")
def fractions(case: Case, schedule: Callable, take: Callable) -> None:
    redis = case.redis()
    case.step(0.7)
    schedule(redis, "jobs", "quick", 0.25)
    case.step(0.2)
    case.equal(take(redis, "jobs"), None, given="a job in 0.25 s, taken after 0.2 s")
    case.step(0.06)
    case.equal(_job(take(redis, "jobs")), b"quick", given="a job in 0.25 s, taken after 0.26 s")


@delayed_jobs.test("the job that is due first comes first")
def first_due_first(case: Case, schedule: Callable, take: Callable) -> None:
    redis = case.redis()
    delays = case.random.sample(range(1, 500), 30)
    for delay in delays:
        schedule(redis, "jobs", f"job:{delay}", delay)
    case.step(250.5)
    due = [b"job:%d" % delay for delay in sorted(delays) if delay <= 250]
    came = [_job(take(redis, "jobs")) for _ in due]
    case.equal(came, due, given=f"jobs in {sorted(delays)} s, taken one by one after 250.5 s")
    case.equal(take(redis, "jobs"), None, given="the next take: the others are not due yet")
    case.step(250)
    left = [b"job:%d" % delay for delay in sorted(delays) if delay > 250]
    case.equal([_job(take(redis, "jobs")) for _ in left], left, given="the others, 250 s later")


@delayed_jobs.test("a job scheduled again moves")
def scheduled_again(case: Case, schedule: Callable, take: Callable) -> None:
    redis = case.redis()
    schedule(redis, "jobs", "report", 10)
    schedule(redis, "jobs", "report", 60)
    case.step(30)
    given = "a job in 10 s, then the same job in 60 s"
    case.equal(take(redis, "jobs"), None, given=f"{given}, taken after 30 s")
    case.step(31)
    case.equal(_job(take(redis, "jobs")), b"report", given=f"{given}, taken after 61 s")
    case.equal(take(redis, "jobs"), None, given=f"{given}, taken twice")


@delayed_jobs.test("two workers never get the same job, and none is lost")
def two_workers(case: Case, schedule: Callable, take: Callable) -> None:
    for count in (1, 2):
        due = [b"job0", b"job1"][:count]
        for at, alice, bob in _interleavings(case):
            for number, delay in enumerate((5, 6)[:count]):
                schedule(alice, "jobs", f"job{number}", delay)
            schedule(alice, "jobs", "later", 90)
            case.step(20)
            first, second = at.run(partial(take, alice, "jobs"), partial(take, bob, "jobs"))
            given = f"jobs due: {count}; bob's whole take() runs before command {at.number} of alice's take()"
            case.true(
                sorted(filter(None, map(_job, (first, second)))) == due,
                given,
                f"alice {show(first)}, bob {show(second)}",
                "one job for each of them, and not the same"
                if count == 2
                else "job0 for one, None for the other",
            )
            case.equal(_job(take(bob, "jobs")), None, given=f"{given}; then another take()")


@delayed_jobs.test("while a worker looks, a job that is not due stays in the queue")
def stays_in_the_queue(case: Case, schedule: Callable, take: Callable) -> None:
    for at, alice, _bob in _interleavings(case):
        schedule(alice, "jobs", "later", 60)
        taken, is_there = at.run(partial(take, alice, "jobs"), partial(_is_stored, at.node, b"later"))
        case.equal(taken, None, given="a job in 60 s, taken at once")
        given = f"a job in 60 s; the queue before command {at.number} of take()"
        case.true(is_there, given, "the job is gone: a crash now would lose it", "the job is still there")


@delayed_jobs.test("a long queue stays in Redis")
def long_queue(case: Case, schedule: Callable, take: Callable) -> None:
    node = case.node()
    redis = case.redis(node)
    for number in range(300):
        schedule(redis, "jobs", f"job{number}", 1 + number / 100)
    case.step(10)
    elements = 0

    def count(client: Any, argv: list[bytes], reply: Any) -> None:
        nonlocal elements
        elements += len(reply) if isinstance(reply, list | tuple | dict) else 0

    node.node.listen_to_commands(count)
    came = [_job(take(redis, "jobs")) for _ in range(10)]
    case.equal(came, [b"job%d" % number for number in range(10)], given="300 jobs due, ten of them taken")
    case.true(
        elements <= 200,
        "300 jobs due, ten of them taken",
        f"{elements} elements travelled",
        "a few for each job: take one, not all that are due",
    )


def _job(job: Any) -> Any:
    """A job as bytes, however the answer's client decodes."""
    return job.encode() if isinstance(job, str) else job


def _is_stored(node: Embedded, member: bytes) -> bool:
    """Whether some key's value contains a job, whatever type it has."""
    return any(member in text for value in node.node.databases[0].table.values() for text in _texts(value))


def _texts(value: Any) -> Iterator[bytes]:
    if value.kind == "string":
        yield value.as_bytes()
        return
    for element in value:
        parts = element if isinstance(element, tuple) else (element,)
        yield from (part for part in parts if isinstance(part, bytes))


class _Interleaving:
    """Runs one function, and another in full before a given command of the first."""

    def __init__(self, node: Embedded, number: int) -> None:
        self.node = node
        self.number = number
        self.commands = 0
        self._results: list[Any] = []
        self._inside = False

    def run(self, first: Callable[[], Any], second: Callable[[], Any]) -> tuple[Any, Any]:
        """What both answer. When the first sends fewer commands, the second runs after its end."""
        original = self.node.node.execute

        def execute(client: Any, argv: list[bytes]) -> Any:
            if not self._inside and argv[0].upper() not in (b"HELLO", b"CLIENT", b"SELECT"):
                self.commands += 1
                if self.commands == self.number:
                    self._inside = True
                    self._results.append(second())
                    self._inside = False
            return original(client, argv)

        with mock.patch.object(self.node.node, "execute", execute):
            answer = first()
        if not self._results:
            self._results.append(second())
        return answer, self._results[0]


def _interleavings(case: Case) -> Iterator[tuple[_Interleaving, Any, Any]]:
    """Fresh nodes with two clients, one for each point of the first's work, and one for after its end."""
    for number in range(1, 30):
        node = case.node()
        at = _Interleaving(node, number)
        yield at, case.redis(node), case.redis(node)
        if at.commands < number:
            return


# -- 4.3 the skip list ------------------------------------------------------------------------------

rebuilt_skiplist = Exercise(
    "4.3",
    "A skip list with spans, under a live sorted set",
    kind="rebuild",
    points=8,
    hints=(
        "One walk serves all three functions: from the top lane down, go on while the next node comes "
        "before (score, member), and add up the spans. insert keeps, for every lane, the last node before "
        "the goal and its position.",
        "insert: let p be the position reached on lane 0, and q the one on a lane. The predecessor there "
        "gets span p - q + 1, and the new node what is left: old span - (p - q). A lane used for the "
        "first time starts at the header with span = length. Lanes above the new node fly over it: span + "
        "1.",
        "delete: on each lane of the node, predecessor.span += node.span - 1; on the lanes above, - 1. "
        "Then mend backward (or tail), lower the level while the top lane is empty, length -= 1. rank: go "
        "on while the next node is <= the goal; if you stand on the goal, the position - 1 is its rank.",
    ),
)

Element = tuple[float, bytes]


def _height(random: Random) -> int:
    height = 1
    while random.random() < 0.25 and height < 32:
        height += 1
    return height


def _learners(insert: Callable, delete: Callable, rank: Callable) -> SkipList:
    return skiplist_of(insert, delete, rank)(Random(0))


def _picture(lanes: SkipList) -> str:
    """The lanes as text, from the top: each node with the span of its pointer."""
    lines = []
    for level in range(min(lanes.level, 32) - 1, -1, -1):
        parts, node, steps = [], lanes.header, 0
        while node is not None and steps < 25:
            name = "H" if node is lanes.header else f"{node.score:g} {node.member.decode('latin-1')}"
            span = node.span[level] if level < len(node.span) else "?"
            parts.append(f"{name} -{span}->")
            node = node.forward[level] if level < len(node.forward) else None
            steps += 1
        lines.append(f"level {level}: {' '.join(parts)} {'end' if node is None else '...'}")
    return "\n".join(lines)


def _same_lanes(case: Case, came: SkipList, due: SkipList, given: str) -> None:
    """Pointers and spans of every lane in use, level and length."""
    _finite(came, given)
    case.equal(came.level, due.level, given=f"{given}: lanes.level")
    picture = _picture(came)
    if picture != _picture(due):
        raise Wrong(given, picture, _picture(due))
    case.equal(came.length, due.length, given=f"{given}: lanes.length")


def _finite(lanes: SkipList, given: str) -> None:
    """A list that bites its own tail would keep every walk going for ever."""
    node, steps = lanes.header.forward[0], 0
    while node is not None:
        steps += 1
        if steps > 30_000:
            raise Wrong(given, "the pointers of lane 0 run in a circle", "lane 0 ends with None")
        node = node.forward[0]


def _elements(lanes: SkipList) -> list[Element]:
    return [(node.score, node.member) for node in lanes]


def _random_elements(random: Random, count: int) -> list[Element]:
    """Different elements with many equal scores, members of odd bytes, and both infinities."""
    scores = [-math.inf, -2.5, 0.0, 1.0, 1.0, 2.0, 1e17, math.inf]
    members = [b"", b"a", b"A", b"ab", b"\xff", b"\x00", b"10", b"9"]
    names = members + [b"m%d" % number for number in range(count)]
    return [(random.choice(scores), name) for name in random.sample(names, count)]


def _told(elements: list[tuple[float, bytes, int]]) -> str:
    return ", ".join(f"{score:g} {show(member)} height {height}" for score, member, height in elements)


@rebuilt_skiplist.test("insert: lane 0 is in order, equal scores by their bytes")
def insert_orders(case: Case, insert: Callable, delete: Callable, rank: Callable) -> None:
    lanes = _learners(insert, delete, rank)
    elements = [(20.0, b"bob"), (10.0, b"ann"), (20.0, b"Bob"), (20.0, b"bo"), (-1.0, b"zed")]
    for score, member in elements:
        insert(lanes, score, member, 1)
    given = "insert " + ", ".join(f"{score:g} {show(member)}" for score, member in elements)
    _finite(lanes, given)
    case.equal(_elements(lanes), sorted(elements), given=given)
    case.equal(lanes.length, 5, given=f"{given}: lanes.length")


@rebuilt_skiplist.test("insert: every lane, every span")
def insert_lanes(case: Case, insert: Callable, delete: Callable, rank: Callable) -> None:
    fixed = [
        (30.0, b"c", 1),
        (10.0, b"a", 2),
        (40.0, b"d", 3),
        (20.0, b"b", 1),
        (25.0, b"x", 2),
        (5.0, b"0", 4),
    ]
    boards = [fixed]
    for _ in range(12):
        count = case.random.randrange(1, 16)
        boards.append([(*element, _height(case.random)) for element in _random_elements(case.random, count)])
    for board in boards:
        came, due = _learners(insert, delete, rank), _HeightsGiven(Random(0))
        for number, (score, member, height) in enumerate(board, 1):
            insert(came, score, member, height)
            due.insert_height(score, member, height)
            _same_lanes(case, came, due, f"insert {_told(board[:number])}")


@rebuilt_skiplist.test("insert and delete: backward pointers and the tail")
def backward_pointers(case: Case, insert: Callable, delete: Callable, rank: Callable) -> None:
    lanes = _learners(insert, delete, rank)
    elements = [(3.0, b"c", 1), (1.0, b"a", 2), (4.0, b"d", 1), (2.0, b"b", 3)]
    for element in elements:
        insert(lanes, *element)
    _backward(
        case, lanes, [b"a", b"b", b"c", b"d"], f"insert {_told(elements)}; then walk back from lanes.tail"
    )
    for member, left in ((b"d", [b"a", b"b", b"c"]), (b"a", [b"b", b"c"]), (b"c", [b"b"]), (b"b", [])):
        delete(lanes, {b"a": 1.0, b"b": 2.0, b"c": 3.0, b"d": 4.0}[member], member)
        _backward(case, lanes, left, f"... then delete {show(member)}; walk back from lanes.tail")


def _backward(case: Case, lanes: SkipList, members: list[bytes], given: str) -> None:
    came, node = [], lanes.tail
    while node is not None and node is not lanes.header and len(came) <= len(members):
        came.append(node.member)
        node = node.backward
    case.equal(came, members[::-1], given=given)
    case.true(node is None, given, "a pointer to the header", "None before the first element")


@rebuilt_skiplist.test("delete: spans close up, empty lanes go")
def delete_lanes(case: Case, insert: Callable, delete: Callable, rank: Callable) -> None:
    for _ in range(12):
        board = [
            (*element, _height(case.random))
            for element in _random_elements(case.random, case.random.randrange(1, 14))
        ]
        came, due = _learners(insert, delete, rank), _HeightsGiven(Random(0))
        for element in board:
            insert(came, *element)
            due.insert_height(*element)
        _same_lanes(case, came, due, f"insert {_told(board)}")
        for score, member, _height_of in case.random.sample(board, len(board)):
            given = f"{_picture(due)}\ndelete {score:g} {show(member)}"
            answer = delete(came, score, member)
            due.delete(score, member)
            case.true(answer, given, show(answer), "True")
            _same_lanes(case, came, due, given)


@rebuilt_skiplist.test("delete: what isn't there stays out, and nothing changes")
def delete_absent(case: Case, insert: Callable, delete: Callable, rank: Callable) -> None:
    came, due = _learners(insert, delete, rank), _HeightsGiven(Random(0))
    for absent in ((1.0, b"a"), (0.0, b"zz")):
        case.equal(
            bool(delete(came, *absent)), False, given=f"an empty list; delete {absent[0]:g} {absent[1]!r}"
        )
    for element in [(1.0, b"a", 2), (1.0, b"c", 1), (2.0, b"b", 3)]:
        insert(came, *element)
        due.insert_height(*element)
    for score, member in ((1.0, b"b"), (2.0, b"a"), (9.0, b"z"), (1.0, b""), (1.5, b"a")):
        given = f"{_picture(due)}\ndelete {score:g} {show(member)}, which isn't there"
        case.equal(bool(delete(came, score, member)), False, given=given)
        _same_lanes(case, came, due, given)


@rebuilt_skiplist.test("rank: the sum of the spans, from 0")
def rank_sums(case: Case, insert: Callable, delete: Callable, rank: Callable) -> None:
    for _ in range(6):
        board = _random_elements(case.random, case.random.randrange(0, 20))
        lanes = _HeightsGiven(Random(0))
        for element in board:
            lanes.insert_height(*element, _height(case.random))
        for place, (score, member) in enumerate(sorted(board)):
            given = f"{_picture(lanes)}\nrank {score:g} {show(member)}"
            case.equal(rank(lanes, score, member), place, given=given)
        for score, member in ((1.0, b"absent"), (math.inf, b"\xff\xff"), (-3.0, b"a"), (0.5, b"")):
            given = f"{_picture(lanes)}\nrank {score:g} {show(member)}, which isn't there"
            case.equal(rank(lanes, score, member), None, given=given)


@rebuilt_skiplist.test("a search among 4096 visits a few nodes")
def few_hops(case: Case, insert: Callable, delete: Callable, rank: Callable) -> None:
    count = 4096
    lanes = _CountingList.from_sorted([(float(number), b"") for number in range(count)], Random(case.seed))
    most = 3 * math.log2(count)
    probes = [float(case.random.randrange(count)) for _ in range(120)]
    with instruction_budget(20_000_000):
        for name, work in (
            ("rank", lambda score: rank(lanes, score, b"")),
            ("delete", lambda score: delete(lanes, score, b"")),
            ("insert", lambda score: insert(lanes, score, b"+", 1)),
        ):
            visited = 0
            for score in probes:
                _visited.clear()
                work(score)
                visited += len(_visited)
            case.true(
                visited / len(probes) <= most,
                f"{count} elements, {len(probes)} calls of {name}",
                f"{visited / len(probes):.0f} nodes visited in the mean",
                f"at most 3 log2 {count} = {most:.0f}: from the top lane down, not along lane 0",
            )


@rebuilt_skiplist.test("20 000 random operations, beside a sorted list")
def many_operations(case: Case, insert: Callable, delete: Callable, rank: Callable) -> None:
    random, lanes, beside = case.random, _learners(insert, delete, rank), []
    scores: dict[bytes, float] = {}
    with instruction_budget(30_000_000):
        for number in range(20_000):
            member = b"%d" % random.randrange(60)
            given = f"operation {number} of a random run"
            if member not in scores:
                scores[member] = float(random.randrange(25))
                insert(lanes, scores[member], member, _height(random))
                insort(beside, (scores[member], member))
            elif random.random() < 0.5:
                element = (scores[member], member)
                case.equal(
                    rank(lanes, *element), bisect_left(beside, element), given=f"{given}: rank {element}"
                )
            else:
                element = (scores.pop(member), member)
                case.true(delete(lanes, *element), f"{given}: delete {element}", "False", "True")
                beside.remove(element)
            if number % 500 == 0:
                _whole(case, lanes, beside, given)
    _whole(case, lanes, beside, "the end of a random run")


def _whole(case: Case, lanes: SkipList, beside: list[Element], given: str) -> None:
    _finite(lanes, given)
    case.equal(_elements(lanes), beside, given=given)
    try:
        lanes.check()
    except AssertionError as error:
        raise Wrong(
            f"{given}; {len(beside)} elements", f"wrong: {error}", "order, spans, lanes, backward"
        ) from None


@rebuilt_skiplist.test("a live sorted set on your skip list")
def live_sorted_set(case: Case, insert: Callable, delete: Callable, rank: Callable) -> None:
    config = {"zset-max-listpack-entries": 8}
    own, other = case.node(config), case.node(config)
    plug("skiplist", skiplist_of(insert, delete, rank), own)
    _same_replies(case, own, other, _zset_commands(case.random, 900))
    for value in own.node.databases[0].table.values():
        try:
            value.check()
        except AssertionError as error:
            raise Wrong(
                "the sorted sets after 900 commands", f"wrong: {error}", "order, spans, lanes"
            ) from None


def _same_replies(case: Case, own: Embedded, other: Embedded, commands: Iterator[list[Any]]) -> None:
    for words in commands:
        came, due = _reply(own, words), _reply(other, words)
        case.equal(came, due, given="a live node: " + " ".join(map(_word, words)))


def _reply(node: Embedded, words: list[Any]) -> Any:
    try:
        return node.execute(*words)
    except ReplyError as error:
        return f"{error}"


def _word(word: Any) -> str:
    return word.decode("latin-1") if isinstance(word, bytes) else str(word)


def _zset_commands(random: Random, count: int) -> Iterator[list[Any]]:
    """A mix of everything that reads or changes a sorted set."""
    for _ in range(count):
        key, member = random.choice(["a", "b"]), f"m{random.randrange(40)}"
        score, low = random.randrange(-5, 30), random.randrange(-5, 30)
        yield random.choice(
            [
                ["ZADD", key, score, member],
                ["ZADD", key, score, member, low, f"m{random.randrange(40)}"],
                ["ZADD", key, "GT", "CH", score, member],
                ["ZINCRBY", key, random.choice([1, 0.5, -3]), member],
                ["ZREM", key, member],
                ["ZRANK", key, member],
                ["ZREVRANK", key, member],
                ["ZRANGE", key, random.randrange(-10, 10), random.randrange(-10, 30), "WITHSCORES"],
                ["ZRANGE", key, low, low + 8, "BYSCORE", "LIMIT", 1, 4],
                ["ZRANGE", key, f"({low + 9}", low, "BYSCORE", "REV", "WITHSCORES"],
                ["ZCOUNT", key, low, f"({low + 7}"],
                ["ZPOPMIN", key],
                ["ZPOPMAX", key, 2],
                ["ZREMRANGEBYRANK", key, random.randrange(30), random.randrange(32)],
                ["ZREMRANGEBYSCORE", key, low, low + 1],
                ["ZUNIONSTORE", "c", 2, "a", "b", "AGGREGATE", "MAX"],
                ["COPY", key, "d", "REPLACE"],
                ["ZRANGE", random.choice("cd"), 0, -1, "WITHSCORES"],
            ]
        )  # fmt: skip


class _HeightsGiven(SkipList):
    """The engine's skip list, told how tall each node shall be."""

    __slots__ = ("next_height",)

    def insert_height(self, score: float, member: bytes, height: int) -> None:
        self.next_height = height
        self.insert(score, member)

    def random_height(self) -> int:
        return self.next_height


_visited: set[int] = set()


class _CountingNode(SkipListNode):
    """A node that notes when somebody looks at its pointers."""

    __slots__ = ("lanes",)

    @property
    def forward(self) -> list[Any]:  # type: ignore[override]
        _visited.add(id(self))
        return self.lanes

    @forward.setter
    def forward(self, lanes: list[Any]) -> None:
        self.lanes = lanes


class _CountingList(SkipList):
    """The engine's skip list of such nodes."""

    __slots__ = ()

    def _link(self, nodes: Any) -> None:
        super()._link(_CountingNode(node.score, node.member, len(node.forward)) for node in nodes)


# -- 4.4 bounds --------------------------------------------------------------------------------------

bounds = Exercise(
    "4.4",
    "The bounds of ZRANGE BYSCORE and BYLEX",
    kind="rebuild",
    points=4,
    hints=(
        "Read each bound once, when the range is made; the function you answer then only compares. A "
        "bound is a value and a yes or no: is the value itself left out?",
        'Scores: float() reads "inf" and "-inf", but it also reads "nan" and "1_000", which are no '
        "bounds here. Names: - and + are no text at all. One comes before every member, the other after "
        "every member, even where they stand on the wrong side.",
        "Answer -1 when value < minimum (or equal and left out), else 1 when value > maximum (or equal "
        "and left out), else 0. For - and + keep a marker, and decide before any bytes are compared.",
    ),
)

SCORE_WORDS = [
    b"-inf", b"+inf", b"inf", b"(-inf", b"(+inf", b"(inf", b"0", b"-0", b"(0", b"1", b"(1", b"1.5", b"(1.5",
    b"-2", b"(-2", b"1e3", b"(1e3", b"+7", b"(.5",
]  # fmt: skip
SCORES = [-math.inf, -1e300, -2.0, -0.0, 0.0, 0.5, 1.0, 1.5, 1.5000000000000002, 7.0, 1000.0, 1e300, math.inf]
LEX_WORDS = [
    b"-", b"+", b"[", b"(", b"[a", b"(a", b"[b", b"(b", b"[aa", b"(aa", b"[-", b"(-", b"[+", b"(+", b"[[",
    b"([", b"[\xff", b"(\xff", b"[\x00", b"[B", b"[a\x00",
]  # fmt: skip
MEMBERS = [b"", b"\x00", b"+", b"-", b"A", b"B", b"[", b"[a", b"a", b"a\x00", b"aa", b"ab", b"b", b"\xc3\xa9",
           b"\xff", b"\xff\xff"]  # fmt: skip


def _place(function: Any, value: Any, given: str) -> Any:
    came = function(value)
    if came not in (-1, 0, 1) or isinstance(came, bool):
        raise Wrong(given, show(came), "-1, 0 or 1")
    return came


def _grid(
    case: Case, read: Callable, reference: Any, words: list[bytes], values: list[Any], name: str
) -> None:
    for minimum in words:
        for maximum in words:
            place = read(minimum, maximum)
            due = reference.parse(minimum, maximum)
            for value in values:
                given = f"{name}({minimum!r}, {maximum!r}) asked about {value!r}"
                element = (value, b"") if isinstance(value, float) else (0.0, value)
                inside = not due.is_empty() and not due.is_below(*element) and not due.is_above(*element)
                came = _place(place, value, given)
                case.equal(came == 0, inside, given=f"{given}: is it within?")
                if not due.is_empty() and not inside:
                    case.equal(came, -1 if due.is_below(*element) else 1, given=given)


@bounds.test("scores: both ends are included, unless ( leaves one out")
def score_ends(case: Case, score_range: Callable, lex_range: Callable) -> None:
    plain = [b"-2", b"(-2", b"1", b"(1", b"1.5", b"(1.5", b"1e3", b"(.5"]
    _grid(
        case,
        score_range,
        ScoreRange,
        plain,
        [-3.0, -2.0, 0.0, 0.5, 1.0, 1.25, 1.5, 999.0, 1000.0],
        "score_range",
    )


@bounds.test("scores: infinite ends, and scores that are infinite themselves")
def score_grid(case: Case, score_range: Callable, lex_range: Callable) -> None:
    _grid(case, score_range, ScoreRange, SCORE_WORDS, SCORES, "score_range")


@bounds.test("names: [ includes, ( leaves out, bytes decide")
def lex_ends(case: Case, score_range: Callable, lex_range: Callable) -> None:
    plain = [b"[a", b"(a", b"[b", b"(b", b"[aa", b"(aa", b"[B", b"[a\x00", b"[", b"("]
    _grid(
        case, lex_range, LexRange, plain, [b"", b"A", b"B", b"a", b"a\x00", b"aa", b"ab", b"b"], "lex_range"
    )


@bounds.test("names: - and + are before and after every member, on either side")
def lex_grid(case: Case, score_range: Callable, lex_range: Callable) -> None:
    _grid(case, lex_range, LexRange, LEX_WORDS, MEMBERS, "lex_range")


@bounds.test("what is no bound raises ValueError, before any score or name is asked about")
def no_bound(case: Case, score_range: Callable, lex_range: Callable) -> None:
    for word in (b"ten", b"(x", b"[1", b"((1", b"1_000", b"nan", b"(nan", b"1 2"):
        for pair in ((word, b"5"), (b"5", word)):
            case.raises(ValueError, score_range, *pair, given=f"score_range({pair[0]!r}, {pair[1]!r})")
    for word in (b"a", b"", b"--", b"+1", b"-a", b"1"):
        for pair in ((word, b"+"), (b"-", word)):
            case.raises(ValueError, lex_range, *pair, given=f"lex_range({pair[0]!r}, {pair[1]!r})")


@bounds.test("a live node's range commands go by your bounds")
def live_ranges(case: Case, score_range: Callable, lex_range: Callable) -> None:
    for entries in (0, 128):
        config = {"zset-max-listpack-entries": entries}
        own, other = case.node(config), case.node(config)
        plug("ranges", (score_range, lex_range), own)
        for node in (own, other):
            for number, score in enumerate(SCORES):
                node.execute("ZADD", "scores", score, f"m{number}")
            for member in MEMBERS:
                node.execute("ZADD", "names", 0, member)
        _same_replies(case, own, other, _range_commands(case.random, 250))


def _range_commands(random: Random, count: int) -> Iterator[list[Any]]:
    for _ in range(count):
        by, key, words = random.choice([("SCORE", "scores", SCORE_WORDS), ("LEX", "names", LEX_WORDS)])
        low, high = random.choice(words), random.choice(words)
        counting = "ZCOUNT" if by == "SCORE" else "ZLEXCOUNT"
        limit = ["LIMIT", random.randrange(3), random.randrange(-1, 5)] if random.random() < 0.4 else []
        yield random.choice(
            [
                [counting, key, low, high],
                [f"ZRANGEBY{by}", key, low, high, *limit],
                [f"ZREVRANGEBY{by}", key, high, low, *limit],
                ["ZRANGE", key, low, high, f"BY{by}", *limit],
                ["ZRANGE", key, high, low, f"BY{by}", "REV", *limit],
            ]
        )
        if random.random() < 0.03:
            yield [f"ZREMRANGEBY{by}", key, low, high]

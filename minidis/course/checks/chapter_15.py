"""Checks of chapter 15: a cache that bears stampedes, late writers and a dead Redis; sessions.

Read next: minidis/course/models/cached.py, minidis/course/fixtures/stage.py;
chapter_15_limits.py for the limiters.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from unittest import mock

from minidis.course.case import Case
from minidis.course.exercise import Exercise, Wrong, show
from minidis.course.fixtures.stage import Stage, stage
from minidis.course.models.cached import SlowDatabase
from minidis.course.models.interleaving import explore
from minidis.course.models.interrupting import after_each_command, at_every_point, immortal_keys, ready
from minidis.course.models.limiting import bytes_of_keys
from minidis.drivers.simulation.tasks import Task

# -- 15.3 ----------------------------------------------------------------------------------------------------

cache = Exercise(
    "15.3",
    "A get_user that can't be stampeded",
    kind="use",
    points=8,
    hints=(
        "On a miss SET lease token NX PX: who gets it asks the database, the others look into the cache "
        "again after a few hundredths of a second, but not for ever. The cached text of None is `null`, and "
        "json.loads gives it back: compare what GET answered with None, and give it a short time to live.",
        "The late writer: save_user deletes the key AND the lease, in one DEL, after the database has the "
        "row. A reader stores what he got only if the lease still holds his token; a script looks and "
        "stores at one moment.",
        "Every command may raise redis.RedisError: while looking -> return database.get_user(user_id); while "
        "storing -> pass, for the row is in your hand. The lease has a time to live of a second or so, and "
        "who has waited longer than that asks the database himself.",
    ),
)

ANN, ANNA, ANNABEL = ({"id": 1, "name": name, "tags": ["a", "b"]} for name in ("Ann", "Anna", "Annabel"))


class Shop:
    """Machines that read users through the answer's functions."""

    def __init__(self, one: Stage, get: Callable, save: Callable, ttl_s: int = 60) -> None:
        self.one, self.get, self.save, self.ttl_s = one, get, save, ttl_s
        self.database = SlowDatabase(one.lab, {1: ANN}, takes_s=0.3)
        self.reads: list[tuple[float, float, str, Any]] = []  # begun, ended, machine, row
        self.tasks: list[Task] = []
        self.saved: list[tuple[float, Any]] = []  # when save_user returned, and what it saved
        self._clients: dict[str, Any] = {}

    def client(self, machine: str) -> Any:
        if machine not in self._clients:
            timeouts = {"socket_timeout": 0.1, "socket_connect_timeout": 0.1}
            self._clients[machine] = self.one.limited(self.one.lab.client("redis", machine, **timeouts))
        return self._clients[machine]

    def read(self, machine: str, at_s: float, user_id: int = 1) -> Task:
        """Let a machine read a user, `at_s` seconds after the beginning."""

        def job() -> None:
            begun_s = self.one.lab.now_s
            row = self.get(self.client(machine), self.database, user_id, self.ttl_s)
            self.reads.append((begun_s, self.one.lab.now_s, machine, row))

        return self._later(machine, job, at_s)

    def change(self, machine: str, at_s: float, row: Any, user_id: int = 1) -> Task:
        def job() -> None:
            self.save(self.client(machine), self.database, user_id, dict(row))
            self.saved.append((self.one.lab.now_s, row))

        return self._later(machine, job, at_s)

    def _later(self, machine: str, job: Callable[[], None], at_s: float) -> Task:
        task = self.one.spawn(machine, job, after=max(0.0, at_s - self.one.lab.now_s))
        self.tasks.append(task)
        return task

    def run_to(self, at_s: float, given: str, but: tuple[Task, ...] = ()) -> None:
        """Let time pass until then; all that was asked for must have come to an end (`but` for some)."""
        self.one.run(max(0.0, at_s - self.one.lab.now_s))
        for task in self.tasks:
            if task not in but:
                self.one.answer(task, f"{task.machine.name} still waits at {at_s:g} s", given)

    def questions(self) -> int:
        return len(self.database.queries)


@contextmanager
def shop(case: Case, get: Callable, save: Callable, ttl_s: int = 60, seed: int = 0) -> Iterator[Shop]:
    with stage(case, seed=seed) as one:
        yield Shop(one, get, save, ttl_s)


@cache.test("a miss asks the database, a hit doesn't; the row is the row")
def hits(case: Case, get: Callable, save: Callable) -> None:
    with shop(case, get, save) as one:
        for number in range(5):
            one.read("web", 1 + number)
        given = "ttl_s=60, five reads of user 1, one a second"
        one.run_to(10, given)
        for begun_s, _, _, row in one.reads:
            case.equal(row, ANN, given=f"{given}; the row at {begun_s:g} s")
        case.equal(one.questions(), 1, given=f"{given}; questions to the database")
        one.read("web", 75)
        one.run_to(80, given)
        case.equal(one.questions(), 2, given=f"{given}, and one 75 s after the first; questions")
        database = one.one.lab["redis"].databases[0]
        case.true(len(database.table) > 0, given, "nothing is in Redis", "the row, for all web servers")
        for key in database.table:
            case.true(key in database.expires, given, f"{key.decode()} lives for ever", "a time to live")


@cache.test("fifty readers in one tick: one question, and nobody waits long")
def stampede(case: Case, get: Callable, save: Callable) -> None:
    with shop(case, get, save, ttl_s=2) as one:
        for number in range(50):
            one.read(f"web{number}", 1)
        given = "50 readers in one tick, nothing is cached"
        one.run_to(6, given)
        case.equal(one.questions(), 1, given=f"{given}; questions to the database")
        for begun_s, ended_s, machine, row in one.reads:
            case.equal(row, ANN, given=f"{given}; what {machine} got")
            took_s = ended_s - begun_s
            case.true(took_s < 1.3, given, f"{machine} waited for {took_s:.1f} s", "about a second at most")
    with shop(case, get, save, ttl_s=1) as one:
        for number in range(8):
            for step in range(12):
                one.read(f"web{number}", 1 + 0.25 * step)
        given = "8 readers every quarter of a second for 3 s, ttl_s=1"
        one.run_to(6, given)
        busiest = one.database.busiest()
        case.equal(busiest, 1, given=f"{given}; questions to the database at the same time, at most")
        case.true(one.questions() <= 5, given, f"{one.questions()} questions", "one per expiry")


@cache.test("a user who doesn't exist: remembered for a short time, there when he is saved")
def nobody(case: Case, get: Callable, save: Callable) -> None:
    with shop(case, get, save, ttl_s=3600) as one:
        for number in range(10):
            one.read(f"web{number}", 1, user_id=9)
        one.read("web0", 5, user_id=9)
        given = "ttl_s=3600; ten readers in one tick of a user who doesn't exist, and one 4 s later"
        one.run_to(8, given)
        case.equal([row for *_, row in one.reads], [None] * 11, given=f"{given}; what they got")
        case.equal(one.questions(), 1, given=f"{given}; questions to the database")
        one.change("bob", 10, {"id": 9, "name": "Guy"}, user_id=9)
        one.read("web1", 11, user_id=9)
        one.run_to(14, given)
        due = {"id": 9, "name": "Guy"}
        case.equal(one.reads[-1][3], due, given=f"{given}; save_user at 10 s; the row at 11 s")
    with shop(case, get, save, ttl_s=3600) as one:
        one.read("web", 1, user_id=9)
        one.run_to(3, "one read of a user who doesn't exist")
        one.one.spawn("bob", one.database.save_user, 9, {"id": 9})
        one.read("web", 65, user_id=9)
        given = (
            "ttl_s=3600; nobody at 1 s; another program stores him at 3 s, without save_user; read at 65 s"
        )
        one.run_to(68, given)
        case.equal(one.reads[-1][3], {"id": 9}, given=given)


@cache.test("no old answer after save_user, however late a reader is")
def late_writers(case: Case, get: Callable, save: Callable) -> None:
    for seed in range(3):
        with shop(case, get, save, ttl_s=60, seed=seed) as one:
            draw = random.Random(case.seed * 100 + seed).uniform
            starts_s, changes_s = draw(1, 1.2), [draw(1.15, 1.4), draw(2.5, 2.7)]
            one.read("ann", starts_s)
            one.one.lab.delay("ann", "redis", "40ms")  # a slow reader
            one.read("dan", changes_s[1] - draw(0, 0.3))
            for changed_s, row in zip(changes_s, (ANNA, ANNABEL), strict=True):
                one.change("bob", changed_s, row)
            for number in range(24):
                one.read(f"web{number % 3}", 1.3 + 0.15 * number)
            given = (
                f"ann reads at {starts_s:.2f} s over a slow link; bob saves at {changes_s[0]:.2f} s and at "
                f"{changes_s[1]:.2f} s"
            )
            one.run_to(8, given)
            for begun_s, _, machine, row in one.reads:
                known = [saved for returned_s, saved in one.saved if returned_s < begun_s]
                allowed = [ANN, ANNA, ANNABEL][len(known) :]
                if row not in allowed:
                    came = f"{show(row)} for {machine} at {begun_s:.2f} s"
                    raise Wrong(given, came, f"{show(allowed[0])}: save_user had returned")


@cache.test("who asks for all may die: the others are served")
def dies(case: Case, get: Callable, save: Callable) -> None:
    with shop(case, get, save) as one:
        gone = one.read("ann", 1)
        for number in range(8):
            one.read(f"web{number}", 1.2)
        one.one.run("1.15s")
        one.one.lab.kill("ann")
        given = "ann asks at 1 s and dies at 1.15 s; eight others come at 1.2 s"
        one.run_to(7, given, but=(gone,))
        case.equal([row for *_, row in one.reads], [ANN] * 8, given=f"{given}; what the eight got")
        slowest_s = max(ended_s - begun_s for begun_s, ended_s, *_ in one.reads)
        case.true(slowest_s < 5, given, f"the last one waited for {slowest_s:.1f} s", "some seconds at most")
        before = one.questions()
        one.read("eve", 8)
        one.run_to(9, given)
        case.equal(one.questions() - before, 0, given=f"{given}; questions for a read at 8 s")


@cache.test("Redis is down, stands still, or dies in the middle: users are served all the same")
def outages(case: Case, get: Callable, save: Callable) -> None:
    for fault, word in (("kill", "is down"), ("pause", "stands still")):
        for at_s in (0.5, 1.1):
            with shop(case, get, save) as one:
                for number in range(3):
                    one.read(f"web{number}", 1 + 0.01 * number)
                one.read("eve", 4)
                one.change("bob", 5, ANNA)
                one.read("eve", 6)
                given = f"Redis {word} from {at_s} s on; reads at 1 and 4 s, save_user at 5 s, a read at 6 s"
                one.one.run(at_s)
                getattr(one.one.lab, fault)("redis")
                one.run_to(10, given)
                rows = [row for *_, row in sorted(one.reads, key=lambda read: read[0])]
                case.equal(rows, [ANN] * 4 + [ANNA], given=f"{given}; the rows")
                slowest_s = max(ended_s - begun_s for begun_s, ended_s, *_ in one.reads)
                case.true(slowest_s < 2, given, f"a read took {slowest_s:.1f} s", "less than two seconds")
                case.equal(one.database.row(1), ANNA, given=f"{given}; the database's row")
                (one.one.lab.restart if fault == "kill" else one.one.lab.resume)("redis")
                one.read("eve", 14)
                one.run_to(16, given)
                before = one.questions()
                one.read("eve", 17)
                one.run_to(19, given)
                given = f"Redis {word} from {at_s} to 10 s; reads at 14 and 17 s"
                case.equal(one.questions() - before, 0, given=f"{given}; questions for the last one")


# -- 15.4 ----------------------------------------------------------------------------------------------------

sessions = Exercise(
    "15.4",
    "Sessions",
    kind="use",
    points=8,
    hints=(
        "A hash for each session, so that HSET changes one field. But HSET makes a new hash where there is "
        "none, without a time to live: whoever changes must look and set at one moment, in a script.",
        "Beside them a set of ids for each user, with a time to live of its own that is renewed whenever one "
        "of the sessions is. Members whose sessions have died by themselves must go: clear them away "
        "at the next login.",
        "log_in: one script for HSET, EXPIRE, SADD, EXPIRE. log_out_everywhere: one script that deletes "
        "each session of the set (counting DEL's answers) and the set. Ids: secrets.token_urlsafe(32).",
    ),
)

IDLE_S = 100


def _log_in(log_in: Callable, redis: Any, user: str = "ann") -> Any:
    session_id = log_in(redis, user, IDLE_S)
    if not isinstance(session_id, str | bytes) or not session_id:
        raise Wrong(f"log_in(redis, {user!r}, {IDLE_S})", show(session_id), "an id: a str")
    return session_id


@sessions.test("log in, change, load, log out")
def at_work(
    case: Case, log_in: Callable, load: Callable, change: Callable, log_out: Callable, everywhere: Callable
) -> None:
    redis = case.redis()
    ann, bob = _log_in(log_in, redis), _log_in(log_in, redis, "bob")
    case.true(redis.dbsize() > 0, "two logins", "nothing is in Redis", "both sessions, for all web servers")
    case.equal(load(redis, ann, IDLE_S), {"user": "ann"}, given="load after log_in of ann")
    fields = {"theme": "dark", "cart": "3 é"}
    case.equal(change(redis, ann, IDLE_S, fields), True, given=f"change(..., {fields})")
    case.equal(change(redis, ann, IDLE_S, {"cart": "4"}), True, given="change(..., {'cart': '4'})")
    due = {"user": "ann", "theme": "dark", "cart": "4"}
    case.equal(load(redis, ann, IDLE_S), due, given="load after two changes")
    log_out(redis, ann)
    case.equal(load(redis, ann, IDLE_S), None, given="load after log_out")
    case.equal(change(redis, ann, IDLE_S, {"cart": "5"}), False, given="change after log_out")
    case.equal(load(redis, ann, IDLE_S), None, given="load after log_out and change")
    case.equal(load(redis, "nonsense", IDLE_S), None, given="load of an id that nobody has")
    case.equal(load(redis, bob, IDLE_S), {"user": "bob"}, given="load of bob, ann having logged out")


@sessions.test("it slides, it ends, and no key is ever without an end")
def slides(
    case: Case, log_in: Callable, load: Callable, change: Callable, log_out: Callable, everywhere: Callable
) -> None:
    node = case.node()
    redis = ready(case, node)

    def look(count: int) -> None:
        for key in immortal_keys(node):
            sent = b" ".join(case.commands(node)[-1])[:60].decode("utf-8", "replace")
            raise Wrong(
                f"the keys after your command {sent}", f"{key.decode()} lives for ever", "a time to live"
            )

    stop = after_each_command(node, look)
    ann = _log_in(log_in, redis)
    for number in range(4):
        node.jump(node.now_us + round(0.9 * IDLE_S) * 1_000_000)
        given = f"an idle time of {IDLE_S} s, a call each {0.9 * IDLE_S:g} s; number {number + 1}"
        if number % 2:
            case.equal(change(redis, ann, IDLE_S, {"n": str(number)}), True, given=f"{given}, change")
        else:
            case.true(load(redis, ann, IDLE_S) is not None, f"{given}, load", "None", "the session")
    case.equal(everywhere(redis, "ann"), 1, given="then log_out_everywhere(redis, 'ann')")
    ann = _log_in(log_in, redis)
    node.jump(node.now_us + (IDLE_S + 1) * 1_000_000)
    case.equal(
        load(redis, ann, IDLE_S), None, given=f"load {IDLE_S + 1} s after log_in, idle time {IDLE_S} s"
    )
    case.equal(change(redis, ann, IDLE_S, {"n": "1"}), False, given=f"change {IDLE_S + 1} s after log_in")
    node.jump(node.now_us + 2 * IDLE_S * 1_000_000)
    node.step(1)  # the active cycle
    case.equal(redis.dbsize(), 0, given="DBSIZE, two idle times later")
    stop()


@sessions.test("two requests change different fields, in every order of their commands")
def no_lost_updates(
    case: Case, log_in: Callable, load: Callable, change: Callable, log_out: Callable, everywhere: Callable
) -> None:
    _explore(
        case,
        log_in,
        {
            "tab 1": lambda redis, ann: change(redis, ann, IDLE_S, {"cart": "1"}),
            "tab 2": lambda redis, ann: change(redis, ann, IDLE_S, {"theme": "dark"}),
        },
        lambda redis, ann: load(redis, ann, IDLE_S),
        [{"user": "ann", "cart": "1", "theme": "dark"}],
    )


@sessions.test("a request under way brings no session back")
def stays_out(
    case: Case, log_in: Callable, load: Callable, change: Callable, log_out: Callable, everywhere: Callable
) -> None:
    ways_out: dict[str, Callable] = {
        "log_out": lambda redis, ann: log_out(redis, ann),
        "log_out_everywhere": lambda redis, ann: everywhere(redis, "ann"),
    }
    requests: dict[str, Callable] = {
        "change": lambda redis, ann: change(redis, ann, IDLE_S, {"cart": "1"}),
        "load": lambda redis, ann: load(redis, ann, IDLE_S),
    }
    for out in ways_out:
        for request in requests:
            programs = {out: ways_out[out], request: requests[request]}
            _explore(case, log_in, programs, lambda redis, ann: load(redis, ann, IDLE_S), [None])


def _explore(
    case: Case, log_in: Callable, programs: dict[str, Callable], look: Callable, due: list[Any]
) -> None:
    """Every order of the programs' commands, on a node where ann has logged in; what `look` finds then."""
    node = case.node()
    ann = _log_in(log_in, case.redis(node))
    setup = [_restoring(node, key) for key in node.node.databases[0].table]
    found = explore(
        {name: lambda redis, program=program: program(redis, ann) for name, program in programs.items()},
        setup,
        lambda redis, results: _outcome(results, lambda: look(redis, ann)),
        new_client=case.redis,
    )
    for outcome in found.outcomes:
        if outcome not in map(_words, due):
            order = " | ".join(
                f"{step.client}: {_sent(step.argv)}" for step in found.steps(found.shortest(outcome))
            )
            raise Wrong(f"{' and '.join(programs)} at the same time: {order}", outcome, _words(due[0]))


def _words(session: Any) -> str:
    """A session in words, its fields in order of their names."""
    return show(dict(sorted(session.items())) if isinstance(session, dict) else session)


def _sent(argv: Any) -> str:
    """A command, short: of a script only that it is one."""
    words = [word.decode("utf-8", "replace") for word in argv]
    if words[0].upper() in ("EVAL", "EVALSHA", "SCRIPT"):
        words[1] = "..."
    return " ".join(words)[:80]


def _restoring(node: Any, key: bytes) -> str:
    """A line of a setup that puts a key of `node` there, as it is."""
    payload = node.execute("DUMP", key)
    quoted = "".join(f"\\x{byte:02x}" for byte in payload)
    return f'RESTORE "{key.decode()}" {node.execute("PTTL", key)} "{quoted}"'


def _outcome(results: Any, look: Callable[[], Any]) -> str:
    for name, result in results.items():
        if isinstance(result, Exception):
            return f"{name}: {type(result).__name__}: {result}"
    try:
        return _words(look())
    except Exception as error:
        return f"load, afterwards: {type(error).__name__}: {error}"


@sessions.test("everywhere: all of ann's, none of bob's, and what is dead isn't counted")
def all_of_them(
    case: Case, log_in: Callable, load: Callable, change: Callable, log_out: Callable, everywhere: Callable
) -> None:
    node = case.node()
    redis = case.redis(node)
    count = case.random.randint(2, 5)
    _log_in(log_in, redis)  # dies by itself
    node.jump(node.now_us + (IDLE_S + 1) * 1_000_000)
    bob = _log_in(log_in, redis, "bob")
    anns = [_log_in(log_in, redis) for _ in range(count)]
    log_out(redis, anns[0])
    given = f"one of ann's sessions has expired, {count} are new, one of them logged out; log_out_everywhere"
    case.equal(everywhere(redis, "ann"), count - 1, given=given)
    case.equal([load(redis, ann, IDLE_S) for ann in anns], [None] * count, given=f"{given}; her sessions")
    case.equal(load(redis, bob, IDLE_S), {"user": "bob"}, given=f"{given}; bob's session")
    case.equal(everywhere(redis, "ann"), 0, given=f"{given}, twice")
    again = _log_in(log_in, redis)
    case.equal(load(redis, again, IDLE_S), {"user": "ann"}, given=f"{given}, then log_in and load")


@sessions.test("everywhere, while somebody logs in: ended, or to be ended by the next one")
def while_logging_in(
    case: Case, log_in: Callable, load: Callable, change: Callable, log_out: Callable, everywhere: Callable
) -> None:
    def prepare(redis: Any) -> None:
        _log_in(log_in, redis)

    def new_one(redis: Any) -> Any:
        return _log_in(log_in, redis)

    def end_all(redis: Any) -> Any:
        return everywhere(redis, "ann")

    for names, one, other in (
        ("log_in, and log_out_everywhere", new_one, end_all),
        ("log_out_everywhere, and log_in", end_all, new_one),
        ("log_in, and log_in", new_one, new_one),
    ):
        for given, *replies in at_every_point(case, prepare, one, other):
            redis, given = case.redis(case.nodes[-1]), f"{names}; {given}"
            new = [session_id for session_id in replies if isinstance(session_id, str | bytes)]
            for session_id in new:
                alive = load(redis, session_id, IDLE_S)
                case.true(alive in (None, {"user": "ann"}), given, show(alive), "None, or the whole session")
            everywhere(redis, "ann")
            left = [load(redis, session_id, IDLE_S) for session_id in new]
            case.equal(left, [None] * len(new), given=f"{given}; log_out_everywhere once more, then load")


@sessions.test("what is kept beside the sessions doesn't grow with logins of the past")
def no_growth(
    case: Case, log_in: Callable, load: Callable, change: Callable, log_out: Callable, everywhere: Callable
) -> None:
    node = case.node()
    redis, sizes = case.redis(node), []
    for number in range(30):
        _log_in(log_in, redis)
        node.jump(node.now_us + round(0.6 * IDLE_S) * 1_000_000)
        sizes.append(bytes_of_keys(node))
        if number == 5:
            largest = max(sizes)
    given = f"30 logins of ann, one each {0.6 * IDLE_S:g} s, an idle time of {IDLE_S} s"
    case.true(
        sizes[-1] < 2 * largest, given, f"{sizes[-1]} bytes in Redis, after 6 logins {largest}", "no more"
    )


@sessions.test("an id can't be guessed")
def ids(
    case: Case, log_in: Callable, load: Callable, change: Callable, log_out: Callable, everywhere: Callable
) -> None:
    found, redis = [], case.redis()
    before = random.getstate()
    try:
        with mock.patch.object(time, "time", lambda: 1.0), mock.patch.object(time, "time_ns", lambda: 10**9):
            for _ in range(20):
                random.seed(7)
                session_id = _log_in(log_in, redis)
                found.append(session_id.decode() if isinstance(session_id, bytes) else session_id)
    finally:
        random.setstate(before)
    given = "20 logins, each after random.seed(7), the clock standing still"
    case.equal(len(set(found)), 20, given=f"{given}; how many different ids")
    for session_id in found:
        case.true(len(session_id) >= 22, "an id", show(session_id), "22 characters or more: 128 bits")
        case.true("ann" not in session_id[:8], "an id of ann", show(session_id), "no user's name in it")
    drawn = sum(len(set(letters)) > 1 for letters in zip(*found, strict=False))
    came = f"only {drawn} of {len(found[0])} characters differ: {found[0]}, {found[1]}"
    case.true(drawn >= 22, given, came, "22 or more that nobody knows")

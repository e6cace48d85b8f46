"""Chapter 12: replication."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from redis.exceptions import RedisError

from minidis.course.case import Case
from minidis.course.exercise import Exercise, show
from minidis.course.fixtures.machine import settings_of
from minidis.course.fixtures.replica_faults import FAULTS, Play
from minidis.course.parts import plugged
from minidis.distributed.replication.backlog import Backlog

SYNC_AT_ONCE = {"repl-diskless-sync-delay": 0}


def set_up(case: Case, names: str = "ab", **config: Any) -> Any:
    """A lab in which all follow the first, and are up to date."""
    lab = case.lab()
    lab.nodes(*names, config=SYNC_AT_ONCE | {key.replace("_", "-"): value for key, value in config.items()})
    for name in names[1:]:
        lab.call(name, "REPLICAOF", names[0], 6379)
    lab.run("1500ms")
    return lab


# -- 12.1 --------------------------------------------------------------------------------------------

read_your_writes = Exercise(
    "12.1",
    "Read your own writes",
    kind="use",
    points=5,
    hints=(
        "How far has the stream come that holds your write? INFO replication of the primary says so in "
        "master_repl_offset, *after* the write. How far is the replica? Its slave_repl_offset.",
        "An offset means something only within one history: compare master_replid as well. A session that "
        "has seen nothing of the primary yet needs to ask nobody.",
        "Keep (master_replid, master_repl_offset) after each write and after each read that the primary "
        "had to answer: you have seen that, too. Any RedisError of the replica sends you to the primary.",
    ),
)

PATIENCE_S = 0.2
MOST_COMMANDS = 3


class Household:
    """A primary a, a replica b, and records of what each is asked by the app."""

    def __init__(self, case: Case, make: Any, lab: Any = None) -> None:
        self.case, self.make = case, make
        self.lab = lab or set_up(case)
        self.asked: dict[str, list[list[bytes]]] = {"a": [], "b": []}
        for name, record in self.asked.items():
            self.lab[name].listen_to_commands(self._listener(record))

    def _listener(self, record: list[list[bytes]]) -> Callable[..., None]:
        def listen(client: Any, argv: list[bytes], reply: Any) -> None:
            if not client.role and argv[0].upper() not in (b"HELLO", b"CLIENT"):
                record.append([argv[0].upper(), *argv[1:]])

        return listen

    def session(self) -> Any:
        """A session of the learner's, with clients of its own."""
        primary = self.case.at(self.lab, "a", socket_timeout=PATIENCE_S)
        return self.make(primary, self.case.at(self.lab, "b", socket_timeout=PATIENCE_S))

    def others_write(self, *words: Any) -> None:
        """Somebody else, at the primary."""
        self.lab.call("a", *words)

    def forget(self) -> None:
        for record in self.asked.values():
            record.clear()

    def count(self, node: str, command: bytes | None = None) -> int:
        return sum(command is None or argv[0] == command for argv in self.asked[node])


@read_your_writes.test("what you wrote is what you read, whatever the lag")
def own_writes(case: Case, make: Any) -> None:
    home = Household(case, make)
    session = home.session()
    for number in range(40):
        if number % 8 == 0:
            home.lab.delay("a", "b", case.random.choice((0.001, 0.004, 0.03, 0.25)))
        session.write("SET", "profile", number)
        case.equal(
            session.read("GET", "profile"),
            b"%d" % number,
            f"write('SET', 'profile', {number}), then read('GET', 'profile'), on a link of changing latency",
        )
    case.equal(session.write("INCR", "n"), 1, "the reply of write('INCR', 'n')")
    case.equal(session.read("GET", "profile"), b"39", "read('GET', 'profile') after a write of another key")


@read_your_writes.test("the replica answers as soon as it can")
def replica_answers(case: Case, make: Any) -> None:
    home = Household(case, make)
    session = home.session()
    session.write("SET", "k", "v")
    home.lab.run("100ms")
    home.forget()
    for _ in range(5):
        case.equal(session.read("GET", "k"), b"v", "write, 100 ms, read")
    case.equal(home.count("a"), 0, "write, 100 ms, then five reads; commands that the primary got for them")
    case.equal(home.count("b", b"GET"), 5, "write, 100 ms, then five reads; GETs at the replica")


@read_your_writes.test("others' writes are no reason to trouble the primary")
def others(case: Case, make: Any) -> None:
    home = Household(case, make)
    home.lab.delay("a", "b", "250ms")
    home.others_write("SET", "news", 1)
    home.forget()
    session = home.session()
    case.equal(session.read("GET", "news"), None, "a new session reads what somebody else has just written")
    case.equal(home.count("a"), 0, "a new session's read, on a slow link; commands that the primary got")
    session.write("SET", "mine", 1)
    home.lab.run("600ms")
    home.others_write("SET", "news", 2)
    home.forget()
    case.equal(
        session.read("GET", "mine"), b"1", "a read 600 ms after the write; somebody else goes on writing"
    )
    case.equal(home.count("a"), 0, "a read of what the replica has; commands that the primary got")


@read_your_writes.test("nobody waits")
def nobody_waits(case: Case, make: Any) -> None:
    home = Household(case, make)
    session = home.session()
    session.read("GET", "k")
    home.lab.partition("a", "b")
    for number in range(5):
        home.forget()
        began_s = home.lab.now_s
        session.write("SET", "k", number)
        given = f"write('SET', 'k', {number}) while the link between primary and replica is cut"
        _at_once(case, home, began_s, given)
        home.forget()
        began_s = home.lab.now_s
        case.equal(session.read("GET", "k"), b"%d" % number, f"{given}; then read('GET', 'k')")
        _at_once(case, home, began_s, f"{given}; then read('GET', 'k')")


def _at_once(case: Case, home: Household, began_s: float, given: str) -> None:
    took_s = home.lab.now_s - began_s
    case.true(took_s < 0.1, given, f"an answer after {took_s:.1f} s", "an answer at once")
    sent = home.count("a") + home.count("b")
    case.true(sent <= MOST_COMMANDS, given, f"{sent} commands", f"{MOST_COMMANDS} at most")
    case.equal(home.count("a", b"WAIT"), 0, f"{given}; how many WAITs")


@read_your_writes.test("a replica that is gone")
def replica_gone(case: Case, make: Any) -> None:
    home = Household(case, make)
    session = home.session()
    session.write("SET", "k", "v")
    home.lab.run("100ms")
    case.equal(session.read("GET", "k"), b"v", "write, 100 ms, read")
    home.lab.kill("b")
    home.lab.run("10ms")
    case.equal(session.read("GET", "k"), b"v", "the replica was killed; read('GET', 'k')")
    home.lab.restart("b")  # it comes back as a server of its own, and empty
    home.lab.run("100ms")
    case.equal(
        session.read("GET", "k"), b"v", "the replica was started again, with nothing; read('GET', 'k')"
    )
    home.lab.pause("b")
    case.equal(session.read("GET", "k"), b"v", "the replica is stopped; read('GET', 'k')")


@read_your_writes.test("time does not run backwards")
def monotonic(case: Case, make: Any) -> None:
    home = Household(case, make)
    session = home.session()
    home.lab.delay("a", "b", "300ms")
    session.write("SET", "mine", 1)
    home.lab.run("150ms")
    home.others_write("SET", "visits", 7)
    given = "a link of 300 ms: write('SET', 'mine', 1); 150 ms later somebody sets visits to 7"
    case.equal(session.read("GET", "visits"), b"7", f"{given}; the primary must answer read('GET', 'visits')")
    for _ in range(12):
        home.lab.run("30ms")
        case.equal(session.read("GET", "visits"), b"7", f"{given}; seen once, read again a little later")


@read_your_writes.test("an offset of another history says nothing")
def other_history(case: Case, make: Any) -> None:
    lab = set_up(case, "ab")
    lab.node("c", SYNC_AT_ONCE)
    home = Household(case, make, lab)
    session = home.session()
    session.write("SET", "k", "old")
    lab.run("100ms")
    lab.call("b", "REPLICAOF", "c", 6379)  # an operator's mistake
    lab.run("1500ms")
    for number in range(30):
        lab.call("c", "SET", f"filler:{number}", "x" * 100)
    lab.run("100ms")
    given = "the replica was made to follow another primary, and is far in *its* stream"
    case.equal(session.read("GET", "k"), b"old", f"{given}; read('GET', 'k')")
    session.write("SET", "k", "new")
    case.equal(session.read("GET", "k"), b"new", f"{given}; write('SET', 'k', 'new'), read('GET', 'k')")


# -- 12.2 --------------------------------------------------------------------------------------------

no_write_lost = Exercise(
    "12.2",
    "No acknowledged write lost",
    kind="use",
    points=5,
    hints=(
        "Two different promises: what survives on the primary's own disk, and what is on another machine "
        "when the primary's is gone. write must know of both before it says True.",
        "An OK comes after the sync only with appendfsync always. WAIT answers how many replicas have it; "
        "less than you asked for is no promise. Two replicas are too many to ask for, since one may be away.",
        "appendonly yes, appendfsync always, min-replicas-to-write 1, min-replicas-max-lag 5 (not 10: "
        "whole seconds, and more than so many). write: redis.set(...), then redis.wait(1, 500) >= 1. And "
        "which fault takes every copy that exists at that moment?",
    ),
)


def played(case: Case, fault: str, conf: str, write: Any) -> Play:
    """One fault, with the learner's settings and his write."""
    return Play(case, conf, write).run(fault)


def check_play(case: Case, play: Play) -> None:
    """Nothing promised is lost, and something was promised."""
    given = f"fault: {play.fault}"
    case.true(play.promised, given, "write promised nothing, before or after it", "True for a safe write")
    case.true(
        not play.lost,
        given,
        f"{len(play.lost)} of {len(play.promised)} promised writes are lost: {show(play.lost, 80)}",
        "none",
    )


def _fault_test(fault: str) -> Callable[..., None]:
    def test(case: Case, conf: str, write: Any, beyond: str) -> None:
        check_play(case, played(case, fault, conf, write))

    return test


for _fault in list(FAULTS)[:4]:
    no_write_lost.test(_fault)(_fault_test(_fault))


@no_write_lost.test("a replica's maintenance stops nobody")
def maintenance(case: Case, conf: str, write: Any, beyond: str) -> None:
    play = Play(case, conf, write)
    play.lab.kill("b")
    play.lab.run("1s")
    promises = [play.write() for _ in range(5)]
    case.true(
        all(promises), "replica b is down, c is well; five writes", f"{sum(promises)} True", "5 times True"
    )
    play.lab.kill("c")
    play.lab.run("1s")
    case.equal(play.write(), False, "both replicas are down: write(...)")


@no_write_lost.test("a primary that is alone stops by itself")
def alone(case: Case, conf: str, write: Any, beyond: str) -> None:
    play = Play(case, conf, write)
    play.lab.partition("a")
    play.lab.run("10s")
    redis = case.at(play.lab, "a", "old-client")
    try:
        came = show(redis.set("k", "of a client that never asks WAIT"))
    except RedisError as error:
        came = str(error)
    case.true(
        came.startswith("NOREPLICAS") or "Not enough good replicas" in came,
        "the primary is cut off from its replicas for 10 s; a plain SET of another client",
        came,
        "a refusal: NOREPLICAS",
    )


def uncommented(text: str) -> str:
    """What a text of several lines says, without its comments and blank lines."""
    lines = (line.strip() for line in text.splitlines())
    return " ".join(line for line in lines if line and not line.startswith("#"))


@no_write_lost.test("the fault that is beyond these settings")
def beyond_them(case: Case, conf: str, write: Any, beyond: str) -> None:
    settings_of(conf)
    beyond = uncommented(beyond)
    case.true(beyond in FAULTS, "your beyond", show(beyond), f"one of FAULTS: {', '.join(FAULTS)}")
    play = played(case, beyond, conf, write)
    case.true(
        play.lost,
        f"the fault you named: {beyond}",
        f"your settings cover it: {len(play.promised)} writes promised, none lost",
        "one that can take a promised write, whatever you set",
    )


# -- 12.3 --------------------------------------------------------------------------------------------

backlog = Exercise(
    "12.3",
    "Backlog, and who may go on",
    kind="rebuild",
    points=5,
    hints=(
        "Two numbers tell everything: the offset of the last byte, and how many bytes are kept. The first "
        "kept one has the offset last - kept + 1. psync(…, last + 1) means: nothing is missing.",
        "A ring of size bytes: byte n stands at (n - 1) % size. Of an append that is longer than the ring "
        "only the last size bytes matter, but all of them are counted. (A bytearray that you cut off at the "
        "front is right, too.)",
        "turn(new): the old name becomes the second one, good for questions up to last + 1 as it is now: "
        "whoever asks for more has bytes that you never had. A second turn forgets the first name.",
    ),
)

SIZE = 64


def same_psync(case: Case, stream: Any, history: str, offset: int, due: bytes | None, given: str) -> None:
    came = stream.psync(history, offset)
    came = bytes(came) if isinstance(came, bytearray | memoryview) else came
    case.equal(came, due, f"{given}; psync({history!r}, {offset})")


@backlog.test("offsets at both edges")
def edges(case: Case, make: Any) -> None:
    stream = make("h1", 8)
    given = "Stream('h1', 8)"
    same_psync(case, stream, "h1", 1, b"", f"{given}, nothing appended")
    same_psync(case, stream, "h1", 2, None, f"{given}, nothing appended")
    stream.append(b"SELECT")
    given += ", append(b'SELECT')"
    for offset, due in ((1, b"SELECT"), (6, b"T"), (7, b""), (8, None), (0, None), (-1, None)):
        same_psync(case, stream, "h1", offset, due, given)
    stream.append(b"SETkv")
    given += ", append(b'SETkv')"
    for offset, due in ((4, b"ECTSETkv"), (3, None), (11, b"v"), (12, b""), (13, None)):
        same_psync(case, stream, "h1", offset, due, given)


@backlog.test("the ring goes round, byte by byte")
def ring(case: Case, make: Any) -> None:
    for size in (1, 7, SIZE):
        first = case.random.randrange(100)
        stream, due = make("h", size, first), Backlog(size, first + 1)
        for _ in range(60):
            data = case.random.randbytes(case.random.choice((0, 1, 3, size - 1, size, size + 1, 3 * size)))
            stream.append(data)
            due.append(data)
            low, high = due.first_offset, due.next_offset
            for offset in {low - 1, low, low + 1, (low + high) // 2, high - 1, high, high + 1}:
                expected = due.read(offset) if due.has(offset) else None
                given = f"Stream('h', {size}, {first}), {high - 1 - first} bytes appended"
                same_psync(case, stream, "h", offset, expected, given)


@backlog.test("it does not grow")
def bounded(case: Case, make: Any) -> None:
    stream = make("h", 1000)
    for _ in range(200):
        stream.append(b"x" * 500)
    kept = sum(len(value) for value in vars(stream).values() if hasattr(value, "__len__"))
    case.true(
        kept <= 4000,
        "Stream('h', 1000), 100000 bytes appended",
        f"about {kept} bytes or pieces kept",
        "about 1000",
    )


@backlog.test("another history gets nothing")
def mismatch(case: Case, make: Any) -> None:
    stream = make("h1", SIZE, 100)
    stream.append(b"abc")
    given = "Stream('h1', 64, 100), append(b'abc')"
    same_psync(case, stream, "h1", 101, b"abc", given)
    for history in ("h2", "?", "", "H1"):
        same_psync(case, stream, history, 101, None, given)
    same_psync(case, stream, "?", -1, None, given)


@backlog.test("after a promotion the old name is good up to there")
def second_name(case: Case, make: Any) -> None:
    stream = make("old", SIZE)
    stream.append(b"0123456789")
    stream.turn("new")
    given = "append of 10 bytes, turn('new')"
    for offset, due in ((8, b"789"), (11, b""), (12, None)):
        same_psync(case, stream, "old", offset, due, given)
        same_psync(case, stream, "new", offset, due, given)
    stream.append(b"abc")
    given += ", append(b'abc')"
    for history, offset, due in (
        ("old", 8, b"789abc"),
        ("old", 11, b"abc"),
        ("old", 12, None),
        ("new", 12, b"bc"),
        ("new", 14, b""),
        ("old", 14, None),
    ):
        same_psync(case, stream, history, offset, due, given)


@backlog.test("a second promotion forgets the first name")
def third_name(case: Case, make: Any) -> None:
    stream = make("h1", SIZE)
    stream.append(b"aaa")
    stream.turn("h2")
    stream.append(b"bbb")
    stream.turn("h3")
    stream.append(b"ccc")
    given = "3 bytes, turn('h2'), 3 bytes, turn('h3'), 3 bytes"
    for history, offset, due in (
        ("h1", 2, None),
        ("h2", 2, b"aabbbccc"),
        ("h2", 7, b"ccc"),
        ("h2", 8, None),
        ("h3", 8, b"cc"),
    ):
        same_psync(case, stream, history, offset, due, given)


@contextmanager
def with_part(lab: Any, part: str, make: Any, *names: str) -> Iterator[None]:
    """The learner's part in some of a lab's nodes."""
    if not names:
        yield
        return
    with plugged(part, make, lab.processes[names[0]]), with_part(lab, part, make, *names[1:]):
        yield


@backlog.test("three live nodes: a lost link, a promotion")
def live_backlog(case: Case, make: Any) -> None:
    lab = case.lab()
    lab.nodes("a", "b", "c", config=SYNC_AT_ONCE | {"repl-backlog-size": "16kb"})
    with with_part(lab, "history", make, "a", "b", "c"):
        for name in "bc":
            lab.call(name, "REPLICAOF", "a", 6379)
        lab.run("1500ms")
        lab.call("a", "SET", "k", case.random.random())
        lab.drop("a", "b")
        lab.call("a", "SET", "missed", case.random.random())
        lab.run("2s")
        same_everywhere(case, lab, "a's link to b was reset, and came back", {"a": (2, 1)})
        lab.power_cut("a")
        lab.call("b", "REPLICAOF", "NO", "ONE")
        lab.call("b", "SET", "k2", case.random.random())
        lab.call("c", "REPLICAOF", "b", 6379)
        lab.run("2s")
        same_everywhere(case, lab, "a is gone, b was promoted, c follows it", {"b": (0, 1)}, "bc")


def same_everywhere(
    case: Case, lab: Any, given: str, syncs: dict[str, tuple[int, int]], names: str = "abc"
) -> None:
    """The same data on all, and so many full and partial synchronizations."""
    digests = {lab.call(name, "DEBUG", "DIGEST") for name in names}
    case.equal(len(digests), 1, f"{given}; how many different datasets there are")
    for name, due in syncs.items():
        part = lab[name].replication
        case.equal(
            (part.full_syncs, part.partial_syncs),
            due,
            f"{given}; full and partial synchronizations by {name}",
        )


# -- 12.4 --------------------------------------------------------------------------------------------

wait_accounts = Exercise(
    "12.4",
    "The accounts of WAIT",
    kind="rebuild",
    points=5,
    hints=(
        "A dict: connected replica -> the highest offset it has confirmed (0 when it joins). A list of who "
        "waits, in the order they came. One function that counts how many have at least so much.",
        "confirmed may only raise a number, and only of a replica that is connected. Then go through the "
        "list: who has enough now is answered with the count of this moment, and leaves the list.",
        "tick: whoever has a deadline, and now_ms has reached it, gets the count of this moment, which may "
        "be 0. None is for ever. A replica that left takes its confirmation with it; back again, it starts "
        "at 0.",
    ),
)


class Ledger:
    """What is due: kept in the plainest way, to compare with."""

    def __init__(self) -> None:
        self.offsets: dict[str, int] = {}
        self.queue: list[tuple[Any, int, int, int | None]] = []

    def joined(self, replica: str) -> None:
        self.offsets[replica] = 0

    def left(self, replica: str) -> None:
        self.offsets.pop(replica, None)

    def count(self, offset: int) -> int:
        return sum(known >= offset for known in self.offsets.values())

    def confirmed(self, replica: str, offset: int) -> list[tuple[Any, int]]:
        if replica in self.offsets:
            self.offsets[replica] = max(self.offsets[replica], offset)
        return self._serve(lambda wanted, deadline, count: count >= wanted)

    def wait(self, client: Any, offset: int, wanted: int, deadline_ms: int | None) -> int | None:
        count = self.count(offset)
        if count >= wanted:
            return count
        self.queue.append((client, offset, wanted, deadline_ms))
        return None

    def tick(self, now_ms: int) -> list[tuple[Any, int]]:
        return self._serve(lambda wanted, deadline, count: deadline is not None and deadline <= now_ms)

    def gone(self, client: Any) -> None:
        self.queue = [entry for entry in self.queue if entry[0] != client]

    def _serve(self, is_due: Callable[[int, int | None, int], bool]) -> list[tuple[Any, int]]:
        served, rest = [], []
        for entry in self.queue:
            client, offset, wanted, deadline = entry
            count = self.count(offset)
            if is_due(wanted, deadline, count):
                served.append((client, count))
            else:
                rest.append(entry)
        self.queue = rest
        return served


class Both:
    """The learner's accounts beside the ledger; every call goes to both, and is remembered."""

    def __init__(self, case: Case, make: Any) -> None:
        self.case, self.learners, self.ledger = case, make(), Ledger()
        self.calls: list[str] = []

    def __call__(self, name: str, *arguments: Any) -> Any:
        self.calls.append(f"{name}({', '.join(map(repr, arguments))})")
        due = getattr(self.ledger, name)(*arguments)
        came = getattr(self.learners, name)(*arguments)
        if name in ("joined", "left", "gone"):
            return due
        if isinstance(came, list):
            came = [tuple(pair) for pair in came]
        self.case.equal(came, due, f"{'; '.join(self.calls[-8:])}: the answer of the last")
        return due


@wait_accounts.test("enough already")
def enough(case: Case, make: Any) -> None:
    both = Both(case, make)
    both("wait", "c1", 0, 0, None)
    both("wait", "c1", 500, 0, None)
    for replica in ("r1", "r2", "r3"):
        both("joined", replica)
        both("confirmed", replica, 100)
    both("wait", "c1", 100, 1, 5000)
    both("wait", "c1", 100, 3, None)
    both("wait", "c1", 0, 2, None)


@wait_accounts.test("answered when enough have confirmed")
def served(case: Case, make: Any) -> None:
    both = Both(case, make)
    for replica in ("r1", "r2", "r3"):
        both("joined", replica)
    both("wait", "c1", 100, 2, None)
    both("wait", "c2", 50, 1, None)
    both("wait", "c3", 100, 1, None)
    for replica, offset in (("r1", 49), ("r1", 100), ("r2", 99), ("r3", 300), ("r2", 100)):
        both("confirmed", replica, offset)


@wait_accounts.test("no replica, and a deadline")
def deadlines(case: Case, make: Any) -> None:
    both = Both(case, make)
    both("wait", "c1", 100, 1, 1000)
    both("wait", "c2", 100, 2, None)
    both("wait", "c3", 100, 2, 3000)
    for now_ms in (0, 999, 1000, 1001):
        both("tick", now_ms)
    both("joined", "r1")
    both("confirmed", "r1", 100)
    for now_ms in (2999, 3000, 10**9):
        both("tick", now_ms)


@wait_accounts.test("a replica that comes back starts anew")
def reconnecting(case: Case, make: Any) -> None:
    both = Both(case, make)
    both("joined", "r1")
    both("joined", "r2")
    both("confirmed", "r1", 100)
    both("left", "r1")
    both("wait", "c1", 100, 1, 1000)
    both("joined", "r1")
    both("tick", 500)
    both("wait", "c2", 100, 1, 1000)
    both("confirmed", "r1", 99)
    both("confirmed", "r1", 100)
    both("left", "r1")
    both("left", "r1")
    both("wait", "c3", 100, 1, 900)
    both("tick", 2000)


@wait_accounts.test("confirmations never go back, and only the connected confirm")
def never_back(case: Case, make: Any) -> None:
    both = Both(case, make)
    both("joined", "r1")
    both("confirmed", "r1", 200)
    both("confirmed", "r1", 150)
    both("wait", "c1", 200, 1, None)
    both("wait", "c2", 200, 2, None)
    both("confirmed", "stranger", 500)
    both("wait", "c3", 300, 1, 700)
    both("tick", 700)


@wait_accounts.test("a client that hangs up is not answered")
def hangs_up(case: Case, make: Any) -> None:
    both = Both(case, make)
    both("joined", "r1")
    both("wait", "c1", 100, 1, 1000)
    both("wait", "c2", 100, 1, 1000)
    both("gone", "c1")
    both("gone", "nobody")
    both("confirmed", "r1", 100)
    both("wait", "c1", 200, 1, 2000)
    both("tick", 1500)
    both("tick", 2000)


@wait_accounts.test("a thousand events by lot")
def by_lot(case: Case, make: Any) -> None:
    lots = case.random
    both = Both(case, make)
    now_ms, waiting = 0, 0
    for _ in range(1000):
        replica, kind = f"r{lots.randrange(4)}", lots.randrange(10)
        if kind < 4:
            both("confirmed", replica, now_ms // 2 + lots.randrange(60))
        elif kind < 7:
            waiting += 1
            deadline = lots.choice((None, now_ms + lots.randrange(1, 80)))
            both("wait", f"c{waiting}", now_ms // 2 + lots.randrange(60), lots.randrange(4), deadline)
        elif kind == 7:
            both(lots.choice(("joined", "left")), replica)
        elif kind == 8 and waiting:
            both("gone", f"c{lots.randrange(waiting) + 1}")
        else:
            now_ms += lots.randrange(20)
            both("tick", now_ms)


@wait_accounts.test("a live node's WAIT")
def live_wait(case: Case, make: Any) -> None:
    lab = case.lab()
    lab.nodes("a", "b", "c", config=SYNC_AT_ONCE)
    with with_part(lab, "wait", make, "a"):
        case.equal(lab.call("a", "WAIT", 0, 0), 0, "live: WAIT 0 0 without a replica")
        for name in "bc":
            lab.call(name, "REPLICAOF", "a", 6379)
        lab.run("2s")
        lab.call("a", "SET", "k", 1)
        case.equal(lab.call("a", "WAIT", 2, 1000), 2, "live: two replicas, SET, WAIT 2 1000")
        lab.partition("b")
        lab.call("a", "SET", "k", 2)
        case.equal(lab.call("a", "WAIT", 1, 1000), 1, "live: one of two replicas is cut off; WAIT 1 1000")
        began_s = lab.now_s
        case.equal(lab.call("a", "WAIT", 2, 500), 1, "live: one of two replicas is cut off; WAIT 2 500")
        took_s = lab.now_s - began_s
        case.true(0.45 < took_s < 0.7, "live: WAIT 2 500", f"{took_s:.2f} s", "its 500 ms")
        lab.drop("a", "b")
        lab.run("10ms")
        lab.heal()
        lab.run("3s")
        case.equal(lab.call("a", "WAIT", 2, 1000), 2, "live: it is back; WAIT 2 1000")

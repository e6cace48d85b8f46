"""Chapter 13: Sentinel."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

from redis.exceptions import RedisError

from minidis.course.case import Case
from minidis.course.exercise import Exercise, Wrong, show
from minidis.course.fixtures.electing import Candidate, Watched, choosing, voting
from minidis.distributed.sentinel import failover
from minidis.distributed.sentinel.state import Periods

DOWN_AFTER_MS = 2000


def watched_lab(case: Case, names: list[str], quorum: int, replicas: str = "bc") -> Any:
    """A primary a, replicas, and Sentinels that have met."""
    lab = case.lab()
    lab.record.keeps_messages = False
    lab.nodes("a", *replicas, config={"repl-diskless-sync-delay": 0})
    for replica in replicas:
        lab.call(replica, "REPLICAOF", "a", 6379)
    lab.run("1s")  # the Sentinels' first INFO names the replicas
    for name in names:
        times = {"down_after_ms": DOWN_AFTER_MS, "failover_timeout_ms": 5000}
        lab.sentinel(name, {"mymaster": "a"}, quorum, **times)
    lab.run("3500ms")
    return lab


def said(lab: Any, event: str) -> list[str]:
    """Which Sentinels have announced an event."""
    return [note.where for note in lab.record.notes if note.text.startswith(event + " ")]


# -- 13.1 --------------------------------------------------------------------------------------------

place_sentinels = Exercise(
    "13.1",
    "Five Sentinels in three racks",
    kind="use",
    points=4,
    hints=(
        "An election needs a majority of all five: three. How many Sentinels may one rack hold, so that "
        "three are left when it burns?",
        "Two at most in each rack, so 2, 2 and 1. Now the quorum: with a whole rack gone it must still be "
        "reached by those who are left.",
        "Two Sentinels in one rack lose sight of the primary's rack together when one line breaks. With "
        "quorum 2 they alone would start a failover, and get a third vote from the rack between. So: 3.",
    ),
)

RACKS = {"r1": "a", "r2": "b", "r3": "c"}
SENTINELS = [f"s{number}" for number in range(1, 6)]
LONGEST_OUTAGE_S = 30


class Racks:
    """Three racks: each a data node and what the learner has put there."""

    def __init__(self, case: Case, choose: Callable[[], Any]) -> None:
        choice = choose()
        fine = isinstance(choice, tuple) and len(choice) == 2
        case.true(fine, "choose()", show(choice), "a tuple of two: placement, quorum")
        placement, quorum = choice
        fine = isinstance(placement, dict) and sorted(placement) == SENTINELS
        case.true(fine, "placement", show(placement), f"a dict with the keys {', '.join(SENTINELS)}")
        case.true(
            set(placement.values()) <= set(RACKS),
            "placement",
            show(placement),
            "racks r1, r2 or r3 as values",
        )
        case.true(
            isinstance(quorum, int) and 1 <= quorum <= 5, "quorum", show(quorum), "a number from 1 to 5"
        )
        self.case = case
        self.lab = watched_lab(case, SENTINELS, quorum)
        self.members = {
            rack: [node, *[name for name in SENTINELS if placement[name] == rack]]
            for rack, node in RACKS.items()
        }

    def fullest(self) -> str:
        """The rack, of those without the primary, that has most Sentinels: the one to be feared."""
        return max(("r2", "r3"), key=lambda rack: len(self.members[rack]))

    def burn(self, rack: str) -> None:
        for name in self.members[rack]:
            self.lab.power_cut(name)

    def switched(self, seconds: float) -> list[str]:
        """Who has switched after so long."""
        self.lab.run(seconds)
        return said(self.lab, "+switch-master")

    def takes_over(self, given: str) -> list[str]:
        """Somebody must be promoted.  (Where three of three must agree, the first votes may split.)"""
        self.lab.run_until(lambda: bool(said(self.lab, "+switch-master")), f"{LONGEST_OUTAGE_S}s")
        switched = self.switched(2)
        why = "+odown, but nobody was elected" if said(self.lab, "+odown") else "nobody said +odown"
        self.case.true(switched, given, why, f"+switch-master within {LONGEST_OUTAGE_S} s")
        return switched


@place_sentinels.test("the primary's rack burns: another takes over")
def primary_burns(case: Case, choose: Callable[[], Any]) -> None:
    racks = Racks(case, choose)
    racks.burn("r1")
    racks.takes_over("rack r1 burns, with the primary a")


for _rack in ("r2", "r3"):

    def _burns(case: Case, choose: Callable[[], Any], rack: str = _rack) -> None:
        racks = Racks(case, choose)
        racks.burn(rack)
        case.equal(racks.switched(4), [], f"rack {rack} burns, the primary is well; who switched")
        racks.lab.power_cut("a")
        racks.takes_over(f"rack {rack} has burnt; then the machine of the primary, not its rack, fails")

    place_sentinels.test(f"rack {_rack} burns: nothing happens, and one more fault is borne")(_burns)


@place_sentinels.test("a rack that is cut off promotes nobody")
def cut_off(case: Case, choose: Callable[[], Any]) -> None:
    racks = Racks(case, choose)
    rack = racks.fullest()
    racks.lab.partition(racks.members[rack])
    given = f"rack {rack} is cut off, the primary is with the others; who switched"
    case.equal(racks.switched(5), [], given)


@place_sentinels.test("the primary's rack is cut off: only the others act")
def primary_cut_off(case: Case, choose: Callable[[], Any]) -> None:
    racks = Racks(case, choose)
    racks.lab.partition(racks.members["r1"])
    switched = set(racks.takes_over("rack r1 is cut off, with the primary"))
    others = set(SENTINELS) - set(racks.members["r1"])
    case.true(
        switched == others,
        "rack r1, with the primary, is cut off; who switched",
        show(sorted(switched)),
        f"the Sentinels of r2 and r3: {show(sorted(others))}",
    )


@place_sentinels.test("one broken line between two racks: no failover")
def broken_line(case: Case, choose: Callable[[], Any]) -> None:
    racks = Racks(case, choose)
    rack = racks.fullest()
    racks.lab.partition(racks.members["r1"], racks.members[rack])
    given = f"the line between r1 and {rack} breaks; both still reach the third rack, and the primary works"
    case.equal(racks.switched(5), [], f"{given}. Who switched")


# -- 13.2 --------------------------------------------------------------------------------------------

follower = Exercise(
    "13.2",
    "A client that follows",
    kind="use",
    points=5,
    hints=(
        "Keep the client of the present primary, None when you don't know it. Find it only then: ask one "
        "Sentinel after the other, take the first answer whose server says ROLE master.",
        "Two kinds of failure: READONLY is an answer, the command has surely not run: find the primary anew "
        "and send it again, once. A lost connection or a timeout is none: forget the client and let the "
        "exception go; nobody knows whether the command ran.",
        "on_switch(message): words name, old host, old port, new host, new port. If the name is yours, "
        "forget the client. A primary that was cut off still answers you: only this message says that it is "
        "none any more.",
    ),
)

PATIENCE_S = 0.3
NAME = "mymaster"


class Street:
    """Three Sentinels, a, b, c, and an application that follows."""

    def __init__(self, case: Case, make: Any) -> None:
        self.case = case
        self.lab = watched_lab(case, ["s1", "s2", "s3"], 2)
        self.questions: list[str] = []
        self.sentinels = [self._client(name) for name in ("s1", "s2", "s3")]
        for name in ("s1", "s2", "s3"):
            self.lab[name].listen_to_commands(self._listener(name))
        self.follower = make(self.sentinels, self.connect, NAME)

    def _listener(self, name: str) -> Callable[..., None]:
        def listen(client: Any, argv: list[bytes], reply: Any) -> None:
            if argv[0].upper() == b"SENTINEL" and b"GET-MASTER-ADDR" in argv[1].upper():
                self.questions.append(name)

        return listen

    def _client(self, node: str) -> Any:
        return self.case.at(
            self.lab, node, "app", socket_timeout=PATIENCE_S, socket_connect_timeout=PATIENCE_S
        )

    def connect(self, host: Any, port: Any) -> Any:
        """What the learner gets: a client for an address."""
        host = host.decode() if isinstance(host, bytes) else host
        for name, process in self.lab.processes.items():
            if process.address == (host, int(port)):
                return self._client(name)
        raise Wrong("connect(host, port)", f"connect({host!r}, {port!r})", "an address that a Sentinel gave")

    def do(self, *command: Any) -> Any:
        """A command that must not fail."""
        try:
            return self.follower.execute(*command)
        except RedisError as error:
            raise Wrong(f"execute{command}", f"{type(error).__name__}: {error}", "a reply") from None

    def until_it_works(self, *command: Any, tries: int = 25) -> Any:
        """The same as an application does: try again a little later."""
        for _ in range(tries):
            try:
                return self.follower.execute(*command)
            except RedisError:
                self.lab.run("400ms")
        raise Wrong(f"execute{command}, {tries} times, 0.4 s apart", "always an error", "a reply, in the end")

    def count(self, node: str, key: str) -> int:
        return int(self.lab.call(node, "GET", key) or 0)


@follower.test("finds the primary, and asks no more than it must")
def finds(case: Case, make: Any) -> None:
    street = Street(case, make)
    for number in range(1, 11):
        case.equal(street.do("INCR", "n"), number, f"execute('INCR', 'n'), time {number}")
    case.equal(street.count("a", "n"), 10, "n at the primary, after ten times INCR")
    case.true(
        len(street.questions) <= 1,
        "ten commands, nothing goes wrong",
        f"{len(street.questions)} questions to Sentinels",
        "1",
    )


@follower.test("a Sentinel that is down, another that knows nothing")
def sentinels_down(case: Case, make: Any) -> None:
    street = Street(case, make)
    street.lab.kill("s1")
    street.lab.call("s2", "SENTINEL", "REMOVE", NAME)
    case.equal(street.do("INCR", "n"), 1, "s1 is down, s2 does not know mymaster; execute('INCR', 'n')")


@follower.test("through a failover")
def through(case: Case, make: Any) -> None:
    street = Street(case, make)
    street.do("SET", "before", 1)
    street.lab.run("100ms")
    street.lab.kill("a")
    street.until_it_works("SET", "after", 1)
    primary = next(name for name in "bc" if street.lab.call(name, "ROLE")[0] == b"master")
    case.equal(street.count(primary, "after"), 1, "the primary was killed; 'after' at the new one")
    asked = len(street.questions)
    for _ in range(5):
        street.do("INCR", "n")
    case.true(
        len(street.questions) - asked <= 1,
        "five commands after the failover",
        f"{len(street.questions) - asked} questions to Sentinels",
        "1 at most",
    )


@follower.test("a reply that is lost: not sent again")
def lost_reply(case: Case, make: Any) -> None:
    street = Street(case, make)
    case.equal(street.do("INCR", "n"), 1, "execute('INCR', 'n')")
    street.lab.cut("a", "app")  # commands arrive, replies don't
    street.lab.agenda.after(round(1_200_000 * PATIENCE_S), street.lab.heal)  # when the client has given up
    try:
        came = show(street.follower.execute("INCR", "n"))
    except RedisError as error:
        came = f"{type(error).__name__}"
    street.lab.run("500ms")
    given = "the command arrives, the reply is lost on its way: execute('INCR', 'n')"
    case.equal(street.count("a", "n"), 2, f"{given}; n at the primary, which has run it once")
    case.true("Error" in came, given, came, "an exception of redis-py: nobody knows whether it ran")
    case.equal(street.until_it_works("INCR", "n"), 3, f"{given}; the next call, when the line is well again")


@follower.test("a primary that became a replica: READONLY")
def read_only(case: Case, make: Any) -> None:
    street = Street(case, make)
    street.do("SET", "k", "1")
    street.lab.run("100ms")
    demote_quietly(street)
    case.true(
        street.do("SET", "k", "2") in (True, "OK", b"OK"),
        "b was promoted, a follows it, and the connection to a stands; execute('SET', 'k', '2')",
        "another reply",
        "the reply of the new primary",
    )
    case.equal(street.lab.call("b", "GET", "k"), b"2", "and then k at b")


def demote_quietly(street: Street) -> None:
    """b leads, a follows; a's clients stay connected, and the Sentinels have learned of it."""
    lab = street.lab
    lab.call("b", "REPLICAOF", "NO", "ONE")
    lab.call("c", "REPLICAOF", "b", 6379)
    lab.call("a", "REPLICAOF", "b", 6379)
    host, port = lab.processes["b"].address
    for name in ("s1", "s2", "s3"):
        lab.call(name, "SENTINEL", "REMOVE", NAME)
        lab.call(name, "SENTINEL", "MONITOR", NAME, host, port, 2)
    lab.run("500ms")


@follower.test("a Sentinel of yesterday")
def stale_sentinel(case: Case, make: Any) -> None:
    street = Street(case, make)
    lab = street.lab
    lab.kill("a")
    lab.partition("s1")  # it alone doesn't hear of what follows, but the application reaches it
    lab.run("6s")
    lab.restart("a")
    lab.call("a", "REPLICAOF", said_primary(lab), 6379)
    lab.run("1s")
    given = "s1 is cut off and still names a, which is a replica now; s2 and s3 know better. A new client: "
    case.true(
        street.do("SET", "k", "1") in (True, "OK", b"OK"),
        f"{given}execute('SET', 'k', '1')",
        "another reply",
        "OK",
    )
    case.equal(lab.call(said_primary(lab), "GET", "k"), b"1", f"{given}then k at the primary")


def said_primary(lab: Any) -> str:
    """The node that the majority's Sentinels take for the primary."""
    host = lab.call("s3", "SENTINEL", "GET-MASTER-ADDR-BY-NAME", NAME)[0].decode()
    return next(name for name, process in lab.processes.items() if process.address[0] == host)


@follower.test("+switch-master: an old primary that still answers")
def split(case: Case, make: Any) -> None:
    street = Street(case, make)
    lab = street.lab
    street.do("SET", "k", "old")
    lab.partition(["a"], ["b", "c", "s1", "s2", "s3"])  # the application reaches both sides
    lab.run("6s")
    new = said_primary(lab)
    (old_host, old_port), (host, port) = lab.processes["a"].address, lab.processes[new].address
    asked = len(street.questions)
    street.follower.on_switch(f"sessions {old_host} {old_port} {host} {port}")
    street.do("GET", "k")
    case.equal(len(street.questions) - asked, 0, "on_switch of another name; questions to Sentinels after it")
    street.follower.on_switch(f"{NAME} {old_host} {old_port} {host} {port}")
    given = f"a is cut off, but answers you; {new} was promoted; on_switch('{NAME} ...'); SET k new"
    street.do("SET", "k", "new")
    case.equal(lab.call(new, "GET", "k"), b"new", f"{given}; k at the new primary")
    case.equal(lab.call("a", "GET", "k"), b"old", f"{given}; k at the old one")


# -- 13.3 --------------------------------------------------------------------------------------------

vote_rule = Exercise(
    "13.3",
    "One vote for each epoch",
    kind="rebuild",
    points=5,
    hints=(
        "Three things must be remembered in memory: the highest epoch ever heard of, whom you voted for "
        "last, and in which epoch that was. Keep them nowhere else.",
        "vote: a higher epoch becomes the current one. Give a vote only if the question's epoch is not "
        "below the current one and you have not voted in it yet. Answer your last vote in any case.",
        "elected: count the voters whose vote is of this epoch, each once; the best needs more than half "
        "of all voters, and the quorum, whichever is more.",
    ),
)


@vote_rule.test("first come, first served")
def first_come(case: Case, make: Any, elected: Any) -> None:
    ballot = make({})
    for candidate, epoch, due in (
        ("s1", 1, ("s1", 1)),
        ("s2", 1, ("s1", 1)),
        ("s1", 1, ("s1", 1)),
        ("s2", 2, ("s2", 2)),
        ("s1", 1, ("s2", 2)),
        ("s3", 2, ("s2", 2)),
        ("s3", 7, ("s3", 7)),
        ("s1", 5, ("s3", 7)),
    ):
        case.equal(
            tuple(ballot.vote(candidate, epoch)), due, f"votes so far, then vote({candidate!r}, {epoch})"
        )


@vote_rule.test("a new attempt has a new epoch")
def next_epoch(case: Case, make: Any, elected: Any) -> None:
    ballot = make({})
    case.equal(ballot.next_epoch(), 1, "a new Ballot; next_epoch()")
    case.equal(tuple(ballot.vote("me", 1)), ("me", 1), "next_epoch() is 1; vote('me', 1)")
    case.equal(ballot.next_epoch(), 2, "vote('me', 1); next_epoch()")
    ballot.vote("other", 9)
    case.equal(ballot.next_epoch(), 10, "vote('other', 9); next_epoch()")
    case.equal(tuple(ballot.vote("late", 9)), ("other", 9), "next_epoch() is 10; then vote('late', 9)")
    ballot.next_epoch()
    case.equal(
        tuple(ballot.vote("late", 10)), ("other", 9), "voted in 9, next_epoch() is 11; then vote('late', 10)"
    )


@vote_rule.test("a crash forgets nothing")
def crash(case: Case, make: Any, elected: Any) -> None:
    memory: dict = {}
    make(memory).vote("s1", 4)
    case.equal(tuple(make(memory).vote("s2", 4)), ("s1", 4), "vote('s1', 4); a crash; vote('s2', 4)")
    case.equal(make(memory).next_epoch(), 5, "vote('s1', 4); a crash; next_epoch()")
    memory = {}
    attempt = make(memory).next_epoch()
    case.equal(
        make(memory).next_epoch(),
        attempt + 1,
        "next_epoch(); a crash; next_epoch(): the first number may have gone round already",
    )
    one, other = make({}), make({})
    one.vote("s1", 3)
    case.equal(tuple(other.vote("s2", 3)), ("s2", 3), "two Sentinels, each with a memory of its own")


@vote_rule.test("more than half of all, and the quorum")
def majority(case: Case, make: Any, elected: Any) -> None:
    def answers(**votes: tuple[str, int]) -> dict[str, tuple[str, int]]:
        return votes

    for votes, epoch, voters, quorum, due in (
        (answers(s1=("s1", 1), s2=("s1", 1), s3=("s1", 1)), 1, 5, 2, "s1"),
        (answers(s1=("s1", 1), s2=("s1", 1)), 1, 5, 2, None),
        (answers(s1=("s1", 1), s2=("s1", 1)), 1, 4, 2, None),
        (answers(s1=("s1", 1), s2=("s1", 1)), 1, 3, 2, "s1"),
        (answers(s1=("s1", 1), s2=("s1", 1)), 1, 3, 3, None),
        (answers(s1=("s1", 1), s2=("s1", 1), s3=("s1", 1)), 1, 5, 4, None),
        (answers(s1=("s1", 1), s2=("s1", 2), s3=("s1", 1)), 1, 5, 2, None),
        (answers(s1=("s1", 2), s2=("s2", 2), s3=("s2", 2)), 2, 3, 2, "s2"),
        (answers(s1=("s1", 2), s2=("s2", 2), s3=("s3", 2)), 2, 3, 1, None),
        (answers(s1=("s1", 1), s2=("s1", 1)), 2, 3, 2, None),
        ({}, 1, 1, 1, None),
        (answers(s1=("s1", 1)), 1, 1, 1, "s1"),
        (answers(s1=("s1", 1)), 1, 2, 1, None),
    ):
        given = f"elected({show(votes)}, epoch={epoch}, voters={voters}, quorum={quorum})"
        case.equal(elected(votes, epoch, voters, quorum), due, given)


class Parliament:
    """Sentinels that ask each other over a network which loses, doubles and reorders, and which crash."""

    def __init__(self, case: Case, make: Any, elected: Any, size: int) -> None:
        self.random = case.random
        self.make, self.elected, self.size = make, elected, size
        self.names = [f"s{number}" for number in range(1, size + 1)]
        self.memories: dict[str, dict] = {name: {} for name in self.names}
        self.ballots = {name: make(self.memories[name]) for name in self.names}
        self.attempts: dict[str, tuple[int, dict[str, tuple[str, int]]]] = {}
        self.wire: deque[tuple[str, str, str, tuple[str, int]]] = deque()
        self.leaders: dict[int, set[str]] = {}
        self.story: list[str] = []

    def attempt(self, name: str) -> None:
        epoch = self.ballots[name].next_epoch()
        own = tuple(self.ballots[name].vote(name, epoch))
        self.attempts[name] = (epoch, {name: own})
        self.story.append(f"{name} tries in epoch {epoch}")
        for other in self.names:
            if other != name:
                self.send("ask", name, other, (name, epoch))
        self.look(name)

    def send(self, *letter: Any) -> None:
        copies = self.random.choice((0, 1, 1, 1, 2))
        self.wire.extend([letter] * copies)

    def deliver(self) -> None:
        self.wire.rotate(self.random.randrange(len(self.wire)))
        kind, source, target, content = self.wire.popleft()
        if kind == "ask":
            answer = tuple(self.ballots[target].vote(*content))
            self.story.append(f"{target}, asked by {source} in epoch {content[1]}, answers {answer}")
            self.send("answer", target, source, answer)
        elif target in self.attempts:
            self.attempts[target][1][source] = content
            self.look(target)

    def look(self, name: str) -> None:
        epoch, votes = self.attempts[name]
        if self.elected(dict(votes), epoch, self.size, 2) == name:
            self.leaders.setdefault(epoch, set()).add(name)

    def crash(self, name: str) -> None:
        self.ballots[name] = self.make(self.memories[name])
        self.attempts.pop(name, None)
        self.story.append(f"{name} crashes")

    def live(self, events: int) -> None:
        for _ in range(events):
            lot = self.random.random()
            if lot < 0.12 or not self.wire:
                self.attempt(self.random.choice(self.names))
            elif lot < 0.17:
                self.crash(self.random.choice(self.names))
            else:
                self.deliver()


@vote_rule.test("never two leaders, whatever the network does")
def never_two(case: Case, make: Any, elected: Any) -> None:
    elections = 0
    for trial in range(60):
        parliament = Parliament(case, make, elected, case.random.choice((3, 4, 5)))
        parliament.live(60)
        elections += len(parliament.leaders)
        for epoch, leaders in parliament.leaders.items():
            case.true(
                len(leaders) == 1,
                f"history {trial + 1}: {'; '.join(parliament.story[-12:])}",
                f"epoch {epoch} has two leaders: {', '.join(sorted(leaders))}",
                "one at most",
            )
    case.true(elections > 20, "60 histories", f"{elections} leaders elected", "more: many elections go well")


@vote_rule.test("a live failover with your votes")
def live_votes(case: Case, make: Any, elected: Any) -> None:
    with voting(make):
        lab = watched_lab(case, ["s1", "s2", "s3"], 2)
        lab.kill("a")
        lab.run("8s")
    case.equal(
        sorted(set(said(lab, "+switch-master"))), ["s1", "s2", "s3"], "live: the primary dies; who switched"
    )
    case.equal(len(said(lab, "+elected-leader")), 1, "live: the primary dies; leaders elected")


# -- 13.4 --------------------------------------------------------------------------------------------

best_replica = Exercise(
    "13.4",
    "The best replica",
    kind="rebuild",
    points=4,
    hints=(
        "Two steps: who is fit at all, and min() of those by a key. Priority 0 is unfit in any case.",
        "The limits depend on the primary: INFO comes every second while it is down (then 5 s are too old), "
        "else every ten (30 s). A replica's link may be down ten times down_after_ms, and as long as the "
        "primary has been down on top.",
        "key: (priority, -offset, not run_id, run_id.lower()). An empty run id stands last among equals. "
        "Limits are inclusive: exactly 5000 ms is still fit.",
    ),
)

NOW_MS = 1_000_000


def a_candidate(name: str, **changes: Any) -> Candidate:
    """One in good health."""
    fine = Candidate(name, f"{name}-id", 100, 1000, False, True, NOW_MS - 500, NOW_MS - 500, 0)
    return fine._replace(**changes)


ALIVE = Watched(False, 0, 5000)
DEAD = Watched(True, NOW_MS - 6000, 5000)


def same_choice(
    case: Case, choose: Any, given: list[Candidate], due: str | None, primary: Watched = DEAD
) -> None:
    came = choose(list(given), primary, NOW_MS)
    words = ", ".join(_differences(one) for one in given)
    state = "the primary is down for 6 s" if primary is DEAD else "the primary is alive"
    case.equal(getattr(came, "name", came), due, f"candidates {words}; {state}, down_after_ms 5000")


def _differences(candidate: Candidate) -> str:
    """A candidate by what is not as usual."""
    usual = a_candidate(candidate.name)
    changed = [
        f"{field}={value!r}"
        for field, value, normal in zip(candidate._fields, candidate, usual, strict=True)
        if value != normal
    ]
    return f"{candidate.name}({', '.join(changed)})"


@best_replica.test("who is unfit")
def unfit(case: Case, choose: Any) -> None:
    same_choice(case, choose, [], None)
    for changes in ({"is_down": True}, {"is_connected": False}, {"priority": 0}):
        better = a_candidate("x", offset=9999, **changes)
        same_choice(case, choose, [better], None)
        same_choice(case, choose, [better, a_candidate("y")], "y")


@best_replica.test("stale ones")
def stale(case: Case, choose: Any) -> None:
    for changes, primary, is_fit in (
        ({"heard_ms": NOW_MS - 5000}, DEAD, True),
        ({"heard_ms": NOW_MS - 5001}, DEAD, False),
        ({"heard_ms": NOW_MS - 5001}, ALIVE, False),
        ({"info_ms": NOW_MS - 5000}, DEAD, True),
        ({"info_ms": NOW_MS - 5001}, DEAD, False),
        ({"info_ms": NOW_MS - 5001}, ALIVE, True),
        ({"info_ms": NOW_MS - 30_000}, ALIVE, True),
        ({"info_ms": NOW_MS - 30_001}, ALIVE, False),
        ({"link_down_ms": 50_000}, ALIVE, True),
        ({"link_down_ms": 50_001}, ALIVE, False),
        ({"link_down_ms": 56_000}, DEAD, True),
        ({"link_down_ms": 56_001}, DEAD, False),
    ):
        candidate = a_candidate("x", **changes)
        same_choice(
            case, choose, [candidate, a_candidate("y", priority=200)], "x" if is_fit else "y", primary
        )


@best_replica.test("priority, then offset, then run id")
def ranks(case: Case, choose: Any) -> None:
    one, other = a_candidate("one"), a_candidate("other")
    for changes, due in (
        ({"priority": 99, "offset": 1}, "other"),
        ({"priority": 101, "offset": 9999}, "one"),
        ({"offset": 1001}, "other"),
        ({"offset": 999, "run_id": "aaa"}, "one"),
        ({"run_id": "aaa"}, "other"),
        ({"run_id": "zzz"}, "one"),
        ({"run_id": "AAA"}, "other"),
        ({"run_id": "ZZZ"}, "one"),
        ({"run_id": ""}, "one"),
        ({"run_id": "", "offset": 1001}, "other"),
    ):
        for order in ([one, other._replace(**changes)], [other._replace(**changes), one]):
            same_choice(case, choose, order, due)


def engines_choice(candidates: list[Candidate], primary: Watched, now_ms: int) -> str | None:
    """Whom the engine's own Sentinel would take."""
    replicas = {
        one.name: SimpleNamespace(
            name=one.name,
            run_id=one.run_id,
            priority=one.priority,
            offset=one.offset,
            is_s_down=one.is_down,
            link=SimpleNamespace(disconnected=not one.is_connected, last_valid_ms=one.heard_ms),
            info_ms=one.info_ms,
            link_to_primary_down_ms=one.link_down_ms,
        )
        for one in candidates
    }
    sentinel: Any = SimpleNamespace(now_ms=now_ms, periods=Periods())
    watched: Any = SimpleNamespace(
        replicas=replicas,
        is_s_down=primary.is_down,
        s_down_since_ms=primary.down_since_ms,
        down_after_ms=primary.down_after_ms,
    )
    best = failover.best_replica(sentinel, watched)
    return None if best is None else best.name


@best_replica.test("two hundred draws, beside the engine's own")
def by_lot(case: Case, choose: Any) -> None:
    lots = case.random
    for _ in range(200):
        candidates = [
            a_candidate(
                f"r{number}",
                run_id=lots.choice(("a", "B", "c", "", f"{lots.random()}")),
                priority=lots.choice((0, 10, 100, 100, 100)),
                offset=lots.choice((900, 1000, 1000)),
                is_down=lots.random() < 0.1,
                is_connected=lots.random() > 0.1,
                heard_ms=NOW_MS - lots.choice((100, 4999, 5000, 6000)),
                info_ms=NOW_MS - lots.choice((100, 5000, 7000, 31_000)),
                link_down_ms=lots.choice((0, 0, 40_000, 52_000, 70_000)),
            )
            for number in range(lots.randrange(1, 7))
        ]
        primary = lots.choice((ALIVE, DEAD))
        same_choice(case, choose, candidates, engines_choice(candidates, primary, NOW_MS), primary)


@best_replica.test("a live failover with your choice")
def live_choice(case: Case, choose: Any) -> None:
    with choosing(choose):
        lab = watched_lab(case, ["s1", "s2", "s3"], 2, replicas="bcd")
        lab.call("b", "CONFIG", "SET", "replica-priority", 0)
        lab.call("d", "CONFIG", "SET", "replica-priority", 50)
        lab.run("11s")  # INFO comes every ten seconds
        lab.kill("a")
        lab.run("8s")
    roles = {name: lab.call(name, "ROLE")[0].decode() for name in "bcd"}
    case.equal(
        [name for name, role in roles.items() if role == "master"],
        ["d"],
        "live: b has replica-priority 0, c 100, d 50; the primary dies. Who leads",
    )

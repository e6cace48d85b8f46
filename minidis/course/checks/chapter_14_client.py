"""Chapter 14, exercise 4: a cluster's client."""

from __future__ import annotations

from collections import Counter
from typing import Any

from redis.exceptions import AskError, MovedError, RedisError

from minidis.course.case import Case
from minidis.course.checks.chapter_14 import a_cluster
from minidis.course.exercise import Exercise, Wrong
from minidis.distributed.cluster.slots import slot_of

smart_client = Exercise(
    "14.4",
    "A client with a map",
    kind="rebuild",
    points=6,
    hints=(
        "Keep slots (a dict, slot -> (host, port)) and clients by address. No map: ask one address after the "
        "other for CLUSTER SLOTS, known ones and seeds. Each entry is [first, last, [host, port, ...], ...].",
        "MOVED: one slot is wrong, and perhaps thousands more: ask for the whole map anew, of the node that "
        "MOVED names. ASK: that node, this once: ASKING and the command, and the map stays.",
        "A loop of at most 8 rounds. TRYAGAIN and CLUSTERDOWN: pause(0.05), and the same once more. A "
        "lost connection or a timeout: forget the map, let the exception go: nobody knows whether it ran.",
    ),
)

PATIENCE_S = 0.3
MOST_COMMANDS = 400


class Town:
    """Three primaries, their replicas if need be, and an application with the learner's client."""

    def __init__(self, case: Case, make: Any, replicas: int = 0, seeds: str = "n1 n2") -> None:
        self.case = case
        self.lab = a_cluster(case, "n1 n2 n3 n4 n5 n6" if replicas else "n1 n2 n3", replicas)
        self.redirections: Counter[str] = Counter()
        self.questions = 0
        self.sent = 0
        for name in self.lab.processes:
            self.lab[name].listen_to_commands(self._heard)
        addresses = [self.lab.processes[name].address for name in seeds.split()]
        self.client = make(self.connect, addresses, lambda seconds: self.lab.run(seconds))

    def _heard(self, client: Any, argv: list[bytes], reply: Any) -> None:
        self.questions += argv[0].upper() == b"CLUSTER"

    def connect(self, host: Any, port: Any) -> Any:
        """What the learner gets: a redis-py client for an address."""
        host = host.decode() if isinstance(host, bytes) else host
        named = next(
            (name for name, one in self.lab.processes.items() if one.address == (host, int(port))), None
        )
        if named is None:
            raise Wrong("connect(host, port)", f"connect({host!r}, {port!r})", "an address of the cluster")
        options = {"socket_timeout": PATIENCE_S, "socket_connect_timeout": PATIENCE_S}
        client = self.case.at(self.lab, named, "app", **options)
        execute = client.execute_command

        def counted(*words: Any, **options: Any) -> Any:
            self.sent += 1
            if self.sent > MOST_COMMANDS:
                raise Wrong("this test", f"more than {MOST_COMMANDS} commands sent", "far fewer")
            try:
                return execute(*words, **options)
            except MovedError:
                self.redirections["MOVED"] += 1
                raise
            except AskError:
                self.redirections["ASK"] += 1
                raise

        client.execute_command = counted
        return client

    def do(self, *command: Any) -> Any:
        """A command that must not fail."""
        try:
            return self.client.execute(*command)
        except RedisError as error:
            raise Wrong(f"execute{command}", f"{type(error).__name__}: {error}", "a reply") from None

    def until_it_works(self, *command: Any, tries: int = 20) -> Any:
        """The same as an application does: try again a little later."""
        for _ in range(tries):
            try:
                return self.client.execute(*command)
            except RedisError:
                self.lab.run("400ms")
        raise Wrong(f"execute{command}, {tries} times, 0.4 s apart", "always an error", "a reply, in the end")

    def at(self, node: str, *words: Any) -> Any:
        return self.lab.call(node, *words)

    def at_most(self, came: int, most: int, given: str) -> None:
        self.case.true(came <= most, given, str(came), f"{most} at most")


@smart_client.test("finds every key, and asks for the map once")
def finds(case: Case, make: Any) -> None:
    town = Town(case, make)
    for number in range(15):
        case.equal(town.do("INCR", f"key{number}"), 1, f"execute('INCR', 'key{number}')")
    case.equal(town.redirections["MOVED"], 0, "fifteen keys, nothing goes wrong; how often MOVED was said")
    town.at_most(town.questions, 1, "fifteen keys, nothing goes wrong; questions for the map")


@smart_client.test("the first seed is down")
def seed_is_down(case: Case, make: Any) -> None:
    town = Town(case, make, seeds="n3 n2")
    town.lab.kill("n3")
    case.equal(town.do("INCR", "{b}"), 1, "seeds n3 and n2, and n3 is down; execute('INCR', '{b}')")


@smart_client.test("MOVED: one redirection teaches the whole map")
def moved(case: Case, make: Any) -> None:
    town = Town(case, make, replicas=1)
    town.do("INCR", "first")
    town.at("n4", "CLUSTER", "FAILOVER")
    town.lab.run("2s")
    given = "n4 takes over the 5461 slots of n1; then 40 keys"
    asked = town.questions
    for number in range(40):
        case.equal(town.do("INCR", f"later{number}"), 1, f"{given}; execute('INCR', 'later{number}')")
    town.at_most(town.redirections["MOVED"], 2, f"{given}; how often MOVED was said")
    town.at_most(town.questions - asked, 2, f"{given}; questions for the map")


def half_moved(town: Town) -> None:
    """The slot of {b} is on its way from n1 to n2: {b}:1 is there already, {b}:2 is not."""
    ids = {name: town.lab[name].cluster.myself.name for name in ("n1", "n2")}
    slot = slot_of(b"{b}")
    town.at("n2", "CLUSTER", "SETSLOT", slot, "IMPORTING", ids["n1"])
    town.at("n1", "CLUSTER", "SETSLOT", slot, "MIGRATING", ids["n2"])
    move_key(town, "{b}:1")


def move_key(town: Town, key: str) -> None:
    host, port = town.lab.processes["n2"].address
    town.at("n1", "MIGRATE", host, port, key, 0, 5000)


@smart_client.test("ASK: this once, and nothing is learned")
def ask(case: Case, make: Any) -> None:
    town = Town(case, make)
    for number in (1, 2):
        town.do("SET", f"{{b}}:{number}", number)
    half_moved(town)
    asked = town.questions
    given = "{b}:1 has moved to n2, {b}:2 is still at n1, the slot is n1's"
    for key, due in (("{b}:1", b"1"), ("{b}:2", b"2"), ("{b}:1", b"1"), ("{b}:2", b"2")):
        case.equal(town.do("GET", key), due, f"{given}; execute('GET', '{key}')")
    case.equal(town.redirections["ASK"], 2, f"{given}; each read twice; how often ASK was said")
    case.equal(town.redirections["MOVED"], 0, f"{given}; each read twice; how often MOVED was said")
    case.equal(town.questions - asked, 0, f"{given}; each read twice; questions for the map")
    town.do("SET", "{b}:new", "3")
    case.equal(
        town.at("n2", "CLUSTER", "COUNTKEYSINSLOT", slot_of(b"{b}")),
        2,
        f"{given}; SET of a new key; keys at n2",
    )


@smart_client.test("TRYAGAIN: a moment later")
def try_again(case: Case, make: Any) -> None:
    town = Town(case, make)
    for number in (1, 2):
        town.do("SET", f"{{b}}:{number}", number)
    half_moved(town)
    host, port = town.lab.processes["n2"].address

    def mover() -> Any:
        yield 0.12
        yield "MIGRATE", host, port, "{b}:2", 0, 5000

    town.lab.script("mover", "n1", mover())
    case.equal(
        town.do("MGET", "{b}:1", "{b}:2"),
        [b"1", b"2"],
        "one of two keys has moved, the other one moves after 0.12 s; execute('MGET', '{b}:1', '{b}:2')",
    )


@smart_client.test("two nodes that name each other: gives up")
def storm(case: Case, make: Any) -> None:
    town = Town(case, make)
    town.do("SET", "{b}", 1)
    state = town.lab["n1"].cluster.state
    other = state.nodes[town.lab["n2"].cluster.myself.name]
    town.lab["n1"].cluster.give(slot_of(b"{b}"), other)  # as after a reshard that went wrong
    given = "n1 says that the slot is n2's, n2 says that it is n1's; execute('GET', '{b}')"
    try:
        came = f"the reply {town.client.execute('GET', '{b}')!r}"
    except RedisError:
        came = ""
    case.true(not came, given, came, "an exception of redis-py, in the end")
    town.at_most(town.redirections["MOVED"], 20, f"{given}; how often MOVED was said")


@smart_client.test("a primary dies: an error, then the new one")
def dies(case: Case, make: Any) -> None:
    town = Town(case, make, replicas=1)
    town.do("SET", "{b}", "before")
    town.lab.run("100ms")
    town.lab.kill("n1")
    town.until_it_works("SET", "{b}", "after")
    case.equal(town.at("n4", "GET", "{b}"), b"after", "n1 was killed; '{b}' at n4, which took over")
    asked = town.questions
    for number in range(20):
        town.do("INCR", f"key{number}")
    town.at_most(town.questions - asked, 2, "twenty keys after the failover; questions for the map")


@smart_client.test("a reply that is lost: not sent again")
def lost_reply(case: Case, make: Any) -> None:
    town = Town(case, make)
    case.equal(town.do("INCR", "{b}"), 1, "execute('INCR', '{b}')")
    town.lab.cut("n1", "app")  # commands arrive, replies don't
    town.lab.agenda.after(round(1_200_000 * PATIENCE_S), town.lab.heal)
    try:
        came = f"the reply {town.client.execute('INCR', '{b}')!r}"
    except RedisError:
        came = ""
    town.lab.run("500ms")
    given = "the command arrives, the reply is lost on its way: execute('INCR', '{b}')"
    case.equal(int(town.at("n1", "GET", "{b}")), 2, f"{given}; the counter, which was incremented once")
    case.true(not came, given, came, "an exception of redis-py: nobody knows whether it ran")
    case.equal(town.until_it_works("INCR", "{b}"), 3, f"{given}; the next call, when the line is well")

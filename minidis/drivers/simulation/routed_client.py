"""A cluster's client in the lab, with a map of the slots of its own, as RedisCluster has one.

    its map says n1     GET user:7 -> n1
                        n1 answers MOVED 2780 n2      the map is corrected, and the command goes to n2
                        n1 answers ASK 2780 n2        ASKING and the command go to n2; the map stays as it is
                        n1 does not answer            the map is asked for anew, of anybody

It begins with CLUSTER SLOTS, and after that it never asks while its map is right.

Mirrors: what redis-py, jedis and others do.
Complexity: O(1) for a command while the map is right; O(slots) for a new map.

>>> from minidis.drivers.simulation import Lab
>>> lab = Lab(seed=1)
>>> _ = lab.cluster("a b c", replicas=0); lab.run("5s")
>>> alice = RoutedClient(lab, "alice", "a")
>>> alice.call("SET", "user:7", "ann"), alice.journeys[-1].hops
('OK', [Hop(node='a', said='OK')])

Read next: minidis/notebook/views/routes.py, which draws it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from minidis.distributed.cluster.slots import SLOTS, slot_of
from minidis.drivers.embedded import to_bytes
from minidis.drivers.simulation.terminal import LabTimeout, Terminal
from minidis.protocol.replies import ReplyError
from minidis.structures.record import NamedTuple

if TYPE_CHECKING:
    from minidis.drivers.simulation.lab import Lab

MOST_HOPS = 8
PAUSE = "50ms"


class Hop(NamedTuple):
    """A node that was asked, and what it said: "OK", "MOVED n2", "ASK n2", "no answer", an error."""

    node: str
    said: str


class Lesson(NamedTuple):
    """From then on it believed that a node serves these slots."""

    time_us: int
    first: int
    last: int
    node: str


@dataclass
class Journey:
    """A command and its way."""

    words: list[bytes]
    slot: int | None
    began_us: int
    hops: list[Hop] = field(default_factory=list)


class RoutedClient:
    """A client named `name`, which first asks the node `first` for the map."""

    def __init__(self, lab: Lab, name: str, first: str) -> None:
        self.lab = lab
        self.name = name
        self.map: list[str] = [""] * SLOTS
        """Slot -> the node that it believes to serve it; "": it does not know."""
        self.journeys: list[Journey] = []
        self.lessons: list[Lesson] = []
        """How the map came to be."""
        self._default = first
        self._terminals: dict[str, Terminal] = {}
        self.refresh(first)

    def call(self, *words: Any, within: str | float = "5s") -> Any:
        """Send a command to where its key is, follow what is said, and answer its reply.

        Raises ReplyError, and ConnectionError when nobody could be found who serves it.
        """
        argv = [to_bytes(word) for word in words]
        slot = self._slot_of(argv)
        journey = Journey(argv, slot, self.lab.now_us)
        self.journeys.append(journey)
        node = self._default if slot is None else self.map[slot] or self._default
        asking = False
        while len(journey.hops) < MOST_HOPS:
            try:
                reply = self._ask(node, argv, asking, within)
            except (ConnectionError, LabTimeout):
                journey.hops.append(Hop(node, "no answer"))
                self._forget(node)
                node = self._default if slot is None else self.map[slot] or self._default
                asking = False
            except ReplyError as error:
                said, target, asking = self._told(error, node, slot)
                journey.hops.append(Hop(node, said))
                if said == str(error):
                    raise
                node = target
            else:
                journey.hops.append(Hop(node, "OK"))
                return reply
        raise ConnectionError(f"not served after {MOST_HOPS} attempts: {journey.hops[-1].said}")

    def _told(self, error: ReplyError, node: str, slot: int | None) -> tuple[str, str, bool]:
        """What a refusal means: what was said, whom to ask next, and whether by ASKING."""
        word, *rest = str(error).split()
        if word in ("MOVED", "ASK") and slot is not None:
            target = self._name_of(rest[1])
            if word == "MOVED":
                self._learn(slot, slot, target)
            return f"{word} {target}", target, word == "ASK"
        if word in ("TRYAGAIN", "CLUSTERDOWN"):
            self.lab.run(PAUSE)
            return word, node, False
        return str(error), node, False

    def refresh(self, node: str) -> None:
        """Ask a node for the map: CLUSTER SLOTS."""
        parts = self._terminal(node).call("CLUSTER", "SLOTS")
        self._learn(0, SLOTS - 1, "")
        for first, last, primary, *_ in parts:
            self._learn(first, last, self._name_of(f"{primary[0].decode()}:{primary[1]}"))
        self._default = node

    def map_at(self, time_us: int) -> list[str]:
        """What it believed at a time."""
        believed = [""] * SLOTS
        for lesson in self.lessons:
            if lesson.time_us <= time_us:
                believed[lesson.first : lesson.last + 1] = [lesson.node] * (lesson.last + 1 - lesson.first)
        return believed

    def _learn(self, first: int, last: int, node: str) -> None:
        self.map[first : last + 1] = [node] * (last + 1 - first)
        self.lessons.append(Lesson(self.lab.now_us, first, last, node))

    def _ask(self, node: str, argv: list[bytes], asking: bool, within: str | float) -> Any:
        terminal = self._terminal(node)
        if asking:
            terminal.call("ASKING", within=within)
        return terminal.call(*argv, within=within)

    def _terminal(self, node: str) -> Terminal:
        terminal = self._terminals.get(node)
        if terminal is None or terminal.lost:
            terminal = self._terminals[node] = self.lab.connect(node, self.name)
        return terminal

    def _forget(self, silent: str) -> None:
        """A node does not answer: ask another one for the map."""
        terminal = self._terminals.pop(silent, None)
        if terminal is not None:
            terminal.close()
        self.lab.run(PAUSE)
        for name in [*dict.fromkeys(filter(None, self.map)), *self._cluster_nodes()]:
            if name == silent:
                continue
            try:
                self.refresh(name)
                return
            except (ConnectionError, LabTimeout):
                self._terminals.pop(name, None)

    def _cluster_nodes(self) -> list[str]:
        return [name for name, process in self.lab.processes.items() if process.node.cluster is not None]

    def _slot_of(self, argv: list[bytes]) -> int | None:
        node = self.lab[self._default]
        keys = node.cluster.redirection.keys_of(node.commands.find(argv), argv)
        return slot_of(keys[0]) if keys else None

    def _name_of(self, address: str) -> str:
        host = self.lab.wires.find_host(address.rpartition(":")[0])
        return address if host is None else host.name

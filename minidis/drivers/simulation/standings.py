"""Standings: what each node of the lab was, at any time of its history.

    a   0.000  running  primary           offset 0
        0.012  running  primary           offset 14
        5.000  down
    b   0.004  running  replica of a, connecting
        0.010  running  replica of a, connected, offset 0

At the end of each turn a process compares its standing with the last one, and keeps it if something has
changed; so do the walls of the network. A view can then go back in time without playing the history again,
also for what happened before anybody looked.

Complexity: under 1 us for each turn of a node, O(nodes) in a cluster; a look-up is O(log standings).

>>> from minidis.drivers.simulation.lab import Lab
>>> lab = Lab(seed=1)
>>> _ = lab.nodes("a", "b")
>>> _ = lab.call("b", "REPLICAOF", "a", 6379); lab.run("10s")
>>> then = lab.record.standings.at("b", lab.started_us), lab.record.standings.at("b", lab.now_us)
>>> [(standing.role, standing.link) for standing in then]
[('primary', ''), ('replica', 'connected')]

Read next: minidis/notebook/views/topologies.py, which draws them.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable
from typing import TYPE_CHECKING

from minidis.drivers.simulation.cluster_standings import ClusterStanding, cluster_standing
from minidis.structures.record import NamedTuple

if TYPE_CHECKING:
    from minidis.drivers.simulation.process import Process


class Standing(NamedTuple):
    """One node at one time."""

    state: str  # running, paused, down
    role: str = ""  # primary, replica, sentinel; "" while it is down
    primary: tuple[str, int] | None = None  # whom it follows, or (a Sentinel) takes for the primary
    link: str = ""  # a replica's link to its primary: see PrimaryLink.state; "" while there is none
    history: str = ""  # the replication id
    former_history: str = ""
    former_until: int = -1  # up to which offset it shares the former history
    offset: int = 0
    backlog_bytes: int = 0  # how much the backlog can hold; 0: there is none
    backlog_first: int = 0
    epoch: int = 0  # of a Sentinel
    cluster: ClusterStanding | None = None  # of a cluster's node: what it holds of all


def standing(process: Process, slots_on_the_way: Iterable[int] = ()) -> Standing:
    """What a process is now; of a cluster's node also which keys it has in these slots."""
    if not process.running:
        return Standing("down")
    state = "paused" if process.paused else "running"
    node = process.node
    sentinel = getattr(node, "sentinel", None)
    if sentinel is not None:
        watched = next(iter(sentinel.primaries.values()), None)
        address = None if watched is None else tuple(watched.address)
        return Standing(state, "sentinel", address, epoch=sentinel.current_epoch)
    part = node.replication
    backlog = part.backlog
    return Standing(
        state,
        "replica" if part.is_replica else "primary",
        part.primary_address,
        part.link.state if part.link is not None else "",
        part.id,
        part.second_id,
        part.second_id_until,
        part.offset,
        backlog.size_bytes if backlog is not None else 0,
        backlog.first_offset if backlog is not None else 0,
        cluster=None if node.cluster is None else cluster_standing(node, slots_on_the_way),
    )


class Standings:
    """All of them, by node, in order of time; and the walls of the network."""

    def __init__(self) -> None:
        self.times_us: dict[str, list[int]] = {}
        self.kept: dict[str, list[Standing]] = {}
        self.walls: list[tuple[int, frozenset[tuple[str, str]]]] = []
        self.slots_on_the_way: set[int] = set()
        """Of a cluster: marked by one node at least."""
        self._marked: dict[str, set[int]] = {}

    def note(self, now_us: int, process: Process) -> None:
        """Keep a process's standing, if it has changed."""
        now = standing(process, self.slots_on_the_way)
        kept = self.kept.setdefault(process.name, [])
        if not kept or kept[-1] != now:
            kept.append(now)
            self.times_us.setdefault(process.name, []).append(now_us)
            self._note_marks(process.name, now.cluster)

    def _note_marks(self, name: str, held: ClusterStanding | None) -> None:
        marked = set() if held is None else {slot for slot, _ in held.migrating + held.importing}
        if marked != self._marked.get(name, set()):
            self._marked[name] = marked
            self.slots_on_the_way = set().union(*self._marked.values())

    def note_walls(self, now_us: int, blocked: set[tuple[str, str]]) -> None:
        """Who does not reach whom from now on."""
        if self.walls and self.walls[-1][0] == now_us:
            self.walls.pop()
        self.walls.append((now_us, frozenset(blocked)))

    def at(self, name: str, time_us: int) -> Standing | None:
        """What a node was at a time; None before it was made."""
        index = bisect_right(self.times_us.get(name, ()), time_us)
        return self.kept[name][index - 1] if index else None

    def cluster_at(self, name: str, time_us: int) -> ClusterStanding | None:
        """What a node of a cluster held at a time; of one that was down, what it held last."""
        for index in range(bisect_right(self.times_us.get(name, ()), time_us), 0, -1):
            if (held := self.kept[name][index - 1].cluster) is not None:
                return held
        return None

    def walls_at(self, time_us: int) -> frozenset[tuple[str, str]]:
        """Pairs of hosts: nothing came from the first to the second."""
        index = bisect_right(self.walls, time_us, key=lambda entry: entry[0])
        return self.walls[index - 1][1] if index else frozenset()

    def moments_us(self) -> list[int]:
        """The times at which something changed."""
        times_us = {time_us for times_us in self.times_us.values() for time_us in times_us}
        return sorted(times_us | {time_us for time_us, _ in self.walls})

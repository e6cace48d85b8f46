"""What a node of a cluster held of all others, at any time of a lab's history.

    n1  at 18.000 s   ok, epoch 3     n2: primary, epoch 2, slots ...    n3: fail?, reported by n2
        at 18.001 s   fail, epoch 3                                      n3: FAIL

It is a part of a node's standing (standings.py). The slots of a node are one int and its name is one str, the
same objects as long as nothing changes, so that two standings are compared as fast as two small tuples.

Of a slot that is on its way, whoever marks it, each node's keys are kept too.

Complexity: O(nodes) for each turn of a node; a lab whose record keeps no messages pays nothing.

>>> from minidis.drivers.simulation.lab import Lab
>>> lab = Lab(seed=1)
>>> _ = lab.cluster("a b c", replicas=0); lab.run("5s"); lab.kill("c"); lab.run("5s")
>>> def state_of_c(time_us):
...     held = lab.record.standings.cluster_at("a", time_us)
...     return next(known.state for known in held.nodes if known.name == lab["c"].cluster.myself.name)
>>> state_of_c(lab.started_us + 5_000_000), state_of_c(lab.now_us)
('ok', 'FAIL')

Read next: minidis/notebook/views/gossips.py, which draws it.
"""

from __future__ import annotations

from collections.abc import Iterable

from minidis.distributed.cluster.slots import SLOTS, SlotSet, ranges
from minidis.distributed.cluster.state import FAIL, HANDSHAKE, MYSELF, PFAIL, PRIMARY, REPLICA
from minidis.engine.node import Node
from minidis.structures.record import NamedTuple

_SHOWN = FAIL | HANDSHAKE | MYSELF | PFAIL | PRIMARY | REPLICA


class Known(NamedTuple):
    """One node, as another holds it."""

    name: str  # 40 digits
    flags: int
    config_epoch: int
    slots: SlotSet
    primary: str  # of a replica, if it is known: its name
    reporters: tuple[str, ...]  # primaries that say it does not answer

    @property
    def state(self) -> str:
        """myself, FAIL, fail?, handshake or ok."""
        if self.flags & MYSELF:
            return "myself"
        if self.flags & FAIL:
            return "FAIL"
        if self.flags & PFAIL:
            return "fail?"
        return "handshake" if self.flags & HANDSHAKE else "ok"

    @property
    def is_replica(self) -> bool:
        return bool(self.flags & REPLICA)


class ClusterStanding(NamedTuple):
    """All that one node held at one time."""

    myself: str
    is_ok: bool
    epoch: int
    last_vote_epoch: int
    quorum: int
    nodes: tuple[Known, ...]
    migrating: tuple[tuple[int, str], ...] = ()  # slot, and to whom
    importing: tuple[tuple[int, str], ...] = ()  # slot, and from whom
    keys: tuple[tuple[int, tuple[bytes, ...]], ...] = ()  # of slots on their way: those that are here

    @property
    def own(self) -> Known:
        """The node itself."""
        return next(known for known in self.nodes if known.flags & MYSELF)

    def owners(self) -> list[str]:
        """Slot -> the name of who serves it, "" where nobody does."""
        found = [""] * SLOTS
        for known in self.nodes:
            for first, last in ranges(known.slots):
                found[first : last + 1] = [known.name] * (last + 1 - first)
        return found


def cluster_standing(node: Node, slots_on_the_way: Iterable[int] = ()) -> ClusterStanding:
    """What a node of a cluster holds now, with its keys in these slots and in those that it has marked."""
    cluster = node.cluster
    state = cluster.state
    nodes = tuple(
        [
            Known(
                known.name,
                known.flags & _SHOWN,
                known.config_epoch,
                known.slots,
                known.primary.name if known.primary is not None else "",
                tuple(reporter.name for reporter in known.fail_reports) if known.fail_reports else (),
            )
            for known in state.nodes.values()
        ]
    )
    standing = ClusterStanding(
        state.myself.name, state.is_ok, state.current_epoch, state.last_vote_epoch, state.quorum, nodes
    )
    marked = {*slots_on_the_way, *state.migrating_to, *state.importing_from}
    if not marked:
        return standing
    return standing._replace(
        migrating=tuple(sorted((slot, to.name) for slot, to in state.migrating_to.items())),
        importing=tuple(sorted((slot, source.name) for slot, source in state.importing_from.items())),
        keys=tuple((slot, tuple(sorted(cluster.keys.in_slot(slot, SLOTS)))) for slot in sorted(marked)),
    )

"""A cluster from empty nodes: who serves what, who follows whom, and the commands that make it so.

    1  CLUSTER SET-CONFIG-EPOCH 1, 2, 3        the primaries differ from the start
    2  CLUSTER ADDSLOTSRANGE 0 5460 ...        each its share
    3  CLUSTER MEET                            the first one meets the others; gossip does the rest
    4  CLUSTER REPLICATE                       when all know all: replicas in turn, one for each primary
    5  the cluster is ok                       when every node says so

`create` sends commands by a function that it is given, and yields what must
be waited for, so that whoever drives the nodes lets time pass in its own way.

Mirrors: redis-cli --cluster create (`clusterManagerCommandCreate`).
Complexity: O(nodes) commands, and what the nodes need to get to know each other.

>>> shares(3)
[(0, 5460), (5461, 10922), (10923, 16383)]
>>> [(one, replicas) for one, replicas, _ in shards(["a", "b", "c", "d", "e", "f"], replicas=1)]
[('a', ['d']), ('b', ['e']), ('c', ['f'])]

Read next: minidis/drivers/cluster_servers.py, which uses it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

from minidis.distributed.cluster.slots import SLOTS
from minidis.structures.record import NamedTuple

if TYPE_CHECKING:
    from minidis.engine.node import Node

T = TypeVar("T")
FEWEST_PRIMARIES = 3
"""With fewer no majority is left when one fails."""


class Member(NamedTuple):
    """An empty node in cluster mode, and where the others find it.  `node` is looked up anew each time."""

    name: str
    host: str
    port: int
    bus_port: int
    node: Callable[[], Node]

    @property
    def id(self) -> str:
        return self.node().cluster.myself.name


Call = Callable[..., Any]
"""`call(member's name, *words)`: send a command, and answer its reply."""


class CreationError(ValueError):
    """Nodes of which no cluster can be made."""


def create(members: Sequence[Member], replicas: int, call: Call) -> Iterator[Callable[[], bool]]:
    """Make a cluster; yields conditions, each to be waited for before it goes on.  Raises CreationError."""
    planned = shards(members, replicas)
    for epoch, (primary, _, (first, last)) in enumerate(planned, 1):
        call(primary.name, "CLUSTER", "SET-CONFIG-EPOCH", epoch)
        call(primary.name, "CLUSTER", "ADDSLOTSRANGE", first, last)
    for other in members[1:]:
        call(members[0].name, "CLUSTER", "MEET", other.host, other.port, other.bus_port)
    names = {member.id for member in members}
    yield lambda: all(_knows(member, names) for member in members)
    for primary, followers, _ in planned:
        for follower in followers:
            call(follower.name, "CLUSTER", "REPLICATE", primary.id)
    yield lambda: all(
        member.node().cluster.state.is_ok and _is_in_step(member, planned) for member in members
    )


def _knows(member: Member, names: set[str]) -> bool:
    return member.node().cluster.state.nodes.keys() == names


def _is_in_step(member: Member, planned: Sequence[tuple[Member, list[Member], Any]]) -> bool:
    """It knows who follows whom; and if it is a replica, it has its primary's data."""
    state, replication = member.node().cluster.state, member.node().replication
    for primary, followers, _ in planned:
        if {one.name for one in state.nodes[primary.id].replicas} != {one.id for one in followers}:
            return False
    return not replication.is_replica or (replication.link is not None and replication.link.is_connected)


def shards(members: Sequence[T], replicas: int) -> list[tuple[T, list[T], tuple[int, int]]]:
    """For each shard: its primary, its replicas, its first and last slot.  Raises CreationError."""
    primaries = len(members) // (replicas + 1)
    if primaries < FEWEST_PRIMARIES:
        raise CreationError(
            f"{len(members)} nodes with {replicas} replicas each make {primaries} primaries; a cluster needs "
            f"{FEWEST_PRIMARIES} at least, that is {FEWEST_PRIMARIES * (replicas + 1)} nodes"
        )
    return [
        (members[number], list(members[primaries + number :: primaries]), share)
        for number, share in enumerate(shares(primaries))
    ]


def shares(primaries: int) -> list[tuple[int, int]]:
    """The slots in equal parts: first and last of each, as redis-cli rounds them."""
    bounds = [round(number * SLOTS / primaries) for number in range(primaries + 1)]
    return list(zip(bounds[:-1], (bound - 1 for bound in bounds[1:]), strict=True))

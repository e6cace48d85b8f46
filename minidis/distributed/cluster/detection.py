"""Failure detection: one node's doubt, and the agreement of the majority.

    no answer to a PING for cluster-node-timeout        PFAIL: *I* can't reach it        fail?
    a majority of the primaries says so, me included    FAIL: it is down for all of us   fail
      ... whoever sees that first tells everyone: FAIL is a message of its own

PFAIL goes by itself, with the next PONG. FAIL holds, since a failover may be under way: it is lifted only

    from a replica, or a primary without slots    as soon as it answers again
    from a primary with slots                     when it answers, and after two node timeouts nobody has
                                                  taken its place

The agreement is a weak one: reports of different moments count together, as long as none is older than two
node timeouts. That is enough: whoever is to take the place needs votes, and those are strict (election.py).

Everything that comes from a node is a sign of life, not only a PONG. A connection that has been silent for
half a timeout is opened anew: perhaps it is the connection that is broken.

Mirrors: clusterCron's second half, markNodeAsFailingIfNeeded, clearNodeFailureIfNeeded in cluster.c.
Differs: a node that can't be connected to counts as silent from the first attempt on.
Complexity: O(nodes) for each cron.

Read next: election.py.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from minidis.distributed.cluster import messages
from minidis.distributed.cluster.state import (
    FAIL,
    HANDSHAKE,
    MIGRATE_TO,
    MYSELF,
    NO_ADDRESS,
    PFAIL,
    PRIMARY,
    ClusterNode,
)
from minidis.structures.record import record

if TYPE_CHECKING:
    from minidis.distributed.cluster.bus import Bus

FAIL_UNDO_TIMEOUTS = 2
"""For so many node timeouts a primary stays failed for certain, though it answers."""


@record
class Orphans:
    """What a replica counts as it looks at the primaries: does one need a replica?  (replica_migration.py)"""

    orphaned: int = 0
    """Primaries that have slots and should have working replicas, but have none."""
    most: int = 0
    """The largest number of working replicas that one primary has."""
    mine: int = 0
    """How many my own primary has."""


def look_at_nodes(bus: Bus) -> Orphans:
    """At each cron: ping who was silent, doubt who does not answer; once a second, count replicas."""
    pings_before_ms = bus.now_ms - bus.timeout_ms // 2
    asks_us = bus.state.manual_failover.replica
    awaited = [
        node
        for node in bus.state.nodes.values()
        if node.ping_sent_ms or node.pong_received_ms < pings_before_ms or node is asks_us
    ]
    for node in awaited:
        if not node.flags & (MYSELF | NO_ADDRESS | HANDSHAKE):
            _look_at(bus, node)
    orphans = Orphans()
    if bus.state.myself.is_replica and bus.is_new_second:
        for node in bus.state.nodes.values():
            if node.flags & PRIMARY and not node.flags & (MYSELF | NO_ADDRESS | HANDSHAKE | FAIL):
                _count_replicas(bus, node, orphans)
    return orphans


def _count_replicas(bus: Bus, node: ClusterNode, orphans: Orphans) -> None:
    working = node.count_working_replicas()
    if not working and node.slot_count and node.flags & MIGRATE_TO:
        orphans.orphaned += 1
    orphans.most = max(orphans.most, working)
    if bus.state.myself.primary is node:
        orphans.mine = working


def _look_at(bus: Bus, node: ClusterNode) -> None:
    now_ms, timeout_ms = bus.now_ms, bus.timeout_ms
    link, manual = node.link, bus.state.manual_failover
    waits_ms = now_ms - node.ping_sent_ms if node.ping_sent_ms else 0
    silent_ms = min(waits_ms, now_ms - node.data_received_ms)
    if link is not None and silent_ms > timeout_ms // 2 and now_ms - link.created_ms > timeout_ms:
        link.close()  # the next cron opens another
        link = None
    if link is not None and link.is_open:
        is_due = not node.ping_sent_ms and now_ms - node.pong_received_ms > timeout_ms // 2
        if is_due or (manual.ends_ms and bus.state.myself.is_primary and manual.replica is node):
            bus.send_ping(link)
            return
    if node.ping_sent_ms and silent_ms > timeout_ms and not node.flags & (PFAIL | FAIL):
        bus.log("debug", f"*** NODE {node.name} possibly failing")
        node.flags |= PFAIL
        bus.note_change(state=True)


def mark_failed_if_agreed(bus: Bus, node: ClusterNode) -> None:
    """I can't reach it, and a primary says the same: is that the majority?"""
    if not node.may_be_failing or node.has_failed:
        return
    failures = node.count_fail_reports(bus.now_ms, bus.timeout_ms) + bus.state.myself.is_primary
    if failures >= bus.state.quorum:
        declare_failed(bus, node)


def declare_failed(bus: Bus, node: ClusterNode) -> None:
    """The majority agrees: all are told."""
    bus.log("notice", f"Marking node {node.name} ({node.human_name}) as failing (quorum reached).")
    _mark_failed(bus, node)
    bus.broadcast(bus.message(messages.FAIL, messages.Failed(node.name)))


def take_fail(bus: Bus, name: str, sender: ClusterNode) -> None:
    """Somebody has seen the agreement."""
    node = bus.state.find(name)
    if node is None or node.flags & (FAIL | MYSELF):
        return
    bus.log(
        "notice",
        f"FAIL message received from {sender.name} ({sender.human_name}) about {name} ({node.human_name})",
    )
    _mark_failed(bus, node)


def _mark_failed(bus: Bus, node: ClusterNode) -> None:
    node.flags = node.flags & ~PFAIL | FAIL
    node.fail_ms = bus.now_ms
    bus.note_change(save=True, state=True)


def note_pong(bus: Bus, node: ClusterNode) -> None:
    """It answers."""
    node.pong_received_ms = bus.now_ms
    node.ping_sent_ms = 0
    if node.may_be_failing:
        node.flags &= ~PFAIL
        bus.note_change(save=True, state=True)
    elif node.has_failed:
        _lift_fail_if_due(bus, node)


def _lift_fail_if_due(bus: Bus, node: ClusterNode) -> None:
    """It had failed, and answers again."""
    if node.is_replica or not node.slot_count:
        why = f"{'replica' if node.is_replica else 'master without slots'} is reachable again."
    elif bus.now_ms - node.fail_ms > FAIL_UNDO_TIMEOUTS * bus.timeout_ms:
        why = "is reachable again and nobody is serving its slots after some time."
    else:
        return
    bus.log("notice", f"Clear FAIL state for node {node.name} ({node.human_name}): {why}")
    node.flags &= ~FAIL
    bus.note_change(save=True, state=True)

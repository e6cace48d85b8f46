"""Replica migration: a primary that has lost its last replica is lent one by a primary that has several.

    a: a1, a2      b: b1             b fails, b1 takes its place, and has no replica now
    a: a1          b1: a2            a2 moves, after five seconds: else b1's failure would be the end

Who moves: of the replicas of those primaries that have the most, the one with the smallest name. Everyone
works that out alone, from the same table, so there is nothing to agree on; should two move at once, it does
little harm. The primary that is left keeps `cluster-migration-barrier` replicas at least.

Mirrors: clusterHandleSlaveMigration in cluster.c.
Differs: looked at once a second, not ten times; it waits for five seconds anyway.
Complexity: O(nodes), only while there is an orphan.

Read next: minidis/drivers/simulation/lab.py, where all this can be watched.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from minidis.distributed.cluster.detection import Orphans
from minidis.distributed.cluster.state import FAIL, MIGRATE_TO, PFAIL, ClusterNode

if TYPE_CHECKING:
    from minidis.distributed.cluster.bus import Bus

DELAY_MS = 5_000
"""For so long a primary must be an orphan: after a failover its own replicas take a moment to come back."""


def migrate_if_needed(bus: Bus, orphans: Orphans) -> None:
    """A replica, once a second: is it for me to go to an orphan?"""
    if not orphans.orphaned or orphans.most < 2 or orphans.mine != orphans.most:
        return
    config, state, myself = bus.node.config, bus.state, bus.state.myself
    if not config.cluster_allow_replica_migration or not state.is_ok or myself.primary is None:
        return
    left = sum(not replica.flags & (FAIL | PFAIL) for replica in myself.primary.replicas)
    if left <= config.cluster_migration_barrier:
        return
    target, candidate = _choose(bus, orphans.most)
    if target is not None and candidate is myself and bus.now_ms - target.orphaned_ms > DELAY_MS:
        bus.log("notice", f"Migrating to orphaned master {target.name}")
        bus.cluster.follow(target)


def _choose(bus: Bus, most: int) -> tuple[ClusterNode | None, ClusterNode]:
    """Which orphan is to get a replica, and which replica."""
    target, candidate = None, bus.state.myself
    for node in bus.state.nodes.values():
        working = node.count_working_replicas() if node.is_primary else 0
        is_orphan = node.is_primary and not node.has_failed and node.flags & MIGRATE_TO and not working
        if is_orphan:
            if target is None and node.slot_count:
                target = node
            node.orphaned_ms = node.orphaned_ms or bus.now_ms
        else:
            node.orphaned_ms = 0
        if working == most:
            candidate = min([candidate, *node.replicas], key=lambda replica: replica.name)
    return target, candidate

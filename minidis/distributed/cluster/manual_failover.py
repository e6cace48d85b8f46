"""CLUSTER FAILOVER: a replica takes the place of its primary while that is well, and nothing is lost.

    replica                               primary
    MFSTART  ------------------------>    pauses its clients' writes, for at most 10 s
             <-- PING, PAUSED, offset     its stream stands still there
    its own offset reaches that one
    asks all for votes, FORCE_ACK         votes too
    wins, PONG to all  -------------->    becomes its replica; the clients go on, and meet MOVED

    FORCE      the primary can't be reached: no waiting for its offset, but an election all the same
    TAKEOVER   no election either: a new epoch, unasked; for when the majority of the primaries is gone

After five seconds without success everything is as before.

Mirrors: clusterHandleManualFailover, resetManualFailover, CLUSTER FAILOVER in cluster.c.
Complexity: O(1).

Read next: replica_migration.py.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from minidis.distributed.cluster import election, messages
from minidis.distributed.cluster.links import ClusterLink
from minidis.distributed.cluster.state import (
    HANDLE_FAILOVER,
    HANDLE_MANUAL_FAILOVER,
    MANUAL_FAILOVER_MS,
    ClusterNode,
)

if TYPE_CHECKING:
    from minidis.distributed.cluster.bus import Bus

PAUSE_MS = 2 * MANUAL_FAILOVER_MS
PAUSE_PURPOSE = "cluster-failover"


def begin(bus: Bus, how: str) -> None:
    """On the replica: CLUSTER FAILOVER, which its command has found fit; `how`: "force", "takeover" or ""."""
    state = bus.state
    primary = state.myself.primary
    if primary is None:
        return
    if how == "takeover":
        bus.log("notice", "Taking over the master (user request).")
        if state.bump_epoch():
            bus.log("notice", f"New configEpoch set to {state.myself.config_epoch}")
        election.replace_primary(bus)
    elif how == "force":
        bus.log("notice", "Forced failover user request accepted.")
        state.manual_failover.may_begin = True
        bus.cluster.soon(HANDLE_FAILOVER)
    else:
        bus.log("notice", "Manual failover user request accepted.")
        bus.send(primary, bus.message(messages.MFSTART))


def take_start(bus: Bus, link: ClusterLink, replica: ClusterNode) -> None:
    """On the primary: one of our replicas asks for it."""
    if replica.primary is not bus.state.myself:
        return
    bus.cluster.reset_manual_failover()
    manual = bus.state.manual_failover
    manual.ends_ms = bus.now_ms + MANUAL_FAILOVER_MS
    manual.replica = replica
    bus.node.pause.begin(bus.now_ms + PAUSE_MS, everyone=False, purpose=PAUSE_PURPOSE)
    bus.log("notice", f"Manual failover requested by replica {replica.name} ({replica.human_name}).")
    bus.send_ping(link)  # it carries the offset at which the stream stands still now


def note_paused_primary(bus: Bus, sender: ClusterNode) -> None:
    """On the replica: the primary stands still, and says where."""
    state = bus.state
    manual = state.manual_failover
    if manual.ends_ms and state.myself.is_replica and state.myself.primary is sender:
        if manual.primary_offset < 0:
            manual.primary_offset = sender.replication_offset
            bus.log(
                "notice",
                f"Received replication offset for paused master manual failover: {manual.primary_offset}",
            )
            bus.cluster.soon(HANDLE_MANUAL_FAILOVER)


def advance(bus: Bus) -> None:
    """On the replica: do we have everything?"""
    manual = bus.state.manual_failover
    if not manual.ends_ms or manual.may_begin or manual.primary_offset < 0:
        return
    if manual.primary_offset == bus.node.replication.offset:
        manual.may_begin = True
        bus.log("notice", "All master replication stream processed, manual failover can start.")


def end(bus: Bus) -> None:
    """It is over, however it went: whom a primary has paused may go on."""
    if bus.state.manual_failover.replica is not None:
        bus.node.pause.end(PAUSE_PURPOSE)


def check_time(bus: Bus) -> None:
    """It takes too long: give it up."""
    ends_ms = bus.state.manual_failover.ends_ms
    if ends_ms and ends_ms < bus.now_ms:
        bus.log("warning", "Manual failover timed out.")
        bus.cluster.reset_manual_failover()

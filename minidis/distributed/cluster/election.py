"""Election: of the replicas of a failed primary, one gets the votes of the majority, and takes its place.

    primary FAIL        replica: how old are my data?  too old: no candidate
                        wait 500 ms + up to 500 by lot + 1000 for each replica that has more than I
    AUTH_REQUEST        in a new epoch, to all
    AUTH_ACK            from primaries with slots, each once in an epoch
    the majority        config epoch = that of the election; the slots are mine; PONG to all

Rules by which a primary votes (and why):

    not for an epoch that is past, and once in each      two winners of one epoch can't be
    only if it holds the primary for failed too          one replica's doubt is not enough (FORCE_ACK: manual)
    once in two node timeouts for the same primary       a chance for the winner to tell of itself
    not if a slot that is claimed has a newer owner      a replica that was away does not know of it

The rank makes the replica with the most data ask first: it is likely to win, not sure to.

No majority, no election: of a cluster cut in two, the smaller part stops (role.py), and elects nobody.

Mirrors: clusterHandleSlaveFailover, clusterSendFailoverAuthIfNeeded, clusterGetSlaveRank,
clusterFailoverReplaceYourMaster, clusterLogCantFailover in cluster.c.
Complexity: O(replicas) for each cron, O(nodes) for a vote.

Read next: manual_failover.py.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from minidis.distributed.cluster import messages, ownership
from minidis.distributed.cluster.state import HANDLE_FAILOVER, ClusterNode

if TYPE_CHECKING:
    from minidis.distributed.cluster.bus import Bus
    from minidis.distributed.cluster.messages import Message

FIXED_DELAY_MS = 500
"""So that FAIL reaches everyone before the request for votes does."""
RANDOM_DELAY_MS = 500
RANK_DELAY_MS = 1_000
SHORTEST_TIMEOUT_MS = 2_000
RELOG_MS = 10_000

OBSTACLES = {
    "data age": "Disconnected from master for longer than allowed. "
    "Please check the 'cluster-replica-validity-factor' configuration option.",
    "waiting delay": "Waiting the delay before I can start a new failover.",
    "expired": "Failover attempt expired.",
    "waiting votes": "Waiting for votes, but majority still not reached.",
}


# ---- the candidate ----------------------------------------------------------------------------------------


def advance(bus: Bus) -> None:
    """A replica, ten times a second and when a vote comes: is there something to do for a failover?"""
    state, election, now_ms = bus.state, bus.state.election, bus.now_ms
    primary = state.myself.primary
    is_manual = bool(state.manual_failover.ends_ms and state.manual_failover.may_begin)
    if not _may_stand(bus, primary, is_manual):
        election.obstacle = ""
        return
    timeout_ms = max(SHORTEST_TIMEOUT_MS, 2 * bus.timeout_ms)
    age_ms = now_ms - election.begins_ms
    if not is_manual and not _data_are_fresh(bus):
        _note_obstacle(bus, "data age")
    elif age_ms > 2 * timeout_ms:
        _plan(bus)
    else:
        if not election.was_requested and not state.manual_failover.ends_ms:
            _wait_for_better_ones(bus)
        if now_ms < election.begins_ms:
            _note_obstacle(bus, "waiting delay")
        elif age_ms > timeout_ms:
            _note_obstacle(bus, "expired")
        elif not election.was_requested:
            _ask_for_votes(bus)
        elif election.votes >= state.quorum:
            _win(bus)
        else:
            _note_obstacle(bus, "waiting votes")


def _may_stand(bus: Bus, primary: ClusterNode | None, is_manual: bool) -> bool:
    if not bus.state.myself.is_replica or primary is None or not primary.slot_count:
        return False
    return is_manual or (primary.has_failed and not bus.node.config.cluster_replica_no_failover)


def _data_are_fresh(bus: Bus) -> bool:
    """Was the primary heard of lately enough (cluster-replica-validity-factor; 0: always)?"""
    config = bus.node.config
    factor = config.cluster_replica_validity_factor
    age_ms = data_age_ms(bus)
    if age_ms > bus.timeout_ms:
        age_ms -= bus.timeout_ms  # for so long it was silent anyway, before it was held for failed
    return not factor or age_ms <= config.repl_ping_replica_period * 1000 + bus.timeout_ms * factor


def data_age_ms(bus: Bus) -> int:
    """How long a replica has not heard of its primary by replication."""
    replication = bus.node.replication
    link = replication.link
    since_us = replication.down_since_us
    if link is not None and link.is_connected:
        since_us = link.last_heard_us
    return (bus.node.now_us // 1_000_000 - since_us // 1_000_000) * 1000


def rank(bus: Bus) -> int:
    """How many replicas of the same primary have more than I."""
    myself = bus.state.myself
    if myself.primary is None:
        return 0
    offset = bus.node.replication.offset
    return sum(
        other is not myself and not other.never_fails_over and other.replication_offset > offset
        for other in myself.primary.replicas
    )


def _plan(bus: Bus) -> None:
    """An election of its own, after a while."""
    election, now_ms = bus.state.election, bus.now_ms
    election.votes, election.was_requested = 0, False
    if bus.state.manual_failover.ends_ms:
        election.rank, election.begins_ms = 0, now_ms
    else:
        election.rank = rank(bus)
        lot_ms = bus.random.randrange(RANDOM_DELAY_MS)
        election.begins_ms = now_ms + FIXED_DELAY_MS + lot_ms + election.rank * RANK_DELAY_MS
    bus.log(
        "notice",
        f"Start of election delayed for {election.begins_ms - now_ms} milliseconds "
        f"(rank #{election.rank}, offset {bus.node.replication.offset}).",
    )
    bus.broadcast_pong(to_shard=True)  # the other replicas learn of our offset
    if bus.state.manual_failover.ends_ms:
        advance(bus)  # without delay


def _wait_for_better_ones(bus: Bus) -> None:
    """Others may have told of greater offsets since."""
    election, now_rank = bus.state.election, rank(bus)
    if now_rank > election.rank:
        added_ms = (now_rank - election.rank) * RANK_DELAY_MS
        election.begins_ms += added_ms
        election.rank = now_rank
        bus.log("notice", f"Replica rank updated to #{now_rank}, added {added_ms} milliseconds of delay.")


def _ask_for_votes(bus: Bus) -> None:
    state, election = bus.state, bus.state.election
    state.current_epoch += 1
    election.epoch = state.current_epoch
    election.was_requested = True
    bus.log("notice", f"Starting a failover election for epoch {election.epoch}.")
    flags = messages.FORCE_ACK if state.manual_failover.ends_ms else 0
    bus.broadcast(bus.message(messages.FAILOVER_AUTH_REQUEST, flags=flags))
    bus.note_change(save=True, state=True)


def count_vote(bus: Bus, message: Message, sender: ClusterNode) -> None:
    """Somebody votes for us."""
    election = bus.state.election
    if sender.is_primary and sender.slot_count and message.current_epoch >= election.epoch:
        election.votes += 1
        bus.cluster.soon(HANDLE_FAILOVER)


def _win(bus: Bus) -> None:
    myself, epoch = bus.state.myself, bus.state.election.epoch
    bus.log("notice", "Failover election won: I'm the new master.")
    if myself.config_epoch < epoch:
        myself.config_epoch = epoch
        bus.log("notice", f"configEpoch set to {epoch} after successful failover")
    replace_primary(bus)


def replace_primary(bus: Bus) -> None:
    """Take the place of the primary.  An epoch for that is ours already."""
    myself = bus.state.myself
    former = myself.primary
    if myself.is_primary or former is None:
        return
    myself.become_primary()
    bus.node.replication.lead()
    bus.cluster.give_set(former.slots, myself)
    bus.cluster.update_state()
    bus.note_change(save=True)
    bus.broadcast_pong()
    bus.cluster.reset_manual_failover()


def _note_obstacle(bus: Bus, obstacle: str) -> None:
    """Log why there is no failover, now and then, once the primary has been down for a while."""
    election, now_ms = bus.state.election, bus.now_ms
    if obstacle == election.obstacle and now_ms - election.obstacle_logged_ms < RELOG_MS:
        return
    election.obstacle = obstacle
    primary = bus.state.myself.primary
    if primary is not None and primary.has_failed and now_ms - primary.fail_ms < bus.timeout_ms + 5_000:
        return
    election.obstacle_logged_ms = now_ms
    bus.log("notice", f"Currently unable to failover: {OBSTACLES[obstacle]}")
    if obstacle in ("waiting votes", "expired"):
        bus.log(
            "notice",
            f"Needed quorum: {bus.state.quorum}. Number of votes received so far: {election.votes}",
        )


# ---- the voter --------------------------------------------------------------------------------------------


def vote_if_right(bus: Bus, request: Message, candidate: ClusterNode) -> None:
    """A replica asks for our vote."""
    state, myself = bus.state, bus.state.myself
    if myself.is_replica or not myself.slot_count:
        return  # not a voter
    reason = _reason_to_refuse(bus, request, candidate)
    if reason:
        bus.log("warning", f"Failover auth denied to {candidate.name} ({candidate.human_name}): {reason}")
        return
    assert candidate.primary is not None
    state.last_vote_epoch = state.current_epoch
    candidate.primary.voted_ms = bus.now_ms
    bus.note_change(save=True)
    bus.send(candidate, bus.message(messages.FAILOVER_AUTH_ACK))
    bus.log(
        "notice",
        f"Failover auth granted to {candidate.name} ({candidate.human_name}) for epoch {state.current_epoch}",
    )


def _reason_to_refuse(bus: Bus, request: Message, candidate: ClusterNode) -> str:
    """Why not to vote for a candidate; "" if nothing is against it."""
    state, primary = bus.state, candidate.primary
    if request.current_epoch < state.current_epoch:
        return f"reqEpoch ({request.current_epoch}) < curEpoch({state.current_epoch})"
    if state.last_vote_epoch == state.current_epoch:
        return f"already voted for epoch {state.current_epoch}"
    if candidate.is_primary:
        return "it is a master node"
    if primary is None:
        return "I don't know its master"
    if not primary.has_failed and not request.message_flags & messages.FORCE_ACK:
        return "its master is up"
    wait_ms = 2 * bus.timeout_ms - (bus.now_ms - primary.voted_ms)
    if wait_ms > 0:
        return f"can't vote about this master before {wait_ms} milliseconds"
    newer = ownership.newer_owner(state, request.slots, request.config_epoch)
    if newer is not None:
        slot, owner = newer
        return f"slot {slot} epoch ({owner.config_epoch}) > reqEpoch ({request.config_epoch})"
    return ""

"""Failover: what the leader does, state by state.

    wait_start           until the votes are in                       -failover-abort-not-elected
    select_slave         the best replica                             -failover-abort-no-good-slave
    send_slaveof_noone   SLAVEOF NO ONE, in a transaction             -failover-abort-slave-timeout
    wait_promotion       until its INFO says role:master              -failover-abort-slave-timeout
    reconf_slaves        the others follow it, parallel-syncs at a time
    update_config        +switch-master: the name stands for the new address

From `reconf_slaves` on there is no way back: the primary's config epoch is that of this failover, and hello
messages tell the new address to everyone.

The best replica: connected, answers, heard of lately, not cut off from its primary for too long, priority not
0. Among those the lowest priority number, then the largest offset, then the smallest run id.

A replica goes "sent" (told to follow), "inprog" (says that it follows), "done" (its link is up). The former
primary is a replica from `update_config` on: if it comes back as a primary, discovery.py demotes it.

Mirrors: sentinel.c (`sentinelFailoverStateMachine` and its states, `sentinelSelectSlave`).
Complexity: O(replicas) for each turn.
Read next: configuration.py.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from minidis.distributed.sentinel import election
from minidis.distributed.sentinel.state import Primary, Replica

if TYPE_CHECKING:
    from minidis.distributed.sentinel.role import Sentinel


def start_if_needed(sentinel: Sentinel, primary: Primary) -> bool:
    """Try a failover, unless one is under way or was tried lately.  True if it begins."""
    failover = primary.failover
    if not primary.is_o_down or failover.in_progress:
        return False
    if sentinel.now_ms - failover.started_ms < 2 * primary.failover_timeout_ms:
        if failover.delay_told_for_ms != failover.started_ms:
            failover.delay_told_for_ms = failover.started_ms
            wait_ms = failover.started_ms + 2 * primary.failover_timeout_ms - sentinel.now_ms
            sentinel.node.log(
                "notice", f"Next failover delay: I will not start a failover for {wait_ms / 1000:.0f} s"
            )
        return False
    start(sentinel, primary)
    return True


def start(sentinel: Sentinel, primary: Primary) -> None:
    """Begin, in an epoch of its own."""
    failover = primary.failover
    failover.epoch = sentinel.current_epoch + 1
    sentinel.new_epoch(failover.epoch, primary)
    sentinel.event("warning", "+try-failover", primary)
    failover.started_ms = sentinel.now_ms + sentinel.random.randrange(election.MOST_DESYNC_MS)
    _enter(sentinel, primary, "wait_start")


def advance(sentinel: Sentinel, primary: Primary) -> None:
    """Do what the state asks for."""
    step = _STEPS.get(primary.failover.state)
    if step is not None:
        step(sentinel, primary)


def abort(sentinel: Sentinel, primary: Primary, reason: str) -> None:
    """Give up; only before the replica has been promoted."""
    sentinel.event("warning", f"-failover-abort-{reason}", primary)
    failover = primary.failover
    failover.is_forced = False
    failover.promoted = None
    _enter(sentinel, primary, "none")


def _enter(sentinel: Sentinel, primary: Primary, state: str) -> None:
    primary.failover.state = state
    primary.failover.state_since_ms = sentinel.now_ms


def _time_in_state_ms(sentinel: Sentinel, primary: Primary) -> int:
    return sentinel.now_ms - primary.failover.state_since_ms


# ---- the states -------------------------------------------------------------------------------------------


def _wait_start(sentinel: Sentinel, primary: Primary) -> None:
    failover = primary.failover
    is_leader = election.leader(sentinel, primary, failover.epoch) == sentinel.my_id
    if not is_leader and not failover.is_forced:
        limit_ms = min(sentinel.periods.election_timeout, primary.failover_timeout_ms)
        if sentinel.now_ms - failover.started_ms > limit_ms:
            abort(sentinel, primary, "not-elected")
        return
    sentinel.event("warning", "+elected-leader", primary)
    sentinel.crash_after("election")
    _enter(sentinel, primary, "select_slave")
    sentinel.event("warning", "+failover-state-select-slave", primary)


def _select_slave(sentinel: Sentinel, primary: Primary) -> None:
    replica = best_replica(sentinel, primary)
    if replica is None:
        abort(sentinel, primary, "no-good-slave")
        return
    sentinel.event("warning", "+selected-slave", replica)
    primary.failover.promoted = replica
    _enter(sentinel, primary, "send_slaveof_noone")
    sentinel.event("notice", "+failover-state-send-slaveof-noone", replica)


def _send_slaveof_noone(sentinel: Sentinel, primary: Primary) -> None:
    replica = primary.failover.promoted
    assert replica is not None
    if replica.link.disconnected:
        if _time_in_state_ms(sentinel, primary) > primary.failover_timeout_ms:
            abort(sentinel, primary, "slave-timeout")
    elif sentinel.reconfigure(replica, None):
        sentinel.event("notice", "+failover-state-wait-promotion", replica)
        _enter(sentinel, primary, "wait_promotion")


def _wait_promotion(sentinel: Sentinel, primary: Primary) -> None:
    """What ends this well is an INFO of the replica: `promotion_succeeded`."""
    if _time_in_state_ms(sentinel, primary) > primary.failover_timeout_ms:
        abort(sentinel, primary, "slave-timeout")


def promotion_succeeded(sentinel: Sentinel, primary: Primary, replica: Replica) -> None:
    """The promoted replica says that it is a primary: from here on this configuration counts."""
    primary.config_epoch = primary.failover.epoch
    _enter(sentinel, primary, "reconf_slaves")
    sentinel.flush()
    sentinel.event("warning", "+promoted-slave", replica)
    sentinel.crash_after("promotion")
    sentinel.event("warning", "+failover-state-reconf-slaves", primary)
    sentinel.reconfigure_clients(primary, "leader", primary.address, replica.address)
    sentinel.hurry_hello(primary)


def _reconf_slaves(sentinel: Sentinel, primary: Primary) -> None:
    promoted = primary.failover.promoted
    assert promoted is not None
    replicas = [one for one in primary.replicas.values() if one is not promoted]
    under_way = sum(one.reconfiguration in ("sent", "inprog") for one in replicas)
    for replica in replicas:
        if under_way >= primary.parallel_syncs:
            break
        waited_ms = sentinel.now_ms - replica.reconfiguration_sent_ms
        if replica.reconfiguration == "sent" and waited_ms > sentinel.periods.slave_reconf_timeout:
            sentinel.event("notice", "-slave-reconf-sent-timeout", replica)
            replica.reconfiguration = "done"  # it is not; discovery.py corrects it later
        if replica.reconfiguration or replica.link.disconnected:
            continue
        if sentinel.reconfigure(replica, promoted.address):
            replica.reconfiguration, replica.reconfiguration_sent_ms = "sent", sentinel.now_ms
            sentinel.event("notice", "+slave-reconf-sent", replica)
            under_way += 1
    _look_for_end(sentinel, primary, promoted, replicas)


def _look_for_end(sentinel: Sentinel, primary: Primary, promoted: Replica, replicas: list[Replica]) -> None:
    """It is over when every replica that can be reached follows, or when it has taken too long."""
    if promoted.is_s_down:
        return
    is_too_late = _time_in_state_ms(sentinel, primary) > primary.failover_timeout_ms
    if is_too_late:
        sentinel.event("warning", "+failover-end-for-timeout", primary)
    elif any(one.reconfiguration != "done" and not one.is_s_down for one in replicas):
        return
    sentinel.event("warning", "+failover-end", primary)
    _enter(sentinel, primary, "update_config")
    if is_too_late:
        for replica in replicas:
            if replica.reconfiguration not in ("done", "sent") and not replica.link.disconnected:
                if sentinel.reconfigure(replica, promoted.address):
                    sentinel.event("notice", "+slave-reconf-sent-be", replica)
                    replica.reconfiguration = "sent"


def note_reconfiguration(sentinel: Sentinel, replica: Replica) -> None:
    """A replica's INFO: has it got further on its way to the new primary?"""
    promoted = replica.primary.failover.promoted
    if promoted is None or replica.reported_role != "slave":
        return
    if (
        replica.reconfiguration == "sent"
        and replica.follows_port == promoted.address.port
        and sentinel.is_host(promoted.address, replica.follows_host)
    ):
        replica.reconfiguration = "inprog"
        sentinel.event("notice", "+slave-reconf-inprog", replica)
    if replica.reconfiguration == "inprog" and replica.link_to_primary_is_up:
        replica.reconfiguration = "done"
        sentinel.event("notice", "+slave-reconf-done", replica)


def switch_to_promoted(sentinel: Sentinel, primary: Primary) -> None:
    """The end: the name stands for the promoted replica's address."""
    promoted = primary.failover.promoted
    before, after = primary.address, primary.address if promoted is None else promoted.address
    sentinel.announce(
        "warning",
        "+switch-master",
        f"{primary.name} {sentinel.shown(before)} {before.port} {sentinel.shown(after)} {after.port}",
        primary,
    )
    sentinel.change_address(primary, after.host, after.port)


_STEPS = {
    "wait_start": _wait_start,
    "select_slave": _select_slave,
    "send_slaveof_noone": _send_slaveof_noone,
    "wait_promotion": _wait_promotion,
    "reconf_slaves": _reconf_slaves,
}


# ---- which replica ----------------------------------------------------------------------------------------


def best_replica(sentinel: Sentinel, primary: Primary) -> Replica | None:
    """The replica to promote; None if none is fit."""
    fit = [one for one in primary.replicas.values() if _is_fit(sentinel, primary, one)]
    return min(fit, key=_rank, default=None)


def _rank(replica: Replica) -> tuple[int, int, bool, str]:
    return (replica.priority, -replica.offset, not replica.run_id, replica.run_id.lower())


def _is_fit(sentinel: Sentinel, primary: Primary, replica: Replica) -> bool:
    now_ms, periods = sentinel.now_ms, sentinel.periods
    if replica.is_s_down or replica.link.disconnected or replica.priority == 0:
        return False
    info_limit_ms = 5 * periods.ping_period if primary.is_s_down else 3 * periods.info_period
    down_limit_ms = 10 * primary.down_after_ms
    if primary.is_s_down:
        down_limit_ms += now_ms - primary.s_down_since_ms
    return (
        now_ms - replica.link.last_valid_ms <= 5 * periods.ping_period
        and now_ms - replica.info_ms <= info_limit_ms
        and replica.link_to_primary_down_ms <= down_limit_ms
    )

"""Detection: down for me (SDOWN), and down for enough of us (ODOWN).

    no valid answer to a PING for down-after-milliseconds         -> +sdown     an opinion
    it is the primary, and `quorum` Sentinels have that opinion   -> +odown     a reason to try a failover

An instance also seems down when it should be a primary and says, for long enough, that it is a replica.

Whoever has the opinion asks the others once a second, SENTINEL is-master-down-by-addr; an answer counts for
five seconds. It is a weak agreement, opinions of slightly different moments: it may start a failover, but
what authorizes one is the vote, which travels in the same question (election.py).

Mirrors: sentinel.c (`sentinelCheckSubjectivelyDown`, `sentinelCheckObjectivelyDown`,
`sentinelAskMasterStateToOtherSentinels`).
Complexity: O(1) for each instance; O(Sentinels) for a primary.
Read next: election.py.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from minidis.distributed.sentinel.state import Instance, OtherSentinel, Primary

if TYPE_CHECKING:
    from minidis.distributed.sentinel.role import Sentinel


def check_subjectively_down(sentinel: Sentinel, instance: Instance) -> None:
    """Does it seem down to this Sentinel?"""
    _drop_stale_connections(sentinel, instance)
    is_down = _silence_ms(sentinel, instance) > instance.down_after_ms
    if isinstance(instance, Primary) and not is_down:
        is_down = _denies_its_role(sentinel, instance) or _takes_too_long_to_restart(sentinel, instance)
    if is_down and not instance.is_s_down:
        sentinel.event("warning", "+sdown", instance)
        instance.is_s_down, instance.s_down_since_ms = True, sentinel.now_ms
    elif instance.is_s_down and not is_down:
        sentinel.event("warning", "-sdown", instance)
        instance.is_s_down = instance.sent_script_kill = False


def _silence_ms(sentinel: Sentinel, instance: Instance) -> int:
    link = instance.link
    if link.ping_pending_since_ms:
        return sentinel.now_ms - link.ping_pending_since_ms
    return sentinel.now_ms - link.last_valid_ms if link.disconnected else 0


def _denies_its_role(sentinel: Sentinel, primary: Primary) -> bool:
    """It says that it is a replica, and has had the time for two more INFOs to say otherwise."""
    patience_ms = primary.down_after_ms + 2 * sentinel.periods.info_period
    return primary.reported_role == "slave" and sentinel.now_ms - primary.reported_role_since_ms > patience_ms


def _takes_too_long_to_restart(sentinel: Sentinel, primary: Primary) -> bool:
    since_ms = sentinel.now_ms - primary.rebooting_since_ms
    return primary.is_rebooting and since_ms > primary.reboot_down_after_ms


def _drop_stale_connections(sentinel: Sentinel, instance: Instance) -> None:
    """A connection may seem to stand, and bring nothing: open another before the instance counts as down."""
    link, periods, now_ms = instance.link, sentinel.periods, sentinel.now_ms
    half_ms = instance.down_after_ms / 2
    if (
        link.commands is not None
        and now_ms - link.commands_since_ms > periods.min_link_reconnect_period
        and link.ping_pending_since_ms
        and now_ms - link.ping_pending_since_ms > half_ms
        and now_ms - link.last_pong_ms > half_ms
    ):
        link.close(link.commands)
    if (
        link.listening is not None
        and now_ms - link.listening_since_ms > periods.min_link_reconnect_period
        and now_ms - link.heard_ms > 3 * periods.publish_period
    ):
        link.close(link.listening)


def check_objectively_down(sentinel: Sentinel, primary: Primary) -> None:
    """Do enough of us think so?"""
    opinions = 0
    if primary.is_s_down:
        opinions = 1 + sum(other.says_primary_is_down for other in primary.sentinels.values())
    is_down = primary.is_s_down and opinions >= primary.quorum
    if is_down and not primary.is_o_down:
        sentinel.event("warning", "+odown", primary, f" #quorum {opinions}/{primary.quorum}")
        primary.is_o_down, primary.o_down_since_ms = True, sentinel.now_ms
    elif primary.is_o_down and not is_down:
        sentinel.event("warning", "-odown", primary)
        primary.is_o_down = False


def ask_others(sentinel: Sentinel, primary: Primary, at_once: bool = False) -> None:
    """Ask the other Sentinels if they think so too; during a failover also for their vote."""
    now_ms, period_ms = sentinel.now_ms, sentinel.periods.ask_period
    for other in primary.sentinels.values():
        since_ms = now_ms - other.last_answer_ms
        if since_ms > 5 * period_ms:
            other.says_primary_is_down = False
            other.leader = ""
        if not primary.is_s_down or other.link.disconnected or other.link.commands is None:
            continue
        if not at_once and since_ms < period_ms:
            continue
        words = [
            sentinel.command_name(other, "SENTINEL"),
            b"is-master-down-by-addr",
            sentinel.shown(primary.address).encode(),
            b"%d" % primary.address.port,
            b"%d" % sentinel.current_epoch,
            sentinel.my_id.encode() if primary.failover.in_progress else b"*",
        ]
        other.link.commands.call(other, words, partial(_take_answer, sentinel, other))


def _take_answer(sentinel: Sentinel, other: OtherSentinel, reply: Any) -> None:
    match reply:
        case [int(is_down), bytes(leader), int(epoch)]:
            other.last_answer_ms = sentinel.now_ms
            other.says_primary_is_down = is_down == 1
            if leader != b"*":
                voted_for = leader.decode("latin-1")
                if other.leader_epoch != epoch:
                    sentinel.node.log("notice", f"{other.name} voted for {voted_for} {epoch}")
                other.leader, other.leader_epoch = voted_for, epoch
        case _:
            pass  # an error: its opinion expires by itself

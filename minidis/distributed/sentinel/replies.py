"""How a Sentinel shows what it knows: one instance as SENTINEL MASTERS lists it, and INFO's section.

Mirrors: sentinel.c (`addReplySentinelRedisInstance`, `sentinelInfoCommand`).
Complexity: O(1) for an instance, O(N) in primaries for INFO.
Read next: settings.py.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from minidis.distributed.sentinel.state import DataNode, Instance, OtherSentinel, Primary, Replica

if TYPE_CHECKING:
    from minidis.distributed.sentinel.role import Sentinel

CRASH_BITS = {"crash-after-election": 1, "crash-after-promotion": 2}


def show_instance(sentinel: Sentinel, instance: Instance) -> dict[bytes, bytes]:
    """All fields of an instance.  Times are milliseconds ago."""
    now_ms, link = sentinel.now_ms, instance.link
    pending_ms = link.ping_pending_since_ms
    fields: dict[str, Any] = {
        "name": instance.name,
        "ip": sentinel.shown(instance.address),
        "port": instance.address.port,
        "runid": instance.run_id,
        "flags": ",".join(instance.flags()),
        "link-pending-commands": link.pending_commands,
        "link-refcount": len(link.users),
    }
    if isinstance(instance, Primary) and instance.failover.in_progress:
        fields["failover-state"] = instance.failover.state
    fields |= {
        "last-ping-sent": now_ms - pending_ms if pending_ms else 0,
        "last-ok-ping-reply": now_ms - link.last_valid_ms,
        "last-ping-reply": now_ms - link.last_pong_ms,
    }
    if instance.is_s_down:
        fields["s-down-time"] = now_ms - instance.s_down_since_ms
    if isinstance(instance, Primary) and instance.is_o_down:
        fields["o-down-time"] = now_ms - instance.o_down_since_ms
    fields["down-after-milliseconds"] = instance.down_after_ms
    if isinstance(instance, DataNode):
        fields |= {
            "info-refresh": now_ms - instance.info_ms if instance.info_ms else 0,
            "role-reported": "master" if instance.reported_role == "master" else "slave",
            "role-reported-time": now_ms - instance.reported_role_since_ms,
        }
    if isinstance(instance, Primary):
        fields |= _primary_fields(instance)
    elif isinstance(instance, Replica):
        fields |= _replica_fields(instance)
    elif isinstance(instance, OtherSentinel):
        fields |= {
            "last-hello-message": now_ms - instance.last_hello_ms,
            "voted-leader": instance.leader or "?",
            "voted-leader-epoch": instance.leader_epoch,
        }
    return {name.encode(): str(value).encode("utf-8", "surrogateescape") for name, value in fields.items()}


def _primary_fields(primary: Primary) -> dict[str, Any]:
    fields: dict[str, Any] = {
        "config-epoch": primary.config_epoch,
        "num-slaves": len(primary.replicas),
        "num-other-sentinels": len(primary.sentinels),
        "quorum": primary.quorum,
        "failover-timeout": primary.failover_timeout_ms,
        "parallel-syncs": primary.parallel_syncs,
    }
    if primary.notification_script:
        fields["notification-script"] = primary.notification_script
    if primary.client_reconfig_script:
        fields["client-reconfig-script"] = primary.client_reconfig_script
    return fields


def _replica_fields(replica: Replica) -> dict[str, Any]:
    return {
        "master-link-down-time": replica.link_to_primary_down_ms,
        "master-link-status": "ok" if replica.link_to_primary_is_up else "err",
        "master-host": replica.follows_host or "?",
        "master-port": replica.follows_port,
        "slave-priority": replica.priority,
        "slave-repl-offset": replica.offset,
        "replica-announced": int(replica.is_announced),
    }


def show_info_section(sentinel: Sentinel) -> str:
    """INFO sentinel."""
    scripts = sentinel.scripts
    fields: dict[str, Any] = {
        "sentinel_masters": len(sentinel.primaries),
        "sentinel_tilt": int(sentinel.is_tilted),
        "sentinel_tilt_since_seconds": (
            (sentinel.now_ms - sentinel.tilt_since_ms) // 1000 if sentinel.is_tilted else -1
        ),
        "sentinel_total_tilt": sentinel.tilts,
        "sentinel_running_scripts": len(scripts.running),
        "sentinel_scripts_queue_length": len(scripts.queue),
        "sentinel_simulate_failure_flags": sum(
            CRASH_BITS[name] for name in sentinel.settings.simulated_failures
        ),
    }
    for number, primary in enumerate(sentinel.primaries.values()):
        status = "odown" if primary.is_o_down else "sdown" if primary.is_s_down else "ok"
        fields[f"master{number}"] = (
            f"name={primary.name},status={status},"
            f"address={sentinel.shown(primary.address)}:{primary.address.port},"
            f"slaves={len(primary.replicas)},sentinels={len(primary.sentinels) + 1}"
        )
    return "# Sentinel\r\n" + "".join(f"{name}:{value}\r\n" for name, value in fields.items())

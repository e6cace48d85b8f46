"""INFO replication, and what DEBUG says of it.

Mirrors: server.c (genRedisInfoString), debug.c.
Read next: failover.py.
"""

from __future__ import annotations

from minidis.commands.debugging import debug
from minidis.commands.information import Fields, section
from minidis.distributed.replication.role import Replication
from minidis.engine.client import Client
from minidis.engine.node import Node


@section("stats")
def _statistics(node: Node) -> Fields:
    replication: Replication = node.replication
    return {
        "sync_full": replication.full_syncs,
        "sync_partial_ok": replication.partial_syncs,
        "sync_partial_err": replication.refused_partial_syncs,
        "slave_expires_tracked_keys": len(replication.own_keys),
    }


@section("replication")
def _replication(node: Node) -> Fields:
    replication: Replication = node.replication
    fields: Fields = {"role": "slave" if replication.is_replica else "master"}
    if replication.is_replica:
        fields |= _link_fields(replication)
    replicas = replication.replicas
    fields["connected_slaves"] = len(replicas.all)
    if node.config.min_replicas_to_write and node.config.min_replicas_max_lag:
        fields["min_slaves_good_slaves"] = replicas.count_good()
    for number, replica in enumerate(replicas.all.values()):
        lag_s = replicas.lag_s(replica) if replica.state == "online" else 0
        fields[f"slave{number}"] = (
            f"ip={replica.ip},port={replica.listening_port},state={replica.shown_state},"
            f"offset={replica.acknowledged},lag={lag_s}"
        )
    backlog, held = replication.backlog, replicas.held
    first_offset = backlog.first_offset if backlog is not None else 0
    if held.length_bytes:
        first_offset = min(first_offset, held.first_offset)
    failover = replication.failover
    return fields | {
        "master_failover_state": "no-failover" if failover is None else failover.state,
        "master_replid": replication.id,
        "master_replid2": replication.second_id,
        "master_repl_offset": replication.offset,
        "second_repl_offset": replication.second_id_until,
        "repl_backlog_active": int(backlog is not None),
        "repl_backlog_size": node.config.repl_backlog_size,
        "repl_backlog_first_byte_offset": first_offset,
        "repl_backlog_histlen": backlog.next_offset - first_offset if backlog is not None else 0,
    }


@section("memory")
def _buffers(node: Node) -> Fields:
    """What backlog and held stream take: once, whoever waits for them.

    Redis's backlog grows with what the slowest replica has not taken yet; here that lies at its link.
    """
    backlog, replicas = node.replication.backlog, node.replication.replicas
    most_unsent_bytes = max(
        (one.client.measure_buffers().output_bytes for one in replicas.all.values()), default=0
    )
    behind_bytes = max(backlog.length_bytes if backlog is not None else 0, most_unsent_bytes)
    return {"mem_total_replication_buffers": behind_bytes + replicas.held.length_bytes}


def _link_fields(replication: Replication) -> Fields:
    node, link = replication.node, replication.link
    assert replication.primary_address is not None
    host, port = replication.primary_address
    cached = replication.cached_primary
    silent_s = -1
    applied = read = max(0, cached.offset) if cached is not None else 0
    if link is not None:
        silent_s = (node.now_us - link.last_heard_us) // 1_000_000
        if link.is_connected:
            applied, read = max(0, link.offset), max(0, link.read_offset)
    connected = link is not None and link.is_connected
    syncing = link is not None and link.state == "sync"
    fields: Fields = {
        "master_host": host,
        "master_port": port,
        "master_link_status": "up" if connected else "down",
        "master_last_io_seconds_ago": silent_s if connected else -1,
        "master_sync_in_progress": int(syncing),
        "slave_read_repl_offset": read,
        "slave_repl_offset": applied,
    }
    if link is not None and syncing:
        total_bytes, read_bytes = link.transfer_bytes
        fields |= {
            "master_sync_total_bytes": total_bytes,
            "master_sync_read_bytes": read_bytes,
            "master_sync_left_bytes": total_bytes - read_bytes,
            "master_sync_perc": f"{100 * read_bytes / total_bytes if total_bytes > 0 else 0:.2f}",
            "master_sync_last_io_seconds_ago": silent_s,
        }
    if not connected:
        down_us = replication.down_since_us
        fields["master_link_down_since_seconds"] = (node.now_us - down_us) // 1_000_000 if down_us else -1
    return fields | {
        "slave_priority": node.config.replica_priority,
        "slave_read_only": int(node.config.replica_read_only),
        "replica_announced": int(node.config.replica_announced),
    }


@debug("CHANGE-REPL-ID", 0)
def _change_id(client: Client) -> str:
    """Change the replication IDs of the instance.
    Dangerous: should be used only for testing the replication subsystem."""
    client.node.log("notice", "Changing replication IDs after receiving change-repl-id")
    client.node.replication.begin_new_history()
    return "OK"

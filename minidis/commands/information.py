"""INFO: figures about the server, by section.

Every figure is counted by this node or told by its driver; none is invented.

    @section("stats")
    def _evictions(node): return {"evicted_keys": node.eviction.evicted_keys}

Whoever adds a part to the node adds its fields so, in its own module: a section is the fields of all its
functions, in Redis's order (info_fields.py, which also says what does not exist here and why).

Mirrors: server.c (genRedisInfoString).
Complexity: O(fields), the time to live of databases aside.

>>> from minidis.drivers.embedded import Embedded
>>> print(bytes(Embedded(clock=0).execute("INFO", "cluster")).decode(), end="")
# Cluster
cluster_enabled:0

Read next: info_fields.py; minidis/engine/node.py for what is counted.
"""

from __future__ import annotations

from collections.abc import Callable

from minidis.commands.info_fields import in_order
from minidis.engine.client import Client
from minidis.engine.command_table.registry import DANGEROUS, LOADING, STALE, Command, command
from minidis.engine.keyspace.database import Database
from minidis.engine.measuring.statistics import Rate
from minidis.engine.memory.ledger import some_items
from minidis.engine.node import VERSION, Node
from minidis.engine.waiting import Place
from minidis.persistence.crc64 import crc64
from minidis.protocol.replies import Verbatim

Fields = dict[str, object]
MakeFields = Callable[[Node], Fields]

SECTIONS: dict[str, list[MakeFields]] = {
    name: []
    for name in (
        "server",
        "clients",
        "memory",
        "persistence",
        "stats",
        "replication",
        "cpu",
        "modules",
        "commandstats",
        "errorstats",
        "latencystats",
        "cluster",
        "keyspace",
    )
}
"""Section name -> the functions that make its fields."""

BUILD_ID = f"{crc64(VERSION.encode()):016x}"
"""Of Redis it tells one build from another; what tells ours apart is the version."""

NOT_BY_DEFAULT = frozenset(("commandstats", "latencystats"))


@command("INFO [section [section ...]]", LOADING | STALE | DANGEROUS)
def info(client: Client, *sections: bytes):
    """Figures about the server, by section. O(N) in keys with a time to live."""
    wanted = {section.decode("latin-1").lower() for section in sections} or {"default"}
    if wanted & {"all", "everything"}:
        chosen = list(SECTIONS)
    else:
        default = "default" in wanted
        chosen = [name for name in SECTIONS if name in wanted or (default and name not in NOT_BY_DEFAULT)]
    return Verbatim("\r\n".join(show_section(name, client.node) for name in chosen).encode())


def section(name: str) -> Callable[[MakeFields], MakeFields]:
    """Let the decorated function of a node make fields of section `name`; a new name makes a new section."""

    def register(make: MakeFields) -> MakeFields:
        SECTIONS.setdefault(name, []).append(make)
        return make

    return register


def show_section(name: str, node: Node) -> str:
    """A section as text."""
    fields: Fields = {}
    for make in SECTIONS[name]:
        fields |= make(node)
    lines = [f"{field}:{value}\r\n" for field, value in in_order(name, fields)]
    return f"# {_TITLES.get(name, name.capitalize())}\r\n{''.join(lines)}"


_TITLES = {"cpu": "CPU"}


@section("server")
def _server(node: Node) -> Fields:
    uptime_s = (node.now_us - node.started_us) // 1_000_000
    return {
        "redis_version": VERSION,
        "redis_git_sha1": "00000000",
        "redis_git_dirty": 0,
        "redis_build_id": BUILD_ID,
        "redis_mode": node.mode,
        **node.process_facts("server"),
        "run_id": node.run_id,
        "tcp_port": node.config.port,
        "server_time_usec": node.now_us,
        "uptime_in_seconds": uptime_s,
        "uptime_in_days": uptime_s // 86_400,
        "hz": node.config.hz,
        "configured_hz": node.config.hz,
        "lru_clock": node.now_us // 1_000_000 % (1 << 24),
        "config_file": node.config_file,
        **node.process_facts("listeners"),
        **_time_to_shutdown(node),
    }


def _time_to_shutdown(node: Node) -> Fields:
    deadline_ms = node.shutdown.deadline_ms
    return {} if deadline_ms is None else {"shutdown_in_milliseconds": deadline_ms - node.now_ms}


@section("clients")
def _clients(node: Node) -> Fields:
    parked = [client.parked for client in node.clients.values() if client.parked is not None]
    keys = [place for place in node.waiting.queues if not isinstance(place, str)]
    largest = node.statistics.largest_buffers()
    return {
        "connected_clients": sum(client.role != "replica" for client in node.clients.values()),
        "maxclients": node.config.maxclients,
        "client_recent_max_input_buffer": largest.query_bytes,
        "client_recent_max_output_buffer": largest.output_bytes,
        "blocked_clients": len(node.waiting),
        "tracking_clients": len(node.tracking.clients),
        "clients_in_timeout_table": sum(waiting.wait.deadline_ms is not None for waiting in parked),
        "total_blocking_keys": len(keys),
        "total_blocking_keys_on_nokey": sum(_wakes_when_gone(node, place) for place in keys),
    }


def _wakes_when_gone(node: Node, place: Place) -> bool:
    """Does somebody wait there who must be told when the key is deleted, since a group went with it?"""
    return any(waiting.command.name == "xreadgroup" for waiting in node.waiting.queues[place].values())


@section("persistence")
def _persistence(node: Node) -> Fields:
    saving, log, background = node.saving, node.append_only, node.background
    rewriting, job = log.rewriting, background.job
    running_s = -1 if job is None else (node.now_us - job.started_us) // 1_000_000
    makes_rdb = background.makes_rdb
    written, total = (0, 0) if job is None else (job.walk.keys_written, job.walk.keys_total)
    fields: Fields = {
        "loading": int(node.loading is not None and not node.loading.is_async),
        "async_loading": int(node.loading is not None and node.loading.is_async),
        "current_fork_perc": f"{100 * written / total if total else 0:.2f}",
        "current_save_keys_processed": written,
        "current_save_keys_total": total,
        "rdb_changes_since_last_save": saving.changes,
        "rdb_bgsave_in_progress": int(makes_rdb),
        "rdb_last_save_time": saving.last_save_s,
        "rdb_last_bgsave_status": saving.last_status,
        "rdb_last_bgsave_time_sec": saving.last_duration_s,
        "rdb_current_bgsave_time_sec": running_s if makes_rdb else -1,
        "rdb_saves": saving.saves,
        "rdb_last_load_keys_expired": saving.keys_expired_at_load,
        "rdb_last_load_keys_loaded": saving.keys_loaded,
        "aof_enabled": int(log.state != "off"),
        "aof_rewrite_in_progress": int(background.is_running("aof")),
        "aof_rewrite_scheduled": int(rewriting.scheduled),
        "aof_last_rewrite_time_sec": rewriting.last_duration_s,
        "aof_current_rewrite_time_sec": running_s if background.is_running("aof") else -1,
        "aof_last_bgrewrite_status": rewriting.last_status,
        "aof_rewrites": rewriting.rewrites,
        "aof_rewrites_consecutive_failures": rewriting.failures,
        "aof_last_write_status": "ok" if (log.write_status, log.sync_status) == ("ok", "ok") else "err",
        **log.info(),
    }
    return fields if node.loading is None else fields | node.loading.info()


@section("stats")
def _traffic(node: Node) -> Fields:
    statistics = node.statistics
    received, sent = statistics.replication_input_bytes, statistics.replication_output_bytes
    return {
        "total_connections_received": node.connections_received,
        "total_commands_processed": statistics.commands_processed,
        "instantaneous_ops_per_sec": round(statistics.commands_rate.per_second),
        "total_net_input_bytes": statistics.input_bytes + received,
        "total_net_output_bytes": statistics.output_bytes + sent,
        "total_net_repl_input_bytes": received,
        "total_net_repl_output_bytes": sent,
        "instantaneous_input_kbps": _kilobytes(statistics.input_rate),
        "instantaneous_output_kbps": _kilobytes(statistics.output_rate),
        "instantaneous_input_repl_kbps": _kilobytes(statistics.replication_input_rate),
        "instantaneous_output_repl_kbps": _kilobytes(statistics.replication_output_rate),
        "rejected_connections": statistics.rejected_connections,
        "unexpected_error_replies": statistics.unexpected_error_replies,
        "total_error_replies": statistics.error_replies,
        "dump_payload_sanitizations": statistics.payloads_looked_into,
        "total_forks": node.background.begun,  # jobs for which Redis forks
        "total_reads_processed": statistics.reads,
        "total_writes_processed": statistics.writes,
        "reply_buffer_shrinks": node.client_memory.resizing.shrinks,
        "reply_buffer_expands": node.client_memory.resizing.expands,
        **node.process_facts("stats"),
    }


def _kilobytes(rate: Rate) -> str:
    return f"{rate.per_second / 1024:.2f}"


@section("stats")
def _keys_and_messages(node: Node) -> Fields:
    pubsub, tracking = node.pubsub, node.tracking
    return {
        "expired_keys": node.expired_keys,
        "expired_stale_perc": f"{node.expiry.stale_share * 100:.2f}",
        "expired_time_cap_reached_count": node.expiry.time_cap_reached_count,
        "expire_cycle_cpu_milliseconds": node.expiry.used_us // 1000,
        "keyspace_hits": sum(database.hits for database in node.databases),
        "keyspace_misses": sum(database.misses for database in node.databases),
        "pubsub_channels": len(pubsub.channels.clients),
        "pubsub_patterns": len(pubsub.patterns.clients),
        "pubsubshard_channels": len(pubsub.shard_channels.clients),
        "tracking_total_keys": len(tracking.keys),
        "tracking_total_items": tracking.items,
        "tracking_total_prefixes": len(tracking.prefixes),
    }


@section("stats")
def _refusals(node: Node) -> Fields:
    refused = node.users.log.refused
    return {
        "acl_access_denied_auth": refused["auth"],
        "acl_access_denied_cmd": refused["command"],
        "acl_access_denied_key": refused["key"],
        "acl_access_denied_channel": refused["channel"],
    }


@section("cpu")
def _cpu(node: Node) -> Fields:
    return node.process_facts("cpu")


@section("commandstats")
def _command_statistics(node: Node) -> Fields:
    node.statistics.settle()
    return {f"cmdstat_{entry.name}": _calls(entry) for entry in node.commands if was_asked_for(entry)}


def was_asked_for(entry: Command) -> bool:
    return bool(entry.calls or entry.rejected_calls or entry.failed_calls)


def _calls(entry: Command) -> str:
    duration_us = entry.timing.fold().folded_us if entry.timing else 0
    per_call_us = duration_us / entry.calls if entry.calls else 0
    return (
        f"calls={entry.calls},usec={duration_us},usec_per_call={per_call_us:.2f},"
        f"rejected_calls={entry.rejected_calls},failed_calls={entry.failed_calls}"
    )


@section("errorstats")
def _error_statistics(node: Node) -> Fields:
    return {f"errorstat_{code}": f"count={count}" for code, count in sorted(node.statistics.errors.items())}


@section("latencystats")
def _latency_statistics(node: Node) -> Fields:
    if not node.config.latency_tracking:
        return {}
    percentiles = [float(text) for text in node.config.latency_tracking_info_percentiles.split()]
    return {
        f"latency_percentiles_usec_{entry.name}": ",".join(
            f"p{percentile:g}={entry.timing.histogram.percentile_us(percentile):.3f}"
            for percentile in percentiles
        )
        for entry in node.commands
        if entry.timing and entry.timing.fold().histogram.total
    }


@section("cluster")
def _cluster(node: Node) -> Fields:
    return {"cluster_enabled": int(node.config.cluster_enabled)}


@section("keyspace")
def _keyspace(node: Node) -> Fields:
    return {
        f"db{database.index}": f"keys={len(database)},expires={len(database.expires)},"
        f"avg_ttl={_average_ttl_ms(database)}"
        for database in node.databases
        if len(database)
    }


def _average_ttl_ms(database: Database) -> int:
    """Redis samples this figure while it expires keys; here it is exact, of many keys an estimate."""
    left_ms = [max(0, at_ms - database.node.now_ms) for _, at_ms in some_items(database.expires)]
    return sum(left_ms) // len(left_ms) if left_ms else 0


def human_size(size_bytes: int) -> str:
    """A size with a unit, as INFO prints it (bytesToHuman).

    >>> human_size(1000), human_size(1_048_576)
    ('1000B', '1.00M')
    """
    if size_bytes < 1024:
        return f"{size_bytes}B"
    for power, unit in enumerate("KMGTPE", start=1):
        if size_bytes < 1024 ** (power + 1):
            return f"{size_bytes / 1024**power:.2f}{unit}"
    return f"{size_bytes}B"

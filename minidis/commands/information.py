"""INFO: figures about the server, by section.

Every figure is counted by this node or told by its driver; none is invented.

    @section("stats")
    def _evictions(node): return {"evicted_keys": node.eviction.evicted_keys}

Whoever adds a part to the node adds its fields so, in its own module: a section is the fields of all its
functions, in order.

Mirrors: server.c (genRedisInfoString).
Complexity: O(fields), the time to live of databases aside.

>>> from minidis.drivers.embedded import Embedded
>>> print(bytes(Embedded(clock=0).execute("INFO", "cluster")).decode(), end="")
# Cluster
cluster_enabled:0

Read next: minidis/engine/node.py for what is counted.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from minidis.engine.client import Client
from minidis.engine.database import Database
from minidis.engine.memory import BASE_BYTES, ENTRY_BYTES, table_bytes
from minidis.engine.node import VERSION, Node
from minidis.engine.registry import DANGEROUS, LOADING, STALE, Command, command
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
    lines = [
        f"# {_TITLES.get(name, name.capitalize())}",
        *(f"{field}:{value}" for field, value in fields.items()),
    ]
    return "".join(line + "\r\n" for line in lines)


_TITLES = {"cpu": "CPU"}


@section("server")
def _server(node: Node) -> Fields:
    uptime_s = (node.now_us - node.started_us) // 1_000_000
    return {
        "redis_version": VERSION,
        "redis_git_sha1": "00000000",
        "redis_git_dirty": 0,
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
        "io_threads_active": 0,  # one thread does all
        **node.process_facts("listeners"),
    }


@section("clients")
def _clients(node: Node) -> Fields:
    parked = [client.parked for client in node.clients.values() if client.parked is not None]
    return {
        "connected_clients": len(node.clients),
        "maxclients": node.config.maxclients,
        "blocked_clients": len(node.waiting),
        "tracking_clients": len(node.tracking.clients),
        "clients_in_timeout_table": sum(waiting.wait.deadline_ms is not None for waiting in parked),
        "total_blocking_keys": len(node.waiting.queues),
    }


@section("memory")
def _memory(node: Node) -> Fields:
    used, peak, limit = node.memory.used_bytes(), node.memory.peak_bytes, node.config.maxmemory
    overhead = BASE_BYTES + sum(
        ENTRY_BYTES * len(table) + table_bytes(len(table))
        for database in node.databases
        for table in (database.table, database.expires)
    )
    dataset, facts = max(0, used - overhead), node.process_facts("memory")
    fields: Fields = _sizes("used_memory", used)
    if "used_memory_rss" in facts:
        fields |= _sizes("used_memory_rss", facts["used_memory_rss"])
    fields |= _sizes("used_memory_peak", peak) | {
        "used_memory_peak_perc": f"{used / peak:.2%}",
        "used_memory_overhead": overhead,
        "used_memory_startup": BASE_BYTES,
        "used_memory_dataset": dataset,
        "used_memory_dataset_perc": f"{dataset / max(1, used - BASE_BYTES):.2%}",
    }
    if "total_system_memory" in facts:
        fields |= _sizes("total_system_memory", facts["total_system_memory"])
    fields |= _sizes("maxmemory", limit) | {"maxmemory_policy": node.config.maxmemory_policy}
    if "used_memory_rss" in facts:  # Python's own objects are in it: the ratio says how much larger they are
        rss = int(str(facts["used_memory_rss"]))
        fields["mem_fragmentation_ratio"] = f"{rss / used:.2f}"
        fields["mem_fragmentation_bytes"] = rss - used
    fields |= {
        "mem_allocator": "libc",
        "active_defrag_running": 0,  # CPython does not move objects
    }
    return fields


def _sizes(name: str, size_bytes: Any) -> Fields:
    return {name: size_bytes, f"{name}_human": human_size(int(size_bytes))}


@section("persistence")
def _persistence(node: Node) -> Fields:
    saving, log, background = node.saving, node.append_only, node.background
    rewriting, job = log.rewriting, background.job
    running_s = -1 if job is None else (node.now_us - job.started_us) // 1_000_000
    fields: Fields = {
        "loading": int(node.loading is not None),
        "async_loading": 0,
        "current_save_keys_processed": 0 if job is None else job.walk.keys_written,
        "current_save_keys_total": 0 if job is None else job.walk.keys_total,
        "rdb_changes_since_last_save": saving.changes,
        "rdb_bgsave_in_progress": int(background.is_running("rdb")),
        "rdb_last_save_time": saving.last_save_s,
        "rdb_last_bgsave_status": saving.last_status,
        "rdb_last_bgsave_time_sec": saving.last_duration_s,
        "rdb_current_bgsave_time_sec": running_s if background.is_running("rdb") else -1,
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
def _stats(node: Node) -> Fields:
    statistics, pubsub, tracking = node.statistics, node.pubsub, node.tracking
    return {
        "total_connections_received": node.connections_received,
        "total_commands_processed": statistics.commands_processed,
        "instantaneous_ops_per_sec": round(statistics.commands_rate.per_second),
        "total_net_input_bytes": statistics.input_bytes,
        "total_net_output_bytes": statistics.output_bytes,
        "instantaneous_input_kbps": f"{statistics.input_rate.per_second / 1024:.2f}",
        "instantaneous_output_kbps": f"{statistics.output_rate.per_second / 1024:.2f}",
        "rejected_connections": statistics.rejected_connections,
        "expired_keys": node.expired_keys,
        "expired_stale_perc": f"{node.expiry.stale_share * 100:.2f}",
        "expired_time_cap_reached_count": node.expiry.time_cap_reached_count,
        "expire_cycle_cpu_milliseconds": node.expiry.used_us // 1000,
        "keyspace_hits": sum(database.hits for database in node.databases),
        "keyspace_misses": sum(database.misses for database in node.databases),
        "pubsub_channels": len(pubsub.channels.clients),
        "pubsub_patterns": len(pubsub.patterns.clients),
        "pubsubshard_channels": len(pubsub.shard_channels.clients),
        "latest_fork_usec": 0,  # a snapshot here needs no fork
        "total_forks": 0,
        "tracking_total_keys": len(tracking.keys),
        "tracking_total_items": tracking.items,
        "tracking_total_prefixes": len(tracking.prefixes),
        "total_error_replies": statistics.error_replies,
        "total_reads_processed": statistics.reads,
        "total_writes_processed": statistics.writes,
        "io_threaded_reads_processed": 0,
        "io_threaded_writes_processed": 0,
    }


@section("cpu")
def _cpu(node: Node) -> Fields:
    return node.process_facts("cpu")


@section("commandstats")
def _command_statistics(node: Node) -> Fields:
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
    """Redis samples this figure while it expires keys; here it is exact."""
    left_ms = [max(0, at_ms - database.node.now_ms) for at_ms in database.expires.values()]
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

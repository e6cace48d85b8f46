"""MEMORY: what keys and the server weigh, by Redis's own sizes.

Mirrors: object.c (memoryCommand).

>>> from minidis.drivers.embedded import Embedded
>>> redis = Embedded(clock=0)
>>> redis.execute("SET", "user:1000", "ada"), redis.execute("MEMORY", "USAGE", "user:1000")
('OK', 72)

Read next: minidis/engine/memory/ledger.py.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from minidis.commands.information import Fields, human_size, section
from minidis.commands.memory_doctor import memory_report
from minidis.engine import errors
from minidis.engine.client import Client
from minidis.engine.command_table.registry import READONLY, command
from minidis.engine.memory.ledger import BASE_BYTES, ENTRY_BYTES, table_bytes, usage
from minidis.engine.node import Node
from minidis.protocol.replies import ReplyError, Verbatim

_ANYONE = 0

ALLOCATOR = "libc"

PARTS = (
    "replication.backlog",
    "clients.slaves",
    "clients.normal",
    "cluster.links",
    "aof.buffer",
    "lua.caches",
    "functions.caches",
)
"""What takes memory beside the keys, in the order of MEMORY STATS; see `MemoryLedger.add_part`."""

_ALLOCATOR_FIELDS = {
    "allocator.allocated": "allocator_allocated",
    "allocator.active": "allocator_active",
    "allocator.resident": "allocator_resident",
    "allocator-fragmentation.ratio": "allocator_frag_ratio",
    "allocator-fragmentation.bytes": "allocator_frag_bytes",
    "allocator-rss.ratio": "allocator_rss_ratio",
    "allocator-rss.bytes": "allocator_rss_bytes",
    "rss-overhead.ratio": "rss_overhead_ratio",
    "rss-overhead.bytes": "rss_overhead_bytes",
    "fragmentation": "mem_fragmentation_ratio",
    "fragmentation.bytes": "mem_fragmentation_bytes",
}
"""MEMORY STATS calls a figure so, INFO so."""


@section("memory")
def _memory_fields(node: Node) -> Fields:
    facts = node.process_facts("memory")
    figures = memory_figures(node, facts)
    used = figures["total.allocated"]
    return {
        **_sizes("used_memory", used),
        **_sizes("used_memory_rss", resident_bytes(facts, used)),
        **_sizes("used_memory_peak", figures["peak.allocated"]),
        "used_memory_peak_perc": f"{figures['peak.percentage']:.2f}%",
        "used_memory_overhead": figures["overhead.total"],
        "used_memory_startup": figures["startup.allocated"],
        "used_memory_dataset": figures["dataset.bytes"],
        "used_memory_dataset_perc": f"{figures['dataset.percentage']:.2f}%",
        **_sizes("total_system_memory", facts.get("total_system_memory", 0)),
        **_sizes("maxmemory", node.config.maxmemory),
        "maxmemory_policy": node.config.maxmemory_policy,
        **{_ALLOCATOR_FIELDS[name]: _show(figures[name]) for name in _ALLOCATOR_FIELDS},
        "mem_not_counted_for_evict": node.memory.not_counted_bytes(),
        "mem_replication_backlog": figures["replication.backlog"],
        "mem_clients_slaves": figures["clients.slaves"],
        "mem_clients_normal": figures["clients.normal"],
        "mem_cluster_links": figures["cluster.links"],
        "mem_aof_buffer": figures["aof.buffer"],
        "mem_allocator": ALLOCATOR,
        "lazyfree_pending_objects": node.lazy_free.pending_objects,
        "lazyfreed_objects": node.lazy_free.freed_objects,
    }


def _sizes(name: str, size_bytes: Any) -> Fields:
    return {name: size_bytes, f"{name}_human": human_size(int(size_bytes))}


def _show(figure: int | float) -> str:
    return f"{figure:.2f}" if isinstance(figure, float) else str(figure)


@section("stats")
def _stats_fields(node: Node) -> Fields:
    eviction = node.eviction
    return {
        "evicted_keys": eviction.evicted_keys,
        "evicted_clients": node.client_memory.evicted_clients,
        "total_eviction_exceeded_time": eviction.total_exceeded_us // 1000,
        "current_eviction_exceeded_time": eviction.current_exceeded_us // 1000,
    }


@command("MEMORY USAGE key [SAMPLES count:int]", READONLY, since="4.0.0")
def memory_usage(client: Client, key: bytes, samples: int | None = None) -> int | None:
    """Estimate the bytes that a key and its value take in a 64-bit Redis. O(1), whatever SAMPLES says."""
    if samples is not None and samples < 0:
        raise ReplyError(errors.SYNTAX)
    value = client.db.peek(key)
    return None if value is None else usage(key, value)


@command("MEMORY STATS", _ANYONE, since="4.0.0")
def memory_stats(client: Client) -> dict[bytes, Any]:
    """Returns details about memory usage. O(1) while a limit is set, else O(N) in keys."""
    return {name.encode(): value for name, value in _figures_of(client).items()}


def _figures_of(client: Client) -> dict[str, Any]:
    return memory_figures(client.node, client.node.process_facts("memory"))


def memory_figures(node: Node, facts: Mapping[str, object]) -> dict[str, Any]:
    """The answer of MEMORY STATS: what is taken, and by what (getMemoryOverheadData).

    `facts` are what the node's process says of its memory now.
    """
    ledger, keys = node.memory, sum(map(len, node.databases))
    used = ledger.used_bytes()
    stats: dict[str, Any] = {
        "peak.allocated": ledger.peak_bytes,
        "total.allocated": used,
        "startup.allocated": BASE_BYTES,
        **{name: ledger.parts[name]() if name in ledger.parts else 0 for name in PARTS},
    }
    overhead = BASE_BYTES + sum(stats[name] for name in PARTS)
    for database in node.databases:
        if len(database):
            tables = [table_overhead(len(table)) for table in (database.table, database.expires)]
            stats[f"db.{database.index}"] = {
                b"overhead.hashtable.main": tables[0],
                b"overhead.hashtable.expires": tables[1],
                b"overhead.hashtable.slot-to-keys": 0,
            }
            overhead += sum(tables)
    net, dataset = used - BASE_BYTES, max(0, used - overhead)
    return stats | {
        "overhead.total": overhead,
        "keys.count": keys,
        "keys.bytes-per-key": net // keys if keys else 0,
        "dataset.bytes": dataset,
        "dataset.percentage": dataset * 100 / net if net else 0.0,
        "peak.percentage": used * 100 / ledger.peak_bytes,
        **allocator_figures(used, resident_bytes(facts, used), _lua_bytes(node)),
    }


def allocator_figures(used: int, resident: int, lua_bytes: int) -> dict[str, int | float]:
    """What Redis tells of its allocator, as a build on the C library does (cronUpdateMemoryStats).

    Such an allocator says nothing of itself: what the process has, but for Lua, is taken for its own. Here
    most of it are Python's own objects, so the ratio says how much larger they are than Redis's.
    """
    own = max(resident - lua_bytes, 1)
    return {
        "allocator.allocated": used,
        "allocator.active": own,
        "allocator.resident": own,
        "allocator-fragmentation.ratio": own / used,
        "allocator-fragmentation.bytes": own - used,
        "allocator-rss.ratio": 1.0,
        "allocator-rss.bytes": 0,
        "rss-overhead.ratio": resident / own,
        "rss-overhead.bytes": resident - own,
        "fragmentation": resident / used,
        "fragmentation.bytes": resident - used,
    }


def resident_bytes(facts: Mapping[str, object], used: int) -> int:
    """What the operating system has given the process.

    An embedded node has no process of its own: it is what its model of Redis says, without fragmentation.
    """
    return int(str(facts.get("used_memory_rss", used)))


def _lua_bytes(node: Node) -> int:
    return node.scripting.interpreters_bytes if node.scripting is not None else 0


def table_overhead(count: int) -> int:
    """Bytes of a table's buckets and entries."""
    return table_bytes(count) + ENTRY_BYTES * count if count else 0


@command("MEMORY DOCTOR", _ANYONE, since="4.0.0")
def memory_doctor(client: Client) -> Verbatim:
    """Outputs a memory problems report. O(1) while a limit is set, else O(N) in keys."""
    return Verbatim(memory_report(client.node, _figures_of(client)).encode())


@command("MEMORY PURGE", _ANYONE, since="4.0.0")
def memory_purge(client: Client) -> str:
    """Asks the allocator to release memory. O(N) in all objects of a server's process."""
    client.node.purge_memory()
    return "OK"


@command("MEMORY MALLOC-STATS", _ANYONE, since="4.0.0")
def memory_malloc_stats(client: Client) -> bytes:
    """Returns the allocator statistics. O(1)"""
    return b"Stats not supported for the current allocator"

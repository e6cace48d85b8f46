"""MEMORY: what keys and the server weigh, by Redis's own sizes.

Mirrors: object.c (memoryCommand).

>>> from minidis.drivers.embedded import Embedded
>>> redis = Embedded(clock=0)
>>> redis.execute("SET", "user:1000", "ada"), redis.execute("MEMORY", "USAGE", "user:1000")
('OK', 72)

Read next: minidis/engine/memory.py.
"""

from __future__ import annotations

from typing import Any

from minidis.commands.information import Fields, section
from minidis.engine import errors, memory
from minidis.engine.client import Client
from minidis.engine.node import Node
from minidis.engine.registry import READONLY, command
from minidis.protocol.replies import ReplyError, Verbatim

_ANYONE = 0


@section("memory")
def _memory_fields(node: Node) -> Fields:
    return {
        "lazyfree_pending_objects": node.lazy_free.pending_objects,
        "lazyfreed_objects": node.lazy_free.freed_objects,
    }


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
    return None if value is None else memory.usage(key, value)


@command("MEMORY STATS", _ANYONE, since="4.0.0")
def memory_stats(client: Client) -> dict[bytes, Any]:
    """Returns details about memory usage. O(1) while a limit is set, else O(N) in keys."""
    node = client.node
    ledger, keys = node.memory, sum(map(len, node.databases))
    used = ledger.used_bytes()
    stats: dict[str, Any] = {
        "peak.allocated": ledger.peak_bytes,
        "total.allocated": used,
        "startup.allocated": memory.BASE_BYTES,
        **{name: size_bytes() for name, size_bytes in ledger.parts.items()},
    }
    overhead = memory.BASE_BYTES + sum(value for name, value in stats.items() if name in ledger.parts)
    for database in node.databases:
        if len(database):
            tables = [table_overhead(len(table)) for table in (database.table, database.expires)]
            stats[f"db.{database.index}"] = {
                b"overhead.hashtable.main": tables[0],
                b"overhead.hashtable.expires": tables[1],
                b"overhead.hashtable.slot-to-keys": 0,
            }
            overhead += sum(tables)
    net, dataset = used - memory.BASE_BYTES, used - overhead
    stats |= {
        "overhead.total": overhead,
        "keys.count": keys,
        "keys.bytes-per-key": net // keys if keys else 0,
        "dataset.bytes": dataset,
        "dataset.percentage": dataset * 100 / net if net else 0.0,
        "peak.percentage": used * 100 / ledger.peak_bytes,
    }
    return {name.encode(): value for name, value in stats.items()}


def table_overhead(count: int) -> int:
    """Bytes of a table's buckets and entries."""
    return memory.table_bytes(count) + memory.ENTRY_BYTES * count if count else 0


LITTLE_BYTES = 5 * 1024 * 1024
EMPTY = (
    "Hi Sam, this instance is empty or is using very little memory, my issues detector can't be "
    "used in these conditions. Please, leave for your mission on Earth and fill it with some data. "
    "The new Sam and I will be back to our programming as soon as I finished rebooting.\n"
)
HEALTHY = (
    "Hi Sam, I can't find any memory issue in your instance. I can only account for what occurs on "
    "this base.\n"
)
BIG_PEAK = (
    "Sam, I detected a few issues in this Redis instance memory implants:\n\n"
    " * Peak memory: In the past this instance used more than 150% the memory that is currently "
    "using. The allocator is normally not able to release memory after a peak, so you can expect to "
    "see a big fragmentation ratio, however this is actually harmless and is only due to the memory "
    "peak, and if the Redis instance Resident Set Size (RSS) is currently bigger than expected, the "
    "memory will be used as soon as you fill the Redis instance with more data. If the memory peak "
    "was only occasional and you want to try to reclaim memory, please try the MEMORY PURGE "
    "command, otherwise the only other option is to shutdown and restart the instance.\n\n"
    "I'm here to keep you safe, Sam. I want to help you.\n"
)


@command("MEMORY DOCTOR", _ANYONE, since="4.0.0")
def memory_doctor(client: Client) -> Verbatim:
    """Outputs a memory problems report. O(1) while a limit is set, else O(N) in keys."""
    ledger = client.node.memory
    used = ledger.used_bytes()
    if used < LITTLE_BYTES:
        return Verbatim(EMPTY.encode())
    return Verbatim((BIG_PEAK if ledger.peak_bytes > used * 1.5 else HEALTHY).encode())


@command("MEMORY PURGE", _ANYONE, since="4.0.0")
def memory_purge(client: Client) -> str:
    """Asks the allocator to release memory. There is only Python's, which does so by itself. O(1)"""
    return "OK"


@command("MEMORY MALLOC-STATS", _ANYONE, since="4.0.0")
def memory_malloc_stats(client: Client) -> bytes:
    """Returns the allocator statistics. O(1)"""
    return b"Stats not supported for the current allocator"

"""MEMORY: what keys and the server weigh, by Redis's own sizes.

Mirrors: object.c (memoryCommand).

>>> from minidis.drivers.embedded import Embedded
>>> redis = Embedded(clock=0)
>>> redis.execute("SET", "user:1000", "ada"), redis.execute("MEMORY", "USAGE", "user:1000")
('OK', 72)

Read next: minidis/engine/memory.py.
"""

from __future__ import annotations

from minidis.commands.information import Fields, section
from minidis.engine import errors, memory
from minidis.engine.client import Client
from minidis.engine.node import Node
from minidis.engine.registry import READONLY, command
from minidis.protocol.replies import ReplyError


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

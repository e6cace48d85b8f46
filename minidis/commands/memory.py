"""MEMORY: what keys and the server weigh, by Redis's own sizes.

Mirrors: object.c (memoryCommand).

>>> from minidis.drivers.embedded import Embedded
>>> redis = Embedded(clock=0)
>>> redis.execute("SET", "user:1000", "ada"), redis.execute("MEMORY", "USAGE", "user:1000")
('OK', 64)

Read next: minidis/engine/memory.py.
"""

from __future__ import annotations

from minidis.engine import errors, memory
from minidis.engine.client import Client
from minidis.engine.registry import READONLY, command
from minidis.protocol.replies import ReplyError


@command("MEMORY USAGE key [SAMPLES count:int]", READONLY, since="4.0.0")
def memory_usage(client: Client, key: bytes, samples: int | None = None) -> int | None:
    """Estimate the bytes that a key and its value take in a 64-bit Redis. O(1), whatever SAMPLES says."""
    if samples is not None and samples < 0:
        raise ReplyError(errors.SYNTAX)
    value = client.db.peek(key)
    return None if value is None else memory.usage(key, value)

"""Memory: what the keyspace would weigh in a 64-bit Redis, and the limit called maxmemory.

Python's own objects are several times larger than Redis's, so measuring the process would teach
nothing.  Every value instead works out what Redis would have allocated for it (`memory_usage`), and
a key adds its dict entry and its string. MEMORY USAGE shows the figure of one key at any time.

The sum over all keys is only kept up while a limit is set: then every touch weighs the key anew.

Mirrors: `objectComputeSize` in object.c, `performEvictions` in evict.c.
Differs: worked out from sizes, not measured; policies other than noeviction come with eviction.
Complexity: weighing a key O(1); switching a limit on O(keys).
Read next: database.py, whose `touch` leads here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from minidis.values.base import DICT_ENTRY_BYTES, Value, string_allocation

if TYPE_CHECKING:
    from minidis.engine.database import Database
    from minidis.engine.node import Node

BUCKET_POINTER_BYTES = 8
EXPIRY_BYTES = DICT_ENTRY_BYTES + BUCKET_POINTER_BYTES
BASE_BYTES = 1_000_000
"""About what an empty redis-server 7.2 reports as used_memory."""


def key_overhead(key: bytes) -> int:
    """Bytes for the dict entry and the string of a key.

    >>> key_overhead(b"user:1000")
    40
    """
    return DICT_ENTRY_BYTES + string_allocation(len(key))


def usage(key: bytes, value: Value) -> int:
    """The answer of MEMORY USAGE: the value, the key's string and its dict entry, in bytes."""
    return key_overhead(key) + value.memory_usage()


class MemoryLedger:
    """The weight of all keys, kept up to date while `maxmemory` is set."""

    def __init__(self, node: Node) -> None:
        self.node = node
        self.counting = False
        self.weights: list[dict[bytes, int]] = []
        self.dataset_bytes = 0
        self.peak_bytes = BASE_BYTES

    def update(self) -> None:
        """Start or stop counting, after `maxmemory` changed.  O(keys) when it starts."""
        wanted = self.node.config.maxmemory > 0
        if wanted and not self.counting:
            self.counting = True
            self.dataset_bytes = 0
            self.weights = [{} for _ in self.node.databases]
            for database in self.node.databases:
                for key in database.table:
                    self.key_changed(database, key)
        self.counting = wanted

    def key_changed(self, database: Database, key: bytes) -> None:
        """Weigh one key anew."""
        value = database.table.get(key)
        weights = self.weights[database.index]
        old = weights.pop(key, 0)
        if value is not None:
            weight = usage(key, value) + BUCKET_POINTER_BYTES
            if key in database.expires:
                weight += EXPIRY_BYTES
            weights[key] = weight
            self.dataset_bytes += weight
        self.dataset_bytes -= old

    def used_bytes(self) -> int:
        """used_memory: an empty server plus the dataset.  O(1) while counting, otherwise O(keys)."""
        if not self.counting:
            self.dataset_bytes = sum(
                usage(key, value) + BUCKET_POINTER_BYTES
                for database in self.node.databases
                for key, value in database.table.items()
            ) + sum(EXPIRY_BYTES * len(database.expires) for database in self.node.databases)
        used = BASE_BYTES + self.dataset_bytes
        self.peak_bytes = max(self.peak_bytes, used)
        return used

    def make_room(self) -> bool:
        """True if a command that adds data may run."""
        limit = self.node.config.maxmemory
        return not limit or self.used_bytes() <= limit

"""Memory: what the keyspace would weigh in a 64-bit Redis, and the limit called maxmemory.

Python's own objects are several times larger than Redis's, so measuring the process would teach
nothing.  Every value instead works out what Redis would have allocated for it (`memory_usage`), and
a key adds its dict entry and its string. MEMORY USAGE shows the figure of one key at any time.

used_memory is the sum of all that, and of what else takes memory:

    an empty server             BASE_BYTES
    + the keys                  each weighed anew when it is touched, while a limit is set
    + the tables                a pointer for each bucket: they double as the keys do, and memory jumps,
                                unless that would pass the limit
    + gone, but not freed yet   lazyfree.py
    + other parts               buffers of clients, of the append-only file, of replicas: whoever has
                                some says so by `add_part`

Without a limit nobody pays: nothing is summed up, and INFO works its figure out when it is asked.

What the node writes *because* of an eviction, a DEL for the append-only file and each replica, must not
count against the limit, or each eviction would call for the next.

Mirrors: `objectComputeSize` in object.c, zmalloc.c, `getMaxmemoryState`, `freeMemoryGetNotCountedMemory`
in evict.c.
Differs: worked out from sizes, not measured: no fragmentation, no second table during a rehash.
Complexity: weighing a key O(1); switching a limit on O(keys), which a server does by and by (weighing.py).

>>> key_overhead(b"user:1000"), table_bytes(4), table_bytes(5)
(40, 32, 64)

Read next: eviction.py, for what happens at the limit.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import chain, islice
from typing import TYPE_CHECKING, Any

from minidis.engine.memory.weighing import Weighing
from minidis.structures.dicttable import DictTable
from minidis.structures.partedset import PartedCounts
from minidis.values.base import DICT_ENTRY_BYTES, Value, allocation_size, string_allocation

if TYPE_CHECKING:
    from minidis.engine.keyspace.database import Database
    from minidis.engine.node import Node

BUCKET_POINTER_BYTES = 8
SMALLEST_TABLE = 4
BASE_BYTES = 1_000_000
"""About what an empty redis-server 7.2 reports as used_memory."""

MOST_CROWDED = 1.618
"""Keys for each bucket with which a table grows in any case (HASHTABLE_MAX_LOAD_FACTOR)."""

ENTRY_BYTES = allocation_size(DICT_ENTRY_BYTES)
"""A dictEntry as the allocator sees it; MEMORY USAGE counts its bare 24 bytes."""

MOST_WEIGHED = 2000
"""Without a limit INFO weighs about so many keys (4 ms) and takes the others for alike."""

MOST_PASSED = 100_000
"""Up to so many keys those few stand evenly among all; else at both ends, as passing over more takes long.
So they do in a dict that holds still, where each key that is passed is a look-up."""


def key_overhead(key: bytes) -> int:
    """Bytes that MEMORY USAGE shows for the dict entry and the string of a key."""
    return DICT_ENTRY_BYTES + string_allocation(len(key))


def usage(key: bytes, value: Value) -> int:
    """The answer of MEMORY USAGE: the value, the key's string and its dict entry, in bytes."""
    return key_overhead(key) + value.memory_usage()


def table_bytes(count: int) -> int:
    """The bucket array of a table of `count` keys: a pointer for each bucket, a power of two of them."""
    return BUCKET_POINTER_BYTES * max(SMALLEST_TABLE, 1 << (count - 1).bit_length()) if count else 0


class MemoryLedger:
    """The weight of all keys, kept up to date while `maxmemory` is set."""

    def __init__(self, node: Node) -> None:
        self.node = node
        self.counting = False
        self.peak_bytes = BASE_BYTES
        self._looked_at_change = 0
        self.parts: dict[str, Callable[[], int]] = {}
        self._parts_of_eviction: set[str] = set()
        self._weights: list[PartedCounts] = []  # of each database: the bytes of each key
        self._keys_bytes: list[int] = []  # and their sums
        self._tables_bytes: list[list[int]] = []  # of each database: its keys' table, that of their expiries
        self._total_bytes = 0
        self._weighing: Weighing | None = None  # while keys are there that nobody has weighed

    def add_part(self, name: str, size_bytes: Callable[[], int], grows_by_eviction: bool = False) -> None:
        """Count something else: `size_bytes()` is asked before each command while a limit is set.

        `name` is what MEMORY STATS calls it ("aof.buffer").  `grows_by_eviction`: it is in used_memory, but
        not in what is compared with the limit.
        """
        self.parts[name] = size_bytes
        if grows_by_eviction:
            self._parts_of_eviction.add(name)

    # -- the sum ----------------------------------------------------------------------------------

    def used_bytes(self) -> int:
        """used_memory.  O(1) while counting; otherwise it is worked out, from about 2000 keys."""
        used = BASE_BYTES + self.dataset_bytes + self.node.lazy_free.pending_bytes
        for size_bytes in self.parts.values():
            used += size_bytes()
        if used > self.peak_bytes:
            self.peak_bytes = used
        return used

    def note_peak(self) -> None:
        """used_memory_peak is also what nobody asked for: the cron looks, if there were changes since."""
        if self._looked_at_change != self.node.changes:
            self._looked_at_change = self.node.changes
            self.used_bytes()

    def excess_bytes(self) -> int:
        """By how much the limit is passed; 0 if it is not, or there is none."""
        limit = self.node.config.maxmemory
        if not limit:
            return 0
        used = self.used_bytes()
        if used <= limit:
            return 0
        if self._weighing is not None:
            used -= self._weighing.guess_bytes()
        return max(0, used - self.not_counted_bytes() - limit)

    def not_counted_bytes(self) -> int:
        """What is in used_memory, but not in what is compared with the limit."""
        return sum(self.parts[name]() for name in self._parts_of_eviction)

    @property
    def dataset_bytes(self) -> int:
        """Keys and the tables that hold them."""
        if self.counting:
            return self._total_bytes + (self._weighing.guess_bytes() if self._weighing is not None else 0)
        return sum(
            estimated_bytes(database) + table_bytes(len(database.table)) + table_bytes(len(database.expires))
            for database in self.node.databases
            if database.table
        )

    @property
    def is_exact(self) -> bool:
        """False while a part of the sum is a guess: keys are there that nobody has weighed yet."""
        return self.counting and self._weighing is None

    def weight(self, database: Database, key: bytes) -> int:
        """Bytes that a key takes, as last weighed; 0 when nobody counts."""
        return self._weights[database.index].get(key) if self.counting else 0

    def forget(self, database: Database) -> tuple[int, PartedCounts | None]:
        """A database loses all its keys: the bytes they take and their weights; 0, None if nobody counts."""
        if not self.counting:
            return 0, None
        index = database.index
        weights, size_bytes = self._weights[index], self._keys_bytes[index]
        self._weights[index], self._keys_bytes[index] = PartedCounts(), 0
        self._tables_bytes[index] = [0, 0]
        self._total_bytes = sum(self._keys_bytes) + sum(map(sum, self._tables_bytes))
        return size_bytes, weights

    def swapped(self, first: Database, second: Database) -> None:
        """Two databases have changed places."""
        if self.counting:
            lists: tuple[list[Any], ...] = (self._weights, self._keys_bytes, self._tables_bytes)
            for figures in lists:
                figures[first.index], figures[second.index] = figures[second.index], figures[first.index]

    # -- keeping it up ----------------------------------------------------------------------------

    def update(self) -> None:
        """Start or stop counting, after `maxmemory` changed.  Where others wait, keys are weighed later."""
        wanted = self.node.config.maxmemory > 0
        if wanted and not self.counting:
            self._total_bytes = 0
            self._weights = [PartedCounts() for _ in self.node.databases]
            self._keys_bytes = [0 for _ in self.node.databases]
            self._tables_bytes = [[0, 0] for _ in self.node.databases]
            for database in self.node.databases:
                self._size_tables(database)
            self._start_weighing()
        elif not wanted:
            self.stop_weighing()
        self.counting = wanted
        if wanted:
            self.node.eviction.go_on_later()

    def begin_anew(self) -> None:
        """All tables have been exchanged for others: count them, if anything is counted."""
        self.stop_weighing()
        self.counting = False
        self.update()

    def _start_weighing(self) -> None:
        databases = self.node.databases
        if self.node.works_at_once:
            for database in databases:
                for key in database.table:
                    self.weigh(database, key)
        else:
            mean_bytes = [estimated_bytes(database) / max(1, len(database.table)) for database in databases]
            self._weighing = Weighing(self, mean_bytes)
            self.node.services.append(self._weighing)
            self.node.wake(self.node.now_us)

    def stop_weighing(self) -> None:
        """All keys are weighed, or nobody wants to know any more."""
        if self._weighing is not None:
            self.node.services.remove(self._weighing)
            self._weighing.close()
            self._weighing = None

    def weighed(self, database: Database) -> int:
        """How many keys of a database have been weighed."""
        return len(self._weights[database.index])

    def key_changed(self, database: Database, key: bytes) -> None:
        """Weigh one key anew, and its table: keys may have come or gone."""
        self.weigh(database, key)
        self._size_tables(database)

    def weigh(self, database: Database, key: bytes) -> None:
        """Weigh one key; nothing if it is gone."""
        value = database.table.get(key)
        weights = self._weights[database.index]
        change = -weights.pop(key)
        if value is not None:
            weight = _weigh(key, value)
            if key in database.expires:
                weight += ENTRY_BYTES
            weights.set(key, weight)
            change += weight
        self._keys_bytes[database.index] += change
        self._total_bytes += change

    def _size_tables(self, database: Database) -> None:
        sizes = self._tables_bytes[database.index]
        for which, count in enumerate((len(database.table), len(database.expires))):
            size = table_bytes(count)
            if size != sizes[which] and not self._stays_crowded(count, sizes[which], size):
                self._total_bytes += size - sizes[which]
                sizes[which] = size

    def _stays_crowded(self, count: int, size: int, wanted: int) -> bool:
        """A table that would pass the limit if it grew is left as it is, while it is not much too small.

        Otherwise one key too many could cost hundreds of others.  Source: dictExpandAllowed.
        """
        if not self.counting or wanted < size or BUCKET_POINTER_BYTES * count > MOST_CROWDED * size:
            return False
        used, limit = self.used_bytes() + wanted, self.node.config.maxmemory
        return used > limit and used - self.not_counted_bytes() > limit


def estimated_bytes(database: Database) -> int:
    """Bytes of a database's keys without its tables, from some of them.  O(2000), and a quick walk."""
    count = len(database.table)
    weights = [_weigh(*item) for item in some_items(database.table)]
    return ENTRY_BYTES * len(database.expires) + sum(weights) * count // max(1, len(weights))


def some_items(table: Any) -> Iterator[tuple[bytes, Any]]:
    """All items of a table, or about MOST_WEIGHED of them that speak for all.

    >>> len(list(some_items({b"%d" % number: None for number in range(20_000)})))
    1819
    """
    count = len(table)
    is_held = isinstance(table, DictTable) and table.is_held
    if count > (MOST_WEIGHED if is_held else MOST_PASSED) and isinstance(table, dict):
        half = MOST_WEIGHED // 2
        return ((key, table[key]) for key in chain(islice(table, half), islice(reversed(table), half)))
    step = max(1, count // MOST_WEIGHED) | 1  # odd: what alternates from key to key is met evenly
    return islice(table.items(), 0, None, step)


def _weigh(key: bytes, value: Value) -> int:
    return ENTRY_BYTES + string_allocation(len(key)) + value.memory_usage()

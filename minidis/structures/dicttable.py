"""A Python dict that can also SCAN and pick random keys: the keyspace's table.

The idea. A look-up in a Python dict is C code and takes 50 ns; our HashTable takes 250, and a GET is to take
1 us in all. But a dict cannot be scanned a piece at a time while it changes, nor give a random key without a
walk over all of them. So DictTable *is* a dict, and has beside it an index of the keys alone: buckets, with
HashTable's incremental rehash, its cursor and therefore its guarantees.

    DictTable   b"user:1" -> value          the values: get, table[key], key in table, len, iteration
                b"user:2" -> value
                b"user:9" -> value          <- new since the last scan: not in the index yet

    KeyIndex    0  ()                       the keys by crc32: scan, random_key, sample
                1  (b"user:2",)
                2  (b"user:1",)
                3  ()

Nobody pays for an index that nobody asked for: the first scan or random key builds it. And even then
storing a key costs nothing extra, because a dict keeps its keys in order of insertion. The keys that the
index has not seen are the *last* ones of the dict, `len(dict) - len(index)` of them, and the next scan takes
them in. Only deleting must tell the index at once, or the count would lie: a table with an index *turns into*
an IndexedDictTable, whose `pop` and `del` do so (assigning `__class__` is the State pattern in one line).

    nanoseconds (Python 3.11)         dict   DictTable   with an index   HashTable
    table.get(key)                      55          60              60         250
    table[key] = value, key exists      50          50              50         370
    table[key] = value, new            140         140             140        2100
    table.pop(key, None)                40          50            1100         630
    taking a key into the index          -           -             300 in bulk, 1100 one by one

Mirrors: nothing in Redis, whose dict does all this at C speed; hashtable.py mirrors that one.
Differs: the first scan of a million keys pauses for 0.3 s, where Redis never does.
Complexity: as HashTable, but a scan, random_key or sample is O(keys that are new to the index).

>>> from random import Random
>>> table = DictTable({b"one": 1, b"two": 2})
>>> table[b"one"], table.is_indexed
(1, False)
>>> cursor, keys = table.scan(0)
>>> table[b"three"] = 3
>>> while cursor:
...     cursor, more = table.scan(cursor)
...     keys += more
>>> keys, table.is_indexed
([b'two', b'one', b'three'], True)
>>> table.random_key(Random(7))
b'two'

Read next: hashtable.py, if you came here first; minidis/engine/database.py uses either.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice
from random import Random
from typing import Any
from zlib import crc32

from minidis.structures.hashtable import Buckets, TableStats, next_power_of_two

_MISSING = object()


class DictTable(dict[bytes, Any]):
    """bytes -> any value: a dict, with the methods of HashTable that a dict doesn't have."""

    __slots__ = ("_index",)
    _index: KeyIndex

    index_type: type[KeyIndex]
    indexed_type: type[DictTable]
    """What the index is, and what the table turns into when it gets one: set below."""

    is_indexed = False
    is_rehashing = False
    rehash_index = -1

    def scan(self, cursor: int) -> tuple[int, list[bytes]]:
        """One bucket of keys and the next cursor: HashTable.scan. O(1) and O(keys new to the index)."""
        return self.index.scan(cursor)

    def random_key(self, random: Random) -> bytes | None:
        """A random key, None when empty: HashTable.random_key. O(1) and O(keys new to the index)."""
        return self.index.random_key(random)

    def sample(self, random: Random, count: int) -> list[bytes]:
        """Some keys: HashTable.sample. O(count) and O(keys new to the index)."""
        return self.index.sample(random, count)

    @property
    def index(self) -> KeyIndex:
        """The buckets of keys, holding all the keys of the table; built if there are none yet."""
        self._index = self.index_type(self)
        self.__class__ = self.indexed_type
        return self._index

    def release(self, count: int) -> bool:
        """Free `count` keys and values, the newest first; False when none is left: HashTable.release."""
        for _ in range(min(count, len(self))):
            dict.popitem(self)
        return len(self) > 0

    def copy(self) -> DictTable:
        """The same keys and (shared) values; the copy has no index. O(n)."""
        return DictTable(self)

    # -- for views: the index's buckets, which the look-ups of this table do not use

    @property
    def sizes(self) -> list[int]:
        return self.index.sizes

    def buckets(self, table: int = 0) -> list[list[bytes]]:
        return self.index.buckets(table)

    def tables(self) -> list[list[list[bytes]]]:
        return self.index.tables()

    def stats(self) -> list[TableStats]:
        return self.index.stats()

    def expand(self, count: int) -> bool:
        """HashTable.expand for the index; nothing to do without one."""
        return False

    def rehash_step(self, buckets: int = 1) -> bool:
        """HashTable.rehash_step for the index; nothing to do without one."""
        return False

    def pause_rehash(self) -> None:
        self.index.pause_rehash()

    def resume_rehash(self) -> None:
        self.index.resume_rehash()

    def check(self) -> None:
        """Raise AssertionError unless all invariants hold. O(n)."""
        assert all(type(key) is bytes for key in self)


class IndexedDictTable(DictTable):
    """What a DictTable is from its first scan or random key on: deleting a key tells the index."""

    __slots__ = ()

    is_indexed = True

    @property
    def index(self) -> KeyIndex:
        index, missing = self._index, len(self) - len(self._index)
        if missing > len(index) and not index.is_rehashing and not index.is_paused:
            # cheaper than one by one, and what a whole rehash leads to
            index = self._index = self.index_type(self)
        elif missing:
            for key in islice(reversed(self), missing):
                index.add(key)
        return index

    def pop(self, key: bytes, default: Any = _MISSING) -> Any:
        value = dict.pop(self, key, _MISSING)
        if value is not _MISSING:
            self._index.discard(key)
            return value
        if default is _MISSING:
            raise KeyError(key)
        return default

    def __delitem__(self, key: bytes) -> None:
        dict.__delitem__(self, key)
        self._index.discard(key)

    def popitem(self) -> tuple[bytes, Any]:
        key, value = dict.popitem(self)
        self._index.discard(key)
        return key, value

    def clear(self) -> None:
        dict.clear(self)
        self._index.clear()

    def release(self, count: int) -> bool:
        return self._index.release(count) or super().release(count)

    @property
    def is_rehashing(self) -> bool:  # type: ignore[override]
        return self._index.is_rehashing

    @property
    def rehash_index(self) -> int:  # type: ignore[override]
        return self._index.rehash_index

    def expand(self, count: int) -> bool:
        return self.index.expand(count)

    def rehash_step(self, buckets: int = 1) -> bool:
        return self._index.rehash_step(buckets)

    def check(self) -> None:
        super().check()
        self._index.check()
        indexed = [key for chains in self._index.tables() for chain in chains for key in chain]
        assert set(indexed) == set(islice(self, len(indexed))), "the index has the oldest keys of the dict"


class KeyIndex(Buckets):
    """HashTable's buckets with keys alone in them; a bucket is a tuple.

    Entry objects would be ten times slower to build by the hundred thousand: Python's garbage collector
    walks over them again and again, whereas it leaves alone a tuple that holds only bytes.
    """

    __slots__ = ()

    _NO_CHAIN = ()

    def __init__(self, distinct_keys: Iterable[bytes]):
        keys = tuple(distinct_keys)
        self._reset(next_power_of_two(len(keys)))
        self._used[0] = self._move_chain(keys, self._tables[0])

    def add(self, key: bytes) -> None:
        """Add a key that is known to be absent. O(1)."""
        if self.rehash_index >= 0 and not self._pauses:
            self.rehash_step()
        self._grow_if_full()
        table = self._tables[-1]
        table[crc32(key) & (len(table) - 1)] += (key,)
        self._used[-1] += 1

    def discard(self, key: bytes) -> None:
        """Remove a key if it is there. O(1)."""
        if self.rehash_index >= 0 and not self._pauses:
            self.rehash_step()
        hash_value = crc32(key)
        for number, table in enumerate(self._tables):
            bucket = hash_value & (len(table) - 1)
            if key in table[bucket]:
                table[bucket] = tuple(other for other in table[bucket] if other != key)
                self._used[number] -= 1
                self._shrink_if_sparse()
                return

    def _chain(self, chain: tuple[bytes, ...]) -> tuple[bytes, ...]:
        return chain

    def _move_chain(self, chain: tuple[bytes, ...], target: list[Any]) -> int:
        mask = len(target) - 1
        for key in chain:
            target[crc32(key) & mask] += (key,)
        return len(chain)


DictTable.index_type = KeyIndex
DictTable.indexed_type = IndexedDictTable

"""The hash table that rehashes a little at a time: Redis's dict.

The idea. An array of buckets; a key's hash, masked to the array's size (a power of two), names its bucket;
keys that fall into the same bucket hang there as a chain. When there are as many keys as buckets, the
array must double, and a plain hash table moves every key at once: with 10 million keys, every client would
wait for seconds. Redis keeps *two* arrays instead. The new one is allocated, and from then on each operation
moves one bucket of the old array to the new one, until the old one is empty and is thrown away.

    rehash_index = 2: buckets 0 and 1 have moved, new keys go to table 1, look-ups try both
    (with made-up hashes)

    table 0 (4 buckets)            table 1 (8 buckets)
    0  -                           0  -
    1  -                           1  [user:7]
    2  [user:1] -> [user:4]        2  -
    3  [user:2]                    3  -
                                   4  [user:3]      was in bucket 0: 4 & 3 == 0
                                   5  [user:9]      was in bucket 1: 5 & 3 == 1
                                   6  -
                                   7  -

Doubling splits bucket b of the old table into b and b + size, which differ in one new *high* bit. Pieter
Noordhuis's SCAN cursor rests on that: it counts with the bits reversed, carrying from the high bit to the low
one, so that the buckets which a table's growth splits, or its shrinking merges, are next to each other in the
walk. After 8 -> 16 buckets, a cursor that was about to visit bucket 6 (of 8) goes on with 6 and 14 (of 16):
all that was visited stays visited, and nothing is missed. Seen twice is possible (shrinking merges a visited
bucket with one that is not), missed is not. No state is kept on the server.

A set's members have no values. Where one is alone in its bucket, Redis 7.2 lets the bucket point to the
member itself, without an entry; KeyTable does so.

Mirrors: dict.c of Redis 7.2 (dictRehash, dictScan, dictGetFairRandomKey, dictGetSomeKeys, dictGetStats).
Differs: the hash is zlib.crc32. Redis uses SipHash with a random seed, so that nobody can send it keys
    made to fall into one bucket; we want the same buckets in every run, and a notebook has no attackers.
    Deleting shrinks by itself (in 7.2 the set and hash types ask for it after each delete, a timer does
    for the keyspace). The first four buckets exist from the start. There is no fork, hence no "avoid
    resizing while a child saves".

Complexity: get, set, delete, scan step, random key: O(1) on average, and never O(n) at once but for the
allocation of the new array.

>>> table = HashTable()
>>> for number in range(5):
...     table[b"user:%d" % number] = number
>>> table[b"user:3"], len(table), table.is_rehashing, table.sizes
(3, 5, True, [4, 8])
>>> while table.rehash_step():
...     pass
>>> table.sizes
[8]
>>> cursor, seen = table.scan(0)
>>> while cursor:
...     cursor, keys = table.scan(cursor)
...     seen += keys
>>> sorted(seen)
[b'user:0', b'user:1', b'user:2', b'user:3', b'user:4']

Read next: dicttable.py (the same cursor beside a Python dict, for speed), then minidis/commands/scanning.py.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from itertools import islice, repeat
from operator import attrgetter
from random import Random
from typing import Any
from zlib import crc32

from minidis.structures import growing
from minidis.structures.record import NamedTuple, record

INITIAL_SIZE = 4  # DICT_HT_INITIAL_SIZE
MINIMUM_FILL_PERCENT = 10  # HASHTABLE_MIN_FILL: below it the table shrinks
EMPTY_BUCKETS_PER_STEP = 10  # a rehash step gives up after so many empty buckets, to stay short
FAIR_SAMPLE_SIZE = 15  # GETFAIR_NUM_ENTRIES
LOT_DEPTH = 4  # places of a chain that a lot may name: few chains are longer, and few lots come to nothing
LOOKED_UP_BITS = 6  # the highest bits of a cursor, which change first

_MISSING = object()


class Probe(NamedTuple):
    """One comparison of a look-up: the key standing there, or None at the end of a chain."""

    table: int
    bucket: int
    key: bytes | None


class Buckets(ABC):
    """One table of buckets, or two while keys move from the first to the second; knows keys, but no values.

    `rehash_index` is the next bucket of table 0 to move, or -1 when there is one table only.
    """

    __slots__ = ("_tables", "_used", "_pauses", "rehash_index")

    _NO_CHAIN: Any = None  # what stands in an empty bucket

    @abstractmethod
    def _chain(self, bucket: Any) -> Sequence[bytes]:
        """The keys of a bucket, from its head."""

    @abstractmethod
    def _put(self, keys: Collection[bytes], table: list[Any]) -> int:
        """Put keys that are known to be absent at the heads of their chains; how many there were."""

    @abstractmethod
    def _move_chain(self, bucket: Any, target: list[Any]) -> int:
        """Put each key of a bucket into its bucket of the table `target`; how many there were."""

    def __len__(self) -> int:
        return sum(self._used)

    # -- growing and shrinking

    @property
    def is_rehashing(self) -> bool:
        return self.rehash_index >= 0

    @property
    def is_paused(self) -> bool:
        return self._pauses > 0

    @property
    def sizes(self) -> list[int]:
        """Buckets of each table: one number, or two during a rehash."""
        return [len(table) for table in self._tables]

    def expand(self, count: int) -> bool:
        """Start moving to a table for `count` keys: the next power of two. False if there is nothing to do.

        Also the way to shrink. Not possible while a rehash is under way, nor below the keys that there are.
        """
        size = next_power_of_two(count)
        if self.is_rehashing or count < len(self) or size == len(self._tables[0]):
            return False
        self._tables.append(self._new_table(size))
        self._used.append(0)
        self.rehash_index = 0
        return True

    def rehash_step(self, buckets: int = 1) -> bool:
        """Move that many non-empty buckets from table 0 to table 1. True while there is more to move.

        Gives up early after 10 empty buckets per bucket asked for: a step must be short even when a sparse
        table shrinks. Works while paused, too: the pause is for the steps that other operations take.
        """
        if not self.is_rehashing:
            return False
        (source, target), used = self._tables, self._used
        empty_visits_left = buckets * EMPTY_BUCKETS_PER_STEP
        while buckets and used[0]:
            buckets -= 1
            while not source[self.rehash_index]:
                self.rehash_index += 1
                empty_visits_left -= 1
                if not empty_visits_left:
                    return True
            moved = self._move_chain(source[self.rehash_index], target)
            used[0] -= moved
            used[1] += moved
            source[self.rehash_index] = self._NO_CHAIN
            self.rehash_index += 1
        if used[0]:
            return True
        del self._tables[0], used[0]
        self.rehash_index = -1
        return False

    def extend(self, keys: Collection[bytes]) -> None:
        """Add keys that are known to be absent, each once; they grow it once. O(keys).

        A mapping brings the values of a HashTable, too; other keys have none.
        """
        if self.rehash_index >= 0 and not self._pauses:
            self.rehash_step(len(keys))
        count = len(self) + len(keys)
        if count > len(self._tables[-1]) and self.expand(count) and not self._used[0]:
            self.rehash_step()  # there is nothing to move
        added = self._put(keys, self._tables[-1])
        self._used[-1] += added

    def pause_rehash(self) -> None:
        """Take no steps until `resume_rehash` has been called as many times."""
        self._pauses += 1

    def resume_rehash(self) -> None:
        self._pauses -= 1

    def _grow_if_full(self) -> None:
        if self.rehash_index < 0 and self._used[0] >= len(self._tables[0]):
            self.expand(self._used[0] + 1)

    def _shrink_if_sparse(self) -> None:
        size = len(self._tables[0])
        if self.rehash_index < 0 and size > INITIAL_SIZE:
            if self._used[0] * 100 // size < MINIMUM_FILL_PERCENT:
                self.expand(self._used[0])

    def clear(self) -> None:
        """Forget all keys. O(1) here; the entries are freed by Python."""
        self._reset(INITIAL_SIZE)

    def release(self, count: int) -> bool:
        """Free about `count` keys, in whole buckets; False when none is left.

        For a table that nobody will use again: afterwards it is neither complete nor in order.
        """
        while self._tables and count > 0:
            table = self._tables[-1]
            freed = table[-count:]
            del table[-count:]
            count -= len(freed)
            if not table:
                self._tables.pop()
        return bool(self._tables)

    def _reset(self, size: int) -> None:
        self._tables: list[list[Any]] = [self._new_table(size)]
        self._used = [0]
        self._pauses = 0
        self.rehash_index = -1

    def _new_table(self, size: int) -> list[Any]:
        if size >= growing.MANY:
            growing.announce()
        return [self._NO_CHAIN] * size

    # -- SCAN

    is_indexed = True
    is_behind = is_far_behind = is_listing = False  # see DictTable, which has an index to keep up

    def take_in(self, most: int = 0) -> bool:
        """DictTable.take_in: nothing to do here, where the buckets are the table."""
        return True

    def catch_up(self) -> bool:
        """DictTable.catch_up: there is nothing new."""
        return True

    def unseen(self, count: int) -> list[bytes]:
        """DictTable.unseen: there are none."""
        return []

    def scan_known(self, cursor: int) -> tuple[int, list[bytes]]:
        """DictTable.scan_known: here all keys are known."""
        return self.scan(cursor)

    def scan(self, cursor: int) -> tuple[int, list[bytes]]:
        """Visit one bucket: (cursor of the next one, its keys). Begin with 0; a 0 that comes back is the end.

        Every key that is present from the first call to the last is returned at least once, whatever is
        written in between and however often the table grows and shrinks. During a rehash one call visits
        the bucket of the smaller table together with all those of the larger one which it splits into.
        """
        if not len(self):
            return 0, []
        small, large = self._tables[0], self._tables[-1]
        if len(small) > len(large):
            small, large = large, small
        small_mask, large_mask = len(small) - 1, len(large) - 1
        keys = list(self._chain(small[cursor & small_mask])) if small is not large else []
        while True:
            keys += self._chain(large[cursor & large_mask])
            cursor = next_cursor(cursor, large_mask)
            if not cursor & (small_mask ^ large_mask):  # the bits that only the larger table has are through
                return cursor, keys

    def scan_page(self, cursor: int, count: int, most_buckets: int) -> tuple[int, list[bytes]]:
        """`scan`, again and again, until `count` keys were met, so many buckets seen, or all."""
        keys: list[bytes] = []
        for _ in range(most_buckets):
            cursor, more = self.scan(cursor)
            keys += more
            if not cursor or len(keys) >= count:
                break
        return cursor, keys

    # -- random keys

    def random_key(self, random: Random) -> bytes | None:
        """A random key, None when empty. O(1) expected (dictGetFairRandomKey).

        A random bucket and then a random key of its chain would favour keys that are alone in their
        bucket. So take some 15 keys that stand together, and one of those: nearly even.
        """
        keys = self.sample(random, FAIR_SAMPLE_SIZE)
        return keys[random.randrange(len(keys))] if keys else self._random_bucket_key(random)

    def random_keys(self, random: Random, count: int) -> list[bytes]:
        """`count` different keys of a table that has more, from anywhere. O(count) expected."""
        drawn: dict[bytes, None] = {}
        for key in self.lots(random, count):
            if len(drawn) >= count:
                break
            drawn[key] = None
        return list(drawn)

    def lots(self, random: Random, expected_count: int) -> Iterator[bytes]:
        """Keys from anywhere in a table that is not empty, without an end. O(1) expected for each.

        A table that rehashes goes on with it first, by as much as Redis does for `expected_count` keys.

        A lot is a bucket and a place in its chain, and is cast again where no key stands: so one that is
        alone in its bucket is no likelier than others. Only in chains of more than LOT_DEPTH all are less so.
        """
        if not self._pauses:
            self.rehash_step(expected_count * FAIR_SAMPLE_SIZE)
        first, second = self._tables[0], self._tables[-1]
        size, lots, cast = len(first), sum(self.sizes) * LOT_DEPTH, random.random
        while True:
            bucket, depth = divmod(int(cast() * lots), LOT_DEPTH)
            chain = first[bucket] if bucket < size else second[bucket - size]
            if chain:
                keys = self._chain(chain)
                if depth < len(keys):
                    yield keys[depth if len(keys) <= LOT_DEPTH else random.randrange(len(keys))]

    def sample(self, random: Random, count: int) -> list[bytes]:
        """Up to `count` keys that stand together at a random place (dictGetSomeKeys). O(count).

        Not evenly distributed, sometimes with repetitions or fewer than there are: for choices that need
        not be exact.
        """
        count = min(count, len(self))
        for _ in range(count):
            if not self.is_rehashing or self._pauses:
                break
            self.rehash_step()
        found: list[bytes] = []
        sizes, rehash_index = self.sizes, self.rehash_index
        tables = list(zip(self._tables, sizes, strict=True))
        largest = max(sizes)
        bucket, empty_run = random.randrange(largest), 0
        for _ in range(count * 10):
            for table, size in tables:
                if bucket < rehash_index and table is tables[0][0]:
                    if bucket < sizes[1]:
                        continue
                    bucket = rehash_index  # shrinking: both tables are empty from here to there
                if bucket >= size:
                    continue
                if entries := table[bucket]:
                    empty_run = 0
                    chain = self._chain(entries)
                    if len(found) + len(chain) < count:
                        found += chain
                    else:
                        _reservoir(random, found, count, chain)
                        return found
                else:
                    empty_run += 1
                    if empty_run >= 5 and empty_run > count:
                        bucket, empty_run = random.randrange(largest), 0
            bucket = (bucket + 1) & (largest - 1)
        return found

    def _random_bucket_key(self, random: Random) -> bytes | None:
        """A random key of a random bucket (dictGetRandomKey): the way out when a sample is empty."""
        if not len(self):
            return None
        first = max(self.rehash_index, 0)  # the buckets below have moved
        while True:
            bucket, number = random.randrange(first, sum(self.sizes)), 0
            if bucket >= len(self._tables[0]):
                bucket, number = bucket - len(self._tables[0]), 1
            chain = self._chain(self._tables[number][bucket])
            if chain:
                return chain[random.randrange(len(chain))]

    # -- for views, DEBUG HTSTATS and tests

    def buckets(self, table: int = 0) -> list[list[bytes]]:
        """The chains of one table, as lists of keys, in bucket order."""
        return [list(self._chain(bucket)) for bucket in self._tables[table]]

    def tables(self) -> list[list[list[bytes]]]:
        """`buckets` of each table: one, or two during a rehash."""
        return [self.buckets(number) for number in range(len(self._tables))]

    def search_path(self, key: bytes) -> list[Probe]:
        """The comparisons that a look-up of `key` makes now, in order (no rehash step is taken)."""
        path: list[Probe] = []
        for number, table in enumerate(self._tables):
            bucket = crc32(key) & (len(table) - 1)
            for other in self._chain(table[bucket]):
                path.append(Probe(number, bucket, other))
                if other == key:
                    return path
            path.append(Probe(number, bucket, None))
        return path

    def stats(self) -> list[TableStats]:
        """The figures of DEBUG HTSTATS for each table. O(n)."""
        return [
            TableStats(number, len(chains), dict(sorted(Counter(map(len, chains)).items())))
            for number, chains in enumerate(self.tables())
        ]

    def check(self) -> None:
        """Raise AssertionError unless all invariants hold. O(n)."""
        tables = self.tables()
        assert len(tables) == len(self._used) == (2 if self.is_rehashing else 1)
        for chains, used in zip(tables, self._used, strict=True):
            size = len(chains)
            assert size >= INITIAL_SIZE and size & (size - 1) == 0, "sizes are powers of two"
            assert used == sum(map(len, chains)), "the count is that of the chains"
            for bucket, chain in enumerate(chains):
                assert all(crc32(key) & (size - 1) == bucket for key in chain), "keys stand in their bucket"
        keys = [key for chains in tables for chain in chains for key in chain]
        assert len(keys) == len(set(keys)), "a key stands in one place only"
        assert -1 <= self.rehash_index < len(tables[0])
        assert not any(tables[0][: max(self.rehash_index, 0)]), "buckets below the rehash index have moved"
        assert self._pauses >= 0


class Entry:
    """One link of a bucket's chain (dictEntry)."""

    __slots__ = ("key", "value", "next")

    def __init__(self, key: bytes, value: Any, next_entry: Entry | None):
        self.key = key
        self.value = value
        self.next = next_entry


class HashTable(Buckets):
    """bytes -> any value, in chained buckets, with incremental rehash and a SCAN cursor."""

    __slots__ = ()

    def __init__(self, items: Mapping[bytes, Any] | Iterable[tuple[bytes, Any]] = ()):
        self._reset(INITIAL_SIZE)
        for key, value in items.items() if isinstance(items, Mapping) else items:
            self[key] = value

    # -- look-up, insertion, deletion: each first pays one step of a rehash under way

    def get(self, key: bytes, default: Any = None) -> Any:
        """The value of `key`, or `default`. O(1)."""
        if self.rehash_index >= 0 and not self._pauses:
            self.rehash_step()
        hash_value = crc32(key)
        for table in self._tables:
            entry = table[hash_value & (len(table) - 1)]
            while entry is not None:
                if entry.key == key:
                    return entry.value
                entry = entry.next
        return default

    def __setitem__(self, key: bytes, value: Any) -> None:
        self.exchange(key, value)

    def exchange(self, key: bytes, value: Any, default: Any = None) -> Any:
        """Set the value of `key`, and answer the one it had; `default` if the key is new. O(1).

        Source: dictAddOrFind, with which HSET and SADD need one look-up.
        """
        if self.rehash_index >= 0 and not self._pauses:
            self.rehash_step()
        self._grow_if_full()
        hash_value = crc32(key)
        for table in self._tables:
            bucket = hash_value & (len(table) - 1)
            entry = table[bucket]
            while entry is not None:
                if entry.key == key:
                    former, entry.value = entry.value, value
                    return former
                entry = entry.next
        # Not there: `table` is now the last one, where new keys go, so that table 0 only empties. A new key
        # goes to the head of its chain: it is O(1), and what was just written is often read next.
        table[bucket] = Entry(key, value, table[bucket])
        self._used[-1] += 1
        return default

    def pop(self, key: bytes, default: Any = _MISSING) -> Any:
        """Delete `key` and return its value; `default`, or KeyError without one, when it is absent. O(1)."""
        if self.rehash_index >= 0 and not self._pauses:
            self.rehash_step()
        hash_value = crc32(key)
        for number, table in enumerate(self._tables):
            bucket = hash_value & (len(table) - 1)
            previous, entry = None, table[bucket]
            while entry is not None:
                if entry.key == key:
                    if previous is None:
                        table[bucket] = entry.next
                    else:
                        previous.next = entry.next
                    self._used[number] -= 1
                    self._shrink_if_sparse()
                    return entry.value
                previous, entry = entry, entry.next
        if default is _MISSING:
            raise KeyError(key)
        return default

    def __getitem__(self, key: bytes) -> Any:
        value = self.get(key, _MISSING)
        if value is _MISSING:
            raise KeyError(key)
        return value

    def __delitem__(self, key: bytes) -> None:
        self.pop(key)

    def __contains__(self, key: bytes) -> bool:
        return self.get(key, _MISSING) is not _MISSING

    # -- as the table of a set, whose members have no values: see KeyTable

    def add(self, key: bytes) -> bool:
        """KeyTable.add: store a key; False if it was there."""
        return self.exchange(key, None, self) is self

    def discard(self, key: bytes) -> bool:
        """KeyTable.discard: delete a key; False if it was not there."""
        return self.pop(key, self) is not self

    def update(self, items: Mapping[bytes, Any]) -> None:
        """Set the values of all these keys, in one step where there were none. O(items)."""
        if not len(self):
            self.extend(items)
        else:
            for key, value in items.items():
                self[key] = value

    def copy(self) -> HashTable:
        """A table with the same keys and (shared) values, without any rehash under way. O(n)."""
        twin = HashTable()
        twin.extend(dict(reversed(list(self.items()))))  # each comes to the head of its chain
        return twin

    # -- iteration: bucket by bucket, with the rehash paused, or a moved key would be met twice

    def __iter__(self) -> Iterator[bytes]:
        return map(attrgetter("key"), self._entries())

    keys = __iter__

    def values(self) -> Iterator[Any]:
        """The values, in the order of the keys."""
        return map(attrgetter("value"), self._entries())

    def items(self) -> Iterator[tuple[bytes, Any]]:
        """(key, value) pairs in bucket order."""
        return map(attrgetter("key", "value"), self._entries())

    def _entries(self) -> Iterator[Entry]:
        self.pause_rehash()
        try:
            for table in self._tables:
                for entry in table:
                    while entry is not None:
                        following = entry.next  # the caller may delete the entry that it holds
                        yield entry
                        entry = following
        finally:
            self.resume_rehash()

    def _chain(self, entry: Entry | None) -> list[bytes]:
        keys = []
        while entry is not None:
            keys.append(entry.key)
            entry = entry.next
        return keys

    def _put(self, keys: Collection[bytes], table: list[Any]) -> int:
        mask = len(table) - 1
        for key, value in keys.items() if isinstance(keys, Mapping) else zip(keys, repeat(None)):
            bucket = crc32(key) & mask
            table[bucket] = Entry(key, value, table[bucket])
        return len(keys)

    def _move_chain(self, entry: Entry | None, target: list[Any]) -> int:
        moved, mask = 0, len(target) - 1
        while entry is not None:
            following, bucket = entry.next, crc32(entry.key) & mask
            entry.next, target[bucket] = target[bucket], entry
            moved += 1
            entry = following
        return moved

    def __repr__(self) -> str:
        return f"<HashTable {len(self)} keys, buckets {'+'.join(map(str, self.sizes))}>"


class KeyTable(Buckets):
    """Keys in chained buckets, without values, as Redis 7.2 keeps the members of a set (dictType.no_value).

        ()                          no key
        b"user:2"                   one, as most buckets have that have any: no entry is needed for it
        (b"user:4", b"user:1")      several, or the empty key (which must not look like no key)

    Buckets are never changed, only replaced: a copy of the table is a copy of its list.
    """

    __slots__ = ()

    _NO_CHAIN = ()
    _NEW_KEYS_LAST = False  # in their chains, where C has them at the head

    def __init__(self, keys: Iterable[bytes] = ()) -> None:
        self._reset(INITIAL_SIZE)
        self.extend(dict.fromkeys(keys))

    def __contains__(self, key: bytes) -> bool:
        if self.rehash_index >= 0 and not self._pauses:
            self.rehash_step()
        return self._holds(key)

    def _holds(self, key: bytes) -> bool:
        hash_value = crc32(key)
        for table in self._tables:
            bucket = table[hash_value & (len(table) - 1)]
            if bucket == key or (type(bucket) is tuple and key in bucket):
                return True
        return False

    def add(self, key: bytes) -> bool:
        """Add a key; False if it was there. O(1)."""
        if self.rehash_index >= 0 and not self._pauses:
            self.rehash_step()
        self._grow_if_full()
        if self._holds(key):
            return False
        self._used[-1] += self._put((key,), self._tables[-1])
        return True

    def discard(self, key: bytes) -> bool:
        """Delete a key; False if it was not there. O(1)."""
        if self.rehash_index >= 0 and not self._pauses:
            self.rehash_step()
        hash_value = crc32(key)
        for number, table in enumerate(self._tables):
            place = hash_value & (len(table) - 1)
            bucket = table[place]
            if bucket == key:
                table[place] = ()
            elif type(bucket) is tuple and key in bucket:
                others = tuple([other for other in bucket if other != key])
                table[place] = others[0] or others if len(others) == 1 else others
            else:
                continue
            self._used[number] -= 1
            self._shrink_if_sparse()
            return True
        return False

    def copy(self) -> KeyTable:
        """A table with the same keys, without any rehash under way. O(n)."""
        twin = KeyTable()
        if self.is_rehashing or len(self._tables[0]) != next_power_of_two(len(self)):
            twin.extend(list(self)[::-1])  # each comes to the head of its chain
        else:
            twin._tables, twin._used = [self._tables[0].copy()], self._used.copy()
        return twin

    def __iter__(self) -> Iterator[bytes]:
        """The keys bucket by bucket, with the rehash paused, or a moved key would be met twice."""
        self.pause_rehash()
        try:
            for table in self._tables:
                for bucket in filter(None, table):
                    if type(bucket) is bytes:
                        yield bucket
                    else:
                        yield from bucket
        finally:
            self.resume_rehash()

    def scan_page(self, cursor: int, count: int, most_buckets: int) -> tuple[int, list[bytes]]:
        if self.is_rehashing or not len(self):
            return super().scan_page(cursor, count, most_buckets)
        table = self._tables[0]
        mask, keys = len(table) - 1, []
        cursor &= mask
        for following in islice(cursors_after(cursor, mask), min(most_buckets, len(table))):
            bucket = table[cursor]
            cursor = following
            if bucket:
                if type(bucket) is bytes:
                    keys.append(bucket)
                else:
                    keys += bucket
                if len(keys) >= count:
                    break
            if not cursor:
                break
        return cursor, keys

    def _chain(self, bucket: bytes | tuple[bytes, ...]) -> tuple[bytes, ...]:
        return (bucket,) if type(bucket) is bytes else bucket  # type: ignore[return-value]

    def _move_chain(self, bucket: bytes | tuple[bytes, ...], target: list[Any]) -> int:
        return self._put(self._chain(bucket), target)

    def _put(self, keys: Collection[bytes], table: list[Any]) -> int:
        mask, new_keys_last = len(table) - 1, self._NEW_KEYS_LAST
        for key in keys:
            place = crc32(key) & mask
            bucket = table[place]
            if not bucket:
                table[place] = key or (key,)
            else:
                chain = (bucket,) if type(bucket) is bytes else bucket
                table[place] = (*chain, key) if new_keys_last else (key, *chain)
        return len(keys)

    def __repr__(self) -> str:
        return f"<KeyTable {len(self)} keys, buckets {'+'.join(map(str, self.sizes))}>"


@record(frozen=True)
class TableStats:
    """One table's figures: str() gives the text of DEBUG HTSTATS.

    `chains` maps a chain length to the number of buckets that have it.
    """

    table: int
    size: int
    chains: dict[int, int]

    @property
    def used(self) -> int:
        return sum(length * count for length, count in self.chains.items())

    @property
    def occupied_buckets(self) -> int:
        return self.size - self.chains.get(0, 0)

    @property
    def longest_chain(self) -> int:
        return max(self.chains)

    @property
    def average_chain(self) -> float:
        """Keys per non-empty bucket."""
        return self.used / self.occupied_buckets if self.used else 0.0

    def summary(self) -> str:
        """The text without what takes a walk over all buckets."""
        title = (
            f"Hash table {self.table} stats ({'rehashing target' if self.table else 'main hash table'}):\n"
        )
        if not self.used:
            return title + "No stats available for empty dictionaries\n"
        return title + f" table size: {self.size}\n number of elements: {self.used}\n"

    def __str__(self) -> str:
        if not self.used:
            return self.summary()
        return (
            self.summary()
            + (
                f" different slots: {self.occupied_buckets}\n"
                f" max chain length: {self.longest_chain}\n"
                f" avg chain length (counted): {self.average_chain:.2f}\n"
                f" avg chain length (computed): {self.average_chain:.2f}\n"
                " Chain length distribution:\n"
            )
            + "".join(
                f"   {length}: {count} ({count / self.size:.2%})\n" for length, count in self.chains.items()
            )
        )


def next_cursor(cursor: int, mask: int) -> int:
    """Add one to the bits of `mask`, the highest of them counting least; 0 after the last.

    That is adding with the carry running from left to right: leading ones become zeros, the first zero a one.

    >>> cursor, walk = 0, []
    >>> for _ in range(8):
    ...     walk.append(f"{cursor:03b}")
    ...     cursor = next_cursor(cursor, 0b111)
    >>> " ".join(walk), cursor
    ('000 100 010 110 001 101 011 111', 0)
    """
    cursor &= mask
    bit = (mask + 1) >> 1
    while cursor & bit:
        cursor ^= bit
        bit >>= 1
    return cursor | bit


def cursors_after(cursor: int, mask: int) -> Iterator[int]:
    """What `next_cursor` gives, and what it gives then, and so on; without an end.

    The highest bits change at every step, and always in the same order, which is looked up here; the others
    change when the highest are all ones.
    """
    shift = max(mask.bit_length() - LOOKED_UP_BITS, 0)
    highest = _in_order_of_scan(mask >> shift, shift)
    others = cursor & ((1 << shift) - 1)
    following = highest[highest.index((cursor & mask) - others) + 1 :]
    while True:
        for bits in following:
            yield bits | others
        others = next_cursor(others, (1 << shift) - 1)
        following = highest


@lru_cache(maxsize=64)
def _in_order_of_scan(mask: int, shift: int) -> tuple[int, ...]:
    """All cursors of a small table, moved to the left."""
    cursors = [0]
    while cursor := next_cursor(cursors[-1], mask):
        cursors.append(cursor)
    return tuple([cursor << shift for cursor in cursors])


def next_power_of_two(count: int) -> int:
    return max(INITIAL_SIZE, 1 << max(count - 1, 0).bit_length())


def _reservoir(random: Random, found: list[bytes], count: int, chain: Sequence[bytes]) -> None:
    """Add a chain to a sample of at most `count`.

    Of a chain that is longer than the room left, any key may take the place of an earlier one: else the
    ends of long chains would never be sampled (Vitter's reservoir sampling).
    """
    room = count - len(found)
    found += chain[:room]
    for stored, key in enumerate(chain[room:], start=count):
        place = random.randrange(stored + 1)
        if place < count:
            found[place] = key

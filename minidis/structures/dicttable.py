"""A Python dict that can also SCAN and pick random keys: the keyspace's table.

The idea. A look-up in a Python dict is C code and takes 50 ns; our HashTable takes 250, and a GET is to take
1 us in all. But a dict cannot be scanned a piece at a time while it changes, nor give a random key without a
walk over all of them. So DictTable *is* a dict, and has beside it an index of the keys alone: buckets, with
HashTable's incremental rehash, its cursor and therefore its guarantees.

    DictTable   b"user:1" -> value          the values: get, table[key], key in table, len, iteration
                b"user:2" -> value
                b"user:9" -> value          <- new since the last scan: not in the index yet

    KeyIndex    0  ()                       the keys by crc32: scan, random_key, sample
                1  b"user:2"
                2  b"user:1"
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
    taking a key into the index          -           -             200 in bulk, 1500 one by one

A million keys that the index has not seen would keep everybody waiting for a quarter of a second. So a call
takes in 2000 of them at most, if there are more than 15,000, and works with what the index has:

    scan        answers no keys, and the cursor that it was given, until the index has them all
    random_key  draws a place among all keys: a key that the index lacks is found by walking the dict
    sample      is content with the keys that are in the index, as it may be

The way to those that come next, over all that the index has, would grow to 10 ms. A server, where others
wait, has all the new ones listed first (`list_for_index`, heldtable.py), and the index takes in that list.

Mirrors: nothing in Redis, whose dict does all this at C speed; hashtable.py mirrors that one.
Differs: a walk over a million new keys begins with five hundred empty pages, where its caller has not taken
them in at once, as SCAN does outside a server.
Complexity: as HashTable; a call that finds keys new to the index takes in up to 2000, which is O(2000) and,
if they are not listed, a walk of some nanoseconds for each key of the dict, from its nearer end.

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

Read next: hashtable.py, if you came here first; minidis/engine/keyspace/database.py uses either.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from itertools import islice
from random import Random
from typing import Any

from minidis.structures.hashtable import KeyTable, TableStats, next_power_of_two
from minidis.structures.heldtable import MISSING, Hold, WaitingKeys, held

TAKEN_IN_AT_ONCE = 2000
"""Keys that one call takes into the index at most: 0.5 ms in bulk, 3 ms one by one, and the way to them."""

BUILT_AT_ONCE = 15_000
"""An index of so many keys is built in one go: 4 ms."""

AS_LONG_AS = 8
"""To take in a key that there is no room for takes as long as to build the index anew with so many."""

NOT_WORTH_A_LIST = 10_000
"""The way to one of the last so many keys takes 0.6 ms at most, and to take in so many 5 ms."""

FEW = 100
"""So many new keys are taken in by the way, before a sample is drawn."""

NEAR = 5000
"""The way to one of the first keys of the dict takes 50 us at most."""

THE_BEGINNING = 1 << 48
"""A cursor like 0, the first bucket (bits above a table's mask count for nothing), but not the end's 0."""


class DictTable(dict[bytes, Any]):
    """bytes -> any value: a dict, with the methods of HashTable that a dict doesn't have."""

    __slots__ = ("_index", "_hold")
    _index: KeyIndex
    _hold: Hold | None

    index_type: type[KeyIndex]
    plain_type: type[DictTable]
    indexed_type: type[DictTable]
    held_type: type[DictTable]
    """What the index is; what the table is without and with one, and while it holds still: set below."""

    is_indexed = is_held = False
    is_behind = is_far_behind = is_listing = False
    is_rehashing = False
    rehash_index = -1

    def exchange(self, key: bytes, value: Any, default: Any = None) -> Any:
        """Set the value of `key`, and answer the one it had, or `default`: HashTable.exchange. O(1)."""
        former = self.get(key, default)
        self[key] = value
        return former

    def add(self, key: bytes) -> bool:
        """KeyTable.add: store a key without a value; False if it was there. O(1)."""
        return self.exchange(key, None, self) is self

    def discard(self, key: bytes) -> bool:
        """KeyTable.discard: delete a key; False if it was not there. O(1)."""
        return self.pop(key, self) is not self

    def extend(self, keys: Collection[bytes]) -> None:
        """KeyTable.extend: store keys without values. O(keys)."""
        for key in keys:
            self[key] = None

    def scan(self, cursor: int) -> tuple[int, list[bytes]]:
        """One bucket of keys and the next cursor: HashTable.scan. No keys while the index lacks some."""
        if not self.take_in():
            return cursor or THE_BEGINNING, []
        return self._index.scan(cursor)

    def scan_page(self, cursor: int, count: int, most_buckets: int) -> tuple[int, list[bytes]]:
        """`scan` until `count` keys were met: HashTable.scan_page. No keys while the index lacks some."""
        if not self.take_in():
            return cursor or THE_BEGINNING, []
        return self._index.scan_page(cursor, count, most_buckets)

    def scan_known(self, cursor: int) -> tuple[int, list[bytes]]:
        """`scan` of the keys that are in the index: keys that are new to it are passed over. O(1)."""
        return self._index.scan(cursor) if self.is_indexed else self.scan(cursor)

    def random_key(self, random: Random) -> bytes | None:
        """A random key, None when empty: HashTable.random_key."""
        if not self.take_in():
            place = random.randrange(len(self))
            if place >= len(self._index):
                waiting = self._index.waiting
                return (waiting and waiting.draw(random, 1) or keys_at(self, place, 1))[0]
        return self._index.random_key(random)

    def random_keys(self, random: Random, count: int) -> list[bytes]:
        """`count` different keys of a table that has more: HashTable.random_keys. O(count + new keys)."""
        return self.index.random_keys(random, count)

    def lots(self, random: Random, expected_count: int) -> Iterator[bytes]:
        """Keys from anywhere, again and again: HashTable.lots. O(new keys), then O(1) each."""
        return self.index.lots(random, expected_count)

    def sample(self, random: Random, count: int) -> list[bytes]:
        """Some keys of those in the index, which takes in new ones if there are few: HashTable.sample."""
        if not self.catch_up() and not len(self._index) and not self._index.waiting:
            self.take_in()
        found = self._index.sample(random, count)
        if not found and count and self.is_behind:  # the buckets are nearly empty as yet
            if self._index.waiting:
                found = self._index.waiting.draw(random, count)
                if not found:  # they have gone: list others, or take them in, for who draws again
                    self.take_in()
            elif len(self._index):
                found = keys_at(self, random.randrange(min(len(self._index), NEAR)), count)
        return found

    def take_in(self, most: int = TAKEN_IN_AT_ONCE) -> bool:
        """Let the index take in up to `most` keys that are new to it; True if it has all of them then."""
        self._index = self.index_type((), len(self))
        self.__class__ = self.indexed_type
        return self.take_in(most)

    def catch_up(self) -> bool:
        """`take_in` all that is new if that is little, or nothing; True if the index has all keys then."""
        if self.is_indexed and self._index.waiting is not None:
            return self.take_in(0)
        is_little = len(self) <= BUILT_AT_ONCE or (self.is_indexed and len(self) - len(self._index) <= FEW)
        return self.take_in(len(self) if is_little else 0)

    def list_for_index(self) -> bool:
        """Let `take_in` list very many new keys first, instead of walking to some of them each time.

        False if there are no more than it finds at once. While they are listed the table holds still: so this
        is for who sees to it that `take_in` is called again soon.
        """
        if len(self) - (len(self._index) if self.is_indexed else 0) <= NOT_WORTH_A_LIST:
            return False
        if not self.is_indexed:
            self._index = self.index_type((), 0)
            self.__class__ = self.indexed_type
        if self._index.waiting is None:
            self._index.wait_for(self)
        return True

    def stop_listing(self) -> None:
        """Who saw to `take_in` does so no more: the table need not hold still."""
        if self.is_indexed:
            self._index.stop_waiting()

    def unseen(self, count: int) -> list[bytes]:
        """Up to `count` keys that are new to the index, the oldest first."""
        if not self.is_behind:
            return []
        waiting = self._index.waiting
        return waiting.look(count) if waiting is not None else keys_at(self, len(self._index), count)

    @property
    def index(self) -> KeyIndex:
        """The buckets of keys, holding all the keys of the table. O(keys new to it)."""
        self.take_in(len(self))
        return self._index

    def release(self, count: int) -> bool:
        """Free `count` keys and values, the newest first; False when none is left: HashTable.release."""
        self.take_out(count)
        return len(self) > 0

    def take_out(self, count: int) -> list[Any]:
        """Up to `count` values, the newest first, for who frees a table that nobody will use again."""
        return [dict.popitem(self)[1] for _ in range(min(count, len(self)))]

    def copy(self) -> DictTable:
        """The same keys and (shared) values; the copy has no index. O(n)."""
        return DictTable(self)

    def hold(self) -> Hold:
        """Hold still, as heldtable.py says."""
        self._hold = Hold()
        self.__class__ = self.held_type
        return self.hold()  # of that class

    def forget(self, key: bytes) -> None:
        """A key has gone: the index, if there is one, must know."""

    def popped(self, key: bytes, value: Any, default: Any) -> Any:
        """What `pop` answers, or raises, now that it has taken this value, or found the key MISSING."""
        if value is not MISSING:
            self.forget(key)
            return value
        if default is MISSING:
            raise KeyError(key)
        return default

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

    def take_in(self, most: int = TAKEN_IN_AT_ONCE) -> bool:
        index, missing = self._index, len(self) - len(self._index)
        if not missing or not most:
            index.is_filling = index.is_filling and missing > 0
            if not missing and index.waiting is not None:
                index.stop_waiting()
            return not missing
        if index.waiting is not None:
            while index.take_waiting(most) and most >= missing:
                pass
            return most >= missing and self.take_in(most)  # what came later
        is_small = len(self) <= (most if most < TAKEN_IN_AT_ONCE else max(most, BUILT_AT_ONCE))
        if missing > FEW and index.is_crowded_by(missing):
            is_sooner = len(self) < AS_LONG_AS * missing
        else:
            is_sooner = len(index) < missing and not index.is_rehashing
        if is_small and is_sooner and not index.is_paused:
            # sooner than one by one, and what a whole rehash leads to
            self._index = self.index_type(self, len(self))
            return True
        index.extend(keys_at(self, len(index), min(missing, most))[::-1])
        index.is_filling = missing > most
        return missing <= most

    @property
    def is_behind(self) -> bool:  # type: ignore[override]
        return len(self._index) < len(self)

    @property
    def is_listing(self) -> bool:  # type: ignore[override]
        """True while keys are listed for the index, before it takes them in."""
        return self._index.waiting is not None and self._index.waiting.is_listing

    @property
    def is_far_behind(self) -> bool:  # type: ignore[override]
        """True if the index knows less than one key of eight: too few to draw a sample from."""
        return len(self._index) * 8 < len(self)

    def pop(self, key: bytes, default: Any = MISSING) -> Any:
        return self.popped(key, dict.pop(self, key, MISSING), default)

    def forget(self, key: bytes) -> None:
        self._index.discard(key)

    def __delitem__(self, key: bytes) -> None:
        dict.__delitem__(self, key)
        self.forget(key)

    def popitem(self) -> tuple[bytes, Any]:
        key, value = dict.popitem(self)
        self.forget(key)
        return key, value

    def clear(self) -> None:
        dict.clear(self)
        self._index.clear()

    def take_out(self, count: int) -> list[Any]:
        return [] if self._index.release(count) else super().take_out(count)

    @property
    def is_rehashing(self) -> bool:  # type: ignore[override]
        return self._index.is_rehashing

    @property
    def rehash_index(self) -> int:  # type: ignore[override]
        return self._index.rehash_index

    def expand(self, count: int) -> bool:
        return self._index.expand(count)

    def rehash_step(self, buckets: int = 1) -> bool:
        return self._index.rehash_step(buckets)

    def check(self) -> None:
        super().check()
        self._index.check()
        indexed = [key for chains in self._index.tables() for chain in chains for key in chain]
        assert set(indexed) == set(islice(self, len(indexed))), "the index has the oldest keys of the dict"


class KeyIndex(KeyTable):
    """A KeyTable whose keys are known to be absent when they come, and may come by and by.

    HashTable's Entry objects would be ten times slower to build by the hundred thousand, and Python's garbage
    collector walks over each new one, as it does over each new tuple; bytes are none of its business.
    """

    __slots__ = ("is_filling", "may_know", "room", "waiting")

    _NEW_KEYS_LAST = True  # the oldest keys of the dict come first

    def __init__(self, distinct_keys: Iterable[bytes], expected_count: int):
        # while it is, its buckets wait for keys: then a key that goes shrinks nothing
        self.is_filling = False
        self.waiting: WaitingKeys | None = None
        self.may_know = False  # some of those that wait
        self.room: list[Any] = []  # the buckets they come into: none before all are listed
        self._reset(next_power_of_two(expected_count))
        self._used[0] = self._put(tuple(distinct_keys), self._tables[0])

    def is_crowded_by(self, count: int) -> bool:
        """Must it grow for so many new keys, or does it already?"""
        return self.is_rehashing or len(self) + count > len(self._tables[0])

    def extend(self, keys: Collection[bytes]) -> None:
        """As KeyTable, but where there is no room they come one by one, so that it grows a step at a time."""
        if self.is_crowded_by(len(keys)):
            for key in keys:
                super().extend((key,))
        else:
            super().extend(keys)

    def wait_for(self, table: DictTable) -> None:
        """All keys of a table are to come in by `take_waiting`."""
        self.is_filling = True
        self.may_know = len(self) > 0
        self.waiting = WaitingKeys(table)
        self.room = []  # made now, so that the garbage collector looks away while it is empty

    def take_waiting(self, most: int) -> bool:
        """List some of the keys that wait; when all are listed make room for them, and then add up to `most`.

        True if there is more to do. Room for a million takes 5 ms by itself: it is new memory.
        """
        waiting = self.waiting
        if waiting is None:
            return False
        if waiting.is_listing:
            waiting.list_more()
            return True
        if not self.may_know and len(self._tables[-1]) < len(waiting):
            self.room.append(self._NO_CHAIN)
            self.room *= next_power_of_two(len(waiting))
            self._tables, self._used, self.rehash_index = [self.room], [0], -1
            return True
        keys = waiting.take(most)
        self.extend([key for key in keys if key not in self] if self.may_know else keys)
        if not waiting:
            self.stop_waiting()
        return self.waiting is not None

    def stop_waiting(self) -> None:
        """Those that still wait shall not come in."""
        if self.waiting is not None:
            self.waiting.close()
            self.waiting = None

    def clear(self) -> None:
        self.stop_waiting()
        super().clear()

    def release(self, count: int) -> bool:
        if self.waiting is not None and self.waiting.take(count):
            return True
        return super().release(count)

    def discard(self, key: bytes) -> bool:
        if self.waiting is not None:
            self.waiting.forget(key)
        return super().discard(key)

    def _shrink_if_sparse(self) -> None:
        if not self.is_filling:
            super()._shrink_if_sparse()


def keys_at(table: dict[bytes, Any], start: int, count: int) -> list[bytes]:
    """Up to `count` keys from place `start` on, in order of insertion. O(count + way from the nearer end).

    >>> keys_at({b"a": 1, b"b": 2, b"c": 3, b"d": 4}, 2, 5), keys_at({b"a": 1, b"b": 2}, 0, 1)
    ([b'c', b'd'], [b'a'])
    """
    from_end = len(table) - start
    if start < from_end:
        return list(islice(table, start, start + count))
    return list(islice(reversed(table), max(0, from_end - count), max(0, from_end)))[::-1]


def combine(plain: type[DictTable], indexed: type[DictTable], index_type: type[KeyIndex]) -> None:
    """Say what a table turns into: with an index or without, holding still or not."""
    plain.index_type, plain.plain_type, plain.indexed_type = index_type, plain, indexed
    plain.held_type, indexed.held_type = held(plain), held(indexed)
    plain.held_type.indexed_type = indexed.held_type


combine(DictTable, IndexedDictTable, KeyIndex)

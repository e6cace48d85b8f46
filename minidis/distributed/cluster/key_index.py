"""From a slot to its keys: what COUNTKEYSINSLOT and GETKEYSINSLOT ask, and whoever moves a slot.

The keyspace is one table, in which the keys of a slot lie anywhere. So a table of a node in cluster mode has
an index of the keys by slot, built as its index for SCAN is, and kept in the same way: nobody pays for
storing a key; a question takes in the keys that are new since the last one, and only deleting must tell
the index.

    SlottedTable    b"user:1" -> value       the values, as in any DictTable
    SlotIndex       buckets for SCAN, and    2780 -> {b"user:7"}
                                             7629 -> {b"k", b"x{k}"}

Mirrors: `slotToKeyAddEntry` and its kin in cluster.c.
Differs: Redis links the entries of its dict, when they are stored.
Complexity: O(keys asked for) and O(keys that are new to the index).

>>> from minidis.drivers.embedded import Embedded
>>> redis = Embedded({"cluster-enabled": "yes"}, clock=0, seed=1)
>>> redis.execute("DEBUG", "POPULATE", 1000), redis.execute("CLUSTER", "COUNTKEYSINSLOT", 3)
('OK', 0)
>>> keys = redis.node.cluster.keys
>>> keys.count(1460), keys.in_slot(1460, 10)
(0, [])

Read next: redirection.py.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from itertools import islice

from minidis.distributed.cluster.slots import slot_of
from minidis.engine.keyspace.database import Database
from minidis.structures.dicttable import DictTable, IndexedDictTable, KeyIndex, combine


class SlotIndex(KeyIndex):
    """The index of a DictTable, with the keys of each slot beside its buckets."""

    __slots__ = ("by_slot",)

    def __init__(self, distinct_keys: Iterable[bytes], expected_count: int) -> None:
        keys = tuple(distinct_keys)
        self.by_slot: dict[int, dict[bytes, None]] = {}
        super().__init__(keys, expected_count)
        for key in keys:
            self._note(key)

    def _note(self, key: bytes) -> None:
        self.by_slot.setdefault(slot_of(key), {})[key] = None

    def add(self, key: bytes) -> bool:
        is_new = super().add(key)
        self._note(key)
        return is_new

    def extend(self, keys: Collection[bytes]) -> None:
        super().extend(keys)
        for key in keys:
            self._note(key)

    def discard(self, key: bytes) -> bool:
        was_there = super().discard(key)
        keys = self.by_slot.get(slot_of(key), {})
        if key in keys:
            del keys[key]
            if not keys:
                del self.by_slot[slot_of(key)]
        return was_there

    def clear(self) -> None:
        super().clear()
        self.by_slot.clear()


class SlottedTable(DictTable):
    """The keyspace's table in cluster mode."""

    __slots__ = ()


class IndexedSlottedTable(SlottedTable, IndexedDictTable):
    """What it is from the first question on."""

    __slots__ = ()


combine(SlottedTable, IndexedSlottedTable, SlotIndex)


class KeysBySlot:
    """The keys of a database, by slot."""

    def __init__(self, database: Database) -> None:
        self.database = database
        database.new_table = SlottedTable
        database.table = SlottedTable(database.table)

    @property
    def _index(self) -> dict[int, dict[bytes, None]]:
        index: SlotIndex = self.database.table.index
        return index.by_slot

    def count(self, slot: int) -> int:
        """How many keys a slot has."""
        return len(self._index.get(slot, ()))

    def in_slot(self, slot: int, most: int) -> list[bytes]:
        """Up to so many keys of a slot, the newest first."""
        return list(islice(reversed(self._index.get(slot, {})), most))

    def slots(self) -> Iterator[int]:
        """The slots that have keys, in order."""
        return iter(sorted(self._index))

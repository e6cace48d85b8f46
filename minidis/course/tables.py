"""What exercises 6.3 and 6.4 stand on: the engine's HashTable with a learner's scan, or dict, inside.

    scan_with(next_cursor, scan_step)                   a HashTable whose SCAN goes the learner's way
    dict_with(rehash_step, find, insert, remove)        one whose look-ups and rehash are the learner's

For the second the learner sees three things of a table: `chains` (one list of buckets, or two during a
rehash; a bucket is the first Entry of a chain, or None), `used` (keys in each) and `rehash_index`.

Read next: minidis/structures/hashtable.py, after you have passed.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from minidis.engine.node import Node
from minidis.structures.hashtable import HashTable

_MISSING = object()
MOST_BUCKETS_OF_A_STEP = 10_000


def scan_with(next_cursor: Callable[[int, int], int], scan_step: Callable[..., Any]) -> type[HashTable]:
    """A HashTable class that asks a learner which buckets a cursor means."""

    class LearnersScan(HashTable):
        __slots__ = ()

        def scan(self, cursor: int) -> tuple[int, list[bytes]]:
            if not len(self):
                return 0, []
            places, following = scan_step(cursor, list(self.sizes), next_cursor)
            keys: list[bytes] = []
            for number, bucket in places:
                keys += self._chain(self._tables[number][bucket])
            return following, keys

    return LearnersScan


class OpenDict(HashTable):
    """A HashTable whose insides have the names that a learner sees."""

    __slots__ = ()

    @property
    def chains(self) -> list[list[Any]]:
        return self._tables

    @property
    def used(self) -> list[int]:
        return self._used

    def _pay_a_step(self) -> None:
        if not self._pauses:
            self.rehash_step()

    def _finish_if_empty(self) -> None:
        if self.rehash_index >= 0 and not self._used[0]:
            del self._tables[0], self._used[0]
            self.rehash_index = -1


def dict_with(
    rehash_step: Callable[[Any], None],
    find: Callable[[Any, bytes], Any],
    insert: Callable[[Any, bytes, Any], None],
    remove: Callable[[Any, bytes], Any],
) -> type[HashTable]:
    """A HashTable class on a learner's four functions; growing and shrinking are decided by the engine."""

    class LearnersDict(OpenDict):
        __slots__ = ()

        def rehash_step(self, buckets: int = 1) -> bool:
            self._finish_if_empty()
            for _ in range(min(buckets, MOST_BUCKETS_OF_A_STEP)):
                if self.rehash_index < 0:
                    break
                rehash_step(self)
                self._finish_if_empty()
                if self.rehash_index >= len(self._tables[0]):
                    raise LookupError(
                        f"rehash_index left table 0, where used[0] = {self._used[0]} keys are left"
                    )
            return self.rehash_index >= 0

        def get(self, key: bytes, default: Any = None) -> Any:
            self._pay_a_step()
            entry = find(self, key)
            return default if entry is None else entry.value

        def exchange(self, key: bytes, value: Any, default: Any = None) -> Any:
            self._pay_a_step()
            entry = find(self, key)
            if entry is not None:
                former, entry.value = entry.value, value
                return former
            self._grow_if_full()
            insert(self, key, value)
            return default

        def pop(self, key: bytes, default: Any = _MISSING) -> Any:
            self._pay_a_step()
            entry = remove(self, key)
            if entry is not None:
                self._finish_if_empty()
                self._shrink_if_sparse()
                return entry.value
            if default is _MISSING:
                raise KeyError(key)
            return default

        def copy(self) -> HashTable:
            return type(self)(self.items())

    return LearnersDict


def plug_table(node: Node, table: type[HashTable]) -> Callable[[], None]:
    """Let the keyspace, its times to live and new hashes and sets stand on `table`; the way back."""
    before = node.encodings.hashtable, [(type(db.table), type(db.expires)) for db in node.databases]
    node.encodings.hashtable = table
    for database in node.databases:
        database.table, database.expires = table(database.table.items()), table(database.expires.items())

    def undo() -> None:
        node.encodings.hashtable = before[0]
        for database, (keys, expires) in zip(node.databases, before[1], strict=True):
            database.table, database.expires = keys(database.table.items()), expires(database.expires.items())

    return undo

"""Large collections out of an RDB file, some elements at a time.

What rdb_values.py reads is a value from its first byte to its last, and if the last has not come yet it
begins anew later. For a million members that takes seconds, and whoever loads them answers nobody meanwhile.
So a collection that is large *in elements* is read as its bytes come, and between two portions its reader (a
replica that goes on serving, a server that says LOADING) looks at what else there is to do:

    SET, 1 000 000 members      the head      -> Gradual, 1 000 000 to come
    feed(16 KB)                 1100 members  -> Progress, Progress, ...
    ...
    feed(16 KB)                 the last ones -> Entry

Only the types that may be large have a reader here: what fits a listpack is small. Nothing is set aside for
what was only announced.

Mirrors: rdbLoadObject in rdb.c, and rdbLoadProgressCallback, by which Redis looks at its sockets meanwhile.
Complexity: O(1) for an element; O(log n) for one of a sorted set, or O(1) where the greatest comes first, as
from Redis.

>>> from minidis.persistence.rdb_writer import encode_value
>>> value = Set(Encodings())
>>> for number in range(2000):
...     _ = value.add(b"member %d" % number)
>>> cursor = Cursor(encode_value(value))
>>> gradual = begin(cursor, Type.SET, Loading())
>>> gradual.read(cursor), gradual.left, gradual.value is None
(False, 1800, True)
>>> while not gradual.read(cursor):
...     pass
>>> len(gradual.value), gradual.value.encoding
(2000, 'hashtable')

Read next: rdb_reader.py, which hands them out.
"""

from __future__ import annotations

from typing import Any

from minidis.persistence.rdb_cursor import Cursor, NeedMore
from minidis.persistence.rdb_format import Type
from minidis.persistence.rdb_streams import StreamReader
from minidis.persistence.rdb_values import Loading, not_empty, read_node
from minidis.values.base import Value
from minidis.values.encodings import Encodings
from minidis.values.hash import Hash
from minidis.values.list import List
from minidis.values.set import HashTableForm, Set
from minidis.values.sorted_set import SortedSet

LARGE = 1000
"""A collection of more elements is read by and by: to read fewer takes some milliseconds."""

AT_ONCE = 200
LARGE_IN_NODES, NODES_AT_ONCE = 4, 1
"""The same for lists and streams, whose nodes have some hundred elements each."""


class Gradual:
    """A collection that is being read.  Subclasses say of which type."""

    count_of = "the number of members"
    large, at_once = LARGE, AT_ONCE
    value: Value | None = None
    """None until all of it is read."""

    def __init__(self, loading: Loading, count: int) -> None:
        self.loading = loading
        self.left = count
        self.offset = 0  # where it begins

    @classmethod
    def fits_small(cls, encodings: Encodings) -> int:
        """How many elements our own small encoding would take: not a matter for this module."""
        return 0

    def read(self, cursor: Cursor) -> bool:
        """Read some more; True when that was all.  Raises RdbError, and NeedMore where an element begins."""
        start = cursor.position
        try:
            for _ in range(min(self.at_once, self.left)):
                start = cursor.position
                self.take(cursor)
                self.left -= 1
            start = cursor.position
            if not self.left:
                self.value = not_empty(self.finish(cursor), self.offset)
        except NeedMore:
            cursor.position = start
            raise
        return self.value is not None

    def take(self, cursor: Cursor) -> None:
        """Read one element."""
        raise NotImplementedError

    def finish(self, cursor: Cursor) -> Value:
        """Read what stands behind the elements."""
        raise NotImplementedError


class _GradualSet(Gradual):
    def __init__(self, loading: Loading, count: int) -> None:
        super().__init__(loading, count)
        self._set = Set(loading.encodings)
        self._form = self._set.form = HashTableForm(loading.encodings.members_table())

    @classmethod
    def fits_small(cls, encodings: Encodings) -> int:
        return max(encodings.set_max_intset_entries, encodings.set_max_listpack_entries)

    def take(self, cursor: Cursor) -> None:
        offset = cursor.offset
        member = cursor.string("a member")
        if not self._form.add(member):
            raise cursor.error(f"the member {member!r} twice", offset)

    def finish(self, cursor: Cursor) -> Set:
        return self._set


class _GradualHash(Gradual):
    count_of = "the number of fields"

    def __init__(self, loading: Loading, count: int) -> None:
        super().__init__(loading, count)
        self._hash = Hash(loading.encodings)
        self._hash.convert()

    @classmethod
    def fits_small(cls, encodings: Encodings) -> int:
        return encodings.hash_max_listpack_entries

    def take(self, cursor: Cursor) -> None:
        offset = cursor.offset
        name, content = cursor.string("a field or a value"), cursor.string("a field or a value")
        if not self._hash.form.set(name, content):
            raise cursor.error(f"the field {name!r} twice", offset)

    def finish(self, cursor: Cursor) -> Hash:
        return self._hash


class _GradualSortedSet(Gradual):
    def __init__(self, loading: Loading, count: int) -> None:
        super().__init__(loading, count)
        self._sorted_set = SortedSet(loading.encodings, loading.random, expected_count=count)

    @classmethod
    def fits_small(cls, encodings: Encodings) -> int:
        return encodings.zset_max_listpack_entries

    def take(self, cursor: Cursor) -> None:
        offset, form = cursor.offset, self._sorted_set.form
        member = cursor.string("a member")
        if form.score(member) is not None:
            raise cursor.error(f"the member {member!r} twice", offset)
        score = self.read_score(cursor)
        if score != score:
            raise cursor.error(f"the score of {member!r} is not a number", offset)
        form.insert(member, score)

    def read_score(self, cursor: Cursor) -> float:
        return cursor.double("its score")

    def finish(self, cursor: Cursor) -> SortedSet:
        return self._sorted_set


class _GradualSortedSetOfText(_GradualSortedSet):
    def read_score(self, cursor: Cursor) -> float:
        return cursor.double_text("its score")


class _GradualList(Gradual):
    count_of = "the number of nodes"
    large, at_once = LARGE_IN_NODES, NODES_AT_ONCE

    def __init__(self, loading: Loading, count: int) -> None:
        super().__init__(loading, count)
        self._nodes: list[Any] = []

    def take(self, cursor: Cursor) -> None:
        self._nodes += read_node(cursor, self.loading)

    def finish(self, cursor: Cursor) -> List:
        return List.from_nodes(self._nodes, self.loading.encodings)


class _GradualStream(Gradual):
    count_of = "the number of nodes"
    large, at_once = LARGE_IN_NODES, NODES_AT_ONCE
    generation = 3

    def __init__(self, loading: Loading, count: int) -> None:
        super().__init__(loading, count)
        self._reader = StreamReader(loading.encodings, self.generation)

    def take(self, cursor: Cursor) -> None:
        self._reader.read_node(cursor)

    def finish(self, cursor: Cursor) -> Value:
        return self._reader.read_end(cursor)


class _GradualStream2(_GradualStream):
    generation = 2


class _GradualStream1(_GradualStream):
    generation = 1


_KINDS: dict[int, type[Gradual]] = {
    Type.SET: _GradualSet,
    Type.HASH: _GradualHash,
    Type.ZSET: _GradualSortedSetOfText,
    Type.ZSET_2: _GradualSortedSet,
    Type.LIST_QUICKLIST_2: _GradualList,
    Type.STREAM_LISTPACKS: _GradualStream1,
    Type.STREAM_LISTPACKS_2: _GradualStream2,
    Type.STREAM_LISTPACKS_3: _GradualStream,
}


def begin(cursor: Cursor, kind: int, loading: Loading) -> Gradual | None:
    """The reader of a large collection that begins here; None (and nothing is read) of anything else.

    Raises RdbError, NeedMore.
    """
    gradual = _KINDS.get(kind)
    if gradual is None:
        return None
    start = cursor.position
    count = cursor.length(gradual.count_of)
    if count <= max(gradual.large, gradual.fits_small(loading.encodings)):
        cursor.position = start
        return None
    reader = gradual(loading, count)
    reader.offset = cursor.base + start
    return reader

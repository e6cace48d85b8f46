"""Macro node: up to a hundred entries of a stream in one listpack.

A stream keeps its entries as a hash keeps its fields while it is small: one after another in a listpack.
Entries of one stream mostly have the same field names and ids close together, so a node writes down both
only once. Its tree key is the id of the first entry (the *master id*), its listpack begins with the field
names of that entry (the *master entry*), and every entry says how it differs:

    XADD s 1000-0 temp 21 hum 40        key 1000-0
    XADD s 1005-0 temp 22 hum 41
    XADD s 1007-0 alarm 1

    2 1 2 temp hum 0 | 3 0 0 21 40 5 | 2 5 0 22 41 5 | 0 7 0 1 alarm 1 6
    ^ ^ ^          ^   ^ ^ ^       ^   ^               ^     ^
    | | fields     |   | ms - 1000 |   same fields:    |     one field, spelled out
    | deleted   end    | seq - 0   |   values only     other fields
    live entries       flags: 1 deleted, 2 same fields as the master entry
                                   elements of this entry before this one: the way back

XDEL only sets the flag "deleted" (the 3 above) and moves one from live to deleted; the node goes when no
entry in it lives. Taking the bytes out would move all that follow.

Mirrors: the listpack half of t_stream.c (streamAppendItem, streamIteratorGetID, streamTrim).
Differs: a node is decoded in one go and then walked, in both directions.
Complexity: append O(bytes of the entry); everything else O(bytes of the node), at most 4 KB.

>>> from minidis.structures.open_listpack import OpenListpack
>>> first = StreamId(1000, 0)
>>> node = new_node(OpenListpack, [b"temp", b"21"])
>>> append(node, first, first, [b"temp", b"21"]); append(node, first, StreamId(1007, 0), [b"alarm", b"1"])
Entry(id=StreamId(ms=1000, seq=0), name=b'1000-0', pairs=[b'temp', b'21'], flags=2, position=5)
Entry(id=StreamId(ms=1007, seq=0), name=b'1007-0', pairs=[b'alarm', b'1'], flags=0, position=10)
>>> [b.decode() for b in node]
['2', '0', '1', 'temp', '0', '2', '0', '0', '21', '4', '0', '7', '0', '1', 'alarm', '1', '6']
>>> [(entry.id, entry.pairs) for entry in entries(node, first)]
[(StreamId(ms=1000, seq=0), [b'temp', b'21']), (StreamId(ms=1007, seq=0), [b'alarm', b'1'])]

Read next: stream.py.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from struct import Struct

from minidis.structures.open_listpack import OpenListpack
from minidis.structures.record import NamedTuple

DELETED = 1
SAME_FIELDS = 2

_UINT64 = (1 << 64) - 1
_INT64_LIMIT = 1 << 63
_ID = Struct(">QQ")
_new = tuple.__new__  # of a named tuple whose fields are all there, in half the time


class StreamId(NamedTuple):
    """An entry's id: unix milliseconds, and a number within that millisecond.  Ids compare as time does.

    >>> str(StreamId(1700000000000, 1)), StreamId(1, 9) < StreamId(2, 0)
    ('1700000000000-1', True)
    """

    ms: int
    seq: int

    def __str__(self) -> str:
        return f"{self.ms}-{self.seq}"

    def __bytes__(self) -> bytes:
        return b"%d-%d" % self

    @property
    def key(self) -> bytes:
        """16 bytes, big-endian, so that the order of the bytes is that of the ids. Source: streamEncodeID."""
        return _ID.pack(*self)

    @classmethod
    def from_key(cls, key: bytes) -> StreamId:
        return _new(cls, _ID.unpack(key))

    def next(self) -> StreamId | None:
        """The id right after this one; None after the last. Source: streamIncrID."""
        if self.seq < _UINT64:
            return StreamId(self.ms, self.seq + 1)
        return StreamId(self.ms + 1, 0) if self.ms < _UINT64 else None

    def previous(self) -> StreamId | None:
        """The id right before this one; None before 0-0. Source: streamDecrID."""
        if self.seq:
            return StreamId(self.ms, self.seq - 1)
        return StreamId(self.ms - 1, _UINT64) if self.ms else None


numbers_of: Callable[[bytes], tuple[int, int]] = _ID.unpack
"""An id as two numbers, from its key in a tree: they equal the StreamId, which takes three times as long."""


def id_text(key: bytes) -> bytes:
    """An id's text, from its key in a tree: bytes(StreamId.from_key(key)), in half the time."""
    return b"%d-%d" % _ID.unpack(key)


MIN_ID = StreamId(0, 0)
MAX_ID = StreamId(_UINT64, _UINT64)


class Entry(NamedTuple):
    """An entry taken out of its node.  `name` is its id as text, `pairs` field, value, field, value ..."""

    id: StreamId
    name: bytes
    pairs: list[bytes]
    flags: int
    position: int  # of its flags, among the node's elements


def new_node(listpack: type, pairs: Sequence[bytes]) -> OpenListpack:
    """A node without entries whose master entry has the fields of `pairs`. O(bytes)."""
    fields = pairs[::2]
    return listpack([b"0", b"0", b"%d" % len(fields), *fields, b"0"])


def append(node: OpenListpack, master: StreamId, entry_id: StreamId, pairs: Sequence[bytes]) -> Entry:
    """Add an entry, and answer it; its id must be greater than all in the node. O(bytes of the entry)."""
    count, position = len(pairs) // 2, len(node)
    count_text = b"%d" % count
    same = node.elements(2, 3 + count) == [count_text, *pairs[::2]]
    flags = SAME_FIELDS if same else 0
    after_ms, after_seq = as_int64(entry_id.ms - master.ms), as_int64(entry_id.seq - master.seq)
    elements = [b"%d" % flags, b"%d" % after_ms, b"%d" % after_seq]
    elements += pairs[1::2] if same else (count_text, *pairs)
    elements.append(b"%d" % len(elements))
    node.replace(0, b"%d" % (live_count(node) + 1))
    node.extend(elements)
    return Entry(entry_id, b"%d-%d" % entry_id, list(pairs), flags, position)


def entries(
    node: OpenListpack,
    master: StreamId,
    low: StreamId = MIN_ID,
    high: StreamId = MAX_ID,
    reverse: bool = False,
    deleted: bool = False,
) -> Iterator[Entry]:
    """The entries with ids from low to high, in either direction; those `deleted` only if asked for."""
    return entries_of(node.elements(), master, low, high, reverse, deleted)


def entries_of(
    elements: list[bytes],
    master: StreamId,
    low: StreamId = MIN_ID,
    high: StreamId = MAX_ID,
    reverse: bool = False,
    deleted: bool = False,
) -> Iterator[Entry]:
    """The same of the elements of a node."""
    master_ms, master_seq = master
    is_bounded = low > MIN_ID or high < MAX_ID
    count = int(elements[2])
    same_pairs = [word for field in elements[3 : 3 + count] for word in (field, b"")]
    for at in _back(elements) if reverse else _forth(elements):
        flags = int(elements[at])
        if flags & DELETED and not deleted:
            continue
        after_ms, after_seq = int(elements[at + 1]), int(elements[at + 2])
        entry_id = _new(StreamId, ((master_ms + after_ms) & _UINT64, (master_seq + after_seq) & _UINT64))
        if is_bounded and not low <= entry_id <= high:
            if entry_id < low if reverse else entry_id > high:
                return
            continue
        if flags & SAME_FIELDS:
            pairs = same_pairs.copy()
            pairs[1::2] = elements[at + 3 : at + 3 + count]
        else:
            pairs = elements[at + 4 : at + 4 + 2 * int(elements[at + 3])]
        yield _new(Entry, (entry_id, b"%d-%d" % entry_id, pairs, flags, at))


def delete(node: OpenListpack, doomed: Sequence[Entry]) -> None:
    """Set the flag of live entries, and move them from live to deleted in the count. O(bytes of the node)."""
    for entry in doomed:
        node.replace(entry.position, b"%d" % (entry.flags | DELETED))
    node.replace(0, b"%d" % (live_count(node) - len(doomed)))
    node.replace(1, b"%d" % (int(node.get(1)) + len(doomed)))


def live_count(node: OpenListpack) -> int:
    """How many entries of the node are not deleted. O(1)."""
    return int(node.get(0))


def total_count(node: OpenListpack) -> int:
    """How many entries the node holds, deleted ones included. O(1)."""
    return int(node.get(0)) + int(node.get(1))


def check(node: OpenListpack, master: StreamId) -> None:
    """Raise AssertionError if counts, ways back or the order of ids are wrong. O(bytes)."""
    node.check()
    elements = node.elements()
    found = list(entries(node, master, deleted=True))
    assert len(found) == total_count(node), "the counts are not those of the entries"
    assert live_count(node) == sum(not entry.flags & DELETED for entry in found), "count of deleted entries"
    assert [entry.position for entry in found] == list(_back(elements))[::-1], "the ways back lead elsewhere"
    assert found[0].id == master, "the key is not the first id"
    # Only living ones: after XSETID with a lower MAXDELETEDID the id of a deleted entry may be given again.
    ids = [entry.id for entry in found if not entry.flags & DELETED]
    assert ids == sorted(set(ids)), "ids out of order"


def _forth(elements: list[bytes]) -> Iterator[int]:
    """Where each entry begins, first to last."""
    fields = int(elements[2])
    at = 4 + fields
    while at < len(elements):
        yield at
        flags = int(elements[at])
        at += 4 + (fields if flags & SAME_FIELDS else 1 + 2 * int(elements[at + 3]))


def _back(elements: list[bytes]) -> Iterator[int]:
    """Where each entry begins, last to first, by the counts at their ends."""
    end = len(elements) - 1
    while length := int(elements[end]):
        yield end - length
        end -= length + 1


def as_int64(number: int) -> int:
    """A number brought into 64 bits with a sign, as C lets it overflow and a listpack stores it."""
    if -_INT64_LIMIT <= number < _INT64_LIMIT:  # nearly always, and without numbers of 65 bits
        return number
    return ((number + _INT64_LIMIT) & _UINT64) - _INT64_LIMIT

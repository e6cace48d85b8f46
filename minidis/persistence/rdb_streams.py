"""Streams in an RDB file: nodes as they are in memory, then the numbers, then the groups.

    nodes            count, and for each: the id of its first entry (16 bytes), its listpack
    numbers          entries, last id; since 7.0 also first id, greatest deleted id, entries ever added
    groups           count, and for each: name, last delivered id, since 7.0 entries read;
                     its pending entries: id, time of delivery, number of deliveries;
                     its consumers: name, seen (since 7.2 also active), ids of its own pending entries

Three types came one after another (15 in Redis 5, 19 in 7.0, 21 in 7.2). What an older one has not is
estimated, as Redis does it.

A macro node is walked from end to end before it is believed: how many elements belong to an entry stands in
the entry itself, so one wrong number would lead astray everything that comes after it.

Mirrors: rdbLoadObject and rdbLoadStreamConsumer in rdb.c, streamValidateListpackIntegrity in t_stream.c.
Differs: a node's first entry has the id that is its key, ids ascend from there up to the last id, and the
entries are as many as the file says: a real server leaves that to whoever made the file.
Complexity: O(bytes).

Read next: values/stream_node.py for what a macro node holds.
"""

from __future__ import annotations

from minidis.persistence.rdb_cursor import Cursor
from minidis.structures.listpack import CorruptListpack, canonical_integer
from minidis.values import stream_node
from minidis.values.consumer_group import Consumer, ConsumerGroup, Pending
from minidis.values.encodings import Encodings
from minidis.values.stream import Stream
from minidis.values.stream_node import MIN_ID, StreamId, as_int64

_ID_BYTES = 16
_KNOWN_FLAGS = stream_node.DELETED | stream_node.SAME_FIELDS


def read_stream(cursor: Cursor, encodings: Encodings, generation: int) -> Stream:
    """A stream of generation 1 (Redis 5), 2 (7.0) or 3 (7.2).  Raises RdbError, NeedMore."""
    reader = StreamReader(encodings, generation)
    for _ in range(cursor.length("the number of nodes")):
        reader.read_node(cursor)
    return reader.read_end(cursor)


class StreamReader:
    """A stream that is read node by node, then what stands behind them.  Each step may be taken again."""

    def __init__(self, encodings: Encodings, generation: int) -> None:
        self.stream = Stream(encodings)
        self.generation = generation
        self._first: StreamId | None = None  # the first id that lives, and the last one
        self._greatest: StreamId | None = None
        self._found = 0

    def read_node(self, cursor: Cursor) -> None:
        """Hang the next node into the stream's tree."""
        ids = _read_node(cursor, self.stream, self._greatest)
        if ids:
            self._first, self._greatest = self._first or ids[0], ids[-1]
        self._found += len(ids)

    def read_end(self, cursor: Cursor) -> Stream:
        """Counts, ids and groups: the stream is complete."""
        offset, stream, greatest = cursor.offset, self.stream, self._greatest
        stream.length = cursor.length("the number of entries")
        if stream.length != self._found:
            raise cursor.error(f"a stream of {stream.length} entries with {self._found} in its nodes", offset)
        stream.last_id = _read_id(cursor, "last id")
        if greatest is not None and greatest > stream.last_id:
            raise cursor.error(f"an entry {greatest} after the last id {stream.last_id}", offset)
        stream.first_id = self._first or MIN_ID
        stream.entries_added = stream.length
        if self.generation >= 2:
            _read_id(cursor, "first id")  # the entries say it themselves
            stream.max_deleted_id = _read_id(cursor, "greatest deleted id")
            stream.entries_added = cursor.length("the number of entries ever added")
        stream.groups = stream.encodings.radix_tree()  # without those of a first try
        for _ in range(cursor.length("the number of groups")):
            _read_group(cursor, stream, self.generation)
        return stream


# -- nodes ----------------------------------------------------------------------------------------


def _read_node(cursor: Cursor, stream: Stream, greatest: StreamId | None) -> list[StreamId]:
    """Hang a node into the stream's tree; the ids that live in it. `greatest`: the last one before it."""
    offset = cursor.offset
    key = cursor.string("the id of a node's first entry")
    if len(key) != _ID_BYTES:
        raise cursor.error(f"the id of a stream's node has {len(key)} bytes, not {_ID_BYTES}", offset)
    last_node = stream.tree.seek("$")
    if last_node is not None and key <= last_node[0]:
        raise cursor.error("nodes of a stream out of order", offset)
    offset = cursor.offset
    blob = cursor.string("a node's listpack")
    try:
        node, elements = stream.encodings.listpack_of(blob)
        _check_node(elements)
    except CorruptListpack as corrupt:
        raise cursor.error(str(corrupt), offset) from None
    except ValueError as fault:
        raise cursor.error(f"a stream's node is corrupt: {fault}", offset) from None
    ids = [entry.id for entry in stream_node.entries_of(elements, StreamId.from_key(key))]
    for before, entry_id in zip([greatest, *ids], ids, strict=False):
        if before is not None and entry_id <= before:
            raise cursor.error(f"the entry {entry_id} does not come after {before}", offset)
    stream.tree[key] = node
    return ids


def _check_node(elements: list[bytes]) -> None:
    """Raise ValueError unless counts, flags, ids and the ways back fit together."""
    live, deleted, fields = (_number(elements, place) for place in range(3))
    at = 3 + fields
    if min(live, deleted, fields) < 0 or _number(elements, at) != 0:
        raise ValueError("its master entry doesn't end where it says")
    at += 1
    if (_number(elements, at + 1), _number(elements, at + 2)) != (0, 0):
        raise ValueError("its first entry has another id than its key")
    found = dead = 0
    while at < len(elements):
        start = at
        flags = _number(elements, at)
        if flags & ~_KNOWN_FLAGS:
            raise ValueError(f"an entry with the flags {flags}")
        _number(elements, at + 1)
        _number(elements, at + 2)
        if flags & stream_node.SAME_FIELDS:
            at += 3 + fields
        else:
            count = _number(elements, at + 3)
            if count < 0:
                raise ValueError(f"an entry of {count} fields")
            at += 4 + 2 * count
        if _number(elements, at) != at - start:
            raise ValueError("an entry doesn't end where it says")
        at += 1
        found += 1
        dead += flags & stream_node.DELETED
    if (found, dead) != (live + deleted, deleted):
        raise ValueError(
            f"{found} entries, {dead} of them deleted, where {live + deleted} and {deleted} are counted"
        )


def _number(elements: list[bytes], place: int) -> int:
    if place >= len(elements):
        raise ValueError("it ends within an entry")
    number = canonical_integer(elements[place])
    if number is None:
        raise ValueError(f"{elements[place][:20]!r} where a number is due")
    return number


# -- groups ---------------------------------------------------------------------------------------


def _read_group(cursor: Cursor, stream: Stream, generation: int) -> None:
    offset = cursor.offset
    name = cursor.string("the group's name")
    last_id = _read_id(cursor, "last delivered id")
    if generation >= 2:
        entries_read = as_int64(cursor.length("the number of entries that the group has read"))
    else:
        entries_read = stream.entries_before_and_at(last_id)
    group = ConsumerGroup(last_id, stream.encodings.radix_tree, entries_read)
    if not stream.groups.insert(name, group, overwrite=False):
        raise cursor.error(f"the group {name!r} twice", offset)
    deliveries = _read_pending(cursor)
    for _ in range(cursor.length("the number of consumers")):
        _read_consumer(cursor, group, deliveries, generation)
    if deliveries:
        raise cursor.error(
            f"{len(deliveries)} pending entries of the group {name!r} without a consumer", offset
        )


def _read_pending(cursor: Cursor) -> dict[bytes, tuple[int, int]]:
    """The group's pending entries: the key of an id -> when delivered last, how often."""
    deliveries: dict[bytes, tuple[int, int]] = {}
    for _ in range(cursor.length("the number of pending entries")):
        offset = cursor.offset
        key = cursor.raw(_ID_BYTES, "an id")
        if key in deliveries:
            raise cursor.error(f"the pending entry {StreamId.from_key(key)} twice", offset)
        delivered_ms = cursor.milliseconds("when it was delivered last")
        deliveries[key] = delivered_ms, cursor.length("the number of deliveries")
    return deliveries


def _read_consumer(
    cursor: Cursor, group: ConsumerGroup, deliveries: dict[bytes, tuple[int, int]], generation: int
) -> None:
    """A consumer; what it has pending is taken out of `deliveries`."""
    offset = cursor.offset
    name = cursor.string("the consumer's name")
    consumer = Consumer(name, group.tree, cursor.milliseconds("when it was seen last"))
    consumer.active_ms = (
        cursor.milliseconds("when it was active last") if generation >= 3 else consumer.seen_ms
    )
    if not group.consumers.insert(name, consumer, overwrite=False):
        raise cursor.error(f"Duplicate stream consumer detected: {name!r}", offset)
    for _ in range(cursor.length("the number of its pending entries")):
        offset = cursor.offset
        key = cursor.raw(_ID_BYTES, "an id")
        delivery = deliveries.pop(key, None)
        if delivery is None:
            fault = (
                "Stream consumer PEL entry already has a consumer assigned"
                if key in group.pending
                else "Consumer entry not found in group global PEL"
            )
            raise cursor.error(f"{fault}: {StreamId.from_key(key)}", offset)
        pending = Pending(consumer, *delivery)
        group.pending[key] = pending
        consumer.pending[key] = pending


def _read_id(cursor: Cursor, what: str) -> StreamId:
    return StreamId(cursor.length(f"{what}: milliseconds"), cursor.length(f"{what}: number"))

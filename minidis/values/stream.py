"""A stream: a log that many can read, each at a position of its own.

A list forgets what was popped, Pub/Sub what nobody heard. A stream keeps its entries, in order of ids that
only grow, until they are trimmed or deleted. The entries are packed a hundred to a *macro node*
(stream_node.py), and the nodes hang in a radix tree by the id of their first entry:

    tree      00..0003e8 00..00 -> [2 live | temp hum | 1000-0 ... 1005-0]
              00..0007d0 00..00 -> [100 live | ... 2000-0 ...]
              00..002710 00..00 -> [17 live | ... 10000-0 ...]       XADD appends here

    XRANGE s 2044 +      seek "<=" 2044-0: the second node; from there to the right
    XREAD STREAMS s 9    the same from 9-1 on: a reader's position is nothing but an id it remembers

Numbers that outlive the entries: `last_id` (so that ids never repeat, even after XDEL), `max_deleted_id` and
`entries_added`. From the last two a group's lag can be told without counting entries.

Unlike other values a stream stays when its last entry goes: its last id and its groups are worth keeping.

Mirrors: stream.h, t_stream.c (streamAppendItem, streamTrim, streamIterator, streamEstimateDistance...).
Differs: entries of a node are decoded together (see stream_node.py); those of the nodes read last are kept.
Complexity: append O(1); a range O(log N + M), M entries of whole nodes; trimming O(removed).

>>> from minidis.values.encodings import Encodings
>>> stream = Stream(Encodings())
>>> for ms in (1000, 1005, 2000):
...     entry = stream.append(StreamId(ms, 0), [b"temp", b"21"])
>>> [str(entry.id) for entry in stream.walk(StreamId(1001, 0))], stream.delete(StreamId(1005, 0)), len(stream)
(['1005-0', '2000-0'], True, 2)

Read next: consumer_group.py, then minidis/commands/streams.py.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from operator import itemgetter

from minidis.structures.listpack import SIZE_LIMIT
from minidis.structures.open_listpack import OpenListpack
from minidis.structures.radix_tree import RadixTree
from minidis.structures.record import record
from minidis.values import stream_node
from minidis.values.base import OBJECT_HEADER_BYTES, Value, allocation_size
from minidis.values.consumer_group import UNKNOWN, ConsumerGroup, tree_bytes
from minidis.values.encodings import Encodings
from minidis.values.stream_node import MAX_ID, MIN_ID, Entry, StreamId, as_int64, numbers_of

STREAM_BYTES = 80
FIRST_ALLOCATION_BYTES = 4096
_SAMPLED_NODES = 5
_ID_OF = itemgetter(0)  # of an Entry


@record
class Visit:
    """A node that was read, and its living entries, in order.

    A stream keeps the last two visits, since many a stream is read at one end and trimmed at the other; all
    other nodes at rest are closed.
    """

    key: bytes
    node: OpenListpack
    entries: list[Entry]


@record
class Trim:
    """What to trim: to a length, or all before an id.  `limit` bounds the entries removed (0: none).

    `approximate` removes whole nodes only: cheap, and close enough to "about a million entries".
    """

    max_length: int | None = None
    min_id: StreamId = MIN_ID
    approximate: bool = False
    limit: int = 0


class Stream(Value):
    """A stream value: entries, and the groups that read them."""

    __slots__ = (
        "encodings",
        "entries_added",
        "first_id",
        "groups",
        "last_id",
        "length",
        "max_deleted_id",
        "newest",
        "tree",
        "visited",
        "visited_before",
    )

    kind = "stream"
    encoding = "stream"

    def __init__(self, encodings: Encodings) -> None:
        self.accessed_us = 0
        self.encodings = encodings
        self.tree: RadixTree = encodings.radix_tree()  # key of the first id -> macro node
        self.length = 0
        self.last_id = MIN_ID
        self.first_id = MIN_ID
        self.max_deleted_id = MIN_ID
        self.entries_added = 0
        self.groups: RadixTree = encodings.radix_tree()  # name -> ConsumerGroup
        self.visited: Visit | None = None
        self.visited_before: Visit | None = None
        self.newest: tuple[StreamId, OpenListpack] | None = None  # what `_newest_node` has found

    def __len__(self) -> int:
        return self.length

    # Entries

    def next_id(self, now_ms: int) -> StreamId | None:
        """The id that XADD gives itself: the time, or what follows the last id. Source: streamNextID."""
        return StreamId(now_ms, 0) if now_ms > self.last_id.ms else self.last_id.next()

    def append(self, entry_id: StreamId, pairs: Sequence[bytes]) -> Entry:
        """Add an entry, and answer it. O(1).

        `entry_id` must be greater than `last_id`; `pairs` is field, value, field, value ...
        """
        size = sum(map(len, pairs))
        newest = self._newest_node()
        if newest is None or self._is_full(newest[1], size):
            node = stream_node.new_node(self.encodings.listpack, pairs)
            self.tree[entry_id.key] = node
            if newest is not None:
                newest[1].close()
            self.newest = newest = entry_id, node
        master, node = newest
        entry = stream_node.append(node, master, entry_id, pairs)
        for visit in (self.visited, self.visited_before):
            if visit is not None and visit.node is node:
                visit.entries.append(entry)
        self.length += 1
        self.entries_added += 1
        self.last_id = entry_id
        if self.length == 1:
            self.first_id = entry_id
        return entry

    def walk(self, low: StreamId = MIN_ID, high: StreamId = MAX_ID, reverse: bool = False) -> Iterator[Entry]:
        """The entries with ids from low to high, both included, either way. O(log N) to the first."""
        for visited in (self.visited, self.visited_before):
            if visited is None or not visited.entries:
                continue
            entries = visited.entries
            if len(entries) == self.length:  # there is no other node
                return _within(entries, low, high, reverse)
            first, last = entries[0].id, entries[-1].id
            holds_low = low >= first or first == self.first_id
            holds_high = high <= last or last == self.last_id
            if holds_low and holds_high:
                return _within(entries, low, high, reverse)
            if (holds_high and first <= high) if reverse else (holds_low and low <= last):  # it begins there
                others = self._walk_nodes(low, high, reverse, beyond=visited.key)
                return chain(_within(entries, low, high, reverse), others)
        return self._walk_nodes(low, high, reverse)

    def _walk_nodes(
        self, low: StreamId, high: StreamId, reverse: bool, beyond: bytes | None = None
    ) -> Iterator[Entry]:
        """The walk by way of the tree; with `beyond`, what comes of it after the node of this key."""
        is_rest = beyond is not None
        if reverse:
            nodes = self.tree.items_down(high.key if beyond is None else beyond, exclusive=is_rest)
        else:
            before = self.tree.seek("<=", low.key) if beyond is None else (beyond,)
            nodes = self.tree.items(before[0] if before else None, exclusive=is_rest)
        lowest_key, highest_key = low.key, high.key
        for key, node in nodes:
            if key > highest_key:
                return
            yield from _within(self._living_entries(key, node), low, high, reverse)
            if reverse and key <= lowest_key:
                return

    def find(self, entry_id: StreamId) -> Entry | None:
        """The entry with this id. O(log N)."""
        return next(self.find_all((entry_id.key,)))

    def find_all(self, keys: Iterable[bytes]) -> Iterator[Entry | None]:
        """For each of some ids, as keys and in order, its entry, or None. O(nodes) on the way."""
        entries: list[Entry] = []
        at = 0
        for key in keys:
            wanted = numbers_of(key)
            entry = entries[at] if at < len(entries) else None  # the one after the last
            if entry is None or entry.id != wanted:
                if not entries or entries[-1].id < wanted:
                    entries, at = self._entries_around(key, wanted), 0
                at = bisect_left(entries, wanted, at, key=_ID_OF)
                entry = entries[at] if at < len(entries) and entries[at].id == wanted else None
            if entry is not None:
                at += 1
            yield entry

    def has_after(self, entry_id: StreamId) -> bool:
        """Does an entry live after this id? O(1)."""
        return self.last_id > entry_id and self.greatest_id() > entry_id

    def greatest_id(self) -> StreamId:
        """The id of the last entry that lives; 0-0 if there is none. Source: streamLastValidID."""
        last = next(self.walk(reverse=True), None)
        return MIN_ID if last is None else last.id

    def delete(self, entry_id: StreamId) -> bool:
        """Take an entry out; False if there is none. O(log N). Source: streamDeleteItem, xdelCommand."""
        place = self.tree.seek("<=", entry_id.key) or self.tree.seek("^")
        if place is None:
            return False
        key, node = place
        entries = self._living_entries(key, node)
        at = bisect_left(entries, entry_id, key=_ID_OF)
        if at == len(entries) or entries[at].id != entry_id:
            return False
        if len(entries) == 1:
            self._remove(key)
            self._forget(node)
        else:
            stream_node.delete(node, (entries.pop(at),))
        last = self.tree.seek("$")
        if last is not None and node is not last[1]:
            node.close()
        self.length -= 1
        self.max_deleted_id = max(self.max_deleted_id, entry_id)
        if entry_id == self.first_id or not self.length:
            self._note_first_id()
        return True

    def trim(self, trim: Trim) -> int:
        """Take entries off the old end; how many. O(removed). Source: streamTrim."""
        before = self.length
        while trim.max_length is None or self.length > trim.max_length:
            if (place := self.tree.seek("^")) is None:
                break
            key, node = place
            live = stream_node.live_count(node)
            if trim.limit and before - self.length + live > trim.limit:
                break
            if self._goes_whole(trim, key, node, live):
                self._remove(key)
                self._forget(node)
                self.length -= live
                continue
            if not trim.approximate:
                self._trim_within(trim, key, node)
            break
        if self.length != before:
            self._note_first_id()
        return before - self.length

    # Counting without counting

    def has_tombstones_from(self, start: StreamId) -> bool:
        """May an entry at or after `start` have been deleted?  Source: streamRangeHasTombstones."""
        if not self.length or self.max_deleted_id == MIN_ID or self.first_id > self.max_deleted_id:
            return False
        return start <= self.max_deleted_id

    def entries_before_and_at(self, entry_id: StreamId) -> int:
        """How many entries were ever added up to this id, UNKNOWN where that can't be told.

        Source: streamEstimateDistanceFromFirstEverEntry.
        """
        if not self.entries_added:
            return 0
        if entry_id == self.last_id or (not self.length and entry_id < self.last_id):
            return self.entries_added
        if entry_id > self.last_id:
            return UNKNOWN
        if self.max_deleted_id == MIN_ID or self.max_deleted_id < self.first_id:
            if entry_id < self.first_id:
                return self.entries_added - self.length
            if entry_id == self.first_id:
                return self.entries_added - self.length + 1
        return UNKNOWN

    def advance(self, group: ConsumerGroup, entry_id: StreamId) -> None:
        """Move a group's position on to an entry that is being delivered, and its count with it."""
        if group.entries_read != UNKNOWN and not self.has_tombstones_from(entry_id):
            group.entries_read = as_int64(group.entries_read + 1)
        elif self.entries_added:
            group.entries_read = self.entries_before_and_at(entry_id)
        group.last_id = entry_id

    def lag(self, group: ConsumerGroup) -> int | None:
        """Entries that the group has still to read; None where that can't be told. O(1)."""
        if not self.entries_added:
            return 0
        read = group.entries_read
        if read == UNKNOWN or self.has_tombstones_from(group.last_id):
            read = self.entries_before_and_at(group.last_id)
        return None if read == UNKNOWN else as_int64(self.entries_added - read)

    # What every value has

    def memory_usage(self) -> int:
        sizes = []
        for _, node in zip(range(_SAMPLED_NODES), self.tree.values(), strict=False):
            sizes.append(allocation_size(node.size))
        tail = self.tree.seek("$")
        last = self._tail_bytes(tail[1].size) if tail else 0
        if len(self.tree) <= _SAMPLED_NODES:
            nodes = sum(sizes[:-1]) + last
        else:
            nodes = sum(sizes) // len(sizes) * (len(self.tree) - 1) + last
        groups = sum(group.memory_usage() for group in self.groups.values())
        return OBJECT_HEADER_BYTES + STREAM_BYTES + tree_bytes(self.tree) + nodes + groups

    def free_effort(self) -> int:
        first_group = next(iter(self.groups.values()), None)
        pending = 0 if first_group is None else len(self.groups) * (1 + len(first_group.pending))
        return self.tree.node_count + pending

    def copy(self) -> Stream:
        duplicate = Stream(self.encodings)
        for key, node in self.tree.items():
            duplicate.tree[key] = node.copy()
        for number in ("length", "last_id", "first_id", "max_deleted_id", "entries_added"):
            setattr(duplicate, number, getattr(self, number))
        for name, group in self.groups.items():
            duplicate.groups[name] = group.copy()
        return duplicate

    def check(self) -> None:
        self.tree.check()
        self.groups.check()
        for key, node in self.tree.items():
            stream_node.check(node, StreamId.from_key(key))
        ids = [entry.id for entry in self.walk()]
        assert len(ids) == self.length, f"{len(ids)} entries, {self.length} counted"
        assert ids == sorted(set(ids)), "ids out of order"
        assert ids == [entry.id for entry in self.walk(reverse=True)][::-1], "the ways differ"
        assert self.first_id == (ids[0] if ids else MIN_ID), "the first id"
        assert not ids or ids[-1] <= self.last_id, "an entry after the last id"
        for group in self.groups.values():
            group.check()
        if self.newest is not None:
            master, node = self.newest
            assert self.tree.seek("$") == (master.key, node), "it is not the newest node any more"
        assert self.visited is not None or self.visited_before is None, "a visit before none"
        for visit in (self.visited, self.visited_before):
            if visit is not None:
                key = next(key for key, node in self.tree.items() if node is visit.node)
                found = list(stream_node.entries(visit.node, StreamId.from_key(key)))
                assert found == visit.entries, "what was read of a node is not what it holds"

    # Helpers

    def _entries_around(self, key: bytes, numbers: tuple[int, int]) -> list[Entry]:
        """The entries of the node that has this id, if any has it."""
        for visit in (self.visited, self.visited_before):
            if visit is not None and visit.entries:
                if visit.entries[0].id <= numbers <= visit.entries[-1].id:
                    return visit.entries
        place = self.tree.seek("<=", key)
        return [] if place is None else self._living_entries(*place)

    def _living_entries(self, key: bytes, node: OpenListpack) -> list[Entry]:
        """The entries of a node that are not deleted; at hand if it is one of the last two read.  O(node)."""
        last, before = self.visited, self.visited_before
        if last is not None and last.node is node:
            return last.entries
        if before is not None and before.node is node:
            self.visited, self.visited_before = before, last
            return before.entries
        if before is not None and not (before.entries and before.entries[-1].id == self.last_id):
            before.node.close()  # but for the newest, which XADD will open again
        self.visited_before = last
        self.visited = Visit(key, node, list(stream_node.entries(node, StreamId.from_key(key))))
        return self.visited.entries

    def _newest_node(self) -> tuple[StreamId, OpenListpack] | None:
        """The node that XADD appends to, and its first id."""
        if self.newest is None:
            last = self.tree.seek("$")
            if last is not None:
                self.newest = StreamId.from_key(last[0]), last[1]
        return self.newest

    def _remove(self, key: bytes) -> None:
        """Take a node out."""
        self.tree.remove(key)
        self.newest = None

    def _forget(self, node: OpenListpack) -> None:
        """Some of the node's entries are deleted: what was read of it is not true any more."""
        if self.visited_before is not None and self.visited_before.node is node:
            self.visited_before = None
        elif self.visited is not None and self.visited.node is node:
            self.visited, self.visited_before = self.visited_before, None

    def _is_full(self, node: OpenListpack, size: int) -> bool:
        max_bytes = self.encodings.stream_node_max_bytes
        max_entries = self.encodings.stream_node_max_entries
        if node.size + size >= (min(max_bytes, SIZE_LIMIT) or SIZE_LIMIT):
            return True
        return bool(max_entries) and stream_node.total_count(node) >= max_entries

    def _goes_whole(self, trim: Trim, key: bytes, node: OpenListpack, live: int) -> bool:
        """Would a trim take all entries of this node?"""
        if trim.max_length is not None:
            return self.length - live >= trim.max_length
        last = next(stream_node.entries(node, StreamId.from_key(key), reverse=True, deleted=True))
        return last.id < trim.min_id

    def _trim_within(self, trim: Trim, key: bytes, node: OpenListpack) -> None:
        """Delete the first entries of a node of which some stay."""
        entries = self._living_entries(key, node)
        if trim.max_length is not None:
            count = self.length - trim.max_length
        else:
            count = bisect_left(entries, trim.min_id, key=_ID_OF)
        stream_node.delete(node, entries[:count])
        del entries[:count]
        self.length -= count

    def _note_first_id(self) -> None:
        first = next(self.walk(), None)
        self.first_id = MIN_ID if first is None else first.id

    def _tail_bytes(self, size: int) -> int:
        """The newest node is allocated in one go, and cut to its size when the next one begins."""
        planned = min(self.encodings.stream_node_max_bytes or FIRST_ALLOCATION_BYTES, FIRST_ALLOCATION_BYTES)
        return allocation_size(max(size, planned))


def _within(entries: list[Entry], low: StreamId, high: StreamId, reverse: bool) -> Iterator[Entry]:
    """Those with ids from low to high, of entries in order; a copy, since XADD may come in the middle."""
    first, end = 0, len(entries)
    if entries:
        if low > entries[0].id:
            first = bisect_left(entries, low, key=_ID_OF)
        if high < entries[-1].id:
            end = bisect_right(entries, high, key=_ID_OF)
    found = entries[first:end]
    return reversed(found) if reverse else iter(found)

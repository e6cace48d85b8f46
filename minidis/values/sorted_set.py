"""A sorted set: members with scores, kept in order of (score, member).

Two forms, as in Redis:

    "listpack"    member, score, member, score ... in one run of bytes, in order. Everything is a walk
                  over at most 128 pairs, which costs little and holds no pointer at all.

        ["alice", "10", "bob", "20", "carol", "20"]      equal scores: ordered by the member's bytes

    "skiplist"    a skip list in order of (score, member), and beside it a hash table member -> score.

        ZSCORE z bob       the table knows:        b"bob" -> 20.0                      O(1)
        ZRANK z bob        score from the table, then a search in the skip list        O(log n)
        ZRANGE z 5 9       by rank to the first, then along level 0                    O(log n + m)

A sorted set begins as a listpack and turns into a skip list, never back, at zset-max-listpack-entries
members or at the first member longer than zset-max-listpack-value bytes. A score in a listpack is
text, or an integer where it is one: so -0 becomes 0 there, as in Redis.

Mirrors: t_zset.c (zsetAdd, zsetDel, zsetConvert, zsetTypeCreate, zzlInsert, zzlFirstInRange ...).
Differs: the table is a Python dict with a bucket index for ZSCAN (dicttable.py).
Complexity: as above for the skip list; O(n) with n <= 128 for the listpack.

>>> from random import Random
>>> from minidis.values.encodings import Encodings
>>> board = SortedSet(Encodings(), Random(0))
>>> scores = [(b"carol", 20), (b"alice", 10), (b"bob", 5), (b"bob", 20)]
>>> [board.add(member, score) for member, score in scores]
[True, True, True, False]
>>> board.encoding, board.slice(0, 2), board.rank(b"carol")
('listpack', [(b'alice', 10.0), (b'bob', 20.0)], 2)

Read next: minidis/structures/skiplist.py, then minidis/commands/sorted_sets.py.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from itertools import starmap
from random import Random
from typing import Any

from minidis.protocol.numbers import format_double
from minidis.structures import growing
from minidis.structures.dicttable import DictTable
from minidis.structures.listpack import SIZE_LIMIT
from minidis.structures.open_listpack import OpenListpack
from minidis.structures.skiplist import LexRange, ScoreRange, SkipList
from minidis.values.base import (
    OBJECT_HEADER_BYTES,
    Value,
    allocation_size,
    dict_allocation,
    string_allocation,
    strings_allocation,
)
from minidis.values.encodings import Encodings

Pair = tuple[bytes, float]
"""A member and its score."""

Range = ScoreRange | LexRange

SEARCH_COST = 16
"""To look for a rank takes as long as to walk past so many nodes."""


class SortedSet(Value):
    """A sorted set value. `encodings` has the thresholds, `random` throws the skip list's coins."""

    __slots__ = ("encodings", "form", "random")

    kind = "zset"

    def __init__(
        self, encodings: Encodings, random: Random, expected_count: int = 0, longest_member: int = 0
    ) -> None:
        self.accessed_us = 0
        self.encodings = encodings
        self.random = random
        self.form: ListpackForm | SkipListForm
        if _fits_listpack(encodings, expected_count, longest_member):
            self.form = ListpackForm(encodings.listpack())
        else:
            self.form = SkipListForm(encodings.skiplist(random))

    @classmethod
    def from_scores(cls, scores: Mapping[bytes, float], encodings: Encodings, random: Random) -> SortedSet:
        """A sorted set with all these members at once. O(n log n)."""
        sorted_set = cls(encodings, random, len(scores), max(map(len, scores), default=0))
        if type(sorted_set.form) is ListpackForm and sum(map(len, scores)) > SIZE_LIMIT:
            sorted_set.convert()
        sorted_set.form.fill(sorted([(score, member) for member, score in scores.items()]))
        return sorted_set

    @property
    def encoding(self) -> str:
        return self.form.encoding

    @property
    def table(self) -> DictTable | None:
        """The table member -> score, to be scanned bucket by bucket; None in a listpack."""
        form = self.form
        return form.scores if type(form) is SkipListForm else None

    @property
    def scores(self) -> dict[bytes, float] | DictTable:
        """Member -> score, as long as the sorted set does not change. O(1); O(n) in a listpack."""
        form = self.form
        return form.scores if isinstance(form, SkipListForm) else dict(form.pairs())

    def __len__(self) -> int:
        return len(self.form)

    def __iter__(self) -> Iterator[Pair]:
        """All (member, score) pairs in order."""
        return iter(self.form.slice(0, len(self.form), False))

    def score(self, member: bytes) -> float | None:
        """The member's score, None if it is no member. O(1); O(n) in a listpack."""
        return self.form.score(member)

    def add(self, member: bytes, score: float) -> bool | None:
        """Give a member its score: True if it is new, False if it had another, None if it had this one.

        O(log n). Source: zsetAdd.
        """
        old = self.form.score(member)
        if old is None:
            self.insert(member, score)
            return True
        if old == score:
            return None
        self.update(member, old, score)
        return False

    def insert(self, member: bytes, score: float) -> None:
        """Add a member that is known to be new; turns a listpack that it doesn't fit into a skip list."""
        form = self.form
        if type(form) is ListpackForm and not (
            _fits_listpack(self.encodings, len(form) + 1, len(member))
            and form.listpack.safe_to_add(len(member))
        ):
            self.convert()
            form = self.form
        form.insert(member, score)

    def update(self, member: bytes, old_score: float, new_score: float) -> None:
        """Move a member that is known to have `old_score`. O(log n)."""
        self.form.update(member, old_score, new_score)

    def remove(self, member: bytes) -> bool:
        """Take a member out; False if it was none. O(log n). Source: zsetDel."""
        return self.form.remove(member)

    def rank(self, member: bytes, reverse: bool = False) -> int | None:
        """0-based position in order, from the other end if `reverse`; None if no member. O(log n)."""
        rank = self.form.rank(member)
        return len(self.form) - 1 - rank if reverse and rank is not None else rank

    def slice(self, start: int, count: int, reverse: bool = False) -> list[Pair]:
        """At most `count` pairs from rank `start` on, ranks counted from either end. O(log n + count)."""
        return self.form.slice(start, count, reverse)

    def between(self, start: int, stop: int, reverse: bool = False) -> list[Pair]:
        """The pairs of ranks start to stop as commands give them: see `clamp`. O(log n + count)."""
        return self.form.between(start, stop, reverse)

    def at(self, ranks: Iterable[int]) -> list[Pair]:
        """The pairs at these ranks, in the order asked for. O(log n) each."""
        return self.form.at(ranks)

    def within(self, bounds: Range, reverse: bool = False) -> list[Pair]:
        """All pairs within bounds, in order. O(log n + found)."""
        return [] if bounds.is_empty() else self.form.within(bounds, reverse)

    def runs(self, ranges: Iterable[tuple[float, float]]) -> Iterator[Iterable[Pair]]:
        """The pairs with scores from low to below high, for each range. O(log n) to the first of each.

        Those of a skip list come one by one, for who may stop.
        """
        return self.form.runs(ranges)

    def walk(self, bounds: Range, reverse: bool = False) -> Iterator[Pair]:
        """The pairs within bounds, one by one, for who may stop. O(log n) to the first."""
        return iter(()) if bounds.is_empty() else self.form.walk(bounds, reverse)

    def count(self, bounds: Range) -> int:
        """How many members lie within bounds. O(log n)."""
        return 0 if bounds.is_empty() else self.form.count(bounds)

    def delete_range(self, bounds: Range) -> int:
        """Take out all members within bounds; how many there were. O(log n + removed)."""
        return 0 if bounds.is_empty() else self.form.delete_range(bounds)

    def delete_ranks(self, start: int, count: int) -> int:
        """Take out `count` members from rank `start` on; how many there were. O(log n + removed)."""
        return self.form.delete_ranks(start, count)

    def expect(self, count: int) -> None:
        """`count` members are about to come: turn into a skip list now if they would not fit."""
        if count > self.encodings.zset_max_listpack_entries and type(self.form) is ListpackForm:
            self.convert()

    def convert(self) -> None:
        """Turn the listpack into a skip list. O(n). Source: zsetConvert."""
        pairs = self.form.slice(0, len(self.form), False)
        self.form = SkipListForm(self.encodings.skiplist(self.random))
        self.form.fill([(score, member) for member, score in pairs])

    def memory_usage(self) -> int:
        return OBJECT_HEADER_BYTES + self.form.memory_usage()

    def free_effort(self) -> int:
        return len(self.form) if isinstance(self.form, SkipListForm) else 1

    def parts(self) -> list[Any]:
        """The scores are the last, and so the first to go: they may be on the move to another table."""
        return [self.form.skiplist, self.form.scores] if isinstance(self.form, SkipListForm) else []

    def copy(self) -> SortedSet:
        duplicate = SortedSet(self.encodings, self.random)
        duplicate.form = self.form.copy()
        return duplicate

    def check(self) -> None:
        self.form.check()


def _fits_listpack(encodings: Encodings, count: int, longest_member: int) -> bool:
    return (
        count <= encodings.zset_max_listpack_entries and longest_member <= encodings.zset_max_listpack_value
    )


class ListpackForm:
    """Members and scores by turns in one listpack, in order. Every method looks from end to end: O(n).

    Where somebody has asked for all pairs, they stay at hand until something changes.
    """

    __slots__ = ("_all_pairs", "listpack")

    encoding = "listpack"

    def __init__(self, listpack: OpenListpack) -> None:
        self.listpack = listpack
        self._all_pairs: list[Pair] | None = None

    def __len__(self) -> int:
        return len(self.listpack) >> 1

    def pairs(self, start: int = 0, stop: int | None = None) -> list[Pair]:
        """The pairs of ranks start to stop, as slicing a list gives; all of them by default."""
        if self._all_pairs is not None:
            return self._all_pairs[start:stop]
        if start < 0 or (stop is not None and stop < 0):  # a listpack is read from its head on
            return self.pairs()[start:stop]
        words = iter(self.listpack.elements(2 * start, None if stop is None else 2 * stop))
        pairs = list(zip(words, map(float, words)))  # noqa: B905  (strict= would take longer than the rest)
        if 2 * len(pairs) == len(self.listpack):
            self._all_pairs = pairs.copy()
        return pairs

    def fill(self, elements: list[tuple[float, bytes]]) -> None:
        """Take in (score, member) elements that come in order; the listpack is empty."""
        self._all_pairs = None
        self.listpack.extend([word for score, member in elements for word in (member, _score_text(score))])

    def score(self, member: bytes) -> float | None:
        text = self.listpack.value_of(member)
        return None if text is None else float(text)

    def insert(self, member: bytes, score: float) -> None:
        self._all_pairs = None
        places = _Places(self.listpack.elements())
        rank = bisect_left(places, (score, member))
        self.listpack.insert(2 * rank, member, _score_text(score))

    def update(self, member: bytes, old_score: float, new_score: float) -> None:
        self._all_pairs = None
        places, place = _Places(self.listpack.elements()), (new_score, member)
        rank = self.listpack.find(member, skip=1) >> 1
        if (rank and places[rank - 1] > place) or (rank + 1 < len(places) and places[rank + 1] < place):
            self.remove(member)
            self.insert(member, new_score)
        else:  # it stays between its neighbours
            self.listpack.replace(2 * rank + 1, _score_text(new_score))

    def remove(self, member: bytes) -> bool:
        index = self.listpack.find(member, skip=1)
        if index < 0:
            return False
        self._all_pairs = None
        self.listpack.delete(index, 2)
        return True

    def rank(self, member: bytes) -> int | None:
        index = self.listpack.find(member, skip=1)
        return None if index < 0 else index >> 1

    def slice(self, start: int, count: int, reverse: bool) -> list[Pair]:
        if not reverse:
            return self.pairs(start, start + count)
        stop = max(len(self) - start, 0)
        return self.pairs(max(stop - count, 0), stop)[::-1]

    def between(self, start: int, stop: int, reverse: bool) -> list[Pair]:
        if reverse:
            start, stop = -1 - stop, -1 - start  # the same ranks, counted from the other end
        pairs = self.pairs(start, stop + 1 or None)
        return pairs[::-1] if reverse else pairs

    def at(self, ranks: Iterable[int]) -> list[Pair]:
        pairs = self._all_pairs or self.pairs()
        return [pairs[rank] for rank in ranks]

    def within(self, bounds: Range, reverse: bool) -> list[Pair]:
        start, stop = self._run(bounds, reverse)
        pairs = self.pairs(start, stop)
        return pairs[::-1] if reverse else pairs

    def runs(self, ranges: Iterable[tuple[float, float]]) -> Iterator[list[Pair]]:
        pairs = self._all_pairs or self.pairs()
        scores = [score for _, score in pairs]
        for low, high in ranges:
            start = bisect_left(scores, low)
            yield pairs[start : bisect_left(scores, high, start)]

    def walk(self, bounds: Range, reverse: bool) -> Iterator[Pair]:
        return iter(self.within(bounds, reverse))

    def count(self, bounds: Range) -> int:
        start, stop = self._run(bounds)
        return stop - start

    def delete_range(self, bounds: Range) -> int:
        start, stop = self._run(bounds)
        return self.delete_ranks(start, stop - start)

    def delete_ranks(self, start: int, count: int) -> int:
        if not count:
            return 0
        self._all_pairs = None
        return self.listpack.delete(2 * start, 2 * count) >> 1

    def memory_usage(self) -> int:
        return allocation_size(self.listpack.size)

    def copy(self) -> ListpackForm:
        return ListpackForm(self.listpack.copy())

    def check(self) -> None:
        self.listpack.check()
        assert len(self.listpack) % 2 == 0, "a member without a score"
        pairs = self.pairs()
        assert pairs == ListpackForm(self.listpack).pairs(), "what was decoded is not what the listpack holds"
        keys = [(score, member) for member, score in pairs]
        assert keys == sorted(keys), "order"
        assert len({member for member, _ in pairs}) == len(pairs), "a member twice"

    def _run(self, bounds: Range, reverse: bool = False) -> tuple[int, int]:
        """Ranks start to stop (not included) of the first run within bounds, met from either end.

        There is only one run, unless members with different scores are asked for by name (ZRANGEBYLEX).
        """
        pairs = self._all_pairs or self.pairs()
        if isinstance(bounds, ScoreRange) or not pairs or pairs[0][1] == pairs[-1][1]:
            return bounds.places(pairs)
        if bounds.misses(pairs[0][0], pairs[-1][0]):
            return 0, 0
        return self._run_by_name(bounds, pairs, reverse)

    @staticmethod
    def _run_by_name(bounds: Range, pairs: list[Pair], reverse: bool) -> tuple[int, int]:
        """The first run of names within bounds, where the names are in no order.

        Redis's answer depends on where it starts and stops, and so does ours.
        """
        outward, inward = (
            (bounds.is_below, bounds.is_above) if reverse else (bounds.is_above, bounds.is_below)
        )
        ranks = range(len(pairs) - 1, -1, -1) if reverse else range(len(pairs))
        run = 0
        last = 0
        for rank in ranks:
            member, score = pairs[rank]
            if run == 0 and inward(score, member):
                continue
            if outward(score, member):
                break
            run += 1
            last = rank
        return (last, last + run) if reverse else (last + 1 - run, last + 1)


class SkipListForm:
    """The order in a skip list, the scores in a table: each answers what the other can't quickly."""

    __slots__ = ("_fullness", "_removed", "member_bytes", "scores", "skiplist")

    encoding = "skiplist"

    def __init__(self, skiplist: SkipList) -> None:
        self.skiplist = skiplist
        self.scores = DictTable()
        self.member_bytes = 0  # of all members, as allocated
        self._fullness, self._removed = growing.Fullness(), 0

    def __len__(self) -> int:
        return len(self.scores)

    def fill(self, elements: list[tuple[float, bytes]]) -> None:
        """Take in (score, member) elements that come in order; the form is empty."""
        self.skiplist = type(self.skiplist).from_sorted(elements, self.skiplist.random, self.skiplist.p)
        self.scores.update([(member, score) for score, member in elements])
        self.member_bytes += strings_allocation(self.scores)

    def score(self, member: bytes) -> float | None:
        return self.scores.get(member)

    def insert(self, member: bytes, score: float) -> None:
        self.scores[member] = score
        if not (len(self.scores) + self._removed) % growing.LOOK_EVERY:  # of those that have ever come
            self._fullness.look(self.scores, self.exchange, self._removed)
        self.skiplist.insert(score, member)
        self.member_bytes += string_allocation(len(member))

    def exchange(self, table: DictTable, target: DictTable) -> bool:
        """Let `target` take the place of the table, whose members have moved to it."""
        is_ours = table is self.scores
        if is_ours:
            self.scores = target
        return is_ours

    def update(self, member: bytes, old_score: float, new_score: float) -> None:
        self.scores[member] = new_score
        self.skiplist.update_score(old_score, member, new_score)

    def remove(self, member: bytes) -> bool:
        score = self.scores.get(member)
        if score is None:
            return False
        self.skiplist.delete(score, member)
        self._forget([member])
        return True

    def rank(self, member: bytes) -> int | None:
        score = self.scores.get(member)
        return None if score is None else self.skiplist.rank(score, member)

    def slice(self, start: int, count: int, reverse: bool) -> list[Pair]:
        pairs: list[Pair] = []
        node = self.skiplist.by_rank(len(self) - 1 - start if reverse else start)
        for _ in range(count):
            if node is None:
                break
            pairs.append((node.member, node.score))
            node = node.backward if reverse else node.forward[0]
        return pairs

    def between(self, start: int, stop: int, reverse: bool) -> list[Pair]:
        return self.slice(*clamp(start, stop, len(self.scores)), reverse)

    def at(self, ranks: Iterable[int]) -> list[Pair]:
        ranks = list(ranks)
        if len(ranks) * SEARCH_COST > len(self):
            pairs = self.slice(0, len(self), False)
            return [pairs[rank] for rank in ranks]
        nodes = [self.skiplist.by_rank(rank) for rank in ranks]
        return [(node.member, node.score) for node in nodes if node is not None]

    def within(self, bounds: Range, reverse: bool) -> list[Pair]:
        skiplist = self.skiplist
        lowest, highest = skiplist.header.forward[0], skiplist.tail
        if type(bounds) is LexRange and lowest is not None and highest is not None:
            if lowest.score != highest.score:  # names in no order: the last within may come before the first
                return list(self.walk(bounds, reverse))
        node, last = skiplist.first_in_range(bounds), skiplist.last_in_range(bounds)
        pairs: list[Pair] = []
        while node is not None:
            pairs.append((node.member, node.score))
            node = node.forward[0] if node is not last else None
        return pairs[::-1] if reverse else pairs

    def runs(self, ranges: Iterable[tuple[float, float]]) -> Iterator[Iterable[Pair]]:
        return starmap(self._run, ranges)

    def _run(self, low: float, high: float) -> Iterator[Pair]:
        node = self.skiplist.first_in_range(ScoreRange(low, high, max_exclusive=True))
        while node is not None and node.score < high:
            yield node.member, node.score
            node = node.forward[0]

    def walk(self, bounds: Range, reverse: bool) -> Iterator[Pair]:
        skiplist = self.skiplist
        if reverse:
            nodes, is_outside = skiplist.backward_from(skiplist.last_in_range(bounds)), bounds.is_below
        else:
            nodes, is_outside = skiplist.forward_from(skiplist.first_in_range(bounds)), bounds.is_above
        for node in nodes:
            if is_outside(node.score, node.member):
                return
            yield node.member, node.score

    def count(self, bounds: Range) -> int:
        first = self.skiplist.first_in_range(bounds)
        last = self.skiplist.last_in_range(bounds)
        if first is None or last is None:
            return 0
        first_rank = self.skiplist.rank(first.score, first.member)
        last_rank = self.skiplist.rank(last.score, last.member)
        assert first_rank is not None and last_rank is not None, "a node that its own list does not find"
        return last_rank - first_rank + 1

    def delete_range(self, bounds: Range) -> int:
        return self._forget(self.skiplist.delete_range(bounds))

    def delete_ranks(self, start: int, count: int) -> int:
        return self._forget(self.skiplist.delete_range_by_rank(start, start + count - 1))

    def memory_usage(self) -> int:
        """Nodes count with their expected height, so that the figure costs no walk."""
        count = len(self)
        node_bytes = _NODE_BYTES + _LEVEL_BYTES / (1 - min(self.skiplist.p, 0.9))
        skiplist_bytes = _SKIPLIST_BYTES + _HEADER_NODE_BYTES + int(count * node_bytes)
        return _ZSET_BYTES + dict_allocation(count) + skiplist_bytes + self.member_bytes

    def copy(self) -> SkipListForm:
        duplicate = SkipListForm(self.skiplist.copy())
        duplicate.scores = self.scores.copy()
        duplicate.member_bytes = self.member_bytes
        return duplicate

    def check(self) -> None:
        self.skiplist.check()
        self.scores.check()
        assert {node.member: node.score for node in self.skiplist} == dict(self.scores), "list and table"
        assert len(self.skiplist) == len(self.scores), "a member twice"
        assert self.member_bytes == strings_allocation(self.scores)

    def _forget(self, members: list[bytes]) -> int:
        """Members that have left the skip list leave the table."""
        for member in members:
            del self.scores[member]
            self.member_bytes -= string_allocation(len(member))
        self._removed += len(members)
        return len(members)


def clamp(start: int, stop: int, length: int) -> tuple[int, int]:
    """Redis's index pair (negative from the end, both included) as a start and a count.

    >>> clamp(0, -1, 5), clamp(-2, 9, 5), clamp(3, 1, 5)
    ((0, 5), (3, 2), (0, 0))
    """
    if start < 0:
        start += length
    if start < 0:  # not max and min: they take as long as all the rest
        start = 0
    if stop < 0:
        stop += length
    if stop >= length:
        stop = length - 1
    return (start, stop - start + 1) if start <= stop else (0, 0)


# What a 64-bit Redis allocates: zset, zskiplist, its header node (32 levels), a node.
_ZSET_BYTES = 16
_SKIPLIST_BYTES = 32
_HEADER_NODE_BYTES = allocation_size(24 + 16 * 32)
_NODE_BYTES = 32  # 24, and the 8 that jemalloc adds to any small number of levels
_LEVEL_BYTES = 16


class _Places(Sequence[tuple[float, bytes]]):
    """What the members of a listpack are ordered by; only those asked for are decoded."""

    def __init__(self, elements: list[bytes]) -> None:
        self.elements = elements

    def __len__(self) -> int:
        return len(self.elements) // 2

    def __getitem__(self, rank: Any) -> Any:
        return float(self.elements[2 * rank + 1]), self.elements[2 * rank]


@lru_cache(maxsize=1024)
def _score_text(score: float) -> bytes:
    """A score as a listpack holds it; -0 counts as the integer 0 (double2ll)."""
    return format_double(score) if score else b"0"

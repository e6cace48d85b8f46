"""Skip list: a sorted linked list with express lanes, and a counter on every lane.

A linked list keeps its elements in order, but finding one means walking past all the others. So
give some nodes extra forward pointers that jump further. Each new node throws a biased coin: it
always joins level 0, joins level 1 with probability p = 1/4, level 2 with probability 1/16, ...
A search starts on the highest lane, runs forward while the next node is not beyond the goal, then
drops one lane and goes on. No rebalancing, ever: the coin keeps the lanes thin enough, and a search
among n elements takes about log4(n) lanes with a few steps on each: O(log n) expected.

    level 2   H ----------------3---------------> C ---1--> end
    level 1   H -----1--> A --------2-----------> C ---1--> end
    level 0   H -----1--> A --1--> B -----1-----> C -1-> D -> end
                         1.0 a    1.0 b          2.0 c  7.5 d
              backward:   A  <----- B <---------- C <---- D <- tail

The number on a pointer is its **span**: how many level-0 steps it jumps. Adding up the spans along
a search gives the position of what was found, so "which rank has d?" (ZRANK) and "who has rank 2?"
(ZRANGE 2 2) are O(log n) too. A balanced tree could do that as well; the skip list is shorter to
write, and a range is then just a walk along level 0, forward or (by the one backward pointer) back.

Elements are ordered by (score, member bytes): equal scores are ordered by memcmp of their members.
The last pointer of each lane goes nowhere; its span counts the nodes behind it, so that on every
lane the spans add up to the length.

Mirrors: t_zset.c (zslInsert, zslDelete, zslUpdateScore, zslGetRank, zslGetElementByRank, zslIsInRange,
    zslFirstInRange, zslDeleteRangeByScore, zslParseRange, zslParseLexRange).
Differs: p is an attribute, and the random source is handed in, so a lane layout can be repeated;
    reroll() and from_sorted() lay out all the lanes in one pass; search_path() tells its steps.
Complexity (expected): insert, delete, update_score, rank, by_rank, first_in_range, last_in_range
    O(log n); delete_range O(log n + removed); copy, reroll, levels, check O(n).

>>> import random
>>> players = SkipList(random.Random(7))
>>> for score, member in [(30.0, b"carol"), (10.0, b"alice"), (20.0, b"bob")]:
...     node = players.insert(score, member)
>>> [node.member for node in players]
[b'alice', b'bob', b'carol']
>>> players.rank(20.0, b"bob"), players.by_rank(2).member
(1, b'carol')
>>> players.first_in_range(ScoreRange.parse(b"(10", b"+inf")).member
b'bob'

Read next: minidis/structures/listpack.py (the form of a small sorted set), then
minidis/values/sorted_set.py (a skip list and a dict, side by side).
"""

from __future__ import annotations

import math
import re
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Iterator
from operator import itemgetter
from random import Random
from typing import Any

from minidis.structures.record import NamedTuple, record

MAX_LEVEL = 32  # enough lanes for 4**32 elements
DEFAULT_P = 0.25  # of the nodes of one lane, the share that also joins the lane above


class SkipListNode:
    """One element, its `forward` pointers and their `span`s (index = level), and the node before it."""

    __slots__ = ("backward", "forward", "member", "score", "span")

    def __init__(self, score: float, member: bytes, height: int) -> None:
        self.score = score
        self.member = member
        self.backward: SkipListNode | None = None
        self.forward: list[SkipListNode | None] = [None] * height
        self.span: list[int] = [0] * height

    def __repr__(self) -> str:
        return f"SkipListNode({self.score!r}, {self.member!r}, height={len(self.forward)})"


class SearchStep(NamedTuple):
    """One comparison of a search: standing on `node`, on lane `level`, it looks at the node `ahead`.

    `position` is the sum of the spans so far (0 on the header, 1 on the first element), `span` the
    length of the pointer looked along. `moved` is True if the search went on to `ahead`, False if
    `ahead` was beyond the goal (or None: the end) and the search dropped to the lane below.
    """

    level: int
    node: SkipListNode
    position: int
    ahead: SkipListNode | None
    span: int
    moved: bool


class SkipList:
    """Elements (score, member) in order, with O(log n) search by value and by rank.

    `random` supplies the coins, `p` is the chance of each further level and may be changed at any
    time: 0 makes a plain linked list. A node's place depends on its score and member only, so the
    same elements are in the same order whatever the coins said.
    """

    __slots__ = ("header", "length", "level", "p", "random", "tail")

    def __init__(self, random: Random, p: float = DEFAULT_P) -> None:
        self.random = random
        self.p = p
        # The header's score equals nothing, not even itself: no search can take it for an element.
        self.header = SkipListNode(math.nan, b"", MAX_LEVEL)
        self.tail: SkipListNode | None = None
        self.length = 0
        self.level = 1  # lanes in use

    @classmethod
    def from_sorted(
        cls, elements: Iterable[tuple[float, bytes]], random: Random, p: float = DEFAULT_P
    ) -> SkipList:
        """A skip list of (score, member) pairs that come in order already. O(n)."""
        skip_list = cls(random, p)
        random_height = skip_list.random_height
        skip_list._link([SkipListNode(score, member, random_height()) for score, member in elements])
        return skip_list

    # -- changing ------------------------------------------------------------------------------

    def insert(self, score: float, member: bytes) -> SkipListNode:
        """Add an element and return its node. O(log n). Source: zslInsert.

        The caller knows that the element is absent, and that the score is not NaN.
        """
        # On each lane: the last node before the new one, and its position.
        predecessors = [self.header] * self.level
        positions = [0] * self.level
        node = self.header
        position = 0
        for level in range(self.level - 1, -1, -1):
            ahead = node.forward[level]
            while ahead is not None and (
                ahead.score < score or (ahead.score == score and ahead.member < member)
            ):
                position += node.span[level]
                node = ahead
                ahead = node.forward[level]
            predecessors[level] = node
            positions[level] = position

        height = self.random_height()
        if height > self.level:
            self._open_lanes(height, predecessors, positions)
        new = SkipListNode(score, member, height)
        for level in range(height):
            predecessor = predecessors[level]
            before = position - positions[level]  # level-0 steps from predecessor to the new node's left
            new.forward[level] = predecessor.forward[level]
            new.span[level] = predecessor.span[level] - before
            predecessor.forward[level] = new
            predecessor.span[level] = before + 1
        for level in range(height, self.level):
            predecessors[level].span[level] += 1  # this pointer now flies over one node more

        new.backward = None if node is self.header else node
        successor = new.forward[0]
        if successor is None:
            self.tail = new
        else:
            successor.backward = new
        self.length += 1
        return new

    def delete(self, score: float, member: bytes) -> bool:
        """Remove an element; False if it isn't there. O(log n). Source: zslDelete."""
        predecessors = self._predecessors(score, member)
        node = predecessors[0].forward[0]
        if node is None or node.score != score or node.member != member:
            return False
        self._unlink(node, predecessors)
        return True

    def update_score(self, old_score: float, member: bytes, new_score: float) -> SkipListNode:
        """Give a present element another score. O(log n). Source: zslUpdateScore.

        If it stays between its neighbours, only the number changes. KeyError if it isn't there.
        """
        predecessors = self._predecessors(old_score, member)
        node = predecessors[0].forward[0]
        if node is None or node.score != old_score or node.member != member:
            raise KeyError((old_score, member))
        before, after = node.backward, node.forward[0]
        if (before is None or (before.score, before.member) < (new_score, member)) and (
            after is None or (after.score, after.member) > (new_score, member)
        ):
            node.score = new_score
            return node
        self._unlink(node, predecessors)
        return self.insert(new_score, member)

    def delete_range(self, bounds: ScoreRange | LexRange) -> list[bytes]:
        """Remove the elements within bounds; return their members in order. O(log n + removed)."""
        first = None if bounds.is_empty() else self._last_node(bounds.is_below).forward[0]
        return self._delete_run(first, lambda node: not bounds.is_above(node.score, node.member))

    def delete_range_by_rank(self, start: int, stop: int) -> list[bytes]:
        """Remove the elements of 0-based ranks start to stop, both included; return their members."""
        remaining = iter(range(stop - start + 1))
        return self._delete_run(self.by_rank(start), lambda node: next(remaining, None) is not None)

    def release(self, count: int) -> bool:
        """Free `count` nodes, from the head; False when none is left. For a list that nobody will use again.

        Neighbours point at each other, so no node would go by itself: its pointers are taken away.
        """
        node = self.header.forward[0]
        while node is not None and count:
            following = node.forward[0]
            node.forward.clear()
            node.backward = None
            node = following
            count -= 1
        self.header.forward[0] = node
        return node is not None

    def __del__(self) -> None:
        """Nobody has the list any more: its nodes go now, and not when the garbage collector comes by."""
        self.release(self.length)

    def reroll(self) -> None:
        """Throw every node's coins again with the present p, and lay the lanes out anew. O(n)."""
        nodes = list(self)
        for node in nodes:
            height = self.random_height()
            node.forward = [None] * height
            node.span = [0] * height
        self._link(nodes)

    # -- searching -----------------------------------------------------------------------------

    def rank(self, score: float, member: bytes) -> int | None:
        """0-based position of an element, None if it isn't there. O(log n). Source: zslGetRank."""
        node = self.header
        position = 0
        for level in range(self.level - 1, -1, -1):
            ahead = node.forward[level]
            while ahead is not None and (
                ahead.score < score or (ahead.score == score and ahead.member <= member)
            ):
                position += node.span[level]
                node = ahead
                ahead = node.forward[level]
            if node.score == score and node.member == member:
                return position - 1
        return None

    def by_rank(self, rank: int) -> SkipListNode | None:
        """The node of a 0-based rank, None outside the list. O(log n). Source: zslGetElementByRank."""
        if not 0 <= rank < self.length:
            return None
        node = self.header
        remaining = rank + 1
        for level in range(self.level - 1, -1, -1):
            while remaining and node.span[level] <= remaining:
                ahead = node.forward[level]
                if ahead is None:
                    break
                remaining -= node.span[level]
                node = ahead
        return node

    def first_in_range(self, bounds: ScoreRange | LexRange) -> SkipListNode | None:
        """The lowest element within bounds. O(log n). Source: zslFirstInRange, zslFirstInLexRange."""
        if bounds.is_empty() or self._misses(bounds):
            return None
        node = self._last_node(bounds.is_below).forward[0]
        return None if node is None or bounds.is_above(node.score, node.member) else node

    def last_in_range(self, bounds: ScoreRange | LexRange) -> SkipListNode | None:
        """The highest element within bounds. O(log n). Source: zslLastInRange, zslLastInLexRange."""
        if bounds.is_empty() or self._misses(bounds):
            return None
        node = self._last_node(lambda score, member: not bounds.is_above(score, member))
        return None if node is self.header or bounds.is_below(node.score, node.member) else node

    def _misses(self, bounds: ScoreRange | LexRange) -> bool:
        """Do the ends of the list tell that nothing is within?  Source: zslIsInRange, zslIsInLexRange.

        A search finds that out, too, unless names are asked for where not all scores are equal.
        """
        if isinstance(bounds, ScoreRange) or self.tail is None:
            return False
        first = self.header.forward[0]
        assert first is not None
        return bounds.misses(first.member, self.tail.member)

    def search_path(self, score: float, member: bytes) -> list[SearchStep]:
        """The comparisons that `rank` makes for an element, in order; for a new one, those of `insert`.

        >>> import random
        >>> two = SkipList.from_sorted([(1.0, b"a"), (2.0, b"b")], random.Random(0), p=0.0)
        >>> [(step.level, step.position, step.moved) for step in two.search_path(2.0, b"b")]
        [(0, 0, True), (0, 1, True), (0, 2, False)]
        """
        steps = []
        node = self.header
        position = 0
        for level in range(self.level - 1, -1, -1):
            while True:
                ahead = node.forward[level]
                span = node.span[level]
                moved = ahead is not None and (ahead.score, ahead.member) <= (score, member)
                steps.append(SearchStep(level, node, position, ahead, span, moved))
                if ahead is None or not moved:
                    break
                position += span
                node = ahead
            if node.score == score and node.member == member:
                break
        return steps

    def hops(self, score: float, member: bytes) -> int:
        """How many pointers a search for the element follows."""
        return sum(step.moved for step in self.search_path(score, member))

    # -- walking and drawing -------------------------------------------------------------------

    def __len__(self) -> int:
        return self.length

    def __iter__(self) -> Iterator[SkipListNode]:
        return self.forward_from(self.header.forward[0])

    def __reversed__(self) -> Iterator[SkipListNode]:
        return self.backward_from(self.tail)

    @staticmethod
    def forward_from(node: SkipListNode | None) -> Iterator[SkipListNode]:
        """The given node and all after it, in order; nothing for None."""
        while node is not None:
            yield node
            node = node.forward[0]

    @staticmethod
    def backward_from(node: SkipListNode | None) -> Iterator[SkipListNode]:
        """The given node and all before it, highest first; nothing for None."""
        while node is not None:
            yield node
            node = node.backward

    def levels(self) -> list[list[tuple[SkipListNode, int]]]:
        """Per lane, from level 0 up: its (node, span of its pointer) in order, the header first. O(n)."""
        lanes = []
        for level in range(self.level):
            lane = []
            node: SkipListNode | None = self.header
            while node is not None:
                lane.append((node, node.span[level]))
                node = node.forward[level]
            lanes.append(lane)
        return lanes

    def copy(self) -> SkipList:
        """An independent skip list with the same elements and the same lanes. O(n)."""
        other = type(self)(self.random, self.p)
        other._link([SkipListNode(node.score, node.member, len(node.forward)) for node in self])
        return other

    def random_height(self) -> int:
        """Throw the coin until it says stop: 1 plus the number of successes. Source: zslRandomLevel."""
        height = 1
        throw = self.random.random
        while height < MAX_LEVEL and throw() < self.p:
            height += 1
        return height

    def check(self) -> None:
        """Raise AssertionError if order, spans, lanes, backward pointers or length are wrong. O(n)."""
        position_of = {id(self.header): 0}
        before: SkipListNode | None = None
        for position, node in enumerate(self, 1):
            position_of[id(node)] = position
            assert node.score == node.score, f"{node} has no score"
            assert before is None or (before.score, before.member) < (node.score, node.member), "order"
            assert node.backward is before, f"backward pointer of {node}"
            assert 1 <= len(node.forward) == len(node.span) <= self.level, f"height of {node}"
            before = node
        assert self.tail is before, "tail"
        assert self.length == len(position_of) - 1, "length"
        assert 1 <= self.level <= MAX_LEVEL == len(self.header.forward), "level"
        assert self.level == 1 or self.header.forward[self.level - 1] is not None, "top lane is empty"
        assert not any(self.header.forward[self.level :]), "a lane above the top is in use"
        for level, lane in enumerate(self.levels()):
            tall = [node for node in self if len(node.forward) > level]
            assert [node for node, _ in lane[1:]] == tall, f"nodes of level {level}"
            ends = [position_of[id(node)] for node in tall] + [self.length]
            for (node, span), end in zip(lane, ends, strict=True):
                assert span == end - position_of[id(node)], f"span of {node} on level {level}"

    # -- the pieces ----------------------------------------------------------------------------

    def _predecessors(self, score: float, member: bytes) -> list[SkipListNode]:
        """On each lane, the last node that comes before the element."""
        predecessors = [self.header] * self.level
        node = self.header
        for level in range(self.level - 1, -1, -1):
            ahead = node.forward[level]
            while ahead is not None and (
                ahead.score < score or (ahead.score == score and ahead.member < member)
            ):
                node = ahead
                ahead = node.forward[level]
            predecessors[level] = node
        return predecessors

    def _last_node(self, comes_before: Callable[[float, bytes], bool]) -> SkipListNode:
        """The last node for which comes_before(score, member) is true: the header if there is none."""
        node = self.header
        for level in range(self.level - 1, -1, -1):
            ahead = node.forward[level]
            while ahead is not None and comes_before(ahead.score, ahead.member):
                node = ahead
                ahead = node.forward[level]
        return node

    def _open_lanes(self, height: int, predecessors: list[SkipListNode], positions: list[int]) -> None:
        """Take unused lanes of the header into use; each runs straight to the end."""
        for level in range(self.level, height):
            self.header.span[level] = self.length
            predecessors.append(self.header)
            positions.append(0)
        self.level = height

    def _unlink(self, node: SkipListNode, predecessors: list[SkipListNode]) -> None:
        """Take a node out, given the nodes before it on each lane. Source: zslDeleteNode."""
        height = len(node.forward)
        for level in range(self.level):
            predecessor = predecessors[level]
            if level < height:
                predecessor.forward[level] = node.forward[level]
                predecessor.span[level] += node.span[level] - 1
            else:
                predecessor.span[level] -= 1
        successor = node.forward[0]
        if successor is None:
            self.tail = node.backward
        else:
            successor.backward = node.backward
        while self.level > 1 and self.header.forward[self.level - 1] is None:
            self.level -= 1
        self.length -= 1

    def _delete_run(self, first: SkipListNode | None, belongs: Callable[[SkipListNode], bool]) -> list[bytes]:
        """Remove the neighbours from `first` on, as long as they belong; return their members."""
        removed: list[bytes] = []
        if first is None:
            return removed
        # One search serves the whole run: whatever goes, the nodes before it stay the same.
        predecessors = self._predecessors(first.score, first.member)
        node: SkipListNode | None = first
        while node is not None and belongs(node):
            following = node.forward[0]
            self._unlink(node, predecessors)
            removed.append(node.member)
            node = following
        return removed

    def _link(self, nodes: Iterable[SkipListNode]) -> None:
        """Make these nodes, in order and with the heights they have, the whole list: lane by lane. O(n)."""
        lane = list(enumerate(nodes, 1))
        self.header = SkipListNode(math.nan, b"", MAX_LEVEL)
        self.tail = None
        for _, node in lane:
            node.backward, self.tail = self.tail, node
        self.length = len(lane)
        self.level = 0
        while lane or not self.level:
            level = self.level
            node, position = self.header, 0
            for place, ahead in lane:
                node.forward[level], node.span[level] = ahead, place - position
                node, position = ahead, place
            node.forward[level], node.span[level] = None, self.length - position
            self.level += 1
            lane = [step for step in lane if len(step[1].forward) > self.level]


# -- ranges ------------------------------------------------------------------------------------


@record(frozen=True)
class ScoreRange:
    """Scores from min to max; either end may be excluded.

    >>> ScoreRange.parse(b"(1", b"+inf")
    ScoreRange(min=1.0, max=inf, min_exclusive=True, max_exclusive=False)
    """

    min: float
    max: float
    min_exclusive: bool = False
    max_exclusive: bool = False

    @classmethod
    def parse(cls, minimum: bytes, maximum: bytes) -> ScoreRange:
        """Read Redis's words: `1.5`, `(1.5` (excluded), `-inf`, `+inf`. ValueError otherwise.

        Source: zslParseRange.
        """
        low, high = _parse_score_bound(minimum), _parse_score_bound(maximum)
        return cls(low, high, minimum[:1] == b"(", maximum[:1] == b"(")

    def is_below(self, score: float, member: bytes) -> bool:
        """Does an element come before the range?"""
        return score <= self.min if self.min_exclusive else score < self.min

    def is_above(self, score: float, member: bytes) -> bool:
        """Does an element come after the range?"""
        return score >= self.max if self.max_exclusive else score > self.max

    def places(self, pairs: list[tuple[bytes, float]]) -> tuple[int, int]:
        """Of members with scores, in order: where those within begin, and where they have ended. O(log n)."""
        return _places_between(pairs, itemgetter(1), self)

    def is_empty(self) -> bool:
        """Can no score at all lie within?"""
        return self.min > self.max or (self.min == self.max and (self.min_exclusive or self.max_exclusive))


ALL_SCORES = ScoreRange(-math.inf, math.inf)


class LexInfinity:
    """The ends of a lexicographic range that no member reaches: `-` before all, `+` after all."""

    __slots__ = ("sign",)

    def __init__(self, sign: str) -> None:
        self.sign = sign

    def __lt__(self, other: object) -> bool:
        return self is LEX_MINIMUM and other is not self

    def __gt__(self, other: object) -> bool:
        return self is LEX_MAXIMUM and other is not self

    def __le__(self, other: object) -> bool:
        return self is LEX_MINIMUM or other is self

    def __ge__(self, other: object) -> bool:
        return self is LEX_MAXIMUM or other is self

    def __repr__(self) -> str:
        return f"LexInfinity({self.sign!r})"


LEX_MINIMUM = LexInfinity("-")
LEX_MAXIMUM = LexInfinity("+")


@record(frozen=True)
class LexRange:
    """Members from min to max in byte order; meant for elements that all have the same score.

    >>> LexRange.parse(b"[a", b"+")
    LexRange(min=b'a', max=LexInfinity('+'), min_exclusive=False, max_exclusive=True)
    """

    min: bytes | LexInfinity
    max: bytes | LexInfinity
    min_exclusive: bool = False
    max_exclusive: bool = False

    @classmethod
    def parse(cls, minimum: bytes, maximum: bytes) -> LexRange:
        """Read Redis's words: `[a` (included), `(a` (excluded), `-`, `+`. ValueError otherwise.

        Source: zslParseLexRange.
        """
        low, low_exclusive = _parse_lex_bound(minimum)
        high, high_exclusive = _parse_lex_bound(maximum)
        return cls(low, high, low_exclusive, high_exclusive)

    def is_below(self, score: float, member: bytes) -> bool:
        """Does an element come before the range?"""
        return member <= self.min if self.min_exclusive else member < self.min

    def is_above(self, score: float, member: bytes) -> bool:
        """Does an element come after the range?"""
        return member >= self.max if self.max_exclusive else member > self.max

    def places(self, pairs: list[tuple[bytes, float]]) -> tuple[int, int]:
        """Of members with one score: where those within begin, and where they have ended. O(log n)."""
        return _places_between(pairs, itemgetter(0), self)

    def misses(self, first: bytes, last: bytes) -> bool:
        """Do all members from the first to the last lie on one side of the range, were they in order?"""
        return self.is_below(0.0, last) or self.is_above(0.0, first)

    def is_empty(self) -> bool:
        """Can no member at all lie within?"""
        return self.min > self.max or (self.min == self.max and (self.min_exclusive or self.max_exclusive))


def _places_between(
    pairs: list[tuple[bytes, float]], key: Callable[[Any], Any], bounds: ScoreRange | LexRange
) -> tuple[int, int]:
    first = (bisect_right if bounds.min_exclusive else bisect_left)(pairs, bounds.min, key=key)
    last = (bisect_left if bounds.max_exclusive else bisect_right)(pairs, bounds.max, first, key=key)
    return first, last


# What C's strtod accepts as a whole: leading spaces, hexadecimal floats, and nothing at all (0.0).
_STRTOD = (
    rb"(?i)[ \t-\r]*(?:(?P<hex>[+-]?0x(?:[0-9a-f]+\.?[0-9a-f]*|\.[0-9a-f]+)(?:p[+-]?[0-9]+)?)"
    rb"|(?P<decimal>[+-]?(?:(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:e[+-]?[0-9]+)?|inf(?:inity)?)))"
)


def _parse_score_bound(text: bytes) -> float:
    if text.replace(b".", b"", 1).isdigit():  # a plain decimal, as nearly always: quicker than a regex
        return float(text)
    digits = text[1:] if text[:1] == b"(" else text
    digits = digits.partition(b"\0")[0]  # C strings end at the first zero byte
    if not digits:
        return 0.0
    match = re.fullmatch(_STRTOD, digits)
    if match is None:
        raise ValueError("min or max is not a float")
    if match["decimal"] is not None:
        return float(match["decimal"])
    try:
        return float.fromhex(match["hex"].decode())
    except OverflowError:
        return -math.inf if match["hex"].startswith(b"-") else math.inf


def _parse_lex_bound(text: bytes) -> tuple[bytes | LexInfinity, bool]:
    sign = text.partition(b"\0")[0]  # C strings end at the first zero byte
    if sign in (b"-", b"+"):
        return (LEX_MINIMUM if sign == b"-" else LEX_MAXIMUM), True
    if text[:1] not in (b"[", b"("):
        raise ValueError("min or max not valid string range item")
    return text[1:], text[:1] == b"("

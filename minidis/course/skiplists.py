r"""What exercise 4.3 stands on: a skip list whose insert, delete and rank a learner writes.

The learner's three functions are those of t_zset.c, and work on the engine's own bare structure:

    insert(lanes, score, member, height)     link a new SkipListNode of that height
    delete(lanes, score, member) -> bool     unlink it; False if it isn't there
    rank(lanes, score, member) -> int        0-based; None if it isn't there

    lanes.header    the node before all others: 32 forward pointers, 32 spans
    lanes.level     lanes in use        lanes.tail    last node        lanes.length    elements

`skiplist_of(insert, delete, rank)` makes a class of them that a live node takes: every link is made and
undone by the learner's functions. What only reads (ranges, LIMIT, the views) reads the learner's
pointers and spans.

Differs: ranges are removed element by element, O(M log N), so that no link is undone by other hands.

>>> from random import Random
>>> def insert(lanes, score, member, height):  # a linked list is a skip list of one lane
...     node = SkipListNode(score, member, 1)
...     before = lanes.header
...     while before.forward[0] and (before.forward[0].score, before.forward[0].member) < (score, member):
...         before = before.forward[0]
...     node.forward[0], before.forward[0] = before.forward[0], node
...     lanes.length += 1
>>> OneLane = skiplist_of(insert, None, None)
>>> numbers = OneLane.from_sorted([(1.0, b"one"), (2.0, b"two")], Random(0))
>>> [node.member for node in numbers]
[b'one', b'two']

Read next: minidis/structures/skiplist.py, after you have passed.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from random import Random
from typing import Any

from minidis.structures.skiplist import DEFAULT_P, MAX_LEVEL, LexRange, ScoreRange, SkipList, SkipListNode

Insert = Callable[[SkipList, float, bytes, int], Any]
Delete = Callable[[SkipList, float, bytes], bool]
Rank = Callable[[SkipList, float, bytes], "int | None"]


class _Rebuilt(SkipList):
    """A skip list without insert, delete and rank of its own; subclasses bring theirs."""

    __slots__ = ()

    learners_insert: Insert
    learners_delete: Delete
    learners_rank: Rank

    @classmethod
    def from_sorted(
        cls, elements: Iterable[tuple[float, bytes]], random: Random, p: float = DEFAULT_P
    ) -> SkipList:
        rebuilt = cls(random, p)
        for score, member in elements:
            rebuilt.insert(score, member)
        return rebuilt

    def insert(self, score: float, member: bytes) -> Any:
        return self.learners_insert(score, member, self.random_height())

    def delete(self, score: float, member: bytes) -> bool:
        return self.learners_delete(score, member)

    def rank(self, score: float, member: bytes) -> int | None:
        return self.learners_rank(score, member)

    def update_score(self, old_score: float, member: bytes, new_score: float) -> Any:
        """As the engine: an element that stays between its neighbours keeps its node (and throws no coin)."""
        element = (old_score, member)
        node = self._last_node(lambda score, other: (score, other) < element).forward[0]
        if node is None or (node.score, node.member) != element:
            raise KeyError(element)
        before, after = node.backward, node.forward[0]
        if (before is None or (before.score, before.member) < (new_score, member)) and (
            after is None or (after.score, after.member) > (new_score, member)
        ):
            node.score = new_score
            return node
        self.delete(old_score, member)
        return self.insert(new_score, member)

    def delete_range(self, bounds: ScoreRange | LexRange) -> list[bytes]:
        return self._delete_all(
            self.first_in_range(bounds), lambda node: not bounds.is_above(node.score, node.member)
        )

    def delete_range_by_rank(self, start: int, stop: int) -> list[bytes]:
        remaining = iter(range(stop - start + 1))
        return self._delete_all(self.by_rank(start), lambda node: next(remaining, None) is not None)

    def reroll(self) -> None:
        self._rebuild([(node.score, node.member, self.random_height()) for node in self])

    def copy(self) -> SkipList:
        duplicate = type(self)(self.random, self.p)
        duplicate._rebuild([(node.score, node.member, len(node.forward)) for node in self])
        return duplicate

    def _rebuild(self, elements: list[tuple[float, bytes, int]]) -> None:
        self.header = SkipListNode(math.nan, b"", MAX_LEVEL)
        self.level, self.length, self.tail = 1, 0, None
        for score, member, height in elements:
            self.learners_insert(score, member, height)

    def _delete_all(self, node: SkipListNode | None, belongs: Callable[[SkipListNode], bool]) -> list[bytes]:
        removed = []
        while node is not None and belongs(node):
            following = node.forward[0]
            self.delete(node.score, node.member)
            removed.append(node.member)
            node = following
        return removed


def skiplist_of(insert: Insert, delete: Delete, rank: Rank) -> type[SkipList]:
    """A class for `plug("skiplist", ...)`, made of a learner's three functions."""
    functions = {"learners_insert": insert, "learners_delete": delete, "learners_rank": rank}
    return type("RebuiltSkipList", (_Rebuilt,), {"__slots__": (), **functions})

"""Who makes a container that is to hold very much, or has a dict that will soon be full, says so beforehand.

CPython's garbage collector walks over a container while that is *young*, element by element, and twice at
least. Over a list of a million buckets that takes 50 ms once they are full, and next to nothing while they
are empty. A server's process can have the collector look away from what there is (drivers/collecting.py): it
does so as soon as something was announced here.

    list made, empty --> announced --> next turn: frozen, empty --> filled, a million keys: not walked over

A dict that is full moves to a table of twice the size, all at once: 40 ms for 700,000 keys. A server moves it
by and by before that (moving.py), if it hears of it in time, and has said that it wants to:

    7/8 of the room used --> expected --> next turns: another dict takes in its keys, and takes its place

How full a dict is Python does not tell. Its size in bytes does, with the number of its keys and of those that
were removed: these leave their places empty until it moves (a `Fullness` keeps account).

Mirrors: `_dictExpandIfNeeded` in dict.c, which looks at each insertion. Redis has no garbage collector.
Complexity: O(1).

>>> announce()
>>> was_announced(), was_announced()
(True, False)

Read next: minidis/drivers/collecting.py; minidis/engine/keyspace/growth.py.
"""

from __future__ import annotations

from collections.abc import Callable
from sys import getsizeof
from typing import Any

from minidis.structures.record import NamedTuple

MANY = 1 << 15
"""A container for fewer elements is not worth a word: a walk over it takes a millisecond."""

SLOT_BYTES = 20
"""Of a large dict's table: 4 of an index, and two thirds of an entry of 24."""

LOOK_EVERY = 256
"""Keys that come into a dict at which nobody else looks, from one look to the next."""


class Expected(NamedTuple):
    """A DictTable that will soon be full, and what puts another in its place, if it has one still."""

    table: Any
    size_bytes: int
    exchange: Callable[[Any, Any], bool]

    @property
    def is_due(self) -> bool:
        """Has it not moved by itself meanwhile, nor been emptied?"""
        return getsizeof(self.table) == self.size_bytes


class _Board:
    announced = False
    watched = False  # does somebody move what is expected to be full?
    expected: dict[int, Expected] = {}


def announce() -> None:
    """A container that is to hold many elements has been made."""
    _Board.announced = True


def was_announced() -> bool:
    """True if something was announced since the last time that somebody asked."""
    announced, _Board.announced = _Board.announced, False
    return announced


def watch(watched: bool = True) -> None:
    """Say whether somebody will `take_expected` from now on, a few times in a second."""
    _Board.watched = watched
    _Board.expected.clear()


def room(size_bytes: int) -> int:
    """How many keys a large dict of this size has places for, for those removed as for the others."""
    return (1 << (size_bytes // SLOT_BYTES).bit_length()) // 3


def look(table: Any, exchange: Callable[[Any, Any], bool], removed: int = 0) -> None:
    """Say it, if a large dict will soon be full; it has lost `removed` keys since it moved last."""
    if _Board.watched:
        size_bytes = getsizeof(table)
        places = room(size_bytes)
        if places >= MANY and len(table) + removed >= places - places // 8:
            _Board.expected[id(table)] = Expected(table, size_bytes, exchange)


def take_expected() -> list[Expected]:
    """The dicts that were said to be full soon, since the last time that somebody asked."""
    expected, _Board.expected = _Board.expected, {}
    return [*expected.values()]


class Fullness:
    """What is known of one dict from which keys are removed, by those who count them."""

    __slots__ = ("_removed_before", "_seen")

    def __init__(self) -> None:
        self._seen = 0, 0  # the dict's id and size
        self._removed_before = 0  # when it was made, or moved

    def look(self, table: Any, exchange: Callable[[Any, Any], bool], removed: int) -> None:
        """`growing.look`, for a dict that has lost `removed` keys in all."""
        size_bytes = getsizeof(table)
        seen, since = (id(table), size_bytes), removed - self._removed_before
        has_moved = len(table) + since > room(size_bytes)  # by itself, to a table of the same size
        if has_moved or seen != self._seen:
            self._seen, self._removed_before, since = seen, removed, 0
        look(table, exchange, since)

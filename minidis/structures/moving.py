"""A dict's keys on their way to a larger table, some at a time, while commands go on.

A Python dict that is full moves to a table of twice the size in one go: for 700,000 keys that takes 10 ms if
the memory is there, and 40 if the operating system must give it first. A server, where others wait, moves
them by itself before the dict is full. The dict holds still (heldtable.py), another of the right size takes
in its keys in their order, and takes its place in the end:

    dict      a: 1    b: 2    c: GONE    d: 4       newcomers   e: 5
    target    a: 1    b: 2    - - -      - - -      - - -
                              ^ the next piece: what is gone stays behind; c = 6 makes a newcomer
                                                    b = 7 is written in both, for it has moved already

How to make an empty dict for a million keys? Python offers no such thing; it makes room when keys come, and
then all of them move. But `update` makes room for the keys of both dicts before it takes the first of the
other in, and if that fails there it leaves the room. So it is given the old dict, and meets an `Obstacle`: a
key with the first key's hash, which refuses to be compared. What is left to do at once is to fill the new
table with zeros: 2 ms for 42 MB, if they are ready (drivers/reserving.py).

Should Python make no room by that one day, the target grows by itself, and all is as it would be without.

Mirrors: dictRehash in dict.c, which has both tables in use meanwhile; a look-up may need two.
Complexity: O(1) for a step of so many keys; in the end O(keys that came meanwhile).

>>> from minidis.structures.dicttable import DictTable
>>> table = DictTable({b"a": 1, b"b": 2, b"c": 3})
>>> move = Move(table)
>>> move.is_cramped, move.make_room(), move.step(2)
(True, None, True)
>>> table[b"a"] = 7; del table[b"c"]; table[b"d"] = 4
>>> move.step(2), move.step(2), move.complete()
(True, False, {b'a': 7, b'b': 2, b'd': 4})

Read next: minidis/engine/keyspace/growth.py, which sees to it that it goes on.
"""

from __future__ import annotations

from itertools import islice
from typing import Any

from minidis.structures import growing
from minidis.structures.dicttable import DictTable
from minidis.structures.heldtable import GONE

HEADER_BYTES = 1024
"""More than a dict's table has beside its slots."""


class Obstacle:
    """A key with the hash of another, which refuses to be compared while it `stands`."""

    __slots__ = ("_key", "stands")

    def __init__(self, key: bytes) -> None:
        self._key = key
        self.stands = False

    def __hash__(self) -> int:
        return hash(self._key)

    def __eq__(self, other: object) -> bool:
        if self.stands:
            raise Met
        return self is other


class Met(Exception):
    """`update` has met the obstacle."""


class Move:
    """The move of a DictTable that is not empty, from the first step until `leave` or `give_up`.

    First some `step`, until it `is_cramped` or nothing is left, then `make_room`; and steps again.
    """

    def __init__(self, table: Any) -> None:
        self.table = table
        self._slots = 1 << (2 * len(table) - 1).bit_length()
        first = next(dict.__iter__(table))
        self._hold = table.hold()
        self.target = self._hold.target = table.plain_type()
        self._items = iter(dict.items(table))
        self._obstacle: Obstacle | None = Obstacle(first)
        dict.__setitem__(self.target, self._obstacle, None)  # type: ignore[index]
        growing.announce()

    @property
    def size_bytes(self) -> int:
        """What the target will have when it has room, or a little more."""
        return self._slots * growing.SLOT_BYTES + HEADER_BYTES

    @property
    def is_lost(self) -> bool:
        """The table was cleared or taken apart meanwhile: there is nothing to finish."""
        return self.table._hold is not self._hold

    @property
    def is_alone(self) -> bool:
        """Does nobody else want the table to hold still?"""
        return self._hold.holders == 1

    @property
    def is_cramped(self) -> bool:
        """Has the target as many keys as `update` must see, with those of the table, to make enough room?"""
        return len(self.target) + dict.__len__(self.table) > self._slots // 3

    def make_room(self) -> None:
        """Make as much room in the target as all keys will need, and more. O(keys there), and the zeros."""
        obstacle, held_type = self._obstacle, type(self.table)
        assert obstacle is not None
        # of a class that iterates as dicts do: only such a one is asked how many keys it has
        self.table.__class__ = self.table.free_type
        obstacle.stands = True
        try:
            dict.update(self.target, self.table)
        except Met:
            pass
        finally:
            obstacle.stands = False
            self.table.__class__ = held_type
        dict.__delitem__(self.target, obstacle)  # type: ignore[arg-type]
        self._obstacle = None

    def step(self, count: int) -> bool:
        """Move up to `count` keys; False if there are no more, or the move is lost. O(count)."""
        if self.is_lost:
            return False
        piece = list(islice(self._items, count))
        if not piece:
            return self._take_newcomers(count) == count
        dict.update(self.target, [item for item in piece if item[1] is not GONE])
        return True

    def complete(self) -> Any:
        """The target, which now has the keys of the table. For who has moved all. O(keys since then)."""
        self._take_newcomers(len(self._hold.newcomers))
        return self.target

    def _take_newcomers(self, count: int) -> int:
        """Let up to `count` keys that came meanwhile follow the others; how many did."""
        others = dict.__len__(self.table) - len(self._hold.gone) + (self._obstacle is not None)
        taken = len(self.target) - others
        piece = list(islice(self._hold.newcomers.items(), taken, taken + count))
        dict.update(self.target, piece)
        return len(piece)

    def leave(self) -> None:
        """The target has taken the place of the table: it gets the index, too. For who `is_alone`."""
        table, target = self.table, self.target
        target.__class__ = table.free_type
        if target.is_indexed:
            target._index = table._index
        table.__class__ = DictTable  # of no use any more: some keys in it are gone, and others lack
        table._hold = None

    def give_up(self) -> None:
        """Let the table go as it is; if that is not over."""
        if not self.is_lost:
            self._hold.target = None
            self.table.let_go()

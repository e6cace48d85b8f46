"""Intset: a sorted array of integers, no wider than it needs to be.

The idea. A set of small integers needs no hash table and no text. Kept sorted in one run of memory, each of
its numbers takes 2 bytes instead of some 60, and membership is a binary search. The width of the elements is
that of the largest: 16, 32 or 64 bits. The first number that doesn't fit *upgrades* the whole array.

    SADD s 5 -2 300          encoding  length    contents, little-endian
                             02000000  03000000  feff 0500 2c01
                                                  -2    5   300

    SADD s 70000             04000000  04000000  feffffff 05000000 2c010000 70110100
                                                       -2        5      300    70000

The number that forces an upgrade is larger than all others or smaller than all others, so its place is
known: the end, or, when it is negative, the beginning. There is no downgrade: a set that held a large number
once may again, and the copy would not pay.

Mirrors: intset.c of Redis 7.2, whose bytes `bytes(intset)` gives (they are the RDB form, too).
Differs: the elements live in an array.array, the header is made when asked for.
Complexity: membership O(log n), add and remove O(n) (the tail moves; with 512 elements, that is 1 KB), an
upgrade O(n), at and random O(1).

>>> numbers = Intset([5, -2, 300])
>>> bytes(numbers).hex(" ", 2)
'0200 0000 0300 0000 feff 0500 2c01'
>>> numbers.add(70_000), numbers.width, list(numbers)
(True, 4, [-2, 5, 300, 70000])
>>> [(probe.position, probe.value) for probe in numbers.search_path(5)]
[(3, 70000), (0, -2), (1, 5)]

Read next: minidis/values/set.py, which leaves the intset for a listpack or a hash table.
"""

from __future__ import annotations

import struct
import sys
from array import array
from collections.abc import Iterable, Iterator
from random import Random

from minidis.structures.record import NamedTuple

HEADER = struct.Struct("<II")  # encoding (2, 4 or 8: bytes per element), length (elements)
_TYPE_CODES = {2: "h", 4: "i", 8: "q"}


class CorruptIntset(ValueError):
    """Bytes that are no intset."""


class Probe(NamedTuple):
    """One comparison of a search: the position looked at and the value found there."""

    position: int
    value: int


class Intset:
    """A set of 64-bit signed integers in a sorted array. Others raise OverflowError on `add`."""

    __slots__ = ("_numbers",)

    def __init__(self, numbers: Iterable[int] = ()):
        self._numbers = array("h")
        for number in numbers:
            self.add(number)

    # -- the set

    def add(self, number: int) -> bool:
        """Add `number`; False if it was there. O(n)."""
        if _width_of(number) > self.width:
            self._upgrade_and_add(number)
            return True
        position, found = self._search(number)
        if not found:
            self._numbers.insert(position, number)
        return not found

    def remove(self, number: int) -> bool:
        """Remove `number`; False if it wasn't there. O(n)."""
        position, found = self._search(number)
        if found:
            del self._numbers[position]
        return found

    def __contains__(self, number: int) -> bool:
        return self._search(number)[1]

    def __len__(self) -> int:
        return len(self._numbers)

    def __iter__(self) -> Iterator[int]:
        """The numbers in ascending order."""
        return iter(self._numbers)

    def at(self, index: int) -> int:
        """The number at `index` in ascending order; IndexError beyond the ends. O(1)."""
        return self._numbers[index]

    def random(self, random: Random) -> int:
        """A random number of a set that is not empty, all equally likely. O(1)."""
        return self._numbers[random.randrange(len(self._numbers))]

    def copy(self) -> Intset:
        """An independent intset of the same width. O(n)."""
        twin = Intset()
        twin._numbers = self._numbers[:]
        return twin

    # -- searching

    def search_path(self, number: int) -> list[Probe]:
        """The comparisons that a search for `number` makes, in order. O(log n)."""
        probes: list[Probe] = []
        self._search(number, probes)
        return probes

    def _search(self, number: int, probes: list[Probe] | None = None) -> tuple[int, bool]:
        """(where `number` is, True), or (where it would have to be inserted, False)."""
        numbers = self._numbers
        if not numbers:
            return 0, False
        # The ends first: numbers that only ever grow (ids, times) then need one comparison.
        high, low = len(numbers) - 1, 0
        if probes is not None:
            probes.append(Probe(high, numbers[high]))
        if number > numbers[high]:
            return high + 1, False
        if probes is not None:
            probes.append(Probe(0, numbers[0]))
        if number < numbers[0]:
            return 0, False
        while low <= high:
            middle = (low + high) >> 1
            value = numbers[middle]
            if probes is not None:
                probes.append(Probe(middle, value))
            if number > value:
                low = middle + 1
            elif number < value:
                high = middle - 1
            else:
                return middle, True
        return low, False

    # -- widths

    @property
    def width(self) -> int:
        """Bytes per element: 2, 4 or 8."""
        return self._numbers.itemsize

    @property
    def size(self) -> int:
        """Length of `bytes(self)`, in O(1)."""
        return HEADER.size + len(self._numbers) * self.width

    def _upgrade_and_add(self, number: int) -> None:
        wider = array(_TYPE_CODES[_width_of(number)], self._numbers)
        wider.insert(0 if number < 0 else len(wider), number)
        self._numbers = wider

    # -- bytes

    def __bytes__(self) -> bytes:
        """Encoding and length as unsigned 32-bit integers, then the numbers; all little-endian."""
        return HEADER.pack(self.width, len(self)) + _little_endian(self._numbers).tobytes()

    @classmethod
    def from_bytes(cls, data: bytes) -> Intset:
        """The intset that `bytes` has given. Raises CorruptIntset, as Redis refuses such a RDB file.

        An intset without elements is refused, too: no such set is ever stored.
        """
        if len(data) < HEADER.size:
            raise CorruptIntset(f"{len(data)} bytes are less than a header")
        width, length = HEADER.unpack_from(data)
        if width not in _TYPE_CODES:
            raise CorruptIntset(f"an encoding of {width} bytes per element")
        if length == 0 or len(data) != HEADER.size + length * width:
            raise CorruptIntset(f"{length} elements of {width} bytes in {len(data)} bytes")
        numbers = array(_TYPE_CODES[width], data[HEADER.size :])
        made = cls()
        made._numbers = _little_endian(numbers)
        if any(here >= after for here, after in zip(made._numbers, made._numbers[1:], strict=False)):
            raise CorruptIntset("elements that are not in ascending order")
        return made

    def check(self) -> None:
        """Raise AssertionError unless the numbers ascend and the bytes are an intset. O(n)."""
        numbers = list(self._numbers)
        assert numbers == sorted(set(numbers)), "the numbers ascend"
        assert self.width in _TYPE_CODES and len(bytes(self)) == self.size
        assert not numbers or list(Intset.from_bytes(bytes(self))) == numbers

    def __repr__(self) -> str:
        return f"Intset({list(self._numbers)})"


def _width_of(number: int) -> int:
    """Bytes that `number` needs: 2, 4 or 8."""
    if -(2**15) <= number < 2**15:
        return 2
    return 4 if -(2**31) <= number < 2**31 else 8


def _little_endian(numbers: array[int]) -> array[int]:
    """The array with its bytes in little-endian order on any machine (or back: it is its own inverse)."""
    if sys.byteorder == "big":
        numbers = numbers[:]
        numbers.byteswap()
    return numbers

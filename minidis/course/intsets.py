"""What exercise 3.4 stands on: numbers in one run of bytes, and a learner's `find` and `add`.

    class MyIntset(PackedNumbers):
        def find(self, number): ...     # (where it is, True), or (where it belongs, False)
        def add(self, number): ...      # True if it was not there; upgrades the width when it must

    numbers = MyIntset([5, -2])
    numbers.width      2                bytes for each number: 2, 4 or 8
    numbers.data       feff0500         the numbers, ascending, little-endian, signed
    numbers.at(0)      -2

All that a live set asks of an intset besides is here, and is made of these: so it can be plugged in.

Read next: minidis/structures/intset.py.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from random import Random
from typing import Any

from minidis.structures.intset import HEADER, Probe


class PackedNumbers:
    """Numbers in one run of bytes, `width` bytes each. Subclasses write `find` and `add`."""

    def __init__(self, numbers: Iterable[int] = ()) -> None:
        self.width = 2
        self.data = bytearray()
        self._probes: list[Probe] | None = None
        for number in numbers:
            self.add(number)

    def find(self, number: int) -> tuple[int, bool]:
        """(position, True) if `number` is there, (position where it belongs, False) if not."""
        raise NotImplementedError

    def add(self, number: int) -> bool:
        """Add `number`, in its place; False if it was there."""
        raise NotImplementedError

    def at(self, position: int) -> int:
        """The number at a position: 0 is the smallest. Raises IndexError."""
        if not 0 <= position < len(self):
            raise IndexError(f"position {position} of {len(self)} numbers")
        start = position * self.width
        number = int.from_bytes(self.data[start : start + self.width], "little", signed=True)
        if self._probes is not None:
            self._probes.append(Probe(position, number))
        return number

    def __len__(self) -> int:
        return len(self.data) // self.width

    def __iter__(self) -> Iterator[int]:
        return iter([self.at(position) for position in range(len(self))])

    # What a live set and a view ask for

    def __contains__(self, number: int) -> bool:
        return self.find(number)[1]

    def remove(self, number: int) -> bool:
        """Remove `number`; False if it wasn't there. The width stays."""
        position, found = self.find(number)
        if found:
            del self.data[position * self.width : (position + 1) * self.width]
        return found

    def random(self, random: Random) -> int:
        """A random number of them."""
        return self.at(random.randrange(len(self)))

    def copy(self) -> Any:
        """An independent one with the same bytes."""
        twin = type(self)()
        twin.width, twin.data = self.width, self.data[:]
        return twin

    def search_path(self, number: int) -> list[Probe]:
        """The numbers that `find` looks at, in order: what it asks `at` for."""
        self._probes = []
        self.find(number)
        probes, self._probes = self._probes, None
        return probes

    @property
    def size(self) -> int:
        """Length of `bytes(self)`."""
        return HEADER.size + len(self.data)

    def __bytes__(self) -> bytes:
        return HEADER.pack(self.width, len(self)) + bytes(self.data)

    def check(self) -> None:
        """Raise AssertionError unless the numbers ascend."""
        numbers = list(self)
        assert numbers == sorted(set(numbers)), "the numbers ascend"
        assert self.width in (2, 4, 8) and len(self.data) % self.width == 0

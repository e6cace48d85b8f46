"""A set, and a dict, that never pause to grow: a hundred and twenty-eight small ones.

A Python set, like any hash table that is not Redis's, moves everything at once when it is full: a million
members take 40 ms. A member's hash names the part that it belongs to, and only that part grows:

    crc32(b"user:7") % 4096 = 1975     part 72   {b"user:7", b"user:91", ...}     about 1/128 of all

Were the parts equal, all would be full at the same time. So each takes half a percent more of the hashes than
the one before it, the last twice as many as the first: as all grow, they double one after the other.

Mirrors: nothing in Redis, where `dictRehash` takes small steps instead (hashtable.py).
Complexity: add, in, pop O(1); no step longer than for about 1/128 of all.

>>> parted = PartedSet()
>>> parted.add(b"user:7"), b"user:7" in parted, b"user:8" in parted, len(parted)
(True, True, False, 1)
>>> counts = PartedCounts()
>>> counts.set(b"user:7", 60); counts.get(b"user:7"), counts.pop(b"user:7"), counts.pop(b"user:7")
(60, 60, 0)

Read next: minidis/engine/durability/snapshots.py, which remembers a million keys while commands run.
"""

from __future__ import annotations

from bisect import bisect_right
from typing import Any
from zlib import crc32

PARTS = 128
HASHES = 4096

_STARTS = [round(HASHES * (2 ** (part / PARTS) - 1)) for part in range(PARTS)]
_PART_OF = bytes(bisect_right(_STARTS, number) - 1 for number in range(HASHES))
"""The part that a hash belongs to."""


class _Parted:
    """What is the same for a set's parts and a dict's."""

    __slots__ = ("_parts",)

    _parts: list[Any]

    def __len__(self) -> int:
        return sum(map(len, self._parts))

    def release(self, count: int) -> bool:
        """Free `count` elements of what nobody will use again; False when none is left."""
        while self._parts and count > 0:
            part = self._parts[-1]
            take_one = part.popitem if isinstance(part, dict) else part.pop
            for _ in range(min(count, len(part))):
                take_one()
                count -= 1
            if not part:
                self._parts.pop()
        return bool(self._parts)


class PartedSet(_Parted):
    """Byte strings that were added."""

    __slots__ = ()

    def __init__(self) -> None:
        self._parts = [set() for _ in range(PARTS)]

    def add(self, member: bytes) -> bool:
        """Add a member; False if it was there already."""
        part = self._parts[_PART_OF[crc32(member) % HASHES]]
        if member in part:
            return False
        part.add(member)
        return True

    def __contains__(self, member: bytes) -> bool:
        return member in self._parts[_PART_OF[crc32(member) % HASHES]]


class PartedCounts(_Parted):
    """A number for each of some byte strings, and 0 for all others."""

    __slots__ = ()

    def __init__(self) -> None:
        self._parts = [{} for _ in range(PARTS)]

    def get(self, member: bytes) -> int:
        """Its number. O(1)."""
        return self._parts[_PART_OF[crc32(member) % HASHES]].get(member, 0)

    def set(self, member: bytes, count: int) -> None:
        """Give it a number. O(1)."""
        self._parts[_PART_OF[crc32(member) % HASHES]][member] = count

    def pop(self, member: bytes) -> int:
        """Take its number away, and answer it. O(1)."""
        return self._parts[_PART_OF[crc32(member) % HASHES]].pop(member, 0)

"""A set that never pauses to grow: sixty-four small ones.

A Python set, like any hash table that is not Redis's, moves everything at once when it is full: a million
members take 40 ms. A member's hash names the part that it belongs to, and only that part grows:

    crc32(b"user:7") & 63 = 5      part 5   {b"user:7", b"user:91", ...}      a sixty-fourth of all

Mirrors: nothing in Redis, where `dictRehash` takes small steps instead (hashtable.py).
Complexity: add, in O(1); no step longer than a sixty-fourth of all.

>>> parted = PartedSet()
>>> parted.add(b"user:7"), b"user:7" in parted, b"user:8" in parted, len(parted)
(True, True, False, 1)

Read next: minidis/engine/snapshots.py, which remembers a million keys while commands run.
"""

from __future__ import annotations

from zlib import crc32

PARTS = 64


class PartedSet:
    """Byte strings that were added."""

    __slots__ = ("_parts",)

    def __init__(self) -> None:
        self._parts: list[set[bytes]] = [set() for _ in range(PARTS)]

    def add(self, member: bytes) -> bool:
        """Add a member; False if it was there already."""
        part = self._parts[crc32(member) % PARTS]
        if member in part:
            return False
        part.add(member)
        return True

    def __contains__(self, member: bytes) -> bool:
        return member in self._parts[crc32(member) % PARTS]

    def release(self, count: int) -> bool:
        """Free `count` members of a set that nobody will use again; False when none is left."""
        while self._parts and count > 0:
            part = self._parts[-1]
            for _ in range(min(count, len(part))):
                part.pop()
                count -= 1
            if not part:
                self._parts.pop()
        return bool(self._parts)

    def __len__(self) -> int:
        return sum(map(len, self._parts))

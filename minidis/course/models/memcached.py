"""A model of memcached, to compare with: opaque strings in slab classes, each with an LRU of its own.

Memory is cut into pages of 1 MB when a class first needs one; a page belongs to one class of chunk
sizes for good. An item takes a whole chunk of the smallest class that it fits in, and when no page is
left, the class throws out its own least recently used item, however empty the other classes are.

Mirrors: slabs.c, items.c. Differs: no threads, no sockets, no crawler that moves pages between classes.
Complexity: O(1) for each command.

>>> cache = Memcached(memory_bytes=2 * PAGE_BYTES)
>>> cache.set(b"k", b"v"), cache.get(b"k"), cache.get(b"other")
(True, b'v', None)
"""

from __future__ import annotations

from collections import OrderedDict

PAGE_BYTES = 1024 * 1024
ITEM_HEADER_BYTES = 56
GROWTH_FACTOR = 1.25
CHUNKS = [96]
while CHUNKS[-1] * GROWTH_FACTOR < PAGE_BYTES / 2:
    CHUNKS.append(-(-int(CHUNKS[-1] * GROWTH_FACTOR) // 8) * 8)


class Memcached:
    """get, set, delete, incr; what does not fit is refused, what is old makes room."""

    def __init__(self, memory_bytes: int) -> None:
        self.pages_left = memory_bytes // PAGE_BYTES
        self.slabs: dict[int, OrderedDict[bytes, bytes]] = {}  # chunk size: its items, oldest use first
        self.chunks: dict[int, int] = {}  # chunk size: how many chunks its pages hold
        self.evicted = 0

    def get(self, key: bytes) -> bytes | None:
        """The value, which counts as used now."""
        for items in self.slabs.values():
            if key in items:
                items.move_to_end(key)
                return items[key]
        return None

    def set(self, key: bytes, value: bytes) -> bool:
        """Store a string. False when no chunk is large enough, or its class can get no page."""
        size = ITEM_HEADER_BYTES + len(key) + len(value)
        chunk = next((chunk for chunk in CHUNKS if chunk >= size), None)
        self.delete(key)
        if chunk is None:
            return False
        items = self.slabs.setdefault(chunk, OrderedDict())
        if len(items) == self.chunks.get(chunk, 0):
            if self.pages_left:
                self.pages_left -= 1
                self.chunks[chunk] = self.chunks.get(chunk, 0) + PAGE_BYTES // chunk
            elif items:
                items.popitem(last=False)
                self.evicted += 1
            else:
                return False
        items[key] = value
        return True

    def delete(self, key: bytes) -> bool:
        """True if it was there."""
        return any(items.pop(key, None) is not None for items in self.slabs.values())

    def incr(self, key: bytes, by: int = 1) -> int | None:
        """Add to a decimal number; None if there is none (memcached makes no counter by itself)."""
        value = self.get(key)
        if value is None or not value.isdigit():
            return None
        self.set(key, b"%d" % (int(value) + by))
        return int(value) + by

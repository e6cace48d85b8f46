"""What every value in the keyspace has in common.

A key of Redis holds one value of one type, and a value carries its own last access time (the
eviction clock reads it, and OBJECT IDLETIME shows it).  The type is fixed when the value is born;
the *encoding*, the structure that holds the bytes, changes as the value grows.

Mirrors: `robj` in server.h (type, encoding, lru).
Differs: no reference count, Python has its own; the type is the class.
Read next: string.py, the simplest value.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from typing import Any, ClassVar

OBJECT_HEADER_BYTES = 16
"""sizeof(robj) on a 64-bit Redis: 4 bits type, 4 encoding, 24 lru, 4 bytes count, 8 bytes pointer."""


class Value:
    """The base of the typed values.  Subclasses set `kind` and have the methods below."""

    __slots__ = ("accessed_us", "lfu")

    accessed_us: int
    """When it was last used, unix microseconds."""

    lfu: int
    """Minute and counter of the last use; not there until an LFU policy counts one (memory/access.py)."""

    kind: ClassVar[str]
    """The answer of TYPE: "string", "list", "set", "zset", "hash" or "stream"."""

    def __init__(self) -> None:
        self.accessed_us = 0

    @property
    def encoding(self) -> str:
        """The answer of OBJECT ENCODING."""
        raise NotImplementedError

    def __len__(self) -> int:
        """Elements held (bytes, for a string).  All but strings and streams are deleted at 0."""
        raise NotImplementedError

    def memory_usage(self) -> int:
        """Bytes that a 64-bit Redis 7.2 would hold for this value, its object header included.  O(1)."""
        raise NotImplementedError

    def free_effort(self) -> int:
        """About how many allocations must be given back when the value goes.  O(1)."""
        return 1

    def parts(self) -> list[Any]:
        """The structures that hold those many allocations, to be freed a slice at a time (`release`)."""
        return []

    def copy(self) -> Value:
        """An independent value with the same content (COPY).  O(N)."""
        raise NotImplementedError

    def check(self) -> None:
        """Raise AssertionError if an invariant of the encoding is broken.  O(N), for tests."""
        raise NotImplementedError


def allocation_size(size: int) -> int:
    """The bytes that jemalloc, Redis's allocator on Linux, sets aside for a request of `size` bytes.

    Requests are rounded up to a size class: 8, then steps of 16 up to 128, then four classes to
    each power of two.  This is why MEMORY USAGE rises in steps.

    These are the classes of the jemalloc that Debian's redis-server links; the copy bundled with
    Redis's source is built with steps of 8 below 64, so there a request of 20 bytes takes 24, not 32.

    >>> [allocation_size(n) for n in (1, 9, 49, 129, 161, 1000, 5000)]
    [8, 16, 64, 160, 192, 1024, 5120]
    """
    if size <= 8:
        return 8
    if size <= 128:
        return (size + 15) & ~15
    step = 1 << ((size - 1).bit_length() - 3)
    return (size + step - 1) & -step


@lru_cache(maxsize=512)
def string_allocation(length: int) -> int:
    """The bytes set aside for a string of `length` bytes: its header (sds.h), its text and a zero.

    >>> [string_allocation(length) for length in (1, 14, 31, 32, 300)]
    [8, 16, 48, 48, 320]
    """
    header = 1 if length < 32 else 3 if length < 256 else 5 if length < 65536 else 9
    return allocation_size(header + length + 1)


def strings_allocation(strings: Iterable[bytes]) -> int:
    """`string_allocation` for all of them together."""
    return sum(map(string_allocation, map(len, strings)))


DICT_ENTRY_BYTES = 24
"""A dictEntry: pointers to the key, the value and the next entry of the bucket."""

_DICT_BYTES = 56


def dict_allocation(count: int) -> int:
    """The bytes set aside for a dict of `count` entries, without what they point to.

    Its buckets are pointers, as many as the next power of two, and at least 4.

    >>> dict_allocation(1), dict_allocation(5)
    (112, 240)
    """
    buckets = 1 << max(count - 1, 3).bit_length()
    return _DICT_BYTES + 8 * buckets + DICT_ENTRY_BYTES * count

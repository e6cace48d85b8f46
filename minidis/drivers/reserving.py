"""Memory that is ready before a dict moves into it, in a process that must not stop for the move.

New memory costs time when it is first written to: the operating system gives it page by page, 4 KB each, a
megabyte in 0.7 ms. A dict for 1.4 million keys writes to 42 MB when it is made. So before a dict moves to a
larger table (engine/keyspace/growth.py), as much memory as that will need is taken, half a megabyte of it
written to at a time, and all given back to the C library, which hands it out when the dict asks for it:

    prepare 42 MB --> taken, 0.5 MB written to --> 1 MB --> ... --> free, but in the process
                                                                  a dict asks for 42 MB: there they are

For this the library (glibc) must take large blocks from the heap, and keep what is free at its end; it would
ask the operating system for each, and give it back. It does so from the first move on until nobody wants the
server for a while: then what nobody took goes back to the operating system, as at MEMORY PURGE.

Where the C library is another one nothing of this happens, and the dict waits for its memory.

Mirrors: nothing in Redis, whose larger table comes as zeros that nobody has written; for MEMORY PURGE,
jemalloc's.
Complexity: O(SLICE_BYTES) a step.

Read next: collecting.py, the other thing that a process must not stop for.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Protocol

from minidis.engine.keyspace.growth import Growth

if TYPE_CHECKING:
    from minidis.engine.node import Node

SLICE_BYTES = 1 << 19
"""So much is written to at a time: 0.4 ms."""


class Heap(Protocol):
    """The C library's memory, as far as it matters here."""

    def keep(self, keeps: bool) -> bool:
        """Take large blocks from the heap, and keep what is free (False: it will not); or do as always."""

    def take(self, size_bytes: int) -> int | None:
        """A block's address; None if there is none to be had."""

    def write(self, address: int, size_bytes: int) -> None:
        """Write to all of it."""

    def free(self, address: int) -> None:
        """The block's memory may be used for others."""

    def give_back(self) -> None:
        """Let the operating system have what is free."""


class Glibc:
    """The heap of a process that runs on GNU's C library.  Raises OSError or AttributeError on any other."""

    # parameters of mallopt(3), and what glibc itself comes to when large blocks were freed
    _TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3
    _USUAL = 32 << 20
    _ALL = 1 << 30

    def __init__(self) -> None:
        if not sys.platform.startswith("linux"):
            raise OSError("no GNU C library here")
        from ctypes import CDLL, c_int, c_size_t, c_void_p

        library = CDLL(None)
        self._mallopt, self._trim = library.mallopt, library.malloc_trim
        self._malloc, self._memset, self._free = library.malloc, library.memset, library.free
        self._malloc.restype = c_void_p
        self._malloc.argtypes = self._trim.argtypes = (c_size_t,)
        self._memset.argtypes = (c_void_p, c_int, c_size_t)
        self._free.argtypes = (c_void_p,)

    def keep(self, keeps: bool) -> bool:
        size_bytes = self._ALL if keeps else self._USUAL
        does = self._mallopt(self._MMAP_THRESHOLD, size_bytes)  # older ones know a greatest value, 32 MB
        return bool(does and self._mallopt(self._TRIM_THRESHOLD, 2 * size_bytes - 1))

    def take(self, size_bytes: int) -> int | None:
        address: int | None = self._malloc(size_bytes)
        return address

    def write(self, address: int, size_bytes: int) -> None:
        self._memset(address, 0, size_bytes)

    def free(self, address: int) -> None:
        self._free(address)

    def give_back(self) -> None:
        self._trim(0)


class Reserve:
    """Memory that is made ready, a slice at a time."""

    def __init__(self, heap: Heap) -> None:
        self._heap = heap
        self._address: int | None = None
        self._size_bytes = self._written_bytes = 0

    def prepare(self, size_bytes: int) -> bool:
        """Write to some more of a block of this size; True when it is free again, and ready to be used."""
        if self._address is None or self._size_bytes != size_bytes:
            self._begin(size_bytes)
        if self._address is None:
            return True  # there is none to be had: whoever wants it will see
        slice_bytes = min(SLICE_BYTES, size_bytes - self._written_bytes)
        self._heap.write(self._address + self._written_bytes, slice_bytes)
        self._written_bytes += slice_bytes
        if self._written_bytes < size_bytes:
            return False
        self._let_go()
        return True

    def give_back(self) -> None:
        """Let the operating system have what nobody has taken."""
        self._let_go()
        self._heap.keep(False)
        self._heap.give_back()

    def _begin(self, size_bytes: int) -> None:
        self._let_go()
        self._address = self._heap.take(size_bytes) if self._heap.keep(True) else None
        self._size_bytes, self._written_bytes = size_bytes, 0

    def _let_go(self) -> None:
        if self._address is not None:
            self._heap.free(self._address)
            self._address = None


def take_over(node: Node) -> None:
    """Let large dicts of `node` grow by and by, with memory that is ready, if that can be had here."""
    try:
        reserve = Reserve(Glibc())
    except (ImportError, OSError, AttributeError):
        Growth(node, None)
        return
    Growth(node, reserve)
    purge = node.purge_memory

    def purge_all() -> None:
        purge()
        reserve.give_back()

    node.purge_memory = purge_all

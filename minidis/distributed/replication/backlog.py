"""The backlog: the last bytes of the replication stream, kept for replicas that were away for a moment.

A ring of `repl-backlog-size` bytes. Every byte of the stream has a number, its *offset*, counted from 1;
the byte of offset n stands at (n - 1) modulo the size, over the one that stood there a round before:

    size 8, stream "SELECTSETkv", last offset 11

    place     0   1   2   3   4   5   6   7
    byte      T?  k   v | C   T   S   E   T          oldest: offset 4, the C
    offset    9   10  11| 4   5   6   7   8
                      newest

A replica that has everything up to offset 7 asks for 8 and gets "ETkv". One that asks for 3 is too late:
only a full copy of the dataset helps it.

Mirrors: `repl_backlog`, `feedReplicationBuffer` in replication.c.
Differs: a ring of its own, as before Redis 7, which keeps blocks that backlog and replicas share.
Complexity: O(bytes) to append and to read.

>>> backlog = Backlog(8, next_offset=1)
>>> backlog.append(b"SELECTSETkv")
>>> backlog.first_offset, backlog.read(8), backlog.has(3), backlog.has(12)
(4, b'ETkv', False, True)

Read next: held_stream.py.
"""

from __future__ import annotations


class Backlog:
    """The last `size_bytes` bytes of a stream whose next byte has the offset `next_offset`."""

    def __init__(self, size_bytes: int, next_offset: int) -> None:
        self.size_bytes = size_bytes
        self.next_offset = next_offset
        self.length_bytes = 0
        self.ring = bytearray(size_bytes)

    @property
    def first_offset(self) -> int:
        """The offset of the oldest byte that is kept; where nothing is kept, that of the next one."""
        return self.next_offset - self.length_bytes

    def append(self, data: bytes) -> None:
        """The stream goes on with `data`."""
        size_bytes = self.size_bytes
        self.next_offset += len(data)
        self.length_bytes = min(size_bytes, self.length_bytes + len(data))
        kept = data[-size_bytes:]
        place = (self.next_offset - 1 - len(kept)) % size_bytes
        to_the_end = size_bytes - place
        self.ring[place : place + len(kept)] = kept[:to_the_end]
        if len(kept) > to_the_end:
            self.ring[: len(kept) - to_the_end] = kept[to_the_end:]

    def has(self, offset: int) -> bool:
        """True if everything from `offset` on is there; the very next byte counts."""
        return self.first_offset <= offset <= self.next_offset

    def read(self, offset: int) -> bytes:
        """The bytes from `offset` to the end.  Raises ValueError when they are no more there."""
        if not self.has(offset):
            raise ValueError(f"offset {offset} is not within {self.first_offset}..{self.next_offset}")
        count = self.next_offset - offset
        place = (offset - 1) % self.size_bytes
        first = bytes(self.ring[place : place + count])
        return first + bytes(self.ring[: count - len(first)])

    def resize(self, size_bytes: int) -> None:
        """Another size; what fits into it stays."""
        kept = self.read(self.first_offset)[-size_bytes:]
        self.ring = bytearray(size_bytes)
        self.size_bytes = size_bytes
        self.next_offset -= len(kept)
        self.length_bytes = 0
        self.append(kept)

    def check(self) -> None:
        """Raise AssertionError if the ring contradicts itself."""
        assert len(self.ring) == self.size_bytes
        assert 0 <= self.length_bytes <= self.size_bytes
        assert len(self.read(self.first_offset)) == self.length_bytes

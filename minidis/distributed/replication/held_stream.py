"""The stream since the oldest snapshot that is under way, kept once for all who wait for theirs.

    offset   101 ............. 160 ............. 240
             |  SET k v  |  INCR n  |  SET l w  |       chunks, as they were fed
             ^ b and c: their snapshot is of 100
                                ^ d: its own is of 159

A replica that takes a full copy gets what came since the copy's moment afterwards. Ten that wait do not need
ten times the memory: each has a place in one queue, and what nobody needs any more leaves it. While it is
longer than the backlog, another replica may go on from it that the backlog cannot help.

Mirrors: `replBufBlock`, `incrementalTrimReplicationBacklog` in replication.c.
Differs: in Redis the backlog lies in the same blocks, and what a slow replica has not read; here the backlog
is a ring (backlog.py), and what has left for a socket is the socket's.
Complexity: O(bytes) to append and to read; O(readers) to leave.

>>> held = HeldStream()
>>> held.hold("b", 101); held.append(b"SET k v"); held.hold("d", 108); held.append(b"INCR n")
>>> held.behind_bytes("b"), held.behind_bytes("d"), held.take("b"), held.length_bytes
(13, 6, b'SET k vINCR n', 6)

Read next: full_sync.py.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Hashable


class HeldStream:
    """The bytes from `first_offset` to `next_offset`, and the place of each who waits: what it lacks."""

    def __init__(self) -> None:
        self.chunks: deque[bytes] = deque()
        self.first_offset = self.next_offset = 1
        self._places: dict[Hashable, int] = {}

    @property
    def length_bytes(self) -> int:
        return self.next_offset - self.first_offset

    def has(self, offset: int) -> bool:
        """True if everything from `offset` on is there."""
        return bool(self._places) and self.first_offset <= offset <= self.next_offset

    def hold(self, who: Hashable, offset: int) -> None:
        """Keep the stream for `who`, from `offset` on.  Of what is over, only what is there can be had."""
        if not self._places:
            self.first_offset = self.next_offset = offset
        assert self.has(offset) or not self._places
        self._places[who] = offset

    def holds(self, who: Hashable) -> bool:
        return who in self._places

    def append(self, data: bytes) -> None:
        """The stream goes on with `data`."""
        if self._places:
            self.chunks.append(data)
            self.next_offset += len(data)

    def behind_bytes(self, who: Hashable) -> int:
        """How much is kept for `who`."""
        return self.next_offset - self._places.get(who, self.next_offset)

    def read(self, offset: int) -> bytes:
        """The bytes from `offset` to the end; they must be there."""
        kept, before = [], self.first_offset
        for chunk in self.chunks:
            if before + len(chunk) > offset:
                kept.append(chunk[max(0, offset - before) :])
            before += len(chunk)
        return b"".join(kept)

    def take(self, who: Hashable) -> bytes:
        """What is kept for `who`, who does not wait any more; nothing for one who did not."""
        data = self.read(self._places[who]) if who in self._places else b""
        self.leave(who)
        return data

    def leave(self, who: Hashable) -> None:
        """`who` is gone: drop what nobody else needs."""
        self._places.pop(who, None)
        first_needed = min(self._places.values(), default=self.next_offset)
        while self.chunks and self.first_offset + len(self.chunks[0]) <= first_needed:
            self.first_offset += len(self.chunks.popleft())

    def check(self) -> None:
        """Raise AssertionError if it contradicts itself."""
        assert sum(map(len, self.chunks)) == self.length_bytes
        assert all(self.first_offset <= place <= self.next_offset for place in self._places.values())
        assert self._places or not self.chunks

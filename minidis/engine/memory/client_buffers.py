"""The two buffers of a connection, as large as Redis would have them.

    query buffer   16 KB at the first read, more for a larger argument; free again after two idle seconds
    reply buffer   16 KB, half as much whenever the last peak was below that, down to 1 KB: rbs, the peak rbp
    list           blocks for what does not fit into the reply buffer

    owed to the client   [ obl bytes | block | block | ... ]   oll blocks, which take omem bytes

None of them exists here: requests are parsed where they are, and replies wait in a bytearray. But who reads
CLIENT LIST, or sets maxmemory-clients, reckons with them; so their sizes are kept, as those of values are.

Mirrors: clientsCronResizeQueryBuffer, clientsCronResizeOutputBuffer in server.c; _addReplyToBuffer and
getClientOutputBufferMemoryUsage in networking.c.
Differs: the reply buffer holds what leaves first; in Redis it stays empty while the list is in use.
Complexity: O(1).

>>> buffers = ClientBuffers()
>>> buffers.shown(owed_bytes=50_000)
ReplyMemory(buffer_bytes=16384, list_length=2, list_bytes=41008)
>>> for second in range(9):
...     buffers.resize(now_us=second * 6_000_000, idle_s=6 * second, unread_bytes=0)
>>> buffers.query_bytes, buffers.reply_bytes
(0, 1024)

Read next: client_memory.py, the limit.
"""

from __future__ import annotations

from minidis.structures.record import NamedTuple

CHUNK_BYTES = 16 * 1024
"""PROTO_IOBUF_LEN and PROTO_REPLY_CHUNK_BYTES."""

LEAST_REPLY_BYTES = 1024
FIRST_QUERY_BYTES = 20474
"""What the allocator gives for a first read of 16 KB."""

RESIZED_FROM_BYTES = 32 * 1024
BLOCK_BYTES = 20464
BLOCK_OVERHEAD_BYTES = 40
"""A block of the list has room for so much, behind the struct and the list's node."""

PEAK_RESET_MS = 5000


class ReplyMemory(NamedTuple):
    """What is owed to a client: in the buffer, and in the list behind it."""

    buffer_bytes: int
    list_length: int
    list_bytes: int


class Resizing:
    """DEBUG REPLYBUFFER: one for all clients of a node, which counts their resizes."""

    def __init__(self) -> None:
        self.enabled = True
        self.peak_reset_ms = PEAK_RESET_MS  # negative: never
        self.shrinks = self.expands = 0


class ClientBuffers:
    """The sizes of one connection's buffers."""

    __slots__ = ("_peak_since_us", "query_bytes", "query_peak", "reply_bytes", "reply_peak", "resizing")

    def __init__(self, resizing: Resizing | None = None, now_us: int = 0) -> None:
        self.resizing = resizing or Resizing()
        self.query_bytes = self.query_peak = 0
        self.reply_bytes = self.reply_peak = CHUNK_BYTES
        self._peak_since_us = now_us

    def grow_query(self, unread_bytes: int) -> None:
        """More has come than at any time since the last look: `unread_bytes` in all."""
        self.query_peak = unread_bytes
        least = FIRST_QUERY_BYTES if unread_bytes <= CHUNK_BYTES else unread_bytes
        self.query_bytes = max(self.query_bytes, least)

    def shown(self, owed_bytes: int) -> ReplyMemory:
        """How so many bytes would be kept."""
        in_buffer = min(owed_bytes, self.reply_bytes)
        blocks = -(-(owed_bytes - in_buffer) // BLOCK_BYTES)
        return ReplyMemory(in_buffer, blocks, blocks * (BLOCK_BYTES + BLOCK_OVERHEAD_BYTES))

    def resize(self, now_us: int, idle_s: int, unread_bytes: int) -> None:
        """The cron's look at one client."""
        if self.query_bytes - unread_bytes > 4096:
            if idle_s > 2:
                self.query_bytes = unread_bytes
            elif self.query_bytes > RESIZED_FROM_BYTES and self.query_bytes // 2 > self.query_peak:
                self.query_bytes = max(unread_bytes, self.query_peak)
        self.query_peak = unread_bytes
        if self.resizing.enabled:
            self._resize_reply(now_us)

    def _resize_reply(self, now_us: int) -> None:
        size, peak, resizing = self.reply_bytes, self.reply_peak, self.resizing
        if size // 2 >= LEAST_REPLY_BYTES and peak < size // 2:
            self.reply_bytes = max(LEAST_REPLY_BYTES, peak + 1)
            resizing.shrinks += 1
        elif size < CHUNK_BYTES and peak >= size:
            self.reply_bytes = min(CHUNK_BYTES, 2 * size)
            resizing.expands += 1
        reset_ms = resizing.peak_reset_ms
        if reset_ms >= 0 and now_us - self._peak_since_us > reset_ms * 1000:
            self.reply_peak = 0
            self._peak_since_us = now_us

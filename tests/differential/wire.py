"""RESP as a judge reads it: replies as trees that keep their type byte, so `:1` and `$1` stay unlike.

A reply is `(type, payload)`: the payload is bytes for scalars, a list of replies for aggregates (a map is
flat), and None for a null. The reader is independent of minidis.protocol on purpose: a fault there must not
hide itself.
"""

from __future__ import annotations

Reply = tuple[bytes, "bytes | list | None"]

BULKS = b"$=!"
AGGREGATES = b"*~%>|"


def encode_command(argv: tuple[bytes, ...]) -> bytes:
    """A command as clients send it.

    >>> encode_command((b"GET", b"k"))
    b'*2\\r\\n$3\\r\\nGET\\r\\n$1\\r\\nk\\r\\n'
    """
    parts = [b"*%d\r\n" % len(argv)]
    parts += [b"$%d\r\n%b\r\n" % (len(argument), argument) for argument in argv]
    return b"".join(parts)


class ReplyReader:
    r"""Cuts a stream of bytes into replies.

    >>> reader = ReplyReader()
    >>> reader.feed(b"+OK\r\n*2\r\n:1\r\n$3\r\nf")
    [(b'+', b'OK')]
    >>> reader.feed(b"oo\r\n_\r\n")
    [(b'*', [(b':', b'1'), (b'$', b'foo')]), (b'_', None)]
    """

    def __init__(self) -> None:
        self.buffer = b""

    def feed(self, data: bytes) -> list[Reply]:
        """Every reply that is complete now."""
        self.buffer += data
        replies = []
        at = 0
        while True:
            try:
                reply, at = self._read(at)
            except IncompleteReply:
                break
            replies.append(reply)
        self.buffer = self.buffer[at:]
        return replies

    def _read(self, at: int) -> tuple[Reply, int]:
        end = self.buffer.find(b"\r\n", at)
        if end < 0:
            raise IncompleteReply
        kind, line, at = self.buffer[at : at + 1], self.buffer[at + 1 : end], end + 2
        if kind in BULKS:
            return self._read_bulk(kind, int(line), at)
        if kind in AGGREGATES:
            return self._read_aggregate(kind, int(line), at)
        return (kind, None if kind == b"_" else line), at

    def _read_bulk(self, kind: bytes, length: int, at: int) -> tuple[Reply, int]:
        if length < 0:
            return (kind, None), at
        if len(self.buffer) < at + length + 2:
            raise IncompleteReply
        return (kind, self.buffer[at : at + length]), at + length + 2

    def _read_aggregate(self, kind: bytes, length: int, at: int) -> tuple[Reply, int]:
        if length < 0:
            return (kind, None), at
        items = []
        for _ in range(length * 2 if kind in b"%|" else length):
            item, at = self._read(at)
            items.append(item)
        return (kind, items), at


class IncompleteReply(Exception):
    """The buffer ends inside a reply."""


def show(reply: Reply) -> str:
    """A reply on one line, type bytes included.

    >>> show((b"*", [(b":", b"1"), (b"$", None)]))
    '*[:1 $null]'
    """
    kind, payload = reply
    if payload is None:
        return kind.decode() + "null"
    if isinstance(payload, list):
        return f"{kind.decode()}[{' '.join(map(show, payload))}]"
    return kind.decode() + (
        repr(payload)[1:] if kind in BULKS else payload.decode("utf-8", "backslashreplace")
    )

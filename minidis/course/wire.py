r"""What chapter 1's exercises stand on: a socket of bytes, and a server that reads by a learner's parser.

    RawSocket        sendall and recv, nothing else; behind it an event loop and a node
    FrameRequests    lets `RespParser.feed(bytes) -> [frames]` do the work of the engine's request parser

>>> from minidis.drivers.embedded import Embedded
>>> socket = RawSocket(Embedded(clock=0))
>>> socket.sendall(b"*1\r\n$4\r\nPING\r\n")
>>> socket.recv(3), socket.recv(100)
(b'+PO', b'NG\r\n')

Read next: minidis/drivers/event_loop.py.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any

from minidis.drivers.embedded import Embedded
from minidis.drivers.event_loop import EventLoop
from minidis.protocol.resp import ProtocolError


class NothingToReceive(ConnectionError):
    """A real client would wait here for ever."""


class RawSocket:
    """A client's socket to a node: bytes in, bytes out.

    `pieces` answers how many bytes the network hands over next; without it, as many as are there.
    `sent` is all that was sent.
    """

    def __init__(self, node: Embedded, protocol: int = 2, pieces: Callable[[], int] | None = None) -> None:
        self._loop = EventLoop(node)
        self._connection = self._loop.connect("raw")
        self._connection.link.client.protocol = protocol
        self._pieces = pieces
        self._arrived = bytearray()
        self.sent = bytearray()

    def sendall(self, data: bytes) -> None:
        """Send bytes to the server."""
        self.sent += data
        self._connection.send(data)

    def recv(self, most: int) -> bytes:
        """At least one byte and at most `most`. Raises NothingToReceive when no byte will ever come."""
        self._loop.run()
        self._arrived += self._connection.received()
        if not self._arrived:
            raise NothingToReceive(
                "recv() would wait for ever: the server has nothing to say. Did it get a whole command, "
                "and is its whole reply read already?"
            )
        count = min(most, self._pieces() if self._pieces else most)
        data = bytes(self._arrived[:count])
        del self._arrived[:count]
        return data

    @property
    def unread(self) -> bytes:
        """What the server sent and nobody has read yet."""
        self._loop.run()
        self._arrived += self._connection.received()
        return bytes(self._arrived)


class FrameRequests:
    """A request parser (feed, next_request) made of a parser of frames (feed answers a list)."""

    authenticated = True

    def __init__(self, frames: Any) -> None:
        self._frames = frames
        self._waiting: deque[Any] = deque()

    def feed(self, data: bytes) -> None:
        """Hand bytes to the learner's parser and keep the frames that became whole."""
        self._waiting.extend(self._frames.feed(bytes(data)) or ())

    def next_request(self) -> list[bytes] | None:
        """The next request; None until more bytes come. Raises ProtocolError for what is no request."""
        while self._waiting:
            frame = self._waiting.popleft()
            if isinstance(frame, ProtocolError):
                raise frame
            if not frame:  # an empty array or a null one is skipped in silence
                continue
            if not isinstance(frame, list) or not all(isinstance(word, bytes) for word in frame):
                raise ProtocolError("ERR Protocol error: a request is an array of bulk strings")
            return frame
        return None

"""The server's side of a connection in this process: bytes of requests in, bytes of replies out.

A session does what a TCP server does for each of its sockets. Requests run in the order in which they came,
one at a time: while one waits (BLPOP), those behind it stay in the parser until its reply is there.

Mirrors: processInputBuffer and writeToClient in networking.c.

>>> session = Session(Embedded(clock=0))
>>> session.receive(b"PING\\r\\n*2\\r\\n$3\\r\\nGET\\r\\n$1\\r\\nk\\r\\n")
>>> session.take_output()
b'+PONG\\r\\n$-1\\r\\n'

Read next: sync.py.
"""

from __future__ import annotations

from typing import Any

from minidis.commands.connection import is_silenced
from minidis.drivers.embedded import Embedded
from minidis.engine.waiting import WAITING
from minidis.protocol.replies import Push, ReplyError
from minidis.protocol.resp import ProtocolError, RequestParser, encode


class Session:
    """A client of the node, a parser for what it sends, and what it has not read yet."""

    def __init__(self, embedded: Embedded) -> None:
        self.embedded = embedded
        self.client = embedded.connect()
        self.waits = False  # the last request has no reply yet
        self._requests: Any = RequestParser(embedded.node.config.proto_max_bulk_len)
        if embedded.front is not None:  # a learner's parser may be plugged in
            self._requests = embedded.front.parser()
        self._output = bytearray()

    @property
    def closed(self) -> bool:
        """True when the server has hung up (QUIT, CLIENT KILL, a broken request); output may be left."""
        return self.client.closed

    def receive(self, data: bytes) -> None:
        """Take bytes from the client and run the requests that are complete."""
        with self.embedded.lock:
            self._requests.feed(data)
            self.advance()

    def advance(self) -> None:
        """Take what the node delivered meanwhile, and run the requests that stood behind a waiting one."""
        with self.embedded.lock:
            while self.client.outbox:
                self.deliver(self.client.outbox.popleft())
            while not self.waits and not self.closed and (request := self._next_request()) is not None:
                self._execute(request)

    def deliver(self, reply: Any) -> None:
        """A late reply, or a message that nobody asked for."""
        if not isinstance(reply, Push):
            self.waits = False
        self._output += encode(reply, self.client.protocol)

    def take_output(self, most_bytes: int | None = None) -> bytes:
        """Bytes for the client, as many as there are or `most_bytes`."""
        with self.embedded.lock:
            data = bytes(self._output[:most_bytes])
            del self._output[: len(data)]
            return data

    def close(self) -> None:
        """The client hangs up."""
        self.embedded.disconnect(self.client)

    def _next_request(self) -> list[bytes] | None:
        self._requests.authenticated = self.client.authenticated
        try:
            return self._requests.next_request()
        except ProtocolError as error:
            self._output += encode(error)
            self.close()
            return None

    def _execute(self, argv: list[bytes]) -> None:
        mode_before = self.client.reply_mode
        try:
            reply = self.embedded.call(self.client, argv)
        except ReplyError as error:
            reply = error
        if reply is WAITING:
            self.waits = True
        elif not is_silenced(self.client, mode_before):
            self._output += encode(reply, self.client.protocol)
        while self.client.outbox:
            self.deliver(self.client.outbox.popleft())

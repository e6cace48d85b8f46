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

from minidis.client.values import Convert
from minidis.drivers.embedded import Embedded
from minidis.engine.link import Link
from minidis.protocol.resp import RequestParser


class Session(Link):
    """A link to an embedded node: commands run under its lock, by its timers."""

    def __init__(self, embedded: Embedded) -> None:
        parser = RequestParser if embedded.front is None else embedded.front.parser  # perhaps a learner's
        super().__init__(embedded.node, parser=parser, client=embedded.connect(), execute=embedded.call)
        self.embedded, self.lock = embedded, embedded.lock
        is_node = isinstance(embedded, Embedded)  # and nothing that only plays one (interleaving.py)
        self.target: Any = self.node if is_node else self  # `target.execute` runs a command
        self.of_type: dict[int, dict[type, Convert]] = {}  # by protocol: what redis-py makes of values
        self.handed_up: set[type] = set()  # types of values that it leaves as they are
        self.decodes = False  # is its text str?
        self.was_read = False  # has a parser taken bytes since somebody saw that it holds nothing?

    @property
    def waits(self) -> bool:
        """True while the last request has no reply yet."""
        return self.client.parked is not None

    def receive(self, data: bytes) -> None:
        with self.lock:
            super().receive(data)

    def answer(self, reply: Any) -> None:
        with self.lock:
            super().answer(reply)

    def collect(self) -> None:
        with self.lock:
            super().collect()

    def take_output(self, most_bytes: int | None = None) -> bytes:
        with self.lock:
            return super().take_output(most_bytes)

    def close(self) -> None:
        self.embedded.disconnect(self.client)

    def hang_up(self) -> None:
        """The other end is gone: `Embedded.hang_up`."""
        self.embedded.hang_up(self.client)

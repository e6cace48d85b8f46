"""A link: a client as bytes.  RESP comes in, RESP goes out; the node in between sees Python values.

    data ---> RequestParser ---> Node.execute ---> encode ---> link.output
                    ^                                             ^
                    waits while the client is blocked             late replies and pushes (client.outbox)

The link owns no socket: whoever has one feeds `receive` and sends what stands in `output`.

Mirrors: networking.c (`processInputBuffer`, `_writeToClient`).
Complexity: O(bytes).

>>> from minidis.drivers.embedded import Embedded
>>> link = Link(Embedded(clock=0).node)
>>> link.receive(b"*2\\r\\n$4\\r\\nECHO\\r\\n$5\\r\\nhel"); link.take_output()
b''
>>> link.receive(b"lo\\r\\nPING\\r\\n"); link.take_output()
b'$5\\r\\nhello\\r\\n+PONG\\r\\n'

Read next: minidis/drivers/event_loop.py, which takes turns between many links.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from minidis.engine.client import Client
from minidis.engine.node import Node
from minidis.engine.waiting import WAITING
from minidis.protocol.replies import ReplyError
from minidis.protocol.resp import ProtocolError, RequestParser, encode


class Link:
    """One connection to `node`.  `parser` makes the request parser: a learner's own fits here.

    `client` is one that is connected already and now speaks by bytes.
    """

    def __init__(
        self,
        node: Node,
        name: str = "",
        address: str = "embedded",
        parser: Callable[[], Any] = RequestParser,
        client: Client | None = None,
    ) -> None:
        self.node = node
        self.client = client or node.connect(name, address)
        self.parser = parser()
        self.output = bytearray()
        self.closing = False
        self.last_requests: list[list[bytes]] = []

    def receive(self, data: bytes) -> None:
        """Take bytes of the stream, however they are split, and run every command that is now whole.

        A broken frame answers the protocol error and sets `closing`: nothing after it means anything.
        """
        self.parser.feed(data)
        self.last_requests = []
        while self.run_one():
            pass

    def run_one(self) -> bool:
        """Run the next whole command, if there is one and the client may go on.  True if it did."""
        if self.closing or self.client.parked is not None:
            return False
        try:
            argv = self.parser.next_request()
        except ProtocolError as error:
            self._send(error)
            self.closing = True
            return False
        if argv is None:
            return False
        if argv:
            self.last_requests.append(argv)
            self._run(argv)
        return True

    def _run(self, argv: list[bytes]) -> None:
        client = self.client
        try:
            reply = self.node.execute(client, argv)
        except ReplyError as error:
            reply = error
        if reply is not WAITING and client.reply_mode == "on":
            self._send(reply)
        self.closing = self.closing or client.closed

    def collect(self) -> None:
        """Move late replies and messages from the client's outbox into `output`; then go on with requests."""
        self.collect_late_replies()
        while self.run_one():
            pass

    def collect_late_replies(self) -> None:
        """Move late replies and messages from the client's outbox into `output`."""
        outbox = self.client.outbox
        while outbox:
            self._send(outbox.popleft())

    def take_output(self, most: int | None = None) -> bytes:
        """Take up to `most` bytes (all, if None) out of `output`, to be sent."""
        count = len(self.output) if most is None else most
        data = bytes(self.output[:count])
        del self.output[:count]
        return data

    def close(self) -> None:
        """The connection is gone."""
        self.closing = True
        if not self.client.closed:
            self.node.disconnect(self.client)

    def _send(self, reply: Any) -> None:
        self.output += encode(reply, self.client.protocol)

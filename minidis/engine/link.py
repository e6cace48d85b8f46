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

import sys
from collections.abc import Callable
from typing import Any

from minidis.engine.client import Client, OnFault
from minidis.engine.memory.output_limits import cut_off
from minidis.engine.node import Node
from minidis.engine.running_ahead import run_ahead
from minidis.engine.waiting import WAITING
from minidis.protocol.replies import ReplyError, Several
from minidis.protocol.resp import (
    ProtocolError,
    ReplyTooLarge,
    RequestParser,
    encode,
    encode_within,
)

Execute = Callable[[Client, list[bytes]], Any]

TOO_MANY_CLIENTS = b"-ERR max number of clients reached\r\n"
"""What a driver says instead of making a link, when there are `maxclients` of them."""


class Link:
    """One connection to `node`.  `parser` makes the request parser: a learner's own fits here.

    `client` is one that is connected already and now speaks by bytes; `execute` runs a command (a
    driver's own way, with its lock and its timers, instead of the bare node's); `on_fault` makes the reply
    to a command in which something broke (without it, the exception goes on to the caller).
    """

    def __init__(
        self,
        node: Node,
        name: str = "",
        address: str = "embedded",
        parser: Callable[[], Any] = RequestParser,
        client: Client | None = None,
        execute: Execute | None = None,
        on_fault: OnFault | None = None,
    ) -> None:
        self.node = node
        self.client = client or node.connect(name, address)
        self.client.send_now = self.collect_late_replies
        self.execute = execute or node.execute
        self.client.on_fault = on_fault
        self.parser = parser()
        self._has_own_parser = isinstance(self.parser, RequestParser)
        self._runs_ahead = self._has_own_parser and execute is None
        self.output = bytearray()
        self.cuts_off = False  # in the middle of a reply that makes `output` reach the client's hard limit
        self.last_requests: list[list[bytes]] = []

    @property
    def closing(self) -> bool:
        """True when the server has hung up (QUIT, CLIENT KILL, a broken frame); output may be left."""
        return self.client.closed

    def receive(self, data: bytes) -> None:
        """Take bytes of the stream, however they are split, and run every command that is now whole.

        A broken frame answers the protocol error and closes: nothing after it means anything.
        """
        self.parser.feed(data)
        self.last_requests = []
        self.collect()

    def run_one(self) -> bool:
        """Run the next whole command, if there is one and the client may go on.  True if it did."""
        argv = self._next_request()
        if argv is None:
            return False
        if argv:
            self.last_requests.append(argv)
            self._run(argv)
        return True

    def run_all(self, most_output_bytes: int = sys.maxsize) -> bool:
        """Run every whole command.  True if it stopped because `output` has grown to `most_output_bytes`."""
        client, parser = self.client, self.parser
        while True:
            if client.outbox:  # a late reply comes before those to what was sent behind
                self.collect_late_replies()
            if requests := self.look_ahead():
                run_ahead(self.node, ((self, requests),), most_output_bytes)
                if not (requests or parser.unread_bytes or client.gated or client.outbox):
                    return len(self.output) >= most_output_bytes
            if len(self.output) >= most_output_bytes:
                return True
            argv = self._next_request()
            if argv is None:
                return False
            if argv:
                self._run(argv)

    def look_ahead(self) -> list[list[bytes]]:
        """The requests in front that may `run_ahead`, the next one last; none where there is more to look at.

        Who takes them off the list runs them; the others stay.
        """
        client = self.client
        if client.gated or self.node.gated or client.outbox or client.output_limit[0] or not self._runs_ahead:
            return []
        return self.parser.look_ahead()

    def _next_request(self) -> list[bytes] | None:
        """The next request that may run now.  A broken frame is answered, and is the last."""
        client, parser = self.client, self.parser
        if client.outbox:
            self.collect_late_replies()
        if client.closed or client.parked is not None:
            if client.aborted:
                self.output.clear()
            return None
        if self._has_own_parser:  # which AUTH and CONFIG SET change
            parser.authenticated = client.authenticated or not self.node.users.authentication_required
            parser.max_bulk_bytes = self.node.config.proto_max_bulk_len
        try:
            return parser.next_request()
        except ProtocolError as error:
            self.node.statistics.note_error(error)
            if not client.keeps_back_reply():
                self.send(error)
            self.close()
            return None

    def _run(self, argv: list[bytes]) -> None:
        try:
            reply = self.execute(self.client, argv)
        except Exception as error:
            reply = self.failure(argv, error)
        self.answer(reply)

    def failure(self, argv: list[bytes], error: Exception) -> ReplyError:
        """The reply to a command that raised `error`: the error, or what is said of a fault."""
        if isinstance(error, ReplyError):
            return error
        if self.client.on_fault is None:
            raise error
        return self.client.on_fault(self.client, argv, error)

    def answer(self, reply: Any) -> None:
        """Put the reply of a command that has run into `output`."""
        client = self.client
        if client.gated and client.parked is None and client.keeps_back_reply():  # else it is for a late one
            if type(reply) is not Several:
                reply = WAITING
        if reply is WAITING:
            pass
        elif client.role == "replica":
            if type(reply) is not Several or reply:
                self.node.replication.replicas.refuse_reply(client, reply)
        else:
            if self.cuts_off and client.output_limit[0]:
                self.output += self._encode_within_limit(reply)
            else:
                self.output += encode(reply, client.protocol)
        if client.outbox:
            self.collect_late_replies()

    def _encode_within_limit(self, reply: Any) -> bytes:
        client = self.client
        try:
            return encode_within(reply, client.protocol, client.output_limit[0] - 1 - len(self.output))
        except ReplyTooLarge:
            if not client.closed:
                cut_off(client)
            return b""

    def collect(self) -> None:
        """Move late replies and messages from the client's outbox into `output`; then go on with requests."""
        self.run_all()

    def collect_late_replies(self) -> None:
        """Move late replies and messages from the client's outbox into `output`."""
        outbox = self.client.outbox
        while outbox:
            self.send(outbox.popleft())

    def send(self, reply: Any) -> None:
        """Put a reply value into `output`, in the client's protocol."""
        self.output += encode(reply, self.client.protocol)

    def take_output(self, most_bytes: int | None = None) -> bytes:
        """Take up to `most_bytes` (all, if None) out of `output`, to be sent."""
        if most_bytes is None:
            data = bytes(self.output)
            self.output.clear()
        else:
            data = bytes(self.output[:most_bytes])
            del self.output[:most_bytes]
        return data

    def close(self) -> None:
        """The connection is gone: nothing of the client leads back here, so all of it is freed at once."""
        if not self.client.closed:
            self.node.disconnect(self.client)
        self.client.send_now = None

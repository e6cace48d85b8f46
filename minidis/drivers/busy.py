"""The server's sockets while a script runs too long: served by hand, because the event loop stands.

A script runs inside one callback of the loop, and neither asyncio nor uvloop can be entered again from there.
So once a script is slow, its hook comes here every millisecond or so, and takes one turn of a small loop:

    selector --> a listening socket    accept; the connection lives on a RawTransport until the loop is back
             --> a client's socket     recv, and on through Connection.data_received: -BUSY, SCRIPT KILL

When the script is over, the newcomers' sockets are handed to the event loop. Nothing is lost in between: what
this loop does not read stays in the kernel.

Mirrors: processEventsWhileBlocked in networking.c.
Differs: TLS connections wait for the end of the script; so do signals, and a client that connected in the
very turn of the event loop in which the script began.
Complexity: a system call for each turn, and for each socket that has something.

Read next: server.py.
"""

from __future__ import annotations

import asyncio
import os
import selectors
import socket
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from minidis.drivers.server import Connection, Server

READ_BYTES = 64 * 1024


class BusyTurns:
    """Serves the sockets of `server` for the time of one slow script."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self.selector = selectors.DefaultSelector()
        self.newcomers: list[tuple[Connection, RawTransport]] = []
        for listener in server.listeners:
            for listening in listener.sockets:
                copy = socket.socket(fileno=os.dup(listening.fileno()))
                copy.setblocking(False)
                self.selector.register(copy, selectors.EVENT_READ, self._accept)
        for connection in server.connections.values():
            transport = connection.transport
            if not connection.running and transport.get_extra_info("sslcontext") is None:
                transport.set_write_buffer_limits(
                    high=0
                )  # uvloop then writes at once, not at the end of its turn
                self._watch(connection, transport.get_extra_info("socket").fileno())

    def take_turn(self) -> None:
        """Serve whatever has come; does not wait."""
        for key, _ in self.selector.select(0):
            key.data(key.fileobj)
        self.server.flush()

    def end(self, write_limit_bytes: int) -> None:
        """The event loop is back: it gets the newcomers."""
        for copy in [key.fileobj for key in self.selector.get_map().values()]:
            copy.close()  # type: ignore[union-attr]
        self.selector.close()
        for connection in self.server.connections.values():
            if not isinstance(connection.transport, RawTransport):
                connection.transport.set_write_buffer_limits(high=write_limit_bytes)
        for connection, transport in self.newcomers:
            if not transport.is_closing():
                transport.hand_over(connection)

    def _watch(self, connection: Connection, number: int) -> None:
        reader = socket.socket(fileno=os.dup(number))
        reader.setblocking(False)
        self.selector.register(reader, selectors.EVENT_READ, lambda _: self._receive(connection, reader))

    def _accept(self, listening: Any) -> None:
        try:
            accepted, _ = listening.accept()
        except OSError:
            return
        transport = RawTransport(accepted, self.server.loop)
        connection = self.server.new_connection()
        connection.connection_made(transport)
        if not transport.is_closing():
            self.newcomers.append((connection, transport))
            self._watch(connection, accepted.fileno())

    def _receive(self, connection: Connection, reader: socket.socket) -> None:
        closes = connection.transport.is_closing()
        try:
            data = b"" if closes else reader.recv(READ_BYTES)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if data:
            connection.data_received(data)
            return
        self.selector.unregister(reader)
        reader.close()
        if not closes:  # known at once: the script may wait for just that
            connection.transport.abort()
            connection.connection_lost(None)


class RawTransport(asyncio.Transport):
    """A socket without an event loop, for as long as that is away.  What cannot be sent at once is kept."""

    def __init__(self, accepted: socket.socket, loop: asyncio.AbstractEventLoop) -> None:
        names = {"sockname": _name(accepted.getsockname), "peername": _name(accepted.getpeername)}
        super().__init__({"socket": accepted, **names})
        accepted.setblocking(False)
        self.socket = accepted
        self.loop = loop
        self.unsent = bytearray()
        self.closing = False

    def write(self, data: Any) -> None:
        self.unsent += data
        try:
            sent = self.socket.send(self.unsent)
        except OSError:
            return
        del self.unsent[:sent]

    def hand_over(self, connection: Connection) -> None:
        """Let the event loop have the socket."""
        self.task = self.loop.create_task(
            self.loop.connect_accepted_socket(lambda: connection, self.socket)  # type: ignore[arg-type]
        )

    def is_closing(self) -> bool:
        return self.closing

    def close(self) -> None:
        if not self.closing:
            self.closing = True
            self.socket.close()

    abort = close

    def get_write_buffer_size(self) -> int:
        return len(self.unsent)

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        pass


def _name(asked: Any) -> Any:
    try:
        return asked()
    except OSError:
        return None

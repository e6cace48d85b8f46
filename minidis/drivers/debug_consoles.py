"""The connections of clients who debug a script: spoken to by hand, since the event loop stands meanwhile.

    SCRIPT DEBUG SYNC    the server itself waits for the client's next command, and nobody is served
    SCRIPT DEBUG YES     a fork: the parent lets go of the connection, the child talks, and ends afterwards

The child must not touch the event loop, whose epoll it shares with its parent: it has the socket, and ends
without a look back. What its script changed was in its own memory only.

Mirrors: `ldbStartSession`, `ldbEndSession` in eval.c.
Differs: connections with TLS cannot be debugged.

Read next: minidis/scripting/debugger.py.
"""

from __future__ import annotations

import os
import selectors
import signal
import socket
from typing import TYPE_CHECKING

from minidis.engine.client import Client
from minidis.protocol.replies import ReplyError

if TYPE_CHECKING:
    from minidis.drivers.server import Server

READ_BYTES = 1024
SEND_SECONDS = 5.0


class DebugConsoles:
    """The sessions of one server."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self.children: list[int] = []

    def open(self, client: Client, in_a_copy: bool) -> DebugConsole | None:
        """The console of `client`; None where a child has it, and this process goes on."""
        transport = self.server.connections[client.id].transport
        if transport.get_extra_info("sslcontext") is not None:
            raise ReplyError("ERR the script debugger needs a connection without TLS")
        if in_a_copy and not hasattr(os, "fork"):
            raise ReplyError("ERR processes cannot fork here: use SCRIPT DEBUG SYNC")
        connected = socket.socket(fileno=os.dup(transport.get_extra_info("socket").fileno()))
        if not in_a_copy:
            return DebugConsole(connected, is_copy=False)
        child = os.fork()
        if child:
            self.children.append(child)
            connected.close()
            return None
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, signal.SIG_IGN)
        for listener in self.server.listeners:
            for listening in listener.sockets:
                os.close(listening.fileno())
        return DebugConsole(connected, is_copy=True)

    def reap(self) -> None:
        """Let those children go that have ended."""
        self.children = [child for child in self.children if os.waitpid(child, os.WNOHANG) == (0, 0)]

    def end(self) -> None:
        """The server ends, and with it every session."""
        for child in self.children:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
        self.children = []


class DebugConsole:
    """One client's socket, read and written with patience."""

    def __init__(self, connected: socket.socket, is_copy: bool) -> None:
        self.socket = connected
        self.is_copy = is_copy  # of a process that ends with the session

    def send(self, data: bytes) -> None:
        """Send all of it; somebody who has gone is noticed by `receive`."""
        left = memoryview(data)
        while left and self._wait(selectors.EVENT_WRITE, SEND_SECONDS):
            try:
                left = left[self.socket.send(left) :]
            except BlockingIOError:
                continue
            except OSError:
                return

    def receive(self) -> bytes:
        """Wait for more; empty when the client is gone."""
        while True:
            self._wait(selectors.EVENT_READ, None)
            try:
                return self.socket.recv(READ_BYTES)
            except BlockingIOError:
                continue
            except OSError:
                return b""

    def leave(self) -> None:
        """The session is over."""
        self.socket.close()
        if self.is_copy:
            os._exit(0)

    def _wait(self, event: int, seconds: float | None) -> bool:
        with selectors.DefaultSelector() as selector:
            selector.register(self.socket, event)
            return bool(selector.select(seconds))

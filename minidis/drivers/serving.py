"""A node of this process, also behind TCP: what `%redis serve` starts.

    cells, redis-py in process --> Embedded (lock) --> node
                                      ^
    redis-cli, any client --> sockets, in a thread of their own

The server's event loop runs in its own thread, so it answers while a cell computes or sleeps. Whatever
touches the node does so under the lock of the embedded driver: each callback of the loop takes it, as each
call in process does. A cell that waits (BLPOP, say) gives the lock away meanwhile; so does a slow script.

Two worlds wake each other: what a cell's command owes to a socket is taken to the loop by
`call_soon_threadsafe`; what a socket's command owes to a thread that waits in process is announced by the
embedded driver, as ever.

With a frozen clock the sockets' clients live in frozen time too: a BLPOP with a limit ends when `%clock step`
gets there. `%redis reset` hangs up on everyone, and goes on serving the fresh node.

It listens on the loopback interface only: a notebook's node has no password.

Mirrors: nothing in Redis.
Complexity: one lock for each read of a socket.

>>> from minidis.drivers.embedded import Embedded
>>> import socket
>>> serving = Serving(Embedded(clock=0))
>>> with socket.create_connection((serving.host, serving.port)) as connection:
...     _ = connection.sendall(b"PING\\r\\n")
...     connection.recv(100)
b'+PONG\\r\\n'
>>> serving.stop()

Read next: server.py.
"""

from __future__ import annotations

import asyncio
import atexit
import threading
from collections import deque
from collections.abc import Callable
from typing import Any

from minidis.drivers import browser
from minidis.drivers.embedded import NO_NETWORK, Embedded
from minidis.drivers.log import Log
from minidis.drivers.server import Connection, ListenError, Server, loop_factory
from minidis.engine.client import Client
from minidis.engine.settings.config import ConfigError

HOST = "127.0.0.1"

LOOK_EVERY_S = 0.1
"""So often a clock that stands is looked at: it may run again."""

STOP_PATIENCE_S = 10.0


class Serving:
    """A server for `embedded`, from now on until `stop()`.  Port 0 picks a free one.  Raises ListenError."""

    host = HOST

    def __init__(self, embedded: Embedded, port: int = 0) -> None:
        if not 0 <= port <= 65535:
            raise ListenError("a port is a number from 0 (any that is free) to 65535")
        if browser.inside():
            raise ListenError(browser.REFUSAL)
        self.embedded = embedded
        self.port = port
        self.log_lines: deque[str] = deque(maxlen=200)
        self._failure: ListenError | None = None
        self._is_up = threading.Event()
        self._thread = threading.Thread(target=self._run, name="redis-server", daemon=True)
        self._thread.start()
        self._is_up.wait()
        if self._failure is not None:
            raise self._failure
        atexit.register(self.stop)

    @property
    def is_running(self) -> bool:
        """False after `stop()`, or when a client has sent SHUTDOWN."""
        return self._thread.is_alive()

    def stop(self) -> None:
        """Hang up on everyone, and listen no more.  The node stays, with its data."""
        if self.is_running:
            self._server.stop_soon()
            self._thread.join(STOP_PATIENCE_S)
        atexit.unregister(self.stop)

    def _run(self) -> None:
        try:
            with asyncio.Runner(loop_factory=loop_factory()) as runner:
                runner.run(self._serve())
        finally:
            self._is_up.set()

    async def _serve(self) -> None:
        self._server = EmbeddedServer(self.embedded, RecentLines(self.log_lines))
        try:
            self.port = await self._server.start_at(self.port)
        except ListenError as error:
            self._failure = error
            return
        finally:
            self._is_up.set()
        await self._server.wait_until_stopped()


class RecentLines(Log):
    """A log that nobody has to look at: its last lines are kept."""

    def __init__(self, lines: deque[str]) -> None:
        super().__init__()
        self.lines = lines

    def write_raw(self, text: str) -> None:
        self.lines.append(text.rstrip("\n"))


class EmbeddedServer(Server):
    """The server of a node that others call as well: everything happens under their lock."""

    def __init__(self, embedded: Embedded, log: Log) -> None:
        super().__init__(embedded.node, log)
        self.embedded = embedded
        self._awaited: dict[Connection, None] = {}  # connections whose clients' outboxes hold something
        self._stop_listening: list[Callable[[], None]] = []  # once it serves: to what, and how that ends

    async def start_at(self, port: int) -> int:
        """Listen on a port of the loopback interface; which one it is.  Raises ListenError."""
        self.loop = asyncio.get_running_loop()
        self._thread = threading.get_ident()
        self.port: int = self.listeners.open_at(HOST, port)
        with self.embedded.lock:
            self._stop_listening = [
                self.embedded.on_output(self._output_announced),
                self.embedded.on_restart(self._restarted),
            ]
            self.take_over_node()
            self.schedule()
        return self.port

    def take_over_node(self) -> None:
        """Let SHUTDOWN end the server, a slow script be served around, and INFO know the port."""
        node = self.node = self.embedded.node
        self._was_port = node.config.port
        self._set_port(self.port)
        node.on_shutdown = self.stop_soon
        node.on_script_step = self.script_step
        node.log = self.log.write
        node.config_listeners.append(self._config_changed)

    def _config_changed(self, attributes: list[str]) -> None:
        if self.node.config.port != self.port:
            raise ConfigError("a server that a notebook has started keeps its port", "port")

    def _set_port(self, port: int) -> None:
        setattr(self.node.config, "port", port)  # noqa: B010  (its attributes are made from a table)

    def stop_soon(self) -> None:
        """End; may be called from any thread."""
        if not self.loop.is_closed():
            self.loop.call_soon_threadsafe(self.stopped.set)

    async def close(self) -> None:
        if self._stop_listening:
            with self.embedded.lock:
                self._leave_node()
        await super().close()

    def _leave_node(self) -> None:
        for stop_listening in self._stop_listening:
            stop_listening()
        self.node.works_at_once = True
        self._set_port(self._was_port)
        self.node.on_shutdown, self.node.on_script_step = None, self.embedded.script_step
        self.node.log = lambda level, text: None
        self.node.config_listeners.remove(self._config_changed)

    # -- everything under the lock ----------------------------------------------------------------

    def new_connection(self) -> Connection:
        return EmbeddedConnection(self)

    def flush(self) -> None:
        with self.embedded.lock:
            super().flush()

    def tick(self) -> None:
        with self.embedded.lock:
            super().tick()

    def tick_node(self) -> None:
        """A frozen clock runs the timers when it is moved."""
        if not self.embedded.is_frozen:
            self.embedded.tick()

    def schedule(self) -> None:
        """While the clock stands, look now and then whether it runs again."""
        if not self.embedded.is_frozen:
            super().schedule()
        elif self._timer is None:
            self._timer_us = 0
            self._timer = self.loop.call_later(LOOK_EVERY_S, self.tick)

    def carry_out_peers(self) -> None:
        """As in process: connections of the node's own belong to a server or a lab."""
        self.node.peers.refuse_all(NO_NETWORK)

    def script_step(self, run: Any) -> None:
        """A script runs, perhaps in this thread; then the event loop stands."""
        self.embedded.script_step(run)
        if threading.get_ident() == self._thread:
            super().script_step(run)

    # -- both worlds wake each other --------------------------------------------------------------

    def run_those_who_waited(self) -> None:
        while self.node.pending_output or self._awaited:
            self.embedded.announce_output()
            awaited, self._awaited = self._awaited, {}
            for connection in awaited:
                connection.run_commands()

    def _output_announced(self, client: Client) -> None:
        """Something landed in an outbox, in any thread."""
        connection = self.connections.get(client.id)
        if connection is not None and connection.link is not None and connection.link.client is client:
            self._awaited[connection] = None
            self._wake()

    def flush_soon(self, connection: Connection | None = None) -> None:
        if threading.get_ident() == self._thread:
            super().flush_soon(connection)
        else:  # the loop is told in the one way that is allowed
            if connection is not None:
                self._owed[connection] = None
            self._wake()

    def hang_up(self, connection: Connection) -> None:
        super().hang_up(connection)
        self._wake()

    def _wake(self) -> None:
        if threading.get_ident() != self._thread and not self.loop.is_closed():
            self.loop.call_soon_threadsafe(self.flush)

    def _restarted(self) -> None:
        """Another node has taken the place; the former one has hung up on everyone."""
        self.connections.clear()
        self.take_over_node()


class EmbeddedConnection(Connection):
    """One socket; what it does to the node is done under the lock."""

    server: EmbeddedServer

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        with self.server.embedded.lock:
            super().connection_made(transport)

    def data_received(self, data: bytes) -> None:
        with self.server.embedded.lock:
            super().data_received(data)

    def eof_received(self) -> None:
        with self.server.embedded.lock:
            super().eof_received()

    def connection_lost(self, error: Exception | None) -> None:
        with self.server.embedded.lock:
            super().connection_lost(error)

    def resume_writing(self) -> None:
        with self.server.embedded.lock:
            super().resume_writing()

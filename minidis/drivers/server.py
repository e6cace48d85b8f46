"""The node behind TCP: asyncio sockets on one side, links on the other, one thread in between.

    socket  ->  Connection.data_received  ->  parser      for each that has sent something; then Server.flush:
    socket  <-  Connection.write  <-  output  <-  run_ahead  <--'

A turn of the event loop: the bytes of some clients are read, then all their whole commands run, and then
everyone who is owed something is written to. So the log is written, and perhaps synced, once for all of them;
nobody whom a reply wakes takes the processor before the others have been read; and a command knows of the
large argument that another client had sent before it (CLIENT LIST, maxmemory-clients), whichever socket the
kernel names first. Between turns there are the node's own timers, at `node.next_deadline_us()`.

A client that does not read makes its output grow. Redis goes on reading from it (a client may send a long
pipeline before it reads the first reply) and cuts it off at `client-output-buffer-limit`; so do we, and we
look every 64 KB of output, also in the middle of a pipeline.

An exception in a command is a fault of ours: it goes into the log, its client gets an error reply, and nobody
else notices.

Directives honoured here: protected-mode maxclients timeout tcp-keepalive client-output-buffer-limit
client-query-buffer-limit dir pidfile logfile loglevel; bind, port and their kin in listening.py.

Mirrors: networking.c, the listening part of server.c, socket.c.
Differs: uvloop or asyncio instead of ae.c; all are read before anyone is served, which Redis does only with
I/O threads, of which there are none here; a reply is made whole before it is measured.
Read next: minidis/server.py, the command line.
"""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys
import time
import traceback
from collections import deque
from collections.abc import Callable, Generator, Iterator
from contextlib import suppress
from typing import Any, cast

import minidis.distributed  # noqa: F401  (files every command in the registry)
from minidis.drivers import collecting, reserving
from minidis.drivers.busy import BusyTurns, RawTransport
from minidis.drivers.crash_reports import CrashReports
from minidis.drivers.debug_consoles import DebugConsoles
from minidis.drivers.listening import ListenError, Listeners
from minidis.drivers.log import Log
from minidis.drivers.peer_sockets import PeerSockets
from minidis.drivers.process import OomScore, process_facts
from minidis.engine import starting
from minidis.engine.client import Buffers, Client
from minidis.engine.durability.disk import DiskError, NodeFailure
from minidis.engine.durability.loading import LoadError, SnapshotError
from minidis.engine.durability.snapshots import REST_US
from minidis.engine.keyspace.expiry import PART_US
from minidis.engine.link import TOO_MANY_CLIENTS, Link
from minidis.engine.memory.client_buffers import RESIZED_FROM_BYTES, ClientBuffers
from minidis.engine.memory.output_limits import NO_LIMIT, OutputMeter
from minidis.engine.node import VERSION, Node
from minidis.engine.running_ahead import run_ahead
from minidis.engine.settings.config import ConfigError
from minidis.protocol.replies import ReplyError
from minidis.protocol.resp import RequestParser

FLUSH_BYTES = 64 * 1024
"""Output of one client goes to its socket at the latest when it has grown to this."""

LARGE_READ_BYTES = 16 * 1024
"""A read of so much is taken in at once: it does not pile up beside the others' until the end of the turn."""

CLOSING_US = 10_000_000
"""So long we wait for one whose connection is closed to take the next of what it is owed."""

LEAST_CLIENTS_A_CRON = 5
"""So many clients at least are looked at `hz` times a second; all of them once a second."""

PROTECTED = (
    b"-DENIED Redis is running in protected mode because protected mode is enabled and no password is "
    b"set for the default user. In this mode connections are only accepted from the loopback "
    b"interface. If you want to connect from external computers to Redis you may adopt one of the "
    b"following solutions: 1) Just disable protected mode sending the command 'CONFIG SET "
    b"protected-mode no' from the loopback interface by connecting to Redis from the same host the "
    b"server is running, however MAKE SURE Redis is not publicly accessible from internet if you do "
    b"so. Use CONFIG REWRITE to make this change permanent. 2) Alternatively you can just disable the "
    b"protected mode by editing the Redis configuration file, and setting the protected mode option to "
    b"'no', and then restarting the server. 3) If you started the server manually just for testing, "
    b"restart it with the '--protected-mode no' option. 4) Setup an authentication password for the "
    b"default user. NOTE: You only need to do one of the above things in order for the server to start "
    b"accepting connections from the outside.\r\n"
)


class Server:
    """A node that listens.  `start`, then `wait_until_stopped`; or `async with`, in a test.

    Everything runs in the thread of the event loop.
    """

    def __init__(self, node: Node, log: Log | None = None) -> None:
        self.node = node
        self.log = log or Log(node.config.logfile, node.config.loglevel)
        self.connections: dict[int, Connection] = {}
        self.peers = PeerSockets(node, on_turn=self.flush, on_fault=self.log.warning)
        self._to_close: list[Connection] = []
        self.listeners = Listeners(node.config, self.log, self.new_connection)
        self.new_parser = request_parser()
        self._pidfile = ""
        self._folder = os.path.abspath(node.config.dir)
        self._oom_score = OomScore(node.config)
        self._crash_reports: CrashReports | None = None  # of a server that has the process for itself
        self._timer: asyncio.TimerHandle | None = None
        self._timer_us = 0
        self._reads_at_tick = 0
        self._next_clients_cron_us = 0
        self._round: Iterator[int] = iter(())  # ids of those who are looked at in turn
        self.stopped = asyncio.Event()
        self._busy: BusyTurns | None = None
        self.debug_consoles = DebugConsoles(self)
        self._is_ready = False
        self.exit_code = 0
        self.arrived: deque[Connection] = deque()  # who has sent something in this turn
        self._owed: dict[Connection, None] = {}  # who has replies that leave at the end of this turn
        self._flushes_soon = False

    # -- beginning and end ------------------------------------------------------------------------

    async def start(self, load: bool = False) -> None:
        """Listen on every address of the configuration.  Raises ListenError when there is none to be had.

        With `load`, begin to load what is on disk (LoadError, DiskError): who connects is told LOADING.
        """
        self.loop = asyncio.get_running_loop()
        self._show_role()
        self.take_over_node()
        config = self.node.config
        try:
            self.listeners.open()
            if load and not any(self.listeners):
                raise ListenError("Configured to not listen anywhere, exiting.")
        except ListenError:
            await self.close()
            raise
        self.node.config_listeners.append(self._config_changed)
        self._update_oom_score()
        if config.pidfile and _write_pidfile(config.pidfile, self.log):
            self._pidfile = config.pidfile
        self.log.welcome(VERSION, self.node.mode, config.port, config.always_show_logo)
        if self.node.sentinel is None:
            self.log.notice("Server initialized")
        if load:
            starting.start(self.node)
        elif self.node.cluster is not None:
            self.node.cluster.begin()
        if self.node.sentinel is not None:
            self.node.sentinel.begin()
        await self._listen_for_peers()
        self._announce_when_ready()
        self.schedule()

    async def _listen_for_peers(self) -> None:
        """The bus of a cluster has a port of its own, and no node can do without."""
        if not self.node.peers.listeners:
            return
        await self.peers.wait_until_listening()
        for listener in self.node.peers.listeners:
            if listener.error:
                await self.close()
                raise ListenError(f"Failed listening on port {listener.port} (cluster), aborting.")

    def _config_changed(self, attributes: list[str]) -> None:
        self.listeners.config_changed(attributes)
        if "dir" in attributes:
            self._enter_folder()
        if any(name.startswith("tls_") for name in attributes):
            self.peers.forget_tls()
        if "replicaof" in attributes:
            self._show_role()
            self._update_oom_score()
        for_score = [name for name in attributes if name.startswith("oom_score_adj")]
        if for_score and not self._update_oom_score():
            raise ConfigError(
                "Failed to set current oom_score_adj. Check server logs.", for_score[0].replace("_", "-")
            )

    def _enter_folder(self) -> None:
        """CONFIG SET dir: from where the files are now, and only to where one may enter."""
        config = self.node.config
        folder = os.path.realpath(os.path.join(self._folder, config.dir))
        try:
            os.stat(os.path.join(folder, "."))
        except OSError as error:
            raise ConfigError(error.strerror or str(error), "dir") from None
        self._folder = folder
        setattr(config, "dir", folder)  # noqa: B010  (its attributes are made from a table)

    def _show_role(self) -> None:
        node = self.node
        self.log.role = "X" if node.sentinel is not None else "S" if node.is_replica else "M"

    def _update_oom_score(self) -> bool:
        try:
            self._oom_score.update(self.node.is_replica)
        except (OSError, ValueError) as error:
            self.log.warning(f"Unable to write oom_score_adj: {error}")
            return False
        return True

    def _facts(self, section: str) -> dict[str, object]:
        return self.listeners.facts() if section == "listeners" else process_facts(section)

    def take_over_node(self) -> None:
        """Give the node what it asks of a process: its clock, its log, its end."""
        node = self.node
        node.on_shutdown = self.shut_down
        node.on_script_step = self.script_step
        node.go_on = self.go_on
        node.open_debug_console = self.debug_consoles.open
        node.log = self.log.write
        node.stopwatch_ns = time.perf_counter_ns
        node.statistics.time_all()
        node.expiry.part_us = PART_US
        node.works_at_once = False
        node.tracking.has_turns = True
        node.process_facts = self._facts
        node.sleep = lambda duration_us: time.sleep(duration_us / 1e6)
        node.talk = self.peers.talk

    def _announce_when_ready(self) -> None:
        if self._is_ready or self.node.loading is not None:
            return
        self._is_ready = True
        for kind, listeners in self.listeners.by_kind.items():
            if listeners:
                self.log.notice(f"Ready to accept connections {kind}")

    def handle_signals(self) -> None:
        """SIGTERM and SIGINT end the server; what kills it leaves a report.

        Python's own handlers, not the event loop's: they run between two instructions of whatever runs, and
        so also while a snapshot is written.
        """
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._signalled)
        self._crash_reports = CrashReports(self.node, self.log)
        self._crash_reports.begin()

    def _signalled(self, number: int, frame: object) -> None:
        ending, saving = self.node.shutdown, self.node.saving
        if ending.is_wanted and number == signal.SIGINT:
            self.log.signal("You insist... exiting now.")
            if os.path.exists(saving.temporary_path):
                os.unlink(saving.temporary_path)
            os._exit(1)
        name = signal.Signals(number).name
        if self.node.loading is not None:
            self.log.signal("Received shutdown signal during loading, scheduling shutdown.")
        else:
            self.log.signal(f"Received {name} scheduling shutdown...")
        ending.request(name)

    def shut_down(self) -> None:
        """End, after this turn."""
        self.node.shutdown.end()
        self.stopped.set()

    def fail(self, error: Exception) -> None:
        """The node cannot go on: hang up on everyone before another reply gets out, and end."""
        self.log.warning(str(error))
        if isinstance(error, SnapshotError):
            self.log.warning("Terminating server after rdb file reading failure.")
        self.exit_code = 1
        for connection in list(self.connections.values()):
            connection.transport.abort()
        self.stopped.set()

    def write_out(self) -> bool:
        """Bring the log up to date before replies leave.  False if it can't be, and they must not."""
        if not self.exit_code:  # it is at its end: each connection that is lost has a turn of its own
            try:
                self.node.write_out()
            except NodeFailure as error:
                self.fail(error)
        return not self.exit_code

    async def wait_until_stopped(self) -> None:
        """Until SHUTDOWN or a signal; then everything is closed."""
        await self.stopped.wait()
        await self.close()
        if not self.exit_code:
            self.log.warning("Redis is now ready to exit, bye bye...")

    async def close(self) -> None:
        """Hang up on everyone, and listen no more."""
        self.listeners.close()
        if self._timer is not None:
            self._timer.cancel()
        for connection in list(self.connections.values()):
            connection.transport.abort()
        self.peers.close()
        self.debug_consoles.end()
        if self._crash_reports is not None:
            self._crash_reports.end()
        await asyncio.sleep(0)  # asyncio tells each connection that it is lost
        if self._pidfile and os.path.exists(self._pidfile):
            if not self.exit_code:  # a failure has had its last words
                self.log.notice("Removing the pid file.")
            os.unlink(self._pidfile)

    async def __aenter__(self) -> Server:
        await self.start()
        return self

    async def __aexit__(self, *exception: object) -> None:
        await self.close()

    # -- a turn -----------------------------------------------------------------------------------

    def note_fault(self, client: Client, argv: list[bytes], error: Exception) -> ReplyError:
        """A command broke: the log has the traceback, and its client an error reply."""
        if isinstance(error, NodeFailure):
            return ReplyError(f"ERR {error}")  # which nobody reads: it comes again as the turn ends
        self.log.warning(f"A fault in {argv[0][:64]!r} of client {client.id}:\n{traceback.format_exc()}")
        return ReplyError(f"ERR internal error: {type(error).__name__}; the log of the server has details")

    def flush_soon(self, connection: Connection | None = None) -> None:
        """Let this turn of the event loop end with a `flush`, which also writes what `connection` is owed."""
        if connection is not None:
            self._owed[connection] = None
        if not self._flushes_soon:
            self._flushes_soon = True
            self.loop.call_soon(self.flush)

    def flush(self) -> None:
        """The end of a turn: run what has come, hang up on whom the node let go, write to the others."""
        node = self.node
        try:
            self.run_arrived()
            if node.pause.released:
                node.pause.let_go()
            self.run_those_who_waited()
        finally:
            self._flushes_soon = False
        if self._busy is None:
            node.before_sleep()
            self.run_those_who_waited()  # who is told of what has expired just now
        while self._to_close:
            self._to_close.pop().cut()
        if (node.unwritten or self.exit_code) and not self.write_out():
            return
        owed, self._owed = self._owed, {}
        for connection in owed:
            connection.write()
            if connection.link is not None and connection.link.client.closed:
                connection.close_if_done()
        if node.peers.outbox:
            self.carry_out_peers()
        if self._timer is None or node.next_tick_us < self._timer_us:
            self.schedule()

    def run_arrived(self) -> None:
        """Run the commands of those who have sent something, in its order.

        A script among them that is slow serves the rest of them meanwhile (`script_step`).
        """
        while self.arrived:
            turn = self._take_turns()
            try:
                run_ahead(self.node, turn, FLUSH_BYTES)
            except Exception:  # not in a command, that is caught: in the parser or an encoder
                self.log.warning(f"A fault between commands:\n{traceback.format_exc()}")
                turn.close()

    def _take_turns(self) -> Generator[tuple[Link, list[list[bytes]]], None, None]:
        """Each that has sent something, with the requests that may run ahead; what is left then runs here."""
        arrived, node = self.arrived, self.node
        while arrived:
            connection = arrived.popleft()
            link = connection.link
            if link is None or connection.running:
                continue
            connection.running = True
            try:
                requests = link.look_ahead()
                if requests:
                    yield link, requests
            except BaseException:  # also of who makes use of this
                self.log.warning(f"Closing client that has sent what cannot be served: {link.client.peer}")
                link.close()
                self._owed[connection] = None  # what was answered before it still goes out
                raise
            finally:
                connection.running = False
            if requests or link.client.gated or link.client.outbox or link.parser.unread_bytes:
                connection.run_received()
                continue
            connection.unread_bytes = 0
            self._owed[connection] = None
            if node.client_memory.counting:
                connection.look_after()

    def run_those_who_waited(self) -> None:
        """Take up the late replies and messages of this turn; after its late reply a client goes on."""
        while self.node.pending_output:
            clients, self.node.pending_output = self.node.pending_output, {}
            for client_id in clients:
                connection = self.connections.get(client_id)
                if connection is not None:
                    connection.run_commands()

    def go_on(self, client: Client) -> None:
        """Run what a client had sent behind a command that has waited."""
        connection = self.connections.get(client.id)
        if connection is not None:
            connection.run_commands()

    def carry_out_peers(self) -> None:
        """Open, write to and close the connections that the node itself asks for."""
        self.peers.carry_out()

    def new_connection(self) -> Connection:
        return Connection(self)

    def script_step(self, run: Any) -> None:
        """A script runs, and the event loop stands. If it is slow, serve what has come meanwhile."""
        if not run.is_slow:
            return
        if self._busy is None:
            self._busy = BusyTurns(self)
            self.loop.call_soon(self._end_busy)
        self._busy.take_turn()
        if self.stopped.is_set():
            run.killed = b"ERR the server shuts down"

    def _end_busy(self) -> None:
        """The event loop runs again: the slow script is over."""
        if self._busy is not None:
            self._busy.end(FLUSH_BYTES)
            self._busy = None

    def hang_up(self, connection: Connection) -> None:
        """The node has closed a client: at the end of this turn its socket goes too."""
        if connection.link is not None and connection.link.client.dismissed:
            self.flush_soon(connection)
        elif not connection.running:  # one that runs (QUIT) gets its reply first
            self._to_close.append(connection)

    # -- timers -----------------------------------------------------------------------------------

    def schedule(self) -> None:
        deadline_us = self.node.next_deadline_us()
        if self._timer is not None:
            if self._timer_us <= deadline_us:
                return
            self._timer.cancel()
        self._timer_us = deadline_us
        delay_us = min(max(0, deadline_us - self.node.clock()), 1_000_000 // self.node.config.hz)
        self._timer = self.loop.call_later(delay_us / 1e6, self.tick)

    def tick(self) -> None:
        """The timers are due: the node's, and the look at idle clients."""
        self._timer = None
        loading = self.node.loading
        reads = self.node.statistics.reads
        self.node.background.rest_us = 0 if reads == self._reads_at_tick else REST_US
        self._reads_at_tick = reads
        try:
            self.tick_node()
            self._announce_when_ready()
            self._check_some_clients()
        except (LoadError, NodeFailure) as error:
            self.fail(error)
            return
        except Exception as error:
            self.log.warning(f"A fault in a timer:\n{traceback.format_exc()}")
            if loading is not None and loading.fault is error:
                self.fail(error)
                return
            self.node.next_cron_us = self.node.clock() + 1_000_000  # not again at once
        self.flush()

    def _check_some_clients(self) -> None:
        """Idle clients, soft output limits: a part of the clients at each cron, in turn."""
        now_us, hz = self.node.now_us, self.node.config.hz
        interval_us = 1_000_000 // hz
        if now_us < self._next_clients_cron_us <= now_us + interval_us:
            return
        self._next_clients_cron_us = now_us + interval_us
        self.debug_consoles.reap()
        if self._crash_reports is not None:
            self._crash_reports.wind_up()
        count = len(self.connections)
        for _ in range(min(count, max(LEAST_CLIENTS_A_CRON, -(-count // hz)))):
            client_id = next(self._round, None)
            if client_id is None:
                self._round = iter(list(self.connections))
                client_id = next(self._round)
            if client_id in self.connections:
                self.connections[client_id].check(now_us)

    def tick_node(self) -> None:
        """Run the node's timers."""
        self.node.tick()


class Connection(asyncio.Protocol):
    """One socket and its link."""

    transport: asyncio.Transport
    buffers: ClientBuffers

    def __init__(self, server: Server) -> None:
        self.server = server
        self.link: Link | None = None
        self.running = False
        self.unread_bytes = 0  # by the commands that have run
        self.last_active_us = 0  # when something came from it, or went to it
        self.unsent_bytes = 0  # when it was last checked
        self.meter = OutputMeter()

    # -- called by asyncio ------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        if self.link is not None:  # accepted while a script kept the event loop from running
            unsent = cast(RawTransport, self.transport).unsent
            self.transport = cast(asyncio.Transport, transport)
            self.transport.set_write_buffer_limits(high=FLUSH_BYTES)
            self.transport.write(bytes(unsent))
            return
        self.transport = cast(asyncio.Transport, transport)
        server, node = self.server, self.server.node
        peer = transport.get_extra_info("peername")
        if len(server.connections) >= node.config.maxclients:
            self._refuse(TOO_MANY_CLIENTS)
            return
        if self._is_unprotected(peer):
            self._refuse(PROTECTED)
            return
        node.now_us = node.clock()
        self.link = Link(node, parser=server.new_parser, on_fault=server.note_fault)
        self.link.cuts_off = True
        client = self.link.client
        client.peer = _show_address(peer, node.config.unixsocket)
        client.local = _show_address(transport.get_extra_info("sockname"), node.config.unixsocket)
        client.on_close = lambda: server.hang_up(self)
        client.measure_buffers = self.measure
        client.is_tls = transport.get_extra_info("sslcontext") is not None
        server.connections[client.id] = self
        self.last_active_us = node.now_us
        self.buffers = ClientBuffers(node.client_memory.resizing, node.now_us)
        self.transport.set_write_buffer_limits(high=FLUSH_BYTES)
        _keep_alive(transport.get_extra_info("socket"), node.config.tcp_keepalive)
        server.log.verbose(f"Accepted {client.peer}")

    def data_received(self, data: bytes) -> None:
        link = self.link
        if link is None or link.client.closed:
            return
        server, size_bytes = self.server, len(data)
        node = server.node
        link.parser.feed(data)
        self.unread_bytes += size_bytes
        if self.unread_bytes > self.buffers.query_peak:
            self.buffers.grow_query(self.unread_bytes)
        node.statistics.reads += 1
        node.statistics.input_bytes += size_bytes
        self.last_active_us = node.now_us
        if size_bytes >= LARGE_READ_BYTES:
            self.run_received()
            return
        server.arrived.append(self)  # what it asks for runs when everyone's bytes have been read
        if not server._flushes_soon:
            server.flush_soon()

    def resume_writing(self) -> None:
        """The socket has taken what there was: a snapshot that waits for that goes on at once."""
        node = self.server.node
        if self.link is not None and self.link.client.role == "replica":
            node.background.hurry()
            node.wake(node.now_us)
            self.server.flush_soon()

    def eof_received(self) -> None:
        """Nothing more will come, so the client goes; asyncio closes the socket when all sent is taken."""
        self.server.flush()  # its last words are heard, and answered
        if self.link is not None:
            self.link.client.on_close = None  # many shut down their own side alone, and read on
            self.link.close()

    def connection_lost(self, error: Exception | None) -> None:
        self.server.run_arrived()  # its last words may be among them
        if self.link is not None:
            if self.server.connections.get(self.link.client.id) is self:
                del self.server.connections[self.link.client.id]
            client = self.link.client
            client.on_close, client.measure_buffers = None, Buffers
            self.link.close()
            self.server.flush_soon()

    # -- the server's side ------------------------------------------------------------------------

    def run_received(self) -> None:
        """Run what has been read, and look at what it has left."""
        self.run_commands()
        self.look_after()

    def look_after(self) -> None:
        """Look at what the commands that have run have left."""
        link, server = self.link, self.server
        if link is None:
            return
        node = server.node
        if node.client_memory.counting and not self._check_output(node.now_us):
            node.client_memory.weigh(link.client)  # whose own limit goes before that of all
        self.unread_bytes = link.parser.unread_bytes
        if self.unread_bytes and self.unread_bytes > node.config.client_query_buffer_limit:
            server.log.warning(f"Closing client that reached max query buffer length: {link.client.peer}")
            self.transport.abort()

    def run_commands(self) -> None:
        """Run every whole command that has come, and send what there is to say."""
        link = self.link
        if link is None or self.running:
            return
        self.running = True
        try:
            # a hard limit counts the replies of one reading together, so where there is one, nothing leaves
            # before it is known whether they keep within it
            while link.run_all(max(FLUSH_BYTES, link.client.output_limit[0])):
                self.write()
                if self.transport.is_closing():
                    break
        except Exception:  # not in a command, that is caught: in the parser or an encoder
            self.server.log.warning(f"A fault at {link.client.peer}:\n{traceback.format_exc()}")
            link.close()
        finally:
            self.running = False
        self.server.flush_soon(self)

    def cut(self) -> None:
        """Hang up: the other side sees it no later than anybody sees a reply of this turn.

        asyncio alone would close the socket after those have left.
        """
        handle = self.transport.get_extra_info("socket")
        if handle is not None and not self.transport.is_closing():
            # by a second descriptor, since uvloop's handles have no `shutdown`; the other side may be gone
            with suppress(OSError), socket.fromfd(handle.fileno(), handle.family, handle.type) as twin:
                twin.shutdown(socket.SHUT_RDWR)
        self.transport.abort()

    def close_if_done(self) -> None:
        """The node has let go of the client: its last replies go out, then the socket is closed.

        Not those of one who was let go for all that waits for it: it may never take them.
        """
        link = self.link
        if link is None or not link.closing or self.transport.is_closing():
            return
        if link.client.aborted:
            self.cut()
        elif not link.output:
            self.transport.close()

    def measure(self) -> Buffers:
        """What CLIENT LIST shows of the socket."""
        assert self.link is not None
        awaited_bytes = self.link.parser.awaited_bytes
        if (
            awaited_bytes >= RESIZED_FROM_BYTES
        ):  # there is room for a large argument as soon as it is announced
            self.buffers.query_bytes = max(self.buffers.query_bytes, awaited_bytes + 2)
        handle = self.transport.get_extra_info("socket")
        return Buffers(
            fd=-1 if handle is None else handle.fileno(),
            query_bytes=max(self.link.parser.unread_bytes, self.unread_bytes if self.running else 0),
            arguments_bytes=self.link.parser.arguments_bytes,
            output_bytes=self.transport.get_write_buffer_size() + len(self.link.output),
            unix=self.link.client.local.endswith(":0"),
            sizes=self.buffers,
        )

    def write(self) -> None:
        """Give the link's output to the socket; cut off a client that has let too much pile up."""
        link, server, transport = self.link, self.server, self.transport
        if link is None or not link.output or transport.is_closing():
            return
        node = server.node
        if (node.unwritten or server.exit_code) and not server.write_out():
            return
        if link.client.output_limit != NO_LIMIT and self._check_output(node.now_us):
            return
        output, buffers = link.take_output(), self.buffers
        if len(output) > buffers.reply_peak:
            buffers.reply_peak = min(len(output), buffers.reply_bytes)
        node.statistics.writes += 1
        if link.client.role != "replica":  # what those get is counted where it is made
            node.statistics.output_bytes += len(output)
        transport.write(output)
        self.last_active_us = node.now_us
        if node.client_memory.counting:
            node.client_memory.weigh(link.client)

    def check(self, now_us: int) -> None:
        """Once a second: hang up on the idle, look at the soft limit, and at the sizes of its buffers."""
        link = self.link
        if link is None:
            return
        timeout_s = self.server.node.config.timeout
        unsent_bytes = self.transport.get_write_buffer_size()
        if unsent_bytes < self.unsent_bytes:  # it reads, slowly
            self.last_active_us = now_us
        self.unsent_bytes = unsent_bytes
        if self.transport.is_closing():
            if now_us - self.last_active_us > CLOSING_US:
                self.transport.abort()
            return
        if timeout_s and now_us - self.last_active_us > timeout_s * 1_000_000 and not self._listens():
            self.server.log.verbose("Closing idle client")
            self.transport.abort()
        self._check_output(now_us)
        idle_s = (now_us - self.last_active_us) // 1_000_000
        self.buffers.resize(now_us, idle_s, link.parser.unread_bytes)

    def _listens(self) -> bool:
        """May it be silent as long as it likes?  It waits for something, or for all that comes."""
        assert self.link is not None
        client = self.link.client
        return (
            client.parked is not None
            or client.kind != "normal"  # a subscriber, or a link of replication
            or client.id in self.server.node.monitors.clients
        )

    def _check_output(self, now_us: int) -> bool:
        """Cut the client off if too much waits for it, and say whether that was so."""
        assert self.link is not None
        client = self.link.client
        if client.closed:
            return False
        size_bytes = self.transport.get_write_buffer_size() + len(self.link.output)
        if not self.meter.exceeds(client.output_limit, size_bytes, now_us):
            return False
        self.server.log.warning(
            f"Client {client.peer} closed for overcoming of output buffer limits ({size_bytes} bytes)."
        )
        client.abort()
        self.transport.abort()
        return True

    def _refuse(self, reason: bytes) -> None:
        self.server.node.statistics.rejected_connections += 1
        self.transport.write(reason)
        self.transport.close()

    def _is_unprotected(self, peer: Any) -> bool:
        node = self.server.node
        protected = node.config.protected_mode and node.users.default.needs_no_password
        if not protected or not isinstance(peer, tuple):
            return False
        return not (peer[0] == "::1" or peer[0].removeprefix("::ffff:").startswith("127."))


def _show_address(address: Any, unix_path: str) -> str:
    """An address as CLIENT LIST shows it: 127.0.0.1:6379, [::1]:6379, /run/redis.sock:0."""
    if not isinstance(address, tuple):
        return f"{unix_path}:0"
    host, port = address[:2]
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _keep_alive(connection: socket.socket, interval_s: int) -> None:
    if not interval_s or connection.family not in (socket.AF_INET, socket.AF_INET6):
        return
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in (
        ("TCP_KEEPIDLE", interval_s),
        ("TCP_KEEPINTVL", max(1, interval_s // 3)),
        ("TCP_KEEPCNT", 3),
    ):
        if hasattr(socket, name):
            connection.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)


def _write_pidfile(path: str, log: Log) -> bool:
    try:
        with open(path, "w") as file:
            file.write(f"{os.getpid()}\n")
    except OSError as error:
        log.warning(f"Can't write the pidfile {path}: {error.strerror}")
        return False
    return True


def loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    """uvloop's, where it is installed: it is the faster one."""
    try:
        import uvloop
    except ImportError:
        return None
    return uvloop.new_event_loop


def request_parser() -> type[RequestParser]:
    """The one that hiredis helps, where it is installed: it is quicker at pipelines."""
    try:
        from minidis.drivers.hiredis_requests import HiredisRequestParser
    except ImportError:
        return RequestParser
    return HiredisRequestParser


async def serve(node: Node) -> int:
    """Run `node` as a server until it is told to stop; the exit code of the process."""
    log = Log(node.config.logfile, node.config.loglevel)
    log.notice("oO0OoO0OoO0Oo Redis is starting oO0OoO0OoO0Oo")
    details = "bits=64, commit=00000000, modified=0"
    log.notice(f"Redis version={VERSION}, {details}, pid={os.getpid()}, just started")
    if len(sys.argv) > 1:
        log.notice("Configuration loaded")
    else:
        log.warning(
            "Warning: no config file specified, using the default config. In order to specify a config file "
            f"use {sys.argv[0]} /path/to/redis.conf"
        )
    server = Server(node, log)
    collecting.take_over(node)
    reserving.take_over(node)
    try:
        await server.start(load=True)
    except (ListenError, LoadError, DiskError) as error:
        server.fail(error)
        await server.close()
        return server.exit_code
    server.handle_signals()
    await server.wait_until_stopped()
    return server.exit_code

"""The peers of a node (minidis/engine/peers.py) on asyncio sockets: what its outbox asks for, done.

    node.peers.outbox   Open ---> a task that connects          -> peers.opened, or peers.lost
                        Send ---> transport.write
                        Close --> transport.close, when all is written
                        Listen -> a listening socket            -> peers.accepted for each that comes

`carry_out()` is called after every turn of the server; what a socket brings ends with `on_turn`, so that
clients that are owed something by it are written to.

Mirrors: connection.c, anet.c.
Read next: server.py.
"""

from __future__ import annotations

import asyncio
import os
import ssl
import traceback
from collections.abc import Callable
from functools import partial
from typing import Any, cast

from minidis.drivers.talking import talk
from minidis.drivers.tls import TlsError, client_context, server_context
from minidis.engine.durability.disk import NodeFailure
from minidis.engine.node import Node
from minidis.engine.peers import Address, Aside, Close, Listen, Listener, Open, Peer, Send, Unlisten

READ_BYTES = 16 * 1024
"""PROTO_IOBUF_LEN: what is taken from a socket before the others have their turn."""

LEAST_BYTES = 512
SHORT_NS, LONG_NS = 1_000_000, 4_000_000


class Portion:
    """How much of what a peer has sent is handed on in a turn.

    One that took long is followed by one of half the bytes (a few may unpack to very many), a short one by
    one of twice as many.
    """

    def __init__(self) -> None:
        self.size_bytes = READ_BYTES

    def note(self, handed_on_bytes: int, duration_ns: int) -> None:
        """So many bytes took so long."""
        if duration_ns > LONG_NS:
            self.size_bytes = max(LEAST_BYTES, min(self.size_bytes, handed_on_bytes) // 2)
        elif duration_ns < SHORT_NS:
            self.size_bytes = min(2 * self.size_bytes, READ_BYTES)


class PeerSockets:
    """Carries out what the node's peers ask for.  `on_turn` is called after each event of a socket."""

    def __init__(self, node: Node, on_turn: Callable[[], None], on_fault: Callable[[str], None]) -> None:
        self.node = node
        self.on_turn = on_turn
        self.on_fault = on_fault
        self._tls_context: ssl.SSLContext | None = None  # for peers that ask for TLS; made when one does
        self._tasks: dict[int, asyncio.Task] = {}
        self._sockets: dict[int, PeerSocket] = {}
        self._listening: dict[Listener, asyncio.Task | list[asyncio.Server]] = {}

    def carry_out(self) -> None:
        """Do what stands in the outbox."""
        outbox = self.node.peers.outbox
        while outbox:
            match outbox.popleft():
                case Open(peer):
                    self._tasks[peer.id] = asyncio.get_running_loop().create_task(self._connect(peer))
                case Send(peer):
                    self._write(peer)
                case Close(peer):
                    self._close(peer)
                case Listen(listener):
                    task = asyncio.get_running_loop().create_task(self._listen(listener))
                    self._listening[listener] = task
                case Unlisten(listener):
                    self._unlisten(listener)

    def close(self) -> None:
        """Drop everything, at the end of the server."""
        for task in self._tasks.values():
            task.cancel()
        for listener in list(self._listening):
            self._unlisten(listener)
        for peer_socket in list(self._sockets.values()):
            peer_socket.transport.abort()

    # -- outgoing ---------------------------------------------------------------------------------

    def forget_tls(self) -> None:
        """The directives have changed: peers that connect from now on are met with what they say."""
        self._tls_context = None

    def _prepare_tls(self) -> ssl.SSLContext:
        if self._tls_context is None:
            self._tls_context = client_context(self.node.config)
        return self._tls_context

    async def _connect(self, peer: Peer) -> None:
        host, port = peer.address
        source = self.node.config.bind_source_addr
        try:
            await asyncio.get_running_loop().create_connection(
                partial(PeerSocket, self, peer),
                host,
                port,
                ssl=self._prepare_tls() if peer.tls else None,
                local_addr=(source, 0) if source else None,
            )
        except (OSError, UnicodeError, TlsError) as error:
            number = None if isinstance(error, ssl.SSLError) else getattr(error, "errno", None)
            reason = os.strerror(number) if number and number > 0 else _words_of(error)
            self.guarded(self.node.peers.lost, peer, reason)
        finally:
            self._tasks.pop(peer.id, None)

    def _write(self, peer: Peer) -> None:
        peer_socket = self._sockets.get(peer.id)
        if peer_socket is not None and peer.output:
            peer_socket.transport.write(peer.take_output())

    def _close(self, peer: Peer) -> None:
        self._write(peer)
        task, peer_socket = self._tasks.pop(peer.id, None), self._sockets.pop(peer.id, None)
        if task is not None:
            task.cancel()
        if peer_socket is not None:
            peer_socket.transport.close()

    def talk(self, aside: Aside, until_us: int) -> None:
        """`node.talk`: the event loop stands, so these few bytes go by a blocking socket."""
        talk(aside, until_us, self.node, self._prepare_tls)

    # -- incoming ---------------------------------------------------------------------------------

    async def _listen(self, listener: Listener) -> None:
        servers: list[asyncio.Server] = []
        for host in self.node.config.bind.split() or ["*"]:
            optional, address = host.startswith("-"), host.removeprefix("-")
            address = {"*": "0.0.0.0", "::*": "::"}.get(address, address)
            try:
                servers.append(
                    await asyncio.get_running_loop().create_server(
                        partial(PeerSocket, self, None, listener),
                        address,
                        listener.port,
                        reuse_address=True,
                        ssl=server_context(self.node.config) if listener.tls else None,
                    )
                )
            except (OSError, TlsError) as error:
                if not optional:
                    reason = getattr(error, "strerror", None) or error
                    listener.error = f"{address}:{listener.port}: {reason}"
                    self.on_fault(f"Could not listen on {listener.error}")
        self._listening[listener] = servers

    async def wait_until_listening(self) -> None:
        """Until each port that was asked for is open, or its `listener.error` says why not."""
        self.carry_out()
        await asyncio.gather(*(task for task in self._listening.values() if isinstance(task, asyncio.Task)))

    def _unlisten(self, listener: Listener) -> None:
        held = self._listening.pop(listener, [])
        if isinstance(held, asyncio.Task):
            held.cancel()
            return
        for server in held:
            server.close()

    # -- events -----------------------------------------------------------------------------------

    def guarded(self, report: Callable[..., Any], *arguments: Any) -> Any:
        """Report to the node: a fault of a role is logged, and the server goes on."""
        try:
            return report(*arguments)
        except NodeFailure:
            return None  # it comes again as the turn ends
        except Exception:
            self.on_fault(f"A fault in a peer's handler:\n{traceback.format_exc()}")
            return None
        finally:
            self.on_turn()

    def keep(self, peer: Peer, peer_socket: PeerSocket) -> None:
        """A socket stands for `peer` now; one whose peer was closed meanwhile goes at once."""
        if peer.state == "closed":
            peer_socket.transport.abort()
        else:
            self._sockets[peer.id] = peer_socket
            peer.unsent_bytes = peer_socket.transport.get_write_buffer_size
            self._write(peer)  # what its handler said as it was accepted

    def forget(self, peer: Peer) -> None:
        self._sockets.pop(peer.id, None)


class PeerSocket(asyncio.Protocol):
    """One connection: outgoing for `peer`, or incoming at `listener`."""

    transport: asyncio.Transport

    def __init__(self, sockets: PeerSockets, peer: Peer | None, listener: Listener | None = None) -> None:
        self.sockets = sockets
        self.peer = peer
        self.listener = listener
        self._unread = bytearray()  # has come, and waits for its turn
        self._portion = Portion()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        local, remote = (_address(transport, name) for name in ("sockname", "peername"))
        peers = self.sockets.node.peers
        if self.listener is not None:
            self.peer = self.sockets.guarded(peers.accepted, self.listener, remote, local)
            if self.peer is None:
                self.transport.abort()
                return
        assert self.peer is not None
        self.sockets.keep(self.peer, self)
        if self.listener is None:
            self.sockets.guarded(peers.opened, self.peer, local)
        else:
            self.sockets.on_turn()

    def data_received(self, data: bytes) -> None:
        """Hand on a portion in a turn: a snapshot that comes in must keep nobody waiting."""
        if self._unread or len(data) > self._portion.size_bytes:
            if not self._unread:
                self.transport.pause_reading()
                asyncio.get_running_loop().call_soon(self._hand_on)
            self._unread += data
        else:
            self._tell(data)

    def _hand_on(self) -> None:
        size_bytes = self._portion.size_bytes
        portion = bytes(self._unread[:size_bytes])
        del self._unread[:size_bytes]
        self._tell(portion)
        if self._unread:
            asyncio.get_running_loop().call_soon(self._hand_on)
        elif not self.transport.is_closing():
            self.transport.resume_reading()

    def _tell(self, data: bytes) -> None:
        if self.peer is None or not data:
            return
        node = self.sockets.node
        started_ns = node.stopwatch_ns()
        self.sockets.guarded(node.peers.received, self.peer, data)
        self._portion.note(len(data), node.stopwatch_ns() - started_ns)

    def eof_received(self) -> None:
        """The other side has ended it; asyncio itself would tell after the commands of this turn."""
        self.connection_lost(None)

    def connection_lost(self, error: Exception | None) -> None:
        self._tell(bytes(self._unread))
        self._unread.clear()
        peer, self.peer = self.peer, None
        if peer is not None:
            self.sockets.forget(peer)
            reason = "Connection closed by the other side" if error is None else _words_of(error)
            self.sockets.guarded(self.sockets.node.peers.lost, peer, reason)


def _words_of(error: Exception) -> str:
    return str(error) or type(error).__name__


def _address(transport: asyncio.BaseTransport, which: str) -> Address:
    address = transport.get_extra_info(which)
    return (address[0], address[1]) if isinstance(address, tuple) else ("", 0)

"""A talk with one peer on a blocking socket, while the node and its event loop stand still.

    MULTI ... MIGRATE b 6379 x 0 1000 ... EXEC

Inside a transaction or a script nobody else may come in between, so Redis stops until the target has
answered, and so does this server: connect, write what the peer sends, report what it receives, until the
peer is closed or the time is over.

Mirrors: migrateGetSocket, syncio.c.
Read next: peer_sockets.py, for all other connections.
"""

from __future__ import annotations

import socket
import ssl
from collections.abc import Callable

from minidis.drivers.tls import TlsError
from minidis.engine.node import Node
from minidis.engine.peers import Aside, Close, Open, Peer, Send

READ_BYTES = 64 * 1024


def talk(aside: Aside, until_us: int, node: Node, tls_context: Callable[[], ssl.SSLContext]) -> None:
    """Carry out what the peer of `aside` asks for, until it is closed, or until the node's clock says so."""
    end: socket.socket | None = None

    def left_s() -> float:
        return max((until_us - node.clock()) / 1_000_000, 0.001)

    def connect(peer: Peer) -> socket.socket:
        source = node.config.bind_source_addr
        plain = socket.create_connection(peer.address, left_s(), (source, 0) if source else None)
        return tls_context().wrap_socket(plain) if peer.tls else plain

    peer: Peer | None = None
    try:
        while aside.outbox or (end is not None and node.clock() < until_us):
            if not aside.outbox:
                assert end is not None and peer is not None
                end.settimeout(left_s())
                if data := end.recv(READ_BYTES):
                    aside.received(peer, data)
                    continue
                aside.lost(peer, "Connection closed by the other side")
                return
            match aside.outbox.popleft():
                case Open(peer):
                    end = connect(peer)
                    aside.opened(peer, end.getsockname()[:2])
                case Send(peer) if end is not None:
                    end.sendall(peer.take_output())
                case Close():
                    return
    except (OSError, TlsError) as error:
        if peer is not None:
            aside.lost(peer, str(error))
    finally:
        if end is not None:
            end.close()

"""Peers: the connections that a node opens itself, and the ports beside its own that it listens on.

A client comes to the node. A replica, MIGRATE, Sentinel and the Cluster bus go out, or meet on a second
port. The node owns no socket, so it asks; the driver acts and reports what came of it:

    node (handler)                                  driver
    peer = node.peers.open("10.0.0.1", 6379, self)
                      outbox: Open(peer)  ------->  connects
    connected(peer)   <---------------------------  node.peers.opened(peer, local)
    peer.send(b"PING\\r\\n")
                      outbox: Send(peer)  ------->  peer.take_output(), into the socket
    received(peer, b"+PONG\\r\\n")  <--------------  node.peers.received(peer, data)
    peer.close()      outbox: Close(peer) ------->  closes when all is sent
    lost(peer, why)   <---------------------------  node.peers.lost(peer, why): refused, reset, ended

After `close` the handler hears nothing more; after `lost` the peer is closed. A `Peer` is a byte stream,
as TCP: what was sent comes in order and in any split, or the connection is lost. Nothing here times out:
a handler that has had enough of waiting (it is a `Service`, see node.py) closes.

`listen(port, accept)` is for a second port (the Cluster bus): `accept(peer)` answers the handler of a
connection that came in. The port of the clients is the driver's own business.

Where a command cannot wait, in MULTI and in scripts, the whole node stands still until the other side has
answered: `node.talk(Aside(node), until_us)`. An `Aside` has an outbox of its own, which the driver carries
out at once, and nothing else meanwhile.

A driver calls the methods under "the driver's side" and drains `outbox` after every turn. There are
three: sockets (minidis/drivers/peer_sockets.py), the lab's virtual network (minidis/drivers/simulation),
and none at all: the embedded node refuses every peer (`refuse_all`).

Mirrors: connection.h, the connecting halves of replication.c, cluster_link.c and sentinel.c.
Differs: one interface for all four; a state machine above it never sees a socket.
Complexity: O(1) for each call, O(bytes) to send.

>>> from minidis.engine.node import Node
>>> class Greeter:
...     def connected(self, peer): peer.send(b"PING\\r\\n")
...     def received(self, peer, data): print(data); peer.close()
...     def lost(self, peer, reason): print("lost:", reason)
>>> node = Node(clock=lambda: 0)
>>> peer = node.peers.open("10.0.0.1", 6379, Greeter())
>>> node.peers.outbox.popleft()
Open(peer=<Peer 1 10.0.0.1:6379 opening>)
>>> node.peers.opened(peer, local=("10.0.0.2", 40000)); node.peers.outbox.popleft().peer.take_output()
b'PING\\r\\n'
>>> node.peers.received(peer, b"+PONG\\r\\n"); peer.state
b'+PONG\\r\\n'
'closed'

Read next: minidis/drivers/peer_sockets.py, then minidis/distributed/replication.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol

from minidis.structures.record import NamedTuple

if TYPE_CHECKING:
    from minidis.engine.node import Node

Address = tuple[str, int]
"""Host and port."""


class PeerHandler(Protocol):
    """What a role is told about a connection of its own."""

    def connected(self, peer: Peer) -> None:
        """The connection stands; what is sent from now on goes out."""

    def received(self, peer: Peer, data: bytes) -> None:
        """Bytes came, at least one."""

    def lost(self, peer: Peer, reason: str) -> None:
        """The connection could not be had, or the other side or the network ended it."""


class Peer:
    """One connection to another process.  `state` is "opening", "open" or "closed"."""

    __slots__ = ("address", "handler", "id", "local", "output", "peers", "state", "tls", "unsent_bytes")

    def __init__(self, peers: Peers, identifier: int, address: Address, handler: PeerHandler) -> None:
        self.peers = peers
        self.id = identifier
        self.address = address
        self.local: Address = ("", 0)
        self.handler = handler
        self.tls = False
        self.state = "opening"
        self.output = bytearray()
        self.unsent_bytes: Callable[[], int] = lambda: 0  # the driver's: what it took and its socket has not

    def send(self, data: bytes) -> None:
        """Send bytes.  Before the connection stands they wait; after its end they are dropped."""
        if self.state == "closed" or not data:
            return
        if not self.output and self.state == "open":
            self.peers.outbox.append(Send(self))
        self.output += data

    def take_output(self) -> bytes:
        """The driver's: take what is to be sent."""
        data = bytes(self.output)
        self.output.clear()
        return data

    @property
    def buffered_bytes(self) -> int:
        """What was given to `send` and is not yet on its way: the size for limits of output buffers."""
        return len(self.output) + self.unsent_bytes()

    def close(self) -> None:
        """End the connection, once what was sent is out.  The handler hears nothing more."""
        if self.state != "closed":
            self.state = "closed"
            self.peers.all.pop(self.id, None)
            self.peers.outbox.append(Close(self))

    def __repr__(self) -> str:
        return f"<Peer {self.id} {self.address[0]}:{self.address[1]} {self.state}>"


class Listener:
    """A port beside the clients' own.  `error` says why it could not be had."""

    def __init__(self, peers: Peers, port: int, accept: Callable[[Peer], PeerHandler], tls: bool) -> None:
        self.peers = peers
        self.port = port
        self.accept = accept
        self.tls = tls
        self.error = ""

    def close(self) -> None:
        """Listen no more; connections that came in stay."""
        if self in self.peers.listeners:
            self.peers.listeners.remove(self)
            self.peers.outbox.append(Unlisten(self))


class Open(NamedTuple):
    """Connect to `peer.address`; then call `opened`, or `lost`."""

    peer: Peer


class Send(NamedTuple):
    """Write `peer.take_output()`."""

    peer: Peer


class Close(NamedTuple):
    """Write what is left in `peer.take_output()`, then close.  A peer not open yet: give up."""

    peer: Peer


class Listen(NamedTuple):
    """Listen on `listener.port`, on the addresses of the node; call `accepted` for each that comes."""

    listener: Listener


class Unlisten(NamedTuple):
    """Listen there no more."""

    listener: Listener


Request = Open | Send | Close | Listen | Unlisten


class Peers:
    """All peers of one node, and the outbox of what is to be done for them."""

    def __init__(self, node: Node) -> None:
        self.node = node
        self.all: dict[int, Peer] = {}
        self.listeners: list[Listener] = []
        self.outbox: deque[Request] = deque()
        self._next_id = 1

    # -- the roles' side --------------------------------------------------------------------------

    def open(self, host: str, port: int, handler: PeerHandler, tls: bool = False) -> Peer:
        """Begin to connect.  `host` is a name or an address; which one it is, the driver sees to."""
        peer = self._new_peer((host, port), handler)
        peer.tls = tls
        self.outbox.append(Open(peer))
        return peer

    def listen(self, port: int, accept: Callable[[Peer], PeerHandler], tls: bool = False) -> Listener:
        """Listen on another port.  `accept` is given each peer that comes, and answers its handler."""
        listener = Listener(self, port, accept, tls)
        self.listeners.append(listener)
        self.outbox.append(Listen(listener))
        return listener

    def _new_peer(self, address: Address, handler: PeerHandler) -> Peer:
        peer = Peer(self, self._next_id, address, handler)
        self._next_id += 1
        self.all[peer.id] = peer
        return peer

    # -- the driver's side ------------------------------------------------------------------------

    def opened(self, peer: Peer, local: Address) -> None:
        """The connection stands; `local` is this side's address."""
        if peer.state != "opening":
            return
        peer.local = local
        peer.state = "open"
        if peer.output:
            self.outbox.append(Send(peer))
        self._tell(peer.handler.connected, peer)

    def accepted(self, listener: Listener, address: Address, local: Address) -> Peer:
        """Somebody connected to `listener`; the new peer, open."""
        peer = self._new_peer(address, _NOBODY)
        peer.local = local
        peer.state = "open"

        def accept() -> None:
            peer.handler = listener.accept(peer)
            peer.handler.connected(peer)

        self._tell(accept)
        return peer

    def received(self, peer: Peer, data: bytes) -> None:
        """Bytes came."""
        if peer.state == "open":
            self._tell(peer.handler.received, peer, data)

    def lost(self, peer: Peer, reason: str) -> None:
        """The connection is no more, or was never to be had."""
        if peer.state == "closed":
            return
        peer.state = "closed"
        self.all.pop(peer.id, None)
        self._tell(peer.handler.lost, peer, reason)

    def refuse_all(self, reason: str) -> None:
        """For a driver without a network: every connection asked for is lost at once, no port to be had."""
        while self.outbox:
            match self.outbox.popleft():
                case Open(peer):
                    self.lost(peer, reason)
                case Listen(listener):
                    listener.error = reason

    def _tell(self, event: Callable[..., None], *arguments: object) -> None:
        node = self.node
        node.now_us = node.clock()
        event(*arguments)
        if node.waiting.ready:
            node.waiting.serve()


class Aside(Peers):
    """Peers of a node that stands still while it talks to them: time, too, and nobody is served."""

    def _tell(self, event: Callable[..., None], *arguments: object) -> None:
        event(*arguments)


class _Nobody:
    """The handler of a connection that is being accepted."""

    def connected(self, peer: Peer) -> None: ...

    def received(self, peer: Peer, data: bytes) -> None: ...

    def lost(self, peer: Peer, reason: str) -> None: ...


_NOBODY = _Nobody()

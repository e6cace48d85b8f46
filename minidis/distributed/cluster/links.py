"""The connections of the bus: each node opens one to every other, and speaks on its own.

    a  -- link a opened ---------->  b      a's PINGs, b's PONGs back on it
       <---------- link b opened --         b's PINGs, a's PONGs back on it

So two connections stand between two nodes. What a node has to say of its own accord (a PING, a vote, a
message that was published) goes over the link that *it* opened; the other is only answered on. Who came in
says its name with the first message; until then an inbound link belongs to nobody.

Mirrors: cluster.c (`clusterLink`, createClusterLink, freeClusterLink, setClusterNodeToInboundClusterLink).
Differs: no queue of messages that links share; a peer has one buffer of bytes.
Complexity: O(bytes).

Read next: receiving.py, which takes what comes in.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from minidis.distributed.cluster.messages import BrokenStream, Packets
from minidis.distributed.cluster.state import ClusterNode
from minidis.engine.peers import Peer

if TYPE_CHECKING:
    from minidis.distributed.cluster.bus import Bus


class ClusterLink:
    """One connection: to `node`, or from a node that is not known yet.  The handler of its peer."""

    __slots__ = ("bus", "created_ms", "inbound", "node", "packets", "peer")

    def __init__(self, bus: Bus, peer: Peer | None = None, node: ClusterNode | None = None) -> None:
        self.bus = bus
        self.inbound = node is None
        self.node = node
        self.created_ms = bus.now_ms
        self.packets = Packets()
        if node is None:
            assert peer is not None
            self.peer = peer
            bus.unknown_links.add(self)
        else:
            node.link = self
            tls = bool(bus.node.config.tls_cluster)
            self.peer = bus.node.peers.open(node.ip, node.bus_port, self, tls)

    def send(self, packet: bytes, type_name: str) -> None:
        """Send a whole message, and count it."""
        self.bus.count(self.bus.state.statistics.sent, type_name)
        self.bus.bytes_sent += len(packet)
        self.peer.send(packet)

    def belongs_to(self, node: ClusterNode) -> None:
        """Whoever came in has said its name.  An older link from there is left over: it goes."""
        if node.inbound_link is not None:
            node.inbound_link.close()
        node.inbound_link, self.node = self, node
        self.bus.unknown_links.discard(self)

    def close(self) -> None:
        """Hang up; nothing more is heard of it."""
        self.peer.close()
        self._forget()

    def _forget(self) -> None:
        self.bus.unknown_links.discard(self)
        node, self.node = self.node, None
        if node is not None:
            if node.link is self:
                node.link = None
            elif node.inbound_link is self:
                node.inbound_link = None

    @property
    def is_open(self) -> bool:
        return self.peer.state == "open"

    @property
    def buffered_bytes(self) -> int:
        """What was sent, and is not on its way yet."""
        return self.peer.buffered_bytes

    @property
    def events(self) -> str:
        """What it waits for, as CLUSTER LINKS says: to read, or also to write."""
        return "rw" if self.buffered_bytes else "r"

    # -- the peer's events ------------------------------------------------------------------------

    def connected(self, peer: Peer) -> None:
        if not self.inbound:
            self.bus.introduce(self)
        elif self.bus.is_loading:
            self.close()  # what would be told might take keys away that are still to be loaded

    def received(self, peer: Peer, data: bytes) -> None:
        self.packets.feed(data)
        try:
            for packet in self.packets:
                self.bus.take(self, packet)
                if not self.is_open:
                    break
        except BrokenStream as error:
            host, port = peer.address
            self.bus.log("warning", f"{error} from {host}:{port}")
            self.close()

    def lost(self, peer: Peer, reason: str) -> None:
        node = self.node
        if not self.inbound and node is not None and not peer.local[1]:
            self.bus.log(
                "verbose",
                f"Connection with Node {node.name} at {node.ip}:{node.bus_port} failed: {reason}",
            )
        self._forget()

    def __repr__(self) -> str:
        direction = "from" if self.inbound else "to"
        return f"<ClusterLink {direction} {self.node!r}>"

"""The bus: how the nodes of a cluster keep each other informed, ten times a second.

    cron       connect to whom we are not connected; PING one of five, the one unheard of for longest;
               PING whoever was silent for half the node timeout; who does not answer in time: PFAIL?
    received   receiving.py: the header says who speaks and what it serves, the body tells of others

Each node pings one other node a second and all within half a timeout, and each message tells of a tenth of
the cluster: so news reach everyone, though nobody is in charge. The price grows with the square of the
nodes: N nodes send each other about 2 N * N messages in every half timeout.

What a message changes is on disk before any answer leaves: peers send when the turn ends, and what was
`note`d is saved before that (role.py).

Mirrors: clusterCron, clusterBuildMessageHdr, clusterSend*, clusterBroadcast* in cluster.c.
Complexity: O(nodes) for each cron, O(bytes) for each message.

Read next: links.py, gossip.py, detection.py, election.py.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from minidis.distributed.cluster import (
    detection,
    election,
    gossip,
    manual_failover,
    messages,
    receiving,
    replica_migration,
)
from minidis.distributed.cluster.links import ClusterLink
from minidis.distributed.cluster.messages import EXTENSION_DATA, PAUSED, Message, encode, type_name
from minidis.distributed.cluster.state import (
    HANDSHAKE,
    MEET,
    MYSELF,
    NO_ADDRESS,
    PFAIL,
    SAVE,
    UPDATE_STATE,
    ClusterNode,
    ClusterState,
    random_name,
)
from minidis.engine.peers import Listener, Peer

if TYPE_CHECKING:
    from minidis.distributed.cluster.role import Cluster

CRONS_PER_SECOND = 10
RANDOM_CANDIDATES = 5


class Bus:
    """The part of a cluster's node that speaks to the others: `node.cluster.bus`."""

    def __init__(self, cluster: Cluster) -> None:
        self.cluster = cluster
        self.node = cluster.node
        self.random = cluster.random
        self.unknown_links: set[ClusterLink] = set()
        """Connections that came in, of nodes that have not said their name."""
        self.failing_nodes = 0
        """How many are in PFAIL, as the last tick has counted."""
        self.bytes_sent = 0
        self.dropped_type: int | None = None
        """DEBUG DROP-CLUSTER-PACKET-FILTER: messages of this type are not looked at."""
        self.ticks = 0
        self.event_listeners: list[Callable[[str], None]] = []
        """Told of what is worth a line of the log."""
        self.listener: Listener | None = None

    @property
    def state(self) -> ClusterState:
        return self.cluster.state

    @property
    def now_ms(self) -> int:
        return self.node.now_ms

    @property
    def timeout_ms(self) -> int:
        return self.node.config.cluster_node_timeout

    def log(self, level: str, text: str) -> None:
        """A line for the log of the node, and for those who listen."""
        self.node.log(level, text)
        if self.event_listeners and level in ("notice", "warning"):
            for listener in self.event_listeners:
                listener(text)

    def note_change(self, save: bool = False, state: bool = False) -> None:
        """Something has changed: nodes.conf must be saved, or the cluster's state worked out anew."""
        self.cluster.soon(save * SAVE | state * UPDATE_STATE)

    def begin(self) -> None:
        """Let others connect."""
        if self.listener is None:
            tls = bool(self.node.config.tls_cluster)
            self.listener = self.node.peers.listen(self.cluster.bus_port, self._accept, tls)

    def _accept(self, peer: Peer) -> ClusterLink:
        return ClusterLink(self, peer)

    # -- time -------------------------------------------------------------------------------------

    @property
    def is_loading(self) -> bool:
        """A primary that loads its files is not there yet, for the others."""
        return self.node.loading is not None and self.state.myself.is_primary

    def cron(self) -> None:
        """Ten times a second."""
        if self.is_loading:
            return
        self.ticks += 1
        self._look_at_links()
        if self.is_new_second:
            self._ping_somebody()
        orphans = detection.look_at_nodes(self)
        self._replicate_if_needed()
        manual_failover.check_time(self)
        if self.state.myself.is_replica:
            self.handle_failover(manual=True)
            replica_migration.migrate_if_needed(self, orphans)

    @property
    def is_new_second(self) -> bool:
        """True at every tenth cron."""
        return self.ticks % CRONS_PER_SECOND == 0

    def handle_failover(self, manual: bool = False) -> None:
        """Is there something to do for a failover?  Also as soon as a vote, or an offset, has come."""
        if manual:
            manual_failover.advance(self)
        election.advance(self)

    def begin_manual_failover(self, how: str) -> None:
        """CLUSTER FAILOVER, and "force" or "takeover"."""
        manual_failover.begin(self, how)

    def reset_manual_failover(self) -> None:
        """A manual failover is over, however it went."""
        manual_failover.end(self)

    def _replicate_if_needed(self) -> None:
        """A replica whose replication does not know its primary yet, after a start for example."""
        primary = self.state.myself.primary
        if primary is None or not primary.ip or self.node.replication.primary_address is not None:
            return
        if self.state.myself.is_replica and primary.has_address:
            self.replicate(primary)

    def replicate(self, primary: ClusterNode) -> None:
        """Have replication follow our primary, to where it is now; if that is not known, later (see cron)."""
        if primary.ip:
            tls = bool(self.node.config.tls_replication)
            self.node.replication.follow(primary.ip, primary.port(tls))

    def _look_at_links(self) -> None:
        """Connect to whom we are not connected to; drop handshakes that nobody answers."""
        handshakes_since_ms = self.now_ms - max(1000, self.timeout_ms)
        limit_bytes = self.node.config.cluster_link_sendbuf_limit
        failing_nodes = 0
        for node in self._worth_a_look():
            flags = node.flags
            if limit_bytes:
                self._close_if_over_limit(node, limit_bytes)
            if flags & PFAIL:
                failing_nodes += 1
            if flags & HANDSHAKE and node.created_ms < handshakes_since_ms:
                self.cluster.remove(node)
            elif node.link is None:
                ClusterLink(self, node=node)
                if not flags & HANDSHAKE:  # its silence counts from here, also if it can't be reached
                    node.ping_sent_ms = node.ping_sent_ms or self.now_ms
        self.failing_nodes = failing_nodes

    def _worth_a_look(self) -> list[ClusterNode]:
        """All but those whose connection stands and of whom there is no doubt: of many nodes, few."""
        everyone = bool(self.node.config.cluster_link_sendbuf_limit)
        return [
            node
            for node in self.state.nodes.values()
            if (node.link is None or node.flags & (PFAIL | HANDSHAKE) or everyone)
            and not node.flags & (MYSELF | NO_ADDRESS)
        ]

    def _close_if_over_limit(self, node: ClusterNode, limit_bytes: int) -> None:
        for link in (node.link, node.inbound_link):
            if link is not None and link.buffered_bytes > limit_bytes:
                self.log(
                    "warning",
                    f"Freeing cluster link({'from' if link.inbound else 'to'} node {node.name}, used memory: "
                    f"{link.buffered_bytes}) due to exceeding send buffer memory limit.",
                )
                link.close()
                self.state.statistics.links_over_limit += 1

    def _ping_somebody(self) -> None:
        """Of a few drawn by lot, the one whose last answer is the oldest."""
        nodes = list(self.state.nodes.values())
        drawn = [self.random.choice(nodes) for _ in range(RANDOM_CANDIDATES)]
        candidates = [
            node
            for node in drawn
            if node.link is not None
            and node.link.is_open
            and not node.ping_sent_ms
            and not node.flags & (MYSELF | HANDSHAKE)
        ]
        if candidates:
            oldest = min(candidates, key=lambda node: node.pong_received_ms)
            self.send_ping(oldest.link)

    # -- sending ----------------------------------------------------------------------------------

    def message(self, number: int, body: messages.Body = None, flags: int = 0) -> Message:
        """A message of ours: the header says who we are, and what we, or our primary, serve."""
        state, config = self.state, self.node.config
        myself = state.myself
        primary = myself.primary if myself.is_replica and myself.primary is not None else myself
        port, other_port = self.order_ports(myself.tcp_port, myself.tls_port)
        flags |= EXTENSION_DATA
        if myself.is_primary and state.manual_failover.ends_ms:
            flags |= PAUSED
        return Message(
            number,
            myself.name,
            state.current_epoch,
            primary.config_epoch,
            self.node.replication.offset,
            primary.slots,
            "" if myself.primary is None else myself.primary.name,
            config.cluster_announce_ip or "",
            port,
            other_port,
            myself.bus_port,
            myself.flags,
            0 if state.is_ok else 1,
            flags,
            body,
        )

    def order_ports(self, first: int, second: int) -> tuple[int, int]:
        """From the plain port and the one for TLS to a message's `port` and `other_port`, or back."""
        return (second, first) if self.node.config.tls_cluster else (first, second)

    def send(self, node: ClusterNode, message: Message) -> bool:
        """Send to one node over the link that we opened.  False: there is none."""
        return node.link is not None and self._send_over(node.link, message)

    def _send_over(self, link: ClusterLink, message: Message) -> bool:
        if not link.is_open:
            return False
        link.send(encode(message), message.type_name)
        return True

    def broadcast(self, message: Message) -> None:
        """Send to everyone who has told us its name."""
        packet, name = encode(message), message.type_name
        for node in self.state.others():
            if not node.in_handshake and node.link is not None and node.link.is_open:
                node.link.send(packet, name)

    def send_ping(self, link: ClusterLink, number: int = messages.PING) -> None:
        """A PING (or PONG, or MEET), with gossip about others."""
        if not link.is_open:
            return
        if number == messages.PING and not link.inbound and link.node is not None:
            link.node.ping_sent_ms = self.now_ms
        self._send_over(link, self.message(number, gossip.compose(self, link.node)))

    def introduce(self, link: ClusterLink) -> None:
        """A link that we opened stands: speak at once, and say MEET to whom CLUSTER MEET has named."""
        node = link.node
        if node is None:
            return
        waiting_since_ms = node.ping_sent_ms
        self.send_ping(link, messages.MEET if node.flags & MEET else messages.PING)
        if waiting_since_ms:
            node.ping_sent_ms = waiting_since_ms
        node.flags &= ~MEET

    def broadcast_pong(self, to_shard: bool = False) -> None:
        """Tell of a change at once, everyone or the replicas of this shard: PONGs that answer nothing."""
        myself = self.state.myself
        for node in self.state.others():
            if node.link is None or node.in_handshake:
                continue
            is_near = node.primary is not None and node.primary in (myself, myself.primary)
            if is_near or not to_shard:
                self.send_ping(node.link, messages.PONG)

    def send_update(self, node: ClusterNode, about: ClusterNode) -> None:
        """Tell `node` which slots `about` serves, and since when."""
        slots = about.slots & ~self.state.unclaimed
        body = messages.Updated(about.name, about.config_epoch, slots)
        self.send(node, self.message(messages.UPDATE, body))

    def publish(self, channel: bytes, text: bytes, to_shard: bool) -> None:
        """PUBLISH to all nodes, SPUBLISH to those of this shard: they hand it to their subscribers."""
        number = messages.PUBLISHSHARD if to_shard else messages.PUBLISH
        message = self.message(number, messages.Published(channel, text))
        if not to_shard:
            self.broadcast(message)
            return
        shard_id = self.state.myself.shard_id
        for node in self.state.others():
            if node.shard_id == shard_id and not node.in_handshake:
                self.send(node, message)

    # -- receiving --------------------------------------------------------------------------------

    def take(self, link: ClusterLink, packet: bytes) -> None:
        """A whole packet has come."""
        self.count(self.state.statistics.received, type_name(messages.packet_type(packet)))
        receiving.take(self, link, packet)

    @staticmethod
    def count(table: dict[str, int], name: str) -> None:
        table[name] = table.get(name, 0) + 1

    # -- who is known -----------------------------------------------------------------------------

    def meet(self, host: str, port: int, bus_port: int) -> bool:
        """CLUSTER MEET: begin a handshake, unless one with that address is under way.  False: no address."""
        from ipaddress import ip_address  # imported by those who have addresses

        try:
            ip = str(ip_address(host))
        except ValueError:
            return False
        if not (0 < port < 65536 and 0 < bus_port < 65536):
            return False
        tls = bool(self.node.config.tls_cluster)
        for node in self.state.others():
            if node.in_handshake and (node.ip, node.port(tls), node.bus_port) == (ip, port, bus_port):
                return True
        node = self.state.add(ClusterNode(random_name(self.random), HANDSHAKE | MEET, self.now_ms))
        node.ip, node.bus_port = ip, bus_port
        node.tcp_port, node.tls_port = self.order_ports(port, 0)
        return True

    def close_links(self, node: ClusterNode) -> None:
        """Hang up on a node."""
        for link in (node.link, node.inbound_link):
            if link is not None:
                link.close()

    def links(self) -> list[ClusterLink]:
        """Every link to or from a node that is known: CLUSTER LINKS."""
        return [
            link
            for node in self.state.others()
            for link in (node.link, node.inbound_link)
            if link is not None
        ]

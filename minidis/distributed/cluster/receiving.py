"""What a node does with a message of the bus, step by step.

    who speaks?     the link's node, or the name in the header; nobody we know: only a MEET counts
    its header      epochs grow, never shrink; its offset; a pause for a manual failover
    PING, MEET      answered with a PONG; a MEET of somebody unknown begins a handshake
    PING PONG MEET  name, address, role, slots of the sender; then gossip and extensions
    the others      FAIL, PUBLISH, votes, MFSTART, UPDATE: each has a module, or a few lines here

A handshake: CLUSTER MEET gives an address, no name. So a node with a made-up name is noted, a connection is
opened, and MEET sent; the PONG says the name. Whoever is sent a MEET does the same the other way round.

Mirrors: clusterProcessPacket, nodeUpdateAddressIfNeeded in cluster.c.
Complexity: O(bytes) + O(1); O(slots) when the sender serves other slots than we thought.

Read next: ownership.py.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from minidis.distributed.cluster import (
    detection,
    election,
    gossip,
    manual_failover,
    messages,
    ownership,
)
from minidis.distributed.cluster.links import ClusterLink
from minidis.distributed.cluster.messages import Failed, Gossip, MalformedMessage, Message, Published, Updated
from minidis.distributed.cluster.state import (
    EXTENSIONS_SUPPORTED,
    HANDSHAKE,
    NO_ADDRESS,
    NO_FAILOVER,
    PRIMARY,
    REPLICA,
    ClusterNode,
    is_name,
    random_name,
)

if TYPE_CHECKING:
    from minidis.distributed.cluster.bus import Bus


def take(bus: Bus, link: ClusterLink, packet: bytes) -> None:
    """Do what a packet asks for."""
    if messages.packet_type(packet) == bus.dropped_type:
        bus.log("warning", "Dropping packet that matches debug drop filter")
        return
    try:
        message = messages.decode(packet)
    except MalformedMessage as error:
        bus.log("warning", str(error))
        return
    sender = _find_sender(bus, link, message)
    if sender is not None:
        sender.data_received_ms = bus.now_ms
        if message.message_flags & messages.EXTENSION_DATA:
            sender.flags |= EXTENSIONS_SUPPORTED
        if not sender.in_handshake:
            _take_header(bus, message, sender)
    if isinstance(message.body, Gossip):
        if message.type != messages.PONG:
            _answer(bus, link, message, sender)
        if _agree_on_name(bus, link, message, sender):
            _take_ping(bus, link, message, sender)
    elif sender is not None:
        _take_other(bus, link, message, sender)
    elif message.type == messages.FAIL:
        bus.log("notice", f"Ignoring FAIL message from unknown node {message.sender}")


def _find_sender(bus: Bus, link: ClusterLink, message: Message) -> ClusterNode | None:
    """Who speaks: whom the link belongs to, or whom we know by that name."""
    if link.node is not None and not link.node.in_handshake:
        return link.node
    sender = bus.state.find(message.sender)
    if sender is bus.state.myself:
        return None if link.inbound else sender
    if sender is not None and link.node is None:
        link.belongs_to(sender)
    return sender


def _take_header(bus: Bus, message: Message, sender: ClusterNode) -> None:
    """What every message of a node that we know says."""
    state = bus.state
    state.current_epoch = max(state.current_epoch, message.current_epoch)
    if message.config_epoch > sender.config_epoch:
        sender.config_epoch = message.config_epoch
        if sender.primary is None:  # a replica's line in nodes.conf says its primary's
            bus.note_change(save=True)
    sender.replication_offset = message.offset
    sender.replication_offset_ms = bus.now_ms
    if message.message_flags & messages.PAUSED:
        manual_failover.note_paused_primary(bus, sender)


def _take_other(bus: Bus, link: ClusterLink, message: Message, sender: ClusterNode) -> None:
    """What is no PING, PONG or MEET."""
    body = message.body
    match message.type:
        case messages.FAIL if isinstance(body, Failed):
            detection.take_fail(bus, body.name, sender)
        case messages.PUBLISH if isinstance(body, Published):
            bus.node.pubsub.publish(body.channel, body.message)
        case messages.PUBLISHSHARD if isinstance(body, Published):
            bus.node.pubsub.publish_to_shard(body.channel, body.message)
        case messages.FAILOVER_AUTH_REQUEST:
            election.vote_if_right(bus, message, sender)
        case messages.FAILOVER_AUTH_ACK:
            election.count_vote(bus, message, sender)
        case messages.MFSTART:
            manual_failover.take_start(bus, link, sender)
        case messages.UPDATE if isinstance(body, Updated):
            ownership.take_update(bus, body)
        case messages.MODULE:
            pass  # there are no modules that could be meant
        case _:
            bus.log("warning", f"Received unknown packet type: {message.type}")


# ---- PING, PONG, MEET -------------------------------------------------------------------------------------


def _answer(bus: Bus, link: ClusterLink, message: Message, sender: ClusterNode | None) -> None:
    """A PING or MEET: learn our own address by it, begin a handshake if need be, answer with a PONG."""
    myself = bus.state.myself
    is_meet = message.type == messages.MEET
    if (is_meet or not myself.ip) and not bus.node.config.cluster_announce_ip:
        local = link.peer.local[0]
        if local and local != myself.ip:
            myself.ip = local
            bus.log("notice", f"IP address for this node updated to {local}")
            bus.note_change(save=True)
    if sender is None and is_meet and message.sender != myself.name:
        node = ClusterNode(random_name(bus.random), HANDSHAKE, bus.now_ms)
        node.ip = message.ip or link.peer.address[0]
        node.tcp_port, node.tls_port = bus.order_ports(message.port, message.other_port)
        node.bus_port = message.bus_port
        bus.state.add(node)
        bus.note_change(save=True)
        gossip.take_entries(bus, message, None)
    bus.send_ping(link, messages.PONG)


def _agree_on_name(bus: Bus, link: ClusterLink, message: Message, sender: ClusterNode | None) -> bool:
    """On a link that we opened: is it who we thought, or the end of a handshake?  False: the link is gone."""
    node = link.node
    if link.inbound or node is None:
        return True
    if node.in_handshake:
        if sender is not None:
            bus.log(
                "verbose",
                f"Handshake: we already know node {sender.name} ({sender.human_name}), "
                "updating the address if needed.",
            )
            if sender is not bus.state.myself and _update_address(bus, link, message, sender):
                bus.note_change(save=True, state=True)
            bus.cluster.remove(node)
            return False
        if not is_name(message.sender):
            bus.log("warning", "A node that can't be named so answers a handshake")
            bus.cluster.remove(node)
            return False
        bus.state.rename(node, message.sender)
        bus.log("debug", f"Handshake with node {node.name} completed.")
        role = REPLICA if message.flags & REPLICA else PRIMARY
        node.flags = node.flags & ~HANDSHAKE | role
        bus.note_change(save=True)
    elif node.name != message.sender:
        bus.log("debug", f"PONG contains mismatching sender ID. About node {node.name}")
        node.flags |= NO_ADDRESS
        node.ip, node.tcp_port, node.tls_port, node.bus_port = "", 0, 0, 0
        link.close()
        bus.note_change(save=True)
        return False
    return True


def _update_address(bus: Bus, link: ClusterLink, message: Message, node: ClusterNode) -> bool:
    """Is the node elsewhere than we thought?  Then connect to it there."""
    if link is node.link:
        return False
    ports = bus.order_ports(message.port, message.other_port)
    address = (message.ip or link.peer.address[0], *ports, message.bus_port)
    if not address[0] or address == (node.ip, node.tcp_port, node.tls_port, node.bus_port):
        return False
    node.ip, node.tcp_port, node.tls_port, node.bus_port = address
    if node.link is not None:
        node.link.close()
    node.flags &= ~NO_ADDRESS
    port = node.port(bool(bus.node.config.tls_cluster))
    bus.log("notice", f"Address updated for node {node.name} ({node.human_name}), now {node.ip}:{port}")
    if bus.state.myself.is_replica and bus.state.myself.primary is node:
        bus.replicate(node)
    return True


def _take_ping(bus: Bus, link: ClusterLink, message: Message, sender: ClusterNode | None) -> None:
    """What a PING, PONG or MEET tells of its sender, and then of others."""
    if sender is not None:
        sender.flags = sender.flags & ~NO_FAILOVER | message.flags & NO_FAILOVER
        if message.type == messages.PING and not sender.in_handshake:
            if _update_address(bus, link, message, sender):
                bus.note_change(save=True, state=True)
    if message.type == messages.PONG and not link.inbound and link.node is not None:
        detection.note_pong(bus, link.node)
    if sender is None:
        return
    _take_role(bus, message, sender)
    ownership.compare(bus, message, sender)
    ownership.resolve_collision(bus, message, sender)
    gossip.take_entries(bus, message, sender)
    assert isinstance(message.body, Gossip)
    gossip.take_extensions(bus, message.body.extensions, sender)


def _take_role(bus: Bus, message: Message, sender: ClusterNode) -> None:
    """Is it a primary, or whose replica?"""
    if not message.primary:
        if sender.is_replica:
            sender.become_primary()
            bus.note_change(save=True, state=True)
        return
    primary = bus.state.find(message.primary)
    if sender.is_primary:
        bus.cluster.take_set(sender.slots)
        sender.become_replica_of(None)
        bus.note_change(save=True, state=True)
    if primary is not None and primary is not sender and sender.primary is not primary:
        sender.become_replica_of(primary)
        bus.note_change(save=True)

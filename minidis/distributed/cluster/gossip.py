"""Gossip: each PING and PONG tells of a few other nodes, drawn by lot, and of all that do not answer.

    to b:   header: I am a, these are my slots        d  10.0.0.4:6379  ok
                                                      f  10.0.0.6:6379  PFAIL
                                                      e  10.0.0.5:6379  ok

A tenth of the nodes, three at least. So many that within twice the node timeout, in which two nodes exchange
eight messages or more, the majority of the primaries has told everybody of a node that it can't reach.

What is made of an entry:

    a node that I don't know, told by one whom I know     I take it in, and connect
    it fails, says a primary                              a failure report, good for two node timeouts
    it is well, says a primary                            its report is withdrawn
    it is well, and I have no doubt either                its PONG counts as if I had got it: one PING less
    it is well, and I can't reach it: other address?      I try there

Extensions tell what the header has no room for: the names of the sender, its shard, whom CLUSTER FORGET
has struck out.

Mirrors: clusterSendPing, clusterProcessGossipSection, clusterProcessPingExtensions in cluster.c.
Differs: a node of a name that can't be one is passed over.
Complexity: O(nodes) to compose, O(entries) to take in.

Read next: detection.py.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from minidis.distributed.cluster import detection
from minidis.distributed.cluster.messages import About, Extensions, Gossip, Message, pack_entry, text_of
from minidis.distributed.cluster.state import (
    EXTENSIONS_SUPPORTED,
    FAIL,
    HANDSHAKE,
    MYSELF,
    NO_ADDRESS,
    NO_FAILOVER,
    PFAIL,
    PRIMARY,
    REPLICA,
    ClusterNode,
    is_name,
)

if TYPE_CHECKING:
    from minidis.distributed.cluster.bus import Bus

FEWEST_ENTRIES = 3
TOLERANCE_MS = 500
"""So far in our future a time that others tell may lie: clocks differ."""


# ---- to others --------------------------------------------------------------------------------------------


def compose(bus: Bus, receiver: ClusterNode | None) -> Gossip:
    """What a PING or PONG to `receiver` (None: not known yet) says of others."""
    told_of = _draw(bus)
    if bus.failing_nodes:
        told_of += [
            node
            for node in bus.state.nodes.values()
            if node.may_be_failing and not node.flags & (HANDSHAKE | NO_ADDRESS)
        ]
    section = _section(told_of, tls=bool(bus.node.config.tls_cluster))
    if receiver is not None and receiver.flags & EXTENSIONS_SUPPORTED:
        return Gossip(section, _extensions(bus))
    return Gossip(section)


def _draw(bus: Bus) -> list[ClusterNode]:
    """Some nodes by lot, each once; none of those that fail, they are all told of."""
    nodes = list(bus.state.nodes.values())
    fresh = len(nodes) - 2  # without ourselves and the receiver
    wanted = min(max(FEWEST_ENTRIES, len(nodes) // 10), fresh)
    drawn: dict[ClusterNode, None] = {}
    random, count = bus.random.random, len(nodes)
    for _ in range(3 * wanted):
        if fresh <= 0 or len(drawn) >= wanted:
            break
        node = nodes[int(random() * count)]
        flags = node.flags
        if flags & (MYSELF | PFAIL):
            continue
        if flags & (HANDSHAKE | NO_ADDRESS) or (node.link is None and not node.slot_count):
            fresh -= 1
        elif node not in drawn:
            drawn[node] = None
            fresh -= 1
    return list(drawn)


def _section(nodes: list[ClusterNode], tls: bool) -> bytes:
    """The entries of these, packed without a detour: hundreds of nodes say ten thousand of them a second."""
    return b"".join(
        [
            pack_entry(
                node.name.encode(),
                node.ping_sent_ms // 1000 & 0xFFFFFFFF,
                node.pong_received_ms // 1000 & 0xFFFFFFFF,
                node.ip.encode(),
                node.tls_port if tls else node.tcp_port,
                node.bus_port,
                node.flags,
                node.tcp_port if tls else node.tls_port,
            )
            for node in nodes
        ]
    )


def _extensions(bus: Bus) -> Extensions:
    myself, now_ms = bus.state.myself, bus.now_ms
    forgotten = [
        (name, (until_ms - now_ms) // 1000)
        for name, until_ms in bus.state.forgotten.items()
        if until_ms >= now_ms
    ]
    return Extensions(myself.hostname, myself.human_name, forgotten, myself.shard_id)


# ---- from others ------------------------------------------------------------------------------------------


def take_entries(bus: Bus, message: Message, sender: ClusterNode | None) -> None:
    """What a message tells of others.  `sender` is None for a MEET of somebody unknown."""
    body = message.body
    assert isinstance(body, Gossip)
    nodes, latest_ms = bus.state.nodes, bus.now_ms + TOLERANCE_MS
    for number, (name, pong_received_s, flags) in enumerate(body.glances()):
        node = nodes.get(text_of(name))
        if node is None:
            if sender is not None:
                _take_in(bus, body.entry(number))
        elif (node.flags | flags) & (PFAIL | FAIL) or node.fail_reports:
            _take_doubts(bus, body.entry(number), node, sender)
        elif not node.ping_sent_ms:  # all is well, as nearly always
            pong_ms = pong_received_s * 1000
            if node.pong_received_ms < pong_ms <= latest_ms:
                node.pong_received_ms = pong_ms


def _take_in(bus: Bus, entry: About) -> None:
    """A node that we have not heard of; its name is told, so no handshake is needed."""
    if entry.flags & NO_ADDRESS or not is_name(entry.name):
        return
    if bus.state.is_forgotten(entry.name, bus.now_ms):
        return
    role = REPLICA if entry.flags & REPLICA else PRIMARY
    node = ClusterNode(entry.name, entry.flags & (PFAIL | FAIL | NO_FAILOVER) | role, bus.now_ms)
    _set_address(bus, node, entry)
    bus.state.add(node)
    bus.note_change(save=True)


def _take_doubts(bus: Bus, entry: About, node: ClusterNode, sender: ClusterNode | None) -> None:
    """News of a node that we know, and that fails, or failed lately, for the sender, for us or for others."""
    fails = entry.flags & (PFAIL | FAIL)
    if sender is not None and sender.is_primary and node is not bus.state.myself:
        if fails:
            if node.report_failure(sender, bus.now_ms):
                bus.log("verbose", f"Node {sender.name} reported node {node.name} as not reachable.")
            detection.mark_failed_if_agreed(bus, node)
        elif node.withdraw_failure(sender):
            bus.log("verbose", f"Node {sender.name} reported node {node.name} is back online.")
    node.count_fail_reports(bus.now_ms, bus.timeout_ms)  # which drops those that are too old
    if fails or not node.flags & (PFAIL | FAIL) or entry.flags & NO_ADDRESS:
        return
    if _is_elsewhere(bus, node, entry):
        if node.link is not None:
            node.link.close()
        _set_address(bus, node, entry)
        node.flags &= ~NO_ADDRESS


def _set_address(bus: Bus, node: ClusterNode, entry: About) -> None:
    node.ip, node.bus_port = entry.ip, entry.bus_port
    node.tcp_port, node.tls_port = bus.order_ports(entry.port, entry.other_port)


def _is_elsewhere(bus: Bus, node: ClusterNode, entry: About) -> bool:
    known = (node.ip.lower(), node.bus_port, node.tcp_port, node.tls_port)
    return known != (entry.ip.lower(), entry.bus_port, *bus.order_ports(entry.port, entry.other_port))


def take_extensions(bus: Bus, extensions: Extensions, sender: ClusterNode) -> None:
    """The names of the sender, its shard, and whom it has forgotten."""
    for number in extensions.unknown:
        bus.log("warning", f"Received unknown extension type {number}")
    state, myself = bus.state, bus.state.myself
    for name, ttl_s in extensions.forgotten:
        node = state.find(name)
        if node is None or node is myself or (myself.is_replica and myself.primary is node):
            continue
        state.forget_for_a_while(name, bus.now_ms + ttl_s * 1000)
        bus.cluster.remove(node)
        bus.note_change(save=True, state=True)
    named = (extensions.hostname, extensions.human_nodename)
    if named != (sender.hostname, sender.human_name):
        sender.hostname, sender.human_name = named
        bus.note_change(save=True)
    if extensions.shard_id and extensions.shard_id != sender.shard_id:
        sender.shard_id = extensions.shard_id
        bus.note_change(save=True)
        if sender is myself.primary:
            myself.shard_id = sender.shard_id

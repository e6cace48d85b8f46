"""What a cluster adds to INFO, to used_memory and to DEBUG.

    DEBUG CLUSTERLINK KILL to|from|all <node-id>    hang up on a node; the next turn connects again
    DEBUG DROP-CLUSTER-PACKET-FILTER <packet-type>  be deaf to one kind of message (-1: to none)

Mirrors: genRedisInfoString in server.c, debug.c.
Read next: bus.py.
"""

from __future__ import annotations

from minidis.commands.debugging import debug, wrong_use
from minidis.commands.information import Fields, section
from minidis.distributed.cluster.state import ClusterNode
from minidis.engine.client import Client
from minidis.engine.command_table.binding import integer
from minidis.engine.errors import shown
from minidis.engine.node import Node
from minidis.protocol.replies import ReplyError

LINK_BYTES = 104
"""Redis's `clusterLink`, beside its buffers."""


@section("clients")
def _connections(node: Node) -> Fields:
    if node.cluster is None:
        return {}
    return {"cluster_connections": 2 * (len(node.cluster.state.nodes) - 1)}  # to each one, and from it


def links_bytes(node: Node) -> int:
    """What the links of a cluster's node hold."""
    if node.cluster is None:
        return 0
    return sum(LINK_BYTES + link.buffered_bytes for link in node.cluster.bus.links())


@debug("CLUSTERLINK KILL <to|from|all> <node-id>", 3)
def clusterlink(client: Client, kill: bytes, direction: bytes, name: bytes) -> str:
    """Kills the link based on the direction to/from (both) with the provided node."""
    if kill.upper() != b"KILL":
        raise wrong_use(b"clusterlink")
    cluster = client.node.cluster
    if cluster is None:
        raise ReplyError("ERR Debug option only available for cluster mode enabled setup!")
    node: ClusterNode | None = cluster.state.find(shown(name))
    if node is None:
        raise ReplyError(f"ERR Unknown node {shown(name)}")
    links = {b"TO": (node.link,), b"FROM": (node.inbound_link,), b"ALL": (node.link, node.inbound_link)}
    if direction.upper() not in links:
        raise ReplyError(f"ERR Unknown direction {shown(direction)}")
    for link in links[direction.upper()]:
        if link is not None:
            link.close()
    return "OK"


@debug("DROP-CLUSTER-PACKET-FILTER <packet-type>", 1)
def drop_packets(client: Client, packet_type: bytes) -> str:
    """Drop all packets that match the filtered type. Set to -1 allow all packets."""
    number = integer(packet_type)
    if client.node.cluster is not None:
        client.node.cluster.bus.dropped_type = None if number == -1 else number
    return "OK"

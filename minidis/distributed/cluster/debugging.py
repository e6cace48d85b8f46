"""DEBUG CLUSTERLINK and DROP-CLUSTER-PACKET-FILTER: break the bus on purpose, for tests.

Mirrors: debugCommand in debug.c, handleDebugClusterCommand in cluster.c.
Read next: minidis/commands/debugging.py, the other DEBUG subcommands.
"""

from __future__ import annotations

from minidis.commands.debugging import debug, wrong_use
from minidis.engine import errors
from minidis.engine.binding import integer
from minidis.engine.client import Client
from minidis.protocol.replies import ReplyError


@debug("CLUSTERLINK KILL <to|from|all> <node-id>", 3)
def clusterlink(client: Client, action: bytes, direction: bytes, name: bytes) -> str:
    """Kills the link based on the direction to/from (both) with the provided node."""
    if action.lower() != b"kill":
        raise wrong_use(b"CLUSTERLINK")
    cluster = client.node.cluster
    if cluster is None:
        raise ReplyError("ERR Debug option only available for cluster mode enabled setup!")
    node = cluster.state.find(errors.shown(name))
    if node is None:
        raise ReplyError(f"ERR Unknown node {errors.shown(name)}")
    links = {b"to": (node.link,), b"from": (node.inbound_link,), b"all": (node.link, node.inbound_link)}
    if direction.lower() not in links:
        raise ReplyError(f"ERR Unknown direction {errors.shown(direction)}")
    for link in links[direction.lower()]:
        if link is not None:
            link.close()
    return "OK"


@debug("DROP-CLUSTER-PACKET-FILTER <packet-type>", 1)
def drop_cluster_packet_filter(client: Client, number: bytes) -> str:
    """Drop all packets that match the filtered type. Set to -1 allow all packets."""
    dropped = integer(number)
    cluster = client.node.cluster
    if cluster is not None:
        cluster.bus.dropped_type = None if dropped < 0 else dropped
    return "OK"

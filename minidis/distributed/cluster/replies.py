"""What CLUSTER SLOTS, SHARDS, INFO and LINKS answer: the state, for clients and for people.

SLOTS is the map by which a client finds its way: for each range of slots the primary, and behind it the
replicas that can be read from.  SHARDS (7.0) says more of each node, and lists those that don't work, too.

Mirrors: `clusterReplyMultiBulkSlots`, `addShardReplyForClusterShards`, `genClusterInfoString` in cluster.c.
Complexity: O(slots) for SLOTS, O(nodes) for the others.

Read next: commands.py.
"""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING, Any

from minidis.distributed.cluster import slots

if TYPE_CHECKING:
    from minidis.distributed.cluster.links import ClusterLink
    from minidis.distributed.cluster.role import Cluster
    from minidis.distributed.cluster.state import ClusterNode
    from minidis.engine.client import Client


def slots_reply(cluster: Cluster, client: Client) -> list[Any]:
    """CLUSTER SLOTS."""
    reply: list[Any] = []
    for owner, run in groupby(range(slots.SLOTS), key=cluster.state.owners.__getitem__):
        if owner is None:
            continue
        first, *rest = run
        nodes = [owner, *(replica for replica in owner.replicas if _can_be_read(cluster, replica))]
        reply.append(
            [first, rest[-1] if rest else first, *(_endpoint(cluster, client, one) for one in nodes)]
        )
    return reply


def _can_be_read(cluster: Cluster, replica: ClusterNode) -> bool:
    return not replica.has_failed and _offset(cluster, replica) != 0


def _endpoint(cluster: Cluster, client: Client, node: ClusterNode) -> list[Any]:
    preferred = cluster.node.config.cluster_preferred_endpoint_type
    more = {}
    if preferred != "ip":
        more[b"ip"] = node.ip.encode()
    if preferred != "hostname" and node.hostname:
        more[b"hostname"] = node.hostname.encode()
    host = None if preferred == "unknown-endpoint" else cluster.redirection.endpoint(node).encode()
    return [host, node.port(client.is_tls), node.name.encode(), more]


def shards_reply(cluster: Cluster) -> list[dict[bytes, Any]]:
    """CLUSTER SHARDS."""
    return [_shard(cluster, nodes) for nodes in cluster.state.shards().values()]


def _shard(cluster: Cluster, nodes: list[ClusterNode]) -> dict[bytes, Any]:
    primary = nodes[0]
    while primary.primary is not None:
        primary = primary.primary
    ranges = [bound for run in slots.ranges(primary.slots) for bound in run]
    return {b"slots": ranges, b"nodes": [_details(cluster, node) for node in nodes]}


def _details(cluster: Cluster, node: ClusterNode) -> dict[bytes, Any]:
    offset = _offset(cluster, node)
    ports = {b"port": node.tcp_port, b"tls-port": node.tls_port}
    endpoint = cluster.redirection.endpoint(node)
    health = "fail" if node.has_failed else "loading" if node.is_replica and offset == 0 else "online"
    return {
        b"id": node.name.encode(),
        **{name: port for name, port in ports.items() if port},
        b"ip": node.ip.encode(),
        b"endpoint": endpoint.encode(),
        **({b"hostname": node.hostname.encode()} if node.hostname else {}),
        b"role": b"replica" if node.is_replica else b"master",
        b"replication-offset": offset,
        b"health": health.encode(),
    }


def _offset(cluster: Cluster, node: ClusterNode) -> int:
    """How far a node is in its shard's stream, as far as we know."""
    return cluster.node.replication.offset if node.is_myself else node.replication_offset


def info_reply(cluster: Cluster) -> str:
    """CLUSTER INFO."""
    from minidis.distributed.cluster.messages import TYPE_NAMES  # here: only a cluster has loaded them

    state, myself = cluster.state, cluster.state.myself
    serving = [node for node in state.nodes.values() if node.slot_count]
    failed = sum(node.slot_count for node in serving if node.has_failed)
    suspected = sum(node.slot_count for node in serving if node.may_be_failing and not node.has_failed)
    assigned = sum(node.slot_count for node in serving)
    followed = myself.primary if myself.is_replica else None
    fields: dict[str, Any] = {
        "cluster_state": "ok" if state.is_ok else "fail",
        "cluster_slots_assigned": assigned,
        "cluster_slots_ok": assigned - failed - suspected,
        "cluster_slots_pfail": suspected,
        "cluster_slots_fail": failed,
        "cluster_known_nodes": len(state.nodes),
        "cluster_size": state.size,
        "cluster_current_epoch": state.current_epoch,
        "cluster_my_epoch": (followed or myself).config_epoch,
    }
    for direction, counts in (("sent", state.statistics.sent), ("received", state.statistics.received)):
        for kind in TYPE_NAMES:
            if counts.get(kind):
                fields[f"cluster_stats_messages_{kind}_{direction}"] = counts[kind]
        fields[f"cluster_stats_messages_{direction}"] = sum(counts.values())
    fields["total_cluster_links_buffer_limit_exceeded"] = state.statistics.links_over_limit
    return "".join(f"{name}:{value}\r\n" for name, value in fields.items())


def links_reply(cluster: Cluster) -> list[dict[bytes, Any]]:
    """CLUSTER LINKS."""
    return [_link(link) for link in cluster.bus.links()]


def _link(link: ClusterLink) -> dict[bytes, Any]:
    assert link.node is not None
    return {
        b"direction": b"from" if link.inbound else b"to",
        b"node": link.node.name.encode(),
        b"create-time": link.created_ms,
        b"events": link.events.encode(),
        b"send-buffer-allocated": link.buffered_bytes,
        b"send-buffer-used": link.buffered_bytes,
    }

"""What the tests of a LocalCluster ask of it, and a slot's way from one node to another, step by step."""

from __future__ import annotations

from minidis.drivers.cluster_servers import LocalCluster


def names(cluster: LocalCluster) -> dict[int, str]:
    """Port -> the name of its node."""
    return {port: cluster.call(port, "CLUSTER", "MYID").decode() for port in cluster.ports}


def owner(cluster: LocalCluster, slot: int, seen_by: int = 0) -> int:
    """The port of the primary that serves a slot, as one of the nodes sees it."""
    server = cluster.servers.servers[cluster.ports[seen_by]]
    return cluster.run(lambda: server.node.cluster.state.owners[slot].tcp_port)


def open_slot(cluster: LocalCluster, slot: int, source: int, target: int) -> None:
    """From now on the source says ASK for keys that it has not, and the target serves who says ASKING."""
    ids = names(cluster)
    cluster.call(target, "CLUSTER", "SETSLOT", slot, "IMPORTING", ids[source])
    cluster.call(source, "CLUSTER", "SETSLOT", slot, "MIGRATING", ids[target])


def give_slot(cluster: LocalCluster, slot: int, source: int, target: int) -> None:
    """All its keys have come: the slot is the target's."""
    name = names(cluster)[target]
    for port in (target, source):
        cluster.call(port, "CLUSTER", "SETSLOT", slot, "NODE", name)

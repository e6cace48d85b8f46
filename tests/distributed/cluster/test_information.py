"""INFO's fields of a cluster, and DEBUG's commands for its links."""

from __future__ import annotations

import pytest

from minidis import Embedded
from minidis.protocol.replies import ReplyError
from tests.distributed.cluster.test_bus import cluster, seen
from tests.distributed.replication.test_replication import info


def test_connections_and_their_memory() -> None:
    lab = cluster(names=("a", "b", "c"), replicas=0)
    assert info(lab, "a", "clients")["cluster_connections"] == "4"
    assert int(info(lab, "a", "memory")["mem_cluster_links"]) >= 4 * 104


@pytest.mark.parametrize("direction", ["to", "from", "all"])
def test_a_link_is_killed_and_opened_anew(direction: str) -> None:
    lab = cluster(names=("a", "b", "c"), replicas=0)
    node = seen(lab, "a", "b")
    assert node is not None
    to, from_ = node.link, node.inbound_link
    assert lab.call("a", "DEBUG", "CLUSTERLINK", "KILL", direction, node.name) == "OK"
    lab.run("2s")
    assert (node.link is not to) == (direction in ("to", "all"))
    assert (node.inbound_link is not from_) == (direction in ("from", "all"))
    assert node.link is not None and node.link.is_open
    assert node.inbound_link is not None and node.inbound_link.is_open


def test_a_node_may_be_deaf_to_one_kind_of_message() -> None:
    lab = cluster(names=("a", "b", "c"), replicas=0)
    node = seen(lab, "a", "b")
    assert node is not None
    assert lab.call("a", "DEBUG", "DROP-CLUSTER-PACKET-FILTER", "1") == "OK"  # PONG
    heard_ms = node.pong_received_ms
    lab.run("2s")
    assert node.pong_received_ms == heard_ms
    assert lab.call("a", "DEBUG", "DROP-CLUSTER-PACKET-FILTER", "-1") == "OK"
    lab.run("2s")
    assert node.pong_received_ms > heard_ms


def test_what_is_wrong_is_said() -> None:
    lab = cluster(names=("a", "b", "c"), replicas=0)
    redis = Embedded(clock=0)
    with pytest.raises(ReplyError, match="only available for cluster mode"):
        redis.execute("DEBUG", "CLUSTERLINK", "KILL", "to", "x")
    with pytest.raises(ReplyError, match="Unknown node x"):
        lab["a"].execute(lab["a"].connect(), [b"DEBUG", b"CLUSTERLINK", b"KILL", b"to", b"x"])
    with pytest.raises(ReplyError, match="Unknown direction up"):
        name = lab["a"].cluster.myself.name.encode()
        lab["a"].execute(lab["a"].connect(), [b"DEBUG", b"CLUSTERLINK", b"KILL", b"up", name])

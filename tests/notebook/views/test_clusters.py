"""The views of a cluster tell what its nodes hold."""

from __future__ import annotations

import pytest

from minidis import Embedded, Lab
from minidis.distributed.cluster.slots import SLOTS, crc16, slot_of
from minidis.notebook import views


@pytest.fixture
def lab() -> Lab:
    lab = Lab(seed=1)
    lab.cluster("n1 n2 n3 n4 n5 n6", config={"cluster-node-timeout": 2000})
    lab.run("5s")
    return lab


def test_the_map_is_that_of_the_node(lab):
    data = views.slot_map(lab, seen_by="n2", key="foo").take()
    owners = lab["n2"].cluster.state.owners
    named = [name for first, last, name in data["runs"] for _ in range(first, last + 1)]
    ids = {lab[name].cluster.myself.name: name for name in ("n1", "n2", "n3")}
    assert named == [ids[owner.name] for owner in owners]
    assert data["chosen"] == {"key": "foo", "slot": 12182, "owner": "n3"}
    with pytest.raises(ValueError, match="no node of the cluster is called 'n9'"):
        views.slot_map(lab, seen_by="n9").take()


def test_one_node_alone_and_one_without_a_cluster():
    alone = Embedded({"cluster-enabled": "yes"}, clock=0, seed=1)
    alone.execute("CLUSTER", "ADDSLOTSRANGE", 0, 99)
    assert views.slot_map(alone).take()["runs"] == [[0, 99, "this node"], [100, SLOTS - 1, ""]]
    assert "16284 of them served by nobody" in str(views.slot_map(alone))
    with pytest.raises(ValueError, match="none of a cluster"):
        str(views.slot_map(Embedded(clock=0)))


def test_a_client_learns_by_being_redirected(lab):
    client = lab.routed_client("ann", "n1")
    client.call("SET", "foo", 1)
    lab.call("n6", "CLUSTER", "FAILOVER")
    assert lab.run_until(
        lambda: lab["n1"].cluster.state.owners[slot_of(b"foo")].ip == lab["n6"].cluster.myself.ip
    )
    view = views.routes(client)
    assert view.take()["wrong"] == 5462  # all of n3's
    assert client.call("GET", "foo") == b"1"
    assert view.take()["wrong"] == 5461
    assert view.take()["journeys"][-1]["hops"] == [["n3", "MOVED n6"], ["n6", "OK"]]


def test_suspicion_becomes_failure(lab):
    lab.kill("n3")
    lab.run_until(lambda: "fail?" in str(views.gossip(lab)))
    suspecting = [row for row in views.gossip(lab).take()["rows"] if row["cells"]["n3"]["is"] == "fail?"]
    assert all(len(row["cells"]["n3"]["reports"]) < row["needed"] for row in suspecting)
    assert lab.run_until(lambda: lab["n6"].cluster.myself.is_primary)
    rows = {row["name"]: row for row in views.gossip(lab).take()["rows"]}
    assert rows["n3"]["is_running"] is False
    assert all(rows[name]["cells"]["n3"]["is"] == "FAIL" for name in ("n1", "n2"))


def test_the_steps_lead_to_the_sum():
    for key in (b"", b"a", b"user:{1000}:name", bytes(range(16))):
        data = views.crc16_steps(key).take()
        assert data["slot"] == slot_of(key)
        assert data["sum"] == (data["steps"][-1]["after"] if data["steps"] else 0)
        assert data["sum"] == crc16(b"".join(bytes([step["byte"]]) for step in data["steps"]))

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


def half_moved(lab):
    """Slot 3300 stopped on its way from n1 to n2: {b}1 has moved, {b}2 has not.  Its two nodes' names."""
    ids = {name: lab[name].cluster.myself.name for name in ("n1", "n2")}
    for number in (1, 2):
        lab.call("n1", "SET", f"{{b}}{number}", number)
    lab.call("n2", "CLUSTER", "SETSLOT", 3300, "IMPORTING", ids["n1"])
    lab.call("n1", "CLUSTER", "SETSLOT", 3300, "MIGRATING", ids["n2"])
    lab.call("n1", "MIGRATE", "n2", 6379, "", 0, 5000, "KEYS", "{b}1")
    return ids


def test_the_past_is_what_was_seen_then(lab):
    """Each view, taken at many times, and the same asked for afterwards."""
    client = lab.routed_client("ann", "n1")
    looking = [views.slot_map(lab, seen_by="n2"), views.gossip(lab), views.routes(client), views.epochs(lab)]
    seen = []

    def look():
        lab.run("10ms")
        seen.extend((view, lab.now_s, view.take()) for view in looking)
        lab.run("1ms")  # what comes next comes later

    look()
    ids = half_moved(lab)
    look()
    client.call("GET", "{b}1")
    lab.call("n1", "MIGRATE", "n2", 6379, "", 0, 5000, "KEYS", "{b}2")
    for name in ("n2", "n1"):
        lab.call(name, "CLUSTER", "SETSLOT", 3300, "NODE", ids["n2"])
    client.call("GET", "{b}1")
    lab.kill("n3")
    for _ in range(4):
        lab.run("1s")
        look()
    assert lab["n6"].cluster.myself.is_primary
    lab.restart("n3")
    lab.run("5s")
    for view, time_s, then in seen:
        now = view.do("time", time_s).take()
        assert {**now, "now_s": 0, "is_past": 0} == {**then, "now_s": 0, "is_past": 0}
    assert {move["slot"] for view, _, then in seen for move in then.get("moving", [])} == {3300}


def test_a_slot_on_its_way_is_shown_key_by_key_then_too(lab):
    half_moved(lab)
    half_s = lab.now_s
    lab.call("n1", "MIGRATE", "n2", 6379, "", 0, 5000, "KEYS", "{b}2")
    view = views.slot_map(lab)
    assert view.take()["moving"][0]["keys_from"] == []
    move = view.do("time", half_s).take()["moving"][0]
    assert (move["keys_from"], move["keys_to"]) == (["{b}2"], ["{b}1"])


def test_the_ladder_says_who_took_an_epoch_and_why(lab):
    ids = half_moved(lab)
    lab.call("n1", "MIGRATE", "n2", 6379, "", 0, 5000, "KEYS", "{b}2")
    for name in ("n2", "n1"):
        lab.call(name, "CLUSTER", "SETSLOT", 3300, "NODE", ids["n2"])
    lab.kill("n3")
    assert lab.run_until(lambda: lab["n6"].cluster.myself.is_primary)
    lab.run("1s")
    lab.call("n4", "CLUSTER", "FAILOVER", "TAKEOVER")
    lab.run("1s")
    rungs = views.epochs(lab).take()["rungs"]
    told = [(rung["epoch"], rung["owner"], rung["why"], sorted(rung["votes"])) for rung in rungs]
    assert told == [
        (6, "n4", "TAKEOVER, asking nobody", []),
        (5, "n6", "elected", ["n1", "n2"]),
        (4, "n2", "took in slot 3300", []),
        (3, "n3", "from the start", []),
        (2, "n2", "from the start", []),
        (1, "n1", "from the start", []),
    ]
    assert [rung["serves"] for rung in rungs] == [
        "slots 0-3299 3301-5460",
        "slots 10922-16383",
        "slots 3300 5461-10921",
        "",
        "",
        "",
    ]


def test_lost_writes_are_counted_from_the_wall(lab):
    def writes():
        for number in range(60):
            yield "SADD", "b", number
            yield 0.1

    ann = lab.script("ann", "n1", writes())
    lab.run("1s")
    walled_s = lab.now_s
    lab.partition("n1")
    lab.run("5900ms")
    view = views.lost_writes(lab, ann)
    before = view.take()
    lab.heal()
    lab.run("3s")
    after = view.take()
    kept = {int(member) for member in lab.call("n4", "SMEMBERS", "b")}
    assert {int(write["word"]) for write in after["writes"] if write["fate"] == "kept"} == kept
    lost = [write for write in after["writes"] if write["fate"] == "lost"]
    assert len(lost) + len(kept) == len(after["writes"]) and len(lost) > 10
    assert [write["word"] for write in before["writes"] if write["fate"] == "at stake"] == [
        write["word"] for write in lost
    ]
    assert after["window_s"] == pytest.approx(lost[-1]["time_s"] - walled_s) and 2 < after["window_s"] < 3.5
    assert [words for _, _, words in after["lanes"][0]["stretches"]] == [
        "primary",
        "primary, refuses",
        "replica",
    ]
    assert [lane["node"] for lane in after["lanes"]] == ["n1", "n4"]


def test_the_steps_lead_to_the_sum():
    for key in (b"", b"a", b"user:{1000}:name", bytes(range(16))):
        data = views.crc16_steps(key).take()
        assert data["slot"] == slot_of(key)
        assert data["sum"] == (data["steps"][-1]["after"] if data["steps"] else 0)
        assert data["sum"] == crc16(b"".join(bytes([step["byte"]]) for step in data["steps"]))

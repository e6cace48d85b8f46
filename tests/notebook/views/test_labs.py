"""Views of a lab: what they show is what the nodes were at that time, and what they paint befalls the lab."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from minidis import Lab
from minidis.drivers.simulation.record import Message
from minidis.notebook import views

CONFIG = {"repl-diskless-sync-delay": 0, "repl-backlog-size": 16384}


@pytest.fixture
def lab() -> Lab:
    lab = Lab(seed=1)
    lab.nodes("a", "b", "c", config=CONFIG)
    for replica in "bc":
        lab.call(replica, "REPLICAOF", "a", 6379)
    lab.run("2s")
    return lab


def nodes(view: views.View) -> dict[str, dict]:
    return {node["name"]: node for node in view.take()["nodes"]}


def test_the_topology_is_that_of_the_nodes(lab: Lab) -> None:
    lab.call("a", "SET", "k", "v")
    seen = nodes(views.topology(lab))
    for name in "abc":
        assert seen[name]["offset"] == lab[name].replication.offset
        assert seen[name]["role"] == ("replica" if lab[name].replication.is_replica else "primary")
    assert [seen[name]["primary"] for name in "abc"] == ["", "a", "a"]
    assert seen["b"]["link"] == lab[name].replication.link.state == "connected"
    assert seen["b"]["behind"] == lab["a"].replication.offset - lab["b"].replication.offset


def test_the_past_is_what_was_seen_then(lab: Lab) -> None:
    view = views.topology(lab)
    seen = {}
    for number in range(6):
        lab.run("100ms")
        lab.call("a", "SET", f"k{number}", "x" * 50)
        if number == 3:
            lab.partition("b")
            lab.pause("c")
        seen[lab.now_us] = view.take()
    lab.run("1ms")
    lab.kill("b")
    for time_us, then in seen.items():
        view.do("time", (time_us - lab.started_us) / 1e6)
        assert {**view.take(), "now_s": 0, "is_past": 0} == {**then, "now_s": 0, "is_past": 0}
    assert nodes(view)["b"]["state"] == "running"
    assert nodes(view.do("time", None))["b"]["state"] == "down"


def test_changes_can_be_walked_through(lab: Lab) -> None:
    view = views.topology(lab)
    roles = []
    while view.do("back").take()["time_s"] > 0:
        roles.append(nodes(view).get("b", {}).get("link"))
    assert roles[0] == "connected" and "sync" in roles
    assert nodes(view)["b"]["link"] == "" and nodes(view)["b"]["role"] == "primary"
    while view.take()["is_past"]:
        view.do("on")
    assert view.take()["time_s"] == lab.now_s


def test_the_ledger_knows_who_has_what_was_promised(lab: Lab) -> None:
    """By offsets and histories alone; SMEMBERS says the same."""

    def orders() -> Iterator:
        for number in range(30):
            yield "SADD", "orders", number
            yield "GET", "k"
            yield 0.1

    shop = lab.script("shop", "a", orders())
    view = views.acknowledged(lab, shop)
    lab.run("1s")
    lab.partition("a")
    lab.run("1s")
    before_s = lab.now_s
    lab.call("b", "REPLICAOF", "NO", "ONE")
    lab.call("c", "REPLICAOF", "b", 6379)
    lab.call("b", "SADD", "orders", "new")
    lab.run("2s")
    assert shop.finished and "none is lost" in str(view), "the former primary has them still"
    lab.heal()
    lab.call("a", "REPLICAOF", "b", 6379)
    lab.run("5s")
    data = view.take()
    for row, name in zip(data["rows"], "abc", strict=True):
        there = {int(word) for word in lab.call(name, "SMEMBERS", "orders") if word != b"new"}
        assert row["counts"] == [int(number in there) for number in range(30)]
    lost = sum(not count for count in data["rows"][1]["counts"])
    assert 15 < lost < 25 and f"{lost} lost" in str(view)
    then = view.do("time", before_s).take()
    assert [sum(row["counts"]) for row in then["rows"]] == [20, 10, 10] and "none is lost" in str(view)


def test_bytes_in_flight_are_those_of_the_wires(lab: Lab) -> None:
    lab.partition("b")
    lab.call("a", "SET", "k", "v" * 500)
    on_the_way = sum(
        end.in_flight_bytes
        for end in lab.wires.hosts["a"].ends.values()
        if end.other is not None and end.other.host.name == "b"
    )
    flight = {(f["from"], f["to"]): f["bytes"] for f in views.topology(lab).take()["flight"]}
    assert flight["a", "b"] == on_the_way > 500
    lab.drop("a", "b")
    lab.run("10ms")
    lost = [m for m in lab.record.messages if m.lost_us is not None and (m.source, m.target) == ("a", "b")]
    assert sum(len(message.data) for message in lost) == on_the_way


def test_walls_are_painted_and_taken_away(lab: Lab) -> None:
    view = views.topology(lab)
    view.do("link", "a b")
    assert lab.wires.blocked == {("a", "b"), ("b", "a")}
    assert view.take()["walls"] == [["a", "b"], ["b", "a"]] and "wall: a | b" in str(view)
    view.do("link", "b a")
    assert not lab.wires.blocked
    lab.cut("a", "c")
    assert "a does not reach c" in str(view)
    view.do("choose", "a").do("choose", "b").do("part")
    assert {("a", "c"), ("c", "b")} < lab.wires.blocked and ("a", "b") not in lab.wires.blocked
    before_s = lab.now_s
    view.do("run", "1s").do("heal")
    assert lab.now_s == pytest.approx(before_s + 1) and not view.take()["walls"]
    for wrong in (("link", "a"), ("link", "a nobody"), ("choose", "nobody"), ("part", None)):
        with pytest.raises(ValueError, match="pair of nodes|no node|choose nodes"):
            view.do(*wrong)


def test_the_backlog_says_truly_who_can_go_on(lab: Lab) -> None:
    """What the picture promises is what a replica gets when it comes back."""
    for size, continues in ((20, True), (900, False)):
        lab.partition("b")
        for _ in range(20):
            lab.call("a", "SET", "k", "x" * size)
        promised = {r["name"]: r for r in views.backlog("a", lab).take()["replicas"]}["b"]
        assert promised["can_continue"] is continues
        assert promised["wants"] == lab["b"].replication.offset + 1
        before = lab["a"].replication.partial_syncs
        lab.drop("a", "b")
        lab.run("10ms")
        lab.heal()
        assert lab.run_until(lambda: lab["b"].replication.offset == lab["a"].replication.offset, "200s")
        assert lab["a"].replication.partial_syncs - before == continues


def test_a_backlog_by_itself_shows_its_last_bytes(lab: Lab) -> None:
    lab.call("a", "SET", "greeting", "hello")
    data = views.backlog(lab["a"]).take()
    backlog = lab["a"].replication.backlog
    assert (data["size"], data["first"], data["kept"]) == (16384, backlog.first_offset, backlog.length_bytes)
    assert data["last_bytes"].endswith(r"greeting\r\n$5\r\nhello\r\n")
    with pytest.raises(ValueError, match="which lab"):
        views.backlog("a")


def test_a_chart_has_every_message_between_the_two(lab: Lab) -> None:
    view = views.sequence(lab, "a", "b", everything=True, most=10_000)
    shown = [entry for entry in view.take()["entries"] if entry["kind"] == "message"]
    sent = [
        entry
        for entry in lab.record.entries
        if isinstance(entry, Message) and {entry.source, entry.target} == {"a", "b"}
    ]
    assert len(shown) == len(sent) >= 10
    few = views.sequence(lab, "a", "b").take()
    assert few["hidden"] + len(few["entries"]) + few["earlier"] == len(sent)
    assert any(entry["said"].startswith("PSYNC") for entry in few["entries"])
    with pytest.raises(ValueError, match="nobody in the lab is called nobody"):
        views.sequence(lab, "nobody")


def test_votes_are_those_of_the_sentinels() -> None:
    lab = Lab(seed=1)
    lab.node("a", CONFIG)
    lab.node("b", {**CONFIG, "replicaof": "a 6379"})
    lab.sentinels("s1", "s2", "s3", watch={"mymaster": "a"}, down_after_ms=1000, failover_timeout_ms=10_000)
    lab.run("15s")
    lab.kill("a")
    lab.run("10s")
    view = views.sequence(lab, "s1", "s2", "s3", start=15, most=1000)
    [leader] = [note.where for note in lab.record.notes if note.text.startswith("+elected-leader")]
    [vote] = view.take()["votes"]
    assert vote["candidate"] == leader and sorted(vote["voters"]) == ["s1", "s2", "s3"]
    assert f"epoch 1: {vote['candidate']} has 3 votes" in str(view)
    assert "is-master-down-by-addr a 6379 1 s" in str(view)  # names in the place of addresses and ids
    assert nodes(views.topology(lab))[vote["candidate"]]["epoch"] == 1


def test_the_votes_are_those_that_the_sentinels_remember() -> None:
    lab = Lab(seed=0)
    lab.nodes("a", "b", config=CONFIG)
    lab.call("b", "REPLICAOF", "a", 6379)
    lab.sentinels("s1", "s2", "s3", watch={"mymaster": "a"}, down_after_ms=1000)
    view = views.votes(lab)
    assert view.take()["epochs"] == [] and "none yet" in str(view)
    lab.run("12s")
    lab.kill("a")
    assert lab.run_until(lambda: bool([n for n in lab.record.notes if n.text.startswith("+elected-leader")]))
    [column] = view.take()["epochs"]
    names = {lab[name].sentinel.my_id: name for name in ("s1", "s2", "s3")}
    for name in names.values():
        primary = lab[name].sentinel.primaries["mymaster"]
        assert (column["votes"][name], column["epoch"]) == (names[primary.leader], primary.leader_epoch)
    assert set(column["votes"].values()) == {column["leader"]}
    assert f"{column['leader']} leads with 3 of 3" in str(view)
    assert view.do("time", 5).take()["epochs"] == []

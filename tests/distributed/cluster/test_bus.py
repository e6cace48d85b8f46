"""The bus in the lab: how nodes meet, what they tell each other, and when one counts as failed."""

from __future__ import annotations

from typing import Any

import pytest

from minidis.distributed.cluster import messages
from minidis.distributed.cluster.messages import Message, encode
from minidis.distributed.cluster.state import ClusterNode
from minidis.drivers.simulation.lab import Lab
from minidis.drivers.simulation.terminal import Terminal

NODES = tuple("abcdef")
TIMEOUT_MS = 1000
CONFIG = {"cluster-node-timeout": TIMEOUT_MS, "hz": 1}


def cluster(config: dict[str, Any] | None = None, names: tuple[str, ...] = NODES, replicas: int = 1) -> Lab:
    """A cluster that is ok everywhere."""
    lab = Lab(1)
    lab.cluster(names, replicas, config={**CONFIG, **(config or {})})
    lab.run("3s")
    assert all(lab[name].cluster.state.is_ok for name in names)
    return lab


def seen(lab: Lab, viewer: str, name: str) -> ClusterNode | None:
    """A node as another one sees it."""
    return lab[viewer].cluster.state.find(lab[name].cluster.myself.name)


def flags(lab: Lab, viewer: str, name: str) -> set[str]:
    node = seen(lab, viewer, name)
    return set() if node is None else set(node.flag_names())


def told(lab: Lab, name: str, text: str) -> bool:
    """Did the log of a node say this?"""
    return any(note.where == name and text in note.text for note in lab.record.notes)


# ---- meeting ----------------------------------------------------------------------------------------------


def meeting(*names: str) -> Lab:
    lab = Lab(1)
    lab.nodes(*names, config={**CONFIG, "cluster-enabled": "yes"})
    return lab


def meet(lab: Lab, name: str, other: str) -> None:
    assert lab.call(name, "CLUSTER", "MEET", lab.processes[other].host.ip, 6379) == "OK"


def test_who_is_introduced_to_one_comes_to_know_all() -> None:
    lab = meeting("a", "b", "c", "d")
    meet(lab, "a", "b")
    meet(lab, "b", "c")
    meet(lab, "d", "c")
    meet(lab, "d", "c")  # the handshake is under way already
    lab.run("4s")
    ids = {lab[name].cluster.myself.name for name in "abcd"}
    for name in "abcd":
        state = lab[name].cluster.state
        assert set(state.nodes) == ids
        assert all(node.ip and not node.in_handshake for node in state.nodes.values())
        assert all(node.link.is_open and node.inbound_link.is_open for node in state.others())
        assert not lab[name].cluster.bus.unknown_links
    epochs = [lab[name].cluster.myself.config_epoch for name in "abcd"]
    assert len(set(epochs)) == 4, "each primary has moved to an epoch of its own"


def test_a_meeting_that_nobody_answers_is_given_up() -> None:
    lab = meeting("a")
    assert lab.call("a", "CLUSTER", "MEET", "10.9.9.9", 6379) == "OK"
    assert lab.call("a", "CLUSTER", "MEET", lab.processes["a"].host.ip, 6379) == "OK"
    assert len(lab["a"].cluster.state.nodes) == 3
    lab.run("3s")
    assert list(lab["a"].cluster.state.nodes.values()) == [lab["a"].cluster.myself]


def test_bytes_that_are_no_message_end_the_connection_and_nothing_else() -> None:
    lab = cluster()
    address = (lab.processes["a"].host.ip, 16379)
    stranger = Terminal(lab, lab.client_host("stranger"), address)
    stranger.send_bytes(b"GET / HTTP/1.1\r\n\r\n")
    lab.run("1s")
    assert stranger.lost and told(lab, "a", "Bad message length or signature")
    stranger = Terminal(lab, lab.client_host("stranger"), address)
    nobody = Message(messages.FAIL, "f" * 40, body=messages.Failed(lab["b"].cluster.myself.name))
    malformed = encode(nobody)[:-40] + b"\0" * 48
    malformed = malformed[:4] + len(malformed).to_bytes(4, "big") + malformed[8:]
    stranger.send_bytes(malformed + encode(nobody))
    lab.run("1s")
    assert not stranger.lost and told(lab, "a", "Received invalid fail packet of length 2304")
    assert told(lab, "a", "Ignoring FAIL message from unknown node")
    assert flags(lab, "a", "b") == {"master"}


# ---- what is told -----------------------------------------------------------------------------------------


def test_names_and_ports_reach_everyone() -> None:
    lab = cluster()
    lab.call("a", "CONFIG", "SET", "cluster-announce-hostname", "a.example")
    lab.call("a", "CONFIG", "SET", "cluster-announce-human-nodename", "first")
    lab.call("a", "CONFIG", "SET", "cluster-announce-port", 7000)
    lab.run("2s")
    for name in NODES[1:]:
        node = seen(lab, name, "a")
        assert (node.hostname, node.human_name, node.tcp_port) == ("a.example", "first", 7000)
    assert lab["d"].replication.primary_address == (lab.processes["a"].host.ip, 7000)


def test_who_is_forgotten_by_one_is_forgotten_by_all() -> None:
    lab = cluster()
    gone = lab["f"].cluster.myself.name
    lab.call("a", "CLUSTER", "FORGET", gone)
    lab.run("3s")
    assert all(lab[name].cluster.state.find(gone) is None for name in "abde")
    assert lab["c"].cluster.state.find(gone) is None
    assert lab["f"].cluster.state.find(lab["a"].cluster.myself.name) is not None


def test_a_shard_has_one_id() -> None:
    lab = cluster()
    for name in NODES:
        state = lab[name].cluster.state
        for replica in (node for node in state.nodes.values() if node.is_replica):
            assert replica.shard_id == replica.primary.shard_id
        assert len({node.shard_id for node in state.nodes.values()}) == 3


def test_equal_config_epochs_part() -> None:
    lab = cluster()
    for name in "abc":
        lab[name].cluster.myself.config_epoch = 3
    lab.run("5s")
    epochs = {lab[name].cluster.myself.config_epoch for name in "abc"}
    assert len(epochs) == 3 and min(epochs) == 3
    largest = max("abc", key=lambda name: lab[name].cluster.myself.name)
    assert lab[largest].cluster.myself.config_epoch == 3, "the largest name never moves"


@pytest.mark.parametrize("command, hears", [("PUBLISH", set("abcdef")), ("SPUBLISH", set("ad"))])
def test_a_message_is_carried_to_all_or_to_the_shard(command: str, hears: set[str]) -> None:
    lab = cluster()
    clients = {}
    for name in NODES:
        client = clients[name] = lab.connect(name, f"listener-{name}")
        if command == "SPUBLISH" and name in "def":
            client.call("READONLY")
        if command == "PUBLISH" or name in hears:
            client.call("SUBSCRIBE" if command == "PUBLISH" else "SSUBSCRIBE", "b")  # slot 3300: a's
    assert lab.call("a", command, "b", "hello") == 1
    lab.run("100ms")
    heard = {
        name for name, client in clients.items() if any(reply[2] == b"hello" for reply in client.replies)
    }
    assert heard == hears


def test_a_link_with_too_much_unsent_is_opened_anew() -> None:
    lab = cluster({"cluster-link-sendbuf-limit": 100_000})
    lab.pause("b")
    for _ in range(10):
        lab.call("a", "PUBLISH", "news", "x" * 100_000)
    lab.run("300ms")
    assert lab["a"].cluster.state.statistics.links_over_limit >= 1
    assert told(lab, "a", "due to exceeding send buffer memory limit")
    lab.resume("b")
    lab.run("2s")
    assert seen(lab, "a", "b").link.is_open and flags(lab, "a", "b") == {"master"}


def test_links_can_be_cut_and_messages_dropped_by_hand() -> None:
    lab = cluster()
    other = seen(lab, "a", "b")
    for direction in ("to", "from", "all"):
        before = (other.link, other.inbound_link)
        assert lab.call("a", "DEBUG", "CLUSTERLINK", "KILL", direction, other.name) == "OK"
        lab.run("500ms")
        after = (other.link, other.inbound_link)
        assert None not in after and (before[0] is not after[0]) == (direction != "from")
        assert (before[1] is not after[1]) == (direction != "to")
    lab.call("a", "DEBUG", "DROP-CLUSTER-PACKET-FILTER", messages.PUBLISH)
    listener = lab.connect("a", "listener")
    listener.call("SUBSCRIBE", "news")
    lab.call("b", "PUBLISH", "news", "dropped")
    lab.run("100ms")
    lab.call("a", "DEBUG", "DROP-CLUSTER-PACKET-FILTER", -1)
    lab.call("b", "PUBLISH", "news", "heard")
    lab.run("100ms")
    assert [reply[2] for reply in listener.replies] == [b"heard"]


# ---- failure ----------------------------------------------------------------------------------------------


def test_a_doubt_goes_by_itself() -> None:
    """Only a can't hear b: no majority, so PFAIL is all, and it ends with the next PONG."""
    lab = cluster()
    lab.cut("b", "a")
    assert lab.run_until(lambda: "fail?" in flags(lab, "a", "b"), "5s")
    lab.run("3s")
    assert all("fail" not in flags(lab, viewer, "b") for viewer in "acdef")
    assert lab.call("c", "CLUSTER", "COUNT-FAILURE-REPORTS", lab["b"].cluster.myself.name) == 1
    lab.mend("b", "a")
    lab.run("2s")
    assert flags(lab, "a", "b") == {"master"}
    lab.run(f"{2 * TIMEOUT_MS + 1000}ms")
    assert lab.call("c", "CLUSTER", "COUNT-FAILURE-REPORTS", lab["b"].cluster.myself.name) == 0


def test_reports_that_are_old_do_not_count() -> None:
    lab = cluster()
    state = lab["a"].cluster.state
    node, reporter = seen(lab, "a", "b"), seen(lab, "a", "c")
    node.report_failure(reporter, lab["a"].now_ms)
    assert node.count_fail_reports(lab["a"].now_ms + 2 * TIMEOUT_MS, TIMEOUT_MS) == 1
    assert node.count_fail_reports(lab["a"].now_ms + 2 * TIMEOUT_MS + 1, TIMEOUT_MS) == 0
    assert state.quorum == 2


def test_a_failed_replica_is_well_as_soon_as_it_answers() -> None:
    lab = cluster()
    lab.pause("d")
    assert lab.run_until(lambda: all("fail" in flags(lab, name, "d") for name in "abcef"), "10s")
    assert all(lab[name].cluster.state.is_ok for name in "abcef"), "a replica is nobody's loss"
    lab.resume("d")
    assert lab.run_until(lambda: all("fail" not in flags(lab, name, "d") for name in "abcef"), "2s")


def test_a_failed_primary_without_a_replica_keeps_its_slots_and_its_flag_for_a_while() -> None:
    lab = cluster(names=tuple("abc"), replicas=0)
    lab.pause("a")
    assert lab.run_until(lambda: all("fail" in flags(lab, name, "a") for name in "bc"), "10s")
    assert not lab["b"].cluster.state.is_ok
    failed_us = lab.now_us
    lab.resume("a")
    assert lab.run_until(lambda: all("fail" not in flags(lab, name, "a") for name in "bc"), "10s")
    assert lab.now_us - failed_us > 2 * TIMEOUT_MS * 1000 - 200_000
    assert told(lab, "b", "is reachable again and nobody is serving its slots after some time")
    lab.run("2s")
    assert lab["b"].cluster.state.is_ok and seen(lab, "b", "a").slot_count


def test_a_killed_node_is_missed_though_its_kernel_refuses_at_once() -> None:
    lab = cluster()
    killed_us = lab.now_us
    lab.kill("e")
    assert lab.run_until(lambda: all("fail" in flags(lab, name, "e") for name in "abcdf"), "10s")
    assert TIMEOUT_MS * 1000 < lab.now_us - killed_us < 3 * TIMEOUT_MS * 1000

"""Elections in the lab: who stands, who votes, who wins; and failovers by hand."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from minidis.drivers.simulation.lab import Lab
from minidis.protocol.replies import Push, ReplyError
from tests.distributed.cluster.test_bus import TIMEOUT_MS, cluster, flags, told


def is_primary(lab: Lab, name: str) -> bool:
    return bool(lab[name].cluster.myself.is_primary and lab[name].cluster.myself.slot_count)


def test_the_replica_with_more_data_stands_first() -> None:
    """c: a primary with two replicas, one of which has not got the last writes."""
    lab = cluster(names=tuple("abcdefghi"), replicas=2)  # a's replicas are d and g
    lab.cut("a", "d")
    for number in range(5):
        lab.call("a", "SET", "b", number)
    lab.run("50ms")
    lab.kill("a")
    assert lab.run_until(lambda: is_primary(lab, "g") or is_primary(lab, "d"), "30s")
    assert is_primary(lab, "g") and told(lab, "g", "rank #0") and told(lab, "d", "rank #1")
    assert lab.call("g", "GET", "b") == b"4"
    lab.heal()
    assert lab.run_until(lambda: lab["d"].cluster.myself.primary is lab["d"].cluster.state.owners[0], "10s")


def test_a_replica_with_old_data_does_not_stand() -> None:
    lab = cluster({"cluster-replica-validity-factor": 2, "repl-ping-replica-period": 1})
    lab.cut("a", "d")
    lab.cut("d", "a")
    lab.run("10s")  # d has not heard of a for longer than 1 s + 2 timeouts
    lab.kill("a")
    lab.run("20s")
    assert not is_primary(lab, "d") and told(lab, "d", "Disconnected from master for longer than allowed")
    lab.call("d", "CLUSTER", "FAILOVER", "FORCE")  # whoever forces it, knows what is lost
    assert lab.run_until(lambda: is_primary(lab, "d"), "10s")


def test_a_replica_that_must_not_does_not_stand() -> None:
    lab = cluster()
    lab.call("d", "CONFIG", "SET", "cluster-replica-no-failover", "yes")
    lab.run("1s")
    assert "nofailover" in flags(lab, "b", "d")
    lab.kill("a")
    lab.run("15s")
    assert not is_primary(lab, "d")
    lab.call("d", "CONFIG", "SET", "cluster-replica-no-failover", "no")
    assert lab.run_until(lambda: is_primary(lab, "d"), "15s")


def test_votes_are_on_disk_before_they_are_given() -> None:
    """b votes and loses its power at that moment: it does not vote for anybody else in that epoch."""
    lab = cluster(names=tuple("abcdefghi"), replicas=2)
    lab.kill("a")
    assert lab.run_until(lambda: told(lab, "b", "Failover auth granted"), "20s")
    epoch = lab["b"].cluster.state.last_vote_epoch
    lab.power_cut("b")
    lab.restart("b")
    assert lab["b"].cluster.state.last_vote_epoch == epoch == lab["b"].cluster.state.current_epoch


def test_a_failover_by_hand_loses_nothing() -> None:
    """Somebody writes all the time; every write that was acknowledged is there afterwards."""
    lab = cluster()
    addresses = {process.host.ip: name for name, process in lab.processes.items()}

    def writer() -> Iterator:
        for number in range(300):
            while isinstance(reply := (yield "SADD", "b", number), ReplyError | ConnectionError):
                if str(reply).startswith("MOVED"):
                    yield lab.at(addresses[str(reply).split()[-1].split(":")[0]])
                yield 0.01
            yield 0.002

    script = lab.script("writer", "a", writer())
    lab.run("200ms")
    assert lab.call("d", "CLUSTER", "FAILOVER") == "OK"
    assert lab.run_until(lambda: is_primary(lab, "d"), "2s")
    assert not script.finished, "it was written meanwhile"
    assert lab.run_until(lambda: script.finished, "60s")
    assert lab.call("d", "SCARD", "b") == 300
    assert lab.run_until(lambda: lab["a"].replication.link.is_connected, "10s")
    assert lab["d"].replication.full_syncs == 0 < lab["d"].replication.partial_syncs, "a went on from there"


def test_a_failover_by_hand_that_can_not_be_leaves_all_as_it_was() -> None:
    """The primary stands still and never says so: after five seconds the replica gives up."""
    lab = cluster()
    lab.cut("a", "d")
    assert lab.call("d", "CLUSTER", "FAILOVER") == "OK"
    lab.run("20ms")
    client = lab.connect("a", "somebody")
    client.send("SET", "b", "1")
    lab.run("1s")
    assert not client.replies, "writes wait"
    lab.run("10s")
    assert told(lab, "d", "Manual failover timed out") and not is_primary(lab, "d")
    assert list(client.replies) == ["OK"]


@pytest.mark.parametrize("how, others", [("FORCE", "bcef"), ("TAKEOVER", "")])
def test_a_primary_is_replaced_that_can_not_be_asked(how: str, others: str) -> None:
    """FORCE still needs the votes of the majority, TAKEOVER nobody's."""
    lab = cluster()
    lab.kill("a")
    for name in "bcef":
        if name not in others:
            lab.kill(name)
    lab.run(f"{TIMEOUT_MS // 2}ms")
    assert lab.call("d", "CLUSTER", "FAILOVER", how) == "OK"
    assert lab.run_until(lambda: is_primary(lab, "d"), "1s")
    epoch = lab["d"].cluster.myself.config_epoch
    lab.restart("a")
    assert lab.run_until(lambda: not is_primary(lab, "a"), "20s")
    assert lab["a"].cluster.myself.primary.config_epoch == epoch == 4


def test_without_a_majority_forcing_does_not_help() -> None:
    lab = cluster()
    for name in "abc":
        lab.kill(name)
    lab.run("1s")
    lab.call("d", "CLUSTER", "FAILOVER", "FORCE")
    lab.run("20s")
    assert not is_primary(lab, "d")


def test_a_replica_that_is_reset_lets_go_of_keys_and_functions_and_tells_those_who_track() -> None:
    """Source: clusterReset, which calls emptyData."""
    lab = cluster()  # d is a's replica
    lab.call("a", "SET", "b", 1)
    lab.call("a", "FUNCTION", "LOAD", "#!lua name=m\nredis.register_function('f', function() return 1 end)")
    reader = lab.connect("d")
    reader.call("HELLO", 3)
    reader.call("READONLY")
    reader.call("CLIENT", "TRACKING", "ON")
    assert lab.run_until(lambda: len(lab.call("d", "FUNCTION", "LIST")) == 1, "1s")
    assert reader.call("GET", "b") == b"1"
    reader.replies.clear()
    assert lab.call("d", "CLUSTER", "RESET") == "OK"
    lab.run("100ms")
    assert (lab.call("d", "DBSIZE"), lab.call("d", "FUNCTION", "LIST")) == (0, [])
    assert list(reader.replies) == [Push([b"invalidate", None])]

"""What a node of a cluster serves, and what it sends away: reads of replicas, who waits, who listens."""

from __future__ import annotations

import pytest

from minidis import Embedded, Lab
from minidis.distributed.cluster.slots import slot_of
from minidis.protocol.replies import ReplyError

SLOT = slot_of(b"foo")  # of n3, whose replica is n6


@pytest.fixture
def lab() -> Lab:
    lab = Lab(seed=1)
    lab.cluster("n1 n2 n3 n4 n5 n6", config={"cluster-node-timeout": 2000, "repl-diskless-sync-delay": 0})
    lab.run("6s")
    return lab


def refused(call, *words) -> str:
    with pytest.raises(ReplyError) as error:
        call(*words)
    return str(error.value)


def test_a_replica_serves_reads_of_those_who_want_them(lab):
    lab.call("n3", "SET", "foo", "1")
    lab.run("1s")
    client = lab.connect("n6", "ann")
    moved = f"MOVED {SLOT} 10.0.0.3:6379"
    assert refused(client.call, "GET", "foo") == moved
    assert client.call("READONLY") == "OK"
    assert client.call("GET", "foo") == b"1"
    assert b" flags=r " in client.call("CLIENT", "INFO")
    assert client.call("EVAL_RO", "return redis.call('GET', KEYS[1])", 1, "foo") == b"1"
    assert refused(client.call, "SET", "foo", "2") == moved
    assert refused(client.call, "GET", "bar").startswith("MOVED 5061 ")  # its primary's slots alone
    client.call("MULTI")
    client.call("GET", "foo")
    assert client.call("EXEC") == [b"1"]
    client.call("READWRITE")
    assert refused(client.call, "GET", "foo") == moved
    client.call("READONLY")
    client.call("RESET")
    assert refused(client.call, "GET", "foo") == moved


def test_exec_is_redirected_as_a_whole_when_the_slot_has_moved(lab):
    client = lab.connect("n3", "ann")
    client.call("MULTI")
    assert client.call("SET", "foo", "1") == "QUEUED"
    lab.call("n6", "CLUSTER", "FAILOVER", "TAKEOVER")
    lab.run("2s")
    assert refused(client.call, "EXEC") == f"MOVED {SLOT} 10.0.0.6:6379"
    assert refused(client.call, "EXEC") == "ERR EXEC without MULTI"


def test_who_waits_is_sent_away_when_the_slot_moves(lab):
    client = lab.connect("n3", "ann")
    client.send("BLPOP", "{foo}queue", 0)
    lab.run("1s")
    lab.call("n6", "CLUSTER", "FAILOVER", "TAKEOVER")
    with pytest.raises(ReplyError, match="MOVED|UNBLOCKED"):  # it also becomes a replica
        client.wait("10s")


def test_who_listens_to_a_shard_is_told_that_it_left(lab):
    client = lab.connect("n3", "ann")
    assert client.call("SSUBSCRIBE", "{foo}news") == [b"ssubscribe", b"{foo}news", 1]
    assert refused(lab.connect("n1", "bob").call, "SSUBSCRIBE", "{foo}news").startswith("MOVED")
    assert lab.call("n3", "SPUBLISH", "{foo}news", "hello") == 1
    assert client.wait() == [b"smessage", b"{foo}news", b"hello"]
    for node in ("n1", "n3"):
        lab.call(node, "CLUSTER", "SETSLOT", SLOT, "NODE", lab["n1"].cluster.myself.name)
    assert client.wait() == [b"sunsubscribe", b"{foo}news", 0]


@pytest.fixture
def half() -> Embedded:
    """A node that serves half of the slots, and nobody serves the others: the cluster is down for it."""
    redis = Embedded({"cluster-enabled": "yes"}, clock=0, seed=1)
    redis.execute("CLUSTER", "ADDSLOTSRANGE", 0, 8191)
    redis.step(3)
    return redis


def test_a_cluster_that_is_down(half):
    assert refused(half.execute, "GET", "k") == "CLUSTERDOWN The cluster is down"
    assert refused(half.execute, "GET", "foo") == "CLUSTERDOWN Hash slot not served"
    half.execute("CONFIG", "SET", "cluster-allow-reads-when-down", "yes")
    assert half.execute("GET", "k") is None
    assert (
        refused(half.execute, "SET", "k", "v")
        == "CLUSTERDOWN The cluster is down and only accepts read commands"
    )
    assert half.execute("SPUBLISH", "k", "m") == 0
    half.execute("CONFIG", "SET", "cluster-allow-pubsubshard-when-down", "no")
    assert refused(half.execute, "SPUBLISH", "k", "m") == "CLUSTERDOWN The cluster is down"


def test_half_of_the_slots_are_enough_if_that_is_said(half):
    half.execute("CONFIG", "SET", "cluster-require-full-coverage", "no")
    assert half.execute("SET", "k", "v") == "OK"
    assert refused(half.execute, "GET", "foo") == "CLUSTERDOWN Hash slot not served"
    alice = half.connect("alice")
    half.call(alice, [b"BLPOP", b"{k}queue", b"0"])
    half.execute("CONFIG", "SET", "cluster-require-full-coverage", "yes")
    half.step(1)
    assert str(half.wait(alice)) == "CLUSTERDOWN The cluster is down"

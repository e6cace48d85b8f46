"""nodes.conf: what is written is read again; what can't be read is named; a node begins where it was."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from minidis.distributed.cluster.nodes_conf import NodesFileError, file_text, parse
from minidis.distributed.cluster.state import (
    FAIL,
    MYSELF,
    NO_ADDRESS,
    PFAIL,
    PRIMARY,
    SAVE,
    ClusterNode,
    ClusterState,
)
from minidis.drivers.embedded import Embedded
from minidis.engine.durability.disk import NodeFailure

names = st.sampled_from("abcdef").map(lambda letter: letter * 40)
ports = st.integers(0, 65535)


@st.composite
def states(draw) -> ClusterState:
    state = ClusterState(ClusterNode("0" * 40, MYSELF | PRIMARY, 0, "9" * 40))
    for name in draw(st.sets(names)):
        flags = PRIMARY | draw(st.sampled_from((0, PFAIL, FAIL, NO_ADDRESS)))
        state.add(ClusterNode(name, flags, 0, name[::-1]))
    nodes = list(state.nodes.values())
    for node in nodes:
        node.ip = draw(st.sampled_from(("", "10.0.0.1", "::1")))
        node.tcp_port, node.tls_port, node.bus_port = draw(ports), draw(ports), draw(ports)
        node.hostname, node.human_name = draw(st.sampled_from((("", ""), ("host-1", "ann"), ("", "bob"))))
        node.config_epoch = draw(st.integers(0, 2**63))
    primaries = nodes[: 1 + len(nodes) // 2]
    for node in nodes[len(primaries) :]:
        node.become_replica_of(draw(st.sampled_from(primaries)))
        node.config_epoch = 0
    for slot in draw(st.sets(st.integers(0, 16383), max_size=20)):
        state.give(slot, draw(st.sampled_from(primaries)))
    for slot in draw(st.sets(st.integers(0, 16383), max_size=3)):
        (state.migrating_to if slot % 2 else state.importing_from)[slot] = draw(st.sampled_from(nodes))
    state.current_epoch = max(node.config_epoch for node in nodes) + draw(st.integers(0, 5))
    state.last_vote_epoch = draw(st.integers(0, 2**63))
    return state


@given(states())
@settings(max_examples=60)
def test_what_is_written_is_read_again(state):
    text = file_text(state)
    again = parse(text, 0, Random(0))
    again.check()
    assert sorted(file_text(again).splitlines()) == sorted(text.splitlines())
    assert again.owners == [None if owner is None else again.nodes[owner.name] for owner in state.owners]


GOOD = f"{'a' * 40} 10.0.0.1:7000@17000 myself,master - 0 0 1 connected 0-99"


@pytest.mark.parametrize(
    "line, said",
    [
        (f"{'A' * 40} 10.0.0.1:7000@17000 master - 0 0 1 connected", "is no id of a node"),
        (f"{'b' * 40} 10.0.0.1:7000@17000 master - 0 0", "6 fields where 8 are needed"),
        (f"{'b' * 40} 10.0.0.1 master - 0 0 1 connected", "'10.0.0.1' has no port"),
        (f"{'b' * 40} 10.0.0.1:x@1 master - 0 0 1 connected", "'x' is no port"),
        (f"{'b' * 40} 10.0.0.1:1@70000 master - 0 0 1 connected", "'70000' is no port"),
        (f"{'b' * 40} :1@1,,nosuch=1 master - 0 0 1 connected", "'nosuch=1' is not known"),
        (f"{'b' * 40} :1@1,,shard-id master - 0 0 1 connected", "'shard-id' is no name=value"),
        (f"{'b' * 40} :1@1 boss - 0 0 1 connected", "unknown flag 'boss'"),
        (f"{'b' * 40} :1@1 myself,master - 0 0 1 connected", "a second line says myself"),
        (f"{'b' * 40} :1@1 slave nobody 0 0 1 connected", "'nobody' is no id of a node"),
        (f"{'b' * 40} :1@1 master - 0 0 1 connected 5-16384", "'16384' is no slot"),
        (f"{'b' * 40} :1@1 master - 0 0 1 connected [5->-me]", "'[5->-me]' is no slot on its way"),
        ("vars currentEpoch", "a variable without a value"),
        ('"', "unbalanced quotes"),
    ],
)
def test_what_is_wrong_is_named(line, said):
    with pytest.raises(NodesFileError) as refusal:
        parse(f"{GOOD}\n{line}\n", 0, Random(0))
    assert said in str(refusal.value) and "(line 2" in str(refusal.value)


def test_a_file_without_a_node_of_its_own():
    with pytest.raises(NodesFileError, match="none has the flag myself"):
        parse("vars currentEpoch 3 lastVoteEpoch 0\n", 0, Random(0))


def test_a_node_begins_where_it_was():
    redis = Embedded({"cluster-enabled": "yes"}, clock=0, seed=1)
    redis.execute("CLUSTER", "ADDSLOTSRANGE", 0, 99)
    redis.execute("CLUSTER", "BUMPEPOCH")
    name = redis.execute("CLUSTER", "MYID")
    assert name in redis.disk.read("nodes.conf")  # before the reply
    redis.kill()
    assert redis.execute("CLUSTER", "MYID") == name
    assert redis.execute("CLUSTER", "SLOTS")[0][:2] == [0, 99]
    assert b"cluster_my_epoch:1" in redis.execute("CLUSTER", "INFO")


def test_a_log_that_is_flushed_first_does_not_keep_the_file_from_being_written():
    redis = Embedded({"cluster-enabled": "yes", "appendonly": "yes"}, clock=0, seed=1)
    node = redis.node
    node.cluster.state.current_epoch = 7
    node.cluster.soon(SAVE)
    node.append_only.tick()  # as in a tick of the node, which then ends with:
    node.write_out()
    assert b"vars currentEpoch 7" in redis.disk.read("nodes.conf")


def test_a_node_that_could_not_write_the_file_says_so_whenever_a_reply_is_to_leave():
    redis = Embedded({"cluster-enabled": "yes"}, clock=0, seed=1)
    redis.disk.fail("write", "*nodes.conf*")
    for way in (lambda: redis.execute("CLUSTER", "BUMPEPOCH"), redis.node.write_out):
        with pytest.raises(NodeFailure, match="can't update cluster config file"):
            way()


def test_keys_of_slots_that_are_not_ours():
    """A data file is there, but no nodes.conf: slots with keys are taken, so that no key is out of reach."""
    redis = Embedded({"cluster-enabled": "yes"}, clock=0, seed=1)
    redis.execute("CLUSTER", "ADDSLOTSRANGE", 0, 16383)
    redis.step(3)
    redis.execute("SET", "k", "v")
    redis.execute("SAVE")
    redis.disk.remove("nodes.conf")
    redis.kill()
    assert redis.execute("CLUSTER", "SLOTS")[0][:2] == [7629, 7629]

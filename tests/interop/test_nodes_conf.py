"""nodes.conf of real servers and ours: each reads the other's, and a file in use is nobody else's."""

from __future__ import annotations

from pathlib import Path
from random import Random

import pytest

import minidis.distributed  # noqa: F401  (gives nodes their part in a cluster)
from minidis.distributed.cluster.nodes_conf import NodesFileError, describe, parse
from minidis.drivers.disk import RealDisk
from minidis.drivers.embedded import real_clock
from minidis.engine.node import Node
from tests.differential.differences import REDIS_7_0
from tests.differential.servers import Judge, RealServer, available_judges
from tests.interop.instances import free_port

SLOTS = b"CLUSTER ADDSLOTSRANGE 0 99 200 200 16000 16383"


@pytest.fixture(params=available_judges(), ids=lambda judge: judge.name)
def judge(request: pytest.FixtureRequest) -> Judge:
    return request.param


def real_server(judge: Judge, path: Path) -> RealServer:
    port = str(free_port())
    return RealServer(
        judge, ("--cluster-enabled", "yes", "--cluster-port", port, "--cluster-config-file", str(path))
    )


def our_node(path: Path) -> Node:
    config = {"cluster-enabled": "yes", "cluster-config-file": str(path)}
    return Node(config, real_clock, Random(1), disk=RealDisk())


def said(server: RealServer, command: bytes) -> bytes:
    with server.connect() as connection:
        return connection.run([tuple(command.split())])[0][1]


def test_we_read_theirs(judge, tmp_path):
    path = tmp_path / "nodes.conf"
    with real_server(judge, path) as server:
        said(server, SLOTS)
        said(server, b"CLUSTER BUMPEPOCH")
        said(server, b"CLUSTER SAVECONFIG")
        state = parse(path.read_text(), 0, Random(0))
        assert describe(state, state.myself) + "\n" == said(server, b"CLUSTER NODES").decode()
        assert state.current_epoch == 1
        if judge.name == REDIS_7_0:  # later ones replace the file, and don't lock the new one
            with pytest.raises(NodesFileError, match="already used by a different Redis Cluster node"):
                our_node(path).cluster.begin()
    node = our_node(path)
    node.cluster.begin()
    assert node.cluster.myself.slots == state.myself.slots
    node.disk.close_all()


def test_they_read_ours(judge, tmp_path):
    path = tmp_path / "nodes.conf"
    node = our_node(path)
    node.cluster.begin()
    client = node.connect()
    for line in (SLOTS, b"CLUSTER SET-CONFIG-EPOCH 7"):
        node.execute(client, line.split())
        node.write_out()  # a new file each time: the lock goes with it
    with pytest.raises(RuntimeError, match="already used by a different"):
        real_server(judge, path)
    node.disk.close_all()
    if judge.name == REDIS_7_0:  # it does not know the fields behind the address
        path.write_text(path.read_text().replace(f",,tls-port=0,shard-id={node.cluster.myself.shard_id}", ""))
    with real_server(judge, path) as server:
        assert said(server, b"CLUSTER MYID").decode() == node.cluster.myself.name
        mine = describe(node.cluster.state, node.cluster.myself)
        assert said(server, b"CLUSTER NODES").decode().split()[2:] == mine.split()[2:]

"""redis-cli --cluster against minidis: create, check, reshard, rebalance, add-node, del-node, fix, import."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator

import pytest
import redis

from minidis.drivers.cluster_servers import LocalCluster
from tests.interop.instances import Instance, running, until
from tests.interop.local_clusters import names, open_slot

KEYS = 60


def manager(command: str, *words: object) -> str:
    """redis-cli --cluster; what it says."""
    done = attempt(command, *words)
    assert done.returncode == 0, f"{command} {words}\n{done.stdout[-3000:]}{done.stderr[-500:]}"
    return done.stdout


def attempt(command: str, *words: object) -> subprocess.CompletedProcess[str]:
    """The same, which may fail: nodes need a moment to agree."""
    line = ["redis-cli", "--cluster", command, *map(str, words)]
    return subprocess.run(line, capture_output=True, text=True, timeout=300)


@pytest.fixture(scope="module")
def nodes() -> Iterator[LocalCluster]:
    """Seven nodes; six of them are made a cluster by redis-cli, the last one is still alone."""
    with LocalCluster(7, 0, {"cluster-node-timeout": 15_000}, joined=False) as cluster:
        manager("create", *addresses(cluster)[:6], "--cluster-replicas", 1, "--cluster-yes")
        client = redis.RedisCluster(host="127.0.0.1", port=cluster.ports[0])
        for number in range(KEYS):
            client.set(f"key:{number}", number)
        client.close()
        yield cluster


def addresses(cluster: LocalCluster) -> list[str]:
    return [f"127.0.0.1:{port}" for port in cluster.ports]


def ids(cluster: LocalCluster) -> list[str]:
    return list(names(cluster).values())


def owned(cluster: LocalCluster, number: int) -> int:
    return cluster.run(lambda: cluster.servers.servers[cluster.ports[number]].node.cluster.myself.slot_count)


def checked(cluster: LocalCluster) -> None:
    """All agree, all slots are served, none is open, and no key is lost."""
    until(lambda: attempt("check", addresses(cluster)[0]).returncode == 0, "all agree")
    client = redis.RedisCluster(host="127.0.0.1", port=cluster.ports[0])
    assert [client.get(f"key:{number}") for number in range(KEYS)] == [
        b"%d" % number for number in range(KEYS)
    ]
    client.close()


def test_create(nodes):
    checked(nodes)
    assert [owned(nodes, number) for number in range(7)] == [5461, 5462, 5461, 0, 0, 0, 0]
    assert "3 masters" in manager("info", addresses(nodes)[0])


def test_reshard_and_rebalance(nodes):
    first, second, *_ = ids(nodes)
    moved = ("--cluster-from", first, "--cluster-to", second, "--cluster-slots", 15)
    manager("reshard", addresses(nodes)[2], *moved, "--cluster-yes")
    checked(nodes)
    assert (owned(nodes, 0), owned(nodes, 1)) == (5446, 5477)
    manager("rebalance", addresses(nodes)[0], "--cluster-threshold", 0.1)
    checked(nodes)
    assert {owned(nodes, number) for number in range(3)} == {5461, 5462}


def test_a_node_comes_and_goes(nodes):
    known = ids(nodes)
    manager("add-node", addresses(nodes)[6], addresses(nodes)[0])
    until(lambda: _all_know(nodes, known[6]), "all know the new one")
    moved = ("--cluster-from", known[2], "--cluster-to", known[6], "--cluster-slots", 5, "--cluster-yes")
    manager("reshard", addresses(nodes)[0], *moved)
    checked(nodes)
    assert owned(nodes, 6) == 5
    back = ("--cluster-from", known[6], "--cluster-to", known[2], "--cluster-slots", 5, "--cluster-yes")
    manager("reshard", addresses(nodes)[0], *back)
    manager("del-node", addresses(nodes)[0], known[6])
    assert not any(known[6] in nodes.call(port, "CLUSTER", "NODES").decode() for port in nodes.ports[:6])
    checked(nodes)


def _all_know(cluster: LocalCluster, name: str) -> bool:
    return all(name in cluster.call(port, "CLUSTER", "NODES").decode() for port in cluster.ports)


def test_fix(nodes):
    """A reshard that was broken off: some keys are here, some there, the slot is open on both sides."""
    source, target = nodes.ports[0], nodes.ports[1]
    slot = next(
        slot
        for slot in (nodes.call(source, "CLUSTER", "KEYSLOT", f"key:{number}") for number in range(KEYS))
        if slot < 5400
    )
    keys = [key.decode() for key in nodes.call(source, "CLUSTER", "GETKEYSINSLOT", slot, 10)]
    open_slot(nodes, slot, source, target)
    assert (
        redis.Redis(port=source).execute_command("MIGRATE", "127.0.0.1", target, keys[0], 0, 60_000) == b"OK"
    )
    assert "in migrating state" in attempt("check", addresses(nodes)[0]).stdout
    manager("fix", addresses(nodes)[0])
    checked(nodes)


def test_import(nodes):
    alone = Instance(None)
    with running(alone):
        for number in range(20):
            alone.client.set(f"new:{number}", number)
        manager("import", addresses(nodes)[0], "--cluster-from", f"127.0.0.1:{alone.port}")
        assert alone.client.dbsize() == 0
    client = redis.RedisCluster(host="127.0.0.1", port=nodes.ports[0])
    assert client.mget_nonatomic([f"new:{number}" for number in range(20)]) == [b"%d" % n for n in range(20)]
    client.close()

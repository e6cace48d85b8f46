"""Cells on a cluster over TCP: each command goes where its key is, also when that has changed."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import redis

from minidis.distributed.cluster.slots import slot_of
from minidis.drivers.cluster_servers import LocalCluster
from tests.interop.local_clusters import give_slot, open_slot, owner
from tests.notebook.conftest import Notebook

SLOT = slot_of(b"foo")


@pytest.fixture(scope="module")
def cluster() -> Iterator[LocalCluster]:
    with LocalCluster(3, 0, {"cluster-node-timeout": 15_000}) as cluster:
        yield cluster


def test_cells_on_a_cluster(notebook: Notebook, cluster: LocalCluster) -> None:
    url = f"redis+cluster://127.0.0.1:{cluster.ports[0]}"
    assert notebook.run(f"%redis connect {url}") == f"cells now run on the cluster at {url}"
    assert notebook.run(
        "%%redis\nSET foo 1\nSET bar 2\nGET foo\nMGET foo bar\nMULTI\nINCR bar\nEXEC"
    ).splitlines() == [
        "redis> SET foo 1",
        "OK",
        "redis> SET bar 2",
        "OK",
        "redis> GET foo",
        '"1"',
        "redis> MGET foo bar",
        "(error) CROSSSLOT Keys in request don't hash to the same slot",
        "redis> MULTI",
        "OK",
        "redis(TX)> INCR bar",
        "(error) MOVED 5061 127.0.0.1:<bar>".replace("<bar>", str(owner(cluster, slot_of(b"bar")))),
        "redis(TX)> EXEC",
        "(error) EXECABORT Transaction discarded because of previous errors.",
    ]
    assert notebook.run("%%redis\nGET bar\nMULTI\nINCR bar\nEXEC").splitlines()[-1] == "1) (integer) 3"
    move_slot(cluster)
    assert notebook.run("%redis GET foo") == '"1"'
    assert notebook.run("%redis GET {foo}none") == "(nil)"


def test_who_waits_at_one_node_is_woken_there(notebook: Notebook, cluster: LocalCluster) -> None:
    notebook.run(f"%redis connect redis+cluster://127.0.0.1:{cluster.ports[1]}")
    assert "waiting" in notebook.run("%redis @alice BLPOP queue 0")
    assert "this client waits for a key" in notebook.run("%redis @alice GET foo")
    assert '2) "job"' in notebook.run("%redis RPUSH queue job")


def test_a_cluster_that_is_not_there(notebook: Notebook) -> None:
    assert "Could not connect to the cluster at redis+cluster://ann:***@127.0.0.1:1" in notebook.run(
        "%redis connect redis+cluster://ann:secret@127.0.0.1:1"
    )


def move_slot(cluster: LocalCluster) -> None:
    """The slot of foo goes to another node, behind the notebook's back; between the steps it is asked for."""
    source = owner(cluster, SLOT)
    target = next(port for port in cluster.ports if port != source)
    open_slot(cluster, SLOT, source, target)
    with redis.Redis(port=source) as mover:
        assert mover.execute_command("MIGRATE", "127.0.0.1", target, "foo", 0, 60_000) == b"OK"
    give_slot(cluster, SLOT, source, target)

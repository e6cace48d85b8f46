"""Cells on a cluster over TCP: each command goes where its key is, also when that has changed."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
import redis
from redis.cluster import ClusterNode

from minidis.commands.info_fields import assignments
from minidis.distributed.cluster.slots import slot_of
from minidis.drivers.cluster_servers import LocalCluster, free_ports
from minidis.notebook import views
from tests.interop.local_clusters import give_slot, open_slot, owner
from tests.notebook.conftest import Notebook

SLOT = slot_of(b"foo")


@pytest.fixture(scope="module")
def cluster() -> Iterator[LocalCluster]:
    with LocalCluster(3, 0, {"cluster-node-timeout": 15_000}) as cluster:
        yield cluster


KEYS = ["bar", "c", "foo"]
"""One for each of three primaries."""


def test_views_draw_the_keys_of_all_primaries(notebook: Notebook, cluster: LocalCluster) -> None:
    notebook.run(f"%redis connect {cluster.url}")
    for key in KEYS:
        notebook.run(f"%redis RPUSH {key} a 1 {key}")
    assert [cluster.call(port, "KEYS", "*") for port in cluster.ports] == [[key.encode()] for key in KEYS]
    shown = str(views.keys())
    assert shown.startswith("keys of database 0: 3 keys") and all(f"\n{key} " in shown for key in KEYS)
    for key in KEYS:
        drawn = str(views.show(key))
        assert drawn.startswith(f"{key}: listpack, 3 entries")
        assert f"from {cluster.url} by DUMP: the bytes are the server's own" in drawn
    for port in cluster.ports:  # looking is no access at any of them
        lines = cluster.call(port, "CLIENT", "LIST").decode().splitlines()
        fields = [assignments(line, " ") for line in lines]
        assert ["T" in one["flags"] for one in fields if one["name"] == "views"] == [True]
    assert notebook.complete("%redis GET fo|") == ["foo"]
    notebook.run("%redis DEL foo")
    assert str(views.keys()).startswith("keys of database 0: 2 keys")
    notebook.run("%%redis\nDEL bar\nDEL c")


def test_views_draw_the_clients_of_all_nodes(notebook: Notebook, cluster: LocalCluster) -> None:
    notebook.run(f"%redis connect {cluster.url}")
    for name, key in zip(("ann", "bob", "eve"), KEYS, strict=True):
        notebook.run(f"%%redis @{key}\nGET {key}\nSUBSCRIBE news {key}\nPSUBSCRIBE n*")
        notebook.run(f"%%redis @{name}\nWATCH {key}\nMULTI\nINCR {key}")
    notebook.run("%redis SET c 1")
    changed = [one["name"] for one in views.transactions().take()["clients"] if one["changed"]]
    places = [f"127.0.0.1:{port}" for port in cluster.ports]
    assert changed == [f"bob at {places[1]}"]
    assert all(f"{name} at" in str(views.transactions()) for name in ("ann", "eve"))
    text = str(views.fanout("news"))
    assert "a message to news is handed out 3 times, to 3 clients, and to those whose pattern matches" in text
    for key, place in zip(KEYS, places, strict=True):
        assert f"{key} at {place}: 2 channels, 1 pattern" in text
    notebook.run("%redis DEL c")
    for picture in (views.dashboard(), views.acl_matrix(["GET k"])):
        (only,) = re.findall(r"only of (\S+), one of the cluster's nodes", str(picture))
        assert only in places


def test_a_node_that_is_gone_is_left_out_of_views(notebook: Notebook, cluster: LocalCluster) -> None:
    """A map that still names it is asked for anew."""
    notebook.run(f"%redis connect {cluster.url}")
    notebook.run("%%redis\nSET foo 1\nSET bar 2")
    known = views.keys().node.target.cluster.nodes_manager
    for view, drawn in (
        (views.show("foo"), "foo: "),
        (views.keys(), "keys of database 0: 2 keys"),
        (views.fanout("news"), "Pub/Sub: "),
    ):
        gone = ClusterNode("127.0.0.1", free_ports(1)[0], "primary")
        known.nodes_cache = {gone.name: gone, **known.nodes_cache}
        assert str(view).startswith(drawn)
    assert gone.name not in known.nodes_cache
    known.nodes_cache = {gone.name: gone, **known.nodes_cache}
    new_client = views.keys().node.target.connect("late")
    assert new_client.call([b"PING"]) == "PONG" and new_client.last_node != gone.name
    new_client.close()
    notebook.run("%%redis\nDEL foo\nDEL bar")


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

"""redis-py on virtual time."""

from __future__ import annotations

import gc

import pytest
import redis

import minidis


def make() -> minidis.Lab:
    lab = minidis.Lab(seed=1)
    lab.nodes("a", "b", config={"repl-diskless-sync-delay": 0})
    return lab


def test_commands_pipelines_and_scripts() -> None:
    client = make().client("a", decode_responses=True)
    assert client.set("k", "v") and client.get("k") == "v"
    with client.pipeline() as pipe:
        assert pipe.incr("n").incr("n").execute() == [1, 2]
    assert client.blpop("nothing", timeout=2) is None


def test_replication_by_redis_py() -> None:
    lab = make()
    primary, replica = lab.client("a"), lab.client("b")
    replica.replicaof("a", 6379)
    lab.run("1s")
    primary.set("k", "v")
    assert primary.wait(1, 1000) == 1 and replica.get("k") == b"v"
    with pytest.raises(redis.ReadOnlyError):
        replica.set("k", "w")
    assert replica.info("replication")["master_link_status"] == "up"


def test_a_forgotten_client_moves_nothing() -> None:
    """When Python frees an object is no part of a history."""

    def history(forgets: bool) -> str:
        lab = minidis.Lab(seed=1)
        lab.node("a")
        kept = [lab.client("a", f"app{number}") for number in range(3)]
        for client in kept:
            client.ping()
        if forgets:
            del client
            kept.clear()
            gc.collect()
        lab.call("a", "SET", "k", "v")
        return lab.transcript()

    assert history(forgets=True) == history(forgets=False)


def test_a_dead_server_and_a_wall() -> None:
    lab = make()
    client = lab.client("a", "alice", socket_timeout=3)
    client.ping()
    lab.partition("alice", "a")
    before_s = lab.now_s
    with pytest.raises(redis.TimeoutError):
        client.ping()
    assert 3 <= lab.now_s - before_s < 4
    lab.heal()
    assert client.ping()
    lab.kill("a")
    with pytest.raises(redis.ConnectionError):
        client.ping()
    lab.restart("a")
    assert client.ping()


def test_pubsub() -> None:
    lab = make()
    pubsub = lab.client("a").pubsub()
    pubsub.subscribe("news")
    assert pubsub.get_message(timeout=1)["type"] == "subscribe"
    lab.client("a").publish("news", "hello")
    assert pubsub.get_message(timeout=1)["data"] == b"hello"


def test_clients_beyond_maxclients_are_refused_and_idle_ones_make_room() -> None:
    lab = minidis.Lab(seed=1)
    lab.node("a", {"maxclients": "2", "timeout": "5"})
    first, second, third = (lab.client("a", name) for name in ("ann", "bob", "cid"))
    assert first.ping() and second.ping()
    with pytest.raises(redis.ConnectionError, match="max number of clients reached"):
        third.ping()
    lab.run("10s")
    assert third.ping() and third.info("stats")["rejected_connections"] == 1

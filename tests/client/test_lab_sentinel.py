"""redis-py's Sentinel client in the lab: it finds the primary, and the next one after a failover."""

from __future__ import annotations

import pytest
import redis
from redis.sentinel import MasterNotFoundError

from minidis.client.lab import Lab


def make_lab() -> Lab:
    lab = Lab(seed=1)
    lab.node("a", {"repl-diskless-sync-delay": 0})
    for name in "bc":
        lab.node(name, {"replicaof": "a 6379", "repl-diskless-sync-delay": 0})
    lab.sentinels("s1", "s2", "s3", watch={"m": "a"}, down_after_ms=1000)
    lab.run("15s")
    return lab


def test_it_finds_the_primary_before_and_after_a_failover() -> None:
    lab = make_lab()
    sentinel = lab.sentinel_client("s1", "s2", "s3", socket_timeout=0.5)
    primary, replica = sentinel.master_for("m"), sentinel.slave_for("m")
    assert sentinel.discover_master("m") == lab.processes["a"].address
    assert len(sentinel.discover_slaves("m")) == 2
    assert primary.set("k", "v")
    lab.run("100ms")
    assert replica.get("k") == b"v"
    with pytest.raises(redis.ReadOnlyError):
        replica.set("k", "w")
    lab.kill("a")
    with pytest.raises(redis.ConnectionError):
        primary.set("k", "w")
    lab.run("10s")
    assert primary.set("k", "w")
    assert sentinel.discover_master("m") != lab.processes["a"].address


def test_it_goes_on_to_the_next_sentinel() -> None:
    lab = make_lab()
    sentinel = lab.sentinel_client("s1", "s2", socket_timeout=0.5)
    lab.kill("s1")
    assert sentinel.discover_master("m") == lab.processes["a"].address
    lab.partition("redis-py", "s2")
    before_s = lab.now_s
    with pytest.raises(MasterNotFoundError):
        sentinel.discover_master("m")
    assert 0.4 < lab.now_s - before_s < 3  # it waited, in virtual time
    cautious = lab.sentinel_client("s3", min_other_sentinels=5)
    with pytest.raises(MasterNotFoundError):
        cautious.discover_master("m")

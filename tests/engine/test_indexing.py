"""A server's indexes have their keys by and by; what is asked meanwhile is answered from what is listed."""

from __future__ import annotations

import pytest

from minidis import Embedded
from minidis.engine.durability.snapshots import REST_US
from minidis.structures import dicttable, heldtable
from minidis.structures.dicttable import IndexedDictTable

KEYS = 600


@pytest.fixture
def redis(monkeypatch: pytest.MonkeyPatch) -> Embedded:
    """A node that works as a server does, for which 600 keys are very many; a slice is one step."""
    monkeypatch.setattr(dicttable, "NOT_WORTH_A_LIST", 50)
    monkeypatch.setattr(heldtable, "LISTED_AT_ONCE", 40)
    take_in = IndexedDictTable.take_in
    monkeypatch.setattr(IndexedDictTable, "take_in", lambda table, most=20: take_in(table, min(most, 20)))
    monkeypatch.setattr("minidis.engine.keyspace.indexing.SLICE_US", 0)
    redis = Embedded(clock=0, seed=1)
    redis.node.works_at_once = False
    redis.execute("MSET", *(word for number in range(KEYS) for word in (f"key:{number}", number)))
    return redis


@pytest.mark.parametrize("request_line", ["RANDOMKEY", "SCAN 0"])
def test_who_asks_an_index_sets_it_going_and_the_node_goes_on(redis: Embedded, request_line: str) -> None:
    table, idle = redis.node.databases[0].table, len(redis.node.services)
    redis.execute(*request_line.split())
    assert table.is_held and table.is_listing and redis.node.indexing in redis.node.services
    steps = 0
    while table.is_behind:
        reply = redis.execute(*request_line.split())
        if request_line == "RANDOMKEY":
            assert redis.execute("EXISTS", reply)
        else:
            assert reply[1] == [] or not table.is_behind
        redis.execute("DEL", f"key:{steps}")
        redis.execute("SET", f"new:{steps}", "x")
        redis.step(REST_US / 1e6)
        steps += 1
    assert steps > 10 and not table.is_held and len(table) == KEYS
    redis.step(1)
    assert len(redis.node.services) == idle
    redis.node.databases[0].check()
    table.check()


def test_a_clock_that_is_put_back_does_not_stop_it(redis: Embedded) -> None:
    table = redis.node.databases[0].table
    redis.step(7200)
    redis.execute("RANDOMKEY")
    redis.step(0.01)
    redis.jump(0)
    redis.step(1)
    assert not table.is_behind and not table.is_held


def test_a_list_of_expiries_ends_where_expiry_does(redis: Embedded) -> None:
    for number in range(KEYS):
        redis.execute("EXPIRE", f"key:{number}", 1000)
    expires, progress = redis.node.databases[0].expires, redis.node.expiry
    part_us, progress.part_us = progress.part_us, -1  # the clock stands: so it has no time at all
    progress.work(10_000)
    assert expires.is_held
    redis.execute("DEBUG", "SET-ACTIVE-EXPIRE", "0")
    redis.step(1)
    assert not expires.is_held
    redis.execute("DEBUG", "SET-ACTIVE-EXPIRE", "1")
    progress.part_us = part_us
    redis.step(10)
    assert not expires.is_behind and not expires.is_held
    redis.node.databases[0].check()


def test_a_flush_ends_it(redis: Embedded) -> None:
    idle = len(redis.node.services)
    for words in (("FLUSHALL",), ("FLUSHALL", "ASYNC")):
        redis.execute("RANDOMKEY")
        assert redis.node.databases[0].table.is_held
        redis.execute(*words)
        redis.step(1)
        assert len(redis.node.services) == idle and not redis.node.databases[0].table.is_held
        redis.execute("MSET", *(word for number in range(KEYS) for word in (f"key:{number}", number)))


def test_where_nobody_waits_no_table_holds_still(redis: Embedded) -> None:
    redis.node.works_at_once = True
    for number in range(KEYS):
        redis.execute("EXPIRE", f"key:{number}", 1)
    redis.execute("RANDOMKEY")
    assert not redis.node.databases[0].table.is_held
    redis.step(10)
    assert not redis.node.databases[0].expires.is_held


def test_keys_that_expire_are_listed_and_deleted_without_the_index(redis: Embedded) -> None:
    for number in range(KEYS):
        redis.execute("PEXPIRE", f"key:{number}", 1)
    database = redis.node.databases[0]
    redis.step(0.2)
    assert len(database) <= KEYS // 10 and not database.expires.is_held
    assert len(database.expires.sizes) == 1 and database.expires.sizes[0] <= 64, "no room was made for all"
    database.check()


@pytest.mark.parametrize("policy", ["allkeys-lru", "allkeys-random", "volatile-ttl"])
def test_victims_are_drawn_from_what_is_listed(redis: Embedded, policy: str) -> None:
    for number in range(0, KEYS, 2):
        redis.execute("EXPIRE", f"key:{number}", 1000)
    redis.execute("CONFIG", "SET", "maxmemory-policy", policy, "maxmemory", "1gb")
    redis.step(2)
    assert redis.node.memory.is_exact
    redis.execute("CONFIG", "SET", "maxmemory", redis.node.memory.used_bytes() - 4000)
    while redis.node.memory.excess_bytes():
        redis.execute("SET", "one", "more")
        redis.step(0.001)
    assert 0 < redis.node.eviction.evicted_keys < 100
    redis.step(2)
    redis.node.databases[0].check()

"""Lazy freeing: gone at once, freed in slices, counted, and not taken from under somebody who still reads."""

from __future__ import annotations

import pytest

from minidis.drivers.embedded import Embedded
from minidis.engine.memory import lazyfree
from minidis.engine.memory.lazyfree import release
from minidis.values.set import Set

LARGE = {
    "set": ("SADD", "big", *(f"m{n}" for n in range(2000))),
    "hash": ("HSET", "big", *(word for n in range(2000) for word in (f"f{n}", n))),
    "zset": ("ZADD", "big", *(word for n in range(2000) for word in (n, f"m{n}"))),
    "list": ("RPUSH", "big", *("x" * 500 for _ in range(2000))),
}


def slow_down(redis: Embedded, reading_us: int) -> None:
    """From now on the clock moves by itself, whenever it is read."""
    frozen, readings = redis.node.clock, iter(range(10**6))
    redis.node.clock = lambda: frozen() + reading_us * next(readings)


@pytest.mark.parametrize("kind", LARGE)
def test_a_large_value_is_gone_at_once_and_freed_later(kind: str) -> None:
    redis = Embedded({"maxmemory": "1gb"}, clock=0)
    redis.execute(*LARGE[kind])
    assert redis.execute("TYPE", "big") == kind
    used = redis.node.memory.used_bytes()
    assert redis.execute("UNLINK", "big") == 1
    assert redis.execute("EXISTS", "big") == 0
    lazy = redis.node.lazy_free
    assert (lazy.pending_objects, lazy.freed_objects) == (1, 0)
    assert used * 0.99 < redis.node.memory.used_bytes() <= used  # only the table's buckets have gone
    redis.step(1)
    assert (lazy.pending_objects, lazy.freed_objects, lazy.pending_bytes) == (0, 1, 0)
    assert redis.node.memory.dataset_bytes == 0 and lazy not in redis.node.services
    assert b"lazyfreed_objects:1" in redis.execute("INFO", "memory")


@pytest.mark.parametrize("kind", LARGE)
def test_a_slice_is_short_and_they_come_to_an_end(kind: str) -> None:
    redis = Embedded(clock=0)
    redis.execute(*LARGE[kind])
    redis.execute("UNLINK", "big")
    slow_down(redis, 2000)  # a slice is over its budget when the clock is read again
    slices = 0
    while redis.node.lazy_free.pending_objects:
        redis.node.lazy_free.run()
        slices += 1
        assert slices < 100
    assert slices > 1 or kind == "list"  # a list of a hundred nodes is one slice


def test_small_values_are_not_put_off() -> None:
    redis = Embedded(clock=0)
    redis.execute("SADD", "small", *range(1000, 1064), "word")
    redis.execute("SET", "text", "x" * 100_000)
    assert redis.execute("UNLINK", "small", "text", "missing") == 2
    assert redis.node.lazy_free.pending_objects == 0


def test_what_somebody_still_reads_stays_whole() -> None:
    redis = Embedded(clock=0)
    redis.execute(*LARGE["set"])
    value = redis.node.databases[0].peek(b"big")
    redis.execute("UNLINK", "big")
    redis.step(1)
    assert redis.node.lazy_free.pending_objects == 0
    assert isinstance(value, Set) and len(value) == 2000
    value.check()


def test_flushing_in_the_background() -> None:
    redis = Embedded({"maxmemory": "1gb"}, clock=0)
    for number in range(1000):
        redis.execute("SET", f"k{number}", "v", "EX", 100)
    redis.execute("SCAN", 0)  # a table with an index
    assert redis.execute("FLUSHALL", "ASYNC") == "OK"
    assert redis.execute("DBSIZE") == 0 and redis.node.lazy_free.pending_objects == 1000
    redis.execute("SET", "new", "v")
    redis.step(1)
    assert redis.execute("KEYS", "*") == [b"new"] and redis.node.lazy_free.freed_objects == 1000
    redis.node.check()
    redis.execute("CONFIG", "SET", "lazyfree-lazy-user-flush", "yes")
    redis.execute("FLUSHDB")
    assert redis.node.lazy_free.pending_objects == 1
    redis.execute("FLUSHDB", "SYNC")


def test_directives_choose_what_is_lazy() -> None:
    redis = Embedded({"maxmemory-policy": "allkeys-lru"}, clock=0)
    entries: list[list[bytes]] = []
    redis.node.journal.subscribe(lambda entry: entries.append(entry.argv))
    lazy = redis.node.lazy_free

    def make() -> None:
        redis.execute(*LARGE["set"])
        entries.clear()

    make()
    redis.execute("DEL", "big")
    assert lazy.pending_objects == 0
    redis.execute("CONFIG", "SET", "lazyfree-lazy-user-del", "yes")
    make()
    redis.execute("DEL", "big")
    assert lazy.pending_objects == 1
    redis.execute("CONFIG", "SET", "lazyfree-lazy-expire", "yes")
    make()
    redis.execute("PEXPIRE", "big", 10)
    entries.clear()
    redis.step(1)
    assert entries == [[b"UNLINK", b"big"]] and lazy.freed_objects == 2
    redis.execute("CONFIG", "SET", "lazyfree-lazy-eviction", "yes")
    make()
    assert redis.node.eviction.evict_one()
    assert entries == [[b"UNLINK", b"big"]] and lazy.pending_objects == 1


def test_eviction_waits_for_what_is_being_freed() -> None:
    redis = Embedded({"maxmemory-policy": "allkeys-lru", "lazyfree-lazy-eviction": "yes"}, clock=0)
    redis.execute(*LARGE["hash"])
    redis.execute("CONFIG", "SET", "maxmemory", redis.node.memory.used_bytes() - 1)
    assert redis.execute("SET", "k", "v") == "OK"  # room was made in time for it
    assert redis.execute("KEYS", "*") == [b"k"]


def test_a_structure_that_cannot_be_taken_apart_is_let_go() -> None:
    assert release(object(), 10) is False


# -- where others wait -----------------------------------------------------------------------------------


@pytest.fixture
def server() -> Embedded:
    """A node that works as a server does, and knows what it has weighed."""
    redis = Embedded({"maxmemory": "1gb"}, clock=0)
    redis.node.works_at_once = False
    return redis


WAYS = {
    "DEL": ("DEL", "big"),
    "SET": ("SET", "big", "small"),
    "PEXPIRE": ("PEXPIRE", "big", 0),
    "*STORE": ("SUNIONSTORE", "big", "missing"),
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("kind", LARGE)
def test_what_redis_frees_at_once_is_freed_by_and_by_and_counts_as_free(
    server: Embedded, kind: str, way: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    released: list[object] = []
    monkeypatch.setattr(
        lazyfree, "release", lambda part, count: released.append(part) or release(part, count)
    )
    server.execute(*LARGE[kind])
    parts = server.node.databases[0].peek(b"big").parts()
    server.execute(*WAYS[way])
    lazy = server.node.lazy_free
    assert len(lazy.queue) == 1 and not released, "nobody has waited for it"
    assert (lazy.pending_objects, lazy.pending_bytes, lazy.freed_objects) == (0, 0, 0)
    assert server.node.memory.dataset_bytes < 200
    server.step(1)
    assert not lazy.queue and lazy.freed_objects == 0
    assert parts and all(any(part is each for each in released) for part in parts)


@pytest.mark.parametrize(
    "words", [("RENAME", "big", "other"), ("MOVE", "big", "1"), ("COPY", "big", "other")]
)
def test_a_value_that_has_another_key_stays_whole(server: Embedded, words: tuple[str, ...]) -> None:
    server.execute(*LARGE["zset"])
    server.execute("SADD", "other" if words[0] == "RENAME" else "others", *range(1000, 2000))
    server.execute(*words)
    server.step(1)
    if words[0] == "MOVE":
        server.execute("SELECT", "1")
    key = "big" if words[0] == "MOVE" else "other"
    assert server.execute("ZCARD", key) == 2000 and server.execute("ZRANK", key, "m7") == 7
    assert not server.node.lazy_free.queue


def test_a_flush_is_taken_apart_too(server: Embedded) -> None:
    server.execute(*LARGE["hash"])
    server.execute("MSET", *(word for n in range(2000) for word in (f"k{n}", n)))
    table, lazy = server.node.databases[0].table, server.node.lazy_free
    server.execute("FLUSHALL", "SYNC")
    assert server.execute("DBSIZE") == 0 and len(table) == 2001 and lazy.pending_objects == 0
    assert server.node.memory.dataset_bytes == 0
    server.step(1)
    assert not len(table) and not lazy.queue and lazy.freed_objects == 0


def test_where_nobody_waits_del_frees_at_once() -> None:
    redis = Embedded(clock=0)
    redis.execute(*LARGE["set"])
    redis.execute("DEL", "big")
    assert not redis.node.lazy_free.queue


def test_a_structure_that_fails_is_let_go_whole(server: Embedded) -> None:
    """A learner's own: the node's other work must go on."""

    class Broken:
        def release(self, count: int) -> bool:
            raise ValueError("not today")

    lazy = server.node.lazy_free
    lazy.free_aside([Broken(), {1: 2}])
    lazy.free_aside([broken := Broken()])
    assert broken is not None
    lazy.queue.reverse()
    with pytest.raises(ValueError, match="not today"):
        lazy.run()
    with pytest.raises(ValueError, match="not today"):
        lazy.run()
        lazy.run()
    lazy.run()
    assert not lazy.queue and lazy not in server.node.services

"""While a very large value is to be written into a snapshot, who wants to change it waits; nobody else."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from minidis import Embedded
from minidis.engine.client import Client
from minidis.engine.durability import snapshots
from minidis.engine.durability.loading import Loading
from minidis.engine.durability.snapshots import Sink
from minidis.engine.waiting import WAITING

ELEMENTS = 400
LARGE = {
    "list": ("RPUSH", *(f"element {n}" * 3 for n in range(ELEMENTS))),
    "set": ("SADD", *(f"member {n}" for n in range(ELEMENTS))),
    "hash": ("HSET", *(word for n in range(ELEMENTS) for word in (f"field {n}", n))),
    "zset": ("ZADD", *(word for n in range(ELEMENTS) for word in (n, f"member {n}"))),
}
CHANGES = {
    "list": ("LPUSH", "big", "new"),
    "set": ("SREM", "big", "member 7"),
    "hash": ("HINCRBY", "big", "field 7", 5),
    "zset": ("ZADD", "big", 1000, "member 7"),
    "stream": ("XADD", "big", "*", "f", "v"),
}


class World:
    """A node that works as a server does, for which 400 elements are very many; a slice is one step."""

    def __init__(self) -> None:
        self.redis = Embedded(clock=0, seed=1)
        self.node = self.redis.node
        self.node.works_at_once = False
        self.run("DEBUG", "POPULATE", 50)

    def fill(self, kind: str, key: str = "big") -> None:
        if kind == "stream":
            for n in range(ELEMENTS):
                self.run("XADD", key, f"{n + 1}-1", "field", "value")
        else:
            verb, *words = LARGE[kind]
            self.run(verb, key, *words)

    def run(self, *words: object) -> Any:
        return self.redis.execute(*words)

    def client(self) -> tuple[Client, list[Any]]:
        """Another client, and the replies that come late."""
        client, late = self.node.connect(), []
        client.deliver_late = late.append  # type: ignore[method-assign]
        return client, late

    def ask(self, client: Client, *words: object) -> Any:
        return self.node.execute(client, [str(word).encode() for word in words])

    def begin(self) -> None:
        self.run("BGSAVE")
        self.node.background.rest_us = 100
        assert self.node.background.holds_back

    def hold_a_change(self) -> tuple[str, list[Any]]:
        """Let somebody wait who wants to change a large value: the dataset before, the replies to come."""
        self.fill("zset")
        before = str(self.run("DEBUG", "DIGEST"))
        self.begin()
        client, late = self.client()
        assert self.ask(client, *CHANGES["zset"]) is WAITING
        return before, late

    def until(self, is_done: Callable[[], object]) -> int:
        for steps in range(5000):
            if is_done():
                return steps
            self.redis.step(0.0001)
        raise AssertionError("not in so many steps")

    def saved(self) -> str:
        """What the snapshot has, as a digest."""
        self.until(lambda: self.node.background.job is None)
        assert not self.node.background.holds_back
        restored = Embedded(clock=0)
        loading = Loading(restored.node, disk=self.node.disk)
        loading.begin(loading.snapshot(self.node.saving.path)).run()
        return str(restored.execute("DEBUG", "DIGEST"))


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    monkeypatch.setattr(snapshots, "VERY_LARGE", 300)
    monkeypatch.setattr(snapshots, "LARGE", 100)
    monkeypatch.setattr(snapshots.Walk.advance, "__defaults__", (1, 0))
    monkeypatch.setattr(snapshots.Walk, "advance_into", _one_piece)
    monkeypatch.setattr("minidis.persistence.rdb_writer.ELEMENTS_PER_PIECE", 10)
    yield World()


def _one_piece(walk: snapshots.Walk, sink: Sink, most_us: int = 0) -> bool:
    is_last = walk.advance(1, 0)
    sink.write(walk.take())
    return is_last


@pytest.mark.parametrize("kind", CHANGES)
def test_only_who_wants_to_change_it_waits(world: World, kind: str) -> None:
    world.fill(kind)
    before = str(world.run("DEBUG", "DIGEST"))
    world.begin()
    world.until(lambda: world.node.background.job.walk.is_in_large)
    (ada, late), (bob, _) = world.client(), world.client()
    assert world.ask(ada, *CHANGES[kind]) is WAITING
    assert world.ask(bob, "SET", "key:7", "other") == "OK" and world.ask(bob, "GET", "key:7") == b"other"
    assert world.ask(bob, "TYPE", "big") == kind and world.ask(bob, "EXISTS", "big") == 1
    world.until(lambda: late)
    assert world.node.background.job is not None, "the small keys come later"
    assert world.saved() == before != str(world.run("DEBUG", "DIGEST"))
    assert len(late) == 1 and not world.node.gated


def test_what_is_waited_for_comes_next(world: World) -> None:
    for key in ("one", "two", "three", "big"):
        world.fill("zset", key)
    before = str(world.run("DEBUG", "DIGEST"))
    world.begin()
    client, late = world.client()
    assert world.ask(client, *CHANGES["zset"]) is WAITING
    world.until(lambda: late)
    view = world.node.background.job.walk.views[0]
    assert len(view.large) == 2 and b"big" not in view.large, "one was under way, and one came next"
    assert world.saved() == before


def test_a_transaction_waits_as_a_whole(world: World) -> None:
    world.fill("zset")
    world.begin()
    client, late = world.client()
    for words in (("MULTI",), ("SET", "a", 1), CHANGES["zset"], ("ZCARD", "big")):
        world.ask(client, *words)
    assert world.ask(client, "EXEC") is WAITING and world.run("GET", "a") is None
    world.until(lambda: late)
    assert late == [["OK", 0, ELEMENTS]] and world.run("GET", "a") == b"1"


def test_a_script_waits_for_the_keys_that_it_declares(world: World) -> None:
    world.fill("zset")
    before = str(world.run("DEBUG", "DIGEST"))
    world.begin()
    (ada, late), (bob, _) = world.client(), world.client()
    script = "return redis.call('zadd', 'big', 7, 'new')"
    assert world.ask(ada, "EVAL", script, 1, "big") is WAITING
    assert world.ask(bob, "EVAL", script, 0) == 1, "what it does not declare is written on the spot"
    world.until(lambda: late)
    assert late == [0] and world.saved() == before


@pytest.mark.parametrize(
    "words",
    [
        ("DEL", "big"),
        ("SET", "big", "text"),
        ("SUNIONSTORE", "other", "big"),
        ("COPY", "big", "other"),
        ("SORT", "big", "ALPHA"),
        ("SMEMBERS", "big"),
        ("SUNIONSTORE", "big", "nosuch"),
    ],
)
def test_who_only_reads_replaces_or_deletes_it_does_not_wait(world: World, words: tuple[str, ...]) -> None:
    world.fill("set")
    before = str(world.run("DEBUG", "DIGEST"))
    world.begin()
    client, _ = world.client()
    assert world.ask(client, *words) is not WAITING
    assert world.saved() == before


def test_what_is_waited_for_comes_before_all_of_another_database(world: World) -> None:
    world.run("SELECT", 1)
    world.fill("zset")
    world.run("SELECT", 0)
    before = str(world.run("DEBUG", "DIGEST"))
    world.begin()
    client, late = world.client()
    world.ask(client, "SELECT", 1)
    assert world.ask(client, *CHANGES["zset"]) is WAITING
    world.until(lambda: late)
    assert world.node.background.job.walk.keys_written < 5, "of the fifty keys of database 0"
    assert world.saved() == before


def test_nobody_waits_for_a_job_that_stands_still(world: World) -> None:
    """A view holds a snapshot to show it: `node.background.hold()`."""
    world.fill("list")
    world.begin()
    (ada, late), (bob, _) = world.client(), world.client()
    assert world.ask(ada, *CHANGES["list"]) is WAITING
    world.node.background.hold()
    assert world.ask(bob, *CHANGES["list"]) == ELEMENTS + 1
    world.redis.step(0.001)
    assert late == [ELEMENTS + 2] and not world.node.background.holds_back


def test_nobody_waits_for_a_snapshot_that_has_been_given_up(world: World) -> None:
    world.fill("set")
    world.begin()
    client, late = world.client()
    assert world.ask(client, *CHANGES["set"]) is WAITING
    world.run("FLUSHALL")
    world.until(lambda: late)
    assert late == [0] and not world.node.background.holds_back and not world.node.gated


def test_nobody_waits_for_a_reader_that_is_slow(world: World) -> None:
    """A replica's socket may be full for minutes: what is waited for is written all the same."""
    world.fill("list")
    world.begin()
    job = world.node.background.job
    job.sink.is_full = lambda: True
    world.redis.step(1)
    client, late = world.client()
    assert world.ask(client, *CHANGES["list"]) is WAITING
    world.until(lambda: late)
    assert late == [ELEMENTS + 1] and world.node.background.job is job


def test_a_client_that_leaves_does_nothing(world: World) -> None:
    world.fill("list")
    world.begin()
    client, late = world.client()
    assert world.ask(client, *CHANGES["list"]) is WAITING
    world.node.disconnect(client)
    world.saved()
    assert not late and world.run("LLEN", "big") == ELEMENTS


def test_where_nobody_else_is_nobody_waits(world: World) -> None:
    world.node.works_at_once = True
    world.fill("list")
    before = str(world.run("DEBUG", "DIGEST"))
    world.run("BGSAVE")
    assert not world.node.background.holds_back
    assert world.run(*CHANGES["list"]) == ELEMENTS + 1
    assert world.saved() == before


def test_a_snapshot_that_is_slow_by_request_lets_nobody_wait(world: World) -> None:
    world.fill("list")
    world.run("CONFIG", "SET", "rdb-key-save-delay", 1000)
    world.run("BGSAVE")
    assert not world.node.background.holds_back and world.run(*CHANGES["list"]) == ELEMENTS + 1


def test_the_end_of_the_server_saves_what_was_before_and_the_change_never_happens(world: World) -> None:
    before, late = world.hold_a_change()
    world.node.on_shutdown = world.node.shutdown.end
    world.ask(world.client()[0], "SHUTDOWN", "SAVE")
    assert world.node.shutdown.is_over and not late
    assert world.saved() == before and not late
    assert world.node.disk.list(world.node.config.dir) == ["dump.rdb"], "no half of a snapshot is left"


def test_an_end_without_saving_leaves_no_half_of_a_snapshot(world: World) -> None:
    _, late = world.hold_a_change()
    world.node.on_shutdown = world.node.shutdown.end
    world.ask(world.client()[0], "SHUTDOWN", "NOSAVE")
    assert world.node.shutdown.is_over and not late and world.node.disk.list(world.node.config.dir) == []


def test_who_waits_as_its_node_becomes_a_replica_is_told_so(world: World) -> None:
    before, late = world.hold_a_change()
    world.run("REPLICAOF", "127.0.0.1", "1")
    world.until(lambda: late)
    assert [str(reply) for reply in late] == ["READONLY You can't write against a read only replica."]
    assert world.saved() == before == str(world.run("DEBUG", "DIGEST"))


def test_a_failover_waits_for_nobody_who_waits(world: World) -> None:
    """A pause of writes, as FAILOVER begins one: the value is written, then the pause holds the change."""
    before, late = world.hold_a_change()
    world.run("CLIENT", "PAUSE", 10_000, "WRITE")
    assert world.saved() == before == str(world.run("DEBUG", "DIGEST")) and not late
    world.run("CLIENT", "UNPAUSE")
    world.until(lambda: late)
    assert late == [0] and str(world.run("DEBUG", "DIGEST")) != before

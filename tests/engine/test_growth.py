"""A server's large dicts grow by and by: nothing is lost, and who else knows a table knows the new one."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from random import Random
from typing import Any

import pytest

from minidis import Embedded
from minidis.distributed.replication.receiving import Receiver
from minidis.engine.durability.loading import Loading
from minidis.engine.keyspace import growth
from minidis.engine.keyspace.growth import Growth
from minidis.structures import growing
from minidis.structures.dicttable import DictTable
from minidis.structures.heldtable import Listing
from minidis.structures.moving import Move

NEARLY_FULL = 39_000
"""Of 43,690 keys: the smallest dict for which it is worth while."""


class Memory:
    """Makes a tenth ready at each step, and keeps account."""

    def __init__(self) -> None:
        self.asked: list[int] = []
        self.given_back = 0

    def prepare(self, size_bytes: int) -> bool:
        self.asked.append(size_bytes)
        return len(self.asked) % 10 == 0

    def give_back(self) -> None:
        self.given_back += 1


@pytest.fixture
def memory() -> Memory:
    return Memory()


@pytest.fixture
def redis(memory: Memory, monkeypatch: pytest.MonkeyPatch) -> Iterator[Embedded]:
    """A node that works as a server does; a slice is one step."""
    monkeypatch.setattr(growth, "SLICE_US", 0)
    redis = Embedded(clock=0, seed=1)
    redis.node.works_at_once = False
    Growth(redis.node, memory)
    yield redis
    growing.watch(False)


def populate(redis: Embedded, count: int = NEARLY_FULL, **expiry: int) -> dict[bytes, bytes]:
    redis.execute("DEBUG", "POPULATE", count)
    for number in range(count) if expiry else ():
        redis.node.databases[0].set_expiry(b"key:%d" % number, 10**15)
    return {b"key:%d" % number: b"value:%d" % number for number in range(count)}


def until(redis: Embedded, is_done: Callable[[], object], most: int = 2000) -> None:
    for _ in range(most):
        if is_done():
            return
        redis.step(0.001)
    raise AssertionError("not in so many steps")


def contents(redis: Embedded, database: int = 0) -> dict[bytes, bytes]:
    return {key: value.as_bytes() for key, value in redis.node.databases[database].table.items()}


def test_commands_go_on_while_the_keyspace_moves(redis: Embedded, memory: Memory) -> None:
    twin, database, random = populate(redis), redis.node.databases[0], Random(1)
    table = database.table
    until(redis, lambda: table.is_held)
    while database.table is table:
        key = b"key:%d" % random.randrange(2 * NEARLY_FULL)
        if random.random() < 0.5:
            redis.execute("SET", key, "new")
            twin[key] = b"new"
        else:
            assert redis.execute("DEL", key) == (twin.pop(key, None) is not None)
        key = random.choice([*twin][:50])
        assert redis.execute("GET", key) == twin[key]
        redis.step(0.001)
    assert type(database.table) is DictTable and database.table.__sizeof__() > 1.9 * table.__sizeof__()
    assert contents(redis) == twin and list(database.table) == list(twin)
    assert len(memory.asked) == 10 and len(set(memory.asked)) == 1 and not memory.given_back
    redis.step(1)
    assert not len(table) and not redis.node.lazy_free.queue and not memory.given_back, "somebody may wait"
    redis.node.background.rest_us = 0  # as a driver says it where nobody does
    redis.step(3)
    assert memory.given_back == 1
    database.check()


def test_keys_that_are_removed_leave_their_places_empty(redis: Embedded) -> None:
    """As many come as go: the dict is full of what has gone, and moves to one of the same size."""
    twin, database = populate(redis, 30_000), redis.node.databases[0]
    table = database.table
    for number in range(10_000):
        redis.execute("DEL", f"key:{number}")
        redis.execute("SET", f"new:{number}", "value")
        del twin[b"key:%d" % number]
        twin[b"new:%d" % number] = b"value"
        if not number % 100:
            redis.step(0.001)
    until(redis, lambda: database.table is not table)
    assert contents(redis) == twin
    table = database.table
    redis.step(3)
    assert database.table is table, "once is enough"


def test_times_of_expiry_move_too(redis: Embedded) -> None:
    populate(redis, expiry=1)
    database = redis.node.databases[0]
    table, expires = database.table, database.expires
    until(redis, lambda: database.table is not table and database.expires is not expires)
    assert len(database.expires) == NEARLY_FULL and redis.execute("TTL", "key:7") > 10**9
    assert redis.execute("PERSIST", "key:7") == 1 and redis.execute("TTL", "key:7") == -1
    database.check()


def test_an_index_comes_along_and_scan_misses_nothing(redis: Embedded) -> None:
    populate(redis, 38_000)
    database = redis.node.databases[0]
    redis.execute("SCAN", 0)
    until(redis, lambda: database.table.is_indexed and not database.table.is_behind)
    table, cursor, seen = database.table, b"0", set()
    redis.execute("DEBUG", "POPULATE", NEARLY_FULL)
    while True:
        cursor, keys = redis.execute("SCAN", cursor, "COUNT", 100)
        seen |= set(keys)
        redis.step(0.001)
        if cursor == b"0":
            break
    until(redis, lambda: database.table is not table)
    assert seen >= {b"key:%d" % number for number in range(38_000)}
    assert redis.execute("RANDOMKEY").startswith(b"key:")
    until(redis, lambda: not database.table.is_behind)
    database.table.check()


def begin_snapshot(redis: Embedded, written_bytes: int) -> None:
    redis.execute("BGSAVE")
    redis.node.background.hold()
    redis.node.background.job.walk.advance(written_bytes)


def snapshot_of(redis: Embedded) -> dict[bytes, bytes]:
    """Let the snapshot under way come to its end; what it holds."""
    redis.node.background.job.run()
    restored = Embedded(clock=0)
    loading = Loading(restored.node, disk=redis.node.disk)
    loading.begin(loading.snapshot(redis.node.saving.path)).run()
    return contents(restored)


@pytest.mark.parametrize("written_bytes", [1, 200_000])
def test_a_snapshot_under_way_goes_on_with_the_new_table(redis: Embedded, written_bytes: int) -> None:
    twin, database = populate(redis), redis.node.databases[0]
    table = database.table
    begin_snapshot(redis, written_bytes)
    until(redis, lambda: database.table is not table)
    redis.execute("DEL", "key:1")
    redis.execute("SET", "key:38000", "later")
    redis.execute("SET", "later", "later")
    assert snapshot_of(redis) == twin


def test_who_lists_the_keys_is_waited_for(redis: Embedded) -> None:
    twin, database = populate(redis), redis.node.databases[0]
    table = database.table
    until(redis, lambda: table.is_held)
    listing = Listing(table)
    listed = listing.more(10)
    for _ in range(300):
        redis.step(0.001)
    assert database.table is table, "the list is not at its end"
    redis.execute("SET", "later", "later")
    while not listing.is_done:
        listed += listing.more()
    assert listed == list(twin)
    until(redis, lambda: database.table is not table)
    assert contents(redis) == twin | {b"later": b"later"}


@pytest.mark.parametrize("indexed", [False, True])
@pytest.mark.parametrize("words", [("FLUSHALL",), ("FLUSHALL", "ASYNC"), ("FLUSHDB", "SYNC")])
def test_a_flush_ends_the_move(
    redis: Embedded, memory: Memory, words: tuple[str, ...], indexed: bool
) -> None:
    database = redis.node.databases[0]
    if indexed:
        populate(redis, 1000)
        redis.execute("RANDOMKEY")
    populate(redis)
    until(redis, lambda: database.table.is_held)
    redis.step(0.02)
    redis.execute(*words)
    redis.execute("SET", "a", "1")
    redis.node.background.rest_us = 0
    until(redis, lambda: memory.given_back and not redis.node.lazy_free.queue)
    assert contents(redis) == {b"a": b"1"} and not database.table.is_held


def test_room_is_made_in_a_turn_that_has_done_nothing_else(
    redis: Embedded, memory: Memory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """To fill the new table with zeros takes longer than a slice by itself."""
    monkeypatch.setattr(growth, "SLICE_US", 1)  # the clock stands: so a turn does all it may
    done: list[str] = []
    for owner, name in ((Move, "step"), (Move, "make_room"), (Growth, "tick")):
        method = getattr(owner, name)
        monkeypatch.setattr(owner, name, lambda *words, n=name, call=method: done.append(n) or call(*words))
    populate(redis)
    redis.step(0.05)
    at = done.index("make_room")
    assert done[at - 1] == "tick" and "step" in done[:at] and "step" in done[at:]


def test_a_flush_may_come_when_all_is_ready_for_the_move(redis: Embedded, memory: Memory) -> None:
    populate(redis)
    until(redis, lambda: len(memory.asked) == 10)
    redis.execute("FLUSHALL")
    redis.execute("SET", "a", "1")
    redis.step(0.0005)  # while the move rests, the old table is taken apart
    redis.node.background.rest_us = 0
    until(redis, lambda: memory.given_back and not redis.node.lazy_free.queue)
    assert contents(redis) == {b"a": b"1"}


def test_a_flush_beside_a_snapshot_leaves_the_snapshot_its_keys(redis: Embedded, memory: Memory) -> None:
    twin, database = populate(redis), redis.node.databases[0]
    begin_snapshot(redis, 200_000)
    until(redis, lambda: database.table.is_held)
    redis.step(0.02)
    redis.execute("FLUSHDB")
    redis.execute("SET", "a", "1")
    assert snapshot_of(redis) == twin and contents(redis) == {b"a": b"1"}
    redis.node.background.rest_us = 0
    until(redis, lambda: memory.given_back and not redis.node.lazy_free.queue)


def test_databases_may_change_places_meanwhile(redis: Embedded) -> None:
    twin, (first, second) = populate(redis), redis.node.databases[:2]
    table = first.table
    until(redis, lambda: table.is_held)
    redis.execute("SWAPDB", 0, 1)
    until(redis, lambda: second.table is not table)
    assert contents(redis, 1) == twin and not contents(redis)


def test_a_large_sorted_set_moves_its_scores(redis: Embedded) -> None:
    for start in range(0, NEARLY_FULL, 500):
        redis.execute("ZADD", "board", *(word for n in range(start, start + 500) for word in (n, f"m{n}")))
    board: Any = redis.node.databases[0].peek(b"board")
    scores = board.form.scores
    until(redis, lambda: scores.is_held)
    redis.execute("ZADD", "board", 7.5, "m1", 1, "new")
    redis.execute("ZREM", "board", "m2")
    until(redis, lambda: board.form.scores is not scores)
    assert redis.execute("ZSCORE", "board", "m1") == 7.5 and redis.execute("ZRANK", "board", "new") == 1
    assert redis.execute("ZSCORE", "board", "m2") is None and redis.execute("ZCARD", "board") == NEARLY_FULL
    board.check()


def test_a_snapshot_that_comes_in_moves_before_and_after_it_is_there(redis: Embedded) -> None:
    source = Embedded(clock=0)
    twin = populate(source, 43_000)
    source.execute("SAVE")
    data = source.node.disk.read(source.node.saving.path)
    receiver = Receiver(redis.node, size_bytes=len(data))
    most, tables = len(data) * 91 // 100, set()
    for start in range(0, most, 1000):
        receiver.feed(data[start : min(most, start + 1000)])
        tables.add(id(receiver._current[0]))
        redis.step(0.001)
    assert len(tables) == 1 and receiver._current[0].is_held, "it is on its way"
    table = receiver._current[0]
    receiver.feed(data[most:])
    receiver.install()
    assert redis.node.databases[0].table is table
    until(redis, lambda: redis.node.databases[0].table is not table)
    assert contents(redis) == twin


def test_who_has_not_said_that_it_moves_them_hears_of_nothing() -> None:
    redis = Embedded(clock=0)
    populate(redis)
    table = redis.node.databases[0].table
    redis.step(2)
    assert not table.is_held and growing.take_expected() == []


def test_a_dict_that_has_moved_by_itself_is_left_alone(redis: Embedded, memory: Memory) -> None:
    table = DictTable({b"%d" % number: number for number in range(NEARLY_FULL)})
    growing.look(table, lambda old, new: True)
    table.update({b"%d" % number: number for number in range(50_000)})
    redis.step(1)
    assert not table.is_held and not memory.asked


def test_a_sorted_set_may_go_while_its_scores_move(redis: Embedded) -> None:
    for start in range(0, NEARLY_FULL, 500):
        redis.execute("ZADD", "board", *(word for n in range(start, start + 500) for word in (n, f"m{n}")))
    scores = redis.node.databases[0].peek(b"board").form.scores
    until(redis, lambda: scores.is_held)
    redis.step(0.02)
    redis.execute("DEL", "board")
    until(redis, lambda: not redis.node.lazy_free.queue)
    assert not scores.is_held and not len(scores), "taken apart, not let go in one piece"


def test_a_sorted_set_whose_members_come_and_go_moves_too(redis: Embedded) -> None:
    for start in range(0, 38_000, 500):
        redis.execute("ZADD", "board", *(word for n in range(start, start + 500) for word in (n, f"m{n}")))
    board: Any = redis.node.databases[0].peek(b"board")
    scores, n = board.form.scores, 0
    size_bytes = scores.__sizeof__()
    while board.form.scores is scores:
        redis.execute("ZREM", "board", *(f"m{at}" for at in range(n, n + 64)))
        redis.execute("ZADD", "board", *(word for at in range(n, n + 64) for word in (at, f"new{at}")))
        redis.step(0.001)
        n += 64
        assert n < 20_000 and scores.__sizeof__() == size_bytes, "it has not moved by itself"
    board.check()

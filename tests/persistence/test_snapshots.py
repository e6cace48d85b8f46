"""A snapshot under random writes is the state at its start, whatever happens while it is taken."""

from __future__ import annotations

import os
from contextlib import suppress
from random import Random

import pytest

from minidis import Embedded
from minidis.drivers.simulated_disk import SimulatedDisk
from minidis.engine import starting
from minidis.engine.durability import snapshots
from minidis.engine.durability.disk import DiskError, MemoryDisk
from minidis.engine.durability.loading import Loading
from minidis.engine.durability.snapshots import Walk
from minidis.engine.node import Node
from minidis.persistence import rdb_writer
from minidis.persistence.aof import AofReader, CommandWriter
from minidis.persistence.rdb_writer import SnapshotWriter
from minidis.protocol.replies import ReplyError
from minidis.structures import heldtable
from tests.differential.sides import MinidisSide
from tests.persistence.worlds import commands, picture

SEEDS = range(int(os.environ.get("PERSISTENCE_SEEDS", "12")))


def rest_of(walk: Walk) -> bytes:
    """What is left of it, in one go."""
    walk.advance(1 << 62, 1 << 62)
    return walk.take()


def loaded(data: bytes, node: Node) -> Node:
    """A new node with what stands in a snapshot; its clock stands at 0, so that nothing has expired."""
    disk = MemoryDisk()
    disk.append("dump.rdb", data)
    fresh = Node(clock=lambda: 0, disk=disk)
    for name in fresh.encodings.__slots__:
        setattr(fresh.encodings, name, getattr(node.encodings, name))
    loading = Loading(fresh)
    loading.begin(loading.snapshot("dump.rdb")).run()
    return fresh


def replayed(data: bytes) -> Node:
    """A new node that has run the commands of a log."""
    redis, reader = Embedded(clock=0, seed=1), AofReader()
    reader.feed(data)
    for record in reader.records():
        redis.execute(*record.argv)
    return redis.node


@pytest.mark.parametrize("seed", SEEDS)
def test_a_snapshot_is_the_state_at_its_start(seed, monkeypatch):
    side = MinidisSide()
    side.restart(2)
    random = Random(seed)
    monkeypatch.setattr(heldtable, "LISTED_AT_ONCE", random.choice((1, 3, 5000)))
    monkeypatch.setattr(snapshots, "LARGE", random.choice((0, 2, 1000)))
    monkeypatch.setattr(rdb_writer, "ELEMENTS_PER_PIECE", random.choice((1, 3)))
    side.run(commands(seed, 400))
    start = picture(side.node)
    walk = Walk(side.node, SnapshotWriter(version=11))
    data = b""
    for command in commands(seed + 1000, 300, turmoil=0.2):
        if not walk.done:
            walk.advance(most_bytes=random.choice((1, 40, 300)))
            data += walk.take()
        side.run([command])
        side.now_us += random.randrange(0, 20_000_000)
    data += rest_of(walk)
    assert picture(loaded(data, side.node)) == start
    assert all(database.views == () for database in side.node.databases)


READERS_THAT_WRITE = [
    "PFCOUNT sketch",
    "XREADGROUP GROUP g bob STREAMS stream >",
    "XACK stream g 1-1",
    "XCLAIM stream g bob 0 1-1",
    "XAUTOCLAIM stream g bob 0 0",
]


@pytest.mark.parametrize("line", READERS_THAT_WRITE)
def test_commands_that_read_and_yet_change_something(line):
    side = MinidisSide()
    side.restart(2)
    for setup in (
        "PFADD sketch a b c",
        "XADD stream 1-1 f v",
        "XADD stream 2-1 f v",
        "XGROUP CREATE stream g 0",
        "XREADGROUP GROUP g alice COUNT 1 STREAMS stream >",
    ):
        side.run([tuple(setup.encode().split())])
    start = picture(side.node)
    walk = Walk(side.node, SnapshotWriter(version=11))
    side.now_us += 1_000_000
    side.run([tuple(line.encode().split())])
    assert picture(side.node) != start
    assert picture(loaded(rest_of(walk), side.node)) == start


def test_two_walks_at_once_do_not_disturb_each_other():
    redis = Embedded(clock=0, seed=1)
    redis.execute("RPUSH", "list", "a")
    first = Walk(redis.node, CommandWriter())
    redis.execute("RPUSH", "list", "b")
    second = Walk(redis.node, CommandWriter())
    redis.execute("RPUSH", "list", "c")
    assert [rest_of(walk).split()[-1] for walk in (first, second)] == [b"a", b"b"]


def test_a_walk_goes_in_slices_and_commands_run_between_them():
    redis = Embedded({"rdbcompression": "no"}, clock=0, seed=1)
    for number in range(5000):
        redis.execute("SET", f"key:{number}", "x" * 100)
    assert redis.execute("BGSAVE") == "Background saving started"
    written = []
    while redis.node.background.job is not None:
        written.append(redis.node.background.job.walk.keys_written)
        redis.execute("SET", "key:1", "changed")
        redis.step(0.001)
    assert len(written) > 5 and written == sorted(written)
    assert b"changed" not in redis.disk.read("dump.rdb")
    redis.kill()
    assert (redis.execute("DBSIZE"), redis.execute("GET", "key:1")) == (5000, b"x" * 100)


def test_a_walk_rests_where_somebody_wants_the_node_and_as_long_as_it_is_asked_to():
    redis = Embedded({"rdbcompression": "no"}, clock=0, seed=1)
    for number in range(4):
        redis.execute("SET", f"key:{number}", "x" * snapshots.SLICE_BYTES)
    background = redis.node.background
    redis.execute("BGSAVE")
    job = background.job

    def rests_us_after_a_slice() -> int:
        job.tick()
        return job.next_us - redis.now_us

    assert rests_us_after_a_slice() == snapshots.REST_US
    background.hurry()
    background.rest_us = 0
    assert rests_us_after_a_slice() == 0
    redis.execute("CONFIG", "SET", "rdb-key-save-delay", "5000")
    assert rests_us_after_a_slice() == 5000
    background.hurry()
    assert job.next_us == redis.now_us + 5000
    redis.execute("CONFIG", "SET", "rdb-key-save-delay", "0")
    background.hurry()
    assert job.next_us == redis.now_us


def refuses(path, data):
    raise DiskError("append", path, "ENOSPC")


def test_save_writes_in_pieces_and_takes_the_time_it_is_asked_to(monkeypatch):
    redis = Embedded({"rdbcompression": "no"}, clock=0, seed=1)
    for number in range(3):
        redis.execute("SET", f"key:{number}", "x" * snapshots.SLICE_BYTES)
    pieces, append = [], redis.disk.append
    monkeypatch.setattr(
        redis.disk, "append", lambda path, data: (pieces.append(len(data)), append(path, data))
    )
    redis.execute("SAVE")
    assert len(pieces) == 4 and redis.now_us == 0
    redis.execute("CONFIG", "SET", "rdb-key-save-delay", "5000")
    redis.execute("SAVE")
    assert redis.now_us == 3 * 5000
    monkeypatch.setattr(redis.disk, "append", refuses)
    with pytest.raises(ReplyError):
        redis.execute("SAVE")
    assert redis.node.databases[0].views == ()  # nobody is told of changes any more
    redis.kill()
    assert redis.execute("DBSIZE") == 3


@pytest.mark.parametrize(("facts", "end"), [({}, "started"), ({"process_id": 7}, "started by pid 7")])
def test_the_log_names_the_process_that_writes(facts, end):
    redis, lines = Embedded(clock=0, seed=1), []
    redis.node.process_facts = lambda section: facts
    redis.node.log = lambda level, text: lines.append(text)
    redis.execute("BGSAVE")
    redis.step(1)
    redis.execute("BGREWRITEAOF")
    assert [line for line in lines if "started" in line] == [
        f"Background saving {end}",
        f"Background append only file rewriting {end}",
    ]


def test_a_walk_over_many_keys_takes_some_at_a_time_and_keeps_what_changes(monkeypatch):
    monkeypatch.setattr(heldtable, "LISTED_AT_ONCE", 20)
    redis = Embedded(clock=0, seed=1)
    for number in range(500):
        redis.execute("SET", f"key:{number}", number, *(("PX", 1000 + number) if number % 2 else ()))
    walk = Walk(redis.node, SnapshotWriter())
    view = walk.views[0]
    assert not view.queue and not view.kept
    walk.advance(most_bytes=1)
    assert len(view.queue) == 20 and redis.node.databases[0].table.is_held
    redis.execute("SET", "key:400", "later")  # far ahead
    redis.execute("DEL", "key:3", "key:450")
    redis.execute("PERSIST", "key:451")
    redis.execute("SET", "new", "later")
    assert set(view.kept) == {b"key:400", b"key:3", b"key:450"}  # 451 was edited: it stands in the file
    while not walk.advance(most_bytes=200):
        redis.execute("DEL", *(f"key:{redis.node.random.randrange(500)}" for _ in range(5)))
    assert not view.kept and walk.keys_written == 500 and not redis.node.databases[0].table.is_held
    fresh = loaded(walk.take(), redis.node)
    assert len(fresh.databases[0]) == 500 and len(fresh.databases[0].expires) == 250
    assert fresh.databases[0].table[b"key:400"].as_bytes() == b"400"


@pytest.mark.parametrize("writer", [SnapshotWriter, CommandWriter])
@pytest.mark.parametrize(
    "add", ["ZADD big {0} m{0}", "SADD big m{0}", "HSET big m{0} {0}", "RPUSH big m{0}", "XADD big {0}-1 f v"]
)
def test_a_large_value_is_written_in_slices_and_whole(add, writer):
    redis = Embedded({"appendonly": "no"}, clock=0, seed=1)
    redis.execute("INCR", "counter")
    for number in range(1, 2500):
        redis.execute(*add.format(number).split())
    start = picture(redis.node)
    walk, data, slices = Walk(redis.node, writer()), b"", 0
    walk.advance(most_bytes=1)
    while not walk.advance(most_bytes=500):
        assert walk.size_bytes < 500 + 8192  # the largest node of a list
        data, slices = data + walk.take(), slices + 1
        if slices == 1:
            redis.execute("SET", "later", "1")
            redis.execute("INCR", "counter")
    assert slices >= 2
    data += walk.take()
    restored = loaded(data, redis.node) if writer is SnapshotWriter else replayed(data)
    assert picture(restored) == start


def test_whoever_changes_a_value_that_is_half_written_waits_for_the_rest():
    redis = Embedded(clock=0, seed=1)
    redis.execute("SADD", "big", *range(10_000, 13_000))
    redis.execute("RPUSH", "other", "a")
    start = picture(redis.node)
    walk = Walk(redis.node, SnapshotWriter())
    walk.advance(most_bytes=1)
    before = walk.size_bytes
    redis.execute("RPUSH", "other", "b")
    assert walk.size_bytes == before  # its record follows
    redis.execute("SADD", "big", "late")
    assert walk.size_bytes > before + 3000
    assert picture(loaded(rest_of(walk), redis.node)) == start


@pytest.mark.parametrize(("flush", "counted"), [("FLUSHALL ASYNC", 100), ("FLUSHALL SYNC", 0)])
def test_a_walk_keeps_what_is_flushed_and_frees_it_in_the_end(flush, counted):
    redis = Embedded(clock=0, seed=1)
    for number in range(100):
        redis.execute("SET", f"key:{number}", number, "EX", 100)
    walk = Walk(redis.node, SnapshotWriter())
    walk.advance(most_bytes=100)
    redis.execute(*flush.split())
    redis.execute("SET", "key:5", "later")
    assert redis.node.lazy_free.pending_objects == 0
    data = rest_of(walk)
    fresh = loaded(data, redis.node).databases[0]
    assert len(fresh) == len(fresh.expires) == 100 and fresh.table[b"key:5"].as_bytes() == b"5"
    lazy = redis.node.lazy_free
    assert lazy.pending_objects == counted and len(lazy.queue) == 1
    redis.step(1)
    assert lazy.freed_objects == counted and not lazy.queue and redis.execute("DBSIZE") == 1


def test_rdb_key_save_delay_makes_a_background_save_last():
    redis = Embedded(clock=0)
    redis.execute("CONFIG", "SET", "rdb-key-save-delay", 100_000)
    for number in range(20):
        redis.execute("SET", number, number)
    redis.execute("BGSAVE")
    redis.step(1.5)
    assert redis.node.background.is_running("rdb")
    redis.step(1)
    assert not redis.node.background.is_running("rdb") and redis.node.saving.saves == 1
    assert redis.execute("CONFIG", "GET", "rdb-key-save-dela*") == {}, "as in Redis, only by its name"


def test_key_load_delay_makes_loading_last():
    redis = Embedded(clock=0)
    for number in range(20):
        redis.execute("SET", number, number)
    redis.execute("SAVE")
    redis.node.config.set({"key-load-delay": "100000"})
    starting.empty(redis.node)
    loading = starting.start(redis.node)
    redis.step(1.5)
    assert redis.node.loading is loading and 10 < loading.keys_loaded < 20
    redis.step(1)
    assert redis.node.loading is None and loading.keys_loaded == 20


def test_reload_keeps_the_dataset_when_the_file_is_damaged():
    """Redis 7.0 keeps what it has read by then (a wrong check sum), or exits (a wrong record)."""
    redis = Embedded({"save": "3600 1"}, clock=0, seed=1)
    for number in range(30):
        redis.execute("SET", f"key:{number}", number)
    redis.execute("SAVE")
    digest = redis.execute("DEBUG", "DIGEST")
    redis.disk.flip_bit("dump.rdb", 300)
    with pytest.raises(ReplyError, match="Error trying to load the RDB dump"):
        redis.execute("DEBUG", "RELOAD", "NOSAVE")
    assert redis.execute("DEBUG", "DIGEST") == digest
    redis.execute("SAVE")
    with pytest.raises(ReplyError, match="Error trying to load the RDB dump"):
        redis.execute("DEBUG", "RELOAD", "NOSAVE", "NOFLUSH")  # every key would come twice
    assert redis.execute("DEBUG", "DIGEST") == digest
    redis.close()
    redis.kill()
    assert redis.execute("DEBUG", "DIGEST") == digest


def test_a_reload_leaves_alone_what_a_background_save_has_written():
    config = {"save": "", "rdbcompression": "no", "enable-debug-command": "yes"}
    node = Node(config, clock=lambda: 0, disk=SimulatedDisk())
    node.works_at_once = False
    client = node.connect()
    for number in range(1000):
        node.execute(client, [b"SET", b"k%d" % number, b"%d" % number * 200])
    node.execute(client, [b"BGSAVE"])
    node.background.tick()
    assert node.background.job is not None and node.disk.size("temp-dump.rdb")
    expected = picture(node)
    node.disk.fail("write", "*.reload")
    with pytest.raises(ReplyError):
        node.execute(client, [b"DEBUG", b"RELOAD"])
    assert node.disk.list(".") == ["temp-dump.rdb"]
    assert node.execute(client, [b"DEBUG", b"RELOAD"]) == "OK"
    while node.background.job is not None:
        node.background.job.hurry()
        node.tick()
    assert node.saving.last_status == "ok" and node.disk.list(".") == ["dump.rdb"]
    assert picture(node) == picture(loaded(node.disk.read("dump.rdb"), node)) == expected


@pytest.mark.parametrize(("option", "place"), [("dir", "elsewhere"), ("dbfilename", "other.rdb")])
def test_a_background_save_goes_where_it_was_to_go_when_it_began(option, place):
    node = Node({"save": ""}, clock=lambda: 0, disk=SimulatedDisk())
    node.disk.make_folder("elsewhere")
    client = node.connect()
    node.execute(client, [b"SET", b"k", b"v"])
    node.execute(client, [b"BGSAVE"])
    node.execute(client, [b"CONFIG", b"SET", option.encode(), place.encode()])
    while node.background.job is not None:
        node.background.job.hurry()
        node.tick()
    assert node.saving.last_status == "ok"
    assert (node.disk.list("."), node.disk.list("elsewhere")) == (["dump.rdb"], [])


@pytest.mark.parametrize("ends", ["cancelled", "failed"])
def test_a_background_save_that_comes_to_nothing_leaves_nothing_where_it_began(ends):
    node = Node({"save": ""}, clock=lambda: 0, disk=SimulatedDisk())
    node.disk.make_folder("elsewhere")
    client = node.connect()
    node.execute(client, [b"SET", b"k", b"v"])
    node.execute(client, [b"BGSAVE"])
    node.execute(client, [b"CONFIG", b"SET", b"dir", b"elsewhere"])
    assert node.disk.list(".") == ["temp-dump.rdb"]
    if ends == "cancelled":
        node.execute(client, [b"FLUSHALL"])
    else:
        node.disk.fail("write", "temp-dump.rdb")
    while node.background.job is not None:
        node.background.job.hurry()
        node.tick()
    assert node.disk.list(".") == node.disk.list("elsewhere") == []


def test_saves_and_rewrites_are_counted_as_they_begin():
    redis = Embedded({"appendonly": "yes", "save": "3600 1"}, clock=0, seed=1)
    redis.disk.fail("write", "temp-dump.rdb", times=2)
    redis.disk.fail("write", "*/temp-rewriteaof.aof")
    for words in ("SAVE", "BGSAVE", "BGREWRITEAOF", "SAVE", "BGSAVE", "BGREWRITEAOF"):
        with suppress(ReplyError):
            redis.execute(words)
        redis.step(1)
    facts = dict(line.split(":") for line in bytes(redis.execute("INFO", "persistence")).decode().split()[2:])
    assert (facts["rdb_saves"], facts["aof_rewrites"]) == ("4", "2")
    assert (facts["rdb_last_bgsave_status"], facts["aof_last_bgrewrite_status"]) == ("ok", "ok")


def test_a_rewrite_that_waits_for_a_background_save_is_shown():
    node = Node({"appendonly": "yes", "save": ""}, clock=lambda: 0, disk=SimulatedDisk())
    starting.start(node)
    client = node.connect()
    for words in ([b"SET", b"k", b"v"], [b"BGSAVE"], [b"BGREWRITEAOF"]):
        node.execute(client, words)
    assert b"aof_pending_rewrite:1\r\n" in bytes(node.execute(client, [b"INFO", b"persistence"]))
    while node.background.job is not None:
        node.background.job.hurry()
        node.tick()
    node.tick()
    assert b"aof_pending_rewrite:0\r\n" in bytes(node.execute(client, [b"INFO", b"persistence"]))

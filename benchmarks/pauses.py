"""The longest step of each kind of work at a million keys: while it lasts, nobody is served.

A step is what runs between two looks at the sockets: a command, or a turn of the node's timers. Here nobody
sleeps between them: where the node rests, its clock is moved on. Time is the processor's, so a busy machine
does not count; the garbage collector and memory are treated as `minidis-server` treats them
(drivers/collecting.py, drivers/reserving.py).
"""

from __future__ import annotations

import gc
import random
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from time import process_time_ns
from typing import Any

import minidis.distributed  # noqa: F401  (files every command in the registry)
from benchmarks.timing import table
from minidis.distributed.replication.receiving import Receiver
from minidis.drivers import collecting, reserving
from minidis.drivers.disk import RealDisk
from minidis.drivers.peer_sockets import Portion
from minidis.engine.durability.loading import Loading
from minidis.engine.keyspace.database import Database
from minidis.engine.keyspace.expiry import PART_US
from minidis.engine.node import Node
from minidis.structures import growing
from minidis.values.string import String


class World:
    """A node whose steps are timed, and its clock: the processor's time, and the rests that were skipped."""

    def __init__(self) -> None:
        self._skipped_us = 1_000_000_000
        self.folder = tempfile.TemporaryDirectory()
        settings = {"dir": self.folder.name, "save": ""}
        self.node = Node(settings, self.clock, random.Random(1), disk=RealDisk())
        self.node.expiry.part_us = PART_US  # this and the next as drivers/server.py has them
        self.node.works_at_once = False
        reserving.take_over(self.node)
        self.client = self.node.connect()
        self.total_ns = self.steps = 0
        self.longest_ns = [0, 0, 0]  # of the three longest steps

    def clock(self) -> int:
        return self._skipped_us + process_time_ns() // 1000

    def skip(self, duration_us: int) -> None:
        self._skipped_us += duration_us

    def step(self, work: Callable[..., object], *arguments: object) -> object:
        started_ns = process_time_ns()
        result = work(*arguments)
        taken_ns = process_time_ns() - started_ns
        if taken_ns > self.longest_ns[-1]:
            self.longest_ns = sorted([*self.longest_ns, taken_ns], reverse=True)[:3]
        self.total_ns += taken_ns
        self.steps += 1
        collecting.freeze_the_old()
        return result

    def run(self, *words: object) -> object:
        """A command, not timed."""
        return self.node.execute(self.client, to_argv(words))

    def timed(self, *words: object) -> object:
        """A command as a step, and a turn of the timers as another if they are due."""
        reply = self.step(self.node.execute, self.client, to_argv(words))
        self.turn_if_due()
        return reply

    def turn_if_due(self) -> None:
        if self.clock() >= self.node.next_tick_us:
            self.step(self._turn)

    def turns(self, is_done: Callable[[], object]) -> Iterator[None]:
        """Turns of the timers, each after its rest, until something is done."""
        while not is_done():
            self.skip(max(0, self.node.next_deadline_us() - self.clock()))
            self.step(self._turn)
            yield

    def _turn(self) -> None:
        self.node.tick()
        self.node.before_sleep()

    def fill(self, keys: int, expires_in_ms: int = 0) -> None:
        database = self.node.databases[0]
        fill(database, keys)
        if expires_in_ms:
            at_ms = self.clock() // 1000 + expires_in_ms
            for key in database.table:
                database.expires[key] = at_ms + len(key)


def fill(database: Database, keys: int) -> None:
    """Many small strings, by the shortest way."""
    for number in range(keys):
        database.table[b"key:%d" % number] = String(b"value of a key")
        if number % 5000 == 0:
            collecting.freeze_the_old()


def to_argv(words: Sequence[object]) -> list[bytes]:
    return [word if isinstance(word, bytes) else str(word).encode() for word in words]


def at_rest(world: World, keys: int) -> None:
    world.fill(keys)
    for _ in world.turns(lambda: world.steps >= 50):
        pass


def storing(world: World, keys: int) -> None:
    for number in range(keys):
        world.timed(b"SET", b"key:%d" % number, b"value of a key")


def storing_with_expiry(world: World, keys: int) -> None:
    for number in range(keys):
        world.timed(b"SET", b"key:%d" % number, b"value of a key", b"EX", b"1000000")


def adding(world: World, keys: int) -> None:
    draw = random.Random(2).random
    for number in range(keys):
        world.timed(b"ZADD", b"board", b"%.9f" % draw(), b"member:%d" % number)


def replacing(world: World, keys: int) -> None:
    """As many keys go as come: those that have gone leave their places in the dict empty."""
    world.fill(keys)
    for number in range(keys):
        world.timed(b"DEL", b"key:%d" % number)
        world.timed(b"SET", b"new:%d" % number, b"value of a key")


def scanning(world: World, keys: int) -> None:
    world.fill(keys)
    seen, cursor = 0, b"0"
    while True:
        found: Any = world.timed(b"SCAN", cursor, b"COUNT", b"100")
        cursor, page = found
        seen += len(page)
        if cursor == b"0":
            break
    assert seen >= keys, (seen, keys)


def drawing(world: World, keys: int) -> None:
    world.fill(keys)
    for _ in range(500):
        world.timed("RANDOMKEY")


def expiring(world: World, keys: int) -> None:
    world.fill(keys, expires_in_ms=1)
    world.skip(10_000_000)
    for _ in world.turns(lambda: len(world.node.databases[0]) < keys // 100):
        pass


def limiting(world: World, keys: int) -> None:
    world.fill(keys)
    world.timed("CONFIG", "SET", "maxmemory", 1 << 50)
    for _ in world.turns(lambda: world.node.memory.is_exact):
        pass


def evicting(world: World, keys: int) -> None:
    world.fill(keys)
    world.run("CONFIG", "SET", "maxmemory-policy", "allkeys-lru", "maxmemory", 1 << 50)
    while not world.node.memory.is_exact:
        world.skip(max(0, world.node.next_deadline_us() - world.clock()))
        world.node.tick()
    memory = world.node.memory
    world.run("CONFIG", "SET", "maxmemory", memory.used_bytes() - memory.dataset_bytes // 50)
    for number in range(3000):
        world.timed(b"SET", b"new:%d" % number, b"x" * 100)


def saving(world: World, keys: int) -> None:
    world.fill(keys)
    world.timed("BGSAVE")
    for _ in world.turns(lambda: world.node.background.job is None):
        pass


def saving_while_writing(world: World, keys: int) -> None:
    world.fill(keys)
    world.timed("BGSAVE")
    draw = random.Random(2).randrange
    for _ in world.turns(lambda: world.node.background.job is None):
        for _ in range(10):
            world.timed(b"SET", b"key:%d" % draw(2 * keys), b"another")
            world.timed(b"DEL", b"key:%d" % draw(keys))


def saving_a_large_value(world: World, keys: int) -> None:
    _collection(world, keys, *_ZSET)
    world.timed("BGSAVE")
    for _ in world.turns(lambda: world.node.background.job is None):
        pass


def saving_a_large_value_that_changes(world: World, keys: int) -> None:
    """Who adds a member waits; two others, who do not want it, go on."""
    _collection(world, keys, *_ZSET)
    world.fill(1000)
    world.timed("BGSAVE")
    waiting = world.node.connect()
    waiting.deliver_late = lambda reply: None  # type: ignore[method-assign]
    for number, _ in enumerate(world.turns(lambda: world.node.background.job is None)):
        if waiting.parked is None:
            world.step(world.node.execute, waiting, to_argv(["ZADD", "big", number, "new"]))
        world.timed("SET", "key:7", "another")
        world.timed("ZSCORE", "big", "member:7")


def rewriting(world: World, keys: int) -> None:
    world.fill(keys)
    world.run("CONFIG", "SET", "aof-use-rdb-preamble", "no")
    world.timed("BGREWRITEAOF")
    for _ in world.turns(lambda: world.node.background.job is None):
        pass


def loading(world: World, keys: int) -> None:
    world.fill(keys)
    world.node.saving.save()
    world.node.databases[0].clear()
    world.node.lazy_free.run(1 << 60)
    collecting.purge()  # what the preparations have left behind
    loader = Loading(world.node)
    loader.begin(loader.snapshot(world.node.saving.path))
    for _ in world.turns(lambda: world.node.loading is None):
        pass
    assert len(world.node.databases[0]) == keys


def receiving(world: World, keys: int) -> None:
    world.fill(keys)
    _receive(world)
    assert len(world.node.databases[0]) == keys


def receiving_a_large_value(world: World, keys: int) -> None:
    _collection(world, keys, *_ZSET)
    _receive(world)
    assert world.run("ZCARD", "big") == keys


def _receive(world: World) -> None:
    world.node.saving.save()
    data = Path(world.node.saving.path).read_bytes()
    collecting.purge()
    receiver = Receiver(world.node, size_bytes=len(data))
    portion, start = Portion(), 0
    while piece := data[start : start + portion.size_bytes]:
        start += len(piece)
        before_ns = world.total_ns
        world.step(receiver.feed, piece)
        portion.note(len(piece), world.total_ns - before_ns)
        world.turn_if_due()
    world.step(receiver.install)
    for _ in world.turns(lambda: not world.node.lazy_free.queue):
        pass


def _flushing(how: str) -> Callable[[World, int], None]:
    def flushing(world: World, keys: int) -> None:
        world.fill(keys, expires_in_ms=1_000_000)
        world.timed("FLUSHALL", how)
        for _ in world.turns(lambda: not world.node.lazy_free.queue):
            pass

    return flushing


def _freeing(request: str, add: str, *words: Callable[[int], object]) -> Callable[[World, int], None]:
    def freeing(world: World, keys: int) -> None:
        _collection(world, keys, add, *words)
        world.timed(request, "big", *(["v"] if request == "SET" else []))
        for _ in world.turns(lambda: not world.node.lazy_free.queue):
            pass

    return freeing


def _collection(world: World, count: int, add: str, *words: Callable[[int], object]) -> None:
    for start in range(0, count, 1000):
        world.run(add, "big", *(word(n) for n in range(start, start + 1000) for word in words))
        collecting.freeze_the_old()


def _member(number: int) -> bytes:
    return b"member:%d" % number


_SET = ("SADD", _member)
_ZSET = ("ZADD", lambda number: number, _member)
_HASH = ("HSET", _member, lambda number: number)
_LIST = ("RPUSH", _member)

WORK: dict[str, Callable[[World, int], None]] = {
    "the timers, at rest": at_rest,
    "SET of new keys": storing,
    "SET EX of new keys": storing_with_expiry,
    "DEL of a key, SET of another": replacing,
    "ZADD of new members": adding,
    "SCAN COUNT 100 through all": scanning,
    "RANDOMKEY": drawing,
    "active expiry": expiring,
    "a first maxmemory": limiting,
    "eviction": evicting,
    "BGSAVE": saving,
    "BGSAVE, with writes": saving_while_writing,
    "BGSAVE of one sorted set": saving_a_large_value,
    "BGSAVE of one that changes": saving_a_large_value_that_changes,
    "BGREWRITEAOF": rewriting,
    "loading an RDB file": loading,
    "a replica takes a snapshot in": receiving,
    "the same of one sorted set": receiving_a_large_value,
    "FLUSHALL ASYNC": _flushing("ASYNC"),
    "FLUSHALL SYNC": _flushing("SYNC"),
    "UNLINK of a set": _freeing("UNLINK", *_SET),
    "UNLINK of a sorted set": _freeing("UNLINK", *_ZSET),
    "UNLINK of a hash": _freeing("UNLINK", *_HASH),
    "UNLINK of a list": _freeing("UNLINK", *_LIST),
    "DEL of a set": _freeing("DEL", *_SET),
    "DEL of a sorted set": _freeing("DEL", *_ZSET),
    "SET where a sorted set was": _freeing("SET", *_ZSET),
}


@contextmanager
def collector_of_the_server() -> Iterator[None]:
    """The garbage collector as the server has it, for a while."""
    thresholds = gc.get_threshold()
    collecting.begin()
    try:
        yield
    finally:
        gc.unfreeze()
        gc.set_threshold(*thresholds)
        gc.collect()
        growing.watch(False)


def measure(keys: int = 1_000_000, only: str = "") -> str:
    """A Markdown table: the work, its steps, all of its time, and the three longest steps."""
    rows = []
    for name, work in WORK.items():
        if only in name:
            with collector_of_the_server():
                world = World()
                work(world, keys)
                longest = ", ".join(f"{taken_ns / 1e6:.1f}" for taken_ns in world.longest_ns if taken_ns)
                rows.append([name, f"{world.steps:,}", f"{world.total_ns / 1e9:.2f}", longest])
                world.node.databases.clear()
                world.folder.cleanup()
                del world
    return table([f"{keys:,} keys or members", "steps", "in all, s", "longest steps, ms"], rows)


if __name__ == "__main__":
    import sys

    print(measure(int(float(sys.argv[1])) if len(sys.argv) > 1 else 1_000_000, "".join(sys.argv[2:3])))

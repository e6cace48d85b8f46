"""Thousands of power cuts, one at every step of a disk: what comes back is a prefix, and the promise is kept.

A history adds the numbers 0, 1, 2 ... to two lists in one transaction each, while time passes and the log
is rewritten, or snapshots are taken. The power goes in the middle of the n-th operation of the disk; the node
starts again from what is left.

    PERSISTENCE_SEEDS=500 .venv/bin/python -m pytest tests/persistence/test_power_cuts.py
"""

from __future__ import annotations

import os
from random import Random

import pytest

from minidis import Embedded
from minidis.drivers.simulated_disk import PowerLost, SimulatedDisk
from minidis.engine import starting
from minidis.engine.durability.append_only_file import AppendOnlyFile
from minidis.engine.durability.disk import DiskError, NodeFailure
from minidis.engine.durability.loading import LoadError
from minidis.engine.node import Node
from minidis.protocol.replies import ReplyError

SEEDS = range(int(os.environ.get("PERSISTENCE_SEEDS", "1")))
START_US = 1_767_225_600_000_000
ROUNDS = 40


class World:
    """A node on a simulated disk, and what its client was told."""

    def __init__(self, seed: int, **config: str) -> None:
        self.config = {name.replace("_", "-"): value for name, value in config.items()}
        self.seed = seed
        self.random = Random(seed)
        self.now_us = START_US
        self.disk = SimulatedDisk(seed, lambda: self.now_us)
        self.acknowledged: list[int] = []  # when each number was
        self.issued = 0
        self.saved = 0  # numbers in the last snapshot that was said to be complete
        self.start()

    def start(self) -> None:
        self.node = Node(self.config, lambda: self.now_us, Random(self.seed), disk=self.disk)
        loading = starting.start(self.node)
        if loading is not None:
            loading.run()
        self.client = self.node.connect()

    def ask(self, *words: bytes) -> object:
        """A command and its reply, which leaves only when the log is written."""
        reply = self.node.execute(self.client, list(words))
        self.node.write_out()
        return reply

    def add(self) -> None:
        """One transaction: the next number, to both lists."""
        number = b"%d" % self.issued
        self.ask(b"MULTI")
        self.ask(b"RPUSH", b"left", number)
        self.ask(b"RPUSH", b"right", number)
        self.issued += 1
        self.ask(b"EXEC")
        self.acknowledged.append(self.now_us)

    def pass_time(self, duration_us: int) -> None:
        until_us = self.now_us + duration_us
        while (deadline_us := self.node.next_deadline_us()) <= until_us:
            self.now_us = max(deadline_us, self.now_us + 100)
            self.node.tick()
        self.now_us = until_us
        self.node.tick()

    def history(self, events: dict[int, tuple[bytes, ...]]) -> None:
        """Rounds of writing and waiting; `events` are further commands before some of them."""
        for at in range(ROUNDS):
            if at in events:
                started, saves = self.issued, self.node.saving.saves
                self.ask(*events[at])
                self.pass_time(500_000)
                if self.node.saving.saves > saves and self.node.background.job is None:
                    self.saved = started
            self.add()
            self.pass_time(self.random.choice((0, 0, 50_000, 400_000, 1_100_000)))

    def cut_and_start_again(self) -> int:
        """How many numbers are left; both lists are the same prefix of what was issued."""
        self.disk.power_cut()
        self.start()
        left = self.ask(b"LRANGE", b"left", b"0", b"-1")
        assert left == [b"%d" % number for number in range(len(left))], self.note()
        assert self.ask(b"LRANGE", b"right", b"0", b"-1") == left, self.note()
        assert len(left) <= self.issued, self.note()
        return len(left)

    def note(self) -> str:
        return f"seed {self.seed}, step {self.disk.steps}, {self.config}"


def every_cut(seed: int, events: dict[int, tuple[bytes, ...]], **config: str):
    """A world for each step of the history, its power cut there; then one whose history ran to its end."""
    step = 0
    while True:
        step += 1
        world = World(seed * 100_000 + step, **config)
        world.random = Random(seed)
        world.disk.cut_power_at(step)
        try:
            world.history(events)
        except PowerLost:
            yield world
        else:
            yield world
            return


REWRITES = {8: (b"BGREWRITEAOF",), 22: (b"BGREWRITEAOF",), 30: (b"BGSAVE",)}


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize(("policy", "preamble"), [("always", "yes"), ("everysec", "no"), ("no", "yes")])
def test_a_cut_at_every_step_of_a_log(policy, preamble, seed, record_property):
    cuts = lost = 0
    options = {"appendonly": "yes", "appendfsync": policy, "aof_use_rdb_preamble": preamble, "save": ""}
    for world in every_cut(seed, REWRITES, **options):
        now_us = world.now_us
        left = world.cut_and_start_again()
        cuts += 1
        lost = max(lost, len(world.acknowledged) - left)
        if policy == "always":
            assert left >= len(world.acknowledged), world.note()
        if policy == "everysec":
            promised = sum(at_us <= now_us - 2_000_000 for at_us in world.acknowledged)
            assert left >= promised, world.note()
        goes_on_after_a_cut(world, left)
    assert cuts > 90 and (policy == "always") == (lost == 0)
    record_property("summary", f"power cuts, appendfsync {policy}: {cuts}; at most {lost} transactions lost")


def goes_on_after_a_cut(world: World, left: int) -> None:
    """What comes back is no dead end: the node writes on, and a second start finds all of it."""
    world.issued = left
    world.add()
    world.start()
    assert world.ask(b"LLEN", b"left") == world.ask(b"LLEN", b"right") == left + 1, world.note()


@pytest.mark.parametrize("seed", SEEDS)
def test_a_cut_at_every_step_of_snapshots(seed):
    events = {5: (b"BGSAVE",), 12: (b"SAVE",), 20: (b"BGSAVE",), 28: (b"SET", b"other", b"x"), 33: (b"SAVE",)}
    cuts = 0
    for world in every_cut(seed, events, save=""):
        saved = world.saved
        left = world.cut_and_start_again()
        cuts += 1
        assert left >= saved, world.note()
    assert cuts > 20


@pytest.mark.parametrize("seed", SEEDS)
def test_a_cut_at_every_step_of_switching_the_log_on_and_off(seed):
    events = {
        6: (b"CONFIG", b"SET", b"appendonly", b"yes"),
        20: (b"CONFIG", b"SET", b"appendonly", b"no"),
        26: (b"SAVE",),
        32: (b"CONFIG", b"SET", b"appendonly", b"yes"),
    }
    for world in every_cut(seed, events, save="", appendfsync="always"):
        if not world.node.config.appendonly or world.node.append_only.state != "on":
            continue  # the log did not hold yet, or no longer
        promised = len(world.acknowledged)
        world.config = {**world.config, "appendonly": "yes"}
        assert world.cut_and_start_again() >= promised, world.note()


@pytest.mark.parametrize("policy", ["always", "everysec"])
def test_cuts_with_holes_are_refused_or_within_the_promise(policy):
    """Some file systems leave zeros, so a log may be damaged within: that is said, and nothing is changed."""
    refused = 0
    for seed in range(60):
        world = World(seed, appendonly="yes", appendfsync=policy, save="")
        world.disk.holes = True
        for _ in range(30):
            world.add()
        world.disk.power_cut()
        before = {path: bytes(file.data) for path, file in world.disk.files.items()}
        try:
            world.start()
        except starting.LoadError as error:
            refused += 1
            assert error.path.endswith(".incr.aof") and error.offset is not None
            assert {path: bytes(file.data) for path, file in world.disk.files.items()} == before
            continue
        left = world.ask(b"LLEN", b"left")
        assert left == world.ask(b"LLEN", b"right")
        if policy == "always":
            assert left == 30
    assert (refused > 0) == (policy == "everysec")


@pytest.mark.parametrize("policy", ["always", "everysec"])
@pytest.mark.parametrize("code", ["ENOSPC", "EIO"])
def test_a_disk_that_fails_at_any_write_loses_nothing_that_was_promised(code, policy):
    for number in range(1, 60):
        world = World(number, appendonly="yes", appendfsync=policy, save="")
        operations = Random(number)
        try:
            for at in range(ROUNDS):
                if at == number % ROUNDS:
                    operation = operations.choice(("write", "sync", "rename", "create", "sync folder"))
                    world.disk.fail(operation, code=code)
                if at in REWRITES:
                    world.ask(*REWRITES[at])
                world.add()
                world.pass_time(300_000)
        except (ReplyError, NodeFailure):
            pass  # refused, or ended: in either case not acknowledged
        now_us = world.now_us
        left = world.cut_and_start_again()
        promised = len(world.acknowledged)
        if policy == "everysec":
            promised = sum(at_us <= now_us - 2_000_000 for at_us in world.acknowledged)
        assert left >= promised, world.note()


@pytest.mark.parametrize(
    "words", [(b"BGREWRITEAOF",), (b"CONFIG", b"SET", b"appendonly", b"no"), (b"DEBUG", b"LOADAOF")]
)
@pytest.mark.parametrize("operation", ["write", "sync"])
def test_no_reply_leaves_after_a_failure_in_the_midst_of_a_command(words, operation):
    """The command that meets it may answer an error; those before it, in the same turn, may not answer OK."""
    world = World(1, appendonly="yes", appendfsync="always", save="", enable_debug_command="yes")
    world.add()
    world.node.execute(world.client, [b"SET", b"k", b"v"])
    world.disk.fail(operation)
    with pytest.raises(NodeFailure, match="Exiting..."):
        world.node.execute(world.client, list(words))
    for _ in range(2):
        with pytest.raises(NodeFailure, match="Exiting..."):
            world.node.write_out()
    with pytest.raises(NodeFailure, match="Exiting..."):
        world.pass_time(100_000)


def test_a_rewrite_that_began_without_a_log_is_no_base_of_one():
    world = World(1, save="")
    world.add()
    assert world.ask(b"BGREWRITEAOF") == "Background append only file rewriting started"
    world.add()
    world.ask(b"CONFIG", b"SET", b"appendonly", b"yes")
    while world.node.append_only.state != "on":
        world.now_us += 1000
        world.node.tick()
    world.config["appendonly"] = "yes"
    assert world.cut_and_start_again() == 2


def test_a_shutdown_that_fails_does_not_forget_that_the_log_waits_for_its_base():
    world = World(1, save="")
    world.node.on_shutdown = lambda: pytest.fail("it could not be saved")
    world.disk.fail("write", "*/temp-rewriteaof.aof", times=3)
    world.ask(b"CONFIG", b"SET", b"appendonly", b"yes")
    world.pass_time(1_000_000)
    world.disk.fail("write", "temp-dump.rdb")
    with pytest.raises(ReplyError, match="Errors trying to SHUTDOWN"):
        world.ask(b"SHUTDOWN", b"SAVE")
    assert world.node.append_only.state == "waiting"
    world.pass_time(61_000_000)
    assert world.node.append_only.state == "on"


def test_a_damaged_manifest_keeps_the_log_from_being_switched_on():
    world = World(1, save="")
    world.disk.make_folder("appendonlydir")
    world.disk.append("appendonlydir/appendonly.aof.manifest", b"rubbish\n")
    with pytest.raises(ReplyError, match="Unable to turn on AOF"):
        world.ask(b"CONFIG", b"SET", b"appendonly", b"yes")
    assert world.ask(b"CONFIG", b"GET", b"appendonly") == {b"appendonly": b"no"}


@pytest.mark.parametrize(
    ("operation", "pattern", "error"),
    [
        *((operation, "*.incr.aof", LoadError) for operation in ("truncate", "sync", "read")),
        ("read", "*.manifest", DiskError),
    ],
)
def test_a_disk_that_fails_while_a_log_is_loaded_leaves_no_half_dataset(operation, pattern, error):
    redis = Embedded({"appendonly": "yes"}, clock=0, seed=1)
    redis.execute("SET", "k", "v")
    redis.disk.append(redis.node.append_only.path, b"*3\r\n$3\r\nSET\r\n$1")
    redis.disk.fail(operation, pattern)
    with pytest.raises(error, match=pattern[1:]):
        redis.kill()
    assert redis.execute("DBSIZE") == 0
    with pytest.raises(ReplyError, match="MISCONF"):
        redis.execute("SET", "k", "w")
    redis.kill()
    assert redis.execute("GET", "k") == b"v"


def test_who_saves_what_is_there_after_a_log_could_not_be_loaded_gets_a_log_of_that():
    redis = Embedded({"appendonly": "yes", "enable-debug-command": "yes"}, clock=0, seed=1)
    redis.execute("SET", "old", "1")
    redis.disk.fail("read", "*.incr.aof")
    with pytest.raises(ReplyError, match="Error trying to load the AOF files"):
        redis.execute("DEBUG", "LOADAOF")
    with pytest.raises(ReplyError, match="MISCONF"):
        redis.execute("SET", "new", "1")
    redis.execute("SAVE")
    redis.execute("SET", "new", "1")
    redis.step(1)
    redis.kill()
    assert redis.execute("KEYS", "*") == [b"new"]


@pytest.mark.parametrize("policy", ["always", "everysec"])
def test_what_a_killed_process_has_left_in_the_page_cache_is_synced_by_its_successor(policy):
    world = World(1, appendonly="yes", appendfsync=policy, save="")
    world.add()
    world.pass_time(2_000_000)
    if policy == "always":
        world.disk.fail("sync", "*.incr.aof")
        with pytest.raises(NodeFailure):
            world.add()
    else:
        world.add()
    world.start()
    assert world.ask(b"LLEN", b"left") == 2
    world.pass_time(1_200_000)
    assert world.cut_and_start_again() == 2


def test_a_clock_that_is_put_back_puts_off_no_sync_and_no_second_try():
    world = World(1, appendonly="yes", appendfsync="everysec", save="")
    world.add()
    world.pass_time(2_000_000)
    path = world.node.append_only.path
    world.now_us -= 3_600_000_000
    world.add()
    world.pass_time(1_200_000)
    assert world.disk.unsynced_bytes(path) == 0
    world.disk.fail("write", path)
    world.ask(b"SET", b"k", b"v")
    world.now_us -= 3_600_000_000
    world.pass_time(1_200_000)
    world.add()
    world.pass_time(1_200_000)
    assert world.cut_and_start_again() == 3


def in_a_slow_sync() -> tuple[World, AppendOnlyFile]:
    """What has come since it began waits in the buffer."""
    world = World(1, appendonly="yes", appendfsync="everysec", save="")
    world.disk.fsync_us = 5_000_000
    world.add()
    world.pass_time(1_100_000)  # a sync begins
    world.add()
    log = world.node.append_only
    assert log.info()["aof_buffer_length"] > 0 and log.delayed_syncs == 0
    return world, log


def test_a_slow_sync_postpones_writing_for_two_seconds_and_then_blocks():
    world, log = in_a_slow_sync()
    world.pass_time(1_900_000)
    assert log.info()["aof_buffer_length"] > 0
    world.pass_time(200_000)
    assert log.info()["aof_buffer_length"] == 0 and log.delayed_syncs == 1
    assert world.disk.blocked_us > 0


def test_a_clock_that_is_put_back_does_not_let_a_slow_sync_postpone_writing_for_so_long():
    world, log = in_a_slow_sync()
    world.now_us -= 3_600_000_000
    world.pass_time(200_000)
    assert log.info()["aof_buffer_length"] == 0


@pytest.mark.parametrize("operation", ["sync", "write"])
def test_what_is_left_undone_is_due_soon_but_not_at_once(operation):
    """Otherwise a driver whose log (a learner's) leaves it undone would never rest."""
    world = World(1, appendonly="yes", appendfsync="everysec", save="")
    if operation == "write":
        world.disk.fail("write", world.node.append_only.path)
    world.add()
    log = world.node.append_only
    log.flush = lambda force=False: None
    world.now_us += 2_000_000
    world.node.now_us = world.now_us
    deadline_us = log.next_deadline_us()
    assert deadline_us is not None and world.now_us < deadline_us < world.now_us + 100_000

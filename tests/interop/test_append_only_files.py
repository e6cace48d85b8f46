"""Append-only logs between minidis and real servers, both ways, and what redis-check-aof says of ours.

DEBUG DIGEST sums up a dataset. It is always the real server that is asked: of what it loaded from a log, and
of what it loaded from our snapshot of the same dataset.
"""

from __future__ import annotations

import shutil
import subprocess
import time
from pathlib import Path

import pytest

from minidis import Embedded
from minidis.drivers.disk import RealDisk
from minidis.persistence.rdb_writer import write_snapshot
from tests.differential.servers import Connection, Judge, RealServer, available_judges
from tests.persistence.datasets import Command, every_encoding

CHECKERS = {"redis-7.0": "redis-check-aof", "valkey-9.1": "valkey-check-aof"}
AFTERWARDS: list[Command] = [
    (b"MULTI",),
    (b"SET", b"in", b"transaction"),
    (b"SPOP", b"set:small"),
    (b"EXEC",),
    (b"SELECT", b"5"),
    (b"SET", b"late", b"1", b"EX", b"1000000"),
    (b"XADD", b"stream", b"MAXLEN", b"~", b"5", b"*", b"f", b"v"),
    (b"SELECT", b"0"),
]


LIBRARY = b"#!lua name=mylib\nredis.register_function('f', function() return 1 end)"


def dataset(seed: int) -> list[Command]:
    """Every encoding and a function; but for the score -0, which Redis 7.0 reads as 0 in a log's command."""
    commands = [command for command in every_encoding(seed) if b"-0" not in command]
    return [*commands, (b"FUNCTION", b"LOAD", LIBRARY)]


judges = pytest.mark.parametrize("judge", available_judges(), ids=lambda judge: judge.name)


def on(folder: Path, **config: str) -> Embedded:
    options = {name.replace("_", "-"): value for name, value in config.items()}
    return Embedded({"appendonly": "yes", "dir": str(folder), "save": "", **options}, disk=RealDisk())


def written_by_us(folder: Path, commands: list[Command], **config: str) -> bytes:
    """A log with a rewrite in the middle; a snapshot of what stands in it."""
    with on(folder, **config) as redis:
        for command in commands:
            redis.execute(*command)
        redis.execute("BGREWRITEAOF")
        while redis.node.background.job is not None:
            redis.tick()
        for command in AFTERWARDS:
            redis.execute(*command)
        return snapshot_of(redis)


def snapshot_of(redis: Embedded) -> bytes:
    return b"".join(write_snapshot(redis.node.databases))


def real(judge, folder: Path, *options: str) -> RealServer:
    return RealServer(judge, ("--appendonly", "yes", "--dir", str(folder), *options))


def digest(connection: Connection) -> bytes:
    """The digest, when all is loaded."""
    bound = time.monotonic() + 60
    while connection.run([(b"PING",)]) != [(b"+", b"PONG")] and time.monotonic() < bound:
        time.sleep(0.01)  # a process of its own: there is no event here to wait for
    ((kind, reply),) = connection.run([(b"DEBUG", b"DIGEST")])
    assert kind == b"+", reply
    return reply


def digest_of_snapshot(judge, snapshot: bytes) -> bytes:
    """What the real server makes of a snapshot."""
    with RealServer(judge) as server, server.connect() as connection:
        (server.folder / "dump.rdb").write_bytes(snapshot)
        assert connection.run([(b"DEBUG", b"RELOAD", b"NOSAVE")]) == [(b"+", b"OK")]
        return digest(connection)


def checker(judge: Judge, folder: Path) -> str:
    """How to call the judge's checker: a server program is one under that name."""
    name = CHECKERS[judge.name]
    if found := shutil.which(name):
        return found
    (folder / name).symlink_to(judge.binary)
    return str(folder / name)


@judges
@pytest.mark.parametrize("preamble", ["yes", "no"])
def test_our_logs_load_there(judge, preamble, tmp_path):
    ours = written_by_us(tmp_path, dataset(1), aof_use_rdb_preamble=preamble, aof_timestamp_enabled="yes")
    manifest = tmp_path / "appendonlydir" / "appendonly.aof.manifest"
    done = subprocess.run([checker(judge, tmp_path), manifest], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0 and "All AOF files and manifest are valid" in done.stdout, done.stdout
    with real(judge, tmp_path) as server, server.connect() as connection:
        assert digest(connection) == digest_of_snapshot(judge, ours)
        assert connection.run([(b"FCALL", b"f", b"0")]) == [(b":", b"1")]


@judges
@pytest.mark.parametrize("preamble", ["yes", "no"])
def test_their_logs_load_here_and_go_on(judge, preamble, tmp_path):
    with real(judge, tmp_path, "--aof-use-rdb-preamble", preamble) as server, server.connect() as connection:
        replies = connection.run([*dataset(2), (b"BGREWRITEAOF",), *AFTERWARDS])
        assert not [reply for kind, reply in replies if kind == b"-"]
        theirs = digest(connection)
    with on(tmp_path) as redis:
        assert digest_of_snapshot(judge, snapshot_of(redis)) == theirs
        assert redis.execute("FCALL", "f", 0) == 1
        redis.execute("SET", "ours", "1")
        ours = snapshot_of(redis)
    with real(judge, tmp_path) as server, server.connect() as connection:
        assert digest(connection) == digest_of_snapshot(judge, ours)


@judges
def test_an_old_single_file_of_theirs_is_taken_over(judge, tmp_path):
    """A log as Redis 6 left it: snapshot and commands in one file."""
    with real(judge, tmp_path) as server, server.connect() as connection:
        connection.run([(b"SET", b"a", b"1"), (b"RPUSH", b"l", b"x", b"y")])
        theirs = digest(connection)
    folder = tmp_path / "appendonlydir"
    parts = [folder / "appendonly.aof.1.base.rdb", folder / "appendonly.aof.1.incr.aof"]
    old = tmp_path / "old"
    old.mkdir()
    (old / "appendonly.aof").write_bytes(b"".join(part.read_bytes() for part in parts))
    with on(old) as redis:
        assert digest_of_snapshot(judge, snapshot_of(redis)) == theirs
    with real(judge, old) as server, server.connect() as connection:
        assert digest(connection) == theirs

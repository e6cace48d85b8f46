"""CONFIG beside real servers: the defaults, what a directive takes, and the file that REWRITE writes."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from minidis.engine.settings.config import BY_NAME, Config
from minidis.engine.settings.config_file import Settings
from minidis.engine.settings.config_rewrite import rewritten
from tests.differential.differences import REDIS_7_0
from tests.differential.servers import Connection, Judge, available_judges
from tests.differential.sides import MinidisSide, RealSide
from tests.differential.wire import Reply

# Directives that a real server has, and what is different about them here; the first list must be exact.
SINCE_7_2 = {
    "cluster-announce-human-nodename", "locale-collate", "set-max-listpack-entries", "set-max-listpack-value",
}  # fmt: skip
OF_THIS_RUN = {"hz", "port", "save", "bind", "dir", "enable-debug-command", "unixsocket"}

DIFFERENT_VALUES = {
    "loglevel": "7.2 has `nothing`",
    "maxmemory-samples": "7.2 has a most, 64",
    "dbfilename": "who shares the process may set protected directives",
    "maxmemory-clients": "there 2^64 - 1 overflows to -1, and means 1 %",
    "tls-cluster": "TLS is set up when it is needed, not at once",
    "tls-replication": "TLS is set up when it is needed, not at once",
    "tls-port": "it is kept, but nothing is opened while the server runs",
    "port": "the judge's own",
    "bind": "the judge's own",
    "dir": "the judge's own",
    "unixsocket": "the judge's own",
    "logfile": "the judge's own",
}
TRIED = [
    b"{title} {port} {{",
    b"{nosuch}",
    b"{title",
    b"",
    b"nonsense value",
    b"-5",
    b"3",
    b"YES",
    b"100mb",
    b"99999999999999999999",
    b"1 2",
    b"%",
]
KNOWN_TO_CRASH_OR_SLOW: set[str] = {"client-output-buffer-limit"}


def settings_of(reply: Reply) -> dict[str, bytes]:
    items = [item[1] for item in reply[1] or []]
    return dict(zip([name.decode() for name in items[::2]], items[1::2], strict=True))


@pytest.fixture
def redis_7_0(judge: RealSide) -> RealSide:
    if judge.name != REDIS_7_0:
        pytest.xfail("Valkey 9.1 has directives and defaults of its own")
    judge.restart(2)
    return judge


def test_every_directive_and_its_default(redis_7_0: RealSide, ours: MinidisSide):
    ours.restart(2)
    theirs, mine = (settings_of(side.run([(b"CONFIG", b"GET", b"*")])[0]) for side in (redis_7_0, ours))
    assert set(theirs) - set(mine) == set()
    assert set(mine) - set(theirs) == SINCE_7_2
    differing = {name for name in theirs if theirs[name] != mine[name]}
    assert differing <= OF_THIS_RUN


def test_what_a_directive_takes(redis_7_0: RealSide, ours: MinidisSide):
    """The same values, and the same words for the others."""
    ours.restart(2)
    [everything] = redis_7_0.run([(b"CONFIG", b"GET", b"*")])
    differing = []
    for name, before in settings_of(everything).items():
        if name in DIFFERENT_VALUES or name in KNOWN_TO_CRASH_OR_SLOW:
            continue
        commands = [(b"CONFIG", b"SET", name.encode(), value) for value in (*TRIED, before)]
        probes = [part for command in commands for part in (command, (b"CONFIG", b"GET", name.encode()))]
        theirs, mine = redis_7_0.run(probes), ours.run(probes)
        differing += [
            (probe, their, our)
            for probe, their, our in zip(probes, theirs, mine, strict=True)
            if their != our and name not in OF_THIS_RUN
        ]
    assert differing == []


ATOMIC = [
    (b"CONFIG", b"SET", b"maxmemory", b"1mb", b"timeout", b"x"),
    (b"CONFIG", b"GET", b"maxmemory"),
    (b"CONFIG", b"SET", b"maxmemory", b"1mb", b"maxmemory", b"2mb"),
    (b"CONFIG", b"SET", b"maxmemory", b"1mb", b"nosuch", b"2mb"),
    (b"CONFIG", b"SET", b"maxmemory"),
    (b"CONFIG", b"SET", b"hash-max-ziplist-entries", b"7"),
    (b"CONFIG", b"GET", b"hash-max-*-entries"),
    (b"CONFIG", b"GET", b"HASH-max-listpack-entries", b"timeout", b"nosuch", b"timeo?t"),
    (b"CONFIG", b"SET", b"maxmemory", b"0"),
    (b"CONFIG", b"REWRITE"),
    (b"CONFIG", b"RESETSTAT"),
    (b"CONFIG", b"NOSUCH"),
]


def test_all_or_nothing(redis_7_0: RealSide, ours: MinidisSide):
    ours.restart(2)
    theirs, mine = redis_7_0.run(ATOMIC), ours.run(ATOMIC)
    for command, their, our in zip(ATOMIC, theirs, mine, strict=True):
        assert their == our or sorted(their[1]) == sorted(our[1]), command


# ---- REWRITE ----------------------------------------------------------------------------------------------

FILE = """\
# A comment at the top
port 0
unixsocket {folder}/socket

# limits
maxmemory 100mb
maxmemory-policy   allkeys-lru
hash-max-ziplist-entries 64
client-output-buffer-limit normal 0 0 0
client-output-buffer-limit pubsub 32mb 8mb 60


save 3600 1
save 300 100
requirepass "se cret"
notify-keyspace-events ""
slowlog-log-slower-than 10000
latency-tracking-info-percentiles 50 99
timeout 5
timeout 7
"""
CHANGES = [
    (b"AUTH", b"se cret"),
    (b"CONFIG", b"SET", b"maxmemory", b"1gb"),
    (b"CONFIG", b"SET", b"save", b"60 5"),
    (b"CONFIG", b"SET", b"appendfsync", b"always"),
    (b"CONFIG", b"SET", b"notify-keyspace-events", b"KEA"),
    (b"CONFIG", b"SET", b"timeout", b"0"),
    (b"CONFIG", b"SET", b"proto-max-bulk-len", b"1500000"),
    (b"CONFIG", b"SET", b"masterauth", b'a "quoted" word'),
    (b"CONFIG", b"SET", b"client-output-buffer-limit", b"normal 1mb 0 0"),
]
BACK_TO_DEFAULTS = [
    (b"AUTH", b"se cret"),
    (b"CONFIG", b"SET", b"save", b"3600 1 300 100 60 10000"),
    (b"CONFIG", b"SET", b"bind", b""),
]


@pytest.fixture
def folder() -> Iterator[Path]:
    path = Path(tempfile.mkdtemp(prefix="conf-"))
    yield path
    shutil.rmtree(path, ignore_errors=True)


def started_with(judge: Judge, folder: Path) -> subprocess.Popen[bytes]:
    process = subprocess.Popen(
        [judge.binary, str(folder / "redis.conf")], stdout=subprocess.DEVNULL, cwd=folder
    )
    deadline_s = time.monotonic() + 20
    while not (folder / "socket").exists() and time.monotonic() < deadline_s:
        time.sleep(0.01)
    return process


@pytest.mark.parametrize("changes", [CHANGES, BACK_TO_DEFAULTS], ids=["changes", "defaults"])
def test_the_same_file_comes_out_of_rewrite(folder: Path, changes: list[tuple[bytes, ...]]):
    [judge] = [judge for judge in available_judges() if judge.name == REDIS_7_0] or pytest.skip(
        "no redis-server"
    )
    before = FILE.format(folder=folder)
    (folder / "redis.conf").write_text(before)
    process = started_with(judge, folder)
    try:
        with Connection(folder / "socket") as connection:
            replies = connection.run([*changes, (b"CONFIG", b"REWRITE")])
        assert [reply for reply in replies if reply != (b"+", b"OK")] == []
    finally:
        process.terminate()
        process.wait(10)
    settings = Settings()
    settings.load(before.encode())
    config = Config(settings.values)
    for _, _, name, value in changes[1:]:
        config.set({name.decode(): value.decode()})
    theirs = normal((folder / "redis.conf").read_bytes(), folder)
    mine = normal(rewritten(before.encode(), config, [b"user default on x"]), folder)
    end = theirs.index("# Generated by CONFIG REWRITE")  # what follows has the order of a hash table there
    assert mine[: end + 1] == theirs[: end + 1]
    assert sorted(mine[end:]) == sorted(theirs[end:])


def normal(text: bytes, folder: Path) -> list[str]:
    """The lines without the user, whose hash is another's matter, and `dir`, which only the server knows."""
    lines = text.decode().replace(str(folder), "FOLDER").split("\n")
    return [line for line in lines if not line.startswith(("user ", "dir "))]


def test_what_was_rewritten_reads_back(folder: Path):
    """Every directive written, and the same values read."""
    config = Config({"maxmemory": "1gb", "save": "60 5", "requirepass": 'a "b" c', "bind": "127.0.0.1 ::1"})
    for points in ("3600 1", "300 100 60 10000", "", "60 5"):  # some of the usual ones are not all of them
        config.set({"save": points})
        settings = Settings()
        settings.load(rewritten(b"", config))
        assert Config(settings.values).save == config.save
    settings = Settings()
    settings.load(rewritten(b"", config, with_defaults=True))
    again = Config(settings.values)
    differing = [d.name for d in BY_NAME.values() if config.show(d) != again.show(d)]
    assert differing == []
    assert rewritten(b"", again, with_defaults=True) == rewritten(b"", config, with_defaults=True)


@pytest.mark.parametrize("path", ["/etc/redis/redis.conf"])
def test_the_file_that_debian_ships_is_taken_whole(path: str):
    if not Path(path).exists():
        pytest.skip("Debian's redis-server is not installed")
    settings = Settings()
    settings.load(Path(path).read_bytes())
    assert Config(settings.values).port == 6379

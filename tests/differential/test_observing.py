"""What a server tells of itself, beside real servers: SLOWLOG, LATENCY, INFO's sections and their counts."""

from __future__ import annotations

import re

import pytest

from minidis.drivers.process import process_facts
from tests.differential.differences import REDIS_7_0, VALKEY_9_1
from tests.differential.sides import MinidisSide, RealSide
from tests.differential.wire import Reply

LONG = b"x" * 200
LOGGED: list[tuple[bytes, ...]] = [
    (b"CONFIG", b"SET", b"slowlog-log-slower-than", b"0"),
    (b"SLOWLOG", b"RESET"),
    (b"CLIENT", b"SETNAME", b"alice"),
    (b"SET", b"k", LONG),
    (b"SET", b"k", LONG, b"EX", b"x"),
    (b"DEL", *(b"%d" % n for n in range(40))),
    (b"AUTH", b"secret"),
    (b"AUTH", b"default", b"secret"),
    (b"HELLO", b"2", b"AUTH", b"default", b"secret"),
    (b"CONFIG", b"SET", b"masterauth", b"secret"),
    (b"CONFIG", b"SET", b"masterauth", b""),
    (b"NOSUCH", b"x"),
    (b"GET",),
    (b"MULTI",),
    (b"INCR", b"n"),
    (b"EXEC",),
    (b"BLPOP", b"empty", b"0.01"),
    (b"SLOWLOG", b"LEN"),
    (b"SLOWLOG", b"GET", b"3"),
    (b"SLOWLOG", b"GET", b"-1"),
    (b"SLOWLOG", b"GET", b"-2"),
    (b"SLOWLOG", b"GET", b"x"),
    (b"CONFIG", b"SET", b"slowlog-max-len", b"2"),
    (b"SLOWLOG", b"GET", b"-1"),
    (b"CONFIG", b"SET", b"slowlog-max-len", b"128"),
    (b"SLOWLOG", b"RESET"),
    (b"CONFIG", b"SET", b"slowlog-log-slower-than", b"-1"),
    (b"PING",),
    (b"SLOWLOG", b"LEN"),
    (b"CONFIG", b"SET", b"slowlog-log-slower-than", b"10000"),
]


def test_slow_log(judge: RealSide, ours: MinidisSide):
    judge.restart(2)
    ours.restart(2)
    ours.node.statistics.time_all()
    # 7.0 does not log a command that has waited in vain
    logged = [command for command in LOGGED if command[0] != b"BLPOP" or judge.name != REDIS_7_0]
    theirs, mine = judge.run(logged), ours.run(logged)
    for command, their, our in zip(logged, theirs, mine, strict=True):
        if command[0] == b"SLOWLOG":
            assert without_times(our) == without_times(their), command


def without_times(reply: Reply) -> Reply:
    """A slow log without numbers, times and addresses, which are each server's own."""
    kind, entries = reply
    if not isinstance(entries, list) or not entries or entries[0][0] != b"*":
        return reply
    return kind, [(entry[1][3], entry[1][5]) for entry in entries]


LATENCY = """
CONFIG SET latency-monitor-threshold 0
LATENCY RESET
LATENCY DOCTOR
CONFIG SET latency-monitor-threshold 100
LATENCY DOCTOR
LATENCY LATEST
LATENCY HISTORY command
LATENCY GRAPH command
LATENCY RESET command nosuch
LATENCY HISTOGRAM nosuch
CONFIG SET latency-monitor-threshold 0
"""


def test_latency_of_a_server_that_was_never_slow(judge: RealSide, ours: MinidisSide):
    if judge.name == VALKEY_9_1:
        pytest.xfail("Valkey 9.1 speaks of Valkey")
    commands = [tuple(word.encode() for word in line.split()) for line in LATENCY.strip().splitlines()]
    judge.restart(2)
    ours.restart(2)
    assert ours.run(commands) == judge.run(commands)


def test_doctor_and_graph_after_the_same_spike(judge: RealSide, ours: MinidisSide):
    """The doctor's words and the picture, with the milliseconds taken out."""
    commands = [
        (b"CONFIG", b"SET", b"latency-monitor-threshold", b"20"),
        (b"LATENCY", b"RESET"),
        (b"DEBUG", b"SLEEP", b"0.03"),
        (b"LATENCY", b"DOCTOR"),
        (b"LATENCY", b"GRAPH", b"command"),
        (b"CONFIG", b"SET", b"latency-monitor-threshold", b"0"),
        (b"LATENCY", b"RESET"),
    ]
    judge.restart(2)
    ours.restart(2)
    ours.node.sleep = lambda duration_us: setattr(ours, "now_us", ours.now_us + duration_us)
    theirs, mine = judge.run(commands), ours.run(commands)
    if judge.name == REDIS_7_0:
        assert without_digits(mine[3][1]) == without_digits(theirs[3][1])
    assert without_digits(mine[4][1]) == without_digits(theirs[4][1])


def without_digits(text: object) -> bytes:
    assert isinstance(text, bytes)
    return b"".join(b"" if byte in b"0123456789" else bytes([byte]) for byte in text)


COUNTED = """
CONFIG RESETSTAT
SET k v
SET k v BOGUS
GET k
GET
GET a b
LPUSH k x
NOSUCH
HSET h f
MULTI
INCR k
NOSUCH x
EXEC
MULTI
INCR k
SET other v
EXEC
BLPOP empty 0.01
BLPOP empty x
MULTI
BLPOP empty 0
INFO commandstats
EXEC
CONFIG GET maxmemory
CONFIG NOSUCH
EVAL
INFO commandstats
INFO errorstats
"""


def test_calls_rejections_and_failures(judge: RealSide, ours: MinidisSide):
    commands = [tuple(word.encode() for word in line.split()) for line in COUNTED.strip().splitlines()]
    judge.restart(2)
    ours.restart(2)
    theirs, mine = judge.run(commands), ours.run(commands)
    assert counts(mine[-2]) == counts(theirs[-2])
    assert fields(mine[-1]) == fields(theirs[-1])


SCRIPTS = [
    "redis.pcall('set') return 1",
    "redis.pcall('nosuch') return 1",
    "redis.pcall('lpush', 'text', 'a') return 1",
    "return redis.pcall('lpush', 'text', 'a')",
    "return redis.call('lpush', 'text', 'a')",
    "return redis.call('subscribe', 'a')",
    "return redis.call('get')",
    "return redis.error_reply('MY error')",
    "return {err='OTHER error'}",
    "error('no reply')",
    "error(redis.pcall('get'))",
    "local ok, text = pcall(redis.call, 'get') return text",
    "return redis.call({})",
]


def test_each_error_is_counted_once(judge: RealSide, ours: MinidisSide):
    """Also where a script hands on what one of its commands was told."""
    asked = (b"INFO", b"errorstats")
    commands = [
        (b"CONFIG", b"RESETSTAT"),
        (b"SET", b"text", b"x"),
        (b"MULTI",),
        (b"LPUSH", b"text", b"x"),
        (b"EXEC",),
    ]
    for text in SCRIPTS:
        commands += [(b"EVAL", text.encode(), b"0"), asked]
    commands += [(b"EVAL_RO", b"return redis.call('set', 'a', 'b')", b"0"), asked, (b"INFO", b"commandstats")]
    judge.restart(2)
    ours.restart(2)
    theirs, mine = judge.run(commands), ours.run(commands)
    for command, their, our in zip(commands, theirs, mine, strict=True):
        if command == asked:
            assert fields(our) == fields(their)
    assert counts(mine[-1]) == counts(theirs[-1])


def fields(reply: Reply) -> dict[str, str]:
    assert isinstance(reply[1], bytes)
    lines = [line for line in reply[1].decode().splitlines() if ":" in line]
    return dict(line.split(":", 1) for line in lines)


def counts(reply: Reply) -> dict[str, list[str]]:
    """INFO commandstats without what took time."""
    return {
        name: [part for part in text.split(",") if not part.startswith("usec")]
        for name, text in fields(reply).items()
    }


PROCESS_FIELDS = (
    "os arch_bits monotonic_clock multiplexing_api atomicvar_api gcc_version process_id process_supervised "
    "executable"
).split()
"""What an embedded node has not: its process is the reader's."""


def test_a_process_adds_those_fields():
    assert sorted(process_facts("server")) == sorted(PROCESS_FIELDS)
    assert process_facts("server").keys() >= {"gcc_version", "os"}


@pytest.mark.parametrize("section", ["server", "clients", "memory", "stats", "persistence", "replication"])
def test_fields_of_info(judge: RealSide, ours: MinidisSide, section: str):
    """Every field of 7.0 is there, in its order; what is more came with 7.2."""
    if judge.name == VALKEY_9_1:
        pytest.xfail("Valkey has many fields of its own")
    judge.restart(2)
    ours.restart(2)
    [theirs], [mine] = (side.run([(b"INFO", section.encode())]) for side in (judge, ours))
    expected = [name for name in fields(theirs) if name not in PROCESS_FIELDS]
    assert [name for name in fields(mine) if not name.startswith(SINCE_7_2)] == expected


SINCE_7_2 = ("total_blocking_keys", "acl_access_denied_", "eventloop_", "instantaneous_eventloop_")


def test_every_figure_begins_anew(judge: RealSide, ours: MinidisSide):
    """CONFIG RESETSTAT: what is 0 at a real server after some work is 0 here, and the other way round."""
    work = [(b"SET", b"k", b"v"), (b"GET", b"k"), (b"GET", b"no"), (b"NOSUCH",), (b"CONFIG", b"RESETSTAT")]
    judge.restart(2)
    ours.restart(2)
    theirs, mine = (side.run([*work, (b"INFO", b"stats")])[-1] for side in (judge, ours))
    measured = (
        "total_net_ instantaneous_ total_reads total_writes total_commands expire_cycle eventloop_"
    ).split()
    for name, value in fields(theirs).items():
        if name in fields(mine) and not name.startswith(tuple(measured)):
            assert fields(mine)[name] == value, name


def test_jobs_that_others_fork_for_are_counted(judge: RealSide, ours: MinidisSide):
    """A snapshot is one of `total_forks`, also where nothing forks: monitors watch for it."""
    judge.restart(2)
    ours.restart(2)
    commands = [(b"CONFIG", b"RESETSTAT"), (b"BGSAVE",), (b"INFO", b"stats")]
    theirs, mine = (fields(side.run(commands)[-1]) for side in (judge, ours))
    assert mine["total_forks"] == theirs["total_forks"] == "1"


@pytest.mark.parametrize(
    "sections", ["", "default", "all", "everything", "server CLIENTS", "nosuch", "cpu keyspace"]
)
def test_sections_of_info(judge: RealSide, ours: MinidisSide, sections: str):
    """The same titles in the same order."""
    judge.restart(2)
    ours.restart(2)
    command = (b"INFO", *sections.encode().split())
    [theirs], [mine] = (side.run([(b"SET", b"k", b"v"), command])[1:] for side in (judge, ours))
    assert titles(mine) == [title for title in titles(theirs) if title not in TITLES_OF_VALKEY]


TITLES_OF_VALKEY = (b"# TLS", b"# Cluster Info", b"# Scripting Engines", b"# Commandlog", b"# Memory_by_type")


def titles(reply: Reply) -> list[bytes]:
    assert isinstance(reply[1], bytes)
    return [line for line in reply[1].split(b"\r\n") if line.startswith(b"# ")]


PICTURES = ["5", "5 30 4 3", "5 0 0 0", "5 1 1 1", "6", "6 40 10", "6 1 1", "6 0 0", "7", "6 x", "5 4 x", "x"]


@pytest.mark.parametrize("words", PICTURES)
def test_pictures_have_the_same_size(judge: RealSide, ours: MinidisSide, words: str):
    """LOLWUT: other lots are drawn, but the frame, the colours and the credits are the same."""
    if judge.name == VALKEY_9_1:
        pytest.xfail("Valkey 9.1 names itself, and draws another picture")
    command = (b"LOLWUT", b"VERSION", *words.encode().split())
    judge.restart(2)
    ours.restart(2)
    [their], [mine] = judge.run([command]), ours.run([command])
    assert frame(mine) == frame(their)


def frame(reply: Reply) -> tuple:
    """The kind of reply, the width of each line in characters, the colours, the words of the last lines."""
    text = reply[1]
    assert isinstance(text, bytes)
    lines = re.sub(rb"\x1b\[[0-9;]*m \x1b\[0m", b"#", text).decode().split("\n")
    words = [re.sub(r"ver. .*", "ver.", line) for line in lines if any(sign.isalpha() for sign in line)]
    pixels = [len(line) for line in lines if not any(sign.isalpha() for sign in line)]
    return reply[0], pixels, set(re.findall(rb"0;\d+;\d+m", text)) <= COLOURS, words


COLOURS = {b"0;30;40m", b"0;90;100m", b"0;37;47m", b"0;97;107m"}


def test_a_city_has_windows_of_two_pixels(ours: MinidisSide):
    """In a black house, two neighbours of one gray stand between black ones."""
    ours.restart(2)
    [(_, text)] = ours.run([(b"LOLWUT", b"VERSION", b"6", b"200", b"40")])
    assert isinstance(text, bytes)
    rows = [re.findall(rb"\x1b\[0;(\d+);\d+m ", line) for line in text.split(b"\n")[:40]]
    assert {len(row) for row in rows} == {200}
    pairs = sum(
        row[at] == row[at + 3] == b"30" and row[at + 1] == row[at + 2] != b"30"
        for row in rows
        for at in range(197)
    )
    assert pairs > 50

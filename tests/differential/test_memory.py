"""What keys weigh: MEMORY USAGE and used_memory beside Debian's Redis 7.0.

Valkey 9.1 keeps the key inside the object, so its figures are others. 7.0's are those of 7.2 but where 7.2
brought another encoding: the listpacks of sets and of lists. It links the jemalloc whose size classes the
model has.
"""

from __future__ import annotations

from random import Random

import pytest

from tests.differential.cases import seeds
from tests.differential.differences import REDIS_7_0
from tests.differential.grammar import Command
from tests.differential.sides import MinidisSide, RealSide
from tests.differential.wire import Reply

pytestmark = pytest.mark.parametrize("judge", [REDIS_7_0], indirect=True)


def word(choose: Random, longest: int = 90) -> bytes:
    return b"%x" % choose.getrandbits(4 * choose.randint(1, longest))


def fill(choose: Random) -> list[Command]:
    """One key of each type and encoding.  Tables are full, so that none is on its way to the next size."""
    size = choose.choice([15, 31, 127])
    words = [word(choose) + b"-%d" % number for number in range(size)]
    short = [word(choose, 19) for _ in range(min(size, 11))]
    commands: list[Command] = [
        (b"SET", b"int", b"%d" % choose.getrandbits(40)),
        (b"SET", b"embstr", word(choose, 40)),
        (b"SET", b"raw", word(choose, 3000) + b"x" * 45),
        (b"SET", word(choose), b"key of any length"),
        (b"SADD", b"intset", *[b"%d" % choose.getrandbits(choose.choice([8, 30, 60])) for _ in range(9)]),
        (b"SADD", b"set", *words, b"x" * 30),
        (b"RPUSH", b"list", *words, *words, b"x" * 9),
        (b"HSET", b"hash.listpack", *(half for pair in zip(short, short, strict=True) for half in pair)),
        (
            b"HSET",
            b"hash",
            b"x" * 30,
            b"",
            *(half for pair in zip(words, words, strict=True) for half in pair),
        ),
        (b"ZADD", b"zset.listpack", *(half for i, w in enumerate(short) for half in (b"%d" % i, w))),
    ]
    return commands


def usage(commands: list[Command]) -> list[Command]:
    """Of all elements; of a list's nodes five are looked at, as Redis does unless told otherwise."""
    return [
        (b"MEMORY", b"USAGE", argv[1], *(() if argv[0] == b"RPUSH" else (b"SAMPLES", b"0")))
        for argv in commands
    ]


def test_doctor(judge: RealSide, ours: MinidisSide):
    """An empty server, one with six megabytes, one with a thousand scripts, and one that had a peak."""
    scripts = [(b"SCRIPT", b"LOAD", b"return %d" % number) for number in range(1001)]
    commands: list[Command] = [
        (b"MEMORY", b"DOCTOR"),
        (b"DEBUG", b"POPULATE", b"60", b"large", b"100000"),
        (b"MEMORY", b"DOCTOR"),
        *scripts,
        (b"MEMORY", b"DOCTOR"),
        (b"DEBUG", b"POPULATE", b"100", b"more", b"100000"),
        (b"INFO", b"memory"),
        (b"DEL", *(b"more:%d" % number for number in range(100))),
        (b"MEMORY", b"DOCTOR"),
    ]
    judge.restart(2)
    ours.restart(2)
    theirs, mine = judge.run(commands), ours.run(commands)
    reports = [at for at, command in enumerate(commands) if command[1] == b"DOCTOR"]
    assert mine[0] == theirs[0]
    assert [findings(mine[at]) for at in reports] == [findings(theirs[at]) for at in reports]
    assert [len(findings(theirs[at])) for at in reports] == [0, 0, 1, 2]


def findings(report: Reply) -> list[bytes]:
    """Without those about the allocator, which this server leaves out."""
    assert isinstance(report[1], bytes)
    return [line for line in report[1].split(b"\n") if line.startswith(b" * ") and b" * High" not in line]


def test_names_of_the_figures(judge: RealSide, ours: MinidisSide):
    """MEMORY STATS: the same names in the same order."""
    commands = [(b"SET", b"k", b"v", b"EX", b"100"), (b"MEMORY", b"STATS")]
    judge.restart(2)
    ours.restart(2)
    theirs, mine = (side.run(commands)[-1][1][::2] for side in (judge, ours))
    assert mine == theirs


@pytest.mark.parametrize("seed", seeds())
def test_memory_usage_of_every_encoding(judge: RealSide, ours: MinidisSide, seed: int) -> None:
    choose = Random(seed)
    for _ in range(20):
        commands = fill(choose)
        questions = usage(commands)
        commands += [(b"SISMEMBER", b"set", b""), (b"HGET", b"hash", b"")] * 20  # each a step of a rehash
        judge.restart(2)
        ours.restart(2)
        theirs = judge.run([*commands, *questions])[len(commands) :]
        our = ours.run([*commands, *questions])[len(commands) :]
        for argv, their, mine in zip(questions, theirs, our, strict=True):
            assert mine == their, argv


def test_a_skip_list_weighs_as_much_on_average(judge: RealSide, ours: MinidisSide) -> None:
    """Its nodes' heights are drawn by lot: ours are counted with the height to be expected."""
    for count in (256, 2048, 8192):  # full tables: none is on its way to the next size
        commands: list[Command] = [
            (b"ZADD", b"z", b"%d" % number, b"member:%d" % number) for number in range(count)
        ]
        question = usage(commands[:1])
        judge.restart(2)
        ours.restart(2)
        their, mine = judge.run([*commands, *question])[-1][1], ours.run([*commands, *question])[-1][1]
        assert abs(int(their) - int(mine)) < 0.02 * int(their), (count, their, mine)


KEYS = 1 << 15
"""So many that no table is on its way to the next size: the model has no second table."""


@pytest.mark.parametrize("size", [3, 30, 300])
def test_used_memory_grows_as_there(judge: RealSide, ours: MinidisSide, size: int) -> None:
    """Strings, half of them with a time to live: what they add to used_memory."""
    commands: list[Command] = [
        (b"SET", b"key:%d" % number, b"v" * size, *((b"EX", b"10000") if number % 2 else ()))
        for number in range(KEYS)
    ]
    growth = []
    for side in (judge, ours):
        side.restart(2)
        before = used_memory(side)
        for start in range(0, KEYS, 64):  # in small pipelines, so that the client's buffers stay small
            side.run(commands[start : start + 64])
        growth.append(used_memory(side) - before)
    theirs, mine = growth
    assert abs(theirs - mine) < 0.02 * theirs, growth


def used_memory(side: RealSide | MinidisSide) -> int:
    (reply,) = side.run([(b"INFO", b"memory")])
    text = bytes(reply[1]).decode()
    return int(text.partition("used_memory:")[2].split("\r\n")[0])

"""DEBUG beside real servers: digests of every type, and what its subcommands answer."""

from __future__ import annotations

import pytest

from tests.differential import (
    test_bitmaps,
    test_geo,
    test_hashes,
    test_keys,
    test_lists,
    test_sets,
    test_streams,
    test_strings,
)
from tests.differential.differences import REDIS_7_0, VALKEY_9_1
from tests.differential.grammar import Grammar
from tests.differential.harness import name_of
from tests.differential.pools import SETUP
from tests.differential.servers import RealServer, available_judges
from tests.differential.sides import MinidisSide, RealSide
from tests.differential.wire import Reply

MODULES = [
    test_strings, test_bitmaps, test_lists, test_sets, test_hashes, test_streams, test_geo, test_keys,
]  # fmt: skip


def asked(text: str) -> list[tuple[bytes, ...]]:
    lines = text.strip().splitlines()
    return [
        tuple(word.encode().decode("unicode-escape").encode("latin-1") for word in line.split())
        for line in lines
    ]


# 7.0 writes a score by %.17g into the digest, 7.2 by its shortest digits: halves look the same in both.
VALUES = """
SET text hello
SET number 12345678901
APPEND text !
RPUSH list a b 3 a
RPUSH list-of-one x
SADD small-set 1 2 3
SADD set a b c
ZADD zset 1.5 a -inf b 3 c inf d 1000000 e
HSET hash f 1 g 2
XADD stream 1-1 f v
XADD stream 1-2 f w g x
XADD stream 5-0 f v
XDEL stream 1-2
SELECT 3
SET text other
PEXPIRE text 100000000
HSET hash only field
PEXPIREAT hash 4102444800000
SET integer 0
SELECT 0
"""


def test_digest_of_every_type(judge: RealSide, ours: MinidisSide):
    commands = asked(VALUES)
    keys = b"text number list list-of-one small-set set zset hash stream integer missing".split()
    commands += [(b"DEBUG", b"DIGEST-VALUE", *keys), (b"DEBUG", b"DIGEST"), (b"SELECT", b"3")]
    commands += [(b"DEBUG", b"DIGEST-VALUE", *keys), (b"FLUSHALL",), (b"DEBUG", b"DIGEST")]
    judge.restart(2)
    ours.restart(2)
    assert ours.run(commands) == judge.run(commands)


@pytest.mark.parametrize("module", MODULES, ids=lambda module: module.__name__.rpartition("test_")[2])
def test_digest_after_random_commands(judge: RealSide, ours: MinidisSide, module):
    """One digest for each key at the end of a run; keys drawn by lot and approximate places are left out."""
    units = SETUP + Grammar(module.FORMS, module.POOLS).units(11, 400)
    commands = [command for unit in units for command in unit if name_of(command) not in NOT_THE_SAME]
    probe = (b"DEBUG", b"DIGEST-VALUE", *module.KEYS)
    judge.restart(2)
    ours.restart(2)
    *_, theirs = judge.run([*commands, probe])
    *_, mine = ours.run([*commands, probe])
    differing = {key for key, their, our in zip(module.KEYS, theirs[1], mine[1], strict=True) if their != our}
    if judge.name == REDIS_7_0:
        differing -= set(sorted_sets(judge, module.KEYS))
    assert not differing


NOT_THE_SAME = {b"SPOP", b"SRANDMEMBER", b"HRANDFIELD", b"ZRANDMEMBER", b"RANDOMKEY", b"FLUSHALL"}


def sorted_sets(judge: RealSide, keys: list[bytes]) -> list[bytes]:
    types = judge.run([(b"TYPE", key) for key in keys])
    return [key for key, kind in zip(keys, types, strict=True) if kind[1] == b"zset"]


ANSWERS = r"""
DEBUG POPULATE 3
DEBUG POPULATE 2 p
DEBUG POPULATE 3 q 4
DEBUG POPULATE 2 r 20
MGET key:0 key:2 p:1 q:2 r:1
DEBUG POPULATE x
DEBUG POPULATE -1
DEBUG POPULATE 1 a b
DEBUG OBJECT nokey
DEBUG SDSLEN key:0
DEBUG SDSLEN nokey
RPUSH list a
ZADD zset 1 a
SET number 7
DEBUG SDSLEN number
DEBUG LISTPACK nokey
DEBUG LISTPACK zset
DEBUG LISTPACK number
DEBUG QUICKLIST number
DEBUG QUICKLIST nokey
DEBUG HTSTATS 77
DEBUG HTSTATS x
DEBUG HTSTATS-KEY zset
DEBUG HTSTATS-KEY nokey
DEBUG PROTOCOL string
DEBUG PROTOCOL integer
DEBUG PROTOCOL double
DEBUG PROTOCOL bignum
DEBUG PROTOCOL null
DEBUG PROTOCOL array
DEBUG PROTOCOL set
DEBUG PROTOCOL map
DEBUG PROTOCOL attrib
DEBUG PROTOCOL verbatim
DEBUG PROTOCOL true
DEBUG PROTOCOL false
DEBUG PROTOCOL nosuch
DEBUG ERROR ERR
DEBUG ERROR NOPE
DEBUG SLEEP 0
DEBUG SLEEP x
DEBUG SLEEP
DEBUG LOG hello
DEBUG LOG
DEBUG JMAP
DEBUG NOSUCH x
DEBUG SET-ACTIVE-EXPIRE 1
DEBUG SET-ACTIVE-EXPIRE
DEBUG PAUSE-CRON 0
DEBUG PAUSE-CRON
DEBUG SET-SKIP-CHECKSUM-VALIDATION 1
DEBUG SET-SKIP-CHECKSUM-VALIDATION
RESTORE restored 0 \x00\x01x\x0a\x00badsum!!
GET restored
DEBUG SET-SKIP-CHECKSUM-VALIDATION 0
RESTORE again 0 \x00\x01x\x0a\x00badsum!!
DEBUG REPLYBUFFER RESIZING 0
DEBUG REPLYBUFFER RESIZING 1
DEBUG REPLYBUFFER PEAK-RESET-TIME NEVER
DEBUG REPLYBUFFER PEAK-RESET-TIME reset
DEBUG REPLYBUFFER PEAK-RESET-TIME x
DEBUG REPLYBUFFER
DEBUG CLIENT-EVICTION
DEBUG CLIENT-EVICTION x
DEBUG CRASH-AND-RECOVER x
DEBUG RESTART x
DEBUG QUICKLIST-PACKED-THRESHOLD 5gb
DEBUG QUICKLIST-PACKED-THRESHOLD x
DEBUG QUICKLIST-PACKED-THRESHOLD 100
DEBUG QUICKLIST-PACKED-THRESHOLD 0
DEBUG DIGEST x
DEBUG DIGEST-VALUE
DEBUG REPLICATE
DEBUG STRUCTSIZE
"""


@pytest.mark.parametrize("protocol", [2, 3])
def test_answers(judge: RealSide, ours: MinidisSide, protocol: int):
    commands = [
        command for command in asked(ANSWERS) if judge.name == REDIS_7_0 or command[1] != b"SDSLEN"
    ]  # Valkey's strings and objects are of other sizes
    judge.restart(protocol)
    ours.restart(protocol)
    theirs, mine = judge.run(commands), ours.run(commands)
    for command, their, our in zip(commands, theirs, mine, strict=False):
        assert our == their, command
    assert len(mine) == len(theirs)


def test_push_and_its_reply(judge: RealSide, ours: MinidisSide):
    """Two replies to one command, so it stands last."""
    judge.restart(3)
    ours.restart(3)
    probe = [(b"DEBUG", b"PROTOCOL", b"push")]
    if judge.name != VALKEY_9_1:  # there a push comes after the reply of the command that caused it
        assert ours.run(probe)[0] == judge.run(probe)[0]
    judge.restart(2)
    ours.restart(2)
    assert ours.run(probe) == judge.run(probe)


def test_scripts_may_be_let_into_everything(judge: RealSide, ours: MinidisSide):
    exists = b"return redis.pcall('SCRIPT', 'EXISTS', 'abc')"
    commands = [
        (b"EVAL", exists, b"0"),
        (b"DEBUG", b"SET-DISABLE-DENY-SCRIPTS", b"1"),
        (b"EVAL", exists, b"0"),
        (b"DEBUG", b"SET-DISABLE-DENY-SCRIPTS", b"0"),
        (b"EVAL", exists, b"0"),
        (b"DEBUG", b"SET-DISABLE-DENY-SCRIPTS"),
    ]
    judge.restart(2)
    ours.restart(2)
    theirs, mine = judge.run(commands), ours.run(commands)
    assert (
        [reply[0] for reply in mine] == [reply[0] for reply in theirs] == [b"-", b"+", b"*", b"+", b"-", b"-"]
    )
    assert mine[1:4] == theirs[1:4]


PROTECTED = """
DEBUG DIGEST
DEBUG
DEBUG NOSUCH
MODULE LIST
MODULE LOAD nosuch
MODULE LOADEX nosuch
MODULE UNLOAD nosuch
MODULE LOAD
MULTI
DEBUG DIGEST
EXEC
MULTI
MODULE LOAD nosuch
EXEC
MULTI
MODULE LIST
EXEC
"""


def test_protected_commands_are_refused_before_they_are_queued(judge: RealSide, ours: MinidisSide):
    closed = next(other for other in available_judges() if other.name == judge.name)
    with RealServer(closed, ("--enable-debug-command", "no")) as server, server.connect() as connection:
        theirs = connection.run(asked(PROTECTED))
    ours.restart(2)
    ours.client.peer = "192.0.2.7:4711"  # no longer one in the node's own process
    assert [_error(reply) for reply in ours.run(asked(PROTECTED))] == [_error(reply) for reply in theirs]


def _error(reply: Reply) -> Reply | bytes:
    """An error as it is; of any other reply its type alone, since Valkey comes with a module."""
    return reply if reply[0] == b"-" else reply[0]

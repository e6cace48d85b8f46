"""The generic commands, on keys of every type: names, copies, databases, expiry, SCAN, SORT, OBJECT."""

from __future__ import annotations

import pytest

from tests.differential.cases import random_commands_test
from tests.differential.differences import VALKEY_9_1
from tests.differential.grammar import Grammar
from tests.differential.pools import COMMON, OTHER_KEYS, TEXTS
from tests.differential.sides import MinidisSide, RealSide

KEYS = [b"k%d" % number for number in range(4)]

FORMS = """
 6 SET key value
 4 RPUSH key (integer|weight|text)+
 4 SADD key (integer|text)+
 3 SADD key integer+
 4 ZADD key (weight text)+
 4 HSET key (text value)+
 2 SET key value EX seconds
 5 DEL key+
 3 UNLINK key+
 5 EXISTS key+
 3 TOUCH key+
 5 TYPE key
 5 RENAME key key
 4 RENAMENX key key
 5 COPY key key [DB database] [REPLACE]
 1 COPY key key [REPLACE] [REPLACE] [DB bad_number]
 3 MOVE key database
 1 MOVE key bad_number
 3 SELECT database
 1 SELECT bad_number
 1 SWAPDB database database
 1 SWAPDB bad_number database
 3 DBSIZE
 3 RANDOMKEY
 3 KEYS pattern
 6 EXPIRE key seconds [NX|XX|GT|LT]
 4 PEXPIRE key milliseconds [NX|XX|GT|LT]
 5 EXPIREAT key unix_seconds [NX|XX|GT|LT]
 6 PEXPIREAT key unix_milliseconds [NX|XX|GT|LT]
 3 PEXPIREAT key unix_milliseconds (NX|XX|GT|LT) (NX|XX|GT|LT)
 1 (EXPIRE|PEXPIRE|EXPIREAT|PEXPIREAT) key (bad_time|past_seconds) [NX|XX|GT|LT|NOW]
 6 TTL key
 4 PTTL key
 4 EXPIRETIME key
 6 PEXPIRETIME key
 4 PERSIST key
 4 OBJECT ENCODING key
 2 { SET key value ; OBJECT REFCOUNT same }
 1 { DEL key ; RPUSH same text ; OBJECT REFCOUNT same }
 1 OBJECT (FREQ|IDLETIME|NOSUCH) missing
 2 SCAN 0 COUNT 1000 [MATCH pattern] [TYPE type]
 2 SCAN (bad_cursor|0) [MATCH pattern] (COUNT bad_count|TYPE bad_number|NOSUCH bad_number)
 3 (SSCAN|HSCAN|ZSCAN) key 0 COUNT 1000 [MATCH pattern]
 1 (SSCAN|HSCAN|ZSCAN) key bad_cursor [MATCH pattern] [COUNT bad_count]
 3 SORT key [LIMIT index count] [ASC|DESC] ALPHA
 3 SORT key [LIMIT index count] [ASC|DESC]
 3 SORT key [BY sort_pattern] [GET sort_pattern] [GET #] [ALPHA]
 2 SORT_RO key [BY sort_pattern] [GET sort_pattern] [ALPHA] [DESC]
 2 SORT key [ALPHA] STORE key
 2 MSET (weight_key integer)+
 1 HSET weight_hash 'w' integer
 1 SORT_RO key STORE key
 1 FLUSHDB [ASYNC|SYNC]
 1 FLUSHDB (ASYNC|NOW) [SYNC]
"""

POOLS = {
    **COMMON,
    # SORT ALPHA compares by strcoll, up to a NUL; SORT takes "" and " 1" for numbers, but not in Valkey.
    "text": [text for text in TEXTS if b"\0" not in text and text.strip() == text != b""],
    "key": [*KEYS, *KEYS, *OTHER_KEYS],
    "missing": [b"never-there"],
    "database": [b"0", b"0", b"1", b"2"],
    "bad_number": [b"-1", b"16", b"9999999999", b"one", b"", b"1.5", b"0", b"3"],
    "bad_cursor": [b"one", b"", b"1.5", b" 0", b"0 "],
    "bad_count": [b"0", b"-1", b"one", b"", b"1.5", b"99999999999999999999"],
    "pattern": [
        b"*", b"k*", b"?1", b"[a-k]?", b"[^k]*", b"k[0-2]", b"te\\xt", b"*t", b"", b"k\\*", b"[z-a]*", b"k[",
        b"*[12]", b"[1-", b"**1",
    ],
    "weight": [b"0", b"1.5", b"-2.25", b"0.1", b"3.0", b"1e3", b"-0.0", b"inf", b"-inf", b".5", b"17."],
    "type": [b"string", b"list", b"set", b"zset", b"hash", b"STRING", b"nosuch", b"stream"],
    "sort_pattern": [b"w_*", b"h_*->w", b"nosort", b"h_*->", b"w_x", b"*", b"miss_*", b"h_*->nosuch"],
    "weight_key": [b"w_0", b"w_1", b"w_a", b"w_3", b"w_foo", b"w_2"],
    "weight_hash": [b"h_0", b"h_1", b"h_a", b"h_2"],
}  # fmt: skip

test_same_as_real_servers = random_commands_test(Grammar(FORMS, POOLS), KEYS)


@pytest.mark.parametrize("stars", [999, 1000, 1001, 1002])
@pytest.mark.parametrize(("unit", "end"), [(b"*a", b""), (b"*?", b"*"), (b"**a", b"*")])
def test_a_pattern_of_too_many_stars(judge: RealSide, ours: MinidisSide, unit: bytes, end: bytes, stars: int):
    if judge.name == VALKEY_9_1:
        pytest.xfail("Valkey knows no such limit")
    commands = [(b"SET", b"a" * 1100, b"x"), (b"SCAN", b"0", b"MATCH", unit * stars + end)]
    judge.restart(2)
    ours.restart(2)
    assert ours.run(commands) == judge.run(commands)

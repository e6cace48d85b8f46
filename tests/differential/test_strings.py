"""Strings: every option of SET and its kin, counters at the edges of 64 bits, ranges, LCS."""

from __future__ import annotations

from tests.differential.cases import random_commands_test
from tests.differential.grammar import Grammar
from tests.differential.pools import COMMON, keys

KEYS = [b"s%d" % number for number in range(5)]

FORMS = """
10 SET key value
 6 SET key value [NX|XX] [GET] [KEEPTTL]
 4 SET key value [XX|NX] [GET] (EX seconds|PX milliseconds|EXAT unix_seconds|PXAT unix_milliseconds)
 2 SET key value (EX|PX|EXAT|PXAT) (bad_time|past_seconds)
 2 SET key value [NX] [XX] [GET] [KEEPTTL] [EX seconds] [PXAT unix_milliseconds]
10 GET key
 3 GETSET key value
 3 GETDEL key
 3 GETEX key [PERSIST|EX seconds|PX milliseconds|EXAT unix_seconds|PXAT unix_milliseconds]
 1 GETEX key (EX|PX|EXAT|PXAT) (bad_time|past_seconds)
 1 GETEX key [PERSIST] [EX seconds]
 3 SETEX key (seconds|bad_time) value
 3 PSETEX key (milliseconds|bad_time) value
 4 SETNX key value
 4 MSET (key value)+
 3 MSETNX (key value)+
 4 MGET key+
 6 APPEND key value
 4 STRLEN key
 6 GETRANGE key index index
 2 SUBSTR key index index
 6 SETRANGE key offset value
 8 INCR key
 6 DECR key
 6 INCRBY key integer
 5 DECRBY key integer
 6 INCRBYFLOAT key float
 6 SET key integer
 3 SET key float
 6 LCS key key [LEN] [IDX] [MINMATCHLEN count] [WITHMATCHLEN]
 4 SET key sentence
 3 TTL key
 3 PTTL key
 2 PERSIST key
 3 PEXPIRETIME key
 5 OBJECT ENCODING key
 3 DEL key
 2 TYPE key
"""

POOLS = {
    **COMMON,
    "key": keys(*KEYS),
    "offset": [b"0", b"1", b"3", b"10", b"60", b"300", b"-1", b"536870912", b"4611686018427387904"],
    "sentence": [b"ohmytext", b"mynewtext", b"abcabcabc", b"cababc", b"banana bandana", b"an anagram"],
}

test_same_as_real_servers = random_commands_test(Grammar(FORMS, POOLS), KEYS)

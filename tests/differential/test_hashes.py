"""Hashes: fields and counters, values that end the listpack, random fields."""

from __future__ import annotations

from tests.differential.cases import random_commands_test
from tests.differential.grammar import Grammar
from tests.differential.pools import COMMON, keys

KEYS = [b"h%d" % number for number in range(4)]

FORMS = """
10 HSET key (field value)+
 3 HMSET key (field value)+
 2 HSET key (field value)+ field
 5 HSETNX key field value
10 HGET key field
 6 HMGET key field+
 8 HGETALL key
 4 HKEYS key
 4 HVALS key
 5 HLEN key
 4 HSTRLEN key field
 6 HEXISTS key field
 8 HDEL key field+
 8 HINCRBY key field integer
 8 HINCRBYFLOAT key field float
 3 HSET key field (integer|float)
 3 HRANDFIELD key
 2 HRANDFIELD key 100000 [WITHVALUES]
 3 HRANDFIELD key minus_count [WITHVALUES]
 2 HRANDFIELD key bad_number [WITHVALUES|WITHSCORES]
 3 HSCAN key 0 COUNT 1000 [MATCH pattern]
 1 HSCAN key 0 [COUNT bad_number] [MATCH pattern]
 5 OBJECT ENCODING key
 2 DEL key
 1 TYPE key
"""

POOLS = {
    **COMMON,
    "key": keys(*KEYS),
    "field": [
        *(b"f%d" % number for number in range(14)), b"", b"1", b"-7", b"x" * 20,
        b"x" * 21, b"\x00\r\n", b"n", b"n",
    ],
    "minus_count": [b"-1", b"-3", b"-20"],
    "bad_number": [b"0", b"many", b"1.5", b"-9223372036854775808", b"9223372036854775808"],
    "pattern": [b"*", b"f?", b"f1*", b"nothing"],
}  # fmt: skip

test_same_as_real_servers = random_commands_test(Grammar(FORMS, POOLS), KEYS)

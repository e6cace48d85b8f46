"""Sets: members that cross every encoding, algebra on sets of unlike encodings, random draws."""

from __future__ import annotations

from tests.differential.cases import random_commands_test
from tests.differential.grammar import Grammar
from tests.differential.pools import COMMON, INTEGERS, keys

KEYS = [b"s%d" % number for number in range(4)]

FORMS = """
10 SADD key number+
 8 SADD key member+
 2 SADD key number number number number number number number number number
 8 SREM key (member|number)+
 8 SMEMBERS key
 6 SISMEMBER key (member|number)
 5 SMISMEMBER key (member|number)+
 5 SCARD key
 4 SMOVE key key (member|number)
 4 (SUNION|SINTER|SDIFF) key key+
 2 (SUNION|SINTER|SDIFF) key
 4 (SUNIONSTORE|SINTERSTORE|SDIFFSTORE) key key+
 4 SINTERCARD two key key [LIMIT limit]
 2 SINTERCARD (bad_number|one) key key [LIMIT bad_number]
 4 SRANDMEMBER key
 3 SRANDMEMBER key minus_count
 2 SRANDMEMBER key 100000
 2 SRANDMEMBER key bad_number
 4 { SPOP key ; DEL same }
 3 { SPOP key positive ; DEL same }
 3 { SPOP key 100000 }
 1 { SPOP key (0|zero) }
 1 { SPOP key not_positive }
 3 SSCAN key 0 COUNT 1000 [MATCH pattern]
 1 SSCAN key 0 [COUNT bad_number] [MATCH pattern] [NOVALUES]
 5 OBJECT ENCODING key
 2 DEL key
 1 TYPE key
"""

POOLS = {
    **COMMON,
    "key": keys(*KEYS),
    "number": [b"%d" % number for number in range(-4, 12)] + INTEGERS,
    "member": [b"a", b"b", b"c", b"d", b"e", b"", b"01", b"1.5", b"x" * 20, b"x" * 21, b"\xff\x00", b"+1"],
    "one": [b"1"],
    "two": [b"2"],
    "zero": [b"0"],
    "limit": [b"0", b"1", b"2", b"5"],
    "positive": [b"1", b"2", b"3"],
    "minus_count": [b"-1", b"-3", b"-20"],
    "not_positive": [b"-1", b"many", b"1.5", b"-9223372036854775808"],
    "bad_number": [b"-1", b"0", b"3", b"many", b"1.5", b"-9223372036854775808"],
    "pattern": [b"*", b"[a-c]", b"1*", b"nothing"],
}

test_same_as_real_servers = random_commands_test(Grammar(FORMS, POOLS), KEYS)

"""Lists: both ends and the middle, moves, positions, waiting that ends at once or by timeout, encodings."""

from __future__ import annotations

from random import Random

import pytest

from tests.differential.cases import random_commands_test, seeds
from tests.differential.grammar import Grammar, Unit
from tests.differential.harness import assert_same
from tests.differential.pools import COMMON, keys
from tests.differential.sides import MinidisSide, RealSide

KEYS = [b"l%d" % number for number in range(4)]

# Commands that wait stand in braces, which keeps them from being spoiled: a timeout of 0 would wait for ever.
FORMS = """
12 RPUSH key element+
12 LPUSH key element+
 4 RPUSH key (element element element element element)+
 3 RPUSHX key element+
 3 LPUSHX key element+
 6 LPOP key
 6 RPOP key
 4 LPOP key count
 4 RPOP key count
 5 LLEN key
 8 LRANGE key index index
 6 LINDEX key index
 7 LSET key index element
 9 LINSERT key (BEFORE|AFTER|'before') element element
 6 LREM key count element
 4 LTRIM key index index
 2 LTRIM key 0 (3|5|20)
 8 LPOS key element
 8 LPOS key element [RANK rank] [COUNT count] [MAXLEN count]
 1 LPOS key element [MAXLEN odd] [COUNT odd] [RANK odd]
 9 LMOVE key key (LEFT|RIGHT) ('left'|RIGHT)
 5 RPOPLPUSH key key
 3 LMOVE 'l0' 'l0' (LEFT|RIGHT) (LEFT|RIGHT)
 6 LMPOP 1 key (LEFT|RIGHT) [COUNT count]
 4 LMPOP 2 key key (LEFT|RIGHT) [COUNT count]
 2 LMPOP odd key key (LEFT|RIGHT|UP) [COUNT odd] [COUNT 1]
 4 { BLPOP key+ timeout }
 4 { BRPOP key+ timeout }
 1 { (BLPOP|BRPOP) key+ bad_timeout }
 4 { BLMOVE key key (LEFT|RIGHT) (LEFT|RIGHT) timeout }
 1 { BLMOVE key key (LEFT|RIGHT) (LEFT|RIGHT) bad_timeout }
 3 { BRPOPLPUSH key key timeout }
 1 { BRPOPLPUSH key key bad_timeout }
 4 { BLMPOP timeout 2 key key (LEFT|RIGHT) [COUNT count] }
 1 { BLMPOP bad_timeout odd key key (LEFT|RIGHT) [COUNT odd] }
 2 { MULTI ; BLPOP key key 0 ; BRPOPLPUSH key key 0 ; BLMPOP 0 1 key RIGHT ; EXEC }
 2 { MULTI ; BLMOVE key key LEFT RIGHT 0 ; LPOP key ; LMPOP 1 key LEFT COUNT 3 ; EXEC }
 6 OBJECT ENCODING key
 3 DEL key
 1 TYPE key
 1 COPY key key REPLACE
 1 RENAME key key
"""


def element(rng: Random) -> bytes:
    """Mostly from a small pool, so that pivots and repeats are found; now and then large."""
    kind = rng.random()
    if kind < 0.7:
        return rng.choice([b"a", b"b", b"c", b"1", b"2", b"-3", b"300", b""])
    if kind < 0.98:
        return rng.choice([b"foo", b"01", b"70000", b"9223372036854775807", b"x" * 70, b"\x00\r\n\xff"])
    return b"y" * rng.choice([2000, 8000, 8180, 8192, 8193, 9000])


POOLS = {
    **COMMON,
    "key": keys(*KEYS),
    "element": element,
    "rank": [b"1", b"2", b"3", b"-1", b"-2", b"5"],
    "odd": [b"0", b"-1", b"x", b"", b"1", b"2", b"9223372036854775807", b"-9223372036854775808"],
    "timeout": [b"0.001", b"0.0011", b"1e-3", b".002"],
    "bad_timeout": [b"-1", b"x", b"", b"nan", b"inf", b"-inf", b"1e300", b"1 "],
}  # fmt: skip

test_same_as_real_servers = random_commands_test(Grammar(FORMS, POOLS), KEYS)


def block(rng: Random) -> bytes:
    """An element of which a few, or one alone, fill a node of 4 KB or 8 KB."""
    return rng.choice(
        [b"a", b"b", b"7", b"c" * 100, b"d" * rng.randrange(900, 2200), b"e" * rng.choice([4080, 8190])]
    )


@pytest.mark.parametrize("fill", [b"-2", b"-1", b"0", b"1", b"5", b"128"])
@pytest.mark.parametrize("seed", seeds())
def test_encodings_after_every_command(judge: RealSide, ours: MinidisSide, fill: bytes, seed: int) -> None:
    """When a list grows into a quicklist and when it turns back, for limits in bytes and in elements."""
    setting: Unit = ((b"CONFIG", b"SET", b"list-max-listpack-size", fill),)
    questions = tuple((b"OBJECT", b"ENCODING", key) for key in KEYS)
    commands = Grammar(FORMS, {**POOLS, "element": block}).units(seed, 300)
    units = [setting] + [unit + questions for unit in commands]
    assert_same(judge, ours, units, KEYS, seed, 2)

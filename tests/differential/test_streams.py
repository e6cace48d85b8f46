"""Streams and consumer groups: explicit ids only, since those that XADD draws from the clock never agree."""

from __future__ import annotations

from random import Random

import pytest

from tests.differential.cases import random_commands_test, seeds
from tests.differential.differences import VALKEY_9_1
from tests.differential.grammar import Grammar, Unit
from tests.differential.harness import assert_same
from tests.differential.pools import COMMON, keys
from tests.differential.sides import MinidisSide, RealSide

KEYS = [b"s%d" % number for number in range(3)]
HOUR_MS = 3_600_000

# What could wait stands in braces, which keeps it from being spoiled: BLOCK 0 would wait for ever.
FORMS = """
40 XADD key new_id pairs
12 XADD key [NOMKSTREAM] [MAXLEN ['='|~] few] new_id pairs
10 XADD key [MINID ['='|~] id] [NOMKSTREAM] new_id pairs
 6 XADD key (MAXLEN|MINID) ~ (few|id) LIMIT few new_id pairs
 2 XADD key odd new_id pairs
 1 XADD key LIMIT few new_id pairs
 8 XLEN key
12 XRANGE key low high [COUNT few]
12 XREVRANGE key high low [COUNT few]
12 XDEL key id+
 6 XTRIM key (MAXLEN|MINID) [=] (few|id)
 6 XTRIM key MAXLEN ~ few [LIMIT few]
 6 XTRIM key MINID ~ id [LIMIT few]
 3 XTRIM key LIMIT few (MAXLEN|MINID) ~ (few|id)
 2 XTRIM key [MAXLEN few] (MAXLEN|MINID) odd [LIMIT odd]
 1 XSETID key latest_id [ENTRIESADDED many] [MAXDELETEDID id]
 8 { XREAD [COUNT few] STREAMS key id }
 8 { XREAD [COUNT few] STREAMS 's0' 's1' id (id|'$') }
 2 { XREAD COUNT odd STREAMS key odd }
 1 XREAD STREAMS key key id
 1 XREAD STREAMS key '>'
 3 { XREAD BLOCK 1 [COUNT few] STREAMS key (id|'$') }
 2 { XREAD [COUNT 1] BLOCK bad_timeout STREAMS key '$' }
10 XGROUP CREATE key group (id|'$'|0) [MKSTREAM] [ENTRIESREAD few]
 3 XGROUP CREATE key group odd [MKSTREAM] [ENTRIESREAD odd]
 5 XGROUP SETID key group (id|'$'|0) [ENTRIESREAD few]
 1 XGROUP SETID key group odd ENTRIESREAD odd
 1 XGROUP DESTROY key group
 5 XGROUP CREATECONSUMER key group consumer
 3 XGROUP DELCONSUMER key group consumer
30 { XREADGROUP GROUP group consumer [COUNT few] [NOACK] STREAMS key '>' }
 8 { XREADGROUP GROUP group consumer [COUNT few] STREAMS 's0' 's1' '>' ('>'|id|0) }
10 { XREADGROUP GROUP group consumer [COUNT few] STREAMS key (id|0) }
 3 { XREADGROUP GROUP group consumer [COUNT 3] BLOCK 1 STREAMS key '>' }
 2 { XREADGROUP [GROUP group consumer] [NOACK] STREAMS key odd }
12 XACK key group id+
 8 XPENDING key group
10 XPENDING key group [IDLE idle] low high few [consumer]
 2 XPENDING key group [IDLE odd] odd odd odd [consumer] [odd]
12 XCLAIM key group consumer idle id+ [FORCE] [JUSTID]
 8 XCLAIM key group consumer idle id+ [IDLE long_idle] [RETRYCOUNT few] [FORCE] [LASTID id]
 4 XCLAIM key group consumer 0 id+ (IDLE|TIME) (0|-1|long_idle) JUSTID
 3 XCLAIM key group consumer odd id [(IDLE|TIME|RETRYCOUNT|LASTID|'MORE') odd]
10 XAUTOCLAIM key group consumer idle low [COUNT few] [JUSTID]
 2 XAUTOCLAIM key group consumer odd odd [COUNT odd] [JUSTID] [odd]
10 XINFO STREAM key
 8 XINFO STREAM key FULL [COUNT few]
 1 XINFO STREAM key odd [COUNT odd]
 8 XINFO GROUPS key
 8 XINFO CONSUMERS key group
 3 OBJECT ENCODING key
 2 TYPE key
 3 COPY key key [REPLACE]
 2 RENAME key key
 1 SCAN 0 TYPE 'stream' COUNT 1000
 2 DEL key
 3 { MULTI ; XADD key new_id pairs ; XREADGROUP GROUP group consumer BLOCK 0 STREAMS key '>' ; EXEC }
 2 { MULTI ; XREAD BLOCK 0 STREAMS key '$' ; XLEN key ; EXEC }
"""

MILLISECONDS = [1, 1, 1, 1, 2, 2, 2, 3, 3, 5, 8, 100]


def some_id(rng: Random) -> bytes:
    ms, seq = rng.choice(MILLISECONDS), rng.randrange(40)
    return b"%d" % ms if rng.random() < 0.1 else b"%d-%d" % (ms, seq)


def new_id(rng: Random) -> bytes:
    """Mostly one that will be accepted: the next within its millisecond."""
    return some_id(rng) if rng.random() < 0.1 else b"%d-*" % rng.choice(MILLISECONDS)


def bound(*ends: bytes):
    def draw(rng: Random) -> bytes:
        if rng.random() < 0.4:
            return rng.choice(ends)
        return (b"(" if rng.random() < 0.3 else b"") + some_id(rng)

    return draw


POOLS = {
    **COMMON,
    "key": keys(*KEYS, foreign_share=0.03),
    "new_id": new_id,
    "id": some_id,
    "later_id": [b"100-50", b"101", b"5-100", b"3-99", b"200-1"],
    "latest_id": [b"100-70", b"101", b"200-1"],
    "many": [b"30", b"60", b"100"],
    "low": bound(b"-"),
    "high": bound(b"+"),
    "pairs": "(field value | 'a' value 'b' value | (field value)+)",
    "field": [b"a", b"b", b"temp", b"7"],
    "value": [b"1", b"x", b"300", b"-5", b"", b"9223372036854775807", b"y" * 40, b"z" * 200],
    "few": [b"0", b"1", b"2", b"3", b"5", b"8", b"20"],
    "group": [b"g", b"g", b"g", b"h", b""],
    "consumer": [b"alice", b"bob", b"al"],
    "idle": [b"0", b"0", b"%d" % HOUR_MS],
    "long_idle": [b"%d" % (2 * HOUR_MS), b"0"],
    "bad_timeout": [b"-1", b"x", b"", b"1.5"],
    "odd": [
        b"0", b"-1", b"x", b"", b"1", b"-", b"(", b"(-", b"(+", b"(1", b"1-", b"-1-1", b"1--1", b"1-1-1",
        b"1-*", b"*-1", b"0-0", b"(0-0", b"(18446744073709551615-18446744073709551615", b"01-01", b" 5-5",
        b"5-+5", b"5--05", b"18446744073709551615", b"18446744073709551616-1",
        b"18446744073709551615-18446744073709551615", b"9223372036854775807", b"-9223372036854775808",
        b"-2", b"1" * 130,
    ],
}  # fmt: skip


test_same_as_real_servers = random_commands_test(Grammar(FORMS, POOLS), KEYS)


@pytest.mark.parametrize(
    ("max_bytes", "max_entries"), [(b"4096", b"100"), (b"0", b"0"), (b"120", b"0"), (b"0", b"2")]
)
@pytest.mark.parametrize("seed", seeds())
def test_nodes_for_every_limit(
    judge: RealSide, ours: MinidisSide, max_bytes: bytes, max_entries: bytes, seed: int
) -> None:
    """XINFO STREAM counts keys and nodes of the radix tree: they hang on when a macro node is full."""
    settings: Unit = (
        (b"CONFIG", b"SET", b"stream-node-max-bytes", max_bytes),
        (b"CONFIG", b"SET", b"stream-node-max-entries", max_entries),
    )
    forms = """
    20 XADD key new_id pairs
     2 XDEL key id+
     1 XTRIM key MAXLEN [~] many
     1 XTRIM key MINID [~] id
    """
    pools = {**POOLS, "key": KEYS}
    questions = tuple((b"XINFO", b"STREAM", key) for key in KEYS)
    units = [unit + questions for unit in Grammar(forms, pools).units(seed, 250)]
    assert_same(judge, ours, [settings, *units], KEYS, seed, 2)


@pytest.mark.parametrize("judge", [VALKEY_9_1], indirect=True)
@pytest.mark.parametrize("seed", seeds())
def test_xsetid(judge: RealSide, ours: MinidisSide, seed: int) -> None:
    """Valkey alone is asked: 7.0 lets the last id fall below that of a deleted entry."""
    forms = """
    20 XADD key new_id pairs
     6 XDEL key id+
     2 XSETID key id
     4 XSETID key later_id [ENTRIESADDED few] [MAXDELETEDID id]
     2 XSETID key odd [ENTRIESADDED odd] [MAXDELETEDID odd]
     2 XINFO STREAM key
     1 DEL key
    """
    assert_same(judge, ours, Grammar(forms, POOLS).units(seed, 600), KEYS, seed, 2)

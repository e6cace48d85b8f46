"""The commands about connection and server, as far as their replies are the same anywhere."""

from __future__ import annotations

import pytest

from tests.differential.cases import UNITS_PER_SEED, seeds
from tests.differential.grammar import Grammar
from tests.differential.harness import assert_same
from tests.differential.pools import OTHER_KEYS, SETUP

KEYS = [b"k0", b"k1"]

FORMS = """
 4 PING [text]
 1 PING text text
 3 ECHO text
 4 SELECT number
 3 SET key text
 3 GET key
 3 DBSIZE
 3 SWAPDB number number
 1 SWAPDB 0 1
 1 (FLUSHDB|FLUSHALL) [ASYNC|SYNC|NOW] [SYNC]
 4 CLIENT SETNAME name
 4 CLIENT GETNAME
 2 CLIENT GETREDIR
 2 CLIENT (NO-EVICT|REPLY) (ON|YES|text)
 2 CLIENT UNBLOCK (9999|text|-1) [TIMEOUT|ERROR|text]
 2 CLIENT KILL ('1.2.3.4:5'|text)
 2 CLIENT KILL ID (9999|0|-1)
 3 CLIENT KILL (TYPE|USER|ADDR|LADDR|SKIPME|text) (9999|0|'nobody'|'replica'|'1.2.3.4:5'|text)
 1 CLIENT KILL ID 9999 SKIPME ('yes'|'no'|text)
 2 CLIENT LIST (TYPE|text) ('replica'|'pubsub'|'master'|'nobody'|text)
 1 CLIENT LIST ID 9999 [9998]
 1 CLIENT (ID|INFO|GETNAME|GETREDIR) text
 1 CLIENT (NOSUCH|SETNAME|KILL|UNBLOCK|TRACKING|CACHING|PAUSE)
 6 CLIENT TRACKING (ON|OFF|text) [track] [track] [track]
 1 CLIENT TRACKING ON [REDIRECT] [PREFIX]
 3 CLIENT CACHING (YES|NO|text)
 4 CLIENT TRACKINGINFO
 1 CLIENT PAUSE (text|-1|'0') [WRITE|ALL|text]
 1 CLIENT UNPAUSE [text]
 3 AUTH text [text] [text]
 1 AUTH 'default' text
 2 HELLO (text|4|1|-1|2.5)
 2 HELLO 2 (AUTH|text) text [text]
 3 RESET
 3 (MULTI|EXEC|DISCARD)
 2 (WATCH key|UNWATCH)
 8 CONFIG GET config
 8 CONFIG SET setting
 3 CONFIG SET setting setting
 2 CONFIG SET (text|'maxmemory'|'hz'|'databases') text
 1 CONFIG SET 'maxmemory'
 1 CONFIG RESETSTAT [text]
 1 CONFIG REWRITE
 1 CONFIG (NOSUCH|GET|SET)
 3 COMMAND GETKEYS request
 1 COMMAND GETKEYS (NOSUCH|PING|GET|SET) text text text
 1 COMMAND INFO ('nosuch'|text)
 1 COMMAND DOCS ('nosuch'|text)
 1 COMMAND LIST (FILTERBY|text) (MODULE|PATTERN|ACLCAT|text) ('nosuch'|text)
 1 COMMAND (NOSUCH|GETKEYS)
 1 DEBUG SET-ACTIVE-EXPIRE (0|1)
 1 CONFIG SET hz_name hz
 1 TIME text
"""

POOLS = {
    "key": KEYS,
    "text": [b"", b"a", b"hello world", b"\xff\x00", b"\r\n", "caf\u00e9".encode(), b"%s", b"'", b"x" * 200],
    "track": "((REDIRECT (9999|0|text))|(BCAST)|(OPTIN)|(OPTOUT)|(NOLOOP)|(PREFIX prefix)|text)",
    "prefix": [b"", b"a", b"ab", b"b", b"bc", b"c", b"\xff"],
    "number": [b"0", b"1", b"2", b"0", b"15", b"16", b"-1", b"x", b"", b"01", b"3000000000", b"9" * 30],
    "name": [b"alice", b"bob", b"", b"a b", b"\n", b"\xff", b"~!", "\u00e9".encode()],
    "config": [
        b"maxmemory", b"MAXMEMORY", b"nosuch", b"hash-max-listpack-entries", b"maxmemory-policy",
        b"hash-max-ziplist-entries", b"maxmemory-sample?", b"zset-max-ziplist-v*", b"appendonly", b"",
    ],
    "setting": "((memory_name memory)|(integer_name integer)|('maxmemory-policy' policy)|('save' word))",
    "memory_name": [
        b"maxmemory", b"MaxMemory", b"HASH-MAX-ZIPLIST-VALUE", b"hll-sparse-max-bytes", b"proto-max-bulk-len",
    ],
    "integer_name": [
        b"databases", b"nosuch",
        b"set-max-intset-entries",
        b"list-max-listpack-size", b"hash-max-listpack-entries",
    ],
    "hz_name": [b"hz"],
    "hz": [b"", b"x", b"-1", b"99999999999"],
    "memory": [b"0", b"100mb", b"1gb", b"1GB", b"2g", b"123456789", b"", b"mb", b"1tb", b"-1", b"1 mb"],
    "integer": [b"10", b"5", b"64", b"", b"x", b"-1", b"99999999999999999999", b"01", b"1.5"],
    "policy": [b"noeviction", b"allkeys-lru", b"ALLKEYS-LFU", b"mru", b""],
    "word": [b"yes", b"", b"1", b"60", b"x 1", b"60 0"],
    "request": "((GET key)|(MSET key text key text)|(BLPOP key key number)|(SORT key [STORE key])|"
    "(LMPOP 2 key key LEFT)|(ZUNIONSTORE key (2|3|'x') key key)|(PFMERGE key key)|(RENAME key key)|"
    "(SINTERCARD (1|'x'|2) key)|(OBJECT ENCODING key)|(BITOP AND key key key))",
}  # fmt: skip

GRAMMAR = Grammar(FORMS, POOLS, spoil_share=0)

# The configuration outlives a run on the real server, but not the thresholds, which every run sets.
DEFAULTS = [
    (
        (
            b"CONFIG",
            b"SET",
            b"maxmemory",
            b"0",
            b"maxmemory-policy",
            b"noeviction",
            b"maxmemory-samples",
            b"5",
        ),
    ),
    ((b"CONFIG", b"SET", b"proto-max-bulk-len", b"512mb", b"save", b""),),
]


@pytest.mark.parametrize("protocol", [2, 3])
@pytest.mark.parametrize("seed", seeds())
def test_same_as_real_servers(judge, ours, seed: int, protocol: int) -> None:
    units = DEFAULTS + SETUP + GRAMMAR.units(seed, UNITS_PER_SEED)
    assert_same(judge, ours, units, KEYS + OTHER_KEYS, seed, protocol)

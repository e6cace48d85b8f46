"""HyperLogLogs: the very bytes of both forms are compared by GET, so estimates, caches and promotions agree
too."""

from __future__ import annotations

from random import Random

from tests.differential.cases import random_commands_test
from tests.differential.grammar import Grammar
from tests.differential.pools import COMMON, keys

KEYS = [b"h%d" % number for number in range(4)]

FORMS = """
20 PFADD key element+
 3 PFADD key
 2 PFADD key (element element element element element element element element)+
10 PFCOUNT key
 5 PFCOUNT key key+
 5 PFMERGE key key+
 1 PFMERGE key
 6 GET key
 3 STRLEN key
 1 PFDEBUG ENCODING key
 1 PFDEBUG DECODE key
 1 PFDEBUG TODENSE key
 1 PFDEBUG GETREG key
 1 PFDEBUG (NOSUCH|'encoding') key
 2 DEL key
 1 SET key damaged
 1 APPEND key text
 1 SETRANGE key header_offset text
 1 OBJECT ENCODING key
 1 TYPE key
"""


def element(rng: Random) -> bytes:
    """From a small pool (repeats) or a large one (new registers)."""
    return b"%d" % rng.randrange(20 if rng.random() < 0.2 else 1_000_000)


POOLS = {
    **COMMON,
    "key": keys(*KEYS),
    "element": element,
    "damaged": [
        b"", b"HYLL", b"HYLL" + bytes(4), b"HYLL\x02" + bytes(11), b"HYLL\x01" + bytes(11),
        b"HYLL" + bytes(12286), b"HYLL\x01" + bytes(11) + b"\x7f\xff",
    ],
    "header_offset": [b"4", b"8", b"15", b"3"],
}  # fmt: skip

test_same_as_real_servers = random_commands_test(Grammar(FORMS, POOLS), KEYS)

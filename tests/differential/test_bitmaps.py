"""Bitmaps: single bits, ranges by byte and by bit, BITOP on strings of unlike length, BITFIELD's types and
overflows."""

from __future__ import annotations

from tests.differential.cases import random_commands_test
from tests.differential.grammar import Grammar
from tests.differential.pools import COMMON, INTEGERS, keys

KEYS = [b"b%d" % number for number in range(4)]

FORMS = """
 8 SET key bytes
10 SETBIT key offset bit
 8 GETBIT key offset
 8 BITCOUNT key [index index [BYTE|BIT]]
 2 BITCOUNT key index [BYTE|BIT]
10 BITPOS key bit [index [index [BYTE|BIT]]]
 6 BITOP (AND|OR|XOR) key key+
 3 BITOP NOT key key
 1 BITOP (NOT|NAND|'and'|Xor) key key+
12 BITFIELD key operation+
 6 BITFIELD key [OVERFLOW (WRAP|SAT|FAIL)] operation+ OVERFLOW (SAT|FAIL|'wrap') operation+
 2 BITFIELD key [OVERFLOW (LOOP|FAIL)] (GET|SET|INCRBY) (bad_type|type) (position|bad_position) [integer]
 3 BITFIELD_RO key reading+
 1 BITFIELD_RO key operation+
 3 STRLEN key
 4 GET key
 3 DEL key
 2 APPEND key bytes
 2 OBJECT ENCODING key
"""

POOLS = {
    **COMMON,
    "key": keys(*KEYS),
    "bit": [b"0", b"1", b"1", b"0", b"2", b"-1"],
    "offset": [b"0", b"1", b"7", b"8", b"9", b"63", b"64", b"100", b"511", b"2000", b"-1", b"4294967296"],
    "bytes": [
        b"", b"\x00", b"\xff", b"\x80", b"\x01", b"\xff\xff\xff", b"\x00\x00\x01", b"\xff\xf0\x00", b"foobar",
        b"\x00" * 20, b"\xff" * 33, bytes(range(64)), b"12345",
    ],
    "type": [b"u1", b"u8", b"i8", b"u4", b"i5", b"u16", b"i16", b"i32", b"u63", b"i64", b"i1", b"u31"],
    "bad_type": [b"u0", b"u64", b"i65", b"i0", b"x8", b"u", b"i-1", b"U8", b"8", b"u08"],
    "position": [b"0", b"1", b"3", b"#0", b"#1", b"#5", b"100", b"31"],
    "bad_position": [b"-1", b"#-1", b"#", b"abc", b"4294967296", b"#4294967296"],
    "operand": INTEGERS,
    "reading": "GET type position",
    "operation": "(reading|SET type position operand|INCRBY type position operand)",
}  # fmt: skip

test_same_as_real_servers = random_commands_test(Grammar(FORMS, POOLS), KEYS)

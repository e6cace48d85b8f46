"""Bitmap commands: limits, the journal. Replies are compared in tests/differential/test_bitmaps.py."""

from __future__ import annotations

import pytest

from minidis.drivers.embedded import Embedded
from minidis.protocol.replies import ReplyError

MEGABYTE = 1 << 20


def test_the_furthest_bit_is_that_of_the_largest_string():
    redis = Embedded({"proto-max-bulk-len": "1mb"}, clock=0)
    assert redis.execute("SETBIT", "b", 8 * MEGABYTE - 1, 1) == 0
    assert redis.execute("STRLEN", "b") == MEGABYTE
    for words in [
        ("SETBIT", "b", 8 * MEGABYTE, 1),
        ("GETBIT", "b", 8 * MEGABYTE),
        ("BITFIELD", "b", "GET", "u8", f"#{MEGABYTE}"),
    ]:
        with pytest.raises(ReplyError, match="ERR bit offset is not an integer or out of range"):
            redis.execute(*words)
    # By default that is 512 MB: bit 4294967295 is the last one that may be asked for.
    redis = Embedded(clock=0)
    assert redis.execute("GETBIT", "b", 2**32 - 1) == 0
    with pytest.raises(ReplyError, match="bit offset"):
        redis.execute("GETBIT", "b", 2**32)


def test_only_changes_are_journaled(redis, journal):
    redis.execute("SETBIT", "b", 3, 0)  # makes the string "\0"
    redis.execute("SETBIT", "b", 3, 0)
    redis.execute("SETBIT", "b", 3, 1)
    redis.execute("BITFIELD", "b", "GET", "u4", 0)
    redis.execute("BITFIELD", "b", "OVERFLOW", "FAIL", "SET", "u4", 0, 16)
    redis.execute("BITFIELD", "b", "SET", "u4", 0, 1)
    redis.execute("BITFIELD", "b", "SET", "u4", 0, 2)
    redis.execute("BITOP", "AND", "missing", "nothing", "nothing")
    assert journal == ["SETBIT b 3 0", "SETBIT b 3 1", "BITFIELD b SET u4 0 2"]


def test_an_empty_string_is_changed_and_not_made_anew(redis):
    redis.execute("SET", "b", "")
    database = redis.node.databases[0]
    value = database.peek(b"b")
    redis.execute("SETBIT", "b", 7, 1)
    assert database.peek(b"b") is value and redis.execute("GET", "b") == b"\x01"


def test_bitop_replaces_the_destination_and_its_time_to_live(redis):
    redis.execute("SET", "destination", "x", "EX", 100)
    redis.execute("MSET", "a", "abc", "b", "ab")
    assert redis.execute("BITOP", "OR", "destination", "a", "b") == 3
    assert redis.execute("GET", "destination") == b"abc"
    assert redis.execute("TTL", "destination") == -1
    assert redis.execute("BITOP", "OR", "destination", "missing", "missing") == 0
    assert redis.execute("EXISTS", "destination") == 0


def test_a_number_is_changed_bit_by_bit_like_its_text(redis):
    redis.execute("SET", "n", 7)
    assert redis.execute("BITCOUNT", "n") == 5
    assert redis.execute("SETBIT", "n", 7, 0) == 1
    assert redis.execute("GET", "n") == b"6"
    assert redis.execute("INCR", "n") == 7


def test_a_day_of_a_million_visitors(redis):
    redis.execute("SETBIT", "today", 999_999, 1)
    redis.execute("SETBIT", "today", 12_345, 1)
    assert redis.execute("STRLEN", "today") == 125_000
    assert redis.execute("BITCOUNT", "today") == 2
    assert redis.execute("BITPOS", "today", 1) == 12_345
    assert redis.execute("BITPOS", "today", 1, 12_346, -1, "BIT") == 999_999

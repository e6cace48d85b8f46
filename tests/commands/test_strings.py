"""String commands: the journal, limits. Replies are compared in tests/differential/test_strings.py."""

from __future__ import annotations

import pytest

from minidis.drivers.embedded import Embedded
from minidis.protocol.replies import ReplyError

MEGABYTE = 1 << 20


@pytest.mark.parametrize(
    ("line", "entries"),
    [
        ("SET k v EX 10", ["SET k v PXAT 1010000"]),
        ("SET k v PX 10", ["SET k v PXAT 1000010"]),
        ("SET k v EXAT 2000", ["SET k v PXAT 2000000"]),
        ("SET k v KEEPTTL", ["SET k v KEEPTTL"]),
        ("SETEX k 10 v", ["SET k v PXAT 1010000"]),
        ("PSETEX k 10 v", ["SET k v PXAT 1000010"]),
        ("GETSET old v", ["SET old v"]),
        ("GETDEL old", ["DEL old"]),
        ("GETDEL missing", []),
        ("GETEX old", []),
        ("GETEX old EX 10", ["PEXPIREAT old 1010000"]),
        ("GETEX old PXAT 1", ["DEL old"]),
        ("GETEX old PERSIST", []),
        ("GETEX mortal PERSIST", ["PERSIST mortal"]),
        ("SETNX old v", []),
        ("SETNX new v", ["SETNX new v"]),
        ("SET old v NX", []),
        ("MSETNX new v old w", []),
        ("INCRBYFLOAT pi 0.14", ["SET pi 3.14 KEEPTTL"]),
        ("APPEND old !", ["APPEND old !"]),
        ("SETRANGE old 3 x", ["SETRANGE old 3 x"]),
    ],
)
def test_the_journal_states_the_effect(redis, line, entries):
    redis.step(1000)
    redis.execute("SET", "old", "1")
    redis.execute("SET", "pi", "3")
    redis.execute("SET", "mortal", "1", "EX", 100)
    journal = []
    redis.node.journal.subscribe(lambda entry: journal.append(b" ".join(entry.argv).decode()))
    redis.execute(*line.split())
    assert journal == entries


def test_set_drops_the_time_to_live_and_incr_keeps_it(redis):
    redis.execute("SET", "n", 1, "EX", 100)
    redis.execute("INCR", "n")
    redis.execute("APPEND", "n", "0")
    redis.execute("INCRBYFLOAT", "n", "1.5")
    assert redis.execute("TTL", "n") == 100
    redis.execute("SET", "n", 1, "KEEPTTL")
    assert redis.execute("TTL", "n") == 100
    redis.execute("GETSET", "n", 1)
    assert redis.execute("TTL", "n") == -1


@pytest.mark.parametrize(
    "words",
    [
        ("SETRANGE", "k", MEGABYTE - 5, "123456"),
        ("APPEND", "k", "x" * (MEGABYTE - 1)),
        ("SETRANGE", "new", 2**62, "x"),
    ],
)
def test_strings_have_a_largest_size(words):
    redis = Embedded({"proto-max-bulk-len": "1mb"}, clock=0)
    redis.execute("SET", "k", "ab")
    with pytest.raises(ReplyError, match=r"string exceeds maximum allowed size \(proto-max-bulk-len\)"):
        redis.execute(*words)
    assert redis.execute("MGET", "k", "new") == [b"ab", None]
    assert redis.execute("SETRANGE", "k", MEGABYTE - 5, "12345") == MEGABYTE


def test_lcs_refuses_a_table_larger_than_a_string_may_be():
    redis = Embedded({"proto-max-bulk-len": "1mb"}, clock=0)
    # Four bytes for each of 512 * 512 cells are just a megabyte.
    redis.execute("MSET", "a", "x" * 511, "b", "x" * 511, "c", "x" * 512)
    assert redis.execute("LCS", "a", "b", "LEN") == 511
    with pytest.raises(ReplyError, match="Insufficient memory, transient memory for LCS"):
        redis.execute("LCS", "a", "c")


def test_lcs_gives_a_map(redis):
    redis.execute("MSET", "a", "ohmytext", "b", "mynewtext")
    reply = redis.execute("LCS", "a", "b", "IDX", "MINMATCHLEN", 4, "WITHMATCHLEN")
    assert reply == {b"matches": [[[4, 7], [5, 8], 4]], b"len": 6}


def test_changing_in_place_leaves_earlier_replies_alone(redis):
    redis.execute("SET", "k", "hello")
    redis.execute("APPEND", "k", " world")
    before = redis.execute("GET", "k")
    redis.execute("SETRANGE", "k", 0, "J")
    assert (before, redis.execute("GET", "k")) == (b"hello world", b"Jello world")
    assert type(before) is bytes and type(redis.execute("GETRANGE", "k", 0, 1)) is bytes

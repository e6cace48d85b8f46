"""EXPIRE and its kin on a clock moved by hand. Replies are compared in tests/differential/test_keys.py."""

from __future__ import annotations

import pytest

from minidis.protocol.replies import ReplyError


@pytest.mark.parametrize(
    ("line", "entries"),
    [
        ("EXPIRE k 10", ["PEXPIREAT k 1010000"]),
        ("PEXPIRE k 10", ["PEXPIREAT k 1000010"]),
        ("EXPIREAT k 2000", ["PEXPIREAT k 2000000"]),
        ("PEXPIREAT k 2000000", ["PEXPIREAT k 2000000"]),
        ("EXPIRE k 10 NX", ["PEXPIREAT k 1010000"]),
        ("EXPIRE k 10 XX", []),
        ("EXPIRE k -1", ["DEL k"]),
        ("PEXPIREAT k 1000000", ["DEL k"]),
        ("EXPIRE missing 10", []),
        ("PERSIST k", []),
        ("PERSIST mortal", ["PERSIST mortal"]),
    ],
)
def test_the_journal_states_the_effect(redis, line, entries):
    redis.step(1000)
    redis.execute("SET", "k", "v")
    redis.execute("SET", "mortal", "v", "EX", 100)
    journal = []
    redis.node.journal.subscribe(lambda entry: journal.append(b" ".join(entry.argv).decode()))
    redis.execute(*line.split())
    assert journal == entries


def test_a_key_dies_when_its_time_has_passed(redis, journal):
    redis.execute("SET", "k", "v", "PX", 1500)
    assert redis.execute("TTL", "k") == 2  # rounded
    redis.step(1.5)
    assert (redis.execute("GET", "k"), redis.execute("PTTL", "k")) == (b"v", 0)
    redis.step(0.001)
    assert (redis.execute("GET", "k"), redis.execute("PTTL", "k")) == (None, -2)
    assert journal == ["SET k v PXAT 1500", "DEL k"]


def test_times_are_the_same_said_four_ways(redis):
    redis.step(1000)
    for words in [("EXPIRE", 10), ("PEXPIRE", 10_000), ("EXPIREAT", 1010), ("PEXPIREAT", 1_010_000)]:
        redis.execute("SET", "k", "v")
        redis.execute(words[0], "k", words[1])
        assert redis.execute("PEXPIRETIME", "k") == 1_010_000
        assert redis.execute("EXPIRETIME", "k") == 1010
        assert (redis.execute("TTL", "k"), redis.execute("PTTL", "k")) == (10, 10_000)


@pytest.mark.parametrize(
    ("now", "condition", "seconds", "allowed"),
    [
        (None, "NX", 5, 1), (None, "XX", 5, 0), (None, "GT", 5, 0), (None, "LT", 5, 1),
        (10, "NX", 5, 0), (10, "XX", 5, 1), (10, "GT", 5, 0), (10, "GT", 10, 0), (10, "GT", 11, 1),
        (10, "LT", 5, 1), (10, "LT", 10, 0), (10, "LT", 11, 0),
    ],
)  # fmt: skip
def test_conditions(redis, now, condition, seconds, allowed):
    redis.execute("SET", "k", "v")
    if now:
        redis.execute("EXPIRE", "k", now)
    assert redis.execute("EXPIRE", "k", seconds, condition) == allowed
    assert redis.execute("TTL", "k") == (seconds if allowed else now or -1)


@pytest.mark.parametrize("command", ["EXPIRE", "PEXPIRE", "EXPIREAT"])
def test_times_beyond_64_bits(redis, command):
    redis.step(1)
    redis.execute("SET", "k", "v")
    with pytest.raises(ReplyError, match=f"ERR invalid expire time in '{command.lower()}' command"):
        redis.execute(command, "k", 2**63 - 1)
    assert redis.execute("PEXPIREAT", "k", 2**63 - 1) == 1

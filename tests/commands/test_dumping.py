"""DUMP and RESTORE: time, access, the journal. Replies are compared in tests/differential/test_dumping.py."""

from __future__ import annotations

import pytest

from minidis.persistence.rdb_writer import seal_payload
from minidis.protocol.replies import ReplyError


@pytest.fixture
def journal(redis):
    """The journal's entries from now on, as words."""
    entries = []
    redis.node.journal.subscribe(lambda entry: entries.append(entry.argv))
    return entries


@pytest.fixture
def payload(redis):
    redis.execute("SET", "source", "value")
    return redis.execute("DUMP", "source")


def test_a_relative_time_to_live_is_journaled_as_a_point_in_time(redis, payload, journal, events):
    redis.execute("RESTORE", "k", 5000, payload, "IDLETIME", 3)
    at_ms = redis.node.now_ms + 5000
    assert redis.execute("PEXPIRETIME", "k") == at_ms
    assert journal == [[b"RESTORE", b"k", b"%d" % at_ms, payload, b"IDLETIME", b"3", b"ABSTTL"]]
    assert events == ["restore k"]


def test_without_a_time_to_live_it_is_journaled_as_typed(redis, payload, journal):
    redis.execute("restore", "k", 0, payload)
    assert journal == [[b"restore", b"k", b"0", payload]]


def test_a_time_in_the_past_only_deletes(redis, payload, journal, events):
    redis.step(10)
    redis.execute("RESTORE", "k", 1, payload, "ABSTTL")
    assert (redis.execute("EXISTS", "k"), journal, events) == (0, [], [])
    redis.execute("RESTORE", "source", 1, payload, "ABSTTL", "REPLACE")
    assert (redis.execute("EXISTS", "source"), journal, events) == (0, [[b"DEL", b"source"]], ["del source"])


def test_the_eviction_clock_is_set(redis, payload):
    redis.step(1000)
    redis.execute("RESTORE", "k", 0, payload, "IDLETIME", 77)
    assert redis.execute("OBJECT", "IDLETIME", "k") == 77
    redis.execute("CONFIG", "SET", "maxmemory-policy", "allkeys-lfu")
    redis.execute("RESTORE", "f", 0, payload, "FREQ", 9)
    assert redis.execute("OBJECT", "FREQ", "f") == 9


def test_what_7_2_has_not_is_refused_with_its_reason(redis):
    fields_that_expire = b"\x16\x01\x01f\x01v" + (99).to_bytes(8, "little")
    with pytest.raises(ReplyError, match="1 fields of a hash had a time to live"):
        redis.execute("RESTORE", "k", 0, seal_payload(fields_that_expire, version=80))
    assert redis.execute("EXISTS", "k") == 0
    for_ever = b"\x16\x01\x01f\x01v" + b"\xff" * 8
    assert redis.execute("RESTORE", "k", 0, seal_payload(for_ever, version=80)) == "OK"
    assert redis.execute("HGETALL", "k") == {b"f": b"v"}


@pytest.mark.parametrize("body", [b"\x00\x05abc", b"\x00\x01abc", b"\x04\x02\x01f\x01v\x01f\x01w"])
def test_what_real_servers_take_on_trust_is_refused(redis, body):
    """A value that reaches into the footer, one that ends before it, and a field that comes twice."""
    with pytest.raises(ReplyError, match="Bad data format"):
        redis.execute("RESTORE", "k", 0, seal_payload(body))


def test_a_client_that_waits_is_served_by_restore(redis):
    redis.execute("RPUSH", "l", "a")
    payload = redis.execute("DUMP", "l")
    redis.execute("DEL", "l")
    waiting = redis.node.connect()
    redis.node.execute(waiting, [b"BLPOP", b"l", b"0"])
    redis.execute("RESTORE", "l", 0, payload)
    assert list(waiting.outbox) == [[b"l", b"a"]]

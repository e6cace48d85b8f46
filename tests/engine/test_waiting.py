"""Clients that wait: order, deadlines, EXEC, disconnects; all in virtual time."""

from __future__ import annotations

import pytest

from minidis import Embedded
from minidis.engine.waiting import WAITING
from minidis.protocol.replies import NULL_ARRAY


@pytest.fixture
def redis():
    with Embedded(clock=0, seed=1) as node:
        yield node


def call(redis, client, line):
    return redis.call(client, line.encode().split())


def test_first_come_first_served(redis):
    alice, bob, carol = (redis.connect(name) for name in ("alice", "bob", "carol"))
    assert call(redis, alice, "BLPOP q 0") is WAITING
    assert call(redis, bob, "BLPOP q 0") is WAITING
    call(redis, carol, "RPUSH q 1 2 3")
    assert alice.outbox.popleft() == [b"q", b"1"]
    assert bob.outbox.popleft() == [b"q", b"2"]
    assert call(redis, carol, "LRANGE q 0 -1") == [b"3"]
    assert len(redis.node.waiting) == 0


def test_a_client_that_waits_for_several_keys_is_served_once(redis):
    alice = redis.connect("alice")
    call(redis, alice, "BLPOP a b 0")
    for line in ("MULTI", "RPUSH b 2", "RPUSH a 1", "EXEC"):
        redis.execute(*line.split())
    assert list(alice.outbox) == [
        [b"a", b"1"]
    ]  # the command runs again, and looks at its keys in its own order
    assert redis.execute("LLEN", "b") == 1
    assert not redis.node.waiting.queues


def test_exec_serves_only_when_it_is_through(redis):
    alice = redis.connect("alice")
    call(redis, alice, "BLPOP q 0")
    for line in ("MULTI", "RPUSH q 1", "DEL q", "EXEC"):
        redis.execute(*line.split())
    assert not alice.outbox
    assert alice.parked is not None


def test_inside_multi_nothing_waits(redis):
    assert [redis.execute(*line.split()) for line in ("MULTI", "BLPOP q 0", "EXEC")][-1] == [NULL_ARRAY]


def test_the_deadline_answers_null_in_virtual_time(redis):
    alice = redis.connect("alice")
    call(redis, alice, "BLPOP q 1.5")
    redis.step(1.4)
    assert not alice.outbox
    redis.step(0.2)
    assert alice.outbox.popleft() is NULL_ARRAY
    assert alice.parked is None


def test_another_type_at_the_key_does_not_wake(redis):
    alice = redis.connect("alice")
    call(redis, alice, "BLPOP q 0")
    redis.execute("SET", "q", "string")
    assert alice.parked is not None
    redis.execute("DEL", "q")
    redis.execute("RPUSH", "q", "x")
    assert alice.outbox.popleft() == [b"q", b"x"]


def test_a_client_that_left_is_not_served(redis):
    alice, bob = redis.connect("alice"), redis.connect("bob")
    call(redis, alice, "BLPOP q 0")
    call(redis, bob, "BLPOP q 0")
    redis.disconnect(alice)
    redis.execute("RPUSH", "q", "x")
    assert bob.outbox.popleft() == [b"q", b"x"]


def test_what_a_woken_client_took_is_journaled_as_a_pop(redis):
    alice = redis.connect("alice")
    call(redis, alice, "BLPOP q 0")
    entries = []
    redis.node.journal.subscribe(lambda entry: entries.append(b" ".join(entry.argv)))
    redis.execute("RPUSH", "q", "x")
    assert entries == [b"RPUSH q x", b"LPOP q"]


def test_one_served_client_may_serve_the_next(redis):
    """BLMOVE from a to b wakes the one that waits for b."""
    mover, last = redis.connect("mover"), redis.connect("last")
    call(redis, last, "BLPOP b 0")
    call(redis, mover, "BLMOVE a b LEFT RIGHT 0")
    redis.execute("RPUSH", "a", "x")
    assert mover.outbox.popleft() == b"x"
    assert last.outbox.popleft() == [b"b", b"x"]

"""Clients that wait: order, deadlines, EXEC, disconnects; all in virtual time."""

from __future__ import annotations

import pytest

from minidis import Embedded
from minidis.engine.command_table.registry import NOSCRIPT, command
from minidis.engine.waiting import WAITING, Wait
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


def test_who_is_woken_in_vain_waits_on_behind_the_others(redis):
    """As Redis 7.2, which blocks anew the client whose command it ran again."""
    alice, bob = redis.connect("alice"), redis.connect("bob")
    redis.execute("XGROUP", "CREATE", "s", "g", "$", "MKSTREAM")
    redis.execute("XGROUP", "CREATE", "t", "g", "$", "MKSTREAM")
    call(redis, alice, "XREADGROUP GROUP g alice BLOCK 0 STREAMS s t > >")
    call(redis, bob, "XREADGROUP GROUP g bob BLOCK 0 STREAMS s >")
    for line in ("MULTI", "XADD t 1-1 f v", "XDEL t 1-1", "XGROUP SETID t g $", "EXEC"):
        redis.execute(*line.split())  # touches t, and has nothing for alice
    redis.execute("XADD", "s", "1-1", "f", "v")
    assert bob.outbox and not alice.outbox


class Acks:
    """What WAIT is to be: a wait for something that is no key."""

    def __init__(self, node, table):
        self.count = 0
        self.node = node

        @command("TEST.WAIT number:int milliseconds:int", NOSCRIPT, table)
        def wait(client, number, milliseconds):
            """Wait for a number of acknowledgements. O(1)."""
            if self.count >= number:
                return self.count
            return Wait(
                topic="acks",
                deadline_ms=client.node.now_ms + milliseconds if milliseconds else None,
                timeout_reply=lambda: self.count,
            )

    def arrive(self):
        self.count += 1
        self.node.waiting.happened("acks")


@pytest.fixture
def acks(redis):
    return Acks(redis.node, redis.node.commands)


def test_a_topic_runs_the_command_again_at_the_next_tick(redis, acks):
    alice, bob = redis.connect("alice"), redis.connect("bob")
    assert call(redis, alice, "TEST.WAIT 1 0") is WAITING
    assert call(redis, bob, "TEST.WAIT 2 0") is WAITING
    acks.arrive()
    assert redis.node.next_deadline_us() <= redis.now_us
    redis.tick()
    assert list(alice.outbox) == [1]
    assert not bob.outbox
    acks.arrive()
    redis.tick()
    assert list(bob.outbox) == [2]
    assert len(redis.node.waiting) == 0


def test_the_timeout_reply_is_made_when_it_is_due(redis, acks):
    alice = redis.connect("alice")
    call(redis, alice, "TEST.WAIT 3 100")
    acks.count = 2
    redis.step(0.2)
    assert list(alice.outbox) == [2]
    assert [redis.execute(*line.split()) for line in ("MULTI", "TEST.WAIT 3 0", "EXEC")][-1] == [2]


def test_a_wait_may_be_ended_with_a_reply_from_elsewhere(redis, acks):
    alice = redis.connect("alice")
    call(redis, alice, "TEST.WAIT 9 0")
    assert redis.node.waiting.end(alice, "OK")
    assert list(alice.outbox) == ["OK"]
    assert not redis.node.waiting.end(alice, "OK")


def test_deadlines_of_those_who_were_served_are_forgotten(redis):
    alice = redis.connect("alice")
    for _ in range(1000):
        call(redis, alice, "BLPOP q 3600")
        redis.execute("RPUSH", "q", "x")
    assert len(redis.node.waiting._deadlines) < 200
    assert redis.node.waiting.next_deadline_ms() is None


def test_deadlines_are_met_in_their_order(redis):
    clients = {patience: redis.connect() for patience in (0.3, 0.1, 0.2)}
    for patience, client in clients.items():
        call(redis, client, f"BLPOP q {patience}")
    answered = []
    redis.on_output(lambda client: answered.append(client.id))
    redis.step(1)
    assert answered == [clients[patience].id for patience in (0.1, 0.2, 0.3)]


def test_who_waits_sees_the_time_after_the_command_that_woke_it():
    """An EXEC that takes long: what it pushed is dead by the time that its waiters are served."""
    redis = Embedded(clock=1_000_000)
    waiter = redis.connect()
    redis.call(waiter, [b"BRPOP", b"k", b"0"])
    for line in ("MULTI", "RPUSH k x", "PEXPIRE k 100"):
        redis.execute(*line.split())
    times_us = iter((1_000_000, 1_200_000))
    redis.node.clock = lambda: next(times_us, 1_200_000)
    redis.execute("EXEC")
    assert waiter.parked is not None

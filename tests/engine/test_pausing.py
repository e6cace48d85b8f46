"""CLIENT PAUSE in virtual time: who waits, in which order they go on, and what stands still meanwhile."""

from __future__ import annotations

import pytest

from minidis import Embedded
from minidis.engine.waiting import WAITING
from minidis.protocol.replies import ReplyError


@pytest.fixture
def redis():
    with Embedded(clock=0, seed=1) as node:
        yield node


def call(redis, client, line):
    return redis.call(client, line.encode().split())


def test_those_who_write_wait_and_go_on_in_order(redis):
    alice, bob = redis.connect("alice"), redis.connect("bob")
    redis.execute("CLIENT", "PAUSE", "1000", "WRITE")
    assert call(redis, alice, "RPUSH q 1") is WAITING
    assert call(redis, bob, "RPUSH q 2") is WAITING
    assert redis.execute("LRANGE", "q", "0", "-1") == []
    redis.step(0.999)
    assert not alice.outbox
    redis.step(0.001)
    assert (alice.outbox.popleft(), bob.outbox.popleft()) == (1, 2)
    assert redis.execute("LRANGE", "q", "0", "-1") == [b"1", b"2"]


def test_pause_all_holds_reads_too_and_unpause_itself(redis):
    alice = redis.connect("alice")
    redis.execute("CLIENT", "PAUSE", "500")
    assert call(redis, alice, "CLIENT UNPAUSE") is WAITING
    assert call(redis, redis.client, "GET k") is WAITING
    redis.step(0.5)
    assert alice.outbox.popleft() == "OK"
    assert redis.client.outbox.popleft() is None


def test_unpause_lets_them_go_on(redis):
    alice = redis.connect("alice")
    redis.execute("CLIENT", "PAUSE", "100000", "WRITE")
    call(redis, alice, "PUBLISH channel message")
    assert redis.execute("INFO", "clients").count(b"blocked_clients:1") == 1
    assert redis.execute("CLIENT", "UNBLOCK", str(alice.id)) == 0  # this wait is not the client's own
    redis.execute("CLIENT", "UNPAUSE")
    assert alice.outbox.popleft() == 0


def test_a_transaction_waits_at_exec_if_it_writes(redis):
    alice, bob = redis.connect("alice"), redis.connect("bob")
    for line in ("MULTI", "SET k 1"):
        call(redis, alice, line)
    for line in ("MULTI", "GET k"):
        call(redis, bob, line)
    redis.execute("CLIENT", "PAUSE", "1000", "WRITE")
    assert call(redis, alice, "EXEC") is WAITING
    assert call(redis, bob, "EXEC") == [None]
    redis.step(1)
    assert alice.outbox.popleft() == ["OK"]


def test_a_command_that_fails_or_waits_afterwards(redis):
    alice, bob = redis.connect("alice"), redis.connect("bob")
    redis.execute("SET", "s", "text")
    redis.execute("CLIENT", "PAUSE", "1000", "WRITE")
    call(redis, alice, "LPUSH s x")
    call(redis, bob, "BLPOP q 0")
    redis.step(1)
    error = alice.outbox.popleft()
    assert isinstance(error, ReplyError) and str(error).startswith("WRONGTYPE")
    assert bob.parked is not None and not bob.outbox
    redis.execute("RPUSH", "q", "x")
    assert bob.outbox.popleft() == [b"q", b"x"]


def test_two_pauses_are_the_longer_and_the_stricter_of_both(redis):
    alice = redis.connect("alice")
    redis.execute("CLIENT", "PAUSE", "200", "WRITE")
    redis.execute("CLIENT", "PAUSE", "100", "ALL")
    assert call(redis, alice, "GET k") is WAITING
    redis.step(0.199)
    assert not alice.outbox
    redis.step(0.001)
    assert alice.outbox.popleft() is None


def test_no_key_expires_meanwhile(redis):
    redis.execute("SET", "k", "v", "PX", "10")
    entries = []
    redis.node.journal.subscribe(lambda entry: entries.append(entry.argv[0]))
    redis.execute("CLIENT", "PAUSE", "1000", "WRITE")
    redis.step(0.9)
    assert redis.execute("GET", "k") is None  # hidden, not gone
    assert (redis.execute("DBSIZE"), entries) == (1, [])
    redis.step(0.3)
    assert (redis.execute("DBSIZE"), entries) == (0, [b"DEL"])


@pytest.mark.parametrize(
    ("line", "waits"),
    [
        ("EVAL return~1 0", True),  # it may write or publish: nobody knows
        ("EVAL_RO return~1 0", False),
        ("EVAL #!lua~flags=no-writes\nreturn~1 0", False),  # it says that it won't
        ("EVAL #!lua\nreturn~1 0", True),
        ("EVALSHA e0e1f9fabfc9d4800c877a703b823ac0578ff8db 0", True),
        ("EVALSHA_RO e0e1f9fabfc9d4800c877a703b823ac0578ff8db 0", False),
        ("FCALL reads 0", False),
        ("FCALL writes 0", True),
        ("FCALL_RO reads 0", False),
    ],
)
@pytest.mark.parametrize("in_transaction", [False, True])
def test_scripts_wait_unless_they_only_read(redis, line, waits, in_transaction):
    pytest.importorskip("lupa")
    redis.execute("SCRIPT", "LOAD", "return 1")
    redis.execute(
        "FUNCTION",
        "LOAD",
        "#!lua name=lib\nlocal function one() return 1 end\n"
        "redis.register_function('writes', one)\n"
        "redis.register_function{function_name='reads', callback=one, flags={'no-writes'}}",
    )
    alice = redis.connect("alice")
    redis.execute("CLIENT", "PAUSE", "1000", "WRITE")
    argv = [word.replace("~", " ").encode() for word in line.split(" ")]
    if in_transaction:
        redis.call(alice, [b"MULTI"])
        assert redis.call(alice, argv) == ("QUEUED" if not waits else WAITING)
        return
    assert redis.call(alice, argv) == (WAITING if waits else 1)


def test_a_paused_primary_still_minds_its_disk(redis):
    """A pause hides keys that are past their time, as a replica does; it makes none of the node."""
    redis.execute("CONFIG", "SET", "save", "3600 1")
    redis.node.saving.last_status = "err"
    redis.node.saving.update_guard()
    redis.execute("CLIENT", "PAUSE", "1000", "WRITE")
    with pytest.raises(ReplyError, match="MISCONF"):
        redis.execute("SET", "k", "1")


def test_who_only_reads_goes_on_when_the_pause_that_is_left_holds_writes_alone(redis):
    """And those who write do not lose their turn by that."""
    alice, bob, carol = (redis.connect(name) for name in ("alice", "bob", "carol"))
    redis.node.pause.begin(redis.node.now_ms + 5000, everyone=False, purpose="failover")
    call(redis, alice, "RPUSH q 1")
    redis.execute("CLIENT", "PAUSE", "1000")
    assert call(redis, bob, "LLEN q") is WAITING
    assert call(redis, carol, "RPUSH q 2") is WAITING
    redis.step(1)
    assert list(bob.outbox) == [0] and not alice.outbox and not carol.outbox
    redis.step(4)
    assert (list(alice.outbox), list(carol.outbox)) == ([1], [2])

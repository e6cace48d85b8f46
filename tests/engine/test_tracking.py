"""Invalidations that no client's command causes; the others are in tests/differential/test_tracking.py."""

from __future__ import annotations

import pytest

from minidis.drivers.embedded import Embedded
from minidis.engine.link import Link
from minidis.protocol.replies import Push
from minidis.protocol.resp import encode_command


@pytest.fixture
def told():
    """A node whose first client tracks everything but its own changes, and what another one is told."""
    redis = Embedded(clock=0)
    listener = redis.connect()
    redis.execute("SUBSCRIBE", "__redis__:invalidate", client=listener)
    redis.execute("CLIENT", "TRACKING", "ON", "BCAST", "REDIRECT", listener.id, "NOLOOP")
    return redis, listener.outbox


def test_a_key_that_expires_by_itself_is_told_at_once(told):
    redis, outbox = told
    redis.execute("SET", "k", "v", "PX", 1)
    assert not outbox
    redis.step(1)
    assert list(outbox) == [Push([b"message", b"__redis__:invalidate", [b"k"]])]


def test_a_key_that_expires_while_its_writer_looks_is_told_to_the_writer_too(told):
    redis, outbox = told
    redis.execute("DEBUG", "SET-ACTIVE-EXPIRE", 0)
    redis.execute("SET", "k", "v", "PX", 1)
    redis.step(1)
    assert not outbox
    redis.execute("GET", "k")
    assert list(outbox) == [Push([b"message", b"__redis__:invalidate", [b"k"]])]


def test_what_caching_asked_for_holds_if_tracking_is_turned_on_again():
    redis = Embedded(clock=0)
    for line in (
        "HELLO 3",
        "CLIENT TRACKING ON OPTIN",
        "CLIENT CACHING YES",
        "CLIENT TRACKING ON OPTIN",
        "GET k",
    ):
        redis.execute(*line.split())
    redis.execute("SET", "k", "v", client=redis.connect())
    assert list(redis.client.outbox) == [Push([b"invalidate", [b"k"]])]


@pytest.mark.parametrize(
    ("script", "expected"),
    [
        (("EVAL", "return redis.call('GET', KEYS[1])", 2, "a", "b"), [b"a"]),
        (("EVAL_RO", "return redis.call('GET', KEYS[1])", 2, "a", "b"), [b"a"]),
        (("EVAL_RO", "return 1", 2, "a", "b"), []),
        (("EVAL", "return redis.call('SET', KEYS[1], 1)", 2, "a", "b"), []),
    ],
)
def test_of_a_script_the_keys_are_remembered_that_its_commands_read(script, expected):
    pytest.importorskip("lupa")
    redis = Embedded(clock=0)
    reader, writer = redis.connect(), redis.connect()
    redis.execute("HELLO", 3, client=reader)
    redis.execute("CLIENT", "TRACKING", "ON", client=reader)
    redis.execute(*script, client=reader)
    reader.outbox.clear()
    redis.execute("MSET", "a", 1, "b", 2, client=writer)
    assert [key for push in reader.outbox for key in push[1]] == expected


def test_who_reads_hears_of_an_eviction_before_the_reply():
    """The key went before the command ran; what the command itself changes comes behind its reply."""
    redis = Embedded({"maxmemory-policy": "volatile-random"}, clock=0)
    link = Link(redis.node)

    def ask(*words: bytes) -> bytes:
        link.receive(encode_command(list(words)))
        return link.take_output()

    ask(b"HELLO", b"3")
    ask(b"CLIENT", b"TRACKING", b"ON")
    redis.execute("CONFIG", "SET", "maxmemory", redis.node.memory.used_bytes() + 100_000)
    redis.execute("SET", "volatile", "x", "EX", 1000)
    assert ask(b"GET", b"volatile") == b"$1\r\nx\r\n"
    redis.execute("SETBIT", "big", 1_600_000, 0)
    invalidation = b">2\r\n$10\r\ninvalidate\r\n*1\r\n$8\r\nvolatile\r\n"
    assert ask(b"GETBIT", b"big", b"0") == invalidation + b":0\r\n"


def test_what_a_woken_command_changes_comes_behind_its_reply():
    redis = Embedded(clock=0)
    client = redis.connect()
    client.protocol = 3
    redis.execute("RPUSH", "to", "a")
    redis.execute("CLIENT", "TRACKING", "ON", client=client)
    redis.execute("LRANGE", "to", 0, -1, client=client)
    redis.node.execute(client, [b"BLMOVE", b"from", b"to", b"LEFT", b"LEFT", b"0"])
    redis.execute("RPUSH", "from", "x")
    assert list(client.outbox) == [b"x", Push([b"invalidate", [b"to"]])]


def test_a_smaller_table_is_within_its_limit_at_once():
    redis = Embedded(clock=0)
    client = redis.connect()
    client.protocol = 3
    redis.execute("MSET", "a", 1, "b", 2)
    redis.execute("CLIENT", "TRACKING", "ON", client=client)
    redis.execute("MGET", "a", "b", client=client)
    redis.execute("CONFIG", "SET", "tracking-table-max-keys", 1)
    assert list(client.outbox) == [Push([b"invalidate", [b"a"]])]

"""Invalidations that no client's command causes; the others are in tests/differential/test_tracking.py."""

from __future__ import annotations

import pytest

from minidis.drivers.embedded import Embedded
from minidis.protocol.replies import Push


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

"""Invalidations that no client's command causes; the others are in tests/differential/test_tracking.py."""

from __future__ import annotations

import pytest

from minidis.drivers.embedded import Embedded
from minidis.engine.client import Client
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


def connect_in_resp3(redis: Embedded) -> Client:
    client = redis.connect()
    client.protocol = 3
    return client


def test_in_process_each_command_is_a_turn_of_its_own():
    redis = Embedded(clock=0)
    client = connect_in_resp3(redis)
    redis.execute("CLIENT", "TRACKING", "ON", "BCAST", client=client)
    redis.execute("SET", "b", 1)
    redis.execute("MSET", "c", 1, "a", 1)
    assert list(client.outbox) == [Push([b"invalidate", [b"b"]]), Push([b"invalidate", [b"a", b"c"]])]


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ("XADD s 1-2 f v", [b"s"]),
        ("XACK s g 1-1", []),
        ("XGROUP CREATE s h 0", []),
        ("XGROUP CREATE new h 0 MKSTREAM", [b"new"]),
        ("XGROUP DESTROY s g", []),
        ("XSETID s 2-0", []),
    ],
)
def test_what_a_group_knows_of_a_stream_is_no_change_of_it(words: str, told: list[bytes]):
    redis = Embedded(clock=0)
    client = connect_in_resp3(redis)
    redis.execute("XADD", "s", "1-1", "f", "v")
    redis.execute("XGROUP", "CREATE", "s", "g", 0)
    redis.execute("XREADGROUP", "GROUP", "g", "bob", "STREAMS", "s", ">")
    redis.execute("CLIENT", "TRACKING", "ON", "BCAST", client=client)
    redis.execute(*words.split())
    assert [key for push in client.outbox for key in push[1]] == told


def test_a_dataset_loaded_anew_is_told_as_a_flush():
    redis = Embedded(clock=0)
    client = connect_in_resp3(redis)
    redis.execute("SET", "a", 1)
    redis.execute("CLIENT", "TRACKING", "ON", client=client)
    redis.execute("MGET", "a", "gone", client=client)
    redis.execute("DEBUG", "RELOAD")
    assert list(client.outbox) == [Push([b"invalidate", None])]
    assert not redis.node.tracking.keys


def test_who_stops_tracking_in_a_transaction_hears_of_what_it_had_changed():
    redis = Embedded(clock=0)
    client = connect_in_resp3(redis)
    lines = ("CLIENT TRACKING ON", "GET k", "MULTI", "SET k 1", "CLIENT TRACKING OFF", "EXEC")
    for line in lines:
        redis.execute(*line.split(), client=client)
    assert list(client.outbox) == [Push([b"invalidate", [b"k"]])]


@pytest.mark.parametrize(("mode", "told"), [((), []), (("BCAST",), [b"k"])])
def test_noloop_spares_a_reader_its_own_script_and_what_expires_as_it_looks(mode: tuple, told: list[bytes]):
    """So it is in Redis: broadcasts go by the client of the script, or none, the other mode by who runs."""
    pytest.importorskip("lupa")
    redis = Embedded(clock=0)
    client = connect_in_resp3(redis)
    redis.execute("DEBUG", "SET-ACTIVE-EXPIRE", 0)
    redis.execute("CLIENT", "TRACKING", "ON", *mode, "NOLOOP", client=client)

    def heard() -> list[bytes]:
        keys = [key for push in client.outbox for key in push[1]]
        client.outbox.clear()
        return keys

    redis.execute("GET", "k", client=client)
    redis.execute("EVAL", "return redis.call('SET', KEYS[1], 1, 'PX', 1)", 1, "k", client=client)
    assert heard() == told
    redis.execute("GET", "k", client=client)
    redis.step(1)
    assert redis.execute("GET", "k", client=client) is None
    assert heard() == told


def test_who_is_served_within_a_slow_script_does_not_get_the_news_of_its_caller():
    pytest.importorskip("lupa")
    redis = Embedded(clock=0)
    ada, bob = connect_in_resp3(redis), connect_in_resp3(redis)
    for client in (ada, bob):
        redis.execute("CLIENT", "TRACKING", "ON", client=client)
    redis.execute("MGET", "k", "l", client=ada)
    heard = []

    def let_bob_in(run: object) -> None:
        redis.node.execute(bob, [b"HELLO", b"3"])
        heard.append((list(ada.outbox), list(bob.outbox)))

    redis.node.on_script_step = let_bob_in
    script = "redis.call('SET', 'k', 1) for i = 1, 3000 do redis.call('PING') end redis.call('SET', 'l', 1)"
    redis.execute("EVAL", f"{script} for i = 1, 3000 do redis.call('PING') end", 0, client=ada)
    assert len(heard) > 1 and all(told == ([], []) for told in heard)
    assert list(ada.outbox) == [Push([b"invalidate", [b"k"]]), Push([b"invalidate", [b"l"]])]
    assert not bob.outbox

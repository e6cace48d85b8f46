"""Subscriptions, and the node's own messages about its keys, in virtual time."""

from __future__ import annotations

import pytest

import minidis
from minidis.engine.journal import TO_ALL, TO_REPLICAS
from minidis.engine.node import Node
from minidis.protocol.replies import Push, ReplyError


@pytest.fixture
def node() -> minidis.Embedded:
    return minidis.Embedded(clock=0, seed=1)


def heard(client) -> list[tuple[bytes, ...]]:
    messages = [tuple(message) for message in client.outbox if isinstance(message, Push)]
    client.outbox.clear()
    return messages


def test_an_expired_key_is_told_when_its_time_has_come(node):
    node.execute("CONFIG", "SET", "notify-keyspace-events", "Ex")
    watcher = node.connect()
    node.execute("SUBSCRIBE", "__keyevent@0__:expired", client=watcher)
    node.execute("SET", "token", "x", "EX", 10)
    node.step(9)
    assert heard(watcher) == []
    node.step(2)
    assert heard(watcher) == [(b"message", b"__keyevent@0__:expired", b"token")]


def test_nothing_is_told_once_the_directive_is_empty_again(node):
    watcher = node.connect()
    node.execute("PSUBSCRIBE", "*", client=watcher)
    node.execute("CONFIG", "SET", "notify-keyspace-events", "KEA")
    node.execute("RPUSH", "q", "x")
    assert len(heard(watcher)) == 2
    node.execute("CONFIG", "SET", "notify-keyspace-events", "")
    node.execute("RPUSH", "q", "x")
    node.execute("FLUSHALL")
    assert heard(watcher) == []
    assert not node.node.observed


def test_flushing_and_swapping_databases_is_silent(node):
    watcher = node.connect()
    node.execute("CONFIG", "SET", "notify-keyspace-events", "KEA")
    node.execute("SET", "a", "1")
    node.execute("WATCH", "a")
    node.execute("PSUBSCRIBE", "*", client=watcher)
    node.execute("SWAPDB", 0, 1)
    node.execute("FLUSHALL")
    assert heard(watcher) == []


def test_a_disconnected_client_leaves_nothing_behind(node):
    client = node.connect()
    for word in ("SUBSCRIBE", "PSUBSCRIBE", "SSUBSCRIBE"):
        node.execute(word, "a", "b", client=client)
    node.disconnect(client)
    pubsub = node.node.pubsub
    assert not (pubsub.channels.clients or pubsub.patterns.clients or pubsub.shard_channels.clients)
    assert node.execute("PUBLISH", "a", "x") == 0


def test_patterns_that_nobody_has_any_more_are_forgotten(node):
    client = node.connect()
    for number in range(100):
        node.execute("PSUBSCRIBE", f"{number}*", client=client)
        assert node.execute("PUBLISH", f"{number}", "x") == 1
        node.execute("PUNSUBSCRIBE", client=client)
    assert len(node.node.pubsub._matchers) <= 2
    assert node.execute("PUBLISH", "7", "x") == 0


def test_the_gate_follows_protocol_and_subscriptions(node):
    client = node.connect()
    node.execute("SUBSCRIBE", "a", client=client)
    with pytest.raises(ReplyError, match="Can't execute 'get'"):
        node.execute("GET", "k", client=client)
    node.execute("UNSUBSCRIBE", client=client)
    assert node.execute("GET", "k", client=client) is None
    node.execute("HELLO", 3, client=client)
    node.execute("SUBSCRIBE", "a", client=client)
    assert node.execute("GET", "k", client=client) is None
    node.execute("HELLO", 2, client=client)
    with pytest.raises(ReplyError, match="Can't execute 'get'"):
        node.execute("GET", "k", client=client)


def test_client_list_shows_subscribers(node):
    client = node.connect()
    node.execute("SUBSCRIBE", "a", "b", client=client)
    node.execute("PSUBSCRIBE", "*", client=client)
    (line,) = node.execute("CLIENT", "LIST", "TYPE", "PUBSUB").decode().splitlines()
    assert f"id={client.id} " in line and " flags=P " in line and " sub=2 psub=1 ssub=0 " in line
    assert node.execute("CLIENT", "KILL", "TYPE", "PUBSUB") == 1
    assert client.closed


def test_what_is_published_is_for_replicas_alone():
    node = Node()
    entries = []
    node.journal.subscribe(entries.append)
    client = node.connect()
    for line in "PUBLISH c 1|MULTI|PUBLISH c 2|SPUBLISH c 3|EXEC|MULTI|PUBLISH c 4|SET k v|EXEC".split("|"):
        node.execute(client, line.encode().split())
    said = [(b" ".join(entry.argv).decode(), entry.targets) for entry in entries]
    assert said == [
        ("PUBLISH c 1", TO_REPLICAS),
        ("MULTI", TO_REPLICAS),
        ("PUBLISH c 2", TO_REPLICAS),
        ("SPUBLISH c 3", TO_REPLICAS),
        ("EXEC", TO_REPLICAS),
        ("MULTI", TO_ALL),
        ("PUBLISH c 4", TO_REPLICAS),
        ("SET k v", TO_ALL),
        ("EXEC", TO_ALL),
    ]
    assert node.journal.offset == 3  # what a log holds

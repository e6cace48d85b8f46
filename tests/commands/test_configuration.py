"""CONFIG REWRITE on a node's own disk; what a client from outside may not change."""

from __future__ import annotations

import pytest

from minidis.drivers.embedded import Embedded
from minidis.engine.durability.disk import DiskError, MemoryDisk
from minidis.engine.node import Node
from minidis.engine.settings.config import DIRECTIVES
from minidis.protocol.replies import ReplyError


def node_with_file(text: bytes) -> Node:
    disk = MemoryDisk()
    disk.create("redis.conf")
    disk.append("redis.conf", text)
    node = Node(disk=disk)
    node.config_file = "redis.conf"
    return node


def test_rewrite_puts_the_values_and_the_users_into_the_file():
    node = node_with_file(b"# mine\nhz 10\nport 6379\n")
    client = node.connect()
    node.execute(client, [b"CONFIG", b"SET", b"hz", b"20"])
    node.execute(client, [b"ACL", b"SETUSER", b"alice", b"on", b"nopass", b"~a*", b"+get"])
    assert node.execute(client, [b"CONFIG", b"REWRITE"]) == "OK"
    lines = node.disk.read("redis.conf").decode().splitlines()
    assert lines[:3] == ["# mine", "hz 20", "port 6379"]
    assert [line.split()[1] for line in lines if line.startswith("user ")] == ["alice", "default"]
    assert node.execute(client, [b"CONFIG", b"REWRITE"]) == "OK"
    assert node.disk.read("redis.conf").decode().splitlines() == lines


def test_each_directive_stands_in_one_table_and_in_the_file_once():
    names = [name for directive in DIRECTIVES for name in (directive.name, *directive.aliases)]
    assert len(names) == len(set(names))
    node = node_with_file(b"")
    client = node.connect()
    node.execute(client, [b"CONFIG", b"SET", b"stream-node-max-entries", b"7"])
    assert node.execute(client, [b"CONFIG", b"REWRITE"]) == "OK"
    assert node.disk.read("redis.conf").count(b"stream-node-max-entries 7\n") == 1


def test_rewrite_without_a_file_and_with_a_broken_disk(monkeypatch: pytest.MonkeyPatch):
    node = Node()
    with pytest.raises(ReplyError, match="running without a config file"):
        node.execute(node.connect(), [b"CONFIG", b"REWRITE"])
    node = node_with_file(b"hz 10\n")

    def fail(path: str) -> None:
        raise DiskError("create", path, "No space left on device")

    monkeypatch.setattr(node.disk, "create", fail)
    with pytest.raises(ReplyError, match="Rewriting config file: .*No space left"):
        node.execute(node.connect(), [b"CONFIG", b"REWRITE"])
    assert node.disk.read("redis.conf") == b"hz 10\n"


@pytest.mark.parametrize("allowed, peer, may", [
    ("no", "127.0.0.1:5", False), ("yes", "10.0.0.1:5", True),
    ("local", "127.0.0.1:5", True), ("local", "10.0.0.1:5", False),
])  # fmt: skip
def test_protected_directives_and_debug(allowed: str, peer: str, may: bool):
    node = Node({"enable-protected-configs": allowed, "enable-debug-command": allowed})
    client = node.connect()
    client.peer = peer
    for command, error in (
        ([b"CONFIG", b"SET", b"dbfilename", b"x.rdb"], "can't set protected config"),
        ([b"DEBUG", b"DIGEST"], "DEBUG command not allowed"),
    ):
        if may:
            node.execute(client, command)
        else:
            with pytest.raises(ReplyError, match=error):
                node.execute(client, command)


def test_percentiles_are_shown_as_the_numbers_that_they_are():
    node = Node()
    client = node.connect()
    name = b"latency-tracking-info-percentiles"
    node.execute(client, [b"CONFIG", b"SET", name, b"0.0 50.0 99.90 100.0"])
    assert node.execute(client, [b"CONFIG", b"GET", name]) == {name: b"0 50 99.9 100"}


def test_resetstat_counts_evictions_and_lazy_frees_anew():
    redis = Embedded(clock=0)
    redis.execute("SADD", "large", *range(1000))
    redis.execute("UNLINK", "large")
    redis.step(1)
    assert redis.node.lazy_free.freed_objects == 1
    redis.node.eviction.evicted_keys = 1
    redis.execute("CONFIG", "RESETSTAT")
    stats = redis.execute("INFO", "stats").decode()
    assert "evicted_keys:0\r\n" in stats and "lazyfreed_objects:0\r\n" in redis.execute("INFO").decode()


@pytest.mark.parametrize(
    ("words", "error"),
    [
        (
            ("databases", "64", "nosuch", "x"),
            "(possibly related to argument 'databases') - can't set immutable",
        ),
        (
            ("nosuch", "x", "databases", "64"),
            "Unknown option or number of arguments for CONFIG SET - 'nosuch'",
        ),
    ],
)
def test_the_first_argument_that_is_wrong_is_told(words, error):
    """As redis 7.0 does: found by differential runs of more seeds."""
    with pytest.raises(ReplyError) as refused:
        Embedded(clock=0).execute("CONFIG", "SET", *words)
    assert error in str(refused.value)

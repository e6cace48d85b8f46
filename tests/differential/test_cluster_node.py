"""One node in cluster mode: the same commands to redis-server --cluster-enabled yes, and to minidis.

A line is a command; `<id>` is the node's own id on each side, and stands for it in the replies.
"""

from __future__ import annotations

import re
import time
from random import Random

import pytest

from minidis.drivers.embedded import real_clock
from minidis.engine.node import Node
from minidis.protocol.quoting import split_arguments
from tests.differential.differences import REDIS_7_0
from tests.differential.servers import RealServer, available_judges
from tests.differential.sides import MinidisSide

BUS_PORT = 30077
CONFIG = ("--cluster-enabled", "yes", "--cluster-port", str(BUS_PORT))


def lines(text: str) -> list[list[bytes]]:
    words = (split_arguments(line.strip().encode()) for line in text.replace("\n", ";").split(";"))
    return [line for line in words if line]


WITHOUT_SLOTS = """
CLUSTER INFO; CLUSTER NODES; CLUSTER SLOTS; CLUSTER SHARDS; CLUSTER LINKS; GET a; MGET a b; PING; KEYS *
EVAL "return 1" 0; EVAL "return 1" 1 k; SELECT 0; SELECT 1; READONLY; READWRITE; ASKING; SSUBSCRIBE c
CLUSTER MYID; CLUSTER KEYSLOT {a}b; CLUSTER KEYSLOT; CLUSTER KEYSLOT a b; CLUSTER NOSUCH
CLUSTER ADDSLOTS 1 2 x; CLUSTER ADDSLOTS 1 16384; CLUSTER ADDSLOTS -1; CLUSTER ADDSLOTS 3 3
CLUSTER ADDSLOTS 1 2 5; CLUSTER ADDSLOTS 5 6; CLUSTER SLOTS; CLUSTER NODES; CLUSTER INFO; CLUSTER SHARDS
CLUSTER DELSLOTS 5 6; CLUSTER DELSLOTS 5 5; CLUSTER DELSLOTS 5; CLUSTER DELSLOTS 5; CLUSTER NODES
CLUSTER ADDSLOTSRANGE 10 20 30; CLUSTER ADDSLOTSRANGE 10 20 15 40; CLUSTER ADDSLOTSRANGE 20 10
CLUSTER ADDSLOTSRANGE 10 20 30 40; CLUSTER DELSLOTSRANGE 11 12 x 3; CLUSTER DELSLOTSRANGE 11 12 35 45
CLUSTER DELSLOTSRANGE 11 12 35 35; CLUSTER NODES; CLUSTER FLUSHSLOTS; CLUSTER FLUSHSLOTS now; CLUSTER NODES
CLUSTER COUNTKEYSINSLOT 1; CLUSTER COUNTKEYSINSLOT x; CLUSTER COUNTKEYSINSLOT 16384
CLUSTER GETKEYSINSLOT 1 2; CLUSTER GETKEYSINSLOT 1 -2; CLUSTER GETKEYSINSLOT 1 x; CLUSTER GETKEYSINSLOT -1 1
CLUSTER REPLICAS <id>; CLUSTER SLAVES <id>; CLUSTER REPLICAS x; CLUSTER COUNT-FAILURE-REPORTS <id>
CLUSTER COUNT-FAILURE-REPORTS y; CLUSTER FORGET <id>; CLUSTER FORGET z; CLUSTER REPLICATE <id>
CLUSTER REPLICATE z; CLUSTER FAILOVER; CLUSTER FAILOVER FORCE; CLUSTER FAILOVER NOW; CLUSTER FAILOVER a b
CLUSTER SET-CONFIG-EPOCH x; CLUSTER SET-CONFIG-EPOCH -1; CLUSTER SET-CONFIG-EPOCH 7
CLUSTER SET-CONFIG-EPOCH 8; CLUSTER BUMPEPOCH; CLUSTER BUMPEPOCH; CLUSTER INFO; CLUSTER NODES
CLUSTER MEET 127.0.0.1 x; CLUSTER MEET 127.0.0.1 70 y; CLUSTER MEET 127.0.0.1 70 7 7
CLUSTER SAVECONFIG; CLUSTER SAVECONFIG now; CLUSTER RESET x; CLUSTER RESET SOFT; CLUSTER INFO; CLUSTER NODES
CLUSTER SETSLOT 1 STABLE; CLUSTER SETSLOT 1 STABLE x; CLUSTER SETSLOT x STABLE; CLUSTER SETSLOT 1 FOO
CLUSTER SETSLOT 1 MIGRATING <id>; CLUSTER SETSLOT 1 IMPORTING <id>; CLUSTER SETSLOT 1 IMPORTING z
CLUSTER SETSLOT 1 NODE z; CLUSTER SETSLOT 1 NODE <id>; CLUSTER SETSLOT 1 IMPORTING <id>
CLUSTER SETSLOT 1 MIGRATING z; CLUSTER SETSLOT 1 MIGRATING <id>; CLUSTER NODES; CLUSTER SETSLOT 1 NODE <id>
CLUSTER NODES; CLUSTER SETSLOT 9 IMPORTING <id>; CLUSTER SETSLOT 9 NODE <id>; CLUSTER NODES; CLUSTER INFO
CLUSTER RESET HARD; INFO cluster; HELLO 3; CLUSTER SLOTS; CLUSTER SHARDS; HELLO 2
REPLICAOF a 1; FAILOVER; SWAPDB 0 1; MOVE k 1; CONFIG GET cluster-enabled; CLUSTER ADDSLOTSRANGE 0 16383
"""

WITH_ALL_SLOTS = """
SET a 1; SET {t}a 1; SET {t}b 2; MGET {t}a {t}b; MGET {t}a b; MSET a 1 b 2; DEL a a a; RENAME a b
CLUSTER COUNTKEYSINSLOT 15891; CLUSTER GETKEYSINSLOT 15891 10; CLUSTER GETKEYSINSLOT 15891 1
CLUSTER FLUSHSLOTS; CLUSTER RESET; CLUSTER REPLICATE z; COPY {t}a {t}c DB 1; COPY {t}a {t}d
CLUSTER COUNTKEYSINSLOT 15891; DEL {t}a {t}d; CLUSTER COUNTKEYSINSLOT 15891; CLUSTER GETKEYSINSLOT 15891 9
RPUSH l 2 1 3; SORT l; SORT l BY w_*; SORT l BY nosort; SORT l GET #; SORT l GET o_*; SORT l STORE m
MULTI; SET a 1; SET b 2; EXEC; MULTI; SET a 1; GET a; EXEC; MULTI; MGET a b; EXEC; WATCH a b; WATCH a
EVAL "return redis.call('GET', KEYS[1])" 1 a; EVAL "return redis.call('GET', KEYS[1])" 2 a b
EVAL "return redis.call('GET', 'b')" 1 a
EVAL "redis.call('SET', 'x', 1) return redis.call('MGET', 'x', 'y')" 0
EVAL "return redis.call('GET', 'x') .. tostring(redis.call('GET', 'y'))" 0
EVAL "#!lua\\nreturn redis.call('GET', 'x') .. tostring(redis.call('GET', 'y'))" 0
EVAL "#!lua\\nreturn redis.call('GET', 'y')" 1 x
EVAL "#!lua flags=allow-cross-slot-keys\\nreturn redis.call('GET', 'y')" 1 x
EVAL "#!lua flags=no-cluster\\nreturn 1" 0
EVAL "#!lua\\nreturn redis.call('PING')" 1 x
PUBLISH c m; SPUBLISH c m; SPUBLISH c; PUBSUB SHARDCHANNELS; CLUSTER SETSLOT 15495 MIGRATING <id>; GET a
XREAD STREAMS a b 0 0; XREAD STREAMS {t}s {t}u 0 0; ZUNIONSTORE {t}z 2 {t}x y; LMPOP 2 a b LEFT
MIGRATE 127.0.0.1 1 "" 0 10 KEYS a b; GEORADIUS a 1 2 3 m STORE b; CLUSTER DELSLOTS 15495; GET a; SET a 1
CLUSTER INFO; CLUSTER ADDSLOTS 15495; CLIENT INFO NOW; SCAN 0 MATCH nosuch; RANDOMKEY NOW
FLUSHALL; CLUSTER FLUSHSLOTS; CLUSTER SLOTS
"""

DIFFERENT = lines("""
HELLO 2; HELLO 3; CLUSTER MEET 127.0.0.1 x; CLUSTER MEET 127.0.0.1 70 y
""")
"""HELLO names the version; 7.0 says "Invalid TCP base port" where 7.2 says "Invalid base port"."""


class OurNode(MinidisSide):
    """minidis's node in cluster mode."""

    def restart(self, protocol: int) -> None:
        self.now_us = real_clock()
        config = {"cluster-enabled": "yes", "cluster-port": BUS_PORT, "port": 0}
        self.node = Node(config, clock=lambda: self.now_us, random=Random(1))
        self.node.cluster.begin()
        self.client = self.node.connect()
        self.client.protocol = protocol

    def run(self, commands):
        replies = []
        for command in commands:
            replies += super().run([command])
            self.node.write_out()
        return replies

    def pass_time(self) -> None:
        for _ in range(30):
            self.now_us += 100_000
            self.node.tick()
        self.node.write_out()


@pytest.fixture(scope="module")
def real():
    judge = next(judge for judge in available_judges() if judge.name == REDIS_7_0)
    with RealServer(judge, CONFIG) as server, server.connect() as connection:
        yield connection


def masked(reply, name: bytes):
    """The reply with <id> for the node's own id, which each side has drawn itself.

    The size of the cluster is left out: a real primary does not work it out in its first two seconds.
    """
    kind, value = reply
    if isinstance(value, list):
        return kind, [masked(item, name) for item in value]
    if not isinstance(value, bytes):
        return kind, value
    return kind, re.sub(rb"cluster_size:\d+", b"", value.replace(name, b"<id>"))


def my_name(side) -> bytes:
    return side.run([(b"CLUSTER", b"MYID")])[0][1]


def compare(real, ours, text: str) -> None:
    different = []
    for line in lines(text):
        replies = []
        for side in (ours, real):
            name = my_name(side)
            (reply,) = side.run([tuple(word.replace(b"<id>", name) for word in line)])
            replies.append(masked(reply, my_name(side)))
        if replies[0] != replies[1] and line not in DIFFERENT:
            different.append(f"{b' '.join(line)!r}\n  minidis {replies[0]}\n  real    {replies[1]}")
    assert not different, "\n".join(different)


def test_one_node(real):
    ours = OurNode()
    ours.restart(2)
    compare(real, ours, WITHOUT_SLOTS)
    deadline = time.monotonic() + 60
    while b"cluster_state:ok" not in real.run([(b"CLUSTER", b"INFO")])[0][1]:
        assert time.monotonic() < deadline
        time.sleep(0.05)  # the real one waits two seconds by its own clock before it says ok
    ours.pass_time()
    compare(real, ours, WITH_ALL_SLOTS)

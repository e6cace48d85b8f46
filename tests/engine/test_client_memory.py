"""maxmemory-clients: the largest connections go first, and not one more than must."""

from __future__ import annotations

import pytest

from minidis.drivers.embedded import Embedded
from minidis.engine.client import Buffers, Client
from minidis.engine.memory.client_memory import CLIENT_BYTES, PREFIX_BYTES, SMALLEST_LIMIT_BYTES, client_bytes
from minidis.engine.settings.config import ConfigError
from minidis.protocol.replies import ReplyError


def owe(client: Client, output_bytes: int) -> None:
    client.measure_buffers = lambda: Buffers(fd=5, output_bytes=output_bytes)


def crowd(redis: Embedded, *output_bytes: int) -> list[Client]:
    clients = [redis.connect(f"c{size}") for size in output_bytes]
    for client, size in zip(clients, output_bytes, strict=True):
        owe(client, size)
    return clients


def test_the_largest_go_until_the_rest_fit() -> None:
    redis = Embedded({"maxmemory-clients": "1mb"}, clock=0)
    small, largest, middle = crowd(redis, 100_000, 900_000, 600_000)
    redis.step(0.1)  # cron weighs them all
    assert largest.closed and not middle.closed and not small.closed
    assert redis.node.client_memory.total_bytes == 2 * CLIENT_BYTES + 700_000
    assert b"evicted_clients:1" in redis.execute("INFO", "stats")


def test_one_that_may_not_go_stays_and_the_next_goes() -> None:
    redis = Embedded({"maxmemory-clients": "1mb"}, clock=0)
    protected, other = crowd(redis, 0, 10)
    redis.execute("CLIENT", "NO-EVICT", "ON", client=protected)
    owe(protected, 2_000_000)
    redis.step(0.1)
    assert not protected.closed and other.closed


def test_a_share_of_maxmemory() -> None:
    redis = Embedded({"maxmemory": "10mb", "maxmemory-clients": "5%"}, clock=0)
    assert redis.execute("CONFIG", "GET", "maxmemory-clients") == {b"maxmemory-clients": b"5%"}
    assert redis.node.client_memory.limit_bytes() == 10 * 1024 * 1024 * 5 // 100
    redis.execute("CONFIG", "SET", "maxmemory", 0)
    assert redis.node.client_memory.limit_bytes() == 0  # a share of nothing is no limit
    redis.execute("CONFIG", "SET", "maxmemory-clients", 1)
    assert redis.node.client_memory.limit_bytes() == SMALLEST_LIMIT_BYTES


@pytest.mark.parametrize("text", ["101%", "-1", "many", "5%%", "%"])
def test_what_is_no_limit_is_refused(text: str) -> None:
    redis = Embedded(clock=0)
    with pytest.raises((ReplyError, ConfigError), match="maxmemory-clients|percent"):
        redis.execute("CONFIG", "SET", "maxmemory-clients", text)


def test_a_queue_in_multi_is_weighed_before_the_next_command() -> None:
    redis = Embedded({"maxmemory-clients": "128kb"}, clock=0)
    greedy = redis.connect("greedy")
    redis.execute("MULTI", client=greedy)
    with pytest.raises(ReplyError, match="closed"):
        for _ in range(20):
            redis.execute("SET", "k", "x" * 10_000, client=greedy)
    assert greedy.closed and redis.node.client_memory.evicted_clients == 1


def test_nobody_is_weighed_without_a_limit() -> None:
    redis = Embedded(clock=0)
    (client,) = crowd(redis, 10**9)
    redis.step(1)
    assert redis.node.client_memory.total_bytes == 0 and not redis.node.gated
    assert client_bytes(client) == CLIENT_BYTES + 10**9


def test_what_clients_hold_counts_against_maxmemory_too() -> None:
    redis = Embedded({"maxmemory-policy": "allkeys-lru"}, clock=0)
    redis.execute("SET", "k", "v")
    redis.execute("CONFIG", "SET", "maxmemory", redis.node.memory.used_bytes() + 100_000)
    redis.execute("PING")
    crowd(redis, 200_000)
    redis.step(0.1)
    redis.execute("PING")
    assert redis.execute("DBSIZE") == 0


@pytest.mark.parametrize("name", ["WATCH", "PSUBSCRIBE", "SSUBSCRIBE"])
def test_long_lists_of_small_things_weigh_too(name: str) -> None:
    redis = Embedded({"maxmemory-clients": "128kb"}, clock=0)
    greedy = redis.connect("greedy")
    greedy.protocol = 3
    with pytest.raises(ReplyError, match="closed"):
        for number in range(6000):
            redis.execute(name, number, client=greedy)
            greedy.outbox.clear()
    assert redis.node.client_memory.evicted_clients == 1


def test_prefixes_of_tracking_weigh() -> None:
    redis = Embedded(clock=0)
    client = redis.connect("tracker")
    client.protocol = 3
    before = client_bytes(client)
    redis.execute("CLIENT", "TRACKING", "ON", "BCAST", "PREFIX", "a", "PREFIX", "b", client=client)
    assert client_bytes(client) == before + 2 * PREFIX_BYTES

"""redis-py against `minidis-server`, in every mode: RESP2 and RESP3, sync and async, with hiredis or not.

tests/client runs the same library on a node in the process; here its bytes go through a socket.
"""

from __future__ import annotations

import asyncio

import pytest
import redis
import redis.asyncio
from redis._parsers import _AsyncRESP2Parser, _AsyncRESP3Parser, _HiredisParser, _RESP2Parser, _RESP3Parser
from redis.cache import CacheConfig
from redis.connection import CacheProxyConnection

MODES = {
    "hiredis-RESP2": (2, _HiredisParser),
    "hiredis-RESP3": (3, _HiredisParser),
    "python-RESP2": (2, _RESP2Parser),
    "python-RESP3": (3, _RESP3Parser),
}


@pytest.fixture(params=MODES)
def client(server, request):
    protocol, parser = MODES[request.param]
    pool = redis.ConnectionPool(
        port=server.port, protocol=protocol, parser_class=parser, decode_responses=True
    )
    with redis.Redis(connection_pool=pool) as client:
        client.flushall()
        yield client
    pool.disconnect()


def test_types_and_pipelines(client):
    with client.pipeline(transaction=False) as pipeline:
        for number in range(500):
            pipeline.set(f"key:{number}", "x" * number).incr("count")
        replies = pipeline.execute()
    assert replies[::2] == [True] * 500 and replies[1::2] == list(range(1, 501))
    client.zadd("z", {"a": 1.5, "b": 2})
    client.hset("h", mapping={"f": "v", "g": "w"})
    client.xadd("s", {"f": "v"}, id="1-1")
    assert client.zscore("z", "a") == 1.5
    assert client.hgetall("h") == {"f": "v", "g": "w"}
    assert client.xlen("s") == 1
    assert sorted(client.scan_iter(match="key:1?")) == [f"key:{number}" for number in range(10, 20)]


def test_transactions_with_watch(client):
    client.set("balance", 10)
    with client.pipeline() as pipeline:
        pipeline.watch("balance")
        client.set("balance", 20)
        pipeline.multi()
        pipeline.set("balance", 11)
        with pytest.raises(redis.WatchError):
            pipeline.execute()
    with client.pipeline() as pipeline:
        pipeline.watch("balance")
        pipeline.multi()
        pipeline.incr("balance")
        assert pipeline.execute() == [21]


def test_pubsub(client):
    with client.pubsub() as listener:
        listener.subscribe("news")
        assert listener.get_message(timeout=10)["type"] == "subscribe"
        assert client.publish("news", "hello") == 1
        assert listener.get_message(timeout=10)["data"] == "hello"


def test_a_lock(client):
    lock = client.lock("lock", timeout=10)
    assert lock.acquire(blocking=False)
    assert not client.lock("lock", timeout=10).acquire(blocking=False)
    lock.release()
    assert client.exists("lock") == 0


def test_blocking_and_a_timeout(client):
    client.rpush("q", "x")
    assert list(client.blpop("q", timeout=1)) == ["q", "x"]
    assert client.blpop("q", timeout=0.01) is None


def test_client_side_caching(server, monkeypatch):
    """redis-py wants 7.4 for it, which is when Redis Enterprise came to have it; Redis has it since 6."""
    monkeypatch.setattr(CacheProxyConnection, "MIN_ALLOWED_VERSION", "7.2.0")
    with (
        redis.Redis(
            port=server.port, protocol=3, cache_config=CacheConfig(), decode_responses=True
        ) as reader,
        redis.Redis(port=server.port) as writer,
    ):
        writer.set("cached", "old")
        assert reader.get("cached") == "old"
        cache = reader.get_cache()
        assert cache.size == 1
        misses = writer.info("stats")["keyspace_hits"]
        assert reader.get("cached") == "old"
        assert writer.info("stats")["keyspace_hits"] == misses  # answered from the client's own memory
        writer.set("cached", "new")
        for _ in range(1000):  # the push is on its way
            if reader.get("cached") == "new":
                break
        else:
            raise AssertionError("the client was not told")


@pytest.mark.parametrize("parser", [_AsyncRESP2Parser, _AsyncRESP3Parser])
def test_asyncio(server, parser):
    async def scenario() -> None:
        pool = redis.asyncio.ConnectionPool(
            port=server.port,
            protocol=3 if parser is _AsyncRESP3Parser else 2,
            parser_class=parser,
            decode_responses=True,
        )
        async with redis.asyncio.Redis(connection_pool=pool) as client:
            await client.flushall()
            waiting = asyncio.create_task(client.blpop("jobs", timeout=10))
            await client.incr("n")
            numbers = await asyncio.gather(*(client.incr("n") for _ in range(50)))
            assert sorted(numbers) == list(range(2, 52))
            await client.rpush("jobs", "job")
            assert list(await waiting) == ["jobs", "job"]
        await pool.disconnect()

    asyncio.run(scenario())

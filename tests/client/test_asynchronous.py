"""redis-py's asyncio client on a node in this process."""

from __future__ import annotations

import asyncio
import threading

import pytest
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from minidis.client import connect, connect_async
from minidis.drivers.embedded import Embedded


@pytest.fixture
def node() -> Embedded:
    return Embedded(seed=1)


@pytest.fixture(params=[2, 3], ids=["RESP2", "RESP3"])
def run(request, node):
    """Run a test's coroutine with a client, closed at the end; a test that hangs is ended."""

    def run_with_client(scenario, **options) -> None:
        async def main() -> None:
            client = connect_async(node, decode_responses=True, protocol=request.param, **options)
            try:
                await asyncio.wait_for(scenario(client), 60)
            finally:
                await client.aclose()

        asyncio.run(main())

    return run_with_client


async def until_blocked(node: Embedded, clients: int = 1) -> None:
    while len(node.node.waiting) < clients:
        await asyncio.sleep(0)


def test_values_of_every_type(run):
    async def scenario(client) -> None:
        assert await client.set("k", "v") is True
        assert await client.get("k") == "v"
        assert await client.rpush("l", 1, 2) == 2
        assert await client.lrange("l", 0, -1) == ["1", "2"]
        assert await client.hset("h", mapping={"f": 1}) == 1
        assert await client.hgetall("h") == {"f": "1"}
        assert await client.sadd("s", "a") == 1
        assert await client.smembers("s") == {"a"}
        assert await client.zadd("z", {"m": 1.5}) == 1
        assert await client.zscore("z", "m") == 1.5
        assert (await client.info("keyspace"))["db0"]["keys"] == 5
        assert [key async for key in client.scan_iter("?")] != []
        with pytest.raises(redis.ResponseError, match="^WRONGTYPE"):
            await client.incr("l")

    run(scenario)


def test_pipelines(run):
    async def scenario(client) -> None:
        async with client.pipeline(transaction=True) as pipe:
            assert await pipe.set("n", 1).incr("n").execute() == [True, 2]
        async with client.pipeline() as pipe:
            await pipe.watch("n")
            await client.set("n", 5)
            pipe.multi()
            pipe.incr("n")
            with pytest.raises(redis.WatchError):
                await pipe.execute()

    run(scenario)


def test_a_task_wakes_another(run, node):
    async def scenario(client) -> None:
        async def push() -> None:
            await until_blocked(node)
            await client.rpush("q", "x")

        popped, _ = await asyncio.gather(client.blpop(["q"], timeout=30), push())
        assert list(popped) == ["q", "x"]

    run(scenario)


def test_a_thread_wakes_a_task(run, node):
    async def scenario(client) -> None:
        waiting = asyncio.create_task(client.blpop(["q"], timeout=30))
        await until_blocked(node)
        thread = threading.Thread(target=lambda: connect(node).rpush("q", "x"))
        thread.start()
        assert list(await waiting) == ["q", "x"]
        thread.join()

    run(scenario)


def test_time_ends_the_waiting(run):
    async def scenario(client) -> None:
        assert await client.blpop(["nosuch"], timeout=0.05) is None

    run(scenario)


def test_a_moved_clock_ends_the_waiting(run, node):
    async def scenario(client) -> None:
        waiting = asyncio.create_task(client.blpop(["nosuch"], timeout=3600))
        await until_blocked(node)
        node.step(3600)
        assert await waiting is None

    node.freeze("2026-01-01T00:00:00Z")
    run(scenario)


def test_a_cancelled_task_waits_no_more(run, node):
    async def scenario(client) -> None:
        waiting = asyncio.create_task(client.blpop(["q"], timeout=0))
        await until_blocked(node)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        assert len(node.node.waiting) == 0
        assert await client.rpush("q", "x") == 1

    run(scenario)


def test_a_killed_connection_is_a_connection_error(run, node):
    async def scenario(client) -> None:
        waiting = asyncio.create_task(client.blpop(["q"], timeout=0))
        await until_blocked(node)
        [blocked] = [number for number, each in node.node.clients.items() if each.parked]
        node.execute("CLIENT", "KILL", "ID", str(blocked))
        with pytest.raises(redis.ConnectionError):
            await waiting
        assert await client.ping()

    run(scenario, retry=Retry(NoBackoff(), 0))


def test_a_hundred_tasks_share_one_client(run):
    async def scenario(client) -> None:
        await asyncio.gather(*(client.incr("n") for _ in range(100)))
        assert await client.get("n") == "100"

    run(scenario)

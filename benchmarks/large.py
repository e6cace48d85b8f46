"""The same commands on large collections: a hundred thousand elements each, and ten of them a call."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from random import Random
from typing import Any

from benchmarks import peers
from benchmarks.harness import Row
from benchmarks.peers import Case, case

TITLE = "On large collections"
ABOUT = """A hundred thousand elements in each collection; scores are drawn at random. (A million in our
own, and how the costs grow: GROWTH.md.)"""
UNIT = "us"
PEERS = ("minidis redis-py", "fakeredis", "redis TCP", "redis unix")
COMPARED = (("minidis redis-py", "fakeredis"), ("minidis redis-py", "redis TCP"))

ELEMENTS, QUICK_ELEMENTS = 100_000, 200
CHUNK = 1000

CASES = [
    case("ZADD board 0.5 m77", "zadd", "board", {"m77": 0.5}),
    case("ZSCORE board m77", "zscore", "board", "m77"),
    case("ZRANK board m77", "zrank", "board", "m77"),
    case("ZRANGE board 100 109 WITHSCORES", "zrange", "board", 100, 109, withscores=True),
    case("ZRANGEBYSCORE board 0.5 1 LIMIT 0 10", "zrangebyscore", "board", 0.5, 1, start=0, num=10),
    case("ZINCRBY board 0 m77", "zincrby", "board", 0, "m77"),
    case("HGET users f77", "hget", "users", "f77"),
    case("HSET users f77 v", "hset", "users", "f77", "v"),
    case("SISMEMBER ids m77", "sismember", "ids", "m77"),
    case("SRANDMEMBER ids 10", "srandmember", "ids", 10),
    case("LINDEX feed 100", "lindex", "feed", 100),
    case("LRANGE feed 100 109", "lrange", "feed", 100, 109),
    case("LPUSH feed x", "lpush", "feed", "x"),
    case("XRANGE log - + COUNT 10", "xrange", "log", count=10),
    case("SCAN 0 COUNT 10", "scan", 0, count=10),
]


def rows(quick: bool) -> Iterator[Row]:
    with peers.clients() as clients:
        for client in clients.values():
            fill(client, QUICK_ELEMENTS if quick else ELEMENTS)
        ways: Mapping[str, Any] = {name: peers.by_method(client) for name, client in clients.items()}
        chosen: list[Case] = CASES[:2] if quick else CASES
        for each in chosen:
            yield Row(each.words, {name: way(each) for name, way in ways.items()})


def fill(client: Any, count: int) -> None:
    """The same collections for everybody."""
    client.flushall()
    random = Random(count)
    for first in range(0, count, CHUNK):
        numbers = range(first, min(first + CHUNK, count))
        client.zadd("board", {f"m{number}": random.random() for number in numbers})
        client.hset("users", mapping={f"f{number}": f"user {number}" for number in numbers})
        client.sadd("ids", *[f"m{number}" for number in numbers])
        client.rpush("feed", *[f"post {number}" for number in numbers])
        client.mset({f"key:{number}": number for number in numbers})
    for number in range(min(count, CHUNK)):
        client.xadd("log", {"number": number}, id=f"1-{number + 1}")
    for _ in client.scan_iter(count=CHUNK):  # the first walk of ours builds an index
        pass

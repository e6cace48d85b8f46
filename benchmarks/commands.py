"""One command at a time, by five ways, on a small keyspace: what the engine costs and what stands around it.

- dict: the Python operation at the heart of the command, the least that anything here can cost;
- node: `Node.execute`, the engine without a driver;
- embedded: `Embedded.call`, with the lock and the clock that threads and notebooks need;
- redis-py: `minidis.connect()`, a genuine redis.Redis whose bytes are encoded and parsed both ways;
- fakeredis: the same redis-py calls on fakeredis.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from typing import Any

import fakeredis

import minidis
from benchmarks.timing import microseconds_per_call, table

Call = tuple[Callable[..., Any], tuple[Any, ...]]

COMMANDS = [
    "PING",
    "SET string value",
    "GET string",
    "INCR counter",
    "MSET string value other value",
    "LPUSH list value",
    "LRANGE range 0 9",
    "SADD set member",
    "HSET hash field value",
    "HGET hash field",
    "HGETALL hash",
    "ZADD zset 1.5 member",
    "ZRANK zset member",
    "SETBIT bits 7 1",
    "PFADD sketch element",
    "SET short value EX 100",
    "EXPIRE string 100",
    "EVAL return(redis.call('get',KEYS[1])) 1 string",
]

PREPARE = [
    "SET string value",
    "RPUSH range 0 1 2 3 4 5 6 7 8 9",
    "HSET hash field value f2 v2 f3 v3",
    "ZADD zset 1 a 2 member 3 c",
]


def measure() -> str:
    """The whole table as Markdown."""
    ways = {
        "node": node_way(),
        "embedded": embedded_way(),
        "redis-py": client_way(minidis.connect(minidis.Embedded())),
    }
    ways["fakeredis"] = client_way(fakeredis.FakeRedis())
    rows = []
    for command in COMMANDS:
        words = command.split()
        times = {"dict": microseconds_per_call(*bare_python(words))} if bare_python(words) else {}
        times |= {name: microseconds_per_call(*way(words)) for name, way in ways.items()}
        ratio = times["fakeredis"] / times["redis-py"]
        cells = [f"{times[name]:.2f}" if name in times else "" for name in ("dict", *ways)]
        rows.append([command, *cells, f"{ratio:.1f}"])
    return table(["us per call", "dict", *ways, "fakeredis / redis-py"], rows)


def node_way() -> Callable[[list[str]], Call]:
    node = minidis.Node(clock=lambda: time.time_ns() // 1000)
    client = node.connect()
    for command in PREPARE:
        node.execute(client, command.encode().split())
    return lambda words: (node.execute, (client, [word.encode() for word in words]))


def embedded_way() -> Callable[[list[str]], Call]:
    driver = minidis.Embedded()
    for command in PREPARE:
        driver.execute(*command.split())
    return lambda words: (driver.call, (driver.client, [word.encode() for word in words]))


def client_way(client: Any) -> Callable[[list[str]], Call]:
    for command in PREPARE:
        client.execute_command(*command.split())
    return lambda words: (client.execute_command, tuple(words))


def bare_python(words: list[str]) -> Call | None:
    """The container operation that does the same without a server; None where there is no single one."""
    store: dict[str, Any] = {"string": "value", "counter": 0}
    hash_ = {"field": "value", "f2": "v2", "f3": "v3"}
    items = deque(range(10))

    def increment() -> int:
        store["counter"] += 1
        return store["counter"]

    return {
        "SET": (store.__setitem__, ("string", "value")) if len(words) == 3 else None,
        "GET": (store.get, ("string",)),
        "INCR": (increment, ()),
        "LPUSH": (deque(maxlen=1000).appendleft, ("value",)),
        "LRANGE": (list, (items,)),
        "SADD": (set().add, ("member",)),
        "HSET": (hash_.__setitem__, ("field", "value")),
        "HGET": (hash_.get, ("field",)),
        "HGETALL": (hash_.copy, ()),
    }.get(words[0])

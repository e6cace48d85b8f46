"""Many commands at once: pipelines, transactions, scripts and scans, by redis-py's own methods."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

import minidis
from benchmarks import peers
from benchmarks.harness import Call, Row

TITLE = "Pipelines, transactions, scripts, scans"
ABOUT = """Each row is a whole batch: a hundred commands in a pipeline, a check-and-set under WATCH, a
script, all of a thousand keys by `scan_iter`. fakeredis runs scripts by the same Lua as we do. `floor` is
redis-py alone, which collects the batch and sends it nowhere; `least` is that, and then the same commands by
the node's own call, one by one: about the least that a client of redis-py's shape can take."""
UNIT = "us"
PEERS = ("minidis redis-py", "floor", "least", "fakeredis", "redis TCP", "redis unix")
COMPARED = (("minidis redis-py", "fakeredis"), ("least", "fakeredis"),
            ("minidis redis-py", "redis TCP"), ("least", "redis TCP"))  # fmt: skip

KEYS = 1000
SCRIPT = "return redis.call('get', KEYS[1])"
LOOP = "for i = 1, 100 do redis.call('incr', KEYS[1]) end"


def rows(quick: bool) -> Iterator[Row]:
    chosen = list(BATCHES.items())
    with peers.clients() as clients:
        for client in clients.values():
            client.flushall()
            client.mset({f"key:{number}": number for number in range(KEYS)})
        for name, batch in chosen[:1] if quick else chosen:
            calls = {peer: Call(batch, (client,)) for peer, client in clients.items()}
            if batch is not scan:  # which asks for more until it is answered
                calls["floor"] = Call(batch, (peers.Floor(),))
                calls["least"] = Call(least(batch))
            yield Row(name, calls)


def least(batch: Callable[[Any], None]) -> Callable[[], None]:
    """What redis-py makes of a batch, and what it sends, on a node of its own, one after another."""
    floor, requests = peers.Floor(), requests_of(batch)
    node = minidis.Node(clock=lambda: time.time_ns() // 1000)
    node.stopwatch_ns = time.perf_counter_ns  # as every driver gives it one
    client = node.connect()

    for number in range(KEYS):
        node.execute(client, [b"SET", b"key:%d" % number, b"%d" % number])

    def run() -> None:
        batch(floor)
        for request in requests:
            node.execute(client, request)

    return run


def requests_of(batch: Callable[[Any], None]) -> list[list[bytes]]:
    """What a batch sends, as a node hears it."""
    embedded = minidis.Embedded()
    heard: list[list[bytes]] = []
    with minidis.connect(embedded) as client:
        client.ping()  # after which it has said who it is
        embedded.node.listen_to_commands(lambda client, argv, reply: heard.append(list(argv)))
        batch(client)
    return heard


def gets(client: Any) -> None:
    with client.pipeline(transaction=False) as pipe:
        for number in range(100):
            pipe.get(f"key:{number}")
        pipe.execute()


def mixed(client: Any) -> None:
    with client.pipeline(transaction=False) as pipe:
        for number in range(20):
            pipe.set("k", number).incr("n").hset("h", "f", number).zadd("z", {"m": number}).lrange("l", 0, 9)
        pipe.execute()


def transaction(client: Any) -> None:
    with client.pipeline() as pipe:
        for _ in range(100):
            pipe.incr("n")
        pipe.execute()


def check_and_set(client: Any) -> None:
    def add_one(pipe: Any) -> None:
        seen = int(pipe.get("seen") or 0)
        pipe.multi()
        pipe.set("seen", seen + 1)

    client.transaction(add_one, "seen")


def script(client: Any) -> None:
    client.eval(SCRIPT, 1, "key:1")


def script_loop(client: Any) -> None:
    client.eval(LOOP, 1, "n")


def scan(client: Any) -> None:
    for _ in client.scan_iter(count=100):
        pass


BATCHES: dict[str, Callable[[Any], None]] = {
    "pipeline, 100 GET": gets,
    "pipeline, 100 mixed": mixed,
    "MULTI, 100 INCR": transaction,
    "WATCH GET MULTI SET EXEC": check_and_set,
    "EVAL, one GET": script,
    "EVAL, 100 INCR": script_loop,
    "SCAN of 1000 keys": scan,
}

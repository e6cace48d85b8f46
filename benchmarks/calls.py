"""One command at a time on a small keyspace: what the engine costs, and what stands around it."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from typing import Any

from benchmarks import peers
from benchmarks.harness import Call, Row
from benchmarks.peers import Case, case

TITLE = "One command at a time"
ABOUT = """`dict` is the bare Python operation at the heart of the command; the other columns are told in
peers.py. Collections have ten elements or fewer."""
UNIT = "us"
PEERS = ("dict", "minidis node", "minidis embedded", "burner-redis", "minidis redis-py", "floor", "fakeredis",
         "redis TCP", "redis unix")  # fmt: skip
COMPARED = (("minidis node", "fakeredis"), ("minidis node", "burner-redis"),
            ("minidis redis-py", "fakeredis"), ("minidis redis-py", "redis TCP"))  # fmt: skip

PREPARE = [
    case("SET string value", "set", "string", "value"),
    case("RPUSH range 0 1 2 3 4 5 6 7 8 9", "rpush", "range", *range(10)),
    case(
        "HSET hash field value f2 v2 f3 v3",
        "hset",
        "hash",
        mapping={"field": "value", "f2": "v2", "f3": "v3"},
    ),
    case("ZADD zset 1 a 2 member 3 c", "zadd", "zset", {"a": 1, "member": 2, "c": 3}),
    case("SADD tags a b c", "sadd", "tags", "a", "b", "c"),
    case("XADD stream 1-1 f v", "xadd", "stream", {"f": "v"}, id="1-1"),
]

CASES = [
    case("PING", "ping"),
    case("SET string value", "set", "string", "value"),
    case("GET string", "get", "string"),
    case("INCR counter", "incr", "counter"),
    case("MGET string nosuch", "mget", ["string", "nosuch"]),
    case("SET short value EX 100", "set", "short", "value", ex=100),
    case("EXPIRE string 100", "expire", "string", 100),
    case("DEL nosuch", "delete", "nosuch"),
    case("LPUSH list value", "lpush", "list", "value"),
    case("LRANGE range 0 9", "lrange", "range", 0, 9),
    case("SADD set member", "sadd", "set", "member"),
    case("SISMEMBER tags b", "sismember", "tags", "b"),
    case("HSET hash field value", "hset", "hash", "field", "value"),
    case("HGET hash field", "hget", "hash", "field"),
    case("HGETALL hash", "hgetall", "hash"),
    case("ZADD zset 1.5 member", "zadd", "zset", {"member": 1.5}),
    case("ZSCORE zset member", "zscore", "zset", "member"),
    case("ZRANK zset member", "zrank", "zset", "member"),
    case("ZRANGE zset 0 -1 WITHSCORES", "zrange", "zset", 0, -1, withscores=True),
    case("XRANGE stream - +", "xrange", "stream"),
    case("SETBIT bits 7 1", "setbit", "bits", 7, 1),
    case("PFADD sketch element", "pfadd", "sketch", "element"),
]


def rows(quick: bool) -> Iterator[Row]:
    with peers.clients() as clients:
        ways = peers.by_words([each.words for each in PREPARE])
        ways |= {name: peers.by_method(client) for name, client in clients.items()}
        ways["floor"] = peers.by_method(peers.Floor())
        burner = peers.Burner(PREPARE)
        for client in clients.values():
            client.flushall()
            for each in PREPARE:
                getattr(client, each.method)(*each.arguments, **each.options)
        for each in CASES[:3] if quick else CASES:
            calls = {name: way(each) for name, way in ways.items()}
            if burner.can(each):
                calls["burner-redis"] = burner.way(each)
            if bare := bare_python(each):
                calls["dict"] = bare
            yield Row(each.words, calls)


def bare_python(each: Case) -> Call | None:
    """The container operation that does the same without a server; None where there is no single one."""
    store: dict[str, Any] = {"string": "value", "counter": 0}
    hash_ = {"field": "value", "f2": "v2", "f3": "v3"}
    items = deque(range(10))

    def increment() -> int:
        store["counter"] += 1
        return store["counter"]

    return {
        "SET string value": Call(store.__setitem__, ("string", "value")),
        "GET string": Call(store.get, ("string",)),
        "INCR counter": Call(increment),
        "LPUSH list value": Call(deque(maxlen=1000).appendleft, ("value",)),
        "LRANGE range 0 9": Call(list, (items,)),
        "SADD set member": Call(set().add, ("member",)),
        "SISMEMBER tags b": Call({"a", "b", "c"}.__contains__, ("b",)),
        "HSET hash field value": Call(hash_.__setitem__, ("field", "value")),
        "HGET hash field": Call(hash_.get, ("field",)),
        "HGETALL hash": Call(hash_.copy),
    }.get(each.words)

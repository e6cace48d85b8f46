"""Commands whose cost grows with a collection, on collections of a thousand elements."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import fakeredis

import minidis
from benchmarks import peers
from benchmarks.harness import Row
from benchmarks.peers import Case, Steps, case

TITLE = "A thousand elements"
ABOUT = """Commands whose work grows with the collection, on a thousand elements each, the lowest ratio
first. Two sets share half of their members; a HyperLogLog is dense with 5000. Where a command changes what
it works on, COPY or another command stands before or behind it in the same row. Much of such work is done by
Python's own types, in C, by fakeredis as by us; but fakeredis has no skip list, chains or opcodes to keep."""
UNIT = "us"
PEERS = ("minidis redis-py", "fakeredis")
COMPARED = (("minidis redis-py", "fakeredis"),)
LOWEST_FIRST = True

ELEMENTS, QUICK_ELEMENTS = 1000, 50
KINDS = ("set", "numbers", "zset", "hash", "list", "stream", "sketch", "dense", "bytes")


def rows(quick: bool) -> Iterator[Row]:
    count = QUICK_ELEMENTS if quick else ELEMENTS
    clients = {"minidis redis-py": minidis.connect(minidis.Embedded()), "fakeredis": fakeredis.FakeRedis()}
    for client in clients.values():
        fill(client, count)
    for name in KINDS[:-1]:
        yield Row(f"RESTORE of a {name}", {peer: restoring(client, name) for peer, client in clients.items()})
    yield from peers.rows_of(clients, cases(count))
    for client in clients.values():
        client.close()


def fill(client: Any, count: int) -> None:
    """The same collections for everybody."""
    client.flushall()  # fakeredis's servers may know each other's keys
    for name, numbers in (("", range(count)), ("2", range(count // 2, count + count // 2))):
        client.sadd(f"set{name}", *members(numbers))
        client.zadd(f"zset{name}", {f"member:{number}": number * 7 % count for number in numbers})
        client.pfadd(f"sketch{name}", *members(numbers))
        client.pfadd(f"dense{name}", *members(range(5 * numbers.start, 5 * numbers.stop)))
    client.zadd("names", dict.fromkeys(members(range(count)), 0))
    client.sadd("numbers", *[number * 7 for number in range(count)])
    client.hset("hash", mapping={f"field:{number}": f"value:{number}" for number in range(count)})
    client.rpush("list", *[f"item:{number}" for number in range(count)])
    client.rpush("digits", *[number * 7 % count for number in range(count)])
    client.mset({f"weight:{number}": number * 3 % count for number in range(count)})
    client.geoadd("places", [word for number in range(count) for word in place(number, count)])
    for number in range(count):
        client.xadd("stream", {"number": number, "name": f"entry {number}"}, id=f"1-{number + 1}")
    client.xgroup_create("stream", "group", 0)
    client.xreadgroup("group", "consumer", {"stream": ">"})
    client.set("zeros", bytes(count * 100) + b"x")
    client.set("bytes", bytes(range(256)) * (count * 4 // 10))
    client.set("bytes2", bytes(reversed(range(256))) * (count * 4 // 10))


def members(numbers: range) -> list[str]:
    """The names of members, the same in all collections."""
    return [f"member:{number}" for number in numbers]


def place(number: int, count: int) -> tuple[float, float, str]:
    """One of many places on a grid of some ten degrees."""
    return 10 + number % 32 * 0.3, 36 + number / count * 10, f"place:{number}"


def restoring(client: Any, name: str) -> peers.Call:
    """RESTORE of a payload that each makes for itself."""
    return peers.by_method(client)(case("RESTORE", "restore", "restored", 0, client.dump(name), replace=True))


def cases(count: int) -> list[Steps]:
    """All but what needs a payload."""
    return [*whole_keys(), *strings(count), *lists(count), *sets(count), *sorted_sets(count), *others(count)]


def copied(name: str, *steps: Case) -> list[Case]:
    """Steps that use up a copy of a collection."""
    return [case("COPY", "copy", name, "copy", replace=True), *steps]


def whole_keys() -> Iterator[Steps]:
    for name in KINDS:
        yield case(f"DUMP of a {name}", "dump", name)
        yield case(f"COPY of a {name}", "copy", name, "copy", replace=True)
        yield copied(name, case(f"DEL of a {name}", "delete", "copy"))


def strings(count: int) -> Iterator[Steps]:
    keys = [f"weight:{number}" for number in range(count // 10)]
    yield case("MGET of 100", "mget", keys)
    yield case("MSET of 100", "mset", dict.fromkeys(keys, 0))
    yield case("EXISTS of 100", "exists", *keys)
    yield [case("DEL of 100", "delete", *keys), case("MSET of 100", "mset", dict.fromkeys(keys, 0))]
    yield case("BITCOUNT", "bitcount", "bytes")
    yield case("BITPOS", "bitpos", "zeros", 1)
    for operation in ("AND", "OR", "XOR"):
        yield case(f"BITOP {operation}", "bitop", operation, "stored", "bytes", "bytes2")
    yield case("BITOP NOT", "bitop", "NOT", "stored", "bytes")
    yield case("GETRANGE of 1000", "getrange", "bytes", count, 2 * count)
    yield case("SETRANGE of 1000", "setrange", "bytes2", count, b"x" * count)
    yield case("KEYS weight:*", "keys", "weight:*")


def lists(count: int) -> Iterator[Steps]:
    items, middle = [f"item:{number}" for number in range(count)], f"item:{count // 2}"
    yield [case("RPUSH of 1000", "rpush", "new", *items), case("DEL", "delete", "new")]
    yield [case("LPUSH of 1000", "lpush", "new", *items), case("DEL", "delete", "new")]
    yield copied("list", case("LPOP 100", "lpop", "copy", count // 10))
    yield copied("list", case("RPOP 100", "rpop", "copy", count // 10))
    yield copied("list", case("LTRIM", "ltrim", "copy", count // 10, count // 2))
    yield case("LINDEX of the middle", "lindex", "list", count // 2)
    yield case("LRANGE 0 -1", "lrange", "list", 0, -1)
    yield case("LPOS of the middle", "lpos", "list", middle)
    yield case("LPOS of none", "lpos", "list", "nosuch")
    yield case("LREM of none", "lrem", "list", 0, "nosuch")
    yield [
        case("LINSERT", "linsert", "list", "BEFORE", middle, "new"),
        case("LREM", "lrem", "list", 1, "new"),
    ]
    yield case("LSET of the middle", "lset", "list", count // 2, middle)
    yield case("SORT", "sort", "digits")
    yield case("SORT DESC LIMIT", "sort", "digits", start=0, num=10, desc=True)
    yield case("SORT ALPHA", "sort", "list", alpha=True)
    yield case("SORT BY", "sort", "digits", by="weight:*")
    yield case("SORT BY nosort GET", "sort", "digits", by="nosort", get="weight:*")
    yield case("SORT STORE", "sort", "digits", store="stored")
    yield case("SORT of a set", "sort", "numbers")


def sets(count: int) -> Iterator[Steps]:
    both, names = ["set", "set2"], members(range(count))
    yield [case("SADD of 1000", "sadd", "new", *names), case("DEL", "delete", "new")]
    yield [case("SADD of 1000 numbers", "sadd", "new", *range(count)), case("DEL", "delete", "new")]
    yield copied("set", case("SREM of 100", "srem", "copy", *names[: count // 10]))
    yield copied("set", case("SPOP 100", "spop", "copy", count // 10))
    yield case("SRANDMEMBER 100", "srandmember", "set", count // 10)
    yield case("SRANDMEMBER -100", "srandmember", "set", -count // 10)
    yield case("SMEMBERS", "smembers", "set")
    yield case("SMISMEMBER of 100", "smismember", "set", names[: count // 10])
    yield case("SSCAN COUNT 100", "sscan", "set", count=count // 10)
    for operation in ("union", "inter", "diff"):
        yield case(f"S{operation.upper()}", f"s{operation}", both)
        yield case(f"S{operation.upper()}STORE", f"s{operation}store", "stored", both)
    yield case("SINTERCARD", "sintercard", 2, both)


def sorted_sets(count: int) -> Iterator[Steps]:
    both, names, tenth = ["zset", "zset2"], members(range(count)), count // 10
    scores = {name: number * 7 % count for number, name in enumerate(names)}
    yield [case("ZADD of 1000", "zadd", "new", scores), case("DEL", "delete", "new")]
    yield case("ZADD of 1000 present", "zadd", "zset", scores)
    yield copied("zset", case("ZREM of 100", "zrem", "copy", *names[:tenth]))
    yield copied("zset", case("ZPOPMIN 100", "zpopmin", "copy", tenth))
    yield copied("zset", case("ZPOPMAX 100", "zpopmax", "copy", tenth))
    yield copied("zset", case("ZREMRANGEBYSCORE", "zremrangebyscore", "copy", tenth, 2 * tenth))
    yield case("ZRANGE 0 -1", "zrange", "zset", 0, -1)
    yield case("ZRANGE 0 -1 WITHSCORES", "zrange", "zset", 0, -1, withscores=True)
    yield case("ZRANGE REV 0 -1", "zrange", "zset", 0, -1, desc=True)
    yield case("ZRANGEBYSCORE of 100", "zrangebyscore", "zset", tenth, 2 * tenth)
    yield case("ZREVRANGEBYSCORE of 100", "zrevrangebyscore", "zset", 2 * tenth, tenth)
    yield case("ZRANGEBYLEX of 100", "zrangebylex", "names", "[member:2", "(member:3")
    yield case("ZCOUNT", "zcount", "zset", tenth, 2 * tenth)
    yield case("ZLEXCOUNT", "zlexcount", "names", "[member:2", "(member:3")
    yield case("ZRANK", "zrank", "zset", names[count // 2])
    yield case("ZMSCORE of 100", "zmscore", "zset", names[:tenth])
    yield case("ZRANDMEMBER 100", "zrandmember", "zset", tenth)
    yield case("ZRANDMEMBER -100", "zrandmember", "zset", -tenth)
    yield case("ZSCAN COUNT 100", "zscan", "zset", count=tenth)
    yield case("ZRANGESTORE", "zrangestore", "ranged", "zset", 0, -1)
    for operation in ("union", "inter", "diff"):
        yield case(f"Z{operation.upper()}", f"z{operation}", both)
        yield case(f"Z{operation.upper()}STORE", f"z{operation}store", "stored", both)
    yield case("ZUNION WITHSCORES", "zunion", both, withscores=True)
    yield case("ZINTERCARD", "zintercard", 2, both)
    around = {"longitude": 15, "latitude": 41, "unit": "km"}
    yield case("GEOSEARCH of all", "geosearch", "places", **around, radius=1000)
    yield case("GEOSEARCH of some", "geosearch", "places", **around, radius=100, sort="ASC")
    yield case("GEOSEARCH BYBOX", "geosearch", "places", **around, width=400, height=400)
    yield case("GEOSEARCHSTORE of some", "geosearchstore", "stored", "places", **around, radius=100)
    yield case("GEOPOS of 100", "geopos", "places", *[f"place:{number}" for number in range(tenth)])


def others(count: int) -> Iterator[Steps]:
    fields = {f"field:{number}": f"value:{number}" for number in range(count)}
    some, names = list(fields)[: count // 10], members(range(count))
    yield [case("HSET of 1000", "hset", "new", mapping=fields), case("DEL", "delete", "new")]
    yield copied("hash", case("HDEL of 100", "hdel", "copy", *some))
    yield case("HGETALL", "hgetall", "hash")
    yield case("HKEYS", "hkeys", "hash")
    yield case("HVALS", "hvals", "hash")
    yield case("HMGET of 100", "hmget", "hash", some)
    yield case("HRANDFIELD 100 WITHVALUES", "hrandfield", "hash", count // 10, True)
    yield case("HSCAN COUNT 100", "hscan", "hash", count=count // 10)
    yield case("XRANGE", "xrange", "stream")
    yield case("XREVRANGE", "xrevrange", "stream")
    yield case("XRANGE COUNT 100", "xrange", "stream", count=count // 10)
    yield case("XREAD", "xread", {"stream": 0})
    yield case("XREADGROUP 0", "xreadgroup", "group", "consumer", {"stream": 0})
    yield case("XPENDING - + 100", "xpending_range", "stream", "group", "-", "+", count // 10)
    yield copied("stream", case("XTRIM", "xtrim", "copy", maxlen=count // 2, approximate=False))
    yield [case("PFADD of 1000", "pfadd", "new", *names), case("DEL", "delete", "new")]
    for kind in ("sketch", "dense"):
        both = [kind, f"{kind}2"]
        yield case(f"PFADD to a {kind}", "pfadd", kind, *names[:1])
        yield case(f"PFADD of 100 to a {kind}", "pfadd", kind, *names[: count // 10])
        yield case(f"PFCOUNT of two {kind}", "pfcount", *both)
        yield case(f"PFMERGE of two {kind}", "pfmerge", f"merged {kind}", *both)

"""What a look-up leaves behind: keyspace_hits and keyspace_misses, and the events of a miss and of a new key.

Each request meets a key that is missing, and one whose time has just passed but which nobody has freed yet.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from tests.differential.grammar import Command
from tests.differential.servers import RealServer, available_judges
from tests.differential.test_pubsub import OurClients
from tests.differential.test_waiting import RealClients
from tests.differential.wire import show

REQUESTS = """
GET x|STRLEN x|GETRANGE x 0 1|EXISTS x|EXISTS x x|TYPE x|TTL x|PTTL x|EXPIRETIME x|OBJECT ENCODING x|OBJECT FREQ x
TOUCH x|LLEN x|LRANGE x 0 1|LINDEX x 0|LPOS x a|SCARD x|SMEMBERS x|SISMEMBER x a|SMISMEMBER x a|SRANDMEMBER x
HGET x f|HLEN x|HGETALL x|HMGET x f|HKEYS x|HEXISTS x f|HSTRLEN x f|HRANDFIELD x|ZCARD x|ZSCORE x m|ZRANGE x 0 1
ZRANK x m|ZCOUNT x 0 1|ZMSCORE x m|ZRANDMEMBER x|XLEN x|XRANGE x - +|XREAD STREAMS x 0|PFCOUNT x|GETBIT x 0|BITCOUNT x
BITPOS x 1|GEOPOS x m|GEODIST x a b|MGET x x|SINTER x x|SUNION x y|SDIFF x y|SINTERCARD 1 x|ZUNION 1 x|ZINTER 1 x
LCS x y|DUMP x|SORT x|SORT_RO x|SSCAN x 0|HSCAN x 0|ZSCAN x 0|BITFIELD_RO x GET u8 0|BITFIELD x GET u8 0
SET x v|SETNX x v|SET x v NX|SET x v XX|SET x v GET|GETSET x v|SETEX x 100 v|MSET x v y v|MSETNX x v y v|APPEND x v
INCR x|INCRBYFLOAT x 1|SETRANGE x 0 v|SETBIT x 0 1|GETDEL x|GETEX x|GETEX x PERSIST|DEL x|UNLINK x|EXPIRE x 10|PERSIST x
RENAME x y|RENAMENX x y|COPY x y|MOVE x 1|LPUSH x a|RPUSHX x a|LPOP x|LPOP x 1|LSET x 0 a|LTRIM x 0 1|LREM x 0 a
LINSERT x BEFORE a b|RPOPLPUSH x y|LMOVE x y LEFT LEFT|LMPOP 1 x LEFT|SADD x a|SREM x a|SPOP x|SPOP x 1|SPOP x 9|SMOVE x y a
SUNIONSTORE y x|SINTERSTORE y x|HSET x f v|HSETNX x f v|HDEL x f|HINCRBY x f 1|HINCRBYFLOAT x f 1|ZADD x 1 m|ZREM x m
ZINCRBY x 1 m|ZPOPMIN x|ZMPOP 1 x MIN|ZRANGESTORE y x 0 1|ZUNIONSTORE y 1 x|ZREMRANGEBYRANK x 0 1|XADD x 1-1 f v
XDEL x 1-1|XTRIM x MAXLEN 1|XGROUP CREATE x g 0|XGROUP CREATE x g 0 MKSTREAM|PFADD x a|PFMERGE y x|GEOADD x 1 1 m
GEOSEARCHSTORE y x FROMLONLAT 1 1 BYRADIUS 1 m|BITOP AND y x|BITFIELD x SET u8 0 1|BLPOP x 0.01|SORT x STORE y|WATCH x
"""  # noqa: E501
SETUP: list[Command] = [
    (b"CONFIG", b"SET", b"notify-keyspace-events", b"KEAmn"),
    (b"DEBUG", b"SET-ACTIVE-EXPIRE", b"0"),
    (b"FLUSHALL",),
]


@pytest.fixture(scope="module", params=["redis-7.0", "valkey-9.1"])
def server(request: pytest.FixtureRequest) -> Iterator[RealServer]:
    wanted = [judge for judge in available_judges() if judge.name == request.param]
    if not wanted:
        pytest.skip(f"no {request.param} on this machine")
    with RealServer(wanted[0]) as running:
        yield running


def counts(reply: object) -> list[str]:
    return re.findall(r"keyspace_(?:hits|misses):\d+", show(reply))


@pytest.mark.parametrize("dead", [False, True], ids=["missing", "dead"])
@pytest.mark.parametrize("line", [line for line in REQUESTS.strip().replace("\n", "|").split("|") if line])
def test_hits_misses_and_events(server: RealServer, line: str, dead: bool) -> None:
    theirs, ours = RealClients(server), OurClients()
    time_us = 1_000_000
    ours.node.clock = lambda: time_us
    setup = [*SETUP, *([(b"SET", b"x", b"old", b"PX", b"1")] if dead else []), (b"CONFIG", b"RESETSTAT")]
    try:
        for client, commands in [(0, setup), (1, [(b"PSUBSCRIBE", b"__key*")])]:
            theirs.step(client, tuple(commands))
            ours.step(client, tuple(commands))
        theirs.step(0, ((b"DEBUG", b"SLEEP", b"0.002"),))
        time_us += 2000
        request = (tuple(line.encode().split()),)
        expected, found = theirs.step(0, request), ours.step(0, request)
        assert [list(map(show, said)) for said in found[1:2]] == [
            list(map(show, said)) for said in expected[1:2]
        ]
        info = ((b"INFO", b"stats"),)
        assert counts(ours.step(2, info)[2][-1]) == counts(theirs.step(2, info)[2][-1])
    finally:
        theirs.control.run([(b"CONFIG", b"SET", b"notify-keyspace-events", b"")])
        theirs.close()


ALIVE = {
    "string": "SET x 12",
    "list": "RPUSH x a b",
    "set": "SADD x a b",
    "sorted set": "ZADD x 1 m 2 a",
    "hash": "HSET x f 1 g w",
    "stream": "XADD x 1-1 f v",
}


@pytest.mark.parametrize("kind", ALIVE)
def test_hits_and_misses_of_what_is_there(server: RealServer, kind: str) -> None:
    theirs, ours = RealClients(server), OurClients()
    ours.node.clock = lambda: 1_000_000
    wrong = []
    try:
        for line in REQUESTS.strip().replace("\n", "|").split("|"):
            setup = [*SETUP, tuple(ALIVE[kind].encode().split()), (b"CONFIG", b"RESETSTAT")]
            request, info = tuple(line.encode().split()), (b"INFO", b"stats")
            said = [side.step(0, (*setup, request, info))[0] for side in (theirs, ours)]
            found = [counts(replies[-1]) for replies in said]
            if found[0] != found[1] and show(said[0][-2])[:1] == show(said[1][-2])[:1]:
                wrong.append((line, found))
    finally:
        theirs.close()
    assert not wrong

"""The short way of a command gives what redis-py's own way gives: values, exceptions, the node's state."""

from __future__ import annotations

import math
import threading
from contextlib import suppress
from typing import Any

import pytest
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from minidis.client import connect, sync
from minidis.drivers.embedded import Embedded
from tests.tracing import before_line, tracing

AT_ONCE = Retry(NoBackoff(), 0)
START = "2026-01-01T00:00:00Z"
CLIENT_CODE = ("redis/client.py", "redis/connection.py", "redis/_parsers/", "minidis/client/")

CALLS = """
ping()
echo("é")
set("k", "v")
get("k")
get("nosuch")
set("k", b"\\xff\\x00")
set("k", "w", nx=True)
set("k", "w", get=True)
set("n", 7, ex=100)
set("n", 7, 100)
set("n", 7, ex=0)
set("n", 7, ex=-1)
set("n", 7, ex=True)
set("n", 7, ex="ten")
set("n", 7, ex=5, px=5)
set(name="n", value=8)
set(b"n", 7, ex=50)
set("short", "x", px=1500)
set("short", "y", keepttl=True)
set("short", "y", 50, keepttl=True)
set("short", "y", px=True)
set("short", "y", xx=True)
set("nosuch", "y", xx=True)
set("lock", "me", nx=True, ex=50)
set("lock", "you", nx=True, ex=50)
set("lock", "you", nx=1)
set("lock", "you", nx=False)
get("n")
incr("n")
incrby("n", 5)
decr("n")
incrbyfloat("f", 0.1)
incrbyfloat("f", 3)
append("k", "é")
getrange("k", 0, 0)
setrange("k", 3, "abc")
strlen("k")
getex("n", ex=50)
getdel("f")
mset({"a": 1, "b": 2.5})
msetnx({"a": 1, "c": 2})
mget("a", "nosuch", "b")
mget(["a", "nosuch", "b"])
mget(["a"], "b")
mget(("a", "b"))
mget([])
lcs("a", "b")
lcs("a", "b", len=True)
setbit("bits", 7, 1)
getbit("bits", 7)
bitcount("bits")
bitpos("bits", 1)
bitop("NOT", "inverse", "bits")
bitfield("bits").set("u8", 0, 200).incrby("u8", 0, 100).execute()
pfadd("sketch", "a", "b")
pfcount("sketch")
pfmerge("merged", "sketch")
rpush("l", 1, 2, 3, "drei")
lpush("l", b"zero")
lrange("l", 0, -1)
lrange("nosuch", 0, -1)
lindex("l", 1)
linsert("l", "BEFORE", "2", "x")
lpop("l")
lpop("l", 2)
lpop("nosuch", 2)
lpop("l", 0)
rpop("nosuch")
lpos("l", "3")
lpos("l", "3", count=0)
llen("l")
lset("l", 0, "y")
lmove("l", "m", "LEFT", "RIGHT")
rpoplpush("l", "m")
lmpop(2, "l", "m", direction="LEFT", count=2)
ltrim("m", 0, 0)
blpop(["l", "m"], timeout=1)
brpop("m", timeout=1)
blmove("m", "l", timeout=1)
sadd("s", "a", "b", "c")
scard("s")
smembers("s")
smembers("nosuch")
execute_command("SMEMBERS", "s", keys=["s"])
execute_command("SMEMBERS", "s", withscores=True)
sismember("s", "a")
smismember("s", ["a", "x"])
smismember("nosuch", ["a", "x"])
srem("s", "a", "x")
sinter("s", "s")
sunion("s", "nosuch")
sdiff("s", "nosuch")
sinterstore("t", "s")
sintercard(2, ["s", "t"])
smove("s", "t", "b")
spop("t")
srandmember("t", 3)
sscan("s")
hset("h", "f", "v")
hset("h", mapping={"g": 1, "h": 2.5})
hget("h", "f")
hget("h", "nosuch")
hgetall("h")
hgetall("nosuch")
hmget("h", ["f", "nosuch"])
hincrby("h", "g", 5)
hincrbyfloat("h", "g", 0.5)
hdel("h", "f")
hexists("h", "g")
hkeys("h")
hvals("h")
hlen("h")
hstrlen("h", "g")
hscan("h")
hscan("h", no_values=True)
hscan("nosuch")
hrandfield("h", 2, withvalues=True)
hrandfield("h")
zadd("z", {"a": 1, "b": 2.5, "c": math.inf})
zadd("z", {"a": 5}, gt=True, ch=True)
zadd("z", {"a": 1.5}, incr=True)
zadd("z", {})
zadd("z", {"a": "x"})
zadd("z", {"a": 1.5, "b": 2}, nx=True, xx=True)
zadd("z", {"a": 1.5}, True)
zincrby("z", 0.25, "b")
zcard("z")
zscore("z", "b")
zscore("z", "nosuch")
zmscore("z", ["a", "nosuch"])
zrank("z", "b")
zrank("z", "b", withscore=True)
zrank("z", "nosuch")
zrange("z", 0, -1)
zrange("z", 0, -1, withscores=True)
zrange("z", 0, -1, True)
zrange("z", 0, -1, False, True)
zrange("z", 0, -1, False, True, str)
zrange("z", start=0, end=1, withscores=1)
zrange("z", 0, "x")
zrange("z", 0, -1, withscores=True, score_cast_func=str)
zrange("z", "-inf", "+inf", byscore=True, withscores=True)
zrevrange("z", 0, 1, withscores=True)
zrangebyscore("z", 0, 10, withscores=True)
execute_command("ZRANGE", "z", 0, -1, "WITHSCORES")
execute_command("ZRANGE", "z", 0, -1, "WITHSCORES", withscores=False)
execute_command("ZRANGE", "z", 0, -1, "WITHSCORES", withscores=True)
execute_command("ZRANGE", "z", 0, -1, withscores=True)
execute_command("ZREVRANGE", "z", 0, -1, "WITHSCORES")
execute_command("ZRANGEBYSCORE", "z", "-inf", "+inf", "WITHSCORES")
execute_command("ZREVRANGEBYSCORE", "z", "+inf", "-inf", "WITHSCORES")
execute_command("ZUNION", 1, "z", "WITHSCORES")
execute_command("ZINTER", 1, "z", "WITHSCORES")
execute_command("ZDIFF", 1, "z", "WITHSCORES")
execute_command("ZRANDMEMBER", "z", 1, "WITHSCORES")
execute_command("ZADD", "z", "INCR", 1, "a")
execute_command("ZADD", "z", "INCR", 1, "a", as_score=True)
execute_command("ZSCORE", "z", "a", keys=["z"])
execute_command("ZSCORE", "z", "a", withscores=True)
execute_command("ZSCORE", "z", "nosuch", withscores=True)
execute_command("ZRANK", "z", "b", withscore=True)
execute_command("ZRANK", "z", "b", "WITHSCORE")
execute_command("ZREVRANK", "z", "b", "WITHSCORE", withscore=True)
execute_command("EXPIRE", "z", 100, keys=["z"])
execute_command("EXPIRE", "z", 100, get=True)
execute_command("EXPIRE", "z", "soon")
execute_command("HGETALL", "h", keys=["h"])
execute_command("HGETALL", "h", keys=["h"], withvalues=True)
execute_command("HGETALL", "h", withvalues=True)
execute_command("PING", get=True)
execute_command("SET", "k", "v", "GET")
execute_command("SET", "k", "v", get=True)
execute_command("CONFIG RESETSTAT", get=True)
zrangebylex("lex", "-", "+")
zcount("z", 0, 10)
zpopmin("z")
zpopmax("z", 2)
zpopmin("z", 0)
zpopmin("nosuch")
execute_command("ZPOPMAX", "z")
execute_command("ZADD", "z", 1, "a", 2.5, "b")
execute_command("ZPOPMAX", "z", score_cast_func=str)
bzpopmin("z", timeout=1)
zadd("z", {"a": 1, "b": 2})
zmpop(1, ["z"], min=True)
zunion(["z", "z"], withscores=True)
zunionstore("zu", {"z": 2})
zinter(["z", "zu"], withscores=True)
zdiff(["z", "nosuch"])
zrandmember("z", 2, withscores=True)
zscan("z")
zscan("z", score_cast_func=str)
zscan("nosuch")
zrevrangebylex("lex", "+", "-")
zrem("z", "a")
zremrangebyrank("z", 0, -1)
geoadd("geo", [13.361389, 38.115556, "Palermo", 15.087269, 37.502669, "Catania"])
geodist("geo", "Palermo", "Catania", unit="km")
geopos("geo", "Palermo", "nosuch")
geohash("geo", "Palermo")
geosearch("geo", longitude=15, latitude=37, radius=200, unit="km", withdist=True, withcoord=True)
xadd("x", {"f": "v", "g": 2}, id="1-1")
xadd("x", {"f": "w"}, id="2-1")
xlen("x")
xrange("x")
xrange("x", "-", "+", 1)
xrange("x", count=0)
xrange("x", count="1")
execute_command("XRANGE", "x", "-", "+", claim_min_idle_time=1)
xrevrange("x", count=1)
xread({"x": "0"})
xread({"x": "9"})
xread({"x": "9"}, block=1)
xgroup_create("x", "g", id="0")
xreadgroup("g", "alice", {"x": ">"})
xpending("x", "g")
xpending_range("x", "g", "-", "+", 10)
xpending_range("x", "g", "-", "+", 10, consumername="nosuch")
xreadgroup("g", "alice", {"x": "0"})
xreadgroup("g", "alice", {"x": ">"})
xreadgroup("g", "alice", {"x": ">"}, noack=True)
xclaim("x", "g", "bob", 0, ["1-1"])
xclaim("x", "g", "bob", 0, ["1-1"], justid=True)
xautoclaim("x", "g", "bob", 0)
xautoclaim("x", "g", "bob", 0, justid=True)
xadd("y", {"f": "v"}, id="1-1")
xadd("y", {"f": "v"}, id="1-2")
xgroup_create("y", "g", id="0")
xreadgroup("g", "alice", {"y": ">"}, count=2)
xdel("y", "1-1")
xreadgroup("g", "alice", {"y": "0", "x": "0"})
xautoclaim("y", "g", "bob", 0)
xack("x", "g", "1-1")
xinfo_stream("x")
xinfo_groups("x")
xinfo_consumers("x", "g")
xtrim("x", maxlen=1)
exists("k", "nosuch")
type("z")
type("x")
keys("*")
scan(count=3)
scan(match="h*", count=100)
ttl("n")
pttl("n")
expire("n", 100)
expireat("n", 1767225700)
pexpire("n", 5000, nx=True)
expiretime("n")
persist("n")
rename("a", "a2")
renamenx("a2", "b")
copy("a2", "a3")
touch("a2", "a3")
object("encoding", "a2")
object("refcount", "a2")
dump("a2")
restore("a4", 0, b"\\x00\\xc0\\x01\\n\\x00" + b"0" * 8)
sort("l")
sort("l", start=0, num=2, alpha=True, get=["#", "nosuch_*"], groups=True)
sort("l", alpha=True, get="nosuch_*")
sort("l", alpha=True, store="sorted")
sort_ro("l", alpha=True)
randomkey()
unlink("a2")
delete("a3", "nosuch")
dbsize()
eval("return {1, 'two', {3, false}, redis.status_reply('FINE')}", 0)
eval("return {double=1.5}", 0)
eval("return redis.error_reply('MY error')", 0)
eval("return redis.call('get', KEYS[1])", 1, "b")
evalsha("0" * 40, 0)
register_script("return ARGV[1]")(args=["é"])
script_load("return 1")
script_exists("e0e1f9fabfc9d4800c877a703b823ac0578ff8db")
config_get("maxmemory*")
config_set("maxmemory-samples", 6)
config_set("maxmemory", "ten")
config_resetstat()
client_id()
client_setname("alice")
client_getname()
client_info()
client_list()
client_no_evict("ON")
client_trackinginfo()
command_count()
command_getkeys("MSET", "a", 1, "b", 2)
command_list()
command_docs("get")
info("server")
info("commandstats")
memory_usage("b")
lastsave()
time()
slowlog_get()
latency_latest()
acl_whoami()
acl_list()
acl_getuser("default")
acl_cat()
publish("channel", "message")
pubsub_channels()
pubsub_numsub("channel")
object("freq", "b")
lpush("b", 1)
incr("h")
get("h")
hset("h")
execute_command("NOSUCH", "é")
execute_command("get", "b")
execute_command("Get", "b")
execute_command(b"GET", "b")
execute_command("CONFIG GET", "hz")
execute_command("CONFIG", "GET", "hz")
execute_command("CONFIG get", "hz")
execute_command("GET")
execute_command("")
execute_command("SET", "k", True)
execute_command("SET", "k", None)
execute_command("SET", "k", bytearray(b"x"))
execute_command("SET", "k", memoryview(b"y"))
execute_command("SET", "k", 1e300)
execute_command("SET", "\\ud800", 1)
execute_command("HELLO")
execute_command("DEBUG", "PROTOCOL", "VERBATIM")
execute_command("DEBUG", "PROTOCOL", "BIGNUM")
execute_command("DEBUG", "PROTOCOL", "DOUBLE")
execute_command("DEBUG", "PROTOCOL", "TRUE")
execute_command("DEBUG", "PROTOCOL", "SET")
execute_command("DEBUG", "PROTOCOL", "MAP")
execute_command("DEBUG", "PROTOCOL", "NULL")
execute_command("MULTI")
execute_command("INCR", "n")
execute_command("EXEC")
execute_command("MULTI")
execute_command("LPUSH", "n", 1)
execute_command("INCR", "n")
execute_command("EXEC")
execute_command("SELECT", 1)
get("n")
set("n", 1)
select(0)
get("n")
move("n", 2)
swapdb(0, 2)
client_kill_filter(_id=99)
client_pause(0)
client_unpause()
reset()
get("n")
flushdb()
flushall()
quit()
ping()
""".strip().splitlines()

PIPELINES = """
set("a", 1).incr("a").get("a")
hset("h", mapping={"f": 1}).hgetall("h").zadd("z", {"m": 1.5}).zrange("z", 0, -1, withscores=True)
lpush("a", 1).get("a")
set("a", 5).lpush("a", 1).incr("a")
get("nosuch").mget(["a", "b"]).set("a", 2, ex=10).smembers("nosuch").hgetall("nosuch")
zadd("z", {"m": 1.5}).execute_command("ZRANGE", "z", 0, -1, "WITHSCORES").zrange("z", 0, -1, withscores=True)
execute_command("ZREVRANGE", "z", 0, -1, "WITHSCORES").execute_command("ZUNION", 1, "z", "WITHSCORES")
execute_command("HGETALL", "h", withvalues=True).get("a")
execute_command("NOSUCH").get("a")
execute_command("SET", "a", True).get("a")
restore("r", 0, b"nonsense").get("a")
blpop("nosuch", timeout=1).get("a")
eval("return {1, redis.error_reply('MY error')}", 0).get("a")
eval("return redis.call('nosuch')", 0)
config_get("hz").info("server").time()
dump("a").get("a")
set("a", "é").execute_command("GET", "a", NEVER_DECODE=[]).get("a")
mget([]).get("a")
execute_command("MULTI").get("a")
get("\\ud800").get("a")
rpush("l", 1, 2).blpop("l", timeout=0).xadd("x", {"f": 1}, id="1-1").xrange("x")
execute_command("QUIT").get("a")
get("a")
""".strip().splitlines()


@pytest.fixture(params=[2, 3], ids=["RESP2", "RESP3"])
def protocol(request) -> int:
    return request.param


@pytest.fixture(params=[False, True], ids=["bytes", "text"])
def decodes(request) -> bool:
    return request.param


@pytest.fixture(params=["in C", "in Python"])
def parser(request, monkeypatch) -> None:
    if request.param == "in Python":
        monkeypatch.setattr(sync, "HIREDIS_AVAILABLE", False)


def fresh_node() -> Embedded:
    node = Embedded({"enable-debug-command": "yes"}, clock=START, seed=1)
    node.patience_s = 0.02  # what waits for a frozen clock gives up soon
    return node


def both_ways(protocol: int, decodes: bool, **others: Any) -> tuple[redis.Redis, redis.Redis]:
    """A client of its own node by the short way, and redis-py's own class on another such node."""
    options = {"protocol": protocol, "decode_responses": decodes, "retry": AT_ONCE, **others}
    return connect(fresh_node(), **options), by_bytes_only(connect(fresh_node(), **options))


def by_bytes_only(client: redis.Redis) -> redis.Redis:
    """redis-py's own class on the same connections."""
    plain = redis.Redis(connection_pool=client.connection_pool)
    plain.owner = client  # who closes them when it is freed
    return plain


def shape(value: Any) -> Any:
    """A value with the types of all its parts: 1 == True == 1.0 would hide a difference."""
    if isinstance(value, dict):
        return type(value), {key: shape(element) for key, element in value.items()}
    if isinstance(value, list | tuple):
        return type(value), [shape(element) for element in value]
    if isinstance(value, set):
        return set, sorted(map(repr, value))
    if isinstance(value, Exception):
        return type(value), shape(value.args), getattr(value, "status_code", None)
    return type(value), repr(value)


def outcome(client: Any, line: str, run: Any = lambda value: value) -> Any:
    try:
        return shape(run(eval(f"client.{line}", {"client": client, "math": math})))
    except Exception as error:
        return "raised", shape(error)


def node_of(client: redis.Redis) -> Embedded:
    return client.connection_pool.connection_kwargs["node"]


@pytest.mark.usefixtures("parser")
def test_every_method_gives_the_same(protocol, decodes):
    direct, by_bytes = both_ways(protocol, decodes)
    for line in CALLS:
        assert outcome(direct, line) == outcome(by_bytes, line), line
    assert digest(direct) == digest(by_bytes)


def test_every_method_gives_the_same_without_legacy_responses(protocol, decodes):
    direct, by_bytes = both_ways(protocol, decodes, legacy_responses=False)
    for line in CALLS:
        assert outcome(direct, line) == outcome(by_bytes, line), line


def test_a_callback_of_ones_own_is_asked(protocol, decodes):
    """Under a name whose callback in redis-py is cut short: it gets what the parser would give it."""
    story = """
set("k", "v")
set("k", "v", ex=10)
hset("h", "f", "v")
hgetall("h")
zadd("z", {"a": 1.5})
zscore("z", "a")
zrange("z", 0, -1, withscores=True)
xadd("x", {"f": "v"}, id="1-1")
xrange("x")
ping()
""".strip().splitlines()
    clients = both_ways(protocol, decodes)
    for client in clients:
        for name in ("SET", "HGETALL", "ZADD", "ZSCORE", "ZRANGE", "XRANGE", "PING"):
            client.set_response_callback(name, lambda reply, **options: ["own", reply, options])
    direct, by_bytes = clients
    assert direct.hgetall("h")[0] == "own"
    for line in story:
        assert outcome(direct, line) == outcome(by_bytes, line), line
    batch = ".".join(story)
    came, due = (outcome(client.pipeline(), batch, lambda pipe: pipe.execute()) for client in clients)
    assert came == due


@pytest.mark.parametrize("legacy", [False, True], ids=["unified", "legacy"])
def test_a_callback_of_another_command_is_asked(decodes, legacy):
    """It is not cut short: it knows nothing of such replies, and makes of them what it can."""
    clients = both_ways(2, decodes, legacy_responses=legacy)
    borrowed = {"XINFO STREAM": "HGETALL", "HRANDFIELD": "ZRANGE", "XREAD": "XRANGE", "ZINCRBY": "ZADD"}
    story = """
xadd("x", {"f": "v"}, id="1-1")
hset("h", "f", "v")
xinfo_stream("x")
execute_command("HRANDFIELD", "h", 1, "WITHVALUES", withscores=True)
execute_command("XREAD", "STREAMS", "x", "0")
zincrby("z", 2, "a")
""".strip().splitlines()
    for client in clients:
        for name, owner in borrowed.items():
            client.set_response_callback(name, client.response_callbacks[owner])
    direct, by_bytes = clients
    for line in story:
        assert outcome(direct, line) == outcome(by_bytes, line), line
    for line in story[2:]:
        came, due = (outcome(client.pipeline(), line, lambda pipe: pipe.execute()) for client in clients)
        assert came == due, line


def test_what_becomes_of_a_reply_does_not_touch_the_dataset(protocol, decodes):
    """No reply is the value's own list or dict, in either form of a value (compact, and large)."""
    client = connect(fresh_node(), protocol=protocol, decode_responses=decodes)
    for number in range(600):
        client.rpush("l", "x" * 50)
        client.hset("h", number, number)
        client.sadd("s", f"m{number}")
        client.zadd("z", {f"m{number}": number})
    client.rpush("short l", 1, 2)
    client.hset("short h", "f", "v")
    client.sadd("short s", "a", "b")
    client.zadd("short z", {"a": 1})
    client.xadd("x", {"f": "v", "g": "w"}, id="1-1")
    before = digest(client)
    for prefix in ("", "short "):
        for reply in (
            client.lrange(f"{prefix}l", 0, -1),
            client.hgetall(f"{prefix}h"),
            client.hkeys(f"{prefix}h"),
            client.smembers(f"{prefix}s"),
            client.zrange(f"{prefix}z", 0, -1),
            client.zrange(f"{prefix}z", 0, -1, withscores=True),
        ):
            assert reply
            reply.clear()
    client.xrange("x")[0][1].clear()
    node_of(client).execute("XRANGE", "x", "-", "+")[0][1].clear()
    assert digest(client) == before


def digest(client: redis.Redis) -> Any:
    """What the whole dataset comes to."""
    return node_of(client).execute("DEBUG", "DIGEST")


@pytest.mark.usefixtures("parser")
@pytest.mark.parametrize("transaction", [False, True], ids=["pipeline", "transaction"])
@pytest.mark.parametrize("raises", [False, True], ids=["answers errors", "raises errors"])
def test_pipelines_give_the_same(protocol, decodes, transaction, raises):
    direct, by_bytes = both_ways(protocol, decodes)
    for line in PIPELINES:
        came, due = (
            outcome(client.pipeline(transaction), line, lambda pipe: pipe.execute(raise_on_error=raises))
            for client in (direct, by_bytes)
        )
        assert came == due, line
    assert digest(direct) == digest(by_bytes)


def test_transactions_with_watch_give_the_same(protocol, decodes):
    def increment(pipe: Any) -> None:
        seen = int(pipe.get("n") or 0)
        pipe.multi()
        pipe.set("n", seen + 1)

    def story(client: redis.Redis) -> list[Any]:
        told = [client.transaction(increment, "n"), client.transaction(increment, "n")]
        with client.pipeline() as pipe:
            told += [pipe.watch("n"), pipe.get("n"), pipe.unwatch(), pipe.watching]
            told += [pipe.watch("n", "m"), pipe.get("n")]
            node_of(client).execute("SET", "n", "9")
            pipe.multi()
            pipe.incr("n")
            told.append(outcome(pipe, "execute()"))
            pipe.watch("n")
            told += [pipe.watching, pipe.lpush("l", 1), outcome(pipe, "incr('l')"), pipe.watching]
            pipe.multi()
            told.append(pipe.incr("n").incr("n").execute())
        return [shape(each) for each in told]

    direct, by_bytes = both_ways(protocol, decodes)
    assert story(direct) == story(by_bytes)


def test_the_usual_commands_send_no_bytes(monkeypatch, protocol, decodes):
    """Otherwise all of this would compare redis-py with itself."""
    client = connect(fresh_node(), protocol=protocol, decode_responses=decodes)
    client.ping()
    sent: list[bytes] = []
    monkeypatch.setattr(sync.InProcessSocket, "sendall", lambda socket, data: sent.append(data))
    client.set("k", "v", ex=10)
    client.hset("h", mapping={"f": 1})
    client.zadd("z", {"a": 1.5})
    client.rpush("l", 1, 2)
    assert client.lrange("l", 0, -1) == client.lrange("l", 0, 1)
    assert len(client.hgetall("h")) == len(client.zrange("z", 0, -1, withscores=True)) == 1
    assert client.pipeline().get("k").incr("n").execute()[1] == 1
    assert client.transaction(lambda pipe: pipe.multi() or pipe.set("n", 5), "n") == [True]
    assert list(client.scan_iter("k*")) == client.keys("k*")
    assert sent == []


def test_other_encodings_go_by_bytes():
    node = fresh_node()
    latin = connect(node, encoding="latin-1", decode_responses=True)
    for client in (latin, by_bytes_only(latin)):
        node.execute("SET", "k", b"\xe9")
        assert client.get("k") == "é"


@pytest.mark.usefixtures("parser")
@pytest.mark.parametrize("breaks_off", ["as it was sent", "by bytes"])
@pytest.mark.parametrize("next_one", ["a command", "by bytes", "a pipeline", "a transaction", "watched"])
def test_what_a_pipeline_left_unread_is_no_reply_to_what_is_asked_later(protocol, breaks_off, next_one):
    client = connect(fresh_node(), protocol=protocol)
    client.set("text", "x")

    def fails(reply: Any, **options: Any) -> Any:
        raise ValueError("a callback of one's own")

    def breaks() -> None:
        """The error of HGETALL, and the lengths, are left."""
        broken = client.pipeline(transaction=False).get("text").hgetall("text").strlen("text").strlen("text")
        if breaks_off == "by bytes":
            broken.exists(memoryview(b"no"))  # of a type that is redis-py's to pack
        with pytest.raises(ValueError, match="one's own"):
            broken.execute(raise_on_error=False)

    client.set_response_callback("GET", fails)
    for other in (memoryview(b"no"), "no"):
        breaks()
        for _ in range(3):
            if next_one == "by bytes":
                assert client.exists(other) == 0
            elif next_one == "a command":
                with pytest.raises(redis.ResponseError, match="not an integer"):
                    client.incr("text")
            elif next_one == "watched":
                with client.pipeline() as pipe:
                    pipe.watch("w")
                    assert pipe.exists(other) == 0
            else:
                following = (
                    client.pipeline(transaction=next_one == "a transaction").exists(other).incr("text")
                )
                missing, failure = following.execute(raise_on_error=False)
                assert missing == 0 and "not an integer" in str(failure)


@pytest.mark.usefixtures("parser")
@pytest.mark.parametrize("leaves_some", ["a reply of several", "a pipeline of them", "a connection by hand"])
def test_what_anything_else_left_unread_is_no_reply_either(leaves_some):
    client = connect(fresh_node())
    client.set("text", "x")
    if leaves_some == "a reply of several":
        assert client.execute_command("UNSUBSCRIBE", "a", "b")[1] == b"a"
    elif leaves_some == "a pipeline of them":
        pipe = client.pipeline(transaction=False)
        pipe.execute_command("SUBSCRIBE", "a", "b").execute_command("UNSUBSCRIBE").execute()
    else:
        connection = client.connection_pool.get_connection()
        connection.send_command("GET", "text")
        connection.send_command("GET", "text")
        connection.read_response()
        client.connection_pool.release(connection)
    for _ in range(3):
        with pytest.raises(redis.ResponseError, match="not an integer"):
            client.incr("text")


def test_an_error_of_ones_own_is_the_outcome_even_if_the_server_has_hung_up():
    """And nothing is tried again: what came before has happened."""
    node = fresh_node()
    client, other = connect(node), connect(node)

    def fails(reply: Any, **options: Any) -> Any:
        other.client_kill_filter(skipme=True, _type="normal")
        raise ValueError("a callback of one's own")

    client.set_response_callback("GET", fails)
    pipe = client.pipeline(transaction=False).incr("n").exists(memoryview(b"no")).get("n")
    with pytest.raises(ValueError, match="one's own"):
        pipe.execute()
    assert other.get("n") == b"1"


def interrupt(frame: Any) -> None:
    raise KeyboardInterrupt


@pytest.mark.parametrize("transaction", [True, False])
@pytest.mark.parametrize("other", ["no", memoryview(b"no")], ids=["directly", "by bytes"])
def test_a_batch_interrupted_at_any_line_leaves_nothing_behind(transaction, other):
    """Neither replies that are taken for later ones, nor a MULTI that is open."""
    client = connect(fresh_node())
    is_over, at = False, 0
    while not is_over:
        client.mset({"text": "x", "n": 0})
        at += 1
        pipe = client.pipeline(transaction=transaction).set("n", 1).exists(other).strlen("text").set("n", 2)
        with suppress(KeyboardInterrupt), tracing(before_line(at, CLIENT_CODE, interrupt)):
            pipe.execute()
            is_over = True
        with pytest.raises(redis.ResponseError, match="not an integer"):
            client.incr("text")
        assert client.pipeline().exists("no").strlen("text").execute() == [0, 1], at
        assert client.pipeline(transaction=False).exists("no").strlen("text").execute() == [0, 1], at
        assert client.get("n") in ((b"0", b"2") if transaction else (b"0", b"1", b"2")), at
    assert at > 100


@pytest.mark.parametrize("options", [{}, {"protocol": 3}, {"health_check_interval": 1}], ids=str)
def test_a_connection_interrupted_at_any_line_of_its_opening_is_not_used(options):
    """It would be in the wrong database, for good."""
    at = interrupted = 0
    while interrupted == at:
        at += 3
        node = fresh_node()
        client = connect(node, db=5, **options)
        try:
            with tracing(before_line(at, ["redis/connection", *CLIENT_CODE], interrupt)):
                client.ping()
        except KeyboardInterrupt:
            interrupted += 3
        client.set("later", 1)
        assert (client.hgetall("h"), client.get("later")) == ({}, b"1"), at
        assert [database.index for database in node.node.databases if database.table] == [5], at
    assert at > 100


def test_a_wait_interrupted_at_any_line_keeps_nobody_waiting():
    """Its connection is not lent again: what is asked next would stand behind it."""
    node = fresh_node()
    client = connect(node, retry=AT_ONCE)
    client.ping()
    at = interrupted = 0
    while interrupted == at:
        at += 1
        try:
            with tracing(before_line(at, CLIENT_CODE, interrupt)):
                client.blpop("nothing", timeout=0)
        except KeyboardInterrupt:
            interrupted += 1
        except redis.TimeoutError:
            pass
        assert client.exists("no") == 0, at
    assert at > 100


def test_a_subscriber_that_looks_whether_there_is_a_message_need_not_wait_for_a_pause():
    """SUBSCRIBE's own reply is to come then."""
    node = fresh_node()
    client = connect(node, retry=AT_ONCE)
    subscriber = client.pubsub()
    subscriber.subscribe("news")
    assert subscriber.get_message()["channel"] == b"news"
    node.execute("CLIENT", "PAUSE", 100_000, "ALL")
    subscriber.subscribe("more")
    assert subscriber.get_message() is None
    node.step(101)
    assert subscriber.get_message()["channel"] == b"more"


def test_words_are_packed_in_python():
    """hiredis's packer crashes the process when a signal's handler raises in it."""
    client = connect(fresh_node())
    client.ping()
    [connection] = client.connection_pool._available_connections
    assert type(connection._command_packer).__module__ == "redis.connection"
    assert type(connection._command_packer).__name__ == "PythonRespSerializer"


@pytest.mark.usefixtures("parser")
@pytest.mark.parametrize("between", ["directly", "an error", "by bytes"])
def test_a_message_that_waits_behind_a_reply_is_not_lost(between):
    """A client that speaks RESP3 may publish to itself, and meets the message when it next reads bytes."""
    told: list[bytes] = []
    with connect(fresh_node(), protocol=3).client() as client:
        client.connection._parser.set_pubsub_push_handler(lambda message: told.append(message[-1]))
        client.connection.send_command("SUBSCRIBE", "news")
        client.connection.read_response(push_request=True)
        told.clear()
        for number in range(3):
            assert client.publish("news", f"m{number}") == 1
            if between == "directly":
                assert client.get("no") is None
            elif between == "an error":
                with pytest.raises(redis.ResponseError, match="unknown command"):
                    client.execute_command("NOPE")
            else:
                assert client.exists(memoryview(b"no")) == 0
        assert client.exists(memoryview(b"no")) == 0
    assert told == [b"m0", b"m1", b"m2"]


def test_a_single_connection_is_direct_too(protocol, decodes):
    direct, by_bytes = both_ways(protocol, decodes)
    with direct.client() as one, by_bytes.client() as other:
        for line in ('set("k", "v")', 'get("k")', "select(3)", 'get("k")', "client_id()", 'lpush("k", 1)'):
            assert outcome(one, line) == outcome(other, line), line


def test_closing_from_another_thread_ends_a_wait():
    node = Embedded(seed=1)
    client = connect(node, retry=AT_ONCE)
    client.ping()
    told: list[Any] = []

    def wait() -> None:
        told.append(outcome(client, 'blpop("q", timeout=0)'))

    thread = threading.Thread(target=wait)
    thread.start()
    while not node.node.waiting.parked:
        node.tick()
    client.close()
    thread.join(30)
    assert told[0][0] == "raised" and issubclass(told[0][1][0], redis.ConnectionError)


def test_closing_just_after_a_command_has_been_parked():
    """It is parked and the lock is free, but its thread has not begun to wait yet: the close comes here."""

    class LockWithAClose:
        def __init__(self, lock: Any) -> None:
            self.lock = lock
            self.acquire = lock.acquire

        def release(self) -> None:
            self.lock.release()
            session.lock = self.lock
            client.close()

    node = fresh_node()
    client = connect(node, retry=AT_ONCE)
    client.ping()
    session = client.connection_pool._available_connections[-1].plain_session
    session.lock = LockWithAClose(node.lock)
    with pytest.raises(redis.ConnectionError):  # and not the TimeoutError of a wait that nobody ends
        client.blpop("q", timeout=0)
    assert not node.node.waiting.parked and list(node.node.clients.values()) == [node.client]
    assert client.ping()  # by a new connection, as always


@pytest.mark.parametrize("is_late", [False, True], ids=["waiting for it", "having it"])
def test_an_interrupt_leaves_the_lock_free(is_late):
    """Python looks for Ctrl-C between any two steps, also between taking a lock and noting that."""

    class InterruptedLock:
        def __init__(self, lock: Any) -> None:
            self.lock = lock
            self.release = lock.release

        def acquire(self) -> None:
            if is_late:
                self.lock.acquire()
            raise KeyboardInterrupt

    node = fresh_node()
    client = connect(node)
    client.ping()
    session = client.connection_pool._available_connections[-1].plain_session
    session.lock = InterruptedLock(node.lock)
    with pytest.raises(KeyboardInterrupt):
        client.get("k")
    session.lock = node.lock
    others: list[bool] = []

    def take() -> None:
        others.append(node.lock.acquire(timeout=30))
        node.lock.release()

    thread = threading.Thread(target=take)
    thread.start()
    thread.join()
    assert others == [True]


def test_pushes_are_not_taken_for_replies():
    """A client that tracks keys is told of changes in between, in RESP3 on the same connection."""
    node = fresh_node()
    client = connect(node, protocol=3, decode_responses=True)
    client.execute_command("CLIENT", "TRACKING", "ON")
    assert client.get("k") is None
    node.execute("SET", "k", "v")
    assert client.get("k") == "v"
    assert client.pipeline().get("k").set("k", "w").get("k").execute() == ["v", True, "w"]

"""One call of each command that redis-py has a method for and fakeredis answers, on ten elements or fewer."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

import fakeredis

import minidis
from benchmarks import peers
from benchmarks.harness import Call, Row
from benchmarks.peers import Steps, case

TITLE = "Every command"
ABOUT = """Each command that redis-py has a method for and fakeredis answers, the lowest ratio first.
Where a command cannot be repeated as it is, two stand in a row, and the second puts things back.
Left out: what needs a connection to itself (MULTI and WATCH are among the batches; subscriptions),
and what works on files, of which fakeredis has none. How far any command can get here, PING says,
which does nothing. For COMMAND, CLIENT INFO and LIST, XINFO and ACL GETUSER 15 times is out of reach:
redis-py's method and its reading of the reply alone take more than a fifteenth of fakeredis's time (of
ours half for CLIENT INFO, about a third for the others, less than a tenth for COMMAND). The rest of each
row is our engine and the way to it."""
UNIT = "us"
PEERS = ("minidis redis-py", "fakeredis")
COMPARED = (("minidis redis-py", "fakeredis"),)
LOWEST_FIRST = True

LETTERS = "abcdefghij"
PLACES = [
    (13.361389, 38.115556, "Palermo"),
    (15.087269, 37.502669, "Catania"),
    (12.496366, 41.902782, "Rome"),
]
FUNCTIONS = """#!lua name=library
redis.register_function{
    function_name='first', callback=function(keys) return keys[1] end, flags={'no-writes'}}"""

PREPARE = [
    *[case(f"SET {key} value", "set", key, "value") for key in ("string", "other", "taken")],
    case("SET number 10", "set", "number", 10),
    case("SET text ohmytext", "set", "text", "ohmytext"),
    case("SET text2 mynewtext", "set", "text2", "mynewtext"),
    case("SET short value EX 1000", "set", "short", "value", ex=1000),
    *[case(f"RPUSH {key} 0 ... 9", "rpush", key, *range(10)) for key in ("list", "ring")],
    case("HSET hash a 0 ... j 9", "hset", "hash", mapping={field: n for n, field in enumerate(LETTERS)}),
    case("SADD set a ... j", "sadd", "set", *LETTERS),
    case("SADD set2 f ... o", "sadd", "set2", *"fghijklmno"),
    case("SADD numbers 0 ... 9", "sadd", "numbers", *range(10)),
    case("ZADD zset 0 a ... 9 j", "zadd", "zset", {member: n for n, member in enumerate(LETTERS)}),
    case("ZADD zset2 0 f ... 9 o", "zadd", "zset2", {member: n for n, member in enumerate("fghijklmno")}),
    case("ZADD names 0 a ... 0 j", "zadd", "names", dict.fromkeys(LETTERS, 0)),
    case("GEOADD places ...", "geoadd", "places", [word for place in PLACES for word in place]),
    *[case(f"XADD stream 1-{n} f v", "xadd", "stream", {"f": "v"}, id=f"1-{n}") for n in range(1, 11)],
    case("XGROUP CREATE stream group 0", "xgroup_create", "stream", "group", 0),
    case(
        "XREADGROUP GROUP group consumer STREAMS stream >", "xreadgroup", "group", "consumer", {"stream": ">"}
    ),
    case("XGROUP CREATE read group $ MKSTREAM", "xgroup_create", "read", "group", "$", mkstream=True),
    case("PFADD sketch a ... j", "pfadd", "sketch", *LETTERS),
    case("PFADD sketch2 f ... o", "pfadd", "sketch2", *"fghijklmno"),
    case("SCRIPT LOAD return 1", "script_load", "return 1"),
    case("FUNCTION LOAD ...", "function_load", FUNCTIONS, replace=True),
]

STRINGS: list[Steps] = [
    [case("APPEND", "append", "appended", "more"), case("SET", "set", "appended", "value")],
    case("DECR", "decr", "number"),
    case("DECRBY", "decrby", "number", 2),
    case("GET", "get", "string"),
    [case("GETDEL", "getdel", "going"), case("SET", "set", "going", "value")],
    case("GETEX", "getex", "string"),
    case("GETEX EX", "getex", "short", ex=1000),
    case("GETEX PERSIST", "getex", "string", persist=True),
    case("GETRANGE", "getrange", "text", 0, 3),
    case("GETSET", "getset", "other", "value"),
    case("INCR", "incr", "number"),
    case("INCRBY", "incrby", "number", 2),
    case("INCRBYFLOAT", "incrbyfloat", "fraction", 0.5),
    case("LCS", "lcs", "text", "text2"),
    case("MGET", "mget", ["string", "nosuch"]),
    case("MSET", "mset", {"m1": "value", "m2": "value"}),
    case("MSETNX", "msetnx", {"taken": "value", "m3": "value"}),
    case("PSETEX", "execute_command", "PSETEX", "short", 100_000, "value"),
    case("SET", "set", "string", "value"),
    case("SET EX", "set", "short", "value", ex=1000),
    case("SET PX", "set", "short", "value", px=1_000_000),
    case("SET NX", "set", "taken", "value", nx=True),
    case("SET XX", "set", "other", "value", xx=True),
    case("SET NX EX", "set", "taken", "value", nx=True, ex=10),
    case("SET GET", "set", "other", "value", get=True),
    case("SET KEEPTTL", "set", "other", "value", keepttl=True),
    case("SETEX", "execute_command", "SETEX", "short", 1000, "value"),
    case("SETNX", "setnx", "taken", "value"),
    case("SETRANGE", "setrange", "text", 2, "my"),
    case("STRLEN", "strlen", "string"),
    case("SUBSTR", "substr", "text", 0, 3),
    case("BITCOUNT", "bitcount", "text"),
    case("BITCOUNT 0 3", "bitcount", "text", 0, 3),
    case("BITPOS", "bitpos", "text", 1),
    case("BITOP AND", "bitop", "AND", "bits", "text", "text2"),
    case("BITOP NOT", "bitop", "NOT", "bits", "text"),
    case("GETBIT", "getbit", "text", 7),
    case("SETBIT", "setbit", "text", 7, 1),
    case("PFADD", "pfadd", "sketch", "a"),
    case("PFCOUNT", "pfcount", "sketch"),
    case("PFCOUNT of two", "pfcount", "sketch", "sketch2"),
    case("PFMERGE", "pfmerge", "merged", "sketch", "sketch2"),
]

LISTS: list[Steps] = [
    case("BLMOVE", "blmove", "ring", "ring", 1, "LEFT", "RIGHT"),
    [case("BLPOP", "blpop", "popped", 1), case("RPUSH", "rpush", "popped", "value")],
    [case("BRPOP", "brpop", "popped", 1), case("RPUSH", "rpush", "popped", "value")],
    case("BRPOPLPUSH", "brpoplpush", "ring", "ring", 1),
    [case("BLMPOP", "blmpop", 1, 1, "popped", direction="LEFT"), case("RPUSH", "rpush", "popped", "value")],
    case("LINDEX", "lindex", "list", 5),
    [case("LINSERT", "linsert", "list", "BEFORE", "5", "new"), case("LREM", "lrem", "list", 1, "new")],
    case("LLEN", "llen", "list"),
    case("LMOVE", "lmove", "ring", "ring", "LEFT", "RIGHT"),
    [case("LMPOP", "lmpop", 1, "popped", direction="LEFT"), case("RPUSH", "rpush", "popped", "value")],
    [case("LPOP", "lpop", "popped"), case("RPUSH", "rpush", "popped", "value")],
    [case("RPOP", "rpop", "popped"), case("RPUSH", "rpush", "popped", "value")],
    [case("LPOP 1", "lpop", "popped", 1), case("RPUSH", "rpush", "popped", "value")],
    case("LPOS", "lpos", "list", "5"),
    case("LPOS COUNT", "lpos", "list", "5", count=0),
    [case("LPUSH", "lpush", "list", "new"), case("LTRIM", "ltrim", "list", 1, -1)],
    case("LPUSHX of none", "lpushx", "nosuch", "value"),
    case("LRANGE", "lrange", "list", 0, 9),
    case("LREM of none", "lrem", "list", 1, "nosuch"),
    case("LSET", "lset", "list", 5, "5"),
    case("LTRIM", "ltrim", "list", 0, -1),
    case("RPOPLPUSH", "rpoplpush", "ring", "ring"),
    [case("RPUSH", "rpush", "list", "new"), case("RPOP", "rpop", "list")],
    case("RPUSHX of none", "rpushx", "nosuch", "value"),
    case("SORT", "sort", "numbers"),
    case("SORT ALPHA DESC", "sort", "set", alpha=True, desc=True),
    case("SORT BY GET", "sort", "list", by="weight_*", get="#"),
    case("SORT STORE", "sort", "numbers", store="sorted"),
    case("SORT_RO", "sort_ro", "numbers"),
]

SETS_AND_HASHES: list[Steps] = [
    [case("SADD", "sadd", "set", "new"), case("SREM", "srem", "set", "new")],
    case("SADD of a member", "sadd", "set", "a"),
    case("SCARD", "scard", "set"),
    case("SDIFF", "sdiff", ["set", "set2"]),
    case("SDIFFSTORE", "sdiffstore", "stored", ["set", "set2"]),
    case("SINTER", "sinter", ["set", "set2"]),
    case("SINTERCARD", "sintercard", 2, ["set", "set2"]),
    case("SINTERSTORE", "sinterstore", "stored", ["set", "set2"]),
    case("SISMEMBER", "sismember", "set", "a"),
    case("SMEMBERS", "smembers", "set"),
    case("SMISMEMBER", "smismember", "set", ["a", "z"]),
    [case("SMOVE", "smove", "set", "set2", "a"), case("SMOVE", "smove", "set2", "set", "a")],
    [case("SPOP", "spop", "one"), case("SADD", "sadd", "one", "value")],
    case("SRANDMEMBER", "srandmember", "set"),
    case("SRANDMEMBER 3", "srandmember", "set", 3),
    case("SREM of none", "srem", "set", "nosuch"),
    case("SSCAN", "sscan", "set"),
    case("SUNION", "sunion", ["set", "set2"]),
    case("SUNIONSTORE", "sunionstore", "stored", ["set", "set2"]),
    [case("HDEL", "hdel", "hash", "a"), case("HSET", "hset", "hash", "a", 0)],
    case("HEXISTS", "hexists", "hash", "a"),
    case("HGET", "hget", "hash", "a"),
    case("HGETALL", "hgetall", "hash"),
    case("HINCRBY", "hincrby", "counters", "a", 1),
    case("HINCRBYFLOAT", "hincrbyfloat", "counters", "f", 0.5),
    case("HKEYS", "hkeys", "hash"),
    case("HLEN", "hlen", "hash"),
    case("HMGET", "hmget", "hash", ["a", "b", "z"]),
    case("HRANDFIELD", "hrandfield", "hash"),
    case("HRANDFIELD 3 WITHVALUES", "hrandfield", "hash", 3, True),
    case("HSCAN", "hscan", "hash"),
    case("HSET", "hset", "hash", "a", 0),
    case("HSETNX", "hsetnx", "hash", "a", 0),
    case("HSTRLEN", "hstrlen", "hash", "a"),
    case("HVALS", "hvals", "hash"),
]

SORTED_SETS: list[Steps] = [
    [case("BZPOPMAX", "bzpopmax", "best", 1), case("ZADD", "zadd", "best", {"a": 1})],
    [case("BZPOPMIN", "bzpopmin", "best", 1), case("ZADD", "zadd", "best", {"a": 1})],
    [case("BZMPOP", "bzmpop", 1, 1, ["best"], min=True), case("ZADD", "zadd", "best", {"a": 1})],
    [case("ZMPOP", "zmpop", 1, ["best"], min=True), case("ZADD", "zadd", "best", {"a": 1})],
    [case("ZPOPMAX", "zpopmax", "best"), case("ZADD", "zadd", "best", {"a": 1})],
    [case("ZPOPMIN", "zpopmin", "best"), case("ZADD", "zadd", "best", {"a": 1})],
    case("ZADD", "zadd", "zset", {"a": 0}),
    [case("ZADD", "zadd", "zset", {"new": 5}), case("ZREM", "zrem", "zset", "new")],
    case("ZADD GT CH", "zadd", "zset", {"b": 1}, gt=True, ch=True),
    case("ZCARD", "zcard", "zset"),
    case("ZCOUNT", "zcount", "zset", 2, 7),
    case("ZDIFF", "zdiff", ["zset", "zset2"]),
    case("ZDIFFSTORE", "zdiffstore", "stored", ["zset", "zset2"]),
    case("ZINCRBY", "zincrby", "counted", 1, "a"),
    case("ZINTER", "zinter", ["zset", "zset2"]),
    case("ZINTERCARD", "zintercard", 2, ["zset", "zset2"]),
    case("ZINTERSTORE", "zinterstore", "stored", ["zset", "zset2"]),
    case("ZLEXCOUNT", "zlexcount", "names", "[b", "[f"),
    case("ZMSCORE", "zmscore", "zset", ["a", "z"]),
    case("ZRANDMEMBER", "zrandmember", "zset"),
    case("ZRANDMEMBER 3", "zrandmember", "zset", 3),
    case("ZRANGE", "zrange", "zset", 0, -1),
    case("ZRANGE WITHSCORES", "zrange", "zset", 0, -1, withscores=True),
    case("ZRANGE REV", "zrange", "zset", 0, -1, desc=True),
    case("ZRANGE BYSCORE", "zrange", "zset", 2, 7, byscore=True),
    case("ZRANGEBYLEX", "zrangebylex", "names", "[b", "[f"),
    case("ZRANGEBYSCORE", "zrangebyscore", "zset", 2, 7),
    case("ZRANGEBYSCORE LIMIT", "zrangebyscore", "zset", 2, 7, start=0, num=3),
    case("ZRANGESTORE", "zrangestore", "stored", "zset", 0, 4),
    case("ZRANK", "zrank", "zset", "f"),
    case("ZREM of none", "zrem", "zset", "nosuch"),
    case("ZREMRANGEBYLEX of none", "zremrangebylex", "names", "[x", "[z"),
    [case("ZREMRANGEBYRANK", "zremrangebyrank", "zset", 0, 0), case("ZADD", "zadd", "zset", {"a": 0})],
    [case("ZREMRANGEBYSCORE", "zremrangebyscore", "zset", 0, 0), case("ZADD", "zadd", "zset", {"a": 0})],
    case("ZREVRANGE", "zrevrange", "zset", 0, -1),
    case("ZREVRANGEBYLEX", "zrevrangebylex", "names", "[f", "[b"),
    case("ZREVRANGEBYSCORE", "zrevrangebyscore", "zset", 7, 2),
    case("ZREVRANK", "zrevrank", "zset", "f"),
    case("ZSCAN", "zscan", "zset"),
    case("ZSCORE", "zscore", "zset", "f"),
    case("ZUNION", "zunion", ["zset", "zset2"]),
    case("ZUNION WITHSCORES", "zunion", ["zset", "zset2"], withscores=True),
    case("ZUNIONSTORE", "zunionstore", "stored", ["zset", "zset2"]),
    case("GEOADD", "geoadd", "places", PLACES[0]),
    case("GEODIST", "geodist", "places", "Palermo", "Catania"),
    case("GEOHASH", "geohash", "places", "Palermo"),
    case("GEOPOS", "geopos", "places", "Palermo"),
    case("GEORADIUS", "georadius", "places", 15, 37, 200, unit="km"),
    case("GEORADIUSBYMEMBER", "georadiusbymember", "places", "Palermo", 200, unit="km"),
    case("GEOSEARCH", "geosearch", "places", longitude=15, latitude=37, radius=200, unit="km"),
    case("GEOSEARCHSTORE", "geosearchstore", "near", "places", member="Palermo", radius=200, unit="km"),
]

STREAMS: list[Steps] = [
    case("XACK of none", "xack", "stream", "group", "9-9"),
    case("XADD MAXLEN", "xadd", "log", {"f": "v"}, maxlen=10, approximate=False),
    case("XAUTOCLAIM", "xautoclaim", "stream", "group", "consumer", 0),
    case("XCLAIM", "xclaim", "stream", "group", "consumer", 0, ["1-1"]),
    case("XDEL of none", "xdel", "stream", "9-9"),
    [
        case("XGROUP CREATE", "xgroup_create", "stream", "g2", 0),
        case("DESTROY", "xgroup_destroy", "stream", "g2"),
    ],
    [
        case("XGROUP CREATECONSUMER", "xgroup_createconsumer", "stream", "group", "c2"),
        case("DELCONSUMER", "xgroup_delconsumer", "stream", "group", "c2"),
    ],
    case("XGROUP SETID", "xgroup_setid", "stream", "group", "1-10"),
    case("XINFO CONSUMERS", "xinfo_consumers", "stream", "group"),
    case("XINFO GROUPS", "xinfo_groups", "stream"),
    case("XINFO STREAM", "xinfo_stream", "stream"),
    case("XLEN", "xlen", "stream"),
    case("XPENDING", "xpending", "stream", "group"),
    case("XPENDING - + 10", "xpending_range", "stream", "group", "-", "+", 10),
    case("XRANGE", "xrange", "stream"),
    case("XRANGE COUNT 1", "xrange", "stream", count=1),
    case("XREVRANGE COUNT 1", "xrevrange", "stream", count=1),
    case("XREAD", "xread", {"stream": "1-5"}),
    case("XREAD of nothing new", "xread", {"stream": "1-10"}),
    [
        case("XADD MAXLEN", "xadd", "read", {"f": "v"}, maxlen=10, approximate=False),
        case("XREADGROUP > NOACK", "xreadgroup", "group", "consumer", {"read": ">"}, noack=True),
    ],
    case("XREADGROUP 0", "xreadgroup", "group", "consumer", {"stream": 0}),
    case("XREADGROUP > of nothing new", "xreadgroup", "group", "consumer", {"stream": ">"}),
    case("XTRIM", "xtrim", "stream", maxlen=10, approximate=False),
]

KEYS: list[Steps] = [
    case("COPY", "copy", "string", "copied", replace=True),
    case("COPY of a list", "copy", "list", "copied", replace=True),
    [case("DEL", "delete", "going"), case("SET", "set", "going", "value")],
    case("DEL of none", "delete", "nosuch"),
    case("DUMP", "dump", "string"),
    case("DUMP of a list", "dump", "list"),
    case("EXISTS", "exists", "string"),
    case("EXPIRE", "expire", "short", 1000),
    case("EXPIREAT", "expireat", "short", 4_000_000_000),
    case("EXPIRETIME", "expiretime", "short"),
    case("KEYS of one", "keys", "string"),
    case("MOVE of none", "move", "nosuch", 1),
    [case("PERSIST", "persist", "short"), case("EXPIRE", "expire", "short", 1000)],
    case("PEXPIRE", "pexpire", "short", 1_000_000),
    case("PEXPIREAT", "pexpireat", "short", 4_000_000_000_000),
    case("PEXPIRETIME", "pexpiretime", "short"),
    case("PTTL", "pttl", "short"),
    case("RANDOMKEY", "randomkey"),
    [case("RENAME", "rename", "string", "renamed"), case("RENAME", "rename", "renamed", "string")],
    case("RENAMENX", "renamenx", "string", "taken"),
    case("SCAN", "scan"),
    case("TTL", "ttl", "short"),
    case("TYPE", "type", "string"),
    [case("UNLINK", "unlink", "going"), case("SET", "set", "going", "value")],
]

SERVER: list[Steps] = [
    case("ACL CAT", "acl_cat"),
    case("ACL GENPASS", "acl_genpass"),
    case("ACL GETUSER", "acl_getuser", "default"),
    case("ACL LIST", "acl_list"),
    case("ACL LOG", "acl_log"),
    [case("ACL SETUSER", "acl_setuser", "somebody"), case("DELUSER", "acl_deluser", "somebody")],
    case("ACL USERS", "acl_users"),
    case("ACL WHOAMI", "acl_whoami"),
    case("CLIENT GETNAME", "client_getname"),
    case("CLIENT ID", "client_id"),
    case("CLIENT INFO", "client_info"),
    case("CLIENT LIST", "client_list"),
    case("CLIENT SETNAME", "client_setname", "somebody"),
    case("CLIENT UNPAUSE", "client_unpause"),
    case("COMMAND", "command"),
    case("COMMAND COUNT", "command_count"),
    case("COMMAND INFO", "execute_command", "COMMAND INFO", "get"),
    case("CONFIG SET", "config_set", "maxmemory", 0),
    case("DBSIZE", "dbsize"),
    case("ECHO", "echo", "value"),
    case("EVAL", "eval", "return 1", 0),
    case("EVALSHA", "evalsha", "e0e1f9fabfc9d4800c877a703b823ac0578ff8db", 0),
    case("FCALL", "fcall", "first", 1, "string"),
    case("FCALL_RO", "fcall_ro", "first", 1, "string"),
    case("FUNCTION LIST", "function_list"),
    case("FUNCTION STATS", "function_stats"),
    case("LASTSAVE", "lastsave"),
    case("PING", "ping"),
    case("PUBLISH", "publish", "channel", "message"),
    case("PUBSUB CHANNELS", "pubsub_channels"),
    case("PUBSUB NUMPAT", "pubsub_numpat"),
    case("PUBSUB NUMSUB", "pubsub_numsub", "channel"),
    case("SCRIPT EXISTS", "script_exists", "e0e1f9fabfc9d4800c877a703b823ac0578ff8db"),
    case("SCRIPT LOAD", "script_load", "return 1"),
    case("SPUBLISH", "spublish", "channel", "message"),
    case("SWAPDB", "swapdb", 1, 2),
    case("TIME", "time"),
    case("FLUSHDB", "flushdb"),  # these two last: the keyspace is empty then
    case("FLUSHALL", "flushall"),
]

CASES = [*STRINGS, *LISTS, *SETS_AND_HASHES, *SORTED_SETS, *STREAMS, *KEYS, *SERVER]


def rows(quick: bool) -> Iterator[Row]:
    """All of them, also when it is `quick`: that each can be repeated is worth a look."""
    clients = {"minidis redis-py": minidis.connect(minidis.Embedded()), "fakeredis": fakeredis.FakeRedis()}
    for client in clients.values():
        client.flushall()  # fakeredis's servers may know each other's keys
        for each in PREPARE:
            peers.by_method(client)(each).function()
    special = {name: by_hand(client) for name, client in clients.items()}
    for name in ("BITFIELD", "RESTORE"):
        yield Row(name, {peer: calls[name] for peer, calls in special.items()})
    yield from peers.rows_of(clients, CASES)
    for client in clients.values():
        client.close()


def by_hand(client: Any) -> dict[str, Call]:
    """More than a method with arguments: redis-py's builder, and a payload that each makes for itself."""
    payload = client.dump("list")
    return {
        "BITFIELD": Call(lambda: client.bitfield("fields").incrby("u8", 0, 1).execute()),
        "RESTORE": Call(partial(client.restore, "restored", 0, payload, replace=True)),
    }

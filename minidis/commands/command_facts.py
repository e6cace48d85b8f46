"""What no syntax line tells of a command: tips, history, deprecation.

    tips       for a proxy before a cluster: DBSIZE must ask every shard, and add up the answers
    history    which version of Redis brought an option
    deprecated since when, and what to use instead

COMMAND INFO shows the tips, COMMAND DOCS the rest. They are the same in every Redis, since programs go by
them; a test compares them with a real server's.

Mirrors: command_tips, history, deprecated_since, replaced_by, doc_flags, notes in src/commands/*.json.
Differs: what is of 7.2 only is in the last lines of each list.
Complexity: O(1).

>>> tips("dbsize"), history("lpop")
(('request_policy:all_shards', 'response_policy:agg_sum'), (('6.2.0', 'Added the `count` argument.'),))

Read next: introspection.py.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache

_TIPS = """
nondeterministic_output: client|info client|list cluster|bumpepoch cluster|count-failure-reports
    cluster|getkeysinslot cluster|info cluster|links cluster|myshardid cluster|nodes cluster|replicas
    cluster|shards cluster|slaves cluster|slots dump function|stats hrandfield hscan info lastsave
    latency|doctor latency|graph latency|histogram latency|history latency|latest memory|doctor
    memory|malloc-stats memory|stats migrate object|encoding object|freq object|idletime object|refcount
    pttl randomkey scan slowlog|get slowlog|len spop srandmember sscan time ttl xadd xautoclaim xclaim
    xinfo|consumers xpending xtrim zrandmember zscan
nondeterministic_output_order: command command|docs command|info command|list function|list hgetall
    hkeys hvals keys module|list sdiff sinter smembers sunion
request_policy:all_nodes: client|setinfo config|set latency|doctor latency|graph latency|histogram
    latency|history latency|latest latency|reset script|flush script|load slowlog|get slowlog|len
    slowlog|reset
request_policy:all_shards: dbsize flushall flushdb function|delete function|flush function|kill
    function|load function|restore function|stats info keys memory|doctor memory|malloc-stats
    memory|purge memory|stats ping randomkey script|exists script|kill wait waitaof
request_policy:multi_shard: del exists mget mset msetnx touch unlink
request_policy:special: scan
response_policy:agg_logical_and: script|exists
response_policy:agg_min: msetnx wait waitaof
response_policy:agg_sum: dbsize del exists slowlog|len touch unlink
response_policy:all_succeeded: client|setinfo config|set flushall flushdb function|delete function|flush
    function|load function|restore latency|reset memory|purge mset ping script|flush script|load
    slowlog|reset
response_policy:one_succeeded: function|kill script|kill
response_policy:special: function|stats info latency|doctor latency|graph latency|histogram
    latency|history latency|latest memory|doctor memory|malloc-stats memory|stats
"""

_HISTORY = """
2.0.0 zrangebyscore: Added the `WITHSCORES` modifier.
2.1.6 zrevrangebyscore: `min` and `max` can be exclusive.
2.4.0 hdel: Accepts multiple `field` arguments.
2.4.0 lpush rpush: Accepts multiple `element` arguments.
2.4.0 sadd srem: Accepts multiple `member` arguments.
2.4.0 zadd zrem: Accepts multiple elements.
2.6.0 srandmember: Added the optional `count` argument.
2.6.12 set: Added the `EX`, `PX`, `NX` and `XX` options.
2.8.0 pttl ttl: Added the -2 reply.
2.8.12 client|kill: Added new filter format.
2.8.12 client|kill: `ID` option.
2.8.12 client|list: Added unique client `id` field.
3.0.0 migrate: Added the `COPY` and `REPLACE` options.
3.0.0 restore restore-asking: Added the `REPLACE` modifier.
3.0.2 zadd: Added the `XX`, `NX`, `CH` and `INCR` options.
3.0.3 exists: Accepts multiple `key` arguments.
3.0.6 migrate: Added the `KEYS` option.
3.2.0 client|kill: Added `master` type in for `TYPE` option.
3.2.0 renamenx: The command no longer returns an error when source and destination names are the same.
3.2.0 spop: Added the `count` argument.
3.2.2 bgsave: Added the `SCHEDULE` option.
4.0.0 cluster|meet: Added the optional `cluster_bus_port` argument.
4.0.0 cluster|slots: Added node IDs.
4.0.0 flushall flushdb: Added the `ASYNC` flushing mode modifier.
4.0.0 hset: Accepts multiple `field` and `value` arguments.
4.0.0 lpushx rpushx: Accepts multiple `element` arguments.
4.0.0 slowlog|get: Added client IP address, port and name to the reply.
4.0.7 migrate: Added the `AUTH` option.
5.0.0 client|kill: Replaced `slave` `TYPE` with `replica`. `slave` still supported for backward
    compatibility.
5.0.0 client|list: Added optional `TYPE` filter.
5.0.0 restore restore-asking: Added the `ABSTTL` modifier.
5.0.0 restore restore-asking: Added the `IDLETIME` and `FREQ` options.
6.0.0 auth: Added ACL style (username and password).
6.0.0 blpop brpop brpoplpush bzpopmax bzpopmin: `timeout` is interpreted as a double instead of an
    integer.
6.0.0 client|list: Added `user` field.
6.0.0 migrate: Added the `AUTH2` option.
6.0.0 scan: Added the `TYPE` subcommand.
6.0.0 set: Added the `KEEPTTL` option.
6.0.0 xinfo|stream: Added the `FULL` modifier.
6.2.0 acl|getuser acl|setuser: Added Pub/Sub channel patterns.
6.2.0 client|kill: `LADDR` option.
6.2.0 client|list: Added `argv-mem`, `tot-mem`, `laddr` and `redir` fields and the optional `ID` filter.
6.2.0 client|pause: `CLIENT PAUSE WRITE` mode added along with the `mode` option.
6.2.0 flushall flushdb: Added the `SYNC` flushing mode modifier.
6.2.0 geoadd: Added the `CH`, `NX` and `XX` options.
6.2.0 georadius georadius_ro: Added the `ANY` option for `COUNT`.
6.2.0 hello: `protover` made optional; when called without arguments the command reports the current
    connection's context.
6.2.0 lpop rpop: Added the `count` argument.
6.2.0 script|flush: Added the `ASYNC` and `SYNC` flushing mode modifiers.
6.2.0 set: Added the `GET`, `EXAT` and `PXAT` option.
6.2.0 xadd: Added the `NOMKSTREAM` option, `MINID` trimming strategy and the `LIMIT` option.
6.2.0 xpending: Added the `IDLE` option and exclusive range intervals.
6.2.0 xrange xrevrange: Added exclusive ranges.
6.2.0 xtrim: Added the `MINID` trimming strategy and the `LIMIT` option.
6.2.0 zadd: Added the `GT` and `LT` options.
6.2.0 zrange: Added the `REV`, `BYSCORE`, `BYLEX` and `LIMIT` options.
7.0.0 acl|getuser: Added selectors and changed the format of key and channel patterns from a list to
    their rule representation.
7.0.0 acl|setuser: Added selectors and key based permissions.
7.0.0 bitcount bitpos: Added the `BYTE|BIT` option.
7.0.0 client|list: Added `resp`, `multi-mem`, `rbs` and `rbp` fields.
7.0.0 cluster|slots: Added additional networking metadata field.
7.0.0 command|info: Allowed to be called with no argument to get info on all commands.
7.0.0 config|get: Added the ability to pass multiple pattern parameters in one call
7.0.0 config|set: Added the ability to set multiple parameters in one call.
7.0.0 expire expireat pexpire pexpireat: Added options: `NX`, `XX`, `GT` and `LT`.
7.0.0 georadius georadiusbymember geosearch geosearchstore: Added support for uppercase unit names.
7.0.0 info: Added support for taking multiple section arguments.
7.0.0 set: Allowed the `NX` and `GET` options to be used together.
7.0.0 shutdown: Added the `NOW`, `FORCE` and `ABORT` modifiers.
7.0.0 xadd: Added support for the `<ms>-*` explicit ID form.
7.0.0 xautoclaim: Added an element to the reply array, containing deleted entries the command cleared
    from the PEL
7.0.0 xgroup|create: Added the `entries_read` named argument.
7.0.0 xgroup|setid: Added the optional `entries_read` argument.
7.0.0 xinfo|groups: Added the `entries-read` and `lag` fields
7.0.0 xinfo|stream: Added the `max-deleted-entry-id`, `entries-added`, `recorded-first-entry-id`,
    `entries-read` and `lag` fields
7.0.0 xsetid: Added the `entries_added` and `max_deleted_entry_id` arguments.
7.0.3 client|list: Added `ssub` field.
7.2.0 acl|log: Added entry ID, timestamp created, and timestamp last updated.
7.2.0 xinfo|consumers: Added the `inactive` field, and changed the meaning of `idle`.
7.2.0 xinfo|stream: Added the `active-time` field, and changed the meaning of `seen-time`.
7.2.0 zrank zrevrank: Added the optional `WITHSCORE` argument.
"""

_DEPRECATED = """
2.0.0 substr: `GETRANGE`
4.0.0 hmset: `HSET` with multiple field-value pairs
5.0.0 cluster|slaves: `CLUSTER REPLICAS`
5.0.0 slaveof: `REPLICAOF`
6.2.0 brpoplpush: `BLMOVE` with the `RIGHT` and `LEFT` arguments
6.2.0 georadius: `GEOSEARCH` and `GEOSEARCHSTORE` with the `BYRADIUS` argument
6.2.0 georadius_ro: `GEOSEARCH` with the `BYRADIUS` argument
6.2.0 georadiusbymember: `GEOSEARCH` and `GEOSEARCHSTORE` with the `BYRADIUS` and `FROMMEMBER` arguments
6.2.0 georadiusbymember_ro: `GEOSEARCH` with the `BYRADIUS` and `FROMMEMBER` arguments
6.2.0 getset: `SET` with the `!GET` argument
6.2.0 rpoplpush: `LMOVE` with the `RIGHT` and `LEFT` arguments
6.2.0 zrangebylex: `ZRANGE` with the `BYLEX` argument
6.2.0 zrangebyscore: `ZRANGE` with the `BYSCORE` argument
6.2.0 zrevrange: `ZRANGE` with the `REV` argument
6.2.0 zrevrangebylex: `ZRANGE` with the `REV` and `BYLEX` arguments
6.2.0 zrevrangebyscore: `ZRANGE` with the `REV` and `BYSCORE` arguments
7.0.0 cluster|slots: `CLUSTER SHARDS`
7.2.0 quit: just closing the connection
"""

_SYSTEM_COMMANDS = frozenset("debug pfdebug pfselftest replconf restore-asking".split())
"""Not for users: they are there for Redis itself, and for its tests."""

_NOTES = """
bitfield: This command allows both access and modification of the key
eval fcall: We cannot tell how the keys will be used so we assume the worst, RW and UPDATE
eval_ro fcall_ro: We cannot tell how the keys will be used so we assume the worst, RO and ACCESS
getex: RW and UPDATE because it changes the TTL
pfcount: RW because it may change the internal representation of the key, and propagate to replicas
set: RW and ACCESS due to the optional `GET` argument
xadd: UPDATE instead of INSERT because of the optional trimming feature
"""


def _entries(text: str) -> Iterator[tuple[list[str], str]]:
    """The words before the colon, and what is behind it; an indented line goes on with the one before."""
    for line in text.replace("\n    ", " ").strip().splitlines():
        words, _, rest = line.partition(": ")
        yield words.split(), rest


@cache
def _all_tips() -> dict[str, tuple[str, ...]]:
    found: dict[str, tuple[str, ...]] = {}
    for [tip], names in _entries(_TIPS):
        for name in names.split():
            found[name] = (*found.get(name, ()), tip)
    return found


@cache
def _all_history() -> dict[str, tuple[tuple[str, str], ...]]:
    found: dict[str, tuple[tuple[str, str], ...]] = {}
    for [version, *commands], text in _entries(_HISTORY):
        for name in commands:
            found[name] = (*found.get(name, ()), (version, text))
    return found


@cache
def _all_deprecated() -> dict[str, tuple[str, str]]:
    return {name: (version, instead) for [version, name], instead in _entries(_DEPRECATED)}


@cache
def _all_notes() -> dict[str, str]:
    return {name: text for names, text in _entries(_NOTES) for name in names}


def tips(name: str) -> tuple[str, ...]:
    """What a proxy should know of a command (`config|set`)."""
    return _all_tips().get(name, ())


def history(name: str) -> tuple[tuple[str, str], ...]:
    """Version and change, the oldest first."""
    return _all_history().get(name, ())


def deprecation(name: str) -> tuple[str, str] | None:
    """Since when it is deprecated, and what to use instead."""
    return _all_deprecated().get(name)


def doc_flags(name: str) -> list[str]:
    """ "deprecated", or "syscmd" for what is not for users."""
    flags = {"deprecated": name in _all_deprecated(), "syscmd": name in _SYSTEM_COMMANDS}
    return [flag for flag, is_so in flags.items() if is_so]


def note(name: str) -> str | None:
    """Why the first key spec of a command says what it says."""
    return _all_notes().get(name)

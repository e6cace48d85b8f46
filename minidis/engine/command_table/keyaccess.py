"""What a command does to each of its keys: the flags of a key spec, which ACL rules like %R~ and %W~ ask for.

Four letters say what becomes of the value, and the words behind them whether the user's data is looked at:

    RO  reads            access  the data is answered, or copied to where it can be
    RW  changes          update  the data is changed       insert  only added to
    OW  overwrites       delete  some of it is removed
    RM  removes

    ZUNIONSTORE total 2 a b      total: OW update      a, b: RO access
    LMOVE a b LEFT LEFT          a: RW access delete   b: RW insert
    STRLEN k                     k: RO                 (a length is not the data)

No syntax line tells such things; Redis writes them by hand too, in each command's JSON file.

Mirrors: the key_specs of src/commands/*.json, setGetKeys and bitfieldGetKeys in db.c.
Differs: what follows from the command's flags is not written down: RO access where it only reads.
Complexity: O(1), but for SET and BITFIELD, whose arguments decide: O(arguments).

>>> key_access("lmove", readonly=False)
('RW access delete', 'RW insert')
>>> access_of_request("set", b"SET k v".split()), access_of_request("set", b"SET k v GET".split())
(('OW update',), ('RW access update',))

Read next: keyspecs.py, where the keys are.
"""

from __future__ import annotations

from collections.abc import Sequence

from minidis.engine.command_table.keyspecs import BadKeys, positions_of_spec
from minidis.engine.command_table.registry import Command, Flag

READS = ("RO access",)
UPDATES = ("RW access update",)
OVERWRITES = ("OW update",)
VARIABLE = ("RW access update variable_flags",)
"""The arguments decide."""

_TABLE = {
    ("RO",): "exists hexists hlen hstrlen llen memory|usage object|encoding object|freq object|idletime "
    "object|refcount scard sismember strlen touch type watch xlen zcard",
    ("RW access",): "pfcount pfdebug",
    (
        "RW update",
    ): "expire expireat geoadd hmset hset lset persist pexpire pexpireat setrange xack xadd xclaim "
    "xgroup|setid xsetid zadd",
    ("RW insert",): "append hsetnx linsert lpush lpushx pfadd rpush rpushx sadd xgroup|create "
    "xgroup|createconsumer",
    ("RW delete",): "hdel lrem ltrim srem xautoclaim xdel xgroup|delconsumer xgroup|destroy "
    "xtrim zrem zremrangebylex zremrangebyrank zremrangebyscore",
    ("RW access delete",): "blmpop blpop brpop bzmpop bzpopmax bzpopmin getdel lmpop lpop rpop spop zmpop "
    "zpopmax zpopmin",
    ("OW insert",): "msetnx setnx",
    ("RM delete",): "del unlink",
    READS: "xreadgroup",
    OVERWRITES: "mset psetex restore restore-asking setex",
    VARIABLE: "bitfield set",
    ("RW access delete", "RW insert"): "blmove brpoplpush lmove rpoplpush smove",
    ("RW access delete", "OW update"): "rename",
    ("RW access delete", "OW insert"): "renamenx",
    (
        "OW update",
        "RO access",
    ): "bitop geosearchstore sdiffstore sunionstore zdiffstore zinterstore zrangestore zunionstore",
    ("RW update", "RO access"): "sinterstore",
    ("RO access", "OW update"): "copy sort",
    ("RW access insert", "RO access"): "pfmerge",
    ("RO access", "RO access"): "lcs",
    ("RW access delete", "RW access delete"): "migrate",
    ("RO access", "OW update", "OW update"): "georadius georadiusbymember",
}
_BY_NAME = {name: access for access, names in _TABLE.items() for name in names.split()}


def key_access(name: str, readonly: bool) -> tuple[str, ...]:
    """The flags of each key spec of a command, in the order of the specs."""
    return _BY_NAME.get(name, READS if readonly else UPDATES)


def access_of_request(name: str, argv: Sequence[bytes], readonly: bool = False) -> tuple[str, ...]:
    """As `key_access`, for one request: SET with GET also reads, BITFIELD with GET alone only reads."""
    if name == "set":
        return UPDATES if any(word.upper() == b"GET" for word in argv[3:]) else OVERWRITES
    if name == "bitfield":
        return READS if _only_gets(argv[2:]) else UPDATES
    return key_access(name, readonly)


def keys_of_request(entry: Command, argv: Sequence[bytes]) -> list[tuple[int, str]]:
    """Where the keys of a request are, each with what is done to it; none where the arguments make no sense.

    >>> from minidis.drivers.embedded import Embedded
    >>> keys_of_request(Embedded(clock=0).node.commands.by_name["copy"], b"COPY a b".split())
    [(1, 'RO access'), (2, 'OW update')]
    """
    specs = entry.key_specs
    accesses = access_of_request(entry.name, argv, bool(entry.flags & Flag.READONLY))
    if entry.key_finder is not None:
        positions = entry.key_finder(list(argv))
        # SORT has a key of either kind; MIGRATE's may be many, and are treated alike.
        return [(at, accesses[min(number, len(accesses) - 1)]) for number, at in enumerate(positions)]
    try:
        pairs = zip(specs, accesses, strict=False)
        return [(position, access) for spec, access in pairs for position in positions_of_spec(spec, argv)]
    except BadKeys:
        return []


def _only_gets(words: Sequence[bytes]) -> bool:
    position = 0
    while position < len(words):
        width = {b"GET": 3, b"OVERFLOW": 2}.get(words[position].upper())
        if width is None or position + width > len(words):
            return False
        position += width
    return True

r"""DUMP and RESTORE: a value as bytes, to keep elsewhere or to carry to another server.

    DUMP k       11 07 ...           type and value as in an RDB file
                 0a 00               the version of the format
                 .. .. .. .. .. ..   CRC-64 of all before: eight bytes

RESTORE believes none of them: after the check sum every length, encoding and count is looked at before the
value is built, since anybody can compute a check sum. What DUMP leaves out (the time to live, how long the
key was idle) the client gives itself:

    RESTORE k 0 payload                       lives for ever
    RESTORE k 1767225610000 payload ABSTTL REPLACE IDLETIME 30

Mirrors: dumpCommand, restoreCommand in cluster.c.
Differs: payloads are of version 10, which Redis 7.0 takes, too (7.2 writes 11, which 7.0 refuses); those of
Redis 7.4 and Valkey 9 are taken unless they hold what 7.2 has not (fields with a time to live). A damaged
value is always refused: sanitize-dump-payload is as good as on (with "no", a real server takes what it will
die of at the next command), and what reaches into the footer or ends before it is damaged, too.
Complexity: O(bytes), O(n log n) to restore a sorted set.

>>> from minidis.drivers.embedded import Embedded
>>> redis = Embedded(clock=0)
>>> redis.execute("RPUSH", "list", "a", 1)
2
>>> payload = redis.execute("DUMP", "list")
>>> redis.execute("RESTORE", "copy", 0, payload), redis.execute("LRANGE", "copy", 0, -1)
('OK', [b'a', b'1'])

Read next: minidis/persistence/rdb_format.py.
"""

from __future__ import annotations

from minidis.engine.client import Client
from minidis.engine.command_table.binding import integer
from minidis.engine.command_table.registry import DANGEROUS, DENYOOM, READONLY, WRITE, command
from minidis.engine.errors import SYNTAX
from minidis.engine.memory import access
from minidis.persistence.rdb_format import RdbError, broken_value
from minidis.persistence.rdb_reader import BadFooter, restore_payload
from minidis.persistence.rdb_writer import dump_payload
from minidis.protocol.numbers import INTEGER_MAX
from minidis.protocol.replies import ReplyError
from minidis.structures.record import record
from minidis.values.base import Value

BUSY_KEY = "BUSYKEY Target key name already exists."
BAD_TTL = "ERR Invalid TTL value, must be >= 0"
BAD_IDLE_TIME = "ERR Invalid IDLETIME value, must be >= 0"
BAD_FREQUENCY = "ERR Invalid FREQ value, must be >= 0 and <= 255"
BAD_FOOTER = "ERR DUMP payload version or checksum are wrong"
BAD_DATA = "ERR Bad data format"


@command("DUMP key", READONLY, since="2.6.0")
def dump(client: Client, key: bytes) -> bytes | None:
    """Give the value at a key as bytes that RESTORE takes. O(N) where N is the size of the value."""
    value = client.db.find(key)
    if value is None:
        return None
    return dump_payload(value, compress=client.node.config.rdbcompression)


@command(
    "RESTORE key ttl:int serialized-value [REPLACE] [ABSTTL] [IDLETIME seconds:int] [FREQ frequency:int]",
    WRITE | DENYOOM | DANGEROUS,
    since="2.6.0",
    raw=True,
)
def restore(client: Client, key: bytes, ttl: bytes, payload: bytes, *words: bytes) -> str:
    """Make a key of the bytes that DUMP gave. O(N) where N is the size of the value."""
    options = _Options.parse(words)
    db, node = client.db, client.node
    if not options.replace and db.peek(key) is not None:
        raise ReplyError(BUSY_KEY)
    expires_at_ms = integer(ttl)
    if expires_at_ms < 0:
        raise ReplyError(BAD_TTL)
    value = _value_in(client, payload)
    deleted = options.replace and db.peek(key) is not None and db.delete(key) is not None
    if expires_at_ms and not options.absolute:
        expires_at_ms += node.now_ms
        client.rewrite(b"RESTORE", key, expires_at_ms, payload, *words, b"ABSTTL")
    # Beyond 64 bits C's sum turns negative: long ago.
    is_past = expires_at_ms <= node.now_ms or expires_at_ms > INTEGER_MAX
    if expires_at_ms and is_past and node.deletes_expired_keys:
        client.rewrite()
        if deleted:
            client.rewrite(b"UNLINK" if node.config.lazyfree_lazy_server_del else b"DEL", key)
            db.touch(key, "del")
        return "OK"
    db.create(key, value)
    if expires_at_ms:
        db.set_expiry(key, expires_at_ms)
    access.set_use(value, node, options.idle_s, options.frequency)
    db.touch(key, "restore")
    return "OK"


@record
class _Options:
    replace: bool = False
    absolute: bool = False
    idle_s: int | None = None
    frequency: int | None = None

    @classmethod
    def parse(cls, words: tuple[bytes, ...]) -> _Options:
        """IDLETIME and FREQ exclude each other: a value has only one of the two."""
        options = cls()
        rest = iter(words)
        left = len(words)
        for word in rest:
            left -= 1
            name = word.upper()
            if name == b"REPLACE":
                options.replace = True
            elif name == b"ABSTTL":
                options.absolute = True
            elif name == b"IDLETIME" and left and options.frequency is None:
                options.idle_s = integer(next(rest))
                left -= 1
                if options.idle_s < 0:
                    raise ReplyError(BAD_IDLE_TIME)
            elif name == b"FREQ" and left and options.idle_s is None:
                options.frequency = integer(next(rest))
                left -= 1
                if not 0 <= options.frequency <= 255:
                    raise ReplyError(BAD_FREQUENCY)
            else:
                raise ReplyError(SYNTAX)
        return options


def _value_in(client: Client, payload: bytes) -> Value:
    try:
        node = client.node
        value, lost = restore_payload(payload, node.encodings, node.random, not node.skips_checksums)
    except BadFooter:
        raise ReplyError(BAD_FOOTER) from None
    except RdbError as error:
        node.log(
            "warning", f"RESTORE refused: {broken_value(payload[0])}. At byte {error.offset}: {error.what}"
        )
        raise ReplyError(BAD_DATA) from None
    if lost:
        raise ReplyError(f"{BAD_DATA}: {lost[0]}")
    client.node.statistics.payloads_looked_into += 1
    return value

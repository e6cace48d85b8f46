"""Hash commands: fields of one record, counters within it.

The traps that interviews ask for stand here in a few lines each:

  * HSET answers how many fields are *new*: 0 after an update is no failure.
  * HINCRBY needs no HSETNX before it: a missing field counts as 0. It is one step, HGET and HSET are two.
  * HINCRBYFLOAT is journaled as the HSET of its result: another processor may round otherwise.
  * HGETALL is a map in RESP3, a flat list in RESP2; of a large hash take HSCAN.
  * A field has no time to live of its own before Redis 7.4.

Mirrors: t_hash.c.
Differs: a random draw with repetition stops at ten million fields, where Redis sends until memory ends.

>>> from minidis.drivers.embedded import Embedded
>>> redis = Embedded()
>>> redis.execute("HSET", "user", "name", "Ada", "visits", 1), redis.execute("HSET", "user", "name", "Ada L.")
(2, 0)
>>> redis.execute("HINCRBY", "user", "visits", 41), redis.execute("HGETALL", "user")
(42, {b'name': b'Ada L.', b'visits': b'42'})

Read next: minidis/values/hash.py for the two forms, scanning.py for HSCAN.
"""

from __future__ import annotations

from collections.abc import Iterable

from minidis.commands.arguments import COUNT_OUT_OF_RANGE, integer_in_range, may_draw
from minidis.commands.scanning import scan_collection
from minidis.engine import errors
from minidis.engine.client import Client
from minidis.engine.command_table.registry import DENYOOM, FAST, READONLY, WRITE, command
from minidis.protocol.numbers import (
    INTEGER_MAX,
    INTEGER_MIN,
    add_long_doubles,
    format_long_double,
    parse_integer,
    parse_long_double,
)
from minidis.protocol.replies import Pairs, ReplyError
from minidis.values.hash import Hash

# -- setting ----------------------------------------------------------------------------------------


@command("HSET key field value [field value ...]", WRITE | DENYOOM | FAST, since="2.0.0")
def hset(client: Client, key: bytes, field: bytes, text: bytes, *more: bytes) -> int:
    """Set fields of a hash, and count those that are new. O(1) for each field/value pair added, so O(N) to \
add N field/value pairs when the command is called with multiple field/value pairs."""
    value = edit_or_create(client, key)
    if more:
        added = value.set_all((field, text, *more))
        client.db.touch(key, "hset", 1 + len(more) // 2)
        return added
    is_new = value.set(field, text)
    client.db.touch(key, "hset")
    return 1 if is_new else 0


@command("HMSET key field value [field value ...]", WRITE | DENYOOM | FAST, since="2.0.0")
def hmset(client: Client, key: bytes, *words: bytes) -> str:
    """Set fields of a hash; HSET has taken its place. O(N) where N is the number of fields being set."""
    hset(client, key, *words)
    return "OK"


@command("HSETNX key field value", WRITE | DENYOOM | FAST, since="2.0.0")
def hsetnx(client: Client, key: bytes, field: bytes, text: bytes) -> int:
    """Set a field of a hash only if it doesn't exist: 1 if set, else 0. O(1)."""
    value = edit_or_create(client, key)
    if field in value:
        return 0
    value.set(field, text)
    client.db.touch(key, "hset")
    return 1


@command("HINCRBY key field increment:int", WRITE | DENYOOM | FAST, since="2.0.0")
def hincrby(client: Client, key: bytes, field: bytes, increment: int) -> int:
    """Add an integer to the integer in a field; a missing one counts as 0. O(1)."""
    value = client.db.edit(key, Hash)
    text = None if value is None else value.get(field)
    old = 0 if text is None else parse_integer(text)
    if old is None:
        raise ReplyError("ERR hash value is not an integer")
    new = old + increment
    if not INTEGER_MIN <= new <= INTEGER_MAX:
        raise ReplyError("ERR increment or decrement would overflow")
    value = edit_or_create(client, key) if value is None else value
    value.set(field, b"%d" % new)
    client.db.touch(key, "hincrby")
    return new


@command("HINCRBYFLOAT key field increment:float", WRITE | DENYOOM | FAST, since="2.6.0", raw=True)
def hincrbyfloat(client: Client, key: bytes, field: bytes, word: bytes) -> bytes:
    """Add a floating point number to the number in a field; a missing one counts as 0. O(1)."""
    increment = parse_long_double(word)
    if increment is None:
        raise ReplyError(errors.NOT_FLOAT)
    if isinstance(increment, float):
        raise ReplyError("ERR value is NaN or Infinity")
    value = client.db.edit(key, Hash)
    text = None if value is None else value.get(field)
    old = parse_long_double(b"0" if text is None else text)
    if old is None:
        raise ReplyError("ERR hash value is not a float")
    total = add_long_doubles(old, increment)
    if isinstance(total, float):
        raise ReplyError("ERR increment would produce NaN or Infinity")
    new = format_long_double(total)
    value = edit_or_create(client, key) if value is None else value
    value.set(field, new)
    client.rewrite(b"HSET", key, field, new)
    client.db.touch(key, "hincrbyfloat")
    return new


@command("HDEL key field [field ...]", WRITE | FAST, since="2.0.0")
def hdel(client: Client, key: bytes, *fields: bytes) -> int:
    """Delete fields of a hash, and count those that were there; the key goes with the last one. O(N) where \
N is the number of fields to be removed."""
    db = client.db
    value = db.edit(key, Hash)
    if value is None:
        return 0
    deleted = sum([value.delete(field) for field in fields])
    if deleted:
        db.touch(key, "hdel", deleted)
        db.discard_if_empty(key, value)
    return deleted


def edit_or_create(client: Client, key: bytes) -> Hash:
    """The hash at a key, made if it is missing."""
    value = client.db.edit(key, Hash)
    return client.db.create(key, Hash(client.node.encodings)) if value is None else value


# -- getting ----------------------------------------------------------------------------------------


@command("HGET key field", READONLY | FAST, since="2.0.0")
def hget(client: Client, key: bytes, field: bytes) -> bytes | None:
    """Get the value of a field. O(1)."""
    value = client.db.find(key, Hash)
    return None if value is None else value.form.get(field)


@command("HMGET key field [field ...]", READONLY | FAST, since="2.0.0")
def hmget(client: Client, key: bytes, *fields: bytes) -> list[bytes | None]:
    """Get the values of several fields, null for a missing one. O(N) where N is the number of fields being \
requested."""
    value = client.db.find(key, Hash)
    return [None] * len(fields) if value is None else list(map(value.form.get, fields))


@command("HGETALL key", READONLY, since="2.0.0")
def hgetall(client: Client, key: bytes) -> dict[bytes, bytes]:
    """Get all fields with their values. O(N) where N is the size of the hash."""
    value = client.db.find(key, Hash)
    return {} if value is None else value.form.as_dict()


@command("HKEYS key", READONLY, since="2.0.0")
def hkeys(client: Client, key: bytes) -> list[bytes]:
    """Get all fields. O(N) where N is the size of the hash."""
    value = client.db.find(key, Hash)
    return [] if value is None else list(value)


@command("HVALS key", READONLY, since="2.0.0")
def hvals(client: Client, key: bytes) -> list[bytes]:
    """Get all values. O(N) where N is the size of the hash."""
    value = client.db.find(key, Hash)
    return [] if value is None else [text for _, text in value.items()]


@command("HLEN key", READONLY | FAST, since="2.0.0")
def hlen(client: Client, key: bytes) -> int:
    """Count the fields. O(1)."""
    value = client.db.find(key, Hash)
    return 0 if value is None else len(value)


@command("HSTRLEN key field", READONLY | FAST, since="3.2.0")
def hstrlen(client: Client, key: bytes, field: bytes) -> int:
    """Get the length of a field's value in bytes, 0 if there is none. O(1)."""
    value = client.db.find(key, Hash)
    return 0 if value is None else len(value.get(field) or b"")


@command("HEXISTS key field", READONLY | FAST, since="2.0.0")
def hexists(client: Client, key: bytes, field: bytes) -> int:
    """Does the hash have this field? 1 or 0. O(1)."""
    value = client.db.find(key, Hash)
    return int(value is not None and field in value)


@command("HSCAN key cursor:int [MATCH pattern] [COUNT count:int]", READONLY, since="2.8.0", raw=True)
def hscan(client: Client, key: bytes, *words: bytes) -> list:
    """Walk over the fields of a hash and their values, a few at a time. O(1) for every call, O(N) for the \
whole walk."""
    return scan_collection(client, Hash, key, words, _rows)


def _rows(value: Hash, names: Iterable[bytes] | None) -> Iterable[tuple[bytes, ...]]:
    if names is None:
        return value.items()
    get = value.form.get
    return [(name, text) for name in names if (text := get(name)) is not None]


# -- random fields ----------------------------------------------------------------------------------


@command("HRANDFIELD key [count:int [WITHVALUES]]", READONLY, since="6.2.0", raw=True)
def hrandfield(client: Client, key: bytes, *words: bytes) -> bytes | list | None:
    """Get a random field, `count` different ones, or -`count` that may repeat. O(N) where N is the number \
of fields returned."""
    random = client.node.random
    if not words:
        value = client.db.find(key, Hash)
        return None if value is None else value.random_pair(random)[0]
    count = integer_in_range(words[0], -INTEGER_MAX)
    with_values = len(words) > 1
    if len(words) > 2 or (with_values and words[1].upper() != b"WITHVALUES"):
        raise ReplyError(errors.SYNTAX)
    if with_values and not -(INTEGER_MAX // 2) <= count <= INTEGER_MAX // 2:
        raise ReplyError(COUNT_OUT_OF_RANGE)
    value = client.db.find(key, Hash)
    if value is None:
        return []
    if count < 0:
        if not may_draw(client, -count):
            return []
        pairs = value.draw(random, -count)
    else:
        pairs = value.sample(random, count)
    return Pairs(pairs) if with_values else [field for field, _ in pairs]

"""String commands: one value per key, as bytes, as a number, as a cell with a time to live.

The traps that interviews ask for stand here in a few lines each:

  * SET drops a time to live unless KEEPTTL is given (`put` clears it), and overwrites any type.
  * INCR keeps it (the value is changed in place, nothing is put).
  * SET NX EX is one command because SETNX and then EXPIRE can be cut in two by a crash.

Mirrors: t_string.c.
Complexity: O(1), or O(N) in the bytes given or asked for.

>>> from minidis.drivers.embedded import Embedded
>>> redis = Embedded(clock=0)
>>> redis.execute("SET", "visits", 41), redis.execute("INCR", "visits"), redis.execute("GET", "visits")
('OK', 42, b'42')

Read next: minidis/engine/database.py for find, edit and touch.
"""

from __future__ import annotations

from minidis.engine import errors
from minidis.engine.client import Client
from minidis.engine.registry import DENYOOM, FAST, READONLY, WRITE, command
from minidis.protocol.replies import ReplyError
from minidis.values.string import String, encode

INT64_MIN, INT64_MAX = -(2**63), 2**63 - 1


@command("GET key", READONLY | FAST)
def get(client: Client, key: bytes):
    """Get the string value of a key. O(1)."""
    value = client.db.find(key, String)
    if value is None:
        return None
    data = value.data
    return data if type(data) is bytes else value.as_bytes()


@command(
    "SET key value [NX|XX] [GET] [EX seconds:int|PX milliseconds:int|EXAT unix-time-seconds:time"
    "|PXAT unix-time-milliseconds:time|KEEPTTL]",
    WRITE | DENYOOM,
)
def set_(
    client: Client,
    key: bytes,
    value: bytes,
    nx: bool = False,
    xx: bool = False,
    get: bool = False,
    ex: int | None = None,
    px: int | None = None,
    exat: int | None = None,
    pxat: int | None = None,
    keepttl: bool = False,
):
    """Set the string value of a key, whatever it held, and drop its time to live. O(1)."""
    db = client.db
    at_ms = expiry_from_options(client, "set", ex, px, exat, pxat)
    reply = "OK"
    if get:
        old = db.find(key, String)
        reply = None if old is None else old.as_bytes()
    if (nx or xx) and (db.edit(key) is None) == xx:
        return reply if get else None
    db.put(key, String(encode(value)), keepttl)
    if at_ms is not None:
        db.set_expiry(key, at_ms)
        client.rewrite(b"SET", key, value, b"PXAT", b"%d" % at_ms)
    db.touch(key, "set")
    if at_ms is not None and client.node.observed:
        client.node.key_changed(db, key, "expire")
    return reply


def expiry_from_options(
    client: Client, name: str, ex: int | None, px: int | None, exat: int | None, pxat: int | None
) -> int | None:
    """The unix time in milliseconds that EX, PX, EXAT or PXAT ask for; None when none is given.

    Raises "invalid expire time" for a time that is not positive or overflows 64 bits.
    """
    given = next((time for time in (ex, px, exat, pxat) if time is not None), None)
    if given is None:
        return None
    at_ms = given * 1000 if px is None and pxat is None else given
    if given <= 0 or at_ms > INT64_MAX:
        raise errors.invalid_expire(name)
    if exat is None and pxat is None:
        at_ms += client.node.now_ms
        if at_ms > INT64_MAX:
            raise errors.invalid_expire(name)
    return at_ms


@command("INCR key", WRITE | DENYOOM | FAST)
def incr(client: Client, key: bytes):
    """Add one to the integer at a key; a missing key counts as 0. O(1)."""
    return increment(client, key, 1)


def increment(client: Client, key: bytes, step: int) -> int:
    """Add `step` to a 64-bit integer in place: its time to live stays.  Raises on text and on overflow."""
    db = client.db
    value = db.edit(key, String)
    old = 0 if value is None else value.data
    if type(old) is not int:
        assert value is not None
        old = encode(value.as_bytes())  # "raw" text may still be a number
        if type(old) is not int:
            raise ReplyError(errors.NOT_INTEGER)
    new = old + step
    if not INT64_MIN <= new <= INT64_MAX:
        raise ReplyError("ERR increment or decrement would overflow")
    if value is None:
        db.create(key, String(new))
    else:
        value.data = new
    db.touch(key, "incrby")
    return new

"""EXPIRE, TTL, PERSIST: keys with a time to live.

A key carries the *point in time* at which it dies, in unix milliseconds, in a table of its own
(`Database.expires`); EXPIRE 10 and EXPIREAT are two spellings of the same entry. So a restart, or a
replica that gets the command late, lengthens no life, and the journal knows only one form:

    EXPIRE k 10        -> PEXPIREAT k 1767225610000
    EXPIREAT k 1       -> DEL k                          in the past: the key is deleted at once

    TTL k   -2  no such key       -1  lives for ever       0 or more  seconds left, rounded

Mirrors: expire.c (the commands).
Complexity: O(1).

>>> from minidis.drivers.embedded import Embedded
>>> redis = Embedded(clock=0)
>>> redis.execute("SET", "session", "ann"), redis.execute("EXPIRE", "session", 60)
('OK', 1)
>>> redis.step(20)
>>> redis.execute("TTL", "session"), redis.execute("EXPIRE", "session", 30, "GT")
(40, 0)

Read next: minidis/engine/keyspace/expiry.py, which finds the dead keys that nobody reads.
"""

from __future__ import annotations

from minidis.commands.keys import look
from minidis.engine import errors
from minidis.engine.client import Client
from minidis.engine.command_table.binding import integer
from minidis.engine.command_table.registry import FAST, READONLY, WRITE, command
from minidis.protocol.numbers import INTEGER_MAX, INTEGER_MIN
from minidis.protocol.replies import ReplyError

GENERIC = "generic"
NO_KEY, NO_EXPIRY = -2, -1


@command("EXPIRE key seconds:int [NX|XX|GT|LT]", WRITE | FAST, raw=True, group=GENERIC)
def expire(client: Client, key: bytes, seconds: bytes, *conditions: bytes) -> int:
    """Set the time to live of a key in seconds. O(1)."""
    return _expire(client, "expire", key, seconds, conditions, 1000)


@command("PEXPIRE key milliseconds:int [NX|XX|GT|LT]", WRITE | FAST, since="2.6.0", raw=True, group=GENERIC)
def pexpire(client: Client, key: bytes, milliseconds: bytes, *conditions: bytes) -> int:
    """Set the time to live of a key in milliseconds. O(1)."""
    return _expire(client, "pexpire", key, milliseconds, conditions, 1)


@command(
    "EXPIREAT key unix-time-seconds:time [NX|XX|GT|LT]", WRITE | FAST, since="1.2.0", raw=True, group=GENERIC
)
def expireat(client: Client, key: bytes, seconds: bytes, *conditions: bytes) -> int:
    """Set the unix time, in seconds, at which a key expires. O(1)."""
    return _expire(client, "expireat", key, seconds, conditions, 1000, is_from_now=False)


@command(
    "PEXPIREAT key unix-time-milliseconds:time [NX|XX|GT|LT]",
    WRITE | FAST,
    since="2.6.0",
    raw=True,
    group=GENERIC,
)
def pexpireat(client: Client, key: bytes, milliseconds: bytes, *conditions: bytes) -> int:
    """Set the unix time, in milliseconds, at which a key expires. O(1)."""
    return _expire(client, "pexpireat", key, milliseconds, conditions, 1, is_from_now=False)


@command("TTL key", READONLY | FAST, group=GENERIC)
def ttl(client: Client, key: bytes) -> int:
    """Get the seconds a key has left to live; -1 when it lives for ever, -2 when it does not exist. O(1)."""
    return _seconds(pttl(client, key))


@command("PTTL key", READONLY | FAST, since="2.6.0", group=GENERIC)
def pttl(client: Client, key: bytes) -> int:
    """Get the milliseconds a key has left to live; -1 for ever, -2 no such key. O(1)."""
    at_ms = pexpiretime(client, key)
    return at_ms if at_ms < 0 else max(at_ms - client.node.now_ms, 0)


@command("EXPIRETIME key", READONLY | FAST, since="7.0.0", group=GENERIC)
def expiretime(client: Client, key: bytes) -> int:
    """Get the unix time, in seconds, at which a key expires; -1 never, -2 no such key. O(1)."""
    return _seconds(pexpiretime(client, key))


@command("PEXPIRETIME key", READONLY | FAST, since="7.0.0", group=GENERIC)
def pexpiretime(client: Client, key: bytes) -> int:
    """Get the unix time, in milliseconds, at which a key expires; -1 never, -2 no such key. O(1)."""
    if look(client, key) is None:
        return NO_KEY
    at_ms = client.db.expiry_ms(key)
    return NO_EXPIRY if at_ms is None else at_ms


@command("PERSIST key", WRITE | FAST, since="2.2.0", group=GENERIC)
def persist(client: Client, key: bytes) -> int:
    """Let a key live for ever again. O(1)."""
    if client.db.edit(key) is None or not client.db.clear_expiry(key):
        return 0
    client.db.touch(key, "persist")
    return 1


def _expire(
    client: Client,
    name: str,
    key: bytes,
    time_word: bytes,
    conditions: tuple[bytes, ...],
    unit_ms: int,
    is_from_now: bool = True,
) -> int:
    db, now_ms = client.db, client.node.now_ms
    wanted = _conditions(conditions) if conditions else None
    at_ms = _point_in_time(name, integer(time_word) * unit_ms, now_ms if is_from_now else 0)
    if db.edit(key) is None or (wanted and not _allowed(wanted, at_ms, db.expiry_ms(key))):
        return 0
    if at_ms <= now_ms and client.node.deletes_expired_keys:
        db.delete(key)
        client.rewrite(b"DEL", key)
        db.touch(key, "del")
    else:
        db.set_expiry(key, at_ms)
        client.rewrite(b"PEXPIREAT", key, at_ms)
        db.touch(key, "expire")
    return 1


def _point_in_time(name: str, at_ms: int, base_ms: int) -> int:
    """Unix milliseconds; negative ones are allowed, what leaves 64 bits on the way is not."""
    if not INTEGER_MIN <= at_ms <= INTEGER_MAX - base_ms:
        raise errors.invalid_expire(name)
    return at_ms + base_ms


def _conditions(words: tuple[bytes, ...]) -> set[bytes]:
    wanted = set()
    for word in words:
        condition = word.upper()
        if condition not in (b"NX", b"XX", b"GT", b"LT"):
            raise ReplyError(f"ERR Unsupported option {errors.shown(word)}".rstrip("\r\n"))
        wanted.add(condition)
    if b"NX" in wanted and len(wanted) > 1:
        raise ReplyError("ERR NX and XX, GT or LT options at the same time are not compatible")
    if {b"GT", b"LT"} <= wanted:
        raise ReplyError("ERR GT and LT options at the same time are not compatible")
    return wanted


def _allowed(wanted: set[bytes], at_ms: int, current_ms: int | None) -> bool:
    """Whether all conditions hold.  A key that lives for ever expires later than any other."""
    if current_ms is None:
        return not wanted & {b"XX", b"GT"}
    if b"GT" in wanted and at_ms <= current_ms or b"LT" in wanted and at_ms >= current_ms:
        return False
    return b"NX" not in wanted


def _seconds(milliseconds: int) -> int:
    return milliseconds if milliseconds < 0 else (milliseconds + 500) // 1000

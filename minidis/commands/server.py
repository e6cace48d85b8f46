"""Whole databases, and the time: DBSIZE, FLUSHDB, FLUSHALL, SWAPDB, TIME.

Mirrors: db.c, server.c.
Differs: ASYNC frees in slices between commands (minidis/engine/memory/lazyfree.py), not in a thread.

>>> from minidis.drivers.embedded import Embedded
>>> redis = Embedded(clock=1_500_000)
>>> redis.execute("MSET", "a", "1", "b", "2"), redis.execute("DBSIZE"), redis.execute("FLUSHALL")
('OK', 2, 'OK')
>>> redis.execute("TIME")
[b'1', b'500000']

Read next: information.py, configuration.py.
"""

from __future__ import annotations

from minidis.engine import errors
from minidis.engine.client import Client
from minidis.engine.command_table.registry import DANGEROUS, FAST, LOADING, READONLY, STALE, WRITE, command
from minidis.engine.keyspace.database import Database
from minidis.protocol.numbers import parse_integer
from minidis.protocol.replies import ReplyError


@command("DBSIZE", READONLY | FAST, group="server")
def dbsize(client: Client):
    """Count the keys of this database. O(1)."""
    return len(client.db)


@command("FLUSHDB [ASYNC|SYNC]", WRITE | DANGEROUS, raw=True)
def flushdb(client: Client, *words: bytes):
    """Remove all keys of this database. O(N) in keys."""
    client.node.changes += client.db.clear(_flushes_lazily(client, words))
    client.rewrite_always(b"FLUSHDB", *words)
    client.node.tracking.flushed()
    return "OK"


@command("FLUSHALL [ASYNC|SYNC]", WRITE | DANGEROUS, raw=True)
def flushall(client: Client, *words: bytes):
    """Remove all keys of all databases. O(N) in keys."""
    lazily = _flushes_lazily(client, words)
    client.node.changes += sum(database.clear(lazily) for database in client.node.databases)
    client.rewrite_always(b"FLUSHALL", *words)
    if client.node.loading is None:
        client.node.saving.flushed()
    client.node.tracking.flushed()
    return "OK"


def _flushes_lazily(client: Client, words: tuple[bytes, ...]) -> bool:
    """Are the keys to be freed later?  ASYNC or SYNC say so; without either a directive does."""
    if not words:
        return client.node.config.lazyfree_lazy_user_flush
    if len(words) > 1 or words[0].upper() not in (b"ASYNC", b"SYNC"):
        raise ReplyError(errors.SYNTAX)
    return words[0].upper() == b"ASYNC"


@command("SWAPDB index1:int index2:int", WRITE | FAST | DANGEROUS, since="4.0.0", raw=True)
def swapdb(client: Client, index1: bytes, index2: bytes):
    """Let two databases change places, for every connection at once. O(N) in clients that watch or wait."""
    errors.refuse_in_cluster(client, "SWAPDB is not allowed")
    databases = client.node.databases
    numbers = []
    for name, text in (("first", index1), ("second", index2)):
        number = parse_integer(text)
        if number is None or not -(2**31) <= number < 2**31:
            raise ReplyError(f"ERR invalid {name} DB index")
        numbers.append(number)
    if not all(0 <= number < len(databases) for number in numbers):
        raise ReplyError("ERR DB index is out of range")
    first, second = (databases[number] for number in numbers)
    client.node.changes += 1
    if first is not second:
        _swap(first, second)
    return "OK"


def _swap(first: Database, second: Database) -> None:
    """The contents move; the Database objects stay with the clients that selected them."""
    for name in ("table", "expires", "expiry_cursor", "views"):
        mine, other = getattr(first, name), getattr(second, name)
        setattr(first, name, other)
        setattr(second, name, mine)
    first.node.memory.swapped(first, second)
    if first.node.observed:
        for key in first.node.keys_looked_at(first, second):
            for database, other in ((first, second), (second, first)):
                first.node.watchers.swapped(database, other, key)
                first.node.key_changed(database, key, "swapdb")


@command("TIME", LOADING | STALE | FAST, since="2.6.0")
def time(client: Client):
    """The node's clock: unix seconds, and microseconds of the current second. O(1).

    It stands while a script runs; but a slow one, during which others are answered, can see time go by.
    """
    node = client.node
    run = node.scripting.run if client.is_script else None
    now_us = node.clock() if run is not None and run.is_slow else node.now_us
    return [b"%d" % part for part in divmod(now_us, 1_000_000)]

"""MULTI, EXEC, DISCARD, WATCH, UNWATCH: the commands; their work is in minidis/engine/transactions.py.

Mirrors: multi.c.

>>> from minidis.drivers.embedded import Embedded
>>> redis = Embedded(clock=0)
>>> [redis.execute(*line.split()) for line in ("MULTI", "SET a 1", "INCR a", "EXEC")]
['OK', 'QUEUED', 'QUEUED', ['OK', 2]]
"""

from __future__ import annotations

from minidis.engine import transactions
from minidis.engine.client import Client
from minidis.engine.command_table.registry import (
    ALLOW_BUSY,
    FAST,
    LOADING,
    NOSCRIPT,
    SKIP_SLOWLOG,
    STALE,
    command,
)
from minidis.protocol.replies import ReplyError

_CONTROL = NOSCRIPT | LOADING | STALE | ALLOW_BUSY


@command("MULTI", _CONTROL | FAST, since="1.2.0")
def multi(client: Client):
    """Start a transaction: commands are queued until EXEC. O(1)."""
    if client.transaction is not None:
        raise ReplyError("ERR MULTI calls can not be nested")
    transactions.begin(client)
    return "OK"


@command("EXEC", NOSCRIPT | LOADING | STALE | SKIP_SLOWLOG, since="1.2.0")
def exec_(client: Client):
    """Run all commands queued since MULTI, one after the other, nothing in between. O(N) in commands."""
    if client.transaction is None:
        raise ReplyError("ERR EXEC without MULTI")
    return transactions.execute(client)


@command("DISCARD", _CONTROL | FAST, since="2.0.0")
def discard(client: Client):
    """Drop the queued commands, and everything watched. O(N) in commands queued."""
    if client.transaction is None:
        raise ReplyError("ERR DISCARD without MULTI")
    transactions.discard(client)
    return "OK"


@command("WATCH key [key ...]", _CONTROL | FAST, since="2.2.0")
def watch(client: Client, *keys: bytes):
    """Let EXEC fail if one of these keys is touched before it. O(1) for each key."""
    if client.transaction is not None:
        raise ReplyError("ERR WATCH inside MULTI is not allowed")
    for key in keys:
        client.node.watchers.watch(client, key)
    return "OK"


@command("UNWATCH", _CONTROL | FAST, since="2.2.0")
def unwatch(client: Client):
    """Forget all watched keys. O(1) for each."""
    client.node.watchers.unwatch(client)
    return "OK"

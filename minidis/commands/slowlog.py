"""SLOWLOG: the last commands that took long.

Mirrors: slowlog.c (slowlogCommand).

>>> from minidis.drivers.embedded import Embedded
>>> redis = Embedded({"slowlog-log-slower-than": "1000"}, clock=0)
>>> redis.execute("DEBUG", "SLEEP", "0.02"), redis.execute("SLOWLOG", "GET")
('OK', [[0, 0, 20000, [b'DEBUG', b'SLEEP', b'0.02'], b'embedded:1', b'default']])

Read next: minidis/engine/measuring/slowlog.py.
"""

from __future__ import annotations

from itertools import islice
from typing import Any

from minidis.engine.client import Client
from minidis.engine.command_table.registry import ADMIN, LOADING, STALE, command
from minidis.protocol.numbers import parse_integer
from minidis.protocol.replies import ReplyError

_SLOWLOG = ADMIN | LOADING | STALE
DEFAULT_COUNT = 10


@command("SLOWLOG GET [count:int]", _SLOWLOG, since="2.2.12", raw=True)
def slowlog_get(client: Client, *words: bytes) -> list[list[Any]]:
    """Returns the slow log's entries. O(N) where N is the number of entries returned"""
    entries = client.node.slowlog.entries
    count = parse_integer(words[0]) if words else DEFAULT_COUNT
    if count is None or count < -1:
        raise ReplyError("ERR count should be greater than or equal to -1")
    return [
        [
            entry.id,
            entry.time_s,
            entry.duration_us,
            entry.argv,
            entry.peer.encode(),
            entry.client_name.encode(),
        ]
        for entry in islice(entries, len(entries) if count == -1 else count)
    ]


@command("SLOWLOG LEN", _SLOWLOG, since="2.2.12")
def slowlog_len(client: Client) -> int:
    """Returns the number of entries in the slow log. O(1)"""
    return len(client.node.slowlog.entries)


@command("SLOWLOG RESET", _SLOWLOG, since="2.2.12")
def slowlog_reset(client: Client) -> str:
    """Clears all entries from the slow log. O(N) where N is the number of entries in the slowlog"""
    client.node.slowlog.entries.clear()
    return "OK"

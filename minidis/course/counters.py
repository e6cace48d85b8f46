"""What exercise 2.4 stands on: INCR and its kin, with a learner's arithmetic on bytes in the middle.

    increment(stored, step) -> bytes        stored is None for a missing key; raises ReplyError

`plug("counters", increment)` lets INCR, DECR, INCRBY and DECRBY go by it.

>>> sorted(counter_commands(lambda stored, step: b"7"))
['DECR', 'DECRBY', 'INCR', 'INCRBY']

Read next: `increment` in minidis/commands/strings.py, after you have passed.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from minidis.commands.strings import INT64_MIN
from minidis.drivers.storage import read_text
from minidis.engine.client import Client
from minidis.protocol.replies import ReplyError
from minidis.values.string import String, encode

Increment = Callable[[bytes | None, int], bytes]

RECORDING = Path(__file__).parent / "data" / "incr_replies.json"


def counter_commands(increment: Increment) -> dict[str, Callable[..., Any]]:
    """Handlers of the four counting commands, by command name."""

    def add(client: Client, key: bytes, step: int) -> int:
        value = client.db.edit(key, String)
        text = increment(None if value is None else value.as_bytes(), step)
        if not isinstance(text, bytes):
            raise TypeError(f"increment() answered {text!r}: it must be bytes")
        if value is None:
            client.db.create(key, String(encode(text)))
        else:
            value.data = encode(text)  # in place: the time to live stays
        client.db.touch(key, "incrby")
        return int(text)

    def decrby(client: Client, key: bytes, step: int) -> int:
        if step == INT64_MIN:
            raise ReplyError("ERR decrement would overflow")
        return add(client, key, -step)

    return {
        "INCR": lambda client, key: add(client, key, 1),
        "DECR": lambda client, key: add(client, key, -1),
        "INCRBY": add,
        "DECRBY": decrby,
    }


class Recorded(NamedTuple):
    """What a real server answered to INCRBY: `reply` is an int or an error's text, `then` is stored after."""

    about: str
    stored: bytes | None
    step: int
    reply: int | str
    then: bytes


@cache
def recorded_replies() -> tuple[Recorded, ...]:
    """The recording that tests/differential/test_incr_replies.py made of a real server."""
    return tuple(
        Recorded(
            about, None if stored is None else stored.encode("latin-1"), step, reply, then.encode("latin-1")
        )
        for about, stored, step, reply, then in json.loads(read_text(RECORDING))["replies"]
    )

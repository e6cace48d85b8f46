r"""Checking an RDB file: reads all of it, says what is in it, and where it breaks.

    [offset 0] Checking RDB file dump.rdb
    [offset 26] AUX FIELD redis-ver = '7.2.0'
    [offset 98] Selecting DB ID 0
    --- RDB ERROR DETECTED ---
    [offset 3022] Unexpected EOF reading RDB file: the file is cut off
    [additional info] While doing: read-object-value
    [additional info] Reading key 'list:large'
    [additional info] Reading type 18 (quicklist-v2)
    [info] 47 keys read

Mirrors: redis-check-rdb.c, line by line for a sound file.
Differs: the error is in our words and at the place where it shows; Redis says how far it had read.
Complexity: O(bytes).

>>> for line in check_lines("x.rdb", [b"REDIS0010", b"\xff" + bytes(8)], now_ms=0):
...     print(line)
[offset 0] Checking RDB file x.rdb
[offset 18] RDB file was saved with checksum disabled: no check performed.
[offset 18] \o/ RDB looks OK! \o/
[info] 0 keys read
[info] 0 expires
[info] 0 already expired

Read next: rdb_reader.py.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Protocol

from minidis.persistence.rdb_format import TYPE_NAMES, RdbError, broken_value
from minidis.persistence.rdb_reader import (
    Aux,
    CutOff,
    End,
    Entry,
    Event,
    Notice,
    SelectDatabase,
    SnapshotReader,
    WrongCheckSum,
)

NO_CHECKSUM = "RDB file was saved with checksum disabled: no check performed."


class Outcome(Protocol):
    """Whoever wants to know how it went hands in something with this attribute."""

    is_sound: bool


def check_lines(
    name: str, pieces: Iterable[bytes], now_ms: int, outcome: Outcome | None = None
) -> Iterator[str]:
    """The lines of the report on a file whose bytes come in pieces.  `outcome.is_sound` is set at the end."""
    yield f"[offset 0] Checking RDB file {name}"
    reader = SnapshotReader()
    keys = expires = already_expired = 0
    is_sound = True
    try:
        for event in _all_events(reader, pieces):
            if isinstance(event, Entry):
                keys += 1
                expires += event.expires_at_ms is not None
                already_expired += event.expires_at_ms is not None and event.expires_at_ms < now_ms
            else:
                yield from _lines_of(event, reader)
    except RdbError as error:
        is_sound = False
        yield from error_lines(error, reader)
    if outcome is not None:
        outcome.is_sound = is_sound
    yield f"[info] {keys} keys read"
    yield f"[info] {expires} expires"
    yield f"[info] {already_expired} already expired"


def _all_events(reader: SnapshotReader, pieces: Iterable[bytes]) -> Iterator[Event]:
    for piece in pieces:
        yield from reader.feed(piece)
    yield from reader.close()


def _lines_of(event: Event, reader: SnapshotReader) -> Iterator[str]:
    place = f"[offset {reader.cursor.offset}]"
    if isinstance(event, Aux):
        yield f"{place} AUX FIELD {_text(event.name)} = '{_text(event.value)}'"
    elif isinstance(event, SelectDatabase):
        yield f"{place} Selecting DB ID {event.number}"
    elif isinstance(event, Notice):
        yield f"[offset {event.offset}] {event.what}"
    elif isinstance(event, End):
        if event.has_checksum:
            yield f"{place} Checksum OK"
        elif event.version >= 5:
            yield f"{place} {NO_CHECKSUM}"
        yield f"{place} \\o/ RDB looks OK! \\o/"


def error_lines(error: RdbError, reader: SnapshotReader) -> Iterator[str]:
    """The part of the report on where and in what the reader has met an error."""
    yield "--- RDB ERROR DETECTED ---"
    yield f"[offset {error.offset}] {verdict(error, reader)}: {error.what}"
    yield f"[additional info] While doing: {reader.doing}"
    if reader.doing == "read-object-value":
        yield f"[additional info] Reading key '{_text(reader.key)}'"
        yield f"[additional info] Reading type {reader.kind} ({TYPE_NAMES[reader.kind]})"


def verdict(error: RdbError, reader: SnapshotReader) -> str:
    """What kind of error the reader has met, in Redis's words."""
    if isinstance(error, WrongCheckSum):
        return "RDB CRC error"
    if isinstance(error, CutOff):
        return "Unexpected EOF reading RDB file"
    return broken_value(reader.kind) if reader.doing == "read-object-value" else "RDB integrity check failed"


def _text(data: bytes) -> str:
    return data.decode("utf-8", "backslashreplace")

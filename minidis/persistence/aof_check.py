r"""Checking one file of an append-only log: up to where is it whole, and what is wrong behind that?

    examine(pieces)   ->   size 135, ok up to 115 (26 lines); a snapshot in front, or not

A command that is cut off, and a MULTI without its EXEC, end what is whole before them; so does a byte that
cannot be there. Cutting the file off there is all that --fix does: what stands behind a damaged command is
whole perhaps, but its meaning hangs on what is lost.

Mirrors: redis-check-aof.c.
Differs: CR LF is looked at everywhere.
Complexity: O(bytes).

>>> result = examine([b"*1\r\n$4\r\nPING\r\n*1\r\n$4\r\nPI"])
>>> result.ok_up_to, result.size, result.lines, result.is_whole
(14, 24, 6, False)

Read next: minidis/check_aof.py, the command.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field

from minidis.persistence.aof import AofError, AofReader, Record
from minidis.persistence.rdb_format import MAGIC, VALKEY_MAGIC, RdbError
from minidis.persistence.rdb_reader import SnapshotReader


@dataclass
class Examination:
    """What was found in a file."""

    size: int = 0
    ok_up_to: int = 0
    lines: int = 1  # the line of the file that reading has come to; notes are not counted
    has_snapshot: bool = False
    faults: list[str] = field(default_factory=list)
    first_later: int | None = None  # where the first timestamp stands that is later than the one asked for

    @property
    def is_whole(self) -> bool:
        return self.ok_up_to == self.size


def examine(pieces: Iterable[bytes], until_s: int | None = None) -> Examination:
    """Read a file; with `until_s`, look also for the first timestamp behind that unix time."""
    found = Examination()
    snapshot: SnapshotReader | None = None
    reader = AofReader()
    group = _Group()
    try:
        for piece in pieces:
            if not found.size and piece.startswith((MAGIC, VALKEY_MAGIC)):
                snapshot = SnapshotReader()
                found.has_snapshot = True
            found.size += len(piece)
            if snapshot is not None:
                for _ in snapshot.feed(piece):
                    pass
                if not snapshot.ended:
                    continue
                reader, piece, snapshot = AofReader(snapshot.cursor.offset), snapshot.rest, None
            reader.feed(piece)
            _take(reader, group, found, until_s)
        if snapshot is not None:
            snapshot.close()
            reader = AofReader(snapshot.cursor.offset)
            reader.feed(snapshot.rest)
            _take(reader, group, found, until_s)
    except RdbError as error:
        found.faults.append(f"RDB preamble of the AOF is not sane: at offset {error.offset}: {error.what}")
        return found
    except AofError as error:
        found.faults.append(f"0x{error.offset:16x}: {error.what}")
        whole = min(reader.position, error.offset)  # a whole command may stand at the wrong place
    else:
        whole = reader.position
    found.lines += _lines_begun(reader.rest)
    if group.start is not None:
        found.faults.append(f"0x{group.start:16x}: Reached EOF before reading EXEC for MULTI")
    found.ok_up_to = whole if group.start is None else group.start
    return found


class _Group:
    """The MULTI that is open, if one is."""

    start: int | None = None


def _take(reader: AofReader, group: _Group, found: Examination, until_s: int | None) -> None:
    for record in reader.records():
        found.lines += _line_count(record)
        name = record.argv[0].upper() if record.argv else b""
        if name == b"MULTI":
            if group.start is not None:
                raise AofError(record.start, "Unexpected MULTI")
            group.start = record.start
        elif name == b"EXEC":
            if group.start is None:
                raise AofError(record.start, "Unexpected EXEC")
            group.start = None
        stamp = record.timestamp_s
        if until_s is not None and stamp is not None and stamp > until_s and found.first_later is None:
            found.first_later = record.start


def _line_count(record: Record) -> int:
    return 0 if record.argv is None else 1 + 2 * len(record.argv)


def _lines_begun(rest: bytes) -> int:
    r"""How many lines are whole of a command that is not.

    >>> _lines_begun(b"*2\r\n$3\r\nGET\r\n$9\r\nk"), _lines_begun(b"*2\r\n$3\r\nSET+")
    (4, 2)
    """
    if (header := _COUNT(rest)) is None:
        return 0
    lines, at = 1, header.end()
    for _ in range(int(header[1])):
        if (header := _LENGTH(rest, at)) is None:
            return lines
        lines += 1
        at = header.end() + int(header[1]) + 2
        if rest[at - 2 : at] != b"\r\n":
            return lines
        lines += 1
    return lines


_COUNT = re.compile(rb"\*(\d{1,18})\r\n").match
_LENGTH = re.compile(rb"\$(\d{1,18})\r\n").match

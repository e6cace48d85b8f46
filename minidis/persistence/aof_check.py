r"""Checking one file of an append-only log: up to where is it whole, and what is wrong behind that?

    examine(pieces)   ->   size 135, ok up to 115 (26 lines); a snapshot in front, or not

A command that is cut off, and a MULTI without its EXEC, end what is whole before them; so does a byte that
cannot be there. Cutting the file off there is all that --fix does: what stands behind a damaged command is
whole perhaps, but its meaning hangs on what is lost.

Mirrors: redis-check-aof.c.
Differs: CR LF is looked at everywhere; of the lines, only those of whole commands are counted.
Complexity: O(bytes).

>>> result = examine([b"*1\r\n$4\r\nPING\r\n*1\r\n$4\r\nPI"])
>>> result.ok_up_to, result.size, result.lines, result.is_whole
(14, 24, 3, False)

Read next: minidis/check_aof.py, the command.
"""

from __future__ import annotations

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
    lines: int = 0
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
    if group.start is not None:
        found.faults.append(f"0x{group.start:16x}: Reached EOF before reading EXEC for MULTI")
    found.ok_up_to = reader.position if group.start is None else group.start
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
    return 1 if record.argv is None else 1 + 2 * len(record.argv)

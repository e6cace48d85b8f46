r"""What exercise 11.4 stands on: a learner's RDB file, read by the engine, and its faults in words.

    entries = read_file(file)                 what the engine reads: {key: (value, expires_at_ms)}
    explain(file, reference)                  the first byte that differs, and what it should have said
    real_checker(file)                        redis-check-rdb's verdict, where that program is installed

>>> file = bytes.fromhex("5245444953 30303130 fe00 00 01 6b 01 76 ff 0000000000000000")
>>> read_file(file)
{b'k': (b'v', None)}
>>> explain(file, file.replace(b"v", b"w"))
'byte 15 is 76, should be 77 (data, the value: "w")'

Read next: minidis/persistence/rdb_annotation.py.
"""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Any

from minidis.persistence.rdb_annotation import annotate
from minidis.persistence.rdb_reader import Entry, SnapshotReader
from minidis.values.base import Value

CHECKER = "redis-check-rdb"
CHECK_SECONDS = 30


def read_file(file: bytes) -> dict[bytes, tuple[Any, int | None]]:
    """Keys with their values as Python has them, and their times of expiry.  Raises RdbError."""
    reader = SnapshotReader()
    events = [*reader.feed(file), *reader.close()]
    entries = [event for event in events if isinstance(event, Entry)]
    return {entry.key: (plain(entry.value), entry.expires_at_ms) for entry in entries}


def plain(value: Value) -> Any:
    """A string as bytes, a hash as a dict of bytes, a sorted set as a dict of floats."""
    if value.kind == "string":
        return value.as_bytes()  # type: ignore[attr-defined]
    return dict(value.items() if value.kind == "hash" else value)  # type: ignore[attr-defined, call-overload]


def explain(came: bytes, due: bytes) -> str:
    """Where two files part, in words; empty if they are equal."""
    if came == due:
        return ""
    shorter = min(len(came), len(due))
    at = next((place for place in range(shorter) if came[place] != due[place]), shorter)
    if at == len(due):
        return f"{len(came) - at} bytes too many at the end"
    span = next(span for span in annotate(due) if span.start <= at < span.end)
    found = f"is {came[at]:02x}" if at < len(came) else "is missing"
    return f"byte {at} {found}, should be {due[at]:02x} ({span.kind}, {span.explanation})"


def real_checker(file: bytes) -> tuple[bool, str] | None:
    """Does Redis's own checker find the file sound, and what does it say?  None where it isn't installed."""
    program = shutil.which(CHECKER)
    if program is None:
        return None
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "dump.rdb"
        path.write_bytes(file)
        done = subprocess.run([program, path], capture_output=True, text=True, timeout=CHECK_SECONDS)
    return done.returncode == 0, done.stdout.replace(f"{folder}/", "")

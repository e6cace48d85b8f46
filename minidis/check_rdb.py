"""`minidis-check-rdb FILE`: is this RDB file sound, and what is in it?

The exit code is 0 for a sound file, 1 for any other.  The file is only read.

Mirrors: redis-check-rdb.
Read next: minidis/persistence/rdb_check.py.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import SimpleNamespace

from minidis.drivers.embedded import real_clock
from minidis.persistence.rdb_check import check_lines

PIECE_BYTES = 1 << 20


def main(arguments: Sequence[str] | None = None) -> int:
    """Check one file; the exit code."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    if len(words) != 1:
        print("Usage: minidis-check-rdb <rdb-file-name>", file=sys.stderr)
        return 1
    outcome = SimpleNamespace(is_sound=False)
    try:
        for line in check_lines(words[0], _pieces(words[0]), real_clock() // 1000, outcome):
            print(line)
    except OSError as error:
        print(f"Cannot open {words[0]}: {error.strerror}", file=sys.stderr)
        return 1
    return 0 if outcome.is_sound else 1


def _pieces(name: str) -> Iterator[bytes]:
    with Path(name).open("rb") as file:
        while piece := file.read(PIECE_BYTES):
            yield piece


if __name__ == "__main__":
    raise SystemExit(main())

"""`minidis-check-aof [--fix | --truncate-to-timestamp SECONDS] FILE`: is this log sound?

FILE is a manifest (all files of the log are checked, in order) or one old-style file. Only the last file
can be shortened: what is wrong in another one has commands behind it. The exit code is 0 for a sound log.

Mirrors: redis-check-aof.
Read next: minidis/persistence/aof_check.py.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from minidis.persistence.aof_check import Examination, examine
from minidis.persistence.aof_manifest import Manifest, ManifestError, parse_manifest

USAGE = "Usage: minidis-check-aof [--fix|--truncate-to-timestamp $timestamp] <file.manifest|file.aof>"
PIECE_BYTES = 1 << 20


class Failure(Exception):
    """The check ends here; the text says why."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Check a log; the exit code."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    fix, until_s = False, None
    try:
        if len(words) == 2 and words[0] == "--fix":
            fix = True
        elif len(words) == 3 and words[0] == "--truncate-to-timestamp":
            if not words[1].isdigit():
                raise Failure("Invalid timestamp, aborting...")
            until_s = int(words[1])
        elif len(words) != 1:
            raise Failure(USAGE)
        check(Path(words[-1]), fix, until_s)
    except OSError as error:
        print(f"Cannot open file {error.filename}: {error.strerror}")
        return 1
    except (Failure, ManifestError) as failure:
        print(failure)
        return 1
    return 0


def check(path: Path, fix: bool, until_s: int | None) -> None:
    """Check a manifest's files, or one file.  Raises Failure, ManifestError, OSError."""
    with path.open("rb") as file:
        start = file.read(5)
    if not start.startswith((b"file ", b"#")):
        print("Start checking Old-Style AOF")
        _check_file(path, path.name, "AOF", True, fix, until_s)
        return
    print("Start checking Multi Part AOF")
    manifest = parse_manifest(path.read_bytes(), path.name.removesuffix(".manifest"))
    _check_files(path.parent, manifest, fix, until_s)
    print("All AOF files and manifest are valid")


def _check_files(folder: Path, manifest: Manifest, fix: bool, until_s: int | None) -> None:
    lines = 1
    for file in manifest.files:
        is_last = file is manifest.files[-1]
        if file is manifest.base:
            with (folder / file.name).open("rb") as opened:
                form = "RDB" if opened.read(5) == b"REDIS" else "RESP"
            print(f"Start to check BASE AOF ({form} format).")
        elif file is manifest.increments[0]:
            print("Start to check INCR files.")
        kind = "BASE AOF" if file is manifest.base else "INCR AOF"
        lines = _check_file(folder / file.name, file.name, kind, is_last, fix, until_s, lines)


def _check_file(
    path: Path, name: str, kind: str, is_last: bool, fix: bool, until_s: int | None, first_line: int = 1
) -> int:
    """Check one file whose lines are counted from `first_line`, as all files of a log are counted through."""
    found = examine(_pieces(path), until_s)
    line = first_line + found.lines - 1
    if not found.size:
        print(f"{kind} {name} is empty")
        return line
    if until_s is not None:
        _truncate_to_timestamp(path, name, found, is_last, until_s)
        return line
    for fault in found.faults:
        print(fault)
    print(
        f"AOF analyzed: filename={name}, size={found.size}, ok_up_to={found.ok_up_to}, "
        f"ok_up_to_line={line}, diff={found.size - found.ok_up_to}"
    )
    if found.is_whole:
        print(f"{kind} {name} is valid")
        return line
    if not fix:
        raise Failure(f"AOF {name} is not valid. Use the --fix option to try fixing it.")
    if not is_last:
        raise Failure(f"Failed to truncate AOF {name} because it is not the last file")
    _shrink(path, name, found)
    return line


def _shrink(path: Path, name: str, found: Examination) -> None:
    if not found.ok_up_to:
        raise Failure(f"AOF {name} has nothing that is whole at its start: it is left as it is")
    cut_bytes = found.size - found.ok_up_to
    sizes = f"from {found.size} bytes, with {cut_bytes} bytes, to {found.ok_up_to} bytes"
    print(f"This will shrink the AOF {name} {sizes}")
    print("Continue? [y/N]: ", end="", flush=True)
    if not sys.stdin.readline().lower().startswith("y"):
        raise Failure("Aborting...")
    _truncate(path, found.ok_up_to)
    print(f"Successfully truncated AOF {name}")


def _truncate_to_timestamp(path: Path, name: str, found: Examination, is_last: bool, until_s: int) -> None:
    if found.faults:
        raise Failure("\n".join(found.faults))
    if found.first_later is None:
        print(f"AOF {name} has no timestamp after {until_s}: it is left as it is")
        return
    if not is_last:
        raise Failure(f"AOF {name}: failed to truncate to timestamp {until_s}: it is not the last file")
    _truncate(path, found.first_later)
    print(f"Successfully truncated AOF {name} to timestamp {until_s}")


def _truncate(path: Path, size: int) -> None:
    with path.open("r+b") as file:
        file.truncate(size)


def _pieces(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while piece := file.read(PIECE_BYTES):
            yield piece


if __name__ == "__main__":
    raise SystemExit(main())

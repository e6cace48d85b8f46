"""A damaged append-only log: what we log is what real servers log, and names the offset, too.

The reference is their log: each of its lines on the append-only file must be among ours, in the same order.
They name their own check tool, and `<filename.manifest>` where we can say which.
"""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from minidis.drivers.disk import RealDisk
from minidis.engine import starting
from minidis.engine.durability.loading import LoadError
from minidis.engine.node import Node
from minidis.persistence.aof import encode_command
from tests.differential.servers import Judge, available_judges

NAME = "appendonly.aof.1.incr.aof"
NEXT = "appendonly.aof.2.incr.aof"
WHOLE = encode_command([b"SELECT", b"0"]) + encode_command([b"SET", b"a", b"1"])
CUT = WHOLE + encode_command([b"SET", b"b", b"2"])[:-4]
OPEN = WHOLE + encode_command([b"MULTI"]) + encode_command([b"SET", b"b", b"2"])
WORD, TEXT = WHOLE + b"*3\r\n,3\r\nSET\r\n", WHOLE + b"SET a 1\r\n"
UNKNOWN = WHOLE + encode_command([b"NOSUCH", b"x"])

# Name, the files, aof-load-truncated, the offset that we add to their words
REFUSED: list[tuple[str, dict[str, bytes], str, int | None]] = [
    ("a wrong byte in a word's length", {NAME: WORD}, "yes", len(WHOLE) + 4),
    ("no command", {NAME: TEXT}, "yes", len(WHOLE)),
    ("cut off", {NAME: CUT}, "no", len(WHOLE)),
    ("MULTI without EXEC", {NAME: OPEN}, "no", len(WHOLE)),
    ("cut off, and not the last", {NAME: CUT, NEXT: WHOLE}, "no", len(WHOLE)),
    ("an unknown command", {NAME: UNKNOWN}, "yes", len(WHOLE)),
    ("a missing file", {NAME: WHOLE, NEXT: b""}, "yes", None),
]
NAMES = [row[0] for row in REFUSED]
_ABOUT_LOGS = re.compile("AOF|append only|truncated").search
judges = pytest.mark.parametrize("judge", available_judges(), ids=lambda judge: judge.name)


def write_log(folder: Path, files: dict[str, bytes], missing: str = "") -> None:
    (folder / "appendonlydir").mkdir()
    for name, content in files.items():
        if name != missing:
            (folder / "appendonlydir" / name).write_bytes(content)
    lines = [f"file {name} seq {number} type i\n" for number, name in enumerate(files, start=1)]
    (folder / "appendonlydir" / "appendonly.aof.manifest").write_text("".join(lines))


def theirs(judge: Judge, folder: Path, load_truncated: str) -> tuple[list[str], bool]:
    """The lines on the log that a real server writes as it starts; whether it starts."""
    options = ["--port", "0", "--unixsocket", "socket", "--dir", str(folder), "--save", ""]
    options += ["--appendonly", "yes", "--aof-load-truncated", load_truncated]
    with subprocess.Popen([judge.binary, *options], stdout=subprocess.PIPE, text=True, cwd=folder) as process:
        assert process.stdout is not None
        log = []
        for line in process.stdout:
            log.append(line.rstrip())
            if starts := "eady to accept connections" in line:
                process.kill()
                break
    lines = [line.partition(" # ")[2] for line in log]
    tool = re.compile(r"\./(redis|valkey)-check-aof --fix <filename.manifest>")
    return [tool.sub("CHECK", line) for line in lines if _ABOUT_LOGS(line)], starts


def ours(folder: Path, load_truncated: str) -> tuple[list[str], LoadError | None]:
    """What our node logs as it loads, and the error that it ends with."""
    config = {"appendonly": "yes", "dir": str(folder), "aof-load-truncated": load_truncated}
    node = Node(config, disk=RealDisk())
    lines: list[str] = []
    node.log = lambda level, text: lines.append(text) if level == "warning" else None
    error = None
    try:
        loading = starting.start(node)
        assert loading is not None
        loading.run()
    except LoadError as raised:
        error = raised
        lines.append(str(error))
    tool = f"minidis-check-aof --fix {folder}/appendonlydir/appendonly.aof.manifest"
    return [line.replace(tool, "CHECK") for line in lines], error


@judges
@pytest.mark.parametrize(("name", "files", "load_truncated", "offset"), REFUSED, ids=NAMES)
def test_what_is_refused_is_refused_in_the_same_words(judge, name, files, load_truncated, offset, tmp_path):
    if judge.name == "valkey-9.1" and name == "an unknown command":
        pytest.xfail("Valkey has other words for it: Error reading the append only file ..., error: ...")
    write_log(tmp_path, files, missing=NEXT if name == "a missing file" else "")
    said, error = ours(tmp_path, load_truncated)
    expected, starts = theirs(judge, tmp_path, load_truncated)
    assert expected and not starts and error is not None
    assert [line[: len(text)] for line, text in zip(said, expected, strict=True)] == expected
    path = f"{tmp_path}/appendonlydir/{NEXT if offset is None else NAME}"
    where = path if offset is None else f"{path} at offset {offset}"
    assert f" ({where}: " in str(error)


@judges
@pytest.mark.parametrize("log", [CUT, OPEN], ids=["cut off", "MULTI without EXEC"])
def test_what_is_cut_off_is_logged_in_the_same_words(judge, log, tmp_path):
    sides = []
    for side in ("ours", "theirs"):
        folder = tmp_path / side
        folder.mkdir()
        write_log(folder, {NAME: log})
        sides.append(ours(folder, "yes") if side == "ours" else theirs(judge, folder, "yes"))
        assert (folder / "appendonlydir" / NAME).read_bytes() == WHOLE
    (said, error), (expected, starts) = sides
    assert (said, error, starts) == (expected, None, True)


@judges
def test_the_middle_of_a_log_is_never_cut_off_here(judge, tmp_path):
    """Real servers shorten the file, and then see that it is not the last one."""
    write_log(tmp_path, {NAME: CUT, NEXT: WHOLE})
    said, _ = ours(tmp_path, "yes")
    assert (tmp_path / "appendonlydir" / NAME).read_bytes() == CUT
    expected, starts = theirs(judge, tmp_path, "yes")
    assert (tmp_path / "appendonlydir" / NAME).read_bytes() == WHOLE and not starts
    assert said[-1].startswith(f"{expected[-1]} (")

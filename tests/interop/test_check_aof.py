"""minidis-check-aof beside redis-check-aof: the same words, and the same files after --fix."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from minidis.persistence.aof import encode_command, encode_timestamp

REDIS_CHECK = shutil.which("redis-check-aof")
GOOD = (
    encode_command([b"SET", b"a", b"1"])
    + encode_timestamp(1_700_000_000)
    + encode_command([b"MULTI"])
    + encode_command([b"SET", b"b", b"2"])
    + encode_command([b"EXEC"])
    + encode_timestamp(1_700_000_010)
    + encode_command([b"SET", b"c", b"3"])
)
FILES = {
    "good.aof": GOOD,
    "multi.aof": GOOD + encode_command([b"MULTI"]) + encode_command([b"SET", b"d", b"4"]),
    "cut.aof": GOOD[:-8],
    "length.aof": GOOD + b"*2\r\n$3\r\nGET\r\n$3\r\na\r\n" + GOOD,
    "exec.aof": GOOD + encode_command([b"EXEC"]),
    "empty.aof": b"",
    "log.aof.manifest": b"file log.aof.1.base.aof seq 1 type b\nfile log.aof.1.incr.aof seq 1 type i\n",
    "log.aof.1.base.aof": GOOD,
    "log.aof.1.incr.aof": GOOD + encode_command([b"SET", b"d", b"4"])[:-4],
}
CASES = [
    ["good.aof"],
    ["multi.aof"],
    ["empty.aof"],
    ["missing.aof"],
    ["log.aof.manifest"],
    ["--fix", "log.aof.manifest"],
    ["--fix", "multi.aof"],
    ["--truncate-to-timestamp", "1700000005", "good.aof"],
    ["--truncate-to-timestamp", "soon", "good.aof"],
    ["cut.aof"],
    ["length.aof"],
    ["exec.aof"],
]


def checked(
    program: list[str], arguments: list[str], folder: Path
) -> tuple[int, list[str], dict[str, bytes]]:
    """Exit code, lines, files afterwards.

    Left out: the line that says in their words where reading stopped, and why.
    """
    folder.mkdir()
    for name, content in FILES.items():
        (folder / name).write_bytes(content)
    done = subprocess.run(
        [*program, *arguments], cwd=folder, capture_output=True, text=True, input="y\n", timeout=60
    )
    output = (done.stdout + done.stderr).splitlines()
    lines = [line for line in output if not line.startswith("0x")]
    return done.returncode, lines, {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


@pytest.mark.skipif(REDIS_CHECK is None, reason="needs redis-check-aof")
@pytest.mark.parametrize("arguments", CASES, ids=" ".join)
def test_same_as_redis_check_aof(arguments, tmp_path):
    theirs = checked([str(REDIS_CHECK)], arguments, tmp_path / "theirs")
    ours = checked([sys.executable, "-m", "minidis.check_aof"], arguments, tmp_path / "ours")
    assert ours == theirs


def test_a_damaged_byte_is_named_and_fix_keeps_what_is_before_it(tmp_path):
    damaged = GOOD.replace(b"$1\r\nb", b"$2\r\nb")
    program = [sys.executable, "-m", "minidis.check_aof"]
    (tmp_path / "log.aof").write_bytes(damaged)
    done = subprocess.run([*program, "log.aof"], cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert done.returncode == 1
    assert f"0x{damaged.index(b'b') + 2:16x}: expected CR LF behind a word" in done.stdout
    subprocess.run(
        [*program, "--fix", "log.aof"], cwd=tmp_path, input="y\n", text=True, check=True, timeout=60
    )
    assert (tmp_path / "log.aof").read_bytes() == GOOD[: GOOD.index(b"*1")]

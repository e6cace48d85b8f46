"""minidis-check-rdb beside redis-check-rdb: the same report on a sound file, the same verdict always."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from minidis.check_rdb import main
from minidis.persistence.rdb_writer import SnapshotWriter
from minidis.values.string import String
from tests.persistence.datasets import every_encoding, file_of, node_with

CHECKER = "redis-check-rdb"


def reports(path: Path, capsys: pytest.CaptureFixture[str]) -> tuple[list[str], list[str]]:
    """What each says of the file; the exit codes must be the same."""
    program = shutil.which(CHECKER)
    if program is None:
        pytest.skip(f"no {CHECKER} on this machine")
    theirs = subprocess.run([program, path], capture_output=True, text=True, timeout=60)
    code = main([str(path)])
    assert code == theirs.returncode
    return theirs.stdout.splitlines(), capsys.readouterr().out.splitlines()


@pytest.mark.parametrize("checksum", [True, False])
def test_a_sound_file_gets_the_same_report(tmp_path, capsys, checksum):
    node = node_with(every_encoding(6))
    path = tmp_path / "dump.rdb"
    path.write_bytes(file_of(node, aux={"redis-ver": "7.2.0", "ctime": 5}, functions=[], checksum=checksum))
    theirs, ours = reports(path, capsys)
    assert ours == theirs


def test_keys_whose_time_has_passed_are_counted(tmp_path, capsys):
    writer = SnapshotWriter()
    path = tmp_path / "dump.rdb"
    file = writer.begin() + writer.entry(b"old", String(1), expires_at_ms=5) + writer.entry(b"k", String(2))
    path.write_bytes(file + writer.end())
    theirs, ours = reports(path, capsys)
    assert ours == theirs


def damaged_files() -> dict[str, bytes]:
    sound = file_of(node_with([(b"SET", b"a", b"1"), (b"HSET", b"h", b"f", b"v"), (b"SADD", b"s", b"x")]))
    flipped = bytearray(sound)
    flipped[-12] ^= 0x10
    return {
        "empty": b"",
        "no RDB file": b"hello world, this is something else",
        "too new": b"REDIS0099" + sound[9:],
        "cut in a key": sound[:16],
        "cut in a value": sound[:22],
        "cut in the check sum": sound[:-3],
        "check sum": sound[:-1] + bytes((sound[-1] ^ 1,)),
        "flipped": bytes(flipped),
        "unknown type": sound[:14] + b"\x63\x01k\x01v" + sound[14:],
    }


@pytest.mark.parametrize("name", damaged_files())
def test_a_damaged_file_gets_the_same_verdict(tmp_path, capsys, name):
    path = tmp_path / "dump.rdb"
    path.write_bytes(damaged_files()[name])
    theirs, ours = reports(path, capsys)
    assert "--- RDB ERROR DETECTED ---" in theirs and "--- RDB ERROR DETECTED ---" in ours
    told = [line for line in ours if not line.startswith("[additional info] Reading")]
    error = told.index("--- RDB ERROR DETECTED ---")
    offset = int(told[error + 1].split("]")[0].removeprefix("[offset "))
    assert 0 <= offset <= path.stat().st_size
    assert told[error + 2] in theirs or name in ("check sum", "cut in the check sum", "unknown type")


def test_a_value_that_breaks_is_named(tmp_path, capsys):
    path = tmp_path / "dump.rdb"
    path.write_bytes(b"REDIS0010\x04\x04user\x05\x04name")
    theirs, ours = reports(path, capsys)
    named = [line for line in theirs if line.startswith("[additional info]")]
    assert named == [line for line in ours if line.startswith("[additional info]")]
    assert "[additional info] Reading type 4 (hash-hashtable)" in named


def test_the_command_line(tmp_path):
    def run(*words: str) -> subprocess.CompletedProcess[str]:
        argv = [sys.executable, "-m", "minidis.check_rdb", *words]
        return subprocess.run(argv, capture_output=True, text=True, timeout=60)

    assert run().returncode == 1
    assert run().stderr == "Usage: minidis-check-rdb <rdb-file-name>\n"
    missing = run(str(tmp_path / "missing.rdb"))
    assert (missing.returncode, "No such file" in missing.stderr) == (1, True)

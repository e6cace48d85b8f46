"""RDB files between minidis and real servers: ours load there, theirs load here, nothing changes between.

DEBUG DIGEST sums up a whole dataset in one number, whatever the order in tables. It is asked of the real
server after it ran the commands itself, after it loaded our file, and after it loaded what we made of its
own file; and of our node after it loaded theirs.
"""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from minidis.persistence.rdb_reader import Header
from tests.differential.servers import Connection, RealServer, available_judges
from tests.persistence.datasets import Command, every_encoding, file_of, node_from, node_with

CHECKERS = {"redis-7.0": "redis-check-rdb", "valkey-9.1": "valkey-check-rdb"}


@pytest.fixture(scope="module", params=available_judges(), ids=lambda judge: judge.name)
def server(request: pytest.FixtureRequest) -> Iterator[RealServer]:
    with RealServer(request.param) as running:
        yield running


@pytest.fixture
def connection(server: RealServer) -> Iterator[Connection]:
    with server.connect() as connected:
        connected.run([(b"FLUSHALL",), (b"FUNCTION", b"FLUSH")])
        yield connected


def run(connection: Connection, *commands: Command) -> list[bytes]:
    """Replies without their type; an error fails the test."""
    replies = connection.run(list(commands))
    errors = [reply for kind, reply in replies if kind == b"-"]
    assert not errors, errors
    return [reply for _, reply in replies]  # type: ignore[misc]


def load(server: RealServer, connection: Connection, file: bytes) -> bytes:
    """Let the real server load a file; its digest of what it then has."""
    (server.folder / "dump.rdb").write_bytes(file)
    _, digest = run(connection, (b"DEBUG", b"RELOAD", b"NOSAVE"), (b"DEBUG", b"DIGEST"))
    return digest


def save(server: RealServer, connection: Connection) -> bytes:
    run(connection, (b"SAVE",))
    return (server.folder / "dump.rdb").read_bytes()


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("compress", [True, False])
def test_files_travel_both_ways(server, connection, seed, compress):
    commands = every_encoding(seed)
    run(connection, *commands)
    run(connection, (b"CONFIG", b"SET", b"rdbcompression", b"yes" if compress else b"no"))
    (digest,) = run(connection, (b"DEBUG", b"DIGEST"))
    their_file = save(server, connection)
    assert load(server, connection, file_of(node_with(commands), compress=compress)) == digest
    read, events = node_from(their_file)
    if server.judge.name != "redis-7.0":  # which takes scores into its digest as %.17g prints them
        assert read.execute(read.connect(), [b"DEBUG", b"DIGEST"]) == digest.decode()
    assert load(server, connection, file_of(read, compress=compress)) == digest
    expected = Header(80, True) if server.judge.name.startswith("valkey") else Header(10, False)
    assert events[0] == expected


@pytest.mark.parametrize("seed", [1, 2])
def test_version_11_loads_from_7_2_on(server, connection, seed):
    commands = every_encoding(seed)
    file = file_of(node_with(commands), version=11)
    if server.judge.name == "redis-7.0":
        (server.folder / "dump.rdb").write_bytes(file)
        ((_, error),) = connection.run([(b"DEBUG", b"RELOAD", b"NOSAVE")])
        assert error.startswith(b"ERR Error trying to load the RDB dump")
        return
    run(connection, *commands)
    (digest,) = run(connection, (b"DEBUG", b"DIGEST"))
    assert load(server, connection, file) == digest


def test_the_checker_finds_our_files_sound(server, tmp_path):
    program = checker(server, tmp_path)
    node = node_with(every_encoding(5))
    for number, options in enumerate(({}, {"compress": False}, {"checksum": False})):
        path = tmp_path / f"{number}.rdb"
        path.write_bytes(file_of(node, aux={"redis-ver": "7.2.0"}, **options))
        done = subprocess.run([*program, path], capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, done.stdout
        assert "RDB looks OK" in done.stdout


def checker(server: RealServer, folder: Path) -> list[str]:
    """How to call the server's checker: a server program is one under that name."""
    name = CHECKERS[server.judge.name]
    if found := shutil.which(name):
        return [found]
    (folder / name).symlink_to(server.judge.binary)
    return [str(folder / name)]

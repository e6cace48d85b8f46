"""The same random commands over sockets: minidis-server, in a process of its own, beside a real server.

What one node answers between a parser and an encoder, the other modules of this folder compare. Here the
driver is between: reads of any size, many commands in one turn, replies in pieces.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

import minidis
from tests.differential import test_hashes, test_keys, test_lists, test_strings
from tests.differential.grammar import Command, Grammar
from tests.differential.harness import THRESHOLDS, assert_same
from tests.differential.pools import OTHER_KEYS, SETUP
from tests.differential.servers import Connection
from tests.differential.sides import RealSide
from tests.differential.wire import Reply

UNITS = 500


class ServerSide:
    """minidis-server on a unix socket, spoken to as the real ones are."""

    name = "minidis"

    def __init__(self, folder: str) -> None:
        self.path = Path(folder) / "socket"
        self.connection: Connection | None = None
        environment = {**os.environ, "PYTHONPATH": str(Path(minidis.__file__).parents[1])}
        arguments = ["--port", "0", "--unixsocket", str(self.path), "--hz", "500"]
        arguments += ["--dir", folder, "--save", ""]
        self.process = subprocess.Popen(
            [sys.executable, "-m", "minidis", *arguments], stdout=subprocess.PIPE, text=True, env=environment
        )
        assert self.process.stdout is not None
        assert any("Ready to accept connections unix" in line for line in self.process.stdout)

    def restart(self, protocol: int) -> None:
        self.close()
        self.connection = Connection(self.path)
        settings = [(b"CONFIG", b"SET", name, value) for name, value in THRESHOLDS.items()]
        self.connection.run([(b"FLUSHALL",), *settings, (b"HELLO", b"%d" % protocol)])

    def run(self, commands: list[Command]) -> list[Reply]:
        assert self.connection
        return self.connection.run(commands)

    def close(self) -> None:
        if self.connection:
            self.connection.close()
            self.connection = None

    def stop(self) -> None:
        self.close()
        self.process.terminate()
        self.process.communicate(timeout=20)


@pytest.fixture(scope="module")
def server() -> Iterator[ServerSide]:
    with tempfile.TemporaryDirectory(prefix="minidis-") as folder:
        side = ServerSide(folder)
        yield side
        side.stop()


@pytest.mark.parametrize("protocol", [2, 3])
@pytest.mark.parametrize("module", [test_strings, test_lists, test_hashes, test_keys])
def test_same_as_real_servers_over_sockets(
    judge: RealSide, server: ServerSide, module, protocol: int
) -> None:
    units = SETUP + Grammar(module.FORMS, module.POOLS).units(7, UNITS)
    assert_same(judge, server, units, module.KEYS + OTHER_KEYS, 7, protocol)

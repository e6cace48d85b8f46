"""The two sides of a comparison: a real server, and minidis's node behind the same bytes."""

from __future__ import annotations

from tests.differential.grammar import Command
from tests.differential.harness import THRESHOLDS
from tests.differential.servers import Connection, RealServer
from tests.differential.wire import Reply


class RealSide:
    """A real server, emptied before each run."""

    def __init__(self, server: RealServer) -> None:
        self.name = server.judge.name
        self.server = server
        self.connection: Connection | None = None

    def restart(self, protocol: int) -> None:
        self.close()
        self.connection = self.server.connect()
        settings = [(b"CONFIG", b"SET", name, value) for name, value in THRESHOLDS.items()]
        self.connection.run([(b"FLUSHALL",), *settings, (b"HELLO", b"%d" % protocol)])

    def run(self, commands: list[Command]) -> list[Reply]:
        assert self.connection
        return self.connection.run(commands)

    def close(self) -> None:
        if self.connection:
            self.connection.close()
            self.connection = None

"""The two sides of a comparison: a real server, and minidis's node behind the same bytes."""

from __future__ import annotations

from collections.abc import Mapping
from random import Random
from types import MappingProxyType

import minidis.distributed  # noqa: F401  (files every command in the registry)
from minidis.drivers.embedded import real_clock
from minidis.engine.node import Node
from minidis.engine.waiting import WAITING
from minidis.protocol.replies import ReplyError
from minidis.protocol.resp import RequestParser, encode
from tests.differential.grammar import Command
from tests.differential.harness import THRESHOLDS
from tests.differential.servers import Connection, RealServer
from tests.differential.wire import Reply, ReplyReader, encode_command


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


class MinidisSide:
    """A node of minidis between its own request parser and its own encoder: bytes in, bytes out."""

    name = "minidis"

    def restart(self, protocol: int, options: Mapping[str, str] = MappingProxyType({})) -> None:
        # The clock stands at the present: near enough to the judge's for TTL, and nothing expires meanwhile.
        self.now_us = real_clock()
        config = {name.decode(): value.decode() for name, value in THRESHOLDS.items()}
        self.node = Node({**config, **options}, clock=lambda: self.now_us, random=Random(1))
        self.client = self.node.connect()
        self.client.protocol = protocol

    def run(self, commands: list[Command]) -> list[Reply]:
        requests, replies = RequestParser(), ReplyReader()
        answers: list[Reply] = []
        for command in commands:
            requests.feed(encode_command(command))
            for argv in requests.requests():
                answers += replies.feed(encode(self._reply(argv), self.client.protocol))
        for database in self.node.databases:
            database.check()
        return answers

    def _reply(self, argv: list[bytes]) -> object:
        self.client.outbox.clear()  # what tracking sends is no reply (servers.is_invalidation)
        try:
            reply = self.node.execute(self.client, argv)
        except ReplyError as error:
            return error
        return self._wait() if reply is WAITING else reply

    def _wait(self) -> object:
        """A blocked command alone on its node can only time out: move the clock there."""
        while not self.client.outbox:
            self.now_us = max(self.now_us, self.node.next_deadline_us())
            self.node.tick()
        return self.client.outbox.popleft()

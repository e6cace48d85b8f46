"""After each command: the keyspace notifications, in order, and the growth of rdb_changes_since_last_save.

Both hang on `Database.touch`, as do WATCH and the journal: a command that touches too much or too little is
found here although its reply is right. A second connection listens to the real server's notifications.
"""

from __future__ import annotations

import re
from random import Random
from types import ModuleType

import pytest

import minidis.distributed  # noqa: F401  (files every command in the registry)
from minidis.drivers.embedded import real_clock
from minidis.engine.keyspace.database import Database
from minidis.engine.node import Node
from minidis.protocol.replies import ReplyError
from tests.differential import (
    test_bitmaps,
    test_geo,
    test_hashes,
    test_hyperloglogs,
    test_keys,
    test_lists,
    test_sets,
    test_sorted_sets,
    test_streams,
    test_strings,
)
from tests.differential.cases import seeds
from tests.differential.differences import REDIS_7_0
from tests.differential.grammar import Command, Grammar, Unit
from tests.differential.harness import RANDOM, THRESHOLDS, show_command
from tests.differential.pools import TIMES
from tests.differential.sides import RealSide
from tests.differential.wire import ReplyReader, encode_command

UNITS = 300
SETTINGS = [(b"CONFIG", b"SET", name, value) for name, value in THRESHOLDS.items()]
EVERY_EVENT = (b"CONFIG", b"SET", b"notify-keyspace-events", b"KEA")

READ = (b"XREAD", b"XREADGROUP")
MAKES_CONSUMERS = (b"XREADGROUP", b"XCLAIM", b"XAUTOCLAIM")

Event = tuple[bytes, bytes]
"""What happened, and to which key."""


class RealEvents:
    """A real server, a connection for commands and one that has subscribed to all events."""

    def __init__(self, judge: RealSide) -> None:
        self.commands = judge.server.connect()
        self.commands.run([(b"FLUSHALL",), EVERY_EVENT, *SETTINGS])
        self.listener = judge.server.connect()
        self.listener.run([(b"PSUBSCRIBE", b"__keyevent@0__:*")])
        self.counted = self._changes()

    def step(self, unit: Unit) -> tuple[list[Event], int]:
        self.commands.run(list(unit))
        before, self.counted = self.counted, self._changes()
        return self._events(), self.counted - before

    def _changes(self) -> int:
        ((_, text),) = self.commands.run([(b"INFO", b"persistence")])
        return int(re.search(rb"rdb_changes_since_last_save:(\d+)", text)[1])

    def _events(self) -> list[Event]:
        """What has been published up to now: the answer to a PING comes after all of it."""
        self.listener.socket.sendall(encode_command((b"PING",)))
        reader = ReplyReader()
        messages: list[list[bytes]] = []
        while not messages or messages[-1][0] != b"pong":
            messages += [
                [text for _, text in items] for _, items in reader.feed(self.listener.socket.recv(1 << 18))
            ]
        return [(channel.partition(b":")[2], key) for _, _, channel, key in messages[:-1]]

    def close(self) -> None:
        self.commands.run([(*EVERY_EVENT[:3], b"")])
        self.commands.close()
        self.listener.close()


class OurEvents:
    """A node and what its touches say."""

    def __init__(self) -> None:
        now_us = real_clock()
        self.node = Node(clock=lambda: now_us, random=Random(1))
        self.node.config.set({name.decode(): value.decode() for name, value in THRESHOLDS.items()})
        self.client = self.node.connect()
        self.seen: list[Event] = []
        self.node.listen_to_keys(self._heard)

    def _heard(self, database: Database, key: bytes, event: str) -> None:
        if event:  # PFCOUNT writes the count it found into the value: a change, but not an event
            self.seen.append((event.encode(), key))

    def step(self, unit: Unit) -> tuple[list[Event], int]:
        self.seen.clear()
        before = self.node.changes
        for command in unit:
            try:
                self.node.execute(self.client, list(command))
            except ReplyError:
                pass  # test_same_as_real_servers of the grammar's module compares the errors
        return list(self.seen), self.node.changes - before


MODULES = [
    test_bitmaps,
    test_geo,
    test_hashes,
    test_hyperloglogs,
    test_keys,
    test_lists,
    test_sets,
    test_sorted_sets,
    test_streams,
    test_strings,
]


@pytest.mark.parametrize("module", MODULES)
@pytest.mark.parametrize("seed", seeds())
def test_same_events_and_changes(judge: RealSide, module: ModuleType, seed: int) -> None:
    theirs, ours = RealEvents(judge), OurEvents()
    try:
        for unit in Grammar(module.FORMS, module.POOLS).units(seed, UNITS):
            if any(is_random(command) or is_incomparable(command, judge.name) for command in unit):
                continue
            assert ours.step(unit) == theirs.step(unit), " ; ".join(map(show_command, unit))
    finally:
        theirs.close()


def is_random(command: Command) -> bool:
    """Commands whose effect is a lot, and those that could wait for ever without a second client."""
    name = command[0].upper()
    waits = b"BLOCK" in [word.upper() for word in command] if name in READ else name.startswith(b"B")
    return name in RANDOM or (waits and not name.startswith(b"BIT"))


def is_incomparable(command: Command, judge_name: str) -> bool:
    """Commands about other databases, which the listener does not hear, or all keys, which tell of none.

    Lives that end at once: when the real server finds such a key dead is a matter of luck, and Valkey says
    that it expired, not that it was deleted. SORT by number, where Valkey and 7.2 do not take the same texts
    for numbers. And consumers that get nothing: 7.0 does not make them.
    """
    name, words = command[0].upper(), {word.upper() for word in command[2:]}
    if name in (b"SET", b"GETEX", b"EXPIRE", b"PEXPIRE", b"EXPIREAT", b"PEXPIREAT"):
        return bool(words & {*TIMES["past_seconds"], *TIMES["bad_time"]})
    if name in MAKES_CONSUMERS:
        return judge_name == REDIS_7_0
    if name == b"SORT":
        return b"ALPHA" not in words
    return name in (b"SELECT", b"SWAPDB", b"MOVE", b"FLUSHDB") or (name == b"COPY" and b"DB" in words)

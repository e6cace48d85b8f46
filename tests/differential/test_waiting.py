"""Clients that wait: several connections in random order, and after each step who was answered what.

The judge is a real server with real connections. A step sends one client's commands in one go; when PINGs on
a connection of their own have come back, the server has dealt with the step and written all it had to say, so
what can be read from each socket at that moment is the step's whole effect.

Valkey alone is asked: like Redis 7.2 it runs the command of a waiting client again, while 7.0 serves it
by the key that became ready, which is another one when several keys are filled at once.
"""

from __future__ import annotations

from collections.abc import Iterator
from random import Random

import pytest

import minidis.distributed  # noqa: F401  (files every command in the registry)
from minidis.engine.node import Node
from minidis.engine.waiting import WAITING
from minidis.protocol.replies import ReplyError
from minidis.protocol.resp import encode
from tests.differential.cases import seeds
from tests.differential.differences import VALKEY_9_1
from tests.differential.grammar import Command, Grammar
from tests.differential.servers import RealServer, available_judges
from tests.differential.wire import Reply, ReplyReader, show

CLIENTS = 5
STEPS = 250

FORMS = """
 6 { BLPOP key+ 0 }
 6 { BRPOP key+ 0 }
 6 { BLMOVE key key (LEFT|RIGHT) (LEFT|RIGHT) 0 }
 3 { BRPOPLPUSH key key 0 }
 5 { BLMPOP 0 2 key key (LEFT|RIGHT) [COUNT 2] }
 3 { BZPOPMIN key+ 0 }
 2 { BZMPOP 0 2 key key MAX COUNT 2 }
 4 { ZADD key 1 element }
 8 { RPUSH key element }
 6 { LPUSH key element element element }
 4 { LMOVE key key LEFT RIGHT }
 3 { DEL key }
 2 { SET key text }
 2 { LPOP key }
 5 { MULTI ; RPUSH key element ; RPUSH key element ; EXEC }
 3 { MULTI ; RPUSH key element ; DEL key ; EXEC }
 3 { MULTI ; LPUSH key element ; BLPOP key 0 ; EXEC }
 2 { MULTI ; SET key text ; DEL key ; RPUSH key element element ; EXEC }
"""
POOLS = {"key": [b"a", b"b", b"c"], "element": [b"1", b"2", b"3", b"x", b"y", b"z"], "text": [b"text"]}

STREAM_FORMS = """
 8 { XREAD BLOCK 0 STREAMS key ('$'|0|id) }
 5 { XREAD COUNT 1 BLOCK 0 STREAMS 'a' 'b' ('$'|id) ('$'|id) }
10 { XREADGROUP GROUP group who [COUNT 1] BLOCK 0 [NOACK] STREAMS key '>' }
 4 { XREADGROUP GROUP group who BLOCK 0 STREAMS 'a' 'b' '>' '>' }
 2 { XREADGROUP GROUP group who STREAMS key 0 }
 8 { XADD key '1-*' 'f' 'v' }
 4 { MULTI ; XADD key '1-*' 'f' 'v' ; XADD key '1-*' 'f' 'w' ; EXEC }
 3 { MULTI ; XADD key '1-*' 'f' 'v' ; DEL key ; EXEC }
 2 { MULTI ; XADD key '1-*' 'f' 'v' ; XDEL key '1-0' '1-1' '1-2' ; EXEC }
 2 { MULTI ; XREADGROUP GROUP group who BLOCK 0 STREAMS key '>' ; XADD key '1-*' 'f' 'v' ; EXEC }
 2 { XADD key '2-*' 'f' 'v' }
 9 { XGROUP CREATE key group ('$'|0) MKSTREAM }
 3 { XGROUP SETID key group ('$'|0) }
 1 { XGROUP DESTROY key group }
 1 { XSETID key '1-30' }
 1 { XTRIM key MAXLEN 0 }
 2 { DEL key }
 1 { SET key text }
 1 { RPUSH key element }
 1 { RENAME key key }
 1 { COPY key key REPLACE }
 1 { MULTI ; DEL key ; XGROUP CREATE key group 0 MKSTREAM ; EXEC }
 1 { MULTI ; SET key text ; DEL key ; XADD key '1-*' 'f' 'v' ; EXEC }
"""
STREAM_POOLS = {
    **POOLS,
    "id": [b"0-0", b"1-0", b"1-1", b"1-5"],
    "group": [b"g", b"h"],
    "who": [b"alice", b"bob"],
}

SCENARIOS = {
    "lists": (Grammar(FORMS, POOLS), Grammar("1 { RPUSH key 1 2 }", POOLS)),
    "streams": (Grammar(STREAM_FORMS, STREAM_POOLS), Grammar("1 { XADD key '1-*' 'f' 'v' }", STREAM_POOLS)),
}
"""What the clients do, and what the last one does that must feed the others."""

Said = list[list[Reply]]
"""What each client has been answered."""


class RealClients:
    """Connections to a real server."""

    def __init__(self, server: RealServer, count: int = CLIENTS) -> None:
        self.control = server.connect()
        self.control.run([(b"FLUSHALL",)])
        self.connections = [server.connect() for _ in range(count)]

    def step(self, client: int, commands: tuple[Command, ...]) -> Said:
        self.connections[client].send(commands)
        return self.settle()

    def settle(self, gone: int | None = None) -> Said:
        """What each has been told when the server has dealt with all that was sent."""
        for _ in range(2):  # the first answer may be written before the others of its round, the second not
            self.control.run([(b"PING",)])
        return [
            [] if number == gone else connection.read_what_is_there()
            for number, connection in enumerate(self.connections)
        ]

    def close(self) -> None:
        for connection in (self.control, *self.connections):
            connection.close()


class OurClients:
    """Clients of one node."""

    def __init__(self) -> None:
        self.node = Node(clock=lambda: 1_000_000)
        self.clients = [self.node.connect() for _ in range(CLIENTS)]

    def step(self, client: int, commands: tuple[Command, ...]) -> Said:
        said: list[list[object]] = [[] for _ in self.clients]
        for command in commands:
            said[client].append(self._run(client, command))
            for number, waiting in enumerate(self.clients):
                said[number] += waiting.outbox
                waiting.outbox.clear()
        for database in self.node.databases:
            database.check()
        return [
            ReplyReader().feed(b"".join(encode(reply, 2) for reply in replies if reply is not WAITING))
            for replies in said
        ]

    def _run(self, client: int, command: Command) -> object:
        try:
            return self.node.execute(self.clients[client], list(command))
        except ReplyError as error:
            return error

    def is_waiting(self, client: int) -> bool:
        return self.clients[client].parked is not None


@pytest.fixture(scope="module")
def server() -> Iterator[RealServer]:
    (valkey,) = [judge for judge in available_judges() if judge.name == VALKEY_9_1]
    with RealServer(valkey) as running:
        yield running


@pytest.mark.parametrize("scenario", SCENARIOS)
@pytest.mark.parametrize("seed", seeds())
def test_who_is_served_when(server: RealServer, scenario: str, seed: int) -> None:
    rng = Random(seed)
    grammar, feeding = SCENARIOS[scenario]
    theirs, ours = RealClients(server), OurClients()
    history = [f"seed {seed}"]
    try:
        for _ in range(STEPS):
            free = [number for number in range(CLIENTS) if not ours.is_waiting(number)]
            commands = (feeding if len(free) == 1 else grammar).unit(rng)
            client = rng.choice(free)
            history.append(f"{client}: {commands}")
            expected, found = theirs.step(client, commands), ours.step(client, commands)
            assert readable(found) == readable(expected), "\n".join(history)
    finally:
        theirs.close()


def readable(said: Said) -> list[list[str]]:
    return [[show(reply) for reply in replies] for replies in said]

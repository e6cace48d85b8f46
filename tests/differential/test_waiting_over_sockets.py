"""Clients that wait, on both sides behind sockets: pipelines pile up behind a wait, clients hang up, UNBLOCK.

What test_waiting.py cannot ask of clients of a bare node: what stands in a socket behind a command that
waits runs when the wait is over, and may wake others, whose pipelines run in turn. The order of all that is
compared with a real server's, in lockstep: a step is what one client sends (or that it hangs up); when two
PINGs on a connection of their own have come back, what can be read from each socket is its whole effect.

Valkey is asked, which serves a woken client like Redis 7.2; 7.0 does it otherwise (see test_waiting.py).
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest

from tests.differential.cases import seeds
from tests.differential.differences import VALKEY_9_1
from tests.differential.grammar import Command, Grammar
from tests.differential.servers import Connection, Judge, RealServer, available_judges
from tests.differential.test_waiting import RealClients, Said, readable

CLIENTS = 6
STEPS = 150

FORMS = """
 6 { BLPOP key+ 0 }
 5 { BRPOP key+ 0 ; RPUSH key element }
 5 { BLMOVE key key (LEFT|RIGHT) (LEFT|RIGHT) 0 ; LLEN key }
 4 { BLMPOP 0 2 key key (LEFT|RIGHT) [COUNT 2] ; RPUSH key element element }
 4 { BZPOPMIN sorted 0 ; BLPOP key 0 ; ZADD sorted 2 element }
 3 { BZMPOP 0 2 sorted key MAX ; RPUSH key element }
 4 { XREAD BLOCK 0 STREAMS stream '$' ; RPUSH key element }
 5 { XREADGROUP GROUP 'g' who COUNT 1 BLOCK 0 STREAMS stream '>' ; PING }
 3 { WAIT 1 0 ; RPUSH key element }
 6 { RPUSH key element }
 5 { RPUSH key element ; RPUSH key element ; RPUSH key element }
 5 { LPUSH key element element element }
 4 { ZADD sorted 1 element }
 5 { XADD stream '1-*' 'f' 'v' }
 3 { XADD 's' '1-*' 'f' 'v' ; XADD 's' '1-*' 'f' 'w' ; XREADGROUP GROUP 'g' who BLOCK 0 STREAMS 't' '>' }
 3 { XGROUP CREATE stream 'g' '$' MKSTREAM }
 1 { XGROUP DESTROY stream 'g' }
 2 { DEL key sorted }
 1 { DEL stream }
 4 { MULTI ; RPUSH key element ; ZADD sorted 1 element ; EXEC ; BLPOP key 0 }
 2 { MULTI ; RPUSH key element ; DEL key ; EXEC }
 2 { MULTI ; BLPOP key 0 ; BLMOVE key key LEFT RIGHT 0 ; EXEC }
 2 { SUBSCRIBE 'news' ; UNSUBSCRIBE 'news' }
 2 { GET key }
 7 { CLIENT UNBLOCK someone [(ERROR|TIMEOUT)] }
 1 { RENAME key key }
"""
POOLS = {
    "key": [b"a", b"b", b"c"],
    "sorted": [b"z", b"y"],
    "stream": [b"s", b"t"],
    "element": [b"1", b"2", b"3", b"x", b"y"],
    "who": [b"alice", b"bob"],
    "someone": [b"@%d" % number for number in range(CLIENTS)],
}
GRAMMAR = Grammar(FORMS, POOLS)
FEEDING = Grammar(
    "1 { RPUSH key 1 2 ; ZADD sorted 1 'x' ; XADD stream '1-*' 'f' 'v' ; CLIENT UNBLOCK someone }", POOLS
)
HANG_UP = 0.04  # how often a step is a client that goes away

OURS = Judge("minidis", Path(sys.executable), ("-m", "minidis.server"))


class Crowd(RealClients):
    """Connections to one server, and who they are to it."""

    def __init__(self, server: RealServer) -> None:
        super().__init__(server, CLIENTS)
        self.server = server
        self.ids = [id_of(connection) for connection in self.connections]

    def step(self, client: int | None, commands: tuple[Command, ...]) -> Said:
        """What everyone has been told when `client`, or a stranger, has sent this."""
        known = tuple(tuple(self._known(word) for word in command) for command in commands)
        if client is not None:
            return super().step(client, known)
        self.control.run(list(known))
        return self.settle()

    def hang_up(self, client: int) -> Said:
        """One goes away; then another comes in that place."""
        self.connections[client].close()
        said = self.settle(gone=client)
        self.connections[client] = self.server.connect()
        self.ids[client] = id_of(self.connections[client])
        return said

    def _known(self, word: bytes) -> bytes:
        return self.ids[int(word[1:])] if word.startswith(b"@") else word


def id_of(connection: Connection) -> bytes:
    ((_, identifier),) = connection.run([(b"CLIENT", b"ID")])
    assert isinstance(identifier, bytes)
    return identifier


@pytest.fixture(scope="module")
def servers() -> Iterator[tuple[RealServer, RealServer]]:
    (valkey,) = [judge for judge in available_judges() if judge.name == VALKEY_9_1]
    with RealServer(valkey) as theirs, RealServer(OURS) as ours:
        yield theirs, ours


@pytest.mark.parametrize("seed", seeds())
def test_the_order_of_wakeups(servers: tuple[RealServer, RealServer], seed: int) -> None:
    rng = Random(seed)
    theirs, ours = map(Crowd, servers)
    history = [f"seed {seed}"]
    try:
        for number in range(STEPS):
            if rng.random() < HANG_UP:
                client = rng.randrange(CLIENTS)
                history.append(f"{client} hangs up")
                expected, found = theirs.hang_up(client), ours.hang_up(client)
            else:
                feeds = number % 10 == 9  # perhaps everyone waits
                sender = None if feeds else rng.randrange(CLIENTS)
                commands = (FEEDING if feeds else GRAMMAR).unit(rng)
                history.append(f"{'a stranger' if sender is None else sender}: {commands}")
                expected, found = theirs.step(sender, commands), ours.step(sender, commands)
            assert readable(found) == readable(expected), "\n".join(history)
    finally:
        theirs.close()
        ours.close()

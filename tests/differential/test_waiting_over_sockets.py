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
from tests.differential.wire import ReplyReader, encode_command, show

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


class Crowd:
    """Connections to one server, and who they are to it."""

    def __init__(self, server: RealServer) -> None:
        self.server = server
        self.control = server.connect()
        self.control.run([(b"FLUSHALL",)])
        self.connections: list[Connection] = []
        self.readers: list[ReplyReader] = []
        self.ids: list[bytes] = []
        for number in range(CLIENTS):
            self.join(number)

    def join(self, number: int) -> None:
        """A client comes, to the end or to the place of one that has gone."""
        connection = self.server.connect()
        ((_, identifier),) = connection.run([(b"CLIENT", b"ID")])
        for everyone, one in (
            (self.connections, connection),
            (self.readers, ReplyReader()),
            (self.ids, identifier),
        ):
            everyone[number : number + 1] = [one]  # type: ignore[list-item]

    def step(self, client: int | None, commands: tuple[Command, ...]) -> list[list[str]]:
        """What everyone has been told when `client`, or a stranger, has sent this."""
        known = [tuple(self._known(word) for word in command) for command in commands]
        if client is None:
            self.control.run(known)
        else:
            self.connections[client].socket.sendall(b"".join(map(encode_command, known)))
        return self._settle()

    def hang_up(self, client: int) -> list[list[str]]:
        self.connections[client].close()
        said = self._settle(without=client)
        self.join(client)
        return said

    def _known(self, word: bytes) -> bytes:
        return self.ids[int(word[1:])] if word.startswith(b"@") else word

    def _settle(self, without: int | None = None) -> list[list[str]]:
        for _ in range(2):  # the first answer may be written before the others of its round, the second not
            self.control.run([(b"PING",)])
        return [[] if number == without else self._read(number) for number in range(CLIENTS)]

    def _read(self, number: int) -> list[str]:
        socket = self.connections[number].socket
        socket.setblocking(False)
        try:
            data = socket.recv(1 << 18)
        except BlockingIOError:
            data = b""
        socket.settimeout(30)
        return [show(reply) for reply in self.readers[number].feed(data)]

    def close(self) -> None:
        for connection in (self.control, *self.connections):
            connection.close()


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
            assert found == expected, "\n".join(history)
    finally:
        theirs.close()
        ours.close()

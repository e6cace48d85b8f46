"""Client-side caching: connections read, write and track at random, and after each step: who was told what?

Numbers of connections differ, so a step names one by its place (``@2``) and replies are compared in the same
way. Clients of Valkey speak RESP3, where messages come as pushes; those of 7.0 speak RESP2 and redirect. (In
RESP3 7.0 tells a client of its own change before the reply; 7.2 and Valkey do so after it.)

What a step sends comes in one read, so it is one turn of the server: in BCAST mode, one message.
"""

from __future__ import annotations

from collections.abc import Iterator
from random import Random
from typing import Any

import pytest

from tests.differential.cases import seeds
from tests.differential.differences import REDIS_7_0, VALKEY_9_1
from tests.differential.grammar import Command, Grammar
from tests.differential.servers import RealServer, available_judges
from tests.differential.test_pubsub import OurClients
from tests.differential.test_waiting import CLIENTS, RealClients, Said
from tests.differential.wire import Reply, show

STEPS = 300

FORMS = """
 6 { CLIENT TRACKING ON [NOLOOP] }
 4 { CLIENT TRACKING ON REDIRECT peer [NOLOOP] }
 3 { CLIENT TRACKING ON [REDIRECT peer] BCAST [PREFIX prefix] [PREFIX prefix] [NOLOOP] }
 2 { CLIENT TRACKING ON [REDIRECT peer] (OPTIN|OPTOUT) }
 4 { CLIENT TRACKING OFF }
 3 { CLIENT CACHING (YES|NO) ; GET key }
 1 { CLIENT CACHING YES ; MULTI ; GET key ; MGET key key ; EXEC ; GET key }
 1 { CLIENT CACHING YES ; CLIENT GETNAME ; GET key }
 1 { CLIENT CACHING YES ; PING ; GET key }
 2 { CLIENT TRACKINGINFO }
 2 { CLIENT GETREDIR }
 9 { GET key }
 4 { MGET key key key }
 2 { EXISTS key key }
 3 { LRANGE key 0 -1 }
 2 { MULTI ; GET key ; SET key text ; EXEC }
 2 { MULTI ; SET key text ; SET key text ; GET key ; EXEC }
 9 { SET key text }
 3 { DEL key key }
 2 { MSET key text key text }
 4 { SET key text ; SET key text ; PING ; DEL key key ; SET key text }
 1 { SET key text ; FLUSHALL ; SET key text }
 1 { SET key text ; CLIENT TRACKING ON [REDIRECT peer] BCAST [PREFIX prefix] [NOLOOP] ; SET key text }
 1 { SET key text ; CLIENT TRACKING OFF ; SET key text }
 1 { MULTI ; GET key ; SET key text ; CLIENT TRACKING OFF ; EXEC }
 2 { EVAL script 2 key key ; SET key text }
 2 { SET key text PX 1 ; DEBUG SLEEP '0.005' ; GET key }
 1 { DEBUG RELOAD }
 2 { XADD 'abc' '1-*' 'f' 'v' ; XGROUP CREATE 'abc' 'g' 0 }
 1 { XREADGROUP GROUP 'g' 'bob' COUNT 1 STREAMS 'abc' '>' ; XACK 'abc' 'g' '1-0' }
 1 { XGROUP DESTROY 'abc' 'g' }
 1 { XSETID 'abc' '1-1000' }
 1 { RENAME key key }
 1 { GETDEL key }
 1 { PEXPIREAT key 1 }
 1 { EXPIRE key 1000 }
 1 { FLUSHALL }
 1 { FLUSHDB }
 2 { SELECT (0|1) }
 1 { RESET }
 5 { SUBSCRIBE '__redis__:invalidate' }
 1 { UNSUBSCRIBE }
"""
POOLS = {
    "peer": [b"@%d" % number for number in range(CLIENTS)],
    "key": [b"a", b"ab", b"b", b"bc", b"c"],
    "prefix": [b"a", b"b", b"bc", b""],
    "text": [b"1", b"2"],
    "script": [b"redis.call('SET', KEYS[1], 1) redis.call('INCR', KEYS[2])"],
}
RESP2_ONLY = (b"SUBSCRIBE", b"UNSUBSCRIBE", b"RESET")
ENDS_TRACKING = {(b"RESET",), (b"CLIENT", b"TRACKING", b"OFF")}
ALWAYS_TRACKS = CLIENTS - 1  # when nobody tracks any more, we forget everything; Redis does not


@pytest.fixture(scope="module", params=[REDIS_7_0, VALKEY_9_1])
def server(request: pytest.FixtureRequest) -> Iterator[RealServer]:
    (wanted,) = [judge for judge in available_judges() if judge.name == request.param]
    with RealServer(wanted) as running:
        yield running


class InTurns(OurClients):
    """Links to one node, whose turn ends with each step."""

    def __init__(self) -> None:
        super().__init__()
        self.now_us = 1_000_000
        self.node.clock, self.node.sleep = lambda: self.now_us, self._sleep
        self.node.tracking.has_turns = True

    def _sleep(self, duration_us: int) -> None:
        self.now_us += duration_us

    def step(self, client: int, commands: tuple[Command, ...]) -> Said:
        said = super().step(client, commands)
        self.node.before_sleep()
        for replies, reader, link in zip(said, self.readers, self.links, strict=True):
            link.collect()
            replies += reader.feed(link.take_output())
        return said


class Numbered:
    """One side, with the places of its connections instead of their numbers."""

    def __init__(self, clients: Any) -> None:
        self.clients = clients
        self.numbers = [int(self.said(place, (b"CLIENT", b"ID"))[0][1]) for place in range(CLIENTS)]

    def said(self, place: int, *commands: Command) -> list[Reply]:
        return self.clients.step(place, commands)[place]

    def step(self, place: int, commands: tuple[Command, ...]) -> list[list[str]]:
        named = tuple(tuple(map(self._number, command)) for command in commands)
        said: Said = self.clients.step(place, named)
        return [[show(self._place(reply)) for reply in replies] for replies in said]

    def _number(self, word: bytes) -> bytes:
        return b"%d" % self.numbers[int(word[1:])] if word.startswith(b"@") else word

    def _place(self, reply: Reply) -> Reply:
        kind, payload = reply
        if isinstance(payload, list):
            return kind, [self._place(element) for element in payload]
        if kind == b":" and int(payload) in self.numbers:
            return kind, b"@%d" % self.numbers.index(int(payload))
        return reply


@pytest.mark.parametrize("seed", seeds())
def test_who_is_told_of_which_key(server: RealServer, seed: int) -> None:
    pytest.importorskip("lupa")
    rng = Random(seed)
    grammar = Grammar(FORMS, POOLS)
    ours = InTurns()
    for number, link in enumerate(ours.links):
        link.client.id = 1000 + number  # no number of a connection is a count of something
        ours.node.clients[link.client.id] = ours.node.clients.pop(number + 1)
    theirs = RealClients(server)
    sides = Numbered(theirs), Numbered(ours)
    resp3 = server.judge.name == VALKEY_9_1
    history = [f"seed {seed}"]
    for side in sides:
        for place in range(CLIENTS):
            side.said(place, (b"HELLO", b"3" if resp3 else b"2"))
        side.said(ALWAYS_TRACKS, (b"CLIENT", b"TRACKING", b"ON"))
    try:
        for _ in range(STEPS):
            commands, place = grammar.unit(rng), rng.randrange(CLIENTS)
            if commands[0][0] in (RESP2_ONLY if resp3 else ()):
                continue
            if place == ALWAYS_TRACKS and not ENDS_TRACKING.isdisjoint(commands):
                continue
            history.append(f"{place}: {commands}")
            expected, found = (side.step(place, commands) for side in sides)
            assert found == expected, "\n".join(history)
    finally:
        theirs.close()

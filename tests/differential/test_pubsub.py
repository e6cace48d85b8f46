"""Pub/Sub: several connections subscribe and publish at random, and after each step: who was told what?

The order in which a hash table hands out names (UNSUBSCRIBE of all, PUBSUB CHANNELS, several patterns that
match one message) is not compared, all else is. Odd clients speak RESP3, where 7.0 tells a client about its
own PUBLISH before the reply; 7.2 and Valkey do so after it, so Valkey alone is asked about those.
"""

from __future__ import annotations

from collections.abc import Iterator
from random import Random

import pytest

import minidis.distributed  # noqa: F401  (files every command in the registry)
from minidis.engine.link import Link
from minidis.engine.node import Node
from tests.differential.cases import seeds
from tests.differential.differences import REDIS_7_0, VALKEY_9_1
from tests.differential.grammar import Command, Grammar
from tests.differential.servers import RealServer, available_judges
from tests.differential.test_waiting import CLIENTS, RealClients, Said
from tests.differential.wire import Reply, ReplyReader, encode_command, show

STEPS = 300

FORMS = """
 8 { SUBSCRIBE channel+ }
 5 { PSUBSCRIBE pattern+ }
 4 { SSUBSCRIBE channel+ }
 4 { UNSUBSCRIBE channel+ }
 3 { PUNSUBSCRIBE pattern+ }
 3 { SUNSUBSCRIBE channel+ }
 1 { UNSUBSCRIBE }
 1 { PUNSUBSCRIBE }
 1 { SUNSUBSCRIBE }
20 { PUBLISH channel message }
 6 { SPUBLISH channel message }
 2 { PUBSUB CHANNELS }
 2 { PUBSUB CHANNELS pattern }
 2 { PUBSUB NUMSUB channel channel }
 1 { PUBSUB NUMSUB }
 2 { PUBSUB NUMPAT }
 2 { PUBSUB SHARDCHANNELS }
 2 { PUBSUB SHARDNUMSUB channel }
 2 { PUBSUB NOSUCH }
 1 { PUBSUB }
 1 { PUBLISH channel }
 3 { PING }
 2 { PING message }
 3 { GET channel }
 1 { CONFIG GET NO-SUCH }
 1 { NOSUCH }
 2 { MULTI ; PUBLISH channel message ; PUBLISH channel message ; EXEC }
 2 { MULTI ; (SUBSCRIBE|PSUBSCRIBE|SSUBSCRIBE) channel ; EXEC }
 2 { CLIENT REPLY SKIP ; SUBSCRIBE channel ; PING }
"""
POOLS = {
    "channel": [b"a", b"b", b"ab", b"\x00\xff", b""],
    "pattern": [b"*", b"a*", b"[ab]", b"b"],
    "message": [b"hello", b"", b"\r\n", b"1"],
}


class OurClients:
    """Links to one node."""

    def __init__(self) -> None:
        self.node = Node(clock=lambda: 1_000_000)
        self.links = [Link(self.node) for _ in range(CLIENTS)]
        self.readers = [ReplyReader() for _ in self.links]

    def step(self, client: int, commands: tuple[Command, ...]) -> Said:
        self.links[client].receive(b"".join(map(encode_command, commands)))
        for link in self.links:
            link.collect()
        return [
            reader.feed(link.take_output()) for reader, link in zip(self.readers, self.links, strict=True)
        ]


@pytest.fixture(scope="module", params=[REDIS_7_0, VALKEY_9_1])
def server(request: pytest.FixtureRequest) -> Iterator[RealServer]:
    wanted = [judge for judge in available_judges() if judge.name == request.param]
    if not wanted:
        pytest.skip(f"no {request.param} on this machine")
    with RealServer(wanted[0]) as running:
        yield running


@pytest.mark.parametrize("seed", seeds())
def test_who_is_told_what(server: RealServer, seed: int) -> None:
    rng = Random(seed)
    grammar = Grammar(FORMS, POOLS)
    theirs, ours = RealClients(server), OurClients()
    history = [f"seed {seed}"]
    try:
        if server.judge.name == VALKEY_9_1:
            for client in range(1, CLIENTS, 2):
                theirs.step(client, ((b"HELLO", b"3"),))
                ours.step(client, ((b"HELLO", b"3"),))
        for _ in range(STEPS):
            commands, client = grammar.unit(rng), rng.randrange(CLIENTS)
            history.append(f"{client}: {commands}")
            expected, found = theirs.step(client, commands), ours.step(client, commands)
            assert readable(found) == readable(expected), "\n".join(history)
    finally:
        theirs.close()


def test_reset_and_disconnect_end_subscriptions(server: RealServer) -> None:
    theirs, ours = RealClients(server), OurClients()
    try:
        steps: list[tuple[int, tuple[Command, ...]]] = [
            (0, ((b"SUBSCRIBE", b"a"), (b"PSUBSCRIBE", b"*"), (b"SSUBSCRIBE", b"a"))),
            (1, ((b"SUBSCRIBE", b"a"), (b"QUIT",))),
            (2, ((b"PUBLISH", b"a", b"x"), (b"PUBSUB", b"NUMSUB", b"a"))),
            (0, ((b"RESET",), (b"GET", b"k"))),
            (2, ((b"PUBLISH", b"a", b"x"), (b"PUBSUB", b"NUMPAT"), (b"SPUBLISH", b"a", b"x"))),
        ]
        for client, commands in steps:
            expected, found = theirs.step(client, commands), ours.step(client, commands)
            assert readable(found) == readable(expected), commands
    finally:
        theirs.close()


def readable(said: Said) -> list[tuple[list[object], list[str]]]:
    """For each client: what came in its order, and the names that a hash table may have shuffled."""
    return [([skeleton(reply) for reply in replies], sorted(shuffled(replies))) for replies in said]


UNORDERED = (b"unsubscribe", b"punsubscribe", b"sunsubscribe", b"pmessage")


def skeleton(reply: Reply) -> object:
    kind, payload = reply
    if kind in b"*>" and isinstance(payload, list):
        if payload and payload[0][1] in UNORDERED:
            return [payload[0], payload[-1]]
        if payload and payload[0][1] in POOLS["channel"]:  # names of channels
            return sorted(show(item) for item in payload)
    return show(reply)


def shuffled(replies: list[Reply]) -> list[str]:
    return [
        show(payload[1])
        for _, payload in replies
        if isinstance(payload, list) and payload and payload[0][1] in UNORDERED
    ]


EVENT_COMMANDS: list[Command] = [
    tuple(line.split())
    for line in b"""SET s 1|APPEND s x|RPUSH l 2 1|LPOP l|SADD t a|SREM t a|HSET h f v|HDEL h f|ZADD z 1 m
        ZREM z m|SETBIT s 1 1|EXPIRE s 100|PERSIST s|RENAME s r|DEL r|SET e x PX 100000|PFADD p a
        SORT l STORE k|COPY k k2|GEOADD g 1 1 x|SINTERSTORE t u|MOVE p 1|SELECT 1|SET o 1
        HINCRBY h n 1|INCRBYFLOAT f 1|SPOP u|GETDEL o|LSET k 0 z|LTRIM k 1 0|FLUSHALL|SELECT 0""".replace(
        b"\n", b"|"
    ).split(b"|")
]


@pytest.mark.parametrize(
    "classes", ["KEA", "AKE", "K$lg", "Ez", "KEsh", "KEx", "A", "KEAmn", "Km", "En", "Q", "Etd", ""]
)
def test_notifications_by_class(server: RealServer, classes: str) -> None:
    """Letters and events."""
    theirs, ours = RealClients(server), OurClients()
    name = b"notify-keyspace-events"
    setup = ((b"CONFIG", b"SET", name, classes.encode()), (b"CONFIG", b"GET", name))
    try:
        for client, commands in [
            (0, setup),
            (1, ((b"PSUBSCRIBE", b"__key*"),)),
            (0, EVENT_COMMANDS),
        ]:
            expected, found = theirs.step(client, tuple(commands)), ours.step(client, tuple(commands))
            assert [list(map(show, said)) for said in found] == [list(map(show, said)) for said in expected]
    finally:
        theirs.step(0, ((b"CONFIG", b"SET", name, b""),))
        theirs.close()

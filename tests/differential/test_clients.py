"""Several clients at once over sockets, with transactions: minidis-server beside real servers.

Each step is one client's command; the clients take turns by lot, so that one's write falls between another's
WATCH and EXEC.
"""

from __future__ import annotations

from random import Random

import pytest

from tests.differential.differences import VALKEY_9_1
from tests.differential.grammar import Command, Grammar
from tests.differential.harness import Comparison, show_command
from tests.differential.pools import COMMON, SETUP, keys
from tests.differential.servers import Connection
from tests.differential.sides import RealSide
from tests.differential.test_server import ServerSide, server  # noqa: F401  (a fixture)
from tests.differential.wire import show

CLIENTS = 3
STEPS = 400
KEYS = [b"a", b"b", b"l"]
FORMS = """
6 SET key value
4 GET key
5 INCR key
4 LPUSH key value+
4 RPOP key
3 LRANGE key index index
3 DEL key
5 MULTI
6 EXEC
2 DISCARD
4 WATCH key
1 UNWATCH
2 LMOVE key key LEFT RIGHT
2 BLPOP key '0.001'
1 NOSUCH key
2 SELECT (0|1)
1 FLUSHDB
2 SWAPDB 0 1
"""
GRAMMAR = Grammar(FORMS, {**COMMON, "key": keys(*KEYS)})


@pytest.mark.parametrize("protocol", [2, 3])
@pytest.mark.parametrize("seed", range(3))
def test_clients_in_turn(judge: RealSide, server: ServerSide, seed: int, protocol: int):  # noqa: F811
    if judge.name == VALKEY_9_1:
        pytest.xfail("there MULTI and WATCH inside MULTI spoil the transaction; in 7.2 they only fail")
    judge.restart(protocol)
    server.restart(protocol)
    random = Random(seed)
    theirs = [judge.server.connect() for _ in range(CLIENTS)]
    ours = [Connection(server.path) for _ in range(CLIENTS)]
    for connection in (*theirs, *ours):
        connection.run([(b"HELLO", b"%d" % protocol)])
    compare = Comparison(judge.name, "minidis")
    history: list[str] = []
    try:
        for who, command in steps(random):
            history.append(f"{who}: {show_command(command)}")
            [their], [our] = theirs[who].run([command]), ours[who].run([command])
            compare.note(command)
            if their != our and not compare.excused(command, their, our, []):
                raise AssertionError("\n".join([*history[-40:], show(their), show(our)]))
    finally:
        for connection in (*theirs, *ours):
            connection.close()


def steps(random: Random) -> list[tuple[int, Command]]:
    """Who sends what: the setup by the first client, then all in turn."""
    setup = [(0, command) for unit in SETUP for command in unit]
    drawn = [command for _ in range(STEPS) for command in GRAMMAR.unit(random)]
    return setup + [(random.randrange(CLIENTS), command) for command in drawn]

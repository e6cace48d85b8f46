"""What MONITOR shows, beside real servers; times and ports aside."""

from __future__ import annotations

import re

from tests.differential.test_pubsub import OurClients, server  # noqa: F401  (a fixture)
from tests.differential.test_waiting import RealClients
from tests.differential.wire import show

STEPS = [
    (1, [b"MONITOR"]),
    (
        0,
        [
            b"SET a 1",
            b"get a",
            b"LPUSH a 1",
            b"NOSUCH x",
            b"GET",
            b"AUTH x",
            b"AUTH default x",
            b"HELLO 2 AUTH default",
            b"HELLO 2 AUTH nobody x",
            b"PING",
        ],
    ),
    (0, [b"MULTI", b"INCR a", b"LPUSH a x", b"EXEC"]),
    (0, [b"MULTI", b"INCR a", b"DISCARD"]),
    (0, [b"SELECT 1", b"CONFIG GET databases", b"CLIENT GETNAME", b"SELECT 0"]),
    (2, [b"SUBSCRIBE ch"]),
    (0, [b"PUBLISH ch \xff\"'\\"]),
    (1, [b"RESET"]),
    (0, [b"GET a"]),
]


def test_what_a_monitor_sees(server) -> None:  # noqa: F811
    theirs, ours = RealClients(server), OurClients()
    try:
        for client, lines in STEPS:
            commands = tuple(tuple(line.split()) for line in lines)
            expected, found = theirs.step(client, commands), ours.step(client, commands)
            assert readable(found) == readable(expected), lines
    finally:
        theirs.close()


def readable(said) -> list[list[str]]:
    """Lines without times, addresses, and the PINGs by which the test knows that a step is over."""
    shown = [
        [re.sub(r"\d+\.\d+ \[(\d+) [^]]*\]", r"[\1]", show(reply)) for reply in replies] for replies in said
    ]
    return [[line for line in lines if not line.endswith('"PING"')] for lines in shown]

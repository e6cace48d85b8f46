"""What MONITOR shows, beside real servers, times and ports aside; what those who listen may not ask."""

from __future__ import annotations

import re
import socket

import pytest

import minidis.distributed  # noqa: F401  (files every command in the registry)
from minidis.engine.link import Link
from minidis.engine.node import Node
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
    (
        1,
        [
            b"GET a",
            b"SET a 2",
            b"PUBLISH ch x",
            b"PFCOUNT a",
            b"DBSIZE",
            b"EVAL 'return 1' 0",
            b"CLIENT GETNAME",
        ],
    ),
    (1, [b"MULTI", b"GET a", b"ECHO x", b"EXEC"]),
    (1, [b"MULTI", b"ECHO x", b"EXEC"]),
    (1, [b"RESET", b"GET a"]),
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


@pytest.mark.parametrize(
    "line", [b"PING", b"GET a", b"MULTI", b"SLOWLOG GET", b"SUBSCRIBE ch", b"REPLCONF capa x"]
)
def test_a_replica_gets_no_reply_but_is_hung_up_on(server, line: bytes) -> None:  # noqa: F811
    """On its link a reply would be bytes of the stream."""
    request = b"PSYNC ? -1\r\nREPLCONF ACK 0\r\n" + line + b"\r\n"
    with socket.socket(socket.AF_UNIX) as theirs:
        theirs.settimeout(30)
        theirs.connect(str(server.socket_path))
        theirs.sendall(b"REPLCONF capa eof\r\n")
        assert theirs.recv(100) == b"+OK\r\n"
        theirs.sendall(request)
        assert theirs.recv(100) == b""
    node = Node({"repl-diskless-sync-delay": 5})
    said: list[str] = []
    node.log = lambda level, text: said.append(text)
    ours = Link(node)
    ours.receive(b"REPLCONF capa eof\r\n")
    assert ours.take_output() == b"+OK\r\n"
    ours.receive(request)
    assert ours.take_output() == b"" and ours.closing
    command = b"|".join(line.lower().split()[: 1 + line.startswith(b"SLOWLOG")]).decode()
    log = "\n".join(said)
    assert f"Replica generated a reply to command '{command}', disconnecting it: id=1 " in log
    assert ("Replica can't interact with the keyspace" in log) == line.startswith(b"GET")

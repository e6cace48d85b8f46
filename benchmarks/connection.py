"""What a request costs the server between the event loop and the node: a `Connection` without a socket.

    bytes of a read  ->  Connection.data_received  ->  the turn's flush  ->  a transport that throws them away

The kernel and the event loop are left out, so the figures are quiet where those of redis-benchmark are not.
Beside it stands the least that a server in Python can do (bare_server.py).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from typing import Any, cast

from benchmarks.bare_server import BareProtocol
from benchmarks.harness import Call, Row
from benchmarks.server import BARE_KNOWS
from minidis.drivers.disk import RealDisk
from minidis.drivers.embedded import real_clock
from minidis.drivers.server import Server
from minidis.engine.node import Node
from minidis.protocol.resp import encode_command

TITLE = "A server's connection without its socket"
ABOUT = """Microseconds for one read of so many requests, and their replies. `bare` knows GET and SET of a
dict, and nothing else."""
UNIT = "us"
PEERS = ("minidis", "bare")
COMPARED = ()

BATCHES = (1, 16, 100)
REQUEST_OF = {
    "SET": [b"SET", b"key:000000000042", b"xxx"],
    "GET": [b"GET", b"key:000000000042"],
    "INCR": [b"INCR", b"counter:000000000042"],
    "LPUSH": [b"LPUSH", b"mylist", b"xxx"],
    "HSET": [b"HSET", b"myhash", b"element:000000000042", b"xxx"],
    "ZADD": [b"ZADD", b"myzset", b"0", b"element:000000000042"],
}
"""What redis-benchmark sends."""


def rows(quick: bool) -> Iterator[Row]:
    drives = {"minidis": minidis_drive(), "bare": bare_drive()}
    for command, words in REQUEST_OF.items():
        for batch in BATCHES:
            data = encode_command(words) * batch
            peers = PEERS if command in BARE_KNOWS else PEERS[:1]
            yield Row(f"{command} x {batch}", {peer: Call(drives[peer], (data,)) for peer in peers})


Drive = Callable[[bytes], None]


class Sink(asyncio.Transport):
    """A peer that reads everything at once."""

    def __init__(self) -> None:
        super().__init__({"peername": ("127.0.0.1", 1), "sockname": ("127.0.0.1", 2), "socket": _NoSocket()})

    def write(self, data: Any) -> None:
        pass

    def is_closing(self) -> bool:
        return False

    def get_write_buffer_size(self) -> int:
        return 0

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        pass


class _NoSocket:
    family = type = None

    def fileno(self) -> int:
        return -1


class Turns:
    """An event loop that is turned by hand."""

    def __init__(self) -> None:
        self.due: list[Callable[[], None]] = []

    def call_soon(self, callback: Callable[[], None]) -> None:
        self.due.append(callback)

    def call_later(self, delay_s: float, callback: Callable[[], None]) -> object:
        return self

    def turn(self) -> None:
        due, self.due = self.due, []
        for callback in due:
            callback()


def minidis_drive() -> Drive:
    """One connection of a server, without a socket: call it with what a read brings."""
    server = Server(Node({"save": ""}, real_clock, disk=RealDisk()))
    turns = Turns()
    server.loop = cast(asyncio.AbstractEventLoop, turns)
    server.take_over_node()
    server.node.tick()
    connection = server.new_connection()
    connection.connection_made(Sink())

    def drive(data: bytes) -> None:
        connection.data_received(data)
        turns.turn()

    return drive


def bare_drive() -> Drive:
    protocol = BareProtocol({})
    protocol.connection_made(Sink())
    return protocol.data_received

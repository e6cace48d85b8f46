"""What a request costs the server between the event loop and the node: a `Connection` without a socket.

    bytes of a read  ->  Connection.data_received  ->  the turn's flush  ->  a transport that throws them away

The kernel and the event loop are left out, so the figures are quiet where those of redis-benchmark are not:
processor time, the best of several rounds, both protocols in turns. Beside it stands the least that a server
in Python can do (bare_server.py).
"""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Callable
from typing import Any, cast

from benchmarks.bare_server import BareProtocol
from benchmarks.timing import table
from minidis.drivers.disk import RealDisk
from minidis.drivers.embedded import real_clock
from minidis.drivers.server import Server
from minidis.engine.node import Node
from minidis.protocol.resp import encode_command

ROUNDS = 9
REQUESTS = 2_000
BATCHES = (1, 16, 100)
REQUEST_OF = {
    "GET": [b"GET", b"key:000000000042"],
    "SET": [b"SET", b"key:000000000042", b"xxx"],
    "INCR": [b"INCR", b"counter:000000000042"],
    "LPUSH": [b"LPUSH", b"mylist", b"xxx"],
    "HSET": [b"HSET", b"myhash", b"element:000000000042", b"xxx"],
    "ZADD": [b"ZADD", b"myzset", b"0", b"element:000000000042"],
}
"""What redis-benchmark sends."""

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
    family = None

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


def microseconds_per_request(drive: Drive, data: bytes, batch: int, requests: int = REQUESTS) -> float:
    """Processor time of one request, when `batch` of them come in one read."""
    started_ns = time.process_time_ns()
    for _ in range(requests // batch):
        drive(data)
    return (time.process_time_ns() - started_ns) / (requests // batch * batch) / 1000


def measure() -> str:
    """A Markdown table: microseconds per request by command and by requests in one read."""
    rows = []
    ours, bare = minidis_drive(), bare_drive()
    for command, words in REQUEST_OF.items():
        row = [command]
        for batch in BATCHES:
            data = encode_command(words) * batch
            drives = [ours, bare] if command in ("GET", "SET") else [ours]
            times: list[list[float]] = [[] for _ in drives]
            for _ in range(ROUNDS):
                for drive, results in zip(drives, times, strict=True):
                    results.append(microseconds_per_request(drive, data, batch))
            row += [f"{min(results):.2f}" for results in times] + [""] * (2 - len(drives))
        rows.append(row)
    headers = [f"{who}{batch}" for batch in BATCHES for who in ("-P ", "bare -P ")]
    return table(["us per request", *headers], rows)


if __name__ == "__main__":
    if len(sys.argv) > 1:  # a profile: COMMAND BATCH
        import cProfile

        drive, batch = minidis_drive(), int(sys.argv[2])
        data = encode_command(REQUEST_OF[sys.argv[1]]) * batch
        cProfile.run("microseconds_per_request(drive, data, batch, 200_000)", sort="tottime")
    else:
        print(measure())

"""Round trips: what redis-py really sends, when it waits, and what that costs on a link of some length.

    client   \\          /\\          /       a request is half a round trip under way, its reply too;
    server    \\__work__/  \\__work__/        the work is all that a faster server shortens

A client waits when it reads: all it has sent up to then, one command or ten thousand, is **one** round trip.
So a trace counts at redis-py's own socket, and nothing of redis-py is imitated. A new connection costs a trip
of its own before the first byte (TCP's handshake), then whatever redis-py says as a greeting.

    trace = Trace(node, rtt_ms=1)
    redis = trace.connect()              a genuine redis.Redis; trace.watch(client) follows one that is new

The node's clock stands still meanwhile: time is worked out, from the trips, the length of the link and the
prices in latency.py. So a trace can be looked at again as if the link were longer.

>>> trace = Trace(Embedded(clock=0), rtt_ms=1)
>>> redis = trace.connect()
>>> redis.ping(); trace.clear()
True
>>> _ = [redis.set(f"k{n}", n) for n in range(3)]
>>> trace.count, trace.duration_us()
(3, 3003.0)
>>> with redis.pipeline(transaction=False) as pipe:
...     _ = [pipe.get(f"k{n}") for n in range(3)]
...     pipe.execute()
[b'0', b'1', b'2']
>>> trace.trips[-1].names, trace.count
(('GET', 'GET', 'GET'), 4)

Read next: minidis/notebook/views/waterfalls.py, which draws it, and minidis/client/sync.py.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from minidis.client import connect
from minidis.client.sync import InProcessConnection, InProcessSocket
from minidis.course.models.latency import price_us
from minidis.drivers.embedded import Embedded, default_node
from minidis.protocol.resp import RequestParser


@dataclass
class Trip:
    """Sent in one go and waited for: which commands, how many bytes each way, and the server's work."""

    connection: int
    argvs: list[list[bytes]] = field(default_factory=list)
    sent_bytes: int = 0
    received_bytes: int = 0
    work_us: float = 0.0
    is_handshake: bool = False

    @property
    def names(self) -> tuple[str, ...]:
        """The commands' names; of a new connection's handshake, none."""
        return tuple(argv[0].decode("utf-8", "replace").upper() for argv in self.argvs)

    def __str__(self) -> str:
        if self.is_handshake:
            return "open a connection"
        first = " ".join(word.decode("utf-8", "replace")[:16] for word in self.argvs[0][:3])
        return first if len(self.argvs) == 1 else f"{first} and {len(self.argvs) - 1} more"


class Trace:
    """The round trips of all clients that it was asked to follow, in order."""

    def __init__(self, node: Embedded | None = None, rtt_ms: float = 1.0) -> None:
        self.node = node or default_node()
        self.rtt_ms = rtt_ms
        self.trips: list[Trip] = []
        self.connections = 0  # opened so far

    def connect(self, **options: Any) -> Any:
        """A redis-py client of the node whose round trips are counted. It connects with its first command."""
        return self.watch(connect(self.node, **options))

    def watch(self, client: Any) -> Any:
        """Follow a redis-py client that has not connected yet; answers it."""
        client.connection_pool.connection_class = TracedConnection
        client.connection_pool.connection_kwargs["trace"] = self
        return client

    def clear(self) -> None:
        """Forget the trips so far; open connections stay open."""
        self.trips.clear()

    @property
    def count(self) -> int:
        return len(self.trips)

    @property
    def commands(self) -> list[list[bytes]]:
        return [argv for trip in self.trips for argv in trip.argvs]

    def duration_us(self, rtt_ms: float | None = None) -> float:
        """How long the trips take one after the other, on a link of this length (or its own)."""
        rtt_us = 1000 * (self.rtt_ms if rtt_ms is None else rtt_ms)
        return sum(rtt_us + trip.work_us for trip in self.trips)


class TracedSocket(InProcessSocket):
    """redis-py's socket: notes what goes out until the first read, and what comes back then."""

    def __init__(self, embedded: Embedded, trace: Trace) -> None:
        super().__init__(embedded)
        trace.connections += 1
        self._trace = trace
        self._number = trace.connections
        self._parser = RequestParser()
        self._going = Trip(self._number)  # sent, and not waited for yet
        self._last = Trip(self._number, is_handshake=True)
        trace.trips.append(self._last)

    def sendall(self, data: bytes) -> None:
        self._parser.feed(bytes(data))
        for argv in self._parser.requests():
            self._going.argvs.append(argv)
            self._going.work_us += price_us(self._trace.node, argv)
        self._going.sent_bytes += len(data)
        super().sendall(data)

    def recv(self, most_bytes: int) -> bytes:
        data = super().recv(most_bytes)
        if self._going.argvs:
            self._last, self._going = self._going, Trip(self._number)
            self._trace.trips.append(self._last)
        self._last.received_bytes += len(data)
        return data


class TracedConnection(InProcessConnection):
    """redis-py's connection over a traced socket."""

    def __init__(self, node: Embedded, trace: Trace, **options: Any) -> None:
        super().__init__(node, **options)
        self.trace = trace

    def _connect(self) -> TracedSocket:
        socket = TracedSocket(self.node, self.trace)
        socket.settimeout(self.socket_timeout)
        return socket

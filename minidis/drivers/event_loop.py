"""Redis's event loop with sockets of our own: one thread, many clients, every turn visible.

    clients' sockets            the loop, one iteration
    ada   [SET a 1 | GET a]     read ada, run SET, run GET      \\
    bob   [PING]                read bob, run PING               } then write what each of them is owed
    carol []                    nothing to read                 /

Redis has one thread that runs commands.  It reads from every socket that has bytes, runs every whole
command it finds there, and sends the replies; then it asks which sockets have bytes now.  While one
command runs, nobody else is served: that is why there are no locks, and why one slow command hurts all.

The sockets are two buffers with a limit, so that a notebook can deliver a frame byte by byte, hold a
client that does not read, and step the loop event by event.

Mirrors: ae.c (`aeProcessEvents`), networking.c (`readQueryFromClient`, `writeToClient`).
Differs: no kernel below; time stands still, an event is a step.
Complexity: an iteration is O(connections + bytes moved).

>>> from minidis.drivers.embedded import Embedded
>>> loop = EventLoop(Embedded(clock=0))
>>> ada, bob = loop.connect("ada"), loop.connect("bob")
>>> ada.send(b"SET a 1\\r\\nGET a\\r\\n"); bob.send(b"PI")
>>> [str(event) for event in loop.run()]
['read ada 16 bytes', 'execute ada SET a 1', 'execute ada GET a', 'read bob 2 bytes', 'write ada 12 bytes']
>>> ada.received(), bob.received()
(b'+OK\\r\\n$1\\r\\n1\\r\\n', b'')

Read next: minidis/engine/link.py.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Literal

from minidis.drivers.embedded import Embedded
from minidis.engine.client import Buffers, Client
from minidis.engine.link import Link
from minidis.engine.memory.output_limits import OutputMeter
from minidis.protocol.quoting import quote
from minidis.protocol.resp import RequestParser

READ_BYTES = 16 * 1024
WRITE_BYTES = 64 * 1024


@dataclass(frozen=True)
class Event:
    """One step of the loop: it read bytes, ran a command or wrote bytes, for one client."""

    number: int
    iteration: int
    kind: Literal["read", "execute", "write"]
    client: str
    size: int = 0
    argv: tuple[bytes, ...] = ()

    def __str__(self) -> str:
        if self.kind == "execute":
            words = (word.decode() if word.isalnum() else quote(word).decode() for word in self.argv)
            return f"execute {self.client} {' '.join(words)}"
        return f"{self.kind} {self.client} {self.size} bytes"


class Connection:
    """A client's end and the server's end of one socket.

    `room` is how many bytes the client's side still takes before it reads (None: any number); at 0
    the server's writes to it do nothing, as when a real client stops reading.
    """

    def __init__(self, link: Link, name: str) -> None:
        self.link = link
        self.name = name
        self.inbound = bytearray()
        self.delivered = bytearray()
        self.room: int | None = None
        self.meter = OutputMeter()

    def send(self, data: bytes) -> None:
        """The client sends bytes; they wait in the socket until the loop reads them."""
        self.inbound += data

    def received(self) -> bytes:
        """The client reads all that was delivered to it."""
        data = bytes(self.delivered)
        self.delivered.clear()
        return data

    def hold(self, room: int = 0) -> None:
        """The client stops reading: the socket takes `room` more bytes and no others."""
        self.room = room

    def release(self) -> None:
        """The client reads again."""
        self.room = None

    # what a loop may do with the server's end

    def measure(self) -> Buffers:
        """What CLIENT LIST shows of the socket: above all `omem`, what the client is owed."""
        return Buffers(output_bytes=len(self.link.output))

    def read(self, most: int = READ_BYTES) -> bytes:
        """Take up to `most` bytes that have arrived."""
        data = bytes(self.inbound[:most])
        del self.inbound[:most]
        return data

    def write(self, data: bytes) -> int:
        """Offer bytes to the socket; answers how many it took."""
        count = len(data) if self.room is None else min(len(data), self.room)
        self.delivered += data[:count]
        if self.room is not None:
            self.room -= count
        return count


class Served:
    """What a `tick(clients)` sees of a connection: each thing it does here is one event of the loop."""

    def __init__(self, loop: EventLoop, connection: Connection) -> None:
        self._loop, self._connection = loop, connection
        self.name = connection.name

    @property
    def readable(self) -> bool:
        """Bytes have arrived."""
        return bool(self._connection.inbound) and not self._connection.link.closing

    def read(self) -> int:
        """Move what has arrived, at most 16 KB, to the client's parser; the number of bytes."""
        data = self._connection.read()
        self._connection.link.parser.feed(data)
        self._loop.note("read", self._connection, size=len(data))
        return len(data)

    def run_one(self) -> bool:
        """Run the client's next whole command, its reply goes to `output`. False if there is none to run."""
        link = self._connection.link
        link.last_requests = []
        if not link.run_one():
            return False
        if link.last_requests:
            self._loop.note("execute", self._connection, argv=tuple(link.last_requests.pop()))
        return True

    @property
    def output(self) -> bytearray:
        """The bytes that the client is still owed, oldest first. Delete from it what a write has taken."""
        self._connection.link.collect_late_replies()
        return self._connection.link.output

    def write(self, data: bytes) -> int:
        """Offer bytes to the client's socket; how many it took: 0 if the client never reads."""
        self._loop.node.node.write_out()  # the log first, then the replies
        count = self._connection.write(bytes(data))
        if count:
            self._loop.note("write", self._connection, size=count)
        return count


class EventLoop:
    """One thread that serves all connections of a node in turn.

    `iterate` is one turn, a generator of the events in it. A learner's own `tick(clients)` may take its
    place: a function that is given a `Served` for each connection and does one whole turn.
    """

    def __init__(
        self,
        node: Embedded,
        parser: Callable[[], Any] = RequestParser,
        tick: Callable[[list[Served]], Any] | None = None,
    ) -> None:
        self.node = node
        self.parser = parser
        self.tick = tick
        self.connections: list[Connection] = []
        self.log: list[Event] = []
        self.iteration = 0
        self._running: Iterator[Event] | None = None

    def connect(self, name: str, client: Client | None = None) -> Connection:
        """A new client with its socket, or a socket for a client that is there already."""
        connection = Connection(Link(self.node.node, name, parser=self.parser, client=client), name)
        connection.link.client.measure_buffers = connection.measure
        self.connections.append(connection)
        return connection

    def step(self) -> Event | None:
        """Do one thing: read once, run one command, or write once.  None when there is nothing to do."""
        for _ in range(2):  # the running iteration may be at its end; then a new one decides
            if self._running is None:
                self.iteration += 1
                self._running = self.iterate()
            event = next(self._running, None)
            if event is not None:
                return event
            self._running = None
        self.iteration -= 1
        return None

    def turn(self) -> list[Event]:
        """Do the rest of the iteration that is running, or a whole one; its events."""
        events: list[Event] = []
        event = self.step()
        while event is not None:
            events.append(event)
            event = next(self._running, None) if self._running is not None else None
        self._running = None
        return events

    def run(self, most: int = 10_000) -> list[Event]:
        """Step until there is nothing to do, at most `most` times; the events."""
        events: list[Event] = []
        while len(events) < most and (event := self.step()) is not None:
            events.append(event)
        return events

    def iterate(self) -> Iterator[Event]:
        """One iteration as Redis does it: read and run for each client, then write to each."""
        if self.tick is not None:
            first = len(self.log)
            self.tick([Served(self, connection) for connection in self.connections])
            yield from self.log[first:]
            return
        for connection in list(self.connections):
            yield from self._read_and_run(connection)
        self.node.node.write_out()  # the log first, then the replies
        for connection in list(self.connections):
            connection.link.collect()
            if connection.link.output:
                count = connection.write(bytes(connection.link.output[:WRITE_BYTES]))
                connection.link.take_output(count)
                if count:
                    yield self.note("write", connection, size=count)
            self._cut_off_if_over(connection)

    def _cut_off_if_over(self, connection: Connection) -> None:
        """Hang up on a client that has let too much pile up: what it has not read is lost."""
        link = connection.link
        now_us = self.node.node.clock()
        if not link.closing and connection.meter.exceeds(link.client.output_limit, len(link.output), now_us):
            link.output.clear()
            link.close()

    def _read_and_run(self, connection: Connection) -> Iterator[Event]:
        link = connection.link
        if not connection.inbound or link.closing:
            return
        data = connection.read()
        yield self.note("read", connection, size=len(data))
        link.parser.feed(data)
        link.last_requests = []
        while link.run_one():
            if link.last_requests:
                yield self.note("execute", connection, argv=tuple(link.last_requests.pop()))

    def note(self, kind: Any, connection: Connection, **details: Any) -> Event:
        """Put one event into the log."""
        event = Event(len(self.log) + 1, self.iteration, kind, connection.name, **details)
        self.log.append(event)
        return event

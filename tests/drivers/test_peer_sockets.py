"""The peers of a node on real sockets: two nodes of one event loop talk to each other."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable

import pytest

from minidis.drivers.embedded import NO_NETWORK, Embedded, real_clock
from minidis.drivers.peer_sockets import LEAST_BYTES, LONG_NS, READ_BYTES, SHORT_NS, Portion
from minidis.drivers.server import Server
from minidis.engine.node import Node
from minidis.engine.peers import Peer

SECONDS = 20  # a bound for what never takes that long


class Recorder:
    """A handler that keeps what it is told, and answers `greeting` when it is connected."""

    def __init__(self, greeting: bytes = b"") -> None:
        self.greeting = greeting
        self.events: list[str] = []
        self.data = bytearray()
        self.largest_piece_bytes = 0

    def connected(self, peer: Peer) -> None:
        self.events.append("connected")
        peer.send(self.greeting)

    def received(self, peer: Peer, data: bytes) -> None:
        self.data += data
        self.largest_piece_bytes = max(self.largest_piece_bytes, len(data))

    def lost(self, peer: Peer, reason: str) -> None:
        self.events.append(f"lost: {reason}")


async def until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(SECONDS):
        while not condition():
            await asyncio.sleep(0.001)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def make_server(port: int = 0) -> Server:
    return Server(Node({"port": port, "bind": "127.0.0.1", "loglevel": "nothing"}, clock=real_clock))


def test_a_peer_speaks_to_another_node() -> None:
    async def scenario() -> None:
        port = free_port()
        async with make_server(port), make_server() as here:
            recorder = Recorder(b"PING\r\n")
            peer = here.node.peers.open("127.0.0.1", port, recorder)
            here.flush()
            await until(lambda: recorder.data == b"+PONG\r\n")
            assert recorder.events == ["connected"] and peer.state == "open" and peer.local[0] == "127.0.0.1"
            peer.send(b"QUIT\r\n")
            here.flush()
            await until(lambda: peer.state == "closed")
            assert recorder.data == b"+PONG\r\n+OK\r\n"
            assert recorder.events[1:] == ["lost: Connection closed by the other side"]
            assert not here.node.peers.all

    asyncio.run(scenario())


def test_much_that_comes_at_once_is_handed_on_in_pieces_and_to_the_last_byte() -> None:
    words = [b"%d" % number * 1000 for number in range(1000)]
    echoes = b"".join(b"$%d\r\n%b\r\n" % (len(word), word) for word in words)
    request = b"".join(b"*2\r\n$4\r\nECHO\r\n$%d\r\n%b\r\n" % (len(word), word) for word in words)

    async def scenario() -> None:
        port = free_port()
        async with make_server(port), make_server() as here:
            recorder = Recorder(request)
            peer = here.node.peers.open("127.0.0.1", port, recorder)
            here.flush()
            await until(lambda: len(recorder.data) >= len(echoes))
            assert recorder.data == echoes and len(echoes) > 100 * READ_BYTES
            assert recorder.largest_piece_bytes <= READ_BYTES
            peer.send(request + b"*1\r\n$4\r\nQUIT\r\n")
            here.flush()
            await until(lambda: peer.state == "closed")
            assert recorder.data == 2 * echoes + b"+OK\r\n"

    asyncio.run(scenario())


class SlowRecorder(Recorder):
    """Whom each byte takes `byte_ns`, as its node's stopwatch sees it; it notes the sizes of portions."""

    def __init__(self, node: Node, greeting: bytes, byte_ns: int) -> None:
        super().__init__(greeting)
        self.byte_ns = byte_ns
        self.sizes: list[int] = []
        self._now_ns = 0
        node.stopwatch_ns = lambda: self._now_ns

    def received(self, peer: Peer, data: bytes) -> None:
        super().received(peer, data)
        self.sizes.append(len(data))
        self._now_ns += len(data) * self.byte_ns


@pytest.mark.parametrize(
    "byte_ns, most_bytes",
    [(10, READ_BYTES), (300, SHORT_NS // 300), (2_000, 2 * SHORT_NS // 2_000), (1_000_000, LEAST_BYTES)],
)
def test_the_longer_a_portion_takes_the_smaller_is_the_next(byte_ns: int, most_bytes: int) -> None:
    request = b"*2\r\n$4\r\nECHO\r\n$%d\r\n%b\r\n" % (200_000, b"x" * 200_000)

    async def scenario() -> None:
        port = free_port()
        async with make_server(port), make_server() as here:
            recorder = SlowRecorder(here.node, request, byte_ns)
            here.node.peers.open("127.0.0.1", port, recorder)
            here.flush()
            await until(lambda: len(recorder.data) >= 200_000)
            later = recorder.sizes[len(recorder.sizes) // 2 :]
            assert max(recorder.sizes) <= READ_BYTES
            assert max(later) <= LONG_NS // byte_ns or max(later) == LEAST_BYTES
            assert max(later) >= min(most_bytes, READ_BYTES) // 2

    asyncio.run(scenario())


def test_what_came_in_few_bytes_and_took_long_is_halved_from_those_few() -> None:
    portion = Portion()
    portion.note(2000, LONG_NS + 1)
    assert portion.size_bytes == 1000
    portion.note(10, LONG_NS + 1)
    assert portion.size_bytes == LEAST_BYTES


def test_portions_grow_again_but_never_beyond_what_a_turn_may_read() -> None:
    request = b"*2\r\n$4\r\nECHO\r\n$%d\r\n%b\r\n" % (900_000, b"x" * 900_000)

    async def scenario() -> None:
        port = free_port()
        async with make_server(port), make_server() as here:
            recorder = SlowRecorder(here.node, request, 3_000)
            here.node.peers.open("127.0.0.1", port, recorder)
            here.flush()
            await until(lambda: len(recorder.sizes) >= 10)
            slow, recorder.byte_ns = len(recorder.sizes), 1
            await until(lambda: len(recorder.data) >= 900_000)
            assert max(recorder.sizes[5:slow]) <= LONG_NS // 3_000
            assert READ_BYTES // 2 < max(recorder.sizes[slow:]) <= READ_BYTES

    asyncio.run(scenario())


def test_a_port_that_nobody_listens_on() -> None:
    async def scenario() -> None:
        async with make_server() as here:
            recorder = Recorder()
            here.node.peers.open("127.0.0.1", free_port(), recorder)
            here.flush()
            await until(lambda: recorder.events)
            assert recorder.events[0].startswith("lost: ")

    asyncio.run(scenario())


def test_a_second_port_and_closing_with_output_left() -> None:
    async def scenario() -> None:
        port = free_port()
        async with make_server() as there, make_server() as here:
            incoming: list[tuple[Peer, Recorder]] = []

            def accept(peer: Peer) -> Recorder:
                incoming.append((peer, Recorder(b"hello")))
                return incoming[-1][1]

            listener = there.node.peers.listen(port, accept)
            there.flush()
            await until(lambda: _accepts(port) or listener.error)
            incoming.clear()
            recorder = Recorder()
            peer = here.node.peers.open("127.0.0.1", port, recorder)
            peer.send(b"x" * 1_000_000)  # before it stands: kept
            here.flush()
            await until(lambda: recorder.data == b"hello")
            peer.close()
            here.flush()
            await until(lambda: incoming and incoming[-1][0].state == "closed")
            assert bytes(incoming[-1][1].data) == b"x" * 1_000_000
            assert recorder.events == ["connected"]  # after close the handler hears nothing
            listener.close()
            there.flush()
            await until(lambda: not _accepts(port))

    asyncio.run(scenario())


def _accepts(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def test_an_end_is_known_before_a_command_that_comes_with_it() -> None:
    """Else a replica whose primary has hung up could still say that its link is up."""

    async def scenario() -> None:
        loop = asyncio.get_running_loop()
        with socket.create_server(("127.0.0.1", 0)) as listening, socket.socket() as client:
            listening.setblocking(False)
            port = free_port()
            async with make_server(port) as here:
                recorder = Recorder()
                here.node.listen_to_commands(lambda client, argv, reply: recorder.events.append("command"))
                here.node.peers.open(*listening.getsockname(), recorder)
                here.flush()
                other_side, _ = await loop.sock_accept(listening)
                client.setblocking(False)
                await loop.sock_connect(client, ("127.0.0.1", port))
                await until(lambda: recorder.events and here.node.clients)
                other_side.close()
                client.send(b"PING\r\n")  # both have come when the server looks next
                await until(lambda: len(recorder.events) == 3)
                assert recorder.events == [
                    "connected",
                    "lost: Connection closed by the other side",
                    "command",
                ]

    asyncio.run(scenario())


def test_closed_before_it_stands() -> None:
    async def scenario() -> None:
        port = free_port()
        async with make_server(port) as there, make_server() as here:
            recorder = Recorder(b"PING\r\n")
            here.node.peers.open("127.0.0.1", port, recorder).close()
            here.flush()
            await asyncio.sleep(0)
            assert recorder.events == [] and not there.node.clients

    asyncio.run(scenario())


def test_a_fault_in_a_handler_is_logged_and_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    async def scenario() -> None:
        port = free_port()
        async with make_server(port), make_server() as here:
            faults: list[str] = []
            here.peers.on_fault = faults.append
            recorder = Recorder(b"PING\r\n")
            monkeypatch.setattr(recorder, "received", lambda peer, data: 1 / 0)
            here.node.peers.open("127.0.0.1", port, recorder)
            here.flush()
            await until(lambda: faults)
            assert "ZeroDivisionError" in faults[0]
            assert here.node.execute(here.node.connect(), [b"PING"]) == "PONG"

    asyncio.run(scenario())


def test_a_node_that_cannot_go_on_after_what_a_peer_said_ends_and_says_so_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def scenario() -> None:
        port = free_port()
        async with make_server(port), make_server() as here:
            words: list[str] = []
            monkeypatch.setattr(here.log, "warning", words.append)
            here.peers.on_fault = words.append
            recorder = Recorder(b"PING\r\n")
            monkeypatch.setattr(recorder, "received", lambda peer, data: here.node.fail("No room."))
            here.node.peers.open("127.0.0.1", port, recorder)
            here.flush()
            async with asyncio.timeout(SECONDS):
                await here.stopped.wait()
            assert here.exit_code == 1 and words == ["No room."]

    asyncio.run(scenario())


def test_the_embedded_node_refuses() -> None:
    redis = Embedded(clock=0)
    recorder = Recorder()
    redis.node.peers.open("127.0.0.1", 6379, recorder)
    listener = redis.node.peers.listen(16379, lambda peer: Recorder())
    redis.step(1)
    assert recorder.events == [f"lost: {NO_NETWORK}"] and listener.error == NO_NETWORK

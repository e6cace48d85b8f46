"""The bus of a real redis-server in cluster mode: what it sends is read, and written again byte by byte."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator

import pytest

from minidis.distributed.cluster import messages
from minidis.distributed.cluster.messages import Gossip, Message, Packets, Published, Updated, decode, encode
from minidis.distributed.cluster.slots import as_set
from minidis.distributed.cluster.state import PRIMARY
from tests.differential.servers import available_judges
from tests.interop.instances import PATIENCE_S, Instance, free_port, running, until

REDIS = [judge for judge in available_judges() if judge.name == "redis-7.0"]
NAME = "f" * 40


class FakeNode:
    """A member of the cluster that is nothing but two sockets."""

    def __init__(self, bus_port: int) -> None:
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.listener.settimeout(PATIENCE_S)
        self.out = socket.create_connection(("127.0.0.1", bus_port))
        self.seen: list[bytes] = []
        self.packets = Packets()
        self.message = Message(
            messages.MEET,
            NAME,
            port=free_port(),
            bus_port=self.listener.getsockname()[1],
            flags=PRIMARY,
            body=Gossip(),
        )
        self.send(messages.MEET)
        self.incoming, _ = self.listener.accept()
        for end in (self.out, self.incoming):
            end.settimeout(PATIENCE_S)

    def send(self, number: int, over: socket.socket | None = None) -> None:
        self.message.type = number
        (over or self.out).sendall(encode(self.message))

    def expect(self, wanted: Callable[[Message], bool]) -> Message:
        """Read what the server sends on its own connection, answer its pings, until such a message comes."""
        while True:
            for packet in self.packets:
                self.seen.append(packet)
                message = decode(packet)
                if message.type in (messages.PING, messages.MEET):
                    self.send(messages.PONG, self.incoming)
                if wanted(message):
                    return message
            data = self.incoming.recv(1 << 16)
            assert data, "the server hung up"
            self.packets.feed(data)

    def close(self) -> None:
        for end in (self.out, self.incoming, self.listener):
            end.close()


@pytest.fixture(scope="module", params=REDIS, ids=lambda judge: judge.name)
def met(request: pytest.FixtureRequest) -> Iterator[tuple[Instance, FakeNode]]:
    bus_port = free_port()
    options = {"cluster-enabled": "yes", "cluster-port": bus_port, "cluster-announce-hostname": "one.example"}
    with running(Instance(request.param, **options)) as (server,):
        server.call("CLUSTER", "ADDSLOTSRANGE", 0, 99, 16383, 16383)
        server.call("CLUSTER", "BUMPEPOCH")
        node = FakeNode(bus_port)
        yield server, node
        node.close()


def test_ping_publish_and_update_are_read_as_they_were_meant(met):
    server, node = met
    ping = node.expect(lambda message: message.type == messages.PING)
    my_id = server.call("CLUSTER", "MYID").decode()
    assert (ping.sender, ping.primary, ping.port) == (my_id, "", server.port)
    assert ping.slots == as_set([*range(100), 16383])
    assert (ping.config_epoch, ping.current_epoch) == (1, 1)
    assert ping.body.extensions.hostname == "one.example"
    until(lambda: NAME.encode() in server.call("CLUSTER", "NODES"), "the handshake ends")

    server.call("PUBLISH", "news", "hello")
    published = node.expect(lambda message: message.type == messages.PUBLISH)
    assert published.body == Published(b"news", b"hello")

    node.message.slots = as_set([5])  # claimed in an older epoch than the server's own
    node.send(messages.PING)
    updated = node.expect(lambda message: message.type == messages.UPDATE)
    assert updated.body == Updated(my_id, 1, as_set([*range(100), 16383]))

    assert {messages.packet_type(packet) for packet in node.seen} >= {messages.PING, messages.PUBLISH}
    assert [encode(decode(packet)) for packet in node.seen] == node.seen

"""The event loop: order, partial frames, clients that do not read."""

from __future__ import annotations

import pytest

from minidis import Embedded
from minidis.drivers.event_loop import EventLoop


@pytest.fixture
def loop():
    return EventLoop(Embedded(clock=0, seed=1))


def test_a_frame_in_pieces_of_one_byte_runs_once_it_is_whole(loop):
    ada = loop.connect("ada")
    frame = b"*2\r\n$4\r\nECHO\r\n$2\r\nhi\r\n"
    for number, byte in enumerate(frame):
        ada.send(bytes([byte]))
        kinds = [event.kind for event in loop.run()]
        assert kinds == (["read"] if number < len(frame) - 1 else ["read", "execute", "write"])
    assert ada.received() == b"$2\r\nhi\r\n"


def test_three_frames_in_one_read(loop):
    ada = loop.connect("ada")
    ada.send(b"PING\r\n" * 3)
    assert [event.kind for event in loop.run()] == ["read", "execute", "execute", "execute", "write"]
    assert ada.received() == b"+PONG\r\n" * 3


def test_a_client_that_does_not_read_holds_nobody(loop):
    ada, bob = loop.connect("ada"), loop.connect("bob")
    ada.hold(room=3)
    ada.send(b"PING\r\n")
    bob.send(b"PING\r\n")
    loop.run()
    assert (ada.received(), bob.received()) == (b"+PO", b"+PONG\r\n")
    ada.release()
    loop.run()
    assert ada.received() == b"NG\r\n"


def test_a_blocked_client_goes_on_after_it_is_woken(loop):
    ada, bob = loop.connect("ada"), loop.connect("bob")
    ada.send(b"BLPOP q 0\r\nPING\r\n")
    loop.run()
    assert ada.received() == b""
    bob.send(b"RPUSH q x\r\n")
    loop.run()
    assert ada.received() == b"*2\r\n$1\r\nq\r\n$1\r\nx\r\n+PONG\r\n"


def test_a_broken_frame_answers_and_closes(loop):
    ada = loop.connect("ada")
    ada.send(b"*1\r\n!4\r\nPING\r\n")
    loop.run()
    assert ada.received() == b"-ERR Protocol error: expected '$', got '!'\r\n"
    assert ada.link.closing
    ada.send(b"PING\r\n")
    assert loop.run() == []


def test_a_subscriber_that_never_reads_is_cut_off_at_the_limit():
    node = Embedded({"client-output-buffer-limit": "pubsub 1000 500 2"}, clock=0)
    loop = EventLoop(node)
    reader, publisher = loop.connect("reader"), loop.connect("publisher")
    reader.send(b"SUBSCRIBE news\r\n")
    loop.run()
    reader.hold()
    message = b"PUBLISH news " + b"x" * 100 + b"\r\n"
    still_there = []
    for _ in range(8):
        publisher.send(message)
        loop.run()
        still_there.append(not reader.link.closing)
    assert still_there == [True] * 7 + [False]  # 8 messages of 132 bytes are the first to reach 1000
    publisher.received()
    publisher.send(b"PUBLISH news x\r\n")
    loop.run()
    assert publisher.received() == b":0\r\n"


def test_the_log_is_synced_before_replies_and_once_for_a_turn():
    node = Embedded({"appendonly": "yes", "appendfsync": "always"}, clock=0, seed=1)
    loop = EventLoop(node)
    clients = [loop.connect(f"c{number}") for number in range(5)]
    for number, client in enumerate(clients):
        client.send(b"SET k%d v\r\n" % number)
    before = node.disk.syncs
    while not clients[0].received():
        loop.step()
    assert node.disk.syncs == before + 1
    node.power_cut()
    assert node.execute("DBSIZE") == 5

"""A learner's parser or tick before a node: the cells of a session then travel as bytes through it."""

from __future__ import annotations

import pytest

from minidis import Embedded
from minidis.client import connect
from minidis.course.fixtures.wire import NothingToReceive, RawSocket
from minidis.course.parts import plug, unplug
from minidis.notebook.session import Options, Session
from minidis.protocol.resp import RequestParser

CELLS = (
    ("redis", "SET a 1\nHSET h f v g w\nHGETALL h\nSET a\nLPUSH a x\nSELECT 3\nSET other 1"),
    ("redis", "MULTI\nINCR n\nEXEC\nHELLO 3\nHGETALL h\nCLIENT REPLY SKIP\nPING\nBLPOP q 0"),
    ("bob", "SELECT 3\nRPUSH q x"),
)


class Frames:
    """The engine's own parser behind the interface of exercise 1.2."""

    fed = 0

    def __init__(self):
        self.parser = RequestParser()

    def feed(self, data):
        Frames.fed += len(data)
        self.parser.feed(data)
        return list(self.parser.requests())


def lazy_tick(clients):
    """Reads and runs, but never writes."""
    for client in clients:
        if client.readable:
            client.read()
        while client.run_one():
            pass


def played(node):
    session = Session(node, seed=1)
    shown = [str(session.run(body, Options(client=client)).panel) for client, body in CELLS]
    return shown + [str(block) for block in session.late_blocks()]


def test_cells_print_the_same_through_a_plugged_parser():
    node = Embedded(clock=0, seed=1)
    plug("parser", Frames, node)
    before = Frames.fed
    assert played(node) == played(Embedded(clock=0, seed=1))
    assert Frames.fed > before + 100
    assert unplug(node) == ["parser"]
    assert node.front is None


def test_redis_py_reads_through_a_plugged_parser():
    node = Embedded(clock=0, seed=1)
    plug("parser", Frames, node)
    before = Frames.fed
    assert connect(node).set("k", b"\r\n")
    assert Frames.fed > before


def test_a_tick_that_never_writes_is_told_in_the_cell():
    node = Embedded(clock=0, seed=1)
    plug("tick", lazy_tick, node)
    assert "no reply came" in str(Session(node).run("PING").panel)


def test_a_parser_and_a_tick_work_together():
    node = Embedded(clock=0, seed=1)
    plug("parser", Frames, node)
    plug("tick", lazy_tick, node)
    assert node.front.tick is lazy_tick
    assert type(node.front.parser()).__name__ == "FrameRequests"


def test_a_raw_socket_gives_pieces_and_never_waits():
    socket = RawSocket(Embedded(clock=0), protocol=3, pieces=lambda: 1)
    socket.sendall(b"GET k\r\n")
    assert [socket.recv(100) for _ in range(3)] == [b"_", b"\r", b"\n"]
    with pytest.raises(NothingToReceive):
        socket.recv(1)
    assert (bytes(socket.sent), socket.unread) == (b"GET k\r\n", b"")

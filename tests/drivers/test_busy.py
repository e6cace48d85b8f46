"""Scripts that run too long: who is served meanwhile, how they end.  Real sockets, real time, with bounds."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from minidis.drivers.embedded import Embedded, real_clock
from minidis.drivers.log import Log
from minidis.drivers.server import Server, loop_factory
from minidis.engine.node import Node
from minidis.protocol.replies import ReplyError
from minidis.protocol.resp import encode_command

SECONDS = 20
ENDLESS = b"while true do end"
WRITES = b"redis.call('SET', 'k', 1) while true do end"
CATCHES = b"while true do pcall(function() while true do end end) end"
IN_COROUTINE = b"coroutine.wrap(function() while true do end end)()"
BUSY = b"-BUSY Redis is busy running a script. You can only call SCRIPT KILL or SHUTDOWN NOSAVE.\r\n"


class Peer:
    """A blocking client."""

    def __init__(self, path: str) -> None:
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(SECONDS)
        self.socket.connect(path)
        self.file = self.socket.makefile("rb")

    def send(self, *words: bytes) -> None:
        self.socket.sendall(encode_command(words))

    def ask(self, *words: bytes) -> bytes:
        """The first line of the reply."""
        self.send(*words)
        return self.file.readline()

    def ask_until(self, expected: bytes, *words: bytes) -> None:
        """Ask again and again until the reply is `expected`."""
        deadline = time.monotonic() + SECONDS
        while (reply := self.ask(*words)) != expected:
            assert time.monotonic() < deadline, reply

    def close(self) -> None:
        self.file.close()
        self.socket.close()


@pytest.fixture(params=["asyncio", "uvloop"])
def path(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """A server in a thread, on the event loop of the standard library and on uvloop's."""
    path = os.path.relpath(tmp_path / "socket")
    started = threading.Event()
    stop: list = []

    async def serve() -> None:
        node = Node({"port": 0, "unixsocket": path, "busy-reply-threshold": 30}, clock=real_clock)
        async with Server(node, Log(os.devnull)) as server:
            ended = asyncio.Event()
            stop.extend((asyncio.get_running_loop(), ended))
            started.set()
            endings = [asyncio.ensure_future(event.wait()) for event in (ended, server.stopped)]
            await asyncio.wait(endings, return_when=asyncio.FIRST_COMPLETED)

    def run() -> None:
        with asyncio.Runner(loop_factory=loop_factory() if request.param == "uvloop" else None) as runner:
            runner.run(serve())

    thread = threading.Thread(target=run)
    thread.start()
    assert started.wait(SECONDS)
    yield path
    loop, ended = stop
    if thread.is_alive():
        loop.call_soon_threadsafe(ended.set)
    thread.join(SECONDS)
    assert not thread.is_alive()


@pytest.mark.parametrize("script", [ENDLESS, CATCHES, IN_COROUTINE], ids=["endless", "catches", "coroutine"])
def test_others_are_told_and_may_end_it(path: str, script: bytes) -> None:
    with closing(Peer(path)) as runs, closing(Peer(path)) as waits:
        assert runs.ask(b"PING") == waits.ask(b"PING") == b"+PONG\r\n"
        runs.send(b"EVAL", script, b"0")
        waits.ask_until(BUSY, b"GET", b"k")
        with closing(Peer(path)) as late:  # connects while the event loop stands
            assert late.ask(b"GET", b"k") == BUSY
            assert late.ask(b"FUNCTION", b"KILL").startswith(b"-BUSY Redis is busy")
            assert late.ask(b"SCRIPT", b"KILL") == b"+OK\r\n"
            assert runs.file.readline().startswith(b"-ERR Script killed by user with SCRIPT KILL. script: ")
            late.ask_until(b"+PONG\r\n", b"PING")
            assert waits.ask(b"SET", b"k", b"v") == b"+OK\r\n"
            assert late.ask(b"STRLEN", b"k") == b":1\r\n"
        assert runs.ask(b"EVAL", b"return 7", b"0") == b":7\r\n"


def test_a_script_that_has_written_cannot_be_killed_but_the_server_can_be_ended(path: str) -> None:
    with closing(Peer(path)) as runs, closing(Peer(path)) as other:
        assert runs.ask(b"PING") == other.ask(b"PING") == b"+PONG\r\n"
        runs.send(b"EVAL", WRITES, b"0")
        other.ask_until(BUSY, b"GET", b"k")
        assert other.ask(b"SCRIPT", b"KILL").startswith(
            b"-UNKILLABLE Sorry the script already executed write"
        )
        assert other.ask(b"SHUTDOWN", b"SAVE") == BUSY
        other.send(b"SHUTDOWN", b"NOSAVE")
        assert other.file.read() == b""


def test_who_hangs_up_is_gone_while_the_script_still_runs(path: str) -> None:
    until_alone = (
        b"repeat local info = redis.call('INFO', 'clients') until info:find('connected_clients:1\\r')"
    )
    with closing(Peer(path)) as runs:
        leaves, late = Peer(path), Peer(path)
        assert runs.ask(b"PING") == leaves.ask(b"PING") == late.ask(b"PING") == b"+PONG\r\n"
        runs.send(b"EVAL", until_alone + b" return 1", b"0")
        leaves.ask_until(BUSY, b"GET", b"k")
        newcomer = Peer(path)
        assert newcomer.ask(b"GET", b"k") == BUSY
        for peer in (leaves, late, newcomer):
            peer.close()
        assert runs.file.readline() == b":1\r\n"
        assert runs.ask(b"PING") == b"+PONG\r\n"


def test_nothing_to_kill() -> None:
    with pytest.raises(ReplyError, match="NOTBUSY No scripts in execution right now."):
        Embedded(clock=0).execute("SCRIPT", "KILL")


def test_an_endless_script_in_process_ends_after_a_while_even_on_a_frozen_clock() -> None:
    redis = Embedded(clock=0)
    redis.patience_s = 0.05
    with pytest.raises(ReplyError, match="it ran for more than 0.05 seconds"):
        redis.execute("EVAL", WRITES, 0)
    assert redis.execute("GET", "k") == b"1"


def test_ctrl_c_ends_a_script_in_process() -> None:
    redis = Embedded()
    redis.execute("EVAL", "return 1", 0)  # Lua is there: the signal meets the script, and not its making
    timer = threading.Timer(0.1, os.kill, (os.getpid(), signal.SIGINT))
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # a background job ignores it
    with pytest.raises(KeyboardInterrupt):
        timer.start()
        redis.execute("EVAL", CATCHES, 0)
    timer.join()
    signal.signal(signal.SIGINT, before)
    assert redis.execute("EVAL", "return 1", 0) == 1


def test_another_thread_may_kill_it() -> None:
    redis = Embedded(config={"busy-reply-threshold": 10})
    replies: list = []

    def kill() -> None:
        other = redis.connect()
        deadline = time.monotonic() + SECONDS
        while "OK" not in replies and time.monotonic() < deadline:
            try:
                replies.append(redis.execute("SCRIPT", "KILL", client=other))
            except ReplyError as error:
                replies.append(error.code)

    thread = threading.Thread(target=kill)
    timer = threading.Timer(0.05, thread.start)
    timer.start()
    with pytest.raises(ReplyError, match="Script killed by user"):
        redis.execute("EVAL", ENDLESS, 0)
    timer.join()
    thread.join()
    assert replies[-1] == "OK"

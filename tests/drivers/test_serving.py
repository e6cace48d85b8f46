"""A node of this process behind TCP: sockets and calls in process at once, also with a clock that stands."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator

import pytest
import redis

from minidis.drivers.embedded import Embedded
from minidis.drivers.server import Connection, ListenError
from minidis.drivers.serving import Serving

SECONDS = 20  # a bound for what never takes that long


@pytest.fixture(params=["frozen", "running"])
def embedded(request: pytest.FixtureRequest) -> Embedded:
    return Embedded(clock=0 if request.param == "frozen" else None, seed=1)


@pytest.fixture
def serving(embedded: Embedded) -> Iterator[Serving]:
    running = Serving(embedded)
    yield running
    running.stop()
    assert not running.is_running


def client_of(serving: Serving) -> redis.Redis:
    return redis.Redis(port=serving.port, socket_timeout=SECONDS)


class Later:
    """What a function answers in another thread."""

    def __init__(self, function, *arguments) -> None:
        self.answers: list = []
        self.thread = threading.Thread(target=lambda: self.answers.append(function(*arguments)), daemon=True)
        self.thread.start()

    def answer(self):
        self.thread.join(SECONDS)
        return self.answers[0]


def wait_until(is_so) -> None:
    end_s = time.monotonic() + SECONDS
    while not is_so():
        assert time.monotonic() < end_s
        time.sleep(0.005)


def test_both_worlds_see_the_same_keys_and_wake_each_other(embedded: Embedded, serving: Serving) -> None:
    outside = client_of(serving)
    embedded.execute("SET", "k", "inside")
    assert outside.get("k") == b"inside"

    popped = Later(outside.blpop, "jobs", 0)  # a socket waits, a call in process wakes it
    wait_until(lambda: embedded.node.waiting.parked)
    embedded.execute("RPUSH", "jobs", "from-inside")
    assert popped.answer() == (b"jobs", b"from-inside")

    embedded.patience_s = SECONDS
    popped = Later(embedded.execute, "BLPOP", "jobs", "0")  # and the other way round
    wait_until(lambda: embedded.node.waiting.parked)
    assert outside.rpush("jobs", "from-outside") == 1
    assert popped.answer() == [b"jobs", b"from-outside"]

    listener = outside.pubsub()
    listener.subscribe("news")
    assert listener.get_message(timeout=SECONDS)["type"] == "subscribe"
    assert embedded.execute("PUBLISH", "news", "hello") == 1
    assert listener.get_message(timeout=SECONDS)["data"] == b"hello"


def test_what_a_socket_tells_is_taken_in_under_the_lock(
    embedded: Embedded, serving: Serving, monkeypatch: pytest.MonkeyPatch
) -> None:
    events = ("connection_made", "data_received", "eof_received", "connection_lost")
    seen: list[tuple[str, bool]] = []

    def watch(event: str) -> None:
        original = getattr(Connection, event)

        def watched(connection: Connection, *arguments: object) -> object:
            seen.append((event, Later(embedded.lock.acquire, False).answer()))
            return original(connection, *arguments)

        monkeypatch.setattr(Connection, event, watched)

    for event in events:
        watch(event)
    with socket.create_connection(("127.0.0.1", serving.port), timeout=SECONDS) as plain:
        plain.sendall(b"PING\r\n")
        plain.shutdown(socket.SHUT_WR)
        with plain.makefile("rb") as stream:
            assert stream.read() == b"+PONG\r\n"
    wait_until(lambda: len(seen) == len(events))
    assert seen == [(event, False) for event in events], "nobody else could have it meanwhile"


def test_it_answers_while_this_thread_computes(embedded: Embedded, serving: Serving) -> None:
    """This thread does nothing for the socket after it has sent: it computes until the key is there."""
    with socket.create_connection((serving.host, serving.port), SECONDS) as connection:
        connection.sendall(b"SET k 1\r\n")
        end_s, rounds = time.monotonic() + SECONDS, 0
        while not len(embedded.node.databases[0]) and time.monotonic() < end_s:
            rounds += 1
        assert len(embedded.node.databases[0]) == 1
        assert connection.recv(100) == b"+OK\r\n"


def test_calls_from_both_sides_at_once_lose_nothing(embedded: Embedded, serving: Serving) -> None:
    def count_outside() -> None:
        outside = client_of(serving)
        for _ in range(300):
            outside.incr("counter")

    threads = [Later(count_outside) for _ in range(3)]
    for _ in range(300):
        embedded.execute("INCR", "counter")
    for thread in threads:
        thread.answer()
    assert embedded.execute("GET", "counter") == b"1200"
    embedded.node.check()


def test_a_clock_that_stands_holds_the_limits_of_sockets_too() -> None:
    embedded = Embedded(clock=0)
    serving = Serving(embedded)
    try:
        outside = client_of(serving)
        outside.set("token", "x", ex=10)
        popped = Later(outside.blpop, "jobs", 5)
        wait_until(lambda: embedded.node.waiting.parked)
        embedded.step(4.9)
        assert not popped.answers
        embedded.step(0.2)
        assert popped.answer() is None
        assert client_of(serving).ttl("token") == 5
        embedded.run()
        assert client_of(serving).get("token") is None  # real time: 1970 is over
    finally:
        serving.stop()


def test_a_fresh_node_is_served_and_everyone_is_hung_up_on(embedded: Embedded, serving: Serving) -> None:
    with socket.create_connection((serving.host, serving.port), SECONDS) as former:
        former.sendall(b"SET k 1\r\n")
        assert former.recv(100) == b"+OK\r\n"
        embedded.restart(seed=2)
        assert former.recv(100) == b""
    outside = client_of(serving)
    assert outside.dbsize() == 0
    assert outside.info("server")["tcp_port"] == serving.port
    embedded.execute("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
    wait_until(lambda: not embedded.execute("CLIENT", "LIST").count(b"addr=127.0.0.1"))


def test_shutdown_ends_the_serving_and_not_the_node(embedded: Embedded, serving: Serving) -> None:
    embedded.execute("SET", "k", "1")
    client_of(serving).shutdown(nosave=True)
    wait_until(lambda: not serving.is_running)
    assert embedded.execute("GET", "k") == b"1"
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection((serving.host, serving.port), SECONDS)


def test_a_slow_script_over_a_socket_is_served_around(embedded: Embedded, serving: Serving) -> None:
    pytest.importorskip("lupa")
    embedded.execute("CONFIG", "SET", "busy-reply-threshold", "1")
    embedded.run()
    outside = client_of(serving)
    outside.ping()  # it is connected: who is being accepted as the script begins waits for its end
    script = Later(_error_of, client_of(serving).eval, "while true do end", 0)
    wait_until(lambda: "BUSY" in str(_error_of(outside.get, "k")))
    assert outside.script_kill()
    assert "Script killed by user" in str(script.answer())
    assert outside.get("k") is None


def _error_of(function, *arguments):
    try:
        return function(*arguments)
    except redis.ResponseError as error:
        return error


def test_a_call_here_hangs_up_on_a_socket_there(embedded: Embedded, serving: Serving) -> None:
    """Which the event loop does: in debug mode it refuses to be called from another thread."""
    serving._server.loop.set_debug(True)
    with socket.create_connection((serving.host, serving.port), SECONDS) as outside:
        outside.sendall(b"BLPOP list 0\r\n")
        wait_until(lambda: b"blocked_clients:1" in embedded.execute("INFO", "clients"))
        assert embedded.execute("REPLICAOF", "127.0.0.1", 1) == "OK"
        assert outside.recv(100).startswith(b"-UNBLOCKED") and outside.recv(100) == b""
    assert embedded.node.is_replica


def test_a_port_that_is_taken_is_said(embedded: Embedded, serving: Serving) -> None:
    for port in (serving.port, 70_000):
        with pytest.raises(ListenError, match=r"Failed listening|to 65535"):
            Serving(embedded, port)

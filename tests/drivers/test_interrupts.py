"""Ctrl-C at any line of the node: a change is whole or has not begun, and the log knows of it."""

from __future__ import annotations

import gc
import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType
from typing import Any

import pytest
import redis

import minidis
from minidis.drivers import interrupts
from minidis.drivers.embedded import Embedded, real_clock
from minidis.drivers.simulation.lab import Lab
from tests.tracing import before_line, tracing

SMALL = {
    "list-max-listpack-size": "4",
    "zset-max-listpack-entries": "4",
    "hash-max-listpack-entries": "4",
    "set-max-listpack-entries": "4",
    "appendonly": "yes",
}
NOTHING = "0" * 40  # its digest
PACKAGE = os.path.dirname(minidis.__file__)


@pytest.fixture(autouse=True)
def postponed() -> Iterator[None]:
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    interrupts.postpone()
    yield
    signal.signal(signal.SIGINT, before)


def press(frame: FrameType) -> None:
    """Ctrl-C, as if it came before the next step of this frame."""
    handler = signal.getsignal(signal.SIGINT)
    assert callable(handler)
    handler(signal.SIGINT, frame)


@contextmanager
def pressing(at: int) -> Iterator[None]:
    """Press at this line of the package that is run inside, and survive; a press must not be lost."""
    pressed: list[FrameType] = []

    def note(frame: FrameType) -> None:
        pressed.append(frame)
        press(frame)

    is_over = False
    with suppress(KeyboardInterrupt), tracing(before_line(at, [PACKAGE], note)):
        yield
        is_over = True
    assert sys.getprofile() is None and is_over is not bool(pressed), f"lost, pressed at {at}"


def with_data() -> tuple[Embedded, redis.Redis]:
    node = Embedded(SMALL, clock=0, seed=1)
    client = minidis.connect(node)
    client.rpush("list", *"abcdefgh")
    client.zadd("zset", {member: score for score, member in enumerate("abcdefgh")})
    client.hset("hash", mapping=dict.fromkeys("abcdefgh", 1))
    client.sadd("set", *"abcdefgh")
    client.xadd("stream", {"a": 1}, id="1-1")
    client.mset({"text": "v", "n": 5})
    return node, client


def state(node: Embedded) -> list[tuple[bytes, Any, Any]]:
    return [
        (key, node.execute("DUMP", key), node.execute("PTTL", key))
        for key in sorted(node.execute("KEYS", "*"))
    ]


def digest(node: Embedded) -> str:
    return node.execute("DEBUG", "DIGEST")


@pytest.mark.parametrize(
    ("line", "step"),
    [
        ("linsert('list', 'before', 'd', 'z')", 1),
        ("zadd('zset', {'a': 7.5})", 1),
        ("hset('hash', 'new', 'v')", 1),
        ("srem('set', 'b')", 2),
        ("xadd('stream', {'b': 2}, id='2-1')", 2),
        ("set('text', 'w', ex=10)", 2),
        ("rename('list', 'other')", 2),
        ("pipeline().incr('n').lpush('list', 'y').zadd('zset', {'q': 3}).execute()", 5),
        ("eval(\"redis.call('INCR', 'n') redis.call('LPUSH', 'list', 'x')\", 0)", 5),
    ],
)
def test_a_change_is_whole_or_has_not_begun(line: str, step: int) -> None:
    at, is_over = 1 - step, False
    outcomes = set()
    while not is_over:
        at += step
        node, client = with_data()
        before = state(node)
        with pressing(at):
            eval(f"client.{line}", {"client": client})
            is_over = True
        for value in node.node.databases[0].table.values():
            check = getattr(getattr(value, "form", value), "check", None)
            if check is not None:
                check()
        came = state(node)
        outcomes.add(came == before)
        assert not node.node.journal.depth and client.set("later", 1)
        node.step(2)
        came = state(node)
        node.kill()
        assert state(node) == came, f"the log differs, pressed at {at}"
    assert outcomes == {True, False} and at > 100


@pytest.mark.parametrize("action", ["kill()", "power_cut()", "load(path)", "restart(SMALL, clock=0, seed=1)"])
def test_what_puts_another_dataset_in_the_place_of_one_comes_to_its_end(action: str, tmp_path: Path) -> None:
    """Pressed at any line of it: all keys are there, and the log goes on."""
    path = tmp_path / "saved.rdb"
    saved, _ = with_data()
    saved.execute("SET", "another", 1)
    saved.save(path)
    at, step, is_over = 1, 29, False
    while not is_over:
        node, client = with_data()
        node.step(2)
        due = {"load(path)": digest(saved), "restart(SMALL, clock=0, seed=1)": NOTHING}.get(
            action, digest(node)
        )
        with pressing(at):
            eval(f"node.{action}", {"node": node, "path": path, "SMALL": SMALL})
            is_over = True
        assert digest(node) == due, f"pressed at {at}"
        assert client.set("later", 1)
        node.step(2)
        came = digest(node)
        node.kill()
        assert digest(node) == came != due, f"the log differs, pressed at {at}"
        at += step
    assert at > 100


@pytest.mark.parametrize("action", ["run()", "freeze()", "freeze(5)", "step(1)"])
def test_a_clock_stands_or_runs(action: str) -> None:
    """Pressed at any line of what changes that."""
    at, is_over = 0, False
    while not is_over:
        at += 1
        node = Embedded(clock=None if action == "freeze()" else 0, seed=1)
        with pressing(at):
            eval(f"node.{action}", {"node": node})
            is_over = True
        assert (node.node.clock is real_clock) is not node.is_frozen, f"pressed at {at}"
        assert node.node.clock() >= 0 and node.execute("SET", "later", 1) == "OK"
    assert at > 2


def test_whoever_listens_hears_of_a_reply_that_has_come() -> None:
    at, is_over = 0, False
    while not is_over:
        at += 1
        node = Embedded(clock=0, seed=1)
        waiter, heard = node.connect("waiter"), []
        node.on_output(heard.append)
        node.call(waiter, [b"BLPOP", b"list", b"0"])
        with pressing(at):
            node.execute("RPUSH", "list", "element")
            is_over = True
        node.tick()  # which a thread that waits makes happen, and so does a server's timer
        assert heard == [waiter] * len(waiter.outbox), f"pressed at {at}"
    assert at > 50


def test_an_event_of_the_lab_happens_to_its_end() -> None:
    """No bytes are lost between two nodes, and a replica misses nothing."""
    at, is_over = 1, False
    while not is_over:
        lab = Lab(1)
        lab.nodes("a", "b", config={"repl-diskless-sync-delay": 0})
        lab.call("b", "REPLICAOF", "a", 6379)
        lab.run("3s")
        client = lab.connect("a")
        for _ in range(5):
            client.send("INCR", "n")
        with pressing(at):
            lab.run("50ms")
            is_over = True
        lab.run("1s")
        assert list(client.replies) == [1, 2, 3, 4, 5], f"pressed at {at}"
        assert lab.call("b", "GET", "n") == b"5"
        at += 61
    assert at > 1000


def test_a_second_one_in_a_finalizer_does_not_take_the_first_one_along() -> None:
    """Python swallows what is raised there."""
    node, client = with_data()
    twice: list[bool] = []

    class Dropped:
        def __del__(self) -> None:
            press(sys._getframe())
            twice.append(True)

    def listener(*change: Any) -> None:
        press(sys._getframe(1))
        Dropped()

    node.node.listen_to_keys(listener)
    with pytest.raises(KeyboardInterrupt):
        client.incr("n")
    assert twice and sys.getprofile() is None and client.get("n") == b"6"


def test_a_script_need_not_come_to_its_end() -> None:
    node, client = with_data()
    node.patience_s = 0.2  # else it is ended by that
    steps: list[Any] = []
    take_step: Any = node.node.on_script_step
    node.node.on_script_step = lambda run: (steps.append(run), take_step(run))

    def trace(frame: FrameType, event: str, argument: Any) -> Any:
        if frame.f_code.co_name == "step" and frame.f_code.co_filename.startswith(PACKAGE):
            sys.settrace(None)
            press(frame)
        return None

    with pytest.raises(KeyboardInterrupt), tracing(trace):
        client.eval("redis.call('INCR', 'n') while true do end", 0)
    assert (client.get("n"), node.node.journal.depth, len(steps)) == (b"6", 0, 1)


def test_a_script_is_stopped_before_its_next_command() -> None:
    """Its steps, where others get a turn, are a thousand commands apart."""
    node, client = with_data()
    node.patience_s = 0.2  # else it is ended by that

    def trace(frame: FrameType, event: str, argument: Any) -> Any:
        if frame.f_code.co_name == "increment" and frame.f_code.co_filename.startswith(PACKAGE):
            sys.settrace(None)
            press(frame)
        return None

    for call in "call", "pcall":
        client.set("n", 5)
        with pytest.raises(KeyboardInterrupt), tracing(trace):
            client.eval(f"while true do redis.{call}('INCR', 'n') end", 0)
        assert (client.get("n"), node.node.journal.depth, sys.getprofile()) == (b"6", 0, None)


@pytest.mark.parametrize("line", ["blpop('nothing', timeout=0)", "eval('while true do end', 0)"])
def test_the_lock_is_held_again_even_if_ctrl_c_comes_just_when_it_is_given_away(line: str) -> None:
    class Condition(threading.Condition):
        def wait(self, timeout: float | None = None) -> bool:
            self._release_save()  # type: ignore[attr-defined]
            raise KeyboardInterrupt

    node = Embedded({"busy-reply-threshold": 1}, seed=1)
    client = minidis.connect(node)
    client.ping()
    node._output = Condition(node.lock)
    with pytest.raises(KeyboardInterrupt):
        eval(f"client.{line}")
    node._output = threading.Condition(node.lock)
    with pytest.raises(RuntimeError, match="un-acquired"):
        node.lock.release()
    assert client.ping() and not node.node.journal.depth


def test_the_second_one_does_not_wait() -> None:
    node, client = with_data()
    lines: list[int] = []

    def trace(frame: FrameType, event: str, argument: Any) -> Any:
        if frame.f_code.co_filename.endswith("skiplist.py") and event == "line":
            lines.append(frame.f_lineno)
            if len(lines) in (3, 5):
                press(frame)
        return trace

    with pytest.raises(KeyboardInterrupt), tracing(trace):
        client.zadd("zset", {"a": 7.5})
    assert len(lines) == 5 and sys.getprofile() is None


@pytest.mark.parametrize(
    ("file", "is_at_once"),
    [
        ("/tmp/ipykernel_1/2.py", True),
        (os.path.join(os.path.dirname(os.__file__), "site-packages", "tools.py"), True),
        (os.path.join(os.path.dirname(os.__file__), "bisect.py"), False),
        ("<string>", False),  # what a named tuple's methods are made of
        ("<frozen codecs>", False),
    ],
)
def test_code_of_ones_own_inside_the_node_is_stopped_at_once(file: str, is_at_once: bool) -> None:
    """It may never end; Python's own, which the node has called, will."""
    node, client = with_data()
    told: list[bytes] = []
    code = "lambda database, key, event: (handler(2, sys._getframe()), told.append(key))"
    names = {"handler": signal.getsignal(signal.SIGINT), "sys": sys, "told": told}
    node.node.listen_to_keys(eval(compile(code, file, "eval"), names))
    with pytest.raises(KeyboardInterrupt):
        client.incr("n")
    assert told == ([] if is_at_once else [b"n"])


@pytest.mark.parametrize("when", ["finalizer", "collector's callback"])
def test_none_is_lost_where_python_swallows_exceptions(when: str) -> None:
    node, client = with_data()
    came: list[str] = []

    class Dropped:
        def __del__(self) -> None:
            press(sys._getframe())
            came.append("finalizer")

    def collecting(phase: str, info: dict[str, int]) -> None:
        came.append(f"collector's {phase}")

    def meanwhile(database: Any, key: bytes, event: str) -> None:
        """Inside INCR."""
        if when == "finalizer":
            Dropped()
        else:
            press(sys._getframe(1))
            gc.collect()
        came.append("end")

    node.node.listen_to_keys(meanwhile)
    gc.callbacks.append(collecting)
    try:
        with pytest.raises(KeyboardInterrupt):
            client.incr("n")
    finally:
        gc.callbacks.remove(collecting)
    assert "end" in came and len(came) > 1 and sys.getprofile() is None


def test_finalizers_outside_the_node_are_as_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    class Dropped:
        def __del__(self) -> None:
            press(sys._getframe())

    swallowed: list[Any] = []
    monkeypatch.setattr(sys, "unraisablehook", lambda told: swallowed.append(told.exc_type))
    Dropped()
    assert swallowed == [KeyboardInterrupt] and sys.getprofile() is None


def test_another_thread_changes_nothing() -> None:
    interrupts.stop_postponing()
    failures: list[BaseException] = []

    def ask() -> None:
        try:
            interrupts.postpone()
        except ValueError as error:  # signals are the main thread's
            failures.append(error)

    thread = threading.Thread(target=ask)
    thread.start()
    thread.join()
    assert not failures and signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_who_measures_keeps_his_profiler_and_ones_own_handler_stays() -> None:
    node, client = with_data()
    node.node.listen_to_keys(lambda database, key, event: press(sys._getframe(1)))
    calls: list[str] = []
    sys.setprofile(lambda frame, event, argument: calls.append(event))
    try:
        with pytest.raises(KeyboardInterrupt):
            client.incr("n")
        before = len(calls)
        client.ping()
        assert len(calls) > before
    finally:
        sys.setprofile(None)

    def own(number: int, frame: Any) -> None:
        """Somebody's."""

    signal.signal(signal.SIGINT, own)
    interrupts.postpone()
    assert signal.getsignal(signal.SIGINT) is own
    interrupts.stop_postponing()
    assert signal.getsignal(signal.SIGINT) is own
    signal.signal(signal.SIGINT, signal.default_int_handler)
    interrupts.postpone()
    interrupts.stop_postponing()
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_data_that_outlive_the_process_are_guarded_without_a_notebook(tmp_path: Any) -> None:
    interrupts.stop_postponing()
    with minidis.open(tmp_path / "shop"):
        assert signal.getsignal(signal.SIGINT) is not signal.default_int_handler

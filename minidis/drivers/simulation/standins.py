"""What ordinary blocking Python meets as a task of the lab: virtual time, and threads that are tasks.

    time.sleep, time.time, time.monotonic ...    the lab's time; the wall clock is that of the task's machine
    threading.Thread(...).start()                another task of the same machine
    threading.Event, Lock, Queue, executors      wait in virtual time
    socket.create_connection, redis.Redis(...)   on the lab's network (sockets.py, minidis/client/lab.py)
    uuid.uuid4, random.random ...                decided by the lab's seed

So code that was written for real servers runs unchanged. The names are replaced only while a task has its
turn, and answer the real thing to every thread that is no task (a kernel has some of its own).

Differs: `from time import sleep` binds the real function before anybody can replace it; write `time.sleep`.

Complexity: a few microseconds for each turn.
Read next: tasks.py, sockets.py.
"""

from __future__ import annotations

import queue
import random
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from minidis.drivers.simulation.tasks import Task

_task_by_thread: dict[int, Task] = {}
"""The task that has its turn in a thread, by the thread's ident."""


def current_task() -> Task | None:
    """The task that calls, or None for any other code."""
    return _task_by_thread.get(threading.get_ident())


@contextmanager
def turn(task: Task, thread: int) -> Iterator[None]:
    """In the block the task has its turn, in the thread with this ident."""
    before = [getattr(module, name) for module, name, _ in _REPLACED]
    task_before = _task_by_thread.get(thread)
    for module, name, stand_in in _REPLACED:
        setattr(module, name, stand_in)
    _task_by_thread[thread] = task
    try:
        yield
    finally:
        if task_before is None:
            del _task_by_thread[thread]
        else:
            _task_by_thread[thread] = task_before
        for (module, name, _), found in zip(_REPLACED, before, strict=True):
            setattr(module, name, found)


# -- time -----------------------------------------------------------------------------------------


def _sleep(task: Task, seconds: float) -> None:
    if seconds < 0:
        raise ValueError("sleep length must be non-negative")
    task.sleep(seconds)


def _time_us(task: Task) -> int:
    return task.machine.clock()


def _elapsed_us(task: Task) -> int:
    return task.lab.now_us - task.lab.started_us


# -- threads --------------------------------------------------------------------------------------


def _start(task: Task, thread: threading.Thread) -> None:
    if hasattr(thread, "_lab_task"):
        raise RuntimeError("threads can only be started once")
    started = task.machine.spawn(thread.run, thread.name)
    thread._lab_task = started  # type: ignore[attr-defined]
    thread.is_alive = lambda: not started.finished  # type: ignore[method-assign]
    thread.join = partial(_join, thread, started)  # type: ignore[assignment]


def _join(thread: threading.Thread, started: Task, timeout: float | None = None) -> None:
    task = current_task()
    if task is not None:  # nobody else can wait for it: only the lab's time lets it go on
        task.wait(lambda: started.finished, timeout, started.watchers)


def _event_wait(task: Task, event: threading.Event, timeout: float | None = None) -> bool:
    return task.wait(event.is_set, timeout, _watchers_of(event))


def _event_set(task: Task, event: threading.Event) -> None:
    _REAL_SET(event)
    for waiting in list(_watchers_of(event)):
        waiting.wake()


def _watchers_of(event: Any) -> list[Task]:
    if not hasattr(event, "_lab_watchers"):
        event._lab_watchers = []
    return event._lab_watchers


class TaskLock:
    """A lock between tasks: `threading.Lock` and `RLock` in the lab, and so all that is built of them."""

    def __init__(self, reentrant: bool) -> None:
        self._reentrant = reentrant
        self._holder: Any = None
        self._depth = 0
        self._watchers: list[Task] = []

    def acquire(self, blocking: bool = True, timeout: float = -1) -> bool:
        task = current_task()
        if self._holder is not None and not (self._reentrant and self._holder is task):
            patience_s = None if timeout < 0 else timeout
            if not blocking:
                return False
            if task is None:
                raise RuntimeError("a task of the lab holds this lock, and the lab stands still")
            if not task.wait(lambda: self._holder is None, patience_s, self._watchers):
                return False
        self._holder = task or self
        self._depth += 1
        return True

    def release(self) -> None:
        if self._holder is None:
            raise RuntimeError("release unlocked lock")
        if self._reentrant and not self._is_owned():
            raise RuntimeError("cannot release un-acquired lock")
        self._depth -= 1
        if not self._depth:
            self._holder = None
            for waiting in list(self._watchers):
                waiting.wake()

    def _is_owned(self) -> bool:  # threading.Condition asks
        return self._holder is (current_task() or self)

    def locked(self) -> bool:
        return self._holder is not None

    def __enter__(self) -> bool:
        return self.acquire()

    def __exit__(self, *exception: Any) -> None:
        self.release()


# -- lots -----------------------------------------------------------------------------------------


def _uuid4(task: Task) -> uuid.UUID:
    return uuid.UUID(int=task.machine.random.getrandbits(128), version=4)


_LOTS = (
    "random", "uniform", "randint", "randrange", "choice", "choices", "sample", "shuffle", "expovariate",
    "gauss", "normalvariate", "betavariate", "triangular", "getrandbits",
)  # fmt: skip


def _draw(name: str) -> Callable[..., Any]:
    return lambda task, *arguments, **options: getattr(task.machine.random, name)(*arguments, **options)


# -- the table ------------------------------------------------------------------------------------

_REAL_SET = threading.Event.set


def replace(module: Any, name: str, stand_in: Callable[..., Any]) -> None:
    """From now on tasks find `stand_in(task, ...)` under this name: for what is no part of this module."""
    _REPLACED.append(_replacement(module, name, stand_in))


def _replacement(module: Any, name: str, stand_in: Callable[..., Any]) -> tuple[Any, str, Any]:
    """`stand_in(task, ...)` for tasks, the real thing for everybody else."""
    real = getattr(module, name)

    def dispatch(*arguments: Any, **options: Any) -> Any:
        task = _task_by_thread.get(threading.get_ident())
        return real(*arguments, **options) if task is None else stand_in(task, *arguments, **options)

    return module, name, dispatch


_REPLACED = [
    _replacement(time, "sleep", _sleep),
    _replacement(time, "time", lambda task: _time_us(task) / 1_000_000),
    _replacement(time, "time_ns", lambda task: _time_us(task) * 1000),
    _replacement(time, "monotonic", lambda task: _elapsed_us(task) / 1_000_000),
    _replacement(time, "monotonic_ns", lambda task: _elapsed_us(task) * 1000),
    _replacement(time, "perf_counter", lambda task: _elapsed_us(task) / 1_000_000),
    _replacement(time, "perf_counter_ns", lambda task: _elapsed_us(task) * 1000),
    _replacement(threading.Thread, "start", _start),
    _replacement(threading.Event, "wait", _event_wait),
    _replacement(threading.Event, "set", _event_set),
    _replacement(threading, "Lock", lambda task: TaskLock(reentrant=False)),
    _replacement(threading, "_allocate_lock", lambda task: TaskLock(reentrant=False)),
    _replacement(queue, "SimpleQueue", lambda task: queue._PySimpleQueue()),  # type: ignore[attr-defined]
    _replacement(threading, "RLock", lambda task: TaskLock(reentrant=True)),
    _replacement(uuid, "uuid4", _uuid4),
    *(_replacement(random, name, _draw(name)) for name in _LOTS),
]

"""Whose turn it is: the lab's, or that of a task, whose Python waits in the middle of a call.

    lab     hand_over() ------- waits -------+             hand_over() ...
                 |                           |                  |
    task         +--> function() ... give_back()  waits ...     +--> ... goes on behind give_back()

Code that blocks needs a stack of its own to stand on. There are two ways to have one:

    Threads     a thread, and two locks: only the one that has the turn runs
    Stacks      in a browser page, which has no threads, WebAssembly's JSPI: a call into JavaScript may wait
                for a promise, and its whole stack is set aside meanwhile; here the lab's stack waits for the
                task's promise, and the task's for the lab's

Differs: who waits for something outside the lab is told so after `PATIENCE_S`; in a page nobody could look at
a clock meanwhile. Endless recursion in a task is a RecursionError, but in a page it ends the kernel.

Complexity: two switches for each turn, of threads about 20 us, of stacks about 100.
Read next: tasks.py.
"""

from __future__ import annotations

import threading
from _thread import allocate_lock
from collections.abc import Callable, Iterator
from typing import Any

from minidis.drivers import browser

PATIENCE_S = 60.0
"""How long a turn may take in real time: who waits for something outside the lab would wait for ever."""


def turns(live: Callable[[], None], name: str) -> Threads | Stacks:
    """Turns for `live`, which raises nothing, in whichever of the two ways there is here."""
    return Stacks(live) if browser.inside() else Threads(live, name)


class Threads:
    """A thread of its own that runs only while it has the turn."""

    def __init__(self, live: Callable[[], None], name: str) -> None:
        self._live = live
        self._go, self._back = allocate_lock(), allocate_lock()  # real ones, in a task's turn too
        self._go.acquire()
        self._back.acquire()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    @property
    def ident(self) -> int:
        """What `threading.get_ident()` says in the task."""
        return self._thread.ident or 0

    def hand_over(self) -> bool:
        """Let the task go on until it gives back, or ends. False when that takes longer than our patience."""
        self._go.release()
        return self._back.acquire(timeout=PATIENCE_S)

    def give_back(self) -> None:
        """The task's side: wait for the next turn."""
        self._back.release()
        self._go.acquire()

    def _run(self) -> None:
        self._go.acquire()
        self._live()
        self._back.release()


STACK_BYTES = 1024 * 1024
"""For the C locals of a task in a page, beside WebAssembly's own stack."""

# `callPromising` of the function's proxy would do, if Pyodide didn't let waiting stacks share one place for
# their C locals (it copies them to and fro): Python walks the frames of all of them, as it collects garbage
# or is given a trace function. So each task has a place of its own. It begins when the caller's stack waits.
START = """(pyodide, address, place) => {
  Promise.resolve().then(() => {
    const before = pyodide.stackSave();
    pyodide.stackRestore(place);
    pyodide.promisingApply(address, [], 0, [], 0, place);
    pyodide.stackRestore(before);
  });
}"""

_free_places: list[int] = []  # of tasks that have ended


class Moment:
    """What a stack waits for: as much of a future as `run_sync` looks at, without the event loop's detour."""

    _asyncio_future_blocking = False

    def __init__(self) -> None:
        self._has_happened = False
        self._callback: Callable[[Moment], object] | None = None

    def __await__(self) -> Iterator[Moment]:
        yield self

    def add_done_callback(self, callback: Callable[[Moment], object], *, context: Any = None) -> None:
        """Called back now or later: the other stack may have been faster."""
        self._callback = callback
        if self._has_happened:
            callback(self)

    def result(self) -> None: ...

    def happens(self) -> None:
        """Who waits for it goes on as soon as whoever calls this waits, or ends."""
        self._has_happened = True
        if self._callback is not None:
            self._callback(self)


class Stacks:
    """A stack of its own in a page: both sides wait for the other's moment."""

    ident = threading.get_ident()  # there is but one thread

    def __init__(self, live: Callable[[], None]) -> None:
        from pyodide.ffi import can_run_sync, run_sync  # type: ignore[import-not-found]

        if not can_run_sync():
            raise RuntimeError(browser.CANNOT_WAIT)
        self._live = live
        self._wait = run_sync
        self._go: Moment | None = None
        self._back = Moment()

    def hand_over(self) -> bool:
        """Let the task go on until it gives back, or ends."""
        self._back = Moment()
        if self._go is None:
            self._start()
        else:
            self._go.happens()
        self._wait(self._back)
        return True

    def give_back(self) -> None:
        """The task's side: wait for the next turn."""
        self._go = Moment()
        self._back.happens()
        self._wait(self._go)

    def _start(self) -> None:
        from pyodide.code import run_js  # type: ignore[import-not-found]
        from pyodide_js import _module  # type: ignore[import-not-found]

        if not _free_places:  # it grows downwards from a multiple of 16; above that an exception would stand
            _free_places.append((_module._malloc(STACK_BYTES + 32) + STACK_BYTES + 15) & ~15)
        self._place = _free_places.pop()
        self._called = self._run  # lives as long as this object does
        run_js(START)(_module, id(self._called), self._place)

    def _run(self) -> None:
        self._live()
        _free_places.append(self._place)
        self._back.happens()

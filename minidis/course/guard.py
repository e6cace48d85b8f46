"""Running a learner's code with bounds: an endless loop ends, time passes only on the virtual clock.

The bound counts instructions, not seconds: the same answer is judged the same on a slow machine, and
nothing depends on signals or threads.  A trace function counts each bytecode instruction of the
learner's own code; the engine and the libraries are not counted, nor slowed down.  (Lines would be
cheaper to count, but CPython 3.11 reports no new line for `while True: pass`.)

`time.sleep` inside an answer moves the virtual clock instead of waiting.

Complexity: about 0.1 us for each instruction of the learner's.
"""

from __future__ import annotations

import sys
import sysconfig
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest import mock

INSTRUCTIONS_PER_TEST = 10_000_000
INSTRUCTIONS_OF_A_CALL = 300
"""What a call into redis-py is charged, so that a loop of nothing but such calls ends, too."""
INSTRUCTIONS_OF_A_SECOND = 5_000
"""What a second slept is charged: for a loop that waits for what never comes."""
_OWN = str(Path(__file__).resolve().parent.parent)
_LIBRARIES = tuple({sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib")})


class TooManyInstructions(BaseException):
    """The answer ran for longer than any right answer needs.

    A BaseException, so that an `except Exception` in the loop does not swallow it.  A bare `except:` does,
    and Python takes a trace function away that has raised.  But then the exception is deleted where that
    `except` ends: it gives the trace function back, and the next instruction, behind it, raises anew.
    """

    def __del__(self) -> None:
        if _count_on is not None:
            _count_on()


def is_learners(filename: str) -> bool:
    """True for code typed into a cell or a learner's file; False for minidis and the libraries."""
    return not filename.startswith((_OWN, *_LIBRARIES)) and not filename.startswith("<frozen")


_spend: Callable[[int], None] | None = None  # charges the budget that is running
_count_on: Callable[[], None] | None = None  # counts again in this thread, when the budget is spent


@contextmanager
def instruction_budget(instructions: int = INSTRUCTIONS_PER_TEST) -> Iterator[None]:
    """Raise TooManyInstructions in the block's learner code after that many bytecode instructions."""
    global _spend, _count_on
    left = instructions
    known: dict[str, bool] = {}

    def spend(number: int) -> None:
        nonlocal left
        left -= number
        if left < 0:
            raise TooManyInstructions(
                "a call of Redis or of time.sleep(), after thousands of them or of seconds"
            )

    def count(frame: Any, event: str, argument: Any) -> Callable[..., Any] | None:
        nonlocal left
        if event == "call":
            filename = frame.f_code.co_filename
            if filename not in known:
                known[filename] = is_learners(filename)
            if not known[filename]:
                return None
            frame.f_trace_opcodes, frame.f_trace_lines = True, False
        elif event == "opcode":
            left -= 1
            if left < 0:
                line = frame.f_lineno or frame.f_code.co_firstlineno  # none behind an `except`
                raise TooManyInstructions(f"line {line} of {frame.f_code.co_name}()")
        return count

    def count_on() -> None:
        if left >= 0:
            return
        frame = sys._getframe()
        while frame is not None:
            if is_learners(frame.f_code.co_filename):
                frame.f_trace, frame.f_trace_opcodes, frame.f_trace_lines = count, True, False
            frame = frame.f_back
        sys.settrace(count)

    before, outer = sys.gettrace(), (_spend, _count_on)
    sys.settrace(count)
    _spend, _count_on = spend, count_on
    try:
        yield
    finally:
        sys.settrace(before)
        _spend, _count_on = outer


def unobserved(function: Callable[..., Any]) -> Callable[..., Any]:
    """`function` without the trace function, which would be called for each of the calls that it makes.

    For redis-py, whose commands take a hundred calls each: five times as fast.
    """

    def run(*arguments: Any, **options: Any) -> Any:
        if _spend is not None:
            _spend(INSTRUCTIONS_OF_A_CALL)
        before = sys.gettrace()
        sys.settrace(None)
        try:
            return function(*arguments, **options)
        finally:
            sys.settrace(before)

    return run


@contextmanager
def virtual_sleep(step: Callable[[float], None]) -> Iterator[None]:
    """Let `time.sleep(s)` call `step(s)` in the block, charged to the budget.

    Only in this thread: those of the kernel (one looks every second whether its parent still lives)
    would otherwise move the virtual clock in the middle of a test.
    """
    own_thread = threading.get_ident()
    real_sleep = time.sleep

    def sleep(seconds: float) -> None:
        if threading.get_ident() != own_thread:
            real_sleep(seconds)
            return
        if _spend is not None:
            _spend(round(INSTRUCTIONS_OF_A_SECOND * seconds))
        unobserved(step)(seconds)

    with mock.patch.object(time, "sleep", sleep):
        yield

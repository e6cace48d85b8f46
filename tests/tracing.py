"""Ctrl-C at a line of one's choice, by a trace function that counts the lines."""

from __future__ import annotations

import gc
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from types import FrameType
from typing import Any

from minidis.drivers.interrupts import is_finalizing


@contextmanager
def tracing(trace: Callable[..., Any]) -> Iterator[None]:
    """Let `trace` see what is called inside.

    The garbage collector rests meanwhile: finalizers of what an earlier test has left would run our lines.
    """
    gc.disable()
    sys.settrace(trace)
    try:
        yield
    finally:
        sys.settrace(None)
        gc.enable()


def before_line(nth: int, places: Sequence[str], press: Callable[[FrameType], None]) -> Callable[..., Any]:
    """What to trace with, so that `press` is called once before the nth line run in files of these `places`.

    Or before the next one that is not a finalizer's: what is raised there Python swallows, as ever.
    """
    left = nth

    def trace(frame: FrameType, event: str, argument: Any) -> Any:
        nonlocal left
        if not any(place in frame.f_code.co_filename for place in places):
            return None
        left -= event == "line"
        if left <= 0 and event == "line" and not is_finalizing(frame):
            sys.settrace(None)
            press(frame)
        return trace

    return trace

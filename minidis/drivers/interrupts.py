"""Ctrl-C waits for the end of a command.

Python raises KeyboardInterrupt between any two steps. A learner who stops a loop over `client.zadd(...)`
would stop it, one time in five, between a dict and a skip list that must agree, or between a change and the
log that must know of it; and nothing could put that right afterwards. Signals that are held back around every
command would cost as much as the command. So the handler looks where it has come to:

    client.zadd(...)               redis-py, client/      not in the midst: KeyboardInterrupt, at once
      Embedded.call                drivers/               whoever called it decides
        Node.execute               engine/       <--.
          SkipList.insert          structures/      |     in the midst: it is raised when Node.execute returns

Whoever returns is heard by way of `sys.setprofile`, which costs nothing while no Ctrl-C waits. One that comes
in a wait, or in a learner's own code inside the node, is raised at once, and in a script before its next
command: such code may never end. A second one does not wait, nor any while %prun, say, uses that hook, nor
under a handler of somebody else's, as asyncio.run has one.

Mirrors: `sigShutdownHandler` in server.c, which only sets a flag for the cron.
Complexity: O(frames) for each signal, and for each call and return until it is raised.

>>> import signal, sys
>>> is_in_the_midst(sys._getframe())
False

Read next: embedded.py.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Callable
from types import CodeType, FrameType
from typing import Any, TypeVar

_PACKAGE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
_DRIVERS = os.path.join(_PACKAGE, "drivers") + os.sep
_LIBRARY = os.path.dirname(os.__file__) + os.sep

_MUST_BE_WHOLE = tuple(
    os.path.join(_PACKAGE, room) + os.sep
    for room in (
        "commands",
        "distributed",
        "engine",
        "persistence",
        "protocol",
        "scripting",
        "structures",
        "values",
    )
)

_interruptible: set[CodeType] = set()
_whole: set[CodeType] = set()

F = TypeVar("F", bound=Callable[..., Any])


def may_be_interrupted(function: F) -> F:
    """Say of a function that the node calls: it comes between two changes, and Ctrl-C need not wait in it."""
    _interruptible.add(function.__code__)
    return function


def must_be_whole(function: F) -> F:
    """Say of a driver's function that Ctrl-C waits for its end: it takes several steps of the node's."""
    _whole.add(function.__code__)
    return function


def is_in_the_midst(frame: FrameType | None) -> bool:
    """Would an exception here leave the node with half a change?  So it is within a finalizer, which Python
    runs in the midst of anything, and whose exceptions it swallows."""
    is_finalizing = False
    while frame is not None:
        code = frame.f_code
        file = code.co_filename
        if not is_finalizing and code in _interruptible:
            return False
        if file.startswith(_MUST_BE_WHOLE) or code in _whole:
            return True
        if code.co_name == "__del__":
            is_finalizing = True
        elif not (is_finalizing or file.startswith(_DRIVERS) or _is_of_the_library(file)):
            return False
        frame = frame.f_back
    return False


def _is_of_the_library(file: str) -> bool:
    """Python's own modules, and what they make at run time (a named tuple's methods)."""
    if file == "<string>" or file.startswith("<frozen "):
        return True
    return file.startswith(_LIBRARY) and "-packages" not in file


def postpone() -> None:
    """From now on Ctrl-C is raised between two commands.

    Only where it would be KeyboardInterrupt: who has a handler of his own keeps it. Only the main thread gets
    signals, and can ask for this.
    """
    is_main = threading.current_thread() is threading.main_thread()
    if is_main and signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, _arrived)


def stop_postponing() -> None:
    """Ctrl-C is raised at once again."""
    if signal.getsignal(signal.SIGINT) is _arrived:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def _arrived(number: int, frame: FrameType | None) -> None:
    if sys.getprofile() is _look and is_finalizing(frame):
        return  # raised here it would be lost, and the first one with it
    if is_in_the_midst(frame) and sys.getprofile() is None:  # else it is the second one, or somebody measures
        sys.setprofile(_look)
    else:
        _raise(frame)


def _look(frame: FrameType, event: str, argument: object) -> None:
    """What Python calls when a function begins, or is left.

    Only what leaves the node's own code is sure to hand an exception on: Python swallows those of finalizers
    and of the garbage collector's callbacks, which may come at any time.
    """
    code = frame.f_code
    if event == "call":
        if code in _interruptible:
            _raise(frame)
    elif event == "return" and (code.co_filename.startswith(_MUST_BE_WHOLE) or code in _whole):
        if not is_in_the_midst(frame.f_back) and not is_finalizing(frame):
            _raise(frame.f_back)


def is_finalizing(frame: FrameType | None) -> bool:
    """Is it within a finalizer, whose exceptions Python swallows?"""
    while frame is not None:
        if frame.f_code.co_name == "__del__":
            return True
        frame = frame.f_back
    return False


def _raise(frame: FrameType | None) -> None:
    if sys.getprofile() is _look:
        sys.setprofile(None)
    signal.default_int_handler(signal.SIGINT, frame)

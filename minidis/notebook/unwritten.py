"""One line in place of a traceback when a cell reaches a function that is still to be written.

An exercise's blank answer raises `NotImplementedError()`. Plugged into the live node it is reached through
many frames of the engine, and a traceback through all of them says nothing a learner needs.

Read next: magics.py, which installs it.
"""

from __future__ import annotations

from types import FrameType, TracebackType
from typing import Any


def install(shell: Any) -> None:
    """Let `shell` show a blank function of the notebook's own as one line."""
    shell.set_custom_exc((NotImplementedError,), show)


def uninstall(shell: Any) -> None:
    """Full tracebacks again."""
    shell.set_custom_exc((), None)


def show(
    shell: Any,
    kind: type[BaseException],
    error: BaseException,
    traceback: TracebackType,
    tb_offset: int | None = None,
) -> list[str]:
    """Show `error`: in one line when a cell's own function raised it without a message. It stays an error."""
    frame = _innermost_frame(traceback)
    if error.args or frame.f_globals is not shell.user_ns or frame.f_code.co_name == "<module>":
        lines = shell.InteractiveTB.structured_traceback(kind, error, traceback, tb_offset=tb_offset)
    else:
        lines = [f"Nothing written yet: {frame.f_code.co_qualname}() is still blank in its cell above."]
    shell._showtraceback(kind, error, lines)
    return lines


def _innermost_frame(traceback: TracebackType) -> FrameType:
    while traceback.tb_next is not None:
        traceback = traceback.tb_next
    return traceback.tb_frame

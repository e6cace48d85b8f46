"""The server's log, line by line as Redis writes it.

    4711:M 23 Nov 2026 05:11:49.123 * Ready to accept connections tcp
    |    | |                        |
    |    | local time               . debug  - verbose  * notice  # warning
    pid  M: primary, S: replica, C: a process that is starting

Mirrors: serverLogRaw in server.c.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from typing import TextIO

LEVELS = {"debug": ".", "verbose": "-", "notice": "*", "warning": "#"}
_RANK = {name: rank for rank, name in enumerate((*LEVELS, "nothing"))}
_MONTHS = "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split()

LOGO = """
      ________
     /  GET  /|      minidis, a Redis {version} 64 bit
    /_______/ |
    |  SET  | /|     Running in {mode} mode
    |_______|/ |     Port: {port}
    |  EXP  | /      PID: {pid}
    |_______|/

"""


class Log:
    """Writes lines of at least `level` to a file, or to standard output when `path` is empty.

    The file is opened for each line, so that logrotate may move it away.
    """

    def __init__(self, path: str = "", level: str = "notice", clock: Callable[[], float] = time.time) -> None:
        self.path = path
        self.level = level
        self.role = "C"
        self._clock = clock

    def write(self, level: str, text: str) -> None:
        if _RANK[level] < _RANK[self.level]:
            return
        self.write_raw(log_line(os.getpid(), self.role, self._clock(), level, text) + "\n")

    def write_raw(self, text: str) -> None:
        """Write `text` as it is."""
        if self.path:
            with suppress(OSError), open(self.path, "a") as file:  # no log is no reason to stop serving
                file.write(text)
        else:
            _write(sys.stdout, text)

    def welcome(self, version: str, mode: str, port: int, always_with_logo: bool) -> None:
        """Say what runs: with a picture to someone who watches, in one line to a file."""
        if always_with_logo or (not self.path and sys.stdout.isatty()):
            self.write_raw(LOGO.format(version=version, mode=mode, port=port, pid=os.getpid()))
        else:
            self.notice(f"Running mode={mode}, port={port}.")

    def signal(self, text: str) -> None:
        """A line about a signal; Redis writes it in the handler itself, where local time can't be had."""
        if _RANK["warning"] >= _RANK[self.level]:
            self.write_raw(f"{os.getpid()}:signal-handler ({int(self._clock())}) {text}\n")

    def verbose(self, text: str) -> None:
        self.write("verbose", text)

    def notice(self, text: str) -> None:
        self.write("notice", text)

    def warning(self, text: str) -> None:
        self.write("warning", text)


def log_line(pid: int, role: str, time_s: float, level: str, text: str) -> str:
    """One line of the log, in local time.

    >>> log_line(7, "M", 0.5, "notice", "hello").endswith("1970 00:00:00.500 * hello") or time.timezone
    True
    """
    at = time.localtime(time_s)
    milliseconds = int(time_s * 1000) % 1000
    day = f"{at.tm_mday:02d} {_MONTHS[at.tm_mon - 1]} {at.tm_year}"
    clock = f"{at.tm_hour:02d}:{at.tm_min:02d}:{at.tm_sec:02d}.{milliseconds:03d}"
    return f"{pid}:{role} {day} {clock} {LEVELS[level]} {text}"


def _write(stream: TextIO, line: str) -> None:
    try:
        stream.write(line)
        stream.flush()
    except (OSError, ValueError):  # nobody reads the log any more
        pass

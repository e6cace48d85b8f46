"""Where was it?  The last words of a server that dies, and a watchdog's about one that does not come round.

    crash-log-enabled yes    SIGABRT from outside, DEBUG SEGFAULT PANIC ASSERT OOM: a report, then the end
                             a fault in C (SIGSEGV, SIGBUS ...): Python's faulthandler writes the frames
                             a library in C that calls abort(): nothing, our handler comes too late
    watchdog-period 500      the cron did not come for so long: the frames of what runs, and it runs on

A watchdog is a timer of the system that each cron winds up anew, so it only goes off in a turn that takes too
long. What it prints names the slow function, which no figure in INFO does.

Python runs its signal handlers between two instructions of the program. A fault in C would come again before
that, for ever; so those signals are left to faulthandler, which needs no interpreter, and knows neither INFO
nor clients.

Mirrors: debug.c (`sigsegvHandler`, `printCrashReport`, `bugReportEnd`, `watchdogSignalHandler`).
Differs: the frames are Python's; no registers, no test of the memory.
Read next: server.py, `Server.handle_signals`.
"""

from __future__ import annotations

import faulthandler
import os
import signal
import sys
import time
import traceback
from contextlib import suppress
from types import FrameType
from typing import TextIO

from minidis.commands.clients import describe
from minidis.commands.information import SECTIONS, show_section
from minidis.drivers.log import Log
from minidis.engine.node import VERSION, Node

CRASHED = "Redis {version} crashed by signal: {number:d}"

BY_REQUEST = {
    "SEGFAULT": (signal.SIGSEGV, [CRASHED, "Asked for by DEBUG SEGFAULT"]),
    "PANIC": (
        signal.SIGABRT,
        [
            "------------------------------------------------",
            "!!! Software Failure. Press left mouse button to continue",
            "Guru Meditation: DEBUG PANIC called at Unix time {time_s}",
        ],
    ),
    "ASSERT": (signal.SIGABRT, ["=== ASSERTION FAILED ===", "==> DEBUG ASSERT: '1 == 2' is not true"]),
    "OOM": (
        signal.SIGABRT,
        ["Out Of Memory allocating {most} bytes!", "Guru Meditation: Redis aborting for OUT OF MEMORY."],
    ),
}
"""What DEBUG asks for -> the signal that ends the process, and what the report says first."""


HAS_TIMER = hasattr(signal, "setitimer")  # not on Windows


class CrashReports:
    """Of a server that has the process for itself; the thread must be the main one."""

    def __init__(self, node: Node, log: Log) -> None:
        self.node = node
        self.log = log
        self._file: TextIO | None = None  # faulthandler's own way to the log: it cannot open one any more

    def begin(self) -> None:
        """Take over the signals, as the configuration says, and as it will."""
        self.node.on_crash = self.crash
        self.node.config_listeners.append(self._config_changed)
        self._config_changed(["crash_log_enabled", "watchdog_period"])

    def end(self) -> None:
        """Leave the signals alone."""
        self.node.on_crash = None
        self.node.config_listeners.remove(self._config_changed)
        wake_after(0)
        self._report_faults(False)

    def _config_changed(self, attributes: list[str]) -> None:
        config = self.node.config
        if "crash_log_enabled" in attributes:
            self._report_faults(config.crash_log_enabled)
        if "watchdog_period" in attributes:
            if config.watchdog_period > 0:
                least_ms = 2 * 1000 // config.hz  # less is no sign of anything
                setattr(config, "watchdog_period", max(config.watchdog_period, least_ms))  # noqa: B010
                if HAS_TIMER:
                    signal.signal(signal.SIGALRM, self._watchdog_woke)
            self.wind_up()

    def _report_faults(self, wanted: bool) -> None:
        faulthandler.disable()
        if self._file is not None:
            self._file.close()
            self._file = None
        signal.signal(signal.SIGABRT, signal.SIG_DFL)
        if wanted:
            with suppress(OSError):  # no log, or standard output that is no file
                if self.log.path:
                    self._file = open(self.log.path, "a")  # noqa: SIM115  (for as long as faults may come)
                faulthandler.enable(self._file or sys.stdout)
            signal.signal(signal.SIGABRT, self._aborted)  # it comes from outside, mostly

    # -- the watchdog -----------------------------------------------------------------------------

    def wind_up(self) -> None:
        """Let it sleep for another period, or for good if that is 0.  Each cron does it."""
        wake_after(self.node.config.watchdog_period)

    def _watchdog_woke(self, number: int, frame: FrameType | None) -> None:
        with suppress(Exception):  # of a log that was just being written: the command must go on
            self.log.signal("\n--- WATCHDOG TIMER EXPIRED ---")
            self.log.write_raw("".join(traceback.format_stack(frame)))
            self.log.signal("--------\n")

    # -- the end ----------------------------------------------------------------------------------

    def _aborted(self, number: int, frame: FrameType | None) -> None:
        try:
            self._write([CRASHED.format(version=VERSION, number=number)], frame)
        finally:
            die_by(number)

    def crash(self, how: str) -> None:
        """DEBUG SEGFAULT and its kin: report, if that is wanted, and end."""
        number, lines = BY_REQUEST[how]
        facts = {"version": VERSION, "number": number, "time_s": int(time.time()), "most": sys.maxsize}
        try:
            if self.node.config.crash_log_enabled:
                self._write([line.format(**facts) for line in lines], sys._getframe(1))
        finally:
            die_by(number)

    def _write(self, causes: list[str], frame: FrameType | None) -> None:
        log = self.log
        log.write_raw("\n\n=== REDIS BUG REPORT START: Cut & paste starting from here ===\n")
        for cause in causes:
            log.warning(cause)
        log.write_raw("\n------ STACK TRACE ------\n" + "".join(traceback.format_stack(frame)))
        try:
            for title, text in self._facts().items():
                log.write_raw(f"\n------ {title} ------\n{text}")
        except Exception:  # it may have been in the middle of a change when the signal came
            log.write_raw(f"\n------ NO MORE CAN BE TOLD ------\n{traceback.format_exc()}")
        log.write_raw("\n=== REDIS BUG REPORT END. Make sure to include from START to END. ===\n\n")

    def _facts(self) -> dict[str, str]:
        """Title -> text of the parts that ask the node."""
        node, current = self.node, self.node.current_client
        facts = {
            "INFO OUTPUT": "\n".join(show_section(name, node) for name in SECTIONS).replace("\r", ""),
            "CLIENT LIST OUTPUT": "".join(f"{describe(client)}\n" for client in node.clients.values()),
        }
        if current is not None:  # what is not looked at closely runs without being noted there
            facts["CURRENT CLIENT INFO"] = f"{describe(current)}\n"
        return facts


def wake_after(period_ms: int) -> None:
    """SIGALRM then; never for 0."""
    if HAS_TIMER:
        signal.setitimer(signal.ITIMER_REAL, period_ms / 1000)


def die_by(number: int) -> None:
    """End as the signal ends who has no handler for it: the parent is told, and a core file made."""
    faulthandler.disable()
    signal.signal(number, signal.SIG_DFL)
    os.kill(os.getpid(), number)

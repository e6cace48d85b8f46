"""Scripts that tell an administrator, or a program, what happened: run by the driver, retried by us.

    notification-script      EVENT DESCRIPTION                 for every event that is a warning
    client-reconfig-script   NAME leader|observer start FROM-IP FROM-PORT TO-IP TO-PORT

Exit code 0 is success, 1 (or a signal) asks for another try after 30 s, 60 s, 2 min ... up to ten times;
anything else is an error that is told once. At most 16 run at a time, for a minute at most each.

A process is not ours to start: a driver that can hands in a `Runner` (minidis/drivers/scripts.py). Without
one, in a notebook or in the lab, no path is executable and so no script is ever accepted.

Mirrors: sentinel.c (`sentinelScriptJob` and what follows).
Complexity: O(scripts) for each turn.
Read next: commands.py, for SENTINEL PENDING-SCRIPTS.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from minidis.structures.record import record

if TYPE_CHECKING:
    from minidis.distributed.sentinel.role import Sentinel

MOST_QUEUED = 256
MOST_RUNNING = 16
MOST_TRIES = 10
CANNOT_START = 99
"""The "signal" that stands for a process that could not be started."""


class Runner(Protocol):
    """The driver's side: processes."""

    def is_executable(self, path: str) -> bool: ...

    def start(self, argv: list[str]) -> int:
        """Start a process; its pid.  Raises OSError."""

    def ended(self) -> list[tuple[int, int, int]]:
        """The processes that ended since: pid, exit code, signal."""

    def kill(self, pid: int) -> None: ...


class NoRunner:
    """Where no process can be started."""

    def is_executable(self, path: str) -> bool:
        return False

    def start(self, argv: list[str]) -> int:
        raise OSError("no processes here")

    def ended(self) -> list[tuple[int, int, int]]:
        return []

    def kill(self, pid: int) -> None: ...


@record(eq=False)
class Job:
    """One call of a script."""

    argv: list[str]
    tries: int = 0
    start_ms: int = 0
    """While it runs: since when.  Otherwise: not before; 0: at once."""
    pid: int = 0

    @property
    def is_running(self) -> bool:
        return self.pid != 0


class Scripts:
    """The queue."""

    def __init__(self, sentinel: Sentinel, runner: Runner | None = None) -> None:
        self.sentinel = sentinel
        self.runner: Runner = runner or NoRunner()
        self.queue: list[Job] = []

    @property
    def running(self) -> list[Job]:
        return [job for job in self.queue if job.is_running]

    def schedule(self, *argv: str) -> None:
        """Run this soon.  A full queue drops the oldest that waits."""
        self.queue.append(Job(list(argv)))
        if len(self.queue) > MOST_QUEUED:
            self.queue.remove(next(job for job in self.queue if not job.is_running))

    def tick(self) -> None:
        """Start what may start, collect what ended, kill what takes too long."""
        if not self.queue:
            return
        now_ms = self.sentinel.now_ms
        for job in list(self.queue):
            if len(self.running) >= MOST_RUNNING:
                break
            if not job.is_running and job.start_ms <= now_ms:
                self._start(job, now_ms)
        for pid, exit_code, signal in self.runner.ended():
            self._ended(pid, exit_code, signal, now_ms)
        for job in self.running:
            if now_ms - job.start_ms > self.sentinel.periods.script_max_runtime:
                self.sentinel.announce("warning", "-script-timeout", f"{job.argv[0]} {job.pid}")
                self.runner.kill(job.pid)

    def _start(self, job: Job, now_ms: int) -> None:
        job.start_ms = now_ms
        job.tries += 1
        try:
            job.pid = self.runner.start(job.argv)
        except OSError:
            self._settle(job, 0, CANNOT_START, now_ms)
        else:
            self.sentinel.announce("debug", "+script-child", str(job.pid))

    def _ended(self, pid: int, exit_code: int, signal: int, now_ms: int) -> None:
        self.sentinel.announce("debug", "-script-child", f"{pid} {exit_code} {signal}")
        job = next((one for one in self.queue if one.pid == pid), None)
        if job is not None:
            self._settle(job, exit_code, signal, now_ms)

    def _settle(self, job: Job, exit_code: int, signal: int, now_ms: int) -> None:
        """It ended so: another try, or it goes from the queue."""
        job.pid = 0
        if (signal or exit_code == 1) and job.tries < MOST_TRIES:
            job.start_ms = now_ms + self.sentinel.periods.script_retry_delay * 2 ** (job.tries - 1)
            return
        if signal or exit_code:
            self.sentinel.announce("warning", "-script-error", f"{job.argv[0]} {signal} {exit_code}")
        self.queue.remove(job)

    def pending(self) -> list[dict[bytes, Any]]:
        """The queue, as SENTINEL PENDING-SCRIPTS shows it."""
        now_ms = self.sentinel.now_ms
        return [
            {
                b"argv": [word.encode("utf-8", "surrogateescape") for word in job.argv],
                b"flags": b"running" if job.is_running else b"scheduled",
                b"pid": b"%d" % job.pid,
                **(
                    {b"run-time": b"%d" % (now_ms - job.start_ms)}
                    if job.is_running
                    else {b"run-delay": b"%d" % max(0, job.start_ms - now_ms)}
                ),
                b"retry-num": b"%d" % job.tries,
            }
            for job in self.queue
        ]

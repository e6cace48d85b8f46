"""A program that dies at each of its lines in turn, and a server whose power goes at each step of its disk.

    def history(crash):                            plays one history, and says how it ended
        lab = Lab(seed=1) ...
        lab.machine("web1").spawn(crash.dies(job, ensure_idempotency, pay))
        lab.run("30s")
        return "twice" if len(gateway.charges) > 1 else "once"

    found = everywhere(history)                    once without a crash, then once for each line reached
    views.crash_points("the guide's", {"retried": found}, good=["once"])

A death is that of kill -9: the machine's tasks end where they stand, and no `finally` of theirs reaches
anybody. "At a line" means before it: between two lines lies every change that a crash could separate.

Complexity: a history for each line; the lab makes each the same up to its crash.
Read next: minidis/notebook/views/crash_points.py, the picture; checks/chapter_17.py.
"""

from __future__ import annotations

import linecache
import sys
from collections.abc import Callable, Hashable, Iterator
from dataclasses import dataclass, field
from inspect import unwrap
from types import CodeType, FrameType
from typing import Any, NamedTuple

from minidis.client.lab import Lab
from minidis.course.guard import is_learners
from minidis.drivers.simulated_disk import PowerLost
from minidis.drivers.simulation.agenda import microseconds
from minidis.drivers.simulation.standins import current_task
from minidis.drivers.simulation.tasks import Killed

Trace = Callable[[FrameType, str, Any], Any]


class Line(NamedTuple):
    """A line of source that was about to run."""

    function: str
    number: int
    text: str

    def __str__(self) -> str:
        return f"line {self.number} of {self.function}()" + (f": {self.text.strip()}" if self.text else "")


class Crash:
    """The death of one history: before the `at`-th line (from 1) that the watched code reaches; 0: none."""

    def __init__(self, at: int = 0) -> None:
        self.at = at
        self.path: list[Line] = []
        self.story: list[str] = []
        self.at_death: list[Callable[[], None]] = []
        """What goes with the process, a connection to a database for one."""

    def tell(self, text: str) -> None:
        """Something that a reader of this history should know."""
        self.story.append(text)

    def dies(self, job: Callable[[], Any], *functions: Callable[..., Any]) -> Callable[[], Any]:
        """`job`, for a task of a lab; lines of `functions` count, or of all that a learner wrote."""
        codes = {code for function in functions for code in _codes(unwrap(function).__code__)}

        def watches(code: CodeType) -> bool:
            return code in codes if codes else is_learners(code.co_filename)

        def run() -> Any:
            before = sys.gettrace()
            sys.settrace(self._tracing(watches, before))
            try:
                return job()
            finally:
                sys.settrace(before)

        return run

    def _tracing(self, watches: Callable[[CodeType], bool], before: Trace | None) -> Trace:
        """A trace function that counts lines, and lets the one before it (a bound on instructions) go on."""

        def trace(frame: FrameType, event: str, argument: Any) -> Trace | None:
            others = before(frame, event, argument) if before else None
            if not watches(frame.f_code):
                return others

            def local(frame: FrameType, event: str, argument: Any) -> Trace:
                if event == "line":
                    self._reach(frame)
                elif others:
                    others(frame, event, argument)
                return local

            frame.f_trace_lines = True
            return local

        return trace

    def _reach(self, frame: FrameType) -> None:
        code, number = frame.f_code, frame.f_lineno
        text = linecache.getline(code.co_filename, number).rstrip()
        self.path.append(Line(code.co_name, number, text))
        if len(self.path) == self.at:
            task = current_task()
            if task is None:
                raise RuntimeError("crash.dies(job) belongs into a task of the lab")
            for end in self.at_death:
                end()
            task.machine.kill()
            raise Killed

    @property
    def line(self) -> Line | None:
        """Where it died, or None."""
        return self.path[self.at - 1] if 0 < self.at <= len(self.path) else None


@dataclass
class Crashes:
    """The histories of one program: `points` has (line, outcome, story) for each line that ran, in order."""

    without: Hashable
    without_story: list[str]
    points: list[tuple[Line, Hashable, list[str]]] = field(default_factory=list)

    def lines(self, outcome: Hashable) -> list[Line]:
        """The lines at which a crash ends in this outcome."""
        return [line for line, ended, _ in self.points if ended == outcome]

    @property
    def outcomes(self) -> dict[Hashable, int]:
        """How many crash points end how."""
        counts: dict[Hashable, int] = {}
        for _, outcome, _ in self.points:
            counts[outcome] = counts.get(outcome, 0) + 1
        return counts


def crashes(most: int = 500) -> Iterator[Crash]:
    """First no crash, then one for each line that was reached without; `most` bounds a program that loops."""
    first = Crash()
    yield first
    for at in range(1, min(len(first.path), most) + 1):
        yield Crash(at)


def everywhere(history: Callable[[Crash], Hashable]) -> Crashes:
    """Play `history` without a crash, then with one at each line that it reached."""
    found: Crashes | None = None
    for crash in crashes():
        outcome = history(crash)
        if found is None:
            found = Crashes(outcome, crash.story)
        elif crash.line is not None:
            found.points.append((crash.line, outcome, crash.story))
    assert found is not None
    return found


def run_with_power_cut(lab: Lab, node: str, step: int, lasts: str | float) -> bool:
    """Run so long; cut the node's power in its disk's `step`-th operation from now, and start it again.

    False when its disk does less than that meanwhile.
    """
    end_us = lab.now_us + microseconds(lasts)
    lab.disks[node].cut_power_at(step)
    try:
        lab.run(lasts)
    except PowerLost:
        lab.power_cut(node)
        lab.restart(node)
        lab.run((end_us - lab.now_us) / 1_000_000)
        return True
    lab.disks[node].cut_power_at(None)
    return False


def define(text: str, namespace: dict[str, Any], name: str = "guide") -> None:
    """`exec`, with its lines known to whoever shows them (a traceback, a crash)."""
    filename = f"<{name}>"
    linecache.cache[filename] = (len(text), None, text.splitlines(keepends=True), filename)
    exec(compile(text, filename, "exec"), namespace)


def _codes(code: CodeType) -> Iterator[CodeType]:
    """A function's code, and that of the functions inside."""
    yield code
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _codes(constant)

"""Ordinary blocking Python on a machine of the lab: `time.sleep`, threads and redis-py, all in virtual time.

    def job():
        r.set("lock", "alice", nx=True, px=10_000)
        time.sleep(12)                        12 virtual seconds; others go on meanwhile
    alice = lab.machine("alice")
    task = alice.spawn(job)
    lab.pause("alice")                        the process stands still, as in a long garbage collection
    lab.run("30s")

A task has a stack of its own (turns.py), and yet only one of them ever runs: the lab hands it the turn, and
it gives the turn back where it would have to wait.

    lab       event ..... event  resume(task)          | event ...
    task                              set(...) (waits) |            sleep(12) (waits)
                                      -----> turn ---->

So a history depends on the lab's seed alone. Machines of tasks are paused, killed and parted like those of
nodes; their wall clock may be stepped. A killed machine's tasks end where they stand: no `finally` of theirs
reaches anybody.

Differs: a loop without any wait never gives the turn back, and time stands still for it.

Complexity: two switches (of threads, about 20 us) for each turn.
Read next: turns.py, standins.py, minidis/client/lab.py.
"""

from __future__ import annotations

import random
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from minidis.drivers.simulation import standins
from minidis.drivers.simulation.agenda import Planned, microseconds
from minidis.drivers.simulation.turns import Stacks, Threads, turns
from minidis.drivers.simulation.wires import Host

if TYPE_CHECKING:
    from minidis.drivers.simulation.lab import Lab


class Killed(BaseException):
    """The task's machine is gone. Not an Exception, so that no program catches it."""


class Machine:
    """A machine that runs tasks: a clock, a process that may be paused, its own lots."""

    def __init__(self, lab: Lab, host: Host) -> None:
        self.lab = lab
        self.host = host
        self.skew_us = 0
        self.paused = False
        self.running = True
        self.tasks: list[Task] = []
        self.random = random.Random(f"{lab.seed}/{host.name}")
        self._missed: list[Task] = []  # turns that came while it was paused

    @property
    def name(self) -> str:
        return self.host.name

    def clock(self) -> int:
        """The wall clock of this machine, unix microseconds."""
        return self.lab.now_us + self.skew_us

    def spawn(self, function: Callable[..., Any], name: str = "", after: str | float = 0) -> Task:
        """Let `function()` run here as a task, from now on or `after` some time."""
        task = Task(self, function, name or self.name)
        self.tasks.append(task)
        self.lab.agenda.after(microseconds(after), task.resume)
        return task

    def pause(self) -> None:
        self.paused = True

    def resume(self) -> None:
        self.paused = False
        missed, self._missed = self._missed, []
        for task in missed:
            task.wake()

    def kill(self) -> None:
        """The process ends: its tasks stop where they stand, its kernel ends its connections."""
        if not self.running:
            return
        self.running = self.paused = False
        for end in list(self.host.ends.values()):
            self.lab.wires.close(end)
        self.end_tasks()

    def end_tasks(self) -> None:
        for task in self.tasks:
            task.end()
        self.tasks.clear()

    def restart(self) -> None:
        """A new process, without tasks yet."""
        self.kill()
        self.running = True

    def step_clock(self, by_us: int) -> None:
        self.skew_us += by_us

    def miss(self, task: Task) -> None:
        if task not in self._missed:
            self._missed.append(task)

    def __repr__(self) -> str:
        state = "paused" if self.paused else "running" if self.running else "down"
        return f"<Machine {self.name} {state}>"


class Task:
    """One function that runs in virtual time. `result`, or `error`, when it is `finished`."""

    def __init__(self, machine: Machine, function: Callable[..., Any], name: str) -> None:
        self.machine = machine
        self.lab = machine.lab
        self.name = name
        self.finished = False
        self.result: Any = None
        self.error: BaseException | None = None
        self.watchers: list[Task] = []  # who joins it
        self._function = function
        self._trace = sys.gettrace()  # a bound on a learner's instructions holds in all his tasks
        self._wake_up: Planned | None = None
        self._dead = False
        self._turns: Threads | Stacks | None = None

    # -- the lab's side ---------------------------------------------------------------------------

    def wake(self) -> None:
        """Let it have a turn soon, to look whether what it waits for is there."""
        if self._wake_up is None and not self.finished:
            self._wake_up = self.lab.agenda.after(0, self.resume)

    def resume(self) -> None:
        """Hand over the turn, and take it back."""
        self._wake_up = None
        if self.finished:
            return
        if self.machine.paused and not self._dead:
            self.machine.miss(self)
            return
        if self._turns is None:
            if self._dead:
                self.finished = True
                return
            self._turns = turns(self._live, f"lab task {self.name}")
        with standins.turn(self, self._turns.ident):
            came_back = self._turns.hand_over()
        if not came_back:
            raise RuntimeError(f"{self.name} waits for something outside the lab (a lock of its own?)")
        if self.error is not None and not isinstance(self.error, Exception):
            raise self.error  # a bound was passed: whoever drives the lab must know

    def end(self) -> None:
        """It stops where it stands."""
        self._dead = True
        if standins.current_task() is not None:
            self.wake()  # one task ends another: the lab will do it
        else:
            self.resume()

    # -- the task's side --------------------------------------------------------------------------

    def _live(self) -> None:
        try:
            sys.settrace(self._trace)
            self.result = self._function()
        except Killed:
            pass
        except BaseException as error:
            sys.settrace(None)  # what follows is not the program's
            self.error = error
            if not self._dead:
                self.lab.record.note("event", self.machine.name, f"{self.name} ends with {_describe(error)}")
        finally:
            sys.settrace(None)
            self.finished = True
            for watcher in self.watchers:
                watcher.wake()

    def check_alive(self) -> None:
        """Raises Killed when its machine is gone."""
        if self._dead:
            raise Killed

    def sleep(self, seconds: float) -> None:
        self.wait(lambda: False, seconds, [])

    def wait(self, condition: Callable[[], bool], timeout_s: float | None, watchers: list[Task]) -> bool:
        """Give the turn back until `condition()` holds, or the time is over: then False.

        `watchers` is the list that whoever changes the condition will `wake()`.
        """
        self.check_alive()
        agenda = self.lab.agenda
        limit_us = None if timeout_s is None else agenda.now_us + max(0, microseconds(timeout_s))
        alarm = None if limit_us is None else agenda.at(limit_us, self.wake)
        watchers.append(self)
        try:
            while not condition():
                if limit_us is not None and agenda.now_us >= limit_us:
                    return False
                self._give_back()
            return True
        finally:
            watchers.remove(self)
            if alarm is not None:
                alarm.cancel()

    def _give_back(self) -> None:
        assert self._turns is not None
        trace = sys.gettrace()
        sys.settrace(None)
        self._turns.give_back()
        sys.settrace(trace)
        self.check_alive()

    def __repr__(self) -> str:
        return f"<Task {self.name} on {self.machine.name}{' finished' if self.finished else ''}>"


def _describe(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__

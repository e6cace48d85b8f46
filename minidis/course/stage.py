"""Where an answer about locks is tried: a lab for one history, with machines that run the learner's code.

    with stage(case, "n1", "n2", "n3") as one:
        task = one.spawn("alice", acquire, "lock", one.connect)
        one.run("2s"); one.lab.pause("n2"); one.run("1s")
        one.holders()                        which node names whom, and for how long

An answer is ordinary blocking code: a `time.sleep`, a thread and a socket's timeout take virtual time.  Its
own instructions are counted in all its threads (guard.py), those of redis-py and of the lab are not.

Read next: minidis/drivers/simulation/tasks.py, checks/chapter_16.py.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from minidis.client.lab import Lab
from minidis.course.case import Case, uncounted
from minidis.course.contention import held_by
from minidis.course.exercise import Wrong
from minidis.course.guard import TooManyInstructions, unobserved
from minidis.drivers.simulation.tasks import Task

MOST_COMMANDS = 5000
"""More than that no answer needs in one history."""

LOCK = "lock:job"
"""The key of the lock in all histories."""


class Stage:
    """A lab for one history: `nodes`, and machines that run a learner's code."""

    def __init__(self, seed: int, *nodes: str, hz: int = 10) -> None:
        self.lab = Lab(seed, latency="1ms")
        self.lab.record.keeps_messages = False
        self.lab.nodes(*nodes, config={"hz": hz})
        self.nodes = nodes
        self.asked = 0
        self.run_until = unobserved(self.lab.run_until)
        self.commands: list[tuple[float, str, list[bytes]]] = []
        for name in nodes:
            self.lab[name].listen_to_commands(
                lambda client, argv, reply, name=name: self.commands.append(
                    (self.lab.now_s, name, list(argv))
                )
            )

    def run(self, duration: str | float) -> None:
        """Let time pass.  A blank answer (NotImplementedError in a task) is told at once."""
        unobserved(self.lab.run)(duration)
        for machine in self.lab.machines.values():
            for task in machine.tasks:
                if isinstance(task.error, NotImplementedError):
                    raise task.error

    def connect(self, node: str, **options: Any) -> Any:
        """A redis-py client of `node`, from whichever machine uses it."""
        if node not in self.nodes:
            raise ValueError(f"there is no node {node!r}: {', '.join(self.nodes)}")
        return self.limited(self.lab.client(node, **options))

    def limited(self, client: Any) -> Any:
        """The client, for a reasonable number of commands: whoever spins must come to an end."""
        client = uncounted(client)
        execute = client.execute_command

        def execute_command(*arguments: Any, **settings: Any) -> Any:
            self.asked += 1
            if self.asked > MOST_COMMANDS:
                raise TooManyInstructions(f"the {MOST_COMMANDS}th command")
            return execute(*arguments, **settings)

        client.execute_command = execute_command
        return client

    def call(self, machine: str, function: Callable, *arguments: Any, within: float = 100, given: str) -> Any:
        """Let a machine call something; its answer.  A raised error, or none within so long, is wrong."""
        task = self.spawn(machine, function, *arguments)
        self.run_until(lambda: task.finished, within)
        return self.answer(task, f"no end within {within} s", given)

    def spawn(self, machine: str, function: Callable, *arguments: Any, after: float = 0) -> Task:
        return self.lab.machine(machine).spawn(lambda: function(*arguments), after=after)

    def answer(self, task: Task, unfinished: str, given: str) -> Any:
        """What a task returned.  Raises what it raised, and Wrong where it goes on."""
        raise_error(task, given)
        if not task.finished:
            raise Wrong(given, unfinished, "an answer")
        return task.result

    def set(self, node: str, value: str, ttl_ms: int) -> None:
        """Somebody's lock on a node."""
        unobserved(self.lab.call)(node, "SET", LOCK, value, "PX", ttl_ms)

    def lose_replies(self, node: str, machine: str) -> None:
        """From now on, what `machine` sets on `node` is done, and the connection breaks before the reply."""

        def lose(client: Any, argv: list[bytes], reply: Any) -> None:
            if argv[0].upper() == b"SET":
                self.lab.cut(node, machine)
                self.lab.drop(machine, node)
                self.lab.agenda.after(4_000, lambda: self.lab.mend(node, machine))

        self.lab[node].listen_to_commands(lose)

    def holders(self) -> dict[str, tuple[str, float]]:
        """The nodes that hold the lock: its value, and for how many ms it is still good."""
        held = {name: held_by(self.lab.processes[name], LOCK.encode()) for name in self.nodes}
        return {
            name: (one[0], float("inf") if one[1] is None else (one[1] - self.lab.now_us) / 1000)
            for name, one in held.items()
            if one is not None
        }


def raise_error(task: Task, given: str) -> None:
    """Raise Wrong for a task that has raised something; for a blank answer, NotImplementedError."""
    error = task.error
    if isinstance(error, NotImplementedError):
        raise error
    if error is not None:
        wrong = Wrong(given, f"{type(error).__name__}: {error}", "no exception")
        raise wrong.with_traceback(error.__traceback__)


@contextmanager
def stage(case: Case, *nodes: str, seed: int = 0, hz: int = 10) -> Iterator[Stage]:
    """A stage whose tasks end with the block; a node with few timers (`hz`) is quicker to play."""
    one = Stage(case.seed * 1000 + seed, *(nodes or ("redis",)), hz=hz)
    try:
        yield one
    finally:
        one.lab.end_tasks()

"""What a test of an exercise works with: fresh nodes in virtual time, a record of commands, comparisons.

    case.redis()          a redis-py client on a fresh node whose clock is frozen
    case.node()           the node itself
    case.lab()            a lab whose network the seed decides; case.at(lab, "a") is a redis-py client in it
    case.random           random choices that the seed decides; a failing check prints the seed
    case.commands(redis)  the commands the node has seen, to judge *how* an answer works
    case.equal(came, due, given=...)

Read next: exercise.py.
"""

from __future__ import annotations

import random as random_module
from collections.abc import Iterable
from typing import Any

from minidis.course.exercise import Wrong, show
from minidis.course.guard import unobserved
from minidis.drivers.embedded import Embedded

START = "2026-01-01T00:00:00Z"

_ENGINE_AT_WORK = ("node", "nodes", "cluster", "sentinel", "client", "sentinel_client", "call") + (
    "run", "run_until", "restart", "kill", "power_cut", "heal",
)  # fmt: skip
"""Methods of a lab in which nothing is the learner's."""


class Case:
    """One run of one test."""

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self.random = random_module.Random(seed)
        self.nodes: list[Embedded] = []
        self.labs: list[Any] = []
        self._records: dict[int, list[list[bytes]]] = {}

    # -- the world --------------------------------------------------------------------------------

    def node(self, config: dict[str, Any] | None = None, **options: Any) -> Embedded:
        """A fresh node, its clock frozen at 2026-01-01, its random choices decided by the seed."""
        node = Embedded(config, clock=START, seed=self.seed, **options)
        node.patience_s = 0.0  # a wait that only a step of the clock could end fails at once
        record: list[list[bytes]] = []
        node.node.listen_to_commands(lambda client, argv, reply: record.append(list(argv)))
        self._records[id(node)] = record
        self.nodes.append(node)
        return node

    def redis(self, node: Embedded | None = None, **options: Any) -> Any:
        """A redis-py client on `node`, or on a fresh one.

        redis-py runs uncounted (guard.py), and with it whatever is plugged into the node: a part that
        might never end is driven by `node.execute`.
        """
        from minidis.client import connect

        return uncounted(connect(node or self.node(), **options))

    def lab(self, latency: str = "1ms") -> Any:
        """A lab in virtual time; `time.sleep` in an answer moves it."""
        from minidis.client.lab import Lab

        lab: Any = Lab(self.seed, latency)
        for name in _ENGINE_AT_WORK:
            setattr(lab, name, unobserved(getattr(lab, name)))
        self.labs.append(lab)
        return lab

    def at(self, lab: Any, node: str, name: str = "app", **options: Any) -> Any:
        """A redis-py client of a lab's node, on the machine `name`."""
        return uncounted(lab.client(node, name, **options))

    def commands(self, node: Embedded | None = None) -> list[list[bytes]]:
        """The commands that `node` (or the latest one) has run so far, as sent, names in upper case.

        redis-py's own greetings (HELLO, CLIENT SETINFO) are left out.
        """
        record = self._records[id(node or self.nodes[-1])]
        named = [[argv[0].upper(), *argv[1:]] for argv in record]
        return [argv for argv in named if argv[0] not in (b"HELLO", b"CLIENT", b"AUTH", b"SELECT")]

    def step(self, seconds: float) -> None:
        """Let time pass on every node of this case."""
        for node in self.nodes:
            node.step(seconds)
        for lab in self.labs:
            lab.run(seconds)

    def close(self) -> None:
        for node in self.nodes:
            node.__exit__()

    # -- verdicts ---------------------------------------------------------------------------------

    def equal(self, came: Any, due: Any, given: str) -> None:
        """`came` must equal `due`, in type too where one is a bool."""
        if came != due or (isinstance(came, bool) != isinstance(due, bool)):
            raise Wrong(given, *_told_apart(came, due))

    def true(self, condition: Any, given: str, came: str, due: str) -> None:
        """`condition` must hold; say in words what came and what was due."""
        if not condition:
            raise Wrong(given, came, due)

    def raises(
        self, expected: type[BaseException], function: Any, *arguments: Any, given: str
    ) -> BaseException:
        """`function(*arguments)` must raise `expected`; answers the exception."""
        try:
            came = function(*arguments)
        except expected as error:
            return error
        except NotImplementedError:  # a blank answer is not a wrong one: see grading.py
            raise
        except Exception as error:
            raise Wrong(given, f"{type(error).__name__}: {error}", expected.__name__) from error
        raise Wrong(given, show(came), f"an exception: {expected.__name__}")

    def never_sends(self, forbidden: Iterable[str], why: str, node: Embedded | None = None) -> None:
        """None of these commands may have been sent to `node`."""
        names = {name.upper().encode() for name in forbidden}
        for argv in self.commands(node):
            if argv[0] in names:
                sent = " ".join(word.decode("utf-8", "replace") for word in argv)
                raise Wrong("the commands your answer sent", sent, why)


def _told_apart(came: Any, due: Any) -> tuple[str, str]:
    """Two values in words; of two long lists that may look alike, the first elements that differ."""
    came_text, due_text = show(came), show(due)
    shortened = came_text != repr(came) or due_text != repr(due)
    if shortened and isinstance(came, list | tuple) and isinstance(due, list | tuple):
        pairs = enumerate(zip(came, due, strict=False))
        at = next((number for number, (one, other) in pairs if one != other), min(len(came), len(due)))
        came_text, due_text = (
            f"{len(values)} elements, at {at}: {show(values[at]) if at < len(values) else 'no more'}"
            for values in (came, due)
        )
    return came_text, due_text


def uncounted(client: Any) -> Any:
    """A redis-py client whose own instructions are not counted as a learner's (guard.py)."""
    client.execute_command = unobserved(client.execute_command)
    new_client, new_pipeline, new_pubsub = client.client, client.pipeline, client.pubsub

    def pipeline(*arguments: Any, **settings: Any) -> Any:
        pipe = new_pipeline(*arguments, **settings)
        pipe.execute_command, pipe.execute = unobserved(pipe.execute_command), unobserved(pipe.execute)
        return pipe

    def pubsub(**settings: Any) -> Any:
        subscriber = new_pubsub(**settings)
        subscriber.execute_command = unobserved(subscriber.execute_command)
        subscriber.parse_response = unobserved(subscriber.parse_response)
        return subscriber

    client.client, client.pipeline, client.pubsub = lambda: uncounted(new_client()), pipeline, pubsub
    return client

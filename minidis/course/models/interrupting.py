"""Stopping an answer between two of its commands: somebody else is served there, or its process dies.

    before_command([node], 3, act)    `act` runs just before the block's third command
    killed_at([node], 3, after)       the third command is the last: it is not sent, or its reply never comes

Whoever tries every number, until the block sends fewer commands, has tried every place:

    lose_connection_everywhere(case, prepare, call)    `call` dies after its n-th command; what is left then
    at_every_point(case, prepare, call)                another client's call comes after its n-th command

>>> node = Embedded(clock=0)
>>> with before_command([node], 2, lambda: node.execute("SET", "k", "theirs")) as sent:
...     node.execute("GET", "k"), node.execute("GET", "k"), sent
(None, b'theirs', [2])

Read next: minidis/course/models/interleaving.py, which tries every order of several programs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any
from unittest import mock

from minidis.course.case import Case
from minidis.drivers.embedded import Embedded

MOST_COMMANDS = 30
"""More than a call of an answer sends."""


class Killed(BaseException):
    """The process is gone."""


@contextmanager
def before_command(nodes: Iterable[Embedded], number: int, act: Callable[[], Any]) -> Iterator[list[int]]:
    """Let `act` run before the block's `number`th command; answers the number of commands, in a list."""
    sent, is_acting = [0], False

    def execute(original: Callable[..., Any], client: Any, argv: list[bytes]) -> Any:
        nonlocal is_acting
        if not is_acting:  # what `act` sends is not counted
            sent[0] += 1
            if sent[0] == number:
                is_acting = True
                act()
                is_acting = False
        return original(client, argv)

    with _instead_of_execute(nodes, execute):
        yield sent


@contextmanager
def killed_at(nodes: Iterable[Embedded], number: int, after: bool) -> Iterator[list[int]]:
    """Raise Killed at the block's `number`th command, before it or `after` it; answers their number, too."""
    sent = [0]

    def execute(original: Callable[..., Any], client: Any, argv: list[bytes]) -> Any:
        sent[0] += 1
        if sent[0] == number and not after:
            raise Killed
        reply = original(client, argv)
        if sent[0] == number:
            raise Killed
        return reply

    with _instead_of_execute(nodes, execute):
        yield sent


def lose_connection_everywhere(
    case: Case, prepare: Callable[[Any], Any], call: Callable[[Any], Any]
) -> Iterator[tuple[int, Embedded]]:
    """Cut `call(redis)` off after its 1st, 2nd ... command; (n, the node that is left) each time."""
    for cut in range(1, MOST_COMMANDS):
        node = case.node()
        prepare(ready(case, node))
        redis, lost = ready(case, node), False
        with killed_at([node], cut, after=True):
            try:
                call(redis)
            except Killed:
                lost = True
        redis.close()
        yield cut, node
        if not lost:
            return


def at_every_point(
    case: Case,
    prepare: Callable[[Any], None],
    call: Callable[[Any], Any],
    others_call: Callable[[Any], Any] | None = None,
) -> Iterator[tuple[str, Any, Any]]:
    """Run `call` for one client, and for another after the first's n-th command; (in words, both replies).

    The other does the same unless `others_call` says something else.
    """
    others_call = others_call or call
    for point in range(MOST_COMMANDS):
        node = case.node()
        prepare(case.redis(node))
        one, other = ready(case, node), ready(case, node)
        replies: list[Any] = []

        def interrupt(replies: list = replies, other: Any = other) -> None:
            replies.append(others_call(other))

        if point == 0:  # one after the other, to begin with
            interrupt()
            first = call(one)
        else:
            with before_command([node], point + 1, interrupt):
                first = call(one)
        if not replies:
            return  # the first was done before this point
        yield f"the other client runs after command number {point} of the one", first, replies[0]


def after_each_command(node: Embedded, act: Callable[[int], None]) -> Callable[[], None]:
    """Call `act(n)` after the n-th command of `node` from now on.  Returns the function that ends it."""
    count = 0

    def ran(client: Any, argv: list[bytes], reply: Any) -> None:
        nonlocal count
        count += 1
        act(count)

    return node.node.listen_to_commands(ran)


def ready(case: Case, node: Embedded) -> Any:
    """A redis-py client that has its connection already: its greetings are not among the commands to come."""
    redis = case.redis(node)
    redis.ping()
    return redis


def immortal_keys(node: Embedded) -> list[bytes]:
    """The keys that nothing will ever remove."""
    database = node.node.databases[0]
    return sorted(key for key in list(database.table) if key not in database.expires)


@contextmanager
def _instead_of_execute(nodes: Iterable[Embedded], execute: Callable[..., Any]) -> Iterator[None]:
    """Let commands to these nodes, but redis-py's own greetings, run as `execute(original, client, argv)`."""
    with ExitStack() as patches:
        for node in nodes:
            patches.enter_context(mock.patch.object(node.node, "execute", _patched(node, execute)))
        yield


def _patched(node: Embedded, execute: Callable[..., Any]) -> Callable[[Any, list[bytes]], Any]:
    original = node.node.execute

    def run(client: Any, argv: list[bytes]) -> Any:
        is_greeting = argv[0].upper() in (b"HELLO", b"CLIENT", b"SELECT")
        return original(client, argv) if is_greeting else execute(original, client, argv)

    return run

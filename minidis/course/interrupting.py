"""Stopping an answer between two of its commands: somebody else is served there, or its process dies.

    before_command([node], 3, act)    `act` runs just before the block's third command
    killed_at([node], 3, after)       the third command is the last: it is not sent, or its reply never comes

Whoever tries every number, until the block sends fewer commands, has tried every place.

>>> node = Embedded(clock=0)
>>> with before_command([node], 2, lambda: node.execute("SET", "k", "theirs")) as sent:
...     node.execute("GET", "k"), node.execute("GET", "k"), sent
(None, b'theirs', [2])

Read next: minidis/course/interleaving.py, which tries every order of several programs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any
from unittest import mock

from minidis.drivers.embedded import Embedded


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

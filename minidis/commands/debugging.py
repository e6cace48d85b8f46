"""DEBUG: look inside, or make the server behave oddly. For tests, and for lessons.

    @debug("SLEEP", 1)
    def _sleep(client, seconds): ...

files a subcommand with its number of arguments (None: any); other modules add theirs so.

Mirrors: debug.c.

>>> from minidis.drivers.embedded import Embedded
>>> redis = Embedded(clock=0)
>>> redis.execute("DEBUG", "SET-ACTIVE-EXPIRE", "0"), redis.node.active_expiry
('OK', False)

Read next: minidis/engine/expiry.py.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from minidis.engine import errors
from minidis.engine.client import Client
from minidis.engine.registry import ADMIN, LOADING, NOSCRIPT, STALE, command
from minidis.protocol.replies import ReplyError

SUBCOMMANDS: dict[str, tuple[Callable[..., Any], int | None]] = {}
"""Name -> handler and number of its arguments; None: any number."""


@command("DEBUG subcommand [argument ...]", ADMIN | NOSCRIPT | LOADING | STALE, raw=True)
def debug_(client: Client, subcommand: bytes, *arguments: bytes):
    """Look into the server, or make it behave oddly, for tests. O(N) at most, by subcommand."""
    name = errors.shown(subcommand)
    handler, words = SUBCOMMANDS.get(name.upper(), (None, 0))
    if handler is None or words not in (None, len(arguments)):
        raise ReplyError(f"ERR unknown subcommand or wrong number of arguments for '{name}'. Try DEBUG HELP.")
    return handler(client, *arguments)


def debug(name: str, words: int | None) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """File the decorated function as DEBUG `name`, which takes `words` arguments (None: any number)."""

    def register(handler: Callable[..., Any]) -> Callable[..., Any]:
        SUBCOMMANDS[name] = (handler, words)
        return handler

    return register


@debug("HELP", 0)
def _debug_help(client: Client) -> list[str]:
    return [
        "DEBUG <subcommand> [<arg> [value] [opt] ...]. Subcommands are:",
        "SET-ACTIVE-EXPIRE <0|1>",
        "    Switch the active expiry cycle off or on, to see lazy expiry alone.",
        "HELP",
        "    Print this help.",
    ]


@debug("SET-ACTIVE-EXPIRE", 1)
def _debug_set_active_expire(client: Client, flag: bytes) -> str:
    client.node.active_expiry = flag.strip() not in (b"", b"0")
    return "OK"

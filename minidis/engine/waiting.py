"""Clients that wait: BLPOP and its family, without a thread and without a callback.

A handler that finds nothing returns `Wait(keys, deadline)`.  The node parks the command and goes on.
When one of the keys is touched, the command simply runs again:

    alice: BLPOP q 5     -> Wait([q], now + 5 s)        parked, first in the queue of q
    bob:   BLPOP q 0     -> Wait([q], None)             parked, second
    carol: RPUSH q x     -> runs, touches q
                            end of carol's command: alice's BLPOP runs again and gets x; bob still waits

First come, first served, key by key.  Those who wait are served after the command (or the whole
EXEC) that touched the key, never in the middle of it.

Mirrors: blocked.c (`handleClientsBlockedOnKeys`), timeout.c.
Complexity: parking and waking O(keys of the command); touching O(1) when nobody waits.
Read next: commands/lists.py for a handler that waits.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from minidis.protocol.replies import NULL_ARRAY, ReplyError

if TYPE_CHECKING:
    from minidis.engine.client import Client
    from minidis.engine.database import Database
    from minidis.engine.node import Node
    from minidis.engine.registry import Command


@dataclass(slots=True)
class Wait:
    """A handler's answer when it cannot go on before one of `keys` changes.

    `deadline_ms` is a unix time in milliseconds, or None for ever; `timeout_reply` is the answer
    then, and also inside MULTI and Lua, where nothing may wait.  With a `kind` ("list", "zset") only
    a value of that type wakes the command: a string that appears at the key leaves it waiting.
    `argv` is the command to run again where it is not what was typed: XREAD's `$` means the id that
    was the last one when the wait began.
    """

    keys: Sequence[bytes]
    deadline_ms: int | None = None
    timeout_reply: Any = NULL_ARRAY
    kind: str | None = None
    argv: list[bytes] | None = None


class Waiting:
    """The type of `WAITING`: the answer of `execute` when the reply will come later."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "WAITING"


WAITING = Waiting()

WAKES_NOBODY = ("xdel", "xtrim")
"""Events after which nobody can go on: the entries of a stream that is waited for become fewer."""


@dataclass(slots=True, eq=False)
class Parked:
    """A command that waits: who, what, in which database, since when."""

    client: Client
    command: Command
    argv: list[bytes]
    wait: Wait
    database: Database
    since_ms: int


class WaitingRoom:
    """Who waits for which key, in order of arrival."""

    def __init__(self, node: Node) -> None:
        self.node = node
        # (database, key) -> parked commands in order; a dict, since it is ordered and forgets in O(1)
        self.queues: dict[tuple[int, bytes], dict[int, Parked]] = {}
        self.ready: dict[tuple[int, bytes], None] = {}

    def __len__(self) -> int:
        return len({client for queue in self.queues.values() for client in queue})

    def park(self, client: Client, command: Command, argv: list[bytes], wait: Wait) -> None:
        """Let `client` wait.  A key named twice is waited for once."""
        parked = Parked(client, command, wait.argv or argv, wait, client.db, self.node.now_ms)
        client.parked = parked
        client.update_gate()
        for key in wait.keys:
            self.queues.setdefault((client.db.index, key), {})[client.id] = parked
        self.node.update_observed()

    def leave(self, client: Client) -> None:
        """Take `client` out of all queues (served, timed out, unblocked or gone)."""
        parked = client.parked
        if parked is None:
            return
        for key in parked.wait.keys:
            queue = self.queues.get((parked.database.index, key))
            if queue is not None:
                queue.pop(client.id, None)
                if not queue:
                    del self.queues[parked.database.index, key]
        client.parked = None
        client.update_gate()
        self.node.update_observed()

    def key_changed(self, database: int, key: bytes, event: str = "") -> None:
        """Note that a key was touched; who waits for it is served at the end of the command."""
        if (database, key) in self.queues and event not in WAKES_NOBODY:
            self.ready[database, key] = None

    def serve(self) -> None:
        """Run again the commands that wait for a touched key, until no more can go on."""
        while self.ready:
            ready, self.ready = self.ready, {}
            for place in ready:
                for parked in list(self.queues.get(place, {}).values()):
                    if parked.client.parked is parked and self._is_awaited(parked, *place):
                        self._try_again(parked)

    def _is_awaited(self, parked: Parked, database: int, key: bytes) -> bool:
        if parked.wait.kind is None:
            return True
        value = self.node.databases[database].peek(key)
        return value is not None and value.kind == parked.wait.kind

    def _try_again(self, parked: Parked) -> None:
        client = parked.client
        home, client.db = client.db, parked.database
        client.parked = None  # the command must see a client that does not wait
        try:
            reply = self.node.run(client, parked.command, parked.argv)
        except ReplyError as error:
            reply = error
        finally:
            client.db = home
            client.parked = parked
        if isinstance(reply, Wait):
            return  # not for this client yet: it keeps its place in the queue
        self.leave(client)
        client.deliver(reply)

    def next_deadline_ms(self) -> int | None:
        """The earliest time at which someone's patience ends, or None."""
        times = [
            parked.wait.deadline_ms
            for queue in self.queues.values()
            for parked in queue.values()
            if parked.wait.deadline_ms is not None
        ]
        return min(times, default=None)

    def expire(self, now_ms: int) -> None:
        """Answer those whose deadline has come."""
        due = {
            parked.client.id: parked
            for queue in self.queues.values()
            for parked in queue.values()
            if parked.wait.deadline_ms is not None and parked.wait.deadline_ms <= now_ms
        }
        for parked in sorted(due.values(), key=lambda p: (p.wait.deadline_ms, p.client.id)):
            self.unblock(parked.client)

    def unblock(self, client: Client, error: ReplyError | None = None) -> bool:
        """End a wait from outside: by the timeout reply, or by `error`.  False if the client did not wait."""
        parked = client.parked
        if parked is None:
            return False
        self.leave(client)
        client.deliver(parked.wait.timeout_reply if error is None else error)
        return True

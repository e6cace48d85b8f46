"""MULTI, EXEC and WATCH: a queue of commands for each client, and a flag that says "your keys changed".

    MULTI         client.transaction = Transaction()
    SET a 1       not run: its name and arity are checked, then it is queued
    EXEC          every queued command runs through the same `call` as any other, nothing in between

A command that could not be queued (unknown, wrong arity) spoils the whole transaction: EXECABORT.
A command that fails while EXEC runs it does *not*: the others stand.  There is no rollback.

WATCH adds a condition.  Touching a watched key, in whatever way, marks each client that watches it,
and its EXEC answers nil.  No value is compared: writing the same value again counts as a change.

Mirrors: multi.c.
Complexity: WATCH O(1) for each key; touch O(watchers of the key), nothing when nobody watches.
Read next: commands/transactions.py.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from minidis.engine.errors import Redirected
from minidis.protocol.replies import NULL_ARRAY, ReplyError

if TYPE_CHECKING:
    from minidis.engine.client import Client
    from minidis.engine.command_table.registry import Command
    from minidis.engine.keyspace.database import Database
    from minidis.engine.node import Node


class Transaction:
    """What a client has queued since MULTI."""

    __slots__ = ("_measured", "_measured_bytes", "queue", "requested", "spoiled")

    def __init__(self) -> None:
        self.queue: list[tuple[Command, list[bytes]]] = []
        self.requested: list[Command] = []  # the same, as those must see them who admit EXEC
        self.spoiled = False
        self._measured = self._measured_bytes = 0  # so many of the queue take so many bytes

    def add(self, client: Client, command: Command, argv: list[bytes]) -> None:
        """Queue a command of `client`."""
        self.queue.append((command, argv))
        is_plain = command.request_flags is None
        self.requested.append(command if is_plain else command.as_requested(client, argv))

    @property
    def size_bytes(self) -> int:
        """Of the words that are queued; they are only counted where somebody asks."""
        for _, argv in self.queue[self._measured :]:
            self._measured_bytes += sum(map(len, argv))
        self._measured = len(self.queue)
        return self._measured_bytes


class Watchers:
    """Which clients watch which keys, and which of them must fail their EXEC."""

    hear_of_every_key = False

    def __init__(self, node: Node) -> None:
        self.node = node
        self.clients: dict[tuple[int, bytes], set[int]] = {}
        self.changed: set[int] = set()

    def watch(self, client: Client, key: bytes) -> None:
        """Let `client` watch a key of its database.  A key that is already past its time is noted as such."""
        place = (client.db.index, key)
        if place in client.watched:
            return
        client.watched[place] = client.db.is_due(key)
        self.clients.setdefault(place, set()).add(client.id)
        if not self.node.observed:
            self.node.update_observed()

    def unwatch(self, client: Client) -> None:
        """Forget all that `client` watches, and what it has seen."""
        if not client.watched:
            return
        for place in client.watched:
            watching = self.clients.get(place)
            if watching is not None:
                watching.discard(client.id)
                if not watching:
                    del self.clients[place]
        client.watched.clear()
        self.changed.discard(client.id)
        self.node.update_observed()

    def key_changed(self, database: Database, key: bytes, event: str) -> None:
        """Mark everyone who watches this key.  One that was dead at WATCH and is freed now is as it was."""
        if event == "swapdb":  # `swapped` knows better
            return
        place = (database.index, key)
        for client_id in self.clients.get(place, ()):
            watched = self.node.clients[client_id].watched
            if watched[place] and key not in database.table:
                watched[place] = False
            else:
                self.changed.add(client_id)

    def swapped(self, database: Database, other: Database, key: bytes) -> None:
        """The same when two databases have changed places, for a key that one of them holds at least.

        Nothing instead of a dead key, or the other way round, or a dead key for a dead key: no change.
        """
        place = (database.index, key)
        is_due, exists, existed = database.is_due(key), key in database.table, key in other.table
        for client_id in self.clients.get(place, ()):
            watched = self.node.clients[client_id].watched
            if watched[place] and (is_due or not exists):
                watched[place] = exists
            elif not watched[place] and is_due and not existed:
                watched[place] = True
            else:
                self.changed.add(client_id)

    def must_fail(self, client: Client) -> bool:
        """True if a key that `client` watches changed, or ran out of time, since WATCH."""
        if client.id in self.changed:
            return True
        databases = self.node.databases
        return any(
            not was_due and databases[database].is_due(key)
            for (database, key), was_due in client.watched.items()
        )


def begin(client: Client) -> None:
    """MULTI: queue from now on."""
    client.transaction = Transaction()
    client.update_queueing()


def discard(client: Client) -> None:
    """Drop the queue and everything watched."""
    client.transaction = None
    client.node.watchers.unwatch(client)
    client.update_queueing()


def is_or_runs(client: Client, command: Command, wanted: Callable[[Command], bool]) -> bool:
    """True for a command of that kind, and for an EXEC of one."""
    if command.name == "exec" and client.transaction is not None:
        return any(wanted(queued) for queued in client.transaction.requested)
    return wanted(command)


def may_grow(client: Client, command: Command) -> bool:
    """May this command add data?  One that is queued takes memory, too; EXEC is as its queue.

    Source: is_denyoom_command, reject_cmd_on_oom in processCommand.
    """
    if client.transaction is None:
        return command.denies_oom
    if command.name == "exec":
        return any(queued.denies_oom for queued in client.transaction.requested)
    return command.name not in ("discard", "quit", "reset")


def rejected(client: Client, command: Command | None, argv: list[bytes], error: ReplyError) -> ReplyError:
    """A command could not even be queued: that spoils the transaction, and ends it if it was EXEC."""
    if command is not None and command.name == "exec":
        discard(client)
        if isinstance(error, Redirected):
            return error
        client.node.monitors.tell(client, command, argv)  # who has seen its MULTI sees that it is over
        return ReplyError(f"EXECABORT Transaction discarded because of: {str(error).removeprefix('ERR ')}")
    if client.transaction is not None:
        client.transaction.spoiled = True
    return error


def execute(client: Client) -> Any:
    """EXEC: run the queue, and answer the list of replies, errors standing among them.

    Answers NULL_ARRAY when a watched key changed; raises EXECABORT when queueing had failed.
    """
    node = client.node
    transaction = client.transaction
    assert transaction is not None
    failed = node.watchers.must_fail(client)
    discard(client)
    if transaction.spoiled:
        raise ReplyError("EXECABORT Transaction discarded because of previous errors.")
    if failed:
        return NULL_ARRAY
    replies: list[Any] = []
    client.in_execution = True
    node.journal.begin_group()
    try:
        for command, argv in transaction.queue:
            try:
                if not client.user.unrestricted:
                    node.users.admit_in_exec(client, command, argv)
                if client.gated or node.gated:
                    replies.append(node.call_watched(client, command, argv))
                else:
                    replies.append(node.call(client, command, argv))
            except ReplyError as error:
                replies.append(error)
    finally:
        client.in_execution = False
        node.journal.end_group()
        client.rewrite()  # the queued commands are in the journal; EXEC itself is not an effect
    return replies

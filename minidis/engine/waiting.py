"""Clients that wait: BLPOP and its family, without a thread and without a callback.

A handler that finds nothing returns `Wait(keys, deadline)`.  The node parks the command and goes on.
When one of the keys is touched, the command simply runs again:

    alice: BLPOP q 5     -> Wait([q], now + 5 s)        parked, first in the queue of q
    bob:   BLPOP q 0     -> Wait([q], None)             parked, second
    carol: RPUSH q x     -> runs, touches q
                            end of carol's command: alice's BLPOP runs again and gets x; bob still waits

First come, first served, key by key.  Those who wait are served after the command (or the whole
EXEC) that touched the key, never in the middle of it.  One who was woken in vain waits on, until the
deadline it began with, at the end of its queues.

Not every wait is for a key.  A handler may wait for a *topic*, a word that it shares with whoever
brings the thing about, and is run again in the same way:

    WAIT 1 100     -> Wait(topic="replica-acks", deadline_ms=..., timeout_reply=lambda: count_acks())
    a replica's ACK comes:  node.waiting.happened("replica-acks")
                            the WAITs run again: those with acks enough answer, the others wait on

What ends with a reply from elsewhere (MIGRATE: the other server's) waits for a topic that never
happens, and is ended by `node.waiting.end(client, reply)`.

Mirrors: blocked.c (`handleClientsBlockedOnKeys`), timeout.c.
Complexity: parking and waking O(keys of the command); touching O(1) when nobody waits; a deadline
O(log waiters), by a heap.
Read next: commands/lists.py for a handler that waits.
"""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from minidis.protocol.replies import NULL_ARRAY, ReplyError
from minidis.structures.record import record

if TYPE_CHECKING:
    from minidis.engine.client import Client
    from minidis.engine.command_table.registry import Command
    from minidis.engine.keyspace.database import Database
    from minidis.engine.node import Node


@record
class Wait:
    """A handler's answer when it cannot go on before one of `keys` changes, or `topic` happens.

    `deadline_ms` is a unix time in milliseconds, or None for ever; `timeout_reply` is the answer
    then, and also inside MULTI and Lua, where nothing may wait: a reply, or a function that makes it
    when it is due.  With a `kind` ("list", "zset") only a value of that type wakes the command: a
    string that appears at the key leaves it waiting.  `argv` is the command to run again where it is
    not what was typed: XREAD's `$` means the id that was the last one when the wait began.
    """

    keys: Sequence[bytes] = ()
    deadline_ms: int | None = None
    timeout_reply: Any = NULL_ARRAY
    kind: str | None = None
    argv: list[bytes] | None = None
    topic: str | None = None
    postponed: bool = False  # the command has not begun (CLIENT PAUSE): it takes its whole way anew

    def reply_without_waiting(self) -> Any:
        """The answer when the time is up, or where nothing may wait."""
        return self.timeout_reply() if callable(self.timeout_reply) else self.timeout_reply


class Waiting:
    """The type of `WAITING`: the answer of `execute` when the reply will come later."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "WAITING"


WAITING = Waiting()

WAKES_NOBODY = ("xdel", "xtrim")
"""Events after which nobody can go on: the entries of a stream that is waited for become fewer."""


Place = tuple[int, bytes] | str
"""What a queue is for: a key of a database, or a topic."""


@record(eq=False)
class Parked:
    """A command that waits: who, what, in which database, since when."""

    client: Client
    command: Command
    argv: list[bytes]
    wait: Wait
    database: Database
    since_ms: int
    places: tuple[Place, ...]

    @property
    def is_waiting(self) -> bool:
        """False when it was served, timed out, or its client went away."""
        return self.client.parked is self


class WaitingRoom:
    """Who waits for which key or topic, in order of arrival."""

    def __init__(self, node: Node) -> None:
        self.node = node
        self.parked: dict[int, Parked] = {}  # by client
        # place -> parked commands in order; a dict, since it is ordered and forgets in O(1)
        self.queues: dict[Place, dict[int, Parked]] = {}
        self.ready: dict[Place, None] = {}
        # (deadline, client, number, parked), a heap; those who have left are dropped when they come up
        self._deadlines: list[tuple[int, int, int, Parked]] = []
        self._numbers = itertools.count()

    def __len__(self) -> int:
        return len(self.parked)

    # -- in and out -------------------------------------------------------------------------------

    def park(self, client: Client, command: Command, argv: list[bytes], wait: Wait) -> None:
        """Let `client` wait: its command runs again when a key is touched, or the topic happens."""
        topics: tuple[Place, ...] = () if wait.topic is None else (wait.topic,)
        places = (*((client.db.index, key) for key in wait.keys), *topics)
        parked = Parked(client, command, wait.argv or argv, wait, client.db, self.node.now_ms, places)
        self.parked[client.id] = client.parked = parked
        client.update_gate()
        self._queue(parked)
        if wait.deadline_ms is not None:
            if len(self._deadlines) > 2 * len(self.parked) + 100:
                self._deadlines = [entry for entry in self._deadlines if entry[-1].is_waiting]
                heapq.heapify(self._deadlines)
            self.node.wake(wait.deadline_ms * 1000)
            heapq.heappush(self._deadlines, (wait.deadline_ms, client.id, next(self._numbers), parked))

    def leave(self, client: Client) -> None:
        """Take `client` out of all queues (served, timed out, unblocked or gone)."""
        parked = self.parked.pop(client.id, None)
        if parked is None:
            return
        self._unqueue(parked)
        client.parked = None
        client.update_gate()

    def end(self, client: Client, reply: Any) -> bool:
        """End a wait from outside with `reply` (a ReplyError too).  False if the client did not wait."""
        if client.parked is None:
            return False
        self.leave(client)
        client.deliver_late(reply)
        return True

    def unblock(self, client: Client, error: ReplyError | None = None) -> bool:
        """End a wait by its timeout reply, or by `error`.  False if it did not wait, or must."""
        parked = client.parked
        if parked is None or parked.wait.postponed:
            return False
        return self.answer(parked, parked.wait.reply_without_waiting() if error is None else error)

    def answer(self, parked: Parked, reply: Any) -> bool:
        """End a wait with the reply of its command, which counts as one that has run, and took no time."""
        client, statistics = parked.client, self.node.statistics
        parked.command.calls += 1
        statistics.note_duration(client, parked.command, parked.argv, 0)
        if isinstance(reply, ReplyError):
            statistics.note_failure(parked.command, parked.argv, reply)
        return self.end(client, reply)

    def _queue(self, parked: Parked) -> None:
        for place in parked.places:
            self.queues.setdefault(place, {})[parked.client.id] = parked
        self.node.update_observed()

    def _unqueue(self, parked: Parked) -> None:
        for place in parked.places:
            queue = self.queues.get(place)
            if queue is not None:
                queue.pop(parked.client.id, None)
                if not queue:
                    del self.queues[place]
        self.node.update_observed()

    # -- waking -----------------------------------------------------------------------------------

    def key_changed(self, database: int, key: bytes, event: str = "") -> None:
        """Note that a key was touched; who waits for it is served at the end of the command."""
        if (database, key) in self.queues and event not in WAKES_NOBODY:
            self.ready[database, key] = None

    def happened(self, topic: str) -> None:
        """Note that what `topic` stands for came about; served after the command, or at the next tick."""
        if topic in self.queues:
            self.ready[topic] = None
            self.node.wake(self.node.now_us)

    @property
    def may_serve(self) -> bool:
        """Not while a script runs, though a slow one lets others in: what it does happens at once."""
        return self.node.scripting is None or self.node.scripting.run is None

    def serve(self) -> None:
        """Run again the commands that wait for a touched key, until no more can go on."""
        if not self.may_serve:
            return
        self.node.now_us = self.node.clock()  # those who waited run at a time of their own
        while self.ready:
            ready, self.ready = self.ready, {}
            for place in ready:
                for parked in list(self.queues.get(place, {}).values()):
                    if parked.is_waiting and self._is_awaited(parked, place):
                        self._try_again(parked)

    def serve_in_turn(self, released: list[Parked]) -> None:
        """Run these commands again.  Each client goes on with what it had sent behind its command before the
        next one's is run.
        """
        self.node.now_us = self.node.clock()
        for parked in released:
            if parked.is_waiting:
                self._try_again(parked)
                self.node.go_on(parked.client)
        if self.ready:
            self.serve()

    def _try_again(self, parked: Parked) -> None:
        try:
            self._run_again(parked)
        except Exception as error:  # a fault of ours: its client is told, not who woke it
            self._break(parked, error)

    def _break(self, parked: Parked, error: Exception) -> None:
        client = parked.client
        if client.on_fault is None:
            raise error
        self.leave(client)
        client.deliver_late(client.on_fault(client, parked.argv, error))

    def _is_awaited(self, parked: Parked, place: Place) -> bool:
        if parked.wait.kind is None or isinstance(place, str):
            return True
        database, key = place
        value = self.node.databases[database].peek(key)
        return value is not None and value.kind == parked.wait.kind

    def _run_again(self, parked: Parked) -> None:
        client = parked.client
        if client.send_now is not None:
            client.send_now()
        place = len(client.outbox)
        if parked.wait.postponed:
            self.leave(client)
            reply = self.node.execute_postponed(client, parked.argv)
            if reply is not WAITING:
                _deliver(client, reply, place)
            return
        home, client.db = client.db, parked.database
        client.parked = None  # the command must see a client that does not wait
        self.node.current_client = client
        try:
            if not client.user.unrestricted:  # rules may have changed while it waited
                self.node.users.admit(client, parked.command, parked.argv)
            reply = self.node.run(client, parked.command, parked.argv)
            if isinstance(reply, Wait):
                parked.command.calls -= 1
        except ReplyError as error:
            reply = error
        finally:
            client.db = home
            client.parked = parked
            self.node.current_client = None
        if isinstance(reply, Wait):  # in vain: behind those who wait too, but with the patience it has left
            self._unqueue(parked)
            self._queue(parked)
            return
        self.leave(client)
        _deliver(client, reply, place)
        if self.node.tracking.clients:
            self.node.tracking.remember(client, parked.command, parked.argv)
            self.node.tracking.command_ended(client, parked.command)

    # -- deadlines --------------------------------------------------------------------------------

    def next_deadline_ms(self) -> int | None:
        """The earliest time at which someone's patience ends, or None."""
        deadlines = self._deadlines
        while deadlines and not deadlines[0][-1].is_waiting:
            heapq.heappop(deadlines)
        return deadlines[0][0] if deadlines else None

    def expire(self, now_ms: int) -> None:
        """Answer those whose deadline has come."""
        while (deadline_ms := self.next_deadline_ms()) is not None and deadline_ms <= now_ms:
            self.unblock(heapq.heappop(self._deadlines)[-1].client)


def _deliver(client: Client, reply: Any, place: int) -> None:
    """Deliver a late reply, before what its command has told its own client: that stands behind `place`."""
    told = len(client.outbox)
    client.deliver_late(reply)
    if place < told < len(client.outbox):
        client.outbox.insert(place, client.outbox.pop())

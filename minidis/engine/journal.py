"""The journal: every change to the keyspace, as a command that repeats it.

The append-only file, replicas and the notebook's views all listen to the same stream.  A command
that changed something is entered as it was typed, unless its handler stated the effect instead:

    SET k v EX 10      -> SET k v PXAT 1767225610000     (a time to live depends on when it is read)
    SPOP s             -> SREM s "the member that went"  (a replica must not draw its own lot)
    a key that expired -> DEL k                          (a replica's clock decides nothing)

Entering happens *after* the command ran: this is not a write-ahead log.  While nobody listens, the effects of
commands are not even entered (`Node.run`, `Client.rewrite`): an offset counts what somebody could have heard.

What EXEC or a script did must arrive whole or not at all, so their entries are held until they end.
Several then come between MULTI and EXEC, a single one without:

    EVAL "redis.call('SET', 'a', 1) redis.call('INCR', 'a')" 0     -> MULTI, SET a 1, INCR a, EXEC

Mirrors: `propagateNow`, `alsoPropagate`, `propagatePendingCommands` in server.c.
Differs: a DEL for a key that expired and the command that met it come as two entries, not as a group.
Complexity: O(1) for each entry and subscriber; nothing is built when nobody listens.

>>> journal = Journal()
>>> entries = []
>>> unsubscribe = journal.subscribe(entries.append)
>>> journal.enter(0, [b"SET", b"k", b"v"])
>>> entries[0].database, entries[0].argv, journal.offset
(0, [b'SET', b'k', b'v'], 1)

Read next: client.py for `rewrite`.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import reduce
from operator import or_

from minidis.structures.record import NamedTuple

NO_DATABASE = -1
TO_NOBODY, TO_AOF, TO_REPLICAS = 0, 1, 2
TO_ALL = TO_AOF | TO_REPLICAS


class Entry(NamedTuple):
    """One change: its number (from 1), the database it belongs to, the command that repeats it.

    The MULTI and EXEC around a group belong to no database: theirs is `NO_DATABASE`.  `targets` says
    whom it is for: `TO_ALL`, unless a script asked for less by `redis.set_repl`; a message that was
    published is for replicas alone, a log has no listeners.
    """

    offset: int
    database: int
    argv: list[bytes]
    targets: int = TO_ALL


class Journal:
    """Numbers the entries and hands each to the subscribers, in order."""

    __slots__ = ("offset", "subscribers", "held", "depth", "targets")

    def __init__(self) -> None:
        self.offset = 0
        self.subscribers: list[Callable[[Entry], None]] = []
        self.held: list[tuple[int, list[bytes], int]] = []
        self.depth = 0
        self.targets = TO_ALL

    def subscribe(self, listener: Callable[[Entry], None]) -> Callable[[], None]:
        """Call `listener(entry)` for each entry from now on.  Returns the function that ends it."""
        self.subscribers.append(listener)
        return lambda: self.subscribers.remove(listener)

    def enter(self, database: int, argv: list[bytes], targets: int = TO_ALL) -> None:
        """Add one change.  The subscribers must not change `argv`."""
        if self.depth:
            if self.targets & targets:
                self.held.append((database, argv, self.targets & targets))
            return
        if targets & TO_AOF:  # what is for replicas alone has no number: nobody waits for it to be in the log
            self.offset += 1
        if self.subscribers:
            self._hand_on(Entry(self.offset, database, argv, targets))

    def _hand_on(self, entry: Entry) -> None:
        for listener in tuple(self.subscribers):
            listener(entry)

    def begin_group(self) -> None:
        """Hold what is entered until the matching `end_group`.  Groups inside a group are one."""
        self.depth += 1

    def end_group(self) -> None:
        """Hand on what was held: between MULTI and EXEC if it is more than one entry."""
        self.depth -= 1
        if self.depth or not self.held:
            return
        entries, self.held = self.held, []
        if len(entries) > 1:
            anyone = reduce(or_, (targets for _, _, targets in entries))
            entries = [(NO_DATABASE, [b"MULTI"], anyone), *entries, (NO_DATABASE, [b"EXEC"], anyone)]
        for database, argv, targets in entries:
            if targets & TO_AOF:
                self.offset += 1
            self._hand_on(Entry(self.offset, database, argv, targets))

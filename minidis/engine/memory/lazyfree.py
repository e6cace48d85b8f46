"""Lazy freeing: a key is gone at once, its million elements a little later.

DEL of a set with a million members must give back two million allocations, and nobody is served
meanwhile.  UNLINK only takes the key out of the keyspace; the value goes on a list, and another thread
of Redis frees it.  Here there is no thread: this *service* of the node takes the value apart in slices
of at most a millisecond, between commands:

    UNLINK big       table: -big     queue: [big, 1 000 000 members]
    GET k            served
    tick             queue: [big, 986 000 members]
    ...

A value of at most 64 allocations is freed on the spot: that is cheaper than to put it off.

Python adds a reason of its own.  A skip list's nodes point at each other both ways, so that no
reference count ever falls to 0; taking them apart spares the garbage collector a walk over all of them.

Mirrors: lazyfree.c (`freeObjAsync`, `emptyDbAsync`, `lazyfreeGetFreeEffort`), bio.c.
Differs: slices in the node's own time instead of a thread.  A server also takes apart so what Redis frees at
once, as DEL does: only its figures (used_memory, lazyfreed_objects) say that it is gone at once.  SET over a
large value does that whatever `lazyfree-lazy-server-del` says (RENAME and MIGRATE heed it).
Complexity: O(1) to put off; a slice is O(SLICE_ALLOCATIONS).

>>> from minidis.drivers.embedded import Embedded
>>> redis = Embedded(clock=0)
>>> redis.execute("SADD", "big", *range(1000)), redis.execute("UNLINK", "big")
(1000, 1)
>>> redis.node.lazy_free.pending_objects, redis.step(1), redis.node.lazy_free.freed_objects
(1, None, 1)

Read next: minidis/engine/keyspace/database.py for `unlink`.
"""

from __future__ import annotations

import sys
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from minidis.structures.dicttable import DictTable
from minidis.structures.record import record
from minidis.values.base import Value

if TYPE_CHECKING:
    from minidis.engine.node import Node

WORTH_PUTTING_OFF = 64
"""Allocations up to which freeing at once is cheaper."""

SLICE_ALLOCATIONS = 500
BUDGET_US = 1000
REFERENCES_OF_OUR_OWN = 2
"""What refers to a value that is only ours: the queue's tuple, and the call that counts."""


@record
class Doomed:
    """What is to be taken apart: how many objects it counts for, and its bytes."""

    owner: Value | None  # None: a database, or what stood beside one
    parts: list[Any] | None = None  # its structures; None: it is a value that nobody has touched yet
    objects: int = 0
    size_bytes: int = 0


class LazyFree:
    """The list of what is gone but not freed, and the service that frees it."""

    def __init__(self, node: Node) -> None:
        self.node = node
        self.queue: deque[Doomed] = deque()
        self.pending_objects = 0
        self.pending_bytes = 0
        self.freed_objects = 0

    def free(self, value: Value, size_bytes: int = 0) -> None:
        """Take a value that no key holds any more: free it now if it is small, in slices if not."""
        if value.free_effort() > WORTH_PUTTING_OFF:
            self._put_off(Doomed(value, objects=1, size_bytes=size_bytes))

    def free_database(self, table: Any, beside: list[Any], size_bytes: int = 0, counts: bool = True) -> None:
        """Take a whole keyspace, and the tables that stood beside it; FLUSHALL SYNC's does not count."""
        if len(table):
            doomed = Doomed(None, [*beside, Keyspace(table, self)])
            if counts:
                doomed.objects, doomed.size_bytes = len(table), size_bytes
            self._put_off(doomed)

    def free_aside(self, parts: list[Any]) -> None:
        """Take what was never in the keyspace, such as the notes of a snapshot: INFO does not count it."""
        self._put_off(Doomed(None, parts))

    def free_aside_if_large(self, value: Value) -> None:
        """Take a value that Redis frees at once, as INFO's figures do; but nobody shall wait for it."""
        if value.free_effort() > WORTH_PUTTING_OFF:
            self._put_off(Doomed(value))

    def run(self, budget_us: int = BUDGET_US) -> None:
        """Free for `budget_us`, or until nothing is left.

        Where the clock stands still, a slice takes no time: then all is freed in one go.
        """
        started_us = self.node.clock()
        while self.queue:
            doomed = self.queue[0]
            parts = self._parts_of(doomed)
            try:
                while parts and not release(parts[-1], SLICE_ALLOCATIONS):
                    parts.pop()
            except BaseException:
                parts.clear()  # a learner's structure: let it go whole, or it would fail each time
                raise
            if not parts:
                self._note_freed(doomed)
            if self.node.clock() - started_us >= budget_us:
                return

    def _parts_of(self, doomed: Doomed) -> list[Any]:
        """The structures of what is taken apart; none of a value that someone else reads still, a snapshot.

        Those of a value are looked for now, when nobody can exchange them any more.
        """
        if doomed.owner is not None and sys.getrefcount(doomed.owner) > REFERENCES_OF_OUR_OWN:
            doomed.parts = []  # let it go whole, when they do
        elif doomed.parts is None:
            doomed.parts = [] if doomed.owner is None else doomed.owner.parts()
        return doomed.parts or []

    def _put_off(self, doomed: Doomed) -> None:
        if not self.queue:
            self.node.services.append(self)
        self.queue.append(doomed)
        self.pending_objects += doomed.objects
        self.pending_bytes += doomed.size_bytes

    def _note_freed(self, doomed: Doomed) -> None:
        self.queue.popleft()
        self.pending_objects -= doomed.objects
        self.pending_bytes -= doomed.size_bytes
        self.freed_objects += doomed.objects
        if not self.queue:
            self.node.services.remove(self)

    # A service of the node

    def tick(self) -> None:
        self.run()

    def next_deadline_us(self) -> int | None:
        """Soon, but with a pause as long as a slice: those who send commands come first."""
        return self.node.now_us + BUDGET_US


_TAKE_ONE: dict[type, Callable[[Any], object]] = {dict: dict.popitem, deque: deque.pop}


class Keyspace:
    """The table of a database that was flushed: a large value among its values is taken apart by itself."""

    def __init__(self, table: Any, lazy_free: LazyFree) -> None:
        self.table = table
        self.lazy_free = lazy_free

    def release(self, count: int) -> bool:
        if not isinstance(self.table, DictTable):
            return release(self.table, count)
        for value in self.table.take_out(count):
            self.lazy_free.free_aside_if_large(value)  # it has been counted as a key
        return len(self.table) > 0


def release(structure: Any, count: int) -> bool:
    """Free about `count` elements of a structure; False when nothing is left of it.

    A structure that knows no `release` (a learner's) is simply let go.
    """
    if type(structure) in _TAKE_ONE:
        take_one = _TAKE_ONE[type(structure)]
        for _ in range(min(count, len(structure))):
            take_one(structure)
        return bool(structure)
    give_up = getattr(structure, "release", None)
    return give_up is not None and give_up(count)

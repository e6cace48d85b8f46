"""Letting large dicts grow by and by, in a server, where others wait.

Python's dict, which holds the keyspace, the times of expiry, and the scores of a large sorted set, moves to a
larger table in one go when it is full. This *service* of the node hears of each that soon will be
(structures/growing.py), has the memory for the larger one made ready (a driver does that, if it can), and
moves the keys between commands (structures/moving.py). In the end another dict has taken the place of the old
one, which is freed by and by, too.

    SET k 1         655,000 of 699,000 places used
    tick            memory, 1 MB of 42 is ready
    tick            memory, 2 MB
    ...
    tick            2000 keys moved
    SET k 2         written where it is, and where it will be
    ...
    tick            database.table is another

Whoever else wants the old table to hold still, a snapshot that lists its keys, is waited for.

Mirrors: dictRehashMilliseconds, called by `databasesCron`.
Complexity: O(keys) in all; a slice of two milliseconds, or one step.

Read next: minidis/structures/moving.py.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, Protocol

from minidis.engine.durability.snapshots import Rest
from minidis.structures import growing
from minidis.structures.moving import Move

if TYPE_CHECKING:
    from minidis.engine.node import Node

KEYS_AT_ONCE = 500

LOOK_US = 10_000
"""From one look to the next, while keys come."""

SLICE_US = 2000
"""Twice what others take: while a snapshot comes in, at full speed, a dict of its keys must be faster."""


class Memory(Protocol):
    """What makes memory ready, before a dict moves into it."""

    def prepare(self, size_bytes: int) -> bool:
        """Make some more of it ready; True if that was all. Called until it is."""

    def give_back(self) -> None:
        """Nobody wants what has not been used."""


class Growth:
    """The dicts of one node that are on the move; one of its services from the beginning to the end."""

    def __init__(self, node: Node, memory: Memory | None) -> None:
        self.node = node
        self._memory = memory
        self._moving: dict[int, Iterator[bool]] = {}  # True: go on; False: not in this turn
        self._owes = False  # memory, since the last move
        self._keys, self._is_filling = 0, False  # at the last look
        self._rest = Rest(node)
        node.services.append(self)
        growing.watch()

    def tick(self) -> None:
        self._look()
        for each in growing.take_expected():
            if each.is_due and id(each.table) not in self._moving:
                self._moving[id(each.table)] = self._move(each.table, each.exchange)
        if not self._moving:
            self._give_back()
        if not self._moving or self._rest.is_on:
            return
        self._owes = True
        until_us = self.node.clock() + SLICE_US
        for number, steps in tuple(self._moving.items()):
            for is_busy in steps:
                if not is_busy or self.node.clock() >= until_us:
                    break
            else:
                del self._moving[number]
            if self.node.clock() >= until_us:
                break
        self._rest.begin()

    def _give_back(self) -> None:
        """Let the memory go that nobody has used, and that of the old tables, once they are taken apart.

        It may take 20 ms: so that is for when nobody wants the node.
        """
        is_wanted = self.node.background.rest_us > 0
        if self._owes and not is_wanted and not self.node.lazy_free.queue:
            self._owes = False
            if self._memory is not None:
                self._memory.give_back()

    def next_deadline_us(self) -> int | None:
        """Soon, while keys move or come; None: whenever the node's timers run."""
        if self._moving:
            return self._rest.deadline_us()
        return self.node.now_us + LOOK_US if self._is_filling else None

    def _look(self) -> None:
        keys = 0
        for database in self.node.databases:
            if database.table:  # most are empty
                keys += len(database.table)
                database.expect_growth()
        self._is_filling = keys > self._keys and keys > growing.MANY
        self._keys = keys

    def _move(self, table: Any, exchange: Callable[[Any, Any], bool]) -> Iterator[bool]:
        """The steps of one move.  In the end somebody has another table, or the same that he had."""
        if not dict.__len__(table):  # it has been emptied meanwhile
            return
        move, useless = Move(table), None
        try:
            yield from self._steps(move)
            if not move.is_lost and exchange(table, move.complete()):
                move.leave()
                useless = table
        finally:
            move.give_up()
            self.node.lazy_free.free_aside([move.target if useless is None else useless])

    def _steps(self, move: Move) -> Iterator[bool]:
        while not move.is_cramped and move.step(KEYS_AT_ONCE):
            yield True
        while self._memory is not None and not self._memory.prepare(move.size_bytes):
            yield True
        yield False  # what takes longest begins with a turn
        if not move.is_lost:
            move.make_room()
        while move.step(KEYS_AT_ONCE):
            yield True
        while not move.is_lost and not move.is_alone:
            yield move.step(KEYS_AT_ONCE)

"""Letting the index of a large table have its keys, some at a time.

The keyspace's table gets an index when somebody asks for a random key or SCANs, or keys are to be evicted
(minidis/structures/dicttable.py). For a million keys that takes half a second. Where others wait, in a
server, this *service* of the node does it between commands: first the keys are listed, while the table holds
still (heldtable.py), then the index takes them in. (Active expiry does the same for the table of expiries, in
its own time, since it deletes most of what it lists.)

    RANDOMKEY    one of those that are listed as yet
    SCAN         empty pages, until the index has all of them
    tick         2000 more
    ...

Mirrors: nothing in Redis, whose dict is its own index.
Complexity: O(keys) in all; a slice of a millisecond, or two steps.

>>> from minidis.drivers.embedded import Embedded
>>> redis = Embedded(clock=0)
>>> redis.node.works_at_once = False  # as in a server
>>> redis.execute("DEBUG", "POPULATE", 40_000), redis.execute("SCAN", 0)[1]
('OK', [])
>>> redis.step(0.2)
>>> len(redis.execute("SCAN", 0)[1])
10

Read next: minidis/engine/memory/weighing.py, which does the same for `maxmemory`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from minidis.engine.durability.snapshots import SLICE_US, Rest

if TYPE_CHECKING:
    from minidis.engine.node import Node


class Indexing:
    """The tables of one node whose keys come into an index.  It is among the services while there are any."""

    def __init__(self, node: Node) -> None:
        self.node = node
        self._tables: list[Any] = []
        self._rest = Rest(node)

    def see_to(self, table: Any) -> bool:
        """Somebody asks a table's index: if it lacks very many keys (True), let it have them soon."""
        has_all = table.is_indexed and not table.is_behind
        if self.node.works_at_once or has_all or not table.list_for_index():
            return False
        if not any(each is table for each in self._tables):
            if not self._tables:
                self.node.services.append(self)
                self.node.wake(self.node.now_us)
            self._tables.append(table)
        return True

    def exchange(self, table: Any, target: Any) -> None:
        """`target` has taken the place of a table, whose index it has."""
        self._tables = [target if each is table else each for each in self._tables]

    def _is_in_use(self, table: Any) -> bool:
        """Not flushed, nor exchanged for what came from a primary?"""
        return any(table is each.table or table is each.expires for each in self.node.databases)

    # A service of the node

    def tick(self) -> None:
        if self._rest.is_on:
            return
        until_us = self.node.clock() + SLICE_US
        while self._tables:
            table = self._tables[-1]
            if not self._is_in_use(table) or table.take_in():
                self._tables.pop()
            if self.node.clock() >= until_us:
                break
        if not self._tables:
            self.node.services.remove(self)
        self._rest.begin()

    def next_deadline_us(self) -> int:
        return self._rest.deadline_us()

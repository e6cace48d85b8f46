"""Weighing a keyspace that has grown without a limit, some keys at a time.

While `maxmemory` is 0 nobody adds up what keys weigh (ledger.py). When CONFIG SET gives a server its first
limit, a million keys are there that were never weighed, and that takes a second. So this *service* of the
node does it between commands, and until it is through two figures stand for one:

    weighed:    600,000 keys     66.0 MB     a lower bound: what is above the limit is so for certain
    the others: 400,000 keys  +  43.9 MB     their number times what some of them weigh, drawn at the start
                                ---------
    used_memory                 109.9 MB     as INFO shows it

Only what is certain lets keys go or refuses a command: no key is lost to a guess. A key that is touched
meanwhile is weighed at once, as always; a key that goes has its weight taken away, if it had one. All keys
are weighed when there are as many weights as keys: however the walk was disturbed, the sum is then exact.

Mirrors: nothing; Redis has its allocator count from the start.
Complexity: O(keys) in all; a turn O(keys listed) or O(keys weighed).

>>> from minidis.drivers.embedded import Embedded
>>> redis = Embedded(clock=0)
>>> redis.node.works_at_once = False  # as in a server
>>> for number in range(2500):
...     _ = redis.execute("SET", f"key:{number}", "x")
>>> redis.execute("CONFIG", "SET", "maxmemory", "1gb"), redis.node.memory.weighed(redis.node.databases[0])
('OK', 1000)
>>> redis.step(1)
>>> redis.node.memory.weighed(redis.node.databases[0])
2500

Read next: eviction.py.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

from minidis.engine.durability.snapshots import Rest
from minidis.structures.heldtable import Listing, take_first

if TYPE_CHECKING:
    from minidis.engine.keyspace.database import Database
    from minidis.engine.memory.ledger import MemoryLedger

KEYS_A_TURN = 1000
"""Keys weighed at a stretch: 2 ms."""


class Weighing:
    """The keys of one node that are still to be weighed.  It leaves the services when there are none."""

    def __init__(self, ledger: MemoryLedger, mean_bytes: list[float]) -> None:
        self.ledger = ledger
        self.node = ledger.node
        self._mean_bytes = mean_bytes  # of a key, in each database
        self._queue: deque[bytes] = deque()
        self._database = self.node.databases[0]  # whose keys are in the queue
        self._listing: Listing | None = None  # they are listed before the first of them is weighed
        self._rest = Rest(self.node)

    def guess_bytes(self) -> int:
        """About what the keys weigh that nobody has weighed yet. O(databases)."""
        return sum(
            round(self._mean_bytes[database.index] * self._missing(database))
            for database in self.node.databases
            if database.table
        )

    def run(self, most: int) -> bool:
        """List some keys, or weigh up to so many when all are listed; True if that was the last one."""
        if not self._queue and self._listing is None:
            database = next((each for each in self.node.databases if self._missing(each) > 0), None)
            if database is None:
                return True
            self._database, self._listing = database, Listing(database.table)
        if self._listing is not None:
            self._queue += self._listing.more()
            if not self._listing.is_done:
                return False
            self._listing = None
        for key in take_first(self._queue, most):
            self.ledger.weigh(self._database, key)
        return False

    def close(self) -> None:
        """Nobody wants to know any more."""
        if self._listing is not None:
            self._listing.close()

    def _missing(self, database: Database) -> int:
        return len(database.table) - self.ledger.weighed(database)

    # A service of the node

    def tick(self) -> None:
        if self._rest.is_on:
            return
        if self.run(KEYS_A_TURN):
            self.ledger.stop_weighing()
            self.node.eviction.go_on_later()  # what was a guess is certain now
        else:
            self._rest.begin()

    def next_deadline_us(self) -> int:
        return self._rest.deadline_us()

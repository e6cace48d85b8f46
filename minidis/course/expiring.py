r"""What exercise 2.3 stands on: lazy and active expiry as a learner writes them, at work in a live node.

    is_expired(expires, key, now_ms) -> bool
    expire_on_access(expires, key, now_ms, delete, is_replica) -> bool
    active_cycle(expires, now_ms, sample, delete, budget) -> int

`expires` maps a key to the unix millisecond of its end; `delete(key)` frees a key, and the node then
journals a DEL; `sample(20)` hands out 20 different keys of `expires`, each time further on in the table;
`budget` is how many keys one cycle may look at.  `plug("expiry", (is_expired, expire_on_access,
active_cycle))` lets every database and the cron go by them.

Redis bounds a cycle by time (25 ms of every 100).  Here it is keys, because in virtual time a cycle takes
no time at all.

>>> from minidis.drivers.embedded import Embedded
>>> redis = Embedded(clock=0)
>>> for name in "abc":
...     _ = redis.execute("SET", name, "x", "PX", 10)
>>> sampler = Sampler(redis.node.databases[0])
>>> sampler(2), sampler(2)
([b'b', b'a'], [b'c', b'b'])

Read next: minidis/engine/keyspace/expiry.py, after you have passed.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any

from minidis.engine.keyspace.database import Database
from minidis.engine.keyspace.expiry import Cycle, Round
from minidis.engine.node import Node

IsExpired = Callable[[Any, bytes, int], bool]
ExpireOnAccess = Callable[[Any, bytes, int, Callable[[bytes], None], bool], bool]
ActiveCycle = Callable[[Any, int, Callable[[int], list[bytes]], Callable[[bytes], None], int], int]

KEYS_PER_CYCLE = 10_000


class Sampler:
    """Hands out the keys of one database that can expire, a few at a time, from where it stopped."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._cursor = 0
        self._scanned: deque[bytes] = deque()  # of a bucket that held more than were asked for

    def __call__(self, count: int) -> list[bytes]:
        """`count` different keys; all of them where there are fewer.  O(count) unless the table is sparse."""
        expires = self._database.expires
        wanted = min(count, len(expires))
        found: dict[bytes, None] = {}
        while len(found) < wanted:
            if not self._scanned:
                self._cursor, keys = expires.scan(self._cursor)
                self._scanned.extend(keys)
                continue
            key = self._scanned.popleft()
            if key in expires:
                found[key] = None
        return list(found)


class LearnersExpiry:
    """The three functions in place of `Database.is_due`, `Database.expire_if_due` and the active cycle."""

    def __init__(
        self, node: Node, is_expired: IsExpired, expire_on_access: ExpireOnAccess, active_cycle: ActiveCycle
    ) -> None:
        self.node = node
        self._is_expired = is_expired
        self._expire_on_access = expire_on_access
        self._active_cycle = active_cycle
        self._samplers = [Sampler(database) for database in node.databases]

    def install(self) -> Callable[[], None]:
        """Take the engine's places; the function that gives them back."""
        before = self.node.active_cycle
        self.node.active_cycle = self.cycle
        for database in self.node.databases:
            database.is_due = self._bound(self.is_due, database)  # type: ignore[method-assign]
            database.expire_if_due = self._bound(self.expire_if_due, database)  # type: ignore[method-assign]

        def undo() -> None:
            self.node.active_cycle = before
            for database in self.node.databases:
                del database.is_due, database.expire_if_due

        return undo

    @staticmethod
    def _bound(function: Callable[[Database, bytes], bool], database: Database) -> Callable[[bytes], bool]:
        return lambda key: function(database, key)

    def is_due(self, database: Database, key: bytes) -> bool:
        return bool(self._is_expired(database.expires, key, self.node.now_ms))

    def expire_if_due(self, database: Database, key: bytes) -> bool:
        is_replica = not self.node.deletes_expired_keys
        delete = _deleting(database)
        return bool(self._expire_on_access(database.expires, key, self.node.now_ms, delete, is_replica))

    def cycle(self, node: Node) -> Cycle:
        """One cycle over all databases, noted round by round, as the views want it."""
        done = Cycle()
        for database in node.databases:
            if database.expires:
                self._cycle_over(database, done)
        return done

    def _cycle_over(self, database: Database, done: Cycle) -> None:
        free = _deleting(database)
        take = self._samplers[database.index]

        def sample(count: int) -> list[bytes]:
            keys = take(count)
            done.rounds.append(Round(database.index, keys))
            return list(keys)

        def delete(key: bytes) -> None:
            free(key)
            if done.rounds:
                done.rounds[-1].expired.append(key)

        self._active_cycle(database.expires, self.node.now_ms, sample, delete, KEYS_PER_CYCLE)


def _deleting(database: Database) -> Callable[[bytes], None]:
    def delete(key: bytes) -> None:
        if key not in database.expires:
            raise LookupError(f"delete({key!r}): no such key has a time to live; was it deleted twice?")
        database.expire_now(key)

    return delete

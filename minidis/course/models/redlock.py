"""Redlock: one lock on several independent nodes, held by whoever has a majority of them in time.

    start (monotonic)                                      now
      |  SET a   SET b   SET c (no answer)  SET d   SET e   |
      |-- elapsed ------------------------------------------|---- validity -----| drift |
      |-- ttl ----------------------------------------------------------------------------|

`validity_ms` is what is left for the work: the time to live, less what the asking took, less the drift of
clocks (1 % of the time to live, and 2 ms for Redis's expiry).  A client asks each node briefly (with a
`socket_timeout` far below the time to live), counts no answer as a no, and gives all back without a majority.

Mirrors: the algorithm on redis.io ("Distributed Locks with Redis").  Differs: nodes are asked in turn.
What it cannot do is in chapter 16: a pause after the last line, a clock that is stepped, a node that forgets.

Read next: minidis/course/checks/chapter_16.py, whose faults it stands.
"""

from __future__ import annotations

import random
import time
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import redis as redis_py

DRIFT_SHARE = 0.01
DRIFT_MS = 2

RELEASE = "if redis.call('get', KEYS[1]) == ARGV[1] then return redis.call('del', KEYS[1]) end return 0"
EXTEND = "if redis.call('get', KEYS[1]) == ARGV[1] then return redis.call('pexpire', KEYS[1], ARGV[2]) end"


@dataclass
class RedLock:
    """A lock that was got, and how long it is good for, from the moment it was answered."""

    name: str
    lock_id: str
    validity_ms: float


class Redlock:
    """Locks on `clients`, one for each node, each with a short `socket_timeout`."""

    def __init__(self, clients: Sequence[Any], tries: int = 5, retry_delay_s: float = 0.2) -> None:
        self.clients, self.tries, self.retry_delay_s = clients, tries, retry_delay_s
        self.quorum = len(clients) // 2 + 1

    def lock(self, name: str, ttl_s: float) -> RedLock | None:
        """Try, and try again after a random delay; None when it wasn't to be had."""
        lock_id, ttl_ms = str(uuid.uuid4()), round(ttl_s * 1000)
        for attempt in range(self.tries):
            got, validity_ms = self._ask(ttl_ms, lambda client: client.set(name, lock_id, nx=True, px=ttl_ms))
            if got >= self.quorum and validity_ms > 0:
                return RedLock(name, lock_id, validity_ms)
            self._give_back(name, lock_id)
            if attempt + 1 < self.tries:
                time.sleep(random.uniform(0, self.retry_delay_s))
        return None

    def extend(self, lock: RedLock, ttl_s: float) -> bool:
        """Set the time to live anew where it is ours; False means that the lock is lost."""
        ttl_ms = round(ttl_s * 1000)
        got, lock.validity_ms = self._ask(
            ttl_ms, lambda client: client.eval(EXTEND, 1, lock.name, lock.lock_id, ttl_ms)
        )
        return got >= self.quorum and lock.validity_ms > 0

    def unlock(self, lock: RedLock) -> bool:
        """Give it back everywhere; False when a majority wasn't ours any more."""
        return self._give_back(lock.name, lock.lock_id) >= self.quorum

    def _ask(self, ttl_ms: int, question: Any) -> tuple[int, float]:
        """How many nodes said yes, and the validity in ms that is left then."""
        start_s, got = time.monotonic(), 0
        for client in self.clients:
            try:
                got += bool(question(client))
            except redis_py.RedisError:
                pass  # no answer is a no; it may have been done all the same
        elapsed_ms = 1000 * (time.monotonic() - start_s)
        return got, ttl_ms - elapsed_ms - (ttl_ms * DRIFT_SHARE + DRIFT_MS)

    def _give_back(self, name: str, lock_id: str) -> int:
        """On every node, also those that did not answer."""
        given = 0
        for client in self.clients:
            try:
                given += client.eval(RELEASE, 1, name, lock_id)
            except redis_py.RedisError:
                pass  # its time to live remains
        return given

"""Eviction: which keys go when memory is full.

`maxmemory-policy` names a crowd and an order.  The crowd is all keys (allkeys-...) or those with a time
to live (volatile-...); the order is by last access (lru), by frequency (lfu), by time left (ttl), or
none at all (random).  noeviction lets nothing go: commands that add data get an error.

True LRU would keep all keys in one list, 16 bytes more for each and a list to change at every read.
Redis draws lots instead: `maxmemory-samples` keys (5) of the crowd, and the best of them goes.  What makes
that good is the *pool*: the 16 best candidates ever seen stay there, ordered by score, from one
eviction to the next:

    sample 5        k41 idle 3 s   k7 idle 90 s   k12 idle 14 s   k90 idle 1 s   k33 idle 41 s
                              |
    pool      [ ... k12 14 s | k33 41 s | k5 77 s | k7 90 s | k28 120 s ]   worst on the left
                                                                   |
    victim                                                        k28, drawn some time ago

A pool holds names, not keys.  One that was deleted since is a *ghost*, dropped when its turn comes; one
that was used since goes all the same, on its old score: an approximation, and a cheap one.

    score     lru: ms without access    lfu: 255 - counter    ttl: the sooner it ends, the higher

Mirrors: evict.c (`evictionPoolPopulate`, `performEvictions`, `evictionTimeLimitUs`).
Differs: no thread frees memory meanwhile: what `lazyfree-lazy-eviction` has put off is freed before the next
victim is chosen, so that no key goes in vain.
Complexity: O(databases + samples * log 16) for each key that goes.

>>> from minidis.drivers.embedded import Embedded
>>> redis = Embedded({"maxmemory-policy": "allkeys-lru"}, clock=0, seed=1)
>>> for name in ("a", "b", "c"):
...     redis.step(60); _ = redis.execute("SET", name, "x" * 1000)
>>> limit = redis.node.memory.used_bytes() - 1
>>> redis.execute("CONFIG", "SET", "maxmemory", limit), redis.execute("KEYS", "*")
('OK', [b'b', b'c'])
>>> redis.node.eviction.last.key, [candidate.key for candidate in redis.node.eviction.last.pool]
(b'a', [b'c', b'b'])

Read next: ledger.py, which says how much is used; access.py, which says how much a key is.
"""

from __future__ import annotations

from bisect import insort_left
from collections.abc import Callable
from enum import Enum
from typing import TYPE_CHECKING, Any

from minidis.engine.memory import access
from minidis.structures.record import NamedTuple

if TYPE_CHECKING:
    from minidis.engine.keyspace.database import Database
    from minidis.engine.node import Node

POOL_SIZE = 16
KEYS_BETWEEN_CLOCK_READINGS = 16
NO_LIMIT_US = 2**64 - 1


class Outcome(Enum):
    """What a call of `make_room` came to."""

    FITS = "fits"  # memory is below the limit, or this node must not evict now
    RUNNING = "running"  # still above it; more keys go a little later
    FULL = "full"  # above it, and nothing may go: commands that add data are refused


class Candidate(NamedTuple):
    """A key that may go: the higher its score, the sooner."""

    score: int
    database: int
    key: bytes


class Eviction(NamedTuple):
    """One key that went, and why: what was drawn for it and what the pool held after."""

    database: int
    key: bytes
    score: int | None  # None: it was drawn by lot
    samples: list[Candidate]
    pool: tuple[Candidate, ...]


class EvictionPool:
    """The best candidates seen so far, at most 16, the worst first.

    >>> pool = EvictionPool()
    >>> for score in range(20):
    ...     pool.offer(Candidate(score * 7 % 20, 0, b"%d" % score))
    >>> [candidate.score for candidate in pool.candidates][:3], pool.choose([], lambda c: True).score
    ([4, 5, 6], 19)
    """

    def __init__(self) -> None:
        self.candidates: list[Candidate] = []

    def offer(self, candidate: Candidate) -> None:
        """Take a candidate in, unless 16 better ones are there."""
        candidates = self.candidates
        insort_left(candidates, candidate, key=_score)
        if len(candidates) > POOL_SIZE:
            del candidates[0]

    def choose(self, samples: list[Candidate], exists: Callable[[Candidate], bool]) -> Candidate | None:
        """Take the samples in; then the best that is still a key leaves the pool, and ghosts before it."""
        for candidate in samples:
            self.offer(candidate)
        while self.candidates:
            best = self.candidates.pop()
            if exists(best):
                return best
        return None


class Evictor:
    """Evicts keys of one node."""

    def __init__(self, node: Node) -> None:
        self.node = node
        self.pool = EvictionPool()
        self.last: Eviction | None = None
        self.listeners: list[Callable[[Eviction], None]] = []
        self.out_of_memory = False  # as found before the command that runs now
        self.is_running = False  # stands among the node's services, to go on soon
        self.evicted_keys = 0
        self._next_database = 0
        self._exceeded_since_us: int | None = None
        self._exceeded_us = 0

    # -- before a command -------------------------------------------------------------------------

    def make_room(self) -> Outcome:
        """Evict until memory is below the limit, nothing is left to evict, or it takes too long."""
        if not self.may_evict():
            return Outcome.FITS
        outcome = Outcome.FITS
        if self.node.memory.excess_bytes():
            evicted, started_ns = self.evicted_keys, self.node.stopwatch_ns()
            outcome = self._evict_until_it_fits()
            if self.evicted_keys != evicted:
                self._note_latency("eviction-cycle", started_ns)
        self._note_time_exceeded(outcome)
        return outcome

    def refuses(self, may_grow: bool) -> bool:
        """Make room before a command; True if it `may_grow` the dataset and there is none.

        What was found stays in `out_of_memory` while the command runs: a script asks it before its writes.
        """
        self.out_of_memory = self.make_room() is Outcome.FULL
        return self.out_of_memory and may_grow

    def may_evict(self) -> bool:
        """A replica does not evict: its primary does, and sends the DELs.  Nor does a node that is paused."""
        node = self.node
        return not node.pause.active and not (node.is_replica and node.config.replica_ignore_maxmemory)

    def _evict_until_it_fits(self) -> Outcome:
        memory, config = self.node.memory, self.node.config
        if config.maxmemory_policy == "noeviction":
            return Outcome.FULL
        limit_us = time_limit_us(config.maxmemory_eviction_tenacity)
        started_us = self.node.clock()
        crowd = self._crowd
        for database in self.node.databases:
            table = getattr(database, crowd)
            if table.is_far_behind or not table.is_indexed:
                self.node.indexing.see_to(table)
            if table.is_far_behind:  # victims are drawn from the keys that its index knows, or lists
                table.take_in()
        evicted = 0
        while memory.excess_bytes():
            if self.node.lazy_free.queue:  # what is gone already comes before another victim
                self.node.lazy_free.run(limit_us)
            elif self.evict_one():
                evicted += 1
            else:
                return Outcome.FULL
            if evicted % KEYS_BETWEEN_CLOCK_READINGS == 0 and self.node.clock() - started_us > limit_us:
                self.go_on_later()
                return Outcome.RUNNING
        return Outcome.FITS

    def _note_time_exceeded(self, outcome: Outcome) -> None:
        if outcome is not Outcome.FITS:
            if self._exceeded_since_us is None:
                self._exceeded_since_us = self.node.clock()
        elif self._exceeded_since_us is not None:
            self._exceeded_us += self.node.clock() - self._exceeded_since_us
            self._exceeded_since_us = None

    def reset_counts(self) -> None:
        """CONFIG RESETSTAT."""
        self.evicted_keys = self._exceeded_us = 0
        self._exceeded_since_us = None

    def _note_latency(self, event: str, started_ns: int) -> None:
        self.node.latency.sample(event, (self.node.stopwatch_ns() - started_ns) // 1_000_000)

    @property
    def current_exceeded_us(self) -> int:
        """Microseconds since memory passed the limit; 0 while it is below."""
        since_us = self._exceeded_since_us
        return 0 if since_us is None else max(0, self.node.clock() - since_us)

    @property
    def total_exceeded_us(self) -> int:
        """Microseconds that memory was above the limit, all in all."""
        return self._exceeded_us + self.current_exceeded_us

    # -- the choice -------------------------------------------------------------------------------

    def evict_one(self) -> bool:
        """Let one key go, however much memory is left; False if there is none that may."""
        policy = self.node.config.maxmemory_policy
        if policy == "noeviction":
            return False
        if policy.endswith("-random"):
            chosen = self._draw(self._crowd)
        else:
            chosen = self._choose(self._crowd, _SCORES[policy.rpartition("-")[2]])
        if chosen is None:
            return False
        database, eviction = chosen
        self.evicted_keys += 1
        self.last = eviction
        started_ns = self.node.stopwatch_ns()
        database.evict(eviction.key)
        self._note_latency("eviction-del", started_ns)
        for listener in tuple(self.listeners):
            listener(eviction)
        return True

    @property
    def _crowd(self) -> str:
        """Which table of a database victims come from."""
        return "table" if self.node.config.maxmemory_policy.startswith("allkeys-") else "expires"

    def _choose(self, crowd: str, score: Score) -> tuple[Database, Eviction] | None:
        """Sample every database into the pool, and take the best that is no ghost."""
        databases, pool = self.node.databases, self.pool

        def exists(candidate: Candidate) -> bool:
            return candidate.key in getattr(databases[candidate.database], crowd)

        while any(getattr(database, crowd) for database in databases):
            samples = [
                candidate
                for database in databases
                if getattr(database, crowd)
                for candidate in self._sample(database, crowd, score)
            ]
            best = pool.choose(samples, exists)
            if best is not None:  # else all were ghosts, or the sample was empty: draw again
                eviction = Eviction(best.database, best.key, best.score, samples, tuple(pool.candidates))
                return databases[best.database], eviction
        return None

    def _sample(self, database: Database, crowd: str, score: Score) -> list[Candidate]:
        node = self.node
        keys = getattr(database, crowd).sample(node.random, node.config.maxmemory_samples)
        return [Candidate(score(node, database, key), database.index, key) for key in keys]

    def _draw(self, crowd: str) -> tuple[Database, Eviction] | None:
        """A key by lot, of each database in turn."""
        databases = self.node.databases
        for _ in databases:
            self._next_database = (self._next_database + 1) % len(databases)
            database = databases[self._next_database]
            key = getattr(database, crowd).random_key(self.node.random)
            if key is not None:
                return database, Eviction(database.index, key, None, [], ())
        return None

    # -- going on later: a service of the node ----------------------------------------------------

    def go_on_later(self) -> None:
        """Let `tick` make room, as soon as the driver calls it."""
        if not self.is_running:
            self.is_running = True
            self.node.services.append(self)

    def tick(self) -> None:
        """Evict a little more; leave the services when there is nothing to do."""
        if self.make_room() is not Outcome.RUNNING:
            self.is_running = False
            self.node.services.remove(self)

    def next_deadline_us(self) -> int | None:
        """At once."""
        return self.node.now_us


def time_limit_us(tenacity: int) -> int:
    """How long one call may evict, by `maxmemory-eviction-tenacity` (10); with 100 until it is done.

    >>> [time_limit_us(tenacity) for tenacity in (0, 10, 50, 99)]
    [0, 500, 133931, 126205358]
    """
    if tenacity <= 10:
        return 50 * tenacity
    return int(500 * 1.15 ** (tenacity - 10)) if tenacity < 100 else NO_LIMIT_US


Score = Callable[[Any, Any, bytes], int]


def _idle(node: Node, database: Database, key: bytes) -> int:
    return access.idle_ms(database.table[key], node.now_us)


def _rarity(node: Node, database: Database, key: bytes) -> int:
    return access.LFU_MOST - access.frequency(database.table[key], node)


def _urgency(node: Node, database: Database, key: bytes) -> int:
    return -database.expires[key]


_SCORES: dict[str, Score] = {"lru": _idle, "lfu": _rarity, "ttl": _urgency}


def _score(candidate: Candidate) -> int:
    return candidate.score

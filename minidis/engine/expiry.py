"""Active expiry: a cycle that finds dead keys nobody asks for.

Lazy expiry (`Database.find`) only meets keys that are read.  So several times a second the node
samples the keys that have a time to live, 20 at a time, deletes those whose time has passed, and
goes on as long as more than a tenth of a sample was dead:

    sample 20 ---> 3 dead (15 %) ---> sample 20 ---> 1 dead (5 %) ---> enough

At rest, then, at most about a tenth of the expired keys still fill memory: a promise by statistics,
not by a timer for each key.  `active-expire-effort` (1 to 10) raises the sample and lowers the share.

Mirrors: `activeExpireCycle` in expire.c (slow cycle).
Differs: the budget of 25 % of a CPU is watched on the node's clock, so in virtual time, where a
cycle takes no time at all, only the stale share ends it.
Complexity: O(sample) for each round.

Read next: minidis/commands/keys.py for EXPIRE and TTL.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from minidis.engine.database import Database
    from minidis.engine.node import Node

KEYS_PER_ROUND = 20
ACCEPTABLE_STALE_PERCENT = 10
BUDGET_PERCENT = 25
ROUNDS_BETWEEN_CLOCK_READINGS = 16
BUCKETS_PER_KEY = 20


@dataclass
class Round:
    """One sample: the keys looked at in this database, and which of them were dead."""

    database: int
    sampled: list[bytes] = field(default_factory=list)
    expired: list[bytes] = field(default_factory=list)


@dataclass
class Cycle:
    """What one active expiry cycle did; `out_of_time` when the budget ended it."""

    rounds: list[Round] = field(default_factory=list)
    out_of_time: bool = False

    @property
    def sampled(self) -> int:
        return sum(len(r.sampled) for r in self.rounds)

    @property
    def expired(self) -> int:
        return sum(len(r.expired) for r in self.rounds)


def active_cycle(node: Node) -> Cycle:
    """Run one cycle over all databases and report its rounds."""
    effort = node.config.active_expire_effort - 1
    keys_per_round = KEYS_PER_ROUND + KEYS_PER_ROUND // 4 * effort
    acceptable = ACCEPTABLE_STALE_PERCENT - effort
    budget_us = (BUDGET_PERCENT + 2 * effort) * 10_000 // node.config.hz
    started_us = node.clock()
    cycle = Cycle()
    for database in node.databases:
        while database.expires:
            sample = sample_round(database, keys_per_round)
            cycle.rounds.append(sample)
            if len(cycle.rounds) % ROUNDS_BETWEEN_CLOCK_READINGS == 0:
                cycle.out_of_time = node.clock() - started_us > budget_us
                if cycle.out_of_time:
                    return cycle
            if not sample.sampled or len(sample.expired) * 100 <= acceptable * len(sample.sampled):
                break
    return cycle


def sample_round(database: Database, keys_per_round: int) -> Round:
    """Look at about `keys_per_round` keys with a time to live, from where the last round ended."""
    wanted = min(keys_per_round, len(database.expires))
    found: dict[bytes, None] = {}  # round the end of the table a key may come by again
    for _ in range(wanted * BUCKETS_PER_KEY):  # empty buckets are cheap, but not free
        database.expiry_cursor, keys = database.expires.scan(database.expiry_cursor)
        found.update(dict.fromkeys(keys))
        if len(found) >= wanted:
            break
    expired = [key for key in found if database.is_due(key)]
    for key in expired:
        database.expire_now(key)
    return Round(database.index, list(found), expired)

"""Active expiry: a cycle that finds dead keys nobody asks for.

Lazy expiry (`Database.find`) only meets keys that are read.  So several times a second the node
samples the keys that have a time to live, 20 at a time, deletes those whose time has passed, and
goes on as long as more than a tenth of a sample was dead:

    sample 20 ---> 3 dead (15 %) ---> sample 20 ---> 1 dead (5 %) ---> enough

At rest, then, at most about a tenth of the expired keys still fill memory: a promise by statistics,
not by a timer for each key.  `active-expire-effort` (1 to 10) raises the sample and lowers the share.

A cycle has a quarter of a CPU's time and no more.  When that ended it, there is work left, and until the
next one *fast* cycles of a millisecond each run whenever the commands that had come are done.

Mirrors: `activeExpireCycle` in expire.c.
Differs: the budget is watched on the node's clock, so in virtual time, where a cycle takes no time at
all, only the stale share ends it, and no fast cycle follows.
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
FAST_BUDGET_US = 1000
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


@dataclass
class Progress:
    """What the cycles of a node remember, and what INFO tells of them."""

    next_database: int = 0
    out_of_time: bool = False  # the last cycle was ended by its budget
    last_fast_us: int = 0
    stale_share: float = 0.0  # of the keys with a time to live, by a running average: dead ones
    time_cap_reached_count: int = 0
    used_us: int = 0

    def reset_counts(self) -> None:
        """CONFIG RESETSTAT."""
        self.stale_share = 0.0
        self.time_cap_reached_count = self.used_us = 0


def active_cycle(node: Node) -> Cycle:
    """Run one cycle over all databases and report its rounds."""
    effort = node.config.active_expire_effort - 1
    return _cycle(node, (BUDGET_PERCENT + 2 * effort) * 10_000 // node.config.hz)


def fast_cycle(node: Node) -> Cycle | None:
    """Run a short cycle if the last one could not finish; not again before twice its time has passed."""
    progress, now_us = node.expiry, node.clock()
    budget_us = FAST_BUDGET_US + FAST_BUDGET_US // 4 * (node.config.active_expire_effort - 1)
    if not progress.out_of_time or now_us < progress.last_fast_us + 2 * budget_us:
        return None
    progress.last_fast_us = now_us
    return _cycle(node, budget_us)


def _cycle(node: Node, budget_us: int) -> Cycle:
    progress = node.expiry
    started_us = node.clock()
    cycle = Cycle()
    for _ in node.databases:
        database = node.databases[progress.next_database % len(node.databases)]
        progress.next_database += 1  # also when time runs out in this one: the next is not to starve
        if not database.expires:
            continue
        _expire_in(database, cycle, started_us + budget_us)
        if cycle.out_of_time:
            progress.time_cap_reached_count += 1
            break
    progress.out_of_time = cycle.out_of_time
    progress.used_us += node.clock() - started_us
    stale = cycle.expired / cycle.sampled if cycle.sampled else 0
    progress.stale_share = 0.05 * stale + 0.95 * progress.stale_share
    return cycle


def _expire_in(database: Database, cycle: Cycle, until_us: int) -> None:
    """Rounds in one database, until few of a sample were dead or the time is up."""
    node = database.node
    effort = node.config.active_expire_effort - 1
    keys_per_round = KEYS_PER_ROUND + KEYS_PER_ROUND // 4 * effort
    while database.expires:
        sample = sample_round(database, keys_per_round)
        cycle.rounds.append(sample)
        if len(cycle.rounds) % ROUNDS_BETWEEN_CLOCK_READINGS == 0 and node.clock() > until_us:
            cycle.out_of_time = True
            return
        if not sample.sampled:
            return
        if len(sample.expired) * 100 // len(sample.sampled) <= ACCEPTABLE_STALE_PERCENT - effort:
            return


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

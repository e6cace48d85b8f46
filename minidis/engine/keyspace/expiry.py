"""Active expiry: a cycle that finds dead keys nobody asks for.

Lazy expiry (`Database.find`) only meets keys that are read.  So several times a second the node
samples the keys that have a time to live, 20 at a time, deletes those whose time has passed, and
goes on as long as more than a tenth of a sample was dead:

    sample 20 ---> 3 dead (15 %) ---> sample 20 ---> 1 dead (5 %) ---> enough

At rest, then, at most about a tenth of the expired keys still fill memory: a promise by statistics,
not by a timer for each key.  `active-expire-effort` (1 to 10) raises the sample and lowers the share.

A cycle has a quarter of a CPU's time and no more.  When that ended it, there is work left, and until the
next one *fast* cycles of a millisecond each run whenever the commands that had come are done.  In a server a
cycle takes its quarter in parts (`Progress.part_us`), so that nobody waits for all of it:

    cron |-- 3 ms --|   commands   |-- 3 ms --|   commands   |-- 3 ms --| ...      25 ms of 100 in all

Mirrors: `activeExpireCycle` in expire.c.
Differs: Redis knows no parts, and looks at the clock after sixteen rounds, not after each.  The budget is
watched on the node's clock, so in virtual time, where a cycle takes no time at all, only the stale share ends
it, and no fast cycle follows.
Complexity: O(sample) for each round.

Read next: minidis/commands/keys.py for EXPIRE and TTL.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from minidis.structures.record import field, record

if TYPE_CHECKING:
    from minidis.engine.keyspace.database import Database
    from minidis.engine.node import Node

KEYS_PER_ROUND = 20
ACCEPTABLE_STALE_PERCENT = 10
BUDGET_PERCENT = 25
FAST_BUDGET_US = 1000
PART_US = 3000
"""How long a server's cycle works at a stretch."""

AT_A_STRETCH_US = 1_000_000
"""The whole budget in one part."""

BUCKETS_PER_KEY = 20
NEW_KEYS_PER_ROUND = 500
NEW_KEYS_AT_ONCE = 100


@record
class Round:
    """One sample: the keys looked at in this database, and which of them were dead."""

    database: int
    sampled: list[bytes] = field(default_factory=list)
    expired: list[bytes] = field(default_factory=list)


@record
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


class Progress:
    """What the cycles of a node remember, and what INFO tells of them; the service that goes on with one."""

    def __init__(self, node: Node) -> None:
        self.node = node
        self.next_database = 0
        self.out_of_time = False  # the last cycle was ended by its budget
        self.last_part_us = 0
        self.part_us = AT_A_STRETCH_US
        self.left_us = 0  # of the budget of the cycle that goes on
        self._next_part_us = 0
        self.reset_counts()

    def reset_counts(self) -> None:
        """CONFIG RESETSTAT."""
        self.stale_share = 0.0  # of the keys with a time to live, by a running average: dead ones
        self.time_cap_reached_count = self.used_us = 0

    def work(self, left_us: int) -> Cycle:
        """A part of a cycle that has so much of its budget left; the next part, if any, comes in its turn."""
        used_us = self.used_us
        cycle = run_part(self.node, min(self.part_us, left_us))
        was_on, self.left_us = self.left_us > 0, 0
        if cycle.out_of_time:
            self.left_us = max(0, left_us - (self.used_us - used_us))
            self.time_cap_reached_count += not self.left_us
            self._rest()
        if was_on != (self.left_us > 0):
            (self.node.services.remove if was_on else self.node.services.append)(self)
        return cycle

    def tick(self) -> None:
        if self.node.now_us < self._next_part_us:
            return
        if self.node.active_expiry and self.node.deletes_expired_keys:
            self.work(self.left_us)
        else:
            self.left_us = 0
            self.node.services.remove(self)
            for database in self.node.databases:
                database.expires.stop_listing()

    def next_deadline_us(self) -> int | None:
        return self._next_part_us

    def _rest(self) -> None:
        """The parts, and the time between them, fill the time between two cycles."""
        share = BUDGET_PERCENT + 2 * (self.node.config.active_expire_effort - 1)
        self._next_part_us = self.node.clock() + self.part_us * (100 - share) // share


def active_cycle(node: Node) -> Cycle:
    """Run one cycle over all databases and report its rounds, or those of its first part."""
    effort = node.config.active_expire_effort - 1
    budget_us = (BUDGET_PERCENT + 2 * effort) * 10_000 // node.config.hz
    if node.expiry.left_us:  # the one before is not through: its parts go on, with a new budget
        node.expiry.left_us = budget_us
        return Cycle()
    return node.expiry.work(budget_us)


def fast_cycle(node: Node) -> Cycle | None:
    """Run a short cycle if the last one could not finish; not before twice its time has passed since."""
    progress, now_us = node.expiry, node.clock()
    budget_us = FAST_BUDGET_US + FAST_BUDGET_US // 4 * (node.config.active_expire_effort - 1)
    if not progress.out_of_time or now_us < progress.last_part_us + 2 * budget_us:
        return None
    cycle = run_part(node, budget_us)
    progress.time_cap_reached_count += cycle.out_of_time
    return cycle


def run_part(node: Node, budget_us: int) -> Cycle:
    """Rounds in all databases, for so long at most."""
    progress = node.expiry
    started_us = node.clock()
    cycle = Cycle()
    expiring = [database for database in node.databases if database.expires]
    for _ in node.databases if expiring else ():
        database = node.databases[progress.next_database % len(node.databases)]
        progress.next_database += 1  # also when time runs out in this one: the next is not to starve
        if not database.expires:
            continue
        _expire_in(database, cycle, started_us + budget_us)
        if cycle.out_of_time:
            break
    progress.out_of_time = cycle.out_of_time
    progress.last_part_us = node.clock()
    progress.used_us += progress.last_part_us - started_us
    stale = cycle.expired / cycle.sampled if cycle.sampled else 0
    progress.stale_share = 0.05 * stale + 0.95 * progress.stale_share
    return cycle


def _expire_in(database: Database, cycle: Cycle, until_us: int) -> None:
    """Rounds in one database, until few of a sample were dead or the time is up."""
    node = database.node
    effort = node.config.active_expire_effort - 1
    keys_per_round = KEYS_PER_ROUND + KEYS_PER_ROUND // 4 * effort
    if not node.works_at_once:
        database.expires.list_for_index()
    database.expires.catch_up()
    while database.expires.is_listing:
        database.expires.take_in()
        if node.clock() > until_us:
            cycle.out_of_time = True
            return
    while database.expires:
        is_unknown = database.expires.is_far_behind
        sample = Round(database.index) if is_unknown else sample_round(database, keys_per_round)
        if database.expires.is_behind:
            look_at_new_keys(database, sample, until_us)
        cycle.rounds.append(sample)
        if node.clock() > until_us:
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
        database.expiry_cursor, keys = database.expires.scan_known(database.expiry_cursor)
        found.update(dict.fromkeys(keys))
        if len(found) >= wanted:
            break
    expired = [key for key in found if database.is_due(key)]
    for key in expired:
        database.expire_now(key)
    return Round(database.index, list(found), expired)


def look_at_new_keys(database: Database, sample: Round, until_us: int) -> None:
    """So many keys were given a time to live that the index, which a sample is drawn from, lacks some.

    The oldest of those are looked at before it takes them in, and come to the sample.
    """
    for _ in range(NEW_KEYS_PER_ROUND // NEW_KEYS_AT_ONCE):
        keys = database.expires.unseen(NEW_KEYS_AT_ONCE)
        expired = [key for key in keys if database.is_due(key)]
        for key in expired:
            database.expire_now(key)
        database.expires.take_in(len(keys) - len(expired))
        sample.sampled += keys
        sample.expired += expired
        if not keys or database.node.clock() > until_us:
            return

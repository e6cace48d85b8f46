"""Incident day: nodes on which one, two or three things are wrong at once, on top of everyday traffic.

    incident(seed=4, faults=["slow command", "client leak"])
    day(seed=4)                  six incidents: (node, its faults) each

The faults of chapter 8's roulette, and three that production adds. They are *done*, one after the other, so
their signs stand side by side, and some hide others' (evictions are misses, too; a full node refuses writes).
What no gauge could tell apart is never mixed (`APART`).

Read next: minidis/course/models/roulette.py.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from itertools import combinations
from random import Random

from minidis.course.models import roulette
from minidis.drivers.embedded import Embedded
from minidis.protocol.replies import ReplyError


def _cold_cache(node: Embedded, random: Random) -> None:
    """A deployment has changed the names of the keys: nothing is found any more, nothing was evicted."""
    for number in range(random.randrange(1200, 2000)):
        node.execute("GET", f"v2:user:{number % 400}")


def _broken_release(node: Embedded, random: Random) -> None:
    """The new version treats a hash as a string; its errors go into a log that nobody reads."""
    node.execute("HSET", "profile:1", "name", "ada")
    for _ in range(random.randrange(150, 300)):
        try:
            node.execute("GET", "profile:1")
        except ReplyError:
            pass


def _failing_snapshots(node: Embedded, random: Random) -> None:
    """The disk is full: every BGSAVE fails, and has for hours."""
    node.disk.capacity_bytes = 0
    for _ in range(random.randrange(2, 4)):
        node.execute("SET", "user:1", "x")
        node.execute("BGSAVE")
        node.step(2)


FAULTS: dict[str, Callable[[Embedded, Random], None]] = {
    "slow command": roulette.FAULTS["slow command"],
    "slow script": roulette.FAULTS["slow script"],
    "client leak": roulette.FAULTS["client leak"],
    "churn": roulette.FAULTS["churn"],
    "expiry storm": roulette.FAULTS["expiry storm"],
    "slow reader": roulette.FAULTS["slow reader"],
    "replica lag": roulette.FAULTS["replica lag"],
    "cold cache": _cold_cache,
    "broken release": _broken_release,
    "failing snapshots": _failing_snapshots,
    "eviction storm": roulette.FAULTS["eviction storm"],
    "memory full": roulette.FAULTS["memory full"],
}
"""In the order in which they are done: what refuses writes comes last."""

APART = [
    {"slow command", "slow script"},  # a script's KEYS stands in the slow log, too
    {"client leak", "churn"},  # both are a number of connections
    {"eviction storm", "cold cache"},  # what was evicted is a miss
    {"eviction storm", "memory full"},  # two policies
    {"eviction storm", "expiry storm"},  # what was evicted never expires
    {"eviction storm", "failing snapshots"},  # MISCONF refuses the writes that would evict
    {"memory full", "failing snapshots"},
    {"memory full", "replica lag"},
    {"slow reader", "replica lag"},  # both are output buffers
    {"eviction storm", "replica lag"},
    {"replica lag", "failing snapshots"},
]
INCIDENTS = 6


def incident(seed: int, faults: Iterable[str] = ()) -> Embedded:
    """Everyday traffic and these faults; none: a quiet day.  Raises ValueError for what is no fault."""
    wanted = set(faults)
    if unknown := wanted - FAULTS.keys():
        raise ValueError(f"no fault {sorted(unknown)[0]!r}; there are {', '.join(FAULTS)}")
    node = roulette.spin(seed, roulette.HEALTHY)
    random = Random(f"incident {seed}")
    for name, fault in FAULTS.items():
        if name in wanted:
            fault(node, random)
    node.step(2)
    return node


def mixes(size: int) -> list[tuple[str, ...]]:
    """All sets of so many faults that a gauge can tell apart."""
    return [mix for mix in combinations(FAULTS, size) if not any(pair <= {*mix} for pair in APART)]


def drawn(seed: int) -> list[tuple[str, ...]]:
    """The faults of a day: one quiet false alarm, one single fault, three pairs, one of three; shuffled."""
    random = Random(f"day {seed}")
    found = [(), *(random.choice(mixes(size)) for size in (1, 2, 2, 2, 3))]
    random.shuffle(found)
    return found


def day(seed: int) -> list[tuple[Embedded, tuple[str, ...]]]:
    """Six incidents with their faults."""
    return [(incident(seed * 10 + number, faults), faults) for number, faults in enumerate(drawn(seed))]

"""How a key's use is remembered: a time for LRU, a time and a counter for LFU.

Redis has 24 bits for it in every object, and reads them by the policy of `maxmemory-policy`:

    LRU    [ seconds of the last access, 24 bits: the clock comes round after 194 days ]
    LFU    [ minutes of the last access, 16 bits ][ counter, 8 bits ]

Eight bits count a million accesses, because the counter is a *logarithm by chance*: the higher it
stands, the less likely an access is to raise it.  It begins at 5, so that a new key may prove itself,
and the chance at counter c is 1 / ((c - 5) * lfu-log-factor + 1): with the factor 10 a hundred accesses
lead to about 10, a thousand to 18, a million to 255.  And it forgets: one point for every
`lfu-decay-time` minutes without an access, worked out when somebody looks, so that nobody has to walk
over the keys.

Nobody who evicts by time pays for LFU: a database *turns into* a CountingDatabase while such a policy is
set, and back (the State pattern, as in structures/dicttable.py).

Mirrors: `LFULogIncr`, `LFUDecrAndReturn`, `estimateObjectIdleTime` in evict.c, `lookupKey` in db.c.
Differs: time and counter stand in two fields, so a value that was never counted, because the policy was
another one, begins with 5 at its last access, where Redis takes the bits of a time for a counter.
Complexity: O(1), at each access.

>>> from random import Random
>>> random, counter = Random(1), LFU_INITIAL
>>> for _ in range(1000):
...     counter = raise_counter(counter, 10, random)
>>> counter
20

Read next: eviction.py.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from random import Random
from typing import TYPE_CHECKING

from minidis.engine.keyspace.database import Database
from minidis.engine.messages.tracking import command_keys
from minidis.values.base import Value
from minidis.values.string import String, encode

if TYPE_CHECKING:
    from minidis.engine.client import Client
    from minidis.engine.command_table.registry import Command
    from minidis.engine.node import Node

LRU_CLOCK_MAX = (1 << 24) - 1
LRU_CLOCK_RESOLUTION_US = 1_000_000
LFU_INITIAL = 5
LFU_MOST = 255
_MINUTE_US = 60_000_000
_MINUTES_MAX = (1 << 16) - 1


# ---- LRU -------------------------------------------------------------------------------------------------


def idle_ms(value: Value, now_us: int) -> int:
    """Milliseconds since the last access, on Redis's clock: whole seconds, 24 bits of them."""
    now = now_us // LRU_CLOCK_RESOLUTION_US & LRU_CLOCK_MAX
    accessed = value.accessed_us // LRU_CLOCK_RESOLUTION_US & LRU_CLOCK_MAX
    ticks = now - accessed if now >= accessed else now + LRU_CLOCK_MAX - accessed
    return ticks * (LRU_CLOCK_RESOLUTION_US // 1000)


# ---- LFU -------------------------------------------------------------------------------------------------


def raise_counter(counter: int, log_factor: int, random: Random) -> int:
    """The counter after one more access: by one, with a chance that falls as it rises."""
    if counter >= LFU_MOST:
        return LFU_MOST
    chance = 1.0 / (max(counter - LFU_INITIAL, 0) * log_factor + 1)
    return counter + (random.random() < chance)


def decayed_counter(counter: int, idle_minutes: int, decay_minutes: int) -> int:
    """The counter after so many minutes without an access: a point less for each period (0: never)."""
    return max(0, counter - idle_minutes // decay_minutes) if decay_minutes else counter


def frequency(value: Value, node: Node) -> int:
    """The answer of OBJECT FREQ: the counter of a value as it stands now.  Changes nothing."""
    minute, counter = _counted(value)
    now = _minute(node.now_us)
    idle_minutes = now - minute if now >= minute else _MINUTES_MAX - minute + now
    return node.decay_counter(counter, idle_minutes, node.config.lfu_decay_time)


def set_frequency(value: Value, counter: int, now_us: int) -> None:
    """Give a value its counter (RESTORE FREQ, an RDB file)."""
    value.lfu = _minute(now_us) << 8 | counter


def set_use(value: Value, node: Node, idle_s: int | None, frequency: int | None) -> None:
    """Give a value what RESTORE or an RDB file says of its use, as far as the policy looks at it."""
    if is_lfu(node.config.maxmemory_policy):
        if frequency is not None:
            set_frequency(value, frequency, node.now_us)
    elif idle_s is not None:
        value.accessed_us = node.now_us - idle_s * 1_000_000


def use_to_save(value: Value, node: Node) -> tuple[int | None, int | None]:
    """What an RDB file says of a value's use, as far as the policy looks at it: idle seconds, frequency."""
    policy = node.config.maxmemory_policy
    if is_lfu(policy):
        return None, frequency(value, node)
    if policy.endswith("-lru"):
        return idle_ms(value, node.now_us) // 1000, None
    return None, None


def _counted(value: Value) -> tuple[int, int]:
    """Minute and counter of the last access."""
    packed = getattr(value, "lfu", None)
    if packed is None:
        return _minute(value.accessed_us), LFU_INITIAL
    return packed >> 8, packed & 255


def _minute(time_us: int) -> int:
    return time_us // _MINUTE_US & _MINUTES_MAX


def _count_access(value: Value, node: Node) -> None:
    counter = node.raise_counter(frequency(value, node), node.config.lfu_log_factor, node.random)
    value.lfu = _minute(node.now_us) << 8 | counter


class CountingDatabase(Database):
    """What a database is while the policy is an LFU one: each of its verbs counts the access too."""

    def find(self, key, kind=None):  # type: ignore[no-untyped-def]
        value = super().find(key, kind)
        if value is not None:
            _count_access(value, self.node)
        return value

    def edit(self, key, kind=None):  # type: ignore[no-untyped-def]
        value = super().edit(key, kind)
        if value is not None:
            _count_access(value, self.node)
        return value

    def put(self, key: bytes, value: Value, keep_ttl: bool = False) -> None:
        """A value that takes the place of another takes over its counter."""
        former = self.table.get(key)
        super().put(key, value, keep_ttl)
        if former is None:
            set_frequency(value, LFU_INITIAL, self.node.now_us)
        else:
            _count_access(former, self.node)
            value.lfu = former.lfu

    def put_string(self, key: bytes, content: bytes, keep_ttl: bool = False) -> None:
        self.put(key, String(encode(content)), keep_ttl)

    def create(self, key: bytes, value):  # type: ignore[no-untyped-def]
        set_frequency(value, LFU_INITIAL, self.node.now_us)
        return super().create(key, value)


def is_lfu(policy: str) -> bool:
    """Is this one of the policies that count?"""
    return policy.endswith("-lfu")


def update_bookkeeping(node: Node) -> None:
    """After `maxmemory-policy` changed: databases count, or they don't."""
    kind = CountingDatabase if is_lfu(node.config.maxmemory_policy) else Database
    for database in node.databases:
        # assigning a class makes Python's attributes slower, even where it is the same
        if type(database) is not kind:
            database.__class__ = kind


# ---- CLIENT NO-TOUCH -------------------------------------------------------------------------------------


_BRING_ANOTHER = ("copy", "rename", "restore", "restore-asking")
"""What these put in the place of a value has just come; others' results take over the use of the value."""


@contextmanager
def no_trace(client: Client, command: Command, argv: list[bytes]) -> Iterator[None]:
    """While a command runs whose client wants to leave no trace: afterwards its keys look unused again."""
    table = client.db.table
    values = {key: value for key in command_keys(command, argv) if (value := table.get(key)) is not None}
    traces = [(value.accessed_us, getattr(value, "lfu", None)) for value in values.values()]
    try:
        yield
    finally:
        for (key, former), (accessed_us, lfu) in zip(values.items(), traces, strict=True):
            value = client.db.table.get(key)
            if value is former or (value is not None and command.name not in _BRING_ANOTHER):
                value.accessed_us = accessed_us
                if lfu is not None:
                    value.lfu = lfu

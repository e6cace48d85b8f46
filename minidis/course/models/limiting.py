"""Rate limiters on trial: the same calls, at the same moments, to each of them, and to the rule itself.

    calls    | | ||||||    ||||||| |  |  |
    limiter  ✓ ✓ ✓✓✓✗✗✗    ✓✓✓✗✗✗✗ ✓  ✓  ✓
    the rule ✓ ✓ ✓✓✓✗✗✗    ✗✗✗✗✗✗✗ ✓  ✓  ✓      never more than so many in any window

The rule is the sliding window: a call is let through when fewer than `limit` were let through within the last
`window_s` seconds; a refused call counts for nothing. A limiter that remembers less than every call can only
come near to it, from one side or the other.

A limiter is a function `allow(redis) -> bool`. It runs on a node of its own whose clock is frozen and moved
from call to call, so a day takes no time, and the same each time.

>>> rule([0, 1, 2, 9, 10.5], limit=2, window_s=10)
[True, True, False, False, True]
>>> Trial([0, 9, 11, 12], [True] * 4, limit=2, window_s=10).most_in_a_window()
3

Read next: minidis/notebook/views/admissions.py, the picture.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from minidis.client import connect
from minidis.course.case import START
from minidis.drivers.embedded import Embedded

Limiter = Callable[[Any], bool]


def attack(limit: int = 10, window_s: float = 60) -> list[float]:
    """The moments of calls, in seconds: somebody polite, two bursts at an edge, a flood, somebody steady.

    In windows: 0-1 polite; from 1 on one call, and around the end of the window that it begins two bursts;
    3-4 five calls a second; 5-7 a fifth more than allowed, evenly; 8-10 a fifth less than allowed, evenly.
    """
    polite = [window_s / 5 * number for number in range(5)]
    opened = window_s + 1  # one call begins a window: it ends at 2 * window_s + 1
    edge = [opened, *(opened + window_s - 0.8 + number / (2 * limit) for number in range(limit - 1))]
    edge += [opened + window_s + 0.2 + number / (2 * limit) for number in range(limit)]
    flood = [3 * window_s + number / 5 for number in range(int(window_s * 5))]
    pace_s = window_s / limit
    fast = [5 * window_s + number * pace_s / 1.2 for number in range(int(2.4 * limit))]
    slow = [8 * window_s + number * pace_s / 0.8 for number in range(int(1.6 * limit))]
    return [round(time_s, 3) for time_s in polite + edge + flood + fast + slow]


def rule(times_s: Iterable[float], limit: int, window_s: float) -> list[bool]:
    """What the sliding window says to each call."""
    admitted: list[float] = []
    verdicts = []
    for time_s in times_s:
        allowed = sum(_within(time_s, earlier, window_s) for earlier in admitted[-limit:]) < limit
        verdicts.append(allowed)
        if allowed:
            admitted.append(time_s)
    return verdicts


def _within(time_s: float, earlier_s: float, window_s: float) -> bool:
    """Is the earlier call within the window before this one? By whole microseconds, as Redis's clock goes."""
    return round((time_s - earlier_s) * 1_000_000) < round(window_s * 1_000_000)


@dataclass
class Trial:
    """What a limiter said to each call, and what it cost."""

    times_s: list[float]
    verdicts: list[bool]
    limit: int
    window_s: float
    largest_bytes: int = 0
    """The most memory that its keys took at any moment."""

    @property
    def admitted(self) -> list[float]:
        return [time_s for time_s, allowed in zip(self.times_s, self.verdicts, strict=True) if allowed]

    def most_in_a_window(self) -> int:
        """The most calls let through within any stretch of `window_s` seconds."""
        pairs = zip(self.verdicts, self._recent(), strict=True)
        return max((recent + 1 for allowed, recent in pairs if allowed), default=0)

    def by_the_rule(self) -> Trial:
        """The same calls, judged by the rule itself."""
        verdicts = rule(self.times_s, self.limit, self.window_s)
        return Trial(self.times_s, verdicts, self.limit, self.window_s)

    def too_many(self) -> list[bool]:
        """Calls that were let through although `limit` others had been within the last window."""
        pairs = zip(self.verdicts, self._recent(), strict=True)
        return [allowed and recent >= self.limit for allowed, recent in pairs]

    def too_few(self) -> list[bool]:
        """Calls that were refused although fewer than `limit` had been let through within the last window."""
        pairs = zip(self.verdicts, self._recent(), strict=True)
        return [not allowed and recent < self.limit for allowed, recent in pairs]

    def starved_s(self) -> float:
        """The longest time during which every call was refused although there was room."""
        longest, since_s = 0.0, None
        for time_s, for_nothing in zip(self.times_s, self.too_few(), strict=True):
            since_s = None if not for_nothing else time_s if since_s is None else since_s
            longest = max(longest, time_s - since_s if since_s is not None else 0.0)
        return longest

    def _recent(self) -> list[int]:
        """At each call, how many had been let through within the last window."""
        admitted: list[float] = []
        counts = []
        for time_s, allowed in zip(self.times_s, self.verdicts, strict=True):
            counts.append(sum(_within(time_s, earlier, self.window_s) for earlier in admitted))
            if allowed:
                admitted.append(time_s)
        return counts

    def summary(self) -> dict[str, float]:
        return {
            "admitted": len(self.admitted),
            "most in a window": self.most_in_a_window(),
            "against the rule": sum(self.too_many()),
            "starved, s": round(self.starved_s(), 1),
            "bytes at most": self.largest_bytes,
        }


def play(
    limiter: Limiter,
    times_s: Sequence[float],
    limit: int = 10,
    window_s: float = 60,
    clock_steps: Sequence[tuple[float, float]] = (),
) -> Trial:
    """Let a limiter judge calls at these moments.  `clock_steps`: (when, by how many seconds) its node's wall
    clock is corrected."""
    node = Embedded(clock=START, seed=1)
    redis = connect(node)
    redis.ping()
    start_us, off_us = node.now_us, 0
    steps = sorted(clock_steps)
    verdicts, largest_bytes = [], 0
    for time_s in times_s:
        while steps and steps[0][0] <= time_s:
            off_us += round(steps.pop(0)[1] * 1_000_000)
        node.jump(start_us + round(time_s * 1_000_000) + off_us)
        verdicts.append(bool(limiter(redis)))
        largest_bytes = max(largest_bytes, bytes_of_keys(node))
    return Trial(list(times_s), verdicts, limit, window_s, largest_bytes)


def bytes_of_keys(node: Embedded) -> int:
    """MEMORY USAGE of all keys."""
    keys = node.execute("KEYS", "*")
    return sum(node.execute("MEMORY", "USAGE", key, "SAMPLES", 0) for key in keys)

"""Virtual time: a clock that jumps from event to event.

    agenda.at(5_000, deliver)       what is to happen, and when (microseconds)
    agenda.at(2_000, tick)
    agenda.step()                   now = 2_000, tick()
    agenda.step()                   now = 5_000, deliver()

Nothing ever waits. An hour of a quiet cluster costs as much as the events in it. Two events of the same
moment happen in the order in which they were planned, so the same plans give the same history.

Complexity: O(log events) for each.

>>> agenda = Agenda(now_us=0)
>>> _ = agenda.at(5, lambda: print("second")); first = agenda.at(2, lambda: print("first"))
>>> agenda.step(), agenda.now_us
first
(True, 2)
>>> agenda.run_until(10); agenda.now_us
second
10

Read next: wires.py.
"""

from __future__ import annotations

import heapq
import re
from collections.abc import Callable

from minidis.drivers import interrupts

Action = Callable[[], None]

_UNITS_US = {"us": 1, "ms": 1_000, "s": 1_000_000, "m": 60_000_000, "min": 60_000_000, "h": 3_600_000_000}
_DURATION = re.compile(r"(-?[0-9.]+)\s*([a-z]*)").fullmatch


def microseconds(duration: str | float | int) -> int:
    """A duration: "5s", "200ms", "1m", "2h"; a number is seconds.

    >>> microseconds("200ms"), microseconds(1.5), microseconds("-2s")
    (200000, 1500000, -2000000)
    """
    if isinstance(duration, int | float):
        return round(duration * 1_000_000)
    found = _DURATION(duration.strip())
    if found is None or (found[2] or "s") not in _UNITS_US:
        raise ValueError(f"not a duration: {duration!r} (write 5s, 200ms, 1m, 2h)")
    return round(float(found[1]) * _UNITS_US[found[2] or "s"])


class Planned:
    """An event to come; `cancel()` takes it off the agenda."""

    __slots__ = ("time_us", "action")

    def __init__(self, time_us: int, action: Action) -> None:
        self.time_us = time_us
        self.action: Action | None = action

    def cancel(self) -> None:
        self.action = None


class Agenda:
    """Events in order of time."""

    def __init__(self, now_us: int) -> None:
        self.now_us = now_us
        self.steps = 0
        self._heap: list[tuple[int, int, Planned]] = []
        self._planned = 0

    def at(self, time_us: int, action: Action) -> Planned:
        """Plan an event; one for the past happens now, after what is planned for now already."""
        planned = Planned(max(time_us, self.now_us), action)
        self._planned += 1
        heapq.heappush(self._heap, (planned.time_us, self._planned, planned))
        return planned

    def after(self, delay_us: int, action: Action) -> Planned:
        return self.at(self.now_us + delay_us, action)

    def next_time_us(self) -> int | None:
        """When the next event happens; None when nothing is planned."""
        heap = self._heap
        while heap and heap[0][2].action is None:
            heapq.heappop(heap)
        return heap[0][0] if heap else None

    def step(self) -> bool:
        """Go to the next event and let it happen.  False when nothing is planned."""
        if self.next_time_us() is None:
            return False
        self._take()
        return True

    @interrupts.must_be_whole
    def _take(self) -> None:
        self.now_us, _, planned = heapq.heappop(self._heap)
        action, planned.action = planned.action, None
        if action is not None:
            self.steps += 1
            action()

    def run_until(self, time_us: int) -> None:
        """Let everything up to `time_us` happen, and stand there."""
        heap = self._heap
        while heap and heap[0][0] <= time_us:
            self._take()
        self.now_us = max(self.now_us, time_us)

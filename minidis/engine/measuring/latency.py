"""The latency monitor: spikes of at least `latency-monitor-threshold` milliseconds, by their event.

    command        a command that may be slow       expire-cycle     the active expiry cycle
    fast-command   one of O(1) or O(log N)          eviction-cycle   eviction

Each event has the last 160 seconds in which it had a spike, and of each second the worst. With a threshold
of zero the monitor is off, and costs one comparison for each timed command.

    node.latency.sample("aof-fsync-always", 120)      for whoever does something that may be slow

Mirrors: latency.c.
Complexity: a sample O(1); an analysis O(samples).

>>> from minidis.drivers.embedded import Embedded
>>> redis = Embedded({"latency-monitor-threshold": "100"}, clock=0)
>>> redis.execute("DEBUG", "SLEEP", "0.25"), redis.execute("LATENCY", "LATEST")
('OK', [[b'command', 0, 250, 250]])

Read next: minidis/commands/latency.py.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

from minidis.structures.record import NamedTuple, record

if TYPE_CHECKING:
    from minidis.engine.node import Node

MOST_SAMPLES = 160


class Sample(NamedTuple):
    """The worst spike of one second."""

    time_s: int
    latency_ms: int


class Series:
    """The spikes of one event, oldest first."""

    __slots__ = ("samples", "worst_ms")

    def __init__(self) -> None:
        self.samples: deque[Sample] = deque(maxlen=MOST_SAMPLES)
        self.worst_ms = 0

    def add(self, time_s: int, latency_ms: int) -> None:
        self.worst_ms = max(self.worst_ms, latency_ms)
        if self.samples and self.samples[-1].time_s == time_s:
            latency_ms = max(latency_ms, self.samples.pop().latency_ms)
        self.samples.append(Sample(time_s, latency_ms))


@record(frozen=True)
class Analysis:
    """What LATENCY DOCTOR says of an event; the deviation is the mean absolute one."""

    average_ms: int
    deviation_ms: int
    period_s: int
    count: int


class LatencyMonitor:
    """The series of one node."""

    def __init__(self, node: Node) -> None:
        self.node = node
        self.events: dict[str, Series] = {}

    def sample(self, event: str, latency_ms: int) -> None:
        """`event` took so long: kept if that is a spike."""
        threshold_ms = self.node.config.latency_monitor_threshold
        if threshold_ms and latency_ms >= threshold_ms:
            self.events.setdefault(event, Series()).add(self.node.now_us // 1_000_000, latency_ms)

    def reset(self, events: set[str] | None = None) -> int:
        """Forget these events, or all; the number forgotten."""
        doomed = [event for event in self.events if events is None or event.lower() in events]
        for event in doomed:
            del self.events[event]
        return len(doomed)

    def analysis(self, event: str) -> Analysis:
        samples = self.events[event].samples
        latencies = [sample.latency_ms for sample in samples]
        average_ms = sum(latencies) // len(latencies)
        deviation_ms = sum(abs(average_ms - latency) for latency in latencies) // len(latencies)
        period_s = self.node.now_us // 1_000_000 - min(sample.time_s for sample in samples)
        return Analysis(average_ms, deviation_ms, max(period_s, 1), len(samples))

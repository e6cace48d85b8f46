"""What a node counts while it works: calls, time and failures of each command, errors by their code, rates.

    command.calls += 1                              every node, always: it costs what a plain counter did
                                                    (a call that ran ahead: when somebody asks, see `settle`)
    started -> handler -> duration -> histogram     where commands are timed

Timing wraps `command.invoke` of this node's own copy of the table, so that a command that is not timed pays
nothing. Two readings of the stopwatch and a list cost 0.3 us, half of a GET in process and little of one
over TCP; so a server times every command, an embedded node only those that can be slow: all but the `fast`
ones and the few that are called most (UNTIMED).

A duration goes three ways: into the command's histogram (LATENCY HISTOGRAM, INFO latencystats), into the
slow log, and, where it is a spike, to the latency monitor. Waiting for a key is not part of it.

Mirrors: server.c (call, updateCommandLatencyHistogram, trackInstantaneousMetric), hdr_histogram.
Complexity: O(1) for each command.

>>> histogram = Histogram()
>>> for microseconds in (10, 20, 20, 300): histogram.record(microseconds)
>>> histogram.percentile_us(50), histogram.powers_of_two()
(20.095, {16: 1, 33: 3, 528: 4})

Read next: slowlog.py, latency.py.
"""

from __future__ import annotations

import math
from collections import Counter, deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from minidis.engine.client import Buffers
from minidis.engine.command_table.binding import Invoke
from minidis.engine.command_table.registry import Command
from minidis.engine.waiting import Wait
from minidis.protocol.replies import ReplyError

if TYPE_CHECKING:
    from minidis.engine.client import Client
    from minidis.engine.node import Node

UNTIMED = frozenset(("set", "incrby", "mget", "mset", "setbit"))
"""Not `fast` by their flags, and yet too fast for a stopwatch where nobody asked for one."""

SAMPLES = 16
SAMPLE_EVERY_US = 100_000
HALF_BUCKETS_BITS = 8
LONGEST_NS = 1_000_000_000
ERROR_CODES_LIMIT = 128
MOST_UNFOLDED = 1024
RECENT_S = 8
"""So long INFO remembers the largest buffer of a client."""

NEVER_NS = 1 << 62


class Histogram:
    """Durations in nanoseconds, to two significant digits: 128 steps for each power of two (HDR histogram).

    256..511 ns in steps of 2, 512..1023 in steps of 4, ...
    """

    __slots__ = ("counts", "total")

    def __init__(self) -> None:
        self.counts: dict[int, int] = {}  # least value of a step -> how often
        self.total = 0

    def record(self, duration_us: int, count: int = 1) -> None:
        """Add a duration, so many times; all above a second count as a second."""
        duration_ns = min(max(duration_us * 1000, 1), LONGEST_NS)
        shift = duration_ns.bit_length() - HALF_BUCKETS_BITS
        step = duration_ns >> shift << shift if shift > 0 else duration_ns
        self.counts[step] = self.counts.get(step, 0) + count
        self.total += count

    def percentile_us(self, percentile: float) -> float:
        """The duration that `percentile` per cent of all did not exceed, in microseconds."""
        wanted = max(1, math.floor(percentile / 100 * self.total + 0.5))
        seen = 0
        for step in sorted(self.counts):
            seen += self.counts[step]
            if seen >= wanted:
                return _last_of_step(step) / 1000
        return 0.0

    def powers_of_two(self) -> dict[int, int]:
        """Doubling bounds in microseconds, and how many durations were at most that (LATENCY HISTOGRAM)."""
        bounds: dict[int, int] = {}
        steps = sorted(self.counts)
        seen, at, power_ns = 0, 0, 1024
        while seen < self.total:
            before = seen
            while at < len(steps) and steps[at] <= power_ns:
                seen += self.counts[steps[at]]
                at += 1
            if seen > before:
                bound_ns = power_ns if power_ns > LONGEST_NS else _last_of_step(power_ns)
                bounds[bound_ns // 1000] = seen
            power_ns *= 2
        return bounds


def _shift(value_ns: int) -> int:
    return max(0, value_ns.bit_length() - HALF_BUCKETS_BITS)


def _last_of_step(step: int) -> int:
    return step + (1 << _shift(step)) - 1


class Timing:
    """How long one command takes.  Durations are first put aside, then folded into a sum and a histogram."""

    __slots__ = ("ahead_ns", "command", "durations_ns", "folded_us", "histogram", "invoke")

    def __init__(self, command: Command, invoke: Invoke) -> None:
        self.command = command
        self.invoke = invoke  # the command's own, without a stopwatch
        self.durations_ns: list[int] = []
        self.ahead_ns: list[int] = []  # of calls that ran ahead: `command.calls` does not know of them yet
        self.folded_us = 0
        self.histogram = Histogram()

    def count(self) -> None:
        """Count the calls that ran ahead."""
        self.command.calls += len(self.ahead_ns)
        self.durations_ns += self.ahead_ns
        self.ahead_ns.clear()

    def fold(self) -> Timing:
        """Take in what was put aside."""
        self.count()
        for duration_us, count in Counter([duration // 1000 for duration in self.durations_ns]).items():
            self.folded_us += max(duration_us, 0) * count
            self.histogram.record(duration_us, count)
        self.durations_ns.clear()
        return self

    def fold_if_many(self) -> None:
        """Take in what was put aside, if that is a lot."""
        if len(self.durations_ns) + len(self.ahead_ns) >= MOST_UNFOLDED:
            self.fold()

    def reset(self) -> None:
        self.ahead_ns.clear()
        self.durations_ns.clear()
        self.folded_us = 0
        self.histogram = Histogram()


class Rate:
    """A count that grows, seen as so many per second over the last `SAMPLES` samples."""

    __slots__ = ("last_count", "last_us", "samples", "next_sample")

    def __init__(self, now_us: int) -> None:
        self.last_us = now_us
        self.last_count = 0
        self.samples = [0.0] * SAMPLES
        self.next_sample = 0

    def sample(self, now_us: int, count: int) -> None:
        """Note the count at this time."""
        if now_us > self.last_us and count >= self.last_count:
            self.samples[self.next_sample] = (count - self.last_count) * 1_000_000 / (now_us - self.last_us)
            self.next_sample = (self.next_sample + 1) % SAMPLES
        self.last_us, self.last_count = now_us, count

    @property
    def per_second(self) -> float:
        return sum(self.samples) / SAMPLES


class Statistics:
    """One node's figures."""

    def __init__(self, node: Node) -> None:
        self.node = node
        self.errors: dict[str, int] = {}
        self.error_replies = 0
        self.input_bytes = 0  # the driver's to count
        self.output_bytes = 0
        self.reads = self.writes = 0
        self.replication_input_bytes = 0  # from a primary, and to replicas: not among those above
        self.replication_output_bytes = 0
        self.rejected_connections = 0
        self.unexpected_error_replies = 0  # to a primary, whose commands should not fail here
        self.payloads_looked_into = 0  # of RESTORE, which believes none
        self.next_sample_us = self.next_buffers_us = node.now_us
        self._begin_rates()
        self._recent_buffers: deque[Buffers] = deque(maxlen=RECENT_S)
        self.noteworthy_ns = NEVER_NS
        self._times_all = False
        self._around: Callable[[Invoke], Invoke] = lambda invoke: invoke
        node.commands.on_first_use = self._begin

    # -- commands ---------------------------------------------------------------------------------

    @property
    def commands_processed(self) -> int:
        self.settle()
        return sum([command.calls for command in self.node.commands.used])

    def settle(self) -> None:
        """Make `command.calls` of every command true: calls that run ahead are counted later."""
        for command in self.node.commands.used:
            if command.timing is not None:
                command.timing.count()

    def time_all(self, around: Callable[[Invoke], Invoke] | None = None) -> None:
        """Time every command from now on: a server does.  `around` puts something more into what is timed."""
        self._times_all = True
        if around is not None:
            self._around = around
        for command in self.node.commands.used:
            if command.timing is not None and around is not None:
                command.timing.invoke = around(command.timing.invoke)
            self._begin(command)

    def _begin(self, command: Command) -> None:
        """A command is used for the first time."""
        if self._times_all or not (command.is_fast or command.name in UNTIMED):
            self._time(command)

    def _time(self, command: Command) -> None:
        if command.timing is None:
            command.timing = Timing(command, self._around(command.invoke))
        wrap = self._timed_unless_it_waits if command.may_wait else self._timed
        command.invoke = wrap(command, command.timing)

    def _timed(self, command: Command, timing: Timing) -> Any:
        """`invoke` between two readings of the stopwatch.  Short: a server pays it for every command."""
        node, invoke, durations_ns = self.node, timing.invoke, timing.durations_ns

        def timed(client: Client, argv: list[bytes]) -> Any:
            stopwatch_ns = node.stopwatch_ns
            started_ns = stopwatch_ns()
            try:
                reply = invoke(client, argv)
            except ReplyError:
                self._note_failed_call(client, command, argv, started_ns)
                raise
            duration_ns = stopwatch_ns() - started_ns
            if duration_ns >= self.noteworthy_ns or len(durations_ns) >= MOST_UNFOLDED:
                self.note_duration(client, command, argv, duration_ns)
            else:
                durations_ns.append(duration_ns)
            return reply

        return timed

    def _timed_unless_it_waits(self, command: Command, timing: Timing) -> Any:
        node, invoke = self.node, timing.invoke

        def timed(client: Client, argv: list[bytes]) -> Any:
            stopwatch_ns = node.stopwatch_ns
            started_ns = stopwatch_ns()
            try:
                reply = invoke(client, argv)
            except ReplyError:
                self._note_failed_call(client, command, argv, started_ns)
                raise
            if type(reply) is not Wait:
                self.note_duration(client, command, argv, stopwatch_ns() - started_ns)
            return reply

        return timed

    def _note_failed_call(self, client: Client, command: Command, argv: list[bytes], started_ns: int) -> None:
        """It took its time, too; unless it has not run at all."""
        if command.accepts(len(argv)):
            self.note_duration(client, command, argv, self.node.stopwatch_ns() - started_ns)

    def note_duration(self, client: Client, command: Command, argv: list[bytes], duration_ns: int) -> None:
        """A command has run for so long: perhaps something for the slow log and the latency monitor."""
        if command.timing is None:
            return
        command.timing.durations_ns.append(duration_ns)
        command.timing.fold_if_many()
        if duration_ns >= self.noteworthy_ns:
            self.note_slow(client, command, argv, duration_ns)

    def note_slow(self, client: Client, command: Command, argv: list[bytes], duration_ns: int) -> None:
        """A command has run for `noteworthy_ns` or longer: for the slow log, the latency monitor, or both."""
        node, duration_us = self.node, duration_ns // 1000
        if 0 <= node.config.slowlog_log_slower_than <= duration_us and not command.skips_slowlog:
            node.slowlog.add(client, command, argv, duration_us)
        node.latency.sample("fast-command" if command.is_fast else "command", duration_us // 1000)

    def update(self) -> None:
        """Work out from the configuration which durations are worth a second look."""
        config = self.node.config
        limits_ms = [config.latency_monitor_threshold] if config.latency_monitor_threshold else []
        limits_us = [config.slowlog_log_slower_than] if config.slowlog_log_slower_than >= 0 else []
        limits_ns = [limit * 1_000_000 for limit in limits_ms] + [limit * 1000 for limit in limits_us]
        self.noteworthy_ns = min(limits_ns, default=NEVER_NS)

    # -- errors -----------------------------------------------------------------------------------

    def note_failure(self, command: Command, argv: list[bytes], error: ReplyError) -> None:
        """A command has failed; with a wrong number of arguments it has not run at all."""
        if command.accepts(len(argv)):
            command.failed_calls += 1
            self.note_error(error)
        else:
            self.note_rejection(command, error)

    def note_rejection(self, command: Command | None, error: ReplyError) -> None:
        """A command was not let in."""
        if command is not None:
            command.rejected_calls += 1
        self.note_error(error)

    def note_error(self, error: ReplyError) -> None:
        """An error reply goes out: each is counted once, through how many hands it may go."""
        if error.counted:
            return
        error.counted = True
        self.error_replies += 1
        code = error.code
        if code in self.errors or len(self.errors) < ERROR_CODES_LIMIT:
            self.errors[code] = self.errors.get(code, 0) + 1

    # -- time -------------------------------------------------------------------------------------

    def _begin_rates(self) -> None:
        now_us = self.node.now_us
        self.commands_rate, self.input_rate, self.output_rate = Rate(now_us), Rate(now_us), Rate(now_us)
        self.replication_input_rate, self.replication_output_rate = Rate(now_us), Rate(now_us)

    def tick(self, now_us: int) -> None:
        """Sample the rates, ten times a second, and the clients' buffers and the memory, once."""
        if now_us < self.next_sample_us <= now_us + SAMPLE_EVERY_US:  # further away: the clock was put back
            return
        self.next_sample_us = now_us + SAMPLE_EVERY_US
        self.commands_rate.sample(now_us, self.commands_processed)
        self.input_rate.sample(now_us, self.input_bytes)
        self.output_rate.sample(now_us, self.output_bytes)
        self.replication_input_rate.sample(now_us, self.replication_input_bytes)
        self.replication_output_rate.sample(now_us, self.replication_output_bytes)
        if not now_us < self.next_buffers_us <= now_us + 1_000_000:
            self.next_buffers_us = now_us + 1_000_000
            self._recent_buffers.append(self._largest_buffers_now())
            self.node.memory.note_peak()

    def largest_buffers(self) -> Buffers:
        """The largest of what a client had sent, and was owed, in the last seconds (RECENT_S)."""
        seen = [*self._recent_buffers, self._largest_buffers_now()]
        return Buffers(
            query_bytes=max(buffers.query_bytes for buffers in seen),
            output_bytes=max(buffers.output_bytes for buffers in seen),
        )

    def _largest_buffers_now(self) -> Buffers:
        seen = [client.measure_buffers() for client in self.node.clients.values()]
        return Buffers(
            query_bytes=max((buffers.query_bytes for buffers in seen), default=0),
            output_bytes=max((buffers.output_bytes for buffers in seen), default=0),
        )

    def reset(self) -> None:
        """CONFIG RESETSTAT."""
        self.settle()
        for command in self.node.commands.used:
            command.calls = command.failed_calls = command.rejected_calls = 0
            if command.timing is not None:
                command.timing.reset()
        self.errors.clear()
        self.error_replies = self.input_bytes = self.output_bytes = 0
        self.replication_input_bytes = self.replication_output_bytes = 0
        self.reads = self.writes = self.rejected_connections = 0
        self.unexpected_error_replies = self.payloads_looked_into = 0
        self.node.background.begun = 0
        self._begin_rates()

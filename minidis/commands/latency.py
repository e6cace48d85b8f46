"""LATENCY: spikes by event, and how long commands take.

    LATENCY LATEST              each event: when last, how long then, the worst ever
    LATENCY HISTORY command     one event's spikes in time
    LATENCY GRAPH command       the same as a picture of characters
    LATENCY DOCTOR              in words, with advice (latency_doctor.py)
    LATENCY HISTOGRAM set get   how many calls took at most 1, 2, 4, 8 ... microseconds

Mirrors: latency.c, sparkline.c.
Complexity: O(samples).

>>> print(sparkline([(1, "9s"), (5, "8s"), (9, "0s")], rows=2).replace(" ", "."), end="")
._#
_||
...
980
sss

Read next: minidis/engine/measuring/latency.py.
"""

from __future__ import annotations

from typing import Any

from minidis.commands.latency_doctor import report
from minidis.engine import errors
from minidis.engine.client import Client
from minidis.engine.command_table.registry import ADMIN, LOADING, NOSCRIPT, STALE, Command, command
from minidis.protocol.replies import ReplyError, Verbatim

_LATENCY = ADMIN | NOSCRIPT | LOADING | STALE
COLUMNS, ROWS = 80, 4
FILL = "_o#"


@command("LATENCY LATEST", _LATENCY, since="2.8.13")
def latency_latest(client: Client) -> list[list[Any]]:
    """Returns the latest latency samples for all events. O(1)"""
    return [
        [event.encode(), *series.samples[-1], series.worst_ms]
        for event, series in client.node.latency.events.items()
    ]


@command("LATENCY HISTORY event", _LATENCY, since="2.8.13")
def latency_history(client: Client, event: bytes) -> list[list[int]]:
    """Returns timestamp-latency samples for an event. O(1)"""
    series = client.node.latency.events.get(errors.shown(event))
    return [] if series is None else [list(sample) for sample in series.samples]


@command("LATENCY RESET [event [event ...]]", _LATENCY, since="2.8.13")
def latency_reset(client: Client, *events: bytes) -> int:
    """Resets the latency data for one or more events. O(1)"""
    return client.node.latency.reset({errors.shown(event).lower() for event in events} if events else None)


@command("LATENCY DOCTOR", _LATENCY, since="2.8.13")
def latency_doctor(client: Client) -> Verbatim:
    """Returns a human-readable latency analysis report. O(1)"""
    return Verbatim(report(client.node).encode())


@command("LATENCY GRAPH event", _LATENCY, since="2.8.13")
def latency_graph(client: Client, event: bytes) -> Verbatim:
    """Returns a latency graph for an event. O(1)"""
    name = errors.shown(event)
    series = client.node.latency.events.get(name)
    if series is None:
        raise ReplyError(f"ERR No samples available for event '{name}'")
    now_s = client.node.now_us // 1_000_000
    points = [(sample.latency_ms, age_label(now_s - sample.time_s)) for sample in series.samples]
    values = [value for value, _ in points]
    head = (
        f"{name} - high {max(values)} ms, low {min(values)} ms (all time high {series.worst_ms} ms)\n"
        + "-" * COLUMNS
        + "\n"
    )
    parts = [sparkline(points[at : at + COLUMNS], ROWS, values) for at in range(0, len(points), COLUMNS)]
    return Verbatim((head + "\n".join(parts)).encode())


@command("LATENCY HISTOGRAM [command [command ...]]", _LATENCY, since="7.0.0")
def latency_histogram(client: Client, *names: bytes) -> dict[bytes, Any]:
    """Returns the cumulative distribution of latencies of a subset or all commands. O(N) in commands."""
    table = client.node.commands
    if not names:
        chosen = list(table)
    else:
        chosen = []
        for name in names:
            entry = table.look_up(name)
            if entry is not None:
                chosen += [entry, *entry.subcommands.values()]
    if not client.node.config.latency_tracking:
        return {}
    called = [entry for entry in chosen if entry.timing and entry.timing.fold().histogram.total]
    return {entry.name.encode(): _histogram(entry) for entry in called}


def _histogram(entry: Command) -> dict[bytes, Any]:
    histogram = entry.timing.histogram
    return {b"calls": histogram.total, b"histogram_usec": histogram.powers_of_two()}


def age_label(age_s: int) -> str:
    """How long ago, in one unit.

    >>> age_label(59), age_label(7200)
    ('59s', '2h')
    """
    for limit_s, unit_s, unit in ((60, 1, "s"), (3600, 60, "m"), (86_400, 3600, "h")):
        if age_s < limit_s:
            return f"{age_s // unit_s}{unit}"
    return f"{age_s // 86_400}d"


def sparkline(points: list[tuple[int, str]], rows: int, values: list[int] | None = None) -> str:
    """Columns of characters, each with its label written downwards below it (sparklineRenderRange)."""
    values = values or [value for value, _ in points]
    least, span = min(values), max(max(values) - min(values), 1)
    steps = len(FILL) * rows
    heights = [min(int((value - least) * steps / span), steps - 1) for value, _ in points]
    lines = []
    for row in range(rows):
        base = (rows - row - 1) * len(FILL)
        lines.append(
            "".join(
                " " if height < base else "|" if height >= base + len(FILL) else FILL[height - base]
                for height in heights
            )
        )
    lines.append(" " * len(points))
    longest = max(len(label) for _, label in points)
    lines += ["".join(label[at : at + 1] or " " for _, label in points) for at in range(longest)]
    return "".join(line + "\n" for line in lines)

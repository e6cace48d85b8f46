"""Measurements drawn as charts: the error of HyperLogLog, memory, the life of a TTL, the counter of LFU.

Each runs the engine itself and draws what came out, with the theory beside it.

Read next: charts.py.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from random import Random
from typing import Any

from minidis.drivers.embedded import Embedded
from minidis.engine.memory import access
from minidis.notebook.views import charts
from minidis.notebook.views.charts import Chart
from minidis.notebook.views.sources import look, to_key
from minidis.structures import hyperloglog


def hll_error_curve(maximum: int = 30_000, runs: int = 3) -> Chart:
    """The error of a growing HyperLogLog, in percent, for `runs` streams. About 5 us per element."""
    counts = _steps(maximum)
    series: dict[str, list[tuple[float, float]]] = {}
    for run in range(1, runs + 1):
        registers, added, points = hyperloglog.create(), 0, []
        hyperloglog.to_dense(registers)
        for count in counts:
            hyperloglog.add(registers, *(b"%d:%d" % (run, number) for number in range(added, count)))
            added = count
            points.append((count, (hyperloglog.count(registers) / count - 1) * 100))
        series[f"stream {run}"] = points
    sigma = hyperloglog.STANDARD_ERROR * 100
    return charts.line(
        series,
        title="the error of PFCOUNT",
        x="different elements added",
        y="error, percent",
        log_x=True,
        bands=[(-sigma, sigma, f"± {sigma:.2f} %: two counts in three")],
    )


def hll_error_bell(runs: int = 200, elements: int = 1000) -> Chart:
    """The errors of `runs` HyperLogLogs of different elements, beside the normal curve of 0.81 percent."""
    errors = []
    for run in range(runs):
        registers = hyperloglog.create()
        hyperloglog.to_dense(registers)
        hyperloglog.add(registers, *(b"%d:%d" % (run, number) for number in range(elements)))
        errors.append((hyperloglog.count(registers) / elements - 1) * 100)
    sigma = hyperloglog.STANDARD_ERROR * 100
    return charts.histogram(
        errors, title=f"{runs} counts of {elements} elements", x="error, percent", bell=(0.0, sigma)
    )


def memory_curve(
    kinds: Mapping[str, tuple[str, Callable[[int], Iterable[Any]]]],
    counts: Sequence[int] = (
        1,
        2,
        5,
        10,
        20,
        50,
        100,
        120,
        128,
        129,
        150,
        200,
        300,
        500,
        512,
        513,
        600,
        1000,
    ),
    config: Mapping[str, Any] | None = None,
    total: bool = False,
) -> Chart:
    """Bytes per element (or in `total`) as a value grows: {name: (command, words of the i-th element)}.

    >>> print(memory_curve({"set": ("SADD", lambda i: [i])}, counts=[1, 4]))
    memory per element (bytes per element against elements)
    elements  set
           1   32
           4    8
    """
    series: dict[str, list[tuple[float, float]]] = {}
    for name, (command, words_of) in kinds.items():
        node, added, points = Embedded(config, clock=0, seed=1), 0, []
        for count in sorted(counts):
            for number in range(added, count):
                node.execute(command, "value", *words_of(number))
            added = count
            value = look(node.node.databases[0].table, b"value")
            points.append((count, value.memory_usage() / (1 if total else count)))
        series[name] = points
    title, unit = ("memory", "bytes") if total else ("memory per element", "bytes per element")
    return charts.line(series, title=title, x="elements", y=unit, log_x=True, log_y=True)


def ttl_sawtooth(
    key: str | bytes, node: Embedded, actions: Mapping[float, str], seconds: float = 60, every: float = 1
) -> Chart:
    """A key's time to live while the frozen clock runs: `actions` maps seconds to a command to run then."""
    name, points = to_key(key), []
    start_us = node.now_us
    due = sorted(actions.items())
    for number in range(int(seconds / every) + 1):
        at = number * every
        while due and due[0][0] <= at:
            moment, command = due.pop(0)
            _advance(node, start_us, moment)
            points.append((moment, _left(node, name)))
            node.execute(*command.split())
            points.append((moment, _left(node, name)))
        _advance(node, start_us, at)
        points.append((at, _left(node, name)))
    notes = [(moment, command) for moment, command in sorted(actions.items())]
    return charts.line({"TTL": points}, title="time to live", x="seconds", y="seconds left", notes=notes)


def lfu_growth(hits: int = 100_000, factors: Sequence[int] = (0, 1, 10, 100), seed: int = 1) -> Chart:
    """How a key's counter rises with its uses, for values of `lfu-log-factor`: the engine's own steps.

    >>> print(lfu_growth(hits=100, factors=(10,)))
    the counter of a key in use (counter against accesses)
    accesses  lfu-log-factor 10
           1                  6
           2                  6
           3                  6
           5                  6
           7                  6
          10                  7
          15                  8
          20                  9
          30                  9
          50                 10
          70                 10
         100                 11
    """
    series: dict[str, list[tuple[float, float]]] = {}
    for factor in factors:
        random, counter = Random(seed), access.LFU_INITIAL
        points: list[tuple[float, float]] = []
        done = 0
        for goal in _steps(hits):
            for _ in range(goal - done):
                if counter == access.LFU_MOST:
                    break
                counter = access.raise_counter(counter, factor, random)
            done = goal
            points.append((goal, counter))
        series[f"lfu-log-factor {factor}"] = points
    return charts.line(series, title="the counter of a key in use", x="accesses", y="counter", log_x=True)


def lfu_decay(counter: int = 100, minutes: int = 120, decay_times: Sequence[int] = (0, 1, 2, 10)) -> Chart:
    """How a counter falls while nobody uses the key, for values of `lfu-decay-time`."""
    return charts.line(
        {
            f"lfu-decay-time {time}": [
                (minute, access.decayed_counter(counter, minute, time))
                for minute in range(0, minutes + 1, max(1, minutes // 60))
            ]
            for time in decay_times
        },
        title="the counter of a key that is left alone",
        x="minutes without an access",
        y="counter",
    )


def _advance(node: Embedded, start_us: int, at: float) -> None:
    behind_us = start_us + round(at * 1_000_000) - node.now_us
    if behind_us > 0:
        node.step(behind_us / 1_000_000)


def _left(node: Embedded, key: bytes) -> float:
    return max(0, node.execute("PTTL", key)) / 1000


def _steps(maximum: int) -> list[int]:
    """1, 2, 5, 10, 20, 50 ... and about twenty numbers in the last decades, up to the maximum."""
    found = {maximum}
    unit = 1
    while unit <= maximum:
        found |= {
            unit * factor
            for factor in (1, 1.5, 2, 3, 5, 7)
            if unit * factor <= maximum and unit * factor % 1 == 0
        }
        unit *= 10
    return sorted(int(number) for number in found)

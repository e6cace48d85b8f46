"""What all workloads have in common: rows are timed by all peers in turns, then printed, kept and compared.

A workload is a module of this folder with these names:

    TITLE, ABOUT   the heading, and what a reader of the table must know
    UNIT           of the numbers: "us", "ms" or "s" for times, else the more the better ("requests/s")
    PEERS          the columns, in order
    COMPARED       pairs of peers, ours and another: a column says how many times as fast we are
    LOWEST_FIRST   if the table shall begin with the rows where we are least ahead; may be left out
    rows(quick)    gives Rows, one after another; quick: small ones, for the test of their shape

A Row holds calls, which are timed here, or values, where a workload has its own way to measure. The peers of
a row take turns, round by round, so that a busy moment of the machine hits them all; the best round counts,
since everything else on the machine only adds to it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import repeat
from operator import itemgetter
from time import perf_counter_ns
from types import ModuleType
from typing import Any, NamedTuple

from benchmarks.timing import table

ROUNDS = 40
ROUND_NS = 1_000_000
UNITS_PER_SECOND = {"us": 1e6, "ms": 1e3, "s": 1.0}


class Call(NamedTuple):
    """What is timed: a function and what to call it with."""

    function: Callable[..., Any]
    arguments: tuple[Any, ...] = ()
    is_awaited: bool = False  # it answers an awaitable that is ready at once: no event loop is needed for it


class Row(NamedTuple):
    """One line of a table: a number by each peer that can do it."""

    name: str
    calls: Mapping[str, Call] = {}
    values: Mapping[str, float] = {}


def measure(workload: ModuleType, quick: bool = False) -> Iterator[tuple[str, dict[str, float]]]:
    """The rows' names and numbers, as they come."""
    rounds, round_ns = (1, 1) if quick else (ROUNDS, ROUND_NS)
    for row in workload.rows(quick):
        seconds = time_in_turns(row.calls, rounds, round_ns)
        scale = UNITS_PER_SECOND.get(workload.UNIT, 1.0)
        yield row.name, {peer: time_s * scale for peer, time_s in seconds.items()} | dict(row.values)


def time_in_turns(
    calls: Mapping[str, Call], rounds: int = ROUNDS, round_ns: int = ROUND_NS
) -> dict[str, float]:
    """Seconds that each call takes: the best of so many rounds, each of about so many nanoseconds."""
    repetitions = {peer: _repetitions(call, round_ns) for peer, call in calls.items()}
    best: dict[str, float] = {}
    for _ in range(rounds):
        for peer, call in calls.items():
            count = repetitions[peer]
            _time_ns(call, count // 4)  # whoever had the processor before has left it cold
            time_s = _time_ns(call, count) / count / 1e9
            best[peer] = min(time_s, best.get(peer, time_s))
    return best


def _repetitions(call: Call, round_ns: int) -> int:
    """How often a call must be made to fill a round."""
    count = 1
    while (elapsed_ns := min(_time_ns(call, count) for _ in range(4))) < round_ns // 4:
        count *= 4
    return max(1, count * round_ns // elapsed_ns)


def _time_ns(call: Call, count: int) -> int:
    function, arguments, is_awaited = call
    if is_awaited:
        return _time_awaited_ns(call, count)
    start_ns = perf_counter_ns()
    for _ in repeat(None, count):
        function(*arguments)
    return perf_counter_ns() - start_ns


def _time_awaited_ns(call: Call, count: int) -> int:
    async def make_all() -> int:
        function, arguments, _ = call
        start_ns = perf_counter_ns()
        for _ in repeat(None, count):
            await function(*arguments)
        return perf_counter_ns() - start_ns

    try:
        make_all().send(None)
    except StopIteration as stop:
        return stop.value
    raise RuntimeError("it was not ready at once: this would measure an event loop")


def as_table(workload: ModuleType, numbers: Mapping[str, Mapping[str, float]]) -> str:
    """Rows as Markdown: a column for each peer that has a number, then the ratios."""
    peers = [peer for peer in workload.PEERS if any(peer in row for row in numbers.values())]
    pairs = [pair for pair in workload.COMPARED if set(pair) <= set(peers)]
    head = [workload.UNIT, *peers]
    is_time = workload.UNIT in UNITS_PER_SECOND
    head += [f"{other} / {ours}" if is_time else f"{ours} / {other}" for ours, other in pairs]
    rows = []
    for name, row in numbers.items():
        cells = [short(row[peer]) if peer in row else "" for peer in peers]
        ratios = [ratio(row, pair, workload.UNIT) for pair in pairs]
        rows.append(
            (ratios, [name, *cells, *("" if times is None else short_ratio(times) for times in ratios)])
        )
    if getattr(workload, "LOWEST_FIRST", False):
        rows.sort(key=itemgetter(0))
    return table(head, [cells for _, cells in rows])


def ratio(row: Mapping[str, float], pair: Sequence[str], unit: str) -> float | None:
    """How many times as fast ours is; None where one of the two has no number."""
    ours, other = (row.get(peer) for peer in pair)
    if not ours or not other:
        return None
    return other / ours if unit in UNITS_PER_SECOND else ours / other


def short_ratio(times: float) -> str:
    """One decimal; below 1, two.

    >>> short_ratio(15.04), short_ratio(0.354)
    ('15.0', '0.35')
    """
    return f"{times:.1f}" if times >= 1 else f"{times:.2f}"


def short(number: float) -> str:
    """Three digits are what a measurement is good for.

    >>> short(0.5123), short(12.345), short(123456.7)
    ('0.51', '12.3', '123,457')
    """
    return f"{number:.2f}" if number < 10 else f"{number:.1f}" if number < 100 else f"{number:,.0f}"

"""Measures a call: the best of several rounds, since everything else on the machine only adds to it."""

from __future__ import annotations

from collections.abc import Callable
from itertools import repeat
from time import perf_counter_ns
from typing import Any

ROUNDS = 7
ROUND_NS = 60_000_000


def microseconds_per_call(function: Callable[..., Any], arguments: tuple[Any, ...]) -> float:
    """The time of one `function(*arguments)`, loop included (about 0.03 us)."""
    calls = 1
    while (elapsed_ns := _time(function, arguments, calls)) < ROUND_NS // 4:
        calls *= 4
    calls = max(1, calls * ROUND_NS // elapsed_ns)
    return min(_time(function, arguments, calls) for _ in range(ROUNDS)) / calls / 1000


def _time(function: Callable[..., Any], arguments: tuple[Any, ...], calls: int) -> int:
    start_ns = perf_counter_ns()
    for _ in repeat(None, calls):
        function(*arguments)
    return perf_counter_ns() - start_ns


def table(header: list[str], rows: list[list[str]]) -> str:
    """A Markdown table whose columns line up."""
    lines = [header, ["---"] + ["---:"] * (len(header) - 1), *rows]
    widths = [max(len(line[column]) for line in lines) for column in range(len(header))]
    return "\n".join(
        "| "
        + " | ".join(
            cell.ljust(width) if not at else cell.rjust(width)
            for at, (cell, width) in enumerate(zip(line, widths, strict=True))
        )
        + " |"
        for line in lines
    )

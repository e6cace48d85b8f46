"""`python -m benchmarks [--quick] [NAME ...]`: measures, prints, and keeps what it has found.

Without names all workloads run. What is found goes into results.json, workload by workload, so that a part
can be measured anew; RESULTS.md and in_process.svg are written from there. `--quick` tries some rows once,
on small data, to see that they work: its numbers mean nothing, and nothing is written.

Times say something about one machine on one day; nothing is asserted on them. The ratios between the columns
of one run are what to look at.
"""

from __future__ import annotations

import argparse
import json
import math
import platform
import sys
from importlib.metadata import version
from pathlib import Path
from types import ModuleType
from typing import Any

from benchmarks import (
    append_only_file,
    batches,
    calls,
    chapters,
    connection,
    every,
    growth,
    large,
    memory,
    persistence,
    server,
    server_cost,
    startup,
    thousand,
)
from benchmarks.harness import as_table, measure, ratio, short
from minidis.notebook.views import charts

FOLDER = Path(__file__).parent
RESULTS, PAGE, CHART = FOLDER / "results.json", FOLDER / "RESULTS.md", FOLDER / "in_process.svg"

WORKLOADS: dict[str, ModuleType] = {
    "calls": calls,
    "every": every,
    "thousand": thousand,
    "large": large,
    "batches": batches,
    "startup": startup,
    "chapters": chapters,
    "server": server,
    "server_cost": server_cost,
    "connection": connection,
    "memory": memory,
}
"""Those whose rows the harness measures."""

PAGES: dict[str, tuple[str, Any]] = {
    "growth": ("Sorted sets from a thousand to a million members", growth.measure),
    "persistence": ("Saving and loading, megabytes of the RDB file a second", persistence.measure),
    "policies": ("A SET whose log is written after each command", append_only_file.measure_policies),
    "logs": ("The append-only file: rewriting and loading", append_only_file.measure_files),
}
"""Those that write a table of their own."""

HEAD = """# Benchmarks

Written by `python -m benchmarks` (README.md tells what is what); {machine}, fakeredis {fakeredis},
redis-py {redis}, burner-redis {burner}. Times are this machine's; the ratios of one run are what to compare.

![How many times as fast as fakeredis, and as a real server over loopback](in_process.svg)
"""


def main(words: list[str]) -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__.split("\n")[0])
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join([*WORKLOADS, *PAGES]))
    parser.add_argument("--quick", action="store_true", help="try some rows once; writes nothing")
    chosen = parser.parse_args(words)
    names = chosen.names or [*WORKLOADS, *([] if chosen.quick else PAGES)]
    if unknown := set(names) - {*WORKLOADS, *PAGES}:
        parser.error(f"no workload is called {', '.join(sorted(unknown))}")
    for name in names:
        found = run(name, chosen.quick)
        print(as_markdown(name, found), flush=True)
        if not chosen.quick:
            write({**json.loads(RESULTS.read_text()), name: found})


def run(name: str, quick: bool = False) -> Any:
    """What a workload finds: numbers by row and peer, or a table as text."""
    if name in PAGES:
        return PAGES[name][1]()
    numbers = {}
    for row, by_peer in measure(WORKLOADS[name], quick):
        print(row, {peer: short(number) for peer, number in by_peer.items()}, file=sys.stderr, flush=True)
        numbers[row] = {peer: float(f"{number:.4g}") for peer, number in by_peer.items()}
    return numbers


def as_markdown(name: str, found: Any) -> str:
    """A section of RESULTS.md."""
    if name in PAGES:
        return f"## {PAGES[name][0]}\n\n{found}\n"
    workload = WORKLOADS[name]
    return f"## {workload.TITLE}\n\n{workload.ABOUT}\n\n{as_table(workload, found)}\n"


def write(found: dict[str, Any]) -> None:
    """Keep everything, and write page and chart from it."""
    RESULTS.write_text(json.dumps(found, indent=1) + "\n")
    head = HEAD.format(
        machine=f"CPython {platform.python_version()}, {platform.system()} {platform.machine()}",
        fakeredis=version("fakeredis"),
        redis=version("redis"),
        burner=version("burner-redis"),
    )
    sections = [as_markdown(name, found[name]) for name in (*WORKLOADS, *PAGES) if name in found]
    PAGE.write_text("\n".join([head, *sections]))
    CHART.write_text(chart(found).svg() + "\n")


def chart(found: dict[str, Any]) -> charts.Chart:
    """Geometric means over each workload's rows: how many times as fast `minidis.connect()` is."""
    bars = {}
    for name, label in (("calls", "call"), ("large", "large"), ("batches", "batch")):
        for other, short_name in (("fakeredis", "fakeredis"), ("redis TCP", "TCP")):
            ratios = [ratio(row, ("minidis redis-py", other), "us") for row in found.get(name, {}).values()]
            logs = [math.log(times) for times in ratios if times]
            if logs:
                bars[f"{short_name} {label}"] = math.exp(sum(logs) / len(logs))
    return charts.bars(bars, title="how many times as fast, by redis-py's methods in process", y="times")


if __name__ == "__main__":
    main(sys.argv[1:])

"""`python -m benchmarks.schedules PROPERTY FIRST COUNT`: seeds of faults by the thousand, in virtual time.

Plays the histories of the seeds FIRST ... FIRST + COUNT - 1 of one property (those of the tests called
test_schedules.py, which try a dozen), and enters what came of them into benchmarks/schedules.tsv; without
arguments only writes the page anew, benchmarks/SCHEDULES.md.

A seed that breaks its property is printed. LAB_FIRST_SEED=seed LAB_SEEDS=1 lets the test show its shortest
history, and it becomes a test itself when the cause is mended.
"""

from __future__ import annotations

import gc
import sys
import time
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks.timing import table
from minidis.drivers.simulation.lab import Lab
from minidis.drivers.simulation.search import Scenario, play_seed
from tests.distributed.replication import test_schedules as replication
from tests.distributed.sentinel import test_schedules as sentinel

ROWS = Path(__file__).parent / "schedules.tsv"
RESULTS = Path(__file__).parent / "SCHEDULES.md"

PAGE = """# Schedules of faults

Written by `python -m benchmarks.schedules`; the histories are the same on every machine, the seconds are not.

Each seed is a history of 20 virtual seconds and what it takes to settle, with up to eight faults by lot:
partitions, walls of one direction, slow links, dropped connections, paused, killed and powerless machines,
clocks that jump by up to half a minute. Broken are histories that the code did not survive.

{properties}

{explained}

Where Redis promises nothing, neither does this: what the seeds found there is kept in the tests (a write that
was acknowledged and not copied, one that WAIT saw on another replica, a split brain; two primaries after a
FAILOVER whose answer was lost, by seed 434 of five hundred with partitions) and told in tests/scenarios.

## A failover of five nodes

A primary with four replicas, three Sentinels. Fifteen seconds after the start the primary dies;
{virtual:.1f} virtual seconds later all Sentinels name another one. The lab takes {events} events for that,
and {seconds:.2f} s of a processor.
"""


class Property(NamedTuple):
    """What must hold, and how it is tried."""

    says: str
    scenario: Scenario
    options: dict[str, Any]


PROPERTIES = {
    "converging": Property(
        "a primary, two replicas, a chained one: when all is healed, they hold the same, at the same offset",
        replication.converging,
        {"eventually": True},
    ),
    "promised": Property(
        "what WAITAOF saw on the disks of a majority outlives the primary, if the fuller replica leads",
        replication.promised,
        {"settle_s": 15},
    ),
    "promoted": Property(
        "what WAIT saw on the replica (partitions only) is there when that one is promoted",
        replication.promoting(1),
        {"duration_s": 12, "settle_s": 15, "kinds": replication.NETWORK},
    ),
    "handed_over": Property(
        "FAILOVER there and back (delays and stopped processes): one primary, no acknowledged write is lost",
        replication.handed_over,
        {"kinds": replication.SLOWNESS, "eventually": True},
    ),
    "elected": Property(
        "three Sentinels, three nodes: one vote each and one leader in an epoch; one truth in the end",
        sentinel.any_faults,
        {"settle_s": 240, "eventually": True},
    ),
    "agreed": Property(
        "what WAITAOF saw on all three disks outlives every failover of Sentinels, whatever fails",
        sentinel.agreed,
        {"settle_s": 240, "eventually": True},
    ),
}


class Row(NamedTuple):
    """A range of seeds that was played."""

    name: str
    first: int
    played: int
    broken: str  # the seeds that broke it, or "-"
    virtual_s: float
    processor_s: float


def main(words: list[str]) -> None:
    if words:
        name, first, count = words[0], int(words[1]), int(words[2])
        row = play_range(name, range(first, first + count))
        with ROWS.open("a") as file:
            file.write("\t".join(map(str, row)) + "\n")
        print(*row)
    rows = [read_row(line) for line in ROWS.read_text().splitlines()] if ROWS.exists() else []
    RESULTS.write_text(page(rows))


def play_range(name: str, seeds: range) -> Row:
    """Every seed once, also after one that breaks the property."""
    gc.set_threshold(50_000, 20, 100)  # a lab is one knot of cycles, and dies as a whole
    kept = PROPERTIES[name]
    labs: list[Lab] = []

    def make_lab(seed: int) -> Lab:
        labs[:] = [Lab(seed)]
        return labs[0]

    started_s, virtual_s, broken = time.process_time(), 0.0, []
    for seed in seeds:
        try:
            finding = play_seed(kept.scenario, seed, make_lab=make_lab, **kept.options)
            what = "" if finding is None else finding.broken
        except Exception as error:  # that, too, is a history which the code did not survive
            what = repr(error)
        if what:
            broken.append(seed)
            print(f"{name} {seed}: {what}", flush=True)
        virtual_s += labs[0].now_s
    seconds = round(virtual_s), round(time.process_time() - started_s, 1)
    return Row(name, seeds.start, len(seeds), " ".join(map(str, broken)) or "-", *seconds)


def read_row(line: str) -> Row:
    name, first, count, broken, virtual_s, processor_s = line.split("\t")
    return Row(name, int(first), int(count), broken, float(virtual_s), float(processor_s))


def page(rows: list[Row]) -> str:
    lines = []
    for name in PROPERTIES:
        mine = [row for row in rows if row.name == name]
        seeds = sum(row.played for row in mine)
        broken = sum(len(row.broken.split()) for row in mine if row.broken != "-")
        hours, seconds = sum(row.virtual_s for row in mine) / 3600, sum(row.processor_s for row in mine)
        per_seed = f"{seconds / seeds:.2f}" if seeds else ""
        lines.append([name, f"{seeds:,}", str(broken), f"{hours:,.0f}", per_seed])
    heads = ["property", "histories", "broken", "virtual hours", "processor s each"]
    explained = "\n".join(f"- **{name}**: {kept.says}." for name, kept in PROPERTIES.items())
    return PAGE.format(properties=table(heads, lines), explained=explained, **measure_failover())


def measure_failover() -> dict[str, float]:
    """The numbers of the page's last paragraph."""
    lab = Lab(seed=1)
    lab.node("a")
    for name in "bcde":
        lab.node(name, {"replicaof": "a 6379"})
    lab.sentinels("s1", "s2", "s3", watch={"m": "a"}, down_after_ms=1000)
    lab.run("15s")
    started_s, died_s, steps = time.process_time(), lab.now_s, lab.agenda.steps
    lab.kill("a")
    watched = [lab[name].sentinel.primaries["m"] for name in ("s1", "s2", "s3")]
    former = lab.processes["a"].address
    assert lab.run_until(lambda: all((one.address.ip, one.address.port) != former for one in watched))
    return {
        "virtual": lab.now_s - died_s,
        "events": lab.agenda.steps - steps,
        "seconds": time.process_time() - started_s,
    }


if __name__ == "__main__":
    main(sys.argv[1:])

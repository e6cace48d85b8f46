"""`python -m benchmarks.growth [LARGEST]`: what things cost as the data grows, beside the expected curves.

Each kind of work is measured at a thousand, ten thousand ... keys or members (a lab: nodes), in processor
time. What is expected of it (constant, logarithmic, linear ...) is drawn as a curve of that shape, as high as
fits the points best: a line that leaves its curve upwards is the thing to look at. Writes
benchmarks/GROWTH.md, with the longest pauses (pauses.py), and the charts.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from time import process_time

from benchmarks import pauses
from benchmarks.pauses import World, collector_of_the_server
from benchmarks.timing import table
from minidis.drivers.simulation.lab import Lab
from minidis.engine.durability.loading import Loading
from minidis.notebook.views import charts
from minidis.notebook.views.drawing import Canvas
from minidis.values.sorted_set import SortedSet

RESULTS = Path(__file__).parent / "GROWTH.md"
CHART = Path(__file__).parent / "growth.svg"
SIZES = (1_000, 10_000, 100_000, 1_000_000)
NODES = (3, 10, 30, 100)
CALLS = 2_000
ROUNDS = 3

PAGE = """# Growth, and no pause

Written by `python -m benchmarks.growth`, in seconds of one processor; the times are this machine's.

## Cost against size

{growth}

![Cost against size, beside the expected curves](growth.svg)

Members and scores are drawn at random, so a million of them do not fit the processor's caches: what a
logarithm does not explain in the first chart is memory latency. A key holds a string of 14 bytes: a record of
26 bytes in an RDB file.

## The longest step

While a step lasts (a command, or a turn of the timers) nobody else is served. With the garbage collector and
memory as `minidis-server` has them (minidis/drivers/collecting.py, reserving.py):

{pauses}

Of each kind the three longest steps stand there.

- Python's dict, which holds the keyspace, would move to a larger table in one go: 40 ms at 700,000 keys.
  Another dict takes in the keys by and by (`structures/moving.py`). What is left to do at once is to fill the
  new table with zeros.
- What DEL, SET and FLUSHALL leave behind is taken apart between commands, in a server. Redis frees it at
  once, unless it is told otherwise.
- The garbage collector walks over nothing large: who makes what will hold very much says so while it is empty
  (minidis/structures/growing.py), and nothing of this work leaves a knot (tests/house/test_growth.py).
- A large value is written piece by piece; who wants to change it meanwhile waits until it is written, and
  nobody else (`engine/durability/holding.py`). It is loaded as its bytes come (`persistence/rdb_gradual.py`).
"""

Curve = Callable[[float], float]
CURVES: dict[str, Curve] = {
    "O(1)": lambda n: 1.0,
    "O(log n)": math.log,
    "O(n)": lambda n: n,
    "O(n²)": lambda n: n * n,
}


@dataclass(frozen=True)
class Work:
    """One kind of work: what its figure counts, the curve that is expected, how to measure it at a size."""

    unit: str
    expected: str
    measure: Callable[[int], float]
    sizes: Sequence[int] = SIZES


Costs = dict[int, float]
"""Size -> cost."""


# -- sorted sets, in microseconds for a call ------------------------------------------------------------


def _board(size: int) -> World:
    world, random = World(), Random(size)
    scores = {b"m%d" % number: random.random() for number in range(size)}
    board = SortedSet.from_scores(scores, world.node.encodings, random)
    world.node.databases[0].create(b"board", board)
    return world


def _per_call(world: World, requests: Sequence[Sequence[object]]) -> float:
    """Microseconds for each of the requests, in the best of some rounds."""
    prepared = [pauses.to_argv(request) for request in requests]
    best_s = math.inf
    for start in range(0, len(prepared), len(prepared) // ROUNDS):
        piece = prepared[start : start + len(prepared) // ROUNDS]
        started_s = process_time()
        for argv in piece:
            world.node.execute(world.client, argv)
        best_s = min(best_s, (process_time() - started_s) / len(piece))
    return best_s * 1e6


def zadd(size: int) -> float:
    random = Random(1)
    return _per_call(_board(size), [("ZADD", "board", random.random(), f"new{n}") for n in range(CALLS)])


def zrank(size: int) -> float:
    random = Random(1)
    return _per_call(_board(size), [("ZRANK", "board", f"m{random.randrange(size)}") for _ in range(CALLS)])


# -- the whole keyspace ---------------------------------------------------------------------------------


def _work_on(work: Callable[[World, int], None]) -> Callable[[int], float]:
    """Microseconds for each key of what is a step in pauses.py."""

    def measure(size: int) -> float:
        world = World()
        work(world, size)
        return world.total_ns / 1000 / size

    return measure


def _seconds(work: Callable[[], object]) -> float:
    started_s = process_time()
    work()
    return process_time() - started_s


def save(size: int) -> float:
    world = World()
    world.fill(size)
    return _seconds(world.node.saving.save)


def load(size: int) -> float:
    world = World()
    world.fill(size)
    world.node.saving.save()
    world.node.databases[0].clear()
    loading = Loading(world.node)
    return _seconds(loading.begin(loading.snapshot(world.node.saving.path)).run)


def rewrite(size: int) -> float:
    world = World()
    world.fill(size)
    world.run("CONFIG", "SET", "aof-use-rdb-preamble", "no")
    world.run("BGREWRITEAOF")
    assert world.node.background.job is not None
    return _seconds(world.node.background.job.run)


def replica_sync(size: int) -> float:
    """Both sides: the primary's snapshot, the network of the lab, the replica's reading."""
    lab = Lab(seed=1)
    lab.record.keeps_messages = False
    primary, replica = lab.nodes("a", "b", config={"repl-diskless-sync-delay": 0})
    pauses.fill(primary.node.databases[0], size)

    def synchronize() -> None:
        lab.call("b", "REPLICAOF", "a", 6379)
        assert lab.run_until(lambda: len(replica.node.databases[0]) == size, "1h")

    return _seconds(synchronize)


def lab_of_nodes(nodes: int) -> float:
    """Processor seconds for a virtual second of a cluster in which nothing happens."""
    lab = Lab(seed=1)
    lab.record.keeps_messages = False
    lab.cluster([f"n{number}" for number in range(nodes)], replicas=0, config={"hz": 1})
    lab.run(3)
    return _seconds(lambda: lab.run(5)) / 5


WORK: dict[str, Work] = {
    "ZADD": Work("us a call", "O(log n)", zadd),
    "ZRANK": Work("us a call", "O(log n)", zrank),
    "SCAN": Work("us a key", "O(1)", _work_on(pauses.scanning)),
    "active expiry": Work("us a key", "O(1)", _work_on(pauses.expiring)),
    "RDB save": Work("s", "O(n)", save),
    "RDB load": Work("s", "O(n)", load),
    "AOF rewrite": Work("s", "O(n)", rewrite),
    "replica sync": Work("s", "O(n)", replica_sync),
    "lab of nodes": Work("s for a second", "O(n²)", lab_of_nodes, NODES),
}


# -- the page -------------------------------------------------------------------------------------------


def measure(names: Sequence[str] = ("ZADD", "ZRANK"), largest: int = SIZES[-1]) -> str:
    """A Markdown table of some kinds of work."""
    return growth_table({name: costs_of(WORK[name], largest) for name in names})


def costs_of(work: Work, largest: int) -> Costs:
    """The cost at each size up to the largest."""
    with collector_of_the_server():
        return {size: work.measure(size) for size in work.sizes if size <= largest}


def growth_table(found: Mapping[str, Costs]) -> str:
    rows = []
    for name, costs in found.items():
        figures = [f"{cost:.3g} ({size:,})" for size, cost in costs.items()]
        rows.append([name, WORK[name].unit, WORK[name].expected, *figures])
    count = max(len(row) for row in rows) - 3
    return table(
        ["", "unit", "expected", *[""] * count], [row + [""] * (count + 3 - len(row)) for row in rows]
    )


def expected(costs: Costs, curve: Curve) -> list[tuple[float, float]]:
    """The curve, as high as fits the costs best: by the mean of the logarithms of how far they are apart."""
    height = math.exp(sum(math.log(cost / curve(size)) for size, cost in costs.items()) / len(costs))
    return [(size, height * curve(size)) for size in costs]


def chart(found: Mapping[str, Costs]) -> str:
    """Charts of two kinds of work each, of one unit and expectation, with their curves; as one SVG."""
    canvas = Canvas("cost against size, beside the expected curves")
    top = 0.0
    for (unit, shape), names in _by_kind(found):
        lines = {name: list(found[name].items()) for name in names}
        curves = {f"{shape} {name}": expected(found[name], CURVES[shape]) for name in names}
        drawn = charts.line(
            {**lines, **curves},
            title=f"{' and '.join(names)}, beside {shape}",
            x="nodes" if WORK[names[0]].sizes is NODES else "keys or members",
            y=unit,
            log_x=True,
            log_y=shape in ("O(n)", "O(n²)"),
        )
        canvas.embed(drawn.canvas, top)
        top += drawn.canvas.bottom + 12
    return canvas.svg()


def _by_kind(found: Mapping[str, Costs]) -> Iterator[tuple[tuple[str, str], list[str]]]:
    kinds: dict[tuple[str, str], list[str]] = {}
    for name in found:
        kinds.setdefault((WORK[name].unit, WORK[name].expected), []).append(name)
    for kind, names in kinds.items():
        for at in range(0, len(names), 2):
            yield kind, names[at : at + 2]


def main(largest: int) -> None:
    found: dict[str, Costs] = {}
    for name, work in WORK.items():
        found[name] = costs_of(work, largest)
        print(name, found[name], flush=True)
    write(found, pauses.measure(largest))


def write(found: Mapping[str, Costs], longest: str) -> None:
    """The page, and its chart."""
    CHART.write_text(chart(found) + "\n")
    RESULTS.write_text(PAGE.format(growth=growth_table(found), pauses=longest))


if __name__ == "__main__":
    main(int(float(sys.argv[1])) if len(sys.argv) > 1 else SIZES[-1])

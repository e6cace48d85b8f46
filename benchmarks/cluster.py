"""`python -m benchmarks.cluster NODES ...`: what a cluster of so many nodes costs, and how fast it notices.

Measured in the lab, in virtual time: the same numbers on every machine. Half of the nodes are primaries, each
has one replica, and everything else is as Redis has it by default (cluster-node-timeout 15000). What is
measured goes into benchmarks/cluster.tsv, a row for each number of nodes; without arguments only the page is
written anew from it, benchmarks/CLUSTER.md, with its chart.

The work grows with the cube of the nodes: all talk to all, and each tells about a tenth of all. Six hundred
took twenty minutes of a core that others used too, and 9 GB.
"""

from __future__ import annotations

import gc
import sys
from collections.abc import Callable, Generator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks.timing import table
from minidis.distributed.cluster.role import Cluster
from minidis.drivers.simulation.lab import Lab
from minidis.notebook.views import charts
from minidis.notebook.views.drawing import Canvas
from minidis.protocol.replies import ReplyError

ROWS = Path(__file__).parent / "cluster.tsv"
RESULTS = Path(__file__).parent / "CLUSTER.md"
CHART = Path(__file__).parent / "cluster_growth.svg"
TIMEOUT_MS = 15_000
WARM_UP_S = 5
LOOK_S = 0.01
WINDOW_SEEDS = range(10)

PAGE = """# A cluster in numbers

Written by `python -m benchmarks.cluster`, in virtual time: the same on every machine.

## Gossip and failure detection

Half of the nodes are primaries, each has one replica; cluster-node-timeout is {timeout_ms} ms. A primary is
killed. Messages and bytes are what one of the others sends on the bus in a second, in the first {listen_s}
seconds, when nobody has noticed. Then the seconds from the death until somebody doubts (PFAIL), until all
hold it for failed (FAIL), until its replica serves in its place, and until all know that.

{gossip}

![Growth with the nodes: kB/s that one sends, seconds until a death is noticed](cluster_growth.svg)

Messages for each node grow with the nodes, bytes faster still, since each message tells of a tenth of the
cluster. The time to notice hardly grows. (More than {largest} nodes have not been played yet: the work grows
with the cube of the nodes.)

## Writes that were acknowledged and are lost

A primary is cut off together with a client that writes all the time. Until it notices that it sees no
majority it goes on; its replica is elected meanwhile, and when the wall falls, what was acknowledged behind
it is gone. Seconds from the wall to the last such write, over {seeds} seeds.

{windows}
"""


class Measures(NamedTuple):
    """Of one size of cluster."""

    nodes: int
    messages_per_node_s: float
    bytes_per_node_s: int
    doubted_s: float
    failed_s: float
    replaced_s: float
    known_s: float


def measure(nodes: int, timeout_ms: int = TIMEOUT_MS, seed: int = 1) -> Measures:
    """Let a cluster live for a while, then kill a primary."""
    lab = Lab(seed)
    lab.record.keeps_messages = False
    names = [f"n{number}" for number in range(nodes)]
    lab.cluster(names, config={"cluster-node-timeout": timeout_ms, "hz": 1, "repl-backlog-size": 16384})
    lab.run(WARM_UP_S)
    failing, heir = names[1], lab[names[nodes // 2 + 1]].cluster.myself
    name = lab[failing].cluster.myself.name
    living = [lab[other].cluster for other in names if other != failing]
    views = [cluster.state.nodes[name] for cluster in living]
    killed_s = lab.now_s
    lab.kill(failing)
    before = _sent(living)
    lab.run(timeout_ms / 1000)  # so long at least nobody notices
    messages, sent_bytes = (after - former for after, former in zip(_sent(living), before, strict=True))
    node_seconds = len(living) * timeout_ms / 1000

    def time_until(condition: Callable[[], bool]) -> float:
        while not condition():
            assert lab.now_s - killed_s < 10 * timeout_ms / 1000, "it is not noticed"
            lab.run(LOOK_S)
        return round(lab.now_s - killed_s, 2)

    return Measures(
        nodes,
        round(messages / node_seconds, 1),
        round(sent_bytes / node_seconds),
        time_until(lambda: any(view.may_be_failing for view in views)),
        time_until(lambda: all(view.has_failed for view in views)),
        time_until(lambda: heir.is_primary),
        time_until(lambda: not any(view.slot_count for view in views)),
    )


def _sent(nodes: Sequence[Cluster]) -> tuple[int, int]:
    """Messages and bytes that these have sent so far."""
    return (
        sum(sum(node.state.statistics.sent.values()) for node in nodes),
        sum(node.bus.bytes_sent for node in nodes),
    )


def lost_window_s(timeout_ms: int, seed: int) -> float:
    """For how long a primary behind a wall acknowledges what will be lost."""
    lab = Lab(seed)
    lab.record.keeps_messages = False
    lab.cluster("a b c d e f", config={"cluster-node-timeout": timeout_ms, "hz": 1})
    lab.run(3 + seed / 7)
    walled_s = lab.now_s
    acknowledged: list[float] = []

    def writer() -> Generator[Any, Any, None]:
        while True:
            reply = yield "INCR", "b"
            if isinstance(reply, ReplyError | ConnectionError):
                return
            acknowledged.append(lab.now_s)
            yield 0.01

    lab.partition("a")
    script = lab.script("writer", "a", writer())
    assert lab.run_until(lambda: script.finished, 10 * timeout_ms / 1000)
    assert lab.run_until(lambda: bool(lab["d"].cluster.myself.slot_count), 10 * timeout_ms / 1000)
    lab.heal()
    assert lab.run_until(lambda: lab["a"].cluster.myself.is_replica, "30s")
    return acknowledged[-1] - walled_s


def gossip_rows(found: Sequence[Measures]) -> list[list[str]]:
    return [
        [
            str(one.nodes),
            f"{one.messages_per_node_s:.0f}",
            f"{one.bytes_per_node_s / 1000:.0f}",
            *(f"{time_s:.1f}" for time_s in (one.doubted_s, one.failed_s, one.replaced_s, one.known_s)),
        ]
        for one in found
    ]


def window_rows() -> list[list[str]]:
    rows = []
    for timeout_ms in (1_000, 5_000, 15_000):
        found_s = [lost_window_s(timeout_ms, seed) for seed in WINDOW_SEEDS]
        mean_s = sum(found_s) / len(found_s)
        rows.append([str(timeout_ms), f"{min(found_s):.1f}", f"{mean_s:.1f}", f"{max(found_s):.1f}"])
    return rows


def chart(found: Sequence[Measures]) -> str:
    """Bytes and times over the number of nodes, as one SVG."""
    sent = charts.line(
        {"kB/s": [(one.nodes, one.bytes_per_node_s / 1000) for one in found]},
        title="what a node sends on the bus, while nothing happens",
        x="nodes",
        y="kB/s",
        log_x=True,
        log_y=True,
    )
    times = charts.line(
        {
            "PFAIL": [(one.nodes, one.doubted_s) for one in found],
            "FAIL": [(one.nodes, one.failed_s) for one in found],
            "replaced": [(one.nodes, one.replaced_s) for one in found],
        },
        title=f"after a primary's death, node timeout {TIMEOUT_MS // 1000} s",
        x="nodes",
        y="seconds",
        log_x=True,
    )
    canvas = Canvas("growth with the number of nodes")
    canvas.embed(sent.canvas, 0)
    canvas.embed(times.canvas, sent.canvas.bottom + 12)
    return canvas.svg()


def write(found: Sequence[Measures]) -> None:
    """The page, and its chart."""
    gossip = table(["nodes", "messages/s", "kB/s", "PFAIL", "FAIL", "replaced", "known"], gossip_rows(found))
    windows = table(["node timeout (ms)", "shortest", "mean", "longest"], window_rows())
    CHART.write_text(chart(found) + "\n")
    RESULTS.write_text(
        PAGE.format(
            timeout_ms=TIMEOUT_MS,
            listen_s=TIMEOUT_MS // 1000,
            largest=found[-1].nodes,
            gossip=gossip,
            windows=windows,
            seeds=len(WINDOW_SEEDS),
        )
    )


def read_rows() -> dict[int, Measures]:
    """What was measured so far, by the number of nodes."""
    lines = ROWS.read_text().splitlines() if ROWS.exists() else []
    found = [_measures(*line.split("\t")) for line in lines]
    return {one.nodes: one for one in found}


def _measures(nodes: str, messages: str, sent_bytes: str, *times_s: str) -> Measures:
    return Measures(int(nodes), float(messages), int(sent_bytes), *map(float, times_s))


def add_row(found: Measures) -> None:
    """Enter what was measured: it takes the place of what stood there for as many nodes."""
    rows = {**read_rows(), found.nodes: found}
    lines = ["\t".join(map(str, rows[nodes])) for nodes in sorted(rows)]
    ROWS.write_text("".join(line + "\n" for line in lines))


def main(sizes: Sequence[int]) -> None:
    gc.set_threshold(50_000, 20, 100)  # a lab is one knot of cycles, and dies as a whole
    for size in sizes:
        found = measure(size)
        add_row(found)
        print(*found, flush=True)
    write([found for _, found in sorted(read_rows().items())])


if __name__ == "__main__":
    main([int(size) for size in sys.argv[1:]])

"""What a request costs a server under redis-benchmark: the processor's time, its own code and the kernel."""

from __future__ import annotations

from collections.abc import Iterator

from benchmarks import server
from benchmarks.harness import Row

TITLE = "Over TCP: the processor's time for a request"
ABOUT = """Microseconds, as the system counts them for each server alone, its own code and the kernel's.
Medians of a few rounds; `bare` as above."""
UNIT = "us"
PEERS = server.PEERS
COMPARED = (("minidis", "redis-server"), ("minidis", "bare"))


def rows(quick: bool) -> Iterator[Row]:
    for name, servers in server.measured(quick).items():
        yield Row(name, values={peer: figures.cost_us for peer, figures in servers.items()})

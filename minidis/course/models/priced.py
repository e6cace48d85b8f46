"""A node whose frozen clock moves while commands run, so that its own gauges have something to measure.

On a frozen clock every command takes no time at all, and SLOWLOG, LATENCY and INFO commandstats stay empty.
With `charge(node)` each command first lets its price pass (latency.py), as DEBUG SLEEP does: the slow log's
entries, the monitor's spikes and the histograms are then the engine's own, and the same in every run.

`charge_forks` does the same for what the kernel does when Redis forks: it copies the page table, and the
thread stands still meanwhile. Our own snapshots fork nothing, so this is played: time passes where the fork
would be, and the gauges that Redis sets then are set (LATENCY's `fork`, INFO's `latest_fork_usec`).

Complexity: a price and a step of the clock for each command.

>>> node = charge(Embedded({"slowlog-log-slower-than": "1000"}, clock=0))
>>> for n in range(9000): _ = node.execute("SET", f"k{n}", n)
>>> len(node.execute("KEYS", "*")), [entry.argv[0] for entry in node.node.slowlog.entries]
(9000, [b'KEYS'])

Read next: minidis/engine/measuring/statistics.py, where commands are timed.
"""

from __future__ import annotations

from functools import partial
from typing import Any

from minidis.course.models.latency import price_us
from minidis.drivers.embedded import Embedded
from minidis.engine.client import Client


def charge(node: Embedded) -> Embedded:
    """Let every command of `node`, whose clock must be frozen, take its price; answers the node.

    Call it once, and again after a restart. Raises ValueError when the clock runs: it can't be moved then.
    """
    if not node.is_frozen:
        raise ValueError("freeze the node's clock first: real time cannot be charged")
    node.node.statistics.time_all(around=partial(_charged, node))
    return node


def charge_forks(node: Embedded, fork_us: int) -> None:
    """From now on, let each snapshot and rewrite of `node` begin with a fork that takes so long.

    >>> node = charge(Embedded({"latency-monitor-threshold": "1"}, clock=0))
    >>> charge_forks(node, 250_000)
    >>> reply = node.execute("BGSAVE")
    >>> [event for event in node.execute("LATENCY", "LATEST") if event[0] == b"fork"]
    [[b'fork', 0, 250, 250]]
    """
    background = node.node.background
    start = type(background).start

    def fork_and_start(*arguments: Any, **named: Any) -> Any:
        node.node.sleep(fork_us)
        node.node.latency.sample("fork", fork_us // 1000)
        return start(background, *arguments, **named)

    def facts(section: str) -> dict[str, object]:
        return {"latest_fork_usec": fork_us if background.begun else 0} if section == "stats" else {}

    background.start = fork_and_start  # type: ignore[method-assign]
    node.node.process_facts = facts


def _charged(node: Embedded, invoke: Any) -> Any:
    def invoke_and_charge(client: Client, argv: list[bytes]) -> Any:
        node.node.sleep(round(price_us(node, argv)))
        return invoke(client, argv)

    return invoke_and_charge

"""A node's own gauges on one page: where the time went, the slowest commands, spikes, memory, clients.

    time in commands   [ KEYS 62 % ........ ][ GET 30 % .... ][ other ]
    SLOWLOG            4  KEYS *   80 001 us
    LATENCY            command   latest 80 ms, worst 80 ms

Everything on it comes from what INFO, SLOWLOG and LATENCY say: nothing is measured on the side.

Read next: minidis/engine/measuring/statistics.py.
"""

from __future__ import annotations

from typing import Any

from minidis.commands import information
from minidis.commands.info_fields import parse_info
from minidis.drivers.embedded import Embedded
from minidis.notebook.views.drawing import Canvas, label, table_text, text_width
from minidis.notebook.views.mirrors import Mirror, Untold
from minidis.notebook.views.sources import node_or_mirror
from minidis.notebook.views.view import View
from minidis.palette import ROLES

LEFT, WIDTH, FLAME_TOP = 16.0, 748.0, 62.0
MOST_COMMANDS, MOST_SLOW = 7, 5
VITAL = (
    "connected_clients",
    "blocked_clients",
    "used_memory",
    "maxmemory",
    "evicted_keys",
    "expired_keys",
    "keyspace_hits",
    "keyspace_misses",
    "total_commands_processed",
    "rejected_connections",
)


class DashboardView(View):
    """INFO, SLOWLOG and LATENCY of a node, or of the server that cells run on."""

    told = "figures"
    shows_keys = False

    def __init__(self, node: Embedded | None = None) -> None:
        super().__init__(node_or_mirror(node))

    def snapshot(self) -> dict[str, Any]:
        if isinstance(self.node, Mirror):
            return _told_by(self.node)
        node = self.node.node
        node.statistics.settle()
        timed = []
        for command in node.commands:
            if command.calls and command.timing is not None:
                folded_us = command.timing.fold().folded_us
                timed.append({"name": command.name, "calls": command.calls, "us": folded_us})
        timed.sort(key=lambda row: (-row["us"], row["name"]))
        return {
            "commands": timed[:MOST_COMMANDS],
            "total_us": sum(row["us"] for row in timed),
            "slow": [
                {"id": e.id, "us": e.duration_us, "what": label(b" ".join(e.argv), 40), "who": e.client_name}
                for e in sorted(node.slowlog.entries, key=lambda e: (-e.duration_us, e.id))[:MOST_SLOW]
            ],
            "slow_count": len(node.slowlog.entries),
            "spikes": [
                {"event": event, "latest_ms": series.samples[-1].latency_ms, "worst_ms": series.worst_ms}
                for event, series in node.latency.events.items()
            ],
            "vital": self._vital(),
        }

    def _vital(self) -> dict[str, str]:
        """Some fields of INFO; the handler itself is asked, so that looking counts as no command."""
        return _vital_of(parse_info(information.info(self.node.client).decode()))

    def draw(self, data: dict[str, Any]) -> Canvas:
        dearest = data["commands"][0]["name"] if data["commands"] else "none"
        canvas = Canvas(
            f"dashboard: {data['total_us']:,} us in commands, most of it in {dearest}; "
            f"{data['slow_count']} in the slow log"
        )
        canvas.heading("time in commands", f"{data['total_us']:,} us in all (INFO commandstats)")
        _draw_flame(canvas, data)
        y = FLAME_TOP + 60
        canvas.text(16, y, f"SLOWLOG: {data['slow_count']} entries, the slowest", "b", 12)
        for row, entry in enumerate(data["slow"]):
            canvas.text(16, y + 18 * (row + 1), f"{entry['us']:>9,} us  {entry['what']}", "m", 11)
        y += 18 * (len(data["slow"]) + 1) + 10
        canvas.text(16, y, "LATENCY LATEST", "b", 12)
        for row, spike in enumerate(data["spikes"]):
            words = f"{spike['event']}: latest {spike['latest_ms']} ms, worst {spike['worst_ms']} ms"
            canvas.text(16, y + 18 * (row + 1), words, "m t-e", 11)
        if not data["spikes"]:
            canvas.text(16, y + 18, "no spike, or the monitor is off", "t-dim", 11)
        for row, (name, value) in enumerate(data["vital"].items()):
            canvas.text(470, FLAME_TOP + 60 + 17 * row, name, "t-dim", 11)
            canvas.text(764, FLAME_TOP + 60 + 17 * row, value, "m", 11, "end")
        return canvas

    def text(self, data: dict[str, Any]) -> str:
        share = 100 / (data["total_us"] or 1)
        commands = [
            [
                c["name"],
                str(c["calls"]),
                str(c["us"]),
                f"{c['us'] / c['calls']:.1f}",
                f"{c['us'] * share:.0f} %",
            ]
            for c in data["commands"]
        ]
        parts = [table_text(["command", "calls", "us", "us per call", "share"], commands)]
        if data["slow"]:
            slow = [[str(e["id"]), str(e["us"]), e["what"], e["who"]] for e in data["slow"]]
            parts.append(table_text(["slow log", "us", "command", "client"], slow))
        if data["spikes"]:
            spikes = [[s["event"], str(s["latest_ms"]), str(s["worst_ms"])] for s in data["spikes"]]
            parts.append(table_text(["latency", "latest ms", "worst ms"], spikes))
        parts.append(table_text(["INFO", ""], [[name, value] for name, value in data["vital"].items()]))
        return "\n\n".join(parts)


def dashboard(node: Embedded | None = None) -> DashboardView:
    """Where a node's time went, its slow log, its latency spikes and its vital signs."""
    return DashboardView(node)


def _draw_flame(canvas: Canvas, data: dict[str, Any]) -> None:
    """One bar, a piece per command, as wide as its share of the time."""
    x, total_us = LEFT, data["total_us"] or 1
    for number, command in enumerate(data["commands"]):
        width = WIDTH * command["us"] / total_us
        if width < 1:
            continue
        words = f"{command['name']} {100 * command['us'] / total_us:.0f} %"
        note = f"{command['name']}: {command['calls']} calls, {command['us']:,} us"
        role = ROLES[number % len(ROLES)]
        with canvas.group(note=note, key=command["name"]):
            canvas.box(x, FLAME_TOP, width, 30, role, 2)
            if text_width(words, 11) + 8 < width:
                canvas.text(x + 5, FLAME_TOP + 19, words, f"b t-{role}", 11)
        x += width
    canvas.bottom = max(canvas.bottom, FLAME_TOP + 30)


def _vital_of(fields: dict[str, str]) -> dict[str, str]:
    return {name: fields[name] for name in VITAL if name in fields}


def _told_by(mirror: Mirror) -> dict[str, Any]:
    """The same of a server, and what it refused: a managed service, or a user with few rights."""
    untold = []

    def ask(*words: bytes) -> Any:
        try:
            return mirror.ask(*words)
        except Untold as refusal:
            untold.append(str(refusal))
            return []

    fields = parse_info(bytes(ask(b"INFO", b"everything")).decode())
    timed = []
    for name, value in fields.items():
        if name.startswith("cmdstat_"):
            figures = dict(pair.split("=") for pair in value.split(","))
            row = {"name": name.removeprefix("cmdstat_"), "calls": int(figures["calls"])}
            timed.append(row | {"us": int(figures["usec"])})
    timed.sort(key=lambda row: (-row["us"], row["name"]))
    slow = sorted(ask(b"SLOWLOG", b"GET", b"-1"), key=lambda entry: (-entry[2], entry[0]))
    spikes = ask(b"LATENCY", b"LATEST")
    return {
        "commands": timed[:MOST_COMMANDS],
        "total_us": sum(row["us"] for row in timed),
        "slow": [
            {"id": e[0], "us": e[2], "what": label(b" ".join(e[3]), 40), "who": e[5].decode()}
            for e in slow[:MOST_SLOW]
        ],
        "slow_count": len(slow),
        "spikes": [{"event": e[0].decode(), "latest_ms": e[2], "worst_ms": e[3]} for e in spikes],
        "vital": _vital_of(fields),
        "untold": mirror.only_of() + untold,
    }

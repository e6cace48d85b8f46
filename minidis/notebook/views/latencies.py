"""A latency strip: a row for each client that pings, a dot for each ping, and what the server did meanwhile.

    server   ▮SCAN ▮▮▮▮▮▮▮ KEYS * ▮▮▮▮▮▮▮ ▮SCAN
    ping 1   .  .  ●●●●●●●●●●●●●●●●●●●●●●  .  .      the longer it waited, the redder

Read next: minidis/course/models/latency.py, where the figures come from.
"""

from __future__ import annotations

from typing import Any

from minidis.notebook.views.drawing import Canvas, count_of, printable, table_text
from minidis.notebook.views.view import View

LEFT, ROW = 74.0, 11.0
MOST_DOTS = 1600
FAST_US, SLOW_US = 1_000.0, 10_000.0


class LatencyStrip(View):
    """`strip` has `pings` (client, arrived_us, latency_us) and `busy` (start_us, end_us, command)."""

    def __init__(self, strip: Any, title: str = "pings") -> None:
        super().__init__(None)
        self.strip = strip
        self.title = title

    def snapshot(self) -> dict[str, Any]:
        pings, busy = self.strip.pings, self.strip.busy
        latencies = sorted(ping.latency_us for ping in pings) or [0.0]
        every = -(-len(pings) // MOST_DOTS) or 1
        longest = sorted(busy, key=lambda stretch: stretch.start_us - stretch.end_us)[:3]
        end_us = max([ping.arrived_us for ping in pings] + [stretch.end_us for stretch in busy] + [1.0])
        return {
            "title": self.title,
            "clients": self.strip.clients,
            "count": len(pings),
            "end_us": end_us,
            "dots": [[p.client, round(p.arrived_us, 1), round(p.latency_us, 1)] for p in pings[::every]],
            "busy": [[s.start_us, s.end_us] for s in busy if s.end_us - s.start_us > end_us / 2000],
            "longest": [[printable(s.command), s.end_us - s.start_us] for s in longest],
            "p50": latencies[len(latencies) // 2],
            "p99": latencies[min(len(latencies) - 1, len(latencies) * 99 // 100)],
            "max": latencies[-1],
            "commands": len(busy),
        }

    def draw(self, data: dict[str, Any]) -> Canvas:
        canvas = Canvas(f"{data['title']}: {_figures(data)}")
        canvas.heading(data["title"], _figures(data))
        scale = (canvas.width - LEFT - 20) / data["end_us"]
        y = 48.0
        canvas.text(LEFT - 8, y + 12, "server", "b", 11, "end")
        for start, end in data["busy"]:
            canvas.box(LEFT + start * scale, y, max(0.6, (end - start) * scale), 16, "b", 1)
        y += 30
        for client in range(data["clients"]):
            if client in (0, data["clients"] - 1):
                canvas.text(LEFT - 8, y + client * ROW + 4, f"ping {client + 1}", "t-dim", 9.5, "end")
        for client, arrived, latency in data["dots"]:
            role = "c" if latency < FAST_US else "b" if latency < SLOW_US else "e"
            x = LEFT + arrived * scale
            canvas.dot(x, y + client * ROW, 1.6 if role == "c" else 2.6, role)
        y += data["clients"] * ROW + 8
        canvas.line(LEFT, y, canvas.width - 20, y)
        canvas.text(LEFT, y + 14, "0", "m t-dim", 10)
        canvas.text(canvas.width - 20, y + 14, _time(data["end_us"]), "m t-dim", 10, "end")
        x = LEFT + 60
        for role, words in (("c", "under 1 ms"), ("b", "1 to 10 ms"), ("e", "10 ms and more")):
            canvas.dot(x, y + 11, 3, role)
            canvas.text(x + 8, y + 14, words, "t-dim", 10.5)
            x += 110
        y += 30
        for command, cost in data["longest"]:
            canvas.text(LEFT, y, f"{_time(cost)}  {command}", "m", 10.5)
            y += 15
        return canvas

    def text(self, data: dict[str, Any]) -> str:
        rows = [[_time(cost), command] for command, cost in data["longest"]]
        return f"{data['title']}: {_figures(data)}\n" + table_text(["server time", "longest stretches"], rows)


def latency_strip(strip: Any, title: str = "pings") -> LatencyStrip:
    """Pings of many clients while one of them works: a `minidis.course.models.latency.Strip`."""
    return LatencyStrip(strip, title)


def _figures(data: dict[str, Any]) -> str:
    return (
        f"{count_of(data['commands'], 'batch', 'batches')} in {_time(data['end_us'])}; pings: half within "
        f"{_time(data['p50'])}, 99 % within {_time(data['p99'])}, longest {_time(data['max'])}"
    )


def _time(microseconds: float) -> str:
    """
    >>> _time(12.4), _time(2500), _time(40_001)
    ('12 us', '2.5 ms', '40 ms')
    """
    if microseconds < 1000:
        return f"{microseconds:.0f} us"
    return f"{microseconds / 1000:.3g} ms"

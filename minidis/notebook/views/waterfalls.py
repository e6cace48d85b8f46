"""Waterfalls of round trips: a client's zigzag to the server and back, several of them on one axis of time.

    one by one   \\/\\/\\/\\/\\/\\/\\/\\/\\/   9 round trips, 9.0 ms
    a pipeline   \\_/                  1 round trip, 1.0 ms

Each stroke down is a request under way, the flat piece the server's work, the stroke up its reply. The slider
makes the link longer or shorter: the number of trips stays, what they cost does not.

Read next: minidis/course/models/roundtrips.py.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from minidis.notebook.views.drawing import Canvas, count_of, label, table_text
from minidis.notebook.views.view import View, slider

LEFT, RIGHT, TOP, LANE, DEPTH = 180.0, 764.0, 64.0, 62.0, 24.0
MOST_NOTES = 40
COMPARED_MS = (0.1, 1.0, 50.0)


class WaterfallView(View):
    """Some traces by name, as they would run on a link with `rtt_ms`."""

    def __init__(self, traces: Mapping[str, Any], rtt_ms: float | None = None) -> None:
        super().__init__(None)
        self.traces = dict(traces)
        first = next(iter(self.traces.values()), None)
        self.rtt_ms = rtt_ms if rtt_ms is not None else 1.0 if first is None else first.rtt_ms

    def snapshot(self) -> dict[str, Any]:
        return {"rtt_ms": self.rtt_ms, "lanes": [_lane(n, t, self.rtt_ms) for n, t in self.traces.items()]}

    def draw(self, data: dict[str, Any]) -> Canvas:
        lanes, rtt_us = data["lanes"], 1000 * data["rtt_ms"]
        canvas = Canvas(
            f"round trips on a link of {data['rtt_ms']:g} ms: "
            + "; ".join(f"{lane['name']}: {_verdict(lane)}" for lane in lanes)
        )
        canvas.heading("round trips", f"on a link of {data['rtt_ms']:g} ms; down: request, up: reply")
        longest_us = max((lane["total_us"] for lane in lanes), default=0) or 1.0
        for row, lane in enumerate(lanes):
            y = TOP + LANE * row
            canvas.text(16, y + 10, lane["name"][:26], "b", 12)
            canvas.text(16, y + 26, _verdict(lane), "t-dim", 11)
            canvas.line(LEFT, y, RIGHT, y, "line", 0.7)
            canvas.line(LEFT, y + DEPTH, RIGHT, y + DEPTH, "line", 0.7)
            _draw_zigzag(canvas, lane, rtt_us, y, (RIGHT - LEFT) / longest_us)
        bottom = TOP + LANE * len(lanes) - 18
        canvas.text(LEFT, bottom, "0 ms", "m t-dim", 10)
        canvas.text(RIGHT, bottom, f"{longest_us / 1000:.1f} ms", "m t-dim", 10, "end")
        return canvas

    def text(self, data: dict[str, Any]) -> str:
        head = ["", "round trips", "connections", "commands", "bytes out", "bytes in"]
        head += [f"ms at {rtt_ms:g} ms" for rtt_ms in COMPARED_MS]
        rows = [
            [
                lane["name"],
                str(lane["count"]),
                str(lane["connections"]),
                str(lane["commands"]),
                str(lane["sent_bytes"]),
                str(lane["received_bytes"]),
                *(f"{us / 1000:.1f}" for us in lane["compared_us"]),
            ]
            for lane in data["lanes"]
        ]
        return table_text(head, rows)

    def controls(self, data: dict[str, Any]) -> list[dict[str, Any]]:
        return [slider("rtt", "round trip", data["rtt_ms"], 0.1, 50, 0.1, " ms", "how long the link is")]

    def on_rtt(self, value: Any) -> None:
        rtt_ms = float(value)
        if not 0 < rtt_ms <= 1000:
            raise ValueError(f"a round trip of {value} ms: it may be up to 1000, and more than 0")
        self.rtt_ms = rtt_ms


def waterfall(traces: Mapping[str, Any] | Any, rtt_ms: float | None = None) -> WaterfallView:
    """The round trips of one trace, or of several by name, on a link of `rtt_ms` (the first trace's own)."""
    return WaterfallView(traces if isinstance(traces, Mapping) else {"trace": traces}, rtt_ms)


def _lane(name: str, trace: Any, rtt_ms: float) -> dict[str, Any]:
    trips = trace.trips
    return {
        "name": name,
        "count": len(trips),
        "connections": sum(trip.is_handshake for trip in trips),
        "commands": sum(len(trip.argvs) for trip in trips),
        "sent_bytes": sum(trip.sent_bytes for trip in trips),
        "received_bytes": sum(trip.received_bytes for trip in trips),
        "total_us": trace.duration_us(rtt_ms),
        "compared_us": [trace.duration_us(compared_ms) for compared_ms in COMPARED_MS],
        "trips": [[label(str(trip), 40), trip.work_us, trip.is_handshake] for trip in trips],
    }


def _draw_zigzag(canvas: Canvas, lane: dict[str, Any], rtt_us: float, y: float, scale: float) -> None:
    at_us, steps = 0.0, [f"M{LEFT:.1f} {y:.1f}"]
    for number, (what, work_us, is_handshake) in enumerate(lane["trips"]):
        times_us = (at_us + rtt_us / 2, at_us + rtt_us / 2 + work_us, at_us + rtt_us + work_us)
        down, busy, up = (LEFT + scale * time_us for time_us in times_us)
        steps.append(f"L{down:.1f} {y + DEPTH:.1f}L{busy:.1f} {y + DEPTH:.1f}L{up:.1f} {y:.1f}")
        if number < MOST_NOTES:  # more of them could not be pointed at
            with canvas.group(note=f"{number + 1}. {what}"):
                role = "b" if is_handshake else "a"
                canvas.box(LEFT + scale * at_us, y - 5, max(2.0, up - LEFT - scale * at_us - 1), 5, role, 1)
        at_us = times_us[2]
    canvas.path("".join(steps), "a", 1.3, y + DEPTH)


def _verdict(lane: dict[str, Any]) -> str:
    return f"{count_of(lane['count'], 'trip')}, {lane['total_us'] / 1000:.1f} ms"

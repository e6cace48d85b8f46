"""A strip of admitted requests: each limiter's verdict on the same calls, below the rule's own.

    the rule        | | ||||....    ....      a long stroke was let through, a short one refused
    fixed window    | | ||||||..    ||||      red: let through against the rule
    sliding log     | | ||||....    ....      orange: refused although there was room

Each limiter is measured against its own history: whoever let too many through a moment ago must refuse now.

Read next: minidis/course/models/limiting.py, where the trials are made.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from minidis.notebook.views.drawing import Canvas, table_text
from minidis.notebook.views.view import View

LEFT, RIGHT, TOP, ROW = 216.0, 748.0, 62.0, 46.0
STROKE = {"admitted": ("c", 22.0), "against": ("e", 22.0), "refused": ("f", 8.0), "for nothing": ("b", 13.0)}


class AdmissionsView(View):
    """Trials of the same calls by the limiters' names."""

    def __init__(self, trials: Mapping[str, Any], start_s: float = 0.0, end_s: float | None = None) -> None:
        super().__init__(None)
        if not trials:
            raise ValueError("there is no trial to show")
        self.trials = dict(trials)
        last_s = max(next(iter(self.trials.values())).times_s, default=0.0)
        self.start_s, self.end_s = start_s, last_s if end_s is None else end_s

    def snapshot(self) -> dict[str, Any]:
        first = next(iter(self.trials.values()))
        return {
            "limit": first.limit,
            "window_s": first.window_s,
            "times_s": first.times_s,
            "start_s": self.start_s,
            "end_s": self.end_s,
            "rows": [
                _row(name, trial) for name, trial in {"the rule": first.by_the_rule(), **self.trials}.items()
            ],
        }

    def draw(self, data: dict[str, Any]) -> Canvas:
        canvas = Canvas(
            f"{data['limit']} in {data['window_s']:g} s: "
            + "; ".join(f"{row['name']}: {_verdict(row)}" for row in data["rows"])
        )
        canvas.heading(
            f"{data['limit']} calls in any {data['window_s']:g} s",
            "long: let through, short: refused; red: against the rule, orange: though there was room",
        )
        span_s = max(data["end_s"] - data["start_s"], 1e-9)
        bottom = TOP + ROW * len(data["rows"])
        for number in range(11):
            x = LEFT + (RIGHT - LEFT) * number / 10
            canvas.line(x, TOP - 8, x, bottom - 14, "line", 0.6, dash="2 3")
            canvas.text(
                x, bottom + 2, f"{data['start_s'] + span_s * number / 10:.4g} s", "m t-dim", 9.5, "middle"
            )
        for number, row in enumerate(data["rows"]):
            self._draw_row(canvas, data, row, TOP + ROW * number)
        return canvas

    def _draw_row(self, canvas: Canvas, data: dict[str, Any], row: dict[str, Any], y: float) -> None:
        canvas.text(16, y + 10, row["name"][:24], "b", 12)
        canvas.text(16, y + 25, _verdict(row), "t-dim", 10.5)
        foot, start_s = y + 26, data["start_s"]
        scale = (RIGHT - LEFT) / max(data["end_s"] - start_s, 1e-9)
        for kind, (role, height) in STROKE.items():
            at_s = [
                time_s
                for time_s, what in zip(data["times_s"], row["calls"], strict=True)
                if what == kind and start_s <= time_s <= data["end_s"]
            ]
            strokes = "".join(
                f"M{LEFT + (time_s - start_s) * scale:.1f} {foot:g}v-{height:g}" for time_s in at_s
            )
            if strokes:
                with canvas.group(note=f"{row['name']}: {len(at_s)} {_KIND_NAMES[kind]}"):
                    canvas.path(strokes, role, 1.1, foot)
        canvas.line(LEFT, foot, RIGHT, foot, "line", 0.7)

    def text(self, data: dict[str, Any]) -> str:
        head = [
            "",
            "admitted",
            "most in a window",
            "against the rule",
            "starved, s",
            "bytes at most",
        ]
        rows = [
            [
                row["name"],
                str(row["calls"].count("admitted") + row["calls"].count("against")),
                str(row["most"]),
                str(row["calls"].count("against")),
                f"{row['starved_s']:.1f}",
                str(row["bytes"] or ""),
            ]
            for row in data["rows"]
        ]
        title = f"{len(data['times_s'])} calls; {data['limit']} are allowed in any {data['window_s']:g} s"
        return f"{title}\n{table_text(head, rows)}"


_KIND_NAMES = {
    "admitted": "let through",
    "against": "let through against the rule",
    "refused": "refused",
    "for nothing": "refused although there was room",
}


def admissions(trials: Mapping[str, Any], start_s: float = 0.0, end_s: float | None = None) -> AdmissionsView:
    """What several limiters said to the same calls (`course.models.limiting.play`), and the rule itself.

    The picture shows the time from `start_s` to `end_s`; the numbers are those of the whole trial.
    """
    return AdmissionsView(trials, start_s, end_s)


def _row(name: str, trial: Any) -> dict[str, Any]:
    calls = [
        "against" if above else "admitted" if allowed else "for nothing" if below else "refused"
        for allowed, above, below in zip(trial.verdicts, trial.too_many(), trial.too_few(), strict=True)
    ]
    return {
        "name": name,
        "calls": calls,
        "most": trial.most_in_a_window(),
        "starved_s": trial.starved_s(),
        "bytes": trial.largest_bytes,
    }


def _verdict(row: dict[str, Any]) -> str:
    passed = row["calls"].count("admitted") + row["calls"].count("against")
    return f"{passed} through, at most {row['most']} in a window"

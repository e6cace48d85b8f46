"""A strip of admitted requests: each limiter's verdict on the same calls, below the rule's own.

    the rule        | | ||||....    ....      a long stroke was let through, a short one refused
    fixed window    | | ||||||..    ||||      red: let through against the rule
    sliding log     | | ||||....    ....      orange: refused although there was room

Each limiter is measured against its own history: whoever let too many through a moment ago must refuse now.

Read next: minidis/course/limiting.py, where the trials are made.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from minidis.notebook.views.drawing import Canvas, table_text
from minidis.notebook.views.view import View

LEFT, RIGHT, TOP, ROW = 190.0, 764.0, 62.0, 46.0
STROKE = {"admitted": ("c", 22.0), "against": ("e", 22.0), "refused": ("f", 8.0), "for nothing": ("b", 13.0)}


class AdmissionsView(View):
    """Trials of the same calls by the limiters' names."""

    def __init__(self, trials: Mapping[str, Any]) -> None:
        super().__init__(None)
        if not trials:
            raise ValueError("there is no trial to show")
        self.trials = dict(trials)

    def snapshot(self) -> dict[str, Any]:
        first = next(iter(self.trials.values()))
        return {
            "limit": first.limit,
            "window_s": first.window_s,
            "times_s": first.times_s,
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
        end_s = max(data["times_s"], default=1.0) or 1.0
        scale = (RIGHT - LEFT) / end_s
        windows = int(end_s / data["window_s"])
        bottom = TOP + ROW * len(data["rows"])
        every = max(1, windows // 10)
        for number in range(0, windows + 1, every):
            x = LEFT + number * data["window_s"] * scale
            canvas.line(x, TOP - 8, x, bottom - 14, "line", 0.6, dash="2 3")
            canvas.text(x, bottom + 2, f"{number * data['window_s']:g} s", "m t-dim", 9.5, "middle")
        for number, row in enumerate(data["rows"]):
            self._draw_row(canvas, data["times_s"], row, TOP + ROW * number, scale)
        return canvas

    def _draw_row(
        self, canvas: Canvas, times_s: list[float], row: dict[str, Any], y: float, scale: float
    ) -> None:
        canvas.text(16, y + 10, row["name"][:24], "b", 12)
        canvas.text(16, y + 25, _verdict(row), "t-dim", 10.5)
        foot = y + 26
        for kind, (role, height) in STROKE.items():
            at_s = [time_s for time_s, what in zip(times_s, row["calls"], strict=True) if what == kind]
            strokes = "".join(f"M{LEFT + time_s * scale:.1f} {foot:g}v-{height:g}" for time_s in at_s)
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


def admissions(trials: Mapping[str, Any]) -> AdmissionsView:
    """What several limiters said to the same calls (`minidis.course.limiting.play`), and the rule itself."""
    return AdmissionsView(trials)


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
    return f"{passed} through, at most {row['most']} at once"

"""A crash-point matrix: the lines of a program, and how it ends when the process dies before one of them.

                                                    retried after 15 s    provider silent
    ensure_idempotency()
    34      result = operation_func()               ✓ once                ? unknown
    do_payment()
    15          return gateway.charge(...)          ✓ once                ? unknown
    ensure_idempotency()
    37      r.setex(cache_key, ttl, ...)            ✗ twice               ✗ twice
            (no crash)                              ✓ once                ? unknown

Every line was reached, and crashed, in a history of its own (course/models/crashing.py, found by its fields:
this room does not know that one). A click on a cell tells that history.

Read next: minidis/course/models/crashing.py.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping
from typing import Any

from minidis.notebook.views.drawing import MONO_ADVANCE, Canvas, count_of, label, table_text
from minidis.notebook.views.view import View

CODE_X, ROW, NAME_ROW, CODE_SIZE = 46.0, 22.0, 17.0, 10.5
NO_CRASH = "(no crash)"
SIGNS = {"good": ("c", "✓"), "bad": ("e", "✗"), "open": ("b", "?")}


class CrashPointsView(View):
    """`found` maps a column to its crashes; outcomes are `good`, `bad`, or else open: known to be unknown."""

    def __init__(
        self, title: str, found: Mapping[str, Any], good: Iterable[Hashable], bad: Iterable[Hashable]
    ) -> None:
        super().__init__(None)
        self.title, self.found = title, dict(found)
        self.good, self.bad = tuple(good), tuple(bad)
        self.chosen: list[int] | None = None

    def on_choose(self, value: str) -> None:
        """Tell the history of a cell: "row column", counted from 0; the row of no crash is the last."""
        row, column = map(int, str(value).split())
        data = self.snapshot()
        row, column = min(max(row, 0), len(data["rows"]) - 1), min(max(column, 0), len(data["columns"]) - 1)
        self.chosen = [row, column]

    def snapshot(self) -> dict[str, Any]:
        lines = list(dict.fromkeys(line for found in self.found.values() for line, *_ in found.points))
        rows = [
            {
                "function": f"{line.function}()",
                "number": str(line.number),
                "text": line.text,
                "name": str(line),
                "cells": [self._cell_at(found, line) for found in self.found.values()],
            }
            for line in lines
        ]
        ends = [self._cell(found.without, found.without_story) for found in self.found.values()]
        rows.append({"function": "", "number": "", "text": NO_CRASH, "name": "no crash", "cells": ends})
        return {"title": self.title, "columns": list(self.found), "rows": rows, "chosen": self.chosen}

    def _cell_at(self, found: Any, line: Any) -> dict[str, Any] | None:
        """The worst that a crash before this line has led to: a loop comes by several times."""
        ends = [(self._kind(outcome), outcome, story) for at, outcome, story in found.points if at == line]
        if not ends:
            return None
        _, outcome, story = min(ends, key=lambda end: ("bad", "open", "good").index(end[0]))
        return self._cell(outcome, story)

    def _cell(self, outcome: Hashable, story: list[str]) -> dict[str, Any]:
        return {"kind": self._kind(outcome), "outcome": label(str(outcome), 40), "story": list(story)}

    def _kind(self, outcome: Hashable) -> str:
        return "good" if outcome in self.good else "bad" if outcome in self.bad else "open"

    def draw(self, data: dict[str, Any]) -> Canvas:
        canvas = Canvas(_summary(data))
        y = canvas.heading(data["title"], "the process dies before a line")
        width = min(150.0, 380.0 / max(1, len(data["columns"])))
        left = canvas.width - 16 - width * len(data["columns"])
        for number, column in enumerate(data["columns"]):
            canvas.text(left + width * number + 2, y + 10, _cut(column, int(width / 6)), "b t-dim", 11)
        y += 18
        room = int((left - CODE_X - 8) / (CODE_SIZE * MONO_ADVANCE))
        function = ""
        for place, row in enumerate(data["rows"]):
            if row["function"] not in ("", function):
                function = row["function"]
                canvas.text(16, y + 12, function, "m t-dim", 10)
                y += NAME_ROW
            canvas.text(CODE_X - 10, y + 14, row["number"], "m t-dim", 10, "end")
            canvas.text(CODE_X, y + 14, _cut(row["text"].replace(" ", "\u00a0"), room), "m", CODE_SIZE)
            for number in range(len(row["cells"])):
                self._draw_cell(canvas, data, [place, number], left + width * number, y, width)
            y += ROW
        return self._draw_story(canvas, data, y + 8)

    def _draw_cell(
        self, canvas: Canvas, data: dict[str, Any], at: list[int], x: float, y: float, width: float
    ) -> None:
        cell = data["rows"][at[0]]["cells"][at[1]]
        if cell is None:
            canvas.text(x + 8, y + 14, "-", "t-dim", 11)
            return
        role, sign = SIGNS[cell["kind"]]
        row = data["rows"][at[0]]
        note = f"{row['name']}, {data['columns'][at[1]]}: {cell['outcome']}"
        with canvas.group(note=note, event=("choose", f"{at[0]} {at[1]}")):
            canvas.box(x, y + 1, width - 4, ROW - 3, role, 3)
            canvas.text(x + 7, y + 14, _cut(f"{sign} {cell['outcome']}", int(width / 6.2)), f"b t-{role}", 11)
        if at == data["chosen"]:
            canvas.ring(x - 1, y, width - 2, ROW - 1)

    def _draw_story(self, canvas: Canvas, data: dict[str, Any], y: float) -> Canvas:
        if data["chosen"] is not None:
            head, story = _chosen(data)
            canvas.text(16, y + 12, _cut(head, 110), "b", 12)
            for number, text in enumerate(story, 1):
                canvas.text(28, y + 12 + 17 * number, _cut(text, 118), "", 11)
        return canvas

    def text(self, data: dict[str, Any]) -> str:
        rows = [
            [row["function"], row["number"], row["text"], *map(_words, row["cells"])] for row in data["rows"]
        ]
        head = ["function", "line", "the process dies before", *data["columns"]]
        lines = [_summary(data), table_text(head, rows)]
        if data["chosen"] is not None:
            head, story = _chosen(data)
            lines += [head, *[f"  {text}" for text in story]]
        return "\n".join(lines)


def crash_points(
    title: str,
    found: Mapping[str, Any],
    good: Iterable[Hashable] = ("once",),
    bad: Iterable[Hashable] = ("twice",),
    tell: str | None = None,
) -> CrashPointsView:
    """How a program ends that dies before each of its lines: `found` maps a column to its `everywhere(...)`.

    `tell` is a part of a line: the history of a crash there is told (in the first column).
    """
    view = CrashPointsView(title, found, good, bad)
    if tell is not None:
        rows = [row["text"] for row in view.snapshot()["rows"]]
        place = next((number for number, text in enumerate(rows) if tell in text), None)
        if place is None:
            raise ValueError(f"no line that was reached has {tell!r} in it")
        view.chosen = [place, 0]
    return view


def _words(cell: dict[str, Any] | None) -> str:
    return f"{SIGNS[cell['kind']][1]} {cell['outcome']}" if cell else "-"


def _chosen(data: dict[str, Any]) -> tuple[str, list[str]]:
    row, column = data["chosen"]
    cell = data["rows"][row]["cells"][column]
    where = f"{data['columns'][column]}; {data['rows'][row]['name']}"
    return (f"{cell['outcome']}: {where}", cell["story"]) if cell else (f"not reached: {where}", [])


def _summary(data: dict[str, Any]) -> str:
    counts = []
    for number, column in enumerate(data["columns"]):
        cells = [row["cells"][number] for row in data["rows"][:-1] if row["cells"][number]]
        ends = [f"{sum(c['outcome'] == name for c in cells)} {name}" for name in _outcomes(cells)]
        counts.append(f"{column}: {', '.join(ends)}")
    lines = count_of(len(data["rows"]) - 1, "line")
    return f"{data['title']}: {lines}; " + "; ".join(counts)


def _outcomes(cells: list[dict[str, Any]]) -> list[str]:
    return list(dict.fromkeys(cell["outcome"] for cell in cells))


def _cut(text: str, room: int) -> str:
    return text if len(text) <= room else text[: max(1, room - 1)] + "…"

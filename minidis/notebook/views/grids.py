"""A grid of verdicts: which of some candidates passed which of some trials, with what came out.

Read next: minidis/course/models/memcached.py, which is compared in one.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from minidis.notebook.views.drawing import Canvas, table_text
from minidis.notebook.views.view import View

NAME_WIDTH, ROW = 230.0, 38.0


class GridView(View):
    """Rows are trials, columns candidates; a cell is (passed, what came out). A cell may be missing.

    `verdicts` say what a pass and a failure are called.
    """

    def __init__(
        self, title: str, cells: Mapping[str, Mapping[str, tuple[bool, str]]], verdicts: tuple[str, str]
    ) -> None:
        super().__init__(None)
        self.title, self.verdicts = title, verdicts
        self.cells = {row: dict(columns) for row, columns in cells.items()}

    def snapshot(self) -> dict[str, Any]:
        columns = list(dict.fromkeys(column for row in self.cells.values() for column in row))
        return {"title": self.title, "columns": columns, "rows": self.cells}

    def draw(self, data: dict[str, Any]) -> Canvas:
        canvas = Canvas(
            f"{data['title']}: a grid of {len(data['rows'])} trials of {', '.join(data['columns'])}"
        )
        canvas.heading(data["title"])
        width = (canvas.width - 16 - NAME_WIDTH) / max(1, len(data["columns"]))
        for number, column in enumerate(data["columns"]):
            canvas.text(NAME_WIDTH + number * width + 8, 54, column, "b", 12.5)
        y = 64.0
        for row, verdicts in data["rows"].items():
            canvas.text(16, y + 20, row, "", 12)
            for number, column in enumerate(data["columns"]):
                if column not in verdicts:
                    continue
                passed, note = verdicts[column]
                role, x = ("c" if passed else "e"), NAME_WIDTH + number * width
                with canvas.group(note=f"{row}, {column}: {self._verdict(passed)}. {note}"):
                    canvas.box(x, y, width - 6, ROW - 6, role, 4)
                    canvas.text(x + 8, y + 14, self._verdict(passed), f"b t-{role}", 11)
                    room = int((width - 20) / 6)
                    shown = note if len(note) <= room else note[: room - 1] + "…"
                    canvas.text(x + 8, y + 27, shown, "", 10.5)
            y += ROW
        canvas.bottom = y
        return canvas

    def text(self, data: dict[str, Any]) -> str:
        rows = [
            [row, *[self._words(verdicts.get(column)) for column in data["columns"]]]
            for row, verdicts in data["rows"].items()
        ]
        return f"{data['title']}\n" + table_text(["", *data["columns"]], rows)

    def _words(self, cell: tuple[bool, str] | None) -> str:
        return "" if cell is None else f"{self._verdict(cell[0])}: {cell[1]}"

    def _verdict(self, passed: bool) -> str:
        return self.verdicts[0 if passed else 1]


def grid(
    title: str,
    cells: Mapping[str, Mapping[str, tuple[bool, str]]],
    words: tuple[str, str] = ("✓ can", "✗ cannot"),
) -> GridView:
    """A grid of verdicts: `cells[row][column]` is (passed, a note of some words)."""
    return GridView(title, cells, words)

"""A run of bytes drawn as cells, row after row, in named groups.

    0   [10 00 00 00] [03 00] [82 68 69 03] [05 01] ...
         total bytes   count   "hi"          5

A group stays on one row where it can. Long content is cut, and a wide cell says how much is missing.

Read next: listpacks.py, which uses it.
"""

from __future__ import annotations

from collections.abc import Sequence

from minidis.notebook.views.drawing import MONO_ADVANCE, Canvas

CELL = 25
PER_ROW = 28
LEFT = 56
ROW_HEIGHT = 46
CELL_HEIGHT = 23


class ByteFlow:
    """Draws groups of byte cells from `y` on; `y` afterwards: `finish()`."""

    def __init__(self, canvas: Canvas, y: float) -> None:
        self.canvas = canvas
        self.y = y
        self.column = 0
        self.offset = 0
        self.row_is_marked = False

    def group(
        self,
        parts: Sequence[tuple[str, str]],
        label: str = "",
        note: str = "",
        hidden: int = 0,
        event: tuple[str, str | int] | None = None,
        key: str = "",
        chosen: bool = False,
    ) -> None:
        """One group: parts of (hex text, role). `hidden` bytes are missing before the last part."""
        cells: list[tuple[str, str, int]] = []  # text, role, width in cells
        for number, (hexes, role) in enumerate(parts):
            if hidden and number == len(parts) - 1:
                cells.append((f"+{hidden}", parts[max(0, number - 1)][1], 3))
            cells += [(text, role, 1) for text in hexes.split()]
        width = sum(cell[2] for cell in cells)
        if self.column and self.column + width > PER_ROW and width <= PER_ROW:
            self._new_row()
        with self.canvas.group(note=note, event=event, key=key):
            self._cells(cells, label, hidden, chosen)
        self.column += 0  # groups touch; their roles and labels part them

    def finish(self) -> float:
        """The y below the last row."""
        return self.y + ROW_HEIGHT

    def _cells(self, cells: list[tuple[str, str, int]], label: str, hidden: int, chosen: bool) -> None:
        left_x = None
        labelled = False
        for position, (text, role, width) in enumerate(cells):
            if self.column + width > PER_ROW:
                self._new_row()
                left_x = None
            self._mark_row()
            x = LEFT + self.column * CELL
            if left_x is None:
                left_x = x
            self.canvas.box(x + 0.5, self.y, CELL * width - 1, CELL_HEIGHT, role, 2)
            self.canvas.text(x + CELL * width / 2, self.y + 16, text, f"m t-{role}", 11.5, "middle")
            self.column += width
            self.offset += hidden if width > 1 else 1
            row_ends = position == len(cells) - 1 or self.column + cells[position + 1][2] > PER_ROW
            if row_ends:
                end_x = LEFT + self.column * CELL
                if chosen:
                    self.canvas.line(left_x + 1, self.y - 3, end_x - 1, self.y - 3, "hot", 3)
                self.canvas.line(
                    left_x + 2, self.y + CELL_HEIGHT + 3, end_x - 2, self.y + CELL_HEIGHT + 3, "line"
                )
                if label and not labelled:
                    self._label(left_x, end_x, label)
                    labelled = True

    def _label(self, left_x: float, end_x: float, label: str) -> None:
        room = int((end_x - left_x) / (10 * MONO_ADVANCE))
        shown = label if len(label) <= room else label[: max(1, room - 1)] + "…"
        self.canvas.text((left_x + end_x) / 2, self.y + CELL_HEIGHT + 14, shown, "m", 10, "middle")

    def _new_row(self) -> None:
        self.y += ROW_HEIGHT
        self.column = 0
        self.row_is_marked = False

    def _mark_row(self) -> None:
        if not self.row_is_marked:
            self.canvas.text(LEFT - 8, self.y + 16, str(self.offset), "m t-dim", 10, "end")
            self.row_is_marked = True

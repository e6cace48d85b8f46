"""A ledger: what was promised, and what each side has seen of it; lost and doubled ones stand out.

    sent       1  2  3  4  5  6
    healthy    1  1  1  1  1  1
    cut off    1  1  .  .  1  2        3 and 4 are lost, 6 came twice

Read next: minidis/notebook/views/grids.py, verdicts in words.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from minidis.notebook.views.drawing import Canvas, label, table_text
from minidis.notebook.views.view import View

NAME_WIDTH, CELL, ROW = 150.0, 20.0, 30.0
PER_BLOCK = 30


class LedgerView(View):
    """`sent` is what was promised, in order; `seen` what each receiver has, as often as it has it."""

    def __init__(self, title: str, sent: Iterable[Any], seen: Mapping[str, Iterable[Any]]) -> None:
        super().__init__(None)
        self.title = title
        self.sent = [_name(item) for item in sent]
        self.seen = {who: Counter(_name(item) for item in items) for who, items in seen.items()}

    def snapshot(self) -> dict[str, Any]:
        return {
            "title": self.title,
            "sent": self.sent,
            "rows": [
                {
                    "name": who,
                    "counts": [counts[item] for item in self.sent],
                    "lost": [item for item in self.sent if not counts[item]],
                    "doubled": [item for item in self.sent if counts[item] > 1],
                    "strange": sorted(item for item in counts if item not in self.sent),
                }
                for who, counts in self.seen.items()
            ],
        }

    def draw(self, data: dict[str, Any]) -> Canvas:
        canvas = Canvas(
            f"{data['title']}: "
            + "; ".join(f"{row['name']}: {_verdict(row, data['sent'])}" for row in data["rows"])
        )
        y = canvas.heading(data["title"], f"{len(data['sent'])} sent")
        for first in range(0, len(data["sent"]), PER_BLOCK):
            y = self._draw_block(canvas, data, first, y) + 10
        for row in data["rows"]:
            role = "e" if row["lost"] else "b" if row["doubled"] else "c"
            canvas.text(16, y + 12, row["name"], "b", 11.5)
            canvas.text(NAME_WIDTH, y + 12, _verdict(row, data["sent"]), f"b t-{role}", 11.5)
            y += 20
        canvas.bottom = y
        return canvas

    def _draw_block(self, canvas: Canvas, data: dict[str, Any], first: int, y: float) -> float:
        items = data["sent"][first : first + PER_BLOCK]
        for number, item in enumerate(items):
            canvas.text(NAME_WIDTH + CELL * (number + 0.5), y + 10, item[-3:], "m t-dim", 9, "middle")
        for row in data["rows"]:
            y += 16 if row is data["rows"][0] else ROW - 6
            canvas.text(16, y + 14, row["name"][:20], "", 11.5)
            for number, count in enumerate(row["counts"][first : first + PER_BLOCK]):
                role, sign = ("e", "✗") if not count else ("c", "✓") if count == 1 else ("b", str(count))
                x = NAME_WIDTH + CELL * number
                with canvas.group(note=f"{row['name']}: {items[number]} came {count} times"):
                    canvas.box(x + 1, y, CELL - 2, 20, role, 3)
                    canvas.text(x + CELL / 2, y + 14, sign, f"b t-{role}", 10.5, "middle")
        return y + ROW - 6

    def text(self, data: dict[str, Any]) -> str:
        rows = [
            [row["name"], str(sum(map(bool, row["counts"]))), _names(row["lost"]), _names(row["doubled"])]
            for row in data["rows"]
        ]
        lines = [
            f"{data['title']}: {len(data['sent'])} sent",
            table_text(["", "has", "lost", "more than once"], rows),
        ]
        lines += [
            f"{row['name']} has what was never sent: {_names(row['strange'])}"
            for row in data["rows"]
            if row["strange"]
        ]
        return "\n".join(lines)


def ledger(title: str, sent: Iterable[Any], seen: Mapping[str, Iterable[Any]]) -> LedgerView:
    """What was sent, and who has it how often: `seen` maps a receiver to the items that it has."""
    return LedgerView(title, sent, seen)


def _verdict(row: dict[str, Any], sent: list[str]) -> str:
    words = [f"{len(row['lost'])} lost"] if row["lost"] else []
    words += [f"{len(row['doubled'])} more than once"] if row["doubled"] else []
    words += [f"{len(row['strange'])} never sent"] if row["strange"] else []
    return ", ".join(words) or f"all {len(sent)}, each once"


def _names(items: list[str], most: int = 8) -> str:
    return (
        ", ".join(items[:most]) + (f" and {len(items) - most} more" if len(items) > most else "")
    ) or "none"


def _name(item: Any) -> str:
    return label(item if isinstance(item, (bytes, str)) else str(item), 24)

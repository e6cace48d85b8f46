"""A ledger: what was promised, and what each side has seen of it; lost and doubled ones stand out.

    sent       1  2  3  4  5  6
    healthy    1  1  1  1  1  1
    cut off    1  1  .  .  1  2        3 and 4 are lost, 6 came twice

    views.ledger("messages", sent, {"bob": seen})     what you have collected yourself
    views.acknowledged(lab, script)                   what a script of a lab was promised, and which nodes
                                                      have it, at any time of the lab's history

The second one asks no key: promises.py tells how it knows.

Read next: lost_writes.py, the same on a line of time.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from minidis.drivers.simulation.lab import Lab
from minidis.drivers.simulation.standings import Standing
from minidis.drivers.simulation.terminal import ScriptedClient
from minidis.notebook.views.drawing import Canvas, label, table_text
from minidis.notebook.views.labs import LabView, name_of, when
from minidis.notebook.views.promises import has, parents, promises
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
            "missing": "lost",
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
            + "; ".join(
                f"{row['name']}: {_verdict(row, data['sent'], data['missing'])}" for row in data["rows"]
            )
        )
        y = canvas.heading(data["title"], f"{len(data['sent'])} {_verb(data)}")
        for first in range(0, len(data["sent"]), PER_BLOCK):
            y = self._draw_block(canvas, data, first, y) + 10
        for row in data["rows"]:
            role = "e" if row["lost"] else "b" if row["doubled"] else "c"
            canvas.text(16, y + 12, row["name"], "b", 11.5)
            canvas.text(NAME_WIDTH, y + 12, _verdict(row, data["sent"], data["missing"]), f"b t-{role}", 11.5)
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
            f"{data['title']}: {len(data['sent'])} {_verb(data)}",
            table_text(["", "has", data["missing"], "more than once"], rows),
        ]
        lines += [
            f"{row['name']} has what was never sent: {_names(row['strange'])}"
            for row in data["rows"]
            if row["strange"]
        ]
        return "\n".join(lines)


class AcknowledgedView(LedgerView, LabView):
    """The acknowledged writes of a script, and which nodes have them at a time."""

    def __init__(self, lab: Lab, script: ScriptedClient) -> None:
        LabView.__init__(self, lab)
        self.script = script

    def snapshot(self) -> dict[str, Any]:
        promised = [one for one in promises(self.lab, self.script) if one.time_us <= self.time_us]
        standings = {
            name: standing
            for name in self.lab.processes
            if (standing := self.lab.record.standings.at(name, self.time_us)) and standing.role != "sentinel"
        }
        histories = parents(self.lab)
        sent = [_name(promise.words[-1]) for promise in promised]
        rows: list[dict[str, Any]] = []
        kept: set[int] = set()
        for name, standing in standings.items():
            there = [has(standing, promise.place, histories) for promise in promised]
            if standing.role == "primary":
                kept.update(number for number, is_there in enumerate(there) if is_there)
            rows.append(
                {
                    "name": self._describe(name, standing),
                    "counts": list(map(int, there)),
                    "lost": [word for word, is_there in zip(sent, there, strict=True) if not is_there],
                    "doubled": [],
                    "strange": [],
                }
            )
        lost = len(promised) - len(kept)
        verdict = f"{lost} lost: no primary has them" if lost else "none is lost"
        title = f"acknowledged to {self.script.host.name} {when(self.clock())}: {verdict}"
        return {**self.clock(), "title": title, "sent": sent, "rows": rows, "missing": "missing"}

    def controls(self, data: dict[str, Any]) -> list[dict[str, Any]]:
        return self.time_controls(data)

    def _describe(self, name: str, standing: Standing) -> str:
        if standing.state != "running":
            return f"{name}, {standing.state}"
        above = name_of(self.lab, standing.primary)
        return f"{name}, {f'follows {above}' if above else 'primary'}"


def acknowledged(lab: Lab, script: ScriptedClient) -> AcknowledgedView:
    """The writes that a script of the lab was promised, and which nodes have them, at any time."""
    return AcknowledgedView(lab, script)


def ledger(title: str, sent: Iterable[Any], seen: Mapping[str, Iterable[Any]]) -> LedgerView:
    """What was sent, and who has it how often: `seen` maps a receiver to the items that it has."""
    return LedgerView(title, sent, seen)


def _verb(data: dict[str, Any]) -> str:
    return "acknowledged" if "time_s" in data else "sent"


def _verdict(row: dict[str, Any], sent: list[str], missing: str = "lost") -> str:
    words = [f"{len(row['lost'])} {missing}"] if row["lost"] else []
    words += [f"{len(row['doubled'])} more than once"] if row["doubled"] else []
    words += [f"{len(row['strange'])} never sent"] if row["strange"] else []
    return ", ".join(words) or f"all {len(sent)}, each once"


def _names(items: list[str], most: int = 8) -> str:
    return (
        ", ".join(items[:most]) + (f" and {len(items) - most} more" if len(items) > most else "")
    ) or "none"


def _name(item: Any) -> str:
    return label(item if isinstance(item, (bytes, str)) else str(item), 24)

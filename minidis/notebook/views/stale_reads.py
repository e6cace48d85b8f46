"""A ledger of stale reads: what was true, what the cache held, and what each reader was told.

    database  [ v1        ][ v2                          ]
    cache          [ v1 ..........]      [ v2 ]                 red where it holds what is true no more
    readers     ✓      ✓       ✗ 2.0 s      ✓                   how old the answer was when the read began

Read next: minidis/course/models/cached.py, the record.
"""

from __future__ import annotations

from typing import Any

from minidis.notebook.views.drawing import Canvas, table_text
from minidis.notebook.views.view import View

LEFT, RIGHT, TOP = 120.0, 764.0, 62.0
MOST_ROWS = 12


class StaleReadsView(View):
    """The reads of one user in a record, in order of their begin."""

    def __init__(self, record: Any, user_id: Any, title: str) -> None:
        super().__init__(None)
        self.record, self.user_id, self.title = record, user_id, title

    def snapshot(self) -> dict[str, Any]:
        record = self.record
        reads = sorted(
            (read for read in record.all_reads if read.user_id == self.user_id),
            key=lambda read: read.start_us,
        )
        start_us, end_us = record.started_us, record.lab.now_us
        versions = record.database.versions.get(self.user_id, [])
        ends = [*(version.since_us for version in versions[1:]), end_us][: len(versions)]
        return {
            "title": self.title,
            "end_s": (end_us - start_us) / 1_000_000,
            "truth": [
                {"number": number, "from_s": max(0, version.since_us - start_us) / 1e6,
                 "to_s": (until_us - start_us) / 1e6}
                for number, (version, until_us) in enumerate(zip(versions, ends, strict=True), 1)
            ],
            "cache": [
                self._entry(entry, start_us, end_us) for entry in record.entries.get(self.user_id, [])
            ],
            "reads": [self._read(read, start_us) for read in reads],
        }  # fmt: skip

    def _entry(self, entry: Any, start_us: int, end_us: int) -> dict[str, Any]:
        number = self.record.version_of(self.user_id, self.record.cached_row(entry))
        until_us = end_us if entry.until_us is None else min(entry.until_us, end_us)
        versions = self.record.database.versions.get(self.user_id, [])
        stale_us = versions[number].since_us if number is not None and number < len(versions) else until_us
        return {
            "number": number,
            "from_s": (entry.since_us - start_us) / 1e6,
            "to_s": (until_us - start_us) / 1e6,
            "stale_from_s": (min(max(stale_us, entry.since_us), until_us) - start_us) / 1e6,
        }

    def _read(self, read: Any, start_us: int) -> dict[str, Any]:
        return {
            "who": read.who,
            "at_s": (read.start_us - start_us) / 1e6,
            "took_s": (read.end_us - read.start_us) / 1e6,
            "number": self.record.version_of(self.user_id, read.row),
            "source": read.error or ("database" if read.asked_database else "cache"),
            "stale_s": self.record.stale_s(read),
        }

    def draw(self, data: dict[str, Any]) -> Canvas:
        canvas = Canvas(f"{data['title']}: {_verdict(data)}")
        canvas.heading(data["title"], _verdict(data))
        scale = (RIGHT - LEFT) / max(data["end_s"], 1e-9)
        for row, name in enumerate(("database", "cache", "readers")):
            canvas.text(16, TOP + 15 + 34 * row, name, "b", 12)
        for piece in data["truth"]:
            _bar(canvas, piece["from_s"], piece["to_s"], TOP, scale, "a", _name(piece["number"]))
        for piece in data["cache"]:
            name = _name(piece["number"])
            _bar(canvas, piece["from_s"], piece["stale_from_s"], TOP + 34, scale, "c", name)
            _bar(canvas, piece["stale_from_s"], piece["to_s"], TOP + 34, scale, "e", f"{name}, stale")
        for read in data["reads"]:
            x, y = LEFT + read["at_s"] * scale, TOP + 68
            role, sign = ("e", "✗") if read["stale_s"] else ("c", "✓")
            with canvas.group(note=_sentence(read)):
                canvas.line(x, y, min(RIGHT, x + max(2, read["took_s"] * scale)), y, "line", 3)
                canvas.text(x, y + 16, sign, f"b t-{role}", 12, "middle")
        canvas.text(LEFT, TOP + 104, "0 s", "m t-dim", 10)
        canvas.text(RIGHT, TOP + 104, f"{data['end_s']:.1f} s", "m t-dim", 10, "end")
        return canvas

    def text(self, data: dict[str, Any]) -> str:
        rows = [
            [f"{read['at_s']:.2f}", read["who"], _name(read["number"]), read["source"],
             f"stale for {read['stale_s']:.2f} s" if read["stale_s"] else "fresh"]
            for read in data["reads"]
        ]  # fmt: skip
        shown = (
            rows if len(rows) <= MOST_ROWS else [*rows[: MOST_ROWS - 4], ["...", "", "", "", ""], *rows[-4:]]
        )
        return (
            f"{data['title']}: {_verdict(data)}\n{table_text(['at, s', 'reader', 'got', 'from', ''], shown)}"
        )


def stale_reads(record: Any, user_id: Any, title: str) -> StaleReadsView:
    """What was true of a user, what the cache held, and how old each reader's answer was."""
    return StaleReadsView(record, user_id, title)


def _bar(canvas: Canvas, from_s: float, to_s: float, y: float, scale: float, role: str, name: str) -> None:
    width = (to_s - from_s) * scale
    if width <= 0:
        return
    with canvas.group(note=f"{name}, {from_s:.2f} to {to_s:.2f} s"):
        canvas.box(LEFT + from_s * scale, y, width, 22, role, 3)
        if width > 7 * len(name) + 8:
            canvas.text(LEFT + from_s * scale + 6, y + 15, name, f"m t-{role}", 10.5)


def _name(number: int | None) -> str:
    return "?" if number is None else f"v{number}" if number else "nobody"


def _sentence(read: dict[str, Any]) -> str:
    age = f"stale for {read['stale_s']:.2f} s" if read["stale_s"] else "fresh"
    return f"{read['who']} at {read['at_s']:.2f} s: {_name(read['number'])} from the {read['source']}, {age}"


def _verdict(data: dict[str, Any]) -> str:
    stale = [read["stale_s"] for read in data["reads"] if read["stale_s"]]
    if not stale:
        return f"{len(data['reads'])} reads, all fresh"
    return f"{len(stale)} of {len(data['reads'])} reads stale, by up to {max(stale):.1f} s"

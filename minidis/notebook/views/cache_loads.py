"""What a cache keeps from its database: the queries in each slice of time, and the share of hits above them.

    nothing     hits  100 % ______        ____      the line: reads that needed no query
                      queries     ████              the bars: queries begun, on one scale for all lanes

Read next: minidis/course/models/cached.py, the record; stale_reads.py, how old the answers were.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from minidis.notebook.views.drawing import Canvas, table_text
from minidis.notebook.views.view import View

LEFT, RIGHT, TOP, LANE, DEPTH = 200.0, 764.0, 66.0, 76.0, 50.0
SLICES = 40


class CacheLoadView(View):
    """Records of the same workload by the cache's name, each from its own begin on."""

    def __init__(self, records: Mapping[str, Any], title: str) -> None:
        super().__init__(None)
        self.records, self.title = dict(records), title

    def snapshot(self) -> dict[str, Any]:
        spans = [_span_us(record) for record in self.records.values()]
        slice_us = max(1, max(end - start for start, end in spans) // SLICES)
        return {
            "title": self.title,
            "slice_s": slice_us / 1_000_000,
            "lanes": [
                _lane(name, record, start, slice_us)
                for (name, record), (start, _) in zip(self.records.items(), spans, strict=True)
            ],
        }

    def draw(self, data: dict[str, Any]) -> Canvas:
        lanes = data["lanes"]
        most = max((count for lane in lanes for count in lane["queries"]), default=0) or 1
        canvas = Canvas(
            f"{data['title']}: " + "; ".join(f"{lane['name']}: {_verdict(lane)}" for lane in lanes)
        )
        canvas.heading(
            data["title"], f"bars: queries in {data['slice_s']:.2g} s (up to {most}); line: share of hits"
        )
        width = (RIGHT - LEFT) / (SLICES + 1)
        for number, lane in enumerate(lanes):
            y = TOP + LANE * number
            foot = y + DEPTH
            canvas.text(16, y + 14, lane["name"][:26], "b", 12)
            for row, words in enumerate(_words(lane)):
                canvas.text(16, y + 29 + 14 * row, words, "t-dim", 10.5)
            canvas.line(LEFT, foot, RIGHT, foot, "line", 0.7)
            for place, count in enumerate(lane["queries"]):
                if count:
                    height = max(1.5, DEPTH * count / most)
                    with canvas.group(
                        note=f"{lane['name']}: {count} queries from {lane['begin_s'][place]:.2f} s"
                    ):
                        canvas.box(LEFT + place * width, foot - height, width - 1, height, "e", 1)
            _draw_hits(canvas, lane["hits"], foot, width)
        return canvas

    def text(self, data: dict[str, Any]) -> str:
        head = ["", *data["lanes"][0]["summary"]] if data["lanes"] else [""]
        rows = [
            [lane["name"], *(f"{value:g}" for value in lane["summary"].values())] for lane in data["lanes"]
        ]
        return f"{data['title']}\n{table_text(head, rows)}"


def _draw_hits(canvas: Canvas, hits: list[float | None], foot: float, width: float) -> None:
    """The share of hits: a line through slices that follow each other, a dot for one that stands alone."""
    pieces: list[list[tuple[float, float]]] = [[]]
    for place, share in enumerate(hits):
        if share is not None:
            pieces[-1].append((LEFT + (place + 0.5) * width, foot - DEPTH * share))
        elif pieces[-1]:
            pieces.append([])
    for points in pieces:
        if len(points) == 1:
            canvas.dot(*points[0], 3, "a")
        elif points:
            canvas.path("M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in points), "a", 1.8, foot)


def cache_load(records: Mapping[str, Any] | Any, title: str) -> CacheLoadView:
    """Database queries and hits over time, of one record (`course.models.cached`) or of several by name."""
    return CacheLoadView(records if isinstance(records, Mapping) else {"the cache": records}, title)


def _span_us(record: Any) -> tuple[int, int]:
    """From the first read's begin to the last read's end."""
    starts = [read.start_us for read in record.all_reads]
    ends = [read.end_us for read in record.all_reads]
    return min(starts, default=record.started_us), max(ends, default=record.started_us + 1)


def _lane(name: str, record: Any, start_us: int, slice_us: int) -> dict[str, Any]:
    queries = [0] * (SLICES + 1)
    hits, reads = [0] * (SLICES + 1), [0] * (SLICES + 1)
    for query in record.database.queries:
        place = (query.asked_us - start_us) // slice_us
        if 0 <= place <= SLICES:
            queries[place] += 1
    for read in record.all_reads:
        place = min(SLICES, (read.start_us - start_us) // slice_us)
        reads[place] += 1
        hits[place] += not read.asked_database and not read.error
    shares = [hit / count if count else None for hit, count in zip(hits, reads, strict=True)]
    begin_s = [place * slice_us / 1_000_000 for place in range(SLICES + 1)]
    return {
        "name": name, "queries": queries, "hits": shares, "begin_s": begin_s, "summary": record.summary(),
    }  # fmt: skip


def _words(lane: dict[str, Any]) -> list[str]:
    summary = lane["summary"]
    words = [f"{summary['reads']} reads, {summary['hits, %']:g} % hits"]
    words.append(f"{summary['database queries']} queries, slowest {summary['slowest read, s']:g} s")
    return words + ([f"{summary['errors']} errors"] if summary["errors"] else [])


def _verdict(lane: dict[str, Any]) -> str:
    return ", ".join(_words(lane))

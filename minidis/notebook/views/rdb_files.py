"""The bytes of an RDB file, or of what DUMP gives: every one of them, and what it says.

A row per step of the reader: the opcode or type that begins a record, then what belongs to it, indented. The
cutting is done by minidis/persistence/rdb_annotation.py, that is by the engine's own reader.

Read next: minidis/persistence/rdb_format.py.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

from minidis.drivers.embedded import Embedded
from minidis.notebook.views.drawing import Canvas, count_of, table_text
from minidis.notebook.views.mirrors import Mirror, Untold
from minidis.notebook.views.protocol import draw_row, row_of
from minidis.notebook.views.sources import KeySource, to_key
from minidis.notebook.views.view import View, slider
from minidis.persistence.rdb_annotation import annotate
from minidis.persistence.rdb_format import MAGIC, VALKEY_MAGIC
from minidis.persistence.rdb_writer import dump_payload, write_snapshot
from minidis.protocol.annotation import Span

ROWS_PER_PAGE = 40
KIND_ROLES = {
    "header": "c",
    "opcode": "c",
    "type": "a",
    "length": "b",
    "encoding": "d",
    "number": "d",
    "data": "g",
    "checksum": "f",
    "rest": "f",
    "broken": "e",
}


class RdbView(View):
    """`source`: bytes of a file or payload; a key, for its payload; None, for the file of the whole node."""

    told = "payload"

    def __init__(
        self, source: str | bytes | bytearray | None, node: Embedded | None, db: int, page: int
    ) -> None:
        super().__init__(node)
        self.source = source
        self.db = db
        self.page = page
        self._annotated: tuple[bytes, list[Span]] | None = None  # cut last: a page turned cuts nothing

    def looked_at(self) -> tuple[list[bytes] | None, int]:
        return [to_key(self.source)] if isinstance(self.source, str) else None, self.db

    def snapshot(self) -> dict[str, Any]:
        title, data = self._bytes()
        if self._annotated is None or data != self._annotated[0]:
            is_payload = bool(data) and not data.startswith((MAGIC, VALKEY_MAGIC))
            self._annotated = data, annotate(data, payload=is_payload)
        spans = self._annotated[1]
        pages = max(1, -(-len(spans) // ROWS_PER_PAGE))
        page = min(max(int(self.page), 1), pages)
        shown = spans[(page - 1) * ROWS_PER_PAGE : page * ROWS_PER_PAGE]
        kinds = Counter(span.kind for span in spans)
        return {
            "title": title,
            "bytes": len(data),
            "rows": [row_of(data, span) for span in shown],
            "page": page,
            "pages": pages,
            "entries": kinds["type"],
            "broken": spans[-1].explanation if kinds["broken"] else "",
        }

    def draw(self, data: dict[str, Any]) -> Canvas:
        canvas = Canvas(f"{data['title']}: {_size(data)}, every byte explained")
        canvas.heading(data["title"], _size(data))
        y = 52.0
        for step, row in enumerate(data["rows"], 1):
            note = f"bytes {row['start']} to {row['end'] - 1}: {row['meaning']}"
            with canvas.group(note=note, step=step):
                draw_row(canvas, row, y, KIND_ROLES)
            y += 40
        if data["pages"] > 1:
            canvas.text(52, y + 14, f"page {data['page']} of {data['pages']}", "t-dim", 12)
        return canvas

    def text(self, data: dict[str, Any]) -> str:
        rows = [
            [str(row["start"]), "  " * row["depth"] + row["hexes"], row["kind"], row["meaning"]]
            for row in data["rows"]
        ]
        lines = [f"{data['title']}: {_size(data)}", table_text(["byte", "bytes", "kind", "meaning"], rows)]
        if data["pages"] > 1:
            lines.append(f"page {data['page']} of {data['pages']}")
        return "\n".join(lines)

    def captions(self, data: dict[str, Any]) -> list[str]:
        return [f"{row['hexes']}  {row['meaning']}" for row in data["rows"]]

    def controls(self, data: dict[str, Any]) -> list[dict[str, Any]]:
        return [slider("page", "page", data["page"], 1, data["pages"], 1)] if data["pages"] > 1 else []

    def on_page(self, value: Any) -> None:
        self.page = int(value)

    def _bytes(self) -> tuple[str, bytes]:
        if isinstance(self.source, (bytes, bytearray)):
            data = bytes(self.source)
            return "an RDB file" if data.startswith((MAGIC, VALKEY_MAGIC)) else "a DUMP payload", data
        if isinstance(self.node, Mirror):
            if self.source is None:
                raise Untold("a server's RDB file is on its own disk: redis-cli --rdb FILE fetches it")
            return f"DUMP {self.source}", self.node.payloads.get(to_key(self.source), b"")
        if self.source is None:
            return "the node's RDB file", b"".join(write_snapshot(self.node.node.databases))
        value = KeySource(self.source, self.node, self.db).value()
        return f"DUMP {self.source}", b"" if value is None else dump_payload(value)


def _size(data: dict[str, Any]) -> str:
    if not data["bytes"]:
        return "nothing there"
    entries = count_of(data["entries"], "entry", "entries")
    fault = f"; broken: {data['broken']}" if data["broken"] else ""
    return f"{entries} in {count_of(data['bytes'], 'byte')}{fault}"

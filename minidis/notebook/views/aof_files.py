"""An append-only log: its commands with their offsets and what each one does, and the bytes of one of them.

The effects are not told but tried: the commands run one after the other on a node of the view's own, which
starts from the log's base, and whose key events are listened to. A command that is cut off has no effect, and
what stands between MULTI and EXEC has its effect when the EXEC comes.

Read next: minidis/persistence/aof_annotation.py.
"""

from __future__ import annotations

from typing import Any

from minidis.drivers.embedded import Embedded
from minidis.engine.durability.loading import Loading, Replay
from minidis.engine.keyspace.database import Database
from minidis.notebook.views.drawing import Canvas, count_of, label, table_text
from minidis.notebook.views.protocol import draw_row, row_of
from minidis.notebook.views.view import View, slider
from minidis.persistence.aof import AofError, AofReader, Record
from minidis.persistence.aof_annotation import annotate
from minidis.persistence.aof_manifest import Manifest
from minidis.protocol.annotation import Span
from minidis.values.string import String

ROWS_SHOWN = 12
KIND_ROLES = {
    "array": "c",
    "length": "b",
    "name": "a",
    "data": "g",
    "note": "d",
    "cut off": "e",
    "broken": "e",
}


class AofView(View):
    """`source`: the bytes of a log, or None for those of the node; `command`: the chosen one."""

    def __init__(self, source: bytes | bytearray | None, node: Embedded | None, command: int) -> None:
        super().__init__(node)
        self.source = source
        self.command = command

    def snapshot(self) -> dict[str, Any]:
        title, data, stage = self._bytes()
        steps = [*_steps(data, stage)]
        spans = annotate(data)
        rest = [span for span in spans if span.kind in ("cut off", "broken")]
        for span in rest:
            steps.append(
                {"start": span.start, "end": span.end, "words": span.kind, "effect": span.explanation}
            )
        chosen = min(max(int(self.command), 1), len(steps)) if steps else 0
        first = max(0, min(chosen - ROWS_SHOWN // 2, len(steps) - ROWS_SHOWN))
        shown = steps[first : first + ROWS_SHOWN]
        part = steps[chosen - 1] if chosen else {"start": 0, "end": 0}
        return {
            "title": title,
            "bytes": len(data),
            "first": first + 1,
            "steps": shown,
            "count": len(steps),
            "chosen": chosen,
            "rows": [row_of(data, span) for span in spans if _within(span, part)],
            "broken": rest[0].explanation if rest else "",
        }

    def draw(self, data: dict[str, Any]) -> Canvas:
        canvas = Canvas(f"{data['title']}: {_size(data)}")
        canvas.heading(data["title"], _size(data))
        y = 52.0
        for number, step in enumerate(data["steps"], data["first"]):
            is_chosen = number == data["chosen"]
            note = f"command {number}, at byte {step['start']}: {step['words']}"
            with canvas.group(note=note, event=("command", number), key=f"command-{number}"):
                canvas.box(8, y - 13, canvas.width - 16, 20, "a" if is_chosen else "page", 3)
                canvas.text(52, y, str(step["start"]), "m t-dim", 10, "end")
                canvas.text(62, y, label(step["words"], 40), "m b" if is_chosen else "m", 11.5)
                canvas.text(370, y, label(step["effect"], 48), "t-dim", 11.5)
            y += 22
        y += 12
        for number, row in enumerate(data["rows"], 1):
            note = f"bytes {row['start']} to {row['end'] - 1}: {row['meaning']}"
            with canvas.group(note=note, step=number):
                draw_row(canvas, row, y, KIND_ROLES)
            y += 40
        return canvas

    def text(self, data: dict[str, Any]) -> str:
        steps = [
            ["->" if number == data["chosen"] else "", str(step["start"]), step["words"], step["effect"]]
            for number, step in enumerate(data["steps"], data["first"])
        ]
        rows = [[str(row["start"]), row["shown"], row["kind"], row["meaning"]] for row in data["rows"]]
        lines = [f"{data['title']}: {_size(data)}"]
        if steps:
            lines += [
                table_text(["", "byte", "command", "effect"], steps),
                table_text(["byte", "bytes", "kind", "meaning"], rows),
            ]
        return "\n".join(lines)

    def captions(self, data: dict[str, Any]) -> list[str]:
        return [f"{row['shown']}  {row['meaning']}" for row in data["rows"]]

    def controls(self, data: dict[str, Any]) -> list[dict[str, Any]]:
        if data["count"] < 2:
            return []
        return [slider("command", "command", data["chosen"], 1, data["count"], 1)]

    def on_command(self, value: Any) -> None:
        self.command = int(value)

    def _bytes(self) -> tuple[str, bytes, Embedded]:
        """A title, the log's bytes, and a node as it was before their first command."""
        stage = Embedded({"aof-load-truncated": "no"}, clock=0, seed=0)  # nothing is cut off files of others
        if self.source is not None:
            return "an append-only file", bytes(self.source), stage
        node = self.node.node
        files = node.append_only.files
        base = files.manifest.base
        if base is not None:  # a snapshot, or commands (aof-use-rdb-preamble no)
            loading = Loading(stage.node, disk=node.disk)
            loading.begin(loading.log(files.folder, Manifest(files.manifest.name, base))).run()
        names = [file.name for file in files.manifest.increments]
        return "the node's log", b"".join(node.disk.read(files.path(name)) for name in names), stage


def _steps(data: bytes, stage: Embedded) -> list[dict[str, Any]]:
    """Each record with its effect: the events of the keys that it touched."""
    reader = AofReader()
    reader.feed(data)
    replay = Replay(stage.node, "the log")
    effects: list[str] = []
    stage.node.listen_to_keys(lambda database, key, event: effects.append(_effect(database, key, event)))
    steps = []
    try:
        for record in reader.records():
            effects.clear()
            for _ in replay.run(iter([record])):
                pass
            waits = replay.multi_at is not None and record.argv is not None
            effect = "; ".join(effects) or ("waits for EXEC" if waits else "")
            steps.append(
                {"start": record.start, "end": record.end, "words": _words(record), "effect": effect}
            )
    except AofError:
        pass  # `annotate` says what and where
    return steps


def _effect(database: Database, key: bytes, event: str) -> str:
    value = database.table.get(key)
    if value is None:
        after = "gone"
    elif isinstance(value, String):
        after = label(value.as_bytes(), 20)
    else:
        after = f"{value.kind} of {len(value)}"
    return f"{event or 'change'} {label(key, 16)}: {after}"


def _words(record: Record) -> str:
    if record.argv is None:
        return "#" + record.note.decode("utf-8", "backslashreplace")
    return " ".join(
        label(word, 16) if number else word.decode("latin-1") for number, word in enumerate(record.argv)
    )


def _within(span: Span, part: dict[str, Any]) -> bool:
    return part["start"] <= span.start and span.end <= part["end"]


def _size(data: dict[str, Any]) -> str:
    if not data["bytes"]:
        return "nothing there"
    fault = f"; {data['broken']}" if data["broken"] else ""
    return f"{count_of(data['count'], 'record')} in {count_of(data['bytes'], 'byte')}{fault}"

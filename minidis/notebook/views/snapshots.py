"""A snapshot on its way: what is in the file, what waits, and what commands have changed meanwhile.

    key    now       in the file
    a      2         1     written before it was changed: it jumped the queue
    b      x         -     waits for its turn
    c      new       -     not in this snapshot: it came later

The file's column is read from the file itself, as far as it is written.

Read next: minidis/engine/durability/snapshots.py.
"""

from __future__ import annotations

from typing import Any

from minidis.drivers.embedded import Embedded
from minidis.drivers.simulated_disk import SimulatedDisk
from minidis.engine.durability.snapshots import FileSink, Job
from minidis.notebook.views.drawing import Canvas, count_of, label, table_text
from minidis.notebook.views.sources import node_or_default
from minidis.notebook.views.view import View, button
from minidis.persistence.rdb_reader import Entry, SnapshotReader
from minidis.persistence.rdb_writer import SnapshotWriter
from minidis.values.base import Value
from minidis.values.string import String

KEYS_SHOWN = 16
ROW = 24.0
ROLES = {"written": "c", "written early": "d", "waits": "f", "old value kept": "b", "came later": "e"}
MEANINGS = {
    "written": "in its turn",
    "written early": "just before a command changed it",
    "waits": "the file will have what is there now",
    "old value kept": "a new value took its place; the walk holds the old one",
    "came later": "not in this snapshot",
}


class SnapshotView(View):
    """The background save of a node, as far as it has come; database `db`."""

    def __init__(self, node: Embedded | None = None, db: int = 0) -> None:
        super().__init__(node_or_default(node))
        self.db = db

    def snapshot(self) -> dict[str, Any]:
        job = self.node.node.background.job
        if job is None or not isinstance(job.sink, FileSink):
            return {"runs": False, "rows": [], "count": 0, "written": 0, "total": 0}
        rows = self._rows(job)
        return {
            "runs": True,
            "rows": rows[:KEYS_SHOWN],
            "count": len(rows),
            "written": job.walk.keys_written,
            "total": job.walk.keys_total,
        }

    def _rows(self, job: Job) -> list[dict[str, str]]:
        view = next((view for view in job.walk.views if view.index == self.db), None)
        waiting = {} if view is None else view.waiting()
        queue = set() if view is None else set(view.queue)
        in_file = dict(self._entries(job))
        live = dict(self.node.node.databases[self.db].table.items())
        rows = []
        for key in [*in_file, *waiting, *(key for key in live if key not in in_file and key not in waiting)]:
            if key in in_file:
                status = "written early" if key in queue else "written"
            elif key in waiting:
                status = "waits" if live.get(key) is waiting[key] else "old value kept"
            else:
                status = "came later"
            rows.append(
                {
                    "key": label(key, 20),
                    "now": _shown(live.get(key)),
                    "held": _shown(waiting.get(key), "") if status == "old value kept" else "",
                    "file": _shown(in_file.get(key), "-"),
                    "status": status,
                }
            )
        return rows

    def _entries(self, job: Job) -> list[tuple[bytes, Value]]:
        """What is in the file so far, in its order: bytes written, and those of the slice on its way."""
        if not isinstance(job.walk.writer, SnapshotWriter):
            return []
        assert isinstance(job.sink, FileSink)
        disk, path = job.sink.disk, job.sink.path
        written = bytes(disk.files[path].data) if isinstance(disk, SimulatedDisk) else disk.read(path)
        reader = SnapshotReader()
        events = reader.feed(written + job.walk.bytes_so_far())
        return [(event.key, event.value) for event in events if isinstance(event, Entry)]

    def draw(self, data: dict[str, Any]) -> Canvas:
        canvas = Canvas(_summary(data))
        canvas.heading(
            "a snapshot on its way" if data["runs"] else "no snapshot is on its way", _detail(data)
        )
        if not data["rows"]:
            return canvas
        columns = ((16, "key"), (170, "now"), (310, "in the file"), (450, ""))
        for x, title in columns:
            canvas.text(x, 60, title, "b", 11.5)
        y = 72.0
        for row in data["rows"]:
            role = ROLES[row["status"]]
            with canvas.group(
                note=f"{row['key']}: {row['status']}, {MEANINGS[row['status']]}", key=row["key"]
            ):
                canvas.box(8, y, canvas.width - 16, ROW - 4, role, 3)
                for x, text in ((16, row["key"]), (170, row["now"]), (310, row["file"])):
                    canvas.text(x, y + 14, text, "m", 11.5)
                held = f" ({row['held']})" if row["held"] else ""
                canvas.text(450, y + 14, f"{row['status']}{held}", f"b t-{role}", 11)
            y += ROW
        return canvas

    def text(self, data: dict[str, Any]) -> str:
        rows = [
            [r["key"], r["now"], r["file"], r["status"] + (f" ({r['held']})" if r["held"] else "")]
            for r in data["rows"]
        ]
        lines = [_summary(data)]
        if rows:
            lines.append(table_text(["key", "now", "in the file", ""], rows))
        return "\n".join(lines)

    def controls(self, data: dict[str, Any]) -> list[dict[str, Any]]:
        if not data["runs"]:
            return [button("start", "BGSAVE, held", "begin a save and stop it before its first key")]
        return [button("step", "next key"), button("finish", "all the rest")]

    def on_start(self, value: Any = None) -> None:
        """Begin a BGSAVE and hold it: it goes on by `step` and `finish` only."""
        node = self.node.node
        if node.background.job is None and node.saving.start():
            node.background.hold()

    def on_step(self, value: Any = None) -> None:
        """Write one key down (or `value` of them), but not the end of the file: the job does that."""
        job = self.node.node.background.job
        for _ in range(int(value or 1)):
            if job is not None and not all(view.is_done for view in job.walk.views):
                job.walk.advance(most_bytes=job.walk.size_bytes + 1, most_us=1 << 62)

    def on_finish(self, value: Any = None) -> None:
        job = self.node.node.background.job
        if job is not None:
            job.run()


def _shown(value: Value | None, missing: str = "gone") -> str:
    if value is None:
        return missing
    return label(value.as_bytes(), 16) if isinstance(value, String) else f"{value.kind} of {len(value)}"


def _detail(data: dict[str, Any]) -> str:
    return f"{data['written']} of {count_of(data['total'], 'key')} written" if data["runs"] else ""


def _summary(data: dict[str, Any]) -> str:
    return f"a snapshot on its way: {_detail(data)}" if data["runs"] else "no snapshot is on its way"


def snapshot(node: Embedded | None = None, db: int = 0) -> SnapshotView:
    """The BGSAVE that runs: what is in its file, what waits, what commands changed meanwhile."""
    return SnapshotView(node, db)

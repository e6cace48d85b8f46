"""A node's disk: what of each file is on the platter, what only in the page cache, what not even written.

    node's buffer     page cache      platter
    [14]              [##########]    [#######   ]   appendonlydir/appendonly.aof.1.incr.aof
                                      under the name temp-dump.rdb: the rename is not synced

A cut of the power keeps the last column for sure. Of the middle one it keeps what luck had carried over.

Read next: minidis/drivers/simulated_disk.py.
"""

from __future__ import annotations

from typing import Any

from minidis.drivers.embedded import Embedded
from minidis.drivers.simulated_disk import SimulatedDisk
from minidis.notebook.views.drawing import Canvas, clock_text, count_of, table_text
from minidis.notebook.views.sources import node_or_default
from minidis.notebook.views.view import View, button

BAR_LEFT, BAR_WIDTH, ROW = 330.0, 300.0, 40.0
FILES_SHOWN = 14


class DiskView(View):
    """The files of a simulated disk, by name."""

    polls = True

    def __init__(self, node: Embedded | None = None) -> None:
        super().__init__(node_or_default(node))
        if not isinstance(self.node.disk, SimulatedDisk):
            raise TypeError("only a simulated disk shows its page cache and its platter apart")

    def snapshot(self) -> dict[str, Any]:
        disk, log = self.node.disk, self.node.node.append_only
        durable = disk.durable_names()
        files = []
        for path, file in sorted(disk.files.items()):
            buffered = log.buffered_bytes() if log.state != "off" and path == log.path else 0
            files.append(
                {
                    "path": path,
                    "buffered": buffered,
                    "cached": len(file.data),
                    "synced": file.settled,
                    "name": _name_on_platter(path, id(file), durable),
                }
            )
        kept = [path for path in sorted(durable) if path not in disk.files]
        return {"files": files[:FILES_SHOWN], "count": len(files), "kept": kept, "at_risk": _at_risk(files)}

    def draw(self, data: dict[str, Any]) -> Canvas:
        canvas = Canvas(_summary(data))
        canvas.heading("the disk", _detail(data))
        canvas.text(BAR_LEFT, 56, "platter", "b t-c", 11)
        canvas.text(BAR_LEFT + 60, 56, "page cache only", "b t-e", 11)
        canvas.text(BAR_LEFT + 180, 56, "in the node's buffer", "b t-b", 11)
        most = max((file["cached"] + file["buffered"] for file in data["files"]), default=0) or 1
        y = 72.0
        for file in data["files"]:
            with canvas.group(note=f"{file['path']}: {_words(file)}", key=file["path"]):
                _draw_file(canvas, file, y, BAR_WIDTH / most)
            y += ROW
        for path in data["kept"]:
            canvas.text(16, y + 12, path, "m t-dim", 11)
            canvas.text(BAR_LEFT, y + 12, "removed or renamed; the platter still has this name", "t-dim", 11)
            y += ROW / 2
        if not data["files"] and not data["kept"]:
            canvas.text(16, y + 12, "no files", "t-dim", 12)
        return canvas

    def text(self, data: dict[str, Any]) -> str:
        rows = [
            [f["path"], str(f["buffered"]), str(f["cached"]), str(f["synced"]), f["name"]]
            for f in data["files"]
        ]
        lines = [_summary(data)]
        if rows:
            lines.append(table_text(["file", "buffer", "page cache", "platter", "its name there"], rows))
        lines += [f"{path}: removed or renamed; the platter still has this name" for path in data["kept"]]
        return "\n".join(lines)

    def controls(self, data: dict[str, Any]) -> list[dict[str, Any]]:
        return [
            button("step", "a second passes"),
            button("kill", "kill -9", "end the process and start it again from the disk"),
            button("cut", "power cut", "pull the plug, and start again"),
        ]

    def on_step(self, value: Any = None) -> None:
        """Let so many seconds pass (one), if the clock is frozen."""
        if self.node.is_frozen:
            self.node.step(float(value or 1))
            self.message = f"it is {clock_text(self.node.node.now_us // 1000)} now"
        else:
            self.message = "the clock runs by itself (%clock freeze)"

    def on_kill(self, value: Any = None) -> None:
        self.node.kill()
        self.message = f"kill -9: {count_of(self.node.execute('DBSIZE'), 'key')} after the restart"

    def on_cut(self, value: Any = None) -> None:
        loss = self.node.power_cut()
        lost = sum(loss.lost_bytes.values())
        keys = count_of(self.node.execute("DBSIZE"), "key")
        self.message = f"power cut: {count_of(lost, 'byte')} lost, {keys} after the restart"


def _draw_file(canvas: Canvas, file: dict[str, Any], y: float, scale: float) -> None:
    canvas.text(16, y + 12, file["path"], "m", 11)
    canvas.text(16, y + 26, _words(file), "t-dim", 10)
    x = BAR_LEFT
    for role, size in (
        ("c", file["synced"]),
        ("e", file["cached"] - file["synced"]),
        ("b", file["buffered"]),
    ):
        if size > 0:
            width = max(4.0, size * scale)
            canvas.box(x, y, width, 16, role, 2)
            x += width
    if file["name"] != "yes":
        canvas.text(x + 8, y + 12, f"name on the platter: {file['name']}", "b t-e", 10.5)


def _name_on_platter(path: str, identity: int, durable: dict[str, int]) -> str:
    """What a cut would find this file under: "yes" means under its own name."""
    if durable.get(path) == identity:
        return "yes"
    former = [name for name, other in durable.items() if other == identity]
    if former:
        return f"still {former[0]}"
    return "none yet" if path not in durable else "an older file has it"


def _at_risk(files: list[dict[str, Any]]) -> int:
    return sum(file["cached"] - file["synced"] + file["buffered"] for file in files)


def _words(file: dict[str, Any]) -> str:
    parts = [f"{count_of(file['synced'], 'byte')} safe"]
    if file["cached"] > file["synced"]:
        parts.append(f"{file['cached'] - file['synced']} only in the page cache")
    if file["buffered"]:
        parts.append(f"{file['buffered']} not written")
    return ", ".join(parts)


def _detail(data: dict[str, Any]) -> str:
    files = count_of(data["count"], "file")
    return f"{files}; {count_of(data['at_risk'], 'byte')} would not survive a power cut for sure"


def _summary(data: dict[str, Any]) -> str:
    return f"the disk: {_detail(data)}"


def disk(node: Embedded | None = None) -> DiskView:
    """The files of a node's simulated disk: buffer, page cache, platter."""
    return DiskView(node)

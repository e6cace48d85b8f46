"""The replication backlog as the ring that it is, and where each replica would go on reading.

         newest 4018
          . - ~ ~ .
        /            \\        the bytes kept, 3201 to 4018, stand on a part of the ring
       |  free        |       b asks for 4019: nothing is missing
        \\            /        c asks for 3900: 119 bytes, and it goes on
          ` - . _ .           d asks for 1200: too old, a full copy

Whoever asks must share the history: its id is the primary's, or the former one up to where they parted.

    views.backlog(node)         a node by itself: the bytes too
    views.backlog("a", lab)     a node of a lab, with the replicas' positions, at any time of its history

Read next: minidis/distributed/replication/backlog.py.
"""

from __future__ import annotations

import math
from typing import Any

from minidis.distributed.replication.backlog import Backlog
from minidis.drivers.embedded import Embedded
from minidis.drivers.simulation.lab import Lab
from minidis.drivers.simulation.standings import Standing
from minidis.engine.node import Node
from minidis.notebook.views.drawing import Canvas, count_of, label, table_text
from minidis.notebook.views.labs import LabView, when
from minidis.notebook.views.view import View

CENTER_X, CENTER_Y, RADIUS = 150.0, 158.0, 88.0
BAR_LEFT, BAR_RIGHT = 300.0, 764.0
SHOWN_BYTES = 60


class BacklogView(View):
    """The backlog of one node."""

    def __init__(self, node: Node | Embedded) -> None:
        super().__init__(node if isinstance(node, Embedded) else None)
        self.engine_node: Node = node.node if isinstance(node, Embedded) else node

    def snapshot(self) -> dict[str, Any]:
        part = self.engine_node.replication
        replicas = [
            {"name": replica.name, "wants": replica.acknowledged + 1, "same_history": True, "is_online": True}
            for replica in part.replicas.all.values()
        ]
        backlog: Backlog | None = part.backlog
        if backlog is None:
            return _data(0, 0, part.offset, replicas, part.id, part.second_id, part.second_id_until)
        data = _data(
            backlog.size_bytes,
            backlog.first_offset,
            part.offset,
            replicas,
            part.id,
            part.second_id,
            part.second_id_until,
        )
        last = backlog.read(max(backlog.first_offset, backlog.next_offset - SHOWN_BYTES))
        return data | {"last_bytes": label(last, 2 * SHOWN_BYTES)}

    def draw(self, data: dict[str, Any]) -> Canvas:
        canvas = Canvas(_summary(data))
        canvas.heading("replication backlog", _extent(data))
        if not data["size"]:
            canvas.text(16, 62, "no backlog: no replica has asked for the stream yet", "t-dim", 12)
            return canvas
        _draw_ring(canvas, data)
        y = _draw_bar(canvas, data)
        for replica in data["replicas"]:
            y += 20
            role = "c" if replica["can_continue"] else "e"
            canvas.text(BAR_LEFT, y, label(replica["name"], 22), "b", 11.5)
            canvas.text(BAR_LEFT + 110, y, _verdict(replica), f"t-{role}", 11.5)
        if data["last_bytes"]:
            y += 24
            canvas.text(BAR_LEFT, y, "…" + data["last_bytes"][-62:], "m t-dim", 10)
        canvas.bottom = max(canvas.bottom, CENTER_Y + RADIUS + 20, y)
        return canvas

    def text(self, data: dict[str, Any]) -> str:
        lines = [_summary(data)]
        if data["size"]:
            lines.append(f"history {data['history'][:8]}…{_former(data)}")
        if data["replicas"]:
            rows = [[r["name"], str(r["wants"]), _verdict(r)] for r in data["replicas"]]
            lines.append(table_text(["replica", "asks for", "what it gets"], rows))
        if data["last_bytes"]:
            lines.append(f"the last bytes: {data['last_bytes']}")
        return "\n".join(lines)


class LabBacklogView(BacklogView, LabView):
    """The backlog of a node of a lab, at a time."""

    def __init__(self, name: str, lab: Lab) -> None:
        if name not in lab.processes:
            raise ValueError(f"no node of the lab is called {name}")
        LabView.__init__(self, lab)
        self.name = name

    def snapshot(self) -> dict[str, Any]:
        standings = self.lab.record.standings
        own = standings.at(self.name, self.time_us) or Standing("down")
        replicas = []
        for other in self.lab.processes:
            standing = standings.at(other, self.time_us)
            if other == self.name or standing is None or standing.role not in ("primary", "replica"):
                continue
            replicas.append(_reader(other, standing, own))
        data = _data(
            own.backlog_bytes,
            own.backlog_first,
            own.offset,
            replicas,
            own.history,
            own.former_history,
            own.former_until,
        )
        return data | self.clock() | {"name": self.name}

    def controls(self, data: dict[str, Any]) -> list[dict[str, Any]]:
        return self.time_controls(data)


def backlog(node: Node | Embedded | str, lab: Lab | None = None) -> BacklogView:
    """The replication backlog of a node; with a lab `node` is a name, and the others' positions are shown."""
    if isinstance(node, str):
        if lab is None:
            raise ValueError(f"which lab is {node!r} a node of? views.backlog({node!r}, lab)")
        return LabBacklogView(node, lab)
    return BacklogView(node)


def _reader(name: str, standing: Standing, own: Standing) -> dict[str, Any]:
    """What another node would ask for, if it were to follow this one now."""
    wants = standing.offset + 1
    by_former = standing.history == own.former_history and wants <= own.former_until
    return {
        "name": name,
        "wants": wants,
        "same_history": standing.history == own.history or by_former,
        "is_online": standing.link == "connected",
    }


def _data(
    size: int,
    first: int,
    offset: int,
    replicas: list[dict[str, Any]],
    history: str,
    former: str,
    former_until: int,
) -> dict[str, Any]:
    for replica in replicas:
        in_it = bool(size) and first <= replica["wants"] <= offset + 1
        replica["missing"] = offset + 1 - replica["wants"]
        replica["can_continue"] = replica["same_history"] and in_it
    return {
        "size": size,
        "first": first,
        "offset": offset,
        "kept": offset + 1 - first if size else 0,
        "history": history,
        "former": former if former.strip("0") else "",
        "former_until": former_until,
        "replicas": replicas,
        "last_bytes": "",
    }


def _draw_ring(canvas: Canvas, data: dict[str, Any]) -> None:
    """The whole ring, and on it the bytes that are kept."""
    canvas.path(_arc(0, 1), "line", 10, CENTER_Y + RADIUS + 5, opacity=0.35)
    share = data["kept"] / data["size"]
    start = ((data["first"] - 1) % data["size"]) / data["size"]
    with canvas.group(note=f"kept: {_extent(data)}", key="kept"):
        canvas.path(_arc(start, max(share, 0.006)), "a", 10, CENTER_Y + RADIUS + 5)
    canvas.text(CENTER_X, CENTER_Y - 6, f"{100 * share:.1f} %", "b", 15, "middle")
    canvas.text(CENTER_X, CENTER_Y + 12, f"of {data['size']} bytes", "t-dim", 11, "middle")
    for replica in data["replicas"]:
        if not replica["can_continue"]:
            continue
        x, y = _on_ring(((replica["wants"] - 1) % data["size"]) / data["size"], RADIUS + 13)
        with canvas.group(note=f"{replica['name']}: {_verdict(replica)}", key=f"ring-{replica['name']}"):
            canvas.dot(x, y, 5, "c")
            canvas.text(x + 8, y + 4, label(replica["name"], 16), "t-c", 10)


def _draw_bar(canvas: Canvas, data: dict[str, Any]) -> float:
    """The bytes kept, drawn out straight, and each replica's place in them."""
    y, width = 96.0, BAR_RIGHT - BAR_LEFT
    canvas.box(BAR_LEFT, y, width, 22, "a", 4)
    canvas.text(BAR_LEFT, y - 6, f"{data['first']}", "m t-dim", 10)
    canvas.text(BAR_RIGHT, y - 6, f"{data['offset']}", "m t-dim", 10, "end")
    canvas.text(BAR_LEFT + width / 2, y + 15, f"{count_of(data['kept'], 'byte')} kept", "t-a", 11, "middle")
    for replica in data["replicas"]:
        if replica["can_continue"]:
            x = BAR_LEFT + width * (replica["wants"] - data["first"]) / max(1, data["kept"])
            canvas.line(x, y + 40, x, y + 24, "c", 1.8, arrow=True)
    return y + 52


def _arc(start: float, share: float) -> str:
    """An arc of the ring; both are shares of the whole, from the top on, clockwise.

    In two halves: an arc from a point to itself is none, and which circle it is on would be lost in rounding.
    """
    points = [_on_ring(start + min(share, 1.0) * half / 2, RADIUS) for half in range(3)]
    first, *others = [f"{x:.1f} {y:.1f}" for x, y in points]
    return f"M{first}" + "".join(f"A{RADIUS:.0f} {RADIUS:.0f} 0 0 1 {point}" for point in others)


def _on_ring(share: float, radius: float) -> tuple[float, float]:
    angle = 2 * math.pi * share
    return CENTER_X + radius * math.sin(angle), CENTER_Y - radius * math.cos(angle)


def _verdict(replica: dict[str, Any]) -> str:
    if replica["can_continue"]:
        missing = count_of(replica["missing"], "byte") if replica["missing"] else "nothing is missing"
        return f"goes on at {replica['wants']}: {missing}"
    if not replica["same_history"]:
        return "another history: a full copy"
    return f"asks for {replica['wants']}: too {'old' if replica['missing'] > 0 else 'new'}, a full copy"


def _extent(data: dict[str, Any]) -> str:
    at = f", {when(data)}" if "time_s" in data else ""
    if not data["size"]:
        return f"none{at}"
    return f"offsets {data['first']} to {data['offset']} of at most {data['size']} bytes{at}"


def _former(data: dict[str, Any]) -> str:
    if not data["former"]:
        return ""
    return f", until offset {data['former_until'] - 1} also {data['former'][:8]}…"


def _summary(data: dict[str, Any]) -> str:
    whose = f" of {data['name']}" if "name" in data else ""
    return f"replication backlog{whose}: {_extent(data)}"

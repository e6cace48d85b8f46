"""Picture of a stream: its macro nodes by id, how far each group has read, and what is pending with whom.

    node 0          node 1          node 2         last id 1700000000250-0
    100 live        100 live        51 live
                      ^ billing has read up to here

    group billing:  alice  [..017-0 x1]  [..018-0 x3]     delivered, not acknowledged: how often, how long ago
                    bob    nothing pending

Read next: minidis/values/stream.py and consumer_group.py.
"""

from __future__ import annotations

from typing import Any

from minidis.drivers.embedded import Embedded
from minidis.notebook.views.drawing import Canvas, count_of, label, table_text
from minidis.notebook.views.sources import KeySource, node_or_mirror
from minidis.notebook.views.view import View
from minidis.values import stream_node
from minidis.values.stream_node import StreamId

SHOWN_NODES = 6
SHOWN_PENDING = 4
NODE_WIDTH, NODE_HEIGHT, GAP = 118.0, 62.0, 10.0


class StreamView(View):
    """The stream at a key of `node`."""

    polls = True  # idle times grow by themselves
    told = "stream"

    def __init__(self, key: str | bytes, node: Embedded | None = None, db: int = 0) -> None:
        super().__init__(node_or_mirror(node))
        self.source = KeySource(key, self.node, db)

    def looked_at(self) -> tuple[list[bytes] | None, int]:
        return [self.source.key], self.source.db

    def snapshot(self) -> dict[str, Any]:
        value = self.source.value()
        title = label(self.source.key, 32)
        if value is None or value.kind != "stream":
            why = "there is no such key" if value is None else f"it holds a {value.kind}, not a stream"
            return {"title": title, "why": why}
        nodes = [_node(StreamId.from_key(key), node) for key, node in value.tree.items()]
        return {
            "title": title,
            "length": len(value),
            "last_id": str(value.last_id),
            "added": value.entries_added,
            "nodes": nodes,
            "groups": [_group(value, name, group, self._now_ms()) for name, group in value.groups.items()],
        }

    def _now_ms(self) -> int:
        return self.node.node.clock() // 1000

    # -- the picture

    def draw(self, data: dict[str, Any]) -> Canvas:
        if "why" in data:
            canvas = Canvas(self.text(data))
            canvas.heading(data["title"], data["why"])
            return canvas
        canvas = Canvas(self._summary(data))
        canvas.heading(
            data["title"],
            f"stream, {count_of(data['length'], 'entry', 'entries')} in "
            f"{count_of(len(data['nodes']), 'macro node')}, last id {data['last_id']}",
        )
        y = self._draw_nodes(canvas, data) + 12
        for group in data["groups"]:
            y = _draw_group(canvas, group, y) + 10
        canvas.bottom = max(canvas.bottom, y)
        return canvas

    def _draw_nodes(self, canvas: Canvas, data: dict[str, Any]) -> float:
        nodes, x, y = data["nodes"], 16.0, 48.0
        shown = _ends(nodes)
        if not nodes:
            canvas.text(16, y + 16, "no entries: the stream keeps its last id and its groups", "t-dim", 12)
            return y + 24
        below = y + NODE_HEIGHT
        for node in shown:
            if node is None:
                canvas.text(x + 10, y + 32, "…", "b t-dim", 16)
                x += 40
                continue
            note = f"macro node from {node['first']}: {node['live']} live, {node['deleted']} deleted entries"
            with canvas.group(note=f"{note}, {node['bytes']} bytes", key=f"node-{node['first']}"):
                canvas.box(x, y, NODE_WIDTH, NODE_HEIGHT, "a", 5)
                canvas.text(x + 7, y + 16, _short(node["first"]), "m t-a", 10.5)
                deleted = f" + {node['deleted']} deleted" if node["deleted"] else ""
                canvas.text(x + 7, y + 34, f"{node['live']} live{deleted}", "b t-a", 10)
                canvas.text(x + 7, y + 52, _short(node["last"]), "m t-a", 10.5)
            marks = [g["name"] for g in data["groups"] if g["node"] == node["first"]]
            for number, name in enumerate(marks):
                canvas.text(x + 7, below + 16 + 14 * number, f"▲ {name}", "b t-d", 11)
            x += NODE_WIDTH + GAP
        most = max(sum(g["node"] == node["first"] for g in data["groups"]) for node in nodes)
        behind = [g["name"] for g in data["groups"] if g["node"] is None]
        if behind:
            canvas.text(
                16, below + 18 + 14 * most, "▲ before the first entry: " + ", ".join(behind), "b t-d", 11
            )
            most += 1
        return below + 10 + 14 * most

    # -- words

    def text(self, data: dict[str, Any]) -> str:
        if "why" in data:
            return f"{data['title']}: {data['why']}"
        rows = [
            [n["first"], n["last"], str(n["live"]), str(n["deleted"]), str(n["bytes"])]
            if n
            else ["...", "", "", "", ""]
            for n in _ends(data["nodes"])
        ]
        lines = [self._summary(data)]
        if rows:
            lines.append(table_text(["first id", "last id", "live", "deleted", "bytes"], rows))
        for group in data["groups"]:
            lag = "unknown" if group["lag"] is None else group["lag"]
            lines.append(f"group {group['name']}: read up to {group['last_id']}, lag {lag}")
            for consumer in group["consumers"]:
                pending = ", ".join(_pending_words(p) for p in consumer["pending"])
                more = consumer["count"] - len(consumer["pending"])
                pending += f", and {more} more" if more else ""
                lines.append(f"  {consumer['name']}: {pending or 'nothing pending'}")
        return "\n".join(lines)

    def _summary(self, data: dict[str, Any]) -> str:
        return (
            f"{data['title']}: stream, {count_of(data['length'], 'entry', 'entries')} in "
            f"{count_of(len(data['nodes']), 'macro node')}, {data['added']} ever added, "
            f"last id {data['last_id']}, {count_of(len(data['groups']), 'group')}"
        )


def stream(key: str | bytes, node: Embedded | None = None, db: int = 0) -> StreamView:
    """A stream's macro nodes, its groups' positions, and what each consumer has not acknowledged."""
    return StreamView(key, node, db)


def _node(first: StreamId, node: Any) -> dict[str, Any]:
    live = stream_node.live_count(node)
    last = next(stream_node.entries(node, first, reverse=True), None)
    return {
        "first": str(first),
        "last": str(last.id if last else first),
        "live": live,
        "deleted": stream_node.total_count(node) - live,
        "bytes": node.size,
    }


def _group(stream: Any, name: bytes, group: Any, now_ms: int) -> dict[str, Any]:
    place = stream.tree.seek("<=", group.last_id.key)
    return {
        "name": label(name, 20),
        "last_id": str(group.last_id),
        "lag": stream.lag(group),
        "node": str(StreamId.from_key(place[0])) if place else None,
        "consumers": [
            {
                "name": label(consumer_name, 16),
                "count": len(consumer.pending),
                "pending": [
                    {
                        "id": str(StreamId.from_key(key)),
                        "deliveries": pending.deliveries,
                        "idle_ms": max(0, now_ms - pending.delivered_ms),
                    }
                    for key, pending in _first(consumer.pending.items(), SHOWN_PENDING)
                ],
            }
            for consumer_name, consumer in group.consumers.items()
        ],
    }


def _first(pairs: Any, most: int) -> list[Any]:
    return [pair for _, pair in zip(range(most), pairs, strict=False)]


def _draw_group(canvas: Canvas, group: dict[str, Any], y: float) -> float:
    lag = "unknown" if group["lag"] is None else group["lag"]
    canvas.text(16, y + 12, f"group {group['name']}", "b t-d", 12.5)
    canvas.text(200, y + 12, f"read up to {group['last_id']}, lag {lag}", "m t-dim", 11)
    y += 20
    if not group["consumers"]:
        canvas.text(32, y + 14, "no consumer yet", "t-dim", 11.5)
        return y + 20
    for consumer in group["consumers"]:
        canvas.text(32, y + 15, consumer["name"], "b", 11.5)
        x = 150.0
        if not consumer["pending"]:
            canvas.text(x, y + 15, "nothing pending", "t-dim", 11)
        for pending in consumer["pending"]:
            role = "e" if pending["deliveries"] > 1 else "b"
            with canvas.group(note=_pending_words(pending), key=f"pending-{pending['id']}"):
                words = f"{_short(pending['id'])} ×{pending['deliveries']} {_seconds(pending['idle_ms'])}"
                x = canvas.badge(x, y + 2, words, role)
        more = consumer["count"] - len(consumer["pending"])
        if more:
            canvas.text(x + 4, y + 15, f"and {more} more", "t-dim", 11)
        y += 24
    return y


def _pending_words(pending: dict[str, Any]) -> str:
    times = "once" if pending["deliveries"] == 1 else f"{pending['deliveries']} times"
    return f"{pending['id']} delivered {times}, idle {_seconds(pending['idle_ms'])}"


def _seconds(milliseconds: int) -> str:
    """
    >>> _seconds(0), _seconds(1500), _seconds(90_000)
    ('0 s', '1.5 s', '90 s')
    """
    return f"{milliseconds / 1000:g} s"


def _short(stream_id: str) -> str:
    """An id of thirteen digits without the first ones, which are the same for years.

    >>> _short("1767225600123-0"), _short("5-1")
    ('…5600123-0', '5-1')
    """
    ms, _, seq = stream_id.partition("-")
    return f"…{ms[-7:]}-{seq}" if len(ms) > 9 else stream_id


def _ends(nodes: list[dict[str, Any]]) -> list[dict[str, Any] | None]:
    if len(nodes) <= SHOWN_NODES:
        return list(nodes)
    return [*nodes[:3], None, *nodes[-2:]]

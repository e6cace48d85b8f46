"""Picture of Pub/Sub: which name leads to which client, and what each client has not read yet.

    channel news ----> alice
                 '---> bob   (3 messages not read)
    pattern n*   ----> bob

Read next: minidis/engine/pubsub.py.
"""

from __future__ import annotations

from typing import Any

from minidis.drivers.embedded import Embedded
from minidis.engine.pubsub import name_matches
from minidis.notebook.views.drawing import Canvas, count_of, label, table_text
from minidis.notebook.views.sources import node_or_default
from minidis.notebook.views.view import View
from minidis.protocol.replies import Push

ROW, LEFT, RIGHT = 34.0, 300.0, 470.0
_KINDS = {"channels": "channel", "patterns": "pattern", "shard_channels": "shard channel"}
_ROLES = {"channel": "a", "pattern": "d", "shard channel": "g"}


class FanoutView(View):
    """The subscriptions of a node; with a `channel`, who gets a message that is published there now."""

    def __init__(self, channel: str | bytes | None = None, node: Embedded | None = None) -> None:
        super().__init__(node_or_default(node))
        self.channel = channel.encode() if isinstance(channel, str) else channel

    def snapshot(self) -> dict[str, Any]:
        pubsub = self.node.node.pubsub
        names, clients = [], {}
        for kind, word in _KINDS.items():
            for name, listeners in getattr(pubsub, kind).clients.items():
                names.append(
                    {
                        "kind": word,
                        "name": label(name, 28),
                        "clients": list(listeners),
                        "hit": self._hits(word, name),
                    }
                )
                clients.update(listeners)
        return {
            "channel": None if self.channel is None else label(self.channel, 28),
            "names": names,
            "clients": [
                {
                    "id": number,
                    "name": label(client.name or f"client {number}", 20),
                    "unread": sum(type(message) is Push for message in client.outbox),
                }
                for number, client in sorted(clients.items())
            ],
        }

    def _hits(self, kind: str, name: bytes) -> bool:
        if self.channel is None or kind == "shard channel":
            return False
        return name == self.channel if kind == "channel" else name_matches(name, self.channel)

    def draw(self, data: dict[str, Any]) -> Canvas:
        canvas = Canvas(_summary(data))
        detail = _deliveries(data) if data["channel"] is not None else ""
        canvas.heading("Pub/Sub", detail or count_of(len(data["names"]), "name"))
        if not data["names"]:
            canvas.text(16, 60, "nobody listens: a message that is published now is gone", "t-dim", 12)
            return canvas
        place = {client["id"]: 60 + ROW * row for row, client in enumerate(data["clients"])}
        for row, name in enumerate(data["names"]):
            y = 60 + ROW * row
            role = _ROLES[name["kind"]]
            for client in name["clients"]:
                ink = "hot" if name["hit"] else "line"
                canvas.line(
                    LEFT + 4, y, RIGHT - 4, place[client], ink, 2.5 if name["hit"] else 1.2, arrow=True
                )
            with canvas.group(note=f"{name['kind']} {name['name']}", key=f"{name['kind']}-{name['name']}"):
                canvas.box(16, y - 13, LEFT - 16, 26, role, 5)
                canvas.text(26, y + 4, f"{name['kind']}  {name['name']}", f"m t-{role}", 11)
                if name["hit"]:
                    canvas.text(LEFT - 10, y + 4, "matches", f"b t-{role}", 10.5, "end")
        for client in data["clients"]:
            y = place[client["id"]]
            unread = f", {count_of(client['unread'], 'message')} not read" if client["unread"] else ""
            with canvas.group(note=client["name"] + unread, key=f"client-{client['id']}"):
                canvas.box(RIGHT, y - 13, canvas.width - RIGHT - 16, 26, "c", 5)
                canvas.text(RIGHT + 10, y + 4, client["name"] + unread, "t-c", 11.5)
        return canvas

    def text(self, data: dict[str, Any]) -> str:
        by_id = {client["id"]: client for client in data["clients"]}
        rows = [
            [n["kind"], n["name"], ", ".join(by_id[c]["name"] for c in n["clients"]), "yes" * n["hit"]]
            for n in data["names"]
        ]
        head = ["", "name", "clients", "" if data["channel"] is None else f"hit by {data['channel']}"]
        lines = [_summary(data)]
        if rows:
            lines.append(table_text(head, rows))
        lines += [f"{c['name']}: {count_of(c['unread'], 'message')} not read" for c in data["clients"]]
        return "\n".join(lines)


def fanout(channel: str | bytes | None = None, node: Embedded | None = None) -> FanoutView:
    """Who listens to which channel and pattern; with a `channel`, which of them a message there reaches."""
    return FanoutView(channel, node)


def _summary(data: dict[str, Any]) -> str:
    listeners = count_of(len(data["clients"]), "client")
    text = f"Pub/Sub: {count_of(len(data['names']), 'name')}, {listeners}"
    return text + (f"; {_deliveries(data)}" if data["channel"] is not None else "")


def _deliveries(data: dict[str, Any]) -> str:
    copies = sum(len(name["clients"]) for name in data["names"] if name["hit"])
    reached = {client for name in data["names"] if name["hit"] for client in name["clients"]}
    handed_out = f"{count_of(copies, 'time')}, to {count_of(len(reached), 'client')}"
    return f"a message to {data['channel']} is handed out {handed_out}"

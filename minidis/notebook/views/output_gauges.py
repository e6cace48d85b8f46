"""What the server still owes each client, against the limit at which it hangs up.

    feed    ########------|------------|   41 KB, soft 64 KB, hard 128 KB
    slow    closed: it had let too much pile up

Drawn from an event loop's connections (minidis/drivers/event_loop.py). A click on a name holds that client
(it stops reading), or lets it read again.

Read next: minidis/engine/memory/output_limits.py.
"""

from __future__ import annotations

from typing import Any

from minidis.drivers.event_loop import EventLoop
from minidis.notebook.views.drawing import Canvas, table_text
from minidis.notebook.views.view import View, button

LEFT, RIGHT, TOP, LANE = 150.0, 560.0, 62.0, 40.0


class OutputGaugeView(View):
    """A loop's clients, and how full the output buffer of each is."""

    def __init__(self, loop: EventLoop) -> None:
        super().__init__(loop.node)
        self.loop = loop

    def snapshot(self) -> list[dict[str, Any]]:
        return [_gauge(connection) for connection in self.loop.connections]

    def draw(self, data: list[dict[str, Any]]) -> Canvas:
        canvas = Canvas("output buffers: " + "; ".join(f"{g['name']}: {_state(g)}" for g in data))
        canvas.heading("output buffers", "what the server owes, and where it hangs up")
        full_bytes = max((max(g["hard_bytes"], g["soft_bytes"], g["owed_bytes"]) for g in data), default=0)
        scale = (RIGHT - LEFT) / (full_bytes or 1)
        for row, gauge in enumerate(data):
            y = TOP + LANE * row
            role = "e" if gauge["closed"] else "b" if gauge["held"] else "c"
            with canvas.group(note=f"{gauge['name']}: {_state(gauge)}", event=("hold", gauge["name"])):
                canvas.text(16, y + 16, gauge["name"], "b", 12)
                canvas.box(LEFT, y, RIGHT - LEFT, 22, "f", 3)
                if gauge["owed_bytes"]:
                    canvas.box(LEFT, y, max(2.0, scale * gauge["owed_bytes"]), 22, role, 3)
            for limit, dash in (("soft_bytes", "4 3"), ("hard_bytes", "")):
                if gauge[limit]:
                    x = LEFT + scale * gauge[limit]
                    canvas.line(x, y - 4, x, y + 26, "hot", 2, dash)
            canvas.text(RIGHT + 12, y + 16, _state(gauge), f"t-{role}", 11)
        canvas.bottom = TOP + LANE * len(data)
        return canvas

    def text(self, data: list[dict[str, Any]]) -> str:
        rows = [
            [
                g["name"],
                g["kind"],
                str(g["owed_bytes"]),
                str(g["soft_bytes"] or "none"),
                str(g["hard_bytes"] or "none"),
                _state(g),
            ]
            for g in data
        ]
        return table_text(["client", "class", "owed bytes", "soft limit", "hard limit", ""], rows)

    def controls(self, data: list[dict[str, Any]]) -> list[dict[str, Any]]:
        return [button("turn", "one turn", "one iteration of the loop: every client once")]

    def on_turn(self, value: Any = None) -> None:
        self.message = f"{len(self.loop.turn())} events"

    def on_hold(self, name: str) -> None:
        """The client stops reading, or reads again."""
        for connection in self.loop.connections:
            if connection.name == name:
                connection.hold() if connection.room is None else connection.release()
                return
        raise ValueError(f"no client is called {name}")


def output_gauge(loop: EventLoop) -> OutputGaugeView:
    """How full the output buffers of a loop's clients are, and their limits."""
    return OutputGaugeView(loop)


def _gauge(connection: Any) -> dict[str, Any]:
    client, is_closed = connection.link.client, connection.link.closing
    hard_bytes, soft_bytes, soft_s = (0, 0, 0) if is_closed else client.output_limit
    return {
        "name": connection.name,
        "kind": "-" if is_closed else client.kind,  # its subscriptions went with it
        "owed_bytes": len(connection.link.output),
        "hard_bytes": hard_bytes,
        "soft_bytes": soft_bytes,
        "soft_s": soft_s,
        "held": connection.room is not None,
        "closed": is_closed,
    }


def _state(gauge: dict[str, Any]) -> str:
    if gauge["closed"]:
        return "closed: too much had piled up"
    reading = "does not read" if gauge["held"] else "reads"
    return f"{gauge['owed_bytes']:,} bytes owed, {reading}"

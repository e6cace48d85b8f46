"""The event loop as lanes: what one thread did for each of its clients, one event per column.

    ada    R SET GET         W
    bob              R           W
           turn 1 ....................

The columns are the loop's own log (minidis/drivers/event_loop.py); in front of each lane stands what its
socket holds now. The buttons let the loop do one event, one turn, or all there is; a click on a name
holds that client (it stops reading) or lets it read again.

Read next: minidis/drivers/event_loop.py.
"""

from __future__ import annotations

from typing import Any

from minidis.drivers.event_loop import EventLoop
from minidis.notebook.views.drawing import Canvas, count_of, label, table_text
from minidis.notebook.views.view import View, button, text_field
from minidis.protocol.quoting import split_arguments
from minidis.protocol.resp import encode_command

SHOWN_EVENTS = 26
LEFT, RIGHT, TOP, LANE = 214.0, 766.0, 92.0, 40.0
UNNAMED = "redis"  # the client of a cell that names none
ROLES = {"read": "a", "execute": "b", "write": "c"}


class EventLoopView(View):
    """A loop's clients, and its last events."""

    def __init__(self, loop: EventLoop) -> None:
        super().__init__(loop.node)
        self.loop = loop

    def snapshot(self) -> dict[str, Any]:
        events = self.loop.log[-SHOWN_EVENTS:]
        return {
            "clients": [_client(connection) for connection in self.loop.connections],
            "events": [
                {
                    "number": event.number,
                    "turn": event.iteration,
                    "kind": event.kind,
                    "client": event.client or UNNAMED,
                    "what": _what(event),
                }
                for event in events
            ],
            "earlier": len(self.loop.log) - len(events),
        }

    def draw(self, data: dict[str, Any]) -> Canvas:
        clients, events = data["clients"], data["events"]
        names = ", ".join(client["name"] for client in clients) or "no client"
        canvas = Canvas(f"event loop: lanes of {names}; {count_of(len(events), 'event')}, one at a time")
        canvas.heading("one thread, one event at a time", _earlier(data))
        place = 16.0
        for kind, role in ROLES.items():
            place = canvas.badge(place, 40, kind, role)
        bottom = TOP + LANE * len(clients)
        width = min(64.0, (RIGHT - LEFT) / max(1, len(events)))
        _draw_turns(canvas, events, width, bottom)
        for row, client in enumerate(clients):
            _draw_client(canvas, client, TOP + LANE * row)
        rows = {client["name"]: row for row, client in enumerate(clients)}
        for column, event in enumerate(events):
            _draw_event(canvas, event, LEFT + column * width, TOP + LANE * rows[event["client"]], width)
        canvas.bottom = max(canvas.bottom, bottom)
        return canvas

    def text(self, data: dict[str, Any]) -> str:
        blocks = [
            table_text(
                ["client", "socket", "owed"],
                [[c["name"], _socket(c), count_of(c["owed"], "byte")] for c in data["clients"]],
            )
        ]
        if data["events"]:
            rows = [
                [str(e["number"]), str(e["turn"]), e["client"], e["kind"], e["what"]] for e in data["events"]
            ]
            blocks.append(table_text(["event", "turn", "client", "kind", "what"], rows))
        return "\n\n".join([f"event loop; {_earlier(data)}", *blocks])

    def controls(self, data: dict[str, Any]) -> list[dict[str, Any]]:
        return [
            button("step", "one event", "read once, run one command, or write once"),
            button("turn", "one turn", "one iteration of the loop: every client once"),
            button("run", "run", "until there is nothing to do"),
            text_field("send", "send", "", "a client's name and its command: ada SET k 1"),
        ]

    def on_step(self, value: Any = None) -> None:
        self._did([event for event in [self.loop.step()] if event is not None])

    def on_turn(self, value: Any = None) -> None:
        self._did(self.loop.turn())

    def on_run(self, value: Any = None) -> None:
        self._did(self.loop.run())

    def on_hold(self, name: str) -> None:
        """The client stops reading, or reads again."""
        connection = self._connection(str(name))
        if connection.room is None:
            connection.hold()
            self.message = f"{name} does not read any more"
        else:
            connection.release()
            self.message = f"{name} reads again"

    def on_send(self, text: str) -> None:
        """`ada SET k 1`: a request goes into ada's socket; the loop has not looked at it yet."""
        words = split_arguments(str(text).encode()) or []
        if len(words) < 2:
            raise ValueError("a client's name, then its command: ada SET k 1")
        self._connection(words[0].decode("utf-8", "replace")).send(encode_command(words[1:]))

    def _connection(self, name: str) -> Any:
        for connection in self.loop.connections:
            if (connection.name or UNNAMED) == name:
                return connection
        raise ValueError(f"no client is called {name}")

    def _did(self, events: list[Any]) -> None:
        self.message = (
            "; ".join(str(event) for event in events[-3:]) or "nothing to do: every socket is empty"
        )


def event_loop(loop: EventLoop) -> EventLoopView:
    """The lanes of an event loop, and what its sockets hold."""
    return EventLoopView(loop)


def _client(connection: Any) -> dict[str, Any]:
    return {
        "name": connection.name or UNNAMED,
        "arrived": len(connection.inbound),
        "owed": len(connection.link.output),
        "held": connection.room is not None,
        "waits": connection.link.client.parked is not None,
        "closed": connection.link.closing,
    }


def _what(event: Any) -> str:
    if event.kind == "execute":
        return " ".join(label(word, 12) for word in event.argv)
    return count_of(event.size, "byte")


def _socket(client: dict[str, Any]) -> str:
    states = [f"{client['arrived']} bytes arrived"] if client["arrived"] else []
    states += ["reads nothing"] if client["held"] else []
    states += ["waits for a key"] if client["waits"] else []
    states += ["closed"] if client["closed"] else []
    return ", ".join(states) or "idle"


def _earlier(data: dict[str, Any]) -> str:
    return f"after {count_of(data['earlier'], 'earlier event')}" if data["earlier"] else "from the start"


def _draw_turns(canvas: Canvas, events: list[dict[str, Any]], width: float, bottom: float) -> None:
    """A line where each iteration begins."""
    former = None
    for column, event in enumerate(events):
        if event["turn"] != former:
            former, x = event["turn"], LEFT + column * width
            canvas.line(x, TOP - 18, x, bottom, "line", 0.8, dash="2 4")
            canvas.text(x + 3, TOP - 10, f"turn {former}", "t-dim", 10)


def _draw_client(canvas: Canvas, client: dict[str, Any], y: float) -> None:
    note = f"{client['name']}: {_socket(client)}; the server owes {count_of(client['owed'], 'byte')}"
    with canvas.group(note=note + ". Click to hold or release.", event=("hold", client["name"])):
        canvas.box(10, y, 196, LANE - 6, "f" if client["held"] or client["waits"] else "page", 4)
        canvas.text(18, y + 15, label(client["name"], 12), "b", 12)
        state = _socket(client) + (f", owed {client['owed']}" if client["owed"] else "")
        canvas.text(18, y + 28, state, "t-e" if client["held"] else "t-dim", 10)
    canvas.line(LEFT, y + LANE - 3, RIGHT, y + LANE - 3, "line", 0.5)


def _draw_event(canvas: Canvas, event: dict[str, Any], x: float, y: float, width: float) -> None:
    role = ROLES[event["kind"]]
    where = f"event {event['number']}, turn {event['turn']}"
    note = f"{where}: {event['kind']} for {event['client']}: {event['what']}"
    with canvas.group(note=note, key=str(event["number"])):
        canvas.box(x + 1, y + 2, width - 2, LANE - 12, role, 3)
        shown = event["what"].split(" ")[0]
        room = int((width - 4) / 6.4)
        shown = shown if len(shown) <= room else shown[:room]
        canvas.text(x + width / 2, y + 20, shown, f"m t-{role}", 10, "middle")

"""A conversation of several clients with one node, message by message: requests, replies, and pushes.

    ada        server       bob
     |--GET a-->|            |
     |<---1-----|            |
     |          |<--SET a 2--|
     |<-inval.--|            |        nobody asked for this one: the server remembered who had read

Everything drawn was said: `say` runs the command on the node as that client, and takes from each client's
outbox what the node has pushed.

Read next: minidis/engine/messages/tracking.py.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from minidis.drivers.embedded import Embedded
from minidis.notebook.views.drawing import Canvas, label, table_text
from minidis.notebook.views.sources import node_or_default
from minidis.notebook.views.view import View
from minidis.protocol.quoting import split_arguments
from minidis.protocol.replies import Push, ReplyError

TOP, ROW = 74.0, 26.0
ROLES = {"request": "a", "reply": "c", "push": "e"}
SERVER = "server"


class Message(NamedTuple):
    """One message: `kind` is request, reply or push."""

    kind: str
    sender: str
    receiver: str
    words: str


class FlowView(View):
    """The messages between a node and clients with these names; RESP3, so that pushes can be told apart."""

    def __init__(self, names: tuple[str, ...], node: Embedded | None = None) -> None:
        super().__init__(node_or_default(node))
        self.clients = {name: self.node.connect(name) for name in names}
        for client in self.clients.values():
            self.node.execute("HELLO", "3", client=client)
        self.messages: list[Message] = []

    def say(self, name: str, line: str) -> Any:
        """`name` sends a command line; its reply (an error is one, too)."""
        words = split_arguments(line.encode())
        if not words or name not in self.clients:
            raise ValueError(f"a client of {', '.join(self.clients)} and a command, not {name!r}: {line!r}")
        self.messages.append(Message("request", name, SERVER, label(line, 34)))
        try:
            reply = self.node.execute(*words, client=self.clients[name])
        except ReplyError as error:
            reply = error
        self.messages.append(Message("reply", SERVER, name, _words(reply)))
        for receiver, client in self.clients.items():
            while client.outbox:
                pushed = client.outbox.popleft()
                self.messages.append(Message("push", SERVER, receiver, _words(pushed)))
        return reply

    def snapshot(self) -> dict[str, Any]:
        names = list(self.clients)
        half = (len(names) + 1) // 2
        return {
            "actors": [*names[:half], SERVER, *names[half:]],
            "messages": [m._asdict() for m in self.messages[-24:]],
        }

    def draw(self, data: dict[str, Any]) -> Canvas:
        actors, messages = data["actors"], [Message(**each) for each in data["messages"]]
        pushes = sum(message.kind == "push" for message in messages)
        canvas = Canvas(f"conversation of {', '.join(actors)}: {len(messages)} messages, {pushes} pushed")
        canvas.heading("who says what to whom", "pushes were not asked for")
        gap = (canvas.width - 160) / max(1, len(actors) - 1)
        place = {actor: 80 + gap * number for number, actor in enumerate(actors)}
        bottom = TOP + ROW * len(messages)
        for actor, x in place.items():
            canvas.text(x, 58, actor, "b", 12, "middle")
            canvas.line(x, 66, x, bottom, "line", 1)
        for row, message in enumerate(messages):
            y, role = TOP + ROW * row + 16, ROLES[message.kind]
            start, end = place[message.sender], place[message.receiver]
            with canvas.group(note=f"{message.kind}: {message.words}"):
                canvas.line(start, y, end, y, role, 2 if message.kind == "push" else 1.3, arrow=True)
                canvas.text((start + end) / 2, y - 4, message.words, f"m t-{role}", 10, "middle")
        canvas.bottom = bottom
        return canvas

    def text(self, data: dict[str, Any]) -> str:
        rows = [[m["sender"], m["receiver"], m["kind"], m["words"]] for m in data["messages"]]
        return table_text(["from", "to", "", "message"], rows)


def flow(*names: str, node: Embedded | None = None) -> FlowView:
    """A conversation that clients with these names will have with the node: `.say("ada", "GET a")`."""
    return FlowView(names, node)


def _words(reply: Any) -> str:
    if isinstance(reply, Push):
        return label(" ".join(_words(part) for part in reply), 40)
    if isinstance(reply, list):
        return "[" + ", ".join(_words(part) for part in reply) + "]"
    if isinstance(reply, bytes):
        return label(reply, 24)
    return "nil" if reply is None else label(str(reply), 40)

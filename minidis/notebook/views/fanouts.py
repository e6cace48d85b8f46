"""Picture of Pub/Sub: which name leads to which client, and what each client has not read yet.

    channel news ----> alice
                 '---> bob   (3 messages not read)
    pattern n*   ----> bob

A real server counts the listeners of a channel (PUBSUB NUMSUB) and the subscriptions of a client
(CLIENT LIST); it says neither who listens to what nor which patterns there are. So no arrows are drawn
there, and the counts stand on both sides.

Read next: minidis/engine/messages/pubsub.py.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

from minidis.drivers.embedded import Embedded
from minidis.engine.messages.pubsub import name_matches
from minidis.notebook.views.drawing import Canvas, count_of, label, table_text
from minidis.notebook.views.mirrors import MOST_KEYS, Mirror, Untold
from minidis.notebook.views.sources import node_or_mirror
from minidis.notebook.views.view import View
from minidis.protocol.replies import Push

ROW, LEFT, RIGHT = 34.0, 300.0, 470.0
_KINDS = {"channels": "channel", "patterns": "pattern", "shard_channels": "shard channel"}
_ROLES = {"channel": "a", "pattern": "d", "shard channel": "g"}


class FanoutView(View):
    """Subscriptions of a node or a server; with a `channel`, who gets a message that is published there."""

    told = "subscriptions"
    shows_keys = False

    def __init__(self, channel: str | bytes | None = None, node: Embedded | None = None) -> None:
        super().__init__(node_or_mirror(node))
        self.channel = channel.encode() if isinstance(channel, str) else channel

    def snapshot(self) -> dict[str, Any]:
        if isinstance(self.node, Mirror):
            return self._told_by(self.node)
        pubsub = self.node.node.pubsub
        names, clients = [], {}
        for kind, word in _KINDS.items():
            for name, listeners in getattr(pubsub, kind).clients.items():
                names.append(
                    {
                        "kind": word,
                        "name": label(name, 28),
                        "clients": list(listeners),
                        "listeners": len(listeners),
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
                    "state": _unread(sum(type(message) is Push for message in client.outbox)),
                }
                for number, client in sorted(clients.items())
            ],
            "patterns_untold": 0,
        }

    def _told_by(self, mirror: Mirror) -> dict[str, Any]:
        """The same by PUBSUB and CLIENT LIST, of all nodes together: counts, without who listens to what."""
        untold: list[str] = []
        counts = {"channel": self._listeners(mirror, b"CHANNELS", b"NUMSUB", untold)}
        try:
            counts["shard channel"] = self._listeners(mirror, b"SHARDCHANNELS", b"SHARDNUMSUB", untold)
        except Untold as refusal:  # before Redis 7.0
            untold.append(str(refusal))
        return {
            "channel": None if self.channel is None else label(self.channel, 28),
            "names": [
                {
                    "kind": kind,
                    "name": label(name, 28),
                    "clients": [],
                    "listeners": listeners,
                    "hit": self._hits(kind, name),
                }
                for kind, listeners_of in counts.items()
                for name, listeners in sorted(listeners_of.items())
            ],
            "clients": [
                {"id": number, "name": label(fields["who"], 32), "state": state}
                for number, fields in enumerate(mirror.clients())
                if (state := _told_of(fields))
            ],
            "patterns_untold": sum(mirror.ask_each(b"PUBSUB", b"NUMPAT").values()),
            "untold": untold,
        }

    def _listeners(
        self, mirror: Mirror, listing: bytes, counting: bytes, untold: list[str]
    ) -> dict[bytes, int]:
        """How many clients listen to each channel, over all nodes; of very many, a part.  Raises Untold."""
        found = {name for listed in mirror.ask_each(b"PUBSUB", listing).values() for name in listed}
        names = sorted(found, key=lambda name: (name != self.channel, name))[:MOST_KEYS]
        if len(names) < len(found):
            untold.append(f"{len(names)} of the {len(found)} names of PUBSUB {listing.decode()} are shown")
        totals: Counter[bytes] = Counter()
        for counted in mirror.ask_each(b"PUBSUB", counting, *names).values():
            totals.update(dict(zip(counted[::2], counted[1::2], strict=True)))
        return totals

    def _hits(self, kind: str, name: bytes) -> bool:
        if self.channel is None or kind == "shard channel":
            return False
        return name == self.channel if kind == "channel" else name_matches(name, self.channel)

    def draw(self, data: dict[str, Any]) -> Canvas:
        canvas = Canvas(_summary(data))
        detail = _deliveries(data) if data["channel"] is not None else ""
        canvas.heading("Pub/Sub", detail or count_of(len(data["names"]), "name"))
        if not data["names"]:
            nobody = "nobody listens: a message that is published now is gone"
            canvas.text(16, 60, _untold_patterns(data) or nobody, "t-dim", 12)
        elif data["patterns_untold"]:
            canvas.text(16, 60 + ROW * len(data["names"]), _untold_patterns(data), "t-dim", 12)
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
            if not name["clients"]:
                canvas.text(LEFT + 8, y + 4, f"▸ {count_of(name['listeners'], 'client')}", f"t-{role}", 11.5)
        for client in data["clients"]:
            y = place[client["id"]]
            words = f"{client['name']}, {client['state']}" if client["state"] else client["name"]
            with canvas.group(note=words, key=f"client-{client['id']}"):
                canvas.box(RIGHT, y - 13, canvas.width - RIGHT - 16, 26, "c", 5)
                canvas.text(RIGHT + 10, y + 4, words, "t-c", 11.5 if len(words) < 46 else 10)
        return canvas

    def text(self, data: dict[str, Any]) -> str:
        by_id = {client["id"]: client for client in data["clients"]}
        rows = [
            [
                n["kind"],
                n["name"],
                ", ".join(by_id[c]["name"] for c in n["clients"]) or str(n["listeners"]),
                "yes" * n["hit"],
            ]
            for n in data["names"]
        ]
        head = ["", "name", "clients", "" if data["channel"] is None else f"hit by {data['channel']}"]
        lines = [_summary(data)]
        if rows:
            lines.append(table_text(head, rows))
        lines += [_untold_patterns(data)] if data["patterns_untold"] else []
        lines += [f"{c['name']}: {c['state'] or '0 messages not read'}" for c in data["clients"]]
        return "\n".join(lines)


def fanout(channel: str | bytes | None = None, node: Embedded | None = None) -> FanoutView:
    """Who listens to which channel and pattern; with a `channel`, which of them a message there reaches."""
    return FanoutView(channel, node)


def _told_of(fields: dict[str, str]) -> str:
    """What CLIENT LIST says of a listener; nothing of another client."""
    counts = {"channel": "sub", "pattern": "psub", "shard channel": "ssub"}
    told = [count_of(int(fields.get(name, 0)), kind) for kind, name in counts.items()]
    listens = [words for words in told if not words.startswith("0 ")]
    waiting = int(fields["obl"]) + int(fields["omem"])
    return ", ".join(listens + [f"{waiting} bytes not read"] * bool(listens and waiting))


def _unread(messages: int) -> str:
    return f"{count_of(messages, 'message')} not read" if messages else ""


def _untold_patterns(data: dict[str, Any]) -> str:
    number = data["patterns_untold"]
    return f"and {count_of(number, 'pattern')}; which, the server does not tell" if number else ""


def _summary(data: dict[str, Any]) -> str:
    listeners = count_of(len(data["clients"]), "client")
    text = f"Pub/Sub: {count_of(len(data['names']), 'name')}, {listeners}"
    return text + (f"; {_deliveries(data)}" if data["channel"] is not None else "")


def _deliveries(data: dict[str, Any]) -> str:
    hit = [name for name in data["names"] if name["hit"]]
    copies = sum(name["listeners"] for name in hit)
    reached = {client for name in hit for client in name["clients"]}
    clients = len(reached) or copies  # of a server: one channel can match, and each client listens once
    handed_out = f"{count_of(copies, 'time')}, to {count_of(clients, 'client')}"
    by_pattern = ", and to those whose pattern matches" if data["patterns_untold"] else ""
    return f"a message to {data['channel']} is handed out {handed_out}{by_pattern}"

"""Picture of transactions in the making: each client's queue, what it watches, what EXEC would do now.

    ann   MULTI  [SET balance 70] [INCR log]      watches balance (changed)      EXEC would answer nil

The flag "a watched key changed" is the client's, as in Redis (CLIENT_DIRTY_CAS): which of its keys it was,
nobody notes. Of a real server the figures are those of CLIENT LIST.

Read next: minidis/engine/transactions.py.
"""

from __future__ import annotations

from typing import Any

from minidis.drivers.embedded import Embedded
from minidis.engine.client import Client
from minidis.notebook.views.drawing import Canvas, count_of, label, table_text, text_width
from minidis.notebook.views.mirrors import Mirror
from minidis.notebook.views.sources import node_or_mirror
from minidis.notebook.views.view import View

NAME_WIDTH = 110.0


class TransactionsView(View):
    """The clients of a node or a server that are between MULTI and EXEC, or watch keys."""

    told = "transactions"
    shows_keys = False

    def __init__(self, node: Embedded | None = None) -> None:
        super().__init__(node_or_mirror(node))

    def snapshot(self) -> dict[str, Any]:
        if isinstance(self.node, Mirror):
            return _told_by(self.node)
        clients = self.node.node.clients.values()
        return {"clients": [self._client(c) for c in clients if c.transaction is not None or c.watched]}

    def _client(self, client: Client) -> dict[str, Any]:
        transaction = client.transaction
        queue = [] if transaction is None else [argv for _, argv in transaction.queue]
        spoiled = transaction is not None and transaction.spoiled
        changed = self.node.node.watchers.must_fail(client)
        return {
            "name": client.name or f"client {client.id}",
            "in_multi": transaction is not None,
            "queue": [" ".join(label(word, 16) for word in argv) for argv in queue],
            "watched": [label(key, 20) + (f" in db {db}" if db else "") for db, key in client.watched],
            "changed": changed,
            "spoiled": spoiled,
            "verdict": _verdict(transaction is not None, len(queue), spoiled, changed),
        }

    def draw(self, data: dict[str, Any]) -> Canvas:
        canvas = Canvas(_summary(data))
        y = canvas.heading("transactions", _summary(data)) + 4
        if not data["clients"]:
            canvas.text(16, y + 14, "nobody is in MULTI, nobody watches a key", "t-dim", 12)
        for client in data["clients"]:
            role = "e" if client["changed"] or client["spoiled"] else "c"
            canvas.text(16, y + 14, client["name"], "b", 12.5)
            beside = max(NAME_WIDTH, 28 + text_width(client["name"], 12.5))
            canvas.text(beside, y + 14, client["verdict"], f"b t-{role}", 11.5)
            y += 22
            y = self._draw_row(canvas, "watches", client["watched"], "e" if client["changed"] else "g", y)
            if client["in_multi"]:
                y = self._draw_row(canvas, "queue", client["queue"] or ["empty"], "a", y)
            y += 8
        return canvas

    def _draw_row(self, canvas: Canvas, name: str, items: list[str], role: str, y: float) -> float:
        """Chips side by side, in as many lines as they need."""
        if not items:
            return y
        canvas.text(NAME_WIDTH - 8, y + 13, name, "t-dim", 11, "end")
        x = NAME_WIDTH
        for item in items:
            if x > NAME_WIDTH and x + text_width(item, 11, mono=True) + 12 > canvas.width - 16:
                x, y = NAME_WIDTH, y + 22
            x = canvas.badge(x, y, item, role)
        return y + 24

    def text(self, data: dict[str, Any]) -> str:
        rows = [
            [
                client["name"],
                ", ".join(client["watched"]) or "nothing",
                "; ".join(client["queue"]) or ("empty" if client["in_multi"] else "no MULTI"),
                client["verdict"],
            ]
            for client in data["clients"]
        ]
        return "\n".join(
            [_summary(data), *([table_text(["", "watches", "queue", "now"], rows)] if rows else [])]
        )


def transactions(node: Embedded | None = None) -> TransactionsView:
    """Who is between MULTI and EXEC or watches keys: queue, watched keys, and what EXEC would do now."""
    return TransactionsView(node)


def _told_by(mirror: Mirror) -> dict[str, Any]:
    """The same by CLIENT LIST: flag x (in MULTI), flag d (a watched key has changed), multi=, watch=."""
    listed = mirror.clients()
    clients = [_told_of(fields) for fields in listed]
    untold = [
        "whether a command was refused as it was queued is not told either: EXEC would answer EXECABORT"
    ]
    if not any("watch" in fields for fields in listed):
        untold.append(
            "who only watches is seen once a key has changed: watch= came with Redis 7.4 and Valkey 8.0"
        )
    involved = [client for client in clients if client["in_multi"] or client["watched"]]
    return {"clients": involved, "untold": untold}


def _told_of(fields: dict[str, str]) -> dict[str, Any]:
    in_multi, changed = "x" in fields["flags"], "d" in fields["flags"]
    queued = int(fields["multi"]) if in_multi else 0
    watched = int(fields.get("watch", 0))
    memory = f", {fields['multi-mem']} bytes" if "multi-mem" in fields else ""
    return {
        "name": label(fields["who"], 32),
        "in_multi": in_multi,
        "queue": [count_of(queued, "command") + memory] if queued else [],
        "watched": [count_of(watched, "key")] if watched else ["a key or more"] if changed else [],
        "changed": changed,
        "spoiled": False,
        "verdict": _verdict(in_multi, queued, False, changed),
    }


def _verdict(in_multi: bool, queued: int, spoiled: bool, changed: bool) -> str:
    if not in_multi:
        return (
            "a watched key has changed: EXEC will answer nil" if changed else "watched keys are as they were"
        )
    if spoiled:
        return "EXEC will answer EXECABORT and run nothing"
    if changed:
        return "a watched key has changed: EXEC will answer nil and run nothing"
    return f"EXEC will run {count_of(queued, 'command')}"


def _summary(data: dict[str, Any]) -> str:
    return f"{count_of(len(data['clients']), 'client')} in a transaction"

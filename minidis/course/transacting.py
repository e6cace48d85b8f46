"""What exercise 9.3 stands on: a node whose WATCH flags and EXEC are a learner's.

    watch, unwatch, touched, must_fail, execute      see exercises/09_atomicity/9.3

MULTI, the queue and its checks stay the engine's.

Read next: minidis/engine/transactions.py, after you have passed.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from minidis.engine.client import Client
from minidis.engine.keyspace.database import Database
from minidis.engine.node import Node
from minidis.engine.transactions import Watchers
from minidis.protocol.replies import NULL_ARRAY, ReplyError

Place = tuple[int, bytes]


class LearnersWatchers(Watchers):
    """Tells a learner's object what the engine tells its own `Watchers`."""

    hear_of_every_key = True  # which ones the learner watches, the engine does not know

    def __init__(self, node: Node, make: Callable[..., Any]) -> None:
        super().__init__(node)
        self.learners = make(self._is_dead)
        self.clients = {(0, b""): set()}  # the node asks this whether anybody looks: somebody always does

    def _is_dead(self, place: Place) -> bool:
        database, key = place
        return self.node.databases[database].is_due(key)

    def watch(self, client: Client, key: bytes) -> None:
        in_multi = client.transaction is not None
        self.learners.watch(client.id, [(client.db.index, key)], in_multi)

    def unwatch(self, client: Client) -> None:
        self.learners.unwatch(client.id)

    def key_changed(self, database: Database, key: bytes, event: str) -> None:
        self.learners.touched((database.index, key), key in database.table)

    def swapped(self, database: Database, other: Database, key: bytes) -> None:
        self.learners.touched((database.index, key), key in database.table)

    def must_fail(self, client: Client) -> bool:
        return bool(self.learners.must_fail(client.id))

    def execute(self, client: Client) -> Any:
        """EXEC: the engine takes the queue, the learner decides and runs it."""
        transaction = client.transaction
        if transaction is None:
            raise ReplyError("ERR EXEC without MULTI")
        client.transaction = None
        client.update_gate()
        commands = {id(argv): command for command, argv in transaction.queue}
        queue = [argv for _, argv in transaction.queue]
        node = self.node
        client.in_execution = True
        node.journal.begin_group()
        try:
            replies = self.learners.execute(
                client.id,
                queue,
                transaction.spoiled,
                lambda argv: node.call_watched(client, commands[id(argv)], argv),
            )
        finally:
            client.in_execution = False
            node.journal.end_group()
            client.rewrite()
        return NULL_ARRAY if replies is None else replies

    def handlers(self) -> dict[str, Callable[..., Any]]:
        """The two commands in which a learner has his say."""

        def watch(client: Client, *keys: bytes) -> str:
            for key in keys:
                self.watch(client, key)
            return "OK"

        return {"WATCH": watch, "EXEC": self.execute}

"""What exercises 12.3 and 12.4 stand on: nodes whose backlog, or whose WAIT, is a learner's.

    append, turn, psync                              see exercises/12_replication/12.3
    joined, left, confirmed, wait, tick, gone        see exercises/12_replication/12.4

The engine keeps its own books beside the learner's and asks him only what to do.

Read next: minidis/distributed/replication/replicas.py, after you have passed.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from minidis.commands.arguments import deadline_from_milliseconds
from minidis.distributed.replication.backlog import Backlog
from minidis.distributed.replication.role import REPLICA_ACKS, Replication
from minidis.engine.client import Client
from minidis.engine.node import Node
from minidis.engine.waiting import Wait


class LearnersHistory:
    """Lets a learner's stream decide who may go on, and with which bytes; `make(history, size, offset)`."""

    def __init__(self, node: Node, make: Callable[..., Any]) -> None:
        self.replication: Replication = node.replication
        self.make = make
        self.stream: Any = None

    def make_backlog(self, size_bytes: int, next_offset: int) -> Backlog:
        self.stream = stream = self.make(self.replication.id, size_bytes, next_offset - 1)

        class Doubled(Backlog):
            def append(self, data: bytes) -> None:
                super().append(data)
                stream.append(data)

        return Doubled(size_bytes, next_offset)

    def turn_history(self) -> None:
        Replication.turn_history(self.replication)
        if self.stream is not None:
            self.stream.turn(self.replication.id)

    def missing_bytes(self, wanted_id: str, offset: int, name: str = "") -> bytes | None:
        return None if self.stream is None else self.stream.psync(wanted_id, offset)

    def install(self) -> Callable[[], None]:
        """Take the places of three parts of a node that nobody follows yet."""
        replication: Any = self.replication
        replication.make_backlog = self.make_backlog
        replication.turn_history = self.turn_history
        replication.replicas.missing_bytes = self.missing_bytes

        def undo() -> None:
            replication.make_backlog = Backlog
            del replication.turn_history, replication.replicas.missing_bytes

        return undo


class LearnersAccounts:
    """Tells a learner's object who confirmed what, and lets it say when WAIT is over."""

    def __init__(self, node: Node, make: Callable[[], Any]) -> None:
        self.node = node
        self.replication: Replication = node.replication
        self.replicas: Any = self.replication.replicas
        self.learners = make()
        self.known: set[int] = set()  # replicas, by client
        self.answers: dict[int, int] = {}  # to clients that are to be answered now
        self.waiting: dict[int, Wait] = {}

    def acknowledged(self, client: Client, offset: int, on_disk: int | None) -> None:
        if client.id in self.replicas.all:
            if client.id not in self.known:
                self.known.add(client.id)
                self.learners.joined(client.id)
            self.answers.update(self.learners.confirmed(client.id, offset))
        type(self.replicas).acknowledged(self.replicas, client, offset, on_disk)

    def leave(self, client: Client) -> None:
        if client.id in self.known:
            self.known.discard(client.id)
            self.learners.left(client.id)
        if self.waiting.pop(client.id, None) is not None:
            self.learners.gone(client.id)

    def wait(self, client: Client, numreplicas: Any, timeout: Any) -> Any:
        """WAIT: run again whenever a replica has confirmed something."""
        if client.id in self.answers:
            self.waiting.pop(client.id, None)
            return self.answers.pop(client.id)
        if client.id not in self.waiting:
            wanted = int(numreplicas)
            deadline_ms = deadline_from_milliseconds(client, b"%d" % int(timeout))
            offset = self.replication.offset_written_by(client)
            count = self.learners.wait(client.id, offset, wanted, deadline_ms)
            if count is not None:
                return count
            self.replication.ask_for_acks(offset)
            self.waiting[client.id] = Wait(
                topic=REPLICA_ACKS, deadline_ms=deadline_ms, timeout_reply=lambda: self._time_is_up(client)
            )
        return self.waiting[client.id]

    def _time_is_up(self, client: Client) -> int:
        self.answers.update(self.learners.tick(self.node.now_ms))
        self.waiting.pop(client.id, None)
        return self.answers.pop(client.id)

    def install(self, plug_command: Callable[[Node, str, Any], Callable[[], None]]) -> Callable[[], None]:
        """Take WAIT's place, and listen to what replicas confirm."""
        undo_command = plug_command(self.node, "WAIT", self.wait)
        self.replicas.acknowledged = self.acknowledged
        self.node.on_disconnect.append(self.leave)

        def undo() -> None:
            undo_command()
            del self.replicas.acknowledged
            self.node.on_disconnect.remove(self.leave)

        return undo

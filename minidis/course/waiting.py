"""What exercise 3.5 stands on: a node's waiting room whose order is a learner's queue.

    class WakeUpQueue:
        def park(self, client, keys, deadline_ms): ...   # client begins to wait for any of the keys
        def leave(self, client): ...                     # served, timed out or gone: out of every queue
        def touch(self, key): ...                        # something happened at this key
        def wake(self): ...          # [(client, key)] to be tried now, in order; the touches are forgotten
        def expired(self, now_ms): ...                   # [client] whose deadline has come, in order

The room runs the waiting commands again, replies, and keeps the clock; who is asked, and in which order,
the queue decides. Clients and keys are opaque: the node hands over a client's number and (database, key).

Read next: minidis/engine/waiting.py, which does both itself.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from minidis.engine.waiting import WAKES_NOBODY, Parked, WaitingRoom

if TYPE_CHECKING:
    from minidis.engine.node import Node


class QueuedWaitingRoom(WaitingRoom):
    """A waiting room that asks `queue` for every order."""

    def __init__(self, node: Node, queue: Any) -> None:
        super().__init__(node)
        self.queue = queue
        self._asked_ms = -1

    def _queue(self, parked: Parked) -> None:
        super()._queue(parked)
        self.queue.park(parked.client.id, list(parked.places), parked.wait.deadline_ms)

    def _unqueue(self, parked: Parked) -> None:
        super()._unqueue(parked)
        self.queue.leave(parked.client.id)

    def key_changed(self, database: int, key: bytes, event: str = "") -> None:
        if self.parked and event not in WAKES_NOBODY:
            self.queue.touch((database, key))
            self.ready[database, key] = None

    def happened(self, topic: str) -> None:
        if self.parked:
            self.queue.touch(topic)
        super().happened(topic)

    def serve(self) -> None:
        self.node.now_us = self.node.clock()
        while self.ready:
            self.ready.clear()
            for number, place in self.queue.wake():
                parked = self.parked.get(number)
                if parked is not None and self._is_awaited(parked, place):
                    self._try_again(parked)

    def next_deadline_ms(self) -> int | None:
        # A deadline that the queue has been asked about is past: one it forgot must not stop the clock.
        times = [parked.wait.deadline_ms for parked in self.parked.values()]
        return min((time for time in times if time is not None and time > self._asked_ms), default=None)

    def expire(self, now_ms: int) -> None:
        self._asked_ms = now_ms
        for number in list(self.queue.expired(now_ms)):
            parked = self.parked.get(number)
            if parked is not None:
                self.unblock(parked.client)


def waiting_room(queue_class: Callable[[], Any]) -> Callable[[Node], WaitingRoom]:
    """What plug("waiting", ...) takes: a waiting room for a node, with a new queue in it."""
    return lambda node: QueuedWaitingRoom(node, queue_class())

"""The own keys of a replica that is written to: they expire by its own clock.

    replica-read-only no
    SET from the primary   k1, expires in 5 s      hidden after 5 s, deleted by the primary's DEL
    SET from a client      k2, expires in 5 s      nobody sends a DEL for it: the replica must do it itself

So it remembers which keys with a time to live its own clients have written, in a heap by the time that they
end. If one of them was written again meanwhile, the heap's time is no longer the key's: it is looked up, and
the key goes back into the heap with the right one. A full copy of the primary takes all of them away, and
once the node is a primary itself, the usual expiry does.

Mirrors: expire.c (`rememberSlaveKeyWithExpire`, `expireSlaveKeys`).
Differs: Redis draws from the keys at random, ten times a second; the heap says which is due, and when.
Complexity: O(log keys) for each write of such a key, and nothing on any other node.

>>> from minidis.drivers.simulation import Lab
>>> lab = Lab(seed=1)
>>> _ = lab.node("a"), lab.node("b", {"replicaof": "a 6379", "replica-read-only": "no"}); lab.run("10s")
>>> lab.call("b", "SET", "mine", "1", "PX", 500), lab.call("b", "DBSIZE"); lab.run("1s")
('OK', 1)
>>> lab.call("b", "DBSIZE")
0

Read next: commands.py.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from minidis.engine.keyspace.database import Database
    from minidis.engine.node import Node


class OwnKeys:
    """Keys with a time to live that the clients of a replica have written.  A service of the node."""

    def __init__(self, node: Node) -> None:
        self.node = node
        self._at_ms: dict[tuple[int, bytes], int] = {}  # database and key -> its entry in the heap
        self._heap: list[tuple[int, int, bytes]] = []
        self._stop_listening: Callable[[], None] | None = None

    def __len__(self) -> int:
        return len(self._at_ms)

    def update(self) -> None:
        """Begin or end with it, as role and directives ask."""
        node = self.node
        node.is_writable_replica = node.is_replica and not node.config.replica_read_only
        if node.is_writable_replica and self._stop_listening is None:
            self._stop_listening = node.listen_to_keys(self._key_changed)
            node.services.append(self)
        elif not node.is_replica and self._stop_listening is not None:  # read-only again: they still expire
            self._stop_listening()
            self._stop_listening = None
            node.services.remove(self)
            self.forget()

    def forget(self) -> None:
        """There are none any more."""
        self._at_ms.clear()
        self._heap.clear()

    def _key_changed(self, database: Database, key: bytes, event: str) -> None:
        at_ms = database.expires.get(key)
        if at_ms is None or self.node.obeys or not self.node.is_writable_replica:
            return
        place = (database.index, key)
        known_ms = self._at_ms.get(place)
        if known_ms is None or at_ms < known_ms:
            self._remember(place, at_ms)

    def _remember(self, place: tuple[int, bytes], at_ms: int) -> None:
        self._at_ms[place] = at_ms
        heapq.heappush(self._heap, (at_ms, *place))
        self.node.wake((at_ms + 1) * 1000)

    # -- the service ------------------------------------------------------------------------------

    def next_deadline_us(self) -> int | None:
        """When the next one may be due: a key lives through the millisecond of its end."""
        return (self._heap[0][0] + 1) * 1000 if self._heap and self.node.active_expiry else None

    def tick(self) -> None:
        """Delete what is due."""
        node, heap = self.node, self._heap
        while heap and node.active_expiry and heap[0][0] < node.now_ms:
            at_ms, index, key = heapq.heappop(heap)
            place = (index, key)
            if self._at_ms.get(place) != at_ms:
                continue  # another entry stands for it
            del self._at_ms[place]
            database = node.databases[index]
            until_ms = database.expires.get(key)
            if until_ms is not None and until_ms >= node.now_ms:
                self._remember(place, until_ms)
            elif until_ms is not None:
                database.expire_now(key)

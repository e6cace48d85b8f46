"""A replica in a few lines: it takes so many bytes of the stream a second, and acknowledges once a second.

    follower = Follower(node, bytes_per_s=2_000)     REPLCONF, PSYNC: a full copy; then the stream
    node.step(10)                                    INFO replication: slave0:...,offset=20000,lag=0

One that keeps pace has `bytes_per_s=None`. One that is slow acknowledges as punctually as any: INFO's `lag`
is the age of its last word, in seconds, and not how far it is behind; that is master_repl_offset - offset.

Complexity: O(1) a second; the stream's bytes are counted and let go of.

>>> node = Embedded(clock=0, seed=1)
>>> follower = Follower(node, bytes_per_s=100)
>>> node.step(10)
>>> for n in range(100): _ = node.execute("SET", f"k{n}", n)
>>> node.step(2)
>>> follower.behind_bytes > 2000, b"lag=0" in node.execute("INFO", "replication")
(True, True)

Read next: minidis/distributed/replication/replicas.py, which it talks to.
"""

from __future__ import annotations

from minidis.drivers.embedded import Embedded

ACK_PERIOD_US = 1_000_000


class Follower:
    """One replica of a node, with no data of its own."""

    def __init__(self, node: Embedded, port: int = 6380, bytes_per_s: int | None = None) -> None:
        self.node = node
        self.bytes_per_s = bytes_per_s
        self.client = node.connect("replica")
        for words in (
            ("REPLCONF", "listening-port", str(port)),
            ("REPLCONF", "capa", "eof", "capa", "psync2"),
            ("PSYNC", "?", "-1"),
        ):
            node.call(self.client, [word.encode() for word in words])
        self.offset = node.node.replication.offset
        self._next_us = node.node.now_us + ACK_PERIOD_US
        node.node.services.append(self)

    @property
    def behind_bytes(self) -> int:
        """What was written and has not got there."""
        return self.node.node.replication.offset - self.offset

    def tick(self) -> None:
        """Once a second: take what came, and acknowledge it."""
        node = self.node.node
        if node.now_us < self._next_us:
            return
        self._next_us = node.now_us + ACK_PERIOD_US
        self.client.outbox.clear()
        taken = self.behind_bytes
        if self.bytes_per_s is not None:
            taken = min(taken, self.bytes_per_s)
        self.offset += taken
        node.replication.replicas.acknowledged(self.client, self.offset, None)

    def next_deadline_us(self) -> int:
        return self._next_us

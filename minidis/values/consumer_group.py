"""Consumer groups: several workers share a stream, and nothing that was handed out is forgotten.

A group is a position in the stream (`last_id`: all up to here has been delivered to someone) and a list of
what was delivered but not acknowledged yet, the *pending entries list* (PEL):

    XREADGROUP GROUP g alice COUNT 2 STREAMS s >       alice gets 1-0 and 2-0, last_id = 2-0
    XREADGROUP GROUP g bob   COUNT 1 STREAMS s >       bob gets 3-0,           last_id = 3-0
    XACK s g 1-0                                       done with 1-0

    group.pending     2-0 -> alice, once, at 12:00:00      3-0 -> bob, once, at 12:00:01
    alice.pending     2-0 -> the same object               bob.pending   3-0 -> the same object

Each pending entry stands in two trees: the group's, to find the owner of an id, and its consumer's, to give a
worker that comes back after a crash what it had not finished. A worker that never comes back loses its
entries to another by XCLAIM or XAUTOCLAIM, once they have been idle for long enough.

Mirrors: streamCG, streamConsumer, streamNACK in stream.h.
Complexity: each step O(1): keys of the trees are 16 bytes.
Read next: stream.py; then minidis/commands/consumer_groups.py.
"""

from __future__ import annotations

from minidis.structures.radix_tree import RadixTree
from minidis.values.stream_node import StreamId

UNKNOWN = -1
"""`entries_read` when nobody can say how many entries lie before the group's position."""

GROUP_BYTES = 40
CONSUMER_BYTES = 32
PENDING_BYTES = 24
_ID_BYTES = 16
_TREE_NODE_BYTES = 4 + 30 * 8


class Pending:
    """An entry that was delivered and not acknowledged: to whom, when last, how many times."""

    __slots__ = ("consumer", "delivered_ms", "deliveries")

    def __init__(self, consumer: Consumer, delivered_ms: int, deliveries: int = 1) -> None:
        self.consumer = consumer
        self.delivered_ms = delivered_ms
        self.deliveries = deliveries


class Consumer:
    """One worker: `seen_ms` is its last attempt, `active_ms` its last success (-1: none yet)."""

    __slots__ = ("active_ms", "name", "pending", "seen_ms")

    def __init__(self, name: bytes, tree: type, seen_ms: int) -> None:
        self.name = name
        self.pending: RadixTree = tree()  # id -> Pending, shared with the group
        self.seen_ms = seen_ms
        self.active_ms = -1


class ConsumerGroup:
    """A position in a stream, the workers that share it, and what they have not acknowledged."""

    __slots__ = ("consumers", "entries_read", "last_id", "pending", "tree")

    def __init__(self, last_id: StreamId, tree: type, entries_read: int = UNKNOWN) -> None:
        self.tree = tree
        self.last_id = last_id
        self.entries_read = entries_read
        self.pending: RadixTree = tree()  # id -> Pending
        self.consumers: RadixTree = tree()  # name -> Consumer

    def create_consumer(self, name: bytes, now_ms: int) -> Consumer | None:
        """A new consumer; None if there is one of that name."""
        consumer = Consumer(name, self.tree, now_ms)
        return consumer if self.consumers.insert(name, consumer, overwrite=False) else None

    def delete_consumer(self, name: bytes) -> int | None:
        """Forget a consumer and all that it had not acknowledged; how many entries.  None: no such one."""
        consumer = self.consumers.get(name)
        if consumer is None:
            return None
        for key in consumer.pending:
            self.pending.remove(key)
        self.consumers.remove(name)
        return len(consumer.pending)

    def deliver(self, entry_id: StreamId, consumer: Consumer, now_ms: int) -> Pending:
        """Note that an entry went to a consumer for the first time, or (after XGROUP SETID) once again."""
        key, pending = entry_id.key, Pending(consumer, now_ms)
        if self.pending.insert(key, pending, overwrite=False):
            consumer.pending[key] = pending
        else:
            pending = self.pending[key]
            self.give(entry_id, pending, consumer)
            pending.delivered_ms, pending.deliveries = now_ms, 1
        return pending

    def give(self, entry_id: StreamId, pending: Pending, consumer: Consumer) -> None:
        """Let another consumer own a pending entry."""
        if pending.consumer is not consumer:
            pending.consumer.pending.remove(entry_id.key)
            consumer.pending[entry_id.key] = pending
            pending.consumer = consumer

    def acknowledge(self, entry_id: StreamId) -> bool:
        """Forget a pending entry; False if it was not pending."""
        key = entry_id.key
        try:
            pending = self.pending.remove(key)
        except KeyError:
            return False
        pending.consumer.pending.remove(key)
        return True

    def copy(self) -> ConsumerGroup:
        duplicate = type(self)(self.last_id, self.tree, self.entries_read)
        for name, consumer in self.consumers.items():
            twin = Consumer(name, self.tree, consumer.seen_ms)
            twin.active_ms = consumer.active_ms
            duplicate.consumers[name] = twin
            for key, pending in consumer.pending.items():
                twin.pending[key] = Pending(twin, pending.delivered_ms, pending.deliveries)
                duplicate.pending[key] = twin.pending[key]
        return duplicate

    def memory_usage(self) -> int:
        consumers = sum(
            CONSUMER_BYTES + len(consumer.name) + tree_bytes(consumer.pending)
            for consumer in self.consumers.values()
        )
        return GROUP_BYTES + tree_bytes(self.pending) + PENDING_BYTES * len(self.pending) + consumers

    def check(self) -> None:
        """Raise AssertionError unless group and consumers agree on what is pending. O(N)."""
        self.pending.check()
        self.consumers.check()
        owned = 0
        for name, consumer in self.consumers.items():
            assert consumer.name == name
            consumer.pending.check()
            owned += len(consumer.pending)
            for key, pending in consumer.pending.items():
                assert pending.consumer is consumer, "pending with one consumer, owned by another"
                assert self.pending.get(key) is pending, "the group does not know of it"
        assert owned == len(self.pending), "pending without an owner"


def tree_bytes(tree: RadixTree) -> int:
    """What Redis reckons for a radix tree of ids. Source: streamRadixTreeMemoryUsage in object.c."""
    return len(tree) * _ID_BYTES + tree.node_count * _TREE_NODE_BYTES

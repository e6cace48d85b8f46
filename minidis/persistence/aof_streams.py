"""A stream as the commands that make it again: its entries, its counters, its groups and what is pending.

    XADD s 1-1 f v                       each entry that is left
    XSETID s 5-0 ENTRIESADDED 9 MAXDELETEDID 4-0
    XGROUP CREATE s g 3-0 ENTRIESREAD 7
    XGROUP CREATECONSUMER s g alice      one who has nothing pending
    XCLAIM s g bob 0 2-0 TIME 1767225600000 RETRYCOUNT 2 JUSTID FORCE

A stream may be empty and still be there, with its last id: it begins with an entry that is trimmed at once.

Mirrors: `rewriteStreamObject` in aof.c.
Complexity: O(entries and pending entries).
Read next: aof.py.
"""

from __future__ import annotations

from collections.abc import Iterator

from minidis.values.consumer_group import ConsumerGroup
from minidis.values.stream import Stream
from minidis.values.stream_node import StreamId


def stream_commands(key: bytes, stream: Stream) -> Iterator[list[bytes]]:
    """The commands that make this stream at a key that is missing."""
    is_empty = True
    for entry in stream.walk():
        is_empty = False
        yield [b"XADD", key, entry.name, *entry.pairs]
    if is_empty:
        yield [b"XADD", key, b"MAXLEN", b"0", b"0-1", b"x", b"y"]
    yield [
        b"XSETID", key, bytes(stream.last_id),
        b"ENTRIESADDED", b"%d" % stream.entries_added, b"MAXDELETEDID", bytes(stream.max_deleted_id),
    ]  # fmt: skip
    for name, group in stream.groups.items():
        yield from _group_commands(key, name, group)


def _group_commands(key: bytes, name: bytes, group: ConsumerGroup) -> Iterator[list[bytes]]:
    position = [bytes(group.last_id), b"ENTRIESREAD", b"%d" % group.entries_read]
    yield [b"XGROUP", b"CREATE", key, name, *position]
    for consumer_name, consumer in group.consumers.items():
        if not len(consumer.pending):
            yield [b"XGROUP", b"CREATECONSUMER", key, name, consumer_name]
        for raw_id, pending in consumer.pending.items():
            yield [
                b"XCLAIM", key, name, consumer_name, b"0", bytes(StreamId.from_key(raw_id)),
                b"TIME", b"%d" % pending.delivered_ms, b"RETRYCOUNT", b"%d" % pending.deliveries,
                b"JUSTID", b"FORCE",
            ]  # fmt: skip

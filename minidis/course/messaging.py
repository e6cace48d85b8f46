"""What exercises 10.3 and 10.4 stand on: Pub/Sub that asks a learner whom to tell, streams whose ids and
pending entries a learner keeps.

    matches(pattern, name) -> bool                              10.3
    deliver(channels, patterns, channel, message)               -> [(client, frame)]

    new_id(asked, last, now_ms) -> (ms, seq)                    10.4; raises ValueError
    deliver / give / acknowledge                                the three steps of a group's pending entries

Read next: minidis/engine/messages/pubsub.py and minidis/values/consumer_group.py, after you have passed.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from minidis.commands import streams
from minidis.engine.client import Client
from minidis.engine.messages.pubsub import PubSub
from minidis.protocol.replies import Push, ReplyError
from minidis.values.consumer_group import ConsumerGroup
from minidis.values.stream import Stream
from minidis.values.stream_node import MIN_ID, StreamId


class LearnersPubSub(PubSub):
    """The subscriptions of another PubSub; who gets a message, and in what form, `deliver` says."""

    def __init__(self, engine: PubSub, deliver: Callable[..., Any]) -> None:
        super().__init__()
        self.channels, self.patterns, self.shard_channels = (
            engine.channels,
            engine.patterns,
            engine.shard_channels,
        )
        self._deliver_to = deliver

    def publish(self, channel: bytes, message: bytes) -> int:
        tables = (self.channels, self.patterns)
        names = [{name: list(clients) for name, clients in table.clients.items()} for table in tables]
        clients = {
            number: c for table in tables for found in table.clients.values() for number, c in found.items()
        }
        deliveries = list(self._deliver_to(*names, channel, message))
        for number, frame in deliveries:
            clients[number].deliver(Push(frame))
        return len(deliveries)


def group_class(
    deliver: Callable[..., Any], give: Callable[..., None], acknowledge: Callable[..., bool]
) -> type[ConsumerGroup]:
    """A ConsumerGroup whose three steps are the learner's functions.

    Ids are their 16 bytes there, the keys of `group.pending` and `consumer.pending`.
    """

    class LearnersGroup(ConsumerGroup):
        def deliver(self, entry_id, consumer, now_ms):
            return deliver(self, entry_id.key, consumer, now_ms)

        def give(self, entry_id, pending, consumer):
            give(self, entry_id.key, pending, consumer)

        def acknowledge(self, entry_id):
            return acknowledge(self, entry_id.key)

    return LearnersGroup


def xadd_with(new_id: Callable[[bytes, tuple[int, int], int], Any]) -> Callable[..., Any]:
    """A handler of XADD that asks `new_id` for the id; everything else is the engine's."""

    def xadd(client: Client, key: bytes, *words: bytes) -> Any:
        options = streams.read_trim_options(client, words, for_adding=True)
        stream = client.db.find(key, Stream)
        if (stream is None and not options.make_stream) or options.end + 2 >= len(words):
            return streams.xadd(client, key, *words)
        last = MIN_ID if stream is None else stream.last_id
        try:
            entry_id = StreamId(*new_id(words[options.end], tuple(last), client.node.now_ms))
        except ValueError:
            refused_zero = options.id == MIN_ID and not options.any_seq
            raise ReplyError(streams.NOT_ABOVE_ZERO if refused_zero else streams.TOO_SMALL_ID) from None
        chosen = (*words[: options.end], bytes(entry_id), *words[options.end + 1 :])
        return streams.xadd(client, key, *chosen)

    return xadd

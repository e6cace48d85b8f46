"""Pub/Sub: who listens to which channel, and what a message looks like. Nothing is stored.

    alice: SUBSCRIBE news          channels {news: alice}
    bob:   PSUBSCRIBE n*           patterns {n*: bob}
    carol: PUBLISH news hello      -> alice gets  message  news hello
                                      bob   gets  pmessage n* news hello        carol is answered 2

A message goes to those who are connected at that moment, and to nobody else; who comes later has missed it.
Patterns are tried one by one at every PUBLISH, so they cost each message; other channels do not.
Shard channels are a third table with the same rules: on a cluster a message of theirs stays on its shard.

In RESP2 a message looks like a reply, so a client that has subscribed may only use the few commands whose
answers can be told from messages. RESP3 has a type of its own for messages (Push), and no such limit.

Mirrors: pubsub.c.
Differs: one table class for the three kinds.
Complexity: subscribing O(1); PUBLISH O(receivers + patterns of the node).

>>> from minidis.drivers.embedded import Embedded
>>> redis = Embedded(clock=0)
>>> alice = redis.connect("alice")
>>> redis.execute("SUBSCRIBE", "news", client=alice)
Several([Push([b'subscribe', b'news', 1])])
>>> redis.execute("PUBLISH", "news", "hello"), redis.wait(alice)
(1, Push([b'message', b'news', b'hello']))

Read next: notifications.py, the node's own messages about its keys.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from minidis.protocol.glob import Matcher, matcher, matches
from minidis.protocol.replies import Push, Several

if TYPE_CHECKING:
    from minidis.engine.client import Client

SUBSCRIBER_COMMANDS = frozenset(
    "ping subscribe unsubscribe psubscribe punsubscribe ssubscribe sunsubscribe quit reset".split()
)
"""What a RESP2 client may use while it is subscribed."""


class Subscriptions:
    """What one client listens to: three ordered sets of names, one for each kind."""

    __slots__ = ("channels", "patterns", "shard_channels")

    def __init__(self) -> None:
        self.channels: dict[bytes, None] = {}
        self.patterns: dict[bytes, None] = {}
        self.shard_channels: dict[bytes, None] = {}

    def __len__(self) -> int:
        return len(self.channels) + len(self.patterns) + len(self.shard_channels)


class Table:
    """One kind of subscription: name -> the clients that have it, in order of arrival.

    `kind` is the attribute of `Subscriptions`; `prefix` what stands before "subscribe" in confirmations.
    """

    def __init__(self, kind: str, prefix: bytes) -> None:
        self.kind = kind
        self.prefix = prefix
        self.clients: dict[bytes, dict[int, Client]] = {}

    def subscribe(self, client: Client, names: tuple[bytes, ...]) -> Several:
        """Add `client` to each name; the confirmations, also for names it had already."""
        mine = getattr(client.subscriptions, self.kind)
        confirmations = Several()
        for name in names:
            mine[name] = None
            self.clients.setdefault(name, {})[client.id] = client
            confirmations.append(Push([self.prefix + b"subscribe", name, self._count(client)]))
        client.update_gate()
        return confirmations

    def unsubscribe(self, client: Client, names: tuple[bytes, ...] = ()) -> Several:
        """Take `client` from each name (none given: from all it has); the confirmations, one at least."""
        mine = getattr(client.subscriptions, self.kind)
        confirmations = Several()
        for name in names or tuple(mine) or (None,):
            if name is not None and name in mine:
                del mine[name]
                listeners = self.clients[name]
                del listeners[client.id]
                if not listeners:
                    del self.clients[name]
            confirmations.append(Push([self.prefix + b"unsubscribe", name, self._count(client)]))
        client.update_gate()
        return confirmations

    def _count(self, client: Client) -> int:
        subscriptions = client.subscriptions
        if self.kind == "shard_channels":
            return len(subscriptions.shard_channels)
        return len(subscriptions.channels) + len(subscriptions.patterns)


def name_matches(pattern: bytes, name: bytes) -> bool:
    """Does a channel's name match?  A lone ``*`` finds the empty key in KEYS, by a short cut; not here."""
    return matches(pattern, name) and bool(name or not pattern)


class PubSub:
    """All subscriptions of a node."""

    def __init__(self) -> None:
        self.channels = Table("channels", b"")
        self.patterns = Table("patterns", b"p")
        self.shard_channels = Table("shard_channels", b"s")
        self._matchers: dict[bytes, Matcher] = {}  # of patterns that were published to

    def publish(self, channel: bytes, message: bytes) -> int:
        """Hand `message` to all who listen to `channel`; how many times it was handed out."""
        receivers = self._deliver(self.channels.clients.get(channel), Push([b"message", channel, message]))
        for pattern, clients in self.patterns.clients.items():
            fits = self._matchers.get(pattern) or self._matcher(pattern)
            if fits(channel) and (channel or not pattern):  # as in `name_matches`
                receivers += self._deliver(clients, Push([b"pmessage", pattern, channel, message]))
        return receivers

    def publish_to_shard(self, channel: bytes, message: bytes) -> int:
        """The same for a shard channel, to which no patterns apply."""
        return self._deliver(self.shard_channels.clients.get(channel), Push([b"smessage", channel, message]))

    def leave(self, client: Client) -> None:
        """Forget a client that goes, or that sends RESET."""
        if len(client.subscriptions):
            for table in (self.channels, self.patterns, self.shard_channels):
                table.unsubscribe(client)

    def _matcher(self, pattern: bytes) -> Matcher:
        """A pattern that is new here, made ready for each PUBLISH; those that nobody has any more go then."""
        patterns = self.patterns.clients
        if len(self._matchers) >= 2 * len(patterns):
            self._matchers = {each: fits for each, fits in self._matchers.items() if each in patterns}
        return self._matchers.setdefault(pattern, matcher(pattern))

    def _deliver(self, clients: dict[int, Client] | None, message: Push) -> int:
        if not clients:
            return 0
        for client in clients.values():
            client.deliver(message)
        return len(clients)

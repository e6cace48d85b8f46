"""Pub/Sub commands. The tables of who listens to what are in minidis/engine/messages/pubsub.py.

SUBSCRIBE has one confirmation for each channel, so its reply is `Several`: they follow one another on the
wire without an array around them.

Mirrors: pubsub.c.

>>> from minidis.drivers.embedded import Embedded
>>> redis = Embedded(clock=0)
>>> redis.execute("SUBSCRIBE", "a", "b", client=redis.connect())
Several([Push([b'subscribe', b'a', 1]), Push([b'subscribe', b'b', 2])])
>>> redis.execute("PUBSUB", "NUMSUB", "a", "c")
[b'a', 1, b'c', 0]

Read next: minidis/engine/messages/notifications.py.
"""

from __future__ import annotations

from minidis.engine.client import Client
from minidis.engine.command_table.registry import (
    FAST,
    LOADING,
    MAY_REPLICATE,
    NOSCRIPT,
    PUBSUB,
    SENTINEL,
    STALE,
    command,
)
from minidis.engine.journal import TO_REPLICAS
from minidis.engine.messages.pubsub import Table, name_matches
from minidis.protocol.replies import ReplyError

_LISTEN = PUBSUB | NOSCRIPT | LOADING | STALE
_LOOK = PUBSUB | LOADING | STALE


@command("SUBSCRIBE channel [channel ...]", _LISTEN | SENTINEL, since="2.0.0")
def subscribe(client: Client, *channels: bytes):
    """Listen to channels. O(N) in channels."""
    return client.node.pubsub.channels.subscribe(client, channels)


@command("UNSUBSCRIBE [channel [channel ...]]", _LISTEN | SENTINEL, since="2.0.0", raw=True)
def unsubscribe(client: Client, *channels: bytes):
    """Stop listening to channels, to all of them when none is named. O(N) in channels."""
    return client.node.pubsub.channels.unsubscribe(client, channels)


@command("PSUBSCRIBE pattern [pattern ...]", _LISTEN | SENTINEL, since="2.0.0")
def psubscribe(client: Client, *patterns: bytes):
    """Listen to all channels whose names match. O(N) in patterns."""
    return client.node.pubsub.patterns.subscribe(client, patterns)


@command("PUNSUBSCRIBE [pattern [pattern ...]]", _LISTEN | SENTINEL, since="2.0.0", raw=True)
def punsubscribe(client: Client, *patterns: bytes):
    """Stop listening to patterns, to all of them when none is named. O(N) in patterns."""
    return client.node.pubsub.patterns.unsubscribe(client, patterns)


@command("SSUBSCRIBE shardchannel [shardchannel ...]", _LISTEN, since="7.0.0")
def ssubscribe(client: Client, *channels: bytes):
    """Listen to shard channels. O(N) in channels."""
    if client.in_execution:  # though the others may: EXEC expects one reply of each command
        raise ReplyError("ERR SSUBSCRIBE isn't allowed for a DENY BLOCKING client")
    return client.node.pubsub.shard_channels.subscribe(client, channels)


@command("SUNSUBSCRIBE [shardchannel [shardchannel ...]]", _LISTEN, since="7.0.0", raw=True)
def sunsubscribe(client: Client, *channels: bytes):
    """Stop listening to shard channels, to all of them when none is named. O(N) in channels."""
    return client.node.pubsub.shard_channels.unsubscribe(client, channels)


@command("PUBLISH channel message", _LOOK | MAY_REPLICATE | FAST | SENTINEL, since="2.0.0")
def publish(client: Client, channel: bytes, message: bytes):
    """Send a message to all who listen; answers how many. O(N + M) in receivers and all patterns."""
    _repeat(client, b"PUBLISH", channel, message, to_shard=False)
    return client.node.pubsub.publish(channel, message)


@command("SPUBLISH shardchannel message", _LOOK | MAY_REPLICATE | FAST, since="7.0.0")
def spublish(client: Client, channel: bytes, message: bytes):
    """Send a message to the listeners of a shard channel; answers how many. O(N) in receivers."""
    _repeat(client, b"SPUBLISH", channel, message, to_shard=True)
    return client.node.pubsub.publish_to_shard(channel, message)


def _repeat(client: Client, name: bytes, channel: bytes, message: bytes, to_shard: bool) -> None:
    """Let replicas publish it too.  In a cluster its bus does so, on all nodes, or those of the shard."""
    node = client.node
    if node.cluster is not None:
        node.cluster.publish(channel, message, to_shard)
    elif node.journal.subscribers:
        node.journal.enter(client.db.index, [name, channel, message], TO_REPLICAS)


@command("PUBSUB CHANNELS [pattern]", _LOOK, since="2.8.0")
def pubsub_channels(client: Client, pattern: bytes | None = None):
    """The channels that somebody listens to. O(N) in channels."""
    return _names(client.node.pubsub.channels, pattern)


@command("PUBSUB NUMSUB [channel [channel ...]]", _LOOK, since="2.8.0", raw=True)
def pubsub_numsub(client: Client, *channels: bytes):
    """How many listen to each channel, patterns not counted. O(N) in channels named."""
    return _counts(client.node.pubsub.channels, channels)


@command("PUBSUB NUMPAT", _LOOK, since="2.8.0")
def pubsub_numpat(client: Client):
    """How many different patterns somebody listens to. O(1)."""
    return len(client.node.pubsub.patterns.clients)


@command("PUBSUB SHARDCHANNELS [pattern]", _LOOK, since="7.0.0")
def pubsub_shardchannels(client: Client, pattern: bytes | None = None):
    """The shard channels that somebody listens to. O(N) in channels."""
    return _names(client.node.pubsub.shard_channels, pattern)


@command("PUBSUB SHARDNUMSUB [shardchannel [shardchannel ...]]", _LOOK, since="7.0.0", raw=True)
def pubsub_shardnumsub(client: Client, *channels: bytes):
    """How many listen to each shard channel. O(N) in channels named."""
    return _counts(client.node.pubsub.shard_channels, channels)


_HELP = """\
PUBSUB <subcommand> [<arg> [value] [opt] ...]. Subcommands are:
CHANNELS [<pattern>]
    Return the currently active channels matching a <pattern> (default: '*').
NUMPAT
    Return number of subscriptions to patterns.
NUMSUB [<channel> ...]
    Return the number of subscribers for the specified channels, excluding
    pattern subscriptions(default: no channels).
SHARDCHANNELS [<pattern>]
    Return the currently active shard level channels matching a <pattern> (default: '*').
SHARDNUMSUB [<shardchannel> ...]
    Return the number of subscribers for the specified shard level channel(s)
HELP
    Print this help."""


@command("PUBSUB HELP", LOADING | STALE, since="6.2.0")
def pubsub_help(client: Client):
    """What PUBSUB can be asked. O(1)."""
    return _HELP.splitlines()


def _names(table: Table, pattern: bytes | None) -> list[bytes]:
    return [name for name in table.clients if pattern is None or name_matches(pattern, name)]


def _counts(table: Table, names: tuple[bytes, ...]) -> list[bytes | int]:
    """Flat, also in RESP3: Redis never made it a map."""
    return [part for name in names for part in (name, len(table.clients.get(name, ())))]

"""Keyspace notifications: the node publishes what happens to its keys.

    CONFIG SET notify-keyspace-events KEA
    SET greeting hello      ->  __keyspace@0__:greeting   set            (K: told by key)
                                __keyevent@0__:set        greeting       (E: told by event)

Each event belongs to a class, each class has a letter, and only the classes that are switched on are
published: ``g`` generic (del, expire, rename ...), ``$`` strings, ``l`` lists, ``s`` sets, ``h`` hashes,
``z`` sorted sets, ``x`` expired, ``e`` evicted, ``t`` streams, ``d`` modules; ``A`` is all of these.
Misses (``m``) and new keys (``n``) must be named. Without K or E nothing is told at all.

The events are those of `Database.touch`; this is one more listener, there only while the directive is set.
A miss and a new key are no changes, and nobody else's business: the database tells them here.

Mirrors: notify.c.
Complexity: O(1) for each touch, and a PUBLISH or two.

>>> from minidis.drivers.embedded import Embedded
>>> redis = Embedded({"notify-keyspace-events": "K$"}, clock=0)
>>> watcher = redis.connect()
>>> _ = redis.execute("PSUBSCRIBE", "__key*", client=watcher)
>>> redis.execute("SET", "a", "1"), redis.wait(watcher)
('OK', Push([b'pmessage', b'__key*', b'__keyspace@0__:a', b'set']))

Read next: minidis/commands/pubsub.py.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from minidis.engine.keyspace.database import Database
    from minidis.engine.node import Node

# Names of the events that don't belong to `g`.
_CLASSES = {
    "$": "set setrange append incrby incrbyfloat setbit pfadd",
    "l": "lpush rpush lpop rpop linsert lset lrem ltrim sortstore",
    "s": "sadd srem spop sinterstore sunionstore sdiffstore",
    "h": "hset hdel hincrby hincrbyfloat",
    "z": "zadd zincr zrem zpopmin zpopmax zremrangebyscore zremrangebyrank zremrangebylex "
    "zunionstore zinterstore zdiffstore zrangestore geosearchstore georadiusstore",
    "t": "xadd xdel xtrim xsetid xgroup-create xgroup-createconsumer xgroup-delconsumer xgroup-destroy "
    "xgroup-setid xclaim xautoclaim",
    "x": "expired",
    "e": "evicted",
    "m": "keymiss",
    "n": "new",
}
_CLASS_OF = {event: letter for letter, events in _CLASSES.items() for event in events.split()}

_SILENT = ("", "flush", "swapdb")  # touches that matter to WATCH and blocked clients alone


class Notifier:
    """Publishes the node's key events, as far as `notify-keyspace-events` asks for them."""

    def __init__(self, node: Node) -> None:
        self.node = node
        self.classes = ""
        self._stop: Callable[[], None] | None = None

    def update(self) -> None:
        """Take up a changed directive."""
        self.classes = self.node.config.notify_keyspace_events.replace("A", "g$lshzxetd")
        if self._stop is not None:
            self._stop()
            self._stop = None
        if "K" in self.classes or "E" in self.classes:
            self._stop = self.node.listen_to_keys(self._key_changed)

    def _key_changed(self, database: Database, key: bytes, event: str) -> None:
        if event not in _SILENT:
            self.tell(database, key, event)

    def tell(self, database: Database, key: bytes, event: str) -> None:
        """Publish an event, also one that is no change of a key: a miss, or that it is a new one."""
        if _CLASS_OF.get(event, "g") not in self.classes:
            return
        pubsub, name, number = self.node.pubsub, event.encode(), database.index
        if "K" in self.classes:
            pubsub.publish(b"__keyspace@%d__:%b" % (number, key), name)
        if "E" in self.classes:
            pubsub.publish(b"__keyevent@%d__:%b" % (number, name), key)

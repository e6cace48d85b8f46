"""A database: one dict from key to value, a second from key to time of expiry, and three verbs.

    find(key)          look a value up to read it; the one place where a key expires on access
    edit(key)          look a value up to change it
    touch(key, event)  say that it changed; everything that must follow a change hangs here

Commands use nothing else to reach keys, so none of them repeats expiry, type checks, change
counting, WATCH, blocked clients or notifications.

    find("k") ----> table {b"k": String}      expires {b"k": 1767225610000}
                      |                          |
                      value, access time         later than now?  -> delete, journal DEL, answer None

The table is a Python dict with a bucket index for SCAN (DictTable): a look-up costs 45 ns.  It may
also be the HashTable that Redis has and learners rebuild: `Database(node, 0, table=HashTable)`.

Mirrors: db.c (`lookupKey`, `setKey`, `dbDelete`, `signalModifiedKey`), notify.c.
Differs: the type check is part of the look-up.
Complexity: every verb O(1).
Read next: expiry.py, then commands/strings.py for the verbs in use.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar, overload

from minidis.engine import errors
from minidis.protocol.replies import ReplyError
from minidis.structures import growing
from minidis.structures.dicttable import DictTable
from minidis.values.base import Value
from minidis.values.string import String, encode

if TYPE_CHECKING:
    from minidis.engine.durability.snapshots import View
    from minidis.engine.node import Node

V = TypeVar("V", bound=Value)


class Database:
    """The keys of one numbered database."""

    def __init__(self, node: Node, index: int, table: type = DictTable) -> None:
        self.node = node
        self.index = index
        self.new_table = table
        self.table: Any = table()
        self.expires: Any = table()  # key -> unix time in milliseconds
        self.hits = 0
        self.misses = 0
        self.removed_keys = self.removed_expiries = 0
        self._fullness = growing.Fullness(), growing.Fullness()
        self.expiry_cursor = 0
        self.views: tuple[View, ...] = ()  # of snapshots under way: told of a change before it happens

    # -- the three verbs ------------------------------------------------------------------------

    @overload
    def find(self, key: bytes, kind: type[V]) -> V | None: ...
    @overload
    def find(self, key: bytes) -> Value | None: ...
    def find(self, key, kind=None):
        """The value at `key` to read, or None.  Raises WRONGTYPE when it is not a `kind`.  O(1)."""
        value = self.table.get(key)
        if value is None or (
            self.expires and key in self.expires and self._is_over(key) and self.expire_if_due(key)
        ):
            self.misses += 1
            if self.node.observed:
                self.node.notifier.tell(self, key, "keymiss")
            return None
        self.hits += 1
        if type(value) is not kind and kind is not None:  # in this order: it is nearly always of that kind
            raise ReplyError(errors.WRONG_TYPE)
        value.accessed_us = self.node.now_us
        return value

    @overload
    def edit(self, key: bytes, kind: type[V]) -> V | None: ...
    @overload
    def edit(self, key: bytes) -> Value | None: ...
    def edit(self, key, kind=None):
        """The value at `key` to change, or None.  Raises WRONGTYPE when it is not a `kind`.  O(1)."""
        value = self.table.get(key)
        if value is None or (
            self.expires and key in self.expires and self._is_over(key) and self.expire_before_write(key)
        ):
            return None
        if type(value) is not kind and kind is not None:  # in this order: it is nearly always of that kind
            raise ReplyError(errors.WRONG_TYPE)
        if self.views:
            self.before_change(key)
        value.accessed_us = self.node.now_us
        return value

    def before_change(self, key: bytes) -> None:
        """Let snapshots under way write a value before it changes.  `edit` does so; who changes what `find`
        answered must say it."""
        for view in self.views:
            view.before_change(key)

    def _keep(self, key: bytes) -> None:
        """Let snapshots under way keep what a key holds: it is about to be bound anew, or to go."""
        for view in self.views:
            view.keep(key)

    def touch(self, key: bytes, event: str, changes: int = 1, modified: bool = True) -> None:
        """The value at `key` changed, or the key came or went.

        `event` is the name of the keyspace notification ("set", "lpush", "del"), `changes` what
        `rdb_changes_since_last_save` grows by.  Not `modified` is what Redis saves but does not call a
        change: a consumer group's bookkeeping breaks no WATCH and wakes nobody.  O(1) when nobody looks.
        """
        node = self.node
        node.changes += changes
        if node.observed:
            node.key_changed(self, key, event, modified)

    # -- whole keys -----------------------------------------------------------------------------

    def put(self, key: bytes, value: Value, keep_ttl: bool = False) -> None:
        """Bind `key` to `value`, whatever it held; its time to live goes unless `keep_ttl`."""
        if self.views:
            self._keep(key)
        at_ms = self.expires.get(key) if self.expires else None
        if at_ms is not None:
            if self.node.now_us // 1000 > at_ms:  # as `_is_over`, without looking it up again
                self.expire_before_write(key)
            if not keep_ttl:
                self.removed_expiries += self.expires.pop(key, None) is not None
        if self.node.observed and key not in self.table:
            self.node.notifier.tell(self, key, "new")
        if not self.node.works_at_once:
            former = self.table.get(key)
            if former is not None and former.kind != "string":
                self.node.lazy_free.free_aside_if_large(former)
        value.accessed_us = self.node.now_us
        self.table[key] = value

    def put_string(self, key: bytes, content: bytes, keep_ttl: bool = False) -> None:
        """`put` of a string. One that is there, lives for ever and is in no snapshot gets the new content."""
        value = self.table.get(key)
        if type(value) is not String or self.views or (self.expires and key in self.expires):
            self.put(key, String(encode(content)), keep_ttl)
            return
        value.data = encode(content)
        value.accessed_us = self.node.now_us

    def create(self, key: bytes, value: V) -> V:
        """Bind a key that is known to be missing, and answer the value (for `edit(...) or create(...)`)."""
        if self.views:
            self._keep(key)
        if self.node.observed:
            self.node.notifier.tell(self, key, "new")
        value.accessed_us = self.node.now_us
        self.table[key] = value
        return value

    def delete(self, key: bytes, frees: bool = True) -> Value | None:
        """Take a key out, with its time to live.  The caller says `touch(key, "del")`.

        O(1) plus freeing, if it `frees` and the caller has no use for the value; where others wait a large
        one is freed by and by.
        """
        if self.views and key in self.table:
            self._keep(key)
        value = self.table.pop(key, None)
        if value is not None:
            self.removed_keys += 1
            if self.expires:
                self.removed_expiries += self.expires.pop(key, None) is not None
            if frees and not self.node.works_at_once:
                self.node.lazy_free.free_aside_if_large(value)
        return value

    def unlink(self, key: bytes) -> bool:
        """Delete a key whose value, if it is large, is freed later; False if there is none.  O(1)."""
        node = self.node
        size_bytes = node.memory.weight(self, key)
        value = self.delete(key, frees=False)
        if value is not None:
            node.lazy_free.free(value, size_bytes)
        return value is not None

    def discard_if_empty(self, key: bytes, value: Value) -> bool:
        """Delete a collection that has lost its last element, as Redis does; touches "del".  True if so."""
        if len(value):
            return False
        self.delete(key)
        self.touch(key, "del", changes=0)
        return True

    def peek(self, key: bytes) -> Value | None:
        """Like find, but leaves no trace: no access time, no hit or miss (TYPE, OBJECT, TTL)."""
        value = self.table.get(key)
        if value is None or (
            self.expires and key in self.expires and self._is_over(key) and self.expire_if_due(key)
        ):
            return None
        return value

    # -- time to live ---------------------------------------------------------------------------

    def expiry_ms(self, key: bytes) -> int | None:
        """The unix time in milliseconds at which `key` expires, or None.  Does not expire it."""
        return self.expires.get(key) if self.expires else None

    def set_expiry(self, key: bytes, at_ms: int) -> None:
        """Let an existing key expire at a unix time in milliseconds."""
        if self.views:
            self._keep(key)
        self.expires[key] = at_ms

    def clear_expiry(self, key: bytes) -> bool:
        """Let a key live for ever again.  False if it already did."""
        if self.views:
            self._keep(key)
        had_one = self.expires.pop(key, None) is not None
        self.removed_expiries += had_one
        return had_one

    def _is_over(self, key: bytes) -> bool:
        """Is its time to live over?  A key lives through the very millisecond of its expiry."""
        at_ms = self.expires.get(key)
        return at_ms is not None and self.node.now_us // 1000 > at_ms

    def is_due(self, key: bytes) -> bool:
        """Must the key go, since its time has passed?"""
        return self._is_over(key) and self.node.loading is None

    def expire_if_due(self, key: bytes) -> bool:
        """Expire on access.  On a replica the key is only hidden: its primary's DEL removes it.

        The primary's own commands must still find it there: to the primary it was, when it ran them.
        """
        if not self.is_due(key):
            return False
        if self.node.deletes_expired_keys:
            self.expire_now(key)
        return not self.node.obeys

    def expire_before_write(self, key: bytes) -> bool:
        """`expire_if_due` for who will write: a replica that may be written to makes room for a new key."""
        node = self.node
        if node.is_writable_replica and not node.obeys and self.is_due(key):
            self.expire_now(key)
            return True
        return self.expire_if_due(key)

    def expire_now(self, key: bytes) -> None:
        """Delete a key whose time has passed, and tell everyone: journal, watchers, notifications."""
        self.node.expired_keys += 1
        self._lose(key, "expired", lazily=self.node.config.lazyfree_lazy_expire)

    def evict(self, key: bytes) -> None:
        """Delete a key to make room, and tell everyone."""
        self._lose(key, "evicted", lazily=self.node.config.lazyfree_lazy_eviction)

    def _lose(self, key: bytes, event: str, lazily: bool) -> None:
        """Delete a key that no client asked to delete: the journal says it for those who repeat it."""
        node = self.node
        if lazily:
            self.unlink(key)
        else:
            self.delete(key)
        node.journal.enter(self.index, [b"UNLINK" if lazily else b"DEL", key])
        if node.observed:
            node.key_changed(self, key, event)

    # -- all keys -------------------------------------------------------------------------------

    def clear(self, lazily: bool = False) -> int:
        """Remove every key; the number removed.  Whoever looks on is told of those it looks at."""
        count, node = len(self.table), self.node
        seen = node.keys_looked_at(self) if node.observed else []
        if not (count or seen or self.views):  # as most databases are
            self.table.clear()
            self.expires.clear()
            self.expiry_cursor = 0
            return 0
        size_bytes, weights = node.memory.forget(self)
        if self.views or lazily or not node.works_at_once:
            table, expires = self.table, self.expires
            self.table, self.expires = self.new_table(), self.new_table()
            if self.views:  # they go on with the tables that they know, and free them in the end
                for view in self.views:
                    view.frees_lazily = lazily
                self.views = ()
            else:
                node.lazy_free.free_database(table, [weights, expires], size_bytes, counts=lazily)
        else:
            self.table.clear()
            self.expires.clear()
        self.expiry_cursor = 0
        for key in seen:
            node.key_changed(self, key, "flush")
        return count

    def expect_growth(self) -> None:
        """Say it, if one of the tables will soon move to a larger one (growing.py). O(1)."""
        of_keys, of_expiries = self._fullness
        of_keys.look(self.table, self.node.exchange_table, self.removed_keys)
        of_expiries.look(self.expires, self.node.exchange_table, self.removed_expiries)

    def exchange(self, table: Any, target: Any) -> bool:
        """Let `target` take the place of a table whose keys have moved to it; False if it has none here."""
        for view in self.views:
            view.exchange(table, target)
        if table is self.table:
            self.table = target
        elif table is self.expires:
            self.expires = target
        else:
            return False
        return True

    def __len__(self) -> int:
        return len(self.table)

    def check(self) -> None:
        """Raise AssertionError if the two tables disagree or a value breaks an invariant.  O(N)."""
        for key in self.expires:
            assert key in self.table, f"expiry without a key: {key!r}"
        for key, value in self.table.items():
            value.check()
            assert type(key) is bytes, key
            assert value.kind in ("string", "stream") or len(value), f"empty {value.kind} at {key!r}"

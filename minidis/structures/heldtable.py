"""A table that holds still while its keys are listed, though commands go on storing and deleting.

The idea. To find the millionth key of a Python dict is to walk over all before it, for its iterator dies as
soon as the dict grows or shrinks. Over keys that lie anywhere in memory such a walk takes 60 ns for each. So
whoever wants all keys by and by (a snapshot, the index for SCAN) keeps one iterator, and the table *holds
still*: the dict neither grows nor shrinks, and what would change its size is noted beside it.

    dict        a: 1    b: 2    c: GONE    d: 4        newcomers    e: 5
                                ^ the iterator is here
    del c       its value is GONE; the key stays where it is
    c = 6       c is a newcomer: what is gone stays so
    let go      c and the newcomers change the dict, all at once: 0.1 us for each

A million keys are listed in a hundred slices, in 0.02 s if they lie in order and 0.1 s if not. Only as long
does the table hold still; commands see what they would see without, a little more slowly.

The table turns into one of another class and back (see dicttable.py for the same trick with its index).

Mirrors: nothing in Redis, whose child process has all keys to itself.
Complexity: every operation as before; letting go O(what was stored and deleted meanwhile).

>>> from minidis.structures.dicttable import DictTable
>>> table = DictTable({b"a": 1, b"b": 2, b"c": 3})
>>> listing = Listing(table)
>>> listing.more(2)
[b'a', b'b']
>>> del table[b"a"]; table[b"d"] = 4
>>> listing.more(2), listing.more(2), listing.is_done, list(table)
([b'c'], [], True, [b'b', b'c', b'd'])

Read next: minidis/engine/durability/snapshots.py, which lists all keys and then takes its time to write them.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, ItemsView, Iterator, KeysView, ValuesView
from itertools import chain, islice
from random import Random
from typing import Any

from minidis.structures import growing

LISTED_AT_ONCE = 10_000
"""Keys that are listed at a stretch: 0.2 to 0.8 ms."""

GONE = object()
MISSING = object()


class Hold:
    """What happened to a table since it has been holding still."""

    __slots__ = ("gone", "holders", "newcomers", "target")

    def __init__(self) -> None:
        self.target: dict[bytes, Any] | None = None  # takes in all keys by and by: moving.py
        self.gone: set[bytes] = set()
        self.newcomers: dict[bytes, Any] = {}
        self.holders = 0


class Held(dict[bytes, Any]):
    """The methods of a DictTable that holds still: mixed into its class, see `held`."""

    __slots__ = ()

    is_held = True
    free_type: type
    popped: Callable[[bytes, Any, Any], Any]  # a DictTable's
    _hold: Hold | None

    @property
    def _changes(self) -> Hold:
        assert self._hold is not None
        return self._hold

    def get(self, key: bytes, default: Any = None) -> Any:
        value = dict.get(self, key, GONE)
        return self._changes.newcomers.get(key, default) if value is GONE else value

    def __getitem__(self, key: bytes) -> Any:
        value = dict.get(self, key, GONE)
        return self._changes.newcomers[key] if value is GONE else value

    def __contains__(self, key: object) -> bool:
        found: Any = dict.get(self, key, GONE)  # type: ignore[misc, call-overload]
        return found is not GONE or key in self._changes.newcomers

    def __setitem__(self, key: bytes, value: Any) -> None:
        hold = self._changes
        if dict.get(self, key, GONE) is GONE:
            hold.newcomers[key] = value
        else:
            dict.__setitem__(self, key, value)
        if hold.target is not None and key in hold.target:
            hold.target[key] = value

    def setdefault(self, key: bytes, default: Any = None) -> Any:
        if key not in self:
            self[key] = default
        return self[key]

    def update(self, *others: Any) -> None:  # type: ignore[override]
        for key, value in dict(*others).items():
            self[key] = value

    def pop(self, key: bytes, default: Any = MISSING) -> Any:
        hold, value = self._changes, dict.get(self, key, GONE)
        if value is not GONE:
            dict.__setitem__(self, key, GONE)
            hold.gone.add(key)
        else:
            value = hold.newcomers.pop(key, MISSING)
        if hold.target is not None:
            dict.pop(hold.target, key, None)
        return self.popped(key, value, default)

    def __delitem__(self, key: bytes) -> None:
        self.pop(key)

    def popitem(self) -> tuple[bytes, Any]:
        key = next(reversed(self), None)
        if key is None:
            raise KeyError("popitem(): the table is empty")
        return key, self.pop(key)

    def __len__(self) -> int:
        return dict.__len__(self) - len(self._changes.gone) + len(self._changes.newcomers)

    def __iter__(self) -> Iterator[bytes]:
        stayed = (key for key, value in dict.items(self) if value is not GONE)
        return chain(stayed, self._changes.newcomers)

    def __reversed__(self) -> Iterator[bytes]:
        stayed = (key for key, value in reversed(dict.items(self)) if value is not GONE)
        return chain(reversed(self._changes.newcomers), stayed)

    def keys(self) -> KeysView[bytes]:  # type: ignore[override]
        return KeysView(self)

    def values(self) -> ValuesView[Any]:  # type: ignore[override]
        return ValuesView(self)

    def items(self) -> ItemsView[bytes, Any]:  # type: ignore[override]
        return ItemsView(self)

    def __eq__(self, other: object) -> bool:
        return dict(self) == other

    __hash__ = None  # type: ignore[assignment]

    def clear(self) -> None:
        self.stop_holding()
        self.clear()

    def take_out(self, count: int) -> list[Any]:
        """The table is taken apart: nobody lists it any more."""
        self.stop_holding()
        return self.take_out(count)

    # -- holding still

    def hold(self) -> Hold:
        """One more wants the table to hold still."""
        self._changes.holders += 1
        return self._changes

    def let_go(self) -> None:
        """One less. O(what changed) if it was the last one."""
        self._changes.holders -= 1
        if not self._changes.holders:
            self.stop_holding()

    def stop_holding(self) -> None:
        """Let the dict have what happened meanwhile; who has not listed all keys yet lists no more."""
        hold, self._hold = self._changes, None
        self.__class__ = self.free_type  # type: ignore[assignment]
        for key in hold.gone:
            dict.__delitem__(self, key)
        dict.update(self, hold.newcomers)


def held(free_type: type) -> type:
    """The class that a table of `free_type` turns into while it holds still."""
    return type(f"Held{free_type.__name__}", (Held, free_type), {"__slots__": (), "free_type": free_type})


class Listing:
    """The keys that a table has now, listed by and by; not those that go before their turn comes.

    A learner's table, which cannot hold still, has all of its keys listed at once.
    """

    def __init__(self, table: Any) -> None:
        self.table = table
        self.is_done = False
        self._hold: Hold | None = table.hold() if hasattr(table, "hold") else None
        self._keys = dict.__iter__(table) if self._hold is not None else iter(list(table))
        self._newcomers = list(self._hold.newcomers) if self._hold is not None else []  # of a longer hold
        if len(table) >= growing.MANY:
            growing.announce()  # somebody will keep them all

    def more(self, count: int = 0) -> list[bytes]:
        """The next `count` keys (LISTED_AT_ONCE), or fewer: some have gone, or all are listed. O(count)."""
        count = count or LISTED_AT_ONCE
        if self._hold is None or self._hold is not self.table._hold:  # cleared, or taken apart
            self.is_done = True
            return list(self._keys) if self._hold is None else []
        hold = self._hold
        keys = list(islice(self._keys, count))
        is_last = len(keys) < count
        if not hold.gone.isdisjoint(keys):
            keys = [key for key in keys if key not in hold.gone]
        if is_last:
            keys += [key for key in self._newcomers if key in hold.newcomers]
            self.close()
        return keys

    def look(self, key: bytes) -> Any:
        """What a listed key has; None if it has gone, or came while the table held still."""
        if self._hold is None:
            return self.table.get(key)
        value = dict.get(self.table, key)  # in a third of the time
        return None if value is GONE else value

    def close(self) -> None:
        """Let the table go, whether all keys are listed or not."""
        if not self.is_done:
            self.is_done = True
            if self._hold is not None and self._hold is self.table._hold:
                self.table.let_go()
        self._keys, self._newcomers = iter(()), []


class WaitingKeys:
    """The many keys that a table's index lacks: all are listed, then it takes them in, the oldest first."""

    __slots__ = ("_gone", "_keys", "_listing")

    def __init__(self, table: Any) -> None:
        self._listing = Listing(table)
        self._keys: deque[bytes] = deque()  # a list of so many would move in memory as it grows
        self._gone: set[bytes] = set()  # what was deleted meanwhile: if it comes again, it comes later

    def __len__(self) -> int:
        """How many there are; some may have gone."""
        return len(self._keys)

    @property
    def is_listing(self) -> bool:
        return not self._listing.is_done

    def list_more(self) -> None:
        """Go on with the list."""
        self._keys += self._listing.more()

    def take(self, most: int) -> list[bytes]:
        """The next `most` keys, or fewer in the end. O(most, and what has gone)."""
        taken: list[bytes] = []
        while len(taken) < most and self._keys:
            taken += self._cut_off(most - len(taken))
        return taken

    def look(self, count: int) -> list[bytes]:
        """What `take` would answer, but they go on waiting."""
        keys = self.take(count)
        self._keys.extendleft(reversed(keys))
        return keys

    def _cut_off(self, count: int) -> list[bytes]:
        keys = take_first(self._keys, count)
        if not self._gone.isdisjoint(keys):
            there = [key for key in keys if key not in self._gone]
            self._gone.difference_update(keys)
            return there
        return keys

    def draw(self, random: Random, count: int) -> list[bytes]:
        """About `count` keys that were stored one after another, from anywhere. O(count)."""
        start = random.randrange(max(1, len(self._keys) - count + 1))
        end = min(start + count, len(self._keys))
        return [key for place in range(start, end) if (key := self._keys[place]) not in self._gone]

    def forget(self, key: bytes) -> None:
        """It was deleted."""
        self._gone.add(key)

    def close(self) -> None:
        """Nobody wants them any more."""
        self._listing.close()


def take_first(keys: deque[bytes], count: int) -> list[bytes]:
    """Take the first `count` of them away. O(count)."""
    return [keys.popleft() for _ in range(min(count, len(keys)))]

"""The life of each lock in a traffic: who took it and when it ran out, who let it go and how.

    taken             SET lock:a t1 NX PX 10000     SETNX lock:a t1
    renewed           PEXPIRE, or a script that ran one
    let go            DEL; GET, then DEL; WATCH GET MULTI DEL EXEC; a script that ran DEL
    too late          the owner comes with his token when the time to live is over

MONITOR shows no replies. Whether an attempt succeeded follows from what went before: a lock that is held and
has not run out refuses, any other is taken.

Complexity: O(requests).

>>> from minidis.audit.traffic import requests_of
>>> lines = ['1.0 [0 a:1] "SET" "lock:x" "me" "NX" "PX" "5000"', '3.0 [0 a:1] "DEL" "lock:x"']
>>> hold, = holds_of(requests_of(lines))
>>> hold.way, hold.ttl_ms, hold.release, hold.held_ms
('SET NX PX', 5000, 'DEL', 2000)

Read next: practices.py, its checks of locks.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field

from minidis.audit.traffic import SCRIPTS, Request

_NAME = re.compile(r"(^|[^a-z])(lock|locks|redlock|mutex|lease)([^a-z]|$)", re.IGNORECASE)
_UNITS_MS = {"EX": 1000, "PX": 1}
ATOMIC_DELETES = ("delex", "delifeq")  # of Redis 8.4 and Valkey 9

BY_SCRIPT, BY_TRANSACTION, BY_COMMAND = "a script", "WATCH ... EXEC", "one command"
CHECKED, BLIND = "GET, then DEL", "DEL"


def is_lock(key: str) -> bool:
    """Does the name say so?

    >>> is_lock("lock:job:7"), is_lock("order-mutex"), is_lock("blocked:users"), is_lock("clock")
    (True, True, False, False)
    """
    return _NAME.search(key) is not None


@dataclass
class Hold:
    """One lock, from when it was taken until it was let go or ran out."""

    key: str
    client: str
    token: str
    taken_us: int
    ttl_ms: int | None
    way: str
    expires_us: int | None = None
    extensions: int = 0
    blind_extensions: int = 0  # by a plain EXPIRE: whoever's lock it is by then
    released_us: int | None = None
    release: str = ""
    released_by: str = ""
    late_ms: int = 0  # so long after it had run out its owner still came to let it go
    writes_after: int = 0  # commands of its owner that changed data after it had run out
    refused: list[tuple[str, int]] = field(default_factory=list)  # who tried meanwhile, and when

    @property
    def held_ms(self) -> int | None:
        return None if self.released_us is None else (self.released_us - self.taken_us) // 1000

    def is_live(self, at_us: int) -> bool:
        return self.released_us is None and (self.expires_us is None or at_us < self.expires_us)


class _Story:
    """What is known while the traffic is read."""

    def __init__(self) -> None:
        self.holds: list[Hold] = []
        self.current: dict[str, Hold] = {}  # by key: the last one
        self.of_key: dict[str, list[Hold]] = {}
        self.open: dict[str, list[Hold]] = {}  # by client: what he has not let go
        self.looked: set[tuple[str, str]] = set()  # (client, key): he has read the lock
        self.watched: set[tuple[str, str]] = set()
        self.in_transaction: set[str] = set()

    def follow(self, request: Request) -> None:
        name, key = request.name, request.key
        if name in ("multi", "exec", "discard"):
            self._transaction(request)
        elif name in SCRIPTS:
            for lock in filter(is_lock, request.script_keys()):
                self._script(request, lock)
        elif name == "watch":
            self.watched |= {(request.client, word.decode("latin-1")) for word in request.words[1:]}
        elif not is_lock(key):
            self._work(request)
        elif name == "setnx" or name == "set" and "NX" in request.options(3):
            self._attempt(request)
        elif name == "get":
            self.looked.add((request.client, key))
        elif name in ("del", "unlink", *ATOMIC_DELETES):
            self._delete(request)
        elif name in ("expire", "pexpire") or name == "set" and "XX" in request.options(3):
            self._renew(request)

    def _transaction(self, request: Request) -> None:
        if request.name == "multi":
            self.in_transaction.add(request.client)
        else:
            self.in_transaction.discard(request.client)
            self.watched = {pair for pair in self.watched if pair[0] != request.client}

    def _attempt(self, request: Request) -> None:
        key, held = request.key, self.current.get(request.key)
        if held is not None and held.is_live(request.at_us):
            held.refused.append((request.client, request.at_us))
            return
        options = request.options(3)
        unit = next((word for word in options if word in _UNITS_MS), None)
        ttl_ms = None
        if unit is not None:
            value = request.argument(3 + options.index(unit) + 1)
            ttl_ms = int(value) * _UNITS_MS[unit] if value.isdecimal() else None
        way = "SETNX" if request.name == "setnx" else f"SET NX {unit or ''}".strip()
        hold = Hold(key, request.client, request.argument(2), request.at_us, ttl_ms, way)
        if ttl_ms is not None:
            hold.expires_us = request.at_us + 1000 * ttl_ms
        self.looked = {pair for pair in self.looked if pair[1] != key}
        self.current[key] = hold
        self.holds.append(hold)
        self.open.setdefault(request.client, []).append(hold)
        self.of_key.setdefault(key, []).append(hold)

    def _renew(self, request: Request) -> None:
        """A plain EXPIRE: the second half of SETNX + EXPIRE, or a renewal that asks nobody."""
        held = self.current.get(request.key)
        value = request.argument(2)
        if held is None or not held.is_live(request.at_us):
            return
        if request.name != "set" and value.lstrip("-").isdecimal():
            ttl_ms = int(value) * (1000 if request.name == "expire" else 1)
            held.expires_us = request.at_us + 1000 * ttl_ms
            if held.ttl_ms is None and held.client == request.client:
                held.ttl_ms, held.way = ttl_ms, f"{held.way}, then {request.name.upper()}"
                return
        held.extensions += 1
        held.blind_extensions += 1

    def _delete(self, request: Request) -> None:
        key, client = request.key, request.client
        if request.name in ATOMIC_DELETES:
            how = BY_COMMAND
        elif client in self.in_transaction and (client, key) in self.watched:
            how = BY_TRANSACTION
        else:
            how = CHECKED if (client, key) in self.looked else BLIND
        self._let_go(key, request, how, token=None)

    def _script(self, request: Request, key: str) -> None:
        """A script with the lock among its keys; what it ran tells what it was for, else its arguments do."""
        inner = {one.name for one in request.inner if one.key == key}
        arguments = request.script_arguments()
        of_key = reversed(self.of_key.get(key, ()))
        mine = next((hold for hold in of_key if hold.token in arguments), None)
        if mine is None:
            return
        numbers = [int(word) for word in arguments if word != mine.token and word.isdecimal()]
        if inner & {"expire", "pexpire", "set"} or (numbers and not inner & {"del", "unlink"}):
            if mine.is_live(request.at_us) and numbers:
                unit_us = 1000 if "pexpire" in inner else 1_000_000
                mine.expires_us = request.at_us + unit_us * numbers[0]
                mine.extensions += 1
        else:
            self._let_go(key, request, BY_SCRIPT, mine.token)

    def _let_go(self, key: str, request: Request, how: str, token: str | None) -> None:
        """The lock goes, or its former owner comes too late: with his token nothing is deleted then."""
        held = self.current.get(key)
        own = next(
            (
                hold
                for hold in reversed(self.of_key.get(key, ()))
                if not hold.release
                and (hold.client == request.client if token is None else hold.token == token)
            ),
            None,
        )
        if own is not None and own.expires_us is not None and request.at_us >= own.expires_us:
            own.late_ms = (request.at_us - own.expires_us) // 1000
            own.release, own.released_by = how, request.client
        if held is None or held.released_us is not None:
            return
        if token is None or held.token == token:
            if held.is_live(request.at_us):
                held.released_us = request.at_us
            held.release, held.released_by = how, request.client

    def _work(self, request: Request) -> None:
        """Another command: if its client believes that he holds a lock which has run out, that matters."""
        if request.is_write:
            open_ = [hold for hold in self.open.get(request.client, ()) if not hold.release]
            self.open[request.client] = open_
            for hold in open_:
                if hold.expires_us is not None and request.at_us >= hold.expires_us:
                    hold.writes_after += 1


def holds_of(requests: Iterable[Request]) -> list[Hold]:
    """Every lock that was taken, in order."""
    story = _Story()
    for request in requests:
        story.follow(request)
    for hold in story.holds:  # a client that never came back held no belief: it may be gone
        if not hold.release:
            hold.writes_after = 0
    return story.holds

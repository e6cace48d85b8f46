"""A slow database behind a cache, and a record of both: who asked, what came, how old it was.

    database   v1 ............| v2 ...........................     what is true
    cache         [ v1 ......x]       [ v1 ..............     ]     what Redis holds; after x it is stale
    readers    .  .    .   .     .  .     ✗    ✗     ✗              a stale read began after the change

`SlowDatabase` answers a few questions at a time, each after a third of a second: whoever asks it two hundred
things at once sees what a stampede costs. A question sees the rows as they are when its turn begins, as a
statement in PostgreSQL does, and what it has seen may be old when the answer arrives.

    database = SlowDatabase(lab, {1: {"name": "Ann"}})
    record = CacheRecord(lab, database)
    get_user = record.reads(get_user)

It runs on machines of the lab (minidis/drivers/simulation/tasks.py): waiting is virtual time.

>>> lab = Lab(seed=1)
>>> _ = lab.node("redis")
>>> database = SlowDatabase(lab, {1: {"name": "Ann"}}, takes_s=0.3, at_once=2)
>>> tasks = [lab.machine("web").spawn(lambda: database.get_user(1)) for _ in range(4)]
>>> lab.run("1s")
>>> tasks[3].result, database.busiest(), [query.took_us // 1000 for query in database.queries]
({'name': 'Ann'}, 4, [300, 300, 600, 600])

Read next: minidis/notebook/views/cache_loads.py and stale_reads.py, the pictures.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import wraps
from typing import Any

from minidis.client.lab import Lab
from minidis.course.models.contention import held_by
from minidis.drivers.simulation.standins import current_task

Row = dict[str, Any]


@dataclass
class Query:
    """One question to the database: when it was asked, when its turn began, when it was answered."""

    user_id: Any
    asker: Any
    asked_us: int
    begun_us: int
    ended_us: int

    @property
    def took_us(self) -> int:
        return self.ended_us - self.asked_us


@dataclass
class Version:
    """What a user's row was from a moment on; None: there was no such user."""

    row: Row | None
    since_us: int


class SlowDatabase:
    """Users by id.  A question takes `takes_s`, a change `writes_s`, and `at_once` run at a time."""

    def __init__(
        self,
        lab: Lab,
        rows: Mapping[Any, Row] | None = None,
        takes_s: float = 0.3,
        at_once: int = 20,
        writes_s: float = 0.05,
    ) -> None:
        self.lab = lab
        self.takes_s, self.writes_s = takes_s, writes_s
        self.queries: list[Query] = []
        self.versions: dict[Any, list[Version]] = {
            user_id: [Version(dict(row), lab.now_us)] for user_id, row in (rows or {}).items()
        }
        self._free_us = [lab.now_us] * at_once  # when each of its workers is free again

    def get_user(self, user_id: Any) -> Row | None:
        """The row, or None. It is read when the question's turn begins, and arrives `takes_s` later."""
        asked_us = self.lab.now_us
        worker = min(range(len(self._free_us)), key=self._free_us.__getitem__)
        begun_us = max(asked_us, self._free_us[worker])
        ended_us = self._free_us[worker] = begun_us + round(self.takes_s * 1_000_000)
        self.queries.append(Query(user_id, current_task(), asked_us, begun_us, ended_us))
        if begun_us > asked_us:
            time.sleep((begun_us - asked_us) / 1_000_000)
        row = self.row(user_id)
        time.sleep((ended_us - begun_us) / 1_000_000)
        return None if row is None else dict(row)

    def save_user(self, user_id: Any, row: Row) -> None:
        """Commit a row; it is there for everybody when this returns."""
        time.sleep(self.writes_s)
        self.versions.setdefault(user_id, []).append(Version(dict(row), self.lab.now_us))

    def row(self, user_id: Any) -> Row | None:
        """The row as it is now, asked of nobody."""
        versions = self.versions.get(user_id)
        return versions[-1].row if versions else None

    def busiest(self) -> int:
        """The most questions that were open at the same moment."""
        moments = [(query.asked_us, 1) for query in self.queries]
        moments += [(query.ended_us, -1) for query in self.queries]
        most = open_now = 0
        for _, change in sorted(moments):
            open_now += change
            most = max(most, open_now)
        return most


@dataclass
class Read:
    """One call of a function that reads a user, through a cache or not."""

    who: str
    user_id: Any
    start_us: int
    end_us: int
    row: Row | None
    asked_database: bool
    error: str = ""


@dataclass
class Entry:
    """Redis held this text for the user, from a moment on."""

    text: str
    since_us: int
    until_us: int | None = None


class CacheRecord:
    """Every read of users, what the cache held meanwhile, and how stale each answer was."""

    def __init__(
        self,
        lab: Lab,
        database: SlowDatabase,
        node: str = "redis",
        key_of: Callable[[Any], str] = lambda user_id: f"user:{user_id}",
    ) -> None:
        self.lab, self.database, self.node, self.key_of = lab, database, node, key_of
        self.started_us = lab.now_us
        self.all_reads: list[Read] = []
        self.entries: dict[Any, list[Entry]] = {}
        lab[node].listen_to_commands(lambda client, argv, reply: self._look())

    def reads(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """Wrap what reads: `function(..., user_id)` answers a row or None."""

        @wraps(function)
        def read(*arguments: Any) -> Any:
            task, start_us, before = current_task(), self.lab.now_us, len(self.database.queries)
            row, error = None, ""
            try:
                row = function(*arguments)
                return row
            except Exception as failure:
                error = type(failure).__name__
                raise
            finally:
                asked = any(query.asker is task for query in self.database.queries[before:])
                who = "you" if task is None else task.machine.name
                one = Read(who, arguments[-1], start_us, self.lab.now_us, row, asked, error)
                self.all_reads.append(one)

        return read

    def _look(self) -> None:
        """After each command: does Redis hold something else for a user than before?"""
        process = self.lab.processes[self.node]
        for user_id in self.database.versions:
            held = held_by(process, self.key_of(user_id).encode())
            entries = self.entries.setdefault(user_id, [])
            last = entries[-1] if entries else None
            is_open = last is not None and (last.until_us is None or last.until_us > self.lab.now_us)
            if is_open and (held is None or held[0] != last.text):
                last.until_us = self.lab.now_us
                is_open = False
            if held is None:
                continue
            if not is_open:
                last = Entry(held[0], self.lab.now_us)
                entries.append(last)
            last.until_us = held[1]  # its time to live ends it, whether anybody looks or not

    # -- what follows -----------------------------------------------------------------------------

    def version_of(self, user_id: Any, row: Row | None) -> int | None:
        """Which version of a user's row that is, from 1; 0 for None before there was one."""
        versions = self.database.versions.get(user_id, [])
        for number in range(len(versions), 0, -1):
            if versions[number - 1].row == row:
                return number
        return 0 if row is None else None

    def stale_s(self, read: Read) -> float:
        """For how long the answer had been out of date when the read began; 0 for a fresh one."""
        versions, number = (
            self.database.versions.get(read.user_id, []),
            self.version_of(read.user_id, read.row),
        )
        if number is None or read.error or number >= len(versions):
            return 0.0
        return max(0.0, (read.start_us - versions[number].since_us) / 1_000_000)

    def cached_row(self, entry: Entry) -> Row | None:
        """What a cached text says; None for the mark of a missing user, or what is no JSON."""
        try:
            row = json.loads(entry.text)
        except ValueError:
            return None
        if isinstance(row, dict) and isinstance(row.get("row"), dict):
            row = row["row"]
        return row if isinstance(row, dict) else None

    def summary(self) -> dict[str, float]:
        """What a dashboard would show of it."""
        reads = self.all_reads
        hits = sum(not read.asked_database and not read.error for read in reads)
        waits_s = [(read.end_us - read.start_us) / 1_000_000 for read in reads]
        return {
            "reads": len(reads),
            "database queries": len(self.database.queries),
            "hits, %": round(100 * hits / max(1, len(reads)), 1),
            "slowest read, s": round(max(waits_s, default=0), 2),
            "stale reads": sum(self.stale_s(read) > 0 for read in reads),
            "errors": sum(bool(read.error) for read in reads),
        }

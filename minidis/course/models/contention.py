"""Who believes that he holds a lock, and who does: a record of both, kept while a lab runs.

    the node    [ alice ............ ]  [ bob .................]     truth: the key, read from the engine
    alice       [ believes ................. ]                       between acquire and release
    bob          x  x  x  x  x  x       [ believes ............]     x: a try that failed
                                        ^^^^^^ both are inside

The code under test stays as it is. What acquires and what releases is wrapped from outside; the truth is
looked up in the nodes' own keyspaces every few milliseconds, by each node's own clock, so expiry, restarts
and stepped clocks need no special care. A lock on several nodes (Redlock) belongs to whom a majority names.

    watch = Contention(lab, "lock:job", "redis")
    acquire_lock, release_lock = watch.acquires(acquire_lock), watch.releases(release_lock)

Read next: minidis/notebook/views/contentions.py, the picture; minidis/drivers/simulation/tasks.py.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import wraps
from typing import Any

from minidis.client.lab import Lab
from minidis.drivers.simulation.standins import current_task

SAMPLE_S = 0.005
"""How often the truth is looked up, unless a record says otherwise."""


@dataclass
class Hold:
    """A node's key held `value` from `start_us` on; `deadlines`: (seen at, expires at), in the lab's time."""

    value: str
    start_us: int
    end_us: int | None = None
    deadlines: list[tuple[int, int | None]] = field(default_factory=list)


@dataclass
class Belief:
    """A worker takes himself for the holder."""

    who: str
    lock_id: str
    start_us: int
    validity_us: int | None = None
    end_us: int | None = None
    released: Any = None
    """What his release answered; 0 means that he had worked without the lock."""


@dataclass
class Try:
    """One call of acquire."""

    who: str
    start_us: int
    end_us: int
    got: bool


@dataclass
class Use:
    """One write to what the lock protects."""

    who: str
    at_us: int
    token: int | None
    accepted: bool


@dataclass
class Overlap:
    """Several workers take themselves for the holder at the same time."""

    who: tuple[str, ...]
    start_us: int
    end_us: int


class Contention:
    """The record of one lock, on one node or on several."""

    def __init__(self, lab: Lab, lock: str, *nodes: str, sample_s: float = SAMPLE_S, quorum: int = 0) -> None:
        if not nodes:
            raise ValueError("name the nodes that keep the lock")
        self.lab, self.lock, self.nodes = lab, lock, nodes
        self.quorum = quorum or len(nodes) // 2 + 1
        self._sample_us = round(sample_s * 1_000_000)
        self.truth: dict[str, list[Hold]] = {node: [] for node in nodes}
        self.beliefs: list[Belief] = []
        self.tries: list[Try] = []
        self.uses: list[Use] = []
        self._sample()

    # -- what is wrapped --------------------------------------------------------------------------

    def acquires(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """Wrap what acquires.

        A result that is, or holds, a lock's id is a success: `(id, True)`, `((id, event), True)`, `(id,
        validity_ms)`, `id`. None, False and tuples that end or begin with these are failures.
        """

        @wraps(function)
        def acquire(*arguments: Any, **options: Any) -> Any:
            who, start_us = self._who(), self.lab.now_us
            try:
                result = function(*arguments, **options)
            except Exception:
                self.tries.append(Try(who, start_us, self.lab.now_us, False))
                raise
            lock_id = lock_id_of(result)
            self.tries.append(Try(who, start_us, self.lab.now_us, lock_id is not None))
            if lock_id is not None:
                validity_us = _validity_us(result)
                self.beliefs.append(Belief(who, lock_id, self.lab.now_us, validity_us))
            return result

        return acquire

    def releases(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """Wrap what releases: whoever calls it believes no more."""

        @wraps(function)
        def release(*arguments: Any, **options: Any) -> Any:
            belief = self.leave()
            result = function(*arguments, **options)
            if belief is not None:
                belief.released = result
            return result

        return release

    def leave(self) -> Belief | None:
        """The worker that calls doesn't take himself for the holder any more."""
        who = self._who()
        for belief in reversed(self.beliefs):
            if belief.who == who and belief.end_us is None:
                belief.end_us = self.lab.now_us
                return belief
        return None

    def used(self, token: int | None, accepted: bool) -> bool:
        """Note a write of the worker that calls, and whether the resource took it; answers that."""
        self.uses.append(Use(self._who(), self.lab.now_us, token, accepted))
        return accepted

    def _who(self) -> str:
        task = current_task()
        return "you" if task is None else task.machine.name

    # -- the truth --------------------------------------------------------------------------------

    def _sample(self) -> None:
        for name in self.nodes:
            self._look_at(name)
        self.lab.agenda.after(self._sample_us, self._sample)

    def _look_at(self, name: str) -> None:
        process, holds, now_us = self.lab.processes[name], self.truth[name], self.lab.now_us
        held = held_by(process, self.lock.encode())
        last = holds[-1] if holds and holds[-1].end_us is None else None
        if last is not None and (held is None or held[0] != last.value):
            last.end_us = now_us
            last = None
        if held is None:
            return
        value, deadline_us = held
        if last is None:
            last = Hold(value, now_us)
            holds.append(last)
        if not last.deadlines or last.deadlines[-1][1] != deadline_us:
            last.deadlines.append((now_us, deadline_us))

    # -- what follows -----------------------------------------------------------------------------

    def workers(self) -> list[str]:
        """Everybody who tried, in order of appearance."""
        return list(dict.fromkeys(attempt.who for attempt in sorted(self.tries, key=lambda t: t.start_us)))

    def owner(self, lock_id: str) -> str:
        """Whose id that is; "?" for one that nobody got to know (its acquire failed)."""
        return next((belief.who for belief in self.beliefs if belief.lock_id == lock_id), "?")

    def end_of(self, belief: Belief) -> int:
        """When a belief ended: by release, with its machine, or not yet."""
        killed = [us for us, _ in self.faults(belief.who, "killed") if us >= belief.start_us]
        ends = [us for us in (belief.end_us, *killed[:1]) if us is not None]
        return min(ends, default=self.lab.now_us)

    def faults(self, where: str, kind: str) -> list[tuple[int, str]]:
        """(time, text) of the faults of a machine or node whose text begins with `kind`."""
        return [
            (note.time_us, note.text)
            for note in self.lab.record.notes
            if note.kind == "fault" and note.where == where and note.text.startswith(kind)
        ]

    def pauses(self, who: str) -> list[tuple[int, int]]:
        """When a machine or node stood still."""
        ends = [us for us, _ in self.faults(who, "resumed")]
        return [
            (us, next((end for end in ends if end >= us), self.lab.now_us))
            for us, _ in self.faults(who, "paused")
        ]

    def holders_at(self, time_us: int) -> dict[str, str | None]:
        """The id that each node names at a time."""
        return {
            name: next((hold.value for hold in holds if _covers(hold, time_us, self.lab.now_us)), None)
            for name, holds in self.truth.items()
        }

    def backed(self, belief: Belief) -> list[tuple[int, int, bool]]:
        """A belief in pieces: (start, end, whether a majority of the nodes agreed)."""
        start_us, end_us = belief.start_us, self.end_of(belief)
        cuts = {start_us, end_us}
        for hold in (hold for holds in self.truth.values() for hold in holds):
            cuts |= {us for us in (hold.start_us, hold.end_us) if us is not None and start_us < us < end_us}
        pieces: list[tuple[int, int, bool]] = []
        for one, other in _pairs(sorted(cuts)):
            names = list(self.holders_at((one + other) // 2).values())
            agreed = names.count(belief.lock_id) >= self.quorum
            if other - one <= 2 * self._sample_us and one == start_us:
                agreed = True  # the look-up comes a moment after the reply
            if pieces and pieces[-1][2] == agreed:
                pieces[-1] = (pieces[-1][0], other, agreed)
            else:
                pieces.append((one, other, agreed))
        return pieces

    def overlaps(self) -> list[Overlap]:
        """Every time at which two or more were inside."""
        spans = [(belief.who, belief.start_us, self.end_of(belief)) for belief in self.beliefs]
        found: list[Overlap] = []
        for start_us, end_us in _pairs(sorted({us for _, *times in spans for us in times})):
            inside = tuple(dict.fromkeys(who for who, since, until in spans if since <= start_us < until))
            if len(inside) < 2:
                continue
            if found and found[-1].end_us == start_us and found[-1].who == inside:
                found[-1].end_us = end_us
            else:
                found.append(Overlap(inside, start_us, end_us))
        return found

    def left_ms(self) -> dict[str, int | None]:
        """The nodes that hold the lock now, whoever has it, and for how many ms still (None: for ever)."""
        held = {name: held_by(self.lab.processes[name], self.lock.encode()) for name in self.nodes}
        return {
            name: None if one[1] is None else (one[1] - self.lab.now_us) // 1000
            for name, one in held.items()
            if one is not None
        }

    def waits(self, who: str) -> list[tuple[int, int, int, bool]]:
        """(from the first try, to the last one's end, tries, whether it got the lock), for each streak."""
        streaks: list[tuple[int, int, int, bool]] = []
        for attempt in (attempt for attempt in self.tries if attempt.who == who):
            if streaks and not streaks[-1][3]:
                start_us, _, tries, _ = streaks.pop()
                streaks.append((start_us, attempt.end_us, tries + 1, attempt.got))
            else:
                streaks.append((attempt.start_us, attempt.end_us, 1, attempt.got))
        return streaks

    def metrics(self) -> dict[str, float]:
        """What a dashboard of locks shows; times in seconds."""
        waits = [end - start for who in self.workers() for start, end, _, got in self.waits(who) if got]
        holds = [self.end_of(belief) - belief.start_us for belief in self.beliefs]
        bare = [b - a for belief in self.beliefs for a, b, agreed in self.backed(belief) if not agreed]
        failed = sum(not attempt.got for attempt in self.tries)
        return {
            "tries": len(self.tries),
            "tries that failed": failed,
            "contention, per cent of tries": round(100 * failed / max(1, len(self.tries)), 1),
            "longest wait, s": _seconds(max(waits, default=0)),
            "longest hold, s": _seconds(max(holds, default=0)),
            "releases that came too late": sum(belief.released in (0, False) for belief in self.beliefs),
            "work without the lock, s": _seconds(sum(bare)),
            "double entry, s": _seconds(sum(one.end_us - one.start_us for one in self.overlaps())),
            "writes refused": sum(not use.accepted for use in self.uses),
        }


def lock_id_of(result: Any) -> str | None:
    """The lock's id in what an acquire answered, None for a failure."""
    if not result:
        return None
    if isinstance(result, bytes):
        return result.decode("utf-8", "replace")
    if isinstance(result, str):
        return result
    if isinstance(result, tuple | list):
        if result[-1] is None or result[-1] is False:
            return None
        return lock_id_of(result[0])
    return lock_id_of(getattr(result, "lock_id", None) or getattr(result, "token", None))


def _validity_us(result: Any) -> int | None:
    validity_ms = result[1] if isinstance(result, tuple) and len(result) > 1 else None
    validity_ms = getattr(result, "validity_ms", validity_ms)
    is_number = isinstance(validity_ms, int | float) and not isinstance(validity_ms, bool)
    return round(1000 * validity_ms) if is_number else None  # type: ignore[operator]


def held_by(process: Any, key: bytes) -> tuple[str, int | None] | None:
    """The value of the key in a running node, and when it expires in the lab's time. Leaves no trace."""
    if not process.running:
        return None
    database = process.node.databases[0]
    value = database.table.get(key)
    if value is None or value.kind != "string":
        return None
    expiry_ms = database.expiry_ms(key)
    if expiry_ms is None:
        return value.as_bytes().decode("utf-8", "replace"), None
    deadline_us = expiry_ms * 1000 - process.skew_us
    if deadline_us <= process.lab.now_us:
        return None
    return value.as_bytes().decode("utf-8", "replace"), deadline_us


def _covers(hold: Hold, time_us: int, now_us: int) -> bool:
    return hold.start_us <= time_us and (time_us < hold.end_us if hold.end_us else time_us <= now_us)


def _pairs(times: list[int]) -> Iterator[tuple[int, int]]:
    return zip(times, times[1:], strict=False)


def _seconds(microseconds: float) -> float:
    return round(microseconds / 1_000_000, 2)

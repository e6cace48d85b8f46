"""A picture of the keyspace at one moment, taken while commands go on changing it; and no fork.

Redis forks: the kernel copies the page table, not the pages, and copies a page when somebody writes to it.
Here the same is done one storey higher. No value is copied: the walk lists the keys of the live dict (which
holds still meanwhile: heldtable.py), goes through the list, and whoever changes something tells it before
(`Database.views`):

    SET, DEL, EXPIRE, FLUSHALL      bind a key anew: the walk *keeps* a reference to what the key held
    LPUSH, INCR, RENAME ...         change, or carry off, the value itself: `Database.edit` first lets
                                    the walk write it down. The key jumps the queue; nothing is copied

    live   {a: "1"->"2", b: [x y]+z, c: "3"}     kept {a: "1"}
           file so far   b [x y]   (LPUSH b z came by)   then a "1", c "3"

So a snapshot costs the commands one look at an empty tuple while none is taken, and each value is written
at most once, before its first change. The walk goes in slices of a millisecond between commands
(`Background`); as in Redis, where only one child runs at a time, there is one job at a time.

Mirrors: rdb.c (`rdbSaveBackground`), server.c (`hasActiveChildProcess`, `checkChildrenDone`).
Differs: no fork. A large value is written piece by piece; whoever changes it meanwhile waits for the rest
(in a server he alone: holding.py).
Complexity: beginning O(1); a slice O(keys listed) or O(bytes written).

>>> from minidis.drivers.embedded import Embedded
>>> from minidis.persistence.aof import CommandWriter
>>> redis = Embedded(clock=0)
>>> _ = redis.execute("RPUSH", "list", "a"), redis.execute("SET", "text", "old")
>>> walk = Walk(redis.node, CommandWriter())
>>> _ = redis.execute("RPUSH", "list", "b"), redis.execute("SET", "text", "new")
>>> walk.advance()
True
>>> walk.take().split()[5:]
[b'*3', b'$5', b'RPUSH', b'$4', b'list', b'$1', b'a', b'*3', b'$3', b'SET', b'$4', b'text', b'$3', b'old']

Read next: saving.py (SAVE, BGSAVE), aof_rewriting.py (BGREWRITEAOF): what is done with the bytes.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Protocol

from minidis.engine.durability.disk import Disk, DiskError, Sync
from minidis.engine.durability.holding import WRITTEN
from minidis.engine.memory.access import use_to_save
from minidis.structures import growing, heldtable
from minidis.structures.partedset import PartedSet
from minidis.structures.record import field, record
from minidis.values.base import Value
from minidis.values.string import String

if TYPE_CHECKING:
    from minidis.engine.keyspace.database import Database
    from minidis.engine.node import Node

SLICE_US = 1000
"""A slice ends when it took so long, or has written SLICE_BYTES: a frozen clock shows no time passing."""

SLICE_BYTES = 64 * 1024
LARGE = 1000
"""A value of more elements is written piece by piece."""

VERY_LARGE = 5000
"""To write a value of more elements takes longer than others shall wait, who do not want it."""

REST_US = 1000
"""How long commands have the node to themselves between two slices, where somebody wants it."""

HELD_US = 1 << 62
"""A job that is due at this time stands still."""

LOOK_BYTES = 512
"""So much is written between two looks at the clock: some twenty short strings, or one value."""

POLL_US = 5000
"""How often a sync in the background is looked at, or a sink that is full."""


class Writer(Protocol):
    """What makes records of a dataset: rdb_writer.SnapshotWriter, aof.CommandWriter."""

    def begin(self, aux: Mapping[str, str | int | bytes] | None = None) -> bytes: ...
    def function(self, code: bytes) -> bytes: ...
    def database(self, index: int, keys: int, expires: int) -> bytes: ...
    def entry(
        self,
        key: bytes,
        value: Value,
        expires_at_ms: int | None = None,
        idle_s: int | None = None,
        frequency: int | None = None,
    ) -> bytes: ...
    def pieces(
        self,
        key: bytes,
        value: Value,
        expires_at_ms: int | None = None,
        idle_s: int | None = None,
        frequency: int | None = None,
    ) -> Iterator[bytes]: ...
    def record(self, record: bytes) -> bytes: ...
    def end(self) -> bytes: ...


class View:
    """What one database held when the walk began, less what is written already."""

    def __init__(self, walk: Walk, database: Database) -> None:
        self.walk = walk
        self.index = database.index
        self.table: Any = database.table  # in use: `kept` has what is no longer in it
        self.expires: Any = database.expires
        self.sizes = len(self.table), len(self.expires)
        self.kept: dict[bytes, tuple[Value, int | None]] = {}
        self.settled = PartedSet()  # keys that are in the file, or came later
        self.queue: deque[bytes] = deque()  # the keys that come next
        self.large: dict[bytes, None] = {}  # those that come first: others wait for them (holding.py)
        self._left = len(self.table)
        if self._left >= growing.MANY:
            growing.announce()  # `settled` will hold them all, and so will the queue
        self.frees_lazily = False  # was it FLUSHALL ASYNC that took the tables away?
        self._listing: heldtable.Listing | None = None
        if self._left < heldtable.LISTED_AT_ONCE:
            self.list_more()  # all; a large table need not hold still before its turn comes

    # -- who changes something

    def keep(self, key: bytes) -> None:
        """The key is about to be bound to something else, to get another time to live, or to go."""
        if key not in self.settled and key not in self.kept:
            value = self.table.get(key)
            if value is None:
                self.settled.add(key)
            else:
                self.kept[key] = value, self.expires.get(key)

    def before_change(self, key: bytes) -> None:
        """The value at `key` is about to change: write it down now, unless that is done."""
        if self.settled.add(key):
            self._write(key, is_its_turn=False)
            self.note_written(key)
        elif self.walk.is_writing(self, key):
            self.walk.finish_large()

    def must_write_large(self, key: bytes) -> bool:
        """Is the value of this key very large, and not written yet?"""
        return key in self.large and key not in self.kept

    def hurry(self, key: bytes) -> None:
        """Somebody waits for the large value of this key: let it be the next, of all databases."""
        self.walk.waited_for = self, key

    def exchange(self, table: Any, target: Any) -> None:
        """Keys have moved from a table to `target`, which takes its place."""
        if table is self.table:
            self.table = target
        elif table is self.expires:
            self.expires = target

    # -- the walk

    @property
    def is_done(self) -> bool:
        return not self._left

    def list_more(self) -> bool:
        """List some of the keys; False if all of them are listed."""
        if self._listing is None:
            self._listing = heldtable.Listing(self.table)
        if self._listing.is_done:
            return False
        keys = self._listing.more()
        self.queue += keys
        if self.walk.lets_wait:
            self._note_large(keys)
        return True

    def _note_large(self, keys: list[bytes]) -> None:
        assert self._listing is not None
        for key in keys:
            value = self._listing.look(key)
            if type(value) is not String and value is not None and len(value) > VERY_LARGE:
                if key not in self.settled:
                    self.large[key] = None
        if self.large:
            self.walk.node.update_observed()

    def close(self) -> None:
        """List no more, and let nobody wait."""
        if self._listing is not None:
            self._listing.close()
        for key in tuple(self.large):
            self.note_written(key)

    def note_written(self, key: bytes) -> None:
        """Whoever waits for this key may go on."""
        if key in self.large:
            del self.large[key]
            if self.walk.waited_for == (self, key):
                self.walk.waited_for = None
            self.walk.node.waiting.happened(WRITTEN)
            if not self.large:
                self.walk.node.update_observed()

    def write_on(self, until_bytes: int) -> None:
        """Write the next key that still must be, and more until there are so many bytes or one is large."""
        queue, settle, walk = self.queue, self.settled.add, self.walk
        if self.large:
            self.write_large(next(iter(self.large)))
            return
        if not queue:
            queue += self.kept  # in the end, those that have gone
            if not queue:
                self._left = 0
        while queue:
            key = queue.popleft()
            if settle(key):
                self._write(key, is_its_turn=True)
                if walk.size_bytes >= until_bytes or walk.is_in_large:
                    return

    def write_large(self, key: bytes) -> None:
        """Write the large value of a key, or begin to."""
        if self.settled.add(key):
            self._write(key, is_its_turn=True)
        if not self.walk.is_writing(self, key):  # it has gone, or become small
            self.note_written(key)

    def _write(self, key: bytes, is_its_turn: bool) -> None:
        """Write what the key held; if it is not its turn, somebody is about to change it."""
        kept = self.kept.pop(key, None) if self.kept else None
        value, expires_at_ms = kept or (self.table.get(key), self.expires.get(key))
        if value is not None:
            self._left -= 1
            self.walk.write_entry(self, key, value, expires_at_ms, is_its_turn)

    def waiting(self) -> dict[bytes, Value]:
        """Keys that are not in the file yet, and what they held. O(N), for pictures."""
        every = dict.fromkeys([*self.queue, *self.table, *self.kept])
        keys = [key for key in every if key not in self.settled]
        return {key: (self.kept.get(key) or (self.table.get(key),))[0] for key in keys}


@record
class Large:
    """A large value that is written piece by piece, and the records that came to be meanwhile."""

    view: View
    key: bytes
    value: Value  # held, lest somebody takes it apart
    pieces: Iterator[bytes]
    followers: list[tuple[View, bytes]] = field(default_factory=list)


class Walk:
    """A snapshot on its way.  `advance` makes some more of it; `take` answers the bytes made since."""

    def __init__(
        self, node: Node, writer: Writer, aux: Mapping[str, str | int | bytes] | None = None
    ) -> None:
        self.node = node
        self.writer = writer
        # a snapshot that is slow by request is no reason to wait
        self.lets_wait = not node.works_at_once and node.config.rdb_key_save_delay <= 0
        self.waited_for: tuple[View, bytes] | None = None  # what is written next
        self._keeps_use = node.config.maxmemory_policy.endswith(("-lru", "-lfu"))
        self.keys_total = sum(len(database.table) for database in node.databases)
        self.keys_written = 0
        self.done = False
        self._pieces = [
            writer.begin(aux),
            *(writer.function(code) for code in node.libraries.sources.values()),
        ]
        self.size_bytes = sum(map(len, self._pieces))  # of the pieces not taken yet
        self._current: View | None = None  # whose SELECT was written last
        self._large: Large | None = None  # the value that is half written
        self.views = [View(self, database) for database in node.databases if len(database.table)]
        self._left = list(reversed(self.views))
        for view in self.views:
            database = node.databases[view.index]
            database.views = (*database.views, view)

    def advance(self, most_bytes: int = SLICE_BYTES, most_us: int = SLICE_US) -> bool:
        """Write entries until there are so many bytes, or so much time has passed.  True if that was all."""
        clock = self.node.clock
        until_us = clock() + most_us
        while self._left or self._large is not None:
            if self._large is not None:
                self._go_on_with_large(self._large)
            elif self.waited_for is not None:
                view, key = self.waited_for
                view.write_large(key)
            elif self._left[-1].is_done:
                self._left.pop()
            elif not self._left[-1].list_more():
                self._left[-1].write_on(min(most_bytes, self.size_bytes + LOOK_BYTES))
            if self.size_bytes >= most_bytes or clock() >= until_us:
                return False
        if not self.done:
            self._append(self.writer.end())
            self.close()
        return True

    def advance_into(self, sink: Sink, most_us: int = SLICE_US) -> bool:
        """A slice into `sink`: one key, if a test wants the snapshot to be slow.  True if that was all."""
        is_slow = self.node.config.rdb_key_save_delay > 0
        is_last = self.advance(1 if is_slow else SLICE_BYTES, most_us)
        sink.write(self.take())
        return is_last

    def run_into(self, sink: Sink) -> None:
        """All the rest, while everybody waits.  Raises DiskError."""
        delay_us = self.node.config.rdb_key_save_delay
        try:
            while not self.advance_into(sink, most_us=1 << 62):
                if delay_us > 0:
                    self.node.sleep(delay_us)
        finally:
            if not self.done:
                self.close()

    def bytes_so_far(self) -> bytes:
        """The bytes made and not taken yet: a look, for pictures."""
        return b"".join(self._pieces)

    def take(self) -> bytes:
        """The bytes made since the last time."""
        data = self.bytes_so_far()
        self._pieces = []
        self.size_bytes = 0
        return data

    def close(self) -> None:
        """No more is written: commands need no longer tell of their changes."""
        self.done = True
        self._large = None
        for database in self.node.databases:  # SWAPDB may have carried a view elsewhere
            database.views = tuple(view for view in database.views if view.walk is not self)
        in_use = [database.table for database in self.node.databases]
        for view in self.views:
            view.close()
            if not any(view.table is table for table in in_use):  # flushed meanwhile: nobody else has it
                self.node.lazy_free.free_database(view.table, [view.expires], counts=view.frees_lazily)
            if len(view.settled) > LARGE:
                self.node.lazy_free.free_aside([view.settled, view.kept, view.queue])
        self.views, self._left, self._current = [], [], None  # views and walk know each other: no knot stays

    def write_entry(
        self, view: View, key: bytes, value: Value, expires_at_ms: int | None, is_its_turn: bool
    ) -> None:
        """Write one key down; begin to, if it is its turn and the value is large."""
        use = use_to_save(value, self.node) if self._keeps_use else (None, None)
        self.keys_written += 1
        if is_its_turn and value.kind != "string" and len(value) > LARGE:
            self._select(view)
            self._large = Large(view, key, value, self.writer.pieces(key, value, expires_at_ms, *use))
        elif self._large is not None:  # its record comes behind the one that is half written
            follower = b"".join(self.writer.pieces(key, value, expires_at_ms, *use))
            self._large.followers.append((view, follower))
        else:
            self._select(view)
            self._append(self.writer.entry(key, value, expires_at_ms, *use))

    @property
    def is_in_large(self) -> bool:
        """Is a large value half written?"""
        return self._large is not None

    def is_writing(self, view: View, key: bytes) -> bool:
        """Is this the key of the value that is half written?"""
        large = self._large
        return large is not None and large.view is view and large.key == key

    def finish_large(self) -> None:
        """Write the rest of the value that is half written, and what waits for its end."""
        while self._large is not None:
            self._go_on_with_large(self._large)

    def _go_on_with_large(self, large: Large) -> None:
        piece = next(large.pieces, None)
        if piece is not None:
            self._append(self.writer.record(piece))
            return
        self._large = None
        large.view.note_written(large.key)
        for view, follower in large.followers:
            self._select(view)
            self._append(self.writer.record(follower))

    def _select(self, view: View) -> None:
        if self._current is not view:
            self._current = view
            self._append(self.writer.database(view.index, *view.sizes))

    def _append(self, piece: bytes) -> None:
        self._pieces.append(piece)
        self.size_bytes += len(piece)


class Sink(Protocol):
    """Where the bytes of a job go.  `write` and `finish` may raise DiskError."""

    def is_full(self) -> bool:
        """Must the job wait, because what it has written has not left yet?"""
        return False

    def write(self, data: bytes) -> None: ...

    def finish(self) -> Sync | None:
        """All is written.  What is answered must be done before the job is."""


class FileSink(Sink):
    """A file, made anew, and synced in the background at the end."""

    def __init__(self, disk: Disk, path: str) -> None:
        self.disk = disk
        self.path = path
        disk.create(path)

    def write(self, data: bytes) -> None:
        self.disk.append(self.path, data)

    def finish(self) -> Sync:
        return self.disk.start_sync(self.path)


class Job:
    """A walk into a sink.  `finished(error)` is called once, in the end: None, or what went wrong."""

    def __init__(
        self, node: Node, kind: str, walk: Walk, sink: Sink, finished: Callable[[DiskError | None], None]
    ) -> None:
        self.node = node
        self.kind = kind
        self.walk = walk
        self.sink = sink
        self.started_us = node.now_us
        self.next_us = node.now_us
        self._finished = finished
        self._sync: Sync | None = None
        self._delayed_until_us = 0  # for a test that wants a slow snapshot (rdb-key-save-delay)

    def tick(self) -> bool:
        """Do a slice, or look whether the file is synced.  True when the job is over."""
        if self.node.now_us < self.next_us:
            return False
        if not self.walk.done and self.sink.is_full() and self.walk.waited_for is None:
            self.next_us = self.node.now_us + POLL_US
            return False
        return self._go_on()

    def _go_on(self) -> bool:
        try:
            if not self.walk.done:
                delay_us = self.node.config.rdb_key_save_delay
                if self.walk.advance_into(self.sink):
                    self._sync = self.sink.finish()
                now_us = self.node.clock()
                self._delayed_until_us = now_us + delay_us
                self.next_us = max(now_us + self.node.background.rest_us, self._delayed_until_us)
            elif self._sync is not None and not self._sync.done:
                self.next_us = self.node.now_us + POLL_US
        except DiskError as error:
            return self._end(error)
        if self.walk.done and (self._sync is None or self._sync.done):
            return self._end(self._sync.error if self._sync else None)
        return False

    def hand_over(self, kind: str, sink: Sink, finished: Callable[[DiskError | None], None]) -> None:
        """The rest is for somebody else."""
        self.kind, self.sink, self._finished = kind, sink, finished

    def hurry(self) -> None:
        """Go on at the next tick, if this does not stand still, or is slow by request."""
        now_us, most_us = self.node.now_us, self.node.config.rdb_key_save_delay
        is_slow = 0 < self._delayed_until_us - now_us <= most_us  # more: the clock was put back
        if self.next_us != HELD_US:
            self.next_us = self._delayed_until_us if is_slow else now_us

    def run(self) -> None:
        """All the rest in one go, but for a sync that takes its time."""
        while not self.walk.done:
            if self._go_on():
                return

    def _end(self, error: DiskError | None) -> bool:
        self.node.background.end()
        self._finished(error)
        return True


class Rest:
    """The time between two slices of a service: REST_US from `begin`, also if the clock is put back."""

    def __init__(self, node: Node) -> None:
        self.node = node
        self._until_us = 0

    @property
    def is_on(self) -> bool:
        return self.node.now_us < self._until_us <= self.node.now_us + REST_US

    def begin(self) -> None:
        self._until_us = self.node.clock() + REST_US

    def deadline_us(self) -> int:
        return min(self._until_us, self.node.now_us + REST_US)


class Background:
    """The service that runs jobs, one at a time: BGSAVE, BGREWRITEAOF, a replica's full synchronisation."""

    def __init__(self, node: Node) -> None:
        self.node = node
        self.job: Job | None = None
        self.begun = 0  # since the start or CONFIG RESETSTAT
        self.rest_us = REST_US  # 0 while a driver sees that nobody wants anything

    def start(
        self,
        kind: str,
        writer: Writer,
        sink: Sink,
        finished: Callable[[DiskError | None], None],
        aux: Mapping[str, str | int | bytes] | None = None,
    ) -> Job:
        """Begin a job; there must be none.  `kind` is "rdb", "aof" or "replica"."""
        assert self.job is None, "one job at a time"
        self.job = Job(self.node, kind, Walk(self.node, writer, aux), sink, finished)
        self.begun += 1
        if self.holds_back:
            self.node.update_observed()
        self.node.services.append(self)
        self.node.wake(self.node.now_us)
        return self.job

    def log_start(self, what: str) -> None:
        """Say that a job runs, in Redis's words; the process that does it is this one."""
        process = self.node.process_id
        self.node.log("notice", f"{what} started" if process is None else f"{what} started by pid {process}")

    def cancel(self) -> None:
        """End the job at once, as killing the child does; its `finished` is not called."""
        if self.job is not None:
            self.end()

    def end(self) -> None:
        """The job is over, one way or the other."""
        assert self.job is not None
        self.job.walk.close()
        self.job = None
        self.node.services.remove(self)

    def hold(self) -> None:
        """Let the job that runs stand still, until somebody moves it on: `job.walk.advance`, `job.run`."""
        assert self.job is not None
        self.job.next_us = HELD_US
        self.node.waiting.happened(WRITTEN)
        self.node.update_observed()

    def hurry(self) -> None:
        """Let a job that rests go on at once."""
        if self.job is not None:
            self.job.hurry()

    @property
    def holds_back(self) -> bool:
        """Is a value to be written for which others wait (holding.py)?  Not of a job that stands still."""
        job = self.job
        return job is not None and job.next_us != HELD_US and any(view.large for view in job.walk.views)

    def is_running(self, kind: str) -> bool:
        return self.job is not None and self.job.kind == kind

    @property
    def makes_rdb(self) -> bool:
        """Is the job a snapshot, for the disk or for replicas?  (CHILD_TYPE_RDB)"""
        return self.job is not None and self.job.kind in ("rdb", "replica")

    def tick(self) -> None:
        job = self.job
        if job is not None:  # another service may have ended it in this very tick
            job.tick()

    def next_deadline_us(self) -> int | None:
        return None if self.job is None else self.job.next_us

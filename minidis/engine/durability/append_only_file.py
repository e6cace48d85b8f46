"""The append-only file: every change, written down after it was made and before anybody is told.

    command --> journal --> buffer ------flush------> page cache ------fsync------> platter
                            (memory)     before the                always: before the replies
                                         replies go out            everysec: within two seconds
                                                                   no: when the kernel likes

What a crash takes depends on what crashes: the process (kill -9) takes the buffer; the power takes the page
cache, too. With `always` both are empty when replies go out. With the others the buffer is, but for two
cases:

- `everysec`, and a sync is slow. It runs in the background. If it takes longer than a second, writing waits
  for it, since a kernel would let the write stand still; but for two seconds at most, then we write whatever
  happens (`aof_delayed_fsync` counts that). So two seconds, not one, is what may be lost, and here a kill -9
  can lose some of it, too.
- A write failed (a full disk). It is cut off again at the last whole one, and stays in the buffer; writes are
  refused from then on (MISCONF), and we try again every second. With `always` the node ends instead, because
  it cannot keep its word.

Mirrors: `feedAppendOnlyFile`, `flushAppendOnlyFile`, `startAppendOnly`, `waitaofCommand` in aof.c, server.c,
replication.c.
Differs: an increment is synced before its successor is begun, so that no cut leaves a hole between them.
Complexity: O(bytes) to write; nothing when appendonly is off.

>>> from minidis.drivers.embedded import Embedded
>>> redis = Embedded({"appendonly": "yes"}, clock=0)
>>> redis.execute("SET", "k", "v")
'OK'
>>> redis.node.disk.list("appendonlydir")
['appendonly.aof.1.base.rdb', 'appendonly.aof.1.incr.aof', 'appendonly.aof.manifest']
>>> redis.node.disk.read("appendonlydir/appendonly.aof.1.incr.aof").split()[5:]
[b'*3', b'$3', b'SET', b'$1', b'k', b'$1', b'v']

Read next: aof_rewriting.py, then loading.py.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from minidis.engine import errors
from minidis.engine.durability.aof_files import AofFiles
from minidis.engine.durability.aof_rewriting import Rewriting
from minidis.engine.durability.disk import DiskError, Sync
from minidis.engine.durability.refusing import refuse_write
from minidis.engine.journal import NO_DATABASE, TO_AOF, Entry
from minidis.persistence.aof import encode_command, encode_timestamp
from minidis.protocol.replies import ReplyError

if TYPE_CHECKING:
    from minidis.engine.client import Client
    from minidis.engine.command_table.registry import Command
    from minidis.engine.node import Node

SYNC_EVERY_US = 1_000_000
LONGEST_POSTPONEMENT_US = 2_000_000
POLL_US = 5_000

OFF, WAITING, ON = "off", "waiting", "on"


AWAITED = "waitaof"
"""The topic of a WAITAOF; it happens by itself never: `serve_awaited` ends the wait."""

NO_LOG = "ERR WAITAOF cannot be used when numlocal is set but appendonly is disabled."


class AppendOnlyFile:
    """The log of one node: `off`, `waiting` for its first base (switched on at run time), or `on`."""

    def __init__(self, node: Node) -> None:
        self.node = node
        self.state = OFF
        self.follows_config = False  # set when the node is there: from then on CONFIG SET switches the log
        self.files = AofFiles(node)
        self.rewriting = Rewriting(self)
        self.path = ""  # of the increment that is written
        self.size_bytes = 0  # of base and increments
        self.written_bytes = 0  # of the increment
        self.last_sync_us = 0
        self.delayed_syncs = 0
        self.write_status = "ok"
        self.sync_status = "ok"
        self.last_error = ""
        self.synced_offset = 0  # of the journal: everything up to it is on the platter
        self.unwritten = False  # something has come in since the last flush
        self._buffer: list[bytes] = []
        self.delay_us = 0  # before each write, as DEBUG AOF-FLUSH-SLEEP says
        self._buffered_bytes = 0
        self._written_offset = 0  # of the journal
        self._unsynced = False
        self._sync: Sync | None = None
        self._sync_offset = 0
        self._postponed_since_us: int | None = None
        self._failed_us = 0
        self._database = NO_DATABASE
        self._timestamp_s = 0
        self._unsubscribe: Callable[[], None] = lambda: None

    # -- switching on and off ---------------------------------------------------------------------

    def open(self) -> None:
        """Go on with the files that were just loaded, or begin the first ones.  Raises DiskError."""
        self.path = self.files.open_at_start()
        self.size_bytes = self.files.size_bytes()
        self.rewriting.base_bytes = self.files.size_bytes(base_only=True)
        self._begin(ON)
        self._unsynced = self.written_bytes > 0  # a kill -9 may have left them in the page cache

    def update(self) -> None:
        """`appendonly` was set: switch the log on or off.  Raises DiskError when it cannot be begun."""
        wanted = self.node.config.appendonly
        if not self.follows_config or wanted == (self.state != OFF):
            return
        if not wanted:
            self.give_up()
            return
        if self.node.background.is_running("aof"):  # its base lacks what has changed since it began
            self.node.log(
                "warning",
                "AOF was enabled but there is already an AOF rewriting in background. Stopping background "
                "AOF and starting a rewrite now.",
            )
            self.rewriting.kill()
        self.path = self.files.begin_waiting()
        self._begin(WAITING)
        self.rewriting.start_or_schedule()

    def close(self) -> None:
        """Write and sync what there is, and end the log.  Raises DiskError."""
        self.rewriting.cancel()
        if self.state == WAITING:
            self.suspend()
        else:
            self.seal()
            self.stop_listening()
        self._end()

    def _end(self) -> None:
        self.state = OFF
        self.node.services.remove(self)
        self.update_guard()
        self.serve_awaited()

    def give_up(self) -> None:
        """End the log, whether the disk takes the rest of it or not: nobody wants it any more."""
        try:
            self.close()
        except DiskError as error:
            self.node.log("warning", f"Fail to fsync the AOF file: {error}")
            self.stop_listening()
            self._forget()
            self.write_status = self.sync_status = "ok"
            self._end()

    def begin_anew(self) -> None:
        """The dataset is another one: it gets a log if it is to have one, and as soon as the disk lets us."""
        try:
            self.update()
        except DiskError as error:
            self.node.log(
                "warning",
                "Failed enabling the AOF after successful master synchronization! Trying it again soon: "
                f"{error}",
            )
            self.path = self.files.temporary_increment
            self._begin(WAITING)
            self.suspend()
            self.rewriting.scheduled = True

    def seal(self) -> None:
        """Write and sync all there is: nothing more comes into this file.  Raises DiskError."""
        self.write_all()
        self.node.disk.sync(self.path)
        self.node.disk.close(self.path)
        self._synced(self._written_offset)

    def stop_listening(self) -> None:
        """Take in nothing more of the journal."""
        self._unsubscribe()
        self._unsubscribe = lambda: None

    def suspend(self) -> None:
        """The first base was not to be had: until it is tried again, write nothing that nobody could load."""
        self.stop_listening()
        self.files.remove_temporary(self.path)
        self._forget()
        self.write_status = self.sync_status = "ok"
        self.update_guard()

    def accumulate(self) -> None:
        """The first base is about to be written: what happens meanwhile goes to a file of its own."""
        self.stop_listening()
        self.begin_increment(self.files.begin_waiting())
        self._unsubscribe = self.node.journal.subscribe(self._feed)

    def _begin(self, state: str) -> None:
        node = self.node
        self.state = state
        self.begin_increment(self.path)
        self._unsubscribe = node.journal.subscribe(self._feed)
        self.synced_offset = self._written_offset = node.journal.offset
        self.last_sync_us = node.now_us
        node.services.append(self)

    def become_whole(self) -> None:
        """The first base was taken over, and all that is written behind it is synced: the log holds."""
        self.state = ON
        self._synced(self._written_offset)

    def begin_increment(self, path: str) -> None:
        """From now on, write to this file."""
        self.path = path
        self.written_bytes = self.node.disk.size(path) or 0
        self._database = NO_DATABASE  # the first command must say which database it is for
        self._forget()

    def _forget(self) -> None:
        """Nothing is left to be written or synced."""
        self._buffer.clear()
        self._buffered_bytes = 0
        self._sync = None
        self._unsynced = False

    # -- writing ----------------------------------------------------------------------------------

    def _feed(self, entry: Entry) -> None:
        """Take an entry of the journal into the buffer."""
        if not entry.targets & TO_AOF:
            return
        node = self.node
        if node.writer is not None:
            node.writer.logged_offset = entry.offset
        if node.config.aof_timestamp_enabled and node.now_us // 1_000_000 > self._timestamp_s:
            self._timestamp_s = node.now_us // 1_000_000
            self._append(encode_timestamp(self._timestamp_s))
        if entry.database not in (NO_DATABASE, self._database):
            self._database = entry.database
            self._append(encode_command([b"SELECT", b"%d" % entry.database]))
        self._append(encode_command(entry.argv))
        self.unwritten = node.unwritten = True

    def _append(self, data: bytes) -> None:
        self._buffer.append(data)
        self._buffered_bytes += len(data)

    def flush(self, force: bool = False) -> None:
        """Write the buffer, and sync as `appendfsync` says.  Called before replies go out, and by `tick`.

        Raises NodeFailure when `always` cannot be kept: the node is at its end then (`Node.fail`).
        """
        self.unwritten = False
        self.look_at_sync()
        if self._buffer:
            if not force and self._must_postpone():
                return
            if self.delay_us:
                self.node.sleep(self.delay_us)
            if not self.write():
                return
        self._sync_if_due()

    def write_all(self) -> None:
        """Write what there is, whatever it takes.  Raises DiskError, and NodeFailure as `flush` does."""
        self.flush(force=True)
        if self.write_status != "ok":
            raise DiskError("write", self.path, reason=self.last_error)

    def _must_postpone(self) -> bool:
        """True while a sync is under way and may be waited for a little longer."""
        if self._sync is None or self.node.config.appendfsync != "everysec":
            return False
        if self._postponed_since_us is None:
            self._postponed_since_us = self.node.now_us
            return True
        if not self._is_past(self._postponed_since_us, LONGEST_POSTPONEMENT_US):
            return True
        self.delayed_syncs += 1
        self.node.log(
            "notice",
            "Asynchronous AOF fsync is taking too long (disk is busy?). Writing the AOF buffer without "
            "waiting for fsync to complete, this may slow down Redis.",
        )
        return False

    def write(self) -> bool:
        """Hand the buffer to the disk.  False if that failed: it stays in the buffer, and is tried again."""
        if self.node.failure:  # a part of this may be in the file: it must not come twice
            self.node.fail(self.node.failure)
        data = b"".join(self._buffer)
        self._postponed_since_us = None
        try:
            self.node.disk.append(self.path, data)
        except DiskError as error:
            self._write_failed(data, error)
            return False
        self._note_written(len(data))
        self._buffer.clear()
        self._buffered_bytes = 0
        self._written_offset = self.node.journal.offset
        if self.write_status != "ok":
            self.node.log("warning", "AOF write error looks solved. The server can write again.")
            self.write_status = "ok"
            self.update_guard()
        return True

    def _note_written(self, count: int) -> None:
        self.written_bytes += count
        self.size_bytes += count
        self._unsynced = True

    def _write_failed(self, data: bytes, error: DiskError) -> None:
        node = self.node
        node.log("warning", f"Error writing to the AOF file: {error}")
        kept = 0
        if error.written:
            try:
                node.disk.truncate(self.path, self.written_bytes)
            except DiskError as second:
                node.log("warning", f"Could not remove short write from the append-only file: {second}")
                kept = error.written
                self._note_written(kept)
        if node.config.appendfsync == "always":
            node.fail(
                "Can't recover from AOF write error when the AOF fsync policy is 'always'. Exiting... "
                f"({error})"
            )
        self._buffer = [data[kept:]]
        self._buffered_bytes = len(data) - kept
        self.write_status = "err"
        self.last_error = error.reason
        self._failed_us = node.now_us
        self.update_guard()

    # -- syncing ----------------------------------------------------------------------------------

    def _sync_if_due(self) -> None:
        node = self.node
        policy = node.config.appendfsync
        if not self._unsynced or policy == "no":
            return
        if self._rests_from_syncing:
            return
        if policy == "always":
            try:
                node.disk.sync(self.path)
            except DiskError as error:
                node.fail(
                    "Can't persist AOF for fsync error when the AOF fsync policy is 'always': "
                    f"{error.reason}. Exiting... ({error})"
                )
            self._unsynced = False
            self.last_sync_us = node.now_us
            self._synced(self._written_offset)
        elif self._sync is None and self._is_past(self.last_sync_us, SYNC_EVERY_US):
            self.begin_sync()

    def _is_past(self, since_us: int, duration_us: int) -> bool:
        """Has so much time passed since then?  Yes if the clock was put back: nobody knows, and it may be."""
        return not 0 <= self.node.now_us - since_us < duration_us

    def begin_sync(self) -> None:
        """Let all that is written be synced, in the background."""
        self._sync = self.node.disk.start_sync(self.path)
        self._sync_offset = self._written_offset
        self._unsynced = False
        self.last_sync_us = self.node.now_us
        self.look_at_sync()

    @property
    def _rests_from_syncing(self) -> bool:
        """While a file is written in the background, `no-appendfsync-on-rewrite` leaves it the disk."""
        return bool(self.node.config.no_appendfsync_on_rewrite) and self.node.background.job is not None

    @property
    def is_syncing(self) -> bool:
        return self._sync is not None

    @property
    def has_unsynced(self) -> bool:
        """Bytes are written that no sync has taken on."""
        return self._unsynced

    def look_at_sync(self) -> None:
        """Note the end of the sync that runs in the background."""
        if self._sync is None or not self._sync.done:
            return
        error, self._sync = self._sync.error, None
        if error is None:
            self._synced(self._sync_offset)
            return
        self.node.log("warning", f"Fail to fsync the AOF file: {error}")
        self.last_error = error.reason
        self._unsynced = True
        self._note_sync_status("err")

    def _note_sync_status(self, status: str) -> None:
        if status != self.sync_status:
            self.sync_status = status
            self.update_guard()

    def _synced(self, offset: int) -> None:
        self._note_sync_status("ok")
        self.synced_offset = max(self.synced_offset, offset)
        self.serve_awaited()

    # -- a service --------------------------------------------------------------------------------

    def tick(self) -> None:
        if self.write_status == "ok" or self._is_past(self._failed_us, SYNC_EVERY_US):
            self.flush()

    def next_deadline_us(self) -> int | None:
        if self.write_status != "ok":
            return self._deadline_us(self._failed_us)
        if self._sync is not None and (self._buffer or AWAITED in self.node.waiting.queues):
            return self.node.now_us + POLL_US
        awaits_second = self._sync is None and self._unsynced and self.node.config.appendfsync == "everysec"
        if awaits_second and not self._rests_from_syncing:
            return self._deadline_us(self.last_sync_us)
        return None

    def _deadline_us(self, since_us: int) -> int:
        """A second after then, or soon: a learner's `flush` may leave undone what is due."""
        is_past = self._is_past(since_us, SYNC_EVERY_US)
        return self.node.now_us + POLL_US if is_past else since_us + SYNC_EVERY_US

    # -- WAITAOF ----------------------------------------------------------------------------------

    def acknowledged(self, client: Client) -> list[int]:
        """The reply of WAITAOF: 1 if what the client wrote is on disk here, and on how many replicas.

        A log that waits for its first base holds nothing yet: no manifest names its increment.
        """
        local = int(self.state == ON and self.synced_offset >= client.logged_offset)
        return [local, self.node.replicas_synced(client)]

    def is_satisfied(self, client: Client, local: int, replicas: int) -> bool:
        """Is what the client wrote on disk, here and on so many replicas?"""
        here, elsewhere = self.acknowledged(client)
        return here >= local and elsewhere >= replicas

    def serve_awaited(self) -> None:
        """Answer the WAITAOFs that have what they wait for, or can't get it any more."""
        for parked in tuple(self.node.waiting.queues.get(AWAITED, {}).values()):
            client, local, replicas = parked.client, int(parked.argv[1]), int(parked.argv[2])
            if local and not self.node.config.appendonly:
                self.node.waiting.answer(parked, ReplyError(NO_LOG))
            elif self.is_satisfied(client, local, replicas):
                self.node.waiting.answer(parked, self.acknowledged(client))

    # -- MISCONF and INFO -------------------------------------------------------------------------

    def update_guard(self) -> None:
        """Refuse writes while the log cannot be written, or let them pass again."""
        is_broken = self.state != OFF and "err" in (self.write_status, self.sync_status)
        self.node.set_guard(self._refuse_write, is_broken)

    def _refuse_write(self, client: Client, command: Command, argv: list[bytes]) -> None:
        refuse_write(client, command, errors.LOG_FAILED.format(self.last_error))

    def buffered_bytes(self) -> int:
        """Bytes not yet given to the disk.  Evictions make them more: they do not count against maxmemory."""
        return self._buffered_bytes

    def info(self) -> dict[str, Any]:
        """INFO persistence: the fields that are there while the log is on."""
        if self.state == OFF:
            return {}
        return {
            "aof_current_size": self.size_bytes,
            "aof_base_size": self.rewriting.base_bytes,
            "aof_pending_rewrite": int(self.rewriting.scheduled),
            "aof_buffer_length": self._buffered_bytes,
            "aof_pending_bio_fsync": int(self._sync is not None),
            "aof_delayed_fsync": self.delayed_syncs,
        }

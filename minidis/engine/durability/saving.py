"""SAVE, BGSAVE and save points: when the keyspace goes to `dbfilename`, and how the old file survives it.

    temp-4711.rdb   written, then synced;  rename -> dump.rdb;  sync of the folder

Until the rename the old file is the dataset, afterwards the new one is; an error anywhere leaves the old file
as it was and takes the temporary one away. What is lost in a crash is what came after the last save:

    save 3600 1 300 100 60 10000     BGSAVE when 60 s have passed and 10000 keys changed, or 300 and 100 ...

A save that failed is tried again after five seconds, and meanwhile writes are refused (MISCONF), so that
somebody notices: `stop-writes-on-bgsave-error`.

Mirrors: rdb.c (`rdbSave`, `saveCommand`, `bgsaveCommand`), server.c (`serverCron`,
`writeCommandsDeniedByDiskError`).
Differs: the number in the temporary file's name is always the server's, for there are no child processes; an
embedded node, which is no process of its own, calls it temp-dump.rdb. DEBUG RELOAD, the one that saves while
a BGSAVE runs, has a name of its own.
Complexity: O(bytes of the dataset); a look at the save points O(save points).

>>> from minidis.drivers.embedded import Embedded
>>> redis = Embedded(clock=0)
>>> redis.execute("SET", "k", "v"), redis.execute("SAVE"), redis.node.disk.list(".")
('OK', 'OK', ['dump.rdb'])

Read next: loading.py, the way back.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from minidis.engine import errors
from minidis.engine.durability.disk import Disk, DiskError, folder_of, join
from minidis.engine.durability.refusing import refuse_write
from minidis.engine.durability.snapshots import FileSink, Walk
from minidis.engine.version import VERSION
from minidis.persistence.rdb_format import WRITTEN_VERSION
from minidis.persistence.rdb_writer import SnapshotWriter

if TYPE_CHECKING:
    from minidis.engine.client import Client
    from minidis.engine.command_table.registry import Command
    from minidis.engine.node import Node

RETRY_AFTER_S = 5
"""CONFIG_BGSAVE_RETRY_DELAY."""


class Saving:
    """Snapshots into `dbfilename`: state, and what INFO says of it."""

    def __init__(self, node: Node) -> None:
        self.node = node
        self.last_save_s = node.now_us // 1_000_000
        self.last_try_s = 0
        self.last_status = "ok"
        self.last_duration_s = -1
        self.saves = 0  # begun by SAVE, by BGSAVE or for replicas, whatever became of them
        self.scheduled = False
        self.saved_changes = 0  # node.changes at the last save: what came since would be lost
        self.keys_loaded = 0
        self.keys_expired_at_load = 0
        self.ignores_save_points = False  # an embedded node saves when it is told to
        self.not_loaded = ""  # why the files could not be loaded: they are not saved over unasked
        self.told_us = 0  # when a replica last said that it goes on although its disk fails
        self._changes_at_start = 0
        self._background_paths = "", ""  # where a BGSAVE writes, and where it goes, whatever is set since

    @property
    def path(self) -> str:
        return join(self.node.config.dir, self.node.config.dbfilename)

    @property
    def temporary_path(self) -> str:
        """A process puts its number into the name, so that two in one folder do not write to one file."""
        process = self.node.process_id
        name = self.node.config.dbfilename if process is None else f"{process}.rdb"
        return join(self.node.config.dir, f"temp-{name}")

    @property
    def save_points(self) -> tuple[tuple[int, int], ...]:
        """Pairs of seconds and changes: a save is due when both are reached."""
        return () if self.ignores_save_points or self.not_loaded else self.node.config.save

    @property
    def changes(self) -> int:
        """rdb_changes_since_last_save."""
        return self.node.changes - self.saved_changes

    # -- in the foreground ------------------------------------------------------------------------

    def save(self, version: int = WRITTEN_VERSION) -> None:
        """Write the file now; nothing else happens meanwhile.  Raises DiskError."""
        temporary_path = self.temporary_path
        if self.node.background.is_running("rdb"):
            temporary_path += ".reload"
        try:
            write_snapshot_file(self.node, self.node.disk, self.path, temporary_path, version)
        except DiskError as error:  # its caller knows: only what fails unseen stops the writes
            self._clean_up(error, temporary_path)
            raise
        self.saved_changes = self.node.changes
        self._note_success()

    def writer(self, version: int = WRITTEN_VERSION) -> SnapshotWriter:
        """What makes the records, as configured."""
        config = self.node.config
        return SnapshotWriter(version, config.rdbcompression, config.rdbchecksum)

    # -- in the background ------------------------------------------------------------------------

    def start(self) -> bool:
        """Begin a BGSAVE; there must be no job.  False if the file cannot even be made."""
        node = self.node
        self.scheduled = False
        self.saves += 1
        self.last_try_s = node.now_us // 1_000_000
        self._changes_at_start = node.changes
        self._background_paths = self.temporary_path, self.path
        try:
            sink = FileSink(node.disk, self.temporary_path)
        except DiskError as error:
            self._give_up(error)
            return False
        node.background.start("rdb", self.writer(), sink, self._finished, snapshot_notes(node))
        node.background.log_start("Background saving")
        return True

    def adopt(self, data: bytes, changes_at_start: int) -> bool:
        """Let the job that runs, begun for others, go on as a BGSAVE; `data` is what it has made so far."""
        job = self.node.background.job
        assert job is not None
        self._background_paths = self.temporary_path, self.path
        try:
            sink = FileSink(self.node.disk, self.temporary_path)
            sink.write(data)
        except DiskError as error:
            self._give_up(error)
            return False
        self.last_try_s = job.started_us // 1_000_000
        self._changes_at_start = changes_at_start
        job.hand_over("rdb", sink, self._finished)
        return True

    def _finished(self, error: DiskError | None) -> None:
        """The job is over: put the file in place, or take it away."""
        node = self.node
        started_s = self.last_try_s
        try:
            if error is not None:
                raise error
            put_in_place(node.disk, *self._background_paths)
        except DiskError as failure:
            self._give_up(failure)
        else:
            self.saved_changes = self._changes_at_start
            self._note_success()
            node.log("notice", "Background saving terminated with success")
        self.last_duration_s = node.now_us // 1_000_000 - started_s
        self.update_guard()

    def cancel(self) -> None:
        """Stop the snapshot that is under way, for the disk or for replicas, as FLUSHALL and SHUTDOWN do."""
        if self.node.background.is_running("rdb"):
            self.node.background.cancel()
            self._remove(self._background_paths[0])
        elif self.node.background.is_running("replica"):
            self.node.replication.replicas.cancel_sync()

    def cron(self) -> None:
        """Begin what is scheduled, or due by a save point."""
        node = self.node
        if node.background.job is not None or node.loading is not None:
            return
        now_s = node.now_us // 1_000_000
        may_try = now_s - self.last_try_s > RETRY_AFTER_S or self.last_status == "ok"
        if self.scheduled and may_try:
            self.start()
            return
        for seconds, changes in self.save_points:
            if self.changes >= changes and now_s - self.last_save_s > seconds and may_try:
                node.log("notice", f"{changes} changes in {seconds} seconds. Saving...")
                self.start()
                return

    def flushed(self) -> None:
        """FLUSHALL: a snapshot of what is gone is of no use; the empty dataset is one."""
        self.cancel()
        if self.save_points:
            try:
                self.save()
            except DiskError:
                pass  # logged; FLUSHALL itself has done its part

    # -- success and failure ----------------------------------------------------------------------

    def _note_success(self) -> None:
        self.last_save_s = self.node.now_us // 1_000_000
        self.last_status = "ok"
        self.node.log("notice", "DB saved on disk")
        self.release()

    def _give_up(self, error: DiskError) -> None:
        self.last_status = "err"
        self._clean_up(error, self._background_paths[0])
        self.update_guard()

    def _clean_up(self, error: DiskError, temporary_path: str) -> None:
        self.node.log("warning", f"Write error while saving DB to the disk({error.operation}): {error}")
        self._remove(temporary_path)

    def _remove(self, temporary_path: str) -> None:
        try:
            if self.node.disk.size(temporary_path) is not None:
                self.node.disk.remove(temporary_path)
        except DiskError as error:
            self.node.log("warning", str(error))

    # -- MISCONF ----------------------------------------------------------------------------------

    def hold(self, not_loaded: str) -> None:
        """Keep files that could not be loaded, and refuse writes, until a load or a SAVE succeeds."""
        self.not_loaded = not_loaded
        self.update_guard()

    def release(self) -> None:
        """The dataset and its file are at one again; but a log that was not loaded is not open to writes.

        One that was, and could not be loaded anew, is of another dataset than what is there now.
        """
        log = self.node.append_only
        if self.not_loaded and (not self.node.config.appendonly or log.state != "off"):
            self.not_loaded = ""
            if log.state == "on":
                log.rewriting.start_or_schedule()
        self.update_guard()

    def update_guard(self) -> None:
        """Refuse writes while the last save failed, or nothing was loaded, or let them pass again."""
        config = self.node.config
        refuses = config.stop_writes_on_bgsave_error and bool(self.save_points) and self.last_status != "ok"
        self.node.set_guard(self._refuse_write, refuses or bool(self.not_loaded))

    def _refuse_write(self, client: Client, command: Command, argv: list[bytes]) -> None:
        if not self.not_loaded:
            refuse_write(client, command, errors.SAVE_FAILED)
        elif not client.is_obeyed:
            refuse_write(client, command, f"{errors.NOT_LOADED} {self.not_loaded}")


def write_snapshot_file(
    node: Node, disk: Disk, path: str, temporary_path: str, version: int = WRITTEN_VERSION
) -> None:
    """Write the dataset to `path` on some disk, all or nothing.  Raises DiskError."""
    sink = FileSink(disk, temporary_path)
    Walk(node, node.saving.writer(version), snapshot_notes(node)).run_into(sink)
    disk.sync(temporary_path)
    put_in_place(disk, temporary_path, path)


def put_in_place(disk: Disk, temporary_path: str, path: str) -> None:
    """A file that is written and synced takes the place of the old one."""
    disk.close(temporary_path)
    disk.rename(temporary_path, path)
    disk.sync_folder(folder_of(path))


def snapshot_notes(node: Node, is_aof_base: bool = False) -> Mapping[str, str | int | bytes]:
    """The notes at the start of a snapshot file (rdbSaveInfoAuxFields)."""
    return {
        "redis-ver": VERSION,
        "redis-bits": 64,
        "ctime": node.now_us // 1_000_000,
        **(node.replication.notes() if node.replication is not None else {}),
        "aof-base": int(is_aof_base),
    }

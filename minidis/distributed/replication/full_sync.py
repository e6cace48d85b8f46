"""A full synchronization: a snapshot of everything, for all replicas that wait for one.

    moment of the snapshot: offset 1000
    -> +FULLRESYNC <id> 1000                 so the replica knows where the stream goes on
    -> $EOF:<40 bytes>\\r\\n RDB <40 bytes>    diskless: nobody knows the length yet, a mark ends it
    -> $18112\\r\\n RDB                        or its length first, when the whole file is there
    -> the stream from 1001 on

The snapshot is a walk in slices between commands (engine/durability/snapshots.py); what changes meanwhile
goes into the stream. With the mark, its bytes leave as they are made, and the stream waits for the replica's
first ACK: it does not look for the mark in front of every byte. No more is made than the slowest replica
takes, and one that takes nothing for `repl-timeout` is hung up on. With the length, the file is complete
before its first byte leaves, and a replica that comes in between may still join.

Mirrors: replication.c (`startBgsaveForReplication`, `replicationSetupSlaveForFullResync`), rdb.c
(`rdbSaveToSlavesSockets`), `rdbPipeReadHandler`.
Differs: no file is written for the variant with a length; it is kept in memory while it is sent.
Complexity: O(dataset), in slices.

Read next: primary_link.py.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from minidis.engine.durability.disk import DiskError, Sync
from minidis.engine.durability.saving import snapshot_notes
from minidis.engine.durability.snapshots import Sink
from minidis.engine.journal import NO_DATABASE
from minidis.persistence.rdb_writer import SnapshotWriter
from minidis.values.base import Value

if TYPE_CHECKING:
    from minidis.distributed.replication.replicas import Replica, Replicas


class FilteredWriter(SnapshotWriter):
    """Leaves out what REPLCONF rdb-filter-only does not name; `parts` is None for all of it."""

    parts: set[str] | None = None

    def function(self, code: bytes) -> bytes:
        return super().function(code) if self.parts is None or "functions" in self.parts else b""

    def database(self, index: int, keys: int, expires: int) -> bytes:
        return super().database(index, keys, expires) if self.parts is None else b""

    def entry(
        self,
        key: bytes,
        value: Value,
        expires_at_ms: int | None = None,
        idle_s: int | None = None,
        frequency: int | None = None,
    ) -> bytes:
        return super().entry(key, value, expires_at_ms, idle_s, frequency) if self.parts is None else b""

    def pieces(
        self,
        key: bytes,
        value: Value,
        expires_at_ms: int | None = None,
        idle_s: int | None = None,
        frequency: int | None = None,
    ) -> Iterator[bytes]:
        if self.parts is None:
            yield from super().pieces(key, value, expires_at_ms, idle_s, frequency)


class FullSync(Sink):
    """One snapshot, and those who get it.  It is the sink of a background job."""

    def __init__(self, replicas: Replicas, waiting: list[Replica]) -> None:
        self.replicas = replicas
        self.replication = replicas.replication
        self.node = replicas.node
        self.waiting = waiting
        self.by_mark = self.node.config.repl_diskless_sync and all(
            "eof" in replica.capabilities for replica in waiting
        )
        self.capabilities = set.intersection(*(replica.capabilities for replica in waiting))
        self.offset = self.replication.offset
        self.changes = self.node.changes
        self.mark = b"%040x" % self.replication.random.getrandbits(160)
        self.file: list[bytes] = []
        target = "replicas sockets" if self.by_mark else "disk"
        if not self.by_mark:
            self.node.saving.saves += 1  # there is no file, but it is one to whoever counts
        self.node.log("notice", f"Starting BGSAVE for SYNC with target: {target}")
        config = self.node.config
        writer = FilteredWriter(compress=config.rdbcompression, checksum=config.rdbchecksum)
        writer.parts = waiting[0].filters
        self.node.background.start("replica", writer, self, self._finished, snapshot_notes(self.node))
        self.node.background.log_start("Background RDB transfer" if self.by_mark else "Background saving")
        self.replication.selected = NO_DATABASE  # the stream after the snapshot begins with SELECT
        for replica in waiting:
            self._set_up(replica)

    def _set_up(self, replica: Replica) -> None:
        """Tell a replica where the stream will go on, and hold that for it."""
        if not replica.rdb_only:
            self.replicas.held.hold(replica, self.offset + 1)
        if replica.expects_acks:
            replica.client.deliver_stream(f"FULLRESYNC {self.replication.id} {self.offset}")
        replica.state = "send_bulk"
        if self.by_mark:
            replica.send(b"$EOF:%b\r\n" % self.mark)

    def take_along(self, replica: Replica) -> bool:
        """Let a replica that comes late join, if the file has not left and asks no more than it can."""
        if self.by_mark or not replica.capabilities >= self.capabilities or not self.waiting:
            return False
        if replica.filters != self.waiting[0].filters:
            return False
        is_held = self.replicas.held.has(self.offset + 1)  # for the others, if they want it
        if not (replica.rdb_only or is_held or self.replication.offset == self.offset):
            return False
        self._set_up(replica)
        self.waiting.append(replica)
        return True

    def leave(self, replica: Replica) -> None:
        """A replica is gone; a snapshot for nobody ends, unless save points want it."""
        if replica in self.waiting:
            self.waiting.remove(replica)
        if not self.waiting:
            saving = self.node.saving
            is_whole = not self.by_mark and replica.filters is None
            if is_whole and saving.save_points and saving.adopt(b"".join(self.file), self.changes):
                self.replicas.sync_cancelled()
                return
            if self.by_mark:  # the words that tools look for; there is no child here
                text = "Diskless rdb transfer, last replica dropped, killing fork child."
                self.node.log("warning", text)
            self._cancel()

    def fail(self) -> None:
        """What it shows is of no use any more: hang up on those who wait; they ask again."""
        waiting, self.waiting = self.waiting, []
        self._cancel()
        for replica in waiting:
            self.node.log("warning", "SYNC failed. BGSAVE child returned an error")
            self.node.disconnect(replica.client)

    def _cancel(self) -> None:
        self.node.background.cancel()
        self.replicas.sync_cancelled()

    # -- the sink of the job ----------------------------------------------------------------------

    def is_full(self) -> bool:
        """The slowest replica sets the pace: the snapshot goes on when all have taken what there is of it."""
        if not self.by_mark:
            return False
        behind = [replica for replica in self.waiting if replica.is_behind()]  # looks at each of them
        return len(behind) > 0

    def write(self, data: bytes) -> None:
        """More of the snapshot."""
        if self.by_mark:
            self._send(data)
        else:
            self.file.append(data)

    def finish(self) -> Sync | None:
        """All of it is made."""
        if self.by_mark:
            self._send(self.mark)
            count = len(self.waiting)
            text = f"Diskless rdb transfer, done reading from pipe, {count} replicas still up."
            self.node.log("warning", text)
        else:
            file = b"".join(self.file)
            self._send(b"$%d\r\n" % len(file) + file)
        return None

    def _send(self, data: bytes) -> None:
        if data:
            for replica in self.waiting:
                replica.send(data)

    def _finished(self, error: DiskError | None) -> None:
        for replica in list(self.waiting):
            if replica.rdb_only:
                replica.state = "rdb_transmitted"  # it hangs up, or the next turn of the cron does
                continue
            replica.state = "online"
            replica.acknowledged_at_us = self.node.now_us
            if self.by_mark:
                replica.held_until_ack = True
            else:
                self.replicas.release(replica)
            self.node.log("notice", f"Synchronization with replica {replica.name} succeeded")
        self.replicas.sync_ended()

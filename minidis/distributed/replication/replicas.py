"""The primary's side: its replicas, from REPLCONF to the stream.

    REPLCONF listening-port, capa     a Replica, not yet counted
    PSYNC id offset                   +CONTINUE id, the bytes since, and online
                                      or wait_bgsave, +FULLRESYNC id offset, send_bulk, online

While a snapshot is on its way to a replica, the stream goes on without it: what comes after the snapshot's
moment is kept, and follows it.

    wait_bgsave  asked for a full copy; a snapshot will begin
    send_bulk    the snapshot is made, and its bytes are on the way (INFO still says wait_bgsave)
    online       gets the stream as it is made

Mirrors: replication.c (`syncCommand`, `masterTryPartialResynchronization`, `replicationCron`).
Read next: held_stream.py, full_sync.py.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from minidis.commands.clients import describe
from minidis.distributed.replication.full_sync import FullSync
from minidis.distributed.replication.held_stream import HeldStream
from minidis.engine.durability.snapshots import SLICE_BYTES
from minidis.engine.memory.client_memory import client_bytes
from minidis.engine.memory.output_limits import OutputMeter
from minidis.protocol.replies import Raw, ReplyError, Several

if TYPE_CHECKING:
    from minidis.distributed.replication.role import Replication
    from minidis.engine.client import Client

NEWLINE = Raw(b"\n")
"""Keeps a replica's patience alive without being a byte of the stream."""


class Replica:
    """What a primary knows of one replica."""

    def __init__(self, client: Client) -> None:
        self.client = client
        self.state = ""  # wait_bgsave, send_bulk, online; "": has not asked to be synchronized
        self.listening_port = 0
        self.announced_ip = ""
        self.capabilities: set[str] = set()
        self.rdb_only = False
        self.filters: set[str] | None = None  # REPLCONF rdb-filter-only: the parts that it wants
        self.expects_acks = True  # SYNC, the older command, knows none
        self.waits_since_us = 0
        self.acknowledged = 0
        self.acknowledged_on_disk = 0
        self.acknowledged_at_us = 0
        self.held_until_ack = False
        self.unsent_bytes = 0  # of its snapshot, when it was looked at last
        self.stalled_since_us: int | None = None  # it has taken nothing of these since
        self._meter = OutputMeter()

    def exceeds_limit(self, held_bytes: int, now_us: int) -> bool:
        """Is what is held for it more than client-output-buffer-limit allows?"""
        return self._meter.exceeds(self.client.output_limit, held_bytes, now_us)

    def is_behind(self) -> bool:
        """Is more than a slice of its snapshot still to be sent?  Notes since when it has taken nothing."""
        unsent_bytes = self.client.measure_buffers().output_bytes
        if unsent_bytes <= SLICE_BYTES:
            self.stalled_since_us = None
        elif self.stalled_since_us is None or unsent_bytes < self.unsent_bytes:
            self.stalled_since_us = self.client.node.now_us
        self.unsent_bytes = unsent_bytes
        return self.stalled_since_us is not None

    @property
    def ip(self) -> str:
        return self.announced_ip or self.client.peer.rpartition(":")[0].strip("[]")

    @property
    def name(self) -> str:
        return f"{self.ip}:{self.listening_port}"

    @property
    def shown_state(self) -> str:
        """As INFO says it: in Redis's words a replica waits for as long as its snapshot is being made."""
        return "wait_bgsave" if self.state == "send_bulk" else self.state

    def send(self, data: bytes) -> None:
        """Hand over bytes of the stream, or of a snapshot."""
        self.client.node.statistics.replication_output_bytes += len(data)
        self.client.deliver_stream(Raw(data))


class Replicas:
    """All replicas of one node, by client."""

    def __init__(self, replication: Replication) -> None:
        self.replication = replication
        self.node = replication.node
        self.candidates: dict[int, Replica] = {}  # have sent REPLCONF
        self.all: dict[int, Replica] = {}
        self.held = HeldStream()
        self.sync: FullSync | None = None
        self.looks_for_next = False  # one was cancelled, and its successor may not have begun

    def candidate(self, client: Client) -> Replica:
        """The record of a client that speaks as a replica does."""
        return self.all.get(client.id) or self.candidates.setdefault(client.id, Replica(client))

    def used_bytes(self) -> int:
        """What their links hold, and what is held for them."""
        return self.held.length_bytes + sum(client_bytes(replica.client) for replica in self.all.values())

    # -- synchronizing ----------------------------------------------------------------------------

    def synchronize(self, client: Client, wanted_id: str | None, offset: int) -> Several:
        """PSYNC, or SYNC without an id: bring the client up to date, then let it have the stream."""
        replication = self.replication
        replica = self.candidate(client)
        if wanted_id is not None and self._may_continue(replica, wanted_id, offset):
            replication.partial_syncs += 1
            return Several()
        if wanted_id is None:
            replica.expects_acks = False
        elif wanted_id != "?":
            replication.refused_partial_syncs += 1
        replication.full_syncs += 1
        self._enlist(replica, "wait_bgsave")
        replica.waits_since_us = self.node.now_us
        if len(self.all) == 1:
            replication.ensure_backlog()
        if self.sync is not None and self.sync.take_along(replica):
            return Several()
        config = self.node.config
        diskless = config.repl_diskless_sync and "eof" in replica.capabilities
        if diskless and config.repl_diskless_sync_delay:
            self.node.log("notice", "Delay next BGSAVE for diskless SYNC")
        else:
            self._begin_sync()
        return Several()

    def missing_bytes(self, wanted_id: str, offset: int, name: str = "") -> bytes | None:
        """What a replica that knows a history up to `offset` lacks; None: only a full copy helps it."""
        replication = self.replication
        backlog = replication.backlog
        by_second_id = wanted_id == replication.second_id and offset <= replication.second_id_until
        if wanted_id != replication.id and not by_second_id:
            if wanted_id != "?":
                self.node.log("notice", "Partial resynchronization not accepted: Replication ID mismatch")
            return None
        if backlog is not None and not backlog.has(offset) and self.held.has(offset):
            return self.held.read(offset)
        if backlog is None or not backlog.has(offset):
            self.node.log(
                "notice",
                f"Unable to partial resync with replica {name} for lack of backlog "
                f"(Replica request was: {offset}).",
            )
            return None
        return backlog.read(offset)

    def _may_continue(self, replica: Replica, wanted_id: str, offset: int) -> bool:
        """Partial resynchronization, if we share the history and still have the bytes."""
        missing = self.missing_bytes(wanted_id, offset, replica.name)
        if missing is None:
            return False
        self._enlist(replica, "online")
        replica.acknowledged_at_us = self.node.now_us
        history = self.replication.id
        replica.client.deliver_stream(
            f"CONTINUE {history}" if "psync2" in replica.capabilities else "CONTINUE"
        )
        if missing:
            replica.client.deliver_stream(Raw(missing))
        self.node.log(
            "notice",
            f"Partial resynchronization request from {replica.name} accepted. Sending {len(missing)} bytes "
            f"of backlog starting from offset {offset}.",
        )
        return True

    def _enlist(self, replica: Replica, state: str) -> None:
        replica.state = state
        replica.client.take_role("replica")
        self.candidates.pop(replica.client.id, None)
        self.all[replica.client.id] = replica

    def _begin_sync(self) -> None:
        """Start a snapshot for all who wait, if none is on its way."""
        waiting = [replica for replica in self.all.values() if replica.state == "wait_bgsave"]
        waiting = [replica for replica in waiting if replica.filters == waiting[0].filters]
        if waiting and self.sync is None and self.node.background.job is None:
            self.sync = FullSync(self, waiting)

    def sync_ended(self) -> None:
        """The snapshot is sent.  The next one may begin."""
        self.sync = None
        self._begin_sync_if_due()

    def sync_cancelled(self) -> None:
        """The snapshot is in vain.  The next one may begin, but not yet.

        This may be in the middle of an EXEC or a script (CLIENT KILL; a replica that hangs up; a stream that
        is too much for one): what that has changed would be in the snapshot, and come again from the stream.
        """
        self.sync = None
        self.looks_for_next = True
        self.node.wake(self.node.now_us)  # in a tick that has begun, it is `next_deadline_us` that tells

    def begin_next(self) -> None:
        """Start the snapshot for which another stood in the way."""
        self.looks_for_next = False
        self._begin_sync_if_due()

    def cancel_sync(self) -> None:
        """The snapshot on its way is not wanted any more: nobody should load what is gone."""
        if self.sync is not None:
            self.sync.fail()

    def _begin_sync_if_due(self) -> None:
        config = self.node.config
        waits_us = [
            self.node.now_us - replica.waits_since_us
            for replica in self.all.values()
            if replica.state == "wait_bgsave"
        ]
        if not waits_us or self.sync is not None:
            return
        enough = 0 < config.repl_diskless_sync_max_replicas <= len(waits_us)
        in_time = max(waits_us) >= config.repl_diskless_sync_delay * 1_000_000
        if enough or in_time or not config.repl_diskless_sync:
            self._begin_sync()

    # -- the stream -------------------------------------------------------------------------------

    def feed(self, data: bytes) -> None:
        """The stream's next bytes, to all who are in it; too much held for one is the end of its link."""
        over = []
        self.held.append(data)
        for replica in self.all.values():
            if replica.state == "wait_bgsave" or replica.rdb_only:
                continue
            if not self.held.holds(replica):
                replica.send(data)
            elif replica.exceeds_limit(self.held.behind_bytes(replica), self.node.now_us):
                over.append(replica)
        for replica in over:
            self.node.log("warning", f"Replica {replica.name} closed for overcoming of output buffer limits.")
            self.node.disconnect(replica.client)

    def release(self, replica: Replica) -> None:
        """The snapshot is there: what was held follows it."""
        replica.held_until_ack = False
        if held := self.held.take(replica):
            replica.send(held)

    def acknowledged(self, client: Client, offset: int, on_disk: int | None) -> None:
        """REPLCONF ACK."""
        replica = self.all.get(client.id)
        if replica is None:
            return
        replica.acknowledged = max(replica.acknowledged, offset)
        if on_disk is not None:
            replica.acknowledged_on_disk = max(replica.acknowledged_on_disk, on_disk)
        replica.acknowledged_at_us = self.node.now_us
        if replica.held_until_ack:
            self.release(replica)
        self.node.waiting.happened("replica acks")
        if on_disk is not None:
            self.node.append_only.serve_awaited()

    def count_acknowledged(self, offset: int) -> int:
        """How many replicas have processed everything up to `offset`."""
        return sum(
            replica.state == "online" and replica.acknowledged >= offset for replica in self.all.values()
        )

    def count_acknowledged_on_disk(self, offset: int) -> int:
        """How many replicas have it in their append-only file, synced."""
        return sum(
            replica.state == "online" and replica.acknowledged_on_disk >= offset
            for replica in self.all.values()
        )

    def lag_s(self, replica: Replica) -> int:
        """Whole seconds since its last acknowledgement."""
        return self.node.now_us // 1_000_000 - replica.acknowledged_at_us // 1_000_000

    def count_good(self) -> int:
        """Replicas that are online and have answered within min-replicas-max-lag."""
        limit_s = self.node.config.min_replicas_max_lag
        return sum(
            replica.state == "online" and self.lag_s(replica) <= limit_s for replica in self.all.values()
        )

    # -- before the end ---------------------------------------------------------------------------

    def lagging(self) -> list[Replica]:
        """Those who have not told that they have everything."""
        return [one for one in self.all.values() if one.acknowledged != self.replication.offset]

    def log_lags(self) -> None:
        """Say who has everything, now that the server ends."""
        lagging = self.lagging()
        for replica in lagging:
            behind = self.replication.offset - replica.acknowledged
            lag_s = self.lag_s(replica) if replica.state == "online" else 0
            self.node.log(
                "warning",
                f"Lagging replica {replica.name} reported offset {behind} behind master, lag={lag_s}, "
                f"state={replica.shown_state}.",
            )
        if self.all:
            count = len(self.all) - len(lagging)
            self.node.log("notice", f"{count} of {len(self.all)} replicas are in sync when shutting down.")

    # -- coming and going -------------------------------------------------------------------------

    def refuse_reply(self, client: Client, reply: Any) -> None:
        """Hang up on a replica that has asked for a reply: on its link that would be bytes of the stream."""
        if isinstance(reply, ReplyError):
            self.replication.note_error(client, "master", "replica", reply)
        self.node.log(
            "warning",
            f"Replica generated a reply to command '{client.last_command or '<unknown>'}', disconnecting it: "
            f"{describe(client)}",
        )
        client.abort()

    def leave(self, client: Client) -> None:
        """A connection is gone."""
        self.replication.admission.written_up_to.pop(client.id, None)
        self.candidates.pop(client.id, None)
        replica = self.all.pop(client.id, None)
        if replica is None:
            return
        self.node.log("notice", f"Connection with replica {replica.name} lost.")
        self.held.leave(replica)
        if self.sync is not None:
            self.sync.leave(replica)
        if not self.all:
            self.replication.without_replicas_since_us = self.node.now_us

    def disconnect_all(self) -> None:
        """Hang up on every replica: it comes back, and is told what has changed."""
        for replica in list(self.all.values()):
            self.node.disconnect(replica.client)

    def cron(self, ping: bool) -> None:
        """Once a second."""
        if ping and self.all and not self.replication.is_replica and not self._is_failing_over():
            self.replication.say([b"PING"])
        for replica in list(self.all.values()):
            if replica.state == "wait_bgsave" or (replica.state == "send_bulk" and self._writes_file()):
                replica.client.deliver_stream(NEWLINE)
            if replica.state == "rdb_transmitted":
                self.node.disconnect(replica.client)
            if what := self._timed_out(replica):
                self.node.log("warning", f"Disconnecting timedout replica ({what}): {replica.name}")
                self.node.disconnect(replica.client)
        self._begin_sync_if_due()

    def _timed_out(self, replica: Replica) -> str:
        """In what a replica has kept silent for too long; "" if it hasn't.

        One that takes nothing of a file harms nobody; without a file all wait for the slowest.
        """
        heard_us, what = replica.acknowledged_at_us, "streaming sync"
        if replica.state == "send_bulk" and replica.stalled_since_us is not None:
            heard_us, what = replica.stalled_since_us, "full sync"
        elif replica.state != "online" or not replica.expects_acks:
            return ""
        return what if self.node.now_us - heard_us > self.node.config.repl_timeout * 1_000_000 else ""

    def _writes_file(self) -> bool:
        """True while a snapshot is made whose bytes do not leave yet."""
        return self.sync is not None and not self.sync.by_mark

    def _is_failing_over(self) -> bool:
        return self.replication.failover is not None

    def find(self, host: str, port: int) -> Replica | None:
        """The replica at an address."""
        for replica in self.all.values():
            if replica.ip.lower() == host.lower() and replica.listening_port == port:
                return replica
        return None


def refuse_sync(replication: Replication) -> None:
    """Raise the error for a PSYNC that cannot be served just now."""
    if replication.failover is not None:
        raise ReplyError("NOMASTERLINK Can't SYNC while failing over")
    if replication.is_replica and (replication.link is None or not replication.link.is_connected):
        raise ReplyError("NOMASTERLINK Can't SYNC while not connected with my master")

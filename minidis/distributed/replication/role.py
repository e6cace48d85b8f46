"""Replication: one stream of commands, and who is where in it.

    primary                                    replica
    journal -> stream: SELECT 0, SET k v ...   link: handshake, PSYNC, then the stream's bytes
       |                                          |
       +-> offset 1000, backlog                   +-> its own offset and backlog: the same bytes
       +-> every replica's connection             +-> its own replicas' connections: the same bytes

A *history* has a name, the replication id, and every byte of it a number, the offset. Two nodes that agree
on both hold the same data. So a replica that was away asks for (id, next offset), and if the primary still
has that byte in its backlog, the missing bytes are all it needs (partial resynchronization); else it gets a
snapshot first.

When a replica is promoted, a new history begins where the old one ended: it draws a new id and remembers
the old one as its second id, good up to the offset of the turn. The other replicas, and even the former
primary, can then go on from there with what they have, as long as they did not go further than that.

    id  A  ...... 1000 |                       the primary fails; b has everything up to 1000
    id2 A, up to  1001 | id B  ...... 1200     b is promoted: whoever asks for (A, <= 1001) may go on

A replica sends the very bytes that it gets on to its own replicas, so a chain shares one history.

Mirrors: replication.c (`replicationFeedSlaves`, `shiftReplicationId`, `replicationSetMaster`,
`replicationCron`).
Differs: the stream is encoded once for each command and copied for each replica; Redis 7 shares blocks.
Complexity: O(bytes * replicas) for each change; nothing is built before the first replica comes.

Read next: replicas.py (the primary's side), primary_link.py (the replica's), admission.py, commands.py.
"""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any

from minidis.distributed.replication.admission import Admission
from minidis.distributed.replication.backlog import Backlog
from minidis.distributed.replication.own_keys import OwnKeys
from minidis.distributed.replication.primary_link import CachedPrimary, PrimaryLink
from minidis.distributed.replication.replicas import Replicas
from minidis.engine.journal import NO_DATABASE, TO_REPLICAS, Entry
from minidis.protocol.numbers import parse_integer
from minidis.protocol.replies import ReplyError
from minidis.protocol.resp import encode_command

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from minidis.engine.client import Client
    from minidis.engine.node import Node

NO_ID = "0" * 40
CRON_US = 1_000_000
HURRIED_CRON_US = 100_000
"""How often a failover is looked at."""

REPLICA_ACKS = "replica acks"
"""The topic that WAIT waits for."""

UNBLOCKED = "UNBLOCKED force unblock from blocking operation, instance state changed (master -> replica?)"


class Replication:
    """The part that a node plays in replication: `node.replication`."""

    def __init__(self, node: Node) -> None:
        self.node = node
        self.random = random.Random(node.run_id)  # its own lots: those of commands stay as they are
        self.id = self._new_id()
        self.second_id = NO_ID
        self.second_id_until = -1
        """The first offset that the second id is *not* good for; -1 without one."""
        self.offset = 0
        """The last byte of the stream."""
        self.backlog: Backlog | None = None
        self.make_backlog: Callable[[int, int], Backlog] = Backlog
        self.selected = NO_DATABASE
        """The database that the stream is in; NO_DATABASE makes the next command begin with SELECT."""
        self.replicas = Replicas(self)
        self.primary_address: tuple[str, int] | None = None
        """None: this node is a primary."""
        self.link: PrimaryLink | None = None
        self.cached_primary: CachedPrimary | None = None
        self.down_since_us = 0
        self.without_replicas_since_us = node.now_us
        self.reset_counts()
        node.on_reset_statistics.append(self.reset_counts)
        self.admission = Admission(self)
        self.own_keys = OwnKeys(node)
        self.failover: Any = None  # a Failover under way
        self.cron_runs = 0
        node.replicas_synced = self._count_synced
        self.asked_at = -1  # the offset at which replicas were last asked for acknowledgements
        self._next_cron_us: int | None = None
        self._stop_feeding: Callable[[], None] | None = None
        node.services.append(self)
        node.on_disconnect.append(self.replicas.leave)
        node.memory.add_part("replication.backlog", self._backlog_bytes)
        node.memory.add_part("clients.slaves", self.replicas.used_bytes, grows_by_eviction=True)
        node.config_listeners.append(self._config_changed)
        if node.config.replicaof:
            host, port = node.config.replicaof.split()
            self.primary_address = (host, int(port))
            self._role_changed()
        self.admission.update()

    def reset_counts(self) -> None:
        """CONFIG RESETSTAT."""
        self.full_syncs = self.partial_syncs = self.refused_partial_syncs = 0

    # -- the history ------------------------------------------------------------------------------

    def _new_id(self) -> str:
        return f"{self.random.getrandbits(160):040x}"

    def _backlog_bytes(self) -> int:
        return self.backlog.length_bytes if self.backlog is not None else 0

    def begin_new_history(self) -> None:
        """A new id, and nothing of the past."""
        self.id = self._new_id()
        self.second_id, self.second_id_until = NO_ID, -1

    def turn_history(self) -> None:
        """Go on under a new id; the old one stays good up to here."""
        self.second_id, self.second_id_until = self.id, self.offset + 1
        self.id = self._new_id()

    def adopt_history(self, replication_id: str, offset: int) -> None:
        """A full copy of another node's data: its history is ours now."""
        self.id, self.offset = replication_id, offset
        self.second_id, self.second_id_until = NO_ID, -1
        self.own_keys.forget()
        self.create_backlog()

    def create_backlog(self) -> None:
        """An empty backlog for what comes after `offset`."""
        self.backlog = self.make_backlog(self.node.config.repl_backlog_size, self.offset + 1)
        self._become_active()

    def ensure_backlog(self) -> None:
        """Before the first replica: from now on every byte of the stream has a number."""
        if self.backlog is None:
            self.begin_new_history()  # what happened before was not counted
            self.create_backlog()

    def _become_active(self) -> None:
        """There is something to do each second, and something to look at before commands."""
        if self._next_cron_us is None:  # its turns are counted from the start, whether there was work or not
            age_us = max(0, self.node.now_us - self.node.started_us)
            self.cron_runs = -(-age_us // CRON_US)
            self._next_cron_us = self.node.now_us - age_us + self.cron_runs * CRON_US
            self.node.wake(self._next_cron_us)
        if self._stop_feeding is None and self.backlog is not None:
            self._stop_feeding = self.node.journal.subscribe(self._enter)
        self.admission.update()

    def _config_changed(self, attributes: list[str]) -> None:
        if "repl_backlog_size" in attributes and self.backlog is not None:
            self.backlog.resize(self.node.config.repl_backlog_size)
        self.admission.update()
        self.own_keys.update()

    def notes(self) -> dict[str, str | int | bytes]:
        """Where we are, for a snapshot: whoever loads it can go on from there."""
        if self.backlog is None:
            return {}
        return {
            "repl-stream-db": max(self._stream_database(), 0),
            "repl-id": self.id,
            "repl-offset": self.offset,
        }

    def _stream_database(self) -> int:
        """The database that the stream is in; a replica without a link goes on where the last one stood."""
        if not self.is_replica:
            return self.selected
        if self.link is not None and self.link.is_connected:
            return self.link.database
        return self.cached_primary.database if self.cached_primary is not None else 0

    def restore(self, notes: Mapping[bytes, bytes], expired: Iterable[tuple[int, bytes]]) -> None:
        """The dataset was loaded from a snapshot: go on from the place in a history that it names.

        A replica asks for what came after it.  A primary lets its former replicas go on; they still have the
        keys that it has left out, because their time was over (`expired`): so their end opens the stream.
        """
        offset = parse_integer(notes.get(b"repl-offset", b""))
        database = parse_integer(notes.get(b"repl-stream-db", b""))
        former_id = notes.get(b"repl-id", b"").decode("latin-1")
        if offset is None or database is None or len(former_id) != len(NO_ID):
            return
        if self.is_replica:
            self.id, self.offset = former_id, offset
            self.cached_primary = CachedPrimary(former_id, offset, database)
        else:
            self.offset = offset
            self.second_id, self.second_id_until = former_id, offset + 1
            self.without_replicas_since_us = self.node.now_us
            self.create_backlog()
            word = b"UNLINK" if self.node.config.lazyfree_lazy_expire else b"DEL"
            for database_index, key in expired:
                self.say([word, key], database_index)

    # -- the stream -------------------------------------------------------------------------------

    def _enter(self, entry: Entry) -> None:
        """A change of this node's own: it goes into the stream, unless the stream comes from elsewhere."""
        if self.primary_address is not None or not entry.targets & TO_REPLICAS:
            return
        self.say(entry.argv, entry.database)
        client = self.node.writer
        if client is not None:
            self.admission.written_up_to[client.id] = self.offset

    def say(self, argv: list[bytes], database: int = NO_DATABASE) -> None:
        """Put a command into the stream, with the SELECT that it needs."""
        if self.backlog is None:
            return
        data = encode_command(argv)
        if database not in (NO_DATABASE, self.selected):
            self.selected = database
            data = encode_command([b"SELECT", b"%d" % database]) + data
        self.feed(data)

    def feed(self, data: bytes) -> None:
        """The stream goes on with these bytes: our own, or those of our primary."""
        if self.backlog is None:
            return
        self.offset += len(data)
        self.backlog.append(data)
        if self.replicas.all:
            self.replicas.feed(data)

    # -- roles ------------------------------------------------------------------------------------

    @property
    def is_replica(self) -> bool:
        return self.primary_address is not None

    def follow(self, host: str, port: int) -> None:
        """REPLICAOF: become a replica of another node, or of another one than before."""
        was_primary = self.primary_address is None
        self._drop_link()
        self.primary_address = (host, port)
        for client in list(self.node.clients.values()):
            if self.node.waiting.unblock(client, ReplyError(UNBLOCKED)):
                client.dismiss()
        if was_primary:  # whoever was promoted in our place may let us go on from here
            self.cached_primary = CachedPrimary(self.id, self.offset)
        self._role_changed()
        self.node.log("notice", f"Connecting to MASTER {host}:{port}")
        self.connect()

    def lead(self) -> None:
        """REPLICAOF NO ONE: become a primary, with a history that goes on from here."""
        if self.primary_address is None:
            return
        self._drop_link()
        self.primary_address = None
        self.cached_primary = None
        self.turn_history()
        self.replicas.disconnect_all()  # they ask again, and learn of the new id
        self.selected = NO_DATABASE
        self.without_replicas_since_us = self.node.now_us
        self.down_since_us = 0
        self._role_changed()

    def _role_changed(self) -> None:
        address = self.primary_address
        shown = "" if address is None else f"{address[0]} {address[1]}"
        setattr(self.node.config, "replicaof", shown)  # noqa: B010  (its attributes are made from a table)
        self.node.is_replica = self.is_replica
        self.node.hold_expiry("replica", self.is_replica)
        for listener in self.node.config_listeners:  # `own_keys` hears of it in our own
            listener(["replicaof"])
        self._become_active()

    def _drop_link(self) -> None:
        link, self.link = self.link, None
        if link is not None:
            link.close()
            self.cached_primary = link.cached() or self.cached_primary

    def connect(self) -> None:
        """Begin a new attempt at the primary."""
        assert self.primary_address is not None
        self.link = PrimaryLink(self, *self.primary_address)

    def link_lost(self, link: PrimaryLink, reason: str, try_at_once: bool) -> None:
        """The link is no more; at once, or at the next turn of the cron, another is tried."""
        if self.link is not link:
            return
        self.link = None
        self.cached_primary = link.cached() or self.cached_primary
        if link.was_connected:
            self.down_since_us = self.node.now_us
        host, port = link.address
        self.node.log("notice", f"MASTER {host}:{port} link lost: {reason}")
        if try_at_once and self.primary_address is not None:
            self.node.log("notice", f"Reconnecting to MASTER {host}:{port}")
            self.connect()

    # -- time -------------------------------------------------------------------------------------

    def next_deadline_us(self) -> int | None:
        """When `tick` is wanted."""
        if self.replicas.looks_for_next or self._may_go_on():
            return self.node.now_us
        return self._next_cron_us

    def _may_go_on(self) -> bool:
        """Is that over for which a command of the primary had to wait?"""
        return self.link is not None and self.link.may_go_on()

    def tick(self) -> None:
        """The work of each second."""
        now_us = self.node.now_us
        if self._may_go_on():
            assert self.link is not None
            self.link.go_on()
        if self.replicas.looks_for_next:
            self.replicas.begin_next()
        if self._next_cron_us is None or now_us < self._next_cron_us <= now_us + CRON_US:
            return  # further away: the clock was put back
        if self.failover is not None:
            self.failover.look()
        self._next_cron_us = now_us + (CRON_US if self.failover is None else HURRIED_CRON_US)
        if self.link is not None:
            self.link.check_time()
        if self.primary_address is not None and self.link is None and self.node.loading is None:
            self.connect()
        if self.link is not None:
            self.link.acknowledge()
        self.replicas.cron(ping=self.cron_runs % self.node.config.repl_ping_replica_period == 0)
        self.cron_runs += 1
        self._free_backlog_in_time()

    def _free_backlog_in_time(self) -> None:
        limit_s = self.node.config.repl_backlog_ttl
        if self.backlog is None or self.is_replica or self.replicas.all or not limit_s:
            return
        if self.node.now_us - self.without_replicas_since_us > limit_s * 1_000_000:
            self.begin_new_history()  # from here on nothing is counted
            self.backlog = None
            self._next_cron_us = None
            if self._stop_feeding is not None:
                self._stop_feeding()
                self._stop_feeding = None
            self.admission.update()
            self.node.log(
                "notice", f"Replication backlog freed after {limit_s} seconds without connected replicas."
            )

    def hurry(self) -> None:
        """A failover has begun: look at it soon, and often."""
        self._next_cron_us = self.node.now_us + HURRIED_CRON_US
        self.node.wake(self._next_cron_us)

    # -- acknowledgements -------------------------------------------------------------------------

    def note_error(self, client: Client, role: str, to_role: str, error: ReplyError) -> None:
        """What `client`, the other end of a link, has sent is refused: something is wrong with one of us."""
        self.node.statistics.unexpected_error_replies += 1
        self.node.log(
            "warning",
            f"== CRITICAL == This {role} is sending an error to its {to_role}: '{error}' after processing "
            f"the command '{client.last_command or '<unknown>'}'",
        )

    def offset_written_by(self, client: Client) -> int:
        """The end of what this client has written: what WAIT waits for."""
        return self.admission.written_up_to.get(client.id, 0)

    def ask_for_acks(self, offset: int) -> None:
        """Ask the replicas how far they are, by a command in the stream behind `offset`: once is enough."""
        if self.asked_at < offset or self.offset == offset:
            self.asked_at = self.offset
            self.say([b"REPLCONF", b"GETACK", b"*"])

    def _count_synced(self, client: Client) -> int:
        """How many replicas have synced to disk what this client has written (WAITAOF)."""
        offset = self.offset_written_by(client)
        self.ask_for_acks(offset)
        return self.replicas.count_acknowledged_on_disk(offset)

"""The replica's side: the link to its primary, from the first PING to the stream.

    state          sends                                        waits for
    connecting                                                  the connection
    ping           PING                                         +PONG, or that AUTH is wanted
    handshake      AUTH, REPLCONF listening-port, ip-address,   +OK for each; an old primary's errors are
                   capa eof capa psync2, all at once             survived, a refused AUTH is not
    psync          PSYNC <id> <next offset>, or PSYNC ? -1      +CONTINUE: connected; +FULLRESYNC: sync
    sync                                                        $<length> or $EOF:<mark>, the snapshot
    connected      REPLCONF ACK <offset>, each second           the stream

What comes in state "connected" is run as commands of a client that may do anything, and then fed on, byte
for byte, to this node's own backlog and replicas. A transaction counts when it is whole.

A lost link leaves what is needed to go on: the id, the offset, and the database that the stream was in.

Mirrors: replication.c (`syncWithMaster`, `slaveTryPartialResynchronization`, `readSyncBulkPayload`,
`replicationCacheMaster`), networking.c (`commandProcessed`).
Differs: the snapshot is always read as it comes, into tables of its own, and takes the place of the old
data when it is whole and sound: nothing is lost by a bad transfer.
Complexity: O(bytes).

Read next: receiving.py.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

from minidis.distributed.replication.receiving import Receiver
from minidis.engine.durability import holding
from minidis.engine.durability.append_only_file import OFF, ON
from minidis.persistence.rdb_format import RdbError
from minidis.protocol.numbers import parse_integer
from minidis.protocol.replies import ReplyError
from minidis.protocol.resp import ProtocolError, StreamParser, encode_command
from minidis.structures.record import record

if TYPE_CHECKING:
    from minidis.distributed.replication.role import Replication
    from minidis.engine.peers import Peer

LONGEST_LINE = 1024
ID_LENGTH = 40


@record
class CachedPrimary:
    """Where a link stood when it was lost."""

    id: str
    offset: int
    database: int = 0


class PrimaryLink:
    """One attempt at the primary, and what became of it.  It is the handler of its peer."""

    def __init__(self, replication: Replication, host: str, port: int) -> None:
        self.replication = replication
        self.node = replication.node
        self.address = (host, port)
        self.state = "connecting"
        self.was_connected = False
        self.cache = replication.cached_primary
        self.last_heard_us = self.node.now_us
        self.id = ""
        self.offset = -1
        """The last byte of the stream whose command has run; -1 for a primary that knows no PSYNC."""
        self.receiver: Receiver | None = None
        self._buffer = bytearray()
        self._parser = StreamParser()
        self._unfed = bytearray()  # of the stream: has come, but its command has not run
        self.held: list[bytes] | None = None  # the command that waits: see `_must_wait`
        self._fed_position = 0
        self._marks: deque[tuple[int, int]] = deque()  # (offset of our journal, of the stream)
        self._on_disk = 0
        self._awaited: list[str] = []  # replies of the handshake
        self.client = self.node.connect()
        self.client.take_role("master")
        self.client.user = self.node.users.new_superuser()
        self.client.authenticated = True
        self.client.update_gate()
        self.client.peer = f"{host}:{port}"
        self.client.on_close = self._client_closed
        self.peer = self.node.peers.open(host, port, self, tls=self.node.config.tls_replication)

    @property
    def is_connected(self) -> bool:
        return self.state == "connected"

    @property
    def database(self) -> int:
        """The database that the stream is in."""
        return self.client.db.index

    @property
    def read_offset(self) -> int:
        """The last byte that has come, run or not."""
        return self.offset + len(self._unfed)

    @property
    def transfer_bytes(self) -> tuple[int, int]:
        """Of the snapshot that is on its way: its size (0 while it is not known), and what is here."""
        if self.receiver is None:
            return 0, 0
        return self.receiver.total_bytes, self.receiver.loaded_bytes

    # -- the peer's events ------------------------------------------------------------------------

    def connected(self, peer: Peer) -> None:
        self.node.log("notice", "Non blocking connect for SYNC fired the event.")
        self._hear()
        self.state = "ping"
        self._send(b"PING")

    def received(self, peer: Peer, data: bytes) -> None:
        self._hear()
        self.node.statistics.replication_input_bytes += len(data)
        if self.state == "connected":
            self._take_stream(data)
            return
        self._buffer += data
        try:
            while self.peer.state == "open" and self._step():
                pass
        except RdbError as error:
            self._fail(f"Failed trying to load the MASTER synchronization DB: {error}")

    def lost(self, peer: Peer, reason: str) -> None:
        if self.receiver is not None:
            self._log_short_snapshot(self.receiver)
        self._end(reason, try_at_once=self.was_connected)

    def _log_short_snapshot(self, receiver: Receiver) -> None:
        """The connection was lost in the middle of a snapshot: in Redis's words for each way to load one."""
        if self.node.loading is not receiver:
            self.node.log("warning", "I/O error trying to sync with MASTER: connection lost")
            return
        self.node.log(
            "warning",
            f"Internal error in RDB reading offset {receiver.loaded_bytes} -> Unexpected EOF reading RDB "
            "file. Failure loading rdb format from socket, assuming connection error, resuming operation.",
        )
        self.node.log(
            "warning", "Failed trying to load the MASTER synchronization DB from socket, check server logs."
        )

    def _hear(self) -> None:
        self.last_heard_us = self.node.now_us

    def _client_closed(self) -> None:
        """CLIENT KILL of the primary's client: the link goes, and another attempt begins."""
        self._end("killed", try_at_once=True)

    def close(self) -> None:
        """Give the link up, without another attempt."""
        self.peer.close()
        if self.receiver is not None:
            self.receiver.leave()
        if not self.client.closed:
            self.client.on_close = None
            self.node.disconnect(self.client)

    def _end(self, reason: str, try_at_once: bool = False) -> None:
        self.close()
        self.replication.link_lost(self, reason, try_at_once)

    def _fail(self, reason: str) -> None:
        """This attempt is over; the next one comes with the cron."""
        self.node.log("warning", reason)
        self._end(reason)

    def check_time(self) -> None:
        """Once a second: has the primary been silent for too long?"""
        silent_us = self.node.now_us - self.last_heard_us
        if silent_us > self.node.config.repl_timeout * 1_000_000:
            reason = {
                "connected": "MASTER timeout: no data nor PING received...",
                "sync": "Timeout receiving bulk data from MASTER...",
            }.get(self.state, "Timeout connecting to the MASTER...")
            self.node.log("warning", reason)
            self._end(reason, try_at_once=True)

    def cached(self) -> CachedPrimary | None:
        """What a next attempt may go on from."""
        if self.was_connected:
            return CachedPrimary(self.id, self.offset, self.database) if self.offset >= 0 else None
        return self.cache

    # -- the handshake ----------------------------------------------------------------------------

    def _send(self, *words: bytes) -> None:
        self.peer.send(encode_command(words))

    def _step(self) -> bool:
        """Take one reply, or a piece of the snapshot, out of the buffer.  False: there is not enough yet."""
        if self.receiver is not None:
            return self._take_snapshot()
        line = self._take_line()
        if line is None:
            return False
        if not line:
            return True  # a newline: the primary is there, and still busy
        match self.state:
            case "ping":
                self._take_pong(line)
            case "handshake":
                self._take_handshake(line)
            case "psync":
                self._take_psync(line)
            case "sync":
                self._begin_snapshot(line)
        return True

    def _take_line(self) -> str | None:
        end = self._buffer.find(b"\n")
        if end < 0:
            if len(self._buffer) > LONGEST_LINE:
                self._fail("The primary's reply has no end")
            return None
        line = bytes(self._buffer[:end]).rstrip(b"\r").decode("utf-8", "surrogateescape")
        del self._buffer[: end + 1]
        return line

    def _take_pong(self, line: str) -> None:
        wants_password = line.startswith(("-NOAUTH", "-NOPERM", "-ERR operation not permitted"))
        if not line.startswith("+") and not wants_password:
            self._fail(f"Error reply to PING from master: '{line}'")
            return
        self.state = "handshake"
        config = self.node.config
        if config.masterauth:
            user = [config.masteruser.encode()] if config.masteruser else []
            self._ask("AUTH", b"AUTH", *user, config.masterauth.encode())
        port = config.replica_announce_port or (config.tls_port if config.tls_replication else config.port)
        self._ask("port", b"REPLCONF", b"listening-port", b"%d" % port)
        if config.replica_announce_ip:
            self._ask("ip", b"REPLCONF", b"ip-address", config.replica_announce_ip.encode())
        self._ask("capa", b"REPLCONF", b"capa", b"eof", b"capa", b"psync2")

    def _ask(self, name: str, *words: bytes) -> None:
        self._awaited.append(name)
        self._send(*words)

    def _take_handshake(self, line: str) -> None:
        name = self._awaited.pop(0)
        if line.startswith("-"):
            if name == "AUTH":
                self._fail(f"Unable to AUTH to MASTER: {line}")
                return
            self.node.log("notice", f"(Non critical) Master does not understand REPLCONF {name}: {line}")
        if not self._awaited:
            self._request_stream()

    def _request_stream(self) -> None:
        self.state = "psync"
        if self.cache is not None:
            wanted = [self.cache.id.encode(), b"%d" % (self.cache.offset + 1)]
            self.node.log(
                "notice",
                f"Trying a partial resynchronization (request {self.cache.id}:{self.cache.offset + 1}).",
            )
        else:
            wanted = [b"?", b"-1"]
        failover = self.replication.failover
        if failover is not None and failover.in_progress:
            wanted.append(b"FAILOVER")
        self._send(b"PSYNC", *wanted)

    def _take_psync(self, line: str) -> None:
        verdict, *words = line.split(" ")
        failover = self.replication.failover
        if failover is not None and failover.in_progress:
            if verdict not in ("+CONTINUE", "+FULLRESYNC"):
                failover.abort("Failover target rejected psync request")
                return
            failover.succeed()
        match verdict:
            case "+CONTINUE":
                self._continue(words[0] if words else "")
            case "+FULLRESYNC":
                self._begin_full_sync(words)
            case "-NOMASTERLINK" | "-LOADING":
                self._fail(f"Master is currently unable to PSYNC but should be in the future: {line}")
            case _:
                self.node.log("notice", f"Master does not support PSYNC or is in error state (reply: {line})")
                self.state = "sync"
                self.peer.send(b"SYNC\r\n")

    def _continue(self, new_id: str) -> None:
        """The primary still has what we miss."""
        assert self.cache is not None, "CONTINUE to a replica that asked for everything"
        replication = self.replication
        self.id, self.offset = self.cache.id, self.cache.offset
        if len(new_id) == ID_LENGTH and new_id != self.id:
            self.node.log("notice", f"Master replication ID changed to {new_id}")
            replication.second_id, replication.second_id_until = self.id, replication.offset + 1
            replication.id = self.id = new_id
            replication.replicas.disconnect_all()  # they must hear of it
        if replication.backlog is None:
            replication.create_backlog()
        self.client.db = self.node.databases[self.cache.database]
        self._become_connected()

    # -- the snapshot -----------------------------------------------------------------------------

    def _begin_full_sync(self, words: list[str]) -> None:
        offset = parse_integer(words[1].encode()) if len(words) > 1 else None
        if offset is None or len(words[0]) != ID_LENGTH:
            self._fail("Master replied with wrong +FULLRESYNC syntax.")
            return
        self.id, self.offset = words[0], offset
        self.node.log("notice", f"Full resync from master: {self.id}:{offset}")
        self.state = "sync"

    def _begin_snapshot(self, line: str) -> None:
        if line.startswith("-"):
            self._fail(f"MASTER aborted replication with an error: {line[1:]}")
            return
        if line.startswith("$EOF:") and len(line) == 5 + ID_LENGTH:
            self.receiver = Receiver(self.node, mark=line[5:].encode())
        elif line.startswith("$") and (size := parse_integer(line[1:].encode())) is not None and size >= 0:
            self.receiver = Receiver(self.node, size_bytes=size)
        else:
            self._fail(f"Bad protocol from MASTER, the first byte is not '$' (we received '{line[:40]}')")
            return
        self.receiver.begin(same_history=self.id == self.replication.id)
        amount = "streamed RDB" if self.receiver.size_bytes is None else f"{self.receiver.size_bytes} bytes"
        self.node.log("notice", f"MASTER <-> REPLICA sync: receiving {amount} from master")
        self.node.log("notice", "MASTER <-> REPLICA sync: Loading DB in memory")

    def _take_snapshot(self) -> bool:
        assert self.receiver is not None
        data = bytes(self._buffer)
        self._buffer.clear()
        rest = self.receiver.feed(data)
        if rest is None:
            return False
        self._install()
        if rest:
            self._take_stream(rest)
        return False

    def _install(self) -> None:
        """The snapshot is whole: it is our data now, and the primary's history ours."""
        assert self.receiver is not None
        replication = self.replication
        replication.replicas.disconnect_all()
        self.receiver.leave()
        self.receiver.install()
        self.client.db = self.node.databases[self.receiver.stream_database]
        replication.adopt_history(self.id or replication.id, max(self.offset, 0))
        self.node.log("notice", "MASTER <-> REPLICA sync: Finished with success")
        self._become_connected()
        if self.offset >= 0:
            self.acknowledge()

    def _become_connected(self) -> None:
        self.receiver = None
        self.state = "connected"
        self.was_connected = True
        self.cache = None
        self.replication.cached_primary = None
        self.replication.down_since_us = 0
        self._parser = StreamParser(self.node.config.proto_max_bulk_len)
        rest = bytes(self._buffer)
        self._buffer.clear()
        if rest:
            self._take_stream(rest)

    # -- the stream -------------------------------------------------------------------------------

    def _take_stream(self, data: bytes) -> None:
        """Run every command that is whole, then hand their bytes on."""
        self._parser.feed(data)
        self._unfed += data
        self._run_stream()

    def may_go_on(self) -> bool:
        """Does a command wait that need not any more?"""
        return self.held is not None and not self._must_wait(self.held)

    def go_on(self) -> None:
        """Run the command that waited, and what came after it."""
        self._run_stream()

    def _run_stream(self) -> None:
        parser, client = self._parser, self.client
        start = self._fed_position
        try:
            while self.replication.link is self:
                argv, self.held = self.held or parser.next_request(), None
                if argv is None:
                    break
                if self._must_wait(argv):
                    self.held = argv
                    break
                self._run(argv)
                if client.transaction is None:  # inside MULTI nothing has happened yet
                    self.offset += parser.end - self._fed_position if self.offset >= 0 else 0
                    self._fed_position = parser.end
        except ProtocolError as error:
            self._fail(f"Protocol error from master: {error}")
        applied = self._fed_position - start
        if applied:
            self._note_journal()
            self.replication.feed(bytes(self._unfed[:applied]))
            del self._unfed[:applied]

    def _must_wait(self, argv: list[bytes]) -> bool:
        """What the primary writes is held by CLIENT PAUSE, too, and by a snapshot (durability/holding.py)."""
        node = self.node
        if not (node.pause.active or node.background.holds_back):
            return False
        try:
            command = node.commands.find(argv)
        except ReplyError:
            return False  # it will be an error, not a change
        if node.pause.active and node.pause.holds(self.client, command, argv):
            return True
        return node.background.holds_back and holding.holds(self.client, command, argv)

    def _run(self, argv: list[bytes]) -> None:
        node = self.node
        node.obeys = True
        try:
            node.execute(self.client, argv)
        except ReplyError as error:
            self.replication.note_error(self.client, "replica", "master", error)
        finally:
            node.obeys = False
        self.client.outbox.clear()  # a primary wants no replies

    def acknowledge(self) -> None:
        """Tell the primary how far we are, in memory and in a log that is synced."""
        if not self.is_connected or self.offset < 0:
            return
        words = [b"REPLCONF", b"ACK", b"%d" % self.offset]
        if self.node.append_only.state == ON:
            words += [b"FACK", b"%d" % self._synced_offset()]
        self._send(*words)

    def _note_journal(self) -> None:
        """Remember where in the stream our journal stands, until that is on disk."""
        if self.node.append_only.state != OFF:
            self._marks.append((self.node.journal.offset, self.offset))

    def _synced_offset(self) -> int:
        """The end of what is synced, in the stream's terms."""
        synced = self.node.append_only.synced_offset
        while self._marks and self._marks[0][0] <= synced:
            self._on_disk = self._marks.popleft()[1]
        return self._on_disk

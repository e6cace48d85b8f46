"""MIGRATE: keys go to another server, and are here or there, never in both or none.

    source                                       target
    MIGRATE b 6379 "" 0 5000 KEYS x y
      opens a peer, everyone else waits
      AUTH, SELECT 0, RESTORE x .., RESTORE y .. ----->
                                           <------ +OK +OK +OK
      deletes x and y, says DEL x y to the journal
      answers OK, the others go on

The payloads are those of DUMP. A key for which the target's OK has come is deleted; after an error or a
timeout the others are kept. So a key can be in both places after a timeout, and is never lost.

Mirrors: cluster.c (`migrateCommand`).
Differs: Redis stops everything while it waits for the target; here the others' commands are postponed,
which is the same to them. Only inside MULTI and scripts the whole node stands still (`Aside` in peers.py).
Complexity: O(bytes of the keys).

Read next: kept_connections.py, commands/dumping.py.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from minidis.distributed.kept_connections import kept_connections
from minidis.engine import errors
from minidis.engine.client import Client
from minidis.engine.command_table.binding import integer
from minidis.engine.command_table.registry import DANGEROUS, WRITE, command
from minidis.engine.peers import Aside
from minidis.engine.waiting import Wait
from minidis.persistence.rdb_writer import dump_payload
from minidis.protocol.replies import ReplyError
from minidis.protocol.resp import NEED_DATA, ProtocolError, ReplyParser, encode_command

if TYPE_CHECKING:
    from minidis.engine.peers import Address, Peer, Peers

DEFAULT_TIMEOUT_MS = 1000
PURPOSE = "migrate"


class Options:
    """What stands behind the timeout."""

    def __init__(self, words: tuple[bytes, ...], key: bytes) -> None:
        self.copies = False
        self.replaces = False
        self.credentials: list[bytes] = []
        self.keys = [key]
        at = 0
        while at < len(words):
            word, left = words[at].upper(), len(words) - at - 1
            match word:
                case b"COPY":
                    self.copies = True
                case b"REPLACE":
                    self.replaces = True
                case b"AUTH" if left >= 1:
                    self.credentials = [words[at + 1]]
                    at += 1
                case b"AUTH2" if left >= 2:
                    self.credentials = [*words[at + 1 : at + 3]]
                    at += 2
                case b"KEYS":
                    if key:
                        raise ReplyError(
                            "ERR When using MIGRATE KEYS option, the key argument must be set to the empty "
                            "string"
                        )
                    self.keys = [*words[at + 1 :]]
                    return
                case _:
                    raise ReplyError(errors.SYNTAX)
            at += 1


def migrate_keys(argv: list[bytes]) -> list[int]:
    """The places of a MIGRATE's keys: its third word, or what follows KEYS; none if both are given.

    KEYS as the last word is none: Redis looks for it up to the one before (key_specs, migrateGetKeys).
    """
    at = 6
    while at < len(argv) - 1:
        word = argv[at].upper()
        if word == b"KEYS":
            return [] if argv[3] else list(range(at + 1, len(argv)))
        at += {b"AUTH": 2, b"AUTH2": 3}.get(word, 1)
    return [3]


@command(
    "MIGRATE host port:int key destination-db:int timeout:int [COPY] [REPLACE] "
    "[AUTH password|AUTH2 username password] [KEYS key [key ...]]",
    WRITE | DANGEROUS,
    since="2.6.0",
    keys=migrate_keys,
    raw=True,
    group="generic",
)
def migrate(
    client: Client, host: bytes, port: bytes, key: bytes, database: bytes, timeout: bytes, *words: bytes
):
    """Move keys to another server, at once. O(N) in bytes of the keys."""
    options = Options(words, key)
    timeout_ms = integer(timeout)
    target_database = integer(database)
    target_port = integer(port)
    if timeout_ms <= 0:
        timeout_ms = DEFAULT_TIMEOUT_MS
    found = [name for name in dict.fromkeys(options.keys) if client.db.find(name) is not None]
    if not found:
        return "NOKEY"
    journey = Migration(client, (errors.shown(host), target_port), options, found, target_database)
    if client.in_execution:
        return journey.at_once(timeout_ms)
    client.node.pause.begin(client.node.now_ms + timeout_ms, everyone=True, purpose=PURPOSE)
    journey.begin()
    deadline_ms = client.node.now_ms + timeout_ms
    client.rewrite()  # its effect comes later
    return Wait(topic="migration", deadline_ms=deadline_ms, timeout_reply=journey.timed_out)


class Migration:
    """One MIGRATE under way; the handler of its peer."""

    def __init__(
        self, client: Client, address: Address, options: Options, keys: list[bytes], database: int
    ) -> None:
        self.client = client
        self.node = client.node
        self.db = client.db
        self.peers: Peers = client.node.peers
        self.address = address
        self.options = options
        self.keys = keys
        self.database = database
        self.peer: Peer | None = None
        self.is_new = True  # the connection: what went wrong on one that was kept is tried again
        self.selected: int | None = None
        self.replies = 0
        self.is_sound = False  # all that was asked is answered: the connection may be kept
        self.doing = "connecting to the client"
        self.awaited: list[bytes] = []  # the key of each reply to come; b"" for AUTH and SELECT
        self.moved: list[bytes] = []
        self.error: str | None = None
        self.reply: Any = None  # how it ended
        self.parser = ReplyParser()

    def at_once(self, timeout_ms: int) -> Any:
        """The whole way while the node stands still; the reply.  Raises ReplyError."""
        self.peers = Aside(self.node)
        self._open()
        self.node.talk(self.peers, self.node.clock() + 1000 * timeout_ms)
        if self._delete_moved():
            self.client.rewrite(b"DEL", *self.moved)
        else:
            self.client.rewrite()
        reply = self.reply or self._lost()
        if isinstance(reply, ReplyError):
            raise reply
        return reply

    def begin(self) -> None:
        """Take a connection that was kept, or open one."""
        kept = kept_connections(self.node).take(self.address)
        if kept is None:
            self._open()
            return
        self.is_new = False
        self.peer, self.selected = kept
        self.peer.handler = self
        self.connected(self.peer)

    def _open(self) -> None:
        self.is_new, self.selected = True, None
        self.awaited, self.parser = [], ReplyParser()
        self.peer = self.peers.open(*self.address, self, tls=self.node.config.tls_cluster)

    # -- the peer's events ------------------------------------------------------------------------

    def connected(self, peer: Peer) -> None:
        self.doing = "reading to target instance"
        if self.options.credentials:
            self._send([b"AUTH", *self.options.credentials])
        if self.selected != self.database:
            self._send([b"SELECT", b"%d" % self.database])
        for key in self.keys:
            value = self.db.peek(key)
            if value is None:
                continue
            expires_at_ms = self.db.expiry_ms(key)
            ttl_ms = max(1, expires_at_ms - self.node.now_ms) if expires_at_ms is not None else 0
            replace = [b"REPLACE"] if self.options.replaces else []
            restore = b"RESTORE" if self.node.cluster is None else b"RESTORE-ASKING"
            self._send([restore, key, b"%d" % ttl_ms, dump_payload(value), *replace], key)

    def _send(self, words: list[bytes], key: bytes = b"") -> None:
        assert self.peer is not None
        self.peer.send(encode_command(words))
        self.awaited.append(key)

    def received(self, peer: Peer, data: bytes) -> None:
        self.parser.feed(data)
        try:
            while (reply := self.parser.next_reply()) is not NEED_DATA:
                self._take(reply)
        except ProtocolError:
            self._finish(self._lost())
            return
        if not self.awaited:
            self.is_sound = True
            self._finish(self._verdict())

    def lost(self, peer: Peer, reason: str) -> None:
        if "refused" in reason:  # to Redis a refused connection is one that cannot be written to
            self.doing = "writing to target instance"
        if not self.is_new and not self.replies:  # it was closed over there, and nothing has happened
            self._open()
        else:
            self._finish(self._lost())

    def _take(self, reply: Any) -> None:
        if not self.awaited:
            return
        key = self.awaited.pop(0)
        self.replies += 1
        if isinstance(reply, ReplyError):
            self.error = self.error or str(reply)
        elif key:
            self.moved.append(key)

    # -- the end ----------------------------------------------------------------------------------

    def timed_out(self) -> ReplyError:
        """The time is over: the answer to the client."""
        self._clean_up()
        return self._lost()

    def _lost(self) -> ReplyError:
        return ReplyError(f"IOERR error or timeout {self.doing}")

    def _verdict(self) -> Any:
        if self.error is not None:
            return ReplyError(f"ERR Target instance replied with error: {self.error}")
        return "OK"

    def _finish(self, reply: Any) -> None:
        self.reply = reply
        if isinstance(self.peers, Aside):
            assert self.peer is not None
            self.peer.close()
            return
        self._clean_up()
        self.node.waiting.end(self.client, reply)

    def _clean_up(self) -> None:
        """Delete what has arrived, and let the others go on."""
        if self.peer is not None and self.is_sound and self.error is None and self.peer.state == "open":
            kept_connections(self.node).keep(self.peer, self.database)
        elif self.peer is not None:
            self.peer.close()
        if self._delete_moved():
            self.node.journal.enter(self.db.index, [b"DEL", *self.moved])
        self.moved = []
        self.node.pause.end(PURPOSE)

    def _delete_moved(self) -> bool:
        """Delete the keys that are there now, if that was asked for; True if any."""
        if not self.moved or self.options.copies:
            return False
        for key in self.moved:
            self.db.delete(key)
            self.db.touch(key, "del")
        return True

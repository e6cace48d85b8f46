"""Where the commands of a cell go: the node in this kernel, a fakeredis, or a real server.

A *target* makes *connections*, one for each named client, and every connection keeps its own state:
database, protocol, an open MULTI, a command that waits.

    EmbeddedTarget   a node in this process: its clock, seed and memory can be reached
    ServerTarget     redis-py dials (URL, TLS, password); our own parser reads, since redis-py forgets
                     whether a reply was a status or a string, and the bytes are wanted for `--resp`
    FakeTarget       fakeredis in this process: Python objects, never bytes

`connection.call(argv)` answers a reply value, or WAITING for a command that blocks; what comes later
is handed out by `late_replies()`.  Errors are raised as `ReplyError`; a lost connection as `TargetError`.

Read next: session.py.
"""

from __future__ import annotations

import queue
import select
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from minidis.drivers import browser
from minidis.drivers.embedded import Embedded
from minidis.engine.waiting import WAITING
from minidis.protocol.replies import BigNumber, ReplyError
from minidis.protocol.resp import NEED_DATA, ReplyParser, encode, encode_command

PATIENCE_S = 30.0
"""How long a server may take for a command that does not wait for a key."""

BLOCKING_PATIENCE_S = 0.15
"""How long a command that may wait is given before the cell goes on without its reply."""

GRACE_S = 0.02
"""How long a client that waits is listened to after each command: its wake-up comes by another socket."""

NO_TOUCH = [b"CLIENT", b"NO-TOUCH", b"ON"]  # known since Redis 7.2

DEFAULT_CLIENT = "redis"
"""The client of a cell that names none; it has no name for the server, as redis-cli has none."""

BLOCKING_COMMANDS = frozenset(
    b"BLPOP BRPOP BLMOVE BRPOPLPUSH BLMPOP BZPOPMIN BZPOPMAX BZMPOP XREAD XREADGROUP WAIT WAITAOF".split()
)
MOST_LATE_REPLIES = 1000
"""A MONITOR or a busy channel must not keep a cell for ever; the rest is taken at the next look."""

STILL_WAITS = "ERR this client waits for a key; use another client, or CLIENT UNBLOCK"


class NoReply:
    """The type of `NO_REPLY`: after CLIENT REPLY OFF the server says nothing."""

    def __repr__(self) -> str:
        return "NO_REPLY"


NO_REPLY = NoReply()


class TargetError(Exception):
    """The target cannot be reached or cannot do this; the text is one short line."""


class Connection:
    """One named client of a target, and the state that its prompt shows."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.request_bytes = b""
        self.reply_bytes = b""

    database = 0
    in_transaction = False
    protocol = 2
    is_waiting = False
    asks_first = False
    """Is this a server that others may use? Then dangerous commands are not sent unasked."""
    address = ""
    last_node = ""
    """Of a cluster: the node where this client's last command went."""

    @property
    def client_name(self) -> str:
        return "" if self.name == DEFAULT_CLIENT else self.name

    @property
    def display_protocol(self) -> int:
        """How a reply is printed: one that a server sent already is what its protocol made of it."""
        return 3

    def call(self, argv: list[bytes]) -> Any:
        """Send one command; its reply value, WAITING or NO_REPLY. Raises ReplyError, TargetError."""
        raise NotImplementedError

    def call_many(self, commands: list[list[bytes]]) -> list[Any]:
        """Send commands of which none waits; their replies, errors among them. Raises TargetError."""
        replies = []
        for argv in commands:
            try:
                replies.append(self.call(argv))
            except ReplyError as error:
                replies.append(error)
        return replies

    def close(self) -> None:
        """Hang up."""

    def call_each(self, argv: list[bytes]) -> dict[str, Any]:
        """What each node of the target answers, by address; only a cluster has more than one."""
        return {self.address: self.call(argv)}

    def stop_touching(self) -> None:
        """From now on let no read of this client's count as an access, where the server knows of that."""
        with suppress(ReplyError):
            self.call(NO_TOUCH)

    def late_replies(self) -> list[Any]:
        """What arrived since, oldest first: the reply of a command that waited, and messages."""
        raise NotImplementedError

    def use_protocol(self, protocol: int) -> None:
        """Speak RESP2 or RESP3 from now on."""
        if protocol != self.protocol:
            self.call([b"HELLO", b"%d" % protocol])

    def wait_description(self) -> str:
        """What a parked command waits for, in a few words."""
        return "its reply"


class EmbeddedTarget:
    """A node in this process."""

    is_embedded = True

    def __init__(self, embedded: Embedded, name: str = "embedded", seed: int | None = None) -> None:
        self.embedded = embedded
        self.name = name
        self.seed = seed
        self._serving: Any = None
        self.started_at_us = embedded.now_us if embedded.is_frozen else None

    def describe(self) -> str:
        return "the embedded node" if self.name == "embedded" else f"the embedded node {self.name}"

    def connect(self, name: str) -> Connection:
        return EmbeddedConnection(self.embedded, name)

    # -- behind TCP -------------------------------------------------------------------------------

    def serve(self, port: int = 0) -> str:
        """Let other programs reach the node; how, in a few lines. Raises TargetError."""
        if self.is_served and port not in (0, self._serving.port):
            raise TargetError(f"already served on port {self._serving.port}; %redis serve stop ends that")
        if not self.is_served:
            from minidis.drivers.serving import (
                ListenError,
                Serving,
            )  # no kernel needs asyncio's server before

            try:
                self._serving = Serving(self.embedded, port)
            except ListenError as error:
                raise TargetError(str(error)) from None
        return (
            f"serving {self.describe()} on {self.served_at}, also while a cell runs\n"
            f"in a terminal:  redis-cli -p {self._serving.port}\n"
            f"in Python:      redis.Redis(port={self._serving.port})"
        )

    @property
    def is_served(self) -> bool:
        return self._serving is not None and self._serving.is_running

    @property
    def served_at(self) -> str:
        return f"redis://{self._serving.host}:{self._serving.port}"

    def stop_serving(self) -> None:
        """Hang up on the programs that have connected; the node stays."""
        if self._serving is not None:
            self._serving.stop()
            self._serving = None

    def run_timers(self) -> None:
        """Let what fell due by the real clock happen; a frozen clock runs its timers when it is moved."""
        if not self.embedded.is_frozen:
            self.embedded.tick()

    def live_keys(self, connection: Connection, prefix: bytes, limit: int) -> list[bytes]:
        """Keys that start with `prefix`, without touching or expiring any. O(keys), bounded."""
        assert isinstance(connection, EmbeddedConnection)
        found: list[bytes] = []
        with self.embedded.lock:
            database = connection.client.db
            for looked_at, key in enumerate(database.table):
                if looked_at > 50_000 or len(found) >= limit:
                    break
                if key.startswith(prefix) and not database.is_due(key):
                    found.append(key)
        return sorted(found)


class EmbeddedConnection(Connection):
    """A client of an embedded node. A node that was restarted is dialled again, as a server would be."""

    def __init__(self, embedded: Embedded, name: str) -> None:
        super().__init__(name)
        self.embedded = embedded
        self.client = embedded.connect(self.client_name)
        self._socket: Any = None  # used while an event loop stands before the node
        self._replies = ReplyParser()

    @property
    def display_protocol(self) -> int:
        return self.client.protocol

    @property
    def database(self) -> int:  # type: ignore[override]
        return self.client.db.index

    @property
    def in_transaction(self) -> bool:  # type: ignore[override]
        return self.client.transaction is not None

    @property
    def protocol(self) -> int:  # type: ignore[override]
        return self.client.protocol

    @property
    def is_waiting(self) -> bool:  # type: ignore[override]
        return self.client.parked is not None

    def call(self, argv: list[bytes]) -> Any:
        if self.client.closed:
            self.client = self.embedded.connect(self.client_name)
        self.request_bytes, self.reply_bytes = encode_command(argv), b""
        if self.embedded.front is not None and self.client.parked is None:
            return self._call_by_bytes()
        try:
            reply = self.embedded.call(self.client, argv)
        except ReplyError as error:
            reply = error
        if reply is WAITING:
            return WAITING
        if self.client.keeps_back_reply():
            return NO_REPLY
        self.reply_bytes = encode(reply, self.protocol)
        if isinstance(reply, ReplyError):
            raise reply
        return reply

    def _call_by_bytes(self) -> Any:
        """Through the event loop that stands before the node: its sockets, its parser, its turns."""
        was_muted = self.client.is_muted
        loop = self.embedded.front
        if self._socket not in loop.connections or self._socket.link.client is not self.client:
            self._socket = loop.connect(self.client_name, client=self.client)
            self._replies = ReplyParser()
        with self.embedded.lock:
            self._socket.send(self.request_bytes)
            loop.run()
        self.reply_bytes = self._socket.received()
        self._replies.feed(self.reply_bytes)
        reply = self._replies.next_reply()
        if reply is NEED_DATA:
            if self.client.parked is not None:
                return WAITING
            if was_muted or self.client.is_muted:  # CLIENT REPLY: the link kept it back
                return NO_REPLY
            raise TargetError("no reply came: the request was not read, not run, or its reply never written")
        if isinstance(reply, ReplyError):
            raise reply
        return reply

    def late_replies(self) -> list[Any]:
        replies: list[Any] = []
        if self._socket is not None:
            self._replies.feed(self._socket.received())
            replies += self._replies.replies()
        while self.client.outbox:
            replies.append(self.client.outbox.popleft())
        return replies

    def use_protocol(self, protocol: int) -> None:
        if not self.client.closed:
            self.client.protocol = protocol

    def close(self) -> None:
        self.embedded.disconnect(self.client)

    def wait_description(self) -> str:
        parked = self.client.parked
        if parked is None:
            return "nothing"
        keys = " or ".join(dict.fromkeys(key.decode("utf-8", "backslashreplace") for key in parked.wait.keys))
        keys = keys or "its reply"  # WAIT and WAITAOF wait for no key
        if parked.wait.deadline_ms is None:
            return f"{keys}, without a time limit"
        left_s = (parked.wait.deadline_ms - self.embedded.node.now_ms) / 1000
        return f"{keys}, at most {left_s:g} s"


class ServerTarget:
    """A real server behind a URL: redis://, rediss:// or unix://."""

    is_embedded = False
    is_imitation = False
    """Then its DUMP is no payload of an RDB file, and its CLIENT LIST says the same of every client."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.name = without_password(url)

    def describe(self) -> str:
        return f"the server at {self.name}"

    def connect(self, name: str) -> Connection:
        return ServerConnection(self._dial, name, self.name)

    def run_timers(self) -> None:
        """A server keeps its own time."""

    def _dial(self) -> Any:
        return self._dial_url(self.url)

    def _dial_url(self, url: str) -> Any:
        if browser.inside():
            raise TargetError(f"Could not connect to Redis at {self.name}: {browser.REFUSAL}")
        import redis
        from redis.backoff import NoBackoff
        from redis.retry import Retry

        try:
            pool = redis.ConnectionPool.from_url(
                url, protocol=2, socket_connect_timeout=5, retry=Retry(NoBackoff(), 0)
            )
            connection = pool.get_connection()
            connection.connect()
        except (redis.RedisError, ValueError, OSError) as error:
            raise TargetError(f"Could not connect to Redis at {self.name}: {one_line(error)}") from None
        return connection

    def live_keys(self, connection: Connection, prefix: bytes, limit: int) -> list[bytes]:
        return scanned_keys(connection, prefix, limit)


class FakeTarget(ServerTarget):
    """fakeredis: a stand-in for a server, in this process. One data set per target."""

    is_imitation = True

    def __init__(self) -> None:
        super().__init__("fakeredis")
        try:
            import fakeredis
        except ImportError:
            raise TargetError("fakeredis is not installed: pip install fakeredis") from None
        self._fakeredis = fakeredis
        self._server = fakeredis.FakeServer(version=(7, 2))

    def describe(self) -> str:
        return "fakeredis"

    def connect(self, name: str) -> Connection:
        return FakeConnection(self._dial, name, self.name)

    def _dial(self) -> Any:
        client = self._fakeredis.FakeRedis(server=self._server, protocol=2)
        connection = client.connection_pool.get_connection()
        connection.connect()
        return connection


class ServerConnection(Connection):
    """A connection that redis-py dialled and we speak on."""

    asks_first = True

    def __init__(self, dial: Callable[[], Any], name: str, address: str) -> None:
        super().__init__(name)
        self._dial = dial
        self.address = address
        self._link: Any = None
        self._reply_mode = b"ON"
        self.is_waiting = False
        self._greeting: list[list[bytes]] = []
        if self.client_name:
            self._greeting.append([b"CLIENT", b"SETNAME", self.client_name.encode()])
        self._connect()

    @property
    def is_connected(self) -> bool:
        return self._link is not None

    def stop_touching(self) -> None:
        super().stop_touching()
        self._greeting.append(NO_TOUCH)  # after a loss, too

    def call(self, argv: list[bytes]) -> Any:
        if self.is_waiting:
            raise ReplyError(STILL_WAITS)
        if self._link is None:
            self._connect()
        may_wait = argv[0].upper() in BLOCKING_COMMANDS
        self.request_bytes, self.reply_bytes = encode_command(argv), b""
        try:
            self._send(argv, may_wait)
            if self._is_silenced(argv):
                return NO_REPLY
            reply = self._receive(BLOCKING_PATIENCE_S if may_wait else PATIENCE_S)
        except OSError as error:
            self._lost(one_line(error))
        if reply is NEED_DATA:
            if not may_wait:
                self._lost(f"no reply within {PATIENCE_S:g} s")
            self.is_waiting = True
            return WAITING
        self._follow_state(argv, reply)
        if isinstance(reply, ReplyError):
            raise reply
        return reply

    def call_many(self, commands: list[list[bytes]]) -> list[Any]:
        """As one pipeline."""
        if self._link is None:
            self._connect()
        try:
            self._link._sock.sendall(b"".join(map(encode_command, commands)))
            replies = [self._receive(PATIENCE_S) for _ in commands]
        except OSError as error:
            self._lost(one_line(error))
        except KeyboardInterrupt:  # half of it may be sent
            self._close()
            raise
        if NEED_DATA in replies:
            self._lost(f"no reply within {PATIENCE_S:g} s")
        return replies

    def late_replies(self) -> list[Any]:
        replies: list[Any] = []
        try:
            while self._link is not None and len(replies) < MOST_LATE_REPLIES:
                reply = self._receive(GRACE_S if self.is_waiting else 0)
                if reply is NEED_DATA:
                    break
                self.is_waiting = False
                replies.append(reply)
        except (OSError, TargetError, ReplyError):
            self._close()
        return replies

    def _connect(self) -> None:
        self._link = self._dial()
        self._parser = ReplyParser()
        self.in_transaction, self.protocol, self.is_waiting, self._reply_mode = False, 2, False, b"ON"
        self.database = getattr(self._link, "db", 0) or 0
        for argv in self._greeting:
            self._send(argv, may_wait=False)
            self._receive(PATIENCE_S)

    def _send(self, argv: list[bytes], may_wait: bool) -> None:
        self._link._sock.sendall(encode_command(argv))

    def _receive(self, patience_s: float) -> Any:
        """The next reply, or NEED_DATA when none is complete in time. Ctrl-C closes the connection."""
        socket, until_s = self._link._sock, time.monotonic() + patience_s
        try:
            while (reply := self._parser.next_reply()) is NEED_DATA:
                ready, _, _ = select.select([socket], [], [], max(0.0, min(0.5, until_s - time.monotonic())))
                if ready:
                    data = socket.recv(65536)
                    if not data:
                        self._lost("Server closed the connection")
                    self.reply_bytes += data
                    self._parser.feed(data)
                elif time.monotonic() >= until_s:
                    return NEED_DATA
        except KeyboardInterrupt:
            self._close()
            raise
        return reply

    def _is_silenced(self, argv: list[bytes]) -> bool:
        """Will there be no reply?  So after CLIENT REPLY OFF; SKIP silences itself and one command."""
        mode = self._reply_mode
        if [word.upper() for word in argv[:2]] == [b"CLIENT", b"REPLY"] and len(argv) == 3:
            wanted = argv[2].upper()
            if wanted in (b"ON", b"OFF") or wanted == b"SKIP" and mode != b"OFF":
                self._reply_mode = wanted
        elif mode == b"SKIP":
            self._reply_mode = b"ON"
            return True
        return self._reply_mode != b"ON"

    def _follow_state(self, argv: list[bytes], reply: Any) -> None:
        """Know the database, MULTI and the protocol, as redis-cli does: from what was sent and answered."""
        name = argv[0].upper()
        if isinstance(reply, ReplyError):
            if name == b"EXEC":  # whatever refuses it (EXECABORT, CROSSSLOT, MOVED) throws the queue away
                self.in_transaction = False
            return
        if name == b"SELECT" and reply == "OK":
            self.database = int(argv[1])
        elif name == b"MULTI":
            self.in_transaction = True
        elif name in (b"EXEC", b"DISCARD"):
            self.in_transaction = False
        elif name == b"HELLO" and len(argv) > 1 and argv[1] in (b"2", b"3"):
            self.protocol = int(argv[1])
        elif name == b"RESET":
            self.database, self.in_transaction, self.protocol = 0, False, 2

    def close(self) -> None:
        self._close()

    def _lost(self, why: str) -> None:
        self._close()
        raise TargetError(f"Error: {why} ({self.address})")

    def _close(self) -> None:
        link, self._link = self._link, None
        self.is_waiting = False
        if link is not None:
            link.disconnect()


class FakeConnection(ServerConnection):
    """fakeredis answers with Python objects in a queue, and a command that waits stops its thread."""

    asks_first = False

    call_many = Connection.call_many  # one by one: there is no wire to fill

    def _connect(self) -> None:
        super()._connect()
        # fakeredis would make statuses and strings alike, as redis-py wants them; here they stay apart.
        self._link._sock._decode_result = lambda result: result

    def _send(self, argv: list[bytes], may_wait: bool) -> None:
        data = encode_command(argv)
        if may_wait:
            threading.Thread(target=self._link._sock.sendall, args=(data,), daemon=True).start()
        else:
            self._link._sock.sendall(data)

    def _receive(self, patience_s: float) -> Any:
        try:
            answer = self._link._sock.responses.get(timeout=patience_s) if patience_s else None
            if not patience_s:
                answer = self._link._sock.responses.get_nowait()
        except queue.Empty:
            return NEED_DATA
        reply = _from_fake(answer)
        self.reply_bytes = encode(reply, self.protocol)
        return reply


def scanned_keys(connection: Connection, prefix: bytes, limit: int) -> list[bytes]:
    """Keys that start with `prefix`, from a few SCANs; none while the client is busy.

    Raises ReplyError, TargetError.
    """
    if connection.is_waiting or connection.in_transaction:
        return []
    pattern = b"".join(
        b"\\" + prefix[i : i + 1] if prefix[i] in b"*?[]\\" else prefix[i : i + 1] for i in range(len(prefix))
    )
    found: set[bytes] = set()
    cursor = b"0"
    for _ in range(5):
        cursor, keys = connection.call([b"SCAN", cursor, b"MATCH", pattern + b"*", b"COUNT", b"1000"])
        found.update(keys)
        if cursor == b"0" or len(found) >= limit:
            break
    return sorted(found)[:limit]


def without_password(url: str) -> str:
    """The URL as it may be shown.

    >>> without_password("redis://ann:secret@localhost:6379/1")
    'redis://ann:***@localhost:6379/1'
    """
    parts = urlsplit(url)
    if parts.password is None:
        return url
    user, _, place = parts.netloc.rpartition("@")
    return urlunsplit(parts._replace(netloc=f"{user.partition(':')[0]}:***@{place}"))


def _from_fake(answer: Any) -> Any:
    """fakeredis's objects as reply values."""
    kind = type(answer).__name__
    if kind == "SimpleString":
        return answer.value.decode()
    if kind == "SimpleError":
        return ReplyError(answer.value)
    if isinstance(answer, Exception):
        return ReplyError(one_line(answer))
    if isinstance(answer, list):
        return [_from_fake(item) for item in answer]
    if isinstance(answer, dict):
        return {_from_fake(key): _from_fake(value) for key, value in answer.items()}
    if isinstance(answer, str):
        return answer.encode()
    if type(answer) is int and not -(2**63) <= answer < 2**63:
        return BigNumber(answer)
    return answer


def one_line(error: BaseException) -> str:
    """The first line of what an error says; its name where it says nothing."""
    text = str(error).strip()
    return text.splitlines()[0] if text else type(error).__name__

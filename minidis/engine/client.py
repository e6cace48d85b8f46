"""One connection's state: which database, which protocol, what it is in the middle of.

A client owns no socket.  The driver that made it hands in commands and takes what is put into
`outbox`: replies that come late (a blocked command) and messages that nobody asked for.

`gated` is the one flag that the hot path looks at.  It is true when anything stands between this
client and a plain call: no AUTH yet, a user with limits, MULTI open, blocked, replies switched off.

Mirrors: `struct client` in server.h.
Read next: node.py.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, SupportsBytes

from minidis.engine.memory.output_limits import NO_LIMIT, limit_of
from minidis.engine.messages.pubsub import Subscriptions
from minidis.protocol.replies import ReplyError
from minidis.structures.record import NamedTuple

if TYPE_CHECKING:
    from minidis.engine.access_control.users import User
    from minidis.engine.keyspace.database import Database
    from minidis.engine.memory.client_buffers import ClientBuffers
    from minidis.engine.messages.tracking import TrackingMode
    from minidis.engine.node import Node
    from minidis.engine.transactions import Transaction
    from minidis.engine.waiting import Parked


class Buffers(NamedTuple):
    """What a connection's socket holds, as CLIENT LIST shows it."""

    fd: int = -1
    query_bytes: int = 0  # received and not yet done with
    arguments_bytes: int = 0  # of a request that is not whole yet
    output_bytes: int = 0  # owed to the client, and not yet taken by the kernel
    unix: bool = False
    sizes: ClientBuffers | None = None  # what Redis would have allocated, where there is a socket


OnFault = Callable[["Client", list[bytes], Exception], ReplyError]


class Client:
    """A connection to a node, made by `node.connect()`."""

    # What every command looks at, as in Node.
    __slots__ = (
        "__dict__",
        "__weakref__",
        "db",
        "gated",
        "journal_commands",
        "last_command",
        "last_command_us",
        "node",
        "outbox",
        "protocol",
    )

    def __init__(self, node: Node, identifier: int, name: str = "", address: str = "embedded") -> None:
        self.node = node
        self.id = identifier
        self.name = name
        self.address = address
        self.peer = f"{address}:{identifier}"  # a driver with sockets says the real ones
        self.local = f"{address}:0"
        self.on_close: Callable[[], None] | None = None  # the driver's: the node has hung up
        self.send_now: Callable[[], None] | None = None  # the link's: take what is in the outbox
        self.on_fault: OnFault | None = None  # the link's: what is said where a command breaks
        self.measure_buffers: Callable[[], Buffers] = Buffers  # the driver's, where there is a socket
        self.db: Database = node.databases[0]
        self.protocol = 2
        self.role = ""  # "replica" or "master", for a link of replication; "log" for one that is loaded
        self.user: User = node.users.default
        self.authenticated = not node.users.authentication_required
        self.created_us = node.now_us
        self.last_command_us = node.now_us
        self.last_command = ""
        self.library_name = ""
        self.library_version = ""
        self.is_tls = False
        self.is_readonly = False  # READONLY: a replica in a cluster serves its reads
        self.is_asking = False  # ASKING: the next command comes by an ASK redirection
        self.no_evict = False
        self.no_touch = False
        self.transaction: Transaction | None = None
        self.subscriptions = Subscriptions()
        self.tracking: TrackingMode | None = None
        self.watched: dict[tuple[int, bytes], bool] = {}
        self.parked: Parked | None = None
        self.in_execution = False  # inside EXEC: a command that would wait answers at once
        self.is_silenced = False  # CLIENT REPLY OFF
        self.skipped_replies = 0  # so many are kept back yet: CLIENT REPLY SKIP
        self.closed = False
        self.aborted = False  # closed without what it was still owed
        self.dismissed = False  # closed, and still owed its last reply
        self.outbox: deque[Any] = deque()
        self.journal_commands: list[list[bytes]] | None = None
        self.journals_always = False
        self.logged_offset = 0  # of the journal: where this client's last change in the log stands
        self.gated = False
        self.only_queues = False  # gated by its MULTI and by nothing else
        self.is_restricted = False  # gated by something else
        self.kind = "normal"  # its type in CLIENT LIST TYPE: normal, pubsub, replica or master
        self.output_limit = NO_LIMIT  # for what may pile up (output_limits.py)
        self.update_gate()

    def take_role(self, role: str) -> None:
        """Be a link of replication from now on, or one that a log is loaded through."""
        self.role = role
        self.update_gate()

    def update_gate(self) -> None:
        """Work out `gated`, `kind` and `output_limit` anew; called by whatever changes one of the reasons."""
        self.kind = self.role or ("pubsub" if len(self.subscriptions) else "normal")
        self.output_limit = limit_of(self)
        self.is_restricted = (
            not self.authenticated
            or not self.user.unrestricted
            or self.parked is not None
            or self.closed
            or self.is_muted
            or self.limited_to_pubsub
            or self.tracking is not None
            or self.no_touch
            or self.role == "replica"
        )
        self.update_queueing()

    def update_queueing(self) -> None:
        """`update_gate` where only `transaction` may have changed."""
        self.only_queues = self.transaction is not None and not self.is_restricted
        self.gated = self.is_restricted or self.only_queues

    @property
    def limited_to_pubsub(self) -> bool:
        """True while only the commands of a subscriber may run: RESP2 can't tell replies from messages."""
        return self.protocol == 2 and len(self.subscriptions) > 0

    @property
    def is_obeyed(self) -> bool:
        """True for the link from the primary and for a log being loaded: what comes there has happened."""
        return self.role in ("master", "log")

    @property
    def is_script(self) -> bool:
        """True for the client that the commands of scripts run for."""
        return self.address == "lua"

    @property
    def is_embedded(self) -> bool:
        """True for one in the process of the node, who is trusted: it could reach into it anyway."""
        return self.peer.startswith("embedded")

    @property
    def is_local(self) -> bool:
        """True for a connection over the loopback interface or a unix socket."""
        return self.peer.startswith(("127.", "[::1]", "/", "embedded")) or self.peer.endswith(":0")

    def rewrite(self, *argv: bytes | int | SupportsBytes) -> None:
        """State the effect of the running command: enter `argv` into the journal instead of what was typed.

        Called several times it enters several commands, in order; with no argument it enters none.
        """
        if not self.node.journal.subscribers:  # nobody reads it
            return
        if self.journal_commands is None:
            self.journal_commands = []
        if argv:
            words = [b"%d" % word if isinstance(word, int) else bytes(word) for word in argv]
            self.journal_commands.append(words)

    def rewrite_always(self, *argv: bytes) -> None:
        """As `rewrite`, for what must be repeated even if nothing changed here: FLUSHALL of no keys."""
        self.rewrite(*argv)
        self.journals_always = self.journal_commands is not None

    def deliver(self, reply: Any) -> None:
        """Hand the driver something to send outside the usual order of command and reply."""
        if self.role == "replica":
            self.node.replication.replicas.refuse_reply(self, reply)
        else:
            self.deliver_stream(reply)

    def deliver_stream(self, part: Any) -> None:
        """`deliver`, for what a replica does get: the stream, and what comes before it."""
        self.outbox.append(part)
        self.node.pending_output[self.id] = self

    def deliver_late(self, reply: Any) -> None:
        """Deliver the reply of a command that waited, unless CLIENT REPLY keeps it back.

        Even then the driver is told: what was sent behind the command has waited with it, and goes on now.
        """
        if self.keeps_back_reply():
            self.node.pending_output[self.id] = self
        else:
            self.deliver(reply)

    def dismiss(self) -> None:
        """Hang up as soon as what is in the outbox has gone out."""
        self.dismissed = True
        self.node.disconnect(self)
        self.node.pending_output[self.id] = self

    def abort(self) -> None:
        """Hang up at once, without the replies that are still to be sent."""
        self.aborted = True
        self.outbox.clear()
        self.node.disconnect(self)

    @property
    def is_muted(self) -> bool:
        """Is the next reply kept back?"""
        return self.is_silenced or self.skipped_replies > 0

    def keeps_back_reply(self) -> bool:
        """True if the next reply must not be sent (CLIENT REPLY OFF, SKIP): asked once for each."""
        if self.skipped_replies:
            self.skipped_replies -= 1
            self.update_gate()
            return True
        return self.is_silenced

    def __repr__(self) -> str:
        return f"<Client {self.id} {self.name or self.address} db={self.db.index}>"

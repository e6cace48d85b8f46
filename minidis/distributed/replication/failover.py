"""FAILOVER: a primary hands its part over to one of its replicas, and loses nothing by it.

    waiting-for-sync      writes wait (CLIENT PAUSE WRITE), so the stream stands still; the replicas catch up
                          one of them has acknowledged everything: the target
    failover-in-progress  this node becomes the target's replica and says PSYNC <id> <offset> FAILOVER;
                          the target becomes a primary, and answers +CONTINUE
    (no-failover)         writes go on, and meet READONLY: the client has to look for the new primary

With TO a certain replica is meant; with TIMEOUT the waiting ends; with TO, TIMEOUT and FORCE the target
takes over at the end of the time even if it has not caught up. ABORT ends it all, at any point before the
target has agreed.

Mirrors: replication.c (`failoverCommand`, `updateFailoverStatus`, `abortFailover`).
Read next: commands.py.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from minidis.distributed.replication.role import Replication
from minidis.engine import errors
from minidis.engine.client import Client
from minidis.engine.command_table.binding import integer
from minidis.engine.command_table.registry import ADMIN, NOSCRIPT, STALE, command
from minidis.protocol.replies import ReplyError

if TYPE_CHECKING:
    from minidis.distributed.replication.replicas import Replica

FOR_EVER_MS = 1 << 62


class Failover:
    """One failover under way."""

    def __init__(
        self,
        replication: Replication,
        target: tuple[str, int] | None,
        deadline_us: int | None,
        forces: bool,
    ) -> None:
        self.replication = replication
        self.node = replication.node
        self.target = target
        self.deadline_us = deadline_us
        self.forces = forces
        self.state = "waiting-for-sync"
        self.node.pause.begin(FOR_EVER_MS, everyone=False, purpose="failover")

    @property
    def in_progress(self) -> bool:
        """True when this node already asks the target to take over."""
        return self.state == "failover-in-progress"

    def look(self) -> None:
        """Has a replica everything, or is the time over?"""
        if self.in_progress:
            return
        if self.deadline_us is not None and self.node.now_us >= self.deadline_us:
            if not self.forces:
                self.abort("Replica never caught up before timeout")
                return
            assert self.target is not None, "FORCE without a target"
            host, port = self.target
            self.node.log("notice", f"Failover to {host}:{port} time out exceeded, failing over.")
            self._hand_over()
            return
        heir = self._caught_up()
        if heir is not None:
            self.target = self.target or (heir.ip, heir.listening_port)
            self._hand_over()

    def _caught_up(self) -> Replica | None:
        replication = self.replication
        if self.target is not None:
            named = replication.replicas.find(*self.target)
            candidates = [named] if named is not None else []
        else:
            candidates = list(replication.replicas.all.values())
        for replica in candidates:
            if replica.state == "online" and replica.acknowledged >= replication.offset:
                return replica
        return None

    def _hand_over(self) -> None:
        assert self.target is not None
        host, port = self.target
        self.node.log("notice", f"Failover target is {host}:{port}, failing over.")
        self.state = "failover-in-progress"
        self.replication.follow(host, port)

    def succeed(self) -> None:
        """The target has agreed."""
        self._end()

    def abort(self, reason: str) -> None:
        """Give it up; this node is a primary, still or again."""
        self.node.log("notice", f"FAILOVER aborted: {reason}")
        if self.in_progress:
            self.replication.lead()
        self._end()

    def _end(self) -> None:
        self.replication.failover = None
        self.node.pause.end("failover")


@command(
    "FAILOVER [TO host port [FORCE]] [ABORT] [TIMEOUT milliseconds:int]",
    ADMIN | NOSCRIPT | STALE,
    since="6.2.0",
    raw=True,
    group="server",
)
def failover(client: Client, *words: bytes):
    """Start a coordinated failover between this server and one of its replicas. O(1)."""
    if client.node.cluster is not None:
        raise ReplyError("ERR FAILOVER not allowed in cluster mode. Use CLUSTER FAILOVER command instead.")
    replication: Replication = client.node.replication
    if len(words) == 1 and words[0].lower() == b"abort":
        if replication.failover is None:
            raise ReplyError("ERR No failover in progress.")
        replication.failover.abort("Failover manually aborted")
        return "OK"
    target, timeout_ms, forces = _read_options(words)
    _check_start(replication, target, timeout_ms, forces)
    deadline_us = client.node.now_us + timeout_ms * 1000 if timeout_ms else None
    replication.failover = Failover(replication, target, deadline_us, forces)
    replication.hurry()
    return "OK"


def _read_options(words: tuple[bytes, ...]) -> tuple[tuple[str, int] | None, int, bool]:
    """The target, the timeout in milliseconds (0: none), and whether FORCE was said."""
    target, timeout_ms, forces, at = None, 0, False, 0
    while at < len(words):
        option, following = words[at].lower(), len(words) - at - 1
        if option == b"timeout" and following >= 1 and not timeout_ms:
            timeout_ms = integer(words[at + 1])
            if timeout_ms <= 0:
                raise ReplyError("ERR FAILOVER timeout must be greater than 0")
            at += 2
        elif option == b"to" and following >= 2 and target is None:
            target = (errors.shown(words[at + 1]), integer(words[at + 2]))
            at += 3
        elif option == b"force" and not forces:
            forces = True
            at += 1
        else:
            raise ReplyError(errors.SYNTAX)
    return target, timeout_ms, forces


def _check_start(
    replication: Replication, target: tuple[str, int] | None, timeout_ms: int, forces: bool
) -> None:
    if replication.failover is not None:
        raise ReplyError("ERR FAILOVER already in progress.")
    if replication.is_replica:
        raise ReplyError("ERR FAILOVER is not valid when server is a replica.")
    if not replication.replicas.all:
        raise ReplyError("ERR FAILOVER requires connected replicas.")
    if forces and (not timeout_ms or target is None):
        raise ReplyError("ERR FAILOVER with force option requires both a timeout and target HOST and IP.")
    if target is not None:
        replica = replication.replicas.find(*target)
        if replica is None:
            raise ReplyError("ERR FAILOVER target HOST and PORT is not a replica.")
        if replica.state != "online":
            raise ReplyError("ERR FAILOVER target replica is not online.")

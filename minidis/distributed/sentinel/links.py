"""The connections of a Sentinel to one process: one for commands, one that listens to the hello channel.

    Sentinel ---- commands ----> PING, INFO, PUBLISH, SLAVEOF ...       and their replies, in order
             <--- listens ------ SUBSCRIBE __sentinel__:hello           (primaries and replicas only)

Replies come in the order of the commands, so a queue of functions is all the bookkeeping there is. What is
sent before the connection stands waits in it. A connection that is lost takes the replies that were due
with it; role.py opens another at its next turn.

Sentinels that meet around several primaries share one link: the pings of a hundred primaries would only say
the same thing a hundred times.

Mirrors: sentinel.c (`instanceLink`), hiredis's async context.
Read next: role.py.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any

from minidis.engine.peers import Peer, Peers
from minidis.protocol.resp import NEED_DATA, ProtocolError, ReplyParser, encode_command

OnReply = Callable[[Any], None]


class InstanceLink:
    """Both connections to one process, and when something was last heard."""

    def __init__(self, now_ms: int) -> None:
        self.users: list[Any] = []  # the instances that share it
        self.commands: Connection | None = None
        self.listening: Connection | None = None
        self.disconnected = True
        """One of the connections is missing."""
        self.commands_since_ms = 0
        self.listening_since_ms = 0
        self.last_attempt_ms = 0
        self.heard_ms = 0
        """When a message came on the hello channel: our own come back too, so that one always comes."""
        self.reset_times(now_ms)

    def reset_times(self, now_ms: int) -> None:
        """As if it had answered now, and were pinged now: from here on its silence counts."""
        self.ping_pending_since_ms = now_ms
        """The first ping that has no answer; 0: all are answered."""
        self.last_ping_ms = 0
        self.last_valid_ms = now_ms
        """When an acceptable answer to a ping came."""
        self.last_pong_ms = now_ms
        """When any answer came."""

    @property
    def pending_commands(self) -> int:
        """How many replies are due."""
        commands, listening = self.commands, self.listening
        return (len(commands.due) if commands else 0) + (len(listening.due) if listening else 0)

    def lost(self, connection: Connection) -> None:
        """A connection is gone."""
        if self.commands is connection:
            self.commands = None
        elif self.listening is connection:
            self.listening = None
        else:
            return
        self.disconnected = True

    def close(self, *connections: Connection | None) -> None:
        """Hang up."""
        for connection in connections:
            if connection is not None:
                connection.peer.close()
                self.lost(connection)

    def close_all(self) -> None:
        self.close(self.commands, self.listening)

    def release(self, user: Any) -> None:
        """`user` is no more: its replies are dropped, and the connections too if nobody else uses them."""
        self.users.remove(user)
        if not self.users:
            self.close_all()
        elif self.commands is not None:
            self.commands.forget(user)


class Connection:
    """One connection: commands go out, each with a function for its reply.  The handler of its peer."""

    def __init__(
        self,
        link: InstanceLink,
        peers: Peers,
        host: str,
        port: int,
        tls: bool,
        on_message: OnReply | None = None,
    ) -> None:
        self.link = link
        self.due: deque[tuple[Any, OnReply | None]] = deque()
        self.on_message = on_message
        self.parser = ReplyParser()
        self.peer = peers.open(host, port, self, tls)

    def call(self, user: Any, words: list[bytes], on_reply: OnReply | None = None) -> None:
        """Send a command for `user`; without `on_reply` what it answers does not matter."""
        self.due.append((user, on_reply))
        self.peer.send(encode_command(words))

    def forget(self, user: Any) -> None:
        """Drop the replies that are due to `user`, when they come."""
        self.due = deque((one, None if one is user else on_reply) for one, on_reply in self.due)

    # -- the peer's events ------------------------------------------------------------------------

    def connected(self, peer: Peer) -> None:
        """What was sent meanwhile goes out by itself."""

    def received(self, peer: Peer, data: bytes) -> None:
        self.parser.feed(data)
        try:
            while peer.state == "open" and (reply := self.parser.next_reply()) is not NEED_DATA:
                self._take(reply)
        except ProtocolError:
            self.link.close(self)

    def _take(self, reply: Any) -> None:
        if self.due:
            _, on_reply = self.due.popleft()
        else:
            on_reply = self.on_message
        if on_reply is not None:
            on_reply(reply)

    def lost(self, peer: Peer, reason: str) -> None:
        self.link.lost(self)

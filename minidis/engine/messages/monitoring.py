"""MONITOR: every command that runs, as a line for each client that asked to see them.

    1339518083.107412 [0 127.0.0.1:60866] "SET" "greeting" "hello"
    unix time          |  who              the words, quoted
                       database

A line is told when its command has run, also when that failed; the commands of a transaction one by one, then
EXEC; but a script before its commands. Commands of administrators (CONFIG, CLIENT KILL ...) are not shown,
passwords neither.

Mirrors: replicationFeedMonitors in replication.c.
Complexity: O(monitors) for each command; without a monitor nothing is built.

>>> from minidis.drivers.embedded import Embedded
>>> redis = Embedded(clock=1_000_000)
>>> watcher = redis.connect()
>>> redis.execute("MONITOR", client=watcher), redis.execute("SET", "a", "1"), redis.wait(watcher)
('OK', 'OK', '1.000000 [0 embedded:1] "SET" "a" "1"')

Read next: minidis/commands/monitoring.py.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from minidis.engine.command_table.registry import Command, Flag
from minidis.protocol.quoting import quote

if TYPE_CHECKING:
    from minidis.engine.client import Client
    from minidis.engine.node import Node

_HIDDEN = Flag.ADMIN | Flag.SKIP_MONITOR


_SCRIPTS = frozenset(("eval", "eval_ro", "evalsha", "evalsha_ro", "fcall", "fcall_ro"))


class Monitors:
    """The clients that watch."""

    def __init__(self, node: Node) -> None:
        self.node = node
        self.clients: dict[int, Client] = {}

    def add(self, client: Client) -> None:
        """Let `client` see every command from now on."""
        self.clients[client.id] = client
        self.node.update_observed()

    def leave(self, client: Client) -> None:
        """A client goes, or sends RESET."""
        if self.clients.pop(client.id, None) is not None:
            self.node.update_observed()

    def tell(self, client: Client, command: Command, argv: list[bytes]) -> None:
        """Send the line of a command that `client` has run."""
        if self.clients and not command.flags & _HIDDEN:
            self._show(client, command, argv)

    def announce(self, client: Client, command: Command, argv: list[bytes]) -> None:
        """Send the line of a script that `client` is about to run."""
        if self.clients and command.name in _SCRIPTS:
            self._show(client, command, argv)

    def _show(self, client: Client, command: Command, argv: list[bytes]) -> None:
        seconds, microseconds = divmod(self.node.now_us, 1_000_000)
        words = " ".join(quote(word).decode() for word in redacted(command.name, argv))
        line = f"{seconds}.{microseconds:06d} [{client.db.index} {client.peer}] {words}"
        for watcher in tuple(self.clients.values()):
            if not watcher.is_silenced and watcher.skipped_replies != 1:  # the line of SKIP itself is shown
                watcher.deliver(line)


def redacted(name: str, argv: list[bytes]) -> list[bytes]:
    """The words of a command without its secrets (redactClientCommandArgument).

    >>> redacted("hello", [b"HELLO", b"3", b"AUTH", b"alice", b"secret"])
    [b'HELLO', b'3', b'AUTH', b'(redacted)', b'(redacted)']
    """
    find = _SECRETS.get(name)
    if find is None:
        return argv
    hidden = set(find([word.upper() for word in argv]))
    return [b"(redacted)" if at in hidden else word for at, word in enumerate(argv)]


def _after(words: list[bytes], name: bytes, count: int) -> list[int]:
    """The places of the `count` words behind each `name`."""
    return [at + offset for at, word in enumerate(words) if word == name for offset in range(1, count + 1)]


_SECRET_DIRECTIVES = (
    b"MASTERAUTH", b"MASTERUSER", b"REQUIREPASS", b"TLS-KEY-FILE-PASS", b"TLS-CLIENT-KEY-FILE-PASS",
)  # fmt: skip

_SECRETS: dict[str, Callable[[list[bytes]], Iterable[int]]] = {
    "auth": lambda words: range(1, len(words)),
    "hello": lambda words: _after(words[:-2], b"AUTH", 2),
    **dict.fromkeys(("acl|setuser", "acl|deluser", "acl|getuser"), lambda words: range(2, len(words))),
    "migrate": lambda words: _after(words, b"AUTH", 1) + _after(words, b"AUTH2", 2),
    "config|set": lambda words: [at for at in range(3, len(words), 2) if words[at - 1] in _SECRET_DIRECTIVES],
}
"""Command -> the places of its secrets among its words, given in upper case."""

"""The slow log: the last commands that took longer than `slowlog-log-slower-than`.

    14   1309448221   15003   ["KEYS", "*"]   127.0.0.1:58217   alice
    id   unix time    us      the words       who               client's name

What is long is cut: 31 words and a note how many more there were, 128 bytes of each word. The time counted is
that of the command itself, not of waiting for a key nor of the network. Zero logs every command, a negative
number none.

Mirrors: slowlog.c.
Complexity: O(words shown) for each entry.

>>> from minidis.drivers.embedded import Embedded
>>> redis = Embedded(clock=0)
>>> redis.execute("DEBUG", "SLEEP", "0.2"), [entry.duration_us for entry in redis.node.slowlog.entries]
('OK', [200000])

Read next: minidis/commands/slowlog.py.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

from minidis.engine.command_table.registry import Command
from minidis.engine.messages.monitoring import redacted
from minidis.structures.record import NamedTuple

if TYPE_CHECKING:
    from minidis.engine.client import Client
    from minidis.engine.node import Node

MOST_WORDS = 32
MOST_BYTES = 128


class SlowEntry(NamedTuple):
    """One slow command."""

    id: int
    time_s: int
    duration_us: int
    argv: list[bytes]
    peer: str
    client_name: str


class SlowLog:
    """The last `slowlog-max-len` slow commands, newest first."""

    def __init__(self, node: Node) -> None:
        self.node = node
        self.entries: deque[SlowEntry] = deque()
        self.next_id = 0

    def add(self, client: Client, command: Command, argv: list[bytes], duration_us: int) -> None:
        """Log a command that took `duration_us`."""
        words = shortened(redacted(command.name, argv))
        time_s = self.node.now_us // 1_000_000
        self.entries.appendleft(SlowEntry(self.next_id, time_s, duration_us, words, client.peer, client.name))
        self.next_id += 1
        self.trim()

    def trim(self) -> None:
        """Drop the oldest beyond `slowlog-max-len`."""
        while len(self.entries) > self.node.config.slowlog_max_len:
            self.entries.pop()


def shortened(argv: list[bytes]) -> list[bytes]:
    """The words as the log keeps them.

    >>> shortened([b"SET", b"k", b"v" * 130])[2].endswith(b"v... (2 more bytes)")
    True
    >>> shortened([b"DEL"] + [b"k"] * 40)[-1]
    b'... (10 more arguments)'
    """
    shown = argv if len(argv) <= MOST_WORDS else argv[: MOST_WORDS - 1]
    words = [
        word
        if len(word) <= MOST_BYTES
        else word[:MOST_BYTES] + b"... (%d more bytes)" % (len(word) - MOST_BYTES)
        for word in shown
    ]
    if len(shown) < len(argv):
        words.append(b"... (%d more arguments)" % (len(argv) - len(shown)))
    return words

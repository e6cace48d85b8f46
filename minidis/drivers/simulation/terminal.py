"""Clients of the lab: somebody at a prompt, and scripts that run by themselves in virtual time.

    alice = lab.connect("a", "alice")
    alice.call("SET", "k", "v")           the lab runs until the reply is there
    alice.send("BLPOP", "q", "0")         ... or only sends
    alice.replies                         what came meanwhile

    def writer():                         a script: a generator that yields commands
        for number in range(100):
            reply = yield "SET", "k", number     or "PING", one line of text
            yield 0.1                            sleeps so many seconds of virtual time
    lab.script("bob", "a", writer())

A script gets errors, and the loss of its connection, as values (ReplyError, ConnectionError); its next
command connects anew. Both speak RESP over a wire of the lab: partitions and latencies are theirs too.

Read next: lab.py.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator
from typing import TYPE_CHECKING, Any

from minidis.drivers.embedded import to_bytes
from minidis.drivers.simulation.agenda import microseconds
from minidis.drivers.simulation.wires import Address, End, Host
from minidis.protocol.replies import ReplyError
from minidis.protocol.resp import NEED_DATA, ReplyParser, encode_command

if TYPE_CHECKING:
    from minidis.drivers.simulation.lab import Lab
    from minidis.drivers.simulation.tasks import Task

Script = Generator[Any, Any, Any]


class LabTimeout(TimeoutError):
    """No reply within the patience of the caller, in virtual time."""


class Terminal:
    """One connection to a node of the lab."""

    def __init__(self, lab: Lab, host: Host, address: Address) -> None:
        self.lab = lab
        self.host = host
        self.address = address
        self.received = bytearray()  # for those who parse by themselves (redis-py)
        self.replies: deque[Any] = deque()
        self.parses = True
        self.on_reply: Callable[[Any], None] | None = None
        self.watchers: list[Task] = []  # tasks that wait for what comes here
        self.lost = ""
        self.is_open = False
        self._unsent = bytearray()
        self._parser = ReplyParser()
        self.end = lab.wires.connect(host, self, address)

    # -- the wire's side --------------------------------------------------------------------------

    def end_opened(self, end: End) -> None:
        self.is_open = True
        self.lab.wires.send(end, bytes(self._unsent))
        self._unsent.clear()
        self._wake_watchers()

    def end_received(self, end: End, data: bytes) -> None:
        if not self.parses:
            self.received += data
            self._wake_watchers()
            return
        self._parser.feed(data)
        while (reply := self._parser.next_reply()) is not NEED_DATA:
            self._got(reply)

    def end_lost(self, end: End, reason: str) -> None:
        self.lost = reason
        self.is_open = False
        if self.on_reply is not None:
            self.on_reply(ConnectionError(reason))
        self._wake_watchers()

    def _wake_watchers(self) -> None:
        for task in self.watchers:
            task.wake()

    def _got(self, reply: Any) -> None:
        if self.on_reply is not None:
            self.on_reply(reply)
        else:
            self.replies.append(reply)

    # -- the caller's side ------------------------------------------------------------------------

    def send_bytes(self, data: bytes) -> None:
        if self.lost:
            raise ConnectionError(self.lost)
        if self.is_open:
            self.lab.wires.send(self.end, data)
        else:
            self._unsent += data

    def send(self, *words: Any) -> None:
        """Send a command, and do not wait."""
        self.send_bytes(encode_command([to_bytes(word) for word in words]))

    def call(self, *words: Any, within: str | float = "60s") -> Any:
        """Send a command and let the lab run until its reply is there.

        Raises ReplyError for an error reply, ConnectionError when the connection is lost, LabTimeout when
        nothing came `within` so long.
        """
        self.send(*words)
        return self.wait(within)

    def wait(self, within: str | float = "60s") -> Any:
        """Let the lab run until the next reply is there."""
        self.lab.run_until(lambda: bool(self.replies or self.lost), within)
        if self.replies:
            reply = self.replies.popleft()
            if isinstance(reply, ReplyError):
                raise reply
            return reply
        if self.lost:
            raise ConnectionError(self.lost)
        raise LabTimeout(f"no reply within {within} of virtual time")

    def close(self) -> None:
        if not self.lost:
            self.lost = "closed"
            self.lab.wires.close(self.end)


class ScriptedClient:
    """A script that runs by itself.  `log` keeps (sent_us, words, replied_us, reply) of every command."""

    def __init__(self, lab: Lab, host: Host, address: Address, script: Script) -> None:
        self.lab = lab
        self.host = host
        self.address = address
        self.script = script
        self.finished = False
        self.result: Any = None
        self.log: list[tuple[int, tuple, int | None, Any]] = []
        self._terminal: Terminal | None = None
        self._waits = False
        lab.agenda.after(0, lambda: self._go_on(None))

    def _go_on(self, value: Any) -> None:
        """Give the script what it waits for, and do what it yields next."""
        try:
            wish = self.script.send(value)
        except StopIteration as end:
            self.finished, self.result = True, end.value
            return
        if isinstance(wish, int | float):
            self.lab.agenda.after(microseconds(wish), lambda: self._go_on(None))
        elif isinstance(wish, Move):
            self.address = wish
            self._hang_up()
            self._go_on(None)
        else:
            self._send(tuple(wish.split()) if isinstance(wish, str) else wish)

    def _send(self, words: tuple) -> None:
        if self._terminal is None or self._terminal.lost:
            self._terminal = Terminal(self.lab, self.host, self.address)
            self._terminal.on_reply = self._replied
        self.log.append((self.lab.now_us, words, None, None))
        self._waits = True
        self._terminal.send(*words)

    def _replied(self, reply: Any) -> None:
        if not self._waits:
            return  # the connection was lost while nobody waited: the next command opens another
        self._waits = False
        sent_us, words, _, _ = self.log[-1]
        self.log[-1] = (sent_us, words, self.lab.now_us, reply)
        self._go_on(reply)

    def _hang_up(self) -> None:
        if self._terminal is not None:
            self._terminal.on_reply = None
            self._terminal.close()
            self._terminal = None


class Move(tuple):
    """What a script yields to go to another node from now on: `yield lab.at("b")`."""

    __slots__ = ()

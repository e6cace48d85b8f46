"""The nodes of a lab as the target of a cell: `%%redis @a`, or a line that begins with `@a`.

The last `minidis.Lab` that was made is the one that is meant, and a name that is one of its nodes' comes
before a client of that name. A command goes over the lab's own wires and the lab runs until its reply is
there, so it takes virtual time; a command that waits is left waiting, and its reply shown when it has
come.

Read next: minidis/drivers/simulation/lab.py.
"""

from __future__ import annotations

from typing import Any

from minidis.client.lab import Lab
from minidis.drivers.simulation.terminal import Terminal
from minidis.notebook.targets import Connection, ServerConnection
from minidis.protocol.resp import NEED_DATA, encode_command

LEAST_PATIENCE_S = 0.1
"""A shorter look at what has come must not move the lab's time."""


class LabTarget:
    """All nodes of a lab; a connection is one node's prompt."""

    is_embedded = False
    name = "lab"

    def __init__(self, lab: Lab) -> None:
        self.lab = lab

    def describe(self) -> str:
        return f"the lab's nodes {', '.join(self.lab.processes)}"

    def connect(self, name: str) -> Connection:
        return LabConnection(self.lab, name)

    def run_timers(self) -> None:
        """Time in the lab moves only when somebody runs it."""


class LabConnection(ServerConnection):
    """A prompt at one node."""

    asks_first = False

    def __init__(self, lab: Lab, name: str) -> None:
        self._lab = lab
        super().__init__(lambda: _LabLink(lab.connect(name, f"prompt-of-{name}")), name, f"the lab's {name}")

    @property
    def client_name(self) -> str:
        return ""

    def _send(self, argv: list[bytes], may_wait: bool) -> None:
        self._link.terminal.send_bytes(encode_command(argv))

    def _receive(self, patience_s: float) -> Any:
        terminal = self._link.terminal
        if patience_s >= LEAST_PATIENCE_S:
            self._lab.run_until(lambda: bool(terminal.received or terminal.lost), patience_s)
        while (reply := self._parser.next_reply()) is NEED_DATA:
            if not terminal.received:
                if terminal.lost:
                    self._lost(terminal.lost)
                return NEED_DATA
            data = bytes(terminal.received)
            terminal.received.clear()
            self.reply_bytes += data
            self._parser.feed(data)
        return reply


class _LabLink:
    """What stands for redis-py's connection."""

    db = 0

    def __init__(self, terminal: Terminal) -> None:
        terminal.parses = False
        self.terminal = terminal

    def disconnect(self) -> None:
        self.terminal.close()

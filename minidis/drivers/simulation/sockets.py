"""The sockets of the lab: what a program reads and writes when its network is virtual.

    socket = LabSocket(lab, host)          on a machine of the lab
    socket.connect(("redis", 6379))        a name is an address; "localhost" is the machine itself
    socket.sendall(b"PING\\r\\n")
    socket.recv(100)                       a task waits, and others go on; else the lab runs meanwhile

In a task `socket.create_connection` makes them, as does redis-py (minidis/client/lab.py).

Differs: TCP only, and of the methods only what clients call.
Complexity: that of wires.py.
Read next: wires.py, standins.py.
"""

from __future__ import annotations

import errno
import socket
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from minidis.drivers.simulation import standins
from minidis.drivers.simulation.terminal import Terminal
from minidis.drivers.simulation.wires import Address, Host
from minidis.drivers.virtual_socket import VirtualSocket

if TYPE_CHECKING:
    from minidis.drivers.simulation.lab import Lab
    from minidis.drivers.simulation.tasks import Task

PATIENCE_S = 60.0
"""How long a client without a timeout of its own waits, in virtual time."""

EPIPE, ECONNREFUSED = 32, 111
"""Linux's numbers: the lab's machines are no other wherever it runs."""

LOOPBACK = ("localhost", "127.0.0.1", "::1")


class LabSocket(VirtualSocket):
    """The methods of a socket that clients call."""

    _terminal: Terminal

    def __init__(self, lab: Lab, host: Host) -> None:
        self._lab = lab
        self._host = host

    def connect(self, address: Address) -> None:
        """Raises ConnectionRefusedError where nobody listens, TimeoutError where nobody answers."""
        if (task := standins.current_task()) is not None:
            task.check_alive()
        name, port = address
        self._terminal = Terminal(
            self._lab, self._host, (self._host.name if name in LOOPBACK else name, port)
        )
        self._terminal.parses = False
        self._wait(lambda: self._terminal.is_open)
        if not self._terminal.is_open:
            self._terminal.close()
            raise ConnectionRefusedError(ECONNREFUSED, self._terminal.lost)

    def _wait(self, condition: Callable[[], bool]) -> None:
        terminal = self._terminal
        timeout_s = PATIENCE_S if self._timeout_s is None else self._timeout_s
        task = standins.current_task()

        def is_over() -> bool:
            return condition() or bool(terminal.lost)

        if task is not None:  # others go on meanwhile
            came = task.wait(is_over, timeout_s, terminal.watchers)
        else:
            came = self._lab.run_until(is_over, timeout_s)
        if not came:
            raise TimeoutError("timed out")

    def sendall(self, data: bytes) -> None:
        if (task := standins.current_task()) is not None:
            task.check_alive()
        if self._terminal.lost:
            raise BrokenPipeError(EPIPE, "Broken pipe")
        self._terminal.send_bytes(bytes(data))

    def recv(self, most_bytes: int) -> bytes:
        """What is there; lets the lab run for it as long as the timeout allows. b"" at the end."""
        received = self._terminal.received
        if not received and self._timeout_s == 0:
            raise BlockingIOError(errno.EWOULDBLOCK, "no data yet")
        self._wait(lambda: bool(received))
        data = bytes(received[:most_bytes])
        del received[: len(data)]
        return data

    def close(self) -> None:
        self._terminal.close()

    def __enter__(self) -> LabSocket:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()


def _create_connection(task: Task, address: Address, timeout: Any = None, **options: Any) -> LabSocket:
    made = LabSocket(task.lab, task.machine.host)
    made.settimeout(timeout if isinstance(timeout, int | float) else None)  # else "the default", an object
    made.connect(address)
    return made


standins.replace(socket, "create_connection", _create_connection)

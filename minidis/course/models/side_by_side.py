"""The same client code on `minidis-server` and, where this machine has one, on a real server beside it.

    def job(name, redis):                          "minidis-server", then "redis-server" or "valkey-server"
        print(name, redis.ping())

    side_by_side(job)

Each server is a process of its own on a free port of 127.0.0.1, with nothing on disk, and ends with its job.
The clients are redis-py's own `Redis`, on TCP: sockets, pools and pipelines are the real ones.

`side_by_side(job, "redis://localhost:6379")` takes a server that runs already as well; it is not ended, and
what is written there stays.

In a browser page there are no processes: the same job runs on a machine of a lab, where sockets, threads and
time are virtual (`in_the_lab`), and the page says so.

Read next: minidis/server.py, which the first of them runs; minidis/drivers/simulation/standins.py.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import redis

from minidis.client.lab import Lab
from minidis.drivers import browser
from minidis.drivers.cluster_servers import HOST, free_ports

START_S = 60
REAL_SERVERS = ("redis-server", "valkey-server")

Job = Callable[[str, redis.Redis], Any]


def side_by_side(job: Job, *urls: str) -> None:
    """Do `job(name, client)` with each server.  Raises RuntimeError where one does not start."""
    if browser.inside():
        print(browser.IN_THE_LAB)
        in_the_lab(job)
        return
    programs = {"minidis-server": [sys.executable, "-m", "minidis"]}
    programs |= {name: [path] for name in REAL_SERVERS if (path := shutil.which(name))}
    for name, command in programs.items():
        with _running(command) as client:
            job(name, client)
    for url in urls:
        with redis.Redis.from_url(url) as client:
            job(url.rpartition("@")[2], client)


def in_the_lab(job: Job) -> None:
    """The same on a machine of a lab, whose node listens on "localhost": blocking code in virtual time."""
    lab = Lab()
    lab.node("server", {"enable-debug-command": "no"})
    task = lab.machine("server").spawn(lambda: job("minidis (lab)", lab.client("server", "server")))
    lab.run_until(lambda: task.finished, "1h")
    lab.end_tasks()
    if task.error is not None:
        raise task.error


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

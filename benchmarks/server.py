"""minidis-server beside a real redis-server, and the least that a server in Python can do (bare_server.py):
all under redis-benchmark, in turns, in one run.

The benchmark shares the machine with the servers, and so does everything else that runs there: a rate bears
that badly. The processor time per request (server_cost.py), which the system counts for each server alone,
bears it better; connection.py leaves sockets and event loop out, and bears it well.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import cache
from pathlib import Path
from statistics import median
from typing import NamedTuple

from benchmarks.harness import Row

TITLE = "Over TCP, by redis-benchmark with 50 clients"
ABOUT = """Requests per second, medians of a few rounds. `bare` is a server in Python that knows GET and SET
of a dict, and nothing else: a ceiling. `-P`: so many requests are sent before the replies are read."""
UNIT = "requests/s"
PEERS = ("redis-server", "minidis", "bare")
COMPARED = (("minidis", "redis-server"), ("minidis", "bare"))

REQUESTS = {1: 50_000, 16: 400_000, 100: 1_000_000}
COMMANDS = ("SET", "GET", "INCR", "LPUSH", "HSET", "ZADD")
BARE_KNOWS = ("SET", "GET")
ROUNDS = 3
LONGEST_S = 600
PROGRAMS = {
    "redis-server": [shutil.which("redis-server") or "redis-server", "--save", ""],
    "minidis": [sys.executable, "-m", "minidis", "--save", ""],
    "bare": [sys.executable, "-m", "benchmarks.bare_server"],
}


class Measured(NamedTuple):
    """What one server did under one load: requests per second, microseconds of its processor for each."""

    rate: float
    cost_us: float


def rows(quick: bool) -> Iterator[Row]:
    for name, servers in measured(quick).items():
        yield Row(name, values={server: figures.rate for server, figures in servers.items()})


@cache
def measured(quick: bool) -> dict[str, dict[str, Measured]]:
    """Each load, and how the servers bore it; measured once for the two workloads that tell of it."""
    commands, loads, rounds = (COMMANDS[:1], {16: 400}, 1) if quick else (COMMANDS, REQUESTS, ROUNDS)
    found = {}
    with ExitStack() as stack:
        servers = {name: stack.enter_context(running(name)) for name in PROGRAMS}
        for command in commands:
            knowing = {name: servers[name] for name in servers if name != "bare" or command in BARE_KNOWS}
            for pipeline, requests in loads.items():
                load = f"{command} -P {pipeline}"
                found[load] = in_turns(knowing, command, pipeline, requests, rounds)
                print(load, found[load]["minidis"], file=sys.stderr, flush=True)
    return found


def in_turns(
    servers: dict[str, tuple[int, int]], command: str, pipeline: int, requests: int, rounds: int
) -> dict[str, Measured]:
    """Medians of some rounds.  The servers take turns, so that a busy moment hits all of them."""
    rates: dict[str, list[float]] = {name: [] for name in servers}
    costs: dict[str, list[float]] = {name: [] for name in servers}
    for _ in range(rounds):
        for name, (pid, port) in servers.items():
            before_s = processor_seconds(pid)
            rates[name].append(requests_per_second(port, command, pipeline, requests))
            costs[name].append((processor_seconds(pid) - before_s) * 1e6 / requests)
    return {name: Measured(median(rates[name]), median(costs[name])) for name in servers}


def processor_seconds(pid: int) -> float:
    """What a process has used so far, in its own code and in the kernel; 0 where there is no /proc."""
    status = Path(f"/proc/{pid}/stat")
    if not status.exists():
        return 0.0
    fields = status.read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def requests_per_second(port: int, command: str, pipeline: int, requests: int) -> float:
    """What redis-benchmark says."""
    words = ["redis-benchmark", "-p", str(port), "-t", command.lower(), "-P", str(pipeline)]
    words += ["-n", str(requests), "-c", "50", "--csv"]
    done = subprocess.run(words, capture_output=True, text=True, check=True, timeout=LONGEST_S)
    return float(done.stdout.splitlines()[-1].split(",")[1].strip('"'))


@contextmanager
def running(name: str) -> Iterator[tuple[int, int]]:
    """A server on a free port, keeping nothing; its process and port."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with tempfile.TemporaryDirectory() as folder:
        words = [*PROGRAMS[name], "--port", str(port), "--dir", folder]
        process = subprocess.Popen(words, stdout=subprocess.DEVNULL)
        try:
            wait_until_it_listens(port)
            yield process.pid, port
        finally:
            process.terminate()
            process.wait()


def wait_until_it_listens(port: int, seconds: float = 20) -> None:
    end = time.monotonic() + seconds
    while True:
        try:
            socket.create_connection(("127.0.0.1", port)).close()
            return
        except OSError:
            if time.monotonic() > end:
                raise
            time.sleep(0.05)

"""minidis-server beside a real redis-server, both under redis-benchmark, in turns, in one run.

The benchmark shares the machine with the servers, and so does everything else that runs there: a rate bears
that badly. The processor time per request, which the system counts for each server alone, bears it well, and
says where a server could get to on a machine of its own.
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
from pathlib import Path
from statistics import median

from benchmarks.timing import table

REQUESTS = {1: 20_000, 16: 100_000, 100: 200_000}
COMMANDS = ("SET", "GET", "INCR", "LPUSH", "HSET", "ZADD")
ROUNDS = 3
LONGEST_S = 120
SERVERS = {
    "redis-server": [shutil.which("redis-server") or "redis-server", "--save", ""],
    "minidis-server": [sys.executable, "-m", "minidis", "--save", ""],
    "bare": [sys.executable, "-m", "benchmarks.bare_server"],
}
"""`bare` knows GET and SET only: the ceiling for Python (bare_server.py)."""

HEADERS = ["50 clients", "pipeline", "redis, requests/s", "minidis / redis", "bare / redis",
           "redis, us of CPU", "minidis, us", "bare, us"]  # fmt: skip


def measure() -> str:
    """A Markdown table: requests per second, their ratios, and processor time per request."""
    if not shutil.which("redis-server") or not shutil.which("redis-benchmark"):
        return "(redis-server and redis-benchmark are not on this machine)"
    rows = []
    with ExitStack() as stack:
        servers = {name: stack.enter_context(running(name)) for name in SERVERS}
        for command in COMMANDS:
            for pipeline, requests in REQUESTS.items():
                rates, costs = measure_in_turns(servers, command, pipeline, requests)
                redis = rates["redis-server"]
                row = [command, str(pipeline), f"{redis:,.0f}"]
                row += [f"{rates[name] / redis:.2f}" if name in rates else "" for name in list(SERVERS)[1:]]
                row += [f"{costs[name]:.1f}" if name in costs else "" for name in SERVERS]
                rows.append(row)
    return table(HEADERS, rows)


def measure_in_turns(
    servers: dict[str, tuple[int, int]], command: str, pipeline: int, requests: int
) -> tuple[dict[str, float], dict[str, float]]:
    """Of each server that knows the command: requests per second, microseconds of its processor per request.

    Medians of a few rounds; the servers take turns, so that a busy moment hits all of them.
    """
    taking_part = [name for name in servers if name != "bare" or command in ("GET", "SET")]
    rates: dict[str, list[float]] = {name: [] for name in taking_part}
    costs: dict[str, list[float]] = {name: [] for name in taking_part}
    for _ in range(ROUNDS):
        for name in taking_part:
            pid, port = servers[name]
            before_s = processor_seconds(pid)
            rates[name].append(requests_per_second(port, command, pipeline, requests))
            costs[name].append((processor_seconds(pid) - before_s) * 1e6 / requests)
    return (
        {name: median(values) for name, values in rates.items()},
        {name: median(values) for name, values in costs.items()},
    )


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
        words = [*SERVERS[name], "--port", str(port), "--dir", folder]
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


if __name__ == "__main__":
    print(measure())

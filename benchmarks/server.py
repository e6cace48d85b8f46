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
from contextlib import contextmanager
from pathlib import Path
from statistics import median

from benchmarks.timing import table

REQUESTS = {1: 20_000, 16: 100_000, 100: 200_000}
COMMANDS = ("GET", "SET")
ROUNDS = 3
LONGEST_S = 120
SERVERS = {
    "redis-server": [shutil.which("redis-server") or "redis-server"],
    "minidis-server": [sys.executable, "-m", "minidis"],
}
HEADERS = ["50 clients", "pipeline", "redis, requests/s", "minidis, requests/s", "ratio",
           "redis, us of CPU", "minidis, us of CPU"]  # fmt: skip


def measure() -> str:
    """A Markdown table: requests per second of both, the ratio, processor time per request of both."""
    if not shutil.which("redis-server") or not shutil.which("redis-benchmark"):
        return "(redis-server and redis-benchmark are not on this machine)"
    rows = []
    with running("redis-server") as theirs, running("minidis-server") as ours:
        for pipeline, requests in REQUESTS.items():
            for command in COMMANDS:
                rates: tuple[list[float], list[float]] = ([], [])
                costs: tuple[list[float], list[float]] = ([], [])
                for _ in range(ROUNDS):  # in turns, so that a busy moment hits both
                    for side, (pid, port) in enumerate((theirs, ours)):
                        before_s = processor_seconds(pid)
                        rates[side].append(requests_per_second(port, command, pipeline, requests))
                        costs[side].append((processor_seconds(pid) - before_s) * 1e6 / requests)
                their_rate, our_rate = map(median, rates)
                row = [command, str(pipeline), f"{their_rate:,.0f}", f"{our_rate:,.0f}"]
                row += [f"{our_rate / their_rate:.2f}", *(f"{median(cost):.1f}" for cost in costs)]
                rows.append(row)
    return table(HEADERS, rows)


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
        words = [*SERVERS[name], "--port", str(port), "--save", "", "--dir", folder]
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

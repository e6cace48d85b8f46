"""`python -m benchmarks.server`: minidis-server beside a real redis-server, by redis-benchmark, in one run.

Both servers share the machine with the benchmark itself; the ratio is what to look at, and only where nothing
else runs. It is not part of `make bench`, which needs no server.
"""

from __future__ import annotations

import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager

REQUESTS = {1: 50_000, 16: 200_000, 100: 400_000}
COMMANDS = ("GET", "SET")
ROUNDS = 3
SERVERS = {
    "redis-server": [shutil.which("redis-server") or "redis-server"],
    "minidis-server": [sys.executable, "-m", "minidis"],
}


def main() -> None:
    """Print a table: requests per second of both, and the ratio."""
    print(f"| requests/s | pipeline | {' | '.join(SERVERS)} | ratio |")
    print("| --- | ---: | ---: | ---: | ---: |")
    with running("redis-server") as theirs, running("minidis-server") as ours:
        for pipeline, requests in REQUESTS.items():
            for command in COMMANDS:
                best = [0.0, 0.0]
                for _ in range(ROUNDS):  # in turns, so that a busy moment hits both
                    for side, port in enumerate((theirs, ours)):
                        best[side] = max(best[side], requests_per_second(port, command, pipeline, requests))
                ratio = best[1] / best[0]
                print(
                    f"| {command} | {pipeline} | {best[0]:,.0f} | {best[1]:,.0f} | {ratio:.2f} |", flush=True
                )


def requests_per_second(port: int, command: str, pipeline: int, requests: int) -> float:
    words = ["redis-benchmark", "-p", str(port), "-t", command.lower(), "-P", str(pipeline)]
    words += ["-n", str(requests), "-c", "50", "--csv"]
    lines = subprocess.run(words, capture_output=True, text=True, check=True).stdout.splitlines()
    return float(lines[-1].split(",")[1].strip('"'))


@contextmanager
def running(name: str) -> Iterator[int]:
    """A server on a free port, keeping nothing."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with tempfile.TemporaryDirectory() as folder:
        words = [*SERVERS[name], "--port", str(port), "--save", "", "--dir", folder]
        process = subprocess.Popen(words, stdout=subprocess.DEVNULL)
        try:
            wait_until_it_listens(port)
            yield port
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
    main()

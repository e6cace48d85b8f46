"""A million small keys: the memory that a real server takes for each, and ours.

Counted is what the whole process grows by (VmRSS), with all that an allocator and a garbage collector keep
for themselves: the `used_memory_rss` of INFO.
"""

from __future__ import annotations

import shutil
import socket
from collections.abc import Iterator
from pathlib import Path

from benchmarks.server import running
from benchmarks.timing import table
from minidis.protocol.resp import encode_command

KEYS = 1_000_000
CHUNK = 1000
WORKLOADS = {
    "strings": lambda number: [b"SET", b"key:%012d" % number, b"value:%07d" % number],
    "hashes of one field": lambda number: [b"HSET", b"key:%012d" % number, b"field", b"value:%07d" % number],
    "fields of one hash": lambda number: [b"HSET", b"hash", b"field:%012d" % number, b"value:%07d" % number],
    "members of one set": lambda number: [b"SADD", b"set", b"member:%012d" % number],
    "members of one sorted set": lambda number: [
        b"ZADD",
        b"zset",
        b"%d.5" % number,
        b"member:%012d" % number,
    ],
}


def measure(keys: int = KEYS) -> str:
    """A Markdown table: bytes per key of both, and the ratio."""
    if not shutil.which("redis-server"):
        return "(redis-server is not on this machine)"
    rows = []
    for name in WORKLOADS:
        theirs, ours = (bytes_per_key(server, name, keys) for server in ("redis-server", "minidis-server"))
        rows.append([name, f"{theirs:.0f}", f"{ours:.0f}", f"{ours / theirs:.1f}"])
    return table([f"{keys:,} of each", "redis, bytes", "minidis, bytes", "ratio"], rows)


def bytes_per_key(server: str, workload: str, keys: int) -> float:
    """What a fresh server's process grows by, for each key."""
    with running(server) as (pid, port):
        fill(port, "strings", CHUNK)  # buffers and caches are there now
        before = resident_bytes(pid)
        fill(port, workload, keys)
        return (resident_bytes(pid) - before) / keys


def fill(port: int, workload: str, keys: int) -> None:
    """Send the commands of a workload, a chunk at a time."""
    with socket.create_connection(("127.0.0.1", port)) as connection:
        for data, count in chunks(workload, keys):
            connection.sendall(data)
            lines = 0
            while lines < count:
                lines += connection.recv(65536).count(b"\n")


def chunks(workload: str, keys: int) -> Iterator[tuple[bytes, int]]:
    """Requests, a chunk at a time, and how many."""
    for start in range(0, keys, CHUNK):
        numbers = range(start, min(start + CHUNK, keys))
        yield b"".join(encode_command(WORKLOADS[workload](number)) for number in numbers), len(numbers)


def resident_bytes(pid: int) -> int:
    """What a process holds of the machine's memory."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) * 1024
    raise ValueError(f"no VmRSS of process {pid}")


if __name__ == "__main__":
    print(measure())

"""A million small keys: the memory that a real server takes for each, and ours.

Counted is what the whole process grows by (VmRSS), with all that an allocator and a garbage collector keep
for themselves: the `used_memory_rss` of INFO.
"""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from pathlib import Path

from benchmarks.harness import Row
from benchmarks.server import running
from minidis.protocol.resp import encode_command

TITLE = "Memory for a small key, field or member, of a million"
ABOUT = """Bytes that the server's process grows by for each. The ratio is ours to the real server's."""
UNIT = "bytes"
PEERS = ("redis-server", "minidis")
COMPARED = (("minidis", "redis-server"),)

KEYS = 1_000_000
CHUNK = 1000
WORKLOADS: dict[str, Callable[[int], list[bytes]]] = {
    "string": lambda number: [b"SET", b"key:%012d" % number, b"value:%07d" % number],
    "hash of one field": lambda number: [b"HSET", b"key:%012d" % number, b"field", b"value:%07d" % number],
    "field of one hash": lambda number: [b"HSET", b"hash", b"field:%012d" % number, b"value:%07d" % number],
    "member of one set": lambda number: [b"SADD", b"set", b"member:%012d" % number],
    "member of one sorted set": lambda number: [b"ZADD", b"zset", b"%d.5" % number, b"member:%012d" % number],
}


def rows(quick: bool) -> Iterator[Row]:
    for name in list(WORKLOADS)[: 1 if quick else None]:
        keys = 10 * CHUNK if quick else KEYS
        yield Row(name, values={server: bytes_per_key(server, name, keys) for server in PEERS})


def bytes_per_key(server: str, workload: str, keys: int) -> float:
    """What a fresh server's process grows by, for each key."""
    with running(server) as (pid, port):
        fill(port, "string", CHUNK)  # buffers and caches are there now
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

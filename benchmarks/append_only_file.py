"""The append-only file: a SET under each policy; rewriting and loading a log beside real servers.

The data is that of persistence.py. Rates are megabytes of the log, written as commands, per second.
"""

from __future__ import annotations

import tempfile
import time
from time import perf_counter

from benchmarks.persistence import ROUNDS, _dataset
from benchmarks.timing import microseconds_per_call, table
from minidis.drivers.disk import RealDisk
from minidis.drivers.embedded import real_clock
from minidis.engine import starting
from minidis.engine.durability.disk import MemoryDisk
from minidis.engine.durability.snapshots import FileSink, Walk
from minidis.engine.node import Node
from minidis.persistence.aof import CommandWriter
from tests.differential.servers import Connection, RealServer, available_judges


def measure_policies() -> str:
    """A Markdown table: microseconds for a SET, its log written and synced as the policy says."""
    rows = []
    for policy in ("appendonly no", "no", "everysec", "always"):
        with tempfile.TemporaryDirectory() as folder:
            config = {"dir": folder, "save": "", "appendonly": "no"}
            disk = RealDisk()
            if policy != "appendonly no":
                config |= {"appendonly": "yes", "appendfsync": policy}
            node = Node(config, real_clock, disk=disk)
            starting.start(node)
            client = node.connect()

            def run(node=node, client=client) -> None:
                node.execute(client, [b"SET", b"key", b"value"])
                node.write_out()

            rows.append([policy, f"{microseconds_per_call(run, ()):.2f}"])
            disk.close_all()
    return table(["appendfsync", "us per SET"], rows)


def measure_files() -> str:
    """A Markdown table: who, how fast it rewrites a log, how fast it loads one."""
    node = _dataset()
    log = _rewritten(node)
    megabytes = len(log) / 1e6
    rows = [["minidis", *_rates(megabytes, [_our_rewrite(node) for _ in range(ROUNDS)], _our_loads(log))]]
    for judge in available_judges():
        rows.append([judge.name, *_rates_of_server(megabytes, RealServer(judge, _OPTIONS), log)])
    return table([f"{megabytes:.1f} MB", "rewrite, MB/s", "load, MB/s"], rows)


_OPTIONS = ("--appendonly", "yes", "--aof-use-rdb-preamble", "no", "--auto-aof-rewrite-percentage", "0")


def _rates(megabytes: float, rewrites: list[float], loads: list[float]) -> list[str]:
    return [f"{megabytes / min(rewrites):.1f}", f"{megabytes / min(loads):.1f}"]


def _our_rewrite(node: Node) -> float:
    start = perf_counter()
    _rewritten(node)
    return perf_counter() - start


def _rewritten(node: Node) -> bytes:
    disk = MemoryDisk()
    Walk(node, CommandWriter()).run_into(FileSink(disk, "log"))
    return disk.read("log")


def _our_loads(log: bytes) -> list[float]:
    seconds = []
    for _ in range(ROUNDS):
        disk = MemoryDisk()
        disk.append("appendonly.aof", log)
        node = Node({"appendonly": "yes"}, real_clock, disk=disk)
        start = perf_counter()
        loading = starting.start(node)
        assert loading is not None
        loading.run()
        seconds.append(perf_counter() - start)
    return seconds


def _rates_of_server(megabytes: float, server: RealServer, log: bytes) -> list[str]:
    with server, server.connect() as connection:
        connection.socket.sendall(log + b"*1\r\n$4\r\nPING\r\n")
        while not connection.socket.recv(1 << 18).endswith(b"+PONG\r\n"):
            pass
        rewrites, loads = [], []
        for _ in range(ROUNDS):
            start = perf_counter()
            connection.run([(b"BGREWRITEAOF",)])
            while _is_rewriting(connection):
                time.sleep(0.001)
            rewrites.append(perf_counter() - start)
            start = perf_counter()
            connection.run([(b"DEBUG", b"LOADAOF")])
            loads.append(perf_counter() - start)
    return _rates(megabytes, rewrites, loads)


def _is_rewriting(connection: Connection) -> bool:
    ((_, info),) = connection.run([(b"INFO", b"persistence")])
    assert isinstance(info, bytes)
    return b"aof_rewrite_in_progress:1" in info

"""Saving and loading a dataset: our RDB writer and reader beside real servers and Python's pickle.

The data is the same everywhere: strings, small hashes, lists of fifty, a large sorted set and a large set.
A rate is megabytes of the uncompressed RDB file per second, for pickle too, so that the columns compare.
"""

from __future__ import annotations

import pickle
from collections.abc import Callable
from random import Random
from time import perf_counter
from typing import Any

import minidis.commands  # noqa: F401  (files every command in the registry)
from benchmarks.timing import table
from minidis.engine.node import Node
from minidis.persistence.rdb_reader import load_snapshot
from minidis.persistence.rdb_writer import write_snapshot
from tests.differential.servers import RealServer, available_judges

ROUNDS = 3
SCALE = 2
"""Thousands of strings are ten times, of hashes two times this."""


def measure() -> str:
    """A Markdown table: who, how fast it saves, how fast it loads."""
    node = _dataset()
    file = _file(node, compress=False)
    packed = _file(node)
    megabytes = len(file) / 1e6
    rows = [
        ["minidis", *_rates(megabytes, lambda: _file(node, compress=False), lambda: _load(file))],
        [
            "minidis, rdbcompression yes",
            *_rates(megabytes, lambda: _file(node), lambda: _load(packed)),
        ],
    ]
    values = {key: _plain(value) for key, value in node.databases[0].table.items()}
    pickled = pickle.dumps(values)
    rows.append(["pickle", *_rates(megabytes, lambda: pickle.dumps(values), lambda: pickle.loads(pickled))])
    for judge in available_judges():
        rows.append([judge.name, *_rates_of_server(megabytes, RealServer(judge), file)])
    return table([f"{megabytes:.1f} MB", "save, MB/s", "load, MB/s"], rows)


def _dataset() -> Node:
    node = Node(clock=lambda: 1)
    client = node.connect()
    random = Random(1)

    def run(*words: object) -> None:
        node.execute(client, [word if isinstance(word, bytes) else str(word).encode() for word in words])

    for number in range(10_000 * SCALE):
        run(
            "SET",
            f"session:{number}",
            f"user {random.randrange(10**6)} logged in at {random.randrange(10**9)}",
        )
    for number in range(2_000 * SCALE):
        run("HSET", f"user:{number}", "name", f"user number {number}", "age", number % 90, "city", "London")
    for number in range(200 * SCALE):
        run("RPUSH", f"feed:{number}", *[f"post {n} by {random.randrange(10**6)}" for n in range(50)])
    players = [word for n in range(5_000 * SCALE) for word in (random.randrange(10**6), f"player:{n}")]
    run("ZADD", "board", *players)
    run("SADD", "ids", *[f"id:{random.randrange(10**9)}" for _ in range(5_000 * SCALE)])
    return node


def _file(node: Node, compress: bool = True) -> bytes:
    return b"".join(write_snapshot(node.databases, compress=compress))


def _load(file: bytes) -> None:
    node = Node(clock=lambda: 1)
    load_snapshot([file], dict(enumerate(node.databases)), node.encodings, node.random)
    assert len(node.databases[0])


def _rates(megabytes: float, save: Callable[[], Any], load: Callable[[], Any]) -> list[str]:
    return [f"{megabytes / _seconds(work):.1f}" for work in (save, load)]


def _rates_of_server(megabytes: float, server: RealServer, file: bytes) -> list[str]:
    with server, server.connect() as connection:
        (server.folder / "dump.rdb").write_bytes(file)
        connection.run([(b"CONFIG", b"SET", b"rdbcompression", b"no")])
        load = _seconds(lambda: connection.run([(b"DEBUG", b"RELOAD", b"NOSAVE")]))
        save = _seconds(lambda: connection.run([(b"SAVE",)]))
    return [f"{megabytes / save:.1f}", f"{megabytes / load:.1f}"]


def _seconds(work: Callable[[], Any]) -> float:
    """The best of several rounds, after one that only warms up."""
    work()
    best = float("inf")
    for _ in range(ROUNDS):
        start = perf_counter()
        work()
        best = min(best, perf_counter() - start)
    return best


def _plain(value: Any) -> Any:
    """A value as Python would hold it."""
    if value.kind == "string":
        return value.as_bytes()
    if value.kind == "hash":
        return dict(value.items())
    if value.kind == "zset":
        return dict(value)
    return set(value) if value.kind == "set" else list(value)

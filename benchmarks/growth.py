"""Sorted sets from a thousand to a million members: O(log n) shows as a column that hardly grows."""

from __future__ import annotations

from random import Random
from time import perf_counter

import minidis
from benchmarks.timing import table

SIZES = (1_000, 10_000, 100_000, 1_000_000)
CALLS = 2_000
BATCH = 500


def measure() -> str:
    """Microseconds per call at each size, for members and scores drawn at random, as Markdown."""
    rows = [measure_size(size) for size in SIZES]
    return table(["members", "ZADD new", "ZADD update", "ZRANK", "ZRANGE 10", "ZREM", "fill, s"], rows)


def measure_size(size: int) -> list[str]:
    random = Random(size)
    node = minidis.Node()
    client = node.connect()

    def run(command: str, *words: object) -> None:
        node.execute(client, [command.encode(), b"board", *(str(word).encode() for word in words)])

    def per_call(command: str, arguments: list[tuple[object, ...]]) -> str:
        prepared = [
            [command.encode(), b"board", *(str(word).encode() for word in words)] for words in arguments
        ]
        start = perf_counter()
        for argv in prepared:
            node.execute(client, argv)
        return f"{(perf_counter() - start) / len(prepared) * 1e6:.1f}"

    start = perf_counter()
    for first in range(0, size, BATCH):
        pairs = [
            word
            for member in range(first, min(first + BATCH, size))
            for word in (random.random(), f"m{member}")
        ]
        run("ZADD", *pairs)
    fill_s = perf_counter() - start
    members = [f"m{random.randrange(size)}" for _ in range(CALLS)]
    ranks = [random.randrange(size - 10) for _ in range(CALLS)]
    new = [f"new{number}" for number in range(CALLS)]
    return [
        f"{size:,}",
        per_call("ZADD", [(random.random(), member) for member in new]),
        per_call("ZADD", [(random.random(), member) for member in members]),
        per_call("ZRANK", [(member,) for member in members]),
        per_call("ZRANGE", [(rank, rank + 9) for rank in ranks]),
        per_call("ZREM", [(member,) for member in new]),
        f"{fill_s:.1f}",
    ]

"""Does a sorted set stay O(log n) at a million members? Hops and times of the skip list, size by size.

Run: python benchmarks/skiplist.py [largest number of elements]

The hops must grow by the same few for every tenfold of elements; a linear structure would show
tenfold times. (Times grow a little faster than hops: a million nodes no longer fit the CPU's caches.)
"""

from __future__ import annotations

import random
import sys
import time
from collections.abc import Callable

from minidis.structures.skiplist import ScoreRange, SkipList

OPERATIONS = 2_000


def main(largest: int) -> None:
    print(f"{'elements':>10} {'lanes':>6} {'hops':>6} " + " ".join(f"{name:>12}" for name in COLUMNS))
    count = 1_000
    while count <= largest:
        elements = ((float(i), b"%07d" % i) for i in range(count))
        skip_list = SkipList.from_sorted(elements, random.Random(1))
        chosen = random.Random(2).choices(range(count), k=OPERATIONS)
        hops = sum(skip_list.hops(float(i), b"%07d" % i) for i in chosen) / OPERATIONS
        times = [microseconds(operation(skip_list), chosen) for operation in COLUMNS.values()]
        columns = " ".join(f"{us:>9.2f} us" for us in times)
        print(f"{count:>10} {skip_list.level:>6} {hops:>6.1f} {columns}")
        count *= 10


def microseconds(operation: Callable[[int], object], chosen: list[int]) -> float:
    start = time.perf_counter()
    for i in chosen:
        operation(i)
    return (time.perf_counter() - start) / len(chosen) * 1e6


def insert_and_delete(skip_list: SkipList) -> Callable[[int], object]:
    def operation(i: int) -> None:
        skip_list.insert(i + 0.5, b"new")
        skip_list.delete(i + 0.5, b"new")

    return operation


COLUMNS: dict[str, Callable[[SkipList], Callable[[int], object]]] = {
    "insert+delete": insert_and_delete,
    "rank": lambda skip_list: lambda i: skip_list.rank(float(i), b"%07d" % i),
    "by rank": lambda skip_list: skip_list.by_rank,
    "by score": lambda skip_list: lambda i: skip_list.first_in_range(ScoreRange(float(i), float(i))),
}

if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000)

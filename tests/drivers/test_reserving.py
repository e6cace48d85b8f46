"""Memory is made ready a slice at a time, and given back; a dict that grows then asks nobody for any."""

from __future__ import annotations

import subprocess
import sys

import pytest

from minidis.drivers import reserving
from minidis.drivers.reserving import SLICE_BYTES, Reserve
from minidis.engine.node import Node
from minidis.structures import growing


class Heap:
    """Writes down what is asked of it."""

    def __init__(self, has_memory: bool = True, keeps: bool = True) -> None:
        self.has_memory = has_memory
        self.keeps = keeps
        self.calls: list[tuple[object, ...]] = []

    def keep(self, keeps: bool) -> bool:
        self.calls.append(("keep", keeps))
        return self.keeps

    def take(self, size_bytes: int) -> int | None:
        self.calls.append(("take", size_bytes))
        return 4096 if self.has_memory else None

    def write(self, address: int, size_bytes: int) -> None:
        self.calls.append(("write", address, size_bytes))

    def free(self, address: int) -> None:
        self.calls.append(("free", address))

    def give_back(self) -> None:
        self.calls.append(("give back",))


def test_a_block_is_written_to_in_slices_and_freed() -> None:
    heap = Heap()
    reserve = Reserve(heap)
    size_bytes = 2 * SLICE_BYTES + 100
    assert [reserve.prepare(size_bytes) for _ in range(3)] == [False, False, True]
    reserve.give_back()
    assert heap.calls == [
        ("keep", True),
        ("take", size_bytes),
        ("write", 4096, SLICE_BYTES),
        ("write", 4096 + SLICE_BYTES, SLICE_BYTES),
        ("write", 4096 + 2 * SLICE_BYTES, 100),
        ("free", 4096),
        ("keep", False),
        ("give back",),
    ]


def test_another_size_begins_anew_and_no_block_is_forgotten() -> None:
    heap = Heap()
    reserve = Reserve(heap)
    reserve.prepare(2 * SLICE_BYTES)
    reserve.prepare(3 * SLICE_BYTES)
    reserve.give_back()
    assert (
        [call[0] for call in heap.calls].count("take") == [call[0] for call in heap.calls].count("free") == 2
    )


def test_where_there_is_no_memory_nobody_waits_for_it() -> None:
    assert Reserve(Heap(has_memory=False)).prepare(SLICE_BYTES)
    stubborn = Heap(keeps=False)
    assert Reserve(stubborn).prepare(SLICE_BYTES) and stubborn.calls == [("keep", True)]


def test_memory_purge_gives_back_what_is_ready(monkeypatch: pytest.MonkeyPatch) -> None:
    heap = Heap()
    monkeypatch.setattr(reserving, "Glibc", lambda: heap)
    node = Node(clock=lambda: 0)
    purged: list[str] = []
    node.purge_memory = lambda: purged.append("by the collector")
    try:
        reserving.take_over(node)
        assert node.execute(node.connect(), [b"MEMORY", b"PURGE"]) == "OK"
    finally:
        growing.watch(False)
    assert heap.calls == [("keep", False), ("give back",)] and purged == ["by the collector"]


def test_another_c_library_is_no_obstacle(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "another")
    with pytest.raises(OSError, match="no GNU C library"):
        reserving.Glibc()
    node = Node(clock=lambda: 0)
    try:
        reserving.take_over(node)
    finally:
        growing.watch(False)
    assert any(type(service).__name__ == "Growth" for service in node.services)


PROGRAM = """
import resource
from minidis.drivers.reserving import Glibc, Reserve
from minidis.structures.dicttable import DictTable
from minidis.structures.moving import Move

def faults():
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt

def resident():
    return int(open("/proc/self/statm").read().split()[1])

table = DictTable({b"%d" % number: None for number in range(340_000)})
move = Move(table)
while not move.is_cramped:
    move.step(500)
reserve, before = Reserve(Glibc()), faults()
while IS_PREPARED and not reserve.prepare(move.size_bytes):
    pass
prepared, before_room = faults(), resident()
move.make_room()
made = faults()
reserve.prepare(64 << 20)
while not reserve.prepare(64 << 20):
    pass
full = resident()
reserve.give_back()
print(prepared - before, made - prepared, (full - resident()) * 4096)
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the C library is another one")
def test_a_dict_finds_the_memory_that_is_ready() -> None:
    """Counted in pages that the operating system gave: 5000 for the 20 MB that the dict asks for."""

    def run(is_prepared: bool) -> list[int]:
        program = PROGRAM.replace("IS_PREPARED", str(is_prepared))
        done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
        return [int(word) for word in done.stdout.split()]

    waited, unprepared, _ = run(False)
    slices, prepared, returned_bytes = run(True)
    assert waited < 100 and unprepared > 4000, "without: all at once"
    assert slices > 4000 and prepared < 200, "with: none when the dict asks"
    assert returned_bytes > 50 << 20

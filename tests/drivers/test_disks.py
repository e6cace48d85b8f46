"""Three disks, one language; and what the simulated one does when the power goes."""

from __future__ import annotations

import errno
import os
import time

import pytest

from minidis.drivers.disk import RealDisk
from minidis.drivers.simulated_disk import PowerLost, SimulatedDisk
from minidis.engine.durability.disk import DiskError, MemoryDisk, join


@pytest.fixture(params=["memory", "simulated", "real"])
def disk(request, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    made = {"memory": MemoryDisk, "simulated": SimulatedDisk, "real": RealDisk}[request.param]()
    yield made
    if request.param == "real":
        made.close_all()


def test_files_are_made_grow_and_are_cut_short(disk):
    disk.append("log", b"one")
    disk.append("log", b"two")
    assert (disk.read("log"), disk.read("log", 2, 2), disk.size("log")) == (b"onetwo", b"et", 6)
    disk.truncate("log", 4)
    disk.append("log", b"!")
    assert disk.read("log") == b"onet!"
    disk.create("log")
    assert (disk.read("log"), disk.size("nothing")) == (b"", None)


def test_a_rename_replaces_and_appending_goes_on_under_the_new_name(disk):
    disk.append("new", b"new")
    disk.append("old", b"old")
    disk.rename("new", "old")
    disk.append("old", b" and more")
    disk.sync("old")
    disk.sync_folder(".")
    assert (disk.read("old"), disk.list(".")) == (b"new and more", ["old"])
    disk.remove("old")
    assert disk.list(".") == []


def test_folders(disk):
    assert (disk.is_folder("logs"), disk.list("logs")) == (False, [])
    disk.make_folder("logs")
    disk.make_folder("logs")
    disk.append(join("logs", "a"), b"x")
    assert (disk.is_folder("logs"), disk.list("logs"), disk.list(".")) == (True, ["a"], [])


def test_errors_say_what_and_where(disk):
    for operation, call in {
        "read": lambda: disk.read("nothing"),
        "remove": lambda: disk.remove("nothing"),
        "rename": lambda: disk.rename("nothing", "new"),
        "write": lambda: disk.append("no/folder", b"x"),
    }.items():
        with pytest.raises(DiskError, match="No such file or directory") as caught:
            call()
        assert (caught.value.operation, caught.value.code) == (operation, "ENOENT")


def test_a_background_sync_ends(disk):
    disk.append("log", b"x" * 1000)
    job = disk.start_sync("log")
    bound_s = time.monotonic() + 30
    while not job.done and time.monotonic() < bound_s:
        time.sleep(0.001)  # a thread of the kernel's pace: there is no event to wait for
    assert (job.done, job.error) == (True, None)


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="a device that is always full")
def test_the_real_disk_reports_a_full_device():
    disk = RealDisk()
    with pytest.raises(DiskError, match="No space left on device") as caught:
        disk.append("/dev/full", b"x")
    assert (caught.value.code, caught.value.written) == ("ENOSPC", 0)
    disk.close_all()


def test_the_real_disk_reports_that_no_descriptor_is_left(tmp_path, monkeypatch):
    disk = RealDisk()
    disk.append(join(str(tmp_path), "log"), b"x")

    def fail(descriptor: int) -> int:
        raise OSError(errno.EMFILE, "Too many open files")

    with monkeypatch.context() as patch:
        patch.setattr(os, "dup", fail)
        sync = disk.start_sync(join(str(tmp_path), "log"))
    assert sync.done and sync.error is not None and sync.error.code == "EMFILE"
    disk.close_all()


def test_the_thread_that_syncs_outlives_a_file_that_cannot_be_closed(tmp_path, monkeypatch):
    disk = RealDisk()
    path = join(str(tmp_path), "log")
    disk.append(path, b"x")
    copy, close = os.dup, os.close
    copies: list[int] = []

    def copied(descriptor: int) -> int:
        copies.append(copy(descriptor))
        return copies[-1]

    def closed(descriptor: int) -> None:
        close(descriptor)
        if descriptor in copies:
            raise OSError(errno.EIO, "Input/output error")

    with monkeypatch.context() as patch:
        patch.setattr(os, "dup", copied)
        patch.setattr(os, "close", closed)
        jobs = [disk.start_sync(path) for _ in range(2)]
        disk.close_all()
    assert [(job.done, job.error) for job in jobs] == [(True, None)] * 2


def test_a_write_that_fails_is_told_though_nobody_can_say_how_large_the_file_is(tmp_path, monkeypatch):
    disk = RealDisk()
    path = join(str(tmp_path), "log")
    disk.append(path, b"x")

    def fail(*arguments: object) -> None:
        raise OSError(errno.EIO, "Input/output error")

    with monkeypatch.context() as patch:
        for name in ("write", "stat", "fstat"):
            patch.setattr(os, name, fail)
        with pytest.raises(DiskError) as caught:
            disk.append(path, b"y")
    assert (caught.value.operation, caught.value.offset, caught.value.written) == ("write", None, 0)
    disk.close_all()


# ---- the simulated disk -----------------------------------------------------------------------------------


def test_what_is_synced_survives_and_the_rest_is_a_prefix():
    endings = set()
    for seed in range(200):
        disk = SimulatedDisk(seed)
        disk.append("log", b"a" * 600)
        disk.sync("log")
        disk.sync_folder(".")
        disk.append("log", b"b" * 600)
        disk.power_cut()
        content = disk.read("log")
        assert (b"a" * 600 + b"b" * 600).startswith(content) and len(content) >= 600, f"seed {seed}"
        endings.add(len(content))
    assert {600, 1024} <= endings and len(endings) > 50


def test_a_name_is_lost_with_its_folder_not_synced():
    outcomes = set()
    for seed in range(50):
        disk = SimulatedDisk(seed)
        disk.append("old", b"old")
        disk.sync("old")
        disk.sync_folder(".")
        disk.append("temp", b"new")
        disk.sync("temp")
        disk.rename("temp", "old")
        loss = disk.power_cut()
        outcomes.add((disk.read("old"), tuple(disk.list("."))))
        assert (disk.read("old") == b"old") == ("rename temp -> old" in loss.lost_names)
    assert outcomes == {(b"old", ("old",)), (b"old", ("old", "temp")), (b"new", ("old",))}


def test_a_cut_in_the_middle_of_a_write_and_the_same_seed_again():
    def played():
        disk = SimulatedDisk(seed=3)
        disk.append("log", b"first")
        disk.sync("log")
        disk.sync_folder(".")
        disk.cut_power_at(2)
        disk.append("log", b"second")
        with pytest.raises(PowerLost, match="seed 3, step 5: the power went during write log"):
            disk.append("log", b"third")
        return str(disk.power_cut()), disk.read("log")

    assert played() == played()
    assert played()[1].startswith(b"first")


def test_a_full_disk_takes_what_fits():
    disk = SimulatedDisk()
    disk.capacity_bytes = 8
    disk.append("log", b"12345")
    with pytest.raises(DiskError, match="can't write log at offset 5: No space left on device") as caught:
        disk.append("log", b"67890")
    assert (caught.value.written, disk.read("log")) == (3, b"12345678")


def test_faults_that_were_ordered():
    disk = SimulatedDisk()
    disk.append("log", b"x")
    disk.fail("sync", "lo*", times=2)
    for _ in range(2):
        with pytest.raises(DiskError, match="can't sync log: Input/output error"):
            disk.sync("log")
    disk.sync("log")
    assert disk.on_platter("log") is None, "its folder is not synced"
    disk.sync_folder(".")
    offset, bit = disk.flip_bit("log")
    assert (offset, disk.on_platter("log")) == (0, bytes([ord("x") ^ 1 << bit]))


def test_a_slow_sync_holds_what_it_began_with():
    now_us = 0
    disk = SimulatedDisk(clock=lambda: now_us)
    disk.fsync_us = 3_000_000
    disk.append("log", b"before")
    disk.sync_folder(".")
    job = disk.start_sync("log")
    disk.append("log", b"after")
    assert not job.done and disk.blocked_us == 3_000_000
    now_us = 3_000_000
    assert job.done and disk.on_platter("log") == b"before"


def test_sectors_with_holes():
    for seed in range(20):
        disk = SimulatedDisk(seed, holes=True)
        disk.append("log", b"a" * 100)
        disk.sync("log")
        disk.sync_folder(".")
        disk.append("log", b"b" * 5000)
        disk.power_cut()
        content = disk.read("log")
        assert content[:100] == b"a" * 100 and set(content[100:]) <= {0, ord("b")}

"""The simulated disk: page cache and platter apart, and a hand on the plug.

    append ----> page cache ----fsync----> platter
                 survives kill -9          survives power_cut()

A power cut keeps what was synced, and of the rest what luck had already carried over: a file may end in
the middle of a write (at any byte, or at a sector's end), and a rename may be there or not, because the
names in a folder have a cache of their own. The luck is drawn from a seed, so a loss can be played again.

    power_cut()                  what is not on the platter is gone, but for what luck has saved
    cut_power_at(step)           raise PowerLost in the middle of the n-th operation from now
    capacity_bytes = 1 << 20     a disk that fills up: ENOSPC, after a part of the write
    fail("sync", "*.aof")        the next operation of that kind fails: EIO, or any code
    flip_bit("dump.rdb")         what a bad cable does
    fsync_us = 3_000_000         a busy disk: a sync started now is done in three seconds

What is strict here: a new name is durable only when its folder was synced (POSIX promises no more), and
unsynced renames in a folder may arrive in any order. With `holes`, unsynced sectors do too, and leave zeros
where they are missing: file systems that put off the choice of blocks do that, and no log survives it
without a checksum.

Mirrors: nothing in Redis; ALICE (Pillai et al., OSDI 2014) and TigerBeetle's simulator have the idea.
Differs: no directories within directories on the platter, no hard links, one size of sector.
Complexity: O(bytes not synced) for a sync; O(all bytes) for a power cut.

>>> disk = SimulatedDisk(seed=1)
>>> disk.append("log", b"promised "); disk.sync("log"); disk.sync_folder(".")
>>> disk.append("log", b"not promised")
>>> disk.power_cut().lost_bytes, disk.read("log")
({'log': 10}, b'promised no')

Read next: minidis/engine/durability/append_only_file.py, which must cope with all this.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from fnmatch import fnmatchcase
from random import Random

from minidis.engine.durability.disk import DiskError, FinishedSync, Sync, folder_of
from minidis.structures.record import field, record

SECTOR_BYTES = 512


class PowerLost(Exception):
    """The power went in the middle of an operation.  The node that was running is no more."""


class SimulatedFile:
    """A file's bytes in the page cache, and those on the platter."""

    __slots__ = ("data", "platter", "settled", "syncing_until_us")

    def __init__(self, content: bytes = b"") -> None:
        self.data = bytearray(content)
        self.platter = bytearray(content)
        self.settled = len(content)  # up to here both are the same
        self.syncing_until_us = 0

    def settle(self, size: int) -> None:
        """The bytes before `size` reach the platter."""
        if size >= self.settled:
            self.platter[self.settled :] = self.data[self.settled : size]
            self.settled = size

    def truncate(self, size: int) -> None:
        del self.data[size:]
        self.settled = min(self.settled, size)


@record
class Loss:
    """What a power cut took: bytes by file, and changes of names that had not reached the platter."""

    seed: int
    step: int
    lost_bytes: dict[str, int] = field(default_factory=dict)
    lost_names: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        lines = [f"power cut at step {self.step} (seed {self.seed})"]
        lines += [
            f"  {path}: {count} bytes were only in the page cache" for path, count in self.lost_bytes.items()
        ]
        lines += [f"  undone: {change}" for change in self.lost_names]
        return "\n".join(lines if len(lines) > 1 else [lines[0], "  nothing was lost"])


@record(frozen=True)
class NameChange:
    """A change in one folder: a name that appears (with its file, or a new folder), goes, or both at once."""

    appears: str | None
    file: SimulatedFile | None
    goes: str | None = None

    def __str__(self) -> str:
        if self.goes and self.appears:
            return f"rename {self.goes} -> {self.appears}"
        return f"create {self.appears}" if self.appears else f"remove {self.goes}"


@record
class Fault:
    """An operation that is to fail."""

    operation: str
    pattern: str
    code: str
    times: int


class SimulatedDisk:
    """A disk in memory, with a plug.

    `seed` decides what luck saves; `clock` (unix microseconds) is that of its node.
    """

    def __init__(self, seed: int = 0, clock: Callable[[], int] = lambda: 0, holes: bool = False) -> None:
        self.seed = seed
        self.random = Random(seed)
        self.clock = clock
        self.holes = holes
        self.files: dict[str, SimulatedFile] = {}
        self.folders: set[str] = {".", "/"}
        self.capacity_bytes: int | None = None
        self.fsync_us = 0
        self.steps = 0
        self.syncs = 0
        self.blocked_us = 0  # how long writes would have stood still behind a sync, as in a real kernel
        self._durable_files: dict[str, SimulatedFile] = {}
        self._durable_folders: set[str] = {".", "/"}
        self._changes: dict[str, list[NameChange]] = {}  # by folder, not yet on the platter
        self._faults: list[Fault] = []
        self._cut_at: int | None = None

    # -- faults -----------------------------------------------------------------------------------

    def power_cut(self) -> Loss:
        """Pull the plug and put it in again: the page cache is gone.  O(all bytes)."""
        loss = Loss(self.seed, self.steps)
        for folder in sorted(self._changes):
            self._keep_some_names(folder, loss)
        whereabouts = {id(file): path for path, file in self.files.items()}
        survivors: dict[str, SimulatedFile] = {}
        for path, file in sorted(self._durable_files.items()):
            if folder_of(path) in self._durable_folders:
                content = self._after_cut(file)
                survivors[path] = SimulatedFile(content)
                lost = len(file.data) - len(content)
                if lost > 0:
                    loss.lost_bytes[whereabouts.get(id(file), path)] = lost
        self.files, self._durable_files = survivors, dict(survivors)
        self.folders = set(self._durable_folders)
        self._changes.clear()
        self._faults.clear()
        self._cut_at = None
        return loss

    def cut_power_at(self, step: int | None) -> None:
        """Let the `step`-th operation from now (1: the next one) raise PowerLost half done; None: none."""
        self._cut_at = None if step is None else self.steps + step

    def fail(self, operation: str, pattern: str = "*", code: str = "EIO", times: int = 1) -> None:
        """Let the next `times` operations (write, sync, rename ...) on such a path raise a DiskError."""
        self._faults.append(Fault(operation, pattern, code, times))

    def flip_bit(self, path: str, offset: int | None = None, bit: int | None = None) -> tuple[int, int]:
        """Change one bit of a file, a random one unless said which; answers (offset, bit)."""
        file = self._file("flip a bit of", path)
        offset = self.random.randrange(len(file.data)) if offset is None else offset
        bit = self.random.randrange(8) if bit is None else bit
        file.data[offset] ^= 1 << bit
        if offset < len(file.platter):
            file.platter[offset] ^= 1 << bit
        return offset, bit

    def unsynced_bytes(self, path: str) -> int:
        """How many bytes of a file are in the page cache only."""
        file = self._file("look at", path)
        return len(file.data) - file.settled

    def on_platter(self, path: str) -> bytes | None:
        """What the platter has under this name; None if it does not know the name."""
        file = self._durable_files.get(path)
        return None if file is None else bytes(file.platter)

    def durable_names(self) -> dict[str, int]:
        """The names that the platter knows, each with the id() of its file: what a cut could find."""
        return {path: id(file) for path, file in self._durable_files.items()}

    # -- what a node asks -------------------------------------------------------------------------

    def read(self, path: str, offset: int = 0, size: int | None = None) -> bytes:
        self._step("read", path)
        content = self._file("read", path).data
        return bytes(content[offset : None if size is None else offset + size])

    def size(self, path: str) -> int | None:
        file = self.files.get(path)
        return None if file is None else len(file.data)

    def create(self, path: str) -> None:
        self._step("create", path)
        self._new_file("create", path).truncate(0)

    def append(self, path: str, data: bytes) -> None:
        file = self._new_file("write", path)
        if self._is_cut():
            file.data += data[: self.random.randint(0, len(data))]
        self._step("write", path, len(file.data))
        self.blocked_us += max(0, file.syncing_until_us - self.clock())
        room = len(data)
        if self.capacity_bytes is not None:
            used_bytes = sum(len(other.data) for other in self.files.values())
            room = max(0, min(room, self.capacity_bytes - used_bytes))
        offset = len(file.data)
        file.data += data[:room]
        if room < len(data):
            raise DiskError("write", path, "ENOSPC", offset=offset, written=room)

    def truncate(self, path: str, size: int) -> None:
        self._step("truncate", path)
        self._file("truncate", path).truncate(size)

    def sync(self, path: str) -> None:
        self._step("sync", path)
        file = self._file("sync", path)
        self.syncs += 1
        self.blocked_us += self.fsync_us
        file.settle(len(file.data))

    def start_sync(self, path: str) -> Sync:
        file = self._file("sync", path)
        try:
            self._step("sync", path)
        except DiskError as error:
            return FinishedSync(error)
        self.syncs += 1
        file.syncing_until_us = self.clock() + self.fsync_us
        return SlowSync(self, file)

    def close(self, path: str) -> None:
        pass

    def rename(self, old: str, new: str) -> None:
        self._step("rename", old)
        file = self._file("rename", old)
        self._check_folder("rename", new)
        del self.files[old]
        self.files[new] = file
        if folder_of(old) == folder_of(new):
            self._note(NameChange(new, file, old))
        else:
            self._note(NameChange(new, file))
            self._note(NameChange(None, None, old))

    def remove(self, path: str) -> None:
        self._step("remove", path)
        self._file("remove", path)
        del self.files[path]
        self._note(NameChange(None, None, path))

    def list(self, folder: str) -> list[str]:
        self._step("list", folder)
        return sorted(path.rpartition("/")[2] for path in self.files if folder_of(path) == folder)

    def make_folder(self, folder: str) -> None:
        if folder not in self.folders:
            self._step("make folder", folder)
            self._check_folder("make folder", folder)
            self.folders.add(folder)
            self._note(NameChange(folder, None))

    def is_folder(self, path: str) -> bool:
        return path in self.folders

    def sync_folder(self, folder: str) -> None:
        self._step("sync folder", folder)
        if folder not in self.folders:
            raise DiskError("sync folder", folder, "ENOENT")
        for change in self._changes.pop(folder, ()):
            self._apply(change)

    # -- inside -----------------------------------------------------------------------------------

    def lock(self, path: str) -> None:
        pass  # one process at a time lives on a disk of the lab

    def _is_cut(self) -> bool:
        return self._cut_at is not None and self.steps + 1 >= self._cut_at

    def _step(self, operation: str, path: str, offset: int | None = None) -> None:
        """Count an operation; raise what was ordered for it."""
        if self._is_cut():
            raise PowerLost(
                f"seed {self.seed}, step {self.steps + 1}: the power went during {operation} {path}"
            )
        self.steps += 1
        for fault in self._faults:
            if fault.operation == operation and fnmatchcase(path, fault.pattern):
                fault.times -= 1
                if not fault.times:
                    self._faults.remove(fault)
                raise DiskError(operation, path, fault.code, offset=offset)

    def _file(self, operation: str, path: str) -> SimulatedFile:
        file = self.files.get(path)
        if file is None:
            raise DiskError(operation, path, "EISDIR" if path in self.folders else "ENOENT")
        return file

    def _new_file(self, operation: str, path: str) -> SimulatedFile:
        file = self.files.get(path)
        if file is None:
            self._check_folder(operation, path)
            file = self.files[path] = SimulatedFile()
            self._note(NameChange(path, file))
        return file

    def _check_folder(self, operation: str, path: str) -> None:
        if folder_of(path) not in self.folders:
            raise DiskError(operation, path, "ENOENT")

    def _note(self, change: NameChange) -> None:
        folder = folder_of(change.appears or change.goes or "")
        self._changes.setdefault(folder, []).append(change)

    def _apply(self, change: NameChange) -> None:
        """A change of names reaches the platter."""
        if change.goes:
            self._durable_files.pop(change.goes, None)
        if change.appears:
            if change.file is None:
                self._durable_folders.add(change.appears)
            else:
                self._durable_files[change.appears] = change.file

    def _keep_some_names(self, folder: str, loss: Loss) -> None:
        for change in self._changes[folder]:
            if self.random.random() < 0.5:
                self._apply(change)
            else:
                loss.lost_names.append(str(change))

    def _after_cut(self, file: SimulatedFile) -> bytes:
        """What of a file is left: all that was settled, and a part of what came later."""
        if file.settled < len(file.platter) and self.random.random() < 0.5:
            return bytes(file.platter)  # it had been cut short, and that is what got lost
        fresh = len(file.data) - file.settled
        if self.holes and fresh > SECTOR_BYTES:
            return b"".join(self._sectors_with_holes(file))
        end = file.settled + self.random.randint(0, fresh)
        if self.random.random() < 0.5:
            end = max(file.settled, end - end % SECTOR_BYTES)
        return bytes(file.data[:end])

    def _sectors_with_holes(self, file: SimulatedFile) -> Iterator[bytes]:
        yield bytes(file.data[: file.settled])
        start = file.settled
        while start < len(file.data):
            end = min(len(file.data), start - start % SECTOR_BYTES + SECTOR_BYTES)
            yield bytes(file.data[start:end]) if self.random.random() < 0.5 else bytes(end - start)
            start = end

    def __repr__(self) -> str:
        return f"<SimulatedDisk seed={self.seed} files={len(self.files)} steps={self.steps}>"


class SlowSync:
    """A background sync on the simulated disk: done when its clock says so."""

    error: DiskError | None = None

    def __init__(self, disk: SimulatedDisk, file: SimulatedFile) -> None:
        self._disk = disk
        self._file = file
        self._size = len(file.data)
        self._done_us = file.syncing_until_us
        self._is_done = False

    @property
    def done(self) -> bool:
        if not self._is_done and self._disk.clock() >= self._done_us:
            self._is_done = True
            self._file.settle(min(self._size, len(self._file.data)))
        return self._is_done

"""The real disk: files of this computer, and a thread that waits for fsync so that the node need not.

A file that is appended to stays open until it is closed, renamed away or removed, so that a write costs one
system call. `appendfsync everysec` starts its syncs here in the background: an fsync may take seconds on a
busy disk, and it runs without Python's lock.

Mirrors: bio.c (BIO_AOF_FSYNC), `fsyncFileDir` in util.c.
Complexity: that of the system calls.

>>> import tempfile
>>> folder = tempfile.mkdtemp()
>>> disk = RealDisk()
>>> disk.append(f"{folder}/greeting", b"hello"); disk.sync(f"{folder}/greeting"); disk.list(folder)
['greeting']

Read next: simulated_disk.py, a disk that fails on request.
"""

from __future__ import annotations

import errno
import os
import queue
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from minidis.engine.durability.disk import DiskError, FinishedSync, Sync

try:
    import fcntl
except ImportError:  # Windows, where nothing is locked
    fcntl = None  # type: ignore[assignment]

_OPEN_FLAGS = (
    os.O_WRONLY | os.O_APPEND | os.O_CREAT | getattr(os, "O_BINARY", 0) | getattr(os, "O_CLOEXEC", 0)
)


class BackgroundSync:
    """One fsync under way in the thread."""

    def __init__(self, descriptor: int, path: str) -> None:
        self.descriptor = descriptor
        self.path = path
        self.done = False
        self.error: DiskError | None = None


class RealDisk:
    """The files of this computer; a relative path starts at the working folder of the process."""

    def __init__(self) -> None:
        self._open: dict[str, int] = {}
        self._locks: dict[str, int] = {}
        self._queue: queue.SimpleQueue[BackgroundSync | None] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None

    def read(self, path: str, offset: int = 0, size: int | None = None) -> bytes:
        with _reported("read", path), open(path, "rb") as file:
            file.seek(offset)
            return file.read(-1 if size is None else size)

    def size(self, path: str) -> int | None:
        with _reported("look at", path):
            try:
                return os.stat(path).st_size
            except FileNotFoundError:
                return None

    def create(self, path: str) -> None:
        self.close(path)
        with _reported("create", path):
            self._open[path] = os.open(path, _OPEN_FLAGS | os.O_TRUNC, 0o644)

    def append(self, path: str, data: bytes) -> None:
        descriptor = self._descriptor("write", path)
        rest = memoryview(data)
        while rest:
            try:
                rest = rest[os.write(descriptor, rest) :]
            except OSError as error:
                written = len(data) - len(rest)
                raise _disk_error("write", path, error, _size(descriptor), written) from None

    def truncate(self, path: str, size: int) -> None:
        with _reported("truncate", path):
            os.truncate(path, size)

    def sync(self, path: str) -> None:
        with _reported("sync", path):
            os.fsync(self._descriptor("sync", path))

    def start_sync(self, path: str) -> Sync:
        # A descriptor of its own: the file may be closed, or renamed, before the thread comes to it.
        try:
            with _reported("sync", path):
                job = BackgroundSync(os.dup(self._descriptor("sync", path)), path)
        except DiskError as error:
            return FinishedSync(error)
        if self._thread is None:
            self._thread = threading.Thread(target=self._sync_in_turn, name="minidis-fsync", daemon=True)
            self._thread.start()
        self._queue.put(job)
        return job

    def _sync_in_turn(self) -> None:
        while (job := self._queue.get()) is not None:
            try:
                os.fsync(job.descriptor)
            except OSError as error:
                job.error = _disk_error("sync", job.path, error)
            with suppress(OSError):
                os.close(job.descriptor)
            job.done = True

    def close(self, path: str) -> None:
        descriptor = self._open.pop(path, None)
        if descriptor is not None:
            with _reported("close", path):
                os.close(descriptor)

    def close_all(self) -> None:
        """Close every file, lock none, and end the thread, when what it has begun is done."""
        for path in list(self._open):
            self.close(path)
        for descriptor in self._locks.values():
            os.close(descriptor)
        self._locks.clear()
        if self._thread is not None:
            self._queue.put(None)
            self._thread.join()
            self._thread = None

    def rename(self, old: str, new: str) -> None:
        self.close(new)
        with _reported("rename", old):
            os.replace(old, new)
        if old in self._open:
            self._open[new] = self._open.pop(old)

    def remove(self, path: str) -> None:
        self.close(path)
        with _reported("remove", path):
            os.unlink(path)

    def list(self, folder: str) -> list[str]:
        with _reported("list", folder):
            try:
                return sorted(entry.name for entry in os.scandir(folder) if entry.is_file())
            except FileNotFoundError:
                return []

    def make_folder(self, folder: str) -> None:
        with _reported("make folder", folder):
            os.makedirs(folder, exist_ok=True)

    def is_folder(self, path: str) -> bool:
        return os.path.isdir(path)

    def sync_folder(self, folder: str) -> None:
        if os.name == "nt":  # Windows keeps names by its own journal, and gives no handle of a folder to sync
            return
        with _reported("sync folder", folder):
            descriptor = os.open(folder, os.O_RDONLY)
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)

    def lock(self, path: str) -> None:
        held = self._locks.get(path)
        if fcntl is None or (held is not None and _is_file(held, path)):
            return
        with _reported("lock", path):
            descriptor = _lock(path)
            while not _is_file(descriptor, path):  # `unlock` has removed it since it was opened
                os.close(descriptor)
                descriptor = _lock(path)
        self._locks[path] = descriptor
        if held is not None:
            os.close(held)

    def unlock(self, path: str) -> None:
        """Remove a locked file, then let it go: who has opened it meanwhile sees that it has no name."""
        descriptor = self._locks.pop(path, None)
        if descriptor is not None:
            with _reported("unlock", path):
                try:
                    if _is_file(descriptor, path):
                        os.unlink(path)
                finally:
                    os.close(descriptor)

    def _descriptor(self, operation: str, path: str) -> int:
        descriptor = self._open.get(path)
        if descriptor is None:
            with _reported(operation, path):
                descriptor = self._open[path] = os.open(path, _OPEN_FLAGS, 0o644)
        return descriptor


def _size(descriptor: int) -> int | None:
    """Of a file that has just failed, and may fail again."""
    try:
        return os.fstat(descriptor).st_size
    except OSError:
        return None


def _lock(path: str) -> int:
    descriptor = os.open(path, _OPEN_FLAGS, 0o644)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(descriptor)
        raise
    return descriptor


def _is_file(descriptor: int, path: str) -> bool:
    """Does this name still belong to the file that is open here?"""
    try:
        return os.path.samestat(os.fstat(descriptor), os.stat(path))
    except FileNotFoundError:
        return False


@contextmanager
def _reported(operation: str, path: str) -> Iterator[None]:
    """An OSError inside comes out as a DiskError."""
    try:
        yield
    except OSError as error:
        raise _disk_error(operation, path, error) from None


def _disk_error(
    operation: str, path: str, error: OSError, offset: int | None = None, written: int = 0
) -> DiskError:
    number = error.errno or errno.EIO
    return DiskError(
        operation, path, errno.errorcode.get(number, "EIO"), os.strerror(number), offset, written
    )

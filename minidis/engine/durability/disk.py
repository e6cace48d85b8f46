"""The disk, as the node sees it: handed in like the clock, so that a power cut can be played.

A program never writes to a disk. It writes to the *page cache*, memory of the kernel, and asks with fsync
that a file's pages go to the *platter* now. Names live in folders, and a folder is a file too: a new name,
or a rename, is on the platter for sure only when the folder was synced as well.

    append(path, data)    the page cache: survives the process (kill -9), not the power
    sync(path)            its bytes are on the platter, or DiskError
    rename(old, new)      all at once for whoever looks, but in the cache like any other write
    sync_folder(folder)   its names are on the platter

So a file is replaced in four steps, and whatever the instant of a cut, the old one or the new one is there:

    append to temp-dump.rdb  ->  sync it  ->  rename it to dump.rdb  ->  sync the folder

Three disks speak this language: `MemoryDisk` below, the real one (minidis/drivers/disk.py) and the simulated
one whose page cache and platter are apart (minidis/drivers/simulated_disk.py).

Mirrors: the system calls that rio.c, rdb.c, aof.c and bio.c make.
Differs: a path is opened by being named; `start_sync` stands for the background thread of bio.c.

>>> disk = MemoryDisk()
>>> disk.append("greeting", b"hello"); disk.append("greeting", b" world"); disk.read("greeting", 6)
b'world'
>>> try: disk.read("nothing")
... except DiskError as error: print(error)
can't read nothing: No such file or directory

Read next: snapshots.py and append_only_file.py, which write; loading.py, which reads.
"""

from __future__ import annotations

from typing import Protocol

REASONS = {
    "ENOENT": "No such file or directory",
    "ENOSPC": "No space left on device",
    "EIO": "Input/output error",
    "EACCES": "Permission denied",
    "EISDIR": "Is a directory",
    "ENOTDIR": "Not a directory",
}


class DiskError(Exception):
    """An operation that failed: which, on what path, why; for a write also where, and how far it got."""

    def __init__(
        self,
        operation: str,
        path: str,
        code: str = "EIO",
        reason: str = "",
        offset: int | None = None,
        written: int = 0,
    ) -> None:
        self.operation = operation
        self.path = path
        self.code = code
        self.reason = reason or REASONS.get(code, code)
        self.offset = offset
        self.written = written
        where = "" if offset is None else f" at offset {offset}"
        super().__init__(f"can't {operation} {path}{where}: {self.reason}")


class NodeFailure(Exception):
    """The node cannot keep a promise any more and must end: the driver lets no reply out, and stops."""


class Sync(Protocol):
    """A sync that runs in the background.  Whoever started it looks again."""

    @property
    def done(self) -> bool: ...

    @property
    def error(self) -> DiskError | None: ...


class Disk(Protocol):
    """What a node asks of a disk.  Every method may raise DiskError."""

    def read(self, path: str, offset: int = 0, size: int | None = None) -> bytes:
        """Up to `size` bytes from `offset` on; fewer at the end of the file."""

    def size(self, path: str) -> int | None:
        """Bytes in the file, None if there is none."""

    def create(self, path: str) -> None:
        """An empty file, in the place of what was there."""

    def append(self, path: str, data: bytes) -> None:
        """Write at the end; the file is made if it is missing.  A DiskError says how much was written."""

    def truncate(self, path: str, size: int) -> None:
        """Cut the file off after `size` bytes."""

    def sync(self, path: str) -> None:
        """Wait until the file's bytes are on the platter."""

    def start_sync(self, path: str) -> Sync:
        """The same without waiting."""

    def close(self, path: str) -> None:
        """The file will not be written to for now."""

    def rename(self, old: str, new: str) -> None:
        """Give a file another name; a file of that name is replaced."""

    def remove(self, path: str) -> None:
        """Take a file away."""

    def list(self, folder: str) -> list[str]:
        """The names in a folder, sorted; none if there is no such folder."""

    def make_folder(self, folder: str) -> None:
        """A folder, unless it is there already."""

    def is_folder(self, path: str) -> bool:
        """True if there is a folder of that name."""

    def sync_folder(self, folder: str) -> None:
        """Wait until the names in a folder are on the platter."""

    def lock(self, path: str) -> None:
        """Keep other processes from locking this file, as long as this one lives; it is made if missing.

        Called again, it goes on to the file that has the name by now.  DiskError EAGAIN: it is locked.
        """


class FinishedSync:
    """A background sync that was over at once."""

    done = True

    def __init__(self, error: DiskError | None = None) -> None:
        self.error = error


def join(folder: str, name: str) -> str:
    """A path from a folder and a name in it.

    >>> join(".", "dump.rdb"), join("/data/", "dump.rdb"), join("/data", "/tmp/x")
    ('dump.rdb', '/data/dump.rdb', '/tmp/x')
    """
    if name.startswith("/") or folder in ("", "."):
        return name
    return f"{folder.rstrip('/')}/{name}"


def folder_of(path: str) -> str:
    """The folder of a path.

    >>> folder_of("dump.rdb"), folder_of("/data/dump.rdb"), folder_of("/x")
    ('.', '/data', '/')
    """
    folder, slash, _ = path.rpartition("/")
    return folder or (slash or ".")


def replace_file(disk: Disk, path: str, data: bytes, sync: bool = True) -> None:
    """Replace a file in the four steps above: the old one is there until the new one is safe.

    Without `sync` two of them are left out: what is replaced so may come back, or be torn, by a power cut.

    >>> disk = MemoryDisk()
    >>> replace_file(disk, "users.acl", b"user default on"); disk.list(".")
    ['users.acl']
    """
    temporary = f"{path}.tmp"
    disk.create(temporary)
    try:
        disk.append(temporary, data)
        if sync:
            disk.sync(temporary)
        disk.close(temporary)
        disk.rename(temporary, path)
    except DiskError:
        disk.remove(temporary)
        raise
    if sync:
        disk.sync_folder(folder_of(path))


class MemoryDisk:
    """Files that live as long as this object: the disk of a node that was given none."""

    def __init__(self) -> None:
        self.files: dict[str, bytearray] = {}
        self.folders: set[str] = {".", "/"}

    def _file(self, operation: str, path: str) -> bytearray:
        content = self.files.get(path)
        if content is None:
            raise DiskError(operation, path, "EISDIR" if path in self.folders else "ENOENT")
        return content

    def read(self, path: str, offset: int = 0, size: int | None = None) -> bytes:
        content = self._file("read", path)
        return bytes(content[offset : None if size is None else offset + size])

    def size(self, path: str) -> int | None:
        content = self.files.get(path)
        return None if content is None else len(content)

    def create(self, path: str) -> None:
        self._check_folder("create", path)
        self.files[path] = bytearray()

    def append(self, path: str, data: bytes) -> None:
        if path not in self.files:
            self._check_folder("write", path)
            self.files[path] = bytearray()
        self.files[path] += data

    def truncate(self, path: str, size: int) -> None:
        del self._file("truncate", path)[size:]

    def sync(self, path: str) -> None:
        self._file("sync", path)

    def start_sync(self, path: str) -> Sync:
        try:
            self.sync(path)
        except DiskError as error:
            return FinishedSync(error)
        return FinishedSync()

    def close(self, path: str) -> None:
        pass

    def rename(self, old: str, new: str) -> None:
        content = self._file("rename", old)
        self._check_folder("rename", new)
        self.files[new] = content
        if new != old:
            del self.files[old]

    def remove(self, path: str) -> None:
        self._file("remove", path)
        del self.files[path]

    def list(self, folder: str) -> list[str]:
        return sorted(path.rpartition("/")[2] for path in self.files if folder_of(path) == folder)

    def make_folder(self, folder: str) -> None:
        self._check_folder("make folder", folder)
        self.folders.add(folder)

    def is_folder(self, path: str) -> bool:
        return path in self.folders

    def sync_folder(self, folder: str) -> None:
        if folder not in self.folders:
            raise DiskError("sync folder", folder, "ENOENT")

    def lock(self, path: str) -> None:
        pass  # it is the node's alone

    def _check_folder(self, operation: str, path: str) -> None:
        if folder_of(path) not in self.folders:
            raise DiskError(operation, path, "ENOENT")

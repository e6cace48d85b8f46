"""The files of the log and their manifest: made, renamed, replaced, in an order that survives any cut.

    persist a manifest    its files' names are synced; temp manifest written, synced, renamed; folder synced
    begin an increment    the old one synced; the new one made; a manifest with both
    take over a base      temp file (synced) renamed to its name; a manifest with it and the last increment;
                          only then are the old files removed

Whatever the instant, the manifest on the platter names files that are there, and they are whole.

Mirrors: aof.c (`persistAofManifest`, `openNewIncrAofForAppend`, `backgroundRewriteDoneHandler`,
`aofUpgradePrepare`).
Differs: one more sync of the folder before a manifest is renamed, for file systems that order nothing by
themselves. The first base takes a free number: a file that a lost manifest named is not replaced.
Complexity: O(files) but for the first base, O(bytes of the dataset).
Read next: append_only_file.py.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from minidis.engine.durability.disk import DiskError, join
from minidis.engine.durability.saving import snapshot_notes
from minidis.engine.durability.snapshots import FileSink, Walk, Writer
from minidis.persistence.aof import CommandWriter
from minidis.persistence.aof_manifest import AofFile, Manifest, ManifestError, parse_manifest

if TYPE_CHECKING:
    from minidis.engine.node import Node


class AofFiles:
    """The folder `appenddirname` and the manifest in it."""

    def __init__(self, node: Node) -> None:
        self.node = node
        self.manifest = Manifest(node.config.appendfilename)

    @property
    def folder(self) -> str:
        return join(self.node.config.dir, self.node.config.appenddirname)

    def path(self, name: str) -> str:
        return join(self.folder, name)

    @property
    def temporary_base(self) -> str:
        return self.path("temp-rewriteaof.aof")

    @property
    def temporary_increment(self) -> str:
        return self.path(f"temp-{self.manifest.name}.incr")

    # -- at the start -----------------------------------------------------------------------------

    def read_manifest(self) -> Manifest:
        """The manifest on disk; an old single file becomes its base.  Raises ManifestError, DiskError."""
        disk, name = self.node.disk, self.node.config.appendfilename
        path = self.path(f"{name}.manifest")
        self.manifest = Manifest(name)
        if disk.size(path) is not None:
            self.manifest = parse_manifest(disk.read(path), name)
        old_file = join(self.node.config.dir, name)
        if disk.size(old_file) is not None and self._is_about_to_take_over(name):
            self._take_over(old_file, name)
        return self.manifest

    def _is_about_to_take_over(self, name: str) -> bool:
        """True if there is no log yet, or a cut came between the two steps of taking over the old file."""
        manifest = self.manifest
        if not manifest.files:
            return True
        is_named = manifest.base is not None and manifest.base.name == name and not manifest.increments
        return is_named and self.node.disk.size(self.path(name)) is None

    def _take_over(self, old_file: str, name: str) -> None:
        """A log from before Redis 7 was one file beside the snapshot."""
        node = self.node
        manifest = Manifest(name, base=AofFile(name, 1, "b"), last_base=1)
        self.make_folder()
        self.persist(manifest)
        node.disk.rename(old_file, self.path(name))
        node.disk.sync_folder(self.folder)
        node.disk.sync_folder(node.config.dir)
        node.log("notice", f"Successfully migrated an old-style AOF ({old_file}) into {self.folder}")

    def open_at_start(self) -> str:
        """The increment to go on with; without a log, the first base and increment are made.

        Files that a lost or shortened manifest does not name any more are somebody's data: a base is left
        alone, and an increment is appended to.
        """
        manifest = self.manifest.copy()
        self.make_folder()
        if not manifest.files:
            self._write_base(self._first_free_base(manifest))
        if not manifest.increments:
            self._make_or_keep(manifest.new_increment())
        if manifest != self.manifest:
            self.persist(manifest)
        self.remove_history()
        return self.path(manifest.increments[-1].name)

    def _first_free_base(self, manifest: Manifest) -> str:
        """Put a base into the manifest whose number no file has yet; its path."""
        disk, preamble = self.node.disk, self.node.config.aof_use_rdb_preamble
        while disk.size(path := self.path(manifest.copy().new_base(preamble))) is not None:
            self.node.log(
                "warning", f"The manifest does not name {path}: it is not loaded, and is left alone"
            )
            manifest.last_base += 1
        manifest.new_base(preamble)
        return path

    def _make_or_keep(self, name: str) -> None:
        """An increment to append to; what is in it already stays, and is loaded at the next start."""
        path = self.path(name)
        size_bytes = self.node.disk.size(path)
        if size_bytes is None:
            self.node.disk.create(path)
        elif size_bytes:
            self.node.log(
                "warning",
                f"The manifest did not name {path}: its {size_bytes} bytes are kept, and were not loaded",
            )

    def _write_base(self, path: str) -> None:
        """The dataset as it is, in one go."""
        node = self.node
        sink = FileSink(node.disk, self.temporary_base)
        Walk(node, self.writer(), snapshot_notes(node, is_aof_base=True)).run_into(sink)
        node.disk.sync(self.temporary_base)
        node.disk.close(self.temporary_base)
        node.disk.rename(self.temporary_base, path)

    def make_folder(self) -> None:
        """The folder of the log, if it is not there yet."""
        disk = self.node.disk
        if not disk.is_folder(self.folder):
            disk.make_folder(self.folder)
            disk.sync_folder(self.node.config.dir)

    # -- a rewrite --------------------------------------------------------------------------------

    def writer(self) -> Writer:
        """What makes the records of a base, as configured."""
        node, config = self.node, self.node.config
        if config.aof_use_rdb_preamble:
            return node.saving.writer()
        return CommandWriter(node.now_us // 1_000_000 if config.aof_timestamp_enabled else None)

    def begin_increment(self) -> str:
        """A new increment behind those there are; its path."""
        manifest = self.manifest.copy()
        path = self.path(manifest.new_increment())
        self.node.disk.create(path)
        self.persist(manifest)
        return path

    def begin_waiting(self) -> str:
        """A log that was just switched on: what happens until its first base is there goes to this file."""
        self.make_folder()
        name = self.node.config.appendfilename
        self.manifest = Manifest(name)
        manifest_path = self.path(f"{name}.manifest")
        if self.node.disk.size(manifest_path) is not None:  # of an earlier log: its numbers go on
            try:
                self.manifest = parse_manifest(self.node.disk.read(manifest_path), name)
            except ManifestError as error:
                raise DiskError("go on with", manifest_path, reason=str(error)) from None
        self.node.disk.create(self.temporary_increment)
        return self.temporary_increment

    def take_over_base(self, state: str) -> str:
        """The temporary base is written and synced: make it the log, with the last increment.  Its path.

        In the state `waiting` the increment is still the temporary one of `begin_waiting`; when the log is
        `off` there is none, and the base is all.
        """
        disk = self.node.disk
        manifest = self.manifest.copy()
        base = self.path(manifest.new_base(self.node.config.aof_use_rdb_preamble))
        disk.close(self.temporary_base)
        disk.rename(self.temporary_base, base)
        if state == "waiting":
            disk.sync(self.temporary_increment)
            disk.rename(self.temporary_increment, self.path(manifest.new_increment()))
        manifest.retire_increments(keep_last=state != "off")
        self.persist(manifest)
        return self.path(manifest.increments[-1].name) if manifest.increments else ""

    def remove_history(self) -> None:
        """Remove what is no longer part of the log.  What cannot be removed is tried again next time."""
        if self.node.config.aof_disable_auto_gc or not self.manifest.history:
            return
        disk = self.node.disk
        manifest = self.manifest.copy()
        try:
            for file in manifest.history:
                if disk.size(self.path(file.name)) is not None:
                    disk.remove(self.path(file.name))
            manifest.history = []
            self.persist(manifest)
        except DiskError as error:
            self.node.log("warning", str(error))

    def remove_temporary(self, path: str) -> None:
        """Away with a file of a rewrite that came to nothing."""
        disk = self.node.disk
        try:
            disk.close(path)
            if disk.size(path) is not None:
                disk.remove(path)
        except DiskError as error:
            self.node.log("warning", str(error))

    # -- the manifest -----------------------------------------------------------------------------

    def persist(self, manifest: Manifest) -> None:
        """Write a manifest, all or nothing; from then on it is the one that holds.  Raises DiskError."""
        disk = self.node.disk
        temporary = self.path(f"temp-{manifest.file_name}")
        disk.create(temporary)
        disk.append(temporary, manifest.format())
        disk.sync(temporary)
        disk.close(temporary)
        disk.sync_folder(self.folder)  # the names of new files, before a manifest names them
        disk.rename(temporary, self.path(manifest.file_name))
        disk.sync_folder(self.folder)
        self.manifest = manifest

    def size_bytes(self, base_only: bool = False) -> int:
        """Bytes of the log's files."""
        files = self.manifest.files
        if base_only:
            files = [file for file in files if file is self.manifest.base]
        return sum(self.node.disk.size(self.path(file.name)) or 0 for file in files)

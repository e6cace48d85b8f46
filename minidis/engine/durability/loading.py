"""Starting from files: the way back from an RDB file or an append-only log to a keyspace.

    appendonly no     dump.rdb, if it is there
    appendonly yes    the manifest's files, in order: a base (snapshot or commands), then the increments;
                      a dump.rdb is not looked at

A snapshot is whole or it is refused. A log may end in the middle of a command, or of a MULTI ... EXEC: that
is what a crash leaves. If it is the last file (and `aof-load-truncated` allows it), what is not whole is
cut off, and the node starts with all that came before. Anything else that is wrong is refused, with the
file and the offset: nothing is thrown away by guessing.

Loading goes in steps, so that a server can answer in between (LOADING, INFO); `run` takes all of them.
Commands from a log run as always, but that no key expires and nothing is written to a log.

Mirrors: `loadDataFromDisk` in server.c, `loadAppendOnlyFiles` in aof.c, `rdbLoad` in rdb.c.
Differs: a damaged length near the end of a log can look like a cut. If there is something behind it that
looks like commands, it is kept in a file of its own before the log is cut off.
Complexity: O(bytes).

Read next: append_only_file.py.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from minidis.engine import errors
from minidis.engine.client import Client
from minidis.engine.durability.disk import Disk, DiskError, join
from minidis.engine.libraries import read_metadata
from minidis.engine.memory.access import set_use
from minidis.persistence.aof import AofError, AofReader, Record
from minidis.persistence.aof_manifest import Manifest
from minidis.persistence.rdb_check import NO_CHECKSUM, error_lines, verdict
from minidis.persistence.rdb_format import RdbError
from minidis.persistence.rdb_reader import (
    Aux,
    End,
    Entry,
    Event,
    Function,
    Notice,
    Progress,
    SelectDatabase,
    SnapshotReader,
)
from minidis.protocol.numbers import parse_integer
from minidis.protocol.replies import ReplyError

if TYPE_CHECKING:
    from minidis.engine.command_table.registry import Command
    from minidis.engine.node import Node

PIECE_BYTES = 64 * 1024
RECORDS_PER_STEP = 100
SLICE_US = 1000
"""How long a server loads before it looks at its sockets again."""

_SNAPSHOT_MAGICS = (b"REDIS", b"VALKEY")
_LOOKS_LIKE_COMMANDS = rb"\r\n\*[0-9]+\r\n\$[0-9]+\r\n"


class LoadError(Exception):
    """A file that cannot be loaded; the text names it, and the offset.

    `words` are those in which Redis logs it, where it has some: what goes on in detail then follows them.
    """

    def __init__(self, path: str, reason: str, offset: int | None = None, words: str = "") -> None:
        where = path if offset is None else f"{path} at offset {offset}"
        super().__init__(f"{words} ({where}: {reason})" if words else f"{where}: {reason}")
        self.path = path
        self.offset = offset
        self.reason = reason


class SnapshotError(LoadError):
    """An RDB file that cannot be loaded."""


def _bad_snapshot(path: str, error: RdbError, reader: SnapshotReader) -> SnapshotError:
    return SnapshotError(path, error.what, error.offset, verdict(error, reader))


class Arrival:
    """A dataset on its way in, as the other clients notice it: while it is `node.loading`.

    Most commands answer LOADING meanwhile.  If the new dataset comes in beside the old one, which goes on
    serving (`is_async`), only those do that would get in its way.
    """

    is_async = False

    def __init__(self, node: Node, total_bytes: int = 0) -> None:
        self.node = node
        self.started_us = node.now_us
        self.total_bytes = total_bytes  # 0: not known
        self.loaded_bytes = 0
        self.fault: Exception | None = None  # of ours, in its midst: what is there may be half of a dataset

    def enter(self) -> None:
        """From now on."""
        self.node.loading = self
        self.node.set_guard(self._refuse, True)

    def leave(self) -> None:
        """The new dataset is there, or will not be."""
        if self.node.loading is self:
            self.node.loading = None
            self.node.set_guard(self._refuse, False)

    def rest(self) -> None:
        """After a key, as long as a test asks for (key-load-delay, microseconds)."""
        if self.node.config.key_load_delay > 0:
            self.node.sleep(self.node.config.key_load_delay)

    def _refuse(self, client: Client, command: Command, argv: list[bytes]) -> None:
        if command.no_async_loading if self.is_async else not command.runs_while_loading:
            raise ReplyError(errors.LOADING)

    def info(self) -> dict[str, int | str]:
        """INFO persistence: the fields that are there meanwhile."""
        taken_s = (self.node.now_us - self.started_us) // 1_000_000
        left_bytes = max(0, self.total_bytes - self.loaded_bytes)
        percent = 100 * self.loaded_bytes / self.total_bytes if self.total_bytes else 0.0
        return {
            "loading_start_time": self.started_us // 1_000_000,
            "loading_total_bytes": self.total_bytes,
            "loading_loaded_bytes": self.loaded_bytes,
            "loading_loaded_perc": f"{percent:.2f}",
            "loading_eta_seconds": taken_s * left_bytes // self.loaded_bytes if self.loaded_bytes else 1,
        }


class Loading(Arrival):
    """Files on their way into a node: a service, from `begin` to the end of its steps."""

    def __init__(self, node: Node, merge: bool = False, disk: Disk | None = None) -> None:
        super().__init__(node)
        self.disk = disk or node.disk
        self.merge = merge  # a key that is there already is replaced, not an error
        self.keys_loaded = 0
        self.expired: list[tuple[int, bytes]] = []  # database and key of what was past its time: left out
        self.notes: dict[bytes, bytes] = {}  # what the snapshot says about itself
        self._manifest = ""  # of the log that is loaded: what the check tool is to be called with
        self._database = node.databases[0]
        self._deletes_expired_keys = node.deletes_expired_keys
        self._steps: Iterator[None] = iter(())
        self._next_us = 0
        self._finished: Callable[[], None] = lambda: None

    # -- who drives it ----------------------------------------------------------------------------

    @property
    def taken(self) -> str:
        """How long it took up to now, in the words of the log."""
        return f"{(self.node.clock() - self.started_us) / 1e6:.3f} seconds"

    def begin(self, steps: Iterator[None], finished: Callable[[], None] = lambda: None) -> Loading:
        """Let the node load: until the steps are done, most commands answer LOADING."""
        node = self.node
        self._steps = steps
        self._finished = finished
        self.enter()
        node.deletes_expired_keys = False
        node.services.append(self)
        node.wake(node.now_us)
        return self

    def run(self) -> None:
        """All steps in one go.  Raises LoadError; the node then holds what came before the fault."""
        with self._fatal():
            try:
                for _ in self._steps:
                    pass
            finally:
                self._end()
            self._finished()

    def tick(self) -> None:
        """Some steps.  Raises LoadError."""
        if self.node.now_us < self._next_us:
            return
        clock = self.node.clock
        until_us = clock() + SLICE_US
        with self._fatal():
            try:
                for _ in self._steps:
                    if (delay_us := self.node.config.key_load_delay) > 0:
                        self._next_us = clock() + delay_us
                        return
                    if clock() >= until_us:
                        return
            except BaseException:
                self._end()
                raise
            self._end()
            self._finished()

    def next_deadline_us(self) -> int | None:
        return max(self.node.now_us, self._next_us)

    @contextmanager
    def _fatal(self) -> Iterator[None]:
        """A disk that fails while a dataset is loaded, or as its log goes on: it must not pass for whole."""
        try:
            yield
        except DiskError as error:
            raise LoadError(error.path, f"can't {error.operation}: {error.reason}", error.offset) from None
        except Exception as error:
            self.fault = error
            raise

    def _end(self) -> None:
        node = self.node
        self.leave()
        node.deletes_expired_keys = self._deletes_expired_keys
        node.services.remove(self)
        node.saving.saved_changes = node.changes
        node.saving.keys_loaded = self.keys_loaded
        node.saving.keys_expired_at_load = len(self.expired)

    # -- what is loaded ---------------------------------------------------------------------------

    def snapshot(self, path: str) -> Iterator[None]:
        """Load an RDB file, a piece at each step.  Raises LoadError."""
        self.total_bytes += self._size(path)
        reader = self._reader()
        try:
            for piece in self._pieces(path):
                yield from self._take_events(path, reader.feed(piece), self._deletes_expired_keys)
            yield from self._take_events(path, reader.close(), self._deletes_expired_keys)
        except RdbError as error:
            for line in error_lines(error, reader):
                self.node.log("warning", line)
            raise _bad_snapshot(path, error, reader) from None

    def check_snapshot(self, path: str, joins: bool) -> None:
        """Read an RDB file to its end and keep nothing: is it sound, and can it join what is here?

        Raises LoadError.
        """
        self._size(path)
        reader = self._reader()
        try:
            for piece in self._pieces(path):
                self._check_events(path, reader.feed(piece), joins)
            self._check_events(path, reader.close(), joins)
            self._database = self.node.databases[0]
        except RdbError as error:
            raise _bad_snapshot(path, error, reader) from None

    def log(self, folder: str, manifest: Manifest) -> Iterator[None]:
        """Load the files of a log, in the manifest's order.  Raises LoadError."""
        self._manifest = join(folder, manifest.file_name)
        paths = [join(folder, file.name) for file in manifest.files]
        for path in paths:  # all of them are there, or nothing is loaded
            words = f"Unable to obtain the AOF file {_name(path)} length. stat: No such file or directory"
            self.total_bytes += self._size(path, words)
        for path in paths:
            yield from self._log_file(path, is_last=path is paths[-1])

    def _log_file(self, path: str, is_last: bool) -> Iterator[None]:
        """Load commands; a snapshot may stand before them, or be the whole file."""
        start = self.disk.read(path, 0, 6)
        snapshot = self._reader() if start.startswith(_SNAPSHOT_MAGICS) else None
        reader = AofReader()
        replay = Replay(self.node, path, self._manifest)
        try:
            for piece in self._pieces(path):
                if snapshot is not None:
                    yield from self._take_events(path, snapshot.feed(piece), drop_expired=False)
                    if not snapshot.ended:
                        continue
                    reader, piece, snapshot = AofReader(snapshot.cursor.offset), snapshot.rest, None
                reader.feed(piece)
                yield from replay.run(reader.records())
            if snapshot is not None:
                yield from self._take_events(path, snapshot.close(), drop_expired=False)
                reader = AofReader(snapshot.cursor.offset)
                reader.feed(snapshot.rest)
                yield from replay.run(reader.records())
        except RdbError as error:
            words = f"Error reading the RDB base file {_name(path)}, AOF loading aborted"
            raise LoadError(path, error.what, error.offset, words) from None
        except AofError as error:
            raise LoadError(path, error.what, error.offset, _bad_format(path, self._manifest)) from None
        whole = reader.position if replay.multi_at is None else replay.multi_at
        if whole < self._size(path):
            replay.check_queue()
            swallowed = replay.has_swallowed(self.disk.read(path, reader.position))
            self._cut_off(path, whole, replay.multi_at is not None, swallowed, is_last)

    def _cut_off(self, path: str, whole: int, within_multi: bool, swallowed: bool, is_last: bool) -> None:
        """The file ends in the middle of something: leave only what is whole, or refuse.

        `swallowed`: commands are in what should be a word, so it was no cut but a damaged length.
        """
        what = "a MULTI without its EXEC" if within_multi else "a command that is cut off"
        node, name = self.node, _name(path)
        if within_multi:
            node.log("warning", f"Revert incomplete MULTI/EXEC transaction in AOF file {name}")
        if not node.config.aof_load_truncated:
            raise LoadError(path, f"ends with {what}", whole, _unexpected_end(path, self._manifest))
        if not is_last:
            words = "Fatal error: the truncated file is not the last file"
            raise LoadError(path, f"ends with {what}", whole, words)
        node.log("warning", f"!!! Warning: short read while loading the AOF file {name}!!!")
        if swallowed:
            beside = f"{path}.rest-at-{whole}"
            node.disk.create(beside)
            node.disk.append(beside, node.disk.read(path, whole))
            node.disk.sync(beside)
            node.log("warning", f"What is cut off looks like commands: it is kept in {beside}")
        node.log("warning", f"!!! Truncating the AOF {name} at offset {whole} !!!")
        node.disk.truncate(path, whole)
        node.disk.sync(path)
        node.log("warning", f"AOF {name} loaded anyway because aof-load-truncated is enabled")

    # -- inside -----------------------------------------------------------------------------------

    def _reader(self) -> SnapshotReader:
        self._snapshot = SnapshotReader(self.node.encodings, self.node.random, self.node.checks_sums)
        return self._snapshot

    @property
    def empty_keys(self) -> int:
        """Keys left out of a snapshot because their collections had no elements."""
        return self._snapshot.empty_keys

    def _size(self, path: str, words: str = "") -> int:
        size = self.disk.size(path)
        if size is None:
            raise LoadError(path, "this file is part of the dataset, and it is not there", words=words)
        return size

    def _pieces(self, path: str) -> Iterator[bytes]:
        offset = 0
        try:
            while piece := self.disk.read(path, offset, PIECE_BYTES):
                offset += len(piece)
                self.loaded_bytes += len(piece)
                yield piece
        except DiskError as error:
            raise LoadError(path, error.reason, offset) from None

    def _take_events(self, path: str, events: Iterable[Event], drop_expired: bool) -> Iterator[None]:
        node, config = self.node, self.node.config
        now_ms = node.now_ms
        for number, event in enumerate(events, start=1):
            if isinstance(event, Entry):
                if drop_expired and event.expires_at_ms is not None and event.expires_at_ms < now_ms:
                    self.expired.append((self._database.index, event.key))
                else:
                    self._store(path, event)
                    if config.key_load_delay > 0:
                        yield
            elif isinstance(event, SelectDatabase):
                self._select(path, event.number)
            elif isinstance(event, Function):
                self._keep_library(path, event.code)
            elif isinstance(event, Aux):
                self.notes[event.name] = event.value
                self._tell_note(event)
            elif isinstance(event, Notice):
                node.log("warning", f"{path} at offset {event.offset}: {event.what}")
            elif (
                isinstance(event, End) and event.version >= 5 and not event.has_checksum and node.checks_sums
            ):
                node.log("notice", NO_CHECKSUM)
            if number % RECORDS_PER_STEP == 0 or isinstance(event, Progress):
                yield
        yield

    def _check_events(self, path: str, events: Iterable[Event], joins: bool) -> None:
        for event in events:
            if joins and isinstance(event, Entry):
                self._check_key(path, event.key)
            elif joins and isinstance(event, Function):
                self._check_library(path, event.code)
            elif isinstance(event, SelectDatabase):
                self._select(path, event.number)

    def _tell_note(self, note: Aux) -> None:
        """What a snapshot says of itself is worth a line in the log."""
        text, number = note.value.decode("utf-8", "backslashreplace"), parse_integer(note.value)
        if note.name == b"redis-ver":
            self.node.log("notice", f"Loading RDB produced by version {text}")
        elif note.name == b"ctime" and number is not None:
            self.node.log("notice", f"RDB age {max(0, self.node.now_us // 1_000_000 - number)} seconds")
        elif note.name == b"used-mem" and number is not None:
            self.node.log("notice", f"RDB memory usage when created {number / 1024 / 1024:.2f} Mb")
        elif note.name == b"aof-base" and number:
            self.node.log("notice", "RDB is base AOF")

    def _keep_library(self, path: str, code: bytes) -> None:
        self._check_library(path, code)
        self.node.libraries.keep(code)

    def _check_library(self, path: str, code: bytes) -> None:
        try:
            name = read_metadata(code)[1]
        except ReplyError as error:
            raise self._refused(path, f"a library that cannot be kept: {error}") from None
        if not self.merge and name in self.node.libraries.sources:
            raise self._refused(path, f"the library {name.decode()!r} is there already")

    def _check_key(self, path: str, key: bytes) -> None:
        if not self.merge and key in self._database.table:
            raise self._refused(path, f"the key {key!r} of database {self._database.index} comes twice")

    def _select(self, path: str, index: int) -> None:
        count = len(self.node.databases)
        if index >= count:
            raise self._refused(path, f"has keys of database {index}; this node has {count} databases")
        self._database = self.node.databases[index]

    def _refused(self, path: str, reason: str) -> LoadError:
        """The error for a record that is sound, but cannot be taken in."""
        return LoadError(path, reason, self._snapshot.record_offset)

    def _store(self, path: str, entry: Entry) -> None:
        self._check_key(path, entry.key)
        database = self._database
        database.put(entry.key, entry.value)
        if entry.expires_at_ms is not None:
            database.set_expiry(entry.key, entry.expires_at_ms)
        set_use(entry.value, self.node, entry.idle_s, entry.frequency)
        self.keys_loaded += 1
        if self.node.observed:
            self.node.key_changed(database, entry.key, "", modified=False)


def _name(path: str) -> str:
    """The bare name: that is how Redis calls the files of a log."""
    return path.rpartition("/")[2]


def _bad_format(path: str, manifest: str) -> str:
    return (
        f"Bad file format reading the append only file {_name(path)}: make a backup of your AOF file, "
        f"then use minidis-check-aof --fix {manifest}"
    )


def _unexpected_end(path: str, manifest: str) -> str:
    return (
        f"Unexpected end of file reading the append only file {_name(path)}. You can: 1) Make a backup of "
        f"your AOF file, then use minidis-check-aof --fix {manifest}. 2) Alternatively you can set the "
        "'aof-load-truncated' configuration option to yes and restart the server."
    )


class Replay:
    """Runs the commands of a log; those between MULTI and EXEC when the EXEC has come."""

    def __init__(self, node: Node, path: str, manifest: str = "<filename.manifest>") -> None:
        self.node = node
        self.path = path
        self.manifest = manifest
        self.client = Client(node, 0, "loader", path)  # known to nobody: not among node.clients
        self.client.take_role("log")
        self.multi_at: int | None = None
        self._queue: list[Record] = []

    def run(self, records: Iterator[Record]) -> Iterator[None]:
        """Run each record; from time to time a step.  Raises LoadError, and what `records` raises."""
        for number, record in enumerate(records, start=1):
            self._take(record)
            if number % RECORDS_PER_STEP == 0 or self.node.config.key_load_delay > 0:
                yield
        yield

    def _take(self, record: Record) -> None:
        argv = record.argv
        if argv is None:
            return
        name = argv[0].upper()
        if name == b"MULTI":
            if self.multi_at is not None:
                words = _bad_format(self.path, self.manifest)
                raise LoadError(self.path, "MULTI within MULTI: an EXEC is missing", record.start, words)
            self.multi_at = record.start
        elif name == b"EXEC":
            queue, self._queue, self.multi_at = self._queue, [], None
            for queued in queue:
                self._call(queued)
        elif self.multi_at is not None:
            self._queue.append(record)
        else:
            self._call(record)

    def check_queue(self) -> None:
        """The file ends within a MULTI.  If its EXEC was there and is damaged, that is no cut: LoadError."""
        for record in self._queue:
            self._command(record)

    def has_swallowed(self, unfinished: bytes) -> bool:
        """Are there commands in the words of the open MULTI, or in the command that the file ends with?"""
        words = [word for record in self._queue for word in record.argv or ()]
        return any(re.search(_LOOKS_LIKE_COMMANDS, word) for word in [*words, unfinished])

    def _command(self, record: Record) -> Command:
        assert record.argv is not None
        commands = self.node.commands
        try:
            return commands.spelled[record.argv[0]] or commands.find(record.argv)
        except ReplyError as error:
            name = record.argv[0].decode("utf-8", "backslashreplace")
            words = f"Unknown command '{name}' reading the append only file {_name(self.path)}"
            raise LoadError(self.path, str(error), record.start, words) from None

    def _call(self, record: Record) -> None:
        assert record.argv is not None
        command = self._command(record)
        try:
            command.invoke(self.client, record.argv)
        except ReplyError as error:  # it failed in the same way when it was written, but for what it changed
            self.node.log("warning", f"{self.path} at offset {record.start}: {command.name} answered {error}")
        self.client.journal_commands = None  # what is loaded is in the log already

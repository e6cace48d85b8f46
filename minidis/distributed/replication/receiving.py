"""A snapshot as it arrives: read at once, into tables beside those in use.

    bytes -> SnapshotReader -> tables of the new dataset          (the old one is kept)
    the whole is there, its check sum is right  ->  the tables change places

What the clients notice meanwhile is what they notice on a Redis with the same `repl-diskless-load`:

    disabled                         nothing: Redis writes a file first, and then is loading for a moment
    swapdb, of our own history       the old data, and INFO says async_loading
    swapdb, of another one           LOADING; what is there is not what it should be
    on-empty-db, and we are empty    LOADING

Two framings: a length in front, or a mark of 40 bytes that ends it. The mark may come in pieces, so the
last 40 bytes are always held back.

Mirrors: `readSyncBulkPayload`, `useDisklessLoad` in replication.c.
Differs: the old dataset stays until the new one is whole, whatever the directive says, and is then freed in
slices (as with replica-lazy-flush).
Complexity: O(bytes); the exchange O(keys) when somebody watches keys, else O(1).

Read next: engine/durability/loading.py, the same from a file.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from minidis.engine.durability.append_only_file import OFF
from minidis.engine.durability.loading import Arrival
from minidis.persistence.rdb_format import RdbError
from minidis.persistence.rdb_reader import Aux, Entry, Event, Function, SelectDatabase, SnapshotReader
from minidis.protocol.numbers import parse_integer
from minidis.structures import growing

if TYPE_CHECKING:
    from minidis.engine.node import Node

MARK_BYTES = 40


class Receiver(Arrival):
    """Takes a snapshot of `size_bytes`, or one that ends with `mark`."""

    def __init__(self, node: Node, size_bytes: int | None = None, mark: bytes = b"") -> None:
        super().__init__(node, size_bytes or 0)
        self.size_bytes = size_bytes
        self.mark = mark
        self.stream_database = 0
        self.functions: list[bytes] = []
        self._tail = b""
        self._reader = SnapshotReader(node.encodings, node.random, node.checks_sums)
        self._tables = [[database.new_table(), database.new_table()] for database in node.databases]
        self._current = self._tables[0]
        growing.announce()

    def begin(self, same_history: bool) -> None:
        """Let the clients notice it, as the directive says."""
        mode = self.node.config.repl_diskless_load
        is_empty = not any(database.table for database in self.node.databases)
        if mode == "swapdb" or (mode == "on-empty-db" and is_empty):
            self.is_async = mode == "swapdb" and same_history
            self.enter()

    def feed(self, data: bytes) -> bytes | None:
        """The next bytes.  Answers what follows the snapshot when it is complete, None before.

        Raises RdbError for a snapshot that cannot be read.
        """
        self.loaded_bytes += len(data)
        if self.size_bytes is not None:
            beyond = self.loaded_bytes - self.size_bytes
            if beyond < 0:
                self._read(data)
                return None
            self._read(data[: len(data) - beyond])
            self._close()
            return data[len(data) - beyond :]
        data = self._tail + data
        if data[-MARK_BYTES:] == self.mark:
            self._read(data[:-MARK_BYTES])
            self._close()
            return b""
        self._read(data[:-MARK_BYTES])
        self._tail = data[-MARK_BYTES:]
        return None

    def _read(self, data: bytes) -> None:
        for event in self._reader.feed(data):
            self._take(event)
        for table in self._current:
            growing.look(table, self._exchange)

    def _close(self) -> None:
        for event in self._reader.close():
            self._take(event)

    def _take(self, event: Event) -> None:
        match event:
            case Entry(key, value, expires_at_ms):
                table, expires = self._current
                if key in table:
                    raise RdbError(self._reader.cursor.offset, f"the key {key!r} twice")
                table[key] = value
                if expires_at_ms is not None:
                    expires[key] = expires_at_ms
                self.rest()
            case SelectDatabase(number):
                if number >= len(self._tables):
                    raise RdbError(self._reader.cursor.offset, f"database {number} is not there")
                self._current = self._tables[number]
            case Aux(b"repl-stream-db", value):
                selected = parse_integer(value)
                if selected is not None and 0 <= selected < len(self._tables):
                    self.stream_database = selected
            case Function(code):
                self.functions.append(code)

    def _exchange(self, table: Any, target: Any) -> bool:
        """Let `target` take the place of a table whose keys have moved, here or where it is installed."""
        for tables in self._tables:
            for which, each in enumerate(tables):
                if each is table:
                    tables[which] = target
                    return True
        return self.node.exchange_table(table, target)

    def install(self) -> None:
        """Let the new dataset take the place of the old one."""
        node = self.node
        log = node.append_only
        if log.state != OFF:
            log.give_up()  # what it holds is of another history
        for database, (table, expires) in zip(node.databases, self._tables, strict=True):
            database.clear(lazily=True)
            database.table, database.expires = table, expires
        self._tables = []
        node.memory.begin_anew()
        for database in node.databases if node.observed else ():
            for key in node.keys_looked_at(database):
                node.key_changed(database, key, "flush")
        node.tracking.flushed()  # also of keys that are no more
        node.libraries.clear()
        for code in self.functions:
            node.libraries.keep(code)
        log.begin_anew()

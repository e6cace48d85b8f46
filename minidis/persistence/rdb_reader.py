r"""Reading an RDB file: bytes in, in pieces of any size, and events out as soon as they are complete.

    reader = SnapshotReader(encodings, random)
    for event in reader.feed(piece):         again for each piece
        match event:
            case Aux(name, value): ...               a note about the file
            case Function(code): ...                 the source of a library
            case SelectDatabase(number): ...          the entries that follow belong there
            case ResizeDatabase(keys, expires): ...  and are so many
            case Entry(key, value, expires_at_ms): ...
            case Progress(left): ...                 of a large collection: so much is still to come
            case Notice(offset, what): ...           something that can't be kept was passed over
            case End(): ...                          the check sum was right
    reader.close()                           no more bytes: gives what is left, or raises RdbError

What stands behind the file's end (the commands of an append-only file, say) is in `reader.rest`.

An entry that isn't complete is tried again when enough has come, and for the second time only when there is
half as much again as at the first: so the work stays linear. It may delay what lies at the end until
`close`. A large collection is read as it comes (rdb_gradual.py).

Mirrors: rdbLoadRioWithLoadingCtx in rdb.c.
Differs: keys whose time has passed are handed out, too: whether they are dropped is for the loader to say
(a primary does, a replica does not).
Complexity: O(bytes).

>>> reader = SnapshotReader()
>>> file = bytes.fromhex("52454449533030 3130 fe00 fb0100 00016b0176 ff bfc684baad6ca103")
>>> events = [event for byte in file for event in reader.feed(bytes([byte]))] + reader.close()
>>> [type(event).__name__ for event in events], events[-2].key, events[-2].value.as_bytes()
(['Header', 'SelectDatabase', 'ResizeDatabase', 'Entry', 'End'], b'k', b'v')

Read next: rdb_values.py for the values; annotation.py, which explains a file byte by byte.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from random import Random

from minidis.persistence import rdb_gradual
from minidis.persistence.crc64 import Crc64, crc64, find_changed_byte
from minidis.persistence.rdb_cursor import Cursor, NeedMore
from minidis.persistence.rdb_format import (
    CHECKSUM_BYTES,
    HEADER_BYTES,
    MAGIC,
    NEWEST_REDIS_VERSION,
    VALKEY_MAGIC,
    VALKEY_VERSIONS,
    WHAT_OPCODE,
    ModulePart,
    Opcode,
    RdbError,
    Type,
)
from minidis.persistence.rdb_values import EmptyValue, Loading, module_name, read_value, skip_module_parts
from minidis.persistence.rdb_writer import Keyspace
from minidis.structures.record import NamedTuple
from minidis.values.base import Value
from minidis.values.encodings import Encodings

PAYLOAD_FOOTER_BYTES = 10
_FIRST_VERSION_WITH_CHECKSUM = 5


class Header(NamedTuple):
    """The first nine bytes: the version of the format, and whose it is."""

    version: int
    is_valkey: bool


class Aux(NamedTuple):
    """A note about the file, such as redis-ver or ctime."""

    name: bytes
    value: bytes


class Function(NamedTuple):
    """A library of functions, as FUNCTION LOAD takes it."""

    code: bytes


class SelectDatabase(NamedTuple):
    """The entries that follow belong to this database."""

    number: int


class ResizeDatabase(NamedTuple):
    """How many keys the database has, and how many of them expire."""

    keys: int
    expires: int


class Entry(NamedTuple):
    """A key and its value; when it expires; idle seconds or use frequency if the file has them."""

    key: bytes
    value: Value
    expires_at_ms: int | None = None
    idle_s: int | None = None
    frequency: int | None = None


class Progress(NamedTuple):
    """Some elements of a large collection have been read; so many are still to come (nodes of a list)."""

    left: int


class Notice(NamedTuple):
    """Something that was read but can't be kept."""

    offset: int
    what: str


class End(NamedTuple):
    """The file is complete and its check sum is right."""

    version: int
    has_checksum: bool


Event = Header | Aux | Function | SelectDatabase | ResizeDatabase | Entry | Progress | Notice | End


class SnapshotReader:
    """Takes a file apart.  `check_checksum=False` is what a server with rdbchecksum off does."""

    def __init__(
        self,
        encodings: Encodings | None = None,
        random: Random | None = None,
        check_checksum: bool = True,
        cursor: Cursor | None = None,
    ) -> None:
        self.loading = Loading(encodings or Encodings(), random or Random(0))
        self.cursor = cursor or Cursor(b"")
        self.ended = False
        self.doing = "start"
        """What is read now, and for a value its key and type: what an error report wants to know."""
        self.key = b""
        self.kind = 0
        self.record_offset = 0
        """Where the record of the last event begins."""
        self.empty_keys = 0
        """Entries passed over because their collection had no elements."""
        self._crc = Crc64() if check_checksum else None
        self._pieces: list[bytes] = []  # what came since the cursor's data were put together
        self._available = 0  # bytes from the cursor's data on, pieces included
        self._wanted = HEADER_BYTES  # try again when so many are available
        self._has_header = False
        self._gradual: rdb_gradual.Gradual | None = None  # the collection that is being read
        self._details: tuple[int | None, int | None, int | None] = None, None, None  # of its entry

    def feed(self, data: bytes) -> Iterator[Event]:
        """The file goes on with `data`: the events that are complete now, to be iterated over."""
        self._pieces.append(data)
        self._available += len(data)
        if self.ended or self._available < self._wanted:
            return iter(())
        return self._events()

    def close(self) -> list[Event]:
        """There are no more bytes: the last events.  Raises RdbError if the file is cut off."""
        events = list(self._events())
        if not self.ended:
            raise CutOff(self.cursor.base + self._available, "the file is cut off")
        return events

    @property
    def rest(self) -> bytes:
        """What came after the end of the file."""
        self._join()
        return self.cursor.data[self.cursor.position :]

    def _events(self) -> Iterator[Event]:
        self._join()
        cursor, warnings = self.cursor, self.loading.warnings
        while not self.ended:
            start = cursor.position
            try:
                if self._gradual is not None:
                    event = self._go_on(self._gradual)
                else:
                    self.record_offset = cursor.base + start
                    event = self._next_record() if self._has_header else self._read_header()
            except NeedMore as more:
                if self._gradual is not None:
                    start = cursor.position  # all before it has been taken in
                pending = len(cursor.data) - start
                cursor.position = start
                warnings.clear()
                self._wanted = start + max(more.position - start, pending + pending // 2 + 1)
                return
            if warnings:
                for what in warnings:
                    yield Notice(cursor.base + start, what)
                warnings.clear()
            if event is not None:
                yield event

    def _join(self) -> None:
        """Put the pieces behind what is not read yet, and let go of what is."""
        cursor = self.cursor
        if self._pieces:
            read = cursor.data[: cursor.position]
            if self._crc is not None and not self.ended:
                self._crc.update(read)
            cursor.data = b"".join([cursor.data[cursor.position :], *self._pieces])
            cursor.base += cursor.position
            cursor.position = 0
            self._pieces = []
            self._available = len(cursor.data)

    # Records

    def _read_header(self) -> Event:
        cursor = self.cursor
        header = cursor.raw(HEADER_BYTES, "the magic and the version")
        is_valkey = header.startswith(VALKEY_MAGIC)
        digits = header[len(VALKEY_MAGIC if is_valkey else MAGIC) :]
        if not digits.isdigit() or not header.startswith((MAGIC, VALKEY_MAGIC)):
            raise RdbError(cursor.offset - HEADER_BYTES, f"{header!r} is not how an RDB file begins")
        version = int(digits)
        known = version in VALKEY_VERSIONS if is_valkey else 1 <= version <= NEWEST_REDIS_VERSION
        if not known:
            raise RdbError(cursor.offset - len(digits), f"can't handle RDB format version {version}")
        self.loading.version, self.loading.is_valkey = version, is_valkey
        self._has_header = True
        return Header(version, is_valkey)

    def _next_record(self) -> Event | None:
        """The event of the next record; None if there is nothing to say about it."""
        cursor = self.cursor
        self.doing = "read-type"
        opcode = cursor.byte(WHAT_OPCODE)
        if opcode in _TYPES:  # first, for it is what most records begin with
            return self._read_entry(opcode)
        if opcode == Opcode.AUX:
            self.doing = "read-aux"
            return Aux(cursor.string("the name of the note"), cursor.string("the note"))
        if opcode == Opcode.SELECTDB:
            return SelectDatabase(cursor.length("the number of the database"))
        if opcode == Opcode.RESIZEDB:
            return ResizeDatabase(cursor.length("keys"), cursor.length("keys that expire"))
        if opcode == Opcode.FUNCTION:
            return Function(cursor.string("the source of a library"))
        if opcode == Opcode.EOF:
            return self._read_end()
        if opcode in (Opcode.MODULE_AUX, Opcode.SLOT_INFO, Opcode.SLOT_IMPORT, Opcode.FUNCTION_PRE_GA):
            self._skip(opcode)
            return None
        return self._read_entry(opcode)

    def _read_entry(self, opcode: int) -> Entry | None:
        """An entry, with what is said about it before its type."""
        cursor = self.cursor
        expires_at_ms = idle_s = frequency = None
        while opcode not in _TYPES:
            self.doing = "read-expire"
            if opcode == Opcode.EXPIRETIME_MS:
                expires_at_ms = cursor.milliseconds("when the key expires")
            elif opcode == Opcode.EXPIRETIME:
                expires_at_ms = 1000 * cursor.integer(4, "when the key expires, in seconds")
            elif opcode == Opcode.IDLE:
                idle_s = cursor.length("for how many seconds it was idle")
            elif opcode == Opcode.FREQ:
                frequency = cursor.byte("how often it is used")
            else:
                known = f"the opcode {opcode} within an entry"
                unknown = f"no opcode and no type of value is {opcode}"
                raise cursor.error(known if opcode >= Opcode.IDLE else unknown, cursor.offset - 1)
            self.doing = "read-type"
            opcode = cursor.byte(WHAT_OPCODE)
        self.doing = "read-key"
        key = cursor.string("the key")
        self.doing, self.key, self.kind = "read-object-value", key, opcode
        self._gradual = rdb_gradual.begin(cursor, opcode, self.loading)
        if self._gradual is not None:
            self._details = expires_at_ms, idle_s, frequency
            return None
        try:
            value = read_value(cursor, opcode, self.loading)
        except EmptyValue:
            self._pass_over_empty()
            return None
        return None if value is None else Entry(key, value, expires_at_ms, idle_s, frequency)

    def _go_on(self, gradual: rdb_gradual.Gradual) -> Event | None:
        """Some more of a large collection; in the end its entry."""
        try:
            if not gradual.read(self.cursor):
                return Progress(gradual.left)
        except EmptyValue:  # a list, say, of many nodes without elements
            self._pass_over_empty()
        self._gradual = None
        return None if gradual.value is None else Entry(self.key, gradual.value, *self._details)

    def _pass_over_empty(self) -> None:
        self.empty_keys += 1
        shown = self.key.decode("utf-8", "backslashreplace")
        self.loading.warnings.append(f"skipping empty key: {shown}, a collection without elements")

    def _skip(self, opcode: int) -> None:
        cursor = self.cursor
        if opcode == Opcode.MODULE_AUX:
            name = module_name(cursor.length("the module's type and version"))
            if cursor.length("the kind of a part") != ModulePart.UINT:
                raise cursor.error("a module's note that doesn't begin with when it was written")
            cursor.length("when: before or after the keys")
            skip_module_parts(cursor)
            self.loading.warnings.append(f"a note of the module type {name} was passed over")
        elif opcode == Opcode.SLOT_INFO:
            for what in ("a slot of the cluster", "its keys", "those that expire"):
                cursor.length(what)
        elif opcode == Opcode.SLOT_IMPORT:
            self._skip_slot_import()
        else:
            raise cursor.error(
                "a function in the format of Redis 7.0's release candidates", cursor.offset - 1
            )

    def _skip_slot_import(self) -> None:
        """Valkey 9: a migration of slots that was under way.  Its name, and ranges of slots."""
        cursor = self.cursor
        cursor.string("the name of an import of slots")
        for _ in range(cursor.length("the number of its ranges")):
            cursor.length("the first slot")
            cursor.length("the last slot")
        self.loading.warnings.append("an import of cluster slots that was under way was passed over")

    def _read_end(self) -> End:
        cursor = self.cursor
        self.doing = "check-sum"
        version = self.loading.version
        has_checksum = False
        if version >= _FIRST_VERSION_WITH_CHECKSUM:
            end = cursor.position
            said = cursor.integer(CHECKSUM_BYTES, "the check sum, CRC-64", signed=False)
            if said and self._crc is not None:
                self._crc.update(cursor.data[:end])
                if self._crc.value != said:
                    raise _wrong_checksum(cursor.offset - CHECKSUM_BYTES, self._crc.value, said)
            has_checksum = said != 0
        self.ended = True
        return End(version, has_checksum)


def _wrong_checksum(size: int, found: int, said: int) -> WrongCheckSum:
    """The error, at the byte to blame if there is one such byte; `size` bytes were summed up.

    The sum stands behind them, so a byte of its own may be the changed one, too.
    """
    sums = f"the check sum of bytes 0 to {size - 1} is {found:016x}, the file says {said:016x}"
    for place in range(CHECKSUM_BYTES):
        if (found ^ said) & ~(0xFF << 8 * place) == 0:
            return WrongCheckSum(size + place, f"this byte of the check sum is not what was written: {sums}")
    changed = find_changed_byte(found ^ said, min(size, _BYTES_SEARCHED))
    if changed is None:
        return WrongCheckSum(size, f"something before this place is not what was written: {sums}")
    distance, difference = changed
    return WrongCheckSum(
        size - distance, f"if one byte is not what was written, it is this one (XOR {difference:02x}): {sums}"
    )


_BYTES_SEARCHED = 1 << 23
"""From the end of a file, for the one byte that is wrong: two seconds at most."""

_TYPES = frozenset(map(int, Type))


def load_snapshot(
    pieces: Iterable[bytes],
    databases: Mapping[int, Keyspace],
    encodings: Encodings | None = None,
    random: Random | None = None,
    now_ms: int | None = None,
    check_checksum: bool = True,
) -> list[Event]:
    """Put all entries of a file into tables; answers the other events (notes, functions, warnings).

    Keys whose time has passed at `now_ms` are left out.  Raises RdbError, also for a key twice and for a
    database that is not there.
    """
    reader = SnapshotReader(encodings, random, check_checksum)
    database = databases.get(0)
    others: list[Event] = []

    def take(event: Event) -> None:
        nonlocal database
        if isinstance(event, SelectDatabase):
            database = databases.get(event.number)
        if not isinstance(event, Entry):
            if not isinstance(event, Progress):
                others.append(event)
            return
        if database is None:
            raise RdbError(reader.cursor.offset, "an entry of a database that is not there")
        if event.key in database.table:
            raise RdbError(reader.cursor.offset, f"the key {event.key!r} twice")
        if now_ms is not None and event.expires_at_ms is not None and event.expires_at_ms < now_ms:
            return
        database.table[event.key] = event.value
        if event.expires_at_ms is not None:
            database.expires[event.key] = event.expires_at_ms

    for piece in pieces:
        for event in reader.feed(piece):
            take(event)
    for event in reader.close():
        take(event)
    return others


# -- payloads -------------------------------------------------------------------------------------


class WrongCheckSum(RdbError):
    """All could be read, but a byte somewhere is not what was written."""


class CutOff(RdbError):
    """The file ends before it should."""


class BadFooter(ValueError):
    """A DUMP payload whose version or check sum is wrong."""


def open_payload(payload: bytes, check_sum: bool = True) -> tuple[bytes, int]:
    """What a payload of DUMP or FUNCTION DUMP holds before its footer, and its version.  Raises BadFooter."""
    body, footer = payload[:-PAYLOAD_FOOTER_BYTES], payload[-PAYLOAD_FOOTER_BYTES:]
    if len(footer) < PAYLOAD_FOOTER_BYTES:
        raise BadFooter("shorter than a footer")
    version = int.from_bytes(footer[:2], "little")
    if version > NEWEST_REDIS_VERSION and version not in VALKEY_VERSIONS:
        raise BadFooter(f"RDB version {version}")
    if check_sum and crc64(payload[:-CHECKSUM_BYTES]) != int.from_bytes(footer[2:], "little"):
        raise BadFooter("the check sum is wrong")
    return body, version


def restore_payload(
    payload: bytes, encodings: Encodings, random: Random, check_sum: bool = True
) -> tuple[Value, list[str]]:
    """The value in a DUMP payload, and what could not be kept of it.  Raises BadFooter, RdbError."""
    body, version = open_payload(payload, check_sum)
    cursor = Cursor(body)
    loading = Loading(encodings, random, version, version in VALKEY_VERSIONS)
    try:
        value = read_value(cursor, cursor.byte("the type"), loading)
    except NeedMore:
        raise RdbError(len(body), "the value is cut off") from None
    if value is None:
        raise RdbError(0, loading.warnings[0])
    if cursor.position != len(body):
        raise cursor.error("bytes behind the value")
    return value, loading.warnings

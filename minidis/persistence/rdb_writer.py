"""Writing an RDB file, record by record; whoever writes decides when and where the bytes go.

    writer = SnapshotWriter()
    writer.begin({"redis-ver": "7.2.0"})                header and notes
    writer.function(code)                               one per library
    writer.database(0, keys=2, expires=1)               before the first key of a database
    writer.entry(b"k", value, expires_at_ms=None)       one per key, in any order
    writer.end()                                        EOF and the check sum

Each method answers the bytes of its record and keeps nothing but the check sum: a snapshot can be taken in
slices between commands, sent to a replica as it grows, or be put in front of an append-only file.

    >>> from minidis.values.string import String
    >>> writer = SnapshotWriter()
    >>> pieces = [writer.begin(), writer.database(0, 1, 0), writer.entry(b"k", String(b"v")), writer.end()]
    >>> b"".join(pieces).hex(" ")
    '52 45 44 49 53 30 30 31 30 fe 00 fb 01 00 00 01 6b 01 76 ff bf c6 84 ba ad 6c a1 03'

Mirrors: the rdbSave... half of rdb.c.
Differs: strings that a learner's listpack or quicklist holds are written by the same calls.
Complexity: O(bytes). With compression about 4 MB/s for long strings that don't repeat, else 30 MB/s and
more.

Read next: rdb_reader.py.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import chain, islice, repeat
from struct import Struct
from typing import Any, Protocol

from minidis.persistence import lzf
from minidis.persistence.crc64 import Crc64, crc64
from minidis.persistence.rdb_format import CHECKSUM_BYTES, MAGIC, WRITTEN_VERSION, Container, Opcode, type_of
from minidis.structures.listpack import canonical_integer
from minidis.structures.skiplist import ALL_SCORES
from minidis.values.base import Value
from minidis.values.consumer_group import ConsumerGroup
from minidis.values.hash import Hash
from minidis.values.list import List
from minidis.values.set import Set
from minidis.values.sorted_set import SortedSet
from minidis.values.stream import Stream
from minidis.values.stream_node import StreamId
from minidis.values.string import String

COMPRESS_FROM_BYTES = 21
"""Shorter strings are not tried."""

ELEMENTS_PER_PIECE = 200
"""Of a large collection: about half a millisecond's work."""

_COMPRESSION_SAVES = 4  # at least this many bytes, or the string is kept as it is
_LONGEST_INTEGER = 11  # "-2147483648"

_BYTE = tuple(bytes((number,)) for number in range(256))
_INT8 = Struct("<Bb").pack
_INT16 = Struct("<Bh").pack
_INT32 = Struct("<Bi").pack
_UINT64 = Struct("<Q").pack
_INT64 = Struct("<q").pack
_DOUBLE = Struct("<d").pack


class Keyspace(Protocol):
    """What of a database goes into a file."""

    index: int
    table: Any
    """Keys to values."""
    expires: Any
    """Keys to unix times in milliseconds."""


class SnapshotWriter:
    """The records of one file.  `compress` is rdbcompression, `checksum` rdbchecksum.

    Version 10 loads from Redis 7.0 on. Version 11 also keeps when a stream's consumers were last active, and
    the small encoding of sets.
    """

    def __init__(self, version: int = WRITTEN_VERSION, compress: bool = True, checksum: bool = True) -> None:
        if version not in (10, 11):
            raise ValueError(f"RDB version {version} can't be written: 10 and 11 can")
        self.version = version
        self.compress = compress
        self._crc = Crc64() if checksum else None

    def begin(self, aux: Mapping[str, str | int | bytes] | None = None) -> bytes:
        """The header, and notes about the file (redis-ver, ctime, repl-id ...)."""
        record = b"%b%04d" % (MAGIC, self.version)
        for name, note in (aux or {}).items():
            text = note if isinstance(note, bytes) else str(note).encode()
            record += bytes((Opcode.AUX,)) + self._string(name.encode()) + self._string(text)
        return self.record(record)

    def function(self, code: bytes) -> bytes:
        """A library of functions: its source, with the #! line."""
        return self.record(bytes((Opcode.FUNCTION,)) + self._string(code))

    def database(self, index: int, keys: int, expires: int) -> bytes:
        """The entries that follow belong to this database, which has so many keys, and keys that expire."""
        return self.record(
            b"%c%b%c%b%b"
            % (
                Opcode.SELECTDB,
                encode_length(index),
                Opcode.RESIZEDB,
                encode_length(keys),
                encode_length(expires),
            )
        )

    def entry(
        self,
        key: bytes,
        value: Value,
        expires_at_ms: int | None = None,
        idle_s: int | None = None,
        frequency: int | None = None,
    ) -> bytes:
        """A key with its value; when it expires, and what the eviction clock knows of it."""
        # Not the joined `pieces`: short strings, which most values are, take half of the time so.
        version, compress = self.version, self.compress
        record = (
            _BYTE[type_of(value, version)]
            + encode_string(key, compress)
            + encode_value(value, version, compress)
        )
        if expires_at_ms is not None or idle_s is not None or frequency is not None:
            record = _beside(expires_at_ms, idle_s, frequency) + record
        if self._crc is not None:
            self._crc.update(record)
        return record

    def pieces(
        self,
        key: bytes,
        value: Value,
        expires_at_ms: int | None = None,
        idle_s: int | None = None,
        frequency: int | None = None,
    ) -> Iterator[bytes]:
        """The same in pieces, which must not be long: each goes through `record` in its turn."""
        kind = _BYTE[type_of(value, self.version)]
        yield _beside(expires_at_ms, idle_s, frequency) + kind + encode_string(key, self.compress)
        yield from value_pieces(value, self.version, self.compress)

    def record(self, record: bytes) -> bytes:
        """Take a record, or the next piece of one, into the check sum; the same bytes."""
        if self._crc is not None:
            self._crc.update(record)
        return record

    def end(self) -> bytes:
        """The last byte of the file, and its check sum."""
        record = self.record(bytes((Opcode.EOF,)))
        return record + (_UINT64(self._crc.value) if self._crc else bytes(CHECKSUM_BYTES))

    def _string(self, data: bytes) -> bytes:
        return encode_string(data, self.compress)


def write_snapshot(
    databases: Iterable[Keyspace],
    aux: Mapping[str, str | int | bytes] | None = None,
    functions: Iterable[bytes] = (),
    version: int = WRITTEN_VERSION,
    compress: bool = True,
    checksum: bool = True,
) -> Iterator[bytes]:
    """The pieces of a file with all keys of these databases; `b"".join` of them is the file.  O(bytes)."""
    writer = SnapshotWriter(version, compress, checksum)
    yield writer.begin(aux)
    for code in functions:
        yield writer.function(code)
    for database in databases:
        if len(database.table):
            yield writer.database(database.index, len(database.table), len(database.expires))
            for key, value in database.table.items():
                yield writer.entry(key, value, database.expires.get(key))
    yield writer.end()


def dump_payload(value: Value, version: int = WRITTEN_VERSION, compress: bool = True) -> bytes:
    """What DUMP answers: type and value as in a file, then the version in two bytes and a check sum."""
    body = bytes((type_of(value, version),)) + encode_value(value, version, compress)
    return seal_payload(body, version)


def seal_payload(body: bytes, version: int = WRITTEN_VERSION) -> bytes:
    """Put the version and the check sum behind what DUMP or FUNCTION DUMP gives."""
    body += version.to_bytes(2, "little")
    return body + _UINT64(crc64(body))


# -- the parts of a record ------------------------------------------------------------------------


def _beside(expires_at_ms: int | None, idle_s: int | None, frequency: int | None) -> bytes:
    """What stands before type, key and value."""
    opcodes = b""
    if expires_at_ms is not None:
        opcodes += b"%c%b" % (Opcode.EXPIRETIME_MS, _INT64(expires_at_ms))
    if idle_s is not None:
        opcodes += b"%c%b" % (Opcode.IDLE, encode_length(idle_s))
    if frequency is not None:
        opcodes += b"%c%c" % (Opcode.FREQ, frequency)
    return opcodes


def encode_length(length: int) -> bytes:
    """A length in one, two, five or nine bytes.

    >>> [encode_length(n).hex() for n in (63, 64, 16384, 1 << 32)]
    ['3f', '4040', '8000004000', '810000000100000000']
    """
    if length < 1 << 6:
        return _BYTE[length]
    if length < 1 << 14:
        return (length | 1 << 14).to_bytes(2, "big")
    if length < 1 << 32:
        return b"\x80" + length.to_bytes(4, "big")
    return b"\x81" + length.to_bytes(8, "big")


def encode_string(data: bytes, compress: bool = True) -> bytes:
    """A string: as an integer if it is the text of a small one, packed if that saves something, or as it is.

    >>> [encode_string(text).hex(" ") for text in (b"Ada", b"-5", b"12345", b"012", b"a" * 30)]
    ['03 41 64 61', 'c0 fb', 'c1 39 30', '03 30 31 32', 'c3 09 1e 01 61 61 e0 11 00 01 61 61']
    """
    length = len(data)
    if length <= _LONGEST_INTEGER:
        if (data.isdigit() or data[:1] == b"-") and (number := canonical_integer(data)) is not None:
            if -(1 << 31) <= number < 1 << 31:
                return _encode_integer(number)
    elif compress and length >= COMPRESS_FROM_BYTES:
        packed = lzf.compress(data, _COMPRESSION_SAVES)
        if packed is not None:
            return b"\xc3%b%b%b" % (encode_length(len(packed)), encode_length(length), packed)
    return (_BYTE[length] if length < 64 else encode_length(length)) + data


def _encode_integer(number: int) -> bytes:
    if -(1 << 7) <= number < 1 << 7:
        return _INT8(0xC0, number)
    if -(1 << 15) <= number < 1 << 15:
        return _INT16(0xC1, number)
    return _INT32(0xC2, number)


# -- values ---------------------------------------------------------------------------------------


def encode_value(value: Value, version: int = WRITTEN_VERSION, compress: bool = True) -> bytes:
    """The value as it stands after the key, for the type that `type_of` names.  O(bytes)."""
    if isinstance(value, String):
        data = value.data
        if type(data) is int and -(1 << 31) <= data < 1 << 31:
            return _encode_integer(data)
        return encode_string(value.as_bytes(), compress)
    return b"".join(value_pieces(value, version, compress))


def value_pieces(value: Value, version: int = WRITTEN_VERSION, compress: bool = True) -> Iterator[bytes]:
    """`encode_value` in pieces of some hundred elements: what is large need not be written in one go."""
    if isinstance(value, String):
        yield encode_string(value.as_bytes(), compress)
    elif isinstance(value, List):
        yield from _list_pieces(value, compress)
    elif isinstance(value, Stream):
        yield from _stream_pieces(value, version, compress)
    elif (packed := _packed(value, version)) is not None:
        yield encode_string(packed, compress)
    else:
        yield encode_length(len(value))
        elements = iter(_elements(value, compress))
        while piece := b"".join(islice(elements, ELEMENTS_PER_PIECE)):
            yield piece


def _packed(value: Value, version: int) -> bytes | None:
    """The bytes of a set, hash or sorted set that is a listpack or an intset; None for a large one."""
    form: Any = value.form  # type: ignore[attr-defined]
    if value.encoding == "intset":
        return bytes(form.intset)
    if value.encoding == "listpack" and (version >= 11 or not isinstance(value, Set)):
        return bytes(form.listpack)
    return None


def _elements(value: Value, compress: bool) -> Iterable[bytes]:
    """Of a sorted set the greatest comes first: who loads it then always inserts at the near end."""
    if isinstance(value, Set):
        return map(encode_string, value, repeat(compress))
    if isinstance(value, Hash):
        return map(encode_string, chain.from_iterable(value.items()), repeat(compress))
    assert isinstance(value, SortedSet), value
    pairs = value.walk(ALL_SCORES, reverse=True)
    return (encode_string(member, compress) + _DOUBLE(score) for member, score in pairs)


def _list_pieces(value: List, compress: bool) -> Iterator[bytes]:
    """The nodes of a quicklist, each a listpack or one large element.  A small list has one node."""
    if value.is_packed:
        yield b"\x01%c%b" % (Container.PACKED, encode_string(bytes(value.form), compress))
        return
    yield encode_length(value.form.node_count)
    for node in value.form.nodes():
        content = bytes(node.pack) if node.plain is None else node.plain
        kind = Container.PACKED if node.plain is None else Container.PLAIN
        yield b"%c%b" % (kind, encode_string(content, compress))


def _stream_pieces(stream: Stream, version: int, compress: bool) -> Iterator[bytes]:
    yield encode_length(len(stream.tree))
    for key, node in stream.tree.items():
        yield encode_string(key, compress) + encode_string(bytes(node), compress)
    yield encode_length(stream.length) + _encode_id(stream.last_id)
    yield _encode_id(stream.first_id) + _encode_id(stream.max_deleted_id)
    yield encode_length(stream.entries_added) + encode_length(len(stream.groups))
    for name, group in stream.groups.items():
        yield encode_string(name, compress)
        yield from _group_parts(group, version, compress)


def _group_parts(group: ConsumerGroup, version: int, compress: bool) -> Iterator[bytes]:
    """Position and count, all pending entries, then each consumer with the ids of those that are its own."""
    yield _encode_id(group.last_id)
    yield encode_length(group.entries_read & (1 << 64) - 1)  # -1, unknown, as C casts it
    yield encode_length(len(group.pending))
    for key, pending in group.pending.items():
        yield key + _INT64(pending.delivered_ms) + encode_length(pending.deliveries)
    yield encode_length(len(group.consumers))
    for name, consumer in group.consumers.items():
        yield encode_string(name, compress) + _INT64(consumer.seen_ms)
        if version >= 11:
            yield _INT64(consumer.active_ms)
        yield encode_length(len(consumer.pending))
        yield from consumer.pending  # ids only: when and how often stands above


def _encode_id(entry_id: StreamId) -> bytes:
    return encode_length(entry_id.ms) + encode_length(entry_id.seq)

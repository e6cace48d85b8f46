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
from struct import Struct
from typing import Any, Protocol

from minidis.persistence import lzf
from minidis.persistence.crc64 import Crc64, crc64
from minidis.persistence.rdb_format import CHECKSUM_BYTES, MAGIC, WRITTEN_VERSION, Container, Opcode, type_of
from minidis.structures.listpack import canonical_integer
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
        return self._record(record)

    def function(self, code: bytes) -> bytes:
        """A library of functions: its source, with the #! line."""
        return self._record(bytes((Opcode.FUNCTION,)) + self._string(code))

    def database(self, index: int, keys: int, expires: int) -> bytes:
        """The entries that follow belong to this database, which has so many keys, and keys that expire."""
        return self._record(
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
        record = _BYTE[type_of(value, self.version)] + encode_string(key, self.compress)
        record += encode_value(value, self.version, self.compress)
        if frequency is not None:
            record = b"%c%c%b" % (Opcode.FREQ, frequency, record)
        if idle_s is not None:
            record = b"%c%b%b" % (Opcode.IDLE, encode_length(idle_s), record)
        if expires_at_ms is not None:
            record = b"%c%b%b" % (Opcode.EXPIRETIME_MS, _INT64(expires_at_ms), record)
        return self._record(record)

    def end(self) -> bytes:
        """The last byte of the file, and its check sum."""
        record = self._record(bytes((Opcode.EOF,)))
        return record + (_UINT64(self._crc.value) if self._crc else bytes(CHECKSUM_BYTES))

    def _string(self, data: bytes) -> bytes:
        return encode_string(data, self.compress)

    def _record(self, record: bytes) -> bytes:
        if self._crc is not None:
            self._crc.update(record)
        return record


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
        if data[-1:].isdigit() and (number := canonical_integer(data)) is not None:
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
    if isinstance(value, List):
        return _encode_list(value, compress)
    if isinstance(value, Set):
        return _encode_set(value, version, compress)
    if isinstance(value, Hash):
        if value.encoding == "listpack":
            return encode_string(bytes(value.form.listpack), compress)  # type: ignore[attr-defined]
        parts = [encode_string(word, compress) for pair in value.items() for word in pair]
        return encode_length(len(value)) + b"".join(parts)
    if isinstance(value, SortedSet):
        return _encode_sorted_set(value, compress)
    assert isinstance(value, Stream), value
    return _encode_stream(value, version, compress)


def _encode_list(value: List, compress: bool) -> bytes:
    """The nodes of a quicklist, each a listpack or one large element.  A small list has one node."""
    if value.is_packed:
        return b"\x01%c%b" % (Container.PACKED, encode_string(bytes(value.form), compress))
    parts = [encode_length(value.form.node_count)]
    for node in value.form.nodes():
        content = bytes(node.pack) if node.plain is None else node.plain
        parts.append(bytes((Container.PACKED if node.plain is None else Container.PLAIN,)))
        parts.append(encode_string(content, compress))
    return b"".join(parts)


def _encode_set(value: Set, version: int, compress: bool) -> bytes:
    form: Any = value.form
    if value.encoding == "intset":
        return encode_string(bytes(form.intset), compress)
    if value.encoding == "listpack" and version >= 11:
        return encode_string(bytes(form.listpack), compress)
    return encode_length(len(value)) + b"".join([encode_string(member, compress) for member in value])


def _encode_sorted_set(value: SortedSet, compress: bool) -> bytes:
    """The greatest comes first: who loads it then always inserts at the near end of the skip list."""
    if value.encoding == "listpack":
        return encode_string(bytes(value.form.listpack), compress)  # type: ignore[union-attr]
    pairs = value.slice(0, len(value), reverse=True)
    parts = [encode_string(member, compress) + _DOUBLE(score) for member, score in pairs]
    return encode_length(len(value)) + b"".join(parts)


def _encode_stream(stream: Stream, version: int, compress: bool) -> bytes:
    parts = [encode_length(len(stream.tree))]
    for key, node in stream.tree.items():
        parts += [encode_string(key, compress), encode_string(bytes(node), compress)]
    parts += [encode_length(stream.length), _encode_id(stream.last_id)]
    parts += [_encode_id(stream.first_id), _encode_id(stream.max_deleted_id)]
    parts += [encode_length(stream.entries_added), encode_length(len(stream.groups))]
    for name, group in stream.groups.items():
        parts.append(encode_string(name, compress))
        parts += _group_parts(group, version, compress)
    return b"".join(parts)


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

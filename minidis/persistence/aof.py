r"""The append-only file as bytes: commands, one after the other, as a client would send them.

    *2\r\n $6\r\nSELECT\r\n $1\r\n0\r\n           which database the next ones are for
    #TS:1767225600\r\n                            when (aof-timestamp-enabled): a note, no command
    *3\r\n $3\r\nSET\r\n $1\r\nk\r\n $1\r\nv\r\n      what changed
    *1\r\n $5\r\nMULTI\r\n ... *1\r\n $4\r\nEXEC\r\n  all of this or nothing

There is no check sum and no length in front: a file may end anywhere, in the middle of a command. That is
what a crash leaves, and not an error; the reader then says from where on the bytes are no whole command.
A byte that cannot be in such a file is an error, with its offset.

`CommandWriter` states a whole dataset in the same form: the base of a log that is rewritten without an RDB
preamble. Large collections come in commands of 64 elements, so that loading one blocks nobody for long.

Mirrors: `catAppendOnlyGenericCommand`, `loadSingleAppendOnlyFile`, `rewriteAppendOnlyFileRio` in aof.c.
Differs: the CR LF behind each argument is looked at; Redis skips the two bytes, whatever they are.
Complexity: O(bytes), about 1 us for each word of a command.

>>> reader = AofReader()
>>> reader.feed(encode_command([b"SET", b"k", b"v"]) + b"#TS:7\r\n" + encode_command([b"DEL", b"k"])[:9])
>>> [(record.start, record.argv, record.note) for record in reader.records()]
[(0, [b'SET', b'k', b'v'], b''), (27, None, b'TS:7')]
>>> reader.position, reader.is_inside
(34, True)

Read next: aof_manifest.py, then minidis/engine/durability/append_only_file.py.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import islice

from minidis.persistence.aof_streams import stream_commands
from minidis.structures.record import NamedTuple
from minidis.structures.skiplist import ALL_SCORES
from minidis.values.base import Value
from minidis.values.hash import Hash
from minidis.values.list import List
from minidis.values.set import Set
from minidis.values.sorted_set import SortedSet
from minidis.values.stream import Stream
from minidis.values.string import String

ITEMS_PER_COMMAND = 64
"""AOF_REWRITE_ITEMS_PER_CMD."""

LONGEST_LINE = 128
"""A header or a note that has no line end after so many bytes is none."""

TIMESTAMP = b"TS:"

_NUMBER = re.compile(rb"-?[0-9]{1,19}").fullmatch
_NUMBER_SO_FAR = re.compile(rb"-?[0-9]{0,19}\r?").fullmatch


class AofError(ValueError):
    """Bytes that cannot be in an append-only file: where, and what was expected."""

    def __init__(self, offset: int, what: str) -> None:
        super().__init__(f"at offset {offset}: {what}")
        self.offset = offset
        self.what = what


def encode_command(argv: Sequence[bytes]) -> bytes:
    """A command as it stands in the file.  O(bytes)."""
    parts = [b"*%d\r\n" % len(argv)]
    parts += [b"$%d\r\n%b\r\n" % (len(word), word) for word in argv]
    return b"".join(parts)


def encode_timestamp(unix_s: int) -> bytes:
    """The note that says when the commands after it were run."""
    return b"#TS:%d\r\n" % unix_s


class Record(NamedTuple):
    """A command, or a note (then `argv` is None), and the bytes of the file that say it."""

    start: int
    end: int
    argv: list[bytes] | None
    note: bytes = b""

    @property
    def timestamp_s(self) -> int | None:
        """The unix time that a #TS: note gives."""
        digits = self.note[len(TIMESTAMP) :]
        return int(digits) if self.note.startswith(TIMESTAMP) and digits.isdigit() else None


class AofReader:
    """Takes the bytes of a file in any pieces, the first being at `offset`, and hands out its records."""

    def __init__(self, offset: int = 0) -> None:
        self._data = b""
        self._base = offset  # of the first byte of _data
        self._at = 0  # in _data: where the next record starts
        self._wanted = 0  # in _data: without so many bytes there is no point in trying again

    def feed(self, data: bytes) -> None:
        """Take the next bytes.  O(len(data)) and, once for each piece, the part of a record left over."""
        self._base += self._at
        self._wanted -= self._at
        self._data = self._data[self._at :] + data
        self._at = 0

    @property
    def position(self) -> int:
        """Where in the file the next record starts: everything before is whole."""
        return self._base + self._at

    @property
    def rest(self) -> bytes:
        """The bytes behind `position` that have come."""
        return self._data[self._at :]

    @property
    def is_inside(self) -> bool:
        """True if there are bytes behind `position`: at the end of a file, a record that is cut off."""
        return self._at < len(self._data)

    def records(self) -> Iterator[Record]:
        """The records that are whole so far.  Raises AofError where the bytes are broken."""
        while len(self._data) >= self._wanted:
            start = self._at
            if self._data[start : start + 1] == b"#":
                record = self._note(start)
            else:
                record = self._command(start)
            if record is None:
                return
            self._at = record.end - self._base
            yield record

    def _note(self, start: int) -> Record | None:
        end = self._data.find(b"\n", start, start + LONGEST_LINE)
        if end < 0:
            if len(self._data) - start >= LONGEST_LINE:
                raise AofError(self._base + start, "a note without an end")
            return None
        note = self._data[start + 1 : end].rstrip(b"\r")
        return Record(self._base + start, self._base + end + 1, None, note)

    def _command(self, start: int) -> Record | None:
        data = self._data
        header = self._number(start, b"*")
        if header is None:
            return None
        count, at = header
        if count < 1:
            raise AofError(self._base + start, f"a command of {count} words")
        argv = []
        for _ in range(count):
            header = self._number(at, b"$")
            if header is None:
                return None
            length, at = header
            end = at + length
            if length < 0:
                raise AofError(self._base + at, f"a word of {length} bytes")
            if end + 2 > len(data):
                self._wanted = end + 2
                return None
            if data[end : end + 2] != b"\r\n":
                raise AofError(self._base + end, "expected CR LF behind a word")
            argv.append(data[at:end])
            at = end + 2
        return Record(self._base + start, self._base + at, argv)

    def _number(self, at: int, kind: bytes) -> tuple[int, int] | None:
        """The number of a header line and where the next line starts; None if the line is not whole."""
        data = self._data
        if at >= len(data):
            return None
        if data[at : at + 1] != kind:
            found = data[at : at + 1]
            raise AofError(self._base + at, f"expected {kind.decode()!r}, found {found!r}")
        end = data.find(b"\r\n", at, at + LONGEST_LINE)
        digits = data[at + 1 : end if end >= 0 else at + LONGEST_LINE]
        if end < 0 and len(data) - at < LONGEST_LINE and _NUMBER_SO_FAR(digits):
            return None
        if end < 0 or not _NUMBER(digits):
            raise AofError(
                self._base + at, f"expected a number behind {kind.decode()!r}, found {digits[:32]!r}"
            )
        return int(digits), end + 2


# ---- a dataset as commands --------------------------------------------------------------------------------


class CommandWriter:
    """A dataset as commands: the same calls as rdb_writer.SnapshotWriter, but the bytes are a log's."""

    def __init__(self, timestamp_s: int | None = None) -> None:
        """With `timestamp_s`, the log begins with a note that says when it was written."""
        self.timestamp_s = timestamp_s

    def begin(self, aux: object = None) -> bytes:
        """What stands before the first command; the notes of a snapshot have no place in a log."""
        return b"" if self.timestamp_s is None else encode_timestamp(self.timestamp_s)

    def function(self, code: bytes) -> bytes:
        """A library of functions."""
        return encode_command([b"FUNCTION", b"LOAD", code])

    def database(self, index: int, keys: int, expires: int) -> bytes:
        """The entries that follow belong to this database."""
        return encode_command([b"SELECT", b"%d" % index])

    def entry(
        self,
        key: bytes,
        value: Value,
        expires_at_ms: int | None = None,
        idle_s: int | None = None,
        frequency: int | None = None,
    ) -> bytes:
        """The commands that make this key."""
        return b"".join(self.pieces(key, value, expires_at_ms))

    def pieces(
        self,
        key: bytes,
        value: Value,
        expires_at_ms: int | None = None,
        idle_s: int | None = None,
        frequency: int | None = None,
    ) -> Iterator[bytes]:
        """The same, a command at a time."""
        for argv in commands_for(key, value):
            yield encode_command(argv)
        if expires_at_ms is not None:
            yield encode_command([b"PEXPIREAT", key, b"%d" % expires_at_ms])

    def record(self, record: bytes) -> bytes:
        """A log has no check sum to take a record into."""
        return record

    def end(self) -> bytes:
        """Nothing stands at the end of a log."""
        return b""


def commands_for(key: bytes, value: Value) -> Iterator[list[bytes]]:
    """The commands that make `value` at a key that is missing.  O(N).

    >>> list(commands_for(b"k", String(b"v")))
    [[b'SET', b'k', b'v']]
    """
    if isinstance(value, String):
        yield [b"SET", key, value.as_bytes()]
    elif isinstance(value, List):
        yield from _in_batches(b"RPUSH", key, iter(value), 1)
    elif isinstance(value, Set):
        yield from _in_batches(b"SADD", key, iter(value), 1)
    elif isinstance(value, Hash):
        yield from _in_batches(b"HMSET", key, (word for pair in value.items() for word in pair), 2)
    elif isinstance(value, SortedSet):
        words = (word for pair in value.walk(ALL_SCORES) for word in _scored(*pair))
        yield from _in_batches(b"ZADD", key, words, 2)
    else:
        assert isinstance(value, Stream), value
        yield from stream_commands(key, value)


def _scored(member: bytes, score: float) -> tuple[bytes, bytes]:
    return b"%.17g" % score, member


def _in_batches(name: bytes, key: bytes, words: Iterator[bytes], width: int) -> Iterator[list[bytes]]:
    while batch := list(islice(words, ITEMS_PER_COMMAND * width)):
        yield [name, key, *batch]

r"""An RDB file explained piece by piece, for a picture of its bytes.

`annotate` cuts a file (or, with ``payload``, what DUMP gives) into spans that touch each other and
cover every byte::

    52 45 44 49 53 30 30 31 30      header      the magic and the version: REDIS, 0010
    fe                              opcode      SELECTDB: the entries that follow belong to another database
       00                           length      the number of the database: 0
    00                              type        STRING, kept as string
       01                           length      the key: 1 byte
          6b                        data        the key: "k"
       c1                           encoding    the value: an integer of 2 bytes stands for its text
          39 30                     data        the value: "12345"
    ff                              opcode      EOF: nothing follows but the check sum
    .. .. .. .. .. .. .. ..         checksum    the check sum, CRC-64

The cutting is done by the reader itself: it is given a cursor whose steps also write down where they began
and ended. So a picture never explains what the engine doesn't read, and where the reader stops with an error,
the rest is one span of kind ``broken`` with the error's words.

Mirrors: nothing in Redis. Complexity: O(bytes).

>>> for span in annotate(bytes.fromhex("52454449533030 3130 fe00 0001 6b c13930 ff 0000000000000000"))[1:8]:
...     print(span.start, span.end, span.kind, "-", span.explanation)
9 10 opcode - SELECTDB: the entries that follow belong to another database
10 11 length - the number of the database: 0
11 12 type - STRING, kept as string
12 13 length - the key: 1 byte
13 14 data - the key: "k"
14 15 encoding - the value: an integer of 2 bytes stands for its text
15 17 data - the value: "12345"

Read next: rdb_reader.py, if you came from a notebook.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from minidis.persistence.rdb_cursor import INTEGER_BYTES, Cursor, NeedMore
from minidis.persistence.rdb_format import (
    OPCODE_MEANINGS,
    TYPE_NAMES,
    WHAT_OPCODE,
    Opcode,
    RdbError,
    Special,
    Type,
)
from minidis.persistence.rdb_reader import PAYLOAD_FOOTER_BYTES, BadFooter, SnapshotReader, open_payload
from minidis.persistence.rdb_values import Loading, read_value
from minidis.protocol.annotation import Span
from minidis.protocol.quoting import quote

T = TypeVar("T")

_SHOWN_BYTES = 40


def annotate(data: bytes, payload: bool = False) -> list[Span]:
    """Explain the bytes of a file, or with ``payload`` of what DUMP gave.

    The spans are in order, touch each other and cover all bytes. `depth` is 0 for what begins a record.
    """
    cursor = _NotingCursor(data)
    fault = _read_payload(cursor) if payload else _read_file(cursor)
    spans = cursor.spans
    end = spans[-1].end if spans else 0
    if fault and end < len(data):
        spans.append(Span(end, len(data), "broken", fault.what, 0))
    elif fault and spans:
        spans[-1] = spans[-1]._replace(kind="broken", explanation=fault.what)
    elif end < len(data):
        size = _count(len(data) - end)
        spans.append(
            Span(end, len(data), "rest", f"{size} behind the end: an append-only file goes on here", 0)
        )
    return spans


def _read_file(cursor: _NotingCursor) -> RdbError | None:
    data, cursor.data = cursor.data, b""
    reader = SnapshotReader(cursor=cursor)
    try:
        for _ in reader.feed(data):
            pass
        reader.close()
    except RdbError as error:
        return error
    return None


def _read_payload(cursor: _NotingCursor) -> RdbError | None:
    """A value and its footer.  The value is read as if the footer were right, to be explained in any case."""
    whole = cursor.data
    body = whole[:-PAYLOAD_FOOTER_BYTES]
    version = int.from_bytes(whole[len(body) : len(body) + 2], "little")
    cursor.data = body
    try:
        kind = cursor.byte(WHAT_OPCODE)
        read_value(cursor, kind, Loading(version=version, is_valkey=version >= 80))
        if cursor.position < len(body):
            raise cursor.error("bytes behind the value")
        cursor.data = whole
        cursor.integer(2, "the version of the format", signed=False)
        cursor.raw(8, "the check sum, CRC-64")
        open_payload(whole)
    except NeedMore:
        return RdbError(len(body), "the value is cut off")
    except BadFooter as bad:
        return RdbError(len(whole), str(bad))
    except RdbError as error:
        return error
    return None


class _NotingCursor(Cursor):
    """A cursor that notes each step: which bytes it took, and what they say."""

    __slots__ = ("_silent", "spans")

    def __init__(self, data: bytes) -> None:
        super().__init__(data)
        self.spans: list[Span] = []
        self._silent = False

    # Steps

    def raw(self, size: int, what: str = "bytes") -> bytes:
        start = self.position
        taken = super().raw(size, what)
        kind = "header" if start == 0 and size == 9 else "checksum" if "check sum" in what else "data"
        shown = (
            f"{taken[:-4].decode('latin-1')}, {taken[-4:].decode('latin-1')}" if kind == "header" else None
        )
        return self._note(
            start, kind, what if kind == "checksum" else f"{what}: {shown or _shown(taken)}", taken
        )

    def byte(self, what: str = "a byte") -> int:
        start = self.position
        with self._silence():
            number = super().byte(what)
        if what != WHAT_OPCODE:
            return self._note(start, "number", f"{what}: {number}", number)
        if number in Opcode._value2member_map_:
            return self._note(
                start, "opcode", f"{Opcode(number).name}: {OPCODE_MEANINGS[Opcode(number)]}", number
            )
        known = number in Type._value2member_map_
        name = f"{Type(number).name}, kept as {TYPE_NAMES[number]}" if known else f"unknown: {number}"
        return self._note(start, "type", name, number)

    def integer(self, size: int, what: str = "an integer", signed: bool = True) -> int:
        start = self.position
        with self._silence():
            number = super().integer(size, what, signed)
        if "check sum" in what:
            return self._note(start, "checksum", what + (": switched off" if not number else ""), number)
        return self._note(start, "number", f"{what}: {number}", number)

    def double(self, what: str = "a double") -> float:
        return self._noted("number", super().double, what)

    def double_text(self, what: str = "a double as text") -> float:
        return self._noted("number", super().double_text, what)

    def length(self, what: str = "a length") -> int:
        return self._noted("length", super().length, what)

    def string(self, what: str = "a string") -> bytes:
        start = self.position
        with self._silence():
            number, is_special = self._length()
        if not is_special:
            self._note(start, "length", f"{what}: {_count(number)}")
            with self._silence():
                start, text = self.position, super().raw(number)
            return self._note(start, "data", f"{what}: {_shown(text)}", text)
        with self._silence():
            text = self._special_string(number)
        end, self.position = self.position, start
        with self._silence():
            self._length()
            content = self._note_form(start, number, what, len(text))
        self.position = end
        return self._note(content, "data", f"{what}: {_shown(text)}", text)

    def strings(self, count: int, what: str = "a string") -> list[bytes]:
        return [self.string(what) for _ in range(count)]

    # Notes

    def _note_form(self, start: int, form: int, what: str, length: int) -> int:
        """The note on a string's special form; where its content begins."""
        if form == Special.LZF:
            packed = self.length()
            self.length()
            meaning = f"LZF: {_count(packed)} that become {length}"
        else:
            meaning = f"an integer of {_count(INTEGER_BYTES[Special(form)])} stands for its text"
        self._silent = False
        self._note(start, "encoding", f"{what}: {meaning}")
        return self.position

    def _noted(self, kind: str, step: Callable[[str], T], what: str) -> T:
        start = self.position
        with self._silence():
            value = step(what)
        return self._note(start, kind, f"{what}: {value}", value)

    def _note(self, start: int, kind: str, explanation: str, value: T = None) -> T:  # type: ignore[assignment]
        if not self._silent and self.position > start:
            while self.spans and self.spans[-1].end > self.base + start:
                self.spans.pop()  # the record was begun before, when its bytes were not all there
            depth = 0 if kind in ("header", "opcode", "type") else 1
            self.spans.append(Span(self.base + start, self.offset, kind, explanation, depth))
        return value

    @contextmanager
    def _silence(self) -> Iterator[None]:
        """Within: the steps that a step is made of make no notes of their own."""
        before, self._silent = self._silent, True
        try:
            yield
        finally:
            self._silent = before


def _shown(data: bytes) -> str:
    if len(data) <= _SHOWN_BYTES:
        return quote(data).decode()
    return f"{quote(data[:_SHOWN_BYTES]).decode()} and {_count(len(data) - _SHOWN_BYTES)} more"


def _count(number: int) -> str:
    return f"{number} byte" if number == 1 else f"{number} bytes"

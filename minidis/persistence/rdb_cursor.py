r"""A place in the bytes of an RDB file, and the steps that every record is made of.

    cursor = Cursor(b"\x05hello\x0a")
    cursor.string() -> b"hello"            cursor.length() -> 10
    cursor.length() -> NeedMore            the bytes end here: more may come, or the file is cut off

Every step checks that its bytes are there before it takes them, and no step sets memory aside for a length
that was only announced: a hostile length costs nothing.

`what` names what is being read; here nobody looks at it. The cursor that explains a file to a reader
(annotation.py) is one of the same steps that also writes down where each of them began and ended.

Mirrors: rdbLoadLenByRef, rdbGenericLoadStringObject, rdbLoadDoubleValue in rdb.c.
Complexity: every step O(bytes read).

>>> cursor = Cursor(bytes.fromhex("c1 39 30  02 6f 6b"))
>>> cursor.string(), cursor.string(), cursor.offset
(b'12345', b'ok', 6)

Read next: rdb_values.py.
"""

from __future__ import annotations

from struct import Struct

from minidis.persistence import lzf
from minidis.persistence.rdb_format import RdbError, Special

_DOUBLE = Struct("<d")
INTEGER_BYTES: dict[int, int] = {Special.INT8: 1, Special.INT16: 2, Special.INT32: 4}
_DOUBLE_WORDS = {253: float("nan"), 254: float("inf"), 255: float("-inf")}


class NeedMore(Exception):
    """The bytes end within a step; `position` is how far they must reach at least."""

    def __init__(self, position: int) -> None:
        super().__init__(position)
        self.position = position


class Cursor:
    """`data` from `position` on.  `base` is the offset in the file of the first byte of `data`."""

    __slots__ = ("base", "data", "position")

    def __init__(self, data: bytes, base: int = 0) -> None:
        self.data = data
        self.position = 0
        self.base = base

    @property
    def offset(self) -> int:
        """Where in the file the cursor stands."""
        return self.base + self.position

    def error(self, what: str, offset: int | None = None) -> RdbError:
        """The error to raise for what was found at `offset`, or here."""
        return RdbError(self.offset if offset is None else offset, what)

    # Steps

    def raw(self, size: int, what: str = "bytes") -> bytes:
        """The next `size` bytes as they are."""
        start = self.position
        end = start + size
        if end > len(self.data):
            raise NeedMore(end)
        self.position = end
        return self.data[start:end]

    def byte(self, what: str = "a byte") -> int:
        """The next byte as a number."""
        start = self.position
        if start >= len(self.data):
            raise NeedMore(start + 1)
        self.position = start + 1
        return self.data[start]

    def integer(self, size: int, what: str = "an integer", signed: bool = True) -> int:
        """A little-endian integer of `size` bytes."""
        return int.from_bytes(self.raw(size, what), "little", signed=signed)

    def milliseconds(self, what: str = "a time") -> int:
        """A unix time in milliseconds: eight bytes."""
        return self.integer(8, what)

    def double(self, what: str = "a double") -> float:
        """A double in eight bytes."""
        return _DOUBLE.unpack(self.raw(8, what))[0]

    def double_text(self, what: str = "a double as text") -> float:
        """A double as old files have it: a byte of length, then its text; 253 to 255: nan, inf, -inf."""
        offset = self.offset
        length = self.raw(1)[0]
        if length in _DOUBLE_WORDS:
            return _DOUBLE_WORDS[length]
        text = self.raw(length)
        try:
            if b"_" not in text:
                return float(text)
        except ValueError:
            pass
        raise self.error(f"{text!r} is no number", offset)

    def length(self, what: str = "a length") -> int:
        """A length, or any number that is written as one."""
        number, special = self._length()
        if special:
            raise self.error("a special form of a string where a length is due", self.offset - 1)
        return number

    def string(self, what: str = "a string") -> bytes:
        """A string, whatever form it has."""
        data = self.data
        start = self.position + 1
        if start < len(data):  # the usual cases, in as few steps as can be
            first = data[start - 1]
            if first < 0x80:
                if first >= 0x40:
                    first = (first & 0x3F) << 8 | data[start]
                    start += 1
                end = start + first
                if end > len(data):
                    raise NeedMore(end)
                self.position = end
                return data[start:end]
            end = start + INTEGER_BYTES.get(first - 0xC0, len(data))
            if end <= len(data):
                self.position = end
                return b"%d" % int.from_bytes(data[start:end], "little", signed=True)
        number, special = self._length()
        return self._special_string(number) if special else self.raw(number)

    def strings(self, count: int, what: str = "a string") -> list[bytes]:
        """`count` strings, each of them a `what`.  The list grows as they are found."""
        data, position, size = self.data, self.position, len(self.data)
        found: list[bytes] = []
        for _ in range(count):
            if position < size and (length := data[position]) < 0x40 and position + length < size:
                position += length + 1
                found.append(data[position - length : position])
            else:  # not a short one, and no step of its own for those
                self.position = position
                found.append(self.string())
                position = self.position
        self.position = position
        return found

    # Forms of lengths and strings

    def _length(self) -> tuple[int, bool]:
        """A length, and whether it is none but the number of a special form."""
        first = self.raw(1)[0]
        if first < 0x40:
            return first, False
        if first < 0x80:
            return (first & 0x3F) << 8 | self.raw(1)[0], False
        if first == 0x80:
            return int.from_bytes(self.raw(4), "big"), False
        if first == 0x81:
            return int.from_bytes(self.raw(8), "big"), False
        if first >= 0xC0:
            return first & 0x3F, True
        raise self.error(f"no length begins with {first:02x}", self.offset - 1)

    def _special_string(self, form: int) -> bytes:
        offset = self.offset - 1
        if form == Special.LZF:
            return self._packed_string(offset)
        size = INTEGER_BYTES.get(form)
        if size is None:
            raise self.error(f"no string has the special form {form}", offset)
        return b"%d" % int.from_bytes(self.raw(size), "little", signed=True)

    def _packed_string(self, offset: int) -> bytes:
        packed_bytes = self.length()
        length = self.length()
        if length > packed_bytes * lzf.MAX_EXPANSION:
            raise self.error(f"{packed_bytes} bytes of LZF can't hold {length}", offset)
        packed = self.raw(packed_bytes)
        try:
            return lzf.decompress(packed, length)
        except lzf.CorruptLzf as corrupt:
            raise self.error(corrupt.reason, self.offset - packed_bytes + corrupt.offset) from None

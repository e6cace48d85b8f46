"""A string: bytes, or a 64-bit integer that only looks like bytes.

Three encodings, as in Redis, and here the Python type of `data` *is* the encoding:

    int        "int"      SET counter 42: eight bytes inside the pointer of the object, nothing else
    bytes      "embstr"   up to 44 bytes: header and text in one allocation of 64 bytes
    bytes      "raw"      45 bytes or more: a second allocation
    bytearray  "raw"      any length, once APPEND, SETRANGE or SETBIT has changed it in place

Why 44: a 64-byte slot holds 16 bytes of object header, 3 of string header, the text and a zero.

Mirrors: object.c (`tryObjectEncoding`, `OBJ_ENCODING_EMBSTR_SIZE_LIMIT`), sds.h.
Complexity: length O(1); change in place O(1) amortized, as a Python bytearray grows.

>>> [String(encode(text)).encoding for text in (b"42", b"042", b"x" * 44, b"x" * 45)]
['int', 'embstr', 'embstr', 'raw']

Read next: minidis/commands/strings.py.
"""

from __future__ import annotations

from minidis.values.base import OBJECT_HEADER_BYTES, Value, allocation_size

EMBSTR_MAX_BYTES = 44
_INT64_DIGITS = 20  # "-9223372036854775808"
_INT64_MIN, _INT64_MAX = -(2**63), 2**63 - 1


def encode(data: bytes) -> bytes | int:
    """The smallest form of `data`: an int when its text is the one way to write that int.  O(1).

    >>> encode(b"-7"), encode(b"+7"), encode(b"007"), encode(b"9223372036854775808")
    (-7, b'+7', b'007', b'9223372036854775808')
    """
    if data >= b":" or len(data) > _INT64_DIGITS:  # which comes after the digits: no number begins so
        return data
    if not data.isdigit() and data[:1] != b"-":
        return data
    try:
        number = int(data)
    except ValueError:
        return data
    if b"%d" % number == data and _INT64_MIN <= number <= _INT64_MAX:
        return number
    return data


class String(Value):
    """A string value.  `data` may be read directly when its type is checked: see `as_bytes`."""

    __slots__ = ("data",)

    kind = "string"

    def __init__(self, data: bytes | bytearray | int) -> None:
        self.data = data
        self.accessed_us = 0

    def as_bytes(self) -> bytes:
        """The content as immutable bytes.  O(N) for a raw string that was changed in place."""
        data = self.data
        if type(data) is bytes:
            return data
        if type(data) is int:
            return b"%d" % data
        return bytes(data)  # type: ignore[arg-type]

    def as_bytearray(self) -> bytearray:
        """The content as a bytearray to change in place; from now on the encoding is raw."""
        data = self.data
        if type(data) is not bytearray:
            self.data = data = bytearray(self.as_bytes())
        return data

    @property
    def encoding(self) -> str:
        data = self.data
        if type(data) is int:
            return "int"
        return "embstr" if type(data) is bytes and len(data) <= EMBSTR_MAX_BYTES else "raw"

    def __len__(self) -> int:
        data = self.data
        return len(b"%d" % data) if type(data) is int else len(data)  # type: ignore[arg-type]

    def memory_usage(self) -> int:
        encoding = self.encoding
        if encoding == "int":
            return OBJECT_HEADER_BYTES
        length = len(self)
        if encoding == "embstr":  # one allocation: object, 3 bytes of string header, text, zero
            return allocation_size(OBJECT_HEADER_BYTES + 3 + length + 1)
        header = 3 if length < 256 else 5 if length < 65536 else 9
        return OBJECT_HEADER_BYTES + allocation_size(header + length + 1)

    def copy(self) -> String:
        data = self.data
        return String(bytearray(data) if type(data) is bytearray else data)

    def check(self) -> None:
        data = self.data
        assert type(data) in (int, bytes, bytearray), type(data)
        assert type(data) is not int or _INT64_MIN <= data <= _INT64_MAX, data

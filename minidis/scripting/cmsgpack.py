"""`cmsgpack`: MessagePack for scripts.

    cmsgpack.pack({1, "a", true})      93 01 a1 61 c3
    cmsgpack.unpack(bytes)             every value in them, as several results
    cmsgpack.unpack_one(bytes, 3)      the offset behind the value at 3 (-1: the end), and the value

A table whose keys are 1 to n is an array, any other one a map; a table nested sixteen levels deep is nil, so
that a table that holds itself comes to an end.

Mirrors: lua_cmsgpack.c.
Differs: of nothing, `unpack` gives nil, where C gives no result; input may be nested only so deep
(MOST_NESTED_IN_INPUT).
Complexity: O(bytes).

Read next: struct_library.py.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from minidis.scripting.arguments import Arguments, bad_argument
from minidis.scripting.interpreter import LuaError

if TYPE_CHECKING:
    from minidis.scripting.engine import ScriptEngine

MOST_NESTED = 16
MOST_NESTED_IN_INPUT = 200
CONSTANTS = {
    "_NAME": b"cmsgpack",
    "_VERSION": b"lua-cmsgpack 0.4.0",
    "_COPYRIGHT": b"Copyright (C) 2012, Salvatore Sanfilippo",
    "_DESCRIPTION": b"MessagePack C implementation for Lua",
}


class MissingBytes(Exception):
    """The input ends inside a value."""


class BadFormat(Exception):
    """A first byte that means nothing."""


class Cmsgpack:
    """The `cmsgpack` table of one interpreter."""

    def __init__(self, engine: ScriptEngine) -> None:
        self.engine = engine

    def functions(self) -> dict[str, Callable[..., Any]]:
        return {
            "pack": self.pack,
            "unpack": self.unpack,
            "unpack_one": self.unpack_one,
            "unpack_limit": self.unpack_limit,
        }

    def pack(self, *values: Any) -> bytes:
        """cmsgpack.pack: values, one after the other."""
        if not values:
            raise bad_argument(0, "pack", "MessagePack pack needs input.")
        return b"".join(self._packed(value, 0) for value in values)

    def _packed(self, value: Any, level: int) -> bytes:
        if isinstance(value, bytes):
            return _header(len(value), 0xA0, 31, (None, 0xDA, 0xDB)) + value
        if isinstance(value, bool):
            return b"\xc3" if value else b"\xc2"
        if isinstance(value, int | float):
            return packed_number(value)
        if level < MOST_NESTED and self.engine.lua.is_table(value):
            return self._packed_table(value, level + 1)
        return b"\xc0"

    def _packed_table(self, table: Any, level: int) -> bytes:
        items = list(self.engine.lua.items(table))
        indexes = [key for key, _ in items]
        if all(isinstance(key, int) and not isinstance(key, bool) and key > 0 for key in indexes) and (
            max(indexes, default=0) == len(items)
        ):
            values = dict(items)
            pieces = [_header(len(items), 0x90, 15, (None, 0xDC, 0xDD))]
            pieces += [self._packed(values[index], level) for index in range(1, len(items) + 1)]
        else:
            pieces = [_header(len(items), 0x80, 15, (None, 0xDE, 0xDF))]
            for key, value in items:
                pieces += [self._packed(key, level), self._packed(value, level)]
        return b"".join(pieces)

    # -- unpacking --------------------------------------------------------------------------------

    def unpack(self, *values: Any) -> Any:
        """cmsgpack.unpack: every value."""
        data = Arguments(values, "unpack", self.engine.lua).text(1)
        found, _ = self._read(data, 0, None)
        return self._results(found)

    def unpack_one(self, *values: Any) -> Any:
        """cmsgpack.unpack_one: one value, from an offset."""
        arguments = Arguments(values, "unpack_one", self.engine.lua)
        return self._unpack_from(arguments.text(1), 1, arguments.integer(2, 0))

    def unpack_limit(self, *values: Any) -> Any:
        """cmsgpack.unpack_limit: so many values, from an offset."""
        arguments = Arguments(values, "unpack_limit", self.engine.lua)
        limit = arguments.integer(2)
        return self._unpack_from(arguments.text(1), limit, arguments.integer(3, 0))

    def _unpack_from(self, data: bytes, limit: int, offset: int) -> Any:
        if offset < 0 or limit < 0:
            raise LuaError(f"Invalid request to unpack with offset of {offset} and limit of {len(data)}.")
        if offset > len(data):
            raise LuaError(f"Start offset {offset} greater than input length {len(data)}.")
        if not limit and not offset:
            found, _ = self._read(data, 0, None)
            return self._results(found)
        found, position = self._read(data, offset, limit)
        return self._results([-1 if position >= len(data) else position, *found])

    def _results(self, values: list[Any]) -> Any:
        """Several results to Lua; a table among them is made here."""
        return tuple(values)

    def _read(self, data: bytes, position: int, limit: int | None) -> tuple[list[Any], int]:
        reader = Reader(data, position, self.engine.lua.table)
        found: list[Any] = []
        try:
            while reader.position < len(data) and (limit is None or len(found) < limit):
                found.append(reader.value())
        except MissingBytes:
            raise LuaError("Missing bytes in input.") from None
        except BadFormat:
            raise LuaError("Bad data format in input.") from None
        return found, reader.position


class Reader:
    """Reads values from bytes, one after the other."""

    def __init__(self, data: bytes, position: int, table: Callable[[Any], Any]) -> None:
        """`table` makes a Lua table from a list or a dict."""
        self.data, self.position, self.table = data, position, table
        self.depth = 0

    def value(self) -> Any:
        """The next value.  Raises MissingBytes, BadFormat."""
        byte = self._take(1)[0]
        if byte < 0x80:
            return byte
        if byte >= 0xE0:
            return byte - 256
        if byte & 0xE0 == 0xA0:
            return self._take(byte & 0x1F)
        if byte & 0xF0 == 0x90:
            return self._array(byte & 0xF)
        if byte & 0xF0 == 0x80:
            return self._map(byte & 0xF)
        if byte in _CONSTANT:
            return _CONSTANT[byte]
        if byte in _NUMBERS:
            form = _NUMBERS[byte]
            [number] = struct.unpack(form, self._take(struct.calcsize(form)))
            return as_lua_number(number)
        if byte in _SIZED:
            form, read = _SIZED[byte]
            [size] = struct.unpack(form, self._take(struct.calcsize(form)))
            return read(self, size)
        raise BadFormat

    def _take(self, count: int) -> bytes:
        taken = self.data[self.position : self.position + count]
        if len(taken) < count:
            raise MissingBytes
        self.position += count
        return taken

    def _array(self, count: int) -> Any:
        return self._table((index, self.value()) for index in range(1, count + 1))

    def _map(self, count: int) -> Any:
        return self._table((self.value(), self.value()) for _ in range(count))

    def _table(self, pairs: Iterator[tuple[Any, Any]]) -> Any:
        self.depth += 1
        if self.depth > MOST_NESTED_IN_INPUT:
            raise LuaError("stack overflow (in function mp_decode_to_lua_type)")
        found = {}
        for key, value in pairs:
            if key is None or key != key:
                raise LuaError("table index is nil" if key is None else "table index is NaN")
            if value is not None:
                found[key] = value
        self.depth -= 1
        return self.table(found)


_CONSTANT = {0xC0: None, 0xC2: False, 0xC3: True}
_NUMBERS = {
    0xCC: ">B", 0xCD: ">H", 0xCE: ">I", 0xCF: ">q", 0xD0: ">b", 0xD1: ">h", 0xD2: ">i", 0xD3: ">q",
    0xCA: ">f", 0xCB: ">d",
}  # fmt: skip
_SIZED: dict[int, tuple[str, Callable[[Reader, int], Any]]] = {
    0xD9: (">B", Reader._take),
    0xDA: (">H", Reader._take),
    0xDB: (">I", Reader._take),
    0xDC: (">H", Reader._array),
    0xDD: (">I", Reader._array),
    0xDE: (">H", Reader._map),
    0xDF: (">I", Reader._map),
}


def _header(size: int, fixed: int, most_fixed: int, codes: tuple[int | None, int, int]) -> bytes:
    """The first bytes of a string, an array or a map."""
    if size <= most_fixed:
        return bytes([fixed | size])
    if size <= 0xFF and codes == (None, 0xDA, 0xDB):
        return struct.pack(">BB", 0xD9, size)
    if size <= 0xFFFF:
        return struct.pack(">BH", codes[1], size)
    return struct.pack(">BI", codes[2], size)


def packed_number(number: int | float) -> bytes:
    """A number in the shortest form that keeps it.

    >>> packed_number(1), packed_number(-1), packed_number(300), packed_number(0.5)
    (b'\\x01', b'\\xff', b'\\xcd\\x01,', b'\\xca?\\x00\\x00\\x00')
    """
    if isinstance(number, float) and not (number.is_integer() and -(2.0**63) <= number < 2.0**63):
        return _packed_float(number)
    number = int(number)
    if number >= 0:
        for most, form, code in (
            (0x7F, ">B", None),
            (0xFF, ">BB", 0xCC),
            (0xFFFF, ">BH", 0xCD),
            (2**32 - 1, ">BI", 0xCE),
        ):
            if number <= most:
                return struct.pack(form, number) if code is None else struct.pack(form, code, number)
        return struct.pack(">BQ", 0xCF, number)
    for least, form, code in (
        (-32, ">b", None),
        (-128, ">Bb", 0xD0),
        (-(2**15), ">Bh", 0xD1),
        (-(2**31), ">Bi", 0xD2),
    ):
        if number >= least:
            return struct.pack(form, number) if code is None else struct.pack(form, code, number)
    return struct.pack(">Bq", 0xD3, number)


def _packed_float(number: float) -> bytes:
    try:
        short = struct.pack(">f", number)
    except OverflowError:
        return struct.pack(">Bd", 0xCB, number)
    is_exact = struct.unpack(">f", short)[0] == number
    return b"\xca" + short if is_exact else struct.pack(">Bd", 0xCB, number)


def as_lua_number(number: int | float) -> int | float:
    """A number as Lua keeps it: a double."""
    if isinstance(number, int) and abs(number) > 2**53:
        return float(number)
    if isinstance(number, float) and math.isfinite(number) and number.is_integer() and abs(number) < 2**53:
        return int(number) if number else number
    return number

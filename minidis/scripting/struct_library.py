"""`struct`: C structures for scripts.

    struct.pack(">I2c0", 5, "hello")     00 05 68 65 6c 6c 6f
    struct.unpack("<i4", bytes)          the number, and the position behind it

    > < big or little endian     !n align to n     x a zero byte     b B h H l L T i[n] I[n] integers
    f d floats     s a string that ends with a zero byte     c[n] n bytes (0: all, or the number read before)

Mirrors: lua_struct.c.
Complexity: O(bytes).

Read next: bit.py.
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

MOST_INTEGER_BYTES = 32
MOST_ALIGNED = 8
_SIZES = {"b": 1, "h": 2, "l": 8, "T": 8, "f": 4, "d": 8, "x": 1}
_INTEGERS = "bBhHlLTiI"
_INT_LIMIT = 2**31


class Option:
    """One letter of a format, with its size and the padding before it."""

    __slots__ = ("letter", "size", "padding", "big")

    def __init__(self, letter: str, size: int, padding: int, big: bool) -> None:
        self.letter, self.size, self.padding, self.big = letter, size, padding, big


class Format:
    """Reads a format letter by letter; `position`, in the data, decides about padding."""

    def __init__(self, text: bytes) -> None:
        self.text = text.partition(b"\0")[0].decode("latin-1")
        self.at = 0
        self.big = False
        self.align = 1
        self.position = 0  # kept up by whoever reads the options

    def options(self, lenient: bool = False) -> Iterator[Option]:
        """The options that stand for data; those that only set something are obeyed here.

        `lenient`: other letters and digits stand for nothing, instead of being errors.
        """
        while self.at < len(self.text):
            letter = self.text[self.at]
            self.at += 1
            size = self._size(letter)
            padding = self._padding(self.position, letter, size)
            if letter in _INTEGERS or letter in "xfdcs":
                yield Option(letter, size, padding, self.big)
            elif not (lenient and letter.isascii() and letter.isalnum()):
                self._control(letter)

    def _number(self, default: int) -> int:
        digits = ""
        while self.at < len(self.text) and self.text[self.at] in "0123456789":
            digits += self.text[self.at]
            self.at += 1
        return (int(digits) + _INT_LIMIT) % (2 * _INT_LIMIT) - _INT_LIMIT if digits else default

    def _size(self, letter: str) -> int:
        if letter in "iI":
            size = self._number(4)
            if size > MOST_INTEGER_BYTES:
                raise LuaError(f"integral size {size} is larger than limit of {MOST_INTEGER_BYTES}")
            return size
        if letter == "c":
            return self._number(1)
        return _SIZES.get(letter) or _SIZES.get(letter.lower() if letter in "BHL" else "", 0)

    def _padding(self, position: int, letter: str, size: int) -> int:
        if size == 0 or letter == "c":
            return 0
        size = min(size, self.align)
        return (size - (position & (size - 1))) & (size - 1)

    def _control(self, letter: str) -> None:
        if letter in "<>":
            self.big = letter == ">"
        elif letter == "!":
            align = self._number(MOST_ALIGNED)
            if align <= 0 or align & (align - 1):
                raise LuaError(f"alignment {align} is not a power of 2")
            self.align = align
        elif letter != " ":
            raise InvalidOption(letter)


class InvalidOption(Exception):
    """A letter that means nothing; the function that reads the format knows its own name."""


class StructLibrary:
    """The `struct` table of one interpreter."""

    def __init__(self, engine: ScriptEngine) -> None:
        self.engine = engine

    def functions(self) -> dict[str, Callable[..., Any]]:
        return {
            "pack": self._named(self.pack),
            "unpack": self._named(self.unpack),
            "size": self._named(self.size),
        }

    def _named(self, function: Callable[..., Any]) -> Callable[..., Any]:
        name = function.__name__

        def call(*values: Any) -> Any:
            try:
                return function(Arguments(values, name, self.engine.lua))
            except InvalidOption as error:
                raise bad_argument(1, name, f"invalid format option '{error}'") from None

        return call

    def pack(self, arguments: Arguments) -> bytes:
        """struct.pack: values as bytes."""
        data = bytearray()
        form, at = Format(arguments.text(1)), 2
        arguments.values += (None,)  # the C function marks the end of its arguments by a nil
        for option in form.options():
            data += bytes(option.padding)
            if option.letter == "x":
                data.append(0)
            elif option.letter in "cs":
                text = arguments.text(at)
                size = option.size or len(text)
                if len(text) < size:
                    raise bad_argument(at + 1, "pack", "string too short")
                data += text[:size] + (b"\0" if option.letter == "s" else b"")
            else:
                data += _packed(arguments.number(at), option)
            at += option.letter != "x"
            form.position = len(data)
        return bytes(data)

    def unpack(self, arguments: Arguments) -> Any:
        """struct.unpack: the values in bytes, and the position behind them."""
        form, data = Format(arguments.text(1)), arguments.text(2)
        position = arguments.integer(3, 1) - 1
        if position < 0:
            raise bad_argument(3, "unpack", "offset must be 1 or greater")
        found: list[Any] = []
        form.position = position
        for option in form.options():
            position += option.padding
            if position + option.size > len(data):
                raise bad_argument(2, "unpack", "data string too short")
            size = option.size
            if option.letter == "c" and not size:
                if not found or isinstance(found[-1], bytes):
                    raise LuaError("format 'c0' needs a previous size")
                size = int(found.pop())
                if size < 0 or position + size > len(data):
                    raise bad_argument(2, "unpack", "data string too short")
            if option.letter == "s":
                end = data.find(b"\0", position)
                if end < 0:
                    raise LuaError("unfinished string in data")
                found.append(data[position:end])
                size = end - position + 1
            elif option.letter == "c":
                found.append(data[position : position + size])
            elif option.letter != "x":
                found.append(_unpacked(data[position : position + size], option))
            position += size
            form.position = position
        return (*found, position + 1)

    def size(self, arguments: Arguments) -> int:
        """struct.size: how many bytes a format takes."""
        form = Format(arguments.text(1))
        for option in form.options(lenient=True):
            if option.letter == "s" or (option.letter == "c" and not option.size):
                name = "s" if option.letter == "s" else "c0"
                raise bad_argument(1, "size", f"option '{name}' has no fixed size")
            form.position += option.padding + option.size
        return form.position


def _packed(number: int | float, option: Option) -> bytes:
    order = ">" if option.big else "<"
    if option.letter == "d":
        return struct.pack(order + "d", number)
    if option.letter == "f":
        try:
            return struct.pack(order + "f", number)
        except OverflowError:
            return struct.pack(order + "f", math.copysign(math.inf, number))
    whole = int(number) % 2**64 if math.isfinite(number) else 2**63
    return whole.to_bytes(max(option.size, 8), "little")[: option.size][:: -1 if option.big else 1]


def _unpacked(data: bytes, option: Option) -> int | float:
    order = ">" if option.big else "<"
    if option.letter in "fd":
        [number] = struct.unpack(order + option.letter, data)
        return number
    value = int.from_bytes(data, "big" if option.big else "little") % 2**64
    signed = option.letter in "bhli" and option.size
    if signed and option.size <= 8 and value >> (option.size * 8 - 1) & 1:
        value -= 1 << option.size * 8
    elif signed and value >> 63:
        value -= 2**64
    return float(value) if abs(value) > 2**53 else value

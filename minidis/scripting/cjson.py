"""`cjson`: JSON for scripts, in the words and with the numbers of lua-cjson 2.1.

    cjson.encode({1, 2, {a = true}})      [1,2,{"a":true}]
    cjson.encode({})                      {}              an empty table is an object
    cjson.encode({[1] = 1, [100] = 2})    an error: excessively sparse
    cjson.decode("[1, null]")             {1, cjson.null}

A number is written by %.14g, a slash as \\/, bytes beyond ASCII as they are.

Mirrors: lua_cjson.c.
Differs: `encode_keep_buffer` only remembers its setting; `cjson.null` is a userdata of its own; tables nested
deeper than MOST_NESTED_TABLES are refused, whatever `encode_max_depth` allows, JSON deeper than MOST_NESTED.
Complexity: O(bytes).

Read next: cmsgpack.py.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from minidis.scripting.arguments import Arguments, bad_argument, general
from minidis.scripting.interpreter import LuaError

if TYPE_CHECKING:
    from minidis.scripting.engine import ScriptEngine

MOST_NESTED = 1000
MOST_NESTED_TABLES = 200
_INT_MAX = 2**31 - 1
_ESCAPES = {
    **{bytes([code]): b"\\u%04x" % code for code in (*range(32), 127)},
    b"\b": b"\\b",
    b"\t": b"\\t",
    b"\n": b"\\n",
    b"\f": b"\\f",
    b"\r": b"\\r",
    b'"': b'\\"',
    b"\\": b"\\\\",
    b"/": b"\\/",
}
_NEEDS_ESCAPE = re.compile(rb'[\x00-\x1f\x7f"\\/]')
_ESCAPED = {
    b'"': b'"',
    b"\\": b"\\",
    b"/": b"/",
    b"b": b"\b",
    b"t": b"\t",
    b"n": b"\n",
    b"f": b"\f",
    b"r": b"\r",
}
_PLAIN = re.compile(rb'[^"\\\x00]+')
_WHITESPACE = re.compile(rb"[ \t\n\r]*")
_HEX4 = re.compile(rb"[0-9a-fA-F]{4}")
_NUMBER = re.compile(
    rb"[+-]?(?:0[xX](?:[0-9a-fA-F]+\.?[0-9a-fA-F]*|\.[0-9a-fA-F]+)(?:[pP][+-]?\d+)?"
    rb"|(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?|inf(?:inity)?|nan)",
    re.IGNORECASE,
)
_INVALID_NUMBER = re.compile(rb"\+|-?(?:0[xX0-9]|inf|nan)", re.IGNORECASE)
_TOKENS = {
    0x7B: "T_OBJ_BEGIN",
    0x7D: "T_OBJ_END",
    0x5B: "T_ARR_BEGIN",
    0x5D: "T_ARR_END",
    0x2C: "T_COMMA",
    0x3A: "T_COLON",
}
_END_OF: dict[Any, str] = {dict: "T_OBJ_END", list: "T_ARR_END"}
_WORDS = ((b"true", "T_BOOLEAN", True), (b"false", "T_BOOLEAN", False), (b"null", "T_NULL", None))


class Cjson:
    """One `cjson` table with its settings; `cjson.new()` makes another."""

    def __init__(self, engine: ScriptEngine) -> None:
        self.engine = engine
        self.sparse_convert, self.sparse_ratio, self.sparse_safe = False, 2, 10
        self.encode_depth = self.decode_depth = MOST_NESTED
        self.precision = 14
        self.keeps_buffer = True
        self.encode_invalid: bool | str = False
        self.decode_invalid = True

    def functions(self) -> dict[str, Callable[..., Any]]:
        return {
            "encode": self.encode,
            "decode": self.decode,
            "encode_sparse_array": self.set_sparse_array,
            "encode_max_depth": self.set_encode_depth,
            "decode_max_depth": self.set_decode_depth,
            "encode_number_precision": self.set_precision,
            "encode_keep_buffer": self.set_keep_buffer,
            "encode_invalid_numbers": self.set_encode_invalid,
            "decode_invalid_numbers": self.set_decode_invalid,
            "new": self.new,
        }

    def new(self, *_: Any) -> Any:
        """cjson.new: a table with settings of its own."""
        return self.engine.lua.library(Cjson(self.engine).functions(), CONSTANTS)

    # -- encoding ---------------------------------------------------------------------------------

    def encode(self, *values: Any) -> bytes:
        """cjson.encode: a value as JSON."""
        if len(values) != 1:
            raise bad_argument(1, "encode", "expected 1 argument")
        pieces: list[bytes] = []
        self._append(pieces, values[0], 0)
        return b"".join(pieces)

    def _append(self, pieces: list[bytes], value: Any, depth: int) -> None:
        if isinstance(value, bytes):
            pieces.append(quoted(value))
        elif isinstance(value, bool):
            pieces.append(b"true" if value else b"false")
        elif isinstance(value, int | float):
            pieces.append(self._number(value))
        elif self.engine.lua.is_table(value):
            self._append_table(pieces, value, depth + 1)
        elif self.engine.lua.is_null(value):
            pieces.append(b"null")
        else:
            raise self._cannot(value, "type not supported")

    def _append_table(self, pieces: list[bytes], table: Any, depth: int) -> None:
        if depth > min(self.encode_depth, MOST_NESTED_TABLES):
            raise LuaError(f"Cannot serialise, excessive nesting ({depth})")
        items = dict(self.engine.lua.items(table))
        length = self._array_length(items)
        if length > 0:
            pieces.append(b"[")
            for index in range(1, length + 1):
                if index > 1:
                    pieces.append(b",")
                self._append(pieces, items.get(index), depth)
            pieces.append(b"]")
            return
        pieces.append(b"{")
        for number, (key, value) in enumerate(items.items()):
            if number:
                pieces.append(b",")
            if isinstance(key, bytes):
                pieces.append(quoted(key))
            elif isinstance(key, int | float) and not isinstance(key, bool):
                pieces.append(b'"%b"' % self._number(key))
            else:
                raise self._cannot(key, "table key must be a number or string")
            pieces.append(b":")
            self._append(pieces, value, depth)
        pieces.append(b"}")

    def _array_length(self, items: dict[Any, Any]) -> int:
        """The highest index if all keys are indexes, else -1."""
        if not all(isinstance(key, int) and not isinstance(key, bool) and key >= 1 for key in items):
            return -1
        longest = max(items, default=0)
        is_sparse = 0 < self.sparse_ratio and longest > len(items) * self.sparse_ratio
        if is_sparse and longest > self.sparse_safe:
            if not self.sparse_convert:
                raise LuaError("Cannot serialise table: excessively sparse array")
            return -1
        return longest

    def _number(self, number: int | float) -> bytes:
        if isinstance(number, float) and not math.isfinite(number):
            if self.encode_invalid is False:
                raise self._cannot(number, "must not be NaN or Inf")
            if self.encode_invalid == "null":
                return b"null"
            if math.isnan(number):
                return b"nan"
        return general(number, self.precision)

    def _cannot(self, value: Any, reason: str) -> LuaError:
        return LuaError(f"Cannot serialise {self.engine.lua.type_name(value)}: {reason}")

    # -- decoding ---------------------------------------------------------------------------------

    def decode(self, *values: Any) -> Any:
        """cjson.decode: JSON as a value."""
        if len(values) != 1:
            raise bad_argument(1, "decode", "expected 1 argument")
        text = Arguments(values, "decode", self.engine.lua).text(1)
        if len(text) >= 2 and 0 in text[:2]:
            raise LuaError("JSON parser does not support UTF-16 or UTF-32")
        return Decoder(text, self).decode()

    # -- settings ---------------------------------------------------------------------------------

    def _setting(self, values: tuple[Any, ...], name: str, most: int = 1) -> Arguments:
        if len(values) > most:
            raise bad_argument(most + 1, name, "found too many arguments")
        return Arguments(values, name, self.engine.lua)

    def _switch(self, arguments: Arguments, now: bool | str, options: tuple[str, ...]) -> bool | str:
        """The new value of a setting that is off, on, or one of further `options`."""
        value = arguments.values[0] if arguments.values else None
        if value is None or isinstance(value, bool):
            return now if value is None else value
        text = arguments.text(1).decode("latin-1")
        if text not in options:
            raise bad_argument(1, arguments.name, f"invalid option '{text}'")
        return {"off": False, "on": True}.get(text, text)

    def _bounded(self, arguments: Arguments, at: int, now: int, least: int, most: int) -> int:
        if at > len(arguments.values) or arguments.values[at - 1] is None:
            return now
        value = arguments.integer(at)
        if not least <= value <= most:
            message = f"expected integer between {least} and {most}"
            raise bad_argument(1, arguments.name, message)  # whichever it was
        return value

    def set_sparse_array(self, *values: Any) -> tuple[bool, int, int]:
        """When is an array with gaps an object, or an error?"""
        arguments = self._setting(values, "encode_sparse_array", 3)
        self.sparse_convert = bool(self._switch(arguments, self.sparse_convert, ("off", "on")))
        self.sparse_ratio = self._bounded(arguments, 2, self.sparse_ratio, 0, _INT_MAX)
        self.sparse_safe = self._bounded(arguments, 3, self.sparse_safe, 0, _INT_MAX)
        return self.sparse_convert, self.sparse_ratio, self.sparse_safe

    def set_encode_depth(self, *values: Any) -> int:
        """How deep may tables be nested that are encoded?"""
        arguments = self._setting(values, "encode_max_depth")
        self.encode_depth = self._bounded(arguments, 1, self.encode_depth, 1, _INT_MAX)
        return self.encode_depth

    def set_decode_depth(self, *values: Any) -> int:
        """How deep may JSON be nested that is decoded?"""
        arguments = self._setting(values, "decode_max_depth")
        self.decode_depth = self._bounded(arguments, 1, self.decode_depth, 1, _INT_MAX)
        return self.decode_depth

    def set_precision(self, *values: Any) -> int:
        """With how many digits are numbers written?"""
        arguments = self._setting(values, "encode_number_precision")
        self.precision = self._bounded(arguments, 1, self.precision, 1, 14)
        return self.precision

    def set_keep_buffer(self, *values: Any) -> bool:
        """Nothing depends on this here."""
        arguments = self._setting(values, "encode_keep_buffer")
        self.keeps_buffer = bool(self._switch(arguments, self.keeps_buffer, ("off", "on")))
        return self.keeps_buffer

    def set_encode_invalid(self, *values: Any) -> bool | bytes:
        """May NaN and infinity be written?"""
        arguments = self._setting(values, "encode_invalid_numbers")
        self.encode_invalid = self._switch(arguments, self.encode_invalid, ("off", "on", "null"))
        return b"null" if self.encode_invalid == "null" else bool(self.encode_invalid)

    def set_decode_invalid(self, *values: Any) -> bool:
        """May NaN, infinity and hexadecimal numbers be read?"""
        arguments = self._setting(values, "decode_invalid_numbers")
        self.decode_invalid = bool(self._switch(arguments, self.decode_invalid, ("off", "on")))
        return self.decode_invalid


CONSTANTS = {"_NAME": b"cjson", "_VERSION": b"2.1.0"}


def quoted(text: bytes) -> bytes:
    """A string of JSON.

    >>> quoted(b'a "b"/')
    b'"a \\\\"b\\\\"\\\\/"'
    """
    return b'"%b"' % _NEEDS_ESCAPE.sub(lambda found: _ESCAPES[found.group()], text)


class Decoder:
    """Reads one text, a token at a time: `kind` and `value` of the token, and where it began."""

    def __init__(self, text: bytes, settings: Cjson) -> None:
        self.text = text
        self.settings = settings
        self.table = settings.engine.lua.table
        self.null = settings.engine.lua.null
        self.position = 0
        self.start = 0
        self.kind = ""
        self.value: Any = None

    def decode(self) -> Any:
        """The value that the whole text stands for.  Raises LuaError."""
        self._next()
        value = self._value()
        self._next()
        if self.kind != "T_END":
            raise self._unexpected("the end")
        return value

    def _value(self) -> Any:
        """The value that begins with the current token.  Without recursion: nesting may be deep."""
        open_ones: list[tuple[Any, Any]] = []  # the containers around, each with the key of its member
        while True:
            if self.kind in ("T_OBJ_BEGIN", "T_ARR_BEGIN"):
                self._descend(len(open_ones) + 1)
                container: Any = {} if self.kind == "T_OBJ_BEGIN" else []
                self._next()
                if self.kind != _END_OF[type(container)]:
                    open_ones.append((container, self._key(container)))
                    continue
                value = self.table(container)
            elif self.kind in ("T_STRING", "T_NUMBER", "T_BOOLEAN", "T_NULL"):
                value = self.value
            else:
                raise self._unexpected("value")
            value = self._close(open_ones, value)
            if not open_ones:
                return value

    def _close(self, open_ones: list[tuple[Any, Any]], value: Any) -> Any:
        """Put a value into the container around it, and that, where it ends, into the next one."""
        while open_ones:
            container, key = open_ones.pop()
            if isinstance(container, list):
                container.append(value)
            else:
                container[key] = value
            self._next()
            if self.kind == _END_OF[type(container)]:
                value = self.table(container)
                continue
            if self.kind != "T_COMMA":
                kind = "array" if isinstance(container, list) else "object"
                raise self._unexpected(f"comma or {kind} end")
            self._next()
            open_ones.append((container, self._key(container)))
            break
        return value

    def _key(self, container: Any) -> bytes | None:
        """In an object: the key and its colon; after that, as in an array, a value begins."""
        if isinstance(container, list):
            return None
        if self.kind != "T_STRING":
            raise self._unexpected("object key string")
        key = self.value
        self._next()
        if self.kind != "T_COLON":
            raise self._unexpected("colon")
        self._next()
        return key

    def _descend(self, depth: int) -> None:
        if depth > min(self.settings.decode_depth, MOST_NESTED):
            raise LuaError(f"Found too many nested data structures ({depth}) at character {self.position}")

    def _unexpected(self, expected: str) -> LuaError:
        return LuaError(f"Expected {expected} but found {self.kind} at character {self.start + 1}")

    # -- tokens -----------------------------------------------------------------------------------

    def _next(self) -> None:
        text = self.text
        space = _WHITESPACE.match(text, self.position)
        assert space is not None
        self.start = self.position = at = space.end()
        byte = text[at] if at < len(text) else 0
        if byte == 0:
            self.kind = "T_END"
        elif byte in _TOKENS:
            self.kind = _TOKENS[byte]
            self.position += 1
        elif byte == 0x22:
            self._string()
        elif byte == 0x2D or 0x30 <= byte <= 0x39:
            self._number()
        else:
            self._word()

    def _fail(self, kind: str, at: int) -> None:
        self.kind = kind
        self.start = at

    def _word(self) -> None:
        for word, kind, value in _WORDS:
            if self.text.startswith(word, self.position):
                self.kind, self.value = kind, self.null if value is None else value
                self.position += len(word)
                return
        if self.text[self.position] in b"iInN+" and _INVALID_NUMBER.match(self.text, self.position):
            if self.settings.decode_invalid:
                self._number()
                return
        self._fail("invalid token", self.position)

    def _number(self) -> None:
        invalid = _INVALID_NUMBER.match(self.text, self.position)
        found = _NUMBER.match(self.text, self.position)
        if found is None or (invalid is not None and not self.settings.decode_invalid):
            self._fail("invalid number", self.position)
            return
        self.kind, self.value = "T_NUMBER", to_double(found.group())
        self.position = found.end()

    def _string(self) -> None:
        text, at = self.text, self.position + 1
        pieces: list[bytes] = []
        while True:
            plain = _PLAIN.match(text, at)
            if plain is not None:
                pieces.append(plain.group())
                at = plain.end()
            if at >= len(text) or text[at] == 0:
                self._fail("unexpected end of string", at)
                return
            if text[at] == 0x22:
                break
            escape = text[at + 1 : at + 2]
            if escape == b"u":
                piece, width = unicode_escape(text, at)
                if not width:
                    self._fail("invalid unicode escape code", at)
                    return
                pieces.append(piece)
                at += width
            elif escape in _ESCAPED:
                pieces.append(_ESCAPED[escape])
                at += 2
            else:
                self._fail("invalid escape code", at)
                return
        self.kind, self.value = "T_STRING", b"".join(pieces)
        self.position = at + 1


def unicode_escape(text: bytes, at: int) -> tuple[bytes, int]:
    r"""The UTF-8 bytes of a \uXXXX (or a pair of them) and its width; the width is 0 where it is wrong.

    >>> unicode_escape(rb"\u00e9", 0), unicode_escape(rb"\ud83d\ude00", 0), unicode_escape(rb"\udead", 0)
    ((b'\xc3\xa9', 6), (b'\xf0\x9f\x98\x80', 12), (b'', 0))
    """
    found = _HEX4.match(text, at + 2)
    if found is None:
        return b"", 0
    code = int(found.group(), 16)
    if code & 0xF800 != 0xD800:
        return chr(code).encode(), 6
    low_half = _HEX4.match(text, at + 8) if text[at + 6 : at + 8] == b"\\u" else None
    if code & 0x400 or low_half is None or int(low_half.group(), 16) & 0xFC00 != 0xDC00:
        return b"", 0
    low = int(low_half.group(), 16) & 0x3FF
    return chr(((code & 0x3FF) << 10 | low) + 0x10000).encode(), 12


def to_double(text: bytes) -> float | int:
    """C's strtod.

    >>> to_double(b"12"), to_double(b"-0x10"), to_double(b"1e400")
    (12, -16, inf)
    """
    word = text.decode().lower()
    number = float.fromhex(word) if "x" in word else float(word)
    return int(number) if number.is_integer() and abs(number) < 2**53 and number else number

"""Arguments of a host function, checked as Lua's C library does it, with its words.

    bad argument #1 to 'random' (number expected, got no value)

Mirrors: luaL_check* in lauxlib.c.
"""

from __future__ import annotations

import math
import re
from typing import Any

from minidis.scripting.interpreter import LuaError, LuaInterpreter

_NUMBER = rb"\s*([+-]?(?:0[xX][0-9a-fA-F]+|(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?))\s*\Z"


def bad_argument(position: int, name: str, reason: str) -> LuaError:
    """The error about one argument, counted from 1."""
    return LuaError(f"bad argument #{position} to '{name}' ({reason})")


def to_number(value: Any) -> float | int | None:
    """`lua_tonumber`: a number, or a string that reads as one."""
    if isinstance(value, bool):
        return None
    if isinstance(value, int | float):
        return value
    if not isinstance(value, bytes) or (found := re.match(_NUMBER, value)) is None:
        return None
    text = found.group(1).decode()
    return int(text, 16) if "x" in text.lower() else float(text)


def to_text(value: Any) -> bytes | None:
    """`lua_tolstring`: a string, or a number as Lua writes it (%.14g)."""
    if isinstance(value, bytes):
        return value
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return general(value, 14)


def general(number: float, digits: int) -> bytes:
    """C's `%.<digits>g`.

    >>> general(0.1, 17), general(3, 14), general(1e20, 14)
    (b'0.10000000000000001', b'3', b'1e+20')
    """
    number = float(number)
    if math.isnan(number):
        return b"-nan" if math.copysign(1, number) < 0 else b"nan"
    return b"%.*g" % (digits, number)


class Arguments:
    """The arguments of one call of the host function `name`."""

    __slots__ = ("values", "name", "lua")

    def __init__(self, values: tuple[Any, ...], name: str, lua: LuaInterpreter) -> None:
        self.values, self.name, self.lua = values, name, lua

    def _missing(self, position: int, expected: str) -> LuaError:
        found = "no value"
        if position <= len(self.values):
            found = self.lua.type_name(self.values[position - 1])
        return bad_argument(position, self.name, f"{expected} expected, got {found}")

    def wrong_count(self) -> LuaError:
        return LuaError("wrong number of arguments")

    def number(self, position: int) -> float | int:
        """The argument at `position` (from 1) as a number."""
        value = to_number(self.values[position - 1]) if position <= len(self.values) else None
        if value is None:
            raise self._missing(position, "number")
        return value

    def integer(self, position: int, default: int | None = None) -> int:
        """The argument at `position` as a C integer; `default` where it is missing or nil."""
        if default is not None and (position > len(self.values) or self.values[position - 1] is None):
            return default
        number = self.number(position)
        return int(number) if math.isfinite(number) and abs(number) < 2**63 else -(2**63)

    def text(self, position: int) -> bytes:
        """The argument at `position` as a string."""
        value = to_text(self.values[position - 1]) if position <= len(self.values) else None
        if value is None:
            raise self._missing(position, "string")
        return value

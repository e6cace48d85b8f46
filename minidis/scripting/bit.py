"""`bit`: operations on 32 bits for scripts, whose numbers are doubles.

    bit.band(0xff, 0x0f)    15        bit.tobit(2^31)      -2147483648      results are signed
    bit.lshift(1, 33)       2         bit.tohex(-1)        ffffffff         shifts count modulo 32

Mirrors: lua_bit.c.
Complexity: O(arguments).

Read next: sandbox.py.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from functools import reduce
from operator import and_, or_, xor
from typing import TYPE_CHECKING, Any

from minidis.scripting.arguments import Arguments

if TYPE_CHECKING:
    from minidis.scripting.engine import ScriptEngine

_MASK = 0xFFFFFFFF
_ROUNDING = 6755399441055744.0  # 2**52 + 2**51: adding it leaves the integer in the lowest bits


def bits_of(number: int | float) -> int:
    """The lowest 32 bits of a number, rounded to an integer as a double's own addition rounds.

    >>> bits_of(-1), bits_of(1.5), bits_of(2.5), bits_of(2**32 + 7)
    (4294967295, 2, 2, 7)
    """
    [pattern] = struct.unpack("<Q", struct.pack("<d", float(number) + _ROUNDING))
    return pattern & _MASK


def signed(bits: int) -> int:
    bits &= _MASK
    return bits - 2**32 if bits >> 31 else bits


class BitLibrary:
    """The `bit` table of one interpreter."""

    def __init__(self, engine: ScriptEngine) -> None:
        self.engine = engine

    def functions(self) -> dict[str, Callable[..., Any]]:
        return {
            "tobit": self._unary("tobit", lambda b: b),
            "bnot": self._unary("bnot", lambda b: ~b),
            "bswap": self._unary("bswap", lambda b: int.from_bytes(b.to_bytes(4, "little"), "big")),
            "band": self._variadic("band", and_),
            "bor": self._variadic("bor", or_),
            "bxor": self._variadic("bxor", xor),
            "lshift": self._shift("lshift", lambda b, n: b << n),
            "rshift": self._shift("rshift", lambda b, n: b >> n),
            "arshift": self._shift("arshift", lambda b, n: signed(b) >> n),
            "rol": self._shift("rol", lambda b, n: b << n | b >> (32 - n)),
            "ror": self._shift("ror", lambda b, n: b << (32 - n) | b >> n),
            "tohex": self.tohex,
        }

    def _bits(self, arguments: Arguments, position: int) -> int:
        return bits_of(arguments.number(position))

    def _unary(self, name: str, operate: Callable[[int], int]) -> Callable[..., int]:
        def call(*values: Any) -> int:
            return signed(operate(self._bits(Arguments(values, name, self.engine.lua), 1)))

        return call

    def _variadic(self, name: str, operate: Callable[[int, int], int]) -> Callable[..., int]:
        def call(*values: Any) -> int:
            arguments = Arguments(values, name, self.engine.lua)
            operands = [self._bits(arguments, 1)]
            operands += [self._bits(arguments, at) for at in range(len(values), 1, -1)]
            return signed(reduce(operate, operands))

        return call

    def _shift(self, name: str, operate: Callable[[int, int], int]) -> Callable[..., int]:
        def call(*values: Any) -> int:
            arguments = Arguments(values, name, self.engine.lua)
            bits, count = self._bits(arguments, 1), self._bits(arguments, 2) & 31
            return signed(operate(bits, count))

        return call

    def tohex(self, *values: Any) -> bytes:
        """bit.tohex: the last n digits (8), in upper case where n is negative."""
        arguments = Arguments(values, "tohex", self.engine.lua)
        bits = self._bits(arguments, 1)
        count = signed(self._bits(arguments, 2)) if len(values) > 1 else 8
        digits = b"%08X" % bits if count < 0 else b"%08x" % bits
        return digits[8 - min(abs(count), 8) :]

r"""Tail calls of functions that are C in Redis and Lua here: the caller's frame must stay, for its line.

    return unpack(t)     GETGLOBAL 0 "unpack" / MOVE 1 t / TAILCALL 0 2 0 / RETURN 0 0

A tail call of a Lua function takes the caller's frame off the stack; one of a C function does not, it is
called like any other. Some of them are Lua in our sandbox (`unpack`, `pcall` ...), and an error in one
would not know the line of the script. So these tail calls are made plain calls; the opcode alone differs:

                         GETGLOBAL 0 "unpack" / MOVE 1 t / CALL     0 2 0 / RETURN 0 0

A compiled chunk, as `string.dump` writes it (sizes of int, size_t and instruction are in the header):

    \x1bLua 0x51 ...     then one function: source, lines, 4 bytes, code, constants, its functions, debug data

Mirrors: lundump.c, lopcodes.h of Lua 5.1.
Complexity: O(bytes of the chunk), for scripts with such a call only.

>>> [bool(MAY_HAVE_ONE.search(source)) for source in (b"return unpack(t)", b"return f(unpack(t))")]
[True, False]

Read next: interpreter.py, which asks for it; sandbox.py, for what is Lua there.
"""

from __future__ import annotations

import re
import struct

NAMES = (
    b"getfenv getmetatable load loadstring next pairs pcall rawget rawset setfenv setmetatable unpack xpcall"
).split()
"""The globals of the sandbox that are Lua, and C in Redis."""

MAY_HAVE_ONE = re.compile(rb"\breturn\s+(%b)\b" % b"|".join(NAMES))

GETGLOBAL, JMP, EQ, LT, LE, CALL, TAILCALL = 5, 22, 23, 24, 25, 28, 29
_WRITES_NO_REGISTER = (JMP, EQ, LT, LE)
NIL, BOOLEAN, NUMBER, STRING = 0, 1, 3, 4
HEADER_BYTES = 12


def as_plain_calls(chunk: bytes) -> bytes | None:
    """The chunk with those tail calls as calls; None if it has none."""
    patcher = _Patcher(chunk)
    patcher.function()
    return bytes(patcher.chunk) if patcher.has_changed else None


class _Patcher:
    """A walk over a chunk, function by function."""

    def __init__(self, chunk: bytes) -> None:
        self.chunk = bytearray(chunk)
        self.at = HEADER_BYTES
        self.has_changed = False
        order = "<" if chunk[6] else ">"
        self._int = struct.Struct(order + "i")
        self._size = struct.Struct(order + {4: "I", 8: "Q"}[chunk[8]])
        self._instruction = struct.Struct(order + "I")
        self._number_bytes = chunk[10]

    def function(self) -> None:
        self.string()  # its source
        self.at += 2 * 4 + 4
        code_at, count = self.at + 4, self.integer()
        self.at += 4 * count
        constants = [self.constant() for _ in range(self.integer())]
        self._patch(code_at, count, constants)
        for _ in range(self.integer()):
            self.function()
        lines = self.integer()
        self.at += 4 * lines
        for _ in range(self.integer()):
            self.string()  # a local's name
            self.at += 2 * 4
        for _ in range(self.integer()):
            self.string()  # an upvalue's name

    def _patch(self, code_at: int, count: int, constants: list[bytes | None]) -> None:
        code = [self._instruction.unpack_from(self.chunk, code_at + 4 * at)[0] for at in range(count)]
        for at, instruction in enumerate(code):
            if instruction & 0x3F == TAILCALL and _callee(code[:at], instruction, constants) in NAMES:
                self._instruction.pack_into(self.chunk, code_at + 4 * at, instruction - TAILCALL + CALL)
                self.has_changed = True

    def integer(self) -> int:
        return self._take(self._int)

    def string(self) -> bytes:
        size = self._take(self._size)
        self.at += size
        return bytes(self.chunk[self.at - size : self.at - 1]) if size else b""

    def constant(self) -> bytes | None:
        """A constant, if it is a string."""
        kind = self.chunk[self.at]
        self.at += 1
        if kind == STRING:
            return self.string()
        self.at += {NIL: 0, BOOLEAN: 1, NUMBER: self._number_bytes}[kind]
        return None

    def _take(self, form: struct.Struct) -> int:
        [value] = form.unpack_from(self.chunk, self.at)
        self.at += form.size
        return value


def _callee(before: list[int], call: int, constants: list[bytes | None]) -> bytes | None:
    """The global that is called: what the call's first register was loaded with."""
    register = call >> 6 & 0xFF
    for instruction in reversed(before):
        opcode = instruction & 0x3F
        if opcode not in _WRITES_NO_REGISTER and instruction >> 6 & 0xFF == register:
            return constants[instruction >> 14] if opcode == GETGLOBAL else None
    return None

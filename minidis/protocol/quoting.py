r"""Text in quotes: how a command is typed, and how bytes are printed.

A request is a list of byte strings, a line that one types is text. redis-cli, the inline protocol (telnet!)
and our ``%%redis`` cells split a line by the same rules::

    SET greeting "hello world\n"        double quotes: \n \r \t \b \a \xff are escapes
    SET path 'C:\temp'                  single quotes: only \' is one
    SET a"b" c                          an error: a closing quote must be followed by a space
    SET "half                           an error: unbalanced quotes

and print in the other direction whatever is not plain ASCII as ``\xff``, so that every reply fits on a line
and can be typed again: ``split_arguments(quote(data)) == [data]`` for any bytes.

Mirrors: sds.c (sdssplitargs, sdscatrepr). Complexity: O(length).

>>> split_arguments(b'SET greeting "hello\\x21 world"')
[b'SET', b'greeting', b'hello! world']
>>> print(split_arguments(b'SET "half'))
None
>>> quote(b'say "hi"\n\xe2\x82\xac')
b'"say \\"hi\\"\\n\\xe2\\x82\\xac"'

Read next: resp.py (how the list of byte strings travels).
"""

from __future__ import annotations

_SPACE = b" \t\n\v\f\r"
_SEPARATORS = b" \t\n\r"  # \v and \f are skipped between arguments, yet do not end one: so it is in sds.c
_ESCAPES = {ord("n"): 10, ord("r"): 13, ord("t"): 9, ord("b"): 8, ord("a"): 7}
_HEX_DIGITS = b"0123456789abcdefABCDEF"


def split_arguments(line: bytes) -> list[bytes] | None:
    """The arguments of a line, or None where its quotes are unbalanced (sdssplitargs).

    A NUL byte ends the line, as it ends the C string.
    """
    line = line.partition(b"\0")[0]
    arguments: list[bytes] = []
    at = 0
    while True:
        while at < len(line) and line[at] in _SPACE:
            at += 1
        if at == len(line):
            return arguments
        argument = bytearray()
        end = _read_argument(line, at, argument)
        if end is None:
            return None
        arguments.append(bytes(argument))
        at = end


def _read_argument(line: bytes, at: int, argument: bytearray) -> int | None:
    """Append the argument that starts at ``at``; where it ends, or None for unbalanced quotes."""
    while at < len(line) and line[at] not in _SEPARATORS:
        byte = line[at]
        if byte in b"\"'":
            end = _read_quoted(line, at + 1, byte, argument)
            if end is None or (end < len(line) and line[end] not in _SPACE):
                return None
            return end
        argument.append(byte)
        at += 1
    return at


def _read_quoted(line: bytes, at: int, closing: int, argument: bytearray) -> int | None:
    """Append what stands up to the closing quote; the position behind that, or None without one."""
    while at < len(line):
        byte = line[at]
        if byte == closing:
            return at + 1
        if byte == 0x5C and at + 1 < len(line):  # a backslash
            byte, at = _read_escape(line, at, in_double_quotes=closing == 0x22)
        else:
            at += 1
        argument.append(byte)
    return None


def _read_escape(line: bytes, at: int, in_double_quotes: bool) -> tuple[int, int]:
    """The byte that the backslash at ``at`` starts, and where the text goes on."""
    following = line[at + 1]
    if not in_double_quotes:
        return (following, at + 2) if following == 0x27 else (0x5C, at + 1)
    digits = line[at + 2 : at + 4]
    if following == 0x78 and len(digits) == 2 and all(digit in _HEX_DIGITS for digit in digits):
        return int(digits, 16), at + 4
    return _ESCAPES.get(following, following), at + 2


def quote(data: bytes) -> bytes:
    """``data`` in double quotes, all but plain ASCII escaped, as redis-cli and MONITOR print (sdscatrepr)."""
    return b'"' + b"".join(_PRINTED[byte] for byte in data) + b'"'


def _printed(byte: int) -> bytes:
    names = {value: b"\\" + bytes([letter]) for letter, value in _ESCAPES.items()}
    if byte in b'\\"':
        return b"\\" + bytes([byte])
    if byte in names:
        return names[byte]
    return bytes([byte]) if 0x20 <= byte < 0x7F else b"\\x%02x" % byte


_PRINTED = [_printed(byte) for byte in range(256)]

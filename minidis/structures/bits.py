"""Bits inside a string: counting, searching, combining them, and reading small integers out of them.

A bitmap is not a type of its own: it is a string value whose bytes we look at bit by bit. Bit 0 is the
*highest* bit of the first byte, as one writes it on paper:

    offset    0 1 2 3 4 5 6 7   8 9 ...
    byte 0    1 0 0 0 0 0 0 1   byte 1 ...
              = 0x81            so SETBIT key 0 1 and SETBIT key 7 1 make the string "\\x81"

So a string, read from left to right, is one long big-endian number: a field of some bits in the middle
of it (BITFIELD's `u5`, `i12` ...) is that number, shifted right and masked. What lies past the end of
the string reads as zeros.

Python's integers have no upper size, and their `&`, `|`, `^` and `bit_count` run at C speed: a whole
bitmap becomes one integer, and a loop over a million bits becomes one operation.

Mirrors: bitops.c.
Differs: Redis counts with table lookups and 64-bit words; we count with big integers, in slices of
64 KB that stay in the processor's cache.
Complexity: one bit or one field O(1); count, search and combine O(bytes).

>>> bitmap = bytearray()
>>> [set_bit(bitmap, offset, 1) for offset in (0, 7, 7)], bytes(bitmap)
([0, 0, 1], b'\\x81')
>>> count_bits(bitmap), find_bit(bitmap, 0)
(2, 1)

Read next: minidis/commands/bitmaps.py, the commands; hyperloglog.py, which packs registers of 6 bits.
"""

from __future__ import annotations

from collections.abc import Sequence

SLICE_BYTES = 1 << 16

# --- Single bits ------------------------------------------------------------------------------------------


def get_bit(data: bytes | bytearray, offset: int) -> int:
    """The bit at an offset, 0 past the end. O(1).

    >>> [get_bit(b"\\x81", offset) for offset in (0, 1, 7, 8)]
    [1, 0, 1, 0]
    """
    index = offset >> 3
    return data[index] >> (7 - (offset & 7)) & 1 if index < len(data) else 0


def set_bit(buffer: bytearray, offset: int, bit: int) -> int:
    """Set a bit in place, give the old one; the buffer grows with zeros to reach it. O(1), growth aside."""
    index, mask = offset >> 3, 0x80 >> (offset & 7)
    if index >= len(buffer):
        grow(buffer, index + 1)
    old = buffer[index]
    buffer[index] = old | mask if bit else old & ~mask
    return 1 if old & mask else 0


def grow(buffer: bytearray, size: int) -> None:
    """Append zero bytes until the buffer holds `size` bytes."""
    if len(buffer) < size:
        buffer.extend(bytes(size - len(buffer)))


# --- Many bits --------------------------------------------------------------------------------------------


def count_bits(data: bytes | bytearray, first: int = 0, last: int | None = None) -> int:
    """How many bits are 1 from bit `first` to bit `last`, both included (`None`: to the end). O(bytes).

    Both must lie inside the data; `first` after `last` counts nothing.

    >>> count_bits(b"foobar"), count_bits(b"foobar", 5, 30)
    (26, 17)
    """
    last = len(data) * 8 - 1 if last is None else last
    if first > last:
        return 0
    first_byte, last_byte = first >> 3, last >> 3
    total = _popcount(data, first_byte, last_byte + 1)
    # Whole bytes were counted: take back the bits that stick out on the left and on the right.
    total -= (data[first_byte] >> (8 - (first & 7))).bit_count()
    return total - (data[last_byte] & 0x7F >> (last & 7)).bit_count()


def find_bit(data: bytes | bytearray, bit: int, first: int = 0, last: int | None = None) -> int:
    """The offset of the first such bit from `first` to `last`, both included, or -1. O(bytes).

    >>> find_bit(b"\\x00\\x0f", 1), find_bit(b"\\xff\\xff", 0), find_bit(b"\\xff\\x0f", 0, 9)
    (12, -1, 9)
    """
    last = len(data) * 8 - 1 if last is None else last
    position = first
    while position <= last:
        start = position >> 3
        part = data[start : min(start + SLICE_BYTES, (last >> 3) + 1)]
        width = len(part) * 8
        number = int.from_bytes(part, "big")
        if not bit:
            number ^= (1 << width) - 1
        # Bits before `position` share its first byte: cut them off, and the highest bit left is the first.
        number &= (1 << (width - (position & 7))) - 1
        if number:
            found = start * 8 + width - number.bit_length()
            return found if found <= last else -1
        position = start * 8 + width
    return -1


def combine(operation: str, strings: Sequence[bytes | bytearray]) -> bytes:
    """AND, OR, XOR of many strings, or NOT of one; shorter ones are read as if padded with zeros. O(bytes).

    >>> combine("AND", [b"abc", b"ab"]), combine("NOT", [b"\\x0f"])
    (b'ab\\x00', b'\\xf0')
    """
    size = max(map(len, strings), default=0)
    # Little endian: the padding at a string's end becomes leading zeros of its number, which cost nothing.
    numbers = [int.from_bytes(string, "little") for string in strings]
    result = numbers[0]
    if operation == "NOT":
        result ^= (1 << size * 8) - 1
    elif operation == "AND":
        for number in numbers[1:]:
            result &= number
    elif operation == "OR":
        for number in numbers[1:]:
            result |= number
    elif operation == "XOR":
        for number in numbers[1:]:
            result ^= number
    else:
        raise ValueError(f"no such bit operation: {operation}")
    return result.to_bytes(size, "little")


def _popcount(data: bytes | bytearray, start: int, stop: int) -> int:
    if stop - start <= SLICE_BYTES:
        return int.from_bytes(data[start:stop], "little").bit_count()
    return sum(
        int.from_bytes(data[at : min(at + SLICE_BYTES, stop)], "little").bit_count()
        for at in range(start, stop, SLICE_BYTES)
    )


# --- Integers of any width --------------------------------------------------------------------------------


def get_field(data: bytes | bytearray, offset: int, width: int, signed: bool) -> int:
    """The integer of `width` bits at a bit offset: two's complement if signed. O(1).

    >>> get_field(b"\\x1f\\xff", 3, 5, signed=False), get_field(b"\\x1f\\xff", 3, 5, signed=True)
    (31, -1)
    """
    start, stop = offset >> 3, (offset + width + 7) >> 3
    part = data[start:stop]
    # Bytes past the end are zeros: they only shift what is there.
    number = int.from_bytes(part, "big") << 8 * (stop - start - len(part))
    number = number >> (stop * 8 - offset - width) & ((1 << width) - 1)
    if signed and number >> (width - 1):
        number -= 1 << width
    return number


def set_field(buffer: bytearray, offset: int, width: int, value: int) -> None:
    """Write the lowest `width` bits of an integer at a bit offset, in place; the buffer grows to it. O(1).

    >>> buffer = bytearray(b"\\xff")
    >>> set_field(buffer, 4, 8, 0x12)
    >>> bytes(buffer)
    b'\\xf1 '
    """
    start, stop = offset >> 3, (offset + width + 7) >> 3
    grow(buffer, stop)
    shift, mask = stop * 8 - offset - width, (1 << width) - 1
    number = int.from_bytes(buffer[start:stop], "big")
    number = number & ~(mask << shift) | (value & mask) << shift
    buffer[start:stop] = number.to_bytes(stop - start, "big")


def fit(value: int, width: int, signed: bool, overflow: str) -> int | None:
    """A number that fits in a field: itself, or what BITFIELD's OVERFLOW makes of one that does not. O(1).

    `WRAP` drops the bits too many, `SAT` stops at the largest or smallest, `FAIL` gives None.

    >>> [fit(130, 8, True, overflow) for overflow in ("WRAP", "SAT", "FAIL")]
    [-126, 127, None]
    """
    low, high = (-(1 << width - 1), (1 << width - 1) - 1) if signed else (0, (1 << width) - 1)
    if low <= value <= high:
        return value
    if overflow == "FAIL":
        return None
    if overflow == "SAT":
        return high if value > high else low
    return (value - low & (1 << width) - 1) + low

"""HyperLogLog: how many different elements were seen, in 12 KB, within about 0.8 percent.

Hash an element to 64 random bits. A hash that ends in `...1000` comes once in 16: whoever has met a run
of three zeros has probably seen some 16 different elements, and seeing the same element again changes
nothing, for its hash is the same. One such record is a poor guess, so HyperLogLog keeps 16384 of them,
the *registers*: 14 bits of the hash choose a register, and the register remembers the longest run (plus
one) that it met in the other 50.

     hash(element), 64 bits
    +------------------------------------------+----------------+
    |  50 bits: ... 0 1 1 0 1 0 0 0            | 14 bits: 9612  |
    +------------------------------------------+----------------+
                            3 zeros + 1 = 4          index
                  register[9612] = max(register[9612], 4)

The registers of two HyperLogLogs united are the larger of each pair: that is all PFMERGE does, and why
counting a week's visitors from seven daily keys counts nobody twice.

A HyperLogLog is an ordinary string value (GET and SET move it about). It starts with a header of 16 bytes:

    +------+---+-----+----------+
    | HYLL | E | N/U | Cardin.  |   E: 0 dense, 1 sparse     N/U: three zero bytes
    +------+---+-----+----------+   Cardin.: the last count, little endian; its top bit set means stale

*Dense*: 16384 registers of 6 bits, the first in the low bits of the first byte; 12304 bytes in all.

    +--------+--------+--------+------//
    |11000000|22221111|33333322|55444444
    +--------+--------+--------+------//

*Sparse*: a young HyperLogLog is almost all zeros, so runs of equal registers are written as opcodes:

    00xxxxxx            ZERO    xxxxxx + 1 registers are 0 (1 to 64)
    01xxxxxx yyyyyyyy   XZERO   xxxxxxyyyyyyyy + 1 registers are 0 (1 to 16384)
    1vvvvvxx            VAL     xx + 1 registers (1 to 4) hold vvvvv + 1 (1 to 32)

An empty one is the single opcode XZERO:16384, 18 bytes. When a register must hold more than 32, or the
string would grow past `hll-sparse-max-bytes` (3000), it becomes dense, for ever.

Mirrors: hyperloglog.c (the same bytes come out, for the same elements in the same order).
Differs: work on all registers (unpack, pack, unite) treats them as big integers, or goes through
`bytes.translate`: that is our SIMD.
Complexity: add is O(1) dense; sparse, the first in a row is O(opcodes), the others find their register in
O(log opcodes), but compare and copy O(bytes), in C. count and merge are O(registers), a constant.

>>> visitors = create()
>>> add(visitors, b"a", b"b", b"a"), count(visitors)
(2, 2)
>>> len(visitors), [str(opcode) for opcode in opcodes(visitors)]
(24, ['Z:12711', 'v:2,1', 'Z:3068', 'v:1,1', 'Z:603'])

Read next: minidis/structures/bits.py (the other structure that lives inside a string), and Otmar Ertl,
"New cardinality estimation algorithms for HyperLogLog sketches" (arXiv:1702.01284), sections 2 to 4.
"""

from __future__ import annotations

import math
import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator
from functools import lru_cache
from itertools import pairwise, zip_longest

from minidis.structures.record import NamedTuple

INDEX_BITS = 14
"""Bits of the hash that choose a register: P in the papers."""
REGISTERS = 1 << INDEX_BITS
RUN_BITS = 64 - INDEX_BITS
"""Bits of the hash in which zeros are counted: Q in the papers."""
_GUARD_BIT = 1 << RUN_BITS
"""It stands above them, and ends the run when all of them are zero."""
REGISTER_BITS = 6
REGISTER_MAX = (1 << REGISTER_BITS) - 1
HASH_SEED = 0xADC83B19
STANDARD_ERROR = 1.04 / math.sqrt(REGISTERS)
"""Relative error that two counts in three stay within: 0.0081."""

MAGIC = b"HYLL"
DENSE = 0
SPARSE = 1
_DENSE_START, _SPARSE_START = MAGIC + bytes([DENSE]), MAGIC + bytes([SPARSE])
HEADER_BYTES = 16
DENSE_BYTES = HEADER_BYTES + REGISTERS * REGISTER_BITS // 8
SPARSE_MAX_BYTES = 3000
"""Redis's default for `hll-sparse-max-bytes`; the header is counted too."""

ZERO_MAX_LENGTH = 64
VAL_MAX_LENGTH = 4
VAL_MAX_VALUE = 32
MOST_BODY_BYTES = 2 * REGISTERS
"""An opcode of two bytes for each register: there is no need to read on and on."""

JOINING_STEPS = 5
"""How far behind a change neighbouring VALs are joined."""


LONGEST_REMEMBERED = 64
"""Bytes of an element whose register may be remembered."""


Levels = tuple[int, ...]
"""The registers, for uniting: in the n-th number there is a bit for each, set where it holds more than n.

Whoever has the larger of two registers has reached all levels that either has: a union is `|`, and as quick
as Python's long integers.
"""


class CorruptedHyperLogLog(ValueError):
    """The header is right, but the sparse opcodes do not describe exactly 16384 registers."""


class Opcode(NamedTuple):
    """One opcode of the sparse form: `length` registers that all hold `value`.

    `offset` and `size` say which bytes of the string it takes.
    """

    offset: int
    size: int
    value: int
    length: int

    @property
    def kind(self) -> str:
        """`ZERO`, `XZERO` or `VAL`."""
        if self.value:
            return "VAL"
        return "ZERO" if self.size == 1 else "XZERO"

    def __str__(self) -> str:
        """As PFDEBUG DECODE writes it: z:length, Z:length or v:value,length."""
        if self.value:
            return f"v:{self.value},{self.length}"
        return f"{'z' if self.size == 1 else 'Z'}:{self.length}"


# --- What the commands call -------------------------------------------------------------------------------


def create() -> bytearray:
    """An empty HyperLogLog, sparse, 18 bytes.

    >>> bytes(create())
    b'HYLL\\x01\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x7f\\xff'
    """
    return bytearray(MAGIC + bytes([SPARSE]) + bytes(11) + _encode_zeros(REGISTERS))


def is_valid(data: bytes | bytearray) -> bool:
    """Whether a string looks like a HyperLogLog: magic, encoding and, if dense, length. O(1).

    The opcodes of a sparse one are not read: whoever reads them finds a fault there (CorruptedHyperLogLog).
    """
    if data.startswith(_SPARSE_START):
        return len(data) >= HEADER_BYTES
    return data.startswith(_DENSE_START) and len(data) == DENSE_BYTES


def add(buffer: bytearray, *elements: bytes, sparse_max_bytes: int = SPARSE_MAX_BYTES) -> int:
    """Add elements in place; how many of them made a register grow. O(elements) dense.

    Raises CorruptedHyperLogLog when the sparse opcodes end before the register looked for.
    """
    return sum([add_one(buffer, element, sparse_max_bytes) for element in elements])


def add_one(buffer: bytearray, element: bytes, sparse_max_bytes: int) -> bool:
    """Add an element in place; did it make a register grow?  As `add`."""
    is_short = len(element) <= LONGEST_REMEMBERED
    index, run = remembered_register_of(element) if is_short else register_of(element)
    if not raise_register(buffer, index, run, sparse_max_bytes):
        return False
    mark_stale(buffer)  # at once: a damaged string may stop the next element
    return True


def raise_register(buffer: bytearray, index: int, value: int, sparse_max_bytes: int) -> bool:
    """Set a register to the larger of what it holds and `value`; say whether it grew. O(1) dense.

    The count in the header stays: see `mark_stale`. Raises CorruptedHyperLogLog.
    """
    if buffer[4] == DENSE:
        return _raise_dense(buffer, index, value)
    places = _places_of(id(buffer))
    places.look_at(buffer)
    at = places.find(index)
    first, offset = places.firsts[at], places.offset(at)
    byte = buffer[offset]
    held = (byte >> 2 & 0x1F) + 1 if byte & 0x80 else 0
    if held >= value:
        return False
    replacement = _split(held, index - first, places.firsts[at + 1] - 1 - index, value)
    size = 1 if byte & 0xC0 != 0x40 else 2
    grows = len(replacement) - size
    if value > VAL_MAX_VALUE or (grows > 0 and len(buffer) + grows > sparse_max_bytes):
        to_dense(buffer)
        return _raise_dense(buffer, index, value)
    size_after = len(buffer) + grows
    buffer[offset : offset + size] = replacement
    del buffer[size_after:]  # nothing, unless the last XZERO had lost its second byte
    before = max(at - 1, 0)
    _join_values(buffer, places.offset(before))
    places.look_again(buffer, before, at + 1 + JOINING_STEPS)
    return True


def count(data: bytes | bytearray) -> int:
    """The estimated number of different elements, from the registers (the cached number is not read).

    >>> visitors = create()
    >>> add(visitors, *(b"visitor:%d" % n for n in range(1000))), count(visitors)
    (977, 990)
    """
    return estimate(histogram(data))


def cached_count(data: bytes | bytearray) -> int | None:
    """The count that the header remembers, or None when registers changed since."""
    if data[15] & 0x80:
        return None
    return int.from_bytes(data[8:16], "little")


def remember_count(buffer: bytearray, cardinality: int) -> None:
    """Write a count into the header, for the next PFCOUNT."""
    buffer[8:16] = cardinality.to_bytes(8, "little")


def mark_stale(buffer: bytearray) -> None:
    """Declare the count in the header out of date."""
    buffer[15] |= 0x80


def merge(
    target: bytearray, sources: Iterable[bytes | bytearray], sparse_max_bytes: int = SPARSE_MAX_BYTES
) -> None:
    """Make the target the union of itself and the sources. O(registers) each.

    It is dense afterwards when any of them was. Raises CorruptedHyperLogLog.

    >>> left, right = create(), create()
    >>> add(left, b"a", b"b"), add(right, b"b", b"c")
    (2, 2)
    >>> merge(left, [right])
    >>> count(left)
    3
    """
    held = _levels_of(target)
    highest, is_dense = _united(sources, held, target[4] == DENSE)
    if is_dense:
        to_dense(target)
        if highest != held:
            target[HEADER_BYTES:] = pack_registers(_values_of(highest))
    elif highest != held:
        for risen in re.finditer(b"[^\0]", _values_of(highest)):
            raise_register(target, risen.start(), ord(risen[0]), sparse_max_bytes)
    mark_stale(target)


def to_dense(buffer: bytearray) -> bool:
    """Go over to the dense form, in place; False if it was dense. The cached count is kept. O(registers)."""
    if buffer[4] == DENSE:
        return False
    buffer[HEADER_BYTES:] = pack_registers(registers(buffer))
    buffer[4] = DENSE
    return True


# --- What a learner, a view or a test looks at ------------------------------------------------------------


def register_of(element: bytes) -> tuple[int, int]:
    """Which register an element goes to, and the value it asks for: its run of zeros plus one, 1 to 51.

    >>> register_of(b"a")
    (12711, 2)
    """
    hashed = murmur_hash_64a(element, HASH_SEED)
    run_bits = hashed >> INDEX_BITS | _GUARD_BIT
    lowest_set = run_bits & -run_bits
    return hashed & (REGISTERS - 1), lowest_set.bit_length()


remembered_register_of = lru_cache(maxsize=1024)(register_of)
"""The same for who comes again and again, as those do who are to be counted only once: in 0.1 us, not 2."""


def registers(data: bytes | bytearray) -> bytes:
    """All 16384 registers, one byte each. Raises CorruptedHyperLogLog."""
    if data[4] == DENSE:
        return unpack_registers(data[HEADER_BYTES:])
    if len(data) - HEADER_BYTES > MOST_BODY_BYTES:
        raise CorruptedHyperLogLog(f"{len(data)} bytes are more than {REGISTERS} registers take")
    runs, left, rest = [], REGISTERS, iter(data[HEADER_BYTES:])
    for byte in rest:
        run = _RUNS[byte]
        if not run:
            run = bytes(((byte & 0x3F) << 8 | next(rest, 0)) + 1)
            left -= len(run)
            if left < 0:  # before they have filled the memory
                raise CorruptedHyperLogLog(f"there are more than {REGISTERS} registers")
        runs.append(run)
    values = b"".join(runs)
    if len(values) != REGISTERS:
        raise CorruptedHyperLogLog(f"the opcodes cover {len(values)} registers, not {REGISTERS}")
    return values


def opcodes(data: bytes | bytearray) -> Iterator[Opcode]:
    """The opcodes of a sparse HyperLogLog, in order; whether they cover 16384 registers is not checked.

    >>> list(opcodes(create()))
    [Opcode(offset=16, size=2, value=0, length=16384)]
    """
    if data[4] != SPARSE:
        raise ValueError("HLL encoding is not sparse")
    offset = HEADER_BYTES
    while offset < len(data):
        opcode = _opcode_at(data, offset)
        yield opcode
        offset += opcode.size


def histogram(data: bytes | bytearray) -> list[int]:
    """How many registers hold each value: 64 numbers, their sum 16384. All that an estimate needs."""
    return register_histogram(registers(data))


def register_histogram(values: bytes) -> list[int]:
    """The histogram of registers that are already unpacked, one byte each."""
    totals = [0] * (REGISTER_MAX + 1)
    for value in range(REGISTER_MAX + 1):
        others = values.translate(None, bytes((value,)))  # which leaves that one out
        totals[value] = len(values) - len(others)
        values = others
        if not values:
            break
    return totals


def estimate(totals: list[int]) -> int:
    """The cardinality that a register histogram speaks for (Ertl's improved raw estimator).

    Registers at 0 and at 51 say less than the others, for they may stand for any lower, or higher, value:
    `sigma` and `tau` sum up what they may stand for. So one formula serves from 0 to 2**64, where older
    HyperLogLogs switch between three.

    >>> estimate([16384] + [0] * 63)
    0
    """
    m = float(REGISTERS)
    z = m * _tau((m - totals[RUN_BITS + 1]) / m)
    for total in reversed(totals[1 : RUN_BITS + 1]):
        z = (z + total) * 0.5
    z += m * _sigma(totals[0] / m)
    alpha_infinity = 0.721347520444481703680  # 1 / (2 ln 2)
    # C's llroundl rounds halves up; Python's round would take them to the even neighbour.
    return math.floor(alpha_infinity * m * m / z + 0.5)


def union_histogram(many: Iterable[bytes | bytearray]) -> list[int]:
    """The histogram of the union: of the highest of each register. Raises CorruptedHyperLogLog."""
    levels, _ = _united(many)
    at_least = [REGISTERS, *[level.bit_count() for level in levels], 0]
    totals = [count - higher for count, higher in pairwise(at_least)]
    return totals + [0] * (REGISTER_MAX + 1 - len(totals))


def _united(
    many: Iterable[bytes | bytearray], levels: Levels = (), is_dense: bool = False
) -> tuple[Levels, bool]:
    """The highest of each register; and was any of them dense?"""
    for data in many:
        levels = tuple([ours | theirs for ours, theirs in zip_longest(levels, _levels_of(data), fillvalue=0)])
        is_dense = is_dense or data[4] == DENSE
    return levels, is_dense


def _levels_of(data: bytes | bytearray) -> Levels:
    """The registers of a HyperLogLog as levels. Raises CorruptedHyperLogLog."""
    return _remembered_levels(data[4], bytes(data[HEADER_BYTES : HEADER_BYTES + MOST_BODY_BYTES + 1]))


@lru_cache(maxsize=32)
def _remembered_levels(encoding: int, body: bytes) -> Levels:
    """It takes a while, and of last week's seven days six have not changed since they were counted before."""
    values = registers(bytes((*MAGIC, encoding)).ljust(HEADER_BYTES, b"\0") + body)
    columns = [values[place::8] for place in range(8)]  # which go to the same bit of each byte
    levels: list[int] = []
    while True:
        is_higher = _IS_HIGHER[len(levels)]
        level = 0
        for place, column in enumerate(columns):
            level |= _number(column.translate(is_higher), "little") << place
        if not level:
            return tuple(levels)
        levels.append(level)


def _values_of(levels: Levels) -> bytes:
    """All registers, one byte each: how many levels each of them reaches."""
    packed = [level.to_bytes(REGISTERS // 8, "little") for level in levels]
    values = bytearray(REGISTERS)
    for place, is_set in enumerate(_IS_SET):
        reached = sum([_number(level.translate(is_set), "little") for level in packed])
        values[place::8] = reached.to_bytes(REGISTERS // 8, "little")
    return bytes(values)


_IS_HIGHER = [bytes(value + 1) + b"\1" * (255 - value) for value in range(256)]
"""Tables for `translate`: 1 for the values above one, else 0."""

_IS_SET = [bytes(byte >> place & 1 for byte in range(256)) for place in range(8)]
"""The same for the bytes in which a bit is set."""


def check(data: bytes | bytearray) -> None:
    """Raise AssertionError unless the string is one that PFADD and PFMERGE can have made.

    Beyond validity: no register above 51, and an encoding that is the shortest for each run of zeros.
    """
    assert is_valid(data), "not a HyperLogLog"
    assert data[5:8] == bytes(3), "unused header bytes are in use"
    assert max(registers(data)) <= RUN_BITS + 1, "a run longer than the hash"
    if data[4] == DENSE:
        assert pack_registers(registers(data)) == data[HEADER_BYTES:]
        return
    assert data[4] == SPARSE
    for opcode in opcodes(data):
        if opcode.kind == "XZERO":
            assert opcode.length > ZERO_MAX_LENGTH, f"{opcode} fits in a ZERO"


# --- The sparse form --------------------------------------------------------------------------------------


_RUNS = [
    bytes([(byte >> 2 & 0x1F) + 1]) * ((byte & 3) + 1)
    if byte & 0x80
    else bytes(0 if byte & 0x40 else byte + 1)
    for byte in range(256)
]
"""The registers that an opcode of one byte stands for; none for the first byte of an XZERO, which has two."""
_SPANS = [len(run) for run in _RUNS]


class _Places:
    """Where the opcodes of a sparse HyperLogLog stand: a register is found by halves, instead of by a walk.

    `firsts` has the first register of each opcode, and at its end how many all of them cover; `wide`, those
    of XZEROs, which take a byte more. Both are of `body`: whoever looks says what the bytes are now.
    """

    __slots__ = ("body", "firsts", "wide")

    def __init__(self) -> None:
        self.body = b""
        self.firsts: list[int] = [0]
        self.wide: list[int] = []

    def look_at(self, data: bytes | bytearray) -> None:
        """Find the places of all opcodes, O(opcodes), unless the bytes are as before, O(bytes) in C."""
        size = min(len(data) - HEADER_BYTES, MOST_BODY_BYTES)
        if size != len(self.body) or not data.startswith(self.body, HEADER_BYTES):
            self.body = bytes(data[HEADER_BYTES : HEADER_BYTES + size])
            self.firsts, self.wide = [0], []
            self._read(iter(self.body), self.firsts, self.wide, REGISTERS)

    def find(self, index: int) -> int:
        """Which opcode holds a register. O(log opcodes)."""
        if index >= self.firsts[-1]:
            raise CorruptedHyperLogLog(f"no opcode covers register {index}")
        return bisect_right(self.firsts, index) - 1

    def offset(self, at: int) -> int:
        """The byte at which an opcode begins."""
        return HEADER_BYTES + at + bisect_left(self.wide, self.firsts[at])

    def look_again(self, data: bytes | bytearray, start: int, stop: int) -> None:
        """Opcodes have changed, among those from `start` to `stop` of before. O(those), O(bytes) in C."""
        firsts, wide = self.firsts, self.wide
        stop = min(stop, len(firsts) - 1)
        first, end, offset = firsts[start], firsts[stop], self.offset(start)
        new_firsts: list[int] = [first]
        new_wide: list[int] = []
        self._read(iter(data[offset : offset + 2 * JOINING_STEPS + 8]), new_firsts, new_wide, end)
        wide[bisect_left(wide, first) : bisect_left(wide, end)] = new_wide
        firsts[start : stop + 1] = new_firsts
        self.body = bytes(data[HEADER_BYTES : HEADER_BYTES + MOST_BODY_BYTES])

    @staticmethod
    def _read(opcode_bytes: Iterator[int], firsts: list[int], wide: list[int], end: int) -> None:
        """Note the places of opcodes, until registers up to `end` are covered."""
        after = firsts[-1]
        for byte in opcode_bytes:
            span = _SPANS[byte]
            if not span:
                wide.append(after)
                span = ((byte & 0x3F) << 8 | next(opcode_bytes, 0)) + 1
            after += span
            firsts.append(after)
            if after >= end:
                break


@lru_cache(maxsize=16)
def _places_of(identity: int) -> _Places:
    """What is known of the places in some buffer, or in one that had this identity before."""
    return _Places()


def _opcode_at(data: bytes | bytearray, offset: int) -> Opcode:
    byte = data[offset]
    if byte & 0x80:
        return Opcode(offset, 1, (byte >> 2 & 0x1F) + 1, (byte & 3) + 1)
    if not byte & 0x40:
        return Opcode(offset, 1, 0, byte + 1)
    # An XZERO that has lost its second byte meets the zero that ends every string in C.
    low_byte = data[offset + 1] if offset + 1 < len(data) else 0
    return Opcode(offset, 2, 0, ((byte & 0x3F) << 8 | low_byte) + 1)


def _split(held: int, before: int, after: int, value: int) -> bytes:
    """The opcodes that replace one, where one register changes: what is before it, it, what is after."""
    encode = _encode_value if held else _encode_zeros
    changed = _encode_value(1, value) if value <= VAL_MAX_VALUE else b""
    return encode(before, held) + changed + encode(after, held)


def _encode_zeros(length: int, _value: int = 0) -> bytes:
    if length > ZERO_MAX_LENGTH:
        return (0x4000 | length - 1).to_bytes(2, "big")
    return bytes([length - 1]) if length else b""


def _encode_value(length: int, value: int) -> bytes:
    return bytes([0x80 | value - 1 << 2 | length - 1]) if length else b""


def _join_values(buffer: bytearray, offset: int) -> None:
    """Join neighbouring VALs of one value, near an opcode just changed.

    JOINING_STEPS from the opcode before it: the split made three at most, and each side has one neighbour.
    Redis stops there too, and two implementations make equal bytes only if they stop at the same place.
    """
    for _ in range(JOINING_STEPS):
        if offset >= len(buffer):
            return
        byte = buffer[offset]
        if not byte & 0x80:
            offset += 2 if byte & 0x40 else 1
            continue
        after = buffer[offset + 1] if offset + 1 < len(buffer) else 0
        length = (byte & 3) + 1 + (after & 3) + 1
        if byte >> 2 == after >> 2 and length <= VAL_MAX_LENGTH:
            # Stay here: the joined VAL may go together with the one on its right as well.
            buffer[offset : offset + 2] = bytes([byte & 0xFC | length - 1])
        else:
            offset += 1


# --- The dense form ---------------------------------------------------------------------------------------


def _raise_dense(buffer: bytearray, index: int, value: int) -> bool:
    # Six bits lie in one byte or across two: read both (the last register ends with the last byte).
    bit = index * REGISTER_BITS
    offset, shift = HEADER_BYTES + (bit >> 3), bit & 7
    pair = buffer[offset] | (buffer[offset + 1] << 8 if offset + 1 < DENSE_BYTES else 0)
    if (pair >> shift & REGISTER_MAX) >= value:
        return False
    pair = pair & ~(REGISTER_MAX << shift) | value << shift
    buffer[offset] = pair & 0xFF
    if offset + 1 < DENSE_BYTES:
        buffer[offset + 1] = pair >> 8
    return True


def unpack_registers(packed: bytes | bytearray) -> bytes:
    """Six-bit registers to one byte each. Three packed bytes make four registers:

        byte 0: 11000000   byte 1: 22221111   byte 2: 33333322

    Every fourth register comes from the same bits of every third byte, so one table lookup
    (`bytes.translate`) per kind unpacks them all at C speed.

    >>> list(unpack_registers(pack_registers(bytes([1, 63, 0, 17]))))
    [1, 63, 0, 17]
    """
    low, middle, high = bytes(packed[0::3]), bytes(packed[1::3]), bytes(packed[2::3])
    unpacked = bytearray(len(low) * 4)
    unpacked[0::4] = low.translate(_SHIFTED[0])
    unpacked[1::4] = _either(low.translate(_SHIFTED[-6]), middle.translate(_SHIFTED[2]))
    unpacked[2::4] = _either(middle.translate(_SHIFTED[-4]), high.translate(_SHIFTED[4]))
    unpacked[3::4] = high.translate(_SHIFTED[-2])
    return bytes(unpacked)


def pack_registers(values: bytes | bytearray) -> bytes:
    """Registers of one byte each to six bits each: `unpack_registers` backwards. A multiple of four."""
    first, second, third, fourth = (bytes(values[start::4]) for start in range(4))
    packed = bytearray(len(first) * 3)
    packed[0::3] = _either(first, second.translate(_SHIFTED_BYTE[6]))
    packed[1::3] = _either(second.translate(_SHIFTED_BYTE[-2]), third.translate(_SHIFTED_BYTE[4]))
    packed[2::3] = _either(third.translate(_SHIFTED_BYTE[-4]), fourth.translate(_SHIFTED_BYTE[2]))
    return bytes(packed)


def _shift_table(shift: int, mask: int) -> bytes:
    return bytes((byte << shift if shift >= 0 else byte >> -shift) & mask for byte in range(256))


_SHIFTED = {shift: _shift_table(shift, REGISTER_MAX) for shift in (0, 2, 4, -2, -4, -6)}
_SHIFTED_BYTE = {shift: _shift_table(shift, 0xFF) for shift in (2, 4, 6, -2, -4)}


def _either(left: bytes, right: bytes) -> bytes:
    """Bitwise OR of two equally long byte strings."""
    united = int.from_bytes(left, "little") | int.from_bytes(right, "little")
    return united.to_bytes(len(left), "little")


# --- The estimator's two series, and the hash -------------------------------------------------------------


def _sigma(x: float) -> float:
    """x + sum of x**(2**k) * 2**(k-1), until it stops growing: what the empty registers stand for."""
    if x == 1.0:
        return math.inf
    y, z, previous = 1.0, x, math.nan
    while z != previous:
        x *= x
        previous = z
        z += x * y
        y += y
    return z


def _tau(x: float) -> float:
    """(1 - x - sum of (1 - x**(2**-k))**2 * 2**-k) / 3: what the full registers stand for."""
    if x in (0.0, 1.0):
        return 0.0
    y, z, previous = 1.0, 1 - x, math.nan
    while z != previous:
        x = math.sqrt(x)
        previous = z
        y *= 0.5
        z -= (1 - x) ** 2 * y
    return z / 3


def murmur_hash_64a(data: bytes, seed: int) -> int:
    """Austin Appleby's MurmurHash2, 64-bit variant A, as a number of 64 bits. O(len(data)).

    >>> hex(murmur_hash_64a(b"hello world", HASH_SEED))
    '0xa919bc3051f624b7'
    """
    multiplier, mask = 0xC6A4A7935BD1E995, 0xFFFFFFFFFFFFFFFF
    hashed = seed ^ len(data) * multiplier & mask
    if len(data) >= 8:
        whole = len(data) & ~7
        for offset in range(0, whole, 8):
            block = _number(data[offset : offset + 8], "little") * multiplier & mask
            hashed = (hashed ^ (block ^ block >> 47) * multiplier & mask) * multiplier & mask
        data = data[whole:]
    if data:
        hashed = (hashed ^ _number(data, "little")) * multiplier & mask
    hashed = (hashed ^ hashed >> 47) * multiplier & mask
    return hashed ^ hashed >> 47


_number = int.from_bytes

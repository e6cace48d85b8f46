"""LZF: compression that is quick and simple, for strings in an RDB file.

The idea of all Lempel-Ziv methods: text repeats itself, so instead of writing it again, say where it stood.
The compressed form is a row of instructions; the first three bits of each tell which kind it is:

    000lllll  bytes           l + 1 bytes follow that are to be copied as they are        (1..32)
    lllooooo oooooooo         copy l + 2 bytes from o + 1 bytes back in what is written   (3..8)
    111ooooo llllllll oooooooo  the same with l + 9 bytes                                 (9..264)

    "abcabcabcabcX"     02 61 62 63    e0 00 02    00 58
                        3 literals     9 from 3 back   1 literal
                        a  b  c        (they overlap what they write: a run)   X

No length of the whole is written down: whoever keeps the bytes must keep it beside them, as an RDB file
does. The packer remembers, for every three bytes, where they were met last, in a table of 65536 slots. Any
packer may choose other copies, the unpacker doesn't care; ours makes Redis's own choices, byte for byte.

Mirrors: lzf_c.c (as Redis builds it: VERY_FAST, HLOG 16), lzf_d.c. A string of 20 bytes or fewer is not worth
trying (rdb.c).
Complexity: O(n); compress about 5 MB/s, 15 MB/s where nothing repeats, decompress about 15 MB/s in CPython.

>>> packed = compress(b"abcabcabcabcabcX")
>>> packed.hex(" ")
'03 61 62 63 61 e0 01 02 01 63 58'
>>> decompress(packed, 16)
b'abcabcabcabcabcX'

Read next: rdb_writer.py.
"""

from __future__ import annotations

MAX_EXPANSION = 264 / 3
"""The most that `decompress` can make of a byte: what claims more is corrupt, and needs no memory."""

LOOKED_AT = 40, 200, 1000
"""What repeats itself mostly shows it soon: of a long string so many bytes are looked at first, then all."""

_MAX_LITERALS = 32
_MAX_DISTANCE = 1 << 13
_MAX_COPY = 264


class CorruptLzf(ValueError):
    """Bytes that no packer has written.  `offset` is where in them it shows."""

    def __init__(self, offset: int, reason: str) -> None:
        super().__init__(f"corrupt LZF data at byte {offset}: {reason}")
        self.offset = offset
        self.reason = reason


def compress(data: bytes, least_saving: int = 1) -> bytes | None:
    """Instructions that give `data` and save at least `least_saving` bytes; None if none were found.  O(n).

    A copy of l bytes saves no more bytes than it has groups of three that were there before. So where
    few groups come twice, nothing has to be tried: that is most short strings, and all random ones.
    Like Redis's packer this one gives up a few bytes before the room is used up.
    """
    room, end = len(data) - least_saving, len(data) - 2
    if not _repeats(data, end, least_saving):
        return None
    packed = bytearray()
    last_seen: dict[int, int] = {}
    position = literals_from = 0
    while position < end:
        slot = (data[position] << 8) - 1279 * data[position + 1] - 5 * data[position + 2] & 0xFFFF  # as _slot
        source = last_seen.get(slot)  # what stands at the very beginning is never copied
        last_seen[slot] = position
        if (
            not source
            or position - source > _MAX_DISTANCE
            or data[source : source + 3] != data[position : position + 3]
        ):
            position += 1
            continue
        if literals_from < position:
            _put_literals(packed, data, literals_from, position)
        if len(packed) + 4 >= room:
            return None
        length = _match_length(data, source, position)
        _put_copy(packed, position - source - 1, length)
        position = literals_from = position + length
        if position < end:  # of the places that a copy passes over, the last two are remembered
            last_seen[_slot(data, position - 2)] = position - 2
            last_seen[_slot(data, position - 1)] = position - 1
    full, rest = divmod(position - literals_from, _MAX_LITERALS)
    if len(packed) + full * (_MAX_LITERALS + 1) + rest + 4 > room:
        return None
    _put_literals(packed, data, literals_from, len(data))
    return bytes(packed)


def _repeats(data: bytes, end: int, least: int) -> bool:
    """Do at least `least` of the groups of three that begin before `end` come again?"""
    for most in LOOKED_AT:
        if 3 * most <= end and most - _different(data, most) >= least:
            return True
    return end - _different(data, end) >= least


def _different(data: bytes, end: int) -> int:
    """How many different groups of three begin before `end`."""
    return len(set(zip(data[:end], data[1:], data[2:], strict=False)))


def _slot(data: bytes, at: int) -> int:
    """Where a group of three is remembered.  Where two share a slot, the earlier one is forgotten.

    With the group as a number of 24 bits: (group >> 8) - 5 * group, of which 16 bits count.
    """
    return (data[at] << 8) - 1279 * data[at + 1] - 5 * data[at + 2] & 0xFFFF


def decompress(packed: bytes, length: int) -> bytes:
    """What the instructions give, which must be `length` bytes.  Raises CorruptLzf.  O(length)."""
    written = bytearray()
    position = 0
    try:
        while position < len(packed):
            start = position
            control = packed[position]
            position += 1
            if control < _MAX_LITERALS:
                written += packed[position : position + control + 1]
                position += control + 1
            else:
                count = control >> 5
                if count == 7:
                    count += packed[position]
                    position += 1
                distance = ((control & 0x1F) << 8 | packed[position]) + 1
                position += 1
                _copy_back(written, distance, count + 2, start)
            if len(written) > length:
                raise CorruptLzf(start, f"more than the {length} bytes that were announced")
    except IndexError:
        raise CorruptLzf(len(packed), "the last instruction is cut off") from None
    if position > len(packed):
        raise CorruptLzf(len(packed), "the last literals are cut off")
    if len(written) != length:
        raise CorruptLzf(len(packed), f"{len(written)} bytes where {length} were announced")
    return bytes(written)


def _copy_back(written: bytearray, distance: int, count: int, at: int) -> None:
    start = len(written) - distance
    if start < 0:
        raise CorruptLzf(at, f"a copy from {distance} bytes back, where only {len(written)} are written")
    if distance >= count:
        written += written[start : start + count]
    else:  # the copy overlaps itself: a pattern of `distance` bytes, again and again
        pattern = written[start:]
        written += (pattern * (count // distance + 1))[:count]


def _match_length(data: bytes, source: int, position: int) -> int:
    """How many bytes from `source` on equal those from `position` on: 3 are known to, 264 can be said.

    The last two bytes of all are left to be literals, unless they are among those three, or among the first
    19: Redis compares 16 more without a look at the end, where so many are left.
    """
    limit = min(_MAX_COPY, len(data) - position - 2)
    limit = max(limit, 19 if limit > 16 else 3)
    before = int.from_bytes(data[source : source + limit], "little")
    difference = int.from_bytes(data[position : position + limit], "little") ^ before
    first = difference & -difference  # its lowest bit: it stands in the first byte that differs
    return (first.bit_length() - 1) // 8 if first else limit


def _put_literals(packed: bytearray, data: bytes, start: int, end: int) -> None:
    for at in range(start, end, _MAX_LITERALS):
        piece = data[at : min(at + _MAX_LITERALS, end)]
        packed.append(len(piece) - 1)
        packed += piece


def _put_copy(packed: bytearray, offset: int, length: int) -> None:
    count = length - 2
    if count < 7:
        packed += bytes((count << 5 | offset >> 8, offset & 0xFF))
    else:
        packed += bytes((7 << 5 | offset >> 8, count - 7, offset & 0xFF))

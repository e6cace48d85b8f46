"""Hash slots: which of the 16384 a key lies in, and sets of slots.

    key                 user:{1000}:name
    what is hashed            1000             the first {...} that is not empty, else the whole key
    CRC16 (XMODEM)      0xAC3E = 44094
    slot                44094 % 16384 = 11326  its low 14 bits

Keys with the same tag lie in one slot, so that a command, a transaction or a script may use them together.

A set of slots is an int, one bit for each: bit n stands for slot n. As bytes, lowest first, that is the
bitmap of the bus, byte n // 8, bit n % 8; two sets are compared, joined and counted at once, and whoever
has no slots pays nothing.

Mirrors: crc16.c, `keyHashSlot` in cluster.h, bitmap* in cluster.c.
Complexity: O(N) in bytes of the tag.

>>> hex(crc16(b"123456789")), slot_of(b"{user1000}.following") == slot_of(b"{user1000}.followers")
('0x31c3', True)
>>> hash_tag(b"foo{}{bar}"), hash_tag(b"foo{{bar}}zap"), hash_tag(b"foo{bar}{zap}")
(b'foo{}{bar}', b'{bar', b'bar')
>>> ranges(as_set([0, 1, 2, 7, 16383]))
[(0, 2), (7, 7), (16383, 16383)]

Read next: state.py.
"""

from __future__ import annotations

from binascii import crc_hqx
from collections.abc import Iterable, Iterator

SLOTS = 16384
BITMAP_BYTES = SLOTS // 8
ALL_SLOTS = (1 << SLOTS) - 1

SlotSet = int
"""A set of slots: bit n stands for slot n."""


def crc16(data: bytes) -> int:
    """CRC16-CCITT in its XMODEM form: polynomial 0x1021, from 0, nothing reflected."""
    return crc_hqx(data, 0)


def slot_of(key: bytes) -> int:
    """The slot that a key lies in."""
    if b"{" in key:
        key = hash_tag(key)
    return crc_hqx(key, 0) & 0x3FFF


def hash_tag(key: bytes) -> bytes:
    """The part of a key that is hashed."""
    opening = key.find(b"{")
    if opening < 0:
        return key
    closing = key.find(b"}", opening + 1)
    if closing <= opening + 1:  # none, or nothing between
        return key
    return key[opening + 1 : closing]


# -- sets of slots --------------------------------------------------------------------------------


def as_set(slots: Iterable[int]) -> SlotSet:
    """A set of these slots."""
    bitmap = bytearray(BITMAP_BYTES)
    for slot in slots:
        bitmap[slot >> 3] |= 1 << (slot & 7)
    return from_bitmap(bytes(bitmap))


def from_bitmap(bitmap: bytes) -> SlotSet:
    """The set that the bus's bitmap says."""
    return int.from_bytes(bitmap, "little")


def as_bitmap(slots: SlotSet) -> bytes:
    """The bitmap of 2048 bytes that the bus carries."""
    return slots.to_bytes(BITMAP_BYTES, "little")


def each(slots: SlotSet) -> Iterator[int]:
    """The slots of a set, in order."""
    for first, last in ranges(slots):
        yield from range(first, last + 1)


def show_range(first: int, last: int) -> str:
    """A run as Redis writes it: "0-5460", and "7" for a single slot."""
    return str(first) if first == last else f"{first}-{last}"


def ranges(slots: SlotSet) -> list[tuple[int, int]]:
    """The runs of a set, first and last slot of each."""
    found = []
    first = 0
    while slots:
        gap = (slots & -slots).bit_length() - 1  # zeros at the low end
        slots >>= gap
        run = (~slots & (slots + 1)).bit_length() - 1  # ones at the low end
        slots >>= run
        first += gap
        found.append((first, first + run - 1))
        first += run
    return found

"""CRC16, hash tags, sets of slots."""

from hypothesis import given
from hypothesis import strategies as st

from minidis.distributed.cluster import slots


def bit_by_bit(data: bytes) -> int:
    """CRC16 as its definition says, one bit at a time."""
    remainder = 0
    for byte in data:
        remainder ^= byte << 8
        for _ in range(8):
            remainder = (remainder << 1) ^ (0x1021 if remainder & 0x8000 else 0)
            remainder &= 0xFFFF
    return remainder


@given(st.binary())
def test_crc16_is_the_remainder_of_a_division(data):
    assert slots.crc16(data) == bit_by_bit(data)


@given(st.binary(), st.binary().filter(lambda tag: tag and b"{" not in tag and b"}" not in tag), st.binary())
def test_only_the_tag_is_hashed(before, tag, after):
    before = before.replace(b"{", b"")
    key = before + b"{" + tag + b"}" + after
    assert slots.hash_tag(key) == tag
    assert slots.slot_of(key) == slots.crc16(tag) % slots.SLOTS


def test_a_tag_that_is_none():
    for key in (b"", b"plain", b"{", b"}", b"{}", b"{}{tag}", b"a{b", b"a}b{c", b"}{"):
        assert slots.hash_tag(key) == key
        assert slots.slot_of(key) == slots.crc16(key) % slots.SLOTS


@given(st.sets(st.integers(0, slots.SLOTS - 1)))
def test_sets_of_slots(members):
    some = slots.as_set(members)
    assert list(slots.each(some)) == sorted(members)
    assert some.bit_count() == len(members)
    bitmap = slots.as_bitmap(some)
    assert len(bitmap) == 2048
    assert slots.from_bitmap(bitmap) == some
    assert {n for n in range(slots.SLOTS) if bitmap[n // 8] >> (n % 8) & 1} == members
    runs = slots.ranges(some)
    assert all(first <= last for first, last in runs)
    assert all(before[1] + 1 < after[0] for before, after in zip(runs, runs[1:], strict=False))


def test_all_slots_are_one_range():
    assert slots.ranges(slots.ALL_SLOTS) == [(0, 16383)]
    assert slots.ranges(0) == []

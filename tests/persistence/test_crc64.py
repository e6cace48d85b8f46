"""CRC-64: the shift register is the definition; tables and folding must not be told from it."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from minidis.persistence import crc64 as module
from minidis.persistence.crc64 import Crc64, crc64


def bit_by_bit(data: bytes, register: int = 0) -> int:
    """The definition: a shift register, one bit at a time."""
    for byte in data:
        for place in range(8):
            bit = (register ^ byte >> place) & 1
            register = register >> 1 ^ (module.POLYNOMIAL if bit else 0)
    return register


def byte_by_byte(data: bytes, register: int = 0) -> int:
    """The same by the one table."""
    for byte in data:
        register = register >> 8 ^ module._TABLE[(register ^ byte) & 0xFF]
    return register


@given(st.binary(max_size=300), st.integers(0, 2**64 - 1))
def test_the_tables_are_the_shift_register(data, register):
    assert crc64(data, register) == byte_by_byte(data, register) == bit_by_bit(data, register)


@given(st.integers(100, 5000), st.integers(0, 2**64 - 1), st.randoms(use_true_random=False))
def test_folding_changes_nothing(size, register, choose):
    data = choose.randbytes(size)
    assert crc64(data, register) == byte_by_byte(data, register)


def test_around_the_bounds_of_folding():
    data = bytes(range(251)) * 1100
    for size in (127, 128, 129, 255, 256, 257, 1023, 1024, 65537, 262143, 262145, len(data)):
        assert crc64(data[:size], 5) == byte_by_byte(data[:size], 5), size


@given(st.lists(st.integers(0, 90_000), max_size=6))
def test_pieces_give_the_sum_of_the_whole(sizes):
    data = bytes(range(256)) * 352
    crc = Crc64()
    for size in sizes:
        crc.update(data[:size])
        assert crc.value == crc.value
    assert crc.value == crc64(b"".join(data[:size] for size in sizes))


@given(st.binary(min_size=1, max_size=2000), st.data())
def test_one_flipped_bit_shows(data, draw):
    bit = draw.draw(st.integers(0, 8 * len(data) - 1))
    flipped = bytearray(data)
    flipped[bit // 8] ^= 1 << bit % 8
    assert crc64(bytes(flipped)) != crc64(data)

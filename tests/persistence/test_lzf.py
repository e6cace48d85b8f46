"""LZF: what was packed comes back, and hostile bytes give an error and nothing else."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from minidis.persistence.lzf import MAX_EXPANSION, CorruptLzf, compress, decompress

repetitive = st.lists(st.sampled_from([b"a", b"abc", b"user:", b"\0\0\0\0", b"xyzzy" * 9]), max_size=400).map(
    b"".join
)


@given(st.one_of(st.binary(max_size=600), repetitive))
def test_what_was_packed_comes_back(data):
    packed = compress(data)
    if packed is not None:
        assert len(packed) < len(data) and decompress(packed, len(data)) == data


@given(repetitive, st.integers(1, 50))
def test_nothing_is_given_up_that_would_save_enough(data, least_saving):
    """Within the last bytes of the room it may be given up: Redis's packer looks that far ahead."""
    packed = compress(data)
    saved = 0 if packed is None else len(data) - len(packed)
    if saved < least_saving or saved >= least_saving + 5:
        assert compress(data, least_saving) == (packed if saved >= least_saving else None)
    else:
        assert compress(data, least_saving) in (packed, None)


@pytest.mark.parametrize("distance", [1, 8191, 8192, 8193, 9000])
def test_copies_reach_back_eight_kilobytes(distance):
    filler = bytes(range(256)) * 40
    data = b"needle!!" + filler[: distance - 8] + b"needle!!"
    assert decompress(compress(data), len(data)) == data


def test_a_run_costs_next_to_nothing():
    data = b"x" * 100_000
    packed = compress(data)
    assert decompress(packed, len(data)) == data
    assert len(packed) * MAX_EXPANSION >= len(data) > len(packed) * MAX_EXPANSION - 900


@given(st.binary(max_size=200), st.integers(0, 5000))
def test_hostile_bytes_are_refused_or_have_the_length_that_was_said(packed, length):
    try:
        assert len(decompress(packed, length)) == length
    except CorruptLzf as corrupt:
        assert 0 <= corrupt.offset <= len(packed)


@pytest.mark.parametrize(
    ("packed", "length", "reason"),
    [
        (b"\x02ab", 3, "cut off"),
        (b"\x00a\x20", 4, "cut off"),
        (b"\x00a\xe0", 4, "cut off"),
        (b"\x00a\x20\x05", 4, "from 6 bytes back, where only 1"),
        (b"\x02abc", 2, "more than the 2 bytes"),
        (b"\x02abc", 4, "3 bytes where 4"),
    ],
)
def test_each_fault_is_named(packed, length, reason):
    with pytest.raises(CorruptLzf, match=reason):
        decompress(packed, length)

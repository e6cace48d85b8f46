"""minidis.structures.bits against the slowest and plainest thing there is: a string of "0" and "1"."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from minidis.structures import bits

DATA = st.binary(min_size=1, max_size=40)


def written_out(data: bytes) -> str:
    return "".join(f"{byte:08b}" for byte in data)


@st.composite
def data_and_range(draw: st.DrawFn) -> tuple[bytes, int, int]:
    data = draw(DATA)
    first = draw(st.integers(0, len(data) * 8 - 1))
    return data, first, draw(st.integers(0, len(data) * 8 - 1))


@given(DATA, st.integers(0, 400))
def test_get_bit(data: bytes, offset: int) -> None:
    assert bits.get_bit(data, offset) == int(written_out(data).ljust(401, "0")[offset])


@given(st.binary(max_size=8), st.lists(st.tuples(st.integers(0, 120), st.integers(0, 1))))
def test_set_bit(data: bytes, changes: list[tuple[int, int]]) -> None:
    buffer, model = bytearray(data), list(written_out(data))
    for offset, bit in changes:
        model += "0" * ((offset // 8 + 1) * 8 - len(model))
        assert bits.set_bit(buffer, offset, bit) == int(model[offset])
        model[offset] = str(bit)
        assert written_out(buffer) == "".join(model)


@given(data_and_range())
def test_count_bits(case: tuple[bytes, int, int]) -> None:
    data, first, last = case
    assert bits.count_bits(data, first, last) == written_out(data)[first : last + 1].count("1")
    assert bits.count_bits(data) == written_out(data).count("1")


@given(data_and_range(), st.integers(0, 1), st.sampled_from([b"", b"\0" * 5, b"\xff" * 5]))
def test_find_bit(case: tuple[bytes, int, int], bit: int, prefix: bytes) -> None:
    data, first, last = case
    data = prefix + data
    found = written_out(data)[: last + 1].find(str(bit), first) if first <= last else -1
    assert bits.find_bit(data, bit, first, last) == found


def test_search_and_count_across_slices(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bits, "SLICE_BYTES", 3)
    data = bytes(10) + b"\x10" + bytes(10)
    assert bits.find_bit(data, 1) == 83
    assert bits.find_bit(data, 1, 84) == -1
    assert bits.count_bits(data * 5) == 5
    assert bits.find_bit(b"\xff" * 20, 0, 5) == -1
    assert bits.find_bit(b"\xff" * 20 + b"\xfe", 0, 5) == 167


@given(st.lists(st.binary(max_size=20), min_size=1, max_size=4), st.sampled_from(["AND", "OR", "XOR"]))
def test_combine(strings: list[bytes], operation: str) -> None:
    size = max(map(len, strings))
    merge = {"AND": int.__and__, "OR": int.__or__, "XOR": int.__xor__}[operation]
    expected = list(strings[0].ljust(size, b"\0"))
    for other in strings[1:]:
        expected = [merge(a, b) for a, b in zip(expected, other.ljust(size, b"\0"), strict=True)]
    assert bits.combine(operation, strings) == bytes(expected)


@given(st.binary(max_size=20))
def test_combine_not(data: bytes) -> None:
    assert bits.combine("NOT", [data]) == bytes(byte ^ 0xFF for byte in data)


def test_combine_refuses_unknown_operations() -> None:
    with pytest.raises(ValueError, match="NAND"):
        bits.combine("NAND", [b"a", b"b"])


@given(st.binary(max_size=12), st.integers(0, 120), st.integers(1, 64), st.booleans())
def test_get_field(data: bytes, offset: int, width: int, signed: bool) -> None:
    field = written_out(data).ljust(200, "0")[offset : offset + width]
    expected = int(field, 2) - (1 << width if signed and field[0] == "1" else 0)
    assert bits.get_field(data, offset, width, signed) == expected


@given(st.binary(max_size=12), st.integers(0, 120), st.integers(1, 64), st.integers(-(2**63), 2**63 - 1))
def test_set_field(data: bytes, offset: int, width: int, value: int) -> None:
    buffer = bytearray(data)
    bits.set_field(buffer, offset, width, value)
    size = max(len(data) * 8, (offset + width + 7) // 8 * 8)
    before = written_out(data).ljust(size, "0")
    field = f"{value % (1 << width):0{width}b}"
    assert written_out(buffer) == before[:offset] + field + before[offset + width :]


@given(st.integers(-(2**65), 2**65), st.integers(1, 64), st.booleans())
def test_fit(value: int, width: int, signed: bool) -> None:
    low = -(2 ** (width - 1)) if signed else 0
    high = low + 2**width - 1
    wrapped, saturated, failed = (bits.fit(value, width, signed, how) for how in ("WRAP", "SAT", "FAIL"))
    assert wrapped is not None and low <= wrapped <= high and (wrapped - value) % 2**width == 0
    assert saturated == min(max(value, low), high)
    assert failed == (value if low <= value <= high else None)

"""minidis.structures.hyperloglog against a plain list of registers.

That the bytes are those of a real server is tested in tests/differential/test_hyperloglog_bytes.py.
"""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from minidis.structures import hyperloglog as hll

ELEMENTS = st.lists(st.integers(0, 3000).map(lambda n: b"element:%d" % n), max_size=60)


def model_registers(elements: list[bytes]) -> bytes:
    values = bytearray(hll.REGISTERS)
    for element in elements:
        index, value = hll.register_of(element)
        values[index] = max(values[index], value)
    return bytes(values)


def built(elements: list[bytes], sparse_max_bytes: int = 3000) -> bytearray:
    data = hll.create()
    hll.add(data, *elements, sparse_max_bytes=sparse_max_bytes)
    return data


def dense() -> bytearray:
    buffer = hll.create()
    hll.to_dense(buffer)
    return buffer


def sparse_of(values: list[tuple[int, int]]) -> bytearray:
    """A sparse HyperLogLog whose registers are set one after the other, as PFADD would."""
    buffer = hll.create()
    for index, value in values:
        hll.raise_register(buffer, index, value, sparse_max_bytes=16000)
    return buffer


@given(ELEMENTS, st.sampled_from([3000, 120, 20]))
def test_add_sets_the_registers_whatever_the_encoding(elements: list[bytes], sparse_max_bytes: int) -> None:
    data = built(elements, sparse_max_bytes)
    hll.check(data)
    assert hll.registers(data) == model_registers(elements)
    if data[4] == hll.SPARSE:
        assert len(data) <= sparse_max_bytes
    hll.to_dense(data)
    assert data == built(elements, 18) or not elements


@given(st.lists(st.tuples(st.integers(100, 130), st.integers(1, 32)), max_size=50))
def test_crowded_sparse_registers(changes: list[tuple[int, int]]) -> None:
    data = sparse_of(changes)
    hll.check(data)
    values = bytearray(hll.REGISTERS)
    for index, value in changes:
        values[index] = max(values[index], value)
    assert hll.registers(data) == bytes(values)


@given(ELEMENTS)
def test_add_says_whether_anything_changed(elements: list[bytes]) -> None:
    data = hll.create()
    for element in elements:
        before = hll.registers(data)
        changed = hll.add(data, element)
        assert changed == (hll.registers(data) != before)
        assert (hll.cached_count(data) is None) == bool(changed)
        hll.remember_count(data, 7)
        assert hll.cached_count(data) == 7


@given(st.lists(ELEMENTS, min_size=1, max_size=4), st.sampled_from([3000, 120]))
def test_merge_is_the_union(parts: list[list[bytes]], sparse_max_bytes: int) -> None:
    merged, *others = (built(part) for part in parts)
    hll.merge(merged, others, sparse_max_bytes)
    together = [element for part in parts for element in part]
    hll.check(merged)
    assert hll.registers(merged) == model_registers(together)
    assert hll.count(merged) == hll.count(built(together))
    assert hll.cached_count(merged) is None


@given(st.lists(st.tuples(st.sampled_from([100, 101, 102, 103, 200, 9000]), st.integers(1, 3)), max_size=40))
def test_what_is_known_of_the_places_is_what_a_walk_finds(changes: list[tuple[int, int]]) -> None:
    buffer = hll.create()
    for index, value in changes:
        hll.raise_register(buffer, index, value, sparse_max_bytes=16000)
        known, found = hll._places_of(id(buffer)), hll._Places()
        found.look_at(buffer)
        assert (known.body, known.firsts, known.wide) == (found.body, found.firsts, found.wide)


def test_nothing_is_known_of_the_places_in_bytes_that_were_exchanged() -> None:
    buffer, other = sparse_of([(100, 1)]), sparse_of([(9000, 1)])
    assert len(buffer) == len(other)
    buffer[:] = other
    assert hll.raise_register(buffer, 100, 1, sparse_max_bytes=3000)
    assert buffer == sparse_of([(9000, 1), (100, 1)]) == sparse_of([(100, 1), (9000, 1)])


@given(st.binary(max_size=64).map(lambda raw: raw * 4))
def test_packing_is_little_endian_six_bits(raw: bytes) -> None:
    values = bytes(byte & 63 for byte in raw)
    packed = hll.pack_registers(values)
    assert int.from_bytes(packed, "little") == sum(value << 6 * index for index, value in enumerate(values))
    assert hll.unpack_registers(packed) == values


@given(
    st.lists(st.integers(0, 63), min_size=1, max_size=20),
    st.lists(st.integers(0, 63), min_size=1, max_size=20),
)
def test_a_union_has_the_larger_of_each_pair(left: list[int], right: list[int]) -> None:
    values = [bytes(side).ljust(hll.REGISTERS, b"\0") for side in (left, right)]
    sketches = [bytes(dense()[: hll.HEADER_BYTES]) + hll.pack_registers(side) for side in values]
    expected = bytes(map(max, *values))
    assert hll.union_histogram(sketches) == hll.register_histogram(expected)
    target = bytearray(sketches[0])
    hll.merge(target, sketches[1:])
    assert hll.registers(target) == expected


@pytest.mark.parametrize("index", [0, 1, 2, 3, 5461, 16382, 16383])
def test_dense_neighbours_stay_untouched(index: int) -> None:
    buffer = dense()
    buffer[hll.HEADER_BYTES :] = hll.pack_registers(bytes([21]) * hll.REGISTERS)
    assert hll._raise_dense(buffer, index, 42)
    assert not hll._raise_dense(buffer, index, 42)
    expected = bytearray([21]) * hll.REGISTERS
    expected[index] = 42
    assert hll.registers(buffer) == bytes(expected)


def test_a_value_above_32_makes_it_dense() -> None:
    buffer = hll.create()
    assert hll.raise_register(buffer, 5, 32, 3000) and buffer[4] == hll.SPARSE
    assert hll.raise_register(buffer, 5, 33, 3000) and buffer[4] == hll.DENSE
    assert hll.registers(buffer)[5] == 33


def test_neighbours_of_one_value_join_up_to_four() -> None:
    data = sparse_of([(index, 3) for index in range(6)])
    assert [str(opcode) for opcode in hll.opcodes(data)] == ["v:3,4", "v:3,2", "Z:16378"]


@pytest.mark.parametrize("true_count", [10, 1_000, 20_000, 60_000])
def test_the_estimate_is_within_three_standard_errors(true_count: int) -> None:
    data = built([b"%d" % n for n in range(true_count)], 18)
    assert abs(hll.count(data) - true_count) <= max(1, 3 * hll.STANDARD_ERROR * true_count)


@pytest.mark.parametrize(
    "data",
    [b"", b"HYLL", b"HYLX" + hll.create()[4:], b"HYLL\x02" + hll.create()[5:], b"HYLL\0" + bytes(11 + 12287)],
)
def test_other_strings_are_not_valid(data: bytes) -> None:
    assert not hll.is_valid(data)


@pytest.mark.parametrize(
    "body", [b"", b"\x7f", b"\x7f\xfe", b"\x7f\xff\x00", b"\x3f", b"\x80" + b"\x7f\xff", b"\x7f\xff\x40"]
)
def test_corrupted_opcodes_are_found(body: bytes) -> None:
    data = hll.create()[:16] + body
    assert hll.is_valid(data)
    with pytest.raises(hll.CorruptedHyperLogLog):
        hll.count(data)
    with pytest.raises(hll.CorruptedHyperLogLog):
        hll.merge(hll.create(), [data])


def test_adding_past_the_last_opcode_is_an_error() -> None:
    with pytest.raises(hll.CorruptedHyperLogLog):
        hll.add(hll.create()[:16] + b"\x00", b"a")


def test_opcodes_of_a_dense_one() -> None:
    with pytest.raises(ValueError, match="not sparse"):
        list(hll.opcodes(dense()))


def test_opcodes_without_end_are_refused_without_reading_them():
    class Counted(bytearray):
        reads = 0

        def __getitem__(self, place):
            Counted.reads += 1
            return super().__getitem__(place)

    with pytest.raises(hll.CorruptedHyperLogLog, match="more than"):
        hll.count(Counted(hll.create() + b"\x3f" * 100_000))
    assert Counted.reads < 100


def test_of_opcodes_without_end_only_those_of_the_registers_are_looked_at():
    data = hll.create()[: hll.HEADER_BYTES] + b"\x80" * 1_000_000
    assert hll.raise_register(data, 3, 2, sparse_max_bytes=2_000_000)
    places = hll._places_of(id(data))
    assert len(places.firsts) <= hll.REGISTERS + 1 and len(places.body) == 2 * hll.REGISTERS
    assert not hll.raise_register(data, 3, 2, sparse_max_bytes=2_000_000)
    with pytest.raises(hll.CorruptedHyperLogLog, match="more than"):
        hll.union_histogram([data, data])

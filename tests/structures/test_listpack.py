"""Listpack against a plain Python list, and against every way in which foreign bytes can be wrong."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from minidis.structures.listpack import (
    COUNT_UNKNOWN,
    HEADER_SIZE,
    CorruptListpack,
    Listpack,
    canonical_integer,
    encode_backlen,
)

INTEGER_EDGES = sorted(
    {
        sign * (1 << bits) + step
        for bits in (0, 7, 12, 15, 23, 31, 63)
        for step in (-1, 0, 1)
        for sign in (-1, 1)
        if -(1 << 63) <= sign * (1 << bits) + step < 1 << 63
    }
)
LENGTH_EDGES = (0, 1, 62, 63, 64, 125, 126, 127, 128, 4095, 4096, 16377, 16378, 16379, 16384, 70000)

integers = st.one_of(
    st.integers(-(1 << 63), (1 << 63) - 1), st.sampled_from(INTEGER_EDGES), st.integers(0, 300)
)
elements = st.one_of(
    integers.map(lambda value: b"%d" % value),
    st.binary(max_size=12),
    st.sampled_from([b"", b"-", b"-0", b"00", b"+1", b"9223372036854775808", b"\xff", b"\x81a\x02"]),
    st.sampled_from(LENGTH_EDGES).map(lambda length: b"x" * length),
)
short_elements = st.one_of(integers.map(lambda value: b"%d" % value), st.binary(max_size=4))


@given(st.lists(elements, max_size=12))
def test_holds_what_was_put_in(wanted):
    pack = Listpack(wanted)
    pack.check()
    assert list(pack) == wanted
    assert list(reversed(pack)) == wanted[::-1]
    assert len(pack) == len(wanted)
    assert pack.size == len(bytes(pack))
    assert [pack.get(index) for index in range(-len(wanted), len(wanted))] == wanted + wanted
    again = Listpack.from_bytes(bytes(pack))
    assert again == pack
    assert b"".join(e.header + e.content + e.backlen for e in pack.entries()) == bytes(pack)[HEADER_SIZE:-1]


positions = st.integers(-9, 9)
operations = st.one_of(
    st.tuples(st.sampled_from(["append", "prepend", "index"]), elements),
    st.tuples(st.sampled_from(["insert", "replace"]), positions, elements),
    st.tuples(st.just("delete"), positions, st.integers(0, 4)),
    st.tuples(st.just("get"), positions),
)


@given(st.lists(short_elements, max_size=6), st.lists(operations, max_size=25))
def test_changes_as_a_list_does(start, steps):
    pack, model = Listpack(start), list(start)
    for name, *arguments in steps:
        apply(pack, model, name, *arguments)
        pack.check()
        assert list(pack) == model
        assert len(pack) == len(model)


def apply(pack, model, name, *arguments):
    if name == "append":
        pack.append(*arguments)
        model.append(*arguments)
    elif name == "prepend":
        pack.prepend(*arguments)
        model.insert(0, *arguments)
    elif name == "index":
        wanted = model.index(*arguments) if arguments[0] in model else -1
        assert pack.find(*arguments) == wanted
    elif not -len(model) <= arguments[0] < len(model):
        if name == "insert" and arguments[0] == len(model):
            return
        with pytest.raises(IndexError):
            getattr(pack, name)(*arguments)
    elif name == "get":
        assert pack.get(*arguments) == model[arguments[0]]
    elif name == "insert":
        pack.insert(*arguments)
        model.insert(*arguments)
    elif name == "replace":
        pack.replace(*arguments)
        model[arguments[0]] = arguments[1]
    else:
        index, count = arguments[0] % len(model), arguments[1]
        assert pack.delete(*arguments) == len(model[index : index + count])
        del model[index : index + count]


@given(st.lists(short_elements, max_size=30), short_elements, st.integers(0, 6), st.integers(0, 3))
def test_find_compares_every_skip_plus_first(content, wanted, start, skip):
    compared = range(start, len(content), skip + 1)
    expected = next((index for index in compared if content[index] == wanted), -1)
    pack = Listpack(content)
    assert pack.find(wanted, start, skip) == expected
    pack.check()


@given(
    st.lists(st.sampled_from([b"a", b"b", b"7", b"x" * 200]), max_size=30), st.integers(0, 6), st.booleans()
)
def test_remove_takes_equal_elements_from_either_end(content, limit, from_tail):
    ordered = content[::-1] if from_tail else list(content)
    doomed = [index for index, element in enumerate(ordered) if element == b"a"][: limit or None]
    kept = [element for index, element in enumerate(ordered) if index not in doomed]
    pack = Listpack(content)
    assert pack.remove(b"a", limit, from_tail) == len(doomed)
    assert list(pack) == (kept[::-1] if from_tail else kept)
    pack.check()


def test_find_is_not_deceived_by_an_entry_inside_another():
    pack = Listpack([b"x\x81a\x02y", b"\x81a\x02", b"a"])
    assert pack.find(b"a") == 2
    assert pack.find(b"a", skip=1) == 2
    assert pack.find(b"a", start=1, skip=1) == -1


@given(st.lists(elements, min_size=1, max_size=10))
def test_walks_both_ways_by_offset(content):
    pack = Listpack(content)
    forward, offset = [], HEADER_SIZE
    while offset is not None:
        forward.append(offset)
        offset = pack.next(offset)
    assert [pack.decode(offset) for offset in forward] == content
    backward, offset = [], pack.seek(-1)
    while offset is not None:
        backward.append(offset)
        offset = pack.previous(offset)
    assert backward == forward[::-1]
    assert [pack.seek(index) for index in range(len(content))] == forward


@given(st.lists(short_elements, max_size=9), st.integers(0, 9), st.integers(0, 12))
def test_elements_slices(content, start, stop):
    assert Listpack(content).elements(start, stop) == content[start:stop]


def test_the_count_field_overflows_and_the_length_stays_known():
    pack = Listpack([b"1"] * (COUNT_UNKNOWN + 5))
    assert len(pack) == COUNT_UNKNOWN + 5
    assert bytes(pack)[4:6] == b"\xff\xff"
    assert len(Listpack.from_bytes(bytes(pack))) == COUNT_UNKNOWN + 5
    pack.delete(0, 10)
    assert bytes(pack)[4:6] == (COUNT_UNKNOWN - 5).to_bytes(2, "little")
    pack.check()


def test_a_copy_is_independent():
    pack = Listpack([b"a", b"b"])
    duplicate = pack.copy()
    duplicate.append(b"c")
    assert (list(pack), list(duplicate)) == ([b"a", b"b"], [b"a", b"b", b"c"])


@given(st.binary(max_size=21))
def test_canonical_integer_is_what_str_of_int_gives(text):
    assert_canonical(text)


@given(integers, st.sampled_from(["%d", "+%d", "0%d", " %d", "%d ", "%d_0", "%d.0", "-%d"]))
def test_canonical_integer_refuses_other_spellings(value, spelling):
    assert_canonical((spelling % value).encode())


def assert_canonical(text):
    try:
        value = int(text)
    except ValueError:
        value = None
    canonical = value is not None and b"%d" % value == text and -(1 << 63) <= value < 1 << 63
    assert canonical_integer(text) == (value if canonical else None)


@pytest.mark.parametrize(
    ("length", "size"),
    [(1, 1), (127, 1), (128, 2), (16382, 2), (16383, 3), (2097150, 3), (2097151, 4), (268435455, 5)],
)
def test_backlen_sizes_and_reading_from_the_right(length, size):
    written = encode_backlen(length)
    assert len(written) == size
    value = 0
    for place, digit in enumerate(reversed(written)):
        value |= (digit & 0x7F) << 7 * place
        assert bool(digit & 0x80) == (place < size - 1)
    assert value == length


@pytest.mark.parametrize(
    ("damaged", "offset"),
    [
        ("", 0),
        ("07 00 00 00 00 00", 6),
        ("08 00 00 00 00 00 ff", 0),
        ("07 00 00 00 00 00 fe", 6),
        ("09 00 00 00 02 00 05 01 ff", 4),
        ("09 00 00 00 01 00 05 02 ff", 7),
        ("09 00 00 00 01 00 f5 01 ff", 6),
        ("09 00 00 00 01 00 ff 01 ff", 6),
        ("09 00 00 00 01 00 83 61 ff", 6),
        ("08 00 00 00 01 00 05 ff", 6),
        ("0c 00 00 00 01 00 f0 ff ff ff ff ff", 6),
        ("0b 00 00 00 01 00 f4 01 02 03 ff", 6),
    ],
)
def test_refuses_damaged_bytes_and_names_the_place(damaged, offset):
    with pytest.raises(CorruptListpack, match=f"byte {offset}:") as caught:
        Listpack.from_bytes(bytes.fromhex(damaged))
    assert caught.value.offset == offset


@given(st.lists(short_elements, min_size=1, max_size=5), st.data())
def test_any_changed_byte_is_refused_or_read_as_a_sound_listpack(content, data):
    damaged = bytearray(bytes(Listpack(content)))
    place = data.draw(st.integers(0, len(damaged) - 1))
    damaged[place] ^= data.draw(st.integers(1, 255))
    try:
        pack = Listpack.from_bytes(damaged)
    except CorruptListpack as error:
        assert 0 <= error.offset <= len(damaged)
    else:
        pack.check()


def test_text_that_should_be_an_integer_is_brought_to_the_shortest_form():
    pack = Listpack.from_bytes(bytes.fromhex("0b 00 00 00 01 00 82 31 32 03 ff"))
    assert list(pack) == [b"12"]
    assert pack.find(b"12") == 0
    pack.check()


def test_safe_to_add_keeps_below_one_gigabyte():
    pack = Listpack([b"a"])
    assert pack.safe_to_add((1 << 30) - pack.size)
    assert not pack.safe_to_add((1 << 30) - pack.size + 1)

"""An open listpack does to its elements what Listpack does to bytes: the same steps on both, compared."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from minidis.structures.listpack import COUNT_UNKNOWN, Listpack, encode_entry, entry_size
from minidis.structures.open_listpack import OpenListpack
from tests.structures.test_listpack import elements, short_elements

few = st.lists(short_elements, max_size=3)
positions = st.integers(-9, 9)
steps = st.one_of(
    st.tuples(st.sampled_from(["append", "prepend", "find", "value_of", "__contains__"]), short_elements),
    st.tuples(st.just("extend"), few),
    st.tuples(st.just("replace"), positions, short_elements),
    st.tuples(st.just("replace_value_of"), short_elements, short_elements),
    st.tuples(st.just("insert"), positions, short_elements, short_elements),
    st.tuples(st.just("delete"), positions, st.integers(0, 4)),
    st.tuples(st.just("remove"), short_elements, st.integers(0, 2), st.booleans()),
    st.tuples(st.just("elements"), st.integers(0, 5), st.integers(0, 9)),
    st.tuples(st.just("get"), positions),
    st.tuples(st.just("close")),
)


@given(st.lists(short_elements, max_size=6), st.lists(steps, max_size=25))
def test_every_step_leads_to_the_bytes_of_a_listpack(start, steps):
    opened, packed = OpenListpack(start), Listpack(start)
    for name, *arguments in steps:
        assert outcome(opened, name, arguments) == outcome(packed, name, arguments), name
        opened.check()
        assert (bytes(opened), opened.size, len(opened)) == (bytes(packed), packed.size, len(packed))
        twin = opened.copy()
        twin.append(b"more")
        twin.check()
        assert list(opened) == list(packed)
        assert list(reversed(opened)) == list(reversed(packed))


def outcome(pack, name, arguments):
    """What a method answers, or the error that it raises."""
    if name.endswith("value_of") and len(pack) % 2:
        return None  # no hash: a field without a value
    try:
        return getattr(pack, name)(*arguments)
    except IndexError:
        return IndexError


@given(elements)
def test_the_size_of_an_entry_is_told_from_its_element(element):
    assert entry_size(element) == len(encode_entry(element))


@given(st.lists(short_elements, max_size=30), short_elements, st.integers(0, 6), st.integers(0, 3))
def test_find_compares_every_skip_plus_first(content, wanted, start, skip):
    assert OpenListpack(content).find(wanted, start, skip) == Listpack(content).find(wanted, start, skip)


def test_it_opens_at_the_first_look_and_closes_when_told():
    pack = OpenListpack([b"a", b"b"])
    assert not pack.is_open
    assert len(pack) == 2
    assert not pack.is_open
    assert pack.get(1) == b"b"
    assert pack.is_open
    pack.append(b"c")
    pack.close()
    assert not pack.is_open
    assert bytes(pack) == bytes(Listpack([b"a", b"b", b"c"]))


def test_what_is_made_in_one_step_is_closed():
    pack = OpenListpack()
    assert pack.find(b"field") == -1
    pack.extend((b"field", b"value"))
    assert not pack.is_open


@pytest.mark.parametrize(
    "empty", [lambda pack: pack.pop(0), lambda pack: pack.delete(0), lambda pack: pack.remove(b"only")]
)
def test_what_has_lost_its_last_element_is_as_new(empty):
    pack = OpenListpack([b"only"])
    empty(pack)
    assert not pack.is_open and bytes(pack) == bytes(OpenListpack())
    pack.append(b"next")
    pack.check()
    assert pack.elements() == [b"next"]


def test_more_elements_than_the_header_can_count():
    pack = OpenListpack([b"1"] * (COUNT_UNKNOWN + 5))
    assert len(pack) == COUNT_UNKNOWN + 5
    assert OpenListpack.with_elements(bytes(pack))[0] == pack


@pytest.mark.parametrize("index", [2, -3])
def test_an_index_outside_is_an_error(index):
    with pytest.raises(IndexError, match=f"index {index} is outside a listpack of 2 elements"):
        OpenListpack([b"a", b"b"]).replace(index, b"c")

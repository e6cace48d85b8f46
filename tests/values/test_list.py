"""The list value against a plain Python list, and the moments at which its encoding changes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from minidis.structures.open_listpack import OpenListpack
from minidis.structures.quicklist import Quicklist
from minidis.values.encodings import Encodings
from minidis.values.list import List

elements = st.sampled_from([b"a", b"b", b"1", b"c" * 90, b"d" * 4000, b"e" * 5000])
some = st.lists(elements, min_size=1, max_size=4)
operations = st.one_of(
    st.tuples(st.just("push"), some, st.booleans()),
    st.tuples(st.just("pop"), st.integers(1, 4), st.booleans()),
    st.tuples(st.just("set"), st.integers(-6, 5), elements),
    st.tuples(st.just("insert"), elements, elements, st.booleans()),
    st.tuples(st.just("remove"), elements, st.integers(0, 2), st.booleans()),
    st.tuples(st.just("trim"), st.integers(0, 3), st.integers(3, 9)),
    st.tuples(st.just("rotate"), st.booleans(), st.booleans()),
)


class Model(list):
    """What each method means for a Python list."""

    def push(self, elements, head):
        self[:] = elements[::-1] + self if head else self + elements
        return len(self)

    def pop(self, count, head):
        ordered = self if head else self[::-1]
        popped, kept = ordered[:count], ordered[count:]
        self[:] = kept if head else kept[::-1]
        return popped

    def set(self, index, element):
        self[index] = element

    def insert(self, pivot, element, after):
        if pivot not in self:
            return False
        super().insert(self.index(pivot) + after, element)
        return True

    def remove(self, element, limit, from_tail):
        ordered = self[::-1] if from_tail else self[:]
        for _ in range(min(limit or len(self), self.count(element))):
            ordered.remove(element)
        removed = len(self) - len(ordered)
        self[:] = ordered[::-1] if from_tail else ordered
        return removed

    def trim(self, start, stop):
        before = len(self)
        self[:] = self[start : max(start, stop)]
        return before - len(self)

    def rotate(self, from_head, to_head):
        (element,) = self.pop(1, from_head)
        self.push([element], to_head)
        return element


@given(st.sampled_from([-2, -1, 1, 3, 8]), st.lists(operations, max_size=30))
def test_changes_as_a_list_does(limit, steps):
    value, model = List(Encodings(list_max_listpack_size=limit)), Model()
    for name, *arguments in steps:
        if name == "rotate" and not model:
            continue
        if name == "trim":
            arguments = [min(bound, len(model)) for bound in arguments]
        try:
            expected = getattr(model, name)(*arguments)
        except IndexError:
            with pytest.raises(IndexError):
                getattr(value, name)(*arguments)
        else:
            assert getattr(value, name)(*arguments) == expected
        value.check()
        assert list(value) == model
        assert list(reversed(value)) == model[::-1]
        assert type(value.form) is {"listpack": OpenListpack, "quicklist": Quicklist}[value.encoding]
    duplicate = value.copy()
    duplicate.push([b"new"])
    duplicate.check()
    assert list(value) == model
    assert (list(duplicate), len(duplicate)) == ([*model, b"new"], len(model) + 1)


def test_it_grows_past_a_node_and_shrinks_at_half_of_it():
    value = List(Encodings(list_max_listpack_size=8))
    value.push([b"x"] * 8)
    assert value.encoding == "listpack"
    value.push([b"x"])
    assert value.encoding == "quicklist"
    value.pop(1, head=False)  # one node again, but full: still a quicklist
    assert (value.encoding, value.form.node_count) == ("quicklist", 1)
    value.pop(3)
    assert (value.encoding, len(value)) == ("quicklist", 5)
    value.pop(1)
    assert (value.encoding, len(value)) == ("listpack", 4)


def test_the_limit_in_bytes_counts_the_bytes_of_the_arguments():
    room = 8192 - OpenListpack().size
    for size, encoding in ((room, "listpack"), (room + 1, "quicklist")):
        value = List(Encodings())
        value.push([b"x" * size])
        assert value.encoding == encoding


def test_known_elements_are_packed_if_one_node_holds_them():
    encodings = Encodings(list_max_listpack_size=8)
    for count, encoding in ((0, "quicklist"), (1, "listpack"), (8, "listpack"), (9, "quicklist")):
        value = List.from_elements([b"x"] * count, encodings)
        value.check()
        assert (value.encoding, list(value)) == (encoding, [b"x"] * count)


def test_memory_follows_the_bytes_and_is_worked_out_from_five_nodes():
    value = List(Encodings())
    empty = value.memory_usage()
    value.push([b"x" * 100])
    small = value.memory_usage()
    assert empty < small < empty + 200
    value.push([b"x" * 1000] * 1000)
    assert 1_000_000 < value.memory_usage() < 1_400_000

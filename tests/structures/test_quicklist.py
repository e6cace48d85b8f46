"""Quicklist against a plain Python list, for every kind of limit; invariants are checked after each step."""

from __future__ import annotations

import gc

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from minidis.structures.listpack import Listpack
from minidis.structures.quicklist import Node, Quicklist, exceeds_limit, node_limits

# Sizes around the 4 KB limit of fill -1, so that nodes fill up after a few elements and some are too large.
sizes = st.sampled_from([1, 3, 1000, 2000, 4070, 4096, 4097, 9000])
elements = st.one_of(
    st.sampled_from([b"a", b"b", b"1", b"-70000"]),
    st.tuples(st.binary(min_size=1, max_size=1), sizes).map(lambda pair: pair[0] * pair[1]),
)
fills = st.sampled_from([-1, -2, 0, 1, 2, 3, 7])
positions = st.integers(-25, 25)
operations = st.one_of(
    st.tuples(st.sampled_from(["push_head", "push_tail"]), elements),
    st.tuples(st.sampled_from(["pop_head", "pop_tail"])),
    st.tuples(st.sampled_from(["insert_before", "insert_after", "replace"]), positions, elements),
    st.tuples(st.just("delete_range"), positions, st.integers(0, 8)),
    st.tuples(st.just("remove"), st.sampled_from([b"a", b"1"]), st.integers(0, 3), st.booleans()),
    st.tuples(st.just("get"), positions),
)


class Model(list):
    """What each method of a quicklist means for a Python list."""

    def push_head(self, element):
        self.insert(0, element)

    push_tail = list.append

    def pop_head(self):
        return self.pop(0)

    pop_tail = list.pop

    def get(self, index):
        return self[index]

    def replace(self, index, element):
        self[index] = element

    def insert_before(self, index, element):
        self.insert(self.place(index), element)

    def insert_after(self, index, element):
        self.insert(self.place(index) + 1, element)

    def place(self, index):
        self[index]  # raises IndexError as the quicklist does
        return index % len(self)

    def delete_range(self, start, count):
        if not -len(self) <= start < len(self):
            return 0
        doomed = slice(start % len(self), start % len(self) + count)
        deleted = len(self[doomed])
        del self[doomed]
        return deleted

    def remove(self, element, limit, from_tail):
        places = [place for place, present in enumerate(self) if present == element]
        places = (places[::-1] if from_tail else places)[: limit or None]
        for place in sorted(places, reverse=True):
            del self[place]
        return len(places)


@settings(max_examples=60)
@given(fills, st.lists(elements, max_size=15), st.lists(operations, max_size=25))
def test_changes_as_a_list_does(fill, start, steps):
    quicklist, model = Quicklist(start, fill=fill), Model(start)
    for name, *arguments in steps:
        try:
            expected = getattr(model, name)(*arguments)
        except IndexError:
            with pytest.raises(IndexError):
                getattr(quicklist, name)(*arguments)
        else:
            assert getattr(quicklist, name)(*arguments) == expected
        quicklist.check()
        assert list(quicklist) == model
        assert len(quicklist) == len(model)
    assert list(reversed(quicklist)) == model[::-1]
    assert quicklist.size == sum(node.size for node in quicklist.nodes())


@given(
    st.lists(elements, max_size=12),
    st.integers(-14, 14),
    st.booleans(),
    st.integers(0, 14),
    st.integers(0, 14),
)
def test_iterates_and_slices_as_a_list_does(content, start, reverse, low, high):
    quicklist = Quicklist(content, fill=3)
    in_range = -len(content) <= start < len(content)
    place = start % len(content) if in_range else 0
    expected = (content[place::-1] if reverse else content[place:]) if in_range else []
    assert list(quicklist.iterate(start, reverse)) == expected
    assert quicklist.elements(low, high) == content[low:high]
    for element in (*content, b"absent"):
        assert quicklist.find(element) == (content.index(element) if element in content else -1)


@given(st.lists(elements, min_size=1, max_size=12), fills)
def test_a_copy_is_independent_and_has_the_same_nodes(content, fill):
    original = Quicklist(content, fill=fill)
    duplicate = original.copy()
    duplicate.check()
    assert [list(node) for node in duplicate.nodes()] == [list(node) for node in original.nodes()]
    duplicate.pop_head()
    duplicate.push_tail(b"new")
    assert list(original) == content


@pytest.mark.parametrize("fill", [-1, -2, -3, -4, -5, -9])
def test_nodes_fill_up_to_the_limit_in_bytes(fill):
    limit = node_limits(fill)[0]
    assert limit == (4096, 8192, 16384, 32768, 65536)[min(-fill, 5) - 1]
    quicklist = Quicklist([b"x" * 100] * 2000, fill=fill)
    sizes = [node.size for node in quicklist.nodes()][:-1]
    assert all(limit - 110 < size <= limit for size in sizes)
    assert [node.container for node in Quicklist([b"x" * limit], fill=fill).nodes()] == ["packed"]
    assert [node.container for node in Quicklist([b"x" * (limit + 1)], fill=fill).nodes()] == ["plain"]


def test_a_limit_by_count_also_keeps_to_eight_kilobytes():
    quicklist = Quicklist([b"x" * 1000] * 20, fill=100)
    assert [len(node) for node in quicklist.nodes()] == [8, 8, 4]
    assert not exceeds_limit(100, 8192, 100)
    assert exceeds_limit(100, 8193, 1)
    assert exceeds_limit(100, 50, 101)


def test_the_packed_threshold_of_redis_7_2_keeps_large_elements_packed():
    quicklist = Quicklist([b"x" * 9000, b"a"], packed_threshold=1 << 30)
    assert [(node.container, len(node)) for node in quicklist.nodes()] == [("packed", 1), ("packed", 1)]


def test_a_listpack_is_taken_over_as_the_only_node():
    pack = Listpack([b"a", b"b"])
    quicklist = Quicklist.from_listpack(pack)
    assert quicklist.head is quicklist.tail
    assert quicklist.head.pack is pack
    quicklist.check()
    assert len(Quicklist.from_listpack(Listpack())) == 0


def test_a_listpack_that_is_taken_over_may_be_longer_than_a_node():
    """list-max-listpack-size was larger when it was filled."""
    quicklist = Quicklist.from_listpack(Listpack([b"a", b"b", b"c"]), fill=2)
    quicklist.push_head(b"new")
    quicklist.check()
    assert [len(node) for node in quicklist.nodes()] == [1, 3]
    assert not Quicklist.from_listpack(Listpack([b"a", b"b"]), fill=2)._foreign


def test_inserting_everywhere_leaves_no_trail_of_small_nodes():
    quicklist = Quicklist([b"%d" % number for number in range(400)], fill=16)
    for step in range(400):
        quicklist.insert_before(step * 7 % len(quicklist), b"new")
    quicklist.check()
    assert quicklist.node_count < 3 * 800 / 16


def test_work_per_push_and_pop_does_not_grow_with_the_list():
    quicklist = Quicklist([b"0123456789"] * 20000)
    moved = []
    for change in (
        lambda: quicklist.push_head(b"x"),
        lambda: quicklist.push_tail(b"x"),
        quicklist.pop_head,
        quicklist.pop_tail,
    ):
        before = {id(node): node.size for node in quicklist.nodes()}
        change()
        moved.append(sum(before.get(id(node)) != node.size for node in quicklist.nodes()))
    assert quicklist.node_count > 25
    assert moved == [1, 1, 1, 1] or max(moved) <= 1


def test_inner_nodes_are_closed_but_for_the_one_that_was_looked_into_last():
    quicklist = Quicklist([b"%d" % number for number in range(400)], fill=16)
    quicklist.remove(b"nosuch")
    assert quicklist.find(b"200") == 200
    inner = list(quicklist.nodes())[1:-1]
    assert sum(node.pack.is_open for node in inner) <= 1


def test_a_queue_that_was_looked_into_once_keeps_nothing_of_what_went_through():
    quicklist = Quicklist([b"large" * 10], packed_threshold=10)
    assert quicklist.get(0) == b"large" * 10
    for _ in range(3):
        quicklist.push_tail(b"large" * 10)
        quicklist.pop_head()
    gc.collect()
    nodes = [thing for thing in gc.get_referents(quicklist) if isinstance(thing, Node)]
    assert all(node in (quicklist.head, quicklist.tail) for node in nodes), "a node that is gone is held"

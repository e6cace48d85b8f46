"""The intset against a Python set; its bytes; the comparisons that its search really makes."""

from __future__ import annotations

import random
from bisect import bisect_left

import pytest
from hypothesis import given
from hypothesis import strategies as st

from minidis.structures.intset import CorruptIntset, Intset

EDGES = [edge + step for bits in (7, 15, 31, 63) for edge in (-(2**bits), 2**bits) for step in (-1, 0, 1)]
INT64 = st.one_of(
    st.integers(-20, 20),
    st.sampled_from([edge for edge in EDGES if -(2**63) <= edge < 2**63]),
    st.integers(-(2**63), 2**63 - 1),
)


def width_needed(numbers):
    widths = [
        width
        for width in (2, 4, 8)
        for n in numbers
        if not -(2 ** (8 * width - 1)) <= n < 2 ** (8 * width - 1)
    ]
    return {(): 2, (2,): 4, (2, 4): 8}[tuple(sorted(set(widths)))]


@given(st.lists(st.tuples(st.sampled_from(["add", "add", "remove", "contains"]), INT64)))
def test_is_a_set(steps):
    intset, model, ever = Intset(), set(), set()
    for operation, number in steps:
        if operation == "add":
            assert intset.add(number) == (number not in model)
            model.add(number)
            ever.add(number)
        elif operation == "remove":
            assert intset.remove(number) == (number in model)
            model.discard(number)
        assert (number in intset) == (number in model)
        assert list(intset) == sorted(model)
        assert len(intset) == len(model)
        assert intset.width == width_needed(ever), "as wide as the widest ever, never narrower"
        assert intset.size == 8 + intset.width * len(model)
        intset.check()


@given(st.sets(INT64, min_size=1))
def test_bytes_make_the_same_set_again(numbers):
    intset = Intset(numbers)
    again = Intset.from_bytes(bytes(intset))
    assert list(again) == sorted(numbers)
    assert again.width == intset.width
    assert bytes(again) == bytes(intset)


@given(st.sets(INT64), INT64)
def test_search_path_ends_where_the_number_belongs(numbers, number):
    intset, ordered = Intset(numbers), sorted(numbers)
    path = intset.search_path(number)
    assert all(ordered[probe.position] == probe.value for probe in path)
    assert len(path) <= 2 + len(ordered).bit_length(), "two ends and a binary search"
    if number in numbers:
        assert path[-1] == (bisect_left(ordered, number), number)
    elif ordered:
        below = [probe.position for probe in path if probe.value < number]
        above = [probe.position for probe in path if probe.value > number]
        place = bisect_left(ordered, number)
        assert place == 0 or place == len(ordered) or (max(below), min(above)) == (place - 1, place)


def test_a_growing_number_costs_one_comparison():
    assert len(Intset(range(500)).search_path(500)) == 1


@pytest.mark.parametrize(
    "number, width",
    [(2**15 - 1, 2), (-(2**15), 2), (2**15, 4), (-(2**15) - 1, 4), (2**31, 8), (-(2**31) - 1, 8)],
)
def test_upgrade_puts_the_new_number_at_its_end(number, width):
    intset = Intset([-1, 0, 1])
    intset.add(number)
    assert intset.width == width
    assert intset.at(0 if number < 0 else 3) == number
    intset.remove(number)
    assert intset.width == width, "there is no downgrade"


@pytest.mark.parametrize("number", [2**63, -(2**63) - 1])
def test_more_than_64_bits_are_refused_and_change_nothing(number):
    for intset in (Intset([1, 2]), Intset([1, 2**40])):
        before = bytes(intset)
        with pytest.raises(OverflowError):
            intset.add(number)
        assert bytes(intset) == before
        assert number not in intset and not intset.remove(number)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        bytes(7),
        bytes.fromhex("0200000000000000"),  # no elements
        bytes.fromhex("03000000010000000100"),  # 3 bytes per element
        bytes.fromhex("02000000020000000100"),  # an element is missing
        bytes.fromhex("0200000001000000010002"),  # a byte too many
        bytes.fromhex("020000000200000001000100"),  # twice the same
        bytes.fromhex("020000000200000002000100"),  # not in order
        bytes.fromhex("0200000002000000ffff8000")[:-1],
    ],
)
def test_corrupt_bytes_are_refused(data):
    with pytest.raises(CorruptIntset):
        Intset.from_bytes(data)


def test_negative_numbers_are_twos_complement():
    assert list(Intset.from_bytes(bytes.fromhex("0200000002000000ffff8000"))) == [-1, 128]


def test_random_is_fair_and_repeatable():
    intset = Intset(range(10))
    draws = [intset.random(random.Random(seed)) for seed in range(2000)]
    assert draws == [intset.random(random.Random(seed)) for seed in range(2000)]
    assert set(draws) == set(range(10))
    assert max(map(draws.count, range(10))) < 300, "200 of each are expected"


def test_a_copy_is_independent():
    intset = Intset([1, 2])
    twin = intset.copy()
    twin.add(70_000)
    assert (list(intset), intset.width) == ([1, 2], 2)
    assert (list(twin), twin.width) == ([1, 2, 70_000], 4)

"""Set values: the forms that members and thresholds lead to, on every structure that can be plugged in."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from minidis.protocol.numbers import parse_integer
from minidis.structures.dicttable import DictTable
from minidis.structures.hashtable import HashTable
from minidis.structures.intset import Intset
from minidis.values.encodings import Encodings
from minidis.values.set import Set

MEMBERS = st.one_of(
    st.integers(-3, 8).map(lambda n: b"%d" % n),
    st.sampled_from([b"", b"a", b"01", b"+1", b"x" * 4, b"x" * 5, b"40000", b"-9000000000", b"9" * 25]),
)
SMALL = {"set_max_intset_entries": 4, "set_max_listpack_entries": 5, "set_max_listpack_value": 4}


def expected_encoding(before, members, added):
    """The documented rules, for a set that held `members` in the form `before` and got one more."""
    everything = [*members, added]
    if before == "hashtable":
        return "hashtable"
    if before == "intset" and parse_integer(added) is not None:
        return "intset" if len(everything) <= 4 else "hashtable"
    longest = max(map(len, everything if before == "intset" else [added]))
    return "listpack" if len(everything) <= 5 and longest <= 4 else "hashtable"


@pytest.mark.parametrize("table", [HashTable, DictTable])
@given(
    steps=st.lists(st.tuples(st.sampled_from(["add", "add", "add", "remove", "draw"]), MEMBERS), max_size=40)
)
def test_is_a_set_in_the_right_form(table, steps):
    value, model = Set(Encodings(**SMALL, hashtable=table)), {}
    for step, member in steps:
        before = value.encoding
        if step == "add":
            assert value.add(member) == (member not in model)
            if member not in model:
                assert value.encoding == expected_encoding(before, list(model), member)
            model[member] = None
        elif step == "remove":
            assert value.remove(member) == (member in model)
            model.pop(member, None)
            assert value.encoding == before, "there is no way back"
        elif model:
            assert value.random_member(Random(1)) in model
        assert (member in value) == (member in model)
        assert sorted(value) == sorted(model) and len(value) == len(model)
        if value.encoding == "listpack":
            assert set(value) == set(model)
        elif value.encoding == "intset":
            assert list(value) == sorted(model, key=int)
        value.check()


def test_a_listpack_keeps_the_order_of_insertion():
    value = Set(Encodings())
    for member in (b"pear", b"1", b"apple", b"pear"):
        value.add(member)
    assert list(value) == [b"pear", b"1", b"apple"]


def test_defaults_are_those_of_redis_7_2():
    numbers, words = Set(Encodings()), Set(Encodings())
    sizes = {}
    for count in range(1, 600):
        numbers.add(b"%d" % count)
        words.add(b"w%d" % count)
        sizes.setdefault(numbers.encoding, count)
        sizes.setdefault("words " + words.encoding, count)
    assert sizes == {"intset": 1, "hashtable": 513, "words listpack": 1, "words hashtable": 129}


@pytest.mark.parametrize(
    "first, count, encoding",
    [
        (b"1", 512, "intset"),
        (b"1", 513, "hashtable"),
        (b"a", 128, "listpack"),
        (b"a", 129, "hashtable"),
        (None, 0, "intset"),
    ],
)
def test_an_empty_set_begins_in_the_form_for_what_is_to_come(first, count, encoding):
    assert Set(Encodings(), first, count).encoding == encoding


def test_expect_converts_before_the_members_come():
    for first, count in ((b"a", 129), (b"1", 513)):
        value = Set(Encodings())
        value.add(first)
        value.expect(count - 1)
        assert value.encoding != "hashtable"
        value.expect(count)
        assert value.encoding == "hashtable"
        assert list(value) == [first]


@pytest.mark.parametrize("members", [range(40), [f"m{n}" for n in range(40)], [f"m{n}" for n in range(400)]])
def test_samples_are_distinct_and_reach_everywhere(members):
    value = Set(Encodings())
    everything = {str(member).encode() for member in members}
    for member in everything:
        value.add(member)
    random, seen = Random(3), set()
    for count in (1, 5, len(everything) - 1, len(everything), len(everything) + 5):
        for _ in range(120 if count == 5 else 1):
            sample = value.sample(random, count)
            assert len(sample) == len(set(sample)) == min(count, len(everything))
            seen.update(sample)
    assert seen == everything


def test_random_members_are_fair():
    for prefix in ("", "m"):
        value = Set(Encodings())
        for number in range(20):
            value.add(f"{prefix}{number}".encode())
        random = Random(5)
        draws = [value.random_member(random) for _ in range(4000)]
        assert all(120 < draws.count(member) < 290 for member in value), "200 of each are expected"


def test_memory_is_what_the_forms_take():
    """Figures by hand: object header 16; allocations rounded up to 8, 16, 32, 48, 64 ... bytes."""
    value = Set(Encodings())
    value.add(b"1")
    assert value.memory_usage() == 16 + 16  # header of 8, one number of 2
    value.add(b"a")
    assert value.memory_usage() == 16 + 16  # header of 6, "1" in 2, "a" in 3, end mark
    value.convert()
    # two members of 8 bytes, a dict of 56 with 4 buckets of 8, two entries
    assert value.memory_usage() == 16 + 56 + 32 + 2 * (24 + 8)
    value.remove(b"a")
    assert value.memory_usage() == 16 + 56 + 32 + 24 + 8


def test_a_copy_is_independent():
    for members in ([b"1"], [b"a"], [b"x" * 99]):
        value = Set(Encodings())
        for member in members:
            value.add(member)
        twin = value.copy()
        assert twin.encoding == value.encoding
        assert twin.memory_usage() == value.memory_usage()
        twin.add(b"2")
        twin.check()
        assert list(value) == members


def test_a_learners_intset_is_used():
    class Counting(Intset):
        added = 0

        def add(self, number):
            Counting.added += 1
            return super().add(number)

    value = Set(Encodings(intset=Counting))
    value.add(b"7")
    assert Counting.added == 1 and isinstance(value.form.intset, Counting)


def test_a_conversion_makes_room_at_once():
    """128 members and one more in 256 buckets; no rehash follows the conversion."""
    value = Set(Encodings(hashtable=HashTable))
    for number in range(129):
        value.add(b"w%d" % number)
    assert value.table.sizes == [256]
    for number in range(129, 257):
        value.add(b"w%d" % number)
    assert value.table.sizes == [256, 512], "the 257th starts one"

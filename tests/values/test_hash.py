"""Hash values: a dict in two forms, with Redis's thresholds."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from minidis.structures import open_listpack
from minidis.structures.dicttable import DictTable
from minidis.structures.hashtable import HashTable
from minidis.values import hash as hash_values
from minidis.values.encodings import Encodings
from minidis.values.hash import Hash

FIELDS = st.sampled_from([*(b"f%d" % n for n in range(8)), b"", b"1", b"-7", b"x" * 8, b"x" * 9])
VALUES = st.one_of(FIELDS, st.binary(max_size=9))
SMALL = {"hash_max_listpack_entries": 5, "hash_max_listpack_value": 8}


@pytest.mark.parametrize("table", [HashTable, DictTable])
@given(steps=st.lists(st.tuples(st.sampled_from(["set", "set", "set", "delete", "draw"]), FIELDS, VALUES)))
def test_is_a_dict_in_the_right_form(table, steps):
    value, model, large = Hash(Encodings(**SMALL, hashtable=table)), {}, False
    for step, field, text in steps:
        if step == "set":
            assert value.set(field, text) == (field not in model)
            model[field] = text
            large = large or len(model) > 5 or max(len(field), len(text)) > 8
        elif step == "delete":
            assert value.delete(field) == (field in model)
            model.pop(field, None)
        elif model:
            assert value.random_pair(Random(1)) in model.items()
        assert value.get(field) == model.get(field)
        assert (field in value) == (field in model)
        assert dict(value.items()) == model and len(value) == len(model)
        assert sorted(value) == sorted(model)
        assert value.encoding == ("hashtable" if large else "listpack")
        if not large:
            assert list(value.items()) == list(model.items()), "fields stay where they were inserted"
        value.check()


def test_defaults_are_those_of_redis_7_2():
    value = Hash(Encodings())
    for count in range(1, 513):
        value.set(b"%d" % count, b"x" * 64)
    assert value.encoding == "listpack"
    value.set(b"513", b"")
    assert value.encoding == "hashtable"
    for field, text in ((b"x" * 65, b""), (b"", b"x" * 65)):
        value = Hash(Encodings())
        value.set(field, text)
        assert value.encoding == "hashtable"


@pytest.mark.parametrize("most_bytes", [60_000, 1 << 33])
def test_no_listpack_outgrows_a_gigabyte(monkeypatch, most_bytes):
    """However many and large values may be by the configuration; a gigabyte is less here."""
    for module in open_listpack, hash_values:
        monkeypatch.setattr(module, "SIZE_LIMIT", 200_000)
    for step in Hash.set, lambda value, *words: value.set_all(words):
        value = Hash(Encodings(hash_max_listpack_value=most_bytes))
        for field in (b"a", b"b", b"c"):
            step(value, field, b"x" * 60_000)
        assert value.encoding == "listpack"
        step(value, b"d", b"x" * 60_000)
        assert value.encoding == "hashtable" and sorted(value) == [b"a", b"b", b"c", b"d"]


def test_a_limit_that_was_lowered_is_noticed_at_the_next_set():
    value = Hash(Encodings())
    for field in (b"a", b"b", b"c"):
        value.set(field, b"1")
    value.encodings.hash_max_listpack_entries = 2
    value.set(b"a", b"2")
    assert value.encoding == "hashtable"


def test_expect_converts_before_the_fields_come():
    value = Hash(Encodings(**SMALL))
    value.expect((b"f", b"v") * 5)
    assert value.encoding == "listpack"
    value.expect((b"f", b"v") * 6)
    assert value.encoding == "hashtable", "six pairs, though one field only: Redis counts arguments"
    value = Hash(Encodings(**SMALL))
    value.expect((b"f", b"x" * 9))
    assert value.encoding == "hashtable"


@given(
    st.lists(st.tuples(st.binary(max_size=2), st.binary(max_size=9)), min_size=1, max_size=8), st.booleans()
)
def test_all_at_once_is_one_after_the_other(pairs, is_empty):
    at_once, one_by_one = Hash(Encodings(**SMALL)), Hash(Encodings(**SMALL))
    for value in (at_once, one_by_one):
        if not is_empty:
            value.set(b"f", b"v")
    words = tuple(word for pair in pairs for word in pair)
    one_by_one.expect(words)
    assert at_once.set_all(words) == sum([one_by_one.set(*pair) for pair in pairs])
    assert (list(at_once.items()), at_once.encoding) == (list(one_by_one.items()), one_by_one.encoding)
    at_once.check()


@pytest.mark.parametrize("size", [40, 900])
def test_samples_are_distinct_and_reach_everywhere(size):
    value, model = Hash(Encodings()), {b"f%d" % n: b"%d" % n for n in range(size)}
    for pair in model.items():
        value.set(*pair)
    random, seen = Random(3), {}
    for count in (1, 20, size - 1, size, size + 5):
        for _ in range(300 if count == 20 else 1):
            sample = value.sample(random, count)
            assert len(sample) == len(dict(sample)) == min(count, size)
            seen.update(sample)
    assert seen == model


def test_memory_is_what_the_forms_take():
    """Figures by hand: object header 16; allocations rounded up to 8, 16, 32, 48, 64 ... bytes."""
    value = Hash(Encodings())
    value.set(b"a", b"1")
    assert value.memory_usage() == 16 + 16  # header of 6, "a" in 3, 1 in 2, end mark: 12
    value.convert()
    assert value.memory_usage() == 16 + 56 + 4 * 8 + 24 + 8 + 8  # dict, buckets, entry, two strings
    value.set(b"a", b"x" * 100)
    assert value.memory_usage() == 16 + 56 + 4 * 8 + 24 + 8 + 112
    value.delete(b"a")
    assert value.memory_usage() == 16 + 56 + 4 * 8


def test_a_copy_is_independent():
    for text in (b"short", b"x" * 99):
        value = Hash(Encodings())
        value.set(b"f", text)
        twin = value.copy()
        assert twin.encoding == value.encoding and twin.memory_usage() == value.memory_usage()
        twin.set(b"f", b"other")
        twin.set(b"g", b"new")
        twin.check()
        assert dict(value.items()) == {b"f": text}


def test_a_conversion_makes_room_at_once():
    value = Hash(Encodings(hashtable=HashTable))
    for number in range(513):
        value.set(b"%d" % number, b"")
    assert value.table.sizes == [1024]

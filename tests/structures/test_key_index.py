"""The index of a DictTable takes in many new keys by and by: no step is long, nothing is missed meanwhile."""

from __future__ import annotations

import gc
import sys
from collections.abc import Callable, Collection
from random import Random
from typing import Any

import pytest

from minidis.commands.scanning import walk
from minidis.structures import growing
from minidis.structures.dicttable import (
    AS_LONG_AS,
    BUILT_AT_ONCE,
    TAKEN_IN_AT_ONCE,
    DictTable,
    IndexedDictTable,
    KeyIndex,
    keys_at,
)
from minidis.structures.partedset import PARTS, PartedSet
from minidis.structures.quicklist import Quicklist
from minidis.structures.skiplist import SkipList

MANY = BUILT_AT_ONCE + 100


def a_table(count: int, name: bytes = b"key") -> DictTable:
    return DictTable((b"%b:%d" % (name, number), None) for number in range(count))


def indexed(table: DictTable) -> int:
    return len(table._index) if table.is_indexed else 0


def test_keys_stand_in_order_of_insertion_from_either_end() -> None:
    table = a_table(50)
    for number in range(0, 50, 3):
        del table[b"key:%d" % number]
    keys = list(table)
    for start in range(len(keys) + 2):
        for count in (0, 1, 7, 100):
            assert keys_at(table, start, count) == keys[start : start + count]


@pytest.mark.parametrize(
    "ask",
    [
        lambda table: table.scan(0),
        lambda table: table.random_key(Random(1)),
        lambda table: walk(table, 0, 1000),
    ],
    ids=["scan", "random_key", "SCAN"],
)
def test_a_call_takes_in_a_bounded_number_of_keys(ask: Callable[[DictTable], object]) -> None:
    table = a_table(MANY)
    for calls in range(1, 4):
        ask(table)
        assert indexed(table) == calls * TAKEN_IN_AT_ONCE and table.is_behind
    table.check()
    assert table.take_in(MANY) and indexed(table) == MANY
    small = a_table(BUILT_AT_ONCE)
    ask(small)
    assert indexed(small) == BUILT_AT_ONCE


def test_a_sample_is_drawn_from_what_the_index_has_and_takes_few_in() -> None:
    table = a_table(MANY)
    assert len(table.sample(Random(1), 5)) >= 1 and indexed(table) == TAKEN_IN_AT_ONCE
    for seed in range(20):
        assert set(table.sample(Random(seed), 5)) <= set(keys_at(table, 0, TAKEN_IN_AT_ONCE))
    assert indexed(table) == TAKEN_IN_AT_ONCE
    table.take_in(MANY)
    table[b"new"] = None
    table.sample(Random(1), 5)
    assert not table.is_behind


def test_a_walk_begins_with_empty_pages_and_misses_nothing() -> None:
    table, random = a_table(MANY), Random(3)
    promised = set(table)
    seen: set[bytes] = set()
    cursor, pages, empty = 0, 0, 0
    while True:
        cursor, keys = walk(table, cursor, 500)
        seen.update(keys)
        pages, empty = pages + 1, empty + (not keys)
        if cursor == 0:
            break
        for _ in range(20):  # some go and some come, at both ends of the order, while the walk is on its way
            gone = b"key:%d" % random.randrange(MANY)
            table.pop(gone, None)
            promised.discard(gone)
            table[b"new:%d" % random.randrange(1000)] = None
    assert empty >= MANY // TAKEN_IN_AT_ONCE and pages > MANY // 1000
    assert promised <= seen
    table.check()


def test_many_keys_that_come_during_a_walk_hide_none_of_the_others() -> None:
    table = a_table(1000)
    cursor, seen = walk(table, 0, 100)
    table.update(a_table(MANY, b"late"))
    while cursor:
        cursor, keys = walk(table, cursor, 100)
        seen += keys
    assert set(a_table(1000)) <= set(seen)
    table.check()


def test_a_random_key_is_any_key_also_while_the_index_lacks_most(monkeypatch: pytest.MonkeyPatch) -> None:
    table, random = a_table(1000), Random(5)
    table.take_in(250)
    monkeypatch.setattr(IndexedDictTable, "take_in", lambda self, most=0: False)
    drawn = [int(str(table.random_key(random), "ascii").partition(":")[2]) for _ in range(4000)]
    quarters = [sum(number // 250 == quarter for number in drawn) for quarter in range(4)]
    assert all(850 < count < 1150 for count in quarters), quarters


def test_a_known_key_is_met_without_the_others() -> None:
    table = a_table(MANY)
    table.take_in(10)
    cursor, found = 0, []
    while True:
        cursor, keys = table.scan_known(cursor)
        found += keys
        if not cursor:
            break
    assert sorted(found) == sorted(keys_at(table, 0, 10))


def test_a_parted_set_is_a_set_in_parts_of_about_the_same_size() -> None:
    parted = PartedSet()
    for number in range(6400):
        parted.add(b"%d" % number)
    parted.add(b"7")
    assert len(parted) == 6400 and b"6399" in parted and b"6400" not in parted
    assert max(map(len, parted._parts)) < 2 * 6400 // PARTS


def a_skip_list(members: list[bytes]) -> SkipList:
    skip_list = SkipList(Random(1))
    for member in members:
        skip_list.insert(1.0, member)
    return skip_list


@pytest.mark.parametrize("make", [a_skip_list, Quicklist], ids=["skip", "quick"])
def test_linked_nodes_go_without_the_garbage_collector(make: Callable[[list[bytes]], object]) -> None:
    """A long-lived server never walks over all of its objects: see minidis/drivers/collecting.py."""
    gc.disable()
    try:
        members = [b"x" * 100_000 for _ in range(5)]  # large enough to stand in a node as they are
        before = [sys.getrefcount(member) for member in members]
        made = make(members)
        assert [sys.getrefcount(member) for member in members] != before
        del made
        assert [sys.getrefcount(member) for member in members] == before
    finally:
        gc.enable()


def test_the_empty_key_is_a_key_and_a_bucket_of_one_key_is_that_key() -> None:
    """An empty bucket is looked for by its truth, and b"" has none."""
    keys = [b"", *(b"key:%d" % number for number in range(40))]
    index = KeyIndex((), 4)
    for key in keys:  # by way of several rehashes
        index.add(key)
        index.check()
    assert sorted(scanned(index)) == sorted(keys)
    assert any(bucket in keys for table in index._tables for bucket in table), "no tuple of one"
    assert KeyIndex(keys, len(keys)).tables() and sorted(scanned(KeyIndex(keys, 64))) == sorted(keys)
    for number, key in enumerate(keys):
        index.discard(key)
        index.check()
        assert len(index) == len(keys) - number - 1
    assert index.random_key(Random(1)) is None


def scanned(index: KeyIndex) -> list[bytes]:
    cursor, found = index.scan(0)
    while cursor:
        cursor, more = index.scan(cursor)
        found += more
    return found


def test_who_asks_for_little_gets_little_even_of_a_small_table() -> None:
    """Active expiry takes in what it has looked at: 30,000 keys at once would be a pause of their own."""
    table = a_table(MANY)
    table.take_in(1000)
    for number in range(5000):
        del table[b"key:%d" % (MANY - number - 1)]
    assert len(table) < BUILT_AT_ONCE and not table.take_in(500)
    assert indexed(table) == 1500
    assert table.take_in() and indexed(table) == len(table)
    table.check()


@pytest.mark.parametrize("known", [100, 2000, 7000, 7467, 8192, 12000])
@pytest.mark.parametrize("new", [100, 1900, 2500, 7000])
def test_keys_that_there_is_no_room_for_come_one_by_one_only_if_they_are_few(
    monkeypatch: pytest.MonkeyPatch, known: int, new: int
) -> None:
    table = a_table(known)
    table.catch_up()
    table.update(a_table(min(new, BUILT_AT_ONCE - known), b"new"))
    calls, put = 0, KeyIndex._put

    def counting(index: KeyIndex, keys: Collection[bytes], buckets: list[Any]) -> int:
        nonlocal calls
        calls += 1
        return put(index, keys, buckets)

    monkeypatch.setattr(KeyIndex, "_put", counting)
    assert table.catch_up()
    # each brings a step of the rehash along
    assert calls <= 3 * BUILT_AT_ONCE // AS_LONG_AS
    table.check()


def test_an_index_that_somebody_walks_over_is_not_built_anew() -> None:
    table = a_table(1000)
    table.catch_up()
    index, met = table._index, []
    for key in index:
        if len(met) == 500:
            table.update(a_table(5000, b"new"))
            table.take_in(5000)
        met.append(key)
    assert table._index is index and set(a_table(1000)) <= set(met)
    table.check()


def test_a_sample_of_a_table_that_the_index_hardly_knows_takes_few_steps() -> None:
    """Of a million buckets two thousand have a key: what is near in the dict is drawn instead."""
    table, random = a_table(500_000), Random(1)
    assert table.is_far_behind is False, "nobody asked for an index yet"
    table.take_in()
    assert table.is_far_behind
    lookups = 0

    class Counting(Random):
        def randrange(self, *bounds: int) -> int:  # type: ignore[override]
            nonlocal lookups
            lookups += 1
            return random.randrange(*bounds)

    known = set(list(table)[:TAKEN_IN_AT_ONCE])
    for _ in range(20):
        drawn = table.sample(Counting(), 5)
        assert drawn and known.issuperset(drawn)
    assert lookups < 20 * 20


def test_who_makes_what_will_grow_large_says_so_while_it_is_empty() -> None:
    growing.was_announced()
    KeyIndex((), 100)
    assert not growing.was_announced()
    index = KeyIndex((), growing.MANY)
    assert growing.was_announced() and not growing.was_announced()
    index.expand(2 * growing.MANY)
    assert growing.was_announced()

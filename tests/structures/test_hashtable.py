"""HashTable and DictTable against a dict, and SCAN's promise through every kind of resize."""

from __future__ import annotations

import itertools
import random
from zlib import crc32

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from minidis.structures.dicttable import DictTable
from minidis.structures.hashtable import FAIR_SAMPLE_SIZE, HashTable, KeyTable, cursors_after, next_cursor

TABLES = [HashTable, DictTable]
KEYS = st.integers(0, 60).map(lambda number: b"%d" % number)


def full_scan(table, cursor=0):
    """All keys from `cursor` to the end of the walk, with their repetitions."""
    found = []
    while True:
        cursor, keys = table.scan(cursor)
        found += keys
        if cursor == 0:
            return found


class TableMachine(RuleBasedStateMachine):
    """Any operations in any order: the table stays a dict."""

    table_class: type = HashTable

    def __init__(self):
        super().__init__()
        self.table = self.table_class()
        self.model = {}

    @rule(key=KEYS, value=st.integers())
    def store(self, key, value):
        self.table[key] = self.model[key] = value

    @rule(key=KEYS, value=st.integers())
    def exchange(self, key, value):
        assert self.table.exchange(key, value, "absent") == self.model.get(key, "absent")
        self.model[key] = value

    @rule(count=st.integers(1, 70))
    def store_many(self, count):
        for number in range(count):
            self.table[b"%d" % number] = self.model[b"%d" % number] = number

    @rule(key=KEYS)
    def read(self, key):
        assert self.table.get(key, "absent") == self.model.get(key, "absent")
        assert (key in self.table) == (key in self.model)

    @rule(key=KEYS)
    def read_or_raise(self, key):
        if key in self.model:
            assert self.table[key] == self.model[key]
        else:
            with pytest.raises(KeyError):
                self.table[key]
            with pytest.raises(KeyError):
                del self.table[key]
            with pytest.raises(KeyError):
                self.table.pop(key)

    @rule(key=KEYS)
    def pop(self, key):
        assert self.table.pop(key, "absent") == self.model.pop(key, "absent")

    @rule(keep=st.integers(0, 5))
    def delete_most(self, keep):
        for key in list(self.model)[keep:]:
            del self.table[key], self.model[key]

    @rule(buckets=st.integers(1, 20))
    def rehash(self, buckets):
        assert self.table.rehash_step(buckets) == self.table.is_rehashing

    @rule(cursor=st.integers(0, 2**64 - 1))
    def scan_anywhere(self, cursor):
        _, keys = self.table.scan(cursor)
        assert set(keys) <= set(self.model)

    @rule()
    def scan_all(self):
        assert sorted(full_scan(self.table)) == sorted(self.model), "at rest each key comes exactly once"

    @rule(seed=st.integers(0, 9), count=st.integers(0, 30))
    def random_keys(self, seed, count):
        chosen = self.table.random_key(random.Random(seed))
        assert chosen in self.model if self.model else chosen is None
        sample = self.table.sample(random.Random(seed), count)
        assert len(sample) <= min(count, len(self.model))
        assert set(sample) <= set(self.model)

    @rule()
    def copy(self):
        twin = self.table.copy()
        assert dict(twin.items()) == self.model
        twin[b"only here"] = 1
        assert b"only here" not in self.table

    @rule()
    def clear(self):
        self.table.clear()
        self.model.clear()

    @invariant()
    def same(self):
        assert len(self.table) == len(self.model)
        assert dict(self.table.items()) == self.model
        assert sorted(self.table) == sorted(self.table.keys()) == sorted(self.model)
        assert sorted(self.table.values()) == sorted(self.model.values())
        self.table.check()


class KeyTableMachine(RuleBasedStateMachine):
    """The same for keys without values: the table stays a set, of which the empty key may be one."""

    keys = st.just(b"") | KEYS

    def __init__(self):
        super().__init__()
        self.table = KeyTable()
        self.model = set()

    @rule(key=keys)
    def add(self, key):
        assert self.table.add(key) == (key not in self.model)
        self.model.add(key)

    @rule(start=st.integers(0, 100), count=st.integers(0, 70))
    def extend(self, start, count):
        new = {b"%d" % number for number in range(start, start + count)} - self.model
        self.table.extend(new)
        self.model |= new

    @rule(key=keys)
    def discard(self, key):
        assert self.table.discard(key) == (key in self.model)
        self.model.discard(key)

    @rule(keep=st.integers(0, 5))
    def delete_most(self, keep):
        for key in list(self.model)[keep:]:
            assert self.table.discard(key)
            self.model.remove(key)

    @rule(buckets=st.integers(1, 20))
    def rehash(self, buckets):
        assert self.table.rehash_step(buckets) == self.table.is_rehashing

    @rule()
    def scan_all(self):
        assert sorted(full_scan(self.table)) == sorted(self.model)

    @rule(count=st.integers(1, 20))
    def scan_page(self, count):
        cursor, page = self.table.scan_page(0, count, 1000)
        assert set(page) <= self.model and (cursor or set(page) == self.model)

    @rule(seed=st.integers(0, 9), count=st.integers(0, 30))
    def random_keys(self, seed, count):
        chosen = self.table.random_key(random.Random(seed))
        assert chosen in self.model if self.model else chosen is None
        assert set(self.table.sample(random.Random(seed), count)) <= self.model

    @rule()
    def copy(self):
        twin = self.table.copy()
        twin.check()
        assert set(twin) == self.model and not twin.is_rehashing
        twin.add(b"only here")
        assert b"only here" not in self.table

    @invariant()
    def same(self):
        assert len(self.table) == len(self.model)
        assert sorted(self.table) == sorted(self.model)
        assert all(key in self.table for key in self.model)
        self.table.check()


class DictTableMachine(TableMachine):
    table_class = DictTable

    @rule()
    def popitem(self):
        if self.model:
            key, value = self.table.popitem()
            assert self.model.pop(key) == value


TestHashTable = TableMachine.TestCase
TestKeyTable = KeyTableMachine.TestCase
TestDictTable = DictTableMachine.TestCase


def test_the_empty_key_stays_where_its_neighbour_goes():
    neighbour = next(key for key in map(b"%d".__mod__, itertools.count()) if crc32(key) & 3 == crc32(b"") & 3)
    for keys in [b"", neighbour], [neighbour, b""]:
        table = KeyTable(keys)
        assert [chain for chain in table.tables()[0] if chain] == [keys[::-1]], "one bucket"
        assert table.discard(neighbour)
        table.check()
        assert list(table) == [b""] and b"" in table
        assert table.discard(b"") and not list(table)


# -- SCAN


@pytest.mark.parametrize("bits", range(2, 11))
def test_cursor_visits_each_bucket_once(bits):
    cursor, seen = 0, []
    while True:
        seen.append(cursor)
        cursor = next_cursor(cursor, 2**bits - 1)
        if cursor == 0:
            break
    assert sorted(seen) == list(range(2**bits))


def test_cursor_is_counting_with_reversed_bits():
    """The definition in dict.c: reverse the cursor with its unmasked bits set, add one, reverse again."""
    mask = 0b11111
    for cursor in range(mask + 1):
        reverse = int(f"{cursor | (2**64 - 1 - mask):064b}"[::-1], 2)
        assert next_cursor(cursor, mask) == int(f"{(reverse + 1) % 2**64:064b}"[::-1], 2)


@pytest.mark.parametrize("bits", [0, 2, 6, 7, 9])
def test_cursors_one_after_another_are_those_of_one_step_after_another(bits):
    mask, start = 2**bits - 1, 0b1_0010_1101_1010  # bits above the mask count for nothing
    cursor = start
    for following in itertools.islice(cursors_after(start, mask), 2 * (mask + 1)):
        cursor = next_cursor(cursor, mask)
        assert following == cursor


def table_of(table_class, count, size=None):
    """A table of `count` keys at rest, in `size` buckets if given."""
    table = table_class()
    for number in range(count):
        table[b"k%d" % number] = number
    if size:
        table.scan(0)  # so that a DictTable, too, has buckets
        while table.rehash_step(1000):
            pass
        table.expand(size)
    while table.rehash_step(1000):
        pass
    return table


def survivors_missed(table_class, before, after, resize_at, steps_per_call):
    """Scan a table of `before` buckets, which is resized to `after` at one call, a few steps at a time."""
    table = table_of(table_class, 5, before)
    cursor, found = 0, set()
    for call in itertools.count():
        if call == resize_at:
            table.expand(after)
        if steps_per_call:
            table.rehash_step(steps_per_call)
        cursor, keys = table.scan(cursor)
        found.update(keys)
        if cursor == 0:
            return set(table) - found


@pytest.mark.parametrize("table_class", TABLES)
@pytest.mark.parametrize("before, after", [*itertools.permutations([8, 16, 32, 128], 2)])
def test_scan_misses_nothing_when_resized_at_any_call(table_class, before, after):
    for resize_at in range(before):
        for steps_per_call in (0, 1, 3, 1000):
            missed = survivors_missed(table_class, before, after, resize_at, steps_per_call)
            assert not missed, (resize_at, steps_per_call)


def test_scan_during_a_rehash_stopped_at_every_bucket():
    """Grow and shrink, stopped after every number of steps; then a scan across it as it stands."""
    for before, after in itertools.permutations([8, 16, 64], 2):
        for steps in range(before):
            table = table_of(HashTable, 6, before)
            table.expand(after)
            for _ in range(steps):
                table.rehash_step()
            assert sorted(full_scan(table)) == sorted(table), (before, after, steps)


@pytest.mark.parametrize("table_class", TABLES)
@given(
    start=st.integers(0, 200),
    changes=st.lists(
        st.tuples(st.sampled_from(["grow", "shrink", "rehash", "scan", "scan"]), st.integers(1, 80))
    ),
)
def test_scan_returns_every_key_that_stays(table_class, start, changes):
    """Keys that are present during the whole scan are returned, whatever is written between the calls."""
    table = table_of(table_class, start)
    staying = {key for key in table if crc32(key) % 5 == 0}
    newest, cursor, found = start, 0, set()
    for change, amount in changes:
        if change == "grow":
            for newest in range(newest, newest + amount):  # noqa: B020 the count goes on
                table[b"new%d" % newest] = 0
        elif change == "shrink":
            for key in [key for key in table if key not in staying][: 3 * amount]:
                del table[key]
        elif change == "rehash":
            table.rehash_step(amount)
        else:
            for _ in range(amount % 8 + 1):
                cursor, keys = table.scan(cursor)
                found.update(keys)
                if cursor == 0:
                    assert staying <= found
                    found = set()
    if cursor:
        found.update(full_scan(table, cursor))
        assert staying <= found


def repeated(calls_before_shrinking):
    """The keys that a scan shows twice, when the table shrinks from 64 to 4 buckets in the middle."""
    together = [key for key in (b"k%d" % n for n in range(99)) if crc32(key) % 4 == 0][:4]
    table = HashTable(dict.fromkeys(together))
    table.expand(64)
    while table.rehash_step():
        pass
    cursor, found = 0, []
    for _ in range(calls_before_shrinking):
        cursor, keys = table.scan(cursor)
        found += keys
    table.expand(4)
    while table.rehash_step():
        pass
    found += full_scan(table, cursor)
    assert set(found) == set(table)
    return {key for key in found if found.count(key) > 1}


def test_a_shrinking_table_may_show_a_key_twice():
    """The price of the cursor, which the course shows: never a miss, sometimes a repetition."""
    assert not repeated(0) and not repeated(16), "16 buckets of 64 are one whole bucket of 4"
    assert any(repeated(calls) for calls in range(1, 16))


# -- growing, shrinking, pausing


def test_grows_at_load_factor_one_and_a_step_per_operation():
    table = table_of(HashTable, 4)
    assert table.sizes == [4]
    table[b"fifth"] = 5
    assert table.sizes == [4, 8] and table.rehash_index == 0
    operations = [lambda: table.get(b"x"), lambda: b"x" in table, lambda: table.pop(b"x", None)]
    for operation in itertools.cycle(operations):
        before = table.rehash_index
        operation()
        if not table.is_rehashing:
            break
        assert table.rehash_index > before
    assert table.sizes == [8]


@pytest.mark.parametrize("table_class", TABLES)
def test_shrinks_below_a_tenth(table_class):
    table = table_of(table_class, 64)
    table.scan(0)
    for number in range(57):
        del table[b"k%d" % number]
    assert table.sizes == [64], "7 of 64 are 10 %"
    del table[b"k57"]
    assert table.sizes == [64, 8], "6 of 64 are 9 %"
    while table.rehash_step():
        table.check()
    assert table.sizes == [8]


def test_a_step_visits_at_most_ten_empty_buckets():
    table = table_of(HashTable, 1, 1024)
    table.expand(4)
    steps = 1
    while table.rehash_step():
        steps += 1
    (bucket,) = {crc32(b"k0") & 1023}
    assert steps == bucket // 10 + 1


def test_a_pause_holds_the_steps_of_operations_only():
    table = table_of(HashTable, 5, 8)
    table.expand(16)
    table.pause_rehash()
    for number in range(5):
        assert table[b"k%d" % number] == number
        table[b"k%d" % number] = number
    assert table.rehash_index == 0
    table.resume_rehash()
    table.get(b"k0")
    assert table.rehash_index > 0


def test_look_ups_while_iterating_show_no_key_twice():
    table = table_of(HashTable, 40, 64)
    table.expand(128)
    seen = []
    for key in table:
        seen.append(key)
        assert key in table
    assert sorted(seen) == sorted(set(seen))
    assert not table.is_paused


def test_search_path_is_what_a_look_up_compares():
    table = table_of(HashTable, 40, 64)
    table.expand(128)
    table.rehash_step(20)
    tables = table.tables()
    for key in [*table, b"absent"]:
        path = table.search_path(key)
        assert (path[-1].key == key) == (key in list(table))
        assert all(probe.bucket == crc32(key) % len(tables[probe.table]) for probe in path)
        assert all(p.key in [*tables[p.table][p.bucket], None] for p in path)


# -- random keys, figures


@pytest.mark.parametrize("table_class", TABLES)
@pytest.mark.parametrize("target", [None, 16, 1024])
def test_random_keys_reach_everywhere(table_class, target):
    """At rest, and with a growing or shrinking rehash half done."""
    table = table_of(table_class, 12, 128)
    if target:
        table.scan(0)
        table.expand(target)
        table.rehash_step(6)
        table.pause_rehash()
    rng = random.Random(5)
    draws = [table.random_key(rng) for _ in range(2400)]
    assert set(draws) == set(table)
    assert min(map(draws.count, set(draws))) > 60, "200 of each are expected; fair within reason"


@pytest.mark.parametrize("table_class", TABLES)
@pytest.mark.parametrize("target", [None, 16, 1024])
def test_several_random_keys_reach_everywhere(table_class, target):
    table = table_of(table_class, 12, 128)
    if target:
        table.scan(0)
        table.expand(target)
        table.rehash_step(6)
        table.pause_rehash()
    rng = random.Random(5)
    draws = [key for _ in range(800) for key in table.random_keys(rng, 3)]
    assert set(draws) == set(table)
    assert min(map(draws.count, set(draws))) > 150, "200 of each are expected"


def test_random_keys_of_a_long_chain_are_all_reached():
    table = HashTable()
    table.pause_rehash()
    for number in range(40):  # the growing table waits: all stand in 4 buckets
        table[b"k%d" % number] = number
    rng = random.Random(5)
    assert {key for _ in range(200) for key in table.random_keys(rng, 5)} == set(table)
    assert len(set(table.random_keys(rng, 39))) == 39


@pytest.mark.parametrize("table_class", TABLES)
def test_drawing_goes_on_with_a_rehash_unless_it_is_paused(table_class):
    table = table_of(table_class, 500, 512)
    table.pause_rehash()
    table.expand(1024)
    table.random_keys(random.Random(5), 10)
    assert table.is_rehashing and table.rehash_index == 0
    table.resume_rehash()
    table.random_keys(random.Random(5), 1)
    assert table.rehash_index >= FAIR_SAMPLE_SIZE
    next(table.lots(random.Random(5), 100))
    assert not table.is_rehashing


def test_the_sparse_table_falls_back_to_single_buckets():
    table = table_of(HashTable, 2, 4096)
    draws = {table.random_key(random.Random(seed)) for seed in range(40)}
    assert draws == {b"k0", b"k1"}


def test_stats_read_like_debug_htstats():
    table = HashTable({b"a": 1, b"b": 2, b"c": 3})
    (stats,) = table.stats()
    assert (stats.size, stats.used, stats.occupied_buckets, stats.longest_chain) == (4, 3, 2, 2)
    assert str(stats) == (
        "Hash table 0 stats (main hash table):\n table size: 4\n number of elements: 3\n different slots: 2\n"
        " max chain length: 2\n avg chain length (counted): 1.50\n avg chain length (computed): 1.50\n"
        " Chain length distribution:\n   0: 2 (50.00%)\n   1: 1 (25.00%)\n   2: 1 (25.00%)\n"
    )
    assert "No stats available for empty dictionaries" in str(HashTable().stats()[0])


@pytest.mark.parametrize("table_class", [HashTable, DictTable])
def test_a_page_of_as_many_buckets_as_a_client_can_ask_for(table_class) -> None:
    assert table_class({b"a": 1}).scan_page(0, 2**63 - 1, 10 * (2**63 - 1)) == (0, [b"a"])


# -- DictTable's own: the index


def test_nothing_is_indexed_before_it_is_asked_for():
    table = DictTable({b"a": 1})
    table[b"b"] = 2
    assert table.get(b"b") == 2 and table.pop(b"a") == 1
    assert not table.rehash_step() and not table.expand(64)
    assert not table.is_indexed
    table.scan(0)
    assert table.is_indexed


def test_both_classes_have_the_same_methods():
    wanted = {name for name in dir(HashTable) if not name.startswith("_")} - {"search_path", "is_paused"}
    assert wanted <= set(dir(DictTable))

"""A table that holds still answers as one that does not, and who lists its keys misses none."""

from __future__ import annotations

from random import Random

import pytest

from minidis.distributed.cluster.key_index import SlottedTable
from minidis.structures import dicttable, heldtable
from minidis.structures.dicttable import DictTable, IndexedDictTable
from minidis.structures.hashtable import HashTable
from minidis.structures.heldtable import Listing


def change(table: DictTable, twin: dict[bytes, int], random: Random) -> None:
    """One random operation on both, with the same outcome; the dict knows what a table must answer."""
    key = b"key:%d" % random.randrange(120)
    match random.randrange(8):
        case 0 | 1:
            table[key] = twin[key] = random.randrange(1000)
        case 2:
            assert table.pop(key, None) == twin.pop(key, None)
        case 3 if key in twin:
            del table[key], twin[key]
        case 4:
            assert table.setdefault(key, 7) == twin.setdefault(key, 7)
        case 5:
            table.update({key: 8, b"other": 9})
            twin.update({key: 8, b"other": 9})
        case 6 if random.random() < 0.2 and twin:
            assert table.popitem() == twin.popitem()
        case 7 if random.random() < 0.02:
            table.clear()
            twin.clear()
    assert table.get(key, "none") == twin.get(key, "none") and (key in table) == (key in twin)


def compare(table: DictTable, twin: dict[bytes, int]) -> None:
    """Everything that a table may be asked, also the order of its keys."""
    assert list(table) == list(table.keys()) == list(twin) and list(reversed(table)) == list(reversed(twin))
    assert list(table.items()) == list(twin.items()) and list(table.values()) == list(twin.values())
    assert table == twin and dict(table) == twin and len(table) == len(twin) and bool(table) == bool(twin)
    with pytest.raises(KeyError):
        table[b"no key"]
    with pytest.raises(KeyError):
        table.pop(b"no key")


@pytest.mark.parametrize("make", [DictTable, SlottedTable])
@pytest.mark.parametrize("seed", range(6))
def test_a_table_that_holds_still_is_the_table_that_it_was(seed: int, make: type[DictTable]) -> None:
    random = Random(seed)
    table, twin = make(), {}
    listings: list[tuple[Listing, set[bytes], list[bytes]]] = []
    for _ in range(400):
        change(table, twin, random)
        if random.random() < 0.05:
            listings.append((Listing(table), set(twin), []))
        if random.random() < 0.02:
            assert table.random_key(random) in twin or not twin  # it gets an index, held or not
        for listing, promised, listed in listings:
            promised &= set(twin)
            listed += listing.more(random.randrange(1, 9))
        for listing, promised, listed in [each for each in listings if each[0].is_done]:
            assert len(set(listed)) == len(listed), "no key twice"
            assert not promised - set(listed) or table._hold is not listing._hold
        listings = [each for each in listings if not each[0].is_done]
        assert table.is_held == any(table._hold is each[0]._hold for each in listings)
        compare(table, twin)
    for listing, *_ in listings:
        listing.close()
    assert not table.is_held
    compare(table, twin)
    table.check()


def little_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if a hundred keys were a million."""
    take_in = IndexedDictTable.take_in
    monkeypatch.setattr(IndexedDictTable, "take_in", lambda table, most=7: take_in(table, min(most, 7)))
    monkeypatch.setattr(dicttable, "NOT_WORTH_A_LIST", 50)
    monkeypatch.setattr(heldtable, "LISTED_AT_ONCE", 10)


@pytest.mark.parametrize("known", [0, 21])
@pytest.mark.parametrize("seed", range(6))
def test_an_index_takes_in_what_was_listed_whatever_happens_meanwhile(
    seed: int, known: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    little_at_once(monkeypatch)
    random = Random(seed)
    twin = {b"key:%d" % number: number for number in range(120)}
    table = DictTable(twin)
    for _ in range(known // 7):
        table.take_in()
    assert table.list_for_index() and table.is_listing
    steps = 0
    while not table.take_in():
        steps += 1
        assert table.scan(0)[1] == [] or not table.is_behind
        drawn = [table.random_key(random), *table.sample(random, 3), *table.unseen(3)]
        assert all(key in twin for key in drawn), "none that has gone"
        for _ in range(random.randrange(3)):
            change(table, twin, random)
        assert steps < 200
    assert steps > 2 or len(twin) < 50
    assert not table.is_held and not table.is_behind and table._index.waiting is None
    compare(table, twin)
    table.check()


def test_what_is_unseen_can_be_taken_in_part_by_part(monkeypatch: pytest.MonkeyPatch) -> None:
    """As active expiry does: it looks at the next keys, deletes some, and lets the index have the others."""
    little_at_once(monkeypatch)
    table, seen = DictTable((b"%d" % number, number) for number in range(100)), []
    assert table.list_for_index()
    while table.is_listing:
        table.take_in()
    while keys := table.unseen(9):
        seen += keys
        gone = [key for key in keys if int(key) % 3]
        for key in gone:
            del table[key]
        table.take_in(len(keys) - len(gone))
    assert list(dict.fromkeys(seen)) == [b"%d" % number for number in range(100)]
    assert len(seen) <= 103, "the first are seen twice: instead of taking them in, the index makes room"
    assert len(table) == 34 and not table.is_behind
    table.check()


def test_a_table_that_is_taken_apart_while_it_holds_still_gives_all_of_its_values() -> None:
    table = DictTable((b"%d" % number, number) for number in range(100))
    listing = Listing(table)
    listing.more(10)
    del table[b"7"]
    table[b"new"] = 100
    values: list[int] = []
    while table:
        values += table.take_out(30)
    assert sorted(values) == sorted({*range(101)} - {7}) and listing.more() == [] and listing.is_done


def test_a_learners_table_is_listed_at_once() -> None:
    table = HashTable((b"%d" % number, number) for number in range(100))
    listing = Listing(table)
    assert sorted(listing.more(1)) == sorted(table) and listing.is_done and listing.more(1) == []

"""A table on the move answers as any other, and what takes its place has the same keys, in their order."""

from __future__ import annotations

from random import Random

import pytest

from minidis.distributed.cluster.key_index import SlottedTable
from minidis.structures import growing
from minidis.structures.dicttable import DictTable
from minidis.structures.heldtable import Listing
from minidis.structures.moving import HEADER_BYTES, Met, Move, Obstacle
from tests.structures.test_heldtable import change, compare


def numbers(count: int, indexed: bool = False) -> DictTable:
    """A table of so many keys, b"0" and so on."""
    table = DictTable({b"%d" % number: number for number in range(count)})
    if indexed:
        table.random_key(Random(1))
    return table


def move_all(move: Move, count: int = 10) -> int:
    """All steps of a move, as the engine takes them; how many it took before there was room."""
    steps = 0
    while not move.is_cramped and move.step(count):
        steps += 1
    move.make_room()
    while move.step(count):
        pass
    return steps


@pytest.mark.parametrize("make", [DictTable, SlottedTable])
@pytest.mark.parametrize("seed", range(60))
def test_commands_go_on_while_keys_move(seed: int, make: type[DictTable]) -> None:
    random = Random(seed)
    table, twin = make(), {}
    for _ in range(random.randrange(1, 120)):
        change(table, twin, random)
    table[b"a key"] = twin[b"a key"] = 1
    if seed % 2:
        table.random_key(random)  # it has an index
    move, has_room, has_more = Move(table), False, True
    while has_more:
        for _ in range(random.randrange(4)):
            change(table, twin, random)
        if move.is_lost:
            break
        compare(table, twin)
        is_ready = has_room or move.is_cramped or not move.step(random.randrange(1, 9))
        if is_ready and not has_room:
            move.make_room()
            has_room = True
        has_more = not has_room or move.step(random.randrange(1, 9))
        if random.random() < 0.05:
            table.random_key(random)  # it gets one while it is held
    if move.is_lost:  # `change` has cleared it
        move.give_up()
        compare(table, twin)
        assert not table.is_held
        return
    change(table, twin, random)
    target = table if move.is_lost else move.complete()
    compare(target, twin)
    if target is not table:
        assert type(target) in (make, make.indexed_type) and not target.is_held
        move.leave()
    for _ in range(60):
        change(target, twin, random)
        compare(target, twin)
    target.check()


@pytest.mark.parametrize("indexed", [False, True])
def test_a_move_that_is_given_up_leaves_the_table_as_it_would_be(indexed: bool) -> None:
    table = numbers(50, indexed)
    move = Move(table)
    move.step(10)
    table[b"3"] = "new"
    del table[b"4"], table[b"40"]
    table[b"50"] = table[b"4"] = 4
    move.give_up()
    twin = {b"%d" % number: number for number in range(50)}
    del twin[b"4"], twin[b"40"]
    twin |= {b"3": "new", b"50": 4, b"4": 4}
    assert not table.is_held and list(table.items()) == list(twin.items())
    table.check()
    move.give_up()  # which changes nothing any more
    assert len(table) == len(twin)


def test_whoever_clears_a_table_ends_its_move() -> None:
    table = numbers(50)
    move = Move(table)
    move.step(10)
    table.clear()
    assert move.is_lost and not table.is_held and not table


def test_a_snapshot_that_lists_the_keys_is_waited_for() -> None:
    table = numbers(50)
    listing = Listing(table)
    listing.more(10)
    move = Move(table)
    move_all(move)
    assert not move.is_alone
    listing.more(100)
    assert move.is_alone and listing.is_done and dict(move.complete()) == dict(table)


def test_the_index_comes_along() -> None:
    table = numbers(200, indexed=True)
    index = table.index
    move = Move(table)
    del table[b"7"]
    table[b"new"] = 1
    move_all(move)
    target = move.complete()
    move.leave()
    cursor, seen = target.scan(0)
    while cursor:
        cursor, keys = target.scan(cursor)
        seen += keys
    assert target.index is index and sorted(seen) == sorted(target) and b"7" not in seen and b"new" in seen


@pytest.mark.parametrize(("keys", "removed"), [(30_000, 0), (38_000, 0), (43_600, 0), (90_000, 60_000)])
def test_there_is_room_for_all_and_some_more(keys: int, removed: int) -> None:
    """What CPython's `update` does when it fails: were it otherwise, the move would be none."""
    table = numbers(keys)
    for number in range(removed):
        del table[b"%d" % number]
    move = Move(table)
    while not move.is_cramped:
        move.step(500)
    move.make_room()
    size_bytes = move.target.__sizeof__()
    assert move.size_bytes - HEADER_BYTES <= size_bytes <= move.size_bytes
    assert (keys - removed) * 1.3 < growing.room(size_bytes) <= (keys - removed) * 3
    move_all_the_rest = [move.step(500) for _ in range(keys // 500 + 3)]
    assert not move_all_the_rest[-1] and move.target.__sizeof__() == size_bytes, "it never grew by itself"
    assert list(move.complete().items()) == list(table.items())


def test_an_obstacle_is_compared_only_where_it_does_not_stand() -> None:
    obstacle = Obstacle(b"key")
    assert {obstacle: 1, b"key": 2} == {b"key": 2, obstacle: 1} and hash(obstacle) == hash(b"key")
    obstacle.stands = True
    with pytest.raises(Met):
        assert {obstacle: 1}.get(b"key") is None


@pytest.mark.parametrize("indexed", [False, True])
@pytest.mark.parametrize("left", [0, 1, 40])
def test_most_keys_may_go_before_there_is_room_and_others_come(indexed: bool, left: int) -> None:
    table = numbers(40_000, indexed)
    move = Move(table)
    move.step(500)
    for number in range(left, 40_000):
        del table[b"%d" % number]
    table.update({b"new %d" % number: number for number in range(2000)})
    assert move_all(move, 500) < 100, "it has an end"
    target = move.complete()
    move.leave()
    twin = {b"%d" % number: number for number in range(left)}
    twin |= {b"new %d" % number: number for number in range(2000)}
    assert list(target.items()) == list(twin.items()) and target.is_indexed == indexed
    target.random_key(Random(1))
    target.check()


@pytest.mark.parametrize("indexed", [False, True])
def test_what_is_left_of_a_move_that_is_lost_can_be_freed(indexed: bool) -> None:
    table = numbers(5000, indexed)
    move = Move(table)
    move.step(3000)
    table.clear()
    assert move.is_lost and not move.step(10)
    move.give_up()
    while move.target.release(500):
        pass
    assert not len(move.target)

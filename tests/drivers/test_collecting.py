"""A server's garbage collector freezes what has grown old; MEMORY PURGE thaws it."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Iterator

import pytest

from minidis.drivers import collecting
from minidis.engine.node import Node
from minidis.structures import growing
from minidis.structures.dicttable import KeyIndex


class Knot:
    """Refers to itself: reference counts alone never free it."""

    def __init__(self) -> None:
        self.knot: Knot | None = self


@pytest.fixture
def node() -> Iterator[Node]:
    thresholds = gc.get_threshold()
    node = Node(clock=lambda: 0)
    collecting.take_over(node)
    yield node
    gc.set_threshold(*thresholds)


def make_much() -> list[list]:
    """So many containers that Python looks at the second generation often enough."""
    much: list[list] = []
    while gc.get_count()[2] < collecting.WORTH_FREEZING:
        much += [[] for _ in range(1000)]
    return much


def test_what_has_grown_old_is_frozen_and_memory_purge_looks_at_it(node: Node) -> None:
    knot, other = Knot(), Knot()
    tied, untied = weakref.ref(knot), weakref.ref(other)
    much = make_much()
    frozen = gc.get_freeze_count()
    node.tick()
    assert gc.get_freeze_count() - frozen >= len(much) > 10_000
    other.knot = None
    del knot, other
    gc.collect()
    assert untied() is None, "what nobody refers to goes, frozen or not"
    assert tied() is not None
    node.execute(node.connect(), [b"MEMORY", b"PURGE"])
    assert tied() is None


def test_what_will_grow_large_is_frozen_while_it_is_empty(node: Node) -> None:
    """A walk over a million buckets takes 50 ms once they are full: it is never made."""
    gc.collect()
    index = KeyIndex((), growing.MANY)
    node.tick()
    young = [thing for generation in range(3) for thing in gc.get_objects(generation)]
    assert not any(table is thing for table in index._tables for thing in young)


def test_little_is_left_to_the_young_generations(node: Node) -> None:
    gc.collect()
    growing.was_announced()  # by other tests
    frozen = gc.get_freeze_count()
    node.tick()
    assert gc.get_freeze_count() <= frozen  # what is frozen may die meanwhile
    assert gc.get_threshold()[2] == collecting.NEVER


def test_a_node_in_a_process_of_somebody_else_leaves_the_collector_alone() -> None:
    thresholds, frozen = gc.get_threshold(), gc.get_freeze_count()
    node = Node(clock=lambda: 0)
    node.tick()
    assert node.execute(node.connect(), [b"MEMORY", b"PURGE"]) == "OK"
    assert gc.get_threshold() == thresholds
    assert gc.get_freeze_count() <= frozen  # what is frozen may die meanwhile

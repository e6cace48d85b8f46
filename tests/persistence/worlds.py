"""Random commands of every type on a node, and pictures of its keyspace that can be compared."""

from __future__ import annotations

from random import Random

from minidis.engine.node import Node
from minidis.persistence.rdb_writer import dump_payload
from minidis.values.base import Value
from minidis.values.consumer_group import ConsumerGroup
from minidis.values.hash import Hash
from minidis.values.list import List
from minidis.values.set import Set
from minidis.values.sorted_set import SortedSet
from minidis.values.stream import Stream
from tests.differential import (
    test_bitmaps,
    test_geo,
    test_hashes,
    test_hyperloglogs,
    test_keys,
    test_lists,
    test_sets,
    test_streams,
    test_strings,
)
from tests.differential.grammar import Command, Grammar
from tests.differential.pools import SETUP

_MODULES = (
    test_bitmaps,
    test_geo,
    test_hashes,
    test_hyperloglogs,
    test_keys,
    test_lists,
    test_sets,
    test_streams,
    test_strings,
)
GRAMMARS = [Grammar(module.FORMS, module.POOLS) for module in _MODULES]
# What moves whole keys about, and whole databases
TURMOIL = Grammar(
    """
    3 RENAME key key
    2 MOVE key database
    3 SWAPDB database database
    6 SELECT database
    1 FLUSHDB
    1 FLUSHALL
    3 DEL key
    2 COPY key key REPLACE
    """,
    {
        "key": [b"text", b"list", b"set", b"zset", b"hash", b"stream", b"l0", b"l1"],
        "database": [b"0", b"1", b"2"],
    },
)

Picture = dict[tuple[int, bytes], tuple[object, int | None]]


def commands(seed: int, count: int, turmoil: float = 0.05) -> list[Command]:
    """A run of commands over all types; `turmoil` is the share of those that move keys and databases."""
    random = Random(seed)
    drawn = [command for unit in SETUP for command in unit]
    while len(drawn) < count:
        grammar = TURMOIL if random.random() < turmoil else random.choice(GRAMMARS)
        drawn += grammar.unit(random)
    return drawn


def picture(node: Node) -> Picture:
    """Every key with its value and when it expires."""
    return {
        (database.index, key): (_content(value), database.expires.get(key))
        for database in node.databases
        for key, value in database.table.items()
    }


def _content(value: Value) -> object:
    """What is in a value; its encoding may be another one after loading, where it is small enough again."""
    if isinstance(value, Set):
        return "set", sorted(value)
    if isinstance(value, Hash):
        return "hash", sorted(value.items())
    if isinstance(value, SortedSet | List):
        return value.kind, list(value)
    if isinstance(value, Stream):
        entries = [(entry.id, entry.pairs) for entry in value.walk()]
        groups = {name: _group(group) for name, group in value.groups.items()}
        return "stream", entries, value.last_id, value.entries_added, value.max_deleted_id, groups
    return dump_payload(value, 11)


def _group(group: ConsumerGroup) -> object:
    pending = {
        raw_id: (name, pending.delivered_ms, pending.deliveries)
        for name, consumer in group.consumers.items()
        for raw_id, pending in consumer.pending.items()
    }
    return group.last_id, group.entries_read, sorted(name for name, _ in group.consumers.items()), pending

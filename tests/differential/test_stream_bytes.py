"""The listpacks of a stream's macro nodes and their keys, byte by byte, and what MEMORY USAGE makes of them.

DUMP gives a stream as it stands in an RDB file: its nodes, each a key of 16 bytes and a listpack.
"""

from __future__ import annotations

from random import Random

import pytest

from minidis.values.stream import Stream
from tests.differential.cases import seeds
from tests.differential.differences import REDIS_7_0
from tests.differential.grammar import Command, Grammar
from tests.differential.sides import MinidisSide, RealSide
from tests.differential.test_listpack_bytes import read_length, read_string
from tests.differential.test_streams import POOLS

RDB_TYPES_STREAM = (19, 21)  # 7.0: STREAM_LISTPACKS_2; 7.2: STREAM_LISTPACKS_3
FORMS = """
20 XADD 's' new_id pairs
 3 XDEL 's' id+
 1 XTRIM 's' MAXLEN [~] many
 1 XTRIM 's' MINID [~] id
"""


@pytest.mark.parametrize("limits", [(b"4096", b"100"), (b"300", b"6"), (b"0", b"0")])
@pytest.mark.parametrize("seed", seeds())
def test_nodes_have_the_same_bytes(judge: RealSide, ours: MinidisSide, limits: tuple, seed: int) -> None:
    commands = settings(*limits) + [argv for unit in Grammar(FORMS, POOLS).units(seed, 300) for argv in unit]
    judge.restart(2)
    ours.restart(2)
    ours.run(commands)
    replies = judge.run([*commands, (b"CONFIG", b"SET", b"rdbcompression", b"no"), (b"DUMP", b"s")])
    stream = ours.node.databases[0].find(b"s", Stream)
    assert stream is not None
    assert nodes_of_stream(replies[-1][1]) == [(key, bytes(node)) for key, node in stream.tree.items()]


def nodes_of_stream(dump: bytes) -> list[tuple[bytes, bytes]]:
    assert dump[0] in RDB_TYPES_STREAM
    count, position = read_length(dump, 1)
    nodes = []
    for _ in range(count):
        key, position = read_string(dump, position)
        node, position = read_string(dump, position)
        nodes.append((key, node))
    return nodes


@pytest.mark.parametrize("judge", [REDIS_7_0], indirect=True)
@pytest.mark.parametrize("entries", [0, 1, 5, 99, 100, 101, 250, 700])
def test_memory_usage(judge: RealSide, ours: MinidisSide, entries: int) -> None:
    """Entries alone: a consumer is larger in 7.2 than in 7.0. Valkey weighs a tree in another way."""
    choose = Random(entries)
    commands: list[Command] = settings(b"4096", b"100")
    commands += [(b"XGROUP", b"CREATE", b"s", b"g", b"$", b"MKSTREAM")]
    commands += [
        (b"XADD", b"s", b"%d-0" % number, b"field", b"v" * choose.randrange(30))
        for number in range(1, entries + 1)
    ]
    question = (b"MEMORY", b"USAGE", b"s")
    judge.restart(2)
    ours.restart(2)
    their, our = judge.run([*commands, question])[-1], ours.run([*commands, question])[-1]
    assert our == their


def settings(max_bytes: bytes, max_entries: bytes) -> list[Command]:
    return [
        (b"CONFIG", b"SET", b"stream-node-max-bytes", max_bytes),
        (b"CONFIG", b"SET", b"stream-node-max-entries", max_entries),
    ]

"""Datasets with every type in every encoding, as commands: for our node and for real servers."""

from __future__ import annotations

from random import Random

import minidis.commands  # noqa: F401  (files every command in the registry)
from minidis.engine.keyspace.database import Database
from minidis.engine.node import Node
from minidis.persistence.rdb_reader import Event, load_snapshot
from minidis.persistence.rdb_writer import write_snapshot

Command = tuple[bytes, ...]

FAR_FUTURE_MS = 4_102_444_800_000  # in the year 2100: nothing expires while a test runs


def every_encoding(seed: int) -> list[Command]:
    """Commands that make strings, lists, sets, hashes, sorted sets and streams, each small and large."""
    choose = Random(seed)
    commands: list[Command] = []
    for number in range(40):
        commands.append((b"SET", b"string:%d" % number, _string(choose)))
    commands += [(b"APPEND", b"string:0", b"+more"), (b"SETRANGE", b"string:1", b"300", b"end")]
    for size, name in ((5, b"small"), (700, b"large")):
        commands.append((b"RPUSH", b"list:" + name, *[_string(choose) for _ in range(size)]))
        commands.append((b"SADD", b"intset:" + name, *[b"%d" % _integer(choose) for _ in range(size)]))
        commands.append((b"SADD", b"set:" + name, *[_string(choose) for _ in range(size)]))
        pairs = [word for _ in range(size) for word in (_string(choose), _string(choose))]
        commands.append((b"HSET", b"hash:" + name, *pairs))
        scores = [word for _ in range(size) for word in (_score(choose), _string(choose))]
        commands.append((b"ZADD", b"zset:" + name, *scores))
        commands += _stream(choose, b"stream:" + name, size)
    commands.append((b"HSET", b"hash:tiny", b"name", b"Ada", b"born", b"1815"))
    commands.append((b"ZADD", b"zset:tiny", b"1.5", b"a", b"-3", b"b", b"-3", b"12", b"inf", b"c"))
    commands.append((b"SADD", b"set:tiny", b"a", b"3", b"-70000", _noise(choose, 60)))
    commands.append((b"HSET", b"hash:wide", b"field", b"x" * 3000, b"n", b"12"))
    commands.append((b"ZADD", b"zset:words", b"inf", b"w" * 100, b"-inf", b"v", b"-0", b"u", b"1e-9", b"t"))
    commands.append((b"RPUSH", b"list:huge", b"a", b"z" * 20_000, b"b", _noise(choose, 9000)))
    commands.append((b"PFADD", b"sketch", *[b"%d" % number for number in range(500)]))
    commands += [
        (b"PEXPIREAT", key, b"%d" % (FAR_FUTURE_MS + number))
        for number, key in enumerate((b"string:2", b"list:small", b"hash:large", b"stream:small"))
    ]
    return [*commands, (b"SELECT", b"3"), (b"SET", b"elsewhere", b"1"), (b"SELECT", b"0")]


def node_with(commands: list[Command], **settings: str) -> Node:
    """A node on which the commands have run; its clock stands at 2024."""
    node = Node(settings, clock=lambda: 1_704_067_200_000_000, random=Random(7))
    client = node.connect()
    for command in commands:
        node.execute(client, list(command))
    return node


def file_of(node: Node, **options: object) -> bytes:
    """The node's RDB file."""
    return b"".join(write_snapshot(node.databases, **options))  # type: ignore[arg-type]


def node_from(file: bytes, piece_bytes: int = 1 << 16, **settings: str) -> tuple[Node, list[Event]]:
    """A node into which a file has been read in pieces of this size, checked; and the file's other events."""
    node = node_with([], **settings)
    pieces = (file[at : at + piece_bytes] for at in range(0, len(file), piece_bytes))
    databases: dict[int, Database] = dict(enumerate(node.databases))
    events = load_snapshot(pieces, databases, node.encodings, node.random)
    node.check()
    return node, events


def _stream(choose: Random, key: bytes, size: int) -> list[Command]:
    ids = [b"%d-%d" % (1000 + number * 3, choose.randrange(4)) for number in range(size)]
    commands: list[Command] = []
    for entry_id in ids:
        fields = [b"temp", b"hum"] if choose.random() < 0.8 else [b"alarm"]
        commands.append((b"XADD", key, entry_id, *[w for f in fields for w in (f, _string(choose))]))
    commands += [(b"XDEL", key, entry_id) for entry_id in choose.sample(ids, 2)]
    commands += [(b"XGROUP", b"CREATE", key, b"g1", b"0"), (b"XGROUP", b"CREATE", key, b"g2", b"$")]
    commands += [(b"XGROUP", b"CREATECONSUMER", key, b"g1", b"idle")]
    for consumer in (b"alice", b"bob"):
        commands.append((b"XREADGROUP", b"GROUP", b"g1", consumer, b"COUNT", b"2", b"STREAMS", key, b">"))
    return [*commands, (b"XACK", key, b"g1", ids[0])]


def _string(choose: Random) -> bytes:
    kind = choose.randrange(6)
    if kind == 0:
        return b"%d" % _integer(choose)
    if kind == 1:
        return b"user:%d name=Ada city=London; " % choose.randrange(1000) * choose.randrange(1, 8)
    if kind == 2:
        return choose.choice([b"", b"-0", b"007", b"+1", b"1.0", b"\x00\xff", b"9223372036854775808"])
    return _noise(choose, choose.choice([3, 11, 12, 20, 21, 44, 60, 63, 64]))


def _noise(choose: Random, size: int) -> bytes:
    return choose.randbytes(size)


def _integer(choose: Random) -> int:
    bits = choose.randrange(1, 64)
    return choose.randrange(-(1 << bits), 1 << bits) >> (bits == 63)


def _score(choose: Random) -> bytes:
    return choose.choice(
        [b"%d" % choose.randrange(-50, 50), b"%.3f" % choose.uniform(-1e6, 1e6), b"3.5", b"0"]
    )

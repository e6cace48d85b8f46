"""Large collections are read as their bytes come: the same values, in any pieces, and the same refusals."""

from __future__ import annotations

from random import Random
from typing import Any

import pytest

from minidis import Embedded
from minidis.persistence import rdb_gradual
from minidis.persistence.rdb_format import RdbError, Type
from minidis.persistence.rdb_reader import CutOff, Entry, Notice, Progress, SnapshotReader
from minidis.persistence.rdb_writer import SnapshotWriter, encode_length, encode_string
from minidis.values.encodings import Encodings

COUNT = 3000
REQUESTS: dict[str, list[list[object]]] = {
    "set": [["SADD", "big", *(f"member {n}" for n in range(COUNT))]],
    "hash": [["HSET", "big", *(word for n in range(COUNT) for word in (f"field {n}", n * 7))]],
    "zset": [["ZADD", "big", *(word for n in range(COUNT) for word in (n * 0.5 % 77, f"member {n}"))]],
    "list": [["RPUSH", "big", *(f"element {n}" for n in range(COUNT)), "x" * 9000, "last"]],
    "stream": [
        *(["XADD", "big", f"{n + 1}-1", "field", n] for n in range(1200)),
        ["XDEL", "big", "7-1", "1200-1"],
        ["XGROUP", "CREATE", "big", "readers", "0"],
        ["XREADGROUP", "GROUP", "readers", "ada", "COUNT", "50", "STREAMS", "big", ">"],
    ],
}


def saved(kind: str, redis: Embedded | None = None) -> tuple[bytes, str]:
    """A snapshot with a key before, the collection, and one behind; and the digest of the dataset."""
    redis = redis or Embedded(clock=0, seed=1)
    redis.execute("SET", "before", "1")
    for words in REQUESTS[kind]:
        redis.execute(*words)
    redis.execute("PEXPIREAT", "big", 10**15)
    redis.execute("SET", "behind", "2")
    redis.execute("SAVE")
    return redis.node.disk.read(redis.node.saving.path), str(redis.execute("DEBUG", "DIGEST"))


def digest_of(events: list[Any]) -> str:
    redis = Embedded(clock=0)
    for event in events:
        if isinstance(event, Entry):
            redis.node.databases[0].put(event.key, event.value)
            if event.expires_at_ms is not None:
                redis.node.databases[0].set_expiry(event.key, event.expires_at_ms)
    redis.node.databases[0].check()
    return str(redis.execute("DEBUG", "DIGEST"))


@pytest.mark.parametrize("kind", REQUESTS)
@pytest.mark.parametrize("size", [1 << 20, 1000, 7])
def test_the_same_value_in_whatever_pieces_it_comes(kind: str, size: int) -> None:
    data, digest = saved(kind)
    reader, random, events, at = SnapshotReader(), Random(size), [], 0
    while at < len(data):
        piece = data[at : at + random.randrange(1, 2 * size)]
        events += reader.feed(piece)
        at += len(piece)
    events += reader.close()
    progress = [event.left for event in events if isinstance(event, Progress)]
    assert progress == sorted(progress, reverse=True) and (len(progress) >= 5 or size < 1 << 20)
    assert digest_of(events) == digest


@pytest.mark.parametrize("kind", REQUESTS)
def test_no_element_is_read_twice(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """What makes the work linear, and each step short: whatever has been read is kept."""
    data, _ = saved(kind)
    taken: list[int] = []
    for class_ in set(rdb_gradual._KINDS.values()):
        take = class_.take

        def count(self: Any, cursor: Any, take: Any = take) -> None:
            take(self, cursor)
            taken.append(cursor.offset)

        if "take" in class_.__dict__:
            monkeypatch.setattr(class_, "take", count)
    reader = SnapshotReader()
    for at in range(0, len(data), 100):
        list(reader.feed(data[at : at + 100]))
    reader.close()
    assert taken == sorted(set(taken)) and len(taken) >= 5


@pytest.mark.parametrize("kind", REQUESTS)
def test_a_file_that_is_cut_off_says_so(kind: str) -> None:
    data, _ = saved(kind)
    reader = SnapshotReader()
    list(reader.feed(data[: len(data) // 2]))
    with pytest.raises(CutOff, match="the file is cut off"):
        reader.close()


def record(kind: Type, *parts: bytes) -> bytes:
    """A snapshot with one key, whose value has these parts."""
    return SnapshotWriter().begin() + bytes([kind]) + encode_string(b"k") + b"".join(parts)


def members(count: int, last: bytes, beside: bytes = b"") -> list[bytes]:
    names = [b"member %d" % n for n in range(count - 1)] + [last]
    return [encode_length(count), *(encode_string(name) + beside for name in names)]


ONE = b"\x00\x00\x00\x00\x00\x00\xf0\x3f"
NOT_A_NUMBER = b"\x00\x00\x00\x00\x00\x00\xf8\x7f"


@pytest.mark.parametrize(
    ("data", "error"),
    [
        (record(Type.SET, *members(2000, b"member 7")), "the member b'member 7' twice"),
        (record(Type.HASH, *members(2000, b"member 7", b"\x01v")), "the field b'member 7' twice"),
        (record(Type.ZSET_2, *members(2000, b"member 7", ONE)), "the member b'member 7' twice"),
        (record(Type.ZSET_2, *members(2000, b"x", NOT_A_NUMBER)), "the score of b'member 0' is not a number"),
        (record(Type.ZSET, *members(2000, b"member 7", b"\x011")), "the member b'member 7' twice"),
    ],
)
def test_what_no_command_could_have_made_is_refused_where_it_stands(data: bytes, error: str) -> None:
    reader = SnapshotReader()
    with pytest.raises(RdbError, match=error) as refused:
        list(reader.feed(data))
    assert data[refused.value.offset :].startswith((encode_string(b"member 7"), encode_string(b"member 0")))


@pytest.mark.parametrize("kind", rdb_gradual._KINDS)
def test_a_length_that_was_only_announced_costs_nothing(kind: int) -> None:
    reader = SnapshotReader()
    with pytest.raises(RdbError):
        list(reader.feed(record(Type(kind), encode_length(1 << 60), encode_string(b"a"))))
        reader.close()


def test_what_our_own_small_encoding_takes_is_small() -> None:
    """A server of other settings may have written a table where we would have a listpack."""
    data, digest = saved("zset")
    reader = SnapshotReader(Encodings(zset_max_listpack_entries=COUNT))
    events = [*reader.feed(data), *reader.close()]
    [board] = [event.value for event in events if isinstance(event, Entry) and event.key == b"big"]
    assert not any(isinstance(event, Progress) for event in events)
    assert board.encoding == "listpack" and digest_of(events) == digest


@pytest.mark.parametrize("nodes", [3, 9])
def test_a_list_of_empty_nodes_is_passed_over(nodes: int) -> None:
    empty = b"\x02" + encode_string(bytes.fromhex("07000000 0000 ff"))
    behind = bytes([Type.STRING]) + encode_string(b"next") + encode_string(b"value")
    reader = SnapshotReader()
    events = list(reader.feed(record(Type.LIST_QUICKLIST_2, encode_length(nodes), empty * nodes) + behind))
    assert [event.key for event in events if isinstance(event, Entry)] == [b"next"]
    assert reader.empty_keys == 1 and any(isinstance(event, Notice) for event in events)

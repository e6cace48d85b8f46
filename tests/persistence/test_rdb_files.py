"""Whole files: what was written is read back, in pieces of any size; nothing else is."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from minidis.engine.node import Node
from minidis.persistence.rdb_cursor import Cursor
from minidis.persistence.rdb_format import RdbError
from minidis.persistence.rdb_reader import Aux, End, Entry, Function, Header, SnapshotReader
from minidis.persistence.rdb_writer import SnapshotWriter, dump_payload, write_snapshot
from minidis.values.base import Value
from minidis.values.hash import Hash
from minidis.values.string import String
from tests.persistence.datasets import every_encoding, file_of, node_from, node_with


def contents(node: Node, version: int) -> dict[tuple[int, bytes], tuple[bytes, str, int | None]]:
    """Every key's value as bytes, its encoding and its expiry."""
    return {
        (database.index, key): (
            dump_payload(value, version),
            value.encoding,
            database.expires.get(key),
        )
        for database in node.databases
        for key, value in database.table.items()
    }


@pytest.mark.parametrize("compress", [True, False])
@pytest.mark.parametrize("checksum", [True, False])
def test_a_file_of_version_11_gives_back_everything(compress, checksum):
    node = node_with(every_encoding(1))
    read, events = node_from(file_of(node, version=11, compress=compress, checksum=checksum))
    before, after = contents(node, 11), contents(read, 11)
    for key in before:
        assert after[key][2] == before[key][2]
        if before[key][1] != "hashtable":  # a table's order is its own business
            assert after[key][0] == before[key][0], key
    assert after.keys() == before.keys()
    assert isinstance(events[-1], End)


@pytest.mark.parametrize("seed", range(3))
def test_version_10_forgets_only_when_consumers_were_active(seed):
    node = node_with(every_encoding(seed))
    read, _ = node_from(file_of(node))
    for index, database in enumerate(node.databases):
        for key, value in database.table.items():
            again = read.databases[index].table[key]
            assert (again.kind, len(again)) == (value.kind, len(value)), key
            assert again.encoding == value.encoding or value.kind == "string", key  # APPEND leaves it raw
    for consumer in read.databases[0].table[b"stream:large"].groups[b"g1"].consumers.values():
        assert consumer.active_ms == consumer.seen_ms


@pytest.mark.parametrize("piece_bytes", [1, 7, 1000])
def test_pieces_of_any_size_give_the_same(piece_bytes):
    file = file_of(node_with(every_encoding(2)))
    whole, _ = node_from(file, len(file))
    in_pieces, _ = node_from(file, piece_bytes)
    assert contents(in_pieces, 11) == contents(whole, 11)


class CountingCursor(Cursor):
    """Counts the strings that are read, and read again."""

    strings = 0

    def string(self, what: str = "a string") -> bytes:
        self.strings += 1
        return super().string(what)


def test_a_large_entry_in_many_pieces_is_not_read_again_for_each():
    members = [b"member:%d" % number for number in range(20_000)]
    file = file_of(node_with([(b"SADD", b"large", *members)]))
    cursor = CountingCursor(b"")
    reader = SnapshotReader(cursor=cursor)
    for at in range(0, len(file), 500):
        assert list(reader.feed(file[at : at + 500])) is not None
    reader.close()
    assert reader.ended
    assert len(members) <= cursor.strings <= 4 * len(members)  # 1 + 2/3 + 4/9 + ... is 3


def test_entries_come_out_as_their_bytes_go_in():
    file = file_of(node_with([(b"SET", b"key:%d" % number, b"v") for number in range(1000)]))
    reader = SnapshotReader()
    seen = 0
    for at in range(0, len(file), 100):
        seen += sum(isinstance(event, Entry) for event in reader.feed(file[at : at + 100]))
        assert seen >= (at - 200) // 12, "an entry is about ten bytes long"
    reader.close()
    assert seen == 1000


strings = st.one_of(st.binary(max_size=80), st.integers(-(2**70), 2**70).map(lambda number: b"%d" % number))
scores = st.floats(allow_nan=False).map(lambda score: repr(score).encode())


@given(
    st.one_of(
        st.tuples(st.just(b"SET"), st.just(b"k"), strings),
        st.lists(strings, min_size=1, max_size=40).map(lambda words: (b"RPUSH", b"k", *words)),
        st.lists(strings, min_size=1, max_size=40).map(lambda words: (b"SADD", b"k", *words)),
        st.dictionaries(strings, strings, min_size=1, max_size=40).map(
            lambda fields: (b"HSET", b"k", *[word for pair in fields.items() for word in pair])
        ),
        st.dictionaries(strings, scores, min_size=1, max_size=40).map(
            lambda pairs: (
                b"ZADD",
                b"k",
                *[word for member, score in pairs.items() for word in (score, member)],
            )
        ),
    ),
    st.sampled_from([10, 11]),
    st.booleans(),
)
def test_any_value_comes_back(command, version, compress):
    settings = {
        "hash-max-listpack-entries": "8",
        "zset-max-listpack-entries": "8",
        "set-max-intset-entries": "8",
    }
    node = node_with([command], **settings)
    read, _ = node_from(file_of(node, version=version, compress=compress), **settings)
    before, after = node.databases[0].table[b"k"], read.databases[0].table[b"k"]
    assert plain(after) == plain(before)


def plain(value: Value) -> object:
    """What a client could see of a value, whatever its encoding."""
    if isinstance(value, String):
        return value.as_bytes()
    if isinstance(value, Hash):
        return dict(value.items())
    return list(value) if value.kind in ("list", "zset") else set(value)  # type: ignore[call-overload]


def test_a_reader_keeps_what_stands_behind_the_end():
    file = file_of(node_with([(b"SET", b"k", b"v")])) + b"*1\r\n"
    reader = SnapshotReader()
    events = list(reader.feed(file))
    events += list(reader.feed(b"$4\r\n"))
    assert isinstance(events[-1], End)
    assert reader.close() == []
    assert reader.rest == b"*1\r\n$4\r\n"


def test_notes_functions_and_the_eviction_clock():
    writer = SnapshotWriter()
    code = b"#!lua name=lib\nredis.register_function('f', function() end)"
    file = writer.begin({"redis-ver": "7.2.0", "ctime": 1_700_000_000, "repl-id": b"\xff" * 40})
    file += writer.function(code) + writer.database(0, 2, 1)
    file += writer.entry(b"idle", String(b"1"), expires_at_ms=5, idle_s=100_000)
    file += writer.entry(b"used", String(7), frequency=255) + writer.end()
    events = list(SnapshotReader().feed(file))
    assert events[:5] == [
        Header(10, False),
        Aux(b"redis-ver", b"7.2.0"),
        Aux(b"ctime", b"1700000000"),
        Aux(b"repl-id", b"\xff" * 40),
        Function(code),
    ]
    idle, used = [event for event in events if isinstance(event, Entry)]
    assert (idle.key, idle.expires_at_ms, idle.idle_s, idle.frequency) == (b"idle", 5, 100_000, None)
    assert (used.key, used.expires_at_ms, used.idle_s, used.frequency) == (b"used", None, None, 255)
    assert used.value.encoding == "int"


@pytest.mark.parametrize("setting", ["hash_max_listpack_entries", "zset_max_listpack_entries"])
def test_values_too_large_for_our_thresholds_move_on(setting):
    many = [word for number in range(20) for word in (b"%d" % number, b"m%d" % number)]
    node = node_with([(b"HSET", b"h", *many), (b"ZADD", b"z", *many)])
    read, _ = node_from(file_of(node), **{setting.replace("_", "-"): "10"})
    table = read.databases[0].table
    assert {key: value.encoding for key, value in table.items()} == {
        b"h": "hashtable" if setting.startswith("hash") else "listpack",
        b"z": "skiplist" if setting.startswith("zset") else "listpack",
    }


# -- what is not a file ---------------------------------------------------------------------------


def test_every_cut_is_found():
    file = file_of(node_with(every_encoding(3)[:60]))
    for size in range(0, len(file), 29):
        with pytest.raises(RdbError, match="cut off") as caught:
            node_from(file[:size])
        assert caught.value.offset == size


def test_every_flipped_bit_is_found():
    file = file_of(
        node_with(
            [(b"SET", b"k", b"v" * 30), (b"ZADD", b"z", b"1", b"m"), (b"XADD", b"s", b"1-1", b"f", b"v")]
        )
    )
    for bit in range(0, 8 * len(file)):
        damaged = bytearray(file)
        damaged[bit // 8] ^= 1 << bit % 8
        with pytest.raises(RdbError) as caught:
            reader = SnapshotReader()
            list(reader.feed(bytes(damaged)))
            reader.close()
        assert 0 <= caught.value.offset <= len(file)


def test_a_wrong_check_sum_names_the_byte_to_blame():
    """Within a value nothing but the sum can tell; it says which byte, or that there is more than one."""
    file = file_of(node_with([(b"SET", b"k", b"v" * 20_000), (b"SET", b"l", b"w" * 20)]), compress=False)

    def refusal(*changes: tuple[int, int]) -> RdbError:
        damaged = bytearray(file)
        for at, difference in changes:
            damaged[at] ^= difference
        with pytest.raises(RdbError) as caught:
            node_from(bytes(damaged))
        return caught.value

    for at in (file.index(b"vvv"), file.index(b"vvv") + 12_345, file.index(b"www") + 19):
        for difference in (1, 0x80, 0xFF):
            error = refusal((at, difference))
            assert error.offset == at and f"(XOR {difference:02x})" in error.what
    for at in range(len(file) - 8, len(file)):
        assert refusal((at, 0x10)).offset == at
    error = refusal((file.index(b"vvv"), 1), (file.index(b"www"), 1))
    assert error.offset == len(file) - 8 and "something before this place" in error.what


@pytest.mark.parametrize(
    ("file", "what"),
    [
        (b"not an RDB file", "is not how an RDB file begins"),
        (b"REDISxxxx", "is not how an RDB file begins"),
        (b"REDIS0000\xff", "version 0"),
        (b"REDIS0013\xff", "version 13"),
        (b"VALKEY079\xff", "version 79"),
        (b"REDIS0010\xfc", "cut off"),
        (b"REDIS0010\x08\x01k\x01v", "no opcode and no type of value is 8"),
        (b"REDIS0010\x06\x01k\x01v", "release candidates"),
        (b"REDIS0010\xfe\xc1\x00\x00", "a special form of a string where a length is due"),
        (b"REDIS0010\x00\x81" + b"\xff" * 8, "cut off"),
        (b"REDIS0010\x00\x01k\xc3\x02\x81" + b"\x7f" * 8 + b"ab", "bytes of LZF can't hold"),
        (b"REDIS0010\x04\x01k\x81" + b"\xff" * 8, "cut off"),
        (b"REDIS0010\x04\x01k\x02\x01a\x01b\x01a\x01c", "the field b'a' twice"),
    ],
)
def test_each_fault_has_its_words(file, what):
    with pytest.raises(RdbError, match=what):
        node_from(file)


def test_a_key_twice_and_a_database_too_many():
    entry = SnapshotWriter().entry(b"k", String(b"v"))
    with pytest.raises(RdbError, match="the key b'k' twice"):
        node_from(b"REDIS0010" + entry + entry)
    with pytest.raises(RdbError, match="a database that is not there"):
        node_from(b"REDIS0010\xfe\x10" + entry)


def test_only_versions_that_real_servers_load_are_written():
    with pytest.raises(ValueError, match="version 12 can't be written"):
        list(write_snapshot([], version=12))

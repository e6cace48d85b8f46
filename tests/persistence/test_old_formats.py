"""What no server of today writes: old encodings, newer servers' records, modules; and damage to them."""

from __future__ import annotations

import struct
from random import Random

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from minidis.persistence.rdb_format import RdbError, Type
from minidis.persistence.rdb_old import CorruptBlob, ziplist_elements, zipmap_elements
from minidis.persistence.rdb_reader import (
    Entry,
    Function,
    Notice,
    SnapshotReader,
    restore_payload,
)
from minidis.persistence.rdb_writer import dump_payload, encode_string, seal_payload
from minidis.structures.listpack import Listpack
from minidis.values.base import Value
from minidis.values.encodings import Encodings
from tests.persistence.datasets import every_encoding, file_of, node_from, node_with
from tests.persistence.old_formats import FIELDS, OLD_VALUES, ziplist, zipmap

SPECIAL_INTEGERS = [
    b"%d" % (sign * (1 << bits) + step) for bits in range(63) for step in (-1, 0, 1) for sign in (1, -1)
]


def restored(body: bytes, version: int = 10, **thresholds: int) -> Value:
    value, _ = restore_payload(seal_payload(body, version), Encodings(**thresholds), Random(0))
    value.check()
    return value


def events_of(records: bytes, header: bytes = b"REDIS0012") -> list:
    """The events of a file without check sum, but for its header and end."""
    return list(SnapshotReader().feed(header + records + b"\xff" + bytes(8)))[1:-1]


@pytest.mark.parametrize("name", OLD_VALUES)
def test_an_old_value_is_what_its_commands_make(name):
    body, commands = OLD_VALUES[name]
    made = node_with(commands).databases[0].table[b"key"]
    value = restored(body)
    if value.kind == "stream":  # the commands' times are of today
        pending = value.groups[b"g"].pending[struct.pack(">QQ", 15, 0)]
        assert (pending.delivered_ms, pending.deliveries) == (1_700_000_000_000, 3)
        assert [entry.pairs for entry in value.walk()] == [entry.pairs for entry in made.walk()]
        assert (value.entries_added, value.groups[b"g"].entries_read) == (2, 2)
        return
    assert value.encoding == made.encoding
    if value.encoding == "hashtable":
        assert dict(value.items()) == dict(made.items())
    elif value.encoding == "quicklist":  # its nodes stay as the old server had them
        assert list(value) == list(made)
    else:
        assert dump_payload(value, 11) == dump_payload(made, 11)


def test_old_values_too_large_for_the_thresholds_move_on():
    body, _ = OLD_VALUES["hash as a ziplist"]
    assert restored(body, hash_max_listpack_entries=9).encoding == "hashtable"
    body, _ = OLD_VALUES["sorted set as a ziplist"]
    assert restored(body, zset_max_listpack_entries=4).encoding == "skiplist"
    body, _ = OLD_VALUES["quicklist of 3.2"]
    assert restored(body, list_max_listpack_size=3).encoding == "quicklist"
    intset = bytes((Type.SET_INTSET,)) + encode_string(struct.pack("<IIhh", 2, 2, 5, 9))
    assert restored(intset, set_max_intset_entries=1).encoding == "hashtable"
    listpack = bytes((Type.SET_LISTPACK,)) + encode_string(bytes(Listpack([b"a", b"b"])))
    assert restored(listpack, version=11).encoding == "listpack"
    assert restored(listpack, version=11, set_max_listpack_entries=1).encoding == "hashtable"


@given(st.lists(st.one_of(st.binary(max_size=300), st.sampled_from(SPECIAL_INTEGERS)), max_size=30))
def test_ziplists_give_back_their_elements(elements):
    assert ziplist_elements(ziplist(elements)) == elements


@given(st.dictionaries(st.binary(max_size=300), st.binary(max_size=300), max_size=20), st.integers(0, 4))
def test_zipmaps_give_back_their_fields(fields, free):
    pairs = list(fields.items())
    assert zipmap_elements(zipmap(pairs, free)) == [word for pair in pairs for word in pair]


# -- newer servers, modules -----------------------------------------------------------------------


def test_hashes_whose_fields_expire_lose_that_and_say_so():
    minimum = struct.pack("<Q", 5000)
    metadata = b"\x02" + b"\x01\x01a\x01A" + b"\x00\x01b\x01B"  # time to live, field, value; 0: none
    listpack = encode_string(bytes(Listpack([b"a", b"A", b"5000", b"b", b"B", b"0"])))
    valkey = b"\x02\x01a\x01A" + struct.pack("<q", 5000) + b"\x01b\x01B" + struct.pack("<q", -1)
    for header, kind, value in [
        (b"REDIS0012", Type.HASH_METADATA, minimum + metadata),
        (b"REDIS0012", Type.HASH_METADATA_PRE_GA, metadata),
        (b"REDIS0012", Type.HASH_LISTPACK_EX, minimum + listpack),
        (b"REDIS0012", Type.HASH_LISTPACK_EX_PRE_GA, listpack),
        (b"VALKEY080", 22, valkey),
    ]:
        notice, entry = events_of(bytes((kind,)) + b"\x01h" + value, header)
        assert notice.what == "1 fields of a hash had a time to live; here they live on without it"
        assert isinstance(entry, Entry) and dict(entry.value.items()) == {b"a": b"A", b"b": b"B"}


def test_a_module_is_passed_over_with_its_name():
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    identifier = 0
    for letter in "ReJSON-RL":
        identifier = identifier << 6 | letters.index(letter)
    number = b"\x81" + struct.pack(">Q", identifier << 10 | 3)
    parts = (
        b"\x01\x05"
        + b"\x02\x80\x00\x00\x01\x00"
        + b"\x03"
        + bytes(4)
        + b"\x04"
        + bytes(8)
        + b"\x05\x03abc"
        + b"\x00"
    )
    aux = b"\xf7" + number + b"\x02\x01" + parts
    first, second, entry = events_of(aux + b"\x07\x01k" + number + parts + b"\x00\x01s\x01v")
    assert isinstance(first, Notice) and "a note of the module type ReJSON-RL version 3" in first.what
    assert isinstance(second, Notice) and "a value of the module type ReJSON-RL version 3" in second.what
    assert entry.key == b"s"
    with pytest.raises(RdbError, match="no part of a module's value is 9"):
        events_of(b"\x07\x01k" + number + b"\x09")


def test_records_that_say_nothing_to_us_are_passed_over():
    slot_info = b"\xf4\x05\x02\x01"
    slot_import = b"\xf3\x03job\x01\x00\x44\x00"
    entry = b"\xfd" + struct.pack("<i", 1_700_000_000) + b"\xf8\x0a" + b"\x00\x01k\x01v"
    assert [event.expires_at_ms for event in events_of(slot_info + entry)] == [1_700_000_000_000]
    notice, kept = events_of(slot_import + entry, b"VALKEY080")
    assert "import of cluster slots" in notice.what and kept.idle_s == 10
    assert events_of(b"\xf5\x03abc") == [Function(b"abc")]
    with pytest.raises(RdbError, match="a function in the format of Redis 7.0's release candidates"):
        events_of(b"\xf6\x03abc")


def test_empty_collections_are_passed_over_with_their_keys():
    empty_list = b"\x0a\x01k" + encode_string(ziplist([]))
    notice, entry = events_of(empty_list + b"\x00\x01s\x01v")
    assert notice.what == "skipping empty key: k, a collection without elements"
    assert entry.key == b"s"


@pytest.mark.parametrize("version", range(1, 5))
def test_before_version_5_there_was_no_check_sum(version):
    reader = SnapshotReader()
    events = list(reader.feed(b"REDIS%04d\xfe\x00\x00\x01k\x01v\xff" % version))
    assert events[-1].version == version and reader.close() == []


# -- damage ---------------------------------------------------------------------------------------


def payload_bodies() -> list[bytes]:
    """Type and value of everything: all that we write, in both versions, and all that is old."""
    table = node_with(every_encoding(11), rdbcompression="no").databases[0].table
    kinds = [key for key in table if not key.startswith(b"string:")] + [b"string:0", b"string:3", b"string:7"]
    bodies = [
        dump_payload(table[key], version, compress=False)[:-10] for key in kinds for version in (10, 11)
    ]
    bodies = [body for body in bodies if len(body) < 20_000]
    return bodies + [body for body, _ in OLD_VALUES.values()]


BODIES = payload_bodies()


@st.composite
def damaged(draw: st.DrawFn) -> bytes:
    """A sound value with a few bytes changed, put in, taken out or copied from elsewhere."""
    body = bytearray(draw(st.sampled_from(BODIES)))
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, min(len(body), 400)))
        kind = draw(st.sampled_from(["set", "insert", "delete", "huge", "copy"]))
        if kind == "set" and at < len(body):
            body[at] = draw(st.integers(0, 255))
        elif kind == "insert":
            body[at:at] = draw(st.binary(min_size=1, max_size=4))
        elif kind == "delete":
            del body[at : at + draw(st.integers(1, 10))]
        elif kind == "huge":
            body[at : at + 1] = b"\x81" + struct.pack(">Q", draw(st.integers(1 << 20, (1 << 64) - 1)))
        else:
            source = draw(st.integers(0, max(len(body) - 1, 0)))
            body[at : at + 8] = body[source : source + 8]
    return bytes(body)


@given(damaged(), st.sampled_from([10, 11, 80]))
@example(b"\x12\x81" + b"\xff" * 8, 10)
@example(b"\x00\xc3\x05\x81" + b"\x7f" * 8 + b"hello", 10)
def test_damage_is_refused_or_gives_a_sound_value(body, version):
    try:
        value = restored(body, version)
    except RdbError as error:
        assert 0 <= error.offset <= len(body)
        return
    again = restored(dump_payload(value, 11)[:-10], 11)
    assert (again.kind, len(again)) == (value.kind, len(value))


@given(st.binary(max_size=60), st.sampled_from(list(Type)))
def test_noise_is_refused_or_gives_a_sound_value(noise, kind):
    try:
        restored(bytes((kind,)) + noise)
    except RdbError as error:
        assert 0 <= error.offset <= len(noise) + 1


@given(st.binary(max_size=60))
def test_noise_is_no_ziplist_and_no_zipmap(noise):
    for take_apart in (ziplist_elements, zipmap_elements):
        try:
            take_apart(noise)
        except CorruptBlob as corrupt:
            assert 0 <= corrupt.offset <= len(noise)


def test_the_pairs_of_a_zipmap_are_counted():
    blob = bytearray(zipmap(FIELDS))
    blob[0] -= 1
    with pytest.raises(CorruptBlob, match="the zipmap says 9 fields, there are 10"):
        zipmap_elements(bytes(blob))


FILE = file_of(node_with([*every_encoding(12)[:30], *every_encoding(12)[-40:]]), checksum=False)


@given(st.integers(9, len(FILE) - 1), st.integers(1, 255), st.integers(1, 3))
def test_a_damaged_file_without_check_sum_is_refused_or_sound(at, change, times):
    damaged = bytearray(FILE)
    for step in range(times):
        damaged[(at + 977 * step - 9) % (len(FILE) - 9) + 9] ^= change
    try:
        node_from(bytes(damaged))  # which checks every value
    except RdbError as error:
        assert 0 <= error.offset <= len(FILE)

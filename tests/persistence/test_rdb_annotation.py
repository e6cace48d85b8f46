"""Every byte of a file or payload is explained, by the reader that reads it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from minidis.persistence.rdb_annotation import annotate
from minidis.persistence.rdb_format import Type
from minidis.persistence.rdb_writer import dump_payload, seal_payload
from tests.persistence.datasets import every_encoding, file_of, node_with
from tests.persistence.old_formats import OLD_VALUES

FILE = file_of(
    node_with([*every_encoding(4)[:50], (b"ZADD", b"z", b"1.5", b"m" * 70), *every_encoding(4)[-60:]]),
    aux={"redis-ver": "7.2.0"},
    functions=[b"#!lua name=lib"],
)


def covers(data: bytes, spans: list) -> bool:
    ends = [0, *[span.end for span in spans]]
    return [span.start for span in spans] == ends[:-1] and ends[-1] == len(data)


def test_a_file_is_covered_and_nothing_in_it_is_broken():
    spans = annotate(FILE)
    assert covers(FILE, spans)
    kinds = {span.kind for span in spans}
    assert kinds == {"header", "opcode", "type", "length", "encoding", "data", "number", "checksum"}
    assert all(span.explanation and span.end > span.start for span in spans)


@pytest.mark.parametrize("name", OLD_VALUES)
def test_payloads_of_old_formats_are_covered(name):
    payload = seal_payload(OLD_VALUES[name][0])
    spans = annotate(payload, payload=True)
    assert covers(payload, spans) and "broken" not in {span.kind for span in spans}
    assert spans[0].kind == "type" and spans[-1].explanation == "the check sum, CRC-64"


def test_every_type_that_is_written_has_its_name():
    table = node_with(every_encoding(4)).databases[0].table
    names = {
        annotate(dump_payload(value, version), payload=True)[0].explanation.partition(",")[0]
        for value in table.values()
        for version in (10, 11)
    }
    written = (0, 2, 4, 5, 11, 16, 17, 18, 19, 20, 21)
    assert names == {Type(number).name for number in written}


@given(st.integers(0, len(FILE) - 1))
def test_a_cut_file_is_covered_up_to_the_cut(size):
    spans = annotate(FILE[:size])
    assert covers(FILE[:size], spans)
    if size:
        assert (spans[-1].kind, spans[-1].explanation) == ("broken", "the file is cut off")


@given(st.integers(0, len(FILE) - 1), st.integers(1, 255))
def test_a_damaged_file_is_covered_and_says_so(at, change):
    damaged = bytearray(FILE)
    damaged[at] ^= change
    spans = annotate(bytes(damaged))
    assert covers(FILE, spans)
    assert spans[-1].kind in ("broken", "rest")


def test_what_stands_behind_the_end_is_told():
    spans = annotate(FILE + b"*1\r\n$4\r\nPING\r\n")
    assert spans[-1].explanation == "14 bytes behind the end: an append-only file goes on here"


@pytest.mark.parametrize(
    "payload", [b"", b"short", seal_payload(b"\x00\x01a")[:-1] + b"?", seal_payload(b"\x00\x05a")]
)
def test_broken_payloads_are_covered(payload):
    spans = annotate(payload, payload=True)
    assert covers(payload, spans) and (not payload or spans[-1].kind == "broken")

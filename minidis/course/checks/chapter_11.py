"""Chapter 11: durability."""

from __future__ import annotations

import math
import struct
from collections.abc import Callable
from typing import Any

from minidis.course.case import Case
from minidis.course.exercise import Exercise, Wrong, show
from minidis.course.rdb_files import explain, read_file, real_checker
from minidis.drivers.embedded import Embedded
from minidis.engine.database import Database
from minidis.persistence.crc64 import crc64
from minidis.persistence.rdb_format import RdbError
from minidis.persistence.rdb_reader import load_snapshot
from minidis.persistence.rdb_writer import encode_length, encode_string

# -- 11.4 --------------------------------------------------------------------------------------------

FileEntry = tuple[bytes, Any, int | None]
Writer = Callable[[list[FileEntry]], bytes]

rdb_writer = Exercise(
    "11.4",
    "An RDB file: strings, hashes, sorted sets",
    kind="rebuild",
    points=6,
    hints=(
        "Three small functions carry everything: length(n), string(data), and one for an entry. A key, a "
        "field, a member and the text of a string value are all written by string().",
        "string(): if data == str(int(data)).encode() and the number fits 8, 16 or 32 bits with a sign, one "
        "byte c0, c1 or c2 and the number, little-endian. Else length(len(data)) + data. length(): below 64 "
        "one byte; below 16384 two, big-endian, with 01 as their first bits; else 80 and four, big-endian.",
        "An entry: fc and the time in 8 bytes, little-endian, if it expires; the type (0, 4 or 5); the key; "
        "the value. A score is struct.pack('<d', score). At the end ff, then crc64 of all bytes so far, "
        "little-endian.",
    ),
)


def reference_file(entries: list[FileEntry]) -> bytes:
    """The one file that the rules of the exercise allow."""
    parts = [b"REDIS0010", b"\xfe\x00"]
    for key, value, expires_at_ms in entries:
        if expires_at_ms is not None:
            parts += [b"\xfc", expires_at_ms.to_bytes(8, "little")]
        parts.append(_reference_value(encode_string(key, compress=False), value))
    body = b"".join(parts) + b"\xff"
    return body + crc64(body).to_bytes(8, "little")


def _reference_value(key: bytes, value: Any) -> bytes:
    if isinstance(value, bytes):
        return b"\x00" + key + encode_string(value, compress=False)
    is_hash = all(isinstance(content, bytes) for content in value.values())
    parts = [b"\x04" if is_hash else b"\x05", key, encode_length(len(value))]
    for name, content in value.items():
        parts.append(encode_string(name, compress=False))
        parts.append(encode_string(content, compress=False) if is_hash else struct.pack("<d", content))
    return b"".join(parts)


def same_file(case: Case, write: Writer, entries: list[FileEntry]) -> bytes:
    """The learner's file: readable, the same entries, and the very bytes; the first fault is told."""
    given = f"write_rdb({show(entries, 200)})"
    came = write(list(entries))
    if not isinstance(came, bytes):
        raise Wrong(given, show(came), "bytes")
    due = reference_file(entries)
    try:
        read = read_file(came)
    except RdbError as error:
        raise Wrong(given, f"{error}; {explain(came, due)}", "a file that can be read") from None
    case.equal(read, {key: (value, at_ms) for key, value, at_ms in entries}, f"{given}; what is read back")
    case.true(came == due, given, explain(came, due), "the bytes of the format")
    return came


@rdb_writer.test("text")
def text(case: Case, write: Writer) -> None:
    same_file(case, write, [])
    same_file(case, write, [(b"greeting", b"hello", None)])
    same_file(
        case, write, [(b"a", b"", None), (b"", b"\x00\xff\r\n", None), (b"b", "caf\u00e9".encode(), None)]
    )


@rdb_writer.test("numbers in few bytes")
def numbers(case: Case, write: Writer) -> None:
    for bits in (7, 15, 31):
        for number in ((1 << bits) - 1, 1 << bits, -(1 << bits), -(1 << bits) - 1):
            same_file(case, write, [(b"n", b"%d" % number, None)])
    same_file(case, write, [(b"12", b"0", None), (b"-7", b"-1", None)])


@rdb_writer.test("what only looks like a number")
def no_numbers(case: Case, write: Writer) -> None:
    for value in (b"007", b"+1", b"-0", b" 1", b"1 ", b"1.0", b"1_000", b"-", b"99999999999", b"9" * 40):
        same_file(case, write, [(b"n", value, None)])


@rdb_writer.test("lengths of one, two and five bytes")
def lengths(case: Case, write: Writer) -> None:
    for length in (1, 63, 64, 255, 256, 16_383, 16_384, 70_000):
        same_file(case, write, [(b"k" * min(length, 300), b"x" * length, None)])


@rdb_writer.test("hashes")
def hashes(case: Case, write: Writer) -> None:
    same_file(case, write, [(b"user", {b"name": b"Ada", b"born": b"1815"}, None)])
    many = {b"field %d" % number: b"%d" % (number * 7919) for number in range(100)}
    same_file(case, write, [(b"large", many, None), (b"small", {b"1": b"2"}, None)])


@rdb_writer.test("sorted sets")
def sorted_sets(case: Case, write: Writer) -> None:
    same_file(case, write, [(b"board", {b"ann": 1.0, b"bob": 2.5, b"10": -0.1}, None)])
    scores = {b"m%d" % number: case.random.uniform(-1e9, 1e9) for number in range(70)}
    same_file(case, write, [(b"edges", {b"low": -math.inf, b"high": math.inf, b"tiny": 5e-324}, None)])
    same_file(case, write, [(b"many", scores, None)])


@rdb_writer.test("times to live")
def times_to_live(case: Case, write: Writer) -> None:
    entries: list[FileEntry] = [
        (b"session", b"ann", 1_767_225_610_000),
        (b"for ever", b"x", None),
        (b"hash", {b"f": b"v"}, 1_999_999_999_999),
        (b"long ago", b"1", 5),
    ]
    same_file(case, write, entries)


@rdb_writer.test("the check sum is there, and right")
def check_sum(case: Case, write: Writer) -> None:
    entries: list[FileEntry] = [(b"k", b"value %d" % case.random.randrange(10**6), None)]
    came = write(list(entries))
    case.equal(came[-8:].hex(" "), crc64(came[:-8]).to_bytes(8, "little").hex(" "), "the last 8 bytes")


@rdb_writer.test("a live node loads it")
def live_node(case: Case, write: Writer) -> None:
    node = case.node()
    at_ms = node.node.now_ms + 60_000
    loaded = load_into(
        node, write([(b"user", {b"name": b"Ada"}, at_ms), (b"board", {b"ann": 2.0, b"bob": 1.0}, None)])
    )
    case.equal(loaded.execute("HGETALL", "user"), {b"name": b"Ada"}, "HGETALL user")
    case.equal(loaded.execute("PTTL", "user"), 60_000, "PTTL user, to expire in a minute")
    case.equal(loaded.execute("ZRANGE", "board", 0, -1), [b"bob", b"ann"], "ZRANGE board 0 -1")


def load_into(node: Embedded, file: bytes) -> Embedded:
    """Put a file's entries into a node."""
    databases: dict[int, Database] = dict(enumerate(node.node.databases))
    try:
        load_snapshot([file], databases, node.node.encodings, node.node.random)
    except RdbError as error:
        raise Wrong("the file, to a live node", str(error), "a file that it can load") from None
    return node


@rdb_writer.test("Redis's own checker, where it is installed")
def the_real_checker(case: Case, write: Writer) -> None:
    entries: list[FileEntry] = [(b"s", b"12", None), (b"h", {b"f": b"v"}, 5), (b"z", {b"m": 1.5}, None)]
    file = write(list(entries))
    read = read_or_none(file)
    case.true(read is not None, "redis-check-rdb", "a file that the engine refuses", "a sound file")
    verdict = real_checker(file)
    if verdict is not None:
        case.true(verdict[0], "redis-check-rdb", verdict[1][-400:], "RDB looks OK!")


def read_or_none(file: bytes) -> dict | None:
    """What the engine reads, None if it refuses the file."""
    try:
        return read_file(file)
    except RdbError:
        return None

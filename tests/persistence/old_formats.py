"""Values in the formats of old Redis versions, made by the book: nobody writes them any more.

Real servers still read them, and are asked whether these bytes mean what they should (tests/interop).
"""

from __future__ import annotations

import struct

from minidis.persistence.rdb_format import Type
from minidis.persistence.rdb_writer import encode_length, encode_string
from minidis.structures.listpack import Listpack, canonical_integer

Pairs = list[tuple[bytes, bytes]]


def ziplist(elements: list[bytes]) -> bytes:
    """Redis 2.0 to 6.2: every entry says how long the one before is."""
    body = b""
    before = last = 0
    for element in elements:
        entry = (bytes((before,)) if before < 254 else b"\xfe" + struct.pack("<I", before)) + _content(
            element
        )
        last = len(body)
        body += entry
        before = len(entry)
    total = 10 + len(body) + 1
    return struct.pack("<IIH", total, 10 + last, min(len(elements), 0xFFFF)) + body + b"\xff"


def _content(element: bytes) -> bytes:
    number = canonical_integer(element)
    if number is not None:
        if 0 <= number <= 12:
            return bytes((0xF1 + number,))
        for tag, size in ((0xFE, 1), (0xC0, 2), (0xF0, 3), (0xD0, 4), (0xE0, 8)):
            if -(1 << 8 * size - 1) <= number < 1 << 8 * size - 1:
                return bytes((tag,)) + number.to_bytes(size, "little", signed=True)
    length = len(element)
    if length < 64:
        return bytes((length,)) + element
    if length < 1 << 14:
        return struct.pack(">H", 0x4000 | length) + element
    return b"\x80" + struct.pack(">I", length) + element


def zipmap(pairs: Pairs, free: int = 0) -> bytes:
    """Redis before 2.6: a hash as text, with `free` bytes behind each value."""
    body = bytes((min(len(pairs), 254),))
    for field, value in pairs:
        body += _zipmap_length(field) + field + _zipmap_length(value) + bytes((free,)) + value + b"~" * free
    return body + b"\xff"


def _zipmap_length(text: bytes) -> bytes:
    return bytes((len(text),)) if len(text) < 254 else b"\xfe" + struct.pack("<I", len(text))


WORDS = [b"a", b"12", b"13", b"-1", b"127", b"-32768", b"70000", b"-8388609", b"9223372036854775807", b"007"]
LONG_WORDS = [*WORDS, b"", b"x" * 63, b"y" * 64, b"z" * 250, b"v" * 260, b"w" * 17_000, b"after a long one"]
FIELDS: Pairs = [(b"f%d" % number, word) for number, word in enumerate(WORDS)]
LONG_FIELDS: Pairs = [(b"f%d" % number, word) for number, word in enumerate(LONG_WORDS)]
SCORES: Pairs = [(b"m", b"-1.5"), (b"a", b"0"), (b"b", b"0"), (b"17", b"3"), (b"z", b"1e+20")]
INFINITE: Pairs = [(b"low", b"-inf"), *SCORES, (b"high", b"inf")]


def _flat(pairs: Pairs) -> list[bytes]:
    return [word for pair in pairs for word in pair]


def _body(kind: Type, *blobs: bytes) -> bytes:
    return bytes((kind,)) + b"".join(blobs)


def _old_double(text: bytes) -> bytes:
    special = {b"inf": b"\xfe", b"-inf": b"\xff"}
    return special.get(text) or bytes((len(text),)) + text


def _node_of_list(elements: list[bytes]) -> bytes:
    return encode_string(ziplist(elements))


def _zadd(pairs: Pairs) -> tuple[bytes, ...]:
    return (b"ZADD", b"key", *[word for member, score in pairs for word in (score, member)])


def _first_streams() -> bytes:
    """A stream of Redis 5: no first id, no deleted one, no count of entries ever added or read."""
    node = Listpack(b"2 0 1 f 0 2 0 0 v 4 2 5 0 w 4".split())
    key = struct.pack(">QQ", 10, 0)
    pending = struct.pack(">QQ", 15, 0)
    return _body(
        Type.STREAM_LISTPACKS,
        b"\x01" + encode_string(key) + encode_string(bytes(node)),
        b"\x02" + b"\x0f\x00",  # two entries, the last one 15-0
        b"\x01" + encode_string(b"g") + b"\x0f\x00",
        b"\x01" + pending + struct.pack("<Q", 1_700_000_000_000) + b"\x03",
        b"\x01" + encode_string(b"alice") + struct.pack("<Q", 1_700_000_000_001) + b"\x01" + pending,
    )


OLD_STREAM_COMMANDS: list[tuple[bytes, ...]] = [
    (b"XADD", b"key", b"10-0", b"f", b"v"),
    (b"XADD", b"key", b"15-0", b"f", b"w"),
    (b"XGROUP", b"CREATE", b"key", b"g", b"10-0"),
    (b"XREADGROUP", b"GROUP", b"g", b"alice", b"STREAMS", b"key", b">"),
]

# name: (type and value, the commands that make the same at `key`)
OLD_VALUES: dict[str, tuple[bytes, list[tuple[bytes, ...]]]] = {
    "list of 2.0": (
        _body(Type.LIST, encode_length(len(LONG_WORDS)), *map(encode_string, LONG_WORDS)),
        [(b"RPUSH", b"key", *LONG_WORDS)],
    ),
    "list as a ziplist": (
        _body(Type.LIST_ZIPLIST, encode_string(ziplist(LONG_WORDS))),
        [(b"RPUSH", b"key", *LONG_WORDS)],
    ),
    "quicklist of 3.2": (
        _body(Type.LIST_QUICKLIST, b"\x02", _node_of_list(WORDS), _node_of_list(LONG_WORDS)),
        [(b"RPUSH", b"key", *WORDS, *LONG_WORDS)],
    ),
    "set of numbers as text": (
        _body(Type.SET, b"\x03", encode_string(b"3"), encode_string(b"1"), encode_string(b"200")),
        [(b"SADD", b"key", b"3", b"1", b"200")],
    ),
    "sorted set with doubles as text": (
        _body(Type.ZSET, b"\x07", *[encode_string(m) + _old_double(s) for m, s in INFINITE]),
        [_zadd(INFINITE)],
    ),
    "sorted set as a ziplist": (
        _body(Type.ZSET_ZIPLIST, encode_string(ziplist(_flat(SCORES)))),
        [_zadd(SCORES)],
    ),
    "hash as a zipmap": (
        _body(Type.HASH_ZIPMAP, encode_string(zipmap(FIELDS, free=2))),
        [(b"HSET", b"key", *_flat(FIELDS))],
    ),
    "hash as a zipmap with long strings": (
        _body(Type.HASH_ZIPMAP, encode_string(zipmap(LONG_FIELDS))),
        [(b"HSET", b"key", *_flat(LONG_FIELDS))],
    ),
    "hash as a ziplist": (
        _body(Type.HASH_ZIPLIST, encode_string(ziplist(_flat(FIELDS)))),
        [(b"HSET", b"key", *_flat(FIELDS))],
    ),
    "stream of 5.0": (_first_streams(), OLD_STREAM_COMMANDS),
}

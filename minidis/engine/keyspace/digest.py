"""The fingerprint of a dataset: forty hex digits that agree exactly when two servers hold the same keys.

Where order matters, what came before is hashed again with each new part; where it does not (the keys of a
database, the members of a set), the parts are xored, so that any order gives the same:

    mix(digest, data)    digest = SHA1(digest xor SHA1(data))      a list: first, second, third
    add(digest, data)    digest = digest xor SHA1(data)            a set: in whatever order its table has it

That a key expires is part of it, when it expires is not; encodings and access times are not.

Mirrors: debug.c (xorDigest, mixDigest, xorObjectDigest, computeDatasetDigest). The digits are Redis's own: a
replica of ours is compared with a primary of theirs by DEBUG DIGEST.
Complexity: O(bytes of the dataset).

>>> from minidis.drivers.embedded import Embedded
>>> here, there = Embedded(clock=0), Embedded(clock=0)
>>> here.execute("SADD", "s", "a", "b", "c"), there.execute("SADD", "s", "c", "b", "a")
(3, 3)
>>> dataset_digest(here.node.databases) == dataset_digest(there.node.databases)
True

Read next: minidis/commands/debugging.py.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from hashlib import sha1
from typing import Any

from minidis.engine.keyspace.database import Database
from minidis.protocol.numbers import shortest_text
from minidis.values.base import Value

EMPTY = bytes(20)

_TYPE_NUMBERS = {"string": 0, "list": 1, "set": 2, "zset": 3, "hash": 4, "stream": 6}


def dataset_digest(databases: Iterable[Database]) -> bytes:
    """The digest of all keys: 20 bytes, zeros when there is none."""
    digest = EMPTY
    for database in databases:
        if len(database):
            digest = mix(digest, database.index.to_bytes(4, "big"))
            for key, value in database.table.items():
                digest = add(
                    digest, value_digest(value, database.expiry_ms(key) is not None, mix(EMPTY, key))
                )
    return digest


def value_digest(value: Value, expires: bool, digest: bytes = EMPTY) -> bytes:
    """The digest of one value, mixed into that of its key, if one is given."""
    digest = _BY_KIND[value.kind](mix(digest, _TYPE_NUMBERS[value.kind].to_bytes(4, "big")), value)
    return add(digest, b"!!expire!!") if expires else digest


def mix(digest: bytes, *parts: bytes) -> bytes:
    """The digest with parts whose order matters."""
    for data in parts:
        digest = sha1(add(digest, data)).digest()
    return digest


def add(digest: bytes, data: bytes) -> bytes:
    """The digest with a part whose order doesn't."""
    hashed = sha1(data).digest()
    return (int.from_bytes(digest, "big") ^ int.from_bytes(hashed, "big")).to_bytes(20, "big")


# ---- by type ----------------------------------------------------------------------------------------------


def _of_set(digest: bytes, members: Any) -> bytes:
    for member in members:
        digest = add(digest, member)
    return digest


def _of_sorted_set(digest: bytes, pairs: Any) -> bytes:
    for member, score in pairs:
        digest = add(digest, mix(EMPTY, member, shortest_text(score)))
    return digest


def _of_hash(digest: bytes, value: Any) -> bytes:
    for field, content in value.items():
        digest = add(digest, mix(EMPTY, field, content))
    return digest


def _of_stream(digest: bytes, stream: Any) -> bytes:
    for entry in stream.walk():
        digest = mix(digest, b"%d.%d" % entry.id, *entry.pairs)
    return digest


_BY_KIND: dict[str, Callable[[bytes, Any], bytes]] = {
    "string": lambda digest, value: mix(digest, value.as_bytes()),
    "list": lambda digest, value: mix(digest, *value),
    "set": _of_set,
    "zset": _of_sorted_set,
    "hash": _of_hash,
    "stream": _of_stream,
}

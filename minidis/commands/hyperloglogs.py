"""PFADD, PFCOUNT, PFMERGE: how many different elements, in at most 12 KB.

(PF is for Philippe Flajolet, who invented the algorithm.) The value is an ordinary string that starts
with HYLL; minidis/structures/hyperloglog.py does the work on its bytes and draws them.

PFCOUNT of one key remembers its answer in the string's header, so it *writes*: the next PFADD that
changes a register marks the number as stale. PFCOUNT of several keys merges them in passing and
remembers nothing; so does the journal, which gets the PFCOUNT that changed a header.

Mirrors: hyperloglog.c (the commands).
Differs: PFSELFTEST adds a hundred thousand elements, where Redis adds ten million.
Complexity: PFADD O(1) per element; PFCOUNT O(1) when cached; PFMERGE O(keys), each 16384 registers.

>>> from minidis.drivers.embedded import Embedded
>>> redis = Embedded(clock=0)
>>> redis.execute("PFADD", "visitors", "ann", "bob", "ann"), redis.execute("PFCOUNT", "visitors")
(1, 2)

Read next: minidis/structures/hyperloglog.py.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from random import Random

from minidis.engine import errors
from minidis.engine.client import Client
from minidis.engine.command_table.registry import (
    ADMIN,
    DENYOOM,
    FAST,
    MAY_REPLICATE,
    READONLY,
    WRITE,
    command,
)
from minidis.protocol.replies import ReplyError
from minidis.structures import hyperloglog as hll
from minidis.values.string import String

NOT_HYPERLOGLOG = "WRONGTYPE Key is not a valid HyperLogLog string value."
CORRUPTED = "INVALIDOBJ Corrupted HLL object detected"


@command("PFADD key [element ...]", WRITE | DENYOOM | FAST, since="2.8.9")
def pfadd(client: Client, key: bytes, *elements: bytes) -> int:
    """Add elements to a HyperLogLog; 1 when its estimate may have changed. O(1) to add every element."""
    value = client.db.edit(key, String)
    created = value is None
    if value is None:
        value = client.db.create(key, String(hll.create()))
    else:
        _read(value)
    buffer, most_bytes = value.as_bytearray(), client.node.encodings.hll_sparse_max_bytes
    changes = 0
    try:
        for element in elements:
            changes += hll.add_one(buffer, element, most_bytes)
    except hll.CorruptedHyperLogLog:
        raise ReplyError(CORRUPTED) from None
    if created:
        hll.mark_stale(buffer)
        changes += 1
    if changes:
        client.db.touch(key, "pfadd", changes)
    return 1 if changes else 0


@command("PFCOUNT key [key ...]", READONLY | MAY_REPLICATE, since="2.8.9")
def pfcount(client: Client, key: bytes, *others: bytes) -> int:
    """Estimate how many different elements were added to one HyperLogLog, or to several together. O(1) \
for a single key, O(N) with N being the number of keys."""
    try:
        if others:
            return hll.estimate(hll.union_histogram(_existing(client, (key, *others))))
        return _count_one(client, key)
    except hll.CorruptedHyperLogLog:
        raise ReplyError(CORRUPTED) from None


@command("PFMERGE destkey:key [sourcekey:key ...]", WRITE | DENYOOM, since="2.8.9")
def pfmerge(client: Client, destination: bytes, *sources: bytes) -> str:
    """Make a HyperLogLog the union of itself and others. O(N) to merge N HyperLogLogs."""
    client.db.find(destination)  # it is a source as well, and counted as one in keyspace_hits
    target = _edit(client, destination)
    # The union is made before anything changes: a corrupted source leaves the destination as it was.
    united = hll.create() if target is None else bytearray(_read(target))
    try:
        hll.merge(united, _existing(client, sources), client.node.encodings.hll_sparse_max_bytes)
    except hll.CorruptedHyperLogLog:
        raise ReplyError(CORRUPTED) from None
    if target is None:
        client.db.create(destination, String(united))
    else:
        target.data = united
    client.db.touch(destination, "pfadd")
    return "OK"


@command("PFDEBUG subcommand key", WRITE | DENYOOM | ADMIN, since="2.8.9")
def pfdebug(client: Client, subcommand: bytes, key: bytes) -> list[int] | bytes | str | int:
    """Look into a HyperLogLog: GETREG its registers, DECODE its opcodes, its ENCODING; TODENSE. O(N)."""
    value = _edit(client, key)
    if value is None:
        raise ReplyError("ERR The specified key does not exist")
    buffer = value.as_bytearray()
    name = subcommand.upper()
    try:
        if name == b"GETREG":
            _to_dense(client, key, buffer)  # as in Redis: looking changes the encoding
            return list(hll.registers(buffer))
        if name == b"DECODE":
            if buffer[4] != hll.SPARSE:
                raise ReplyError("ERR HLL encoding is not sparse")
            return " ".join(map(str, hll.opcodes(buffer))).encode()
        if name == b"ENCODING":
            return "sparse" if buffer[4] == hll.SPARSE else "dense"
        if name == b"TODENSE":
            return _to_dense(client, key, buffer)
    except hll.CorruptedHyperLogLog:
        raise ReplyError(CORRUPTED) from None
    raise ReplyError(f"ERR Unknown PFDEBUG subcommand '{errors.shown(subcommand)}'")


@command("PFSELFTEST", ADMIN, since="2.8.9")
def pfselftest(client: Client) -> str:
    """Test the packing of registers, and the error of the estimate. O(N), a second or so."""
    _test_registers()
    _test_estimates()
    return "OK"


def _edit(client: Client, key: bytes) -> String | None:
    value = client.db.edit(key, String)
    if value is not None:
        _read(value)
    return value


def _read(value: String) -> bytes | bytearray:
    """The bytes of a HyperLogLog; raises the error for a string that is none."""
    data = value.data
    if isinstance(data, int) or not hll.is_valid(data):
        raise ReplyError(NOT_HYPERLOGLOG)
    return data


def _existing(client: Client, keys: Iterable[bytes]) -> Iterator[bytes | bytearray]:
    """Those of the keys that exist, one after the other: the first bad one is the one complained of."""
    for key in keys:
        value = client.db.find(key, String)
        if value is not None:
            yield _read(value)


def _count_one(client: Client, key: bytes) -> int:
    value = client.db.find(key, String)
    if value is None:
        return 0
    _read(value)
    buffer = value.as_bytearray()
    cardinality = hll.cached_count(buffer)
    if cardinality is None:
        client.db.before_change(key)
        cardinality = hll.count(buffer)
        hll.remember_count(buffer, cardinality)
        client.db.touch(key, "")  # a change that no notification tells of
    return cardinality


def _to_dense(client: Client, key: bytes, buffer: bytearray) -> int:
    converted = hll.to_dense(buffer)
    if converted:
        client.db.touch(key, "")
    return int(converted)


def _test_registers() -> None:
    """Random values written register by register come back, and their neighbours stay."""
    random = Random(0)
    for _ in range(20):
        buffer = hll.create()
        hll.to_dense(buffer)
        values = [random.randrange(hll.REGISTER_MAX + 1) for _ in range(hll.REGISTERS)]
        buffer[hll.HEADER_BYTES :] = hll.pack_registers(bytes(values))
        for index, (expected, found) in enumerate(zip(values, hll.registers(buffer), strict=True)):
            if expected != found:
                raise ReplyError(f"TESTFAILED Register {index} should be {expected} but is {found}")


def _test_estimates() -> None:
    """At 1, 10, 100 ... elements: sparse and dense agree, and the error stays under six standard errors."""
    sparse, dense = hll.create(), hll.create()
    hll.to_dense(dense)
    checkpoint = 1
    for added in range(1, 100_001):
        element = b"%d" % added
        hll.add(dense, element)
        if sparse[4] == hll.SPARSE:
            hll.add(sparse, element)
        if added != checkpoint:
            continue
        if sparse[4] == hll.SPARSE and hll.registers(sparse) != hll.registers(dense):
            raise ReplyError("TESTFAILED dense/sparse disagree")
        error = abs(hll.count(dense) - added)
        # Six standard errors are too few at 10 elements, where one collision is already 10 percent.
        if error > (1 if added == 10 else math.ceil(6 * hll.STANDARD_ERROR * added)):
            raise ReplyError(f"TESTFAILED Too big error. card:{added} abserr:{error}")
        checkpoint *= 10

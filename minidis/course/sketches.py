r"""What exercises 5.3 and 5.4 stand on: a learner's HyperLogLog and bit ranges, at work in a live node.

    add(registers, element) -> bool         raise one register; True if it grew
    count(registers) -> int                 how many different elements the registers speak for
    merge(registers, others)                make the registers those of the union, in place

`registers` is a bytearray of 16384 numbers, one byte each, whatever the string's encoding: the handlers
here unpack the string, call, and write the registers that grew back, sparse or dense.

    bitcount(data, start, end, unit) -> int         unit is "BYTE" or "BIT"
    bitpos(data, bit, start, end, unit) -> int      end is None where the command names none

What is wrong with a command's words or with a string is said by the engine's own handlers.

>>> def bitcount(data, start=0, end=-1, unit="BYTE"):
...     return 42
>>> sorted(bit_commands(bitcount, None)), sorted(hyperloglog_commands(None, None, None))
(['BITCOUNT', 'BITPOS'], ['PFADD', 'PFCOUNT', 'PFMERGE'])

Read next: minidis/structures/hyperloglog.py and bits.py, after you have passed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from minidis.commands import bitmaps, hyperloglogs
from minidis.engine.client import Client
from minidis.structures import hyperloglog as hll
from minidis.values.string import String

Add = Callable[[bytearray, bytes], Any]
Count = Callable[[bytearray], int]
Merge = Callable[[bytearray, list[bytes]], Any]
Handlers = dict[str, Callable[..., Any]]

COMPARED_AT_ONCE = 256


def hash64(element: bytes) -> int:
    """The 64 bits that stand for an element: MurmurHash64A with Redis's seed, as PFADD takes them.

    >>> f"{hash64(b'user1'):016x}"
    'a0412e7c9a3d7901'
    """
    return hll.murmur_hash_64a(element, hll.HASH_SEED)


def hyperloglog_commands(add: Add, count: Count, merge: Merge) -> Handlers:
    """Handlers of the three PF commands, by name."""

    def pfadd(client: Client, key: bytes, *elements: bytes) -> int:
        created = hyperloglogs.pfadd(client, key)
        data = client.db.edit(key, String).as_bytearray()  # type: ignore[union-attr]
        registers = _registers(data)
        if registers is None:
            return hyperloglogs.pfadd(client, key, *elements)
        changes = 0
        for element in elements:
            before = bytes(registers)
            changes += bool(add(registers, element))
            _write(client, data, before, registers)
        if changes:
            hll.mark_stale(data)
            client.db.touch(key, "pfadd", changes)
        return 1 if created or changes else 0

    def pfcount(client: Client, *keys: bytes) -> int:
        sketches = _existing(client, keys)
        if not sketches or None in sketches:  # nothing to count, or an error to be told
            return hyperloglogs.pfcount(client, *keys)
        if len(keys) > 1:
            united = bytearray(hll.REGISTERS)
            merge(united, [bytes(registers) for registers in sketches if registers])
            return count(united)
        data = client.db.find(keys[0], String).as_bytearray()  # type: ignore[union-attr]
        cardinality = hll.cached_count(data)
        if cardinality is None:
            cardinality = count(_registers(data))  # type: ignore[arg-type]
            hll.remember_count(data, cardinality)
            client.db.touch(keys[0], "")
        return cardinality

    def pfmerge(client: Client, destination: bytes, *sources: bytes) -> str:
        sketches = _existing(client, (destination, *sources))
        if None in sketches:
            return hyperloglogs.pfmerge(client, destination, *sources)
        becomes_dense = any(_data(client, key)[4:5] == b"\0" for key in (destination, *sources))
        hyperloglogs.pfmerge(client, destination)  # an empty one where there is none
        data = client.db.edit(destination, String).as_bytearray()  # type: ignore[union-attr]
        if becomes_dense:
            hll.to_dense(data)
        registers = bytearray(hll.registers(data))
        before = bytes(registers)
        merge(registers, [bytes(other) for other in _existing(client, sources) if other])
        _write(client, data, before, registers)
        return "OK"

    return {"PFADD": pfadd, "PFCOUNT": pfcount, "PFMERGE": pfmerge}


def bit_commands(bitcount: Callable[..., int], bitpos: Callable[..., int]) -> Handlers:
    """Handlers of BITCOUNT and BITPOS, by name."""

    def count(client: Client, key: bytes, *words: bytes) -> int:
        reply = bitmaps.bitcount(client, key, *words)
        value = client.db.peek(key)
        if not isinstance(value, String):
            return reply
        start, end = (int(words[0]), int(words[1])) if words else (0, -1)
        return bitcount(value.as_bytes(), start, end, _unit(words[2:]))

    def find(client: Client, key: bytes, bit: bytes, *words: bytes) -> int:
        reply = bitmaps.bitpos(client, key, bit, *words)
        value = client.db.peek(key)
        if not isinstance(value, String):
            return reply
        start = int(words[0]) if words else 0
        end = int(words[1]) if len(words) > 1 else None
        return bitpos(value.as_bytes(), int(bit), start, end, _unit(words[2:]))

    return {"BITCOUNT": count, "BITPOS": find}


def _unit(words: tuple[bytes, ...]) -> str:
    return words[0].decode().upper() if words else "BYTE"


def _data(client: Client, key: bytes) -> bytes:
    value = client.db.peek(key)
    return value.as_bytes() if isinstance(value, String) else b""


def _existing(client: Client, keys: Iterable[bytes]) -> list[bytearray | None]:
    """The registers of each key that exists; None for one that holds something else."""
    return [
        _registers(_data(client, key)) if hll.is_valid(_data(client, key)) else None
        for key in keys
        if client.db.peek(key) is not None
    ]


def _registers(data: bytes | bytearray) -> bytearray | None:
    """The registers, unpacked; None when the opcodes are corrupted."""
    try:
        return bytearray(hll.registers(data))
    except hll.CorruptedHyperLogLog:
        return None


def _write(client: Client, data: bytearray, before: bytes, after: bytearray) -> None:
    """Raise the registers of a string that have grown, in the order of their index."""
    if len(after) != hll.REGISTERS:
        raise ValueError(f"there were {hll.REGISTERS} registers, now there are {len(after)}")
    limit = client.node.encodings.hll_sparse_max_bytes
    for start in range(0, hll.REGISTERS, COMPARED_AT_ONCE):
        old, new = before[start : start + COMPARED_AT_ONCE], after[start : start + COMPARED_AT_ONCE]
        if old == new:
            continue
        for place, (was, value) in enumerate(zip(old, new, strict=True)):
            if value > was:
                hll.raise_register(data, start + place, value, limit)

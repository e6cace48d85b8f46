"""SETBIT, BITCOUNT, BITOP, BITFIELD: a string as a row of bits.

A bitmap is a string that is read bit by bit, so GET and APPEND work on it too. One bit per user and
day is 122 KB for a million users; "active on both days" is one BITOP AND, "how many" one BITCOUNT. But
SETBIT of bit 4294967295 on an empty key makes a string of 512 MB: the offset is the cost.

BITFIELD reads and writes integers of 1 to 64 bits anywhere in that row, several at a time:

    BITFIELD counters  INCRBY u8 #2 10  OVERFLOW SAT  INCRBY u8 #2 255
                              |   |                   third number of 8 bits: bits 16 to 23
                              unsigned, 8 bits        260 does not fit: it stays at 255

Mirrors: bitops.c.
Complexity: a bit or a field O(1), whole strings O(N) bytes.

>>> from minidis.drivers.embedded import Embedded
>>> redis = Embedded(clock=0)
>>> redis.execute(*"BITFIELD counters INCRBY u8 #2 250 GET u4 16".split())
[250, 15]
>>> redis.execute("BITCOUNT", "counters"), redis.execute("GET", "counters")
(6, b'\\x00\\x00\\xfa')

Read next: minidis/structures/bits.py.
"""

from __future__ import annotations

from minidis.engine import errors
from minidis.engine.client import Client
from minidis.engine.command_table.binding import integer
from minidis.engine.command_table.registry import DENYOOM, FAST, READONLY, WRITE, command
from minidis.protocol.numbers import INTEGER_MAX, parse_integer
from minidis.protocol.replies import ReplyError
from minidis.structures import bits
from minidis.structures.record import NamedTuple
from minidis.values.string import String

BAD_OFFSET = "ERR bit offset is not an integer or out of range"
BAD_BIT = "ERR bit is not an integer or out of range"
BAD_BITPOS_BIT = "ERR The bit argument must be 1 or 0."
BAD_FIELD_TYPE = (
    "ERR Invalid bitfield type. Use something like i16 u8. Note that u64 is not supported but i64 is."
)

_BITS = {b"0": 0, b"1": 1}


@command("SETBIT key offset:int value:int", WRITE | DENYOOM, since="2.2.0", raw=True)
def setbit(client: Client, key: bytes, offset_word: bytes, bit_word: bytes) -> int:
    """Set or clear the bit at an offset and give the old one. O(1)."""
    offset = _offset(client, offset_word)
    bit = _BITS.get(bit_word)
    if bit is None:
        raise ReplyError(BAD_BIT)
    buffer = _buffer(client, key)
    size_before = len(buffer)
    old = bits.set_bit(buffer, offset, bit)
    if old != bit or len(buffer) != size_before:
        client.db.touch(key, "setbit")
    return old


@command("GETBIT key offset:int", READONLY | FAST, since="2.2.0", raw=True)
def getbit(client: Client, key: bytes, offset_word: bytes) -> int:
    """Get the bit at an offset, 0 past the end of the string. O(1)."""
    offset = _offset(client, offset_word)
    return bits.get_bit(_content(client, key), offset)


@command("BITCOUNT key [start:int end:int [BYTE|BIT]]", READONLY, since="2.6.0", raw=True)
def bitcount(client: Client, key: bytes, *words: bytes) -> int:
    """Count the bits that are 1, in the whole string or in a range. O(N)."""
    value = client.db.find(key, String)
    if value is None:
        return 0
    data = _bytes_of(value)
    if not words:
        return bits.count_bits(data)
    if len(words) not in (2, 3):
        raise ReplyError(errors.SYNTAX)
    start, end = integer(words[0]), integer(words[1])
    if start < 0 and end < 0 and start > end:
        return 0
    in_bits = _counts_in_bits(words[2:])
    first, last = _bit_range(start, end, len(data), in_bits)
    return bits.count_bits(data, first, last)


@command("BITPOS key bit:int [start:int [end:int [BYTE|BIT]]]", READONLY, since="2.8.7", raw=True)
def bitpos(client: Client, key: bytes, bit_word: bytes, *words: bytes) -> int:
    """Find the first bit set to 0 or 1, -1 if there is none. O(N).

    A search for 0 without an end finds the zero that follows the string, as if it went on for ever.
    """
    bit = integer(bit_word)
    if bit not in (0, 1):
        raise ReplyError(BAD_BITPOS_BIT)
    value = client.db.find(key, String)
    if value is None:
        return -1 if bit else 0
    if len(words) > 3:
        raise ReplyError(errors.SYNTAX)
    start = integer(words[0]) if words else 0
    in_bits = _counts_in_bits(words[2:])
    end = integer(words[1]) if len(words) > 1 else -1
    data = _bytes_of(value)
    first, last = _bit_range(start, end, len(data), in_bits)
    if first > last:
        return -1
    found = bits.find_bit(data, bit, first, last)
    if found < 0 and not bit and len(words) < 2:
        return len(data) * 8
    return found


@command("BITOP operation destkey:key key [key ...]", WRITE | DENYOOM, since="2.6.0")
def bitop(client: Client, operation_word: bytes, destination: bytes, *keys: bytes) -> int:
    """Store the AND, OR, XOR or NOT of strings, and give the length of the result. O(N)."""
    operation = operation_word.upper().decode("latin-1")
    if operation not in ("AND", "OR", "XOR", "NOT"):
        raise ReplyError(errors.SYNTAX)
    if operation == "NOT" and len(keys) != 1:
        raise ReplyError("ERR BITOP NOT must be called with a single source key.")
    result = bits.combine(operation, [_content(client, key) for key in keys])
    if result:
        client.db.put(destination, String(bytearray(result)))
        client.db.touch(destination, "set")
    elif client.db.edit(destination) is not None:
        client.db.delete(destination)
        client.db.touch(destination, "del")
    return len(result)


@command(
    "BITFIELD key [GET encoding offset|[OVERFLOW (WRAP|SAT|FAIL)] "
    "(SET encoding offset value:int|INCRBY encoding offset increment:int) ...]",
    WRITE | DENYOOM,
    since="3.2.0",
    raw=True,
)
def bitfield(client: Client, key: bytes, *words: bytes) -> list[int | None]:
    """Read, write and count up integers of any width inside a string. O(1) for each subcommand."""
    operations = _parse_operations(client, words)
    writes = [operation for operation in operations if operation.name != "GET"]
    if not writes:
        data = _content(client, key)
        return [_get(data, operation) for operation in operations]
    # One allocation, as far as the furthest write needs it.
    buffer = _buffer(client, key)
    size_before, changes = len(buffer), 0
    bits.grow(buffer, max(operation.offset + operation.width + 7 >> 3 for operation in writes))
    replies: list[int | None] = []
    for operation in operations:
        if operation.name == "GET":
            replies.append(_get(buffer, operation))
            continue
        reply, changed = _write(buffer, operation)
        replies.append(reply)
        changes += changed or (reply is not None and len(buffer) != size_before)
    if changes:
        client.db.touch(key, "setbit", changes)
    return replies


@command("BITFIELD_RO key [GET encoding offset ...]", READONLY | FAST, since="6.0.0", raw=True)
def bitfield_ro(client: Client, key: bytes, *words: bytes) -> list[int]:
    """Read integers of any width inside a string. O(1) for each subcommand."""
    operations = _parse_operations(client, words)
    if any(operation.name != "GET" for operation in operations):
        raise ReplyError("ERR BITFIELD_RO only supports the GET subcommand")
    data = _content(client, key)
    return [_get(data, operation) for operation in operations]


# --- BITFIELD's operations --------------------------------------------------------------------------------


class FieldOperation(NamedTuple):
    """GET, SET or INCRBY of a field of `width` bits at bit `offset`; `number` is the value or increment."""

    name: str
    signed: bool
    width: int
    offset: int
    number: int
    overflow: str


def _parse_operations(client: Client, words: tuple[bytes, ...]) -> list[FieldOperation]:
    operations: list[FieldOperation] = []
    overflow = "WRAP"
    position = 0
    while position < len(words):
        name, left = words[position].upper(), len(words) - position - 1
        if name == b"OVERFLOW" and left >= 1:
            overflow = words[position + 1].upper().decode("latin-1")
            if overflow not in ("WRAP", "SAT", "FAIL"):
                raise ReplyError("ERR Invalid OVERFLOW type specified")
            position += 2
            continue
        if not (name == b"GET" and left >= 2 or name in (b"SET", b"INCRBY") and left >= 3):
            raise ReplyError(errors.SYNTAX)
        signed, width = _field_type(words[position + 1])
        offset = _offset(client, words[position + 2], width)
        number = 0 if name == b"GET" else integer(words[position + 3])
        operations.append(FieldOperation(name.decode(), signed, width, offset, number, overflow))
        position += 3 if name == b"GET" else 4
    return operations


def _field_type(word: bytes) -> tuple[bool, int]:
    signed = word[:1] == b"i"
    width = parse_integer(word[1:]) if signed or word[:1] == b"u" else None
    if width is None or not 1 <= width <= (64 if signed else 63):
        raise ReplyError(BAD_FIELD_TYPE)
    return signed, width


def _get(data: bytes | bytearray, operation: FieldOperation) -> int:
    return bits.get_field(data, operation.offset, operation.width, operation.signed)


def _write(buffer: bytearray, operation: FieldOperation) -> tuple[int | None, bool]:
    """The reply, and whether the field changed.

    SET answers the old value, INCRBY the new one; both nothing when OVERFLOW FAIL refuses.
    """
    old = _get(buffer, operation)
    if operation.name == "INCRBY":
        wanted = old + operation.number
    elif operation.signed:
        wanted = operation.number
        largest = (1 << operation.width - 1) - 1
        if operation.overflow == "SAT" and operation.width < 64 and largest - wanted > INTEGER_MAX:
            # So far below that the distance to the largest value overflows in C: Redis goes to that one.
            wanted = largest
    else:
        # As in C, a negative value for an unsigned field is a very large one.
        wanted = operation.number & 0xFFFF_FFFF_FFFF_FFFF
    new = bits.fit(wanted, operation.width, operation.signed, operation.overflow)
    if new is None:
        return None, False
    bits.set_field(buffer, operation.offset, operation.width, new)
    return (new if operation.name == "INCRBY" else old), new != old


# --- Strings, offsets and ranges --------------------------------------------------------------------------


def _content(client: Client, key: bytes) -> bytes | bytearray:
    value = client.db.find(key, String)
    return b"" if value is None else _bytes_of(value)


def _bytes_of(value: String) -> bytes | bytearray:
    """The content without a copy."""
    data = value.data
    return b"%d" % data if isinstance(data, int) else data


def _buffer(client: Client, key: bytes) -> bytearray:
    """The string at a key to change in place; an empty one is created where there is none."""
    value = client.db.edit(key, String)
    if value is None:
        value = client.db.create(key, String(bytearray()))
    return value.as_bytearray()


def _offset(client: Client, word: bytes, width: int = 0) -> int:
    """A bit offset, `#3` meaning 3 times the width (BITFIELD only); it must lie within the largest string."""
    multiplied = width and word[:1] == b"#"
    offset = parse_integer(word[1:] if multiplied else word)
    if offset is None:
        raise ReplyError(BAD_OFFSET)
    if multiplied:
        offset *= width
    if offset < 0 or offset >> 3 >= client.node.config.proto_max_bulk_len:
        raise ReplyError(BAD_OFFSET)
    return offset


def _counts_in_bits(words: tuple[bytes, ...]) -> bool:
    if not words:
        return False
    unit = words[0].upper()
    if unit not in (b"BYTE", b"BIT"):
        raise ReplyError(errors.SYNTAX)
    return unit == b"BIT"


def _bit_range(start: int, end: int, size: int, in_bits: bool) -> tuple[int, int]:
    """A range of bytes or bits, negative ones counted from the end, as first and last bit inside the string.

    An empty range has its first bit after its last.
    """
    total = size * 8 if in_bits else size
    start = max(start + total, 0) if start < 0 else start
    end = max(end + total, 0) if end < 0 else end
    end = min(end, total - 1)
    if start > end:
        return 1, 0
    return (start, end) if in_bits else (start * 8, end * 8 + 7)

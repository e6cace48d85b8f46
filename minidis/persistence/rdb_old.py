r"""Ziplist and zipmap: how Redis kept small values before listpacks, and old RDB files still do.

A *ziplist* (2.0 to 6.2) is a listpack's ancestor. Each entry begins with the length of the entry before it:

    11 00 00 00  0e 00 00 00  02 00   00 02 68 69   04 f6   ff         ["hi", "5"]
    total bytes  offset of    number  |  |  "hi"    |  |    end mark
                 last entry   of      |  |          |  5 as a number of 4 bits (f1 is 0, fd is 12)
                              entries |  string of 2 bytes
                                      0 bytes before it: the first (4 bytes before the second one)

The length before takes one byte, or FE and four; then comes the encoding:

    00llllll  01llllll +1  10...... +4     string of up to 63, 16383, or more bytes (big-endian)
    C0 D0 E0 F0 FE                         integer of 2, 4, 8, 3, 1 bytes (little-endian)
    1111vvvv                               0 to 12, plus 1

A *zipmap* (before 2.6) is a hash as a run of text: a count, and for every field and value its length in one
byte (or FE and four); behind a value's length stands how many bytes lie free after it.

    02  03 foo  03 00 bar  05 hello  05 00 world  ff

Both are turned into listpacks as they are read; nothing here writes them.

Mirrors: ziplist.c (ziplistValidateIntegrity), zipmap.c (zipmapValidateIntegrity).
Complexity: O(bytes).

>>> ziplist_elements(bytes.fromhex("11000000 0e000000 0200 00026869 04f6 ff"))
[b'hi', b'5']
>>> zipmap_elements(b"\x01\x03foo\x03\x00bar\xff")
[b'foo', b'bar']

Read next: structures/listpack.py, for what became of the ziplist.
"""

from __future__ import annotations

_ZIPLIST_HEADER_BYTES = 10
_END_MARK = 0xFF
_LONG_LENGTH = 0xFE
_INTEGER_BYTES = {0xC0: 2, 0xD0: 4, 0xE0: 8, 0xF0: 3, 0xFE: 1}
_COUNT_UNKNOWN = 0xFFFF

_ZIPMAP_COUNT_UNKNOWN = 0xFE


class CorruptBlob(ValueError):
    """Bytes that are no ziplist or zipmap.  `offset` is where in them it shows."""

    def __init__(self, offset: int, reason: str) -> None:
        super().__init__(f"{reason} (at its byte {offset})")
        self.offset = offset
        self.reason = reason


def ziplist_elements(data: bytes) -> list[bytes]:
    """All elements of a ziplist.  Raises CorruptBlob."""
    if len(data) < _ZIPLIST_HEADER_BYTES + 1:
        raise CorruptBlob(len(data), "shorter than an empty ziplist")
    if (total := int.from_bytes(data[:4], "little")) != len(data):
        raise CorruptBlob(0, f"the ziplist's header says {total} bytes, there are {len(data)}")
    if data[-1] != _END_MARK:
        raise CorruptBlob(len(data) - 1, "a ziplist without its end mark")
    elements: list[bytes] = []
    last = position = _ZIPLIST_HEADER_BYTES
    before = 0  # bytes of the entry before
    end = len(data) - 1
    while position < end:
        said, at = _length_before(data, position)
        if said != before:
            raise CorruptBlob(position, f"a ziplist entry says that {said} bytes are before it, {before} are")
        element, at = _ziplist_element(data, at)
        if at > end:
            raise CorruptBlob(position, "a ziplist entry runs past the end")
        elements.append(element)
        last, before, position = position, at - position, at
    if int.from_bytes(data[4:8], "little") != last:
        raise CorruptBlob(4, "the ziplist's header points to no last entry")
    if (count := int.from_bytes(data[8:10], "little")) not in (len(elements), _COUNT_UNKNOWN):
        raise CorruptBlob(8, f"the ziplist's header says {count} entries, there are {len(elements)}")
    return elements


def zipmap_elements(data: bytes) -> list[bytes]:
    """Field, value, field, value ... of a zipmap.  Raises CorruptBlob."""
    if len(data) < 2 or data[-1] != _END_MARK:
        raise CorruptBlob(max(len(data) - 1, 0), "a zipmap without its end mark")
    elements: list[bytes] = []
    position = 1
    end = len(data) - 1
    while position < end:
        length, position = _zipmap_length(data, position)
        free = 0
        if len(elements) % 2:  # behind a value's length: bytes that lie free after it
            free = data[position]
            position += 1
        if position + length + free > end:
            raise CorruptBlob(position, "a zipmap's string runs past the end")
        elements.append(data[position : position + length])
        position += length + free
    if len(elements) % 2:
        raise CorruptBlob(end, "a zipmap's field without a value")
    if data[0] < _ZIPMAP_COUNT_UNKNOWN and data[0] != len(elements) // 2:
        raise CorruptBlob(0, f"the zipmap says {data[0]} fields, there are {len(elements) // 2}")
    return elements


def _length_before(data: bytes, at: int) -> tuple[int, int]:
    if data[at] < _LONG_LENGTH:
        return data[at], at + 1
    if data[at] == _END_MARK:
        raise CorruptBlob(at, "an end mark before the end of a ziplist")
    return int.from_bytes(data[at + 1 : at + 5], "little"), at + 5


def _ziplist_element(data: bytes, at: int) -> tuple[bytes, int]:
    """The element whose encoding stands at `at`, and where it ends: past the end if it is cut off."""
    if at + 5 > len(data):  # room for the longest encoding, or an entry at the end that is short itself
        data += b"\0" * 5
    tag = data[at]
    if tag < 0xC0:
        if tag < 0x40:
            start, length = at + 1, tag
        elif tag < 0x80:
            start, length = at + 2, (tag & 0x3F) << 8 | data[at + 1]
        else:
            start, length = at + 5, int.from_bytes(data[at + 1 : at + 5], "big")
        return data[start : start + length], start + length
    if tag in _INTEGER_BYTES:
        end = at + 1 + _INTEGER_BYTES[tag]
        return b"%d" % int.from_bytes(data[at + 1 : end], "little", signed=True), end
    if 0xF1 <= tag <= 0xFD:
        return b"%d" % (tag - 0xF1), at + 1
    raise CorruptBlob(at, f"no ziplist encoding is {tag:02x}")


def _zipmap_length(data: bytes, at: int) -> tuple[int, int]:
    if data[at] < _LONG_LENGTH:
        return data[at], at + 1
    if data[at] > _LONG_LENGTH:
        raise CorruptBlob(at, f"no zipmap length begins with {data[at]:02x}")
    if at + 5 >= len(data):
        raise CorruptBlob(at, "a zipmap's length is cut off")
    length = int.from_bytes(data[at + 1 : at + 5], "little")
    if length < _LONG_LENGTH:
        raise CorruptBlob(at, f"a zipmap's length of {length} takes five bytes where one is enough")
    return length, at + 5

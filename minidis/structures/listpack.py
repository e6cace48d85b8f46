"""Listpack: a whole list in one run of bytes.

A linked list of ten small strings spends more memory on pointers than on text, and every step along
it may miss the processor's cache. So while a list, hash or sorted set is small, Redis packs all of
it into one block and simply searches that block from end to end: over a few kilobytes that is as fast
as any clever structure, and several times smaller. ["hi", "5", "-300"] is these 16 bytes:

    10 00 00 00   03 00   82 68 69 03   05 01   DE D4 02   FF
    ^             ^       ^  ^     ^    ^  ^    ^     ^    ^
    total bytes,  number  |  "hi"  |    |  |    |     |    end mark
    this header   of      |        |    5  1    -300  2
    included      entries |        backlen: the 3 bytes before it
                          string of 2 bytes: 10 + 6 bits of length

Every entry is  [header | content | backlen].  The first bits of the header say how to read the rest:

    0vvvvvvv                      integer 0..127, in the header itself
    10llllll  content             string of up to 63 bytes
    110vvvvv vvvvvvvv             integer of 13 bits, two's complement
    1110llll llllllll  content    string of up to 4095 bytes (length in big-endian order)
    11110000 l l l l   content    any longer string (length in little-endian order, as all below)
    11110001 .. 11110100          integer of 2, 3, 4 or 8 bytes
    11111111                      the end of the listpack

Text that is a canonical 64-bit integer ("12", but not "012", "+12" or "12 ") is stored as that
integer and rendered again when read, so nobody outside can tell. `backlen` is the length of the
header and content before it, written so that it can be read from right to left: seven bits per byte,
the high bit meaning "one more byte to the left". That is what lets RPOP or LRANGE -10 -1 start at the
end and walk backwards without a pointer per element. Its ancestor, the ziplist, stored the length of
the *previous entry* there, so that one longer entry could change the size of the next one, and that
the next: the cascade that listpack was designed to end.

Mirrors: listpack.c (the same bytes, so a listpack may go into an RDB file as it is).
Differs: the number of entries is also kept beside the bytes, so that len() never has to count when
the 16-bit field has overflowed; and the last place that was looked up is remembered, so that reading
a value just after finding its field does not walk again. Foreign bytes that are sound but
not in the shortest form (the text "12" as a string, say) are accepted and re-encoded: find() relies on it.

Complexity: append, prepend and changes cost one memory move, O(bytes); get, seek and find walk the
entries, O(n); len and size are O(1).

>>> pack = Listpack([b"hi", b"5", b"-300"])
>>> bytes(pack).hex(" ")
'10 00 00 00 03 00 82 68 69 03 05 01 de d4 02 ff'
>>> list(pack), pack.get(-1), pack.find(b"5")
([b'hi', b'5', b'-300'], b'-300', 1)

Read next: open_listpack.py, the same for an engine in a hurry; then quicklist.py, which chains listpacks so
that a long list never moves many bytes at once.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from struct import Struct

from minidis.structures.record import NamedTuple

HEADER_SIZE = 6
END_MARK = 0xFF
COUNT_UNKNOWN = 65535  # the 16-bit count field can't say more: whoever needs the number has to walk
SIZE_LIMIT = 1 << 30  # Redis refuses to let one listpack grow past 1 GB
_END = bytes([END_MARK])
EMPTY = bytes((7, 0, 0, 0, 0, 0, END_MARK))
_HEADER = Struct("<IH")

# How far to step from an entry to the next, by its first byte; 0: the length must be read (see _step).
_STEPS = bytes(
    [2] * 0x80 + [length + 2 for length in range(64)] + [3] * 0x20 + [0] * 0x11 + [4, 5, 6, 10] + [0] * 11
)
_SHORT_TEXTS = [
    bytes((0x80 | length,)) + b"%b" + bytes((length + 1,)).replace(b"%", b"%%") for length in range(64)
]
"""Header and backlen around a text of so many bytes."""

_INTEGER_SIZES = {0xF1: 2, 0xF2: 3, 0xF3: 4, 0xF4: 8}
_SMALL_INTEGERS = [b"%d" % value for value in range(128)]


class CorruptListpack(ValueError):
    """The bytes are not a listpack. `offset` is where the first fault was met."""

    def __init__(self, offset: int, reason: str) -> None:
        super().__init__(f"corrupt listpack at byte {offset}: {reason}")
        self.offset = offset
        self.reason = reason


class Entry(NamedTuple):
    """One entry taken apart, for views: header, content and backlen joined are its bytes at `offset`."""

    offset: int
    encoding: str
    header: bytes
    content: bytes
    value: int | bytes
    backlen: bytes


class Listpack:
    """A sequence of byte strings in Redis's listpack format.

    >>> pack = Listpack([b"field", b"1"])
    >>> pack.append(b"2")
    >>> pack.replace(1, b"one")
    >>> list(pack), list(reversed(pack)), len(pack), pack.size
    ([b'field', b'one', b'2'], [b'2', b'one', b'field'], 3, 21)
    """

    __slots__ = ("_count", "_data", "_known_index", "_known_offset")

    def __init__(self, iterable: Iterable[bytes] = ()) -> None:
        elements = list(iterable)
        self._data = bytearray(encode(elements))
        self._count = len(elements)
        self._known_index = 0  # the entry with this index starts at _known_offset
        self._known_offset = HEADER_SIZE

    @classmethod
    def from_bytes(cls, data: bytes | bytearray | memoryview) -> Listpack:
        """Take over foreign bytes after checking every one. Raises CorruptListpack. O(n).

        >>> Listpack.from_bytes(bytes.fromhex("09 00 00 00 01 00 05 02 ff"))
        Traceback (most recent call last):
        minidis.structures.listpack.CorruptListpack: corrupt listpack at byte 7: backlen is 02, should be 01
        """
        elements = elements_in_shortest_form(bytes(data))
        if elements is None:
            return cls(_rendered(entry.value) for entry in _validated_entries(bytes(data)))
        pack = cls()
        pack._data = bytearray(data)
        pack._count = len(elements)
        return pack

    # Reading

    def __bytes__(self) -> bytes:
        return bytes(self._data)

    def __len__(self) -> int:
        return self._count

    @property
    def size(self) -> int:
        """Length in bytes, header and end mark included."""
        return len(self._data)

    def __iter__(self) -> Iterator[bytes]:
        """The elements, as they were when the iteration began."""
        return iter(self.elements())

    def __contains__(self, element: object) -> bool:
        return isinstance(element, bytes) and self.find(element) >= 0

    def __reversed__(self) -> Iterator[bytes]:
        data = bytes(self._data)
        position = len(data) - 1
        while position > HEADER_SIZE:
            position = _step_back(data, position)
            yield _decode(data, position)[0]

    def __eq__(self, other: object) -> bool:
        return self._data == other._data if isinstance(other, Listpack) else NotImplemented

    __hash__ = None  # type: ignore[assignment]  # it changes in place

    def __repr__(self) -> str:
        return f"<Listpack: {self._count} elements in {len(self._data)} bytes>"

    def elements(self, start: int = 0, stop: int | None = None) -> list[bytes]:
        """The elements start..stop (stop not included, both at least 0), as slicing a list gives. O(stop).

        >>> Listpack([b"a", b"b", b"c"]).elements(1, 9)
        [b'b', b'c']
        """
        stop = self._count if stop is None or stop > self._count else stop
        if start >= stop:
            return []
        position = self.seek(start)
        data = bytes(self._data)  # slices of bytes are the elements; slices of a bytearray would need a copy
        elements = []
        for _ in range(stop - start):
            tag = data[position]
            if tag < 0x80:
                elements.append(_SMALL_INTEGERS[tag])
                position += 2
            elif tag < 0xC0:
                end = position + tag - 0x7F
                elements.append(data[position + 1 : end])
                position = end + 1
            else:
                element, position = _decode(data, position)
                elements.append(element)
        return elements

    def get(self, index: int) -> bytes:
        """The element at index; negative counts from the tail. Raises IndexError. O(n)."""
        return _decode(self._data, self.seek(index))[0]

    def value_of(self, field: bytes) -> bytes | None:
        """The element behind the first equal one of every second: the value of a hash's field. O(n).

        >>> Listpack([b"name", b"born", b"born", b"1815"]).value_of(b"born")
        b'1815'
        """
        index = self.find(field, skip=1)
        return None if index < 0 else self.get(index + 1)

    def find(self, element: bytes, start: int = 0, skip: int = 0) -> int:
        """Index of the first equal element at or after `start`, or -1. O(n).

        Like lpFind, it compares one entry and passes over the next `skip` ones: a hash, stored as
        field, value, field, value, looks for a field with skip=1.

        >>> Listpack([b"a", b"b", b"b", b"c"]).find(b"b", skip=1)
        2
        """
        if start >= self._count:
            return -1
        data = self._data
        # One element has one encoding, so the search for the entry's bytes can run in C. A match may lie
        # inside another entry (text may contain anything), so walk up to it: only a boundary counts.
        entry = encode_entry(element)
        index, position = start, self.seek(start) if start else HEADER_SIZE
        candidate = data.find(entry, position)
        while candidate >= 0:
            while position < candidate:
                position += _STEPS[data[position]] or _step(data, position)
                index += 1
            if position == candidate:
                if (index - start) % (skip + 1) == 0:
                    self._known_index, self._known_offset = index, position
                    return index
                candidate += 1
            candidate = data.find(entry, max(candidate, position))
        return -1

    # Walking by offset

    def seek(self, index: int) -> int:
        """Byte offset of the entry at index (negative: from the tail). Raises IndexError. O(n)."""
        count = self._count
        wanted = index + count if index < 0 else index
        if not 0 <= wanted < count:
            raise IndexError(f"index {index} is outside a listpack of {count} elements")
        data = self._data
        if count - wanted < wanted >> 1:  # a step back costs about twice a step forward
            position = len(data) - 1
            for _ in range(count - wanted):
                position = _step_back(data, position)
        else:
            known = self._known_index if self._known_index <= wanted else 0
            position = self._known_offset if known else HEADER_SIZE
            for _ in range(wanted - known):
                position += _STEPS[data[position]] or _step(data, position)
        self._known_index, self._known_offset = wanted, position
        return position

    def next(self, offset: int) -> int | None:
        """Offset of the entry after the one at `offset`; None after the last. O(1)."""
        offset += self.entry_length(offset)
        return None if self._data[offset] == END_MARK else offset

    def previous(self, offset: int) -> int | None:
        """Offset of the entry before `offset` (found through its backlen); None before the first. O(1)."""
        return None if offset <= HEADER_SIZE else _step_back(self._data, offset)

    def decode(self, offset: int) -> bytes:
        """The element whose entry starts at `offset`. O(its length)."""
        return _decode(self._data, offset)[0]

    def entry_length(self, offset: int) -> int:
        """Bytes of the entry at `offset`: header, content and backlen. O(1)."""
        return _STEPS[self._data[offset]] or _step(self._data, offset)

    def entries(self) -> tuple[Entry, ...]:
        """Every entry taken apart, for a view of the bytes. O(n).

        >>> Listpack([b"-300", b"a"]).entries()[1]
        Entry(offset=9, encoding='6-bit string', header=b'\\x81', content=b'a', value=b'a', backlen=b'\\x02')
        """
        data = bytes(self._data)
        entries = []
        position = HEADER_SIZE
        while data[position] != END_MARK:
            entries.append(_take_apart(data, position))
            position += self.entry_length(position)
        return tuple(entries)

    # Changing

    def append(self, element: bytes) -> None:
        """Add at the tail. O(length of the element), amortised."""
        end = len(self._data) - 1
        self._splice(end, end, encode_entry(element), 1)

    def prepend(self, element: bytes) -> None:
        """Add at the head: all other bytes move. O(size)."""
        self._splice(HEADER_SIZE, HEADER_SIZE, encode_entry(element), 1)

    def insert(self, index: int, *elements: bytes) -> None:
        """Put elements before the one at index, as list.insert does (index may equal len). O(size)."""
        if index == self._count:
            return self.extend(elements)
        offset = self.seek(index)
        self._splice(offset, offset, b"".join(map(encode_entry, elements)), len(elements))

    def replace(self, index: int, element: bytes) -> None:
        """Put the element in place of the one at index. Raises IndexError. O(size)."""
        offset = self.seek(index)
        self._splice(offset, offset + self.entry_length(offset), encode_entry(element), 0)

    def replace_value_of(self, field: bytes, value: bytes) -> bool:
        """Put `value` in place of what `value_of` answers; False if that is None. O(n)."""
        index = self.find(field, skip=1)
        if index < 0:
            return False
        self.replace(index + 1, value)
        return True

    def delete(self, index: int, count: int = 1) -> int:
        """Remove up to `count` elements from index on; answers how many. Raises IndexError. O(size)."""
        start = end = self.seek(index)
        count = min(count, self._count - self._known_index)
        if count <= 0:
            return 0
        if count == self._count - self._known_index:
            end = len(self._data) - 1
        else:
            for _ in range(count):
                end += self.entry_length(end)
        self._splice(start, end, b"", -count)
        return count

    def pop(self, index: int) -> bytes:
        """Remove the element at index, and answer it. Raises IndexError. O(size)."""
        element = self.get(index)
        self.delete(index)
        return element

    def remove(self, element: bytes, limit: int = 0, from_tail: bool = False) -> int:
        """Remove the first (or last) `limit` equal elements, 0: all; answers how many. O(size).

        >>> pack = Listpack([b"a", b"b", b"a", b"c", b"a"])
        >>> pack.remove(b"a", limit=2, from_tail=True), list(pack)
        (2, [b'a', b'b', b'c'])
        """
        offsets = []
        index = self.find(element)
        while index >= 0:
            offsets.append(self._known_offset)
            if len(offsets) == limit and not from_tail:
                break
            index = self.find(element, index + 1)
        if limit and from_tail:
            offsets = offsets[-limit:]
        for offset in reversed(offsets):  # the last one first: so the offsets before it stay true
            self._splice(offset, offset + self.entry_length(offset), b"", -1)
        return len(offsets)

    def extend(self, elements: Sequence[bytes]) -> None:
        """Add all of them at the tail. O(their length), amortised."""
        end = len(self._data) - 1
        self._splice(end, end, b"".join(map(encode_entry, elements)), len(elements))

    def close(self) -> None:
        """Nothing to do: here are the bytes alone. OpenListpack has more to put away."""

    def safe_to_add(self, byte_count: int) -> bool:
        """Whether `byte_count` more bytes stay within the 1 GB that Redis allows one listpack."""
        return len(self._data) + byte_count <= SIZE_LIMIT

    def copy(self) -> Listpack:
        """An independent listpack with the same bytes. O(size)."""
        duplicate = Listpack()
        duplicate._data = self._data[:]
        duplicate._count = self._count
        return duplicate

    def check(self) -> None:
        """Raise CorruptListpack or AssertionError unless bytes, count and remembered place agree. O(n)."""
        entries = _validated_entries(bytes(self._data))
        assert len(entries) == self._count, (len(entries), self._count)
        assert int.from_bytes(self._data[4:6], "little") == min(self._count, COUNT_UNKNOWN)
        offsets = [entry.offset for entry in entries] + [len(self._data) - 1]
        assert offsets[self._known_index] == self._known_offset, "remembered place is off an entry's start"
        for entry in entries:
            joined = entry.header + entry.content + entry.backlen
            assert joined == encode_entry(_rendered(entry.value)), f"not the shortest form: {entry}"

    # Helpers

    def _splice(self, start: int, end: int, entries: bytes | bytearray, count_change: int) -> None:
        """The only place where bytes change: put whole entries in place of those at start..end."""
        if not count_change and len(entries) == end - start:  # a value for one of the same size
            self._data[start:end] = entries
            return
        if start < self._known_offset:
            self._known_index, self._known_offset = 0, HEADER_SIZE
        self._data[start:end] = entries
        self._count += count_change
        self._write_header()

    def _write_header(self) -> None:
        _HEADER.pack_into(self._data, 0, len(self._data), min(self._count, COUNT_UNKNOWN))


def encode(elements: Sequence[bytes]) -> bytes:
    """The bytes of a listpack of these elements. O(their length).

    >>> encode([b"a", b"1"]) == bytes(Listpack([b"a", b"1"])), encode([]) == EMPTY
    (True, True)
    """
    entries = b"".join(map(encode_entry, elements))
    header = _HEADER.pack(HEADER_SIZE + len(entries) + 1, min(len(elements), COUNT_UNKNOWN))
    return header + entries + _END


def canonical_integer(element: bytes) -> int | None:
    """The 64-bit integer that the text spells in its only canonical form, else None. O(1).

    Follows lpStringToInt64: no leading zero, no plus sign, no spaces, no "-0".

    >>> [canonical_integer(text) for text in (b"12", b"-7", b"012", b"-0", b"9223372036854775808", b"")]
    [12, -7, None, None, None, None]
    """
    if element.isdigit() and element[0] != 0x30 and len(element) < 19:
        return int(element)
    if not 0 < len(element) <= 20:
        return None
    digits = element[1:] if element[0] == 0x2D else element
    if not digits.isdigit() or (digits[0] == 0x30 and element != b"0"):
        return None
    value = int(element)
    return value if -(1 << 63) <= value < 1 << 63 else None


def encode_entry(element: bytes) -> bytes:
    """The bytes of one entry: header, content, backlen. O(length).

    >>> encode_entry(b"hello").hex(" "), encode_entry(b"127").hex(" "), encode_entry(b"128").hex(" ")
    ('85 68 65 6c 6c 6f 06', '7f 01', 'c0 80 02')
    """
    length = len(element)
    if element < b":":  # which comes after the digits: else it is no number
        if element in _USUAL_NUMBERS:
            return _USUAL_NUMBERS[element]
        value = canonical_integer(element)
        if value is not None:
            return _encode_integer(value)
    if length < 64:
        return _SHORT_TEXTS[length] % element
    if length < 4096:
        return b"%c%c%b%b" % (0xE0 | length >> 8, length & 0xFF, element, encode_backlen(length + 2))
    return b"\xf0%b%b%b" % (length.to_bytes(4, "little"), element, encode_backlen(length + 5))


def entry_size(element: bytes) -> int:
    """How long its entry is: len(encode_entry(element)), without the bytes of a text. O(1).

    >>> [entry_size(element) for element in (b"hello", b"127", b"128", b"x" * 64, b"-70000")]
    [7, 2, 3, 67, 5]
    """
    length = len(element)
    if element < b":":  # which comes after the digits: else it is no number
        if element in _USUAL_NUMBERS:
            return len(_USUAL_NUMBERS[element])
        value = canonical_integer(element)
        if value is not None:  # one of 7 bits is among the usual ones
            return _ENTRY_SIZES[(value if value >= 0 else ~value).bit_length()]
    if length < 64:
        return length + 2
    length += 2 if length < 4096 else 5
    return length + _backlen_size(length)


def encode_backlen(length: int) -> bytes:
    """The length of header and content, to be read from right to left, seven bits per byte.

    The bounds are listpack.c's: 16383 would fit two bytes, but Redis gives it three, and so on.

    >>> encode_backlen(127).hex(" "), encode_backlen(128).hex(" "), encode_backlen(16383).hex(" ")
    ('7f', '01 80', '00 ff ff')
    """
    if length <= 127:
        return bytes((length,))
    size = 2 if length < 16383 else 3 if length < 2097151 else 4 if length < 268435455 else 5
    low_digits = [length >> 7 * place & 0x7F | 0x80 for place in range(size - 1)]
    return bytes([length >> 7 * (size - 1), *reversed(low_digits)])


def _encode_integer(value: int) -> bytes:
    if 0 <= value < 128:
        return bytes((value, 1))
    if -4096 <= value < 4096:
        return bytes((0xC0 | value >> 8 & 0x1F, value & 0xFF, 2))
    bits = (value if value >= 0 else ~value).bit_length()
    if bits > 63:
        raise OverflowError(f"{value} does not fit 64 bits")
    header, size, backlen = _INTEGER_FRAMES[bits]
    return header + value.to_bytes(size, "little", signed=True) + backlen


_INTEGER_FRAMES = [
    next((bytes((tag,)), size, bytes((size + 1,))) for tag, size in _INTEGER_SIZES.items() if bits < 8 * size)
    for bits in range(64)
]
"""What stands around an integer's bytes, and how many they are, by the bits of its amount."""

_ENTRY_SIZES = [3 if bits < 13 else 2 + size for bits, (_, size, _) in enumerate(_INTEGER_FRAMES)]
"""How long an integer's entry is, by the bits of its amount; those of 7 bits and more than 0 take 2."""


_USUAL_NUMBERS = {b"%d" % number: _encode_integer(number) for number in range(-1, 257)}
"""Their entries: flags, counts and small differences are most of what a stream's listpacks hold."""


def _decode(data: bytes | bytearray, position: int) -> tuple[bytes, int]:
    """The element whose entry starts at position, and the position of the entry after it."""
    tag = data[position]
    if tag < 0x80:
        return _SMALL_INTEGERS[tag], position + 2
    if tag < 0xC0:
        end = position + tag - 0x7F
        return bytes(data[position + 1 : end]), end + 1
    if tag < 0xE0:
        return b"%d" % _thirteen_bits(data, position), position + 3
    if tag > 0xF0:
        end = position + _STEPS[tag] - 1
        return b"%d" % int.from_bytes(data[position + 1 : end], "little", signed=True), end + 1
    header_size, content_size = _sizes(data, position)
    start = position + header_size
    end = start + content_size
    return bytes(data[start:end]), end + _backlen_size(end - position)


def _thirteen_bits(data: bytes | bytearray, position: int) -> int:
    unsigned = (data[position] & 0x1F) << 8 | data[position + 1]
    return unsigned - 8192 if unsigned >= 4096 else unsigned


def _sizes(data: bytes | bytearray, position: int) -> tuple[int, int]:
    """Bytes of the header and of the content of the entry at position."""
    tag = data[position]
    if tag < 0x80:
        return 1, 0
    if tag < 0xC0:
        return 1, tag & 0x3F
    if tag < 0xE0:
        return 2, 0
    if tag < 0xF0:
        return 2, (tag & 0x0F) << 8 | data[position + 1]
    if tag == 0xF0:
        return 5, int.from_bytes(data[position + 1 : position + 5], "little")
    if tag in _INTEGER_SIZES:
        return 1, _INTEGER_SIZES[tag]
    raise CorruptListpack(position, f"no encoding begins with {tag:02x}")


def _step(data: bytes | bytearray, position: int) -> int:
    """Bytes from this entry to the next, for the encodings that _STEPS can't answer."""
    header_size, content_size = _sizes(data, position)
    length = header_size + content_size
    return length + _backlen_size(length)


def _backlen_size(length: int) -> int:
    return 1 if length <= 127 else len(encode_backlen(length))


def _step_back(data: bytes | bytearray, position: int) -> int:
    """Start of the entry that ends just before position: read its backlen from right to left."""
    position -= 1
    digit = data[position]
    if digit < 0x80:
        return position - digit
    length = digit & 0x7F
    shift = 7
    while digit & 0x80:
        position -= 1
        digit = data[position]
        length |= (digit & 0x7F) << shift
        shift += 7
    return position - length


def _take_apart(data: bytes, position: int) -> Entry:
    header_size, content_size = _sizes(data, position)
    start = position + header_size
    end = start + content_size
    header, content = data[position:start], data[start:end]
    backlen = data[end : end + _backlen_size(end - position)]
    tag = data[position]
    value: int | bytes = content
    if tag < 0x80:
        encoding, value = "7-bit unsigned integer", tag
    elif tag < 0xC0:
        encoding = "6-bit string"
    elif tag < 0xE0:
        encoding, value = "13-bit integer", _thirteen_bits(data, position)
    elif tag < 0xF0:
        encoding = "12-bit string"
    elif tag == 0xF0:
        encoding = "32-bit string"
    else:
        encoding = f"{8 * content_size}-bit integer"
        value = int.from_bytes(content, "little", signed=True)
    return Entry(position, encoding, header, content, value, backlen)


def _rendered(value: int | bytes) -> bytes:
    return b"%d" % value if isinstance(value, int) else value


def elements_in_shortest_form(data: bytes) -> list[bytes] | None:
    """The elements of sound bytes that are the ones that we would write; None for all others.

    The quick half of `from_bytes`: nearly all listpacks are so, and the others are looked at again with care.
    """
    end = len(data) - 1
    if end < HEADER_SIZE or data[end] != END_MARK or int.from_bytes(data[:4], "little") != end + 1:
        return None
    elements = []
    position = HEADER_SIZE
    while position < end:
        tag = data[position]
        if tag < 0x80:
            after = position + 2
            element = _SMALL_INTEGERS[tag]
            is_shortest = data[position + 1] == 1
        elif tag < 0xC0:
            after = position + tag - 0x7F + 1
            element = data[position + 1 : after - 1]
            is_shortest = (
                after <= end
                and data[after - 1] == tag - 0x7F
                and (
                    data[position + 1] > 0x39  # no digit begins or ends it, as mostly
                    or not 0x30 <= data[after - 2] <= 0x39
                    or canonical_integer(element) is None
                )
            )
        elif tag < 0xE0 and position + 3 <= end:
            after = position + 3
            number = _thirteen_bits(data, position)
            element = b"%d" % number
            is_shortest = data[position + 2] == 2 and not 0 <= number < 0x80
        elif position + 6 > end and tag == 0xF0 or tag > 0xF4:
            return None
        else:
            try:
                element, after = _decode(data, position)
            except IndexError:
                return None
            is_shortest = after <= end and data[position:after] == encode_entry(element)
        if not is_shortest:
            return None
        elements.append(element)
        position = after
    count = int.from_bytes(data[4:6], "little")
    return elements if position == end and count == min(len(elements), COUNT_UNKNOWN) else None


def _validated_entries(data: bytes) -> list[Entry]:
    """Every entry of untrusted bytes; CorruptListpack at the first thing that is not as it must be."""
    if len(data) < HEADER_SIZE + 1:
        raise CorruptListpack(len(data), "shorter than an empty listpack")
    if (total := int.from_bytes(data[:4], "little")) != len(data):
        raise CorruptListpack(0, f"the header says {total} bytes, there are {len(data)}")
    if data[-1] != END_MARK:
        raise CorruptListpack(len(data) - 1, f"the last byte is {data[-1]:02x}, should be ff")
    end_mark = len(data) - 1
    entries = []
    position = HEADER_SIZE
    while position < end_mark:
        if position + (5 if data[position] == 0xF0 else 2) > end_mark:
            raise CorruptListpack(position, "the entry's header runs past the end")
        header_size, content_size = _sizes(data, position)
        length = header_size + content_size
        backlen = encode_backlen(length) if position + length < end_mark else b""
        if position + length + max(1, len(backlen)) > end_mark:
            raise CorruptListpack(position, "the entry runs past the end")
        entry = _take_apart(data, position)
        if entry.backlen != backlen:
            fault = position + length
            raise CorruptListpack(fault, f"backlen is {entry.backlen.hex()}, should be {backlen.hex()}")
        entries.append(entry)
        position += length + len(backlen)
    count = int.from_bytes(data[4:6], "little")
    if count not in (len(entries), COUNT_UNKNOWN):
        raise CorruptListpack(4, f"the header says {count} entries, there are {len(entries)}")
    return entries

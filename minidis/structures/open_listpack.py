"""An open listpack: the elements of a listpack while somebody works with them.

C walks over the bytes of a listpack as fast as over anything else; Python needs a tenth of a microsecond
for each entry. So a listpack that is in use is *open* here, a Python list of its elements, and the bytes are
made when somebody asks for them: an RDB file, DUMP, a picture. What was made and is not looked at again
stays *closed*: bytes alone, a third of the memory.

    closed              data  0d 00 00 00 02 00 82 68 69 03 05 01 ff      elements  -
    opened by a look    data  the same                                    elements  [b"hi", b"5"]
    changed             data  -                                           elements  [b"hi", b"6"]
    closed again        data  0d 00 00 00 02 00 82 68 69 03 06 01 ff      elements  -

How large it is, which decides on encodings and is what MEMORY USAGE shows, is known at any time: the length
of an entry can be told from its element (`entry_size`).

Mirrors: nothing in Redis; listpack.py mirrors listpack.c, and what the bytes are is said there alone.
Differs: from Listpack in speed, and in the bytes that are not there until they are wanted; `check` holds them
equal.
Complexity: as a Python list: get O(1); find, insert and delete O(n), all in C; the bytes O(n).

>>> pack = OpenListpack([b"hi", b"5"])
>>> pack.is_open, pack.find(b"5"), pack.is_open
(False, 1, True)
>>> pack.replace(1, b"6")
>>> pack.size, bytes(pack).hex(" ")
(13, '0d 00 00 00 02 00 82 68 69 03 06 01 ff')

Read next: quicklist.py, which closes all nodes but those where something happens.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from minidis.structures.listpack import (
    COUNT_UNKNOWN,
    EMPTY,
    SIZE_LIMIT,
    Listpack,
    elements_in_shortest_form,
    encode,
    encode_entry,
    entry_size,
)


class OpenListpack:
    """A sequence of byte strings with the methods of Listpack, but for those by offset."""

    __slots__ = ("_data", "_elements", "size")

    def __init__(self, iterable: Iterable[bytes] = ()) -> None:
        self._data: bytes | None = EMPTY
        self._elements: list[bytes] | None = None  # never an empty one
        self.size = len(EMPTY)  # in bytes, header and end mark included
        elements = list(iterable)
        if elements:
            self.extend(elements)

    @classmethod
    def with_elements(cls, data: bytes) -> tuple[OpenListpack, list[bytes]]:
        """Of foreign bytes, which are checked, and the elements met there. Raises CorruptListpack. O(n)."""
        elements = elements_in_shortest_form(data)
        if elements is None:
            return cls(elements := Listpack.from_bytes(data).elements()), elements
        pack = cls()
        pack._data = data
        pack.size = len(data)
        return pack, elements

    @property
    def is_open(self) -> bool:
        """Are the elements at hand?"""
        return self._elements is not None

    def close(self) -> None:
        """Keep the bytes alone, until the next look. O(n) if it was changed."""
        self._data = bytes(self)
        self._elements = None

    # Reading

    def __bytes__(self) -> bytes:
        return self._data if self._data is not None else encode(self._elements or ())

    def __len__(self) -> int:
        if self._elements is not None:
            return len(self._elements)
        assert self._data is not None
        count = int.from_bytes(self._data[4:6], "little")
        return count if count != COUNT_UNKNOWN else len(self._look())

    def __iter__(self) -> Iterator[bytes]:
        """The elements, as they were when the iteration began."""
        return iter(self.elements())

    def __reversed__(self) -> Iterator[bytes]:
        return reversed(self.elements())

    def __contains__(self, element: object) -> bool:
        return element in (self._elements or self._look())

    def __eq__(self, other: object) -> bool:
        return bytes(self) == bytes(other) if isinstance(other, OpenListpack | Listpack) else NotImplemented

    __hash__ = None  # type: ignore[assignment]  # it changes in place

    def __repr__(self) -> str:
        return f"<OpenListpack: {len(self)} elements in {self.size} bytes>"

    def elements(self, start: int = 0, stop: int | None = None) -> list[bytes]:
        """The elements start..stop (stop not included, both at least 0), as slicing a list gives."""
        return (self._elements or self._look())[start:stop]

    def get(self, index: int) -> bytes:
        """The element at index; negative counts from the tail. Raises IndexError."""
        return (self._elements or self._look())[index]

    def value_of(self, field: bytes) -> bytes | None:
        """The element behind the first equal one of every second: the value of a hash's field."""
        elements = self._elements or self._look()
        try:
            index = elements.index(field)
            while index & 1:  # a value that looks like the field
                index = elements.index(field, index + 1)
        except ValueError:
            return None
        return elements[index + 1]

    def find(self, element: bytes, start: int = 0, skip: int = 0) -> int:
        """Index of the first equal element at or after `start`, or -1; see Listpack.find for `skip`."""
        if self._elements is None and encode_entry(element) not in bytes(self):  # it need not be opened
            return -1
        elements = self._elements or self._look()
        try:
            index = elements.index(element, start)
            while skip and (index - start) % (skip + 1):
                index = elements.index(element, index + 1)
        except ValueError:
            return -1
        return index

    # Changing

    def append(self, element: bytes) -> None:
        """Add at the tail."""
        if self._elements:
            self._elements.append(element)
            self.size += entry_size(element)
            self._data = None
        else:
            self.extend((element,))

    def prepend(self, element: bytes) -> None:
        """Add at the head."""
        if self._elements:
            self._elements[:0] = (element,)  # moves the others in one step, as `insert` does not
            self.size += entry_size(element)
            self._data = None
        else:
            self._splice(0, 0, (element,))

    def insert(self, index: int, *elements: bytes) -> None:
        """Put elements before the one at index, as list.insert does (index may equal len)."""
        place = index if index == len(self) else self._place(index)
        self._splice(place, place, elements)

    def extend(self, elements: Sequence[bytes]) -> None:
        """Add all of them at the tail."""
        if self.size == len(EMPTY):
            self._splice(0, 0, elements)
        else:
            (self._elements or self._look()).extend(elements)
            self._changed(sum(map(entry_size, elements)))

    def replace(self, index: int, element: bytes) -> None:
        """Put the element in place of the one at index. Raises IndexError."""
        elements = self._elements or self._look()
        try:
            former = elements[index]
        except IndexError:
            raise self._outside(index) from None
        if former != element:
            elements[index] = element
            self._changed(entry_size(element) - entry_size(former))

    def replace_value_of(self, field: bytes, value: bytes) -> bool:
        """Put `value` in place of what `value_of` answers; False if that is None."""
        elements = self._elements or self._look()
        try:
            index = elements.index(field)
            while index & 1:
                index = elements.index(field, index + 1)
        except ValueError:
            return False
        former = elements[index + 1]
        if former != value:
            elements[index + 1] = value
            self._changed(entry_size(value) - entry_size(former))
        return True

    def delete(self, index: int, count: int = 1) -> int:
        """Remove up to `count` elements from index on; answers how many. Raises IndexError."""
        start = self._place(index)
        elements = self._elements or self._look()
        doomed = elements[start : start + max(count, 0)]
        if doomed:
            del elements[start : start + len(doomed)]
            self._changed(-sum(map(entry_size, doomed)))
        return len(doomed)

    def pop(self, index: int) -> bytes:
        """Remove the element at index, and answer it. Raises IndexError."""
        elements = self._elements or self._look()
        try:
            element = elements.pop(index)
        except IndexError:
            raise self._outside(index) from None
        self._changed(-entry_size(element))
        return element

    def remove(self, element: bytes, limit: int = 0, from_tail: bool = False) -> int:
        """Remove the first (or last) `limit` equal elements, 0: all; answers how many."""
        places = []
        place = self.find(element)
        while place >= 0:
            places.append(place)
            if len(places) == limit and not from_tail:
                break
            place = self.find(element, place + 1)
        if limit and from_tail:
            places = places[-limit:]
        for place in reversed(places):  # the last one first: so the places before it stay true
            self._splice(place, place + 1, ())
        return len(places)

    def safe_to_add(self, byte_count: int) -> bool:
        """Whether `byte_count` more bytes stay within the 1 GB that Redis allows one listpack."""
        return self.size + byte_count <= SIZE_LIMIT

    def copy(self) -> OpenListpack:
        """An independent listpack with the same elements."""
        duplicate = OpenListpack()
        duplicate._data, duplicate.size = self._data, self.size
        if self._data is None:
            duplicate._elements = self.elements()
        return duplicate

    def check(self) -> None:
        """Raise CorruptListpack or AssertionError unless size, elements and bytes agree. O(n)."""
        pack = Listpack.from_bytes(bytes(self))
        pack.check()
        assert pack.size == self.size, (pack.size, self.size)
        assert self._data is not None or self._elements is not None, "neither bytes nor elements"
        assert self._elements is None or self._elements == list(pack), "other elements than the bytes say"

    # Helpers

    def _look(self) -> list[bytes]:
        """The elements of a closed listpack, which is open from now on; but one without any stays closed."""
        if self.size == len(EMPTY):
            return []
        assert self._data is not None
        elements = elements_in_shortest_form(self._data)
        assert elements is not None, "bytes that we would not write"
        self._elements = elements
        return elements

    def _place(self, index: int) -> int:
        """The index counted from the head. Raises IndexError."""
        count = len(self._elements) if self._elements else len(self)
        place = index + count if index < 0 else index
        if not 0 <= place < count:
            raise self._outside(index)
        return place

    def _outside(self, index: int) -> IndexError:
        return IndexError(f"index {index} is outside a listpack of {len(self)} elements")

    def _splice(self, start: int, stop: int, new: Sequence[bytes]) -> None:
        """Put new elements in place of start..stop."""
        if self.size == len(EMPTY):  # the first ones are closed: many a small value is never looked at again
            self._data = encode(new)
            self.size = len(self._data)
            return
        elements = self._elements or self._look()
        growth = sum(map(entry_size, new)) - sum(map(entry_size, elements[start:stop]))
        elements[start:stop] = new
        self._changed(growth)

    def _changed(self, growth: int) -> None:
        """The elements are others now, and take `growth` more bytes: the bytes that there were are old."""
        self.size += growth
        self._data = None
        if self.size == len(EMPTY):
            self._data, self._elements = EMPTY, None

r"""What exercise 3.3 stands on: a listpack that a live node can use, made of a learner's three functions.

    encode([b"hi", b"5"])      -> bytes of the whole listpack       writes every entry
    decode(data)               -> [b"hi", b"5"]                     serves every read from the head
    backward(data)             -> yields b"5", then b"hi"           serves every read from the tail

The node's lists, sets and hashes hold nothing but the bytes. Where an entry goes in, moves or is
looked for is the engine's own work; what stands in the bytes, and what is read out of them, is the learner's.

>>> from minidis.structures.listpack import Listpack
>>> Pack = listpack_class(
...     lambda elements: bytes(Listpack(elements)),
...     lambda data: list(Listpack.from_bytes(data)),
...     lambda data: reversed(Listpack.from_bytes(data)),
... )
>>> pack = Pack([b"hi"])
>>> pack.append(b"5")
>>> pack, bytes(pack).hex(" "), pack.get(-1)
(<Listpack: 2 elements in 13 bytes>, '0d 00 00 00 02 00 82 68 69 03 05 01 ff', b'5')

Read next: minidis/structures/listpack.py.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice

from minidis.structures.listpack import HEADER_SIZE, Listpack


def listpack_class(
    encode: Callable[[list[bytes]], bytes],
    decode: Callable[[bytes], list[bytes]],
    backward: Callable[[bytes], Iterable[bytes]],
) -> type[Listpack]:
    """A Listpack that writes by `encode` and reads by `decode` and `backward`: for plug("listpack", ...)."""

    def entry(element: bytes) -> bytes:
        return encode([element])[HEADER_SIZE:-1]

    class LearnersListpack(Listpack):
        __slots__ = ()

        def __init__(self, iterable: Iterable[bytes] = ()) -> None:
            super().__init__()
            elements = list(iterable)
            if elements:
                self._data = bytearray(encode(elements))
                self._count = len(elements)

        # Reading

        def elements(self, start: int = 0, stop: int | None = None) -> list[bytes]:
            return list(decode(bytes(self._data)))[start:stop]

        def get(self, index: int) -> bytes:
            if index >= 0:
                return self.elements()[index]
            for element in islice(backward(bytes(self._data)), -index - 1, None):
                return element
            raise IndexError(f"index {index} is outside a listpack of {self._count} elements")

        def __reversed__(self) -> Iterator[bytes]:
            return iter(backward(bytes(self._data)))

        # Changing

        def append(self, element: bytes) -> None:
            self.extend((element,))

        def prepend(self, element: bytes) -> None:
            self._splice(HEADER_SIZE, HEADER_SIZE, entry(element), 1)

        def extend(self, elements: Sequence[bytes]) -> None:
            end = len(self._data) - 1
            self._splice(end, end, b"".join(map(entry, elements)), len(elements))

        def insert(self, index: int, *elements: bytes) -> None:
            offset = len(self._data) - 1 if index == self._count else self.seek(index)
            self._splice(offset, offset, b"".join(map(entry, elements)), len(elements))

        def replace(self, index: int, element: bytes) -> None:
            offset = self.seek(index)
            self._splice(offset, offset + self.entry_length(offset), entry(element), 0)

        def copy(self) -> Listpack:
            duplicate = LearnersListpack()
            duplicate._data, duplicate._count = self._data[:], self._count
            return duplicate

    return LearnersListpack

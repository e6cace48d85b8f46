"""A list: elements in order, quick at both ends.

Two encodings. A list is born as one listpack; when that would pass the limit of one node
(list-max-listpack-size, -2 by default: 8 KB), the listpack becomes the first node of a quicklist:

    "listpack"     [ a b c d ]
    "quicklist"    [ a b c d ] <-> [ e f g h ] <-> [ i ]

Unlike the other types a list also turns back. Not at once: elements pushed and popped around the
limit would convert it each time. Only when one node is left, and that is at most half full.

    RPUSH ... past the limit                     listpack  -> quicklist
    LPOP ... down to one node, over half full    quicklist
    LPOP ... down to half the limit              quicklist -> listpack

The decision to grow is made before anything is pushed, from the bytes of the arguments: a little too
early or late does no harm, and nothing has to be undone. The decision to shrink follows every
command that took something away.

Mirrors: t_list.c (`listTypeTryConversionRaw`: the rules of 7.2), object.c (`objectComputeSize`).
Differs: an integer that LMOVE carries over counts with its digits where Redis counts 0 bytes.
Complexity: push and pop O(1), by index O(n), from the nearer end.

>>> from minidis.values.encodings import Encodings
>>> tasks = List(Encodings(list_max_listpack_size=4))
>>> tasks.push([b"a", b"b", b"c", b"d"])
4
>>> tasks.encoding, tasks.push([b"e"]), tasks.encoding
('listpack', 5, 'quicklist')
>>> tasks.pop(3), tasks.encoding  # two nodes are left: [d] and [e]
([b'a', b'b', b'c'], 'quicklist')
>>> tasks.pop(), tasks.encoding
([b'd'], 'listpack')

Read next: minidis/structures/quicklist.py, then minidis/commands/lists.py.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import Any

from minidis.structures.quicklist import ENTRY_OVERHEAD, exceeds_limit, node_limits
from minidis.values.base import OBJECT_HEADER_BYTES, Value, allocation_size
from minidis.values.encodings import Encodings

QUICKLIST_BYTES = 40
"""sizeof(quicklist): two ends, two counts, the settings."""

QUICKLIST_NODE_BYTES = 40
"""sizeof(quicklistNode): two links, a pointer to the entry, its size, its count and flags."""

_SAMPLED_NODES = 5  # MEMORY USAGE weighs this many nodes and takes the others for alike


class List(Value):
    """A list value.  `form` is the Listpack or the Quicklist that holds the elements."""

    __slots__ = ("encodings", "form", "is_packed")

    kind = "list"

    def __init__(self, encodings: Encodings) -> None:
        self.accessed_us = 0
        self.encodings = encodings
        self.is_packed = True
        self.form: Any = encodings.listpack()  # a Listpack or a Quicklist

    @classmethod
    def from_elements(cls, elements: Iterable[bytes], encodings: Encodings) -> List:
        """A list of elements that are all known: a quicklist is filled, and kept if one node can't hold it.

        Source: SORT with STORE, and the loading of an RDB file (LIST_CONV_AUTO).
        """
        value, elements = cls(encodings), list(elements)
        if not elements or encodings.quicklist_packed_threshold is not None:
            value._become_quicklist()
        value._make_room(sum(map(len, elements)) + ENTRY_OVERHEAD * len(elements), len(elements))
        if value.is_packed:  # one node holds them all
            value.form.extend(elements)
            return value
        for element in elements:
            value.form.push_tail(element)
        value._try_to_become_listpack(share=1)
        return value

    @classmethod
    def from_nodes(cls, nodes: Iterable[Any], encodings: Encodings) -> List:
        """A list of nodes as a file has them, each a listpack or, if too large for one, an element as bytes.

        A single listpack within the limit becomes the list.  Source: rdbLoadObject, LIST_CONV_AUTO.
        """
        value, nodes = cls(encodings), list(nodes)
        if len(nodes) == 1 and type(nodes[0]) is not bytes and value._fits(nodes[0]):
            value.form = nodes[0]
            return value
        value._become_quicklist()
        for node in nodes:
            value.form.append_node(node)
        return value

    @property
    def encoding(self) -> str:
        return "listpack" if self.is_packed else "quicklist"

    # Reading

    def __len__(self) -> int:
        return len(self.form)

    def __iter__(self) -> Iterator[bytes]:
        return iter(self.form)

    def __reversed__(self) -> Iterator[bytes]:
        return reversed(self.form)

    def elements(self, start: int = 0, stop: int | None = None) -> list[bytes]:
        """The elements start..stop, stop not included, both at least 0. O(start + their number)."""
        return self.form.elements(start, stop)

    def get(self, index: int) -> bytes:
        """The element at index, negative from the tail.  Raises IndexError.  O(n)."""
        return self.form.get(index)

    def find(self, element: bytes) -> int:
        """Index of the first equal element, or -1.  O(n)."""
        return self.form.find(element)

    # Changing

    def push(self, elements: Sequence[bytes], head: bool = False) -> int:
        """Add one by one at the tail, or at the head, the last one first then. The new length. O(1) each."""
        if self.is_packed:
            self._make_room(sum(map(len, elements)), len(elements))
        form = self.form
        if not self.is_packed:
            add = form.push_head if head else form.push_tail
            for element in elements:
                add(element)
            return form.count
        if len(elements) == 1:
            form.prepend(elements[0]) if head else form.append(elements[0])
        else:
            form.insert(0, *reversed(elements)) if head else form.extend(elements)
        return len(form)

    def pop(self, count: int = 1, head: bool = True) -> list[bytes]:
        """Take away up to `count` elements from one end, in the order in which they go.  O(count)."""
        popped = self._take(count, head)
        self._try_to_become_listpack()
        return popped

    def rotate(self, from_head: bool, to_head: bool) -> bytes:
        """Move an element from one end to the other, or to the same; answers it.  O(1)."""
        [element] = self._take(1, from_head)
        self.push((element,), to_head)
        self._try_to_become_listpack()  # not before the push: the length is in truth the same
        return element

    def set(self, index: int, element: bytes) -> None:
        """Put the element in place of the one at index.  Raises IndexError.  O(n)."""
        self._make_room(len(element), 1)
        self.form.replace(index, element)
        self._try_to_become_listpack()

    def insert(self, pivot: bytes, element: bytes, after: bool) -> bool:
        """Insert beside the first element that equals `pivot`; False if there is none.  O(n)."""
        self._make_room(len(element), 1)  # before the pivot is searched for: as in Redis, even in vain
        index = self.find(pivot)
        if index < 0:
            return False
        if self.is_packed:
            self.form.insert(index + after, element)
        elif after:
            self.form.insert_after(index, element)
        else:
            self.form.insert_before(index, element)
        return True

    def remove(self, element: bytes, limit: int = 0, from_tail: bool = False) -> int:
        """Take away the first (last) `limit` equal elements, 0: all; answers how many.  O(n)."""
        removed = self.form.remove(element, limit, from_tail)
        if removed:
            self._try_to_become_listpack()
        return removed

    def trim(self, start: int, stop: int) -> int:
        """Keep only the elements start..stop, stop not included; how many went.  O(number of those)."""
        length = len(self)
        self._delete_range(0, start)
        self._delete_range(stop - start, length - stop)
        self._try_to_become_listpack()
        return length - len(self)

    # What every value has

    def memory_usage(self) -> int:
        if self.is_packed:
            return OBJECT_HEADER_BYTES + allocation_size(self.form.size)
        sizes = [
            QUICKLIST_NODE_BYTES + allocation_size(node.size)
            for node in islice(self.form.nodes(), _SAMPLED_NODES)
        ]
        nodes = sum(sizes) * self.form.node_count // max(len(sizes), 1)
        return OBJECT_HEADER_BYTES + QUICKLIST_BYTES + nodes

    def free_effort(self) -> int:
        return 1 if self.is_packed else self.form.node_count

    def parts(self) -> list[Any]:
        return [] if self.is_packed else [self.form]

    def copy(self) -> List:
        duplicate = List(self.encodings)
        duplicate.form = self.form.copy()
        duplicate.is_packed = self.is_packed
        return duplicate

    def check(self) -> None:
        self.form.check()
        assert self.is_packed != hasattr(self.form, "nodes"), "the encoding is not that of the form"

    def _take(self, count: int, head: bool) -> list[bytes]:
        if count == 1:
            form = self.form
            try:
                if self.is_packed:
                    return [form.pop(0 if head else -1)]
                return [form.pop_head() if head else form.pop_tail()]
            except IndexError:
                return []
        length = len(self)
        count = min(count, length)
        start = 0 if head else length - count
        taken = self.form.elements(start, start + count)
        self._delete_range(start, count)
        return taken if head else taken[::-1]

    def _delete_range(self, start: int, count: int) -> None:
        if count <= 0:
            return
        if self.is_packed:
            self.form.delete(start, count)
        else:
            self.form.delete_range(start, count)

    # Which form

    def _make_room(self, byte_count: int, element_count: int) -> None:
        """Before elements come: turn a listpack that could not hold them into a quicklist."""
        if self.is_packed:
            fill = self.encodings.list_max_listpack_size
            count = len(self.form) + element_count if fill >= 0 else 0  # else only the bytes are limited
            if exceeds_limit(fill, self.form.size + byte_count, count):
                self._become_quicklist()

    def _become_quicklist(self) -> None:
        encodings = self.encodings
        quicklist: Any = encodings.quicklist
        fill, compress_depth = encodings.list_max_listpack_size, encodings.list_compress_depth
        self.form = quicklist.from_listpack(
            self.form, fill, compress_depth, encodings.quicklist_packed_threshold
        )
        self.is_packed = False

    def _try_to_become_listpack(self, share: int = 2) -> None:
        """After elements went: a quicklist of one node, filled to 1/share of the limit, turns back."""
        if self.is_packed or self.form.node_count != 1:
            return
        node = self.form.head
        if node.container == "packed" and self._fits(node.pack, share):
            self.form = node.pack
            self.is_packed = True

    def _fits(self, pack: Any, share: int = 1) -> bool:
        """Does a listpack take up no more than 1/share of what one node may hold?"""
        size_limit, count_limit = node_limits(self.encodings.list_max_listpack_size)
        if size_limit is not None:
            return pack.size <= size_limit // share
        return count_limit is None or len(pack) <= count_limit // share

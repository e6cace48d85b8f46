"""Quicklist: a linked list whose nodes are listpacks.

A linked list grows at both ends in constant time but pays two pointers and an allocation per element;
a listpack pays a byte or two per element but moves everything behind the place of a change. A
quicklist takes the good half of both: nodes are linked, and each node packs many elements into one
listpack that is kept small enough to move at once.

    head                                                              tail
     |                                                                 |
     v           packed               plain               packed       v
     [ listpack: a b c d ] <-> [ one large element ] <-> [ listpack: e f ]

How full a node may be is `fill` (list-max-listpack-size): -1 to -5 mean 4, 8, 16, 32 or 64 KB, and a
positive number means that many elements (and still no more than 8 KB). An element too large for any
node gets a *plain* node, which is nothing but its bytes.

A push looks only at the node at its end. An insert in the middle of a full node first tries the
neighbour if the place is at a border, else splits the node in two at that place and then merges
neighbours that fit together again, so that many inserts don't leave a trail of nearly empty nodes.

Mirrors: quicklist.c (which node takes an element, where nodes split and merge, node by node).
Differs: nodes are never compressed: `compress_depth` (list-compress-depth: how many nodes at each end
stay uncompressed) is kept as a setting only. An element is "too large" when it exceeds the node's
limit, as Redis 7.4 and Valkey have it; 7.2 waits until 1 GB: `packed_threshold=1 << 30` gives that.

Complexity, with n elements in nodes of at most m: push and pop O(1) nodes and at most one move of a
node's bytes; get, replace, insert O(n/m + m), from the nearer end; delete_range O(nodes touched + m).

>>> numbers = Quicklist([b"1", b"2", b"3", b"4", b"5"], fill=2)
>>> [list(node) for node in numbers.nodes()]
[[b'1', b'2'], [b'3', b'4'], [b'5']]
>>> numbers.insert_after(0, b"1.5")
>>> [list(node) for node in numbers.nodes()]
[[b'1'], [b'1.5', b'2'], [b'3', b'4'], [b'5']]
>>> numbers.pop_tail(), numbers.get(-1), len(numbers)
(b'5', b'4', 5)

Read next: values/list.py, which decides when a list needs more than one listpack.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import cache

from minidis.structures.open_listpack import OpenListpack

DEFAULT_FILL = -2
_SIZE_LIMITS = (4096, 8192, 16384, 32768, 65536)  # what fill -1, -2 ... -5 stand for, in bytes
_SAFE_SIZE = 8192  # with a limit by count, a node still stays below this
ENTRY_OVERHEAD = 8  # Redis's estimate of header and backlen, on the safe side
_MERGE_SAVING = 7  # one listpack header and end mark less


@cache
def node_limits(fill: int) -> tuple[int | None, int | None]:
    """The limit in bytes and the limit in elements that `fill` stands for; one of the two is None.

    >>> node_limits(-2), node_limits(128)
    ((8192, None), (None, 128))
    """
    if fill >= 0:
        return None, max(fill, 1)
    return _SIZE_LIMITS[min(-fill, len(_SIZE_LIMITS)) - 1], None


def exceeds_limit(fill: int, size: int, count: int) -> bool:
    """Whether a node of `size` bytes and `count` elements is more than `fill` allows."""
    size_limit, count_limit = node_limits(fill)
    if count_limit is None:
        return size > (size_limit or 0)
    return size > _SAFE_SIZE or count > count_limit


class Node:
    """A link of the chain: `pack` holds its elements, or, in a plain node, `plain` its single one."""

    __slots__ = ("next", "pack", "plain", "previous")

    def __init__(self, pack: OpenListpack, plain: bytes | None = None) -> None:
        self.pack = pack
        self.plain = plain
        self.previous: Node | None = None
        self.next: Node | None = None

    @property
    def container(self) -> str:
        """ "packed" or "plain"."""
        return "packed" if self.plain is None else "plain"

    @property
    def size(self) -> int:
        """Bytes of the listpack, or of the plain element."""
        return self.pack.size if self.plain is None else len(self.plain)

    def __len__(self) -> int:
        return self.count()

    def count(self) -> int:
        """`len` of it, in half the time."""
        return len(self.pack) if self.plain is None else 1

    def __iter__(self) -> Iterator[bytes]:
        return iter(self.elements())

    def elements(self, start: int = 0, stop: int | None = None) -> list[bytes]:
        """The elements start..stop, stop not included. O(stop)."""
        return self.pack.elements(start, stop) if self.plain is None else [self.plain][start:stop]

    def __repr__(self) -> str:
        return f"<Node: {self.container}, {len(self)} elements in {self.size} bytes>"


_NO_PACK = OpenListpack()  # the pack of every plain node: empty and never changed


class Quicklist:
    """A sequence of byte strings, quick at both ends. Indexes may be negative, as in Python."""

    __slots__ = (
        "_count_limit", "_foreign", "_large_from", "_most_before_overhead", "_visited",
        "compress_depth", "count", "fill", "head", "node_count", "packed_threshold", "tail",
    )  # fmt: skip

    def __init__(
        self,
        iterable: Iterable[bytes] = (),
        fill: int = DEFAULT_FILL,
        compress_depth: int = 0,
        packed_threshold: int | None = None,
    ) -> None:
        self.fill = fill
        self.compress_depth = compress_depth
        self.packed_threshold = packed_threshold
        self.head: Node | None = None
        self.tail: Node | None = None
        self.node_count = 0
        self.count = 0  # of elements: `len` of it, which takes longer
        self._foreign = False  # has nodes that were filled by other limits
        self._visited: Node | None = None  # the one that was looked into last
        # The limits as plain numbers, since every push compares with them.
        size_limit, count_limit = node_limits(fill)
        size_limit = size_limit or _SAFE_SIZE
        self._most_before_overhead = size_limit - ENTRY_OVERHEAD  # bytes, of a node and an element's text
        self._count_limit = count_limit
        self._large_from = size_limit + 1 if packed_threshold is None else packed_threshold
        for element in iterable:
            self.push_tail(element)

    @classmethod
    def from_listpack(
        cls,
        pack: OpenListpack,
        fill: int = DEFAULT_FILL,
        compress_depth: int = 0,
        packed_threshold: int | None = None,
    ) -> Quicklist:
        """A quicklist whose only node is this listpack (taken over, not copied). O(1)."""
        quicklist = cls((), fill, compress_depth, packed_threshold)
        if pack:
            quicklist._link(None, Node(pack))
            quicklist.count = len(pack)
            most = quicklist._count_limit
            quicklist._foreign = most is not None and len(pack) > most
        return quicklist

    # Reading

    def __len__(self) -> int:
        return self.count

    def __iter__(self) -> Iterator[bytes]:
        return self.iterate()

    def __reversed__(self) -> Iterator[bytes]:
        return self.iterate(-1, reverse=True)

    def __repr__(self) -> str:
        return f"<Quicklist: {self.count} elements in {self.node_count} nodes>"

    @property
    def size(self) -> int:
        """Bytes of all nodes' listpacks and plain elements. O(nodes)."""
        return sum(node.size for node in self.nodes())

    def nodes(self) -> Iterator[Node]:
        """The nodes from head to tail; each tells len(), size, container and its elements."""
        node = self.head
        while node is not None:
            following = node.next
            yield node
            node = following

    def get(self, index: int) -> bytes:
        """The element at index. Raises IndexError."""
        node, offset = self._locate(index)
        return node.pack.get(offset) if node.plain is None else node.plain

    def find(self, element: bytes) -> int:
        """Index of the first equal element, or -1. O(n)."""
        before = 0
        for node in self.nodes():
            self._visit(node)
            index = node.pack.find(element) if node.plain is None else (node.plain == element) - 1
            if index >= 0:
                return before + index
            before += len(node)
        return -1

    def iterate(self, start: int = 0, reverse: bool = False) -> Iterator[bytes]:
        """The elements from index `start` to the tail, or to the head if `reverse`. Nothing if out of range.

        The list must not change meanwhile. O(1) each, after finding the start.

        >>> list(Quicklist([b"a", b"b", b"c"], fill=2).iterate(1, reverse=True))
        [b'b', b'a']
        """
        if not -self.count <= start < self.count:
            return
        first, offset = self._locate(start)
        node: Node | None
        if reverse:
            yield from reversed(first.elements(0, offset + 1))
            node = first.previous
            while node is not None:
                self._visit(node)
                yield from reversed(node.elements())
                node = node.previous
        else:
            yield from first.elements(offset)
            node = first.next
            while node is not None:
                self._visit(node)
                yield from node.elements()
                node = node.next

    def elements(self, start: int = 0, stop: int | None = None) -> list[bytes]:
        """The elements start..stop (stop not included, both at least 0), as slicing a list gives."""
        left = (self.count if stop is None or stop > self.count else stop) - start
        if left <= 0:
            return []
        first, offset = self._locate(start)
        found = first.elements(offset, offset + left)
        node = first.next
        while node is not None and len(found) < left:
            self._visit(node)
            found += node.elements(0, left - len(found))
            node = node.next
        return found

    # Changing

    def push_head(self, element: bytes) -> None:
        """Add before the first element. O(1) nodes."""
        head = self.head
        if head is not None and self._has_room(head, element):
            head.pack.prepend(element)
        else:
            self._link(None, self._new_node(element))
        self.count += 1

    def push_tail(self, element: bytes) -> None:
        """Add after the last element. O(1) nodes."""
        tail = self.tail
        if tail is not None and self._has_room(tail, element):
            tail.pack.append(element)
        else:
            self._link(tail, self._new_node(element))
        self.count += 1

    def append_node(self, content: OpenListpack | bytes) -> None:
        """Add a whole node at the tail, whatever its size: a listpack that isn't empty, or a plain element.

        Source: quicklistAppendListpack, quicklistAppendPlainNode (an RDB file holds the nodes as they are).
        """
        node = Node(_NO_PACK, content) if isinstance(content, bytes) else Node(content)
        self._foreign = True
        self._link(self.tail, node)
        self.count += len(node)

    def pop_head(self) -> bytes:
        """Take the first element away. Raises IndexError when there is none."""
        return self._pop(self.head, 0)

    def pop_tail(self) -> bytes:
        """Take the last element away. Raises IndexError when there is none."""
        return self._pop(self.tail, -1)

    def replace(self, index: int, element: bytes) -> None:
        """Put the element in place of the one at index. Raises IndexError.

        A packed node takes it even if that makes the node too large, as in Redis.
        """
        node, offset = self._locate(index)
        large = self._is_large(element)
        if node.plain is None and not large:
            node.pack.replace(offset, element)
        elif node.plain is not None and large:
            node.plain = element
        elif node.plain is not None:
            self._insert(node, 0, element, after=True)
            self._unlink(node)
            self.count -= 1
        else:
            if offset < len(node) - 1:
                self._split(node, offset + 1)
            replacement = self._new_node(element)
            self._link(node, replacement)
            self.count += 1
            self._delete_within(node, offset, 1)
            if offset:  # the node still lives: only then Redis looks for neighbours to merge
                self._merge_around(replacement)

    def insert_before(self, index: int, element: bytes) -> None:
        """Insert before the element at index. Raises IndexError."""
        self._insert(*self._locate(index), element, after=False)

    def insert_after(self, index: int, element: bytes) -> None:
        """Insert after the element at index. Raises IndexError."""
        self._insert(*self._locate(index), element, after=True)

    def delete_range(self, start: int, count: int) -> int:
        """Remove up to `count` elements from index `start` on; answers how many. O(nodes touched)."""
        if count <= 0 or not -self.count <= start < self.count:
            return 0
        first, offset = self._locate(start)
        node: Node | None = first
        left = count
        while node is not None and left:
            following = node.next
            left -= self._delete_within(node, offset, left)
            node, offset = following, 0
        return count - left

    def remove(self, element: bytes, limit: int = 0, from_tail: bool = False) -> int:
        """Remove the first (or last) `limit` equal elements, 0: all; answers how many. O(n)."""
        removed = 0
        node = self.tail if from_tail else self.head
        while node is not None and not (limit and removed == limit):
            following = node.previous if from_tail else node.next
            self._visit(node)
            if node.plain is None:
                found = node.pack.remove(element, limit - removed if limit else 0, from_tail)
                self.count -= found
                if not node.pack:
                    self._unlink(node)
            else:
                found = self._delete_within(node, 0, 1) if node.plain == element else 0
            removed += found
            node = following
        return removed

    def release(self, count: int) -> bool:
        """Free `count` nodes, from the head; False when none is left. For a list that nobody will use again.

        Neighbours point at each other, so no node would go by itself: its pointers are taken away.
        """
        node = self.head
        while node is not None and count:
            following = node.next
            node.next = node.previous = None
            node = following
            count -= 1
        self.head = node
        return node is not None

    def __del__(self) -> None:
        """Nobody has the list any more: its nodes go now, and not when the garbage collector comes by."""
        self.release(self.node_count)

    def copy(self) -> Quicklist:
        """An independent quicklist with the same nodes. O(size)."""
        duplicate = Quicklist((), self.fill, self.compress_depth, self.packed_threshold)
        duplicate._foreign = self._foreign
        for node in self.nodes():
            pack = node.pack.copy() if node.plain is None else _NO_PACK
            duplicate._link(duplicate.tail, Node(pack, node.plain))
        duplicate.count = self.count
        return duplicate

    def check(self) -> None:
        """Raise AssertionError unless links, counts and every node are sound. O(n)."""
        nodes = list(self.nodes())
        assert len(nodes) == self.node_count, (len(nodes), self.node_count)
        assert sum(len(node) for node in nodes) == self.count
        assert (self.head, self.tail) == ((nodes[0], nodes[-1]) if nodes else (None, None))
        for node, previous in zip(nodes, [None, *nodes], strict=False):
            assert node.previous is previous, "a back link leads elsewhere"
            if node.plain is None:
                assert node.pack, "an empty node"
                node.pack.check()
                most = self._count_limit
                assert self._foreign or most is None or len(node) <= most, f"too many elements: {node}"
            else:
                assert node.pack is _NO_PACK, "a plain node with a listpack"
                assert self._foreign or self._is_large(node.plain), f"too small for a plain node: {node}"
        assert not _NO_PACK

    # Where an element goes

    def _is_large(self, element: bytes) -> bool:
        return len(element) >= self._large_from

    def _has_room(self, node: Node, element: bytes) -> bool:
        size = len(element)
        return (
            node.pack.size + size <= self._most_before_overhead
            and size < self._large_from
            and node.plain is None
            and (self._count_limit is None or len(node.pack) < self._count_limit)
        )

    def _insert(self, node: Node, offset: int, element: bytes, after: bool) -> None:
        """Insert beside the element at `offset` of `node`, in the node that Redis would choose."""
        self.count += 1
        place = offset + after
        if self._has_room(node, element):
            node.pack.insert(place, element)
        elif place == len(node):
            if node.next is not None and self._has_room(node.next, element):
                node.next.pack.prepend(element)
            else:
                self._link(node, self._new_node(element))
        elif place == 0:
            if node.previous is not None and self._has_room(node.previous, element):
                node.previous.pack.append(element)
            else:
                self._link(node.previous, self._new_node(element))
        else:
            right = self._split(node, place)
            if self._is_large(element):
                self._link(node, self._new_node(element))
            elif after:
                right.pack.prepend(element)
                self._merge_around(node)
            else:
                node.pack.append(element)
                self._merge_around(right)

    def _split(self, node: Node, at: int) -> Node:
        """Move the elements from `at` on into a new node behind; answers that node."""
        right = Node(OpenListpack(node.pack.elements(at)))
        node.pack.delete(at, len(right))
        self._link(node, right)
        return right

    def _merge_around(self, center: Node) -> None:
        """After a split: merge the two neighbours on each side, then the center with both, where they fit."""
        if center.previous is not None:
            self._try_merge(center.previous.previous, center.previous)
        if center.next is not None:
            self._try_merge(center.next, center.next.next)
        previous = center.previous
        if previous is not None and self._try_merge(previous, center):
            center = previous
        self._try_merge(center, center.next)

    def _try_merge(self, left: Node | None, right: Node | None) -> bool:
        """Move all elements of `right` into `left`, if both are packed and together within the limit."""
        if left is None or right is None or left.plain is not None or right.plain is not None:
            return False
        if exceeds_limit(self.fill, left.size + right.size - _MERGE_SAVING, len(left) + len(right)):
            return False
        left.pack.extend(right.pack.elements())
        self._unlink(right)
        return True

    # Nodes and links

    def _locate(self, index: int) -> tuple[Node, int]:
        """The node with the element at index, and its place in there; from the nearer end."""
        count = self.count
        wanted = index + count if index < 0 else index
        if not 0 <= wanted < count:
            raise IndexError(f"index {index} is outside a quicklist of {count} elements")
        if wanted < count - wanted:
            node = self.head
            before = 0  # number of elements in front of node
            while node is not None and before + (held := node.count()) <= wanted:
                before += held
                node = node.next
        else:
            node = self.tail
            before = count - (node.count() if node else 0)
            while node is not None and before > wanted:
                node = node.previous
                before -= node.count() if node else 0
        assert node is not None, "the counts of the nodes don't add up"
        self._visit(node)
        return node, wanted - before

    def _visit(self, node: Node) -> None:
        """Of the inner nodes, only the one that was looked into last stays open (open_listpack.py)."""
        if node is not self._visited:
            if self._visited is not None:
                self._close_inner(self._visited)
            self._visited = node

    @staticmethod
    def _close_inner(node: Node) -> None:
        if node.previous is not None and node.next is not None:
            node.pack.close()

    def _pop(self, node: Node | None, offset: int) -> bytes:
        if node is None:
            raise IndexError("pop from an empty quicklist")
        element = node.pack.get(offset) if node.plain is None else node.plain
        self._delete_within(node, offset if offset >= 0 else len(node) - 1, 1)
        return element

    def _delete_within(self, node: Node, offset: int, count: int) -> int:
        """Remove up to `count` elements of one node from `offset` on, and the node with its last one."""
        deleted = min(count, len(node) - offset)
        if deleted == len(node):
            self._unlink(node)
        else:
            node.pack.delete(offset, deleted)
        self.count -= deleted
        return deleted

    def _new_node(self, element: bytes) -> Node:
        return Node(_NO_PACK, element) if self._is_large(element) else Node(OpenListpack((element,)))

    def _link(self, previous: Node | None, node: Node) -> None:
        """Put the node behind `previous` (None: at the head)."""
        following = self.head if previous is None else previous.next
        node.previous, node.next = previous, following
        if previous is None:
            self.head = node
        else:
            previous.next = node
        if following is None:
            self.tail = node
        else:
            following.previous = node
        self.node_count += 1
        for neighbour in (previous, following):
            if neighbour is not None:
                self._close_inner(neighbour)

    def _unlink(self, node: Node) -> None:
        if node.previous is None:
            self.head = node.next
        else:
            node.previous.next = node.next
        if node.next is None:
            self.tail = node.previous
        else:
            node.next.previous = node.previous
        self.node_count -= 1
        if node is self._visited:  # or it would keep every node that comes and goes after it
            self._visited = None

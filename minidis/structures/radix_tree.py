r"""Radix tree: keys that begin alike share the bytes of their beginning.

A hash table forgets the order of its keys, a skip list compares whole keys again and again. A tree that
branches on the bytes of a key does neither: the way from the root down to a node *is* the key, walking
the children in order of their bytes walks the keys in order, and a search costs the key's length,
however many keys there are. Written plainly, one node per byte, such a tree (a trie) would be mostly
long chains of nodes with a single child. So a chain is squeezed into one *compressed* node that holds
all its bytes. After "foo", "foobar" and "footer":

        (foo) ""                 compressed: three bytes, one child
          |
        [bt] "foo"  *            branching: one child per byte, in order; * marks the end of a key
         |  \
       (ar)  (er)                compressed again
        |      |
        [] *   [] *              leaves: "foobar", "footer"

Inserting "first" splits a node that disagrees with the new key in its middle:

        (foo)  ->  f [io]        1. what both share stays above, the byte where they part becomes
                    /   \           a branching node of its own
                (rst)  [o] ...   2. the rest hangs below it, old and new

Removing a key does the reverse: nodes that lead nowhere go, chains are squeezed together again.

Why streams want it: an entry's id is 16 bytes in big-endian order, so byte order is time order, and ids
made within one hour share most of their bytes. The tree stores those once, finds "the last id not after
X" in a few steps, and walks on from there in both directions.

Mirrors: rax.c (raxInsert, raxRemove, raxSeek): the same nodes after the same operations, so that the count
of nodes in XINFO STREAM is Redis's own.
Differs: children and their bytes are Python lists, not one allocation with padding; an iterator is a
generator, so the tree must not change while one runs.
Complexity: find, insert, remove, seek O(length of the key); a whole walk O(nodes).

>>> tree = RadixTree()
>>> for key in (b"footer", b"foo", b"foobar"):
...     tree[key] = key.upper()
>>> tree[b"foobar"], b"foot" in tree, list(tree), len(tree), tree.node_count
(b'FOOBAR', False, [b'foo', b'foobar', b'footer'], 3, 6)
>>> print(tree.draw())
(foo)
  * [bt]
    (ar)
      * []
    (er)
      * []

Read next: minidis/values/stream.py, whose entries live in such a tree.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator
from typing import Any

from minidis.structures.record import NamedTuple

MISSING = object()


class Node:
    """One node: `edges` are the bytes that lead on, one child for each, or, compressed, one for all."""

    __slots__ = ("children", "compressed", "edges", "is_key", "value")

    def __init__(self, edges: bytes = b"", children: list[Node] | None = None, compressed: bool = False):
        self.edges = edges
        self.children: list[Node] = [] if children is None else children
        self.compressed = compressed
        self.is_key = False
        self.value: Any = None

    def label(self, at: int) -> bytes:
        """The bytes that lead to a child."""
        return self.edges if self.compressed else self.edges[at : at + 1]

    @property
    def has_single_way(self) -> bool:
        """One child, and no key that ends here: it could be part of a longer compressed node."""
        return len(self.children) == 1 and not self.is_key


class DrawnNode(NamedTuple):
    """A node as a view draws it: the key up to here, and what the node itself holds."""

    depth: int
    prefix: bytes
    edges: bytes
    compressed: bool
    is_key: bool
    value: Any


class RadixTree:
    """A mapping from byte strings to values, in order of the keys.

    >>> tree = RadixTree([(b"a", 1), (b"b", 2), (b"d", 4)])
    >>> tree.seek("<=", b"c"), tree.seek(">", b"b"), tree.seek("$"), tree.seek("<", b"a")
    ((b'b', 2), (b'd', 4), (b'd', 4), None)
    """

    __slots__ = ("_count", "head", "node_count")

    def __init__(self, items: Any = ()) -> None:
        self.head = Node()
        self.node_count = 1
        self._count = 0
        for key, value in items:
            self.insert(key, value)

    def __len__(self) -> int:
        return self._count

    def __contains__(self, key: bytes) -> bool:
        return self.get(key, MISSING) is not MISSING

    def __iter__(self) -> Iterator[bytes]:
        return (key for key, _ in self.items())

    def __getitem__(self, key: bytes) -> Any:
        value = self.get(key, MISSING)
        if value is MISSING:
            raise KeyError(key)
        return value

    def __setitem__(self, key: bytes, value: Any) -> None:
        self.insert(key, value)

    def get(self, key: bytes, default: Any = None) -> Any:
        """The value of a key, or `default`. O(length). Source: raxFind."""
        node, matched, split = self._descend(key)
        if matched < len(key) or split or not node.is_key:
            return default
        return node.value

    def values(self) -> Iterator[Any]:
        """The values, in order of their keys."""
        return (value for _, value in self.items())

    # Changing

    def insert(self, key: bytes, value: Any, overwrite: bool = True) -> bool:
        """Bind a key to a value; True if the key is new. O(length). Source: raxGenericInsert."""
        node, matched, split = self._descend(key)
        if matched == len(key) and not split and node.is_key:
            if overwrite:
                node.value = value
            return False
        if node.compressed and matched < len(key):
            node = self._branch_off(node, split)
        elif node.compressed and split:
            node = self._cut(node, split)
        node = self._grow(node, key[matched:])
        node.is_key = True
        node.value = value
        self._count += 1
        return True

    def remove(self, key: bytes) -> Any:
        """Take a key out and answer its value; KeyError if it is not there. O(length). Source: raxRemove."""
        path: list[Node] = []
        node, matched, split = self._descend(key, path)
        if matched < len(key) or split or not node.is_key:
            raise KeyError(key)
        value, node.value, node.is_key = node.value, None, False
        self._count -= 1
        may_squeeze = False
        if not node.children:
            had_child = node is not self.head
            while node is not self.head:
                child, node = node, path.pop()
                self.node_count -= 1
                if node.is_key or len(node.children) != 1:
                    break
            if had_child:
                self._drop_child(node, child)
                may_squeeze = node.has_single_way
        elif not node.compressed and len(node.children) == 1:
            may_squeeze = True
        if may_squeeze:
            self._squeeze(node, path)
        return value

    # Walking

    def items(self, start: bytes | None = None, exclusive: bool = False) -> Iterator[tuple[bytes, Any]]:
        """(key, value) upwards, from the first key not before `start` on (with `exclusive`: after it).

        Looks at no more nodes than the answers asked for need; the tree must not change meanwhile (nor in
        `items_down`, the values may.
        """
        node, prefix, at = self.head, b"", 0  # `at`: the first child that has not been walked yet
        stack: list[tuple[Node, bytes, int]] = []  # nodes above, which may have more of them
        while start:  # down to what is not before it
            if node.compressed and not start.startswith(node.edges):
                at = 1 if node.edges < start else 0
                break
            at = 0 if node.compressed else bisect_left(node.edges, start[0])
            if at == len(node.children) or not start.startswith(label := node.label(at)):
                break
            stack.append((node, prefix, at + 1))
            node, prefix, start, at = node.children[at], prefix + label, start[len(label) :], 0
        if node.is_key and not start and not (exclusive and start is not None):
            yield prefix, node.value
        while True:
            children, edges = node.children, node.edges
            while at < len(children):
                child, at = children[at], at + 1
                key = prefix + (edges if node.compressed else edges[at - 1 : at])
                if child.is_key:
                    yield key, child.value
                if child.children:
                    stack.append((node, prefix, at))
                    node, prefix, at = child, key, 0
                    children, edges = node.children, node.edges
            if not stack:
                return
            node, prefix, at = stack.pop()

    def items_down(self, start: bytes | None = None, exclusive: bool = False) -> Iterator[tuple[bytes, Any]]:
        """(key, value) downwards, from the last key not after `start` on (with `exclusive`: before it)."""
        node, prefix, left = self.head, b"", len(self.head.children)  # `left`: children not walked yet
        stack: list[tuple[Node, bytes, int]] = []
        while start:
            if node.compressed and not start.startswith(node.edges):
                left = 1 if node.edges < start else 0
                break
            left = 0 if node.compressed else bisect_left(node.edges, start[0])
            if left == len(node.children) or not start.startswith(label := node.label(left)):
                break
            stack.append((node, prefix, left))
            node, prefix, start = node.children[left], prefix + label, start[len(label) :]
        if start == b"":  # what is below a key comes after it
            left = 0
        yields = not (exclusive and start == b"")
        while True:
            while left:
                left -= 1
                stack.append((node, prefix, left))
                node, prefix = node.children[left], prefix + node.label(left)
                left = len(node.children)
            if node.is_key and yields:
                yield prefix, node.value
            yields = True
            if not stack:
                return
            node, prefix, left = stack.pop()

    def seek(self, operator: str, key: bytes = b"") -> tuple[bytes, Any] | None:
        """The item that a raxSeek would stop at: ">=", ">", "<=", "<" a key, "^" the first, "$" the last."""
        if operator == "^":
            walk = self.items()
        elif operator == "$":
            walk = self.items_down()
        elif operator in (">", ">="):
            walk = self.items(key, exclusive=operator == ">")
        elif operator in ("<", "<="):
            walk = self.items_down(key, exclusive=operator == "<")
        else:
            raise ValueError(f"no such operator: {operator!r}")
        return next(walk, None)

    # Looking at it

    def nodes(self) -> Iterator[DrawnNode]:
        """Every node for a picture, each before its children."""
        stack = [(self.head, b"", 0)]
        while stack:
            node, prefix, depth = stack.pop()
            yield DrawnNode(depth, prefix, node.edges, node.compressed, node.is_key, node.value)
            for at in reversed(range(len(node.children))):
                stack.append((node.children[at], prefix + node.label(at), depth + 1))

    def draw(self) -> str:
        """The tree as text: (abc) a compressed node, [abc] one with a child for each byte, * a key's end."""
        lines = []
        for node in self.nodes():
            text = node.edges.decode("latin-1")
            shape = f"({text})" if node.compressed else f"[{text}]"
            lines.append("  " * node.depth + ("* " if node.is_key else "") + shape)
        return "\n".join(lines)

    def check(self) -> None:
        """Raise AssertionError unless shape, order and counts are as they must be. O(nodes)."""
        nodes = keys = 0
        stack = [self.head]
        while stack:
            node = stack.pop()
            nodes += 1
            keys += node.is_key
            if node.compressed:
                assert len(node.edges) > 1 and len(node.children) == 1, "a compressed node without a chain"
            else:
                assert len(node.edges) == len(node.children), "bytes and children differ in number"
                assert list(node.edges) == sorted(set(node.edges)), "children out of order"
            assert node.children or node.is_key or node is self.head, "a leaf that ends no key"
            assert node.is_key or node.value is None, "a value without a key"
            stack += node.children
        assert nodes == self.node_count, f"{nodes} nodes, {self.node_count} counted"
        assert keys == self._count, f"{keys} keys, {self._count} counted"

    # Helpers

    def _descend(self, key: bytes, path: list[Node] | None = None) -> tuple[Node, int, int]:
        """Walk down as far as the key agrees: last node, bytes of the key used, bytes of that node used.

        The third is not 0 only where the walk ends inside a compressed node. Source: raxLowWalk.
        """
        node, at, length = self.head, 0, len(key)
        while node.children and at < length:
            edges = node.edges
            if node.compressed:
                if not key.startswith(edges, at):
                    agreed = 0
                    while at < length and key[at] == edges[agreed]:
                        at += 1
                        agreed += 1
                    return node, at, agreed
                at += len(edges)
                child = node.children[0]
            else:
                branch = edges.find(key[at])
                if branch < 0:
                    break
                at += 1
                child = node.children[branch]
            if path is not None:
                path.append(node)
            node = child
        return node, at, 0

    def _branch_off(self, node: Node, split: int) -> Node:
        """Split a compressed node where a new key parts from it; answers the branching node.

        "abcd" parting at 2 becomes (ab), [c], [d]: what agreed, the branching byte, the rest.
        """
        edges, child = node.edges, node.children[0]
        rest = edges[split + 1 :]
        if rest:
            child = Node(rest, [child], compressed=len(rest) > 1)
            self.node_count += 1
        if split == 0:
            node.edges, node.children, node.compressed = edges[:1], [child], False
            return node
        branching = Node(edges[split : split + 1], [child])
        node.edges, node.children, node.compressed = edges[:split], [branching], split > 1
        self.node_count += 1
        return branching

    def _cut(self, node: Node, split: int) -> Node:
        """Cut a compressed node in two where a new key ends; answers the lower half."""
        rest = node.edges[split:]
        lower = Node(rest, node.children, compressed=len(rest) > 1)
        node.edges, node.children, node.compressed = node.edges[:split], [lower], split > 1
        self.node_count += 1
        return lower

    def _grow(self, node: Node, rest: bytes) -> Node:
        """Hang the bytes `rest` of a new key below a node; answers the node where the key ends."""
        while rest:
            child = Node()
            self.node_count += 1
            if not node.children and len(rest) > 1:
                node.edges, node.children, node.compressed = rest, [child], True
                return child
            at = bisect_left(node.edges, rest[0])
            node.edges = node.edges[:at] + rest[:1] + node.edges[at:]
            node.children.insert(at, child)
            node, rest = child, rest[1:]
        return node

    @staticmethod
    def _drop_child(node: Node, child: Node) -> None:
        at = node.children.index(child)
        del node.children[at]
        node.edges = b"" if node.compressed else node.edges[:at] + node.edges[at + 1 :]
        node.compressed = False

    def _squeeze(self, node: Node, path: list[Node]) -> None:
        """Join the chain of nodes with a single way that `node` belongs to into one compressed node."""
        while path and path[-1].has_single_way:
            node = path.pop()
        edges, last, joined = node.edges, node.children[0], 1
        while last.has_single_way:
            edges += last.edges
            last = last.children[0]
            joined += 1
        if joined > 1:
            node.edges, node.children, node.compressed = edges, [last], True
            self.node_count -= joined - 1

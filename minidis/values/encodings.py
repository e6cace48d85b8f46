"""The thresholds at which a value changes its encoding, and the structures it may choose from.

Small collections live in flat byte arrays (listpack, intset): a linear search over 100 bytes that
sit in one cache line beats any tree.  Past a threshold the value converts, once and for good, to a
structure with better complexity.  The thresholds are configuration directives with the same names.

The structures stand here as fields, so that a learner's own skip list or intset can be plugged into
a live node: `node.encodings.skiplist = MySkipList` and every sorted set born from then on uses it.

Mirrors: the `*-max-listpack-*` and `stream-node-max-*` directives of config.c.
Read next: hash.py for a value that converts.

>>> Encodings().hash_max_listpack_entries
512
"""

from __future__ import annotations

from typing import Any

from minidis.structures.hashtable import HashTable, KeyTable
from minidis.structures.intset import Intset
from minidis.structures.listpack import Listpack
from minidis.structures.open_listpack import OpenListpack
from minidis.structures.quicklist import Quicklist
from minidis.structures.radix_tree import RadixTree
from minidis.structures.record import field, record
from minidis.structures.skiplist import SkipList
from minidis.values.consumer_group import ConsumerGroup


@record
class Encodings:
    """Thresholds (the defaults of redis.conf 7.2) and structure classes of one node."""

    hash_max_listpack_entries: int = 512
    hash_max_listpack_value: int = 64
    set_max_intset_entries: int = 512
    set_max_listpack_entries: int = 128
    set_max_listpack_value: int = 64
    zset_max_listpack_entries: int = 128
    zset_max_listpack_value: int = 64
    list_max_listpack_size: int = -2
    list_compress_depth: int = 0
    quicklist_packed_threshold: int | None = (
        None  # larger elements get a node of their own; None: by the size limit
    )
    hll_sparse_max_bytes: int = 3000
    stream_node_max_bytes: int = 4096
    stream_node_max_entries: int = 100

    listpack: type = field(default=OpenListpack)
    intset: type = field(default=Intset)
    quicklist: type = field(default=Quicklist)
    hashtable: type = field(default=HashTable)
    skiplist: type = field(default=SkipList)
    radix_tree: type = field(default=RadixTree)
    consumer_group: type = field(default=ConsumerGroup)

    def members_table(self) -> Any:
        """An empty table for a set's members; where a learner's hash table is plugged in, that."""
        return KeyTable() if self.hashtable is HashTable else self.hashtable()

    def listpack_of(self, data: bytes) -> tuple[Any, list[bytes]]:
        """Foreign bytes as a listpack of the node's own class, and its elements. Raises CorruptListpack."""
        if self.listpack is OpenListpack:
            return OpenListpack.with_elements(data)
        elements = Listpack.from_bytes(data).elements()
        return self.listpack(elements), elements

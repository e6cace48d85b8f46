"""SCAN and its kin: walking a table a few buckets at a time, while it changes.

    SCAN cursor [MATCH pattern] [COUNT count] [TYPE type]      the keys of a database
    SSCAN | HSCAN | ZSCAN key cursor [MATCH pattern] [COUNT count]

The server remembers nothing between two calls: all there is to know stands in the cursor, the number of the
next bucket with its bits reversed (minidis/structures/hashtable.py tells why). Hence what surprises people:

  * COUNT is not the length of the reply, but about how many elements to look at: whole buckets are visited
    until so many were met. MATCH and TYPE sift afterwards, so a page may be empty and yet not the last.
  * Only cursor 0 ends the walk.
  * An element may come twice, when the table shrinks between two calls. One that is there from the first
    call to the last is never missed.
  * In a server, a walk over very many keys that nobody has scanned yet begins with empty pages: each is a
    step towards the index that a scan needs (minidis/structures/dicttable.py). Nobody waits for all of it.
  * A small collection (listpack, intset) has no buckets. It comes in one page, whatever COUNT says.

Mirrors: scanGenericCommand and parseScanCursorOrReply in db.c.
Complexity: O(COUNT) a call, O(N) for the whole walk.

>>> ScanOptions.parse([b"count", b"5", b"MATCH", b"user:*"])
ScanOptions(count=5, pattern=b'user:*', type_name=None)
>>> from minidis.drivers.embedded import Embedded
>>> redis = Embedded(config={"set-max-listpack-entries": 2})
>>> redis.execute("SADD", "fruit", "apple", "pear", "plum", "fig", "cherry", "mango")
6
>>> redis.execute("SSCAN", "fruit", 0, "COUNT", 2)
[b'2', [b'apple', b'cherry', b'mango']]
>>> redis.execute("SSCAN", "fruit", 2, "COUNT", 2), redis.execute("SSCAN", "fruit", 3)
([b'3', [b'plum', b'fig', b'pear']], [b'0', []])

Read next: minidis/structures/hashtable.py.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from itertools import chain
from typing import Any

from minidis.engine import errors
from minidis.engine.client import Client
from minidis.engine.command_table.binding import integer
from minidis.protocol import glob, numbers
from minidis.protocol.replies import ReplyError
from minidis.structures.record import record
from minidis.values.base import Value

INVALID_CURSOR = "ERR invalid cursor"
DEFAULT_COUNT = 10
BUCKETS_PER_COUNT = 10  # a sparse table is left after so many buckets, or a page could take for ever

RowsOf = Callable[[Any, Iterable[bytes] | None], Iterable[tuple[bytes, ...]]]
"""rows_of(value, names): the reply's elements for these members or fields, name first; None asks for all."""


@record(frozen=True)
class ScanOptions:
    """MATCH, COUNT and, for SCAN alone, TYPE."""

    count: int = DEFAULT_COUNT
    pattern: bytes | None = None
    type_name: bytes | None = None

    @classmethod
    def parse(cls, words: Sequence[bytes], with_type: bool = False) -> ScanOptions:
        """Read the words after the cursor; of a repeated option the last counts. Raises syntax errors."""
        if not words:
            return NO_OPTIONS
        given: dict[str, Any] = {}
        for at in range(0, len(words), 2):
            option = words[at].upper()
            if at + 1 == len(words):
                raise ReplyError(errors.SYNTAX)
            if option == b"COUNT":
                given["count"] = integer(words[at + 1])
                if given["count"] < 1:
                    raise ReplyError(errors.SYNTAX)
            elif option == b"MATCH":
                given["pattern"] = words[at + 1]
            elif option == b"TYPE" and with_type:
                given["type_name"] = words[at + 1]
            else:
                raise ReplyError(errors.SYNTAX)
        return cls(**given)


NO_OPTIONS = ScanOptions()


def parse_cursor(word: bytes) -> int:
    """A cursor as typed: an unsigned 64-bit integer. Raises "invalid cursor"."""
    cursor = numbers.parse_cursor(word)
    if cursor is None:
        raise ReplyError(INVALID_CURSOR)
    return cursor


def walk(table: Any, cursor: int, count: int) -> tuple[int, list[bytes]]:
    """Visit buckets of a HashTable or DictTable until `count` names were met: (next cursor, names)."""
    return table.scan_page(cursor, count, 1 + count * BUCKETS_PER_COUNT)


def scan_collection(
    client: Client, kind: type[Value], key: bytes, words: Sequence[bytes], rows_of: RowsOf
) -> list:
    """SSCAN, HSCAN and ZSCAN: `words` begin with the cursor, `kind` has a `table` (None while it is small).

    The order of complaints is Redis's: cursor, then type, and of a missing key not even the options are read.
    """
    cursor = parse_cursor(words[0])
    value: Any = client.db.find(key, kind)
    if value is None:
        return [b"0", []]
    options = ScanOptions.parse(words[1:])
    if value.table is None:
        cursor, names = 0, None
    else:
        cursor, names = walk(value.table, cursor, options.count)
    rows = rows_of(value, names)
    if options.pattern is not None:
        lets_through = glob.matcher(options.pattern)
        rows = [row for row in rows if lets_through(row[0])]
    return [b"%d" % cursor, list(chain.from_iterable(rows))]

"""SORT: the elements of a list, set or sorted set in order, or in the order of something else.

BY names other keys: for each element the `*` is replaced, and what stands there is the weight. GET
does the same for the reply, so that SORT is Redis's nearest thing to a join:

    SADD users ann bob        SET age:ann 41         HSET user:ann city Rome
                              SET age:bob 29         HSET user:bob city Bern

    SORT users BY age:* GET # GET user:*->city       bob Bern ann Rome

Numbers by default, bytes with ALPHA. A BY pattern without a `*` ("BY nosort") sorts nothing: the
elements come as they are, and only GET and LIMIT do their work.

Mirrors: sort.c.
Differs: ALPHA compares bytes, where Redis asks the locale (strcoll); so does Redis with STORE.
Complexity: O(N + M log M) for N elements, of which M are sorted.

>>> from minidis.drivers.embedded import Embedded
>>> redis = Embedded(clock=0)
>>> redis.execute("RPUSH", "ages", 41, 5, 29), redis.execute("SORT", "ages", "LIMIT", 0, 2)
(3, [b'5', b'29'])

Read next: keys.py.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from typing import Any

from minidis.engine import errors
from minidis.engine.client import Client
from minidis.engine.command_table.binding import integer
from minidis.engine.command_table.registry import DENYOOM, MOVABLE_KEYS, READONLY, WRITE, command
from minidis.protocol.numbers import parse_float
from minidis.protocol.replies import ReplyError
from minidis.structures.record import field, record
from minidis.values.hash import Hash
from minidis.values.list import List
from minidis.values.set import Set
from minidis.values.sorted_set import SortedSet
from minidis.values.string import String

_OPTIONS = "[BY pattern] [LIMIT offset:int count:int] [GET pattern [GET pattern ...]] [ASC|DESC] [ALPHA]"
_WORDS_AFTER = {b"LIMIT": 2, b"BY": 1, b"GET": 1, b"STORE": 1}


def _keys_of_sort(argv: list[bytes]) -> list[int]:
    """Where the key to sort is, and the destination of the last STORE."""
    destination: list[int] = []
    position = 2
    while position < len(argv):
        option = argv[position].upper()
        if option == b"STORE" and position + 1 < len(argv):
            destination = [position + 1]
        position += 1 + _WORDS_AFTER.get(option, 0)
    return [1, *destination]


@command(
    f"SORT key {_OPTIONS} [STORE destination:key]",
    WRITE | DENYOOM | MOVABLE_KEYS,
    keys=_keys_of_sort,
    raw=True,
    group="generic",
)
def sort(client: Client, key: bytes, *words: bytes) -> list[bytes | None] | int:
    """Sort the elements of a list, set or sorted set, and give or store them. \
O(N+M*log(M)) where N is the number of elements, and M the number of returned elements."""
    options = _parse(client, b"sort", key, words)
    rows = _rows(client, key, options)
    if options.store is None:
        return rows
    db, destination = client.db, options.store
    if rows:
        db.put(destination, List.from_elements([row or b"" for row in rows], client.node.encodings))
        db.touch(destination, "sortstore", len(rows))
    elif db.peek(destination) is not None:
        db.delete(destination)
        db.touch(destination, "del")
    return len(rows)


@command(
    f"SORT_RO key {_OPTIONS}",
    READONLY | MOVABLE_KEYS,
    since="7.0.0",
    raw=True,
    group="generic",
)
def sort_ro(client: Client, key: bytes, *words: bytes) -> list[bytes | None]:
    """Sort the elements of a list, set or sorted set; never stores. \
O(N+M*log(M)) where N is the number of elements, and M the number of returned elements."""
    return _rows(client, key, _parse(client, b"sort_ro", key, words))


@record
class SortOptions:
    """What the words after the key ask for.  `count` below 0 is no limit."""

    by: bytes | None = None
    sorts: bool = True
    descending: bool = False
    alpha: bool = False
    offset: int = 0
    count: int = -1
    gets: list[bytes] = field(default_factory=list)
    store: bytes | None = None
    denial: Callable[[], str] = str  # why BY and GET, which read keys that nobody knows, are not to be had
    is_allowed: bool = False  # to have them: it was asked

    @classmethod
    def parse(cls, words: tuple[bytes, ...], may_store: bool, denial: Callable[[], str]) -> SortOptions:
        """Read the words; of a repeated option the last counts, but GET adds up.  Raises syntax errors."""
        options = cls(denial=denial)
        position = 0
        while position < len(words):
            name = words[position].upper()
            arguments = words[position + 1 : position + 1 + _WORDS_AFTER.get(name, 0)]
            if len(arguments) < _WORDS_AFTER.get(name, 0) or (name == b"STORE" and not may_store):
                raise ReplyError(errors.SYNTAX)
            options._take(name, arguments)
            position += 1 + len(arguments)
        return options

    def _take(self, name: bytes, arguments: tuple[bytes, ...]) -> None:
        if name in (b"ASC", b"DESC"):
            self.descending = name == b"DESC"
        elif name == b"ALPHA":
            self.alpha = True
        elif name == b"LIMIT":
            self.offset, self.count = map(integer, arguments)
        elif name == b"BY":
            (self.by,) = arguments
            if b"*" in self.by:
                self._check_permission("BY")
            else:
                self.sorts = False
        elif name == b"GET":
            self._check_permission("GET")
            self.gets += arguments
        elif name == b"STORE":
            (self.store,) = arguments
        else:
            raise ReplyError(errors.SYNTAX)

    def _check_permission(self, option: str) -> None:
        if not self.is_allowed and (denied := self.denial()):
            raise ReplyError(f"ERR {option} option of SORT denied {denied}")
        self.is_allowed = True


def _parse(client: Client, name: bytes, key: bytes, words: tuple[bytes, ...]) -> SortOptions:
    def denial() -> str:
        entry = client.node.commands.original(name)
        if client.node.config.cluster_enabled:
            return "in Cluster mode."
        if entry is not None and not client.user.check_with_every_key(entry, (name, key, *words)):
            return "due to insufficient ACL permissions."
        return ""

    return SortOptions.parse(words, may_store=name == b"sort", denial=denial)


def _rows(client: Client, key: bytes, options: SortOptions) -> list[bytes | None]:
    """The reply: the elements in order within LIMIT, or what GET makes of each."""
    elements = _elements(client, key, options)
    if options.sorts:
        elements = _in_order(client, elements, options)
    start = max(options.offset, 0)
    stop = len(elements) if options.count < 0 else start + options.count
    chosen = elements[start:stop]
    if not options.gets:
        return list(chosen)
    finders = [finder(client, pattern) for pattern in options.gets]
    return [find(element) for element in chosen for find in finders]


def _elements(client: Client, key: bytes, options: SortOptions) -> list[bytes]:
    """The elements in the order that stays if nothing is sorted."""
    value: Any = client.db.find(key)
    if value is None:
        return []
    if type(value) is SortedSet:
        if value.encoding == "listpack":
            value.convert()  # Redis does so too, and OBJECT ENCODING shows it
        elements = [member for member, _ in value]
    elif type(value) in (List, Set):
        elements = list(value)
    else:
        raise ReplyError(errors.WRONG_TYPE)
    if type(value) is Set:
        if not options.sorts and (options.store is not None or client.is_script):
            # The order of a hash table must not decide what a replica stores, nor what a script does.
            options.sorts, options.alpha, options.by = True, True, None
    elif options.descending and not options.sorts:
        elements.reverse()
    return elements


def _in_order(client: Client, elements: list[bytes], options: SortOptions) -> list[bytes]:
    by = options.by
    weights: Sequence[bytes | None] = elements if by is None else [*map(finder(client, by), elements)]
    if not options.alpha:
        # Equal numbers are ordered by the elements' bytes, so that the result never depends on chance.
        scores = [0.0 if weight is None else _score(weight) for weight in weights]
        pairs = sorted(zip(scores, elements, strict=True), reverse=options.descending)
        return [element for _, element in pairs]
    texts = [weight or b"" for weight in weights]
    if options.store is None:  # strcoll sees a string end at its first zero byte, STORE compares whole
        texts = [text.partition(b"\0")[0] for text in texts]
    keys: list[Any] = texts
    if None in weights:  # a missing weight comes before all others
        keys = [(weight is not None, text) for weight, text in zip(weights, texts, strict=True)]
    # Not zipped with the elements and sorted as pairs: elements of one key stay as they were.
    order = sorted(range(len(elements)), key=keys.__getitem__, reverse=options.descending)
    return [elements[index] for index in order]


def finder(client: Client, pattern: bytes) -> Callable[[bytes], bytes | None]:
    """What a BY or GET pattern finds for an element: `weight_*` and `user:*->field` name keys, `#` itself."""
    before, star, after = pattern.partition(b"*")
    key_end, arrow, hash_field = after.partition(b"->")
    find = client.db.find

    def find_field(element: bytes) -> bytes | None:
        value = find(before + element + key_end)
        return value.get(hash_field) if type(value) is Hash else None

    def find_string(element: bytes) -> bytes | None:
        value = find(before + element + after)
        return value.as_bytes() if type(value) is String else None

    if not star:
        return (lambda element: element) if pattern == b"#" else (lambda element: None)
    return find_field if arrow and hash_field else find_string


def _score(text: bytes) -> float:
    """A weight as C's strtod reads it: up to a zero byte, after spaces, and nothing at all is 0."""
    if text.isdigit() and len(text) < 18:  # nearly always
        return float(text)
    text = text.partition(b"\0")[0]
    number = parse_float(text.lstrip(b" \t\n\v\f\r")) if text else 0.0
    if number is None or 0 < abs(number) < sys.float_info.min:
        raise ReplyError("ERR One or more scores can't be converted into double")
    return number

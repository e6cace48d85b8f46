"""Values out of an RDB file: for each type a function that reads the bytes and builds the value.

A value comes in the encoding in which the writer had it. It keeps that encoding where our own thresholds
allow it, and moves on to the next one where they don't, so a file of a server with other settings loads as
it should:

    HASH_LISTPACK, 600 fields, hash-max-listpack-entries 512     -> a hash table
    SET, "3" "1" "2"                                             -> an intset: written as text, small here
    ZSET_ZIPLIST of Redis 2.8                                    -> a listpack

Nothing in the bytes is believed. What a command could never have made (a field twice, a score that is not a
number, members out of order) is refused with the place where it stands: a DUMP payload may come from
anybody, and a value that breaks a rule would fail much later, far from its cause.

Mirrors: rdbLoadObject in rdb.c, with sanitize-dump-payload always on.
Differs: the order of a sorted set's listpack is checked, too; a list of Redis 2.x or 3.0 that fits one
listpack becomes one, where Redis keeps it as a quicklist.
Complexity: O(bytes), O(n log n) for a sorted set.

Read next: rdb_streams.py, then rdb_reader.py.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from random import Random
from typing import Any

from minidis.persistence.rdb_cursor import Cursor
from minidis.persistence.rdb_format import Container, ModulePart, RdbError, Type
from minidis.persistence.rdb_old import CorruptBlob, ziplist_elements, zipmap_elements
from minidis.persistence.rdb_streams import read_stream
from minidis.structures.intset import CorruptIntset, Intset
from minidis.structures.listpack import SIZE_LIMIT, CorruptListpack
from minidis.structures.record import field, record
from minidis.values.base import Value
from minidis.values.encodings import Encodings
from minidis.values.hash import Hash
from minidis.values.list import List
from minidis.values.set import HashTableForm, IntsetForm, Set
from minidis.values.set import ListpackForm as SetListpackForm
from minidis.values.sorted_set import SortedSet
from minidis.values.string import String, encode


@record
class Loading:
    """What building values takes: thresholds and structures, lots for skip lists, the version of the file."""

    encodings: Encodings = field(default_factory=Encodings)
    random: Random = field(default_factory=lambda: Random(0))
    version: int = 11
    is_valkey: bool = False
    warnings: list[str] = field(default_factory=list)
    """What was read but can't be kept, in words; whoever reads takes them out."""


class EmptyValue(RdbError):
    """A collection without elements: no command leaves one, and a loader passes over its key."""


def read_value(cursor: Cursor, kind: int, loading: Loading) -> Value | None:
    """The value of this type at the cursor; None for a module's, which is passed over.

    Raises RdbError, NeedMore.
    """
    offset = cursor.offset
    reader = _READERS.get(kind)
    if loading.is_valkey and kind == Type.HASH_METADATA_PRE_GA:
        reader = _read_valkey_hash
    if reader is None:
        raise cursor.error(f"no type of value is {kind}", offset - 1)
    value = reader(cursor, loading)
    return None if value is None else not_empty(value, offset)


def not_empty(value: Value, offset: int) -> Value:
    """The value, which was read from `offset` on; raises EmptyValue for a collection without elements."""
    if value.kind not in ("string", "stream") and not len(value):
        raise EmptyValue(offset, f"a {value.kind} without elements")
    return value


# -- strings and lists ----------------------------------------------------------------------------


def _read_string(cursor: Cursor, loading: Loading) -> String:
    return String(encode(cursor.string("the value")))


def _read_list(cursor: Cursor, loading: Loading) -> List:
    elements = cursor.strings(cursor.length("the number of elements"), "an element")
    return List.from_elements(elements, loading.encodings)


def _read_list_ziplist(cursor: Cursor, loading: Loading) -> List:
    return List.from_elements(_unpacked(cursor, ziplist_elements), loading.encodings)


def _read_quicklist(cursor: Cursor, loading: Loading) -> List:
    nodes: list[Any] = []
    for _ in range(cursor.length("the number of nodes")):
        elements = _unpacked(cursor, ziplist_elements)
        nodes += [loading.encodings.listpack(elements)] if elements else []
    return List.from_nodes(nodes, loading.encodings)


def _read_quicklist_2(cursor: Cursor, loading: Loading) -> List:
    nodes: list[Any] = []
    for _ in range(cursor.length("the number of nodes")):
        nodes += read_node(cursor, loading)
    return List.from_nodes(nodes, loading.encodings)


def read_node(cursor: Cursor, loading: Loading) -> list[Any]:
    """A node of a list, a listpack or one large element; none if it is empty.  Raises RdbError, NeedMore."""
    offset = cursor.offset
    container = cursor.length("what the node is: 1 plain, 2 packed")
    if container == Container.PLAIN:
        element = cursor.string("a plain node: one large element")
        if not element:
            raise cursor.error("a plain node is there for a large element, not for an empty one", offset)
        return [element]
    if container == Container.PACKED:
        pack, elements = _listpack(cursor, loading)
        return [pack] if elements else []
    raise cursor.error(f"a node of a list is plain (1) or packed (2), not {container}", offset)


# -- sets -----------------------------------------------------------------------------------------


def _read_set(cursor: Cursor, loading: Loading) -> Set:
    offset = cursor.offset
    members = cursor.strings(cursor.length("the number of members"), "a member")
    _refuse_duplicates(cursor, members, offset, "member")
    value = Set(loading.encodings)
    if len(members) > loading.encodings.set_max_intset_entries:
        _fill_set_table(value, members)
    else:
        value.add_all(members)
    return value


def _read_intset(cursor: Cursor, loading: Loading) -> Set:
    offset = cursor.offset
    blob = cursor.string("an intset")
    try:
        numbers = Intset.from_bytes(blob)
    except CorruptIntset as corrupt:
        raise cursor.error(f"corrupt intset: {corrupt}", offset) from None
    own: Any = loading.encodings.intset
    value = Set(loading.encodings)
    value.form = IntsetForm(numbers if own is Intset else own(numbers))
    if len(numbers) > loading.encodings.set_max_intset_entries:
        value.convert()
    return value


def _read_set_listpack(cursor: Cursor, loading: Loading) -> Set:
    offset = cursor.offset
    pack, members = _listpack(cursor, loading)
    _refuse_duplicates(cursor, members, offset, "member")
    value = Set(loading.encodings)
    if len(members) > loading.encodings.set_max_listpack_entries:
        _fill_set_table(value, members)
    else:
        value.form = SetListpackForm(pack)
    return value


def _fill_set_table(value: Set, members: Sequence[bytes]) -> None:
    value.form = HashTableForm(value.encodings.members_table())
    value.form.table.expand(len(members))
    value.form.add_all(members)


# -- sorted sets ----------------------------------------------------------------------------------


def _read_sorted_set(cursor: Cursor, loading: Loading) -> SortedSet:
    return _read_scores(cursor, loading, cursor.double_text)


def _read_sorted_set_2(cursor: Cursor, loading: Loading) -> SortedSet:
    return _read_scores(cursor, loading, cursor.double)


def _read_scores(cursor: Cursor, loading: Loading, read_score: Callable[[str], float]) -> SortedSet:
    scores: dict[bytes, float] = {}
    for _ in range(cursor.length("the number of members")):
        offset = cursor.offset
        member = cursor.string("a member")
        if member in scores:
            raise cursor.error(f"the member {member!r} twice", offset)
        scores[member] = score = read_score("its score")
        if score != score:
            raise cursor.error(f"the score of {member!r} is not a number", offset)
    return SortedSet.from_scores(scores, loading.encodings, loading.random)


def _read_sorted_set_listpack(cursor: Cursor, loading: Loading) -> SortedSet:
    offset = cursor.offset
    pack, elements = _listpack(cursor, loading)
    return _sorted_set(cursor, loading, offset, elements, pack)


def _read_sorted_set_ziplist(cursor: Cursor, loading: Loading) -> SortedSet:
    return _sorted_set(cursor, loading, cursor.offset, _unpacked(cursor, ziplist_elements))


def _sorted_set(
    cursor: Cursor, loading: Loading, offset: int, elements: list[bytes], pack: Any = None
) -> SortedSet:
    """A sorted set whose small encoding held member, score, member, score ..."""
    members = elements[::2]
    _refuse_odd(cursor, elements, offset, "a member without a score")
    _refuse_duplicates(cursor, members, offset, "member")
    pairs = []
    for member, text in zip(members, elements[1::2], strict=True):
        try:
            score = float(text)
        except ValueError:
            score = float("nan")
        if score != score or b"_" in text:
            raise cursor.error(f"the score of {member!r} is {text!r}, not a number", offset)
        pairs.append((score, member))
    if any(before > after for before, after in zip(pairs, pairs[1:], strict=False)):
        raise cursor.error("members of a sorted set out of order", offset)
    encodings = loading.encodings
    value = SortedSet(encodings, loading.random)
    if value.encoding == "listpack" and pack is not None:
        value.form.listpack = pack  # type: ignore[union-attr]
    else:
        value.form.fill(pairs)
    if len(pairs) > encodings.zset_max_listpack_entries and value.encoding == "listpack":
        value.convert()
    return value


# -- hashes ---------------------------------------------------------------------------------------


def _read_hash(cursor: Cursor, loading: Loading) -> Hash:
    offset = cursor.offset
    words = cursor.strings(2 * cursor.length("the number of fields"), "a field or a value")
    return _hash(cursor, loading, offset, words, check_sizes=True)


def _read_hash_listpack(cursor: Cursor, loading: Loading) -> Hash:
    offset = cursor.offset
    pack, words = _listpack(cursor, loading)
    return _hash(cursor, loading, offset, words, pack=pack)


def _read_hash_ziplist(cursor: Cursor, loading: Loading) -> Hash:
    return _hash(cursor, loading, cursor.offset, _unpacked(cursor, ziplist_elements))


def _read_hash_zipmap(cursor: Cursor, loading: Loading) -> Hash:
    return _hash(cursor, loading, cursor.offset, _unpacked(cursor, zipmap_elements), check_sizes=True)


def _hash(
    cursor: Cursor,
    loading: Loading,
    offset: int,
    words: list[bytes],
    check_sizes: bool = False,
    pack: Any = None,
) -> Hash:
    """A hash of field, value, field, value ... , which may stand in a listpack already.

    A small encoding's strings are believed to be short: `check_sizes` is for the others.
    """
    _refuse_odd(cursor, words, offset, "a field without a value")
    fields = words[::2]
    _refuse_duplicates(cursor, fields, offset, "field")
    encodings = loading.encodings
    value = Hash(encodings)
    longest = max(map(len, words), default=0) if check_sizes else 0
    if (
        len(fields) > encodings.hash_max_listpack_entries
        or longest > encodings.hash_max_listpack_value
        or (check_sizes and sum(map(len, words)) > SIZE_LIMIT)
    ):
        value.convert()
        value.form.fill(dict(zip(fields, words[1::2], strict=True)))  # type: ignore[attr-defined]
    else:
        pack = encodings.listpack(words) if pack is None else pack
        value.form.listpack = pack  # type: ignore[attr-defined]
    return value


def _read_hash_with_times(cursor: Cursor, loading: Loading) -> Hash:
    """Redis 7.4's hash whose fields may expire: for each a time to live (0: none), field and value."""
    cursor.milliseconds("the first time at which a field expires")
    return _read_timed_fields(cursor, loading)


def _read_timed_fields(cursor: Cursor, loading: Loading) -> Hash:
    offset = cursor.offset
    words: list[bytes] = []
    expiring = 0
    for _ in range(cursor.length("the number of fields")):
        expiring += cursor.length("its time to live") != 0
        words += (cursor.string("a field"), cursor.string("its value"))
    return _without_times(_hash(cursor, loading, offset, words, check_sizes=True), expiring, loading)


def _read_hash_listpack_with_times(cursor: Cursor, loading: Loading) -> Hash:
    cursor.milliseconds("the first time at which a field expires")
    return _read_timed_listpack(cursor, loading)


def _read_timed_listpack(cursor: Cursor, loading: Loading) -> Hash:
    """Redis 7.4's small hash whose fields may expire: field, value, time (0: none) by turns."""
    offset = cursor.offset
    _, triples = _listpack(cursor, loading)
    if len(triples) % 3:
        raise cursor.error("a field without a value or a time", offset)
    words = [word for at in range(0, len(triples), 3) for word in triples[at : at + 2]]
    expiring = sum(time != b"0" for time in triples[2::3])
    return _without_times(_hash(cursor, loading, offset, words), expiring, loading)


def _read_valkey_hash(cursor: Cursor, loading: Loading) -> Hash:
    """Valkey 9's hash whose fields may expire: field, value, unix time in milliseconds (-1: none)."""
    offset = cursor.offset
    words: list[bytes] = []
    expiring = 0
    for _ in range(cursor.length("the number of fields")):
        words += (cursor.string("a field"), cursor.string("its value"))
        expiring += cursor.milliseconds("when the field expires") != -1
    return _without_times(_hash(cursor, loading, offset, words, check_sizes=True), expiring, loading)


def _without_times(value: Hash, expiring: int, loading: Loading) -> Hash:
    """Redis 7.2 has no times to live for fields: they are kept, for ever, and that is said."""
    if expiring:
        loading.warnings.append(
            f"{expiring} fields of a hash had a time to live; here they live on without it"
        )
    return value


# -- modules --------------------------------------------------------------------------------------


def _read_module(cursor: Cursor, loading: Loading) -> None:
    name = module_name(cursor.length("the module's type and version"))
    skip_module_parts(cursor)
    loading.warnings.append(f"a value of the module type {name} was passed over: there are no modules here")


def _read_module_pre_ga(cursor: Cursor, loading: Loading) -> None:
    raise cursor.error("a module's value of Redis 4.0's release candidates: it can't even be passed over")


def skip_module_parts(cursor: Cursor) -> None:
    """Pass over what a module has written: parts that say what they are, up to one that ends them."""
    while (part := cursor.length("the kind of a part")) != ModulePart.EOF:
        if part in (ModulePart.SINT, ModulePart.UINT):
            cursor.length("an integer")
        elif part == ModulePart.FLOAT:
            cursor.raw(4, "a float")
        elif part == ModulePart.DOUBLE:
            cursor.raw(8, "a double")
        elif part == ModulePart.STRING:
            cursor.string()
        else:
            raise cursor.error(f"no part of a module's value is {part}")


def module_name(number: int) -> str:
    """The nine letters of a module's type, 6 bits each, and its version in the last 10 bits.

    >>> module_name(0)
    'AAAAAAAAA version 0'
    """
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    name = "".join(letters[number >> 10 + 6 * place & 63] for place in range(8, -1, -1))
    return f"{name} version {number & 1023}"


# -- small encodings ------------------------------------------------------------------------------


def _listpack(cursor: Cursor, loading: Loading) -> tuple[Any, list[bytes]]:
    """A listpack of the node's own class, and its elements."""
    offset = cursor.offset
    blob = cursor.string("a listpack")
    try:
        return loading.encodings.listpack_of(blob)
    except CorruptListpack as corrupt:
        raise cursor.error(str(corrupt), offset) from None


def _unpacked(cursor: Cursor, take_apart: Callable[[bytes], list[bytes]]) -> list[bytes]:
    """The elements of an old small encoding that stands in the file as one string."""
    offset = cursor.offset
    what = take_apart.__name__.partition("_")[0]
    blob = cursor.string(f"a {what}")
    try:
        return take_apart(blob)
    except CorruptBlob as corrupt:
        raise cursor.error(str(corrupt), offset) from None


def _refuse_duplicates(cursor: Cursor, members: Sequence[bytes], offset: int, what: str) -> None:
    if len(set(members)) != len(members):
        seen: set[bytes] = set()
        for member in members:
            if member in seen:
                raise cursor.error(f"the {what} {member!r} twice", offset)
            seen.add(member)


def _refuse_odd(cursor: Cursor, elements: Sequence[bytes], offset: int, what: str) -> None:
    if len(elements) % 2:
        raise cursor.error(what, offset)


_READERS: dict[int, Callable[[Cursor, Loading], Value | None]] = {
    Type.STRING: _read_string,
    Type.LIST: _read_list,
    Type.SET: _read_set,
    Type.ZSET: _read_sorted_set,
    Type.HASH: _read_hash,
    Type.ZSET_2: _read_sorted_set_2,
    Type.MODULE_PRE_GA: _read_module_pre_ga,
    Type.MODULE_2: _read_module,
    Type.HASH_ZIPMAP: _read_hash_zipmap,
    Type.LIST_ZIPLIST: _read_list_ziplist,
    Type.SET_INTSET: _read_intset,
    Type.ZSET_ZIPLIST: _read_sorted_set_ziplist,
    Type.HASH_ZIPLIST: _read_hash_ziplist,
    Type.LIST_QUICKLIST: _read_quicklist,
    Type.STREAM_LISTPACKS: lambda cursor, loading: read_stream(cursor, loading.encodings, 1),
    Type.HASH_LISTPACK: _read_hash_listpack,
    Type.ZSET_LISTPACK: _read_sorted_set_listpack,
    Type.LIST_QUICKLIST_2: _read_quicklist_2,
    Type.STREAM_LISTPACKS_2: lambda cursor, loading: read_stream(cursor, loading.encodings, 2),
    Type.SET_LISTPACK: _read_set_listpack,
    Type.STREAM_LISTPACKS_3: lambda cursor, loading: read_stream(cursor, loading.encodings, 3),
    Type.HASH_METADATA_PRE_GA: _read_timed_fields,
    Type.HASH_LISTPACK_EX_PRE_GA: _read_timed_listpack,
    Type.HASH_METADATA: _read_hash_with_times,
    Type.HASH_LISTPACK_EX: _read_hash_listpack_with_times,
}

"""A hash: fields with values, a small record under one key, in one of two forms.

    "listpack"    field, value, field, value ... in one run of bytes, in order of insertion

        HSET user name Ada born 1815      ["name", "Ada", "born", "1815"]

                  finding a field walks over all before it, which costs little among 512 and saves the
                  50 to 100 bytes of pointers and headers that a hash table needs for each field

    "hashtable"   a hash table, field -> value

A hash begins as a listpack and turns into a hash table, never back, at more than hash-max-listpack-entries
fields (512) or at the first field or value longer than hash-max-listpack-value bytes (64).

Mirrors: t_hash.c (hashTypeSet, hashTypeTryConversion, hashTypeConvert).
Complexity: O(1) for a field in a hash table, O(n) in a listpack.

>>> from minidis.values.encodings import Encodings
>>> user = Hash(Encodings())
>>> user.set(b"name", b"Ada"), user.set(b"born", b"1815"), user.set(b"name", b"Ada L.")
(True, True, False)
>>> user.get(b"name"), list(user.items()), user.encoding
(b'Ada L.', [(b'name', b'Ada L.'), (b'born', b'1815')], 'listpack')
>>> user.set(b"quote", b"The Analytical Engine has no pretensions whatever to originate anything.")
True
>>> user.encoding
'hashtable'

Read next: minidis/commands/hashes.py.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from random import Random
from typing import Any, ClassVar, Protocol

from minidis.structures.listpack import SIZE_LIMIT
from minidis.structures.open_listpack import OpenListpack
from minidis.values.base import (
    OBJECT_HEADER_BYTES,
    Value,
    allocation_size,
    dict_allocation,
    string_allocation,
    strings_allocation,
)
from minidis.values.encodings import Encodings

SAMPLE_FROM_ALL_FACTOR = 3  # HRANDFIELD_SUB_STRATEGY_MUL
DRAW_FROM_ALL_FACTOR = 30  # drawing one field of a large hash takes longer than to look at so many

Pair = tuple[bytes, bytes]
"""A field and its value."""


class Form(Protocol):
    """What the two forms have in common."""

    encoding: ClassVar[str]

    def __len__(self) -> int: ...
    def get(self, field: bytes) -> bytes | None: ...
    def set(self, field: bytes, value: bytes) -> bool: ...
    def delete(self, field: bytes) -> bool: ...
    def items(self) -> Iterable[Pair]: ...
    def as_dict(self) -> dict[bytes, bytes]: ...
    def random_field(self, random: Random) -> bytes: ...
    def memory_usage(self) -> int: ...
    def copy(self) -> Form: ...
    def check(self) -> None: ...


class Hash(Value):
    """A hash value. `encodings` has the thresholds and the structures."""

    __slots__ = ("encodings", "form")

    kind = "hash"

    def __init__(self, encodings: Encodings) -> None:
        self.accessed_us = 0
        self.encodings = encodings
        self.form: Form = ListpackForm(encodings.listpack())

    @property
    def encoding(self) -> str:
        return self.form.encoding

    @property
    def table(self) -> Any:
        """The hash table, for HSCAN and for views; None in a listpack."""
        return self.form.table if isinstance(self.form, HashTableForm) else None

    def __len__(self) -> int:
        return len(self.form)

    def __contains__(self, field: bytes) -> bool:
        return self.form.get(field) is not None

    def __iter__(self) -> Iterator[bytes]:
        """The fields, in the order of `items`."""
        return (field for field, _ in self.form.items())

    def items(self) -> Iterable[Pair]:
        """(field, value) pairs: as inserted in a listpack, by buckets in a hash table."""
        return self.form.items()

    def get(self, field: bytes) -> bytes | None:
        """The field's value; None if there is no such field. O(1), O(n) in a listpack."""
        return self.form.get(field)

    def set(self, field: bytes, value: bytes) -> bool:
        """Give a field its value, changing the form if it must; True if the field is new. O(1)."""
        form = self.form
        if type(form) is not ListpackForm:
            return form.set(field, value)
        encodings, listpack = self.encodings, form.listpack
        most_bytes = encodings.hash_max_listpack_value
        if (
            len(field) > most_bytes
            or len(value) > most_bytes
            or listpack.size + len(field) + len(value) > SIZE_LIMIT
        ):
            self.convert()
            return self.form.set(field, value)
        is_new = form.set(field, value)
        # Not only after a new field: perhaps the limit is lower than it was
        most_fields = encodings.hash_max_listpack_entries
        if listpack.size > 4 * most_fields and len(form) > most_fields:  # a field and its value take 4 bytes
            self.convert()
        return is_new

    def set_all(self, words: tuple[bytes, ...]) -> int:
        """Set field, value, field, value ...; how many fields are new. O(1) for each, O(n) in a listpack."""
        self.expect(words)
        form, fields = self.form, words[::2]
        if type(form) is ListpackForm and not form.listpack and len(set(fields)) == len(fields):
            form.listpack.extend(words)  # in one step
            return len(fields)
        return sum([self.set(field, value) for field, value in zip(fields, words[1::2], strict=True)])

    def delete(self, field: bytes) -> bool:
        """Take a field out; False if it wasn't there. O(1), O(n) in a listpack."""
        return self.form.delete(field)

    def expect(self, words: tuple[bytes, ...]) -> None:
        """These fields and values are about to be set: turn into a hash table now if they would not fit."""
        form = self.form
        if type(form) is not ListpackForm:
            return
        too_many = len(words) // 2 > self.encodings.hash_max_listpack_entries
        if too_many or not self._fits_listpack(words) or not form.listpack.safe_to_add(sum(map(len, words))):
            self.convert()

    def convert(self) -> None:
        """Turn the listpack into a hash table. O(n). Source: hashTypeConvertListpack."""
        pairs = dict(self.form.items())
        self.form = HashTableForm(self.encodings.hashtable())
        self.form.fill(pairs)

    def random_pair(self, random: Random) -> Pair:
        """A field of a hash that is not empty, with its value. O(1), O(n) in a listpack."""
        field = self.form.random_field(random)
        value = self.form.get(field)
        assert value is not None
        return field, value

    def draw(self, random: Random, count: int) -> list[Pair]:
        """`count` fields of a hash that is not empty, with their values; a field may come again.

        O(count), O(n) when that is not much more.
        """
        if count * DRAW_FROM_ALL_FACTOR > len(self):
            return random.choices(list(self.items()), k=count)
        return [self.random_pair(random) for _ in range(count)]

    def sample(self, random: Random, count: int) -> list[Pair]:
        """`count` distinct fields with their values, or all if there are no more.

        O(count), O(n) when that is a large part: see Set.sample.
        """
        if count >= len(self):
            return list(self.items())
        if self.table is None or count * SAMPLE_FROM_ALL_FACTOR > len(self):
            pairs = list(self.items())
            return [pairs[index] for index in sorted(random.sample(range(len(pairs)), count))]
        return [(field, self.table.get(field)) for field in self.table.random_keys(random, count)]

    def memory_usage(self) -> int:
        return OBJECT_HEADER_BYTES + self.form.memory_usage()

    def free_effort(self) -> int:
        return 1 if self.table is None else len(self.table)

    def parts(self) -> list[Any]:
        return [] if self.table is None else [self.table]

    def copy(self) -> Hash:
        twin = Hash(self.encodings)
        twin.form = self.form.copy()
        return twin

    def check(self) -> None:
        self.form.check()

    def _fits_listpack(self, words: tuple[bytes, ...]) -> bool:
        return max(map(len, words)) <= self.encodings.hash_max_listpack_value


class ListpackForm:
    """Fields and values by turns in one listpack. Every method looks from end to end: O(n)."""

    __slots__ = ("listpack",)

    encoding: ClassVar[str] = "listpack"

    def __init__(self, listpack: OpenListpack) -> None:
        self.listpack = listpack

    def __len__(self) -> int:
        return len(self.listpack) >> 1

    def get(self, field: bytes) -> bytes | None:
        return self.listpack.value_of(field)

    def set(self, field: bytes, value: bytes) -> bool:
        if self.listpack.replace_value_of(field, value):
            return False
        self.listpack.extend((field, value))
        return True

    def delete(self, field: bytes) -> bool:
        index = self.listpack.find(field, skip=1)
        return index >= 0 and self.listpack.delete(index, 2) == 2

    def items(self) -> Iterable[Pair]:
        words = iter(self.listpack.elements())
        return zip(words, words)  # noqa: B905  (strict= would take as long as the rest of it)

    def as_dict(self) -> dict[bytes, bytes]:
        pairs: dict[bytes, bytes] = {}
        in_turns = iter(self.listpack.elements())
        for field in in_turns:  # of few fields, in half the time of a dict made of a zip
            pairs[field] = next(in_turns)
        return pairs

    def random_field(self, random: Random) -> bytes:
        return self.listpack.get(2 * random.randrange(len(self)))

    def memory_usage(self) -> int:
        return allocation_size(self.listpack.size)

    def copy(self) -> ListpackForm:
        return ListpackForm(self.listpack.copy())

    def check(self) -> None:
        self.listpack.check()
        assert len(self.listpack) % 2 == 0, "a field without a value"
        fields = self.listpack.elements()[::2]
        assert len(set(fields)) == len(fields), "a field twice"


class HashTableForm:
    """A hash table, field -> value."""

    __slots__ = ("string_bytes", "table")

    encoding: ClassVar[str] = "hashtable"

    def __init__(self, table: Any) -> None:
        self.table = table
        self.string_bytes = 0  # of all fields and values, as allocated

    def __len__(self) -> int:
        return len(self.table)

    def get(self, field: bytes) -> bytes | None:
        return self.table.get(field)

    def set(self, field: bytes, value: bytes) -> bool:
        old = self.table.exchange(field, value)
        if old is None:
            self.string_bytes += string_allocation(len(field)) + string_allocation(len(value))
            return True
        if len(old) != len(value):
            self.string_bytes += string_allocation(len(value)) - string_allocation(len(old))
        return False

    def fill(self, pairs: dict[bytes, bytes]) -> None:
        """Take in fields and values; the form is empty."""
        self.table.update(pairs)
        self.string_bytes = strings_allocation(pairs) + strings_allocation(pairs.values())

    def delete(self, field: bytes) -> bool:
        old = self.table.pop(field, None)
        if old is None:
            return False
        self.string_bytes -= string_allocation(len(field)) + string_allocation(len(old))
        return True

    def items(self) -> Iterable[Pair]:
        return self.table.items()

    def as_dict(self) -> dict[bytes, bytes]:
        return dict(self.table.items())

    def random_field(self, random: Random) -> bytes:
        return self.table.random_key(random)

    def memory_usage(self) -> int:
        return dict_allocation(len(self.table)) + self.string_bytes

    def copy(self) -> HashTableForm:
        twin = HashTableForm(self.table.copy())
        twin.string_bytes = self.string_bytes
        return twin

    def check(self) -> None:
        self.table.check()
        strings = [string for pair in self.table.items() for string in pair]
        assert self.string_bytes == sum(string_allocation(len(string)) for string in strings)

"""A set: distinct byte strings in no order, in one of three forms.

    "intset"      all members are integers: a sorted array of numbers (structures/intset.py)

        SADD s 3 1 2          [1, 2, 3]        2 bytes each; binary search

    "listpack"    a few short members: one run of bytes, in order of insertion

        SADD s 3 1 2 x        ["1", "2", "3", "x"]       1 to 2 bytes more than the text; linear search

    "hashtable"   the rest: the keys of a hash table, without values

A set begins in the smallest form that its first member allows and only ever moves on:

    intset   -> listpack   the first member that is no integer, while there is room in a listpack
    intset   -> hashtable  more than set-max-intset-entries numbers (512)
    listpack -> hashtable  more than set-max-listpack-entries members (128), or one longer than
                           set-max-listpack-value bytes (64)

Mirrors: t_set.c (setTypeCreate, setTypeAddAux, setTypeMaybeConvert, setTypeConvertAndExpand).
Differs: nothing that a client could see; sets of 7.0 and before had no listpack form.
Complexity: O(1) in a hash table, O(log n) to find and O(n) to insert in an intset, O(n) in a listpack.

>>> from minidis.values.encodings import Encodings
>>> numbers = Set(Encodings())
>>> [numbers.add(member) for member in (b"3", b"1", b"3")], list(numbers), numbers.encoding
([True, True, False], [b'1', b'3'], 'intset')
>>> numbers.add(b"three"), list(numbers), numbers.encoding
(True, [b'1', b'3', b'three'], 'listpack')

Read next: minidis/commands/sets.py.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from itertools import filterfalse, islice
from random import Random
from typing import Any, ClassVar, Protocol

from minidis.protocol.numbers import parse_integer
from minidis.structures.intset import Intset
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

QUESTION_COST = 4
"""To ask a table for a member takes as long as to walk past so many."""

ADDED_AT_ONCE = 100
"""So many members make room for all of them at once."""

SAMPLE_FROM_ALL_FACTOR = 3  # SRANDMEMBER_SUB_STRATEGY_MUL


class Form(Protocol):
    """What the three forms have in common."""

    encoding: ClassVar[str]

    def __len__(self) -> int: ...
    def __iter__(self) -> Iterator[bytes]: ...
    def __contains__(self, member: bytes) -> bool: ...
    def insert(self, member: bytes) -> None: ...
    def remove(self, member: bytes) -> bool: ...
    def random_member(self, random: Random) -> bytes: ...
    def memory_usage(self) -> int: ...
    def copy(self) -> Form: ...
    def check(self) -> None: ...


class Set(Value):
    """A set value. `encodings` has the thresholds and the structures.

    With `first`, the member to be added first, and `count`, how many are to come, an empty set begins
    in the form that they will need (setTypeCreate); without them it begins as an intset.
    """

    __slots__ = ("encodings", "form")

    kind = "set"

    def __init__(self, encodings: Encodings, first: bytes | None = None, count: int = 0) -> None:
        self.accessed_us = 0
        self.encodings = encodings
        self.form: Form
        is_integer = first is None or parse_integer(first) is not None
        if is_integer and count <= encodings.set_max_intset_entries:
            self.form = IntsetForm(encodings.intset())
        elif count <= encodings.set_max_listpack_entries:
            self.form = ListpackForm(encodings.listpack())
        else:
            self.form = HashTableForm(encodings.members_table())

    @property
    def encoding(self) -> str:
        return self.form.encoding

    @property
    def table(self) -> Any:
        """The hash table, for SSCAN and for views; None in the small forms."""
        return self.form.table if isinstance(self.form, HashTableForm) else None

    def __len__(self) -> int:
        return len(self.form)

    def __iter__(self) -> Iterator[bytes]:
        """The members: ascending in an intset, as inserted in a listpack, by buckets in a hash table."""
        return iter(self.form)

    def __contains__(self, member: bytes) -> bool:
        return member in self.form

    def container(self, asked: int) -> Any:
        """What knows the members as well (`in`), and sooner if so much is asked; until the set changes."""
        form = self.form
        if type(form) is ListpackForm:
            return form.listpack.elements()
        if len(form) < asked * QUESTION_COST:
            return set(form)
        return form if self.table is None else self.table

    def add(self, member: bytes) -> bool:
        """Add a member, changing the form if it must; False if it was there. O(1), O(n) in small forms."""
        form = self.form
        if type(form) is HashTableForm:
            return form.add(member)
        if member in form:
            return False
        if isinstance(form, IntsetForm) and parse_integer(member) is None:
            self._leave_intset(form, member)
        elif isinstance(form, ListpackForm) and not self._fits_listpack(
            len(form), member, form.listpack.size
        ):
            self.convert()
        self.form.insert(member)
        if isinstance(self.form, IntsetForm) and len(self.form) > self.encodings.set_max_intset_entries:
            self.convert()
        return True

    def add_all(self, members: Collection[bytes]) -> int:
        """Add several members, as one after the other, but in one step if possible; how many were new."""
        added = 0
        if type(self.form) is IntsetForm:
            rest = iter(members)
            while type(self.form) is IntsetForm and (member := next(rest, None)) is not None:
                added += self.add(member)
            members = list(rest)
        form = self.form
        if type(form) is ListpackForm:
            members = dict.fromkeys(members)
            if held := form.listpack.elements():
                members = dict.fromkeys(filterfalse(set(held).__contains__, members))
            if self._all_fit(form, len(held), members):
                form.listpack.extend(list(members))
                return added + len(members)
            self.convert()
        return added + self.form.add_all(members) if isinstance(self.form, HashTableForm) else added

    def remove(self, member: bytes) -> bool:
        """Remove a member; False if it wasn't there. O(1), O(n) in small forms."""
        return self.form.remove(member)

    def expect(self, count: int) -> None:
        """`count` members are about to come: move on to a hash table now if they would not fit."""
        encodings, encoding = self.encodings, self.form.encoding
        if (encoding == "listpack" and count > encodings.set_max_listpack_entries) or (
            encoding == "intset" and count > encodings.set_max_intset_entries
        ):
            self.convert()

    def convert(self) -> None:
        """Move on to a hash table, with room for one more member. O(n). Source: setTypeConvertAndExpand."""
        members = list(self.form)
        self.form = HashTableForm(self.encodings.members_table())
        self.form.table.expand(len(members) + 1)
        self.form.add_all(members)

    def random_member(self, random: Random) -> bytes:
        """A member of a set that is not empty, all (nearly) equally likely. O(1), O(n) in a listpack."""
        return self.form.random_member(random)

    def random_members(self, random: Random, count: int) -> list[bytes]:
        """`count` members of a set that is not empty, each drawn from all. O(count), O(n) in a listpack."""
        if self.table is not None:
            return list(islice(self.table.lots(random, count), count))
        return [self.form.random_member(random) for _ in range(count)]

    def sample(self, random: Random, count: int) -> list[bytes]:
        """`count` distinct members, or all if there are no more. O(count), O(n) when that is a large part.

        Drawing until enough different ones have come is quick while they are few; for a large part of the
        set it would draw the same ones again and again.
        """
        if count >= len(self):
            return list(self)
        if self.table is None or count * SAMPLE_FROM_ALL_FACTOR > len(self):
            members = list(self)
            return [members[index] for index in sorted(random.sample(range(len(members)), count))]
        return self.table.random_keys(random, count)

    def memory_usage(self) -> int:
        return OBJECT_HEADER_BYTES + self.form.memory_usage()

    def free_effort(self) -> int:
        return 1 if self.table is None else len(self.table)

    def parts(self) -> list[Any]:
        return [] if self.table is None else [self.table]

    def copy(self) -> Set:
        twin = Set(self.encodings)
        twin.form = self.form.copy()
        return twin

    def check(self) -> None:
        self.form.check()
        assert len(set(self)) == len(self), "a member twice"

    def _leave_intset(self, intset: IntsetForm, member: bytes) -> None:
        """Move on to a listpack if all members fit one; else to a hash table."""
        longest = max(len(intset.first()), len(intset.last()))
        count = len(intset)
        if longest > self.encodings.set_max_listpack_value or not self._fits_listpack(
            count, member, longest * count
        ):
            self.convert()
            return
        numbers = list(intset)
        self.form = ListpackForm(self.encodings.listpack(numbers))

    def _all_fit(self, form: ListpackForm, count: int, new: Collection[bytes]) -> bool:
        """May all of these join those in a listpack, so many as yet?"""
        longest = max(map(len, new), default=0)
        return (
            count + len(new) <= self.encodings.set_max_listpack_entries
            and longest <= self.encodings.set_max_listpack_value
            and form.listpack.safe_to_add(longest * len(new))
        )

    def _fits_listpack(self, count: int, member: bytes, size_bytes: int) -> bool:
        """May a member join `count` others in a listpack of this size?"""
        return (
            count < self.encodings.set_max_listpack_entries
            and len(member) <= self.encodings.set_max_listpack_value
            and size_bytes + len(member) <= SIZE_LIMIT
        )


class IntsetForm:
    """Integers only, as numbers. Members come and go as text, which has one spelling per number."""

    __slots__ = ("intset",)

    encoding: ClassVar[str] = "intset"

    def __init__(self, intset: Intset) -> None:
        self.intset = intset

    def __len__(self) -> int:
        return len(self.intset)

    def __iter__(self) -> Iterator[bytes]:
        return iter([b"%d" % number for number in self.intset])

    def __contains__(self, member: bytes) -> bool:
        number = parse_integer(member)
        return number is not None and number in self.intset

    def insert(self, member: bytes) -> None:
        self.intset.add(int(member))

    def remove(self, member: bytes) -> bool:
        number = parse_integer(member)
        return number is not None and self.intset.remove(number)

    def first(self) -> bytes:
        """The text of the least number; empty if there is none."""
        return b"%d" % self.intset.at(0) if len(self.intset) else b""

    def last(self) -> bytes:
        """The text of the largest number; empty if there is none."""
        return b"%d" % self.intset.at(len(self.intset) - 1) if len(self.intset) else b""

    def random_member(self, random: Random) -> bytes:
        return b"%d" % self.intset.at(random.randrange(len(self.intset)))

    def memory_usage(self) -> int:
        return allocation_size(self.intset.size)

    def copy(self) -> IntsetForm:
        return IntsetForm(self.intset.copy())

    def check(self) -> None:
        self.intset.check()


class ListpackForm:
    """One member after the other in a listpack. Every method looks from end to end: O(n)."""

    __slots__ = ("listpack",)

    encoding: ClassVar[str] = "listpack"

    def __init__(self, listpack: OpenListpack) -> None:
        self.listpack = listpack

    def __len__(self) -> int:
        return len(self.listpack)

    def __iter__(self) -> Iterator[bytes]:
        return iter(self.listpack.elements())

    def __contains__(self, member: bytes) -> bool:
        return member in self.listpack

    def insert(self, member: bytes) -> None:
        self.listpack.append(member)

    def remove(self, member: bytes) -> bool:
        return self.listpack.remove(member, limit=1) == 1

    def random_member(self, random: Random) -> bytes:
        return self.listpack.get(random.randrange(len(self.listpack)))

    def memory_usage(self) -> int:
        return allocation_size(self.listpack.size)

    def copy(self) -> ListpackForm:
        return ListpackForm(self.listpack.copy())

    def check(self) -> None:
        self.listpack.check()


class HashTableForm:
    """The members are the keys of a hash table; its values are not used."""

    __slots__ = ("member_bytes", "table")

    encoding: ClassVar[str] = "hashtable"

    def __init__(self, table: Any) -> None:
        self.table = table
        self.member_bytes = 0  # of all members, as allocated

    def __len__(self) -> int:
        return len(self.table)

    def __iter__(self) -> Iterator[bytes]:
        return iter(self.table)

    def __contains__(self, member: bytes) -> bool:
        return member in self.table

    def add(self, member: bytes) -> bool:
        """Add a member; False if it was there."""
        if not self.table.add(member):
            return False
        self.member_bytes += string_allocation(len(member))
        return True

    def add_all(self, members: Collection[bytes]) -> int:
        """Add several; how many were new. Few come one by one, so that the table grows by and by."""
        if len(members) < ADDED_AT_ONCE:
            return sum([self.add(member) for member in members])
        new = dict.fromkeys(members)
        if len(self.table):
            new = dict.fromkeys(filterfalse(self.table.__contains__, new))
        self.table.extend(new)
        self.member_bytes += strings_allocation(new)
        return len(new)

    def insert(self, member: bytes) -> None:
        self.add(member)

    def remove(self, member: bytes) -> bool:
        if not self.table.discard(member):
            return False
        self.member_bytes -= string_allocation(len(member))
        return True

    def random_member(self, random: Random) -> bytes:
        return self.table.random_key(random)

    def memory_usage(self) -> int:
        """As MEMORY USAGE has it: an entry for each member, though most buckets point to a member's text."""
        return dict_allocation(len(self.table)) + self.member_bytes

    def copy(self) -> HashTableForm:
        twin = HashTableForm(self.table.copy())
        twin.member_bytes = self.member_bytes
        return twin

    def check(self) -> None:
        self.table.check()
        assert self.member_bytes == strings_allocation(self.table)

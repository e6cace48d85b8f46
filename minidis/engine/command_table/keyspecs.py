"""Where a command's keys are, worked out from its syntax line.

A cluster must know the keys of a command before it runs it, ACL rules look at them, and so does a notebook
that colours them. Redis describes them by *key specs*: where the search begins, and how to go on::

    GET key                                  begin at word 1, one key
    MSET key value [key value ...]           begin at word 1, every second word to the end
    BLPOP key [key ...] timeout              begin at word 1, up to the last but one
    ZUNIONSTORE destination:key numkeys:int key [key ...]
                                             begin at word 1, one key; begin at word 2, a number: that many
    XREAD ... STREAMS key [key ...] id [id ...]
                                             begin behind the word STREAMS, the first half of what follows
    SORT key ... [STORE destination:key]     begin at word 1, one key; and begin behind the word STORE

The older form (COMMAND INFO's first key, last key, step) is one range, so it says all about MSET, little
about ZUNIONSTORE: such commands are marked `movablekeys`.

Mirrors: `populateCommandLegacyRangeSpec` in server.c, `getKeysUsingKeySpecs` in db.c.
Complexity: O(arguments).

>>> from minidis.engine.command_table.syntax import parse
>>> spec = key_specs(parse("BLPOP key [key ...] timeout:float"))[0]
>>> spec.index, spec.last, spec.step
(1, -2, 1)
>>> find_keys(key_specs(parse("SINTERCARD numkeys:int key [key ...]")), b"SINTERCARD 2 a b LIMIT 1".split())
[b'a', b'b']

Read next: registry.py.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cache

from minidis.engine.command_table.syntax import Argument, SyntaxLine
from minidis.protocol.numbers import parse_integer
from minidis.structures.record import record


@record(frozen=True)
class KeySpec:
    """One place where keys are.

    The search begins at word `index`, or behind the word `keyword` looked for from word `index`. From there
    on, keys are every `step`-th word up to `last` (0: only one; -1: the last word, counted from the end), or,
    with `counted`, as many as the number at the beginning says, from the word behind it.  A `limit` of 2
    stops after the first half of the words.
    """

    index: int
    keyword: str | None = None
    last: int = 0
    step: int = 1
    counted: bool = False
    limit: int = 0

    @property
    def is_plain(self) -> bool:
        """A range from a fixed word: what the old form can express."""
        return self.keyword is None and not self.counted


class BadKeys(ValueError):
    """The arguments cannot be those of the command: a count of keys that is no number, or too large."""


@cache
def key_specs(line: SyntaxLine) -> tuple[KeySpec, ...]:
    """The key specs of a syntax line, in its order."""
    specs: list[KeySpec] = []
    index: int | None = len(line.name.split())  # of the next word; None behind anything of variable length
    start = len(line.name.split())  # where keywords are looked for
    for position, argument in enumerate(line.arguments):
        following = line.arguments[position + 1 :]
        if (halves := _token_before_halves(argument)) is not None:
            specs.append(KeySpec(start, halves, last=-1, limit=2))
            continue
        if _follows_count(line.arguments[:position]):
            pass  # the keys that numkeys counts, also where they may be none
        elif index is not None and argument.optional and argument.type == "key" and argument.multiple:
            specs.append(KeySpec(index, last=-1 - _words_needed(following)))
        elif index is None or argument.optional:
            specs += [KeySpec(start, token) for token in _tokens_before_keys(argument)]
        elif _is_count_of_keys(argument, following):
            specs.append(KeySpec(index, counted=True))
        elif _contains_key(argument):
            width = len(argument.children) or 1
            last = -1 - _words_needed(following) if argument.multiple else 0
            specs.append(KeySpec(index, last=last, step=width if argument.multiple else 1))
        if index is not None:
            start += argument.words if not argument.optional and not argument.multiple else 0
            index = None if argument.optional or argument.multiple else start
    return tuple(specs)


def legacy_range(specs: Sequence[KeySpec]) -> tuple[int, int, int]:
    """First key, last key and step, as COMMAND INFO shows them; all 0 where no key has a fixed place."""
    if len(specs) == 1 and specs[0].is_plain:
        spec = specs[0]
        return spec.index, spec.last if spec.last < 0 else spec.index + spec.last, spec.step
    first = last = 0
    for spec in specs:
        if spec.is_plain and spec.step == 1 and (not last or last == spec.index - 1):
            first = first or spec.index
            last = spec.last if spec.last < 0 else spec.index + spec.last
    return first, last, 1 if first else 0


def has_movable_keys(specs: Sequence[KeySpec]) -> bool:
    """True if `legacy_range` doesn't tell about all keys."""
    if len(specs) == 1 and specs[0].is_plain:
        return False
    last = 0
    for spec in specs:
        if not spec.is_plain or spec.step != 1 or (last and last != spec.index - 1):
            return True
        last = spec.last if spec.last < 0 else spec.index + spec.last
    return False


def find_keys(specs: Sequence[KeySpec], argv: Sequence[bytes]) -> list[bytes]:
    """The keys in a request. Raises BadKeys where a count of keys makes no sense."""
    return [key for spec in specs for key in keys_of_spec(spec, argv)]


def keys_of_spec(spec: KeySpec, argv: Sequence[bytes]) -> Iterator[bytes]:
    """The keys that one spec finds in a request. Raises BadKeys."""
    return (argv[position] for position in positions_of_spec(spec, argv))


def positions_of_spec(spec: KeySpec, argv: Sequence[bytes]) -> range:
    """Where one spec finds keys in a request. Raises BadKeys."""
    begin = spec.index
    if spec.keyword is not None:
        words = [word.upper() for word in argv]
        if spec.keyword.encode() not in words[begin:]:
            return range(0)
        begin = words.index(spec.keyword.encode(), begin) + 1
    if spec.counted:
        count = parse_integer(argv[begin]) if begin < len(argv) else None
        if count is None or not 0 < count <= len(argv) - begin - 1:
            raise BadKeys
        return range(begin + 1, begin + 1 + count)
    last = len(argv) + spec.last if spec.last < 0 else begin + spec.last
    if spec.limit:
        last = begin + (last + 1 - begin) // spec.limit - 1
    return range(begin, min(last + 1, len(argv)), spec.step)


def _tokens_before_keys(argument: Argument) -> Iterator[str]:
    if argument.type == "key" and argument.token:
        yield argument.token
    for child in argument.children:
        yield from _tokens_before_keys(child)


def _token_before_halves(argument: Argument) -> str | None:
    """The word before `key [key ...] id [id ...]`: as many of the one as of the other."""
    halves = len(argument.children) == 2 and all(child.multiple for child in argument.children)
    return argument.token if halves and argument.children[0].type == "key" else None


def _contains_key(argument: Argument) -> bool:
    return argument.type == "key" or (argument.type == "block" and argument.children[0].type == "key")


def _is_count_of_keys(argument: Argument, following: Sequence[Argument]) -> bool:
    return argument.name == "numkeys" and bool(following) and following[0].type == "key"


def _follows_count(before: Sequence[Argument]) -> bool:
    return bool(before) and before[-1].name == "numkeys"


def _words_needed(arguments: Sequence[Argument]) -> int:
    return sum(argument.words for argument in arguments if not argument.optional)

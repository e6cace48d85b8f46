r"""Glob patterns: KEYS, SCAN MATCH, PSUBSCRIBE, CONFIG GET, ACL key patterns.

::

    *        any run of bytes, also none          [a-c]    one byte of a range (either way round)
    ?        one byte                             [^abc]   one byte that is none of these
    [abc]    one of these bytes                   \*       the byte itself

Everything works on bytes: ``?`` matches half of an "é". A shell's ``*`` stops at a slash, this one does not.

A star can match too little at first and needs another try. The naive way tries every length for every star:
``a*a*a*a*b`` against forty a's takes hours (CVE-2022-36021 was just that). Only the *last* star ever needs to
be lengthened: what lies between two stars is best matched as early as possible, because any later match
leaves less for the rest. So one saved position is enough, and the worst case is length times length.

Where many strings are asked, as by KEYS, Python's own engine does the walking, at a tenth of the price. A
star becomes ``.*?`` and what follows it, in an *atomic* group, which is not tried again once it has matched.

    h?llo        h.llo
    a*b[0-9]*c   a(?>.*?b[0-9]).*c

Mirrors: util.c (stringmatchlen), its odd corners included: a class that is never closed ends with the
pattern, a lone backslash at the end is a backslash, ``[]`` matches nothing, ``[^]`` one byte of any kind, the
empty string is matched by ``*`` but not by ``**``, and in a range bytes count as C's signed chars.
Differs: iterates where C recurses. There a pattern can be too deep, so it gives up after a thousand stars.
Complexity: O(len(pattern) * len(string)); O(len(string)) without a star. To compile takes some 30 us.

>>> matches(b"user:*", b"user:1000"), matches(b"h[^e]llo", b"hello"), matches(b"h[a-e]llo", b"hello")
(True, False, True)
>>> matches(rb"news.\*", b"news.sport"), matches(b"a*a*a*a*a*a*b", b"a" * 200)
(False, False)

Read next: quoting.py.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection
from functools import lru_cache, partial
from operator import methodcaller
from typing import Any

MOST_STARS = 1000
"""A pattern with more stars than this, several in a row being one, matches nothing."""

MOST_COMPILED = 256
"""Bytes of a pattern that is compiled: a very long one would take seconds, and hardly any string gets far."""

_SPECIAL = b"*?[\\"
_STAR, _ANY, _OPEN, _CLOSE, _NOT, _ESCAPE, _RANGE = b"*?[]^\\-"

_NEVER = rb"(?!)"


def matches(pattern: bytes, string: bytes, nocase: bool = False) -> bool:
    """Does the whole ``string`` match ``pattern``? With ``nocase``, ASCII letters match in either case."""
    if pattern == b"*":
        return True
    if not string:
        return not pattern
    at, position = 0, 0  # in the pattern, in the string
    stars = 0
    retry_at, retry_position = -1, 0  # just behind the last star, and where its match ends for now
    while True:
        if at < len(pattern) and pattern[at] == _STAR:
            while pattern[at : at + 1] == b"*":
                at += 1
            retry_at, retry_position = at, position
            if at == len(pattern):
                return True
            stars += 1
            if stars > MOST_STARS:
                return False
            continue
        if position == len(string):
            return at == len(pattern)
        if at < len(pattern):
            accepted, next_at = _element(pattern, at, nocase)
            if accepted is _ANYTHING or string[position] in accepted:
                at, position = next_at, position + 1
                continue
        if retry_at < 0:
            return False
        retry_position += 1
        at, position = retry_at, retry_position


Matcher = Callable[[bytes], Any]
"""Says of a string, by what is true or false, whether it matches."""


def matcher(pattern: bytes, nocase: bool = False) -> Matcher:
    """`matches`, made ready for many strings. O(len(pattern))."""
    start = literal_start(pattern)
    if start == pattern and not nocase:
        return pattern.__eq__
    if start + b"*" == pattern != b"*" and not nocase:
        return methodcaller("startswith", start)
    return (
        _compiled(pattern, nocase)
        if len(pattern) <= MOST_COMPILED
        else partial(matches, pattern, nocase=nocase)
    )


@lru_cache(maxsize=256)
def _compiled(pattern: bytes, nocase: bool) -> Matcher:
    pieces: list[list[bytes]] = [[]]  # what lies between the stars
    at = 0
    while at < len(pattern):
        if pattern[at] == _STAR:
            while pattern[at : at + 1] == b"*":
                at += 1
            pieces.append([])
        else:
            accepted, at = _element(pattern, at, nocase)
            pieces[-1].append(_one_of(accepted))
    first, *others = map(b"".join, pieces)
    if pattern[:1] == b"*" != pattern:
        first = rb"(?!\Z)"  # only "*" alone matches the empty string
    if others:
        *between, last = others
        first += b"".join([b"(?>.*?" + piece + b")" for piece in between]) + b".*" + last
    return re.compile(first, re.DOTALL).fullmatch


def literal_start(pattern: bytes) -> bytes:
    """What every string that matches begins with: nearly all others are told by that alone.

    >>> literal_start(b"user:*:name"), literal_start(b"[ab]"), literal_start(b"user:7")
    (b'user:', b'', b'user:7')
    """
    at = 0
    while at < len(pattern) and pattern[at] not in _SPECIAL:
        at += 1
    return pattern[:at]


def _element(pattern: bytes, at: int, nocase: bool) -> tuple[Collection[int], int]:
    """The bytes that the element at ``at`` accepts, and where the next one starts."""
    element = pattern[at]
    if element == _ANY:
        return _ANYTHING, at + 1
    if element == _OPEN:
        end = _class_end(pattern, at + 1)
        return _class(pattern[at + 1 : end], nocase), min(end + 1, len(pattern))
    if element == _ESCAPE and at + 1 < len(pattern):
        at += 1
        element = pattern[at]
    return _EITHER_CASE[element] if nocase else _SINGLE[element], at + 1


def _class_end(pattern: bytes, at: int) -> int:
    """Where the class that begins at ``at`` is closed: at a bracket, or with the pattern."""
    if pattern[at : at + 1] == b"^":
        at += 1
    while at < len(pattern) and pattern[at] != _CLOSE:
        at += _class_step(pattern, at)
    return min(at, len(pattern))


def _class_step(text: bytes, at: int) -> int:
    """How many bytes of a class belong together: `\\x`, `a-z`, or one."""
    if text[at] == _ESCAPE and at + 1 < len(text):
        return 2
    return 3 if at + 2 < len(text) and text[at + 1] == _RANGE else 1


@lru_cache(maxsize=256)
def _class(text: bytes, nocase: bool) -> frozenset[int]:
    """The bytes that a class accepts, from what stands between its brackets."""
    fold = _LOWER if nocase else _SAME
    negated = text[:1] == b"^"
    at = 1 if negated else 0
    accepted: set[int] = set()
    while at < len(text):
        step = _class_step(text, at)
        if step == 2:
            accepted.add(text[at + 1])  # C forgets to fold here
        elif step == 3:
            first, last = sorted((text[at], text[at + 2]), key=_signed)  # before folding, as in C
            low, high = _signed(fold[first]), _signed(fold[last])
            accepted |= {byte for byte in range(256) if low <= _signed(fold[byte]) <= high}
        else:
            accepted.update(_EITHER_CASE[text[at]] if nocase else _SINGLE[text[at]])
        at += step
    return frozenset(_ANYTHING) - accepted if negated else frozenset(accepted)


def _one_of(accepted: Collection[int]) -> bytes:
    """An element as Python writes it: what it accepts, or what it does not, whichever is less."""
    if len(accepted) == 256:
        return b"."
    if not accepted:
        return _NEVER
    if len(accepted) == 1:
        return _ESCAPED[next(iter(accepted))]
    if len(accepted) <= 128:
        return b"[" + b"".join([_ESCAPED[byte] for byte in sorted(accepted)]) + b"]"
    return b"[^" + b"".join([_ESCAPED[byte] for byte in range(256) if byte not in accepted]) + b"]"


def _signed(byte: int) -> int:
    return byte - 256 if byte >= 128 else byte


_ANYTHING = range(256)
_SAME = bytes(range(256))
_LOWER = _SAME.lower()
_ESCAPED = [re.escape(bytes((byte,))) for byte in range(256)]
_SINGLE = [(byte,) for byte in range(256)]
_EITHER_CASE = [tuple({lower, upper}) for lower, upper in zip(_LOWER, _SAME.upper(), strict=True)]

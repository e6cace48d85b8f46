r"""Glob patterns: KEYS, SCAN MATCH, PSUBSCRIBE, CONFIG GET, ACL key patterns.

::

    *        any run of bytes, also none          [a-c]    one byte of a range (either way round)
    ?        one byte                             [^abc]   one byte that is none of these
    [abc]    one of these bytes                   \*       the byte itself

Everything works on bytes: ``?`` matches half of an "é". A shell's ``*`` stops at a slash, this one does not.

A star can match too little at first and needs another try. The naive way tries every length for every star:
``a*a*a*a*b`` against forty a's takes hours (CVE-2022-36021 was just that). But what lies between two stars is
best matched as early as possible, because any later match leaves less for the rest. Nothing is ever won by
going back before the last star, and the worst case is length times length.

Python's own engine for patterns does the walking, which costs a tenth of a loop over bytes. A star becomes
``.*?`` and what follows it, in an *atomic* group: one that is not tried again once it has matched.

    h?llo        h.llo
    a*b[0-9]*c   a(?>.*?b[0-9]).*c

Mirrors: util.c (stringmatchlen), its odd corners included: a class that is never closed ends with the
pattern, a lone backslash at the end is a backslash, ``[]`` matches nothing, ``[^]`` one byte of any kind, the
empty string is matched by ``*`` but not by ``**``, and in a range bytes count as C's signed chars.
Differs: compiles where C recurses. There a pattern can be too deep, so it gives up after a thousand stars.
Complexity: O(len(pattern) * len(string)), O(len(string)) without a star; a new pattern takes 3 us for each
of its bytes.

>>> matches(b"user:*", b"user:1000"), matches(b"h[^e]llo", b"hello"), matches(b"h[a-e]llo", b"hello")
(True, False, True)
>>> matches(rb"news.\*", b"news.sport"), matches(b"a*a*a*a*a*a*b", b"a" * 200)
(False, False)

Read next: quoting.py.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache
from operator import methodcaller
from typing import Any

MOST_STARS = 1000
"""A pattern with more stars than this, several in a row being one, matches nothing."""

_SPECIAL = b"*?[\\"
_STAR, _ANY, _OPEN, _CLOSE, _NOT, _ESCAPE, _RANGE = b"*?[]^\\-"


_NEVER = rb"(?!)"


def matches(pattern: bytes, string: bytes, nocase: bool = False) -> bool:
    """Does the whole ``string`` match ``pattern``? With ``nocase``, ASCII letters match in either case."""
    return bool(matcher(pattern, nocase)(string))


Matcher = Callable[[bytes], Any]
"""Says of a string, by what is true or false, whether it matches."""


@lru_cache(maxsize=1024)
def matcher(pattern: bytes, nocase: bool = False) -> Matcher:
    """The pattern, made ready for many strings. O(len(pattern))."""
    start = literal_start(pattern)
    if start == pattern and not nocase:
        return pattern.__eq__
    if start + b"*" == pattern != b"*" and not nocase:
        return methodcaller("startswith", start)
    fold = _LOWER if nocase else _SAME
    elements: list[list[bytes]] = [[]]  # of each piece between the stars
    at = 0
    while at < len(pattern):
        if pattern[at] == _STAR:
            while pattern[at : at + 1] == b"*":
                at += 1
            elements.append([])
        else:
            element, at = _element(pattern, at, fold)
            elements[-1].append(element)
    first, *others = map(b"".join, elements)
    *between, last = others or [b""]
    if len(between) + bool(last) > MOST_STARS:
        first = _NEVER
    elif pattern[:1] == b"*" != pattern:
        first = rb"(?!\Z)"  # only "*" alone matches the empty string
    if others:
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


def _element(pattern: bytes, at: int, fold: bytes) -> tuple[bytes, int]:
    """The element at ``at``, for one byte, as Python writes it; and where the next one starts."""
    element = pattern[at]
    if element == _ANY:
        return b".", at + 1
    if element == _OPEN:
        accepted, at = _class(pattern, at + 1, fold)
        return _one_of(accepted), at
    if element == _ESCAPE and at + 1 < len(pattern):
        at += 1
        element = pattern[at]
    return _one_of(_folded(element, fold)), at + 1


def _one_of(accepted: set[int]) -> bytes:
    texts = [_ESCAPED[byte] for byte in sorted(accepted)]
    return b"[" + b"".join(texts) + b"]" if len(texts) > 1 else texts[0] if texts else _NEVER


def _folded(element: int, fold: bytes) -> set[int]:
    """All bytes that are this one."""
    return {byte for byte in (element, *_CASES[element]) if fold[byte] == fold[element]}


def _class(pattern: bytes, at: int, fold: bytes) -> tuple[set[int], int]:
    """The bytes of the class whose first byte (behind the bracket) is at ``at``, and where it ends."""
    negated = pattern[at : at + 1] == b"^"
    if negated:
        at += 1
    accepted: set[int] = set()
    while at < len(pattern):
        if pattern[at] == _ESCAPE and at + 1 < len(pattern):
            accepted.add(pattern[at + 1])  # C forgets to fold here
            at += 2
        elif pattern[at] == _CLOSE:
            at += 1
            break
        elif at + 2 < len(pattern) and pattern[at + 1] == _RANGE:
            first, last = sorted((pattern[at], pattern[at + 2]), key=_signed)  # before folding, as in C
            low, high = _signed(fold[first]), _signed(fold[last])
            accepted |= {byte for byte in range(256) if low <= _signed(fold[byte]) <= high}
            at += 3
        else:
            accepted |= _folded(pattern[at], fold)
            at += 1
    return set(range(256)) - accepted if negated else accepted, at


def _signed(byte: int) -> int:
    return byte - 256 if byte >= 128 else byte


_ESCAPED = [re.escape(bytes((byte,))) for byte in range(256)]
_SAME = bytes(range(256))
_LOWER = _SAME.lower()
_CASES = list(zip(_LOWER, _SAME.upper(), strict=True))

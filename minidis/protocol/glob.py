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

Mirrors: util.c (stringmatchlen), its odd corners included: a class that is never closed ends with the
pattern, a lone backslash at the end is a backslash, ``[]`` matches nothing, ``[^]`` one byte of any kind, the
empty string is matched by ``*`` but not by ``**``, and in a range bytes count as C's signed chars.
Differs: iterates where C recurses. There a pattern can be too deep, so it gives up after a thousand stars.
Complexity: O(len(pattern) * len(string)); O(len(string)) without a star.

>>> matches(b"user:*", b"user:1000"), matches(b"h[^e]llo", b"hello"), matches(b"h[a-e]llo", b"hello")
(True, False, True)
>>> matches(rb"news.\*", b"news.sport"), matches(b"a*a*a*a*a*a*b", b"a" * 200)
(False, False)

Read next: quoting.py.
"""

from __future__ import annotations

MOST_STARS = 1000
"""A pattern with more stars than this, several in a row being one, matches nothing."""

_SPECIAL = b"*?[\\"
_STAR, _ANY, _OPEN, _CLOSE, _NOT, _ESCAPE, _RANGE = b"*?[]^\\-"


def matches(pattern: bytes, string: bytes, nocase: bool = False) -> bool:
    """Does the whole ``string`` match ``pattern``? With ``nocase``, ASCII letters match in either case."""
    if pattern == b"*":
        return True
    if not string:
        return not pattern
    fold = _LOWER if nocase else _SAME
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
            matched, next_at = _match_one(pattern, at, string[position], fold)
            if matched:
                at, position = next_at, position + 1
                continue
        if retry_at < 0:
            return False
        retry_position += 1
        at, position = retry_at, retry_position


def literal_start(pattern: bytes) -> bytes:
    """What every string that matches begins with: nearly all others are told by that alone.

    >>> literal_start(b"user:*:name"), literal_start(b"[ab]"), literal_start(b"user:7")
    (b'user:', b'', b'user:7')
    """
    at = 0
    while at < len(pattern) and pattern[at] not in _SPECIAL:
        at += 1
    return pattern[:at]


def _match_one(pattern: bytes, at: int, byte: int, fold: bytes) -> tuple[bool, int]:
    """Compare one byte with the pattern's element at ``at``; also give where the next element starts."""
    element = pattern[at]
    if element == _ANY:
        return True, at + 1
    if element == _OPEN:
        return _match_class(pattern, at + 1, byte, fold)
    if element == _ESCAPE and at + 1 < len(pattern):
        at += 1
        element = pattern[at]
    return fold[element] == fold[byte], at + 1


def _match_class(pattern: bytes, at: int, byte: int, fold: bytes) -> tuple[bool, int]:
    """The class whose first byte (behind the bracket) is at ``at``."""
    negated = pattern[at : at + 1] == b"^"
    if negated:
        at += 1
    matched = False
    while at < len(pattern):
        if pattern[at] == _ESCAPE and at + 1 < len(pattern):
            matched |= pattern[at + 1] == byte  # C forgets to fold here
            at += 2
        elif pattern[at] == _CLOSE:
            at += 1
            break
        elif at + 2 < len(pattern) and pattern[at + 1] == _RANGE:
            first, last = sorted((pattern[at], pattern[at + 2]), key=_signed)  # before folding, as in C
            matched |= _signed(fold[first]) <= _signed(fold[byte]) <= _signed(fold[last])
            at += 3
        else:
            matched |= fold[pattern[at]] == fold[byte]
            at += 1
    return matched != negated, at


def _signed(byte: int) -> int:
    return byte - 256 if byte >= 128 else byte


_SAME = bytes(range(256))
_LOWER = _SAME.lower()

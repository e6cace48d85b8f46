"""The longest common subsequence of two strings, and where it lies in both.

A *subsequence* need not be contiguous: "mytext" is one of "o-h-MYTEXT" and of "MYnewTEXT". Genes and file
versions (diff) are compared this way. The table of all prefixes answers it:

    length[i][j]   the longest one of a[:i] and b[:j]

            ""  c  a  b         equal last bytes:   1 + the cell up and left
        ""   0  0  0  0         otherwise:          the larger of the cell above and the cell on the left
        a    0  0  1  1
        b    0  0  1  2  <--    the answer; walking back from here finds the bytes

From a cell to the next one a length grows by one or stays. So a row is kept as one number, with a bit for
each place where it grows, and the next row comes out of it all at once: Python adds and compares thousands
of bits in one step. Of a run of places where the row above stays, and the one behind it where it grows, the
first place with an equal byte is where the new row grows: adding carries all others to the run's end.

    a    0  0  1  1    grows at "a"               bits, the lowest on the left   0 1 0
    b    0  0  1  2    grows at "a" and at "b"                                   0 1 1

Mirrors: t_string.c (lcsCommand), its walk back included: which of several longest ones is found, and in
which order, last match first.
Differs: Redis keeps the lengths themselves.
Complexity: O(len(a) * len(b)) bits, in time and memory; a row of 1000 bytes takes 1 us.

>>> found = longest_common_subsequence(b"ohmytext", b"mynewtext")
>>> found.text, found.matches
(b'mytext', [Match(a_start=4, b_start=5, length=4), Match(a_start=2, b_start=0, length=2)])

Read next: minidis/commands/strings.py (LCS).
"""

from __future__ import annotations

from minidis.structures.record import NamedTuple


class Match(NamedTuple):
    """`length` equal bytes, at `a_start` in one string and at `b_start` in the other."""

    a_start: int
    b_start: int
    length: int


class CommonSubsequence(NamedTuple):
    """The common subsequence and the contiguous pieces that it consists of, last one first."""

    text: bytes
    matches: list[Match]


def longest_common_subsequence(a: bytes, b: bytes) -> CommonSubsequence:
    """A longest common subsequence of two strings. O(len(a) * len(b)).

    >>> longest_common_subsequence(b"abc", b"xyz")
    CommonSubsequence(text=b'', matches=[])
    """
    rows = growing_places(a, b)
    matches: list[Match] = []
    i, j, length = len(a), len(b), 0
    while i and j:
        if a[i - 1] == b[j - 1]:
            i, j, length = i - 1, j - 1, length + 1
            continue
        if length:
            matches.append(Match(i, j, length))
            length = 0
        if rows[i][j - 1 >> 3] >> (j - 1 & 7) & 1:  # smaller on the left, so not above
            i -= 1
        else:
            j -= 1
    if length:
        matches.append(Match(i, j, length))
    text = b"".join(a[match.a_start : match.a_start + match.length] for match in reversed(matches))
    return CommonSubsequence(text, matches)


def growing_places(a: bytes, b: bytes) -> list[bytes]:
    """The rows of the module's picture, len(a) + 1 of them: bit j says that the length grows at b[j].

    They are laid out as bytes, the lowest bits first: to look at one bit of a large number copies all of it.

    Source: Crochemore, Iliopoulos, Pinzon and Reid (2001), whose V are the places where it does not grow.

    >>> [f"{row[0]:03b}"[::-1] for row in growing_places(b"ab", b"cab")]
    ['000', '010', '011']
    """
    backwards, size = b[::-1], (len(b) + 7) // 8
    places = {  # of each byte in b, read from digits at once: bit by bit would be O(len(b)**2)
        byte: int(backwards.translate(_ONE_AMONG_ZEROS[255 - byte : 511 - byte]), 2)
        for byte in set(a).intersection(b)
    }
    staying = all_places = (1 << len(b)) - 1
    rows = [bytes(size)]
    for byte in a:
        equal = staying & places.get(byte, 0)
        staying = (staying + equal | staying - equal) & all_places
        rows.append((staying ^ all_places).to_bytes(size, "little"))
    return rows


_ONE_AMONG_ZEROS = b"0" * 255 + b"1" + b"0" * 255
"""256 of these, from 255 - byte on, are a table that makes 1 of that byte and 0 of all others."""

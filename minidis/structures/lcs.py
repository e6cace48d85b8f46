"""The longest common subsequence of two strings, and where it lies in both.

A *subsequence* need not be contiguous: "mytext" is one of "o-h-MYTEXT" and of "MYnewTEXT". Genes and file
versions (diff) are compared this way. The table of all prefixes answers it:

    length[i][j]   the longest one of a[:i] and b[:j]

            ""  c  a  b         equal last bytes:   1 + the cell up and left
        ""   0  0  0  0         otherwise:          the larger of the cell above and the cell on the left
        a    0  0  1  1
        b    0  0  1  2  <--    the answer; walking back from here finds the bytes

Mirrors: t_string.c (lcsCommand), its walk back included: which of several longest ones is found, and in
which order, last match first.
Complexity: O(len(a) * len(b)) time and memory.

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
    lengths = length_table(a, b)
    matches: list[Match] = []
    i, j, length = len(a), len(b), 0
    while i and j:
        if a[i - 1] == b[j - 1]:
            i, j, length = i - 1, j - 1, length + 1
            continue
        if length:
            matches.append(Match(i, j, length))
            length = 0
        if lengths[i - 1][j] > lengths[i][j - 1]:
            i -= 1
        else:
            j -= 1
    if length:
        matches.append(Match(i, j, length))
    text = b"".join(a[match.a_start : match.a_start + match.length] for match in reversed(matches))
    return CommonSubsequence(text, matches)


def length_table(a: bytes, b: bytes) -> list[list[int]]:
    """The table of the module's picture: len(a) + 1 rows of len(b) + 1 lengths.

    >>> length_table(b"ab", b"cab")
    [[0, 0, 0, 0], [0, 0, 1, 1], [0, 0, 1, 2]]
    """
    above = [0] * (len(b) + 1)
    table = [above]
    for byte in a:
        row = [0]
        left = 0
        for j, other in enumerate(b):
            if byte == other:
                left = above[j] + 1
            elif above[j + 1] > left:
                left = above[j + 1]
            row.append(left)
        table.append(row)
        above = row
    return table

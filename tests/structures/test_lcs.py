"""minidis.structures.lcs against the definition, tried out on short strings."""

from __future__ import annotations

import time
from itertools import combinations

from hypothesis import given
from hypothesis import strategies as st

from minidis.structures.lcs import longest_common_subsequence

SHORT = st.lists(st.sampled_from(b"abc"), max_size=7).map(bytes)


def subsequences(text: bytes) -> set[bytes]:
    return {bytes(chosen) for size in range(len(text) + 1) for chosen in combinations(text, size)}


@given(SHORT, SHORT)
def test_it_is_common_and_none_is_longer(a: bytes, b: bytes) -> None:
    text = longest_common_subsequence(a, b).text
    common = subsequences(a) & subsequences(b)
    assert text in common
    assert len(text) == max(map(len, common))


@given(SHORT, SHORT)
def test_matches_say_where_it_lies(a: bytes, b: bytes) -> None:
    found = longest_common_subsequence(a, b)
    a_end, b_end, pieces = len(a), len(b), []
    for a_start, b_start, length in found.matches:
        assert length > 0 and a_start + length <= a_end and b_start + length <= b_end
        assert a[a_start : a_start + length] == b[b_start : b_start + length]
        a_end, b_end = a_start, b_start
        pieces.append(a[a_start : a_start + length])
    assert b"".join(reversed(pieces)) == found.text


def test_long_texts_are_neither_read_nor_walked_bit_by_bit() -> None:
    long = b"b" * 1_500_000
    started_s = time.process_time()
    assert longest_common_subsequence(b"a", long).text == b""
    assert longest_common_subsequence(b"a", long + b"a" + long).matches == [(0, len(long), 1)]
    assert time.process_time() - started_s < 5

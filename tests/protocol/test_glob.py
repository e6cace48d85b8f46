"""Glob patterns: corners, and fnmatch where both agree; real servers judge in tests/differential."""

from __future__ import annotations

import fnmatch
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from minidis.protocol import glob


def matches(pattern: bytes, string: bytes, nocase: bool = False) -> bool:
    """The answer of both ways to ask, which must agree."""
    answer = glob.matches(pattern, string, nocase)
    assert bool(glob.matcher(pattern, nocase)(string)) is answer
    return answer


@pytest.mark.parametrize(
    ("pattern", "string", "expected"),
    [
        (b"", b"", True),
        (b"*", b"", True),
        (b"**", b"", False),
        (b"h?llo", b"hello", True),
        (b"h?llo", b"hllo", False),
        (b"h*llo", b"heeeello", True),
        (b"[a-c]", b"b", True),
        (b"[c-a]", b"b", True),
        (b"[^a-c]", b"b", False),
        (b"[]", b"]", False),
        (b"[^]", b"x", True),
        (b"[a", b"a", True),
        (b"[\\]]", b"]", True),
        (b"\\*", b"*", True),
        (b"\\*", b"x", False),
        (b"a\\", b"a\\", True),
        (b"?", "é".encode(), False),
        (b"a/*", b"a/b/c", True),
    ],
)
def test_corner(pattern, string, expected):
    assert matches(pattern, string) is expected


def test_nocase_folds_letters_but_not_the_order_of_a_range():
    assert matches(b"HeL*", b"hello", nocase=True)
    assert matches(b"[A-F]", b"c", nocase=True)
    assert not matches(b"[Z-a]", b"m", nocase=True)


words = st.text(alphabet="ab*?", max_size=8).map(str.encode)


@given(words, st.text(alphabet="ab", min_size=1, max_size=10).map(str.encode))
def test_stars_and_question_marks_are_those_of_fnmatch(pattern, string):
    assert matches(pattern, string) == fnmatch.fnmatchcase(string.decode(), pattern.decode())


@given(st.binary(min_size=1, max_size=12))
def test_an_escaped_string_matches_itself_alone(string):
    pattern = b"".join(b"\\" + bytes([byte]) for byte in string)
    assert matches(pattern, string)
    assert not matches(pattern, string + b"x")


def by_definition(pattern: bytes, string: bytes) -> bool:
    """Stars, question marks and classes without corners, by trying everything."""
    if not pattern:
        return not string
    if pattern[:1] == b"*":
        return any(by_definition(pattern[1:], string[skipped:]) for skipped in range(len(string) + 1))
    if pattern[:1] == b"[":
        members, _, rest = pattern[1:].partition(b"]")
        return bool(string) and (string[0] in members) and by_definition(rest, string[1:])
    return string != b"" and pattern[0] in (string[0], ord("?")) and by_definition(pattern[1:], string[1:])


elements = st.lists(st.sampled_from([b"a", b"b", b"?", b"*", b"[ab]", b"[b.]"]), max_size=8).map(b"".join)


@given(elements, st.binary(min_size=1, max_size=10) | st.text(alphabet="ab.", min_size=1).map(str.encode))
def test_it_is_found_if_anything_fits(pattern, string):
    assert matches(pattern, string) == by_definition(pattern, string)


def test_after_a_thousand_stars_it_gives_up():
    assert matches(b"*a" * 1000, b"a" * 1000)
    assert matches(b"*a" * 1000 + b"*", b"a" * 1000)
    assert not matches(b"*a" * 1001, b"a" * 1001)
    assert matches(b"*" * 3000, b"a")


def test_many_stars_cost_no_exponential_time():
    started_s = time.process_time()
    assert not matches(b"a*" * 50 + b"b", b"a" * 5000)
    assert time.process_time() - started_s < 5


def test_a_very_long_pattern_is_not_compiled(monkeypatch: pytest.MonkeyPatch):
    """It would take seconds, and be kept; to walk it ends where the string does."""
    compiled = []
    monkeypatch.setattr(glob.re, "compile", lambda text, flags: compiled.append(text))
    for pattern in (b"[^a]" * 20_000, b"a?[b-c]*" * 100_000):
        assert not matches(pattern, b"xyz")
        assert not matches(pattern, b"abba")
    assert not compiled

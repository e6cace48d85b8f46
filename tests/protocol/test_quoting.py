"""Quoting and its inverse; a real server splits the same lines in tests/differential/test_protocol.py."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from minidis.protocol.quoting import quote, split_arguments


@given(st.lists(st.binary(max_size=20)))
def test_what_is_quoted_is_split_into_the_same(arguments):
    assert split_arguments(b" ".join(map(quote, arguments))) == arguments


@given(st.binary(max_size=30))
def test_quoted_text_is_plain_ascii_on_one_line(data):
    assert all(0x20 <= byte < 0x7F for byte in quote(data))


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (b"", []),
        (b"   ", []),
        (b"set  a   b", [b"set", b"a", b"b"]),
        (b'"\\x41\\x4g\\q\\a"', [b"Ax4gq\x07"]),
        (b"'a\\'b\\n'", [b"a'b\\n"]),
        (b'pre"fix"', [b"prefix"]),
        (b'""', [b""]),
        (b"a\vb \v c", [b"a\vb", b"c"]),
        (b"GET k\0 ignored", [b"GET", b"k"]),
        (b'"a"b', None),
        (b"'a'\"b\"", None),
        (b'"a', None),
        (b"'a", None),
        (b'"a\\', None),
        (b"a'", None),
    ],
)
def test_corner(line, expected):
    assert split_arguments(line) == expected

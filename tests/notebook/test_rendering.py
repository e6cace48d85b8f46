"""Colours: readable, escaped, and never the only sign."""

from __future__ import annotations

import html
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from minidis.notebook.rendering import (
    MAX_LINE_CHARACTERS,
    Panel,
    reply_fragments,
    shortened,
    to_html,
    to_text,
    wire_fragments,
)
from minidis.protocol.replies import NULL_ARRAY, BigNumber, Pairs, Push, ReplyError, Verbatim

VALUES = st.recursive(
    st.one_of(
        st.none(), st.binary(), st.integers(), st.booleans(), st.floats(), st.sampled_from(["OK", NULL_ARRAY])
    ),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.binary(), inner, max_size=3)),
    max_leaves=8,
)


@given(VALUES, st.sampled_from([2, 3]))
def test_html_says_exactly_what_the_text_says(value: Any, resp: int) -> None:
    fragments = reply_fragments(value, resp)
    page = to_html(fragments)
    assert html.unescape(re.sub(r"<[^>]*>", "", page)) == to_text(fragments)
    assert set(re.findall(r"<(/?\w+)", page)) <= {"pre", "/pre", "span", "/span"}


@pytest.mark.parametrize(
    ("value", "resp2", "resp3"),
    [
        (Pairs([(b"a", 1.0)]), '1) "a"\n2) "1"', '1) 1) "a"\n   2) (double) 1'),
        ({b"m", b"l"}, '1) "l"\n2) "m"', '1~ "l"\n2~ "m"'),
        (dict.fromkeys([b"z", b"a"]).keys(), '1) "z"\n2) "a"', '1~ "z"\n2~ "a"'),
        (Verbatim(b"two\r\nlines"), '"two\\r\\nlines"', "two\nlines"),
        (BigNumber(2**70), f'"{2**70}"', f"(big number) {2**70}"),
        (True, "(integer) 1", "(true)"),
        (NULL_ARRAY, "(nil)", "(nil)"),
        ([ReplyError("ERR no")], "1) (error) ERR no", "1) (error) ERR no"),
        (
            Push([b"invalidate", [b"a", b"b"]]),
            '1) "invalidate"\n2) 1) "a"\n   2) "b"',
            "-> invalidate: 'a', 'b'",
        ),
        (Push([]), "(empty push)", "(empty push)"),
    ],
)
def test_the_engines_own_values(value: Any, resp2: str, resp3: str) -> None:
    assert to_text(reply_fragments(value, 2)) == resp2
    assert to_text(reply_fragments(value, 3)) == resp3


def test_texts_for_people_are_printed_as_they_are() -> None:
    value = b"# Server\r\nredis_version:7.2.0\r\n"
    assert to_text(reply_fragments(value, 2, [b"INFO"])) == "# Server\nredis_version:7.2.0"
    assert to_text(reply_fragments(value, 2, [b"GET", b"k"])).startswith('"# Server')


def test_long_lines_and_many_lines_are_cut_and_say_so() -> None:
    text = to_text(shortened(reply_fragments(b"x" * 50_000)))
    assert len(text) < MAX_LINE_CHARACTERS + 100 and "more characters" in text
    assert repr(Panel(reply_fragments([b"x"] * 3000))).endswith("assign the reply: %%redis reply <<")


@given(st.lists(st.binary()))
def test_the_wire_form_shows_every_byte(words: list[bytes]) -> None:
    from minidis.protocol.quoting import split_arguments
    from minidis.protocol.resp import encode_command

    data = encode_command(words)
    shown = to_text(wire_fragments("-->", data)).removeprefix("--> ").replace("\n    ", "")
    assert split_arguments(f'"{shown}"'.encode()) == [data]

"""The Pygments lexer, and that its rules are those of the cell language."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pygments.token import Comment, Keyword, Name, Number, String, Token

from minidis.notebook.lexer import RedisLexer


def kinds(text: str) -> list[tuple[object, str]]:
    return [(kind, piece) for kind, piece in RedisLexer().get_tokens(text) if piece.strip()]


def test_one_line_of_everything() -> None:
    assert kinds("%%redis @a\nSET user:$id ${x + 1} EX 60 NX # note\n@bob GET k") == [
        (Name.Decorator, "%%redis"),
        (Comment.Preproc, " @a"),
        (Keyword, "SET"),
        (Token.Text, "user:"),
        (Name.Variable, "$id"),
        (Name.Variable, "${x + 1}"),
        (Keyword.Pseudo, "EX"),
        (Number.Integer, "60"),
        (Keyword.Pseudo, "NX"),
        (Comment.Single, "# note"),
        (Name.Namespace, "@bob"),
        (Keyword, "GET"),
        (Token.Text, "k"),
    ]


@pytest.mark.parametrize(
    ("line", "comments"),
    [
        ("SET a#b c # d", 1),
        ("SET k '# no'", 0),
        ("SORT l GET # GET x", 0),
        ("BITFIELD k GET u8 #1 # c", 1),
        ("# all", 1),
    ],
)
def test_comments(line: str, comments: int) -> None:
    assert sum(kind is Comment.Single for kind, _ in kinds(line)) == comments


def test_a_broken_quote_ends_with_its_line() -> None:
    tokens = kinds('SET k "open\nGET k')
    assert (Keyword, "GET") in tokens
    assert any(kind in String for kind, _ in tokens)


@given(st.text())
def test_no_text_is_lost(text: str) -> None:
    lexer = RedisLexer(stripnl=False, ensurenl=False)
    assert "".join(piece for _, piece in lexer.get_tokens(text)) == text.replace("\r\n", "\n").replace(
        "\r", "\n"
    ).lstrip("\ufeff")

"""The language of a cell: redis-cli's words and quoting, comments, variables, faults with their place."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from minidis.notebook.language import Command, Fault, VariableError, parse, words_before
from minidis.protocol.quoting import quote, split_arguments


def argvs(body: str, **namespace: object) -> list[list[bytes]]:
    return [line.arguments(namespace) for line in parse(body) if isinstance(line, Command)]


@pytest.mark.parametrize("body", ["", "\n", "   \n\t\n", "# a comment", "  # one\n\n# two\n", "#", "\\\n"])
def test_empty_and_comment_only_bodies_hold_no_command(body: str) -> None:
    assert parse(body) == []


def test_the_guides_comment_pushes_one_element() -> None:
    assert argvs('LPUSH mylist "first"    # Add to left') == [[b"LPUSH", b"mylist", b"first"]]


@pytest.mark.parametrize(
    ("body", "argv"),
    [
        ("SET user#1 a#b", [b"SET", b"user#1", b"a#b"]),
        ("SET k '#' \"# no\" # yes", [b"SET", b"k", b"#", b"# no"]),
        ('SET k "v"# close by', [b"SET", b"k", b"v"]),
        ("SET k v #tag", [b"SET", b"k", b"v"]),
        ("SORT l BY w_* GET # GET o_* # real", [b"SORT", b"l", b"BY", b"w_*", b"GET", b"#", b"GET", b"o_*"]),
        ("BITFIELD k SET u8 #2 200 # real", [b"BITFIELD", b"k", b"SET", b"u8", b"#2", b"200"]),
        ("bitfield k get i5 #0", [b"bitfield", b"k", b"get", b"i5", b"#0"]),
        ("GET # what", [b"GET"]),
    ],
)
def test_where_a_hash_starts_a_comment(body: str, argv: list[bytes]) -> None:
    assert argvs(body) == [argv]


def test_a_backslash_at_the_end_continues_the_line() -> None:
    (line, after) = parse("HSET u a 1 \\\n   b 2  # note\nGET u")
    assert line.arguments({}) == [b"HSET", b"u", b"a", b"1", b"b", b"2"]
    assert (line.line, after.line) == (1, 3)


def test_a_number_in_front_repeats() -> None:
    (line,) = parse("3 INCR n")
    assert (line.repeat, line.arguments({}), line.text) == (3, [b"INCR", b"n"], "INCR n")
    (fault,) = parse("0 INCR n")
    assert fault.message == "Invalid redis-cli repeat command option value."


@pytest.mark.parametrize(
    ("line", "column"),
    [
        ('SET k "open', 6),
        ("SET k 'open", 6),
        ('SET k "a"b', 9),
        ('SET "a\\', 4),
        ("GET ${1 +", 4),
        ("GET a${*[1]}", 4),
    ],
)
def test_a_fault_tells_its_place_and_hides_no_other_line(line: str, column: int) -> None:
    fault, following = parse(f"{line}\nGET k")
    assert isinstance(fault, Fault)
    assert (fault.message, fault.column, fault.line, fault.text) == ("Invalid argument(s)", column, 1, line)
    assert following.arguments({}) == [b"GET", b"k"]


@pytest.mark.parametrize(
    "value",
    [
        "two words",
        "quotes \" and ' and \\",
        "# no comment",
        "line\nbreak",
        "",
        "é☃",
        b"\x00\xff \r\n",
        "$other ${1}",
    ],
)
def test_a_variable_is_one_argument_whatever_it_holds(value: str | bytes) -> None:
    wanted = value if isinstance(value, bytes) else value.encode()
    assert argvs("SET k $value", value=value) == [[b"SET", b"k", wanted]]
    assert argvs("SET k:$value:z ${value}", value=value) == [[b"SET", b"k:" + wanted + b":z", wanted]]


@given(st.binary())
def test_any_bytes_in_a_variable_stay_one_argument(value: bytes) -> None:
    assert argvs("SET k $v EX 5", v=value) == [[b"SET", b"k", value, b"EX", b"5"]]


def test_numbers_expressions_and_lists() -> None:
    line = "ZADD z $score ${'m' + str(n)} ${ {'a': n}['a'] } ${*[1, 'b c']} ${*[]}"
    assert argvs(line, score=1.5, n=7) == [[b"ZADD", b"z", b"1.5", b"m7", b"7", b"1", b"b c"]]
    assert argvs("SET k $f", f=Fraction(1, 4)) == [[b"SET", b"k", b"0.25"]]


def test_text_in_quotes_and_plain_dollars_and_hash_tags_are_left_alone() -> None:
    body = 'XREAD \'$a\' "$a" "${a}" $ $.path {user}:1 $1'
    assert argvs(body, a=1) == [[b"XREAD", b"$a", b"$a", b"${a}", b"$", b"$.path", b"{user}:1", b"$1"]]


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("GET $nope", "no Python variable is named nope"),
        ("GET $items", "items is a list, not one argument; ${*items}"),
        ("GET $flag", "flag is True"),
        ("GET $nothing", "nothing is of type NoneType"),
        ("GET ${1 / 0}", "${1 / 0}: ZeroDivisionError"),
        ("GET ${*text}", "text is of type str, not a list"),
    ],
)
def test_what_cannot_be_an_argument_is_one_short_line(body: str, message: str) -> None:
    (line,) = parse(body)
    with pytest.raises(VariableError) as caught:
        line.arguments({"items": [1], "flag": True, "nothing": None, "text": "abc"})
    assert str(caught.value).startswith(message)
    assert "\n" not in str(caught.value)


# Without `$`, `#` and a leading number the language is redis-cli's own, so its splitter is the judge.
PLAIN = st.text(alphabet=st.characters(exclude_characters="\n\0$#0123456789", exclude_categories=["Cs"]))


@given(PLAIN)
def test_plain_lines_split_as_sdssplitargs_does(line: str) -> None:
    wanted = split_arguments(line.encode())
    parsed = parse(line)
    if wanted is None:
        assert [type(item) for item in parsed] == [Fault]
    elif not wanted:
        assert parsed == []
    else:
        assert [item.arguments({}) for item in parsed] == [wanted]


@given(st.lists(st.binary(), min_size=1))
def test_quoted_bytes_come_back(words: list[bytes]) -> None:
    assert argvs("ECHO " + b" ".join(map(quote, words)).decode()) == [[b"ECHO", *words]]


@given(st.text(alphabet=" \n\\\"'#$ab{}*", max_size=30))
def test_nothing_hangs_or_raises_and_every_line_is_accounted_for(body: str) -> None:
    for item in parse(body):
        assert 1 <= item.line <= body.count("\n") + 1
        if isinstance(item, Command):
            assert item.words
        else:
            assert 0 <= item.column <= len(item.text)


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("", ([], "")),
        ("SE", ([], "SE")),
        ("SET k v\nGET us", ([b"GET"], "us")),
        ("SET k v\n", ([], "")),
        ('SET "a b" ', ([b"SET", b"a b"], "")),
        ('SET "a b', ([b"SET"], '"a b')),
        ("HSET k \\\n fi", ([b"HSET", b"k"], "fi")),
        ('SET "broken\nGET k', ([b"GET"], "k")),
        ("GET k # us", None),
    ],
)
def test_words_before_the_cursor(text: str, place: tuple[list[bytes], str] | None) -> None:
    assert words_before(text) == place

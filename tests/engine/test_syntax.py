"""The syntax line: arity, arguments in COMMAND DOCS's terms, shapes, and the calls they become."""

from __future__ import annotations

import pkgutil

import pytest

import minidis.commands
from minidis.engine.command_table.binding import bind, shape
from minidis.engine.command_table.registry import COMMANDS
from minidis.engine.command_table.syntax import parse
from minidis.protocol.replies import ReplyError


@pytest.mark.parametrize(
    ("text", "arity", "kind"),
    [
        ("PING [message]", -1, "optional"),
        ("GET key", 2, "fixed"),
        ("SETEX key seconds:int value", 4, "fixed"),
        ("DEL key [key ...]", -2, "variadic"),
        ("MSET key value [key value ...]", -3, "variadic"),
        ("LPOP key [count:int]", -2, "optional"),
        ("SET key value [NX|XX] [EX seconds:int|KEEPTTL]", -3, "options"),
        ("LPOS key element [RANK rank:int] [COUNT num-matches:int]", -3, "options"),
        ("BLPOP key [key ...] timeout:float", -3, "irregular"),
        ("LINSERT key BEFORE|AFTER pivot element", 5, "irregular"),
        ("ZADD key [NX|XX] [CH] score:float member [score member ...]", -4, "irregular"),
        ("CONFIG GET parameter [parameter ...]", -3, "variadic"),
        ("TIME", 1, "fixed"),
    ],
)
def test_arity_and_shape(text, arity, kind):
    line = parse(text)
    assert line.arity == arity
    assert shape(line) == kind


def test_alternatives_tokens_and_repetition():
    key, value, when, lifetime = parse("SET key value [NX|XX] [EX seconds:int|KEEPTTL]").arguments
    assert (key.type, value.type) == ("key", "string")
    assert [choice.token for choice in when.children] == ["NX", "XX"]
    assert when.optional and when.type == "oneof"
    seconds, keepttl = lifetime.children
    assert (seconds.token, seconds.type, keepttl.type) == ("EX", "integer", "pure-token")
    pairs = parse("MSET key value [key value ...]").arguments[0]
    assert (pairs.type, pairs.multiple, [child.name for child in pairs.children]) == (
        "block",
        True,
        ["key", "value"],
    )


def test_a_token_that_repeats_with_each_argument():
    get = parse("SORT key [GET pattern [GET pattern ...]]").arguments[1]
    assert get.optional


@pytest.mark.parametrize(
    "text", ["", "get key", "SET key [NX", "SET key ]", "SET key []", "SET key:colour", "SET ..."]
)
def test_a_malformed_line_is_refused_with_its_text(text):
    with pytest.raises(ValueError):
        parse(text)


def called(*arguments, **options):
    return arguments[1:], options


@pytest.mark.parametrize(
    ("text", "words", "expected"),
    [
        ("T key count:int", "T k 5", ((b"k", 5), {})),
        ("T key [count:int]", "T k", ((b"k",), {})),
        ("T key [count:int]", "T k 5", ((b"k", 5), {})),
        (
            "T key [NX|XX] [LIMIT offset:int count:int]",
            "T k limit 1 2 xx",
            ((b"k",), {"xx": True, "limit": (1, 2)}),
        ),
        ("T key [EX seconds:int]", "T k EX 1 EX 2", ((b"k",), {"ex": 2})),
        ("T key value [key value ...]", "T a 1 b 2", ((b"a", b"1", b"b", b"2"), {})),
    ],
)
def test_words_become_a_call(text, words, expected):
    assert bind(parse(text), called)(None, words.encode().split()) == expected


@pytest.mark.parametrize(
    ("text", "words", "message"),
    [
        ("T key", "T", "wrong number of arguments for 't' command"),
        ("T key value [key value ...]", "T a 1 b", "wrong number of arguments"),
        ("T key count:int", "T k five", "value is not an integer or out of range"),
        ("T key score:float", "T k five", "value is not a valid float"),
        ("T key [NX|XX]", "T k NX XX", "syntax error"),
        ("T key [EX seconds:int]", "T k EX", "syntax error"),
        ("T key [EX seconds:int]", "T k EX ten BOGUS", "syntax error"),
        ("T GET key", "T GET", "wrong number of arguments for 't|get' command"),
    ],
)
def test_wrong_words_are_refused_in_rediss_words(text, words, message):
    with pytest.raises(ReplyError, match=message):
        bind(parse(text), called)(None, words.encode().split())


def test_every_registered_line_reads_back_its_name():
    for command in COMMANDS:
        assert command.line.name.lower().replace(" ", "|") == command.name
        assert command.arity


def test_every_module_of_commands_is_filed():
    for module in pkgutil.iter_modules(minidis.commands.__path__):
        assert hasattr(minidis.commands, module.name), (
            f"minidis/commands/__init__.py does not import {module.name}"
        )


def test_every_line_can_be_read():
    """They are read when they are first needed, so a malformed one would hide."""
    for entry in COMMANDS:
        assert entry.name == entry.line.name.lower().replace(" ", "|")
        assert callable(entry.invoke) and entry.arity


def test_a_node_counts_for_itself():
    one, other = minidis.Embedded(), minidis.Embedded()
    one.execute("CONFIG", "GET", "hz")
    one.execute("SET", "k", "v")
    assert one.node.commands.find([b"SET"]).calls == 1
    assert one.node.commands.find([b"config", b"get"]).calls == 1
    assert other.node.commands.find([b"SET"]).calls == COMMANDS.find([b"SET"]).calls == 0
    assert one.node.statistics.commands_processed == 2


def test_a_renamed_command_is_not_found_by_its_old_name():
    table = COMMANDS.for_a_node()
    assert table.spelled[b"GET"] is table.find([b"get"]) is table.spelled[b"get"]
    table.rename("GET", "fetch")
    assert table.spelled[b"GET"] is None
    assert table.spelled[b"FETCH"] is table.original(b"get") and table.spelled[b"Fetch"] is None
    table.rename("config", "")
    with pytest.raises(ReplyError):
        table.find([b"CONFIG", b"GET"])

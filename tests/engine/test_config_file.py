"""Lines of redis.conf; the whole file is read by the server's tests in tests/drivers/test_server.py."""

from __future__ import annotations

import pytest

from minidis.engine.settings.config_file import ConfigFileError, Settings, command_line_text


@pytest.mark.parametrize(
    ("text", "values"),
    [
        (b"save", {"save": ""}),
        (b"save \nsave 10 1", {"save": "10 1"}),
        (b'save ""', {"save": ""}),
        (b"bind", {"bind": ""}),
    ],
)
def test_a_list_may_be_empty(text, values):
    settings = Settings()
    settings.load(text)
    assert settings.values == values


def test_a_single_value_may_not_be_missing():
    with pytest.raises(ConfigFileError, match="wrong number of arguments"):
        Settings().load(b"port")


@pytest.mark.parametrize(
    ("words", "text"),
    [
        ([], ""),
        (["--port", "6379", "6380"], 'port "6379" "6380" '),
        (["--port", "--loglevel", "verbose"], 'port "--loglevel" "verbose" '),
        (["--replicaof", "--127.0.0.1", "--abc"], 'replicaof "--127.0.0.1" \nabc '),
        (["loglevel", "verbose", "--maxmemory '700mb'"], '"loglevel" "verbose" \nmaxmemory \'700mb\' '),
        (["--save", "", "--port", "1"], 'save "" \nport "1" '),
        (["--proc-title-template", "--save", "--save"], 'proc-title-template "--save" \nsave ""'),
    ],
)
def test_a_value_may_begin_with_dashes(words, text):
    """As Redis's own suite has it (introspection.tcl)."""
    assert command_line_text(words).replace("  ", " ") == text

"""Tab: commands, subcommands, options, live keys and variables, in the body of a cell and behind %redis."""

from __future__ import annotations

import pytest

from minidis.engine.command_table.registry import COMMANDS
from minidis.notebook.completion import complete_text, completions
from minidis.notebook.help import help_text
from tests.notebook.conftest import Notebook


def offered(text: str, keys: tuple[bytes, ...] = (), **names: object) -> list[str]:
    return complete_text(text, lambda prefix: [k for k in keys if k.startswith(prefix)], names)[1]


def test_commands_in_the_case_that_is_typed() -> None:
    assert {"SET", "SETEX", "SETNX"} <= set(offered("SE"))
    assert "get" in offered("SET k v\nge") and "GET" not in offered("ge")
    assert "STRLEN" in offered("") and "STRLEN" in offered("HELP ST")
    assert offered("NOSUCH ") == []


def test_options_follow_the_syntax_line() -> None:
    assert offered("SET k ") == []
    assert offered("SET k v ") == ["EX", "EXAT", "GET", "KEEPTTL", "NX", "PX", "PXAT", "XX"]
    assert offered("SET k v NX ") == ["EX", "EXAT", "GET", "KEEPTTL", "PX", "PXAT"]
    assert offered("SET k v EX ") == []
    assert offered("SET k v ex 10 n") == ["nx"]
    assert "BYSCORE" in offered("ZRANGE z 0 -1 ")
    assert "ENCODING" in offered("OBJECT ")


def test_directives_of_the_configuration() -> None:
    assert offered("CONFIG GET maxmemory-s") == ["maxmemory-samples"]
    assert offered("CONFIG SET maxmemory 0 maxmemory-p") == ["maxmemory-policy"]
    assert offered("CONFIG SET maxmemory ") == []


def test_keys_where_the_command_has_keys() -> None:
    keys = (b"user:1", b"user 2", b"\xff")
    assert offered("GET us", keys) == ["user:1", '"user 2"']
    assert offered('GET "user ', keys) == ['"user 2"']
    assert offered("GET \\xff", keys) == []
    assert offered("MSET user:1 v us", keys) == ["user:1", '"user 2"']
    assert offered("SET user:1 us", keys) == []
    assert offered("OBJECT ENCODING user:", keys) == ["user:1"]
    assert offered("3 INCR user:", keys) == ["user:1"]
    assert offered("@alice INCR user:", keys) == ["user:1"]


def test_nothing_in_comments_and_variables_after_a_dollar() -> None:
    assert offered("GET k # us", (b"user",)) == []
    assert offered("SET k $n", name="x", number=1, items=[1], _hidden=1) == ["$name", "$number"]


@pytest.mark.parametrize("entry", list(COMMANDS), ids=lambda entry: entry.name)
def test_every_command_has_help_and_completes(entry) -> None:
    name = entry.line.name.encode()
    text = help_text(name.split())
    assert entry.line.name in text and ":int" not in text and "summary: " in text
    words = name.split() + [b"1"] * 12
    for length in range(len(name.split()), len(words)):
        assert isinstance(completions(words[:length], "", lambda prefix: []), list)


def test_in_a_shell_without_touching_the_keys(notebook: Notebook) -> None:
    notebook.run("%%redis\nSET user:1 a\nSET user:2 b EX 1")
    notebook.run("%clock jump +1h")
    node = notebook.shell.minidis_magics.session.target.embedded.node
    before = (len(node.databases[0]), node.expired_keys, node.databases[0].hits)
    assert notebook.complete("%%redis @alice\nGET us|\nPING") == ["user:1"]
    assert notebook.complete("x = %redis GET us|") == ["user:1"]
    assert "SETEX" in notebook.complete("%%redis\nSE|")
    assert "SETEX" not in notebook.complete("SE|")
    assert (len(node.databases[0]), node.expired_keys, node.databases[0].hits) == before


@pytest.mark.parametrize("cell", ["%%redis\n# imp|", "%%redis\nSET k an|", "%%redis\nNOSUCH pr|"])
def test_python_names_stay_out_of_redis_commands(notebook: Notebook, cell: str) -> None:
    assert [text for text in notebook.complete(cell) if text not in ("imp", "an", "pr")] == []

"""A cell that reaches a blank function shows one line, and still fails."""

from __future__ import annotations

import pytest

from tests.notebook.conftest import Notebook

BLANK = "def increment(stored, step):\n    raise NotImplementedError()\n"


def shown(notebook: Notebook, cell: str, capsys: pytest.CaptureFixture[str]) -> str:
    capsys.readouterr()
    result = notebook.shell.run_cell(cell)
    assert isinstance(result.error_in_exec, NotImplementedError)
    return capsys.readouterr().out.strip()


def test_a_blank_function_is_named_in_one_line(
    notebook: Notebook, capsys: pytest.CaptureFixture[str]
) -> None:
    notebook.run(BLANK)
    line = "Nothing written yet: increment() is still blank in its cell above."
    assert shown(notebook, "increment(None, 1)", capsys) == line
    notebook.run("from minidis.course import plug, replay, unplug\nplug('counters', increment)")
    assert shown(notebook, "%%redis\nINCR k", capsys) == line
    notebook.run("unplug()")
    assert shown(notebook, "replay(2, 'counters', increment)", capsys) == line


def test_a_blank_method_is_named_with_its_class(
    notebook: Notebook, capsys: pytest.CaptureFixture[str]
) -> None:
    notebook.run("class Parser:\n    def feed(self, data):\n        raise NotImplementedError")
    assert "Parser.feed()" in shown(notebook, "Parser().feed(b'')", capsys)


@pytest.mark.parametrize("cell", ["raise NotImplementedError('later')", "import abc\n~abc.ABC.x"])
def test_other_errors_keep_their_traceback(
    notebook: Notebook, cell: str, capsys: pytest.CaptureFixture[str]
) -> None:
    notebook.shell.run_cell(cell)
    assert "Traceback" in capsys.readouterr().out

"""An IPython shell of its own for each test, and what its cells print."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from IPython.core.completer import provisionalcompleter
from IPython.core.displaypub import CapturingDisplayPublisher
from IPython.core.interactiveshell import InteractiveShell

from minidis.drivers import embedded
from minidis.notebook.views import sources
from tests.differential.servers import RealServer, available_judges


class Notebook:
    """Runs cells as a notebook does; `outputs` are the display data of the last one."""

    def __init__(self, shell: InteractiveShell) -> None:
        self.shell = shell
        self.outputs: list[dict[str, Any]] = []
        self.result: Any = None

    def run(self, cell: str) -> str:
        """Run a cell that must succeed; the plain text of its outputs, one below the other."""
        publisher = self.shell.display_pub
        publisher.outputs.clear()
        result = self.shell.run_cell(cell, store_history=True)
        self.outputs = [output["data"] for output in publisher.outputs]
        self.result = result.result
        assert result.success, result.error_in_exec or result.error_before_exec
        return "\n".join(output["text/plain"] for output in self.outputs)

    @property
    def html(self) -> str:
        return "\n".join(output.get("text/html", "") for output in self.outputs)

    @property
    def names(self) -> dict[str, Any]:
        return self.shell.user_ns

    def complete(self, cell: str) -> list[str]:
        """What Tab offers at the `|` in a cell."""
        before, _, after = cell.partition("|")
        with provisionalcompleter():
            return [found.text for found in self.shell.Completer.completions(before + after, len(before))]


def real_server() -> RealServer:
    """A fresh one; without its program the test is skipped (in CI: fails)."""
    judges = available_judges()
    if not judges:
        pytest.skip("no real server on this machine")
    return RealServer(judges[0])


@pytest.fixture(autouse=True)
def views_look_where_they_did_before(monkeypatch: pytest.MonkeyPatch) -> None:
    """Views follow a session to the server that a test connects it to; the next test is not concerned."""
    monkeypatch.setattr(sources, "_server", sources._server)


@pytest.fixture
def notebook(monkeypatch: pytest.MonkeyPatch) -> Iterator[Notebook]:
    """A shell with the magics loaded, a fresh node, seed 1 and a frozen clock."""
    monkeypatch.setattr(embedded, "_default_node", None)
    InteractiveShell.clear_instance()
    shell = InteractiveShell.instance()
    shell.display_pub = CapturingDisplayPublisher()
    shell.run_line_magic("load_ext", "minidis")
    book = Notebook(shell)
    book.run("%redis lesson")
    yield book
    shell.run_line_magic("unload_ext", "minidis")
    shell.history_manager.end_session()
    InteractiveShell.clear_instance()

"""What docs/generate.py writes is what is committed, and every command explains itself."""

from __future__ import annotations

import importlib.util
import re

import pytest

import minidis.distributed  # noqa: F401  (files every command in the registry)
from minidis.engine.command_table.registry import COMMANDS, Command
from tests.house.paths import PROJECT

SPEC = importlib.util.spec_from_file_location("generate_docs", PROJECT / "docs" / "generate.py")
generate = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(generate)

PAGES = generate.pages()


@pytest.mark.parametrize("name", PAGES)
def test_generated_page_is_fresh(name: str) -> None:
    committed = (PROJECT / "docs" / name).read_text()
    assert committed == PAGES[name], f"docs/{name} is stale: run `make docs`"


@pytest.mark.parametrize("command", list(COMMANDS), ids=lambda command: command.name)
def test_command_has_a_docstring_with_its_complexity(command: Command) -> None:
    assert command.summary.strip("."), f"{command.name} has no docstring"
    assert re.match(r"O\(", command.complexity), f"{command.name} does not say its complexity"


@pytest.mark.parametrize("command", list(COMMANDS), ids=lambda command: command.name)
def test_command_is_in_the_reference(command: Command) -> None:
    assert f"- `{command.line.text}`" in (PROJECT / "docs" / "commands.md").read_text()


@pytest.mark.parametrize("page", ["README.md", "CONTRIBUTING.md", "ARCHITECTURE.md", "docs/commands.md"])
def test_links_lead_somewhere(page: str) -> None:
    text = (PROJECT / page).read_text()
    targets = re.findall(r"\]\(([^)#]+)", text) + re.findall(r'src="([^"]+)"', text)
    local = [target for target in targets if not re.match(r"https?:|mailto:", target)]
    missing = [target for target in local if not ((PROJECT / page).parent / target).exists()]
    assert not missing

"""Committed notebooks: run to the end, with outputs that survive, without a widget's saved state."""

from __future__ import annotations

import ast
from pathlib import Path

import nbformat
import pytest

from minidis.course.overview import chapters
from tests.house.paths import EVERY_NOTEBOOK, NOTEBOOKS, short

MOST_BYTES = 3_000_000  # a code host's page gives up on larger ones
WIDGET_VIEW = "application/vnd.jupyter.widget-view+json"


@pytest.fixture(params=EVERY_NOTEBOOK, ids=short)
def path(request: pytest.FixtureRequest) -> Path:
    return request.param


@pytest.fixture
def notebook(path: Path) -> nbformat.NotebookNode:
    return nbformat.read(path, as_version=4)


def test_is_valid_and_of_readable_size(path: Path, notebook: nbformat.NotebookNode) -> None:
    nbformat.validate(notebook)
    assert path.stat().st_size < MOST_BYTES
    assert notebook.metadata.kernelspec.name == "python3"


def test_carries_no_widget_state(notebook: nbformat.NotebookNode) -> None:
    assert "widgets" not in notebook.metadata
    outputs = [output for cell in code_cells(notebook) for output in cell.outputs]
    assert not [output for output in outputs if WIDGET_VIEW in output.get("data", {})]


@pytest.mark.parametrize("chapter", NOTEBOOKS, ids=short)
def test_chapter_is_committed_with_its_outputs(chapter: Path) -> None:
    """Run top to bottom in one go, so that the reader of a code host's page sees what it shows."""
    notebook = nbformat.read(chapter, as_version=4)
    counts = [cell.execution_count for cell in code_cells(notebook) if cell.source.strip()]
    assert counts == list(range(1, len(counts) + 1))
    assert any(cell.outputs for cell in code_cells(notebook))


def test_the_map_knows_every_chapter_and_how_long_it_takes() -> None:
    shown = {chapter.file: chapter.minutes for chapter in chapters()}
    assert list(shown) == [path.name for path in NOTEBOOKS if not path.name.startswith("00_")]
    assert all(minutes > 0 for minutes in shown.values()), shown


@pytest.mark.parametrize("number", range(len(NOTEBOOKS)), ids=[path.name for path in NOTEBOOKS])
def test_chapters_lead_on_and_back(number: int) -> None:
    text = "".join(cell.source for cell in nbformat.read(NOTEBOOKS[number], as_version=4).cells)
    for neighbour in NOTEBOOKS[max(number - 1, 0) : number + 2]:
        assert neighbour == NOTEBOOKS[number] or f"({neighbour.name})" in text, f"no link to {neighbour.name}"


def test_no_cell_failed_unannounced(notebook: nbformat.NotebookNode) -> None:
    for cell in code_cells(notebook):
        errors = [output.ename for output in cell.outputs if output.output_type == "error"]
        assert not errors or set(cell.metadata.get("tags", [])) & {
            "raises-exception",
            "nbval-raises-exception",
        }


def test_no_output_names_a_place_of_the_machine_that_ran_it(notebook: nbformat.NotebookNode) -> None:
    outputs = str([cell.outputs for cell in code_cells(notebook)])
    assert "/root/" not in outputs and "/home/" not in outputs


def test_live_code_waits_without_blocking(notebook: nbformat.NotebookNode) -> None:
    """During time.sleep widgets stand still and the test run waits: the node's clock is moved instead.

    Functions that run on a machine of the lab may sleep, for it is the lab's time.
    """
    has_machines = any("lab.machine(" in cell.source for cell in code_cells(notebook))
    assert not [
        cell.source for cell in code_cells(notebook) if sleeps(cell.source, in_functions=not has_machines)
    ]


def sleeps(source: str, in_functions: bool) -> bool:
    """Whether a cell calls time.sleep, outside of functions or (`in_functions`) anywhere."""
    if source.startswith("%%"):
        return False
    lines = [line for line in source.split("\n") if not line.lstrip().startswith(("%", "!"))]
    stack: list[ast.AST] = [ast.parse("\n".join(lines), mode="exec")]
    while stack:
        node = stack.pop()
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "time.sleep":
            return True
        if in_functions or not isinstance(node, ast.FunctionDef | ast.Lambda):
            stack += ast.iter_child_nodes(node)
    return False


def code_cells(notebook: nbformat.NotebookNode) -> list[nbformat.NotebookNode]:
    return [cell for cell in notebook.cells if cell.cell_type == "code"]

"""Whole chapters, from top to bottom, in a kernel of their own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from benchmarks.harness import Row
from benchmarks.startup import processor_ms

TITLE = "Whole chapters"
ABOUT = """Milliseconds of the processor for all cells of a notebook, the kernel's own start included."""
UNIT = "ms"
PEERS = ("ms",)
COMPARED = ()

NOTEBOOKS = Path(__file__).parents[1] / "notebooks"
PROGRAM = """
import nbformat
from nbclient import NotebookClient
notebook = nbformat.read({path!r}, 4)
notebook.cells = notebook.cells[:{most_cells}]
NotebookClient(notebook, allow_errors=True, resources={{"metadata": {{"path": {folder!r}}}}}).execute()
"""


def rows(quick: bool) -> Iterator[Row]:
    paths = sorted(NOTEBOOKS.glob("[0-9]*.ipynb"))
    for path in paths[:1] if quick else paths:
        program = PROGRAM.format(path=str(path), folder=str(NOTEBOOKS), most_cells=1 if quick else None)
        yield Row(path.name, values={"ms": processor_ms("", program, 1)})

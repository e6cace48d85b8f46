"""Run chapters from top to bottom and write their outputs into them, ready to be committed.

    python tools/execute_notebooks.py                     every chapter
    python tools/execute_notebooks.py notebooks/02*.ipynb

A cell that fails stops the run with its error.  Widget views and widget state are taken out (a fresh
clone could not show them; the still picture and the text stay), metadata is reduced to what is needed,
cell ids follow the order of cells: the same notebook run twice gives the same file.
"""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path

import nbformat
from nbclient import NotebookClient

ROOT = Path(__file__).resolve().parent.parent
WIDGET_VIEW = "application/vnd.jupyter.widget-view+json"
TIMEOUT_S = 300


def execute(path: Path) -> None:
    """Run one notebook in place."""
    notebook = nbformat.read(path, as_version=4)
    NotebookClient(
        notebook,
        timeout=TIMEOUT_S,
        kernel_name="python3",
        resources={"metadata": {"path": str(path.parent)}},
        coalesce_streams=True,  # how a cell's prints are cut into messages differs from run to run
    ).execute()
    tidy(notebook)
    nbformat.write(notebook, path)


def tidy(notebook: nbformat.NotebookNode) -> None:
    """Remove what only this run knows."""
    notebook.metadata = nbformat.from_dict(
        {
            "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
            "language_info": {"name": "python"},
        }
    )
    for number, cell in enumerate(notebook.cells, 1):
        cell.id = f"cell-{number:03d}"
        cell.metadata.pop("execution", None)
        if cell.cell_type != "code":
            continue
        for output in cell.outputs:
            output.get("data", {}).pop(WIDGET_VIEW, None)
        # A widget without a still form leaves nothing behind
        cell.outputs = [output for output in cell.outputs if output.get("data", True)]


def main(arguments: list[str]) -> None:
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH"))))
    os.environ["MINIDIS_PROGRESS"] = str(Path(tempfile.mkdtemp()) / "progress.json")
    for path in [Path(argument) for argument in arguments] or sorted((ROOT / "notebooks").glob("*.ipynb")):
        print(path, flush=True)
        execute(path.resolve())


if __name__ == "__main__":
    main(sys.argv[1:])

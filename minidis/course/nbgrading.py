"""nbgrader's side of a class: submissions put back into shape, and judged each in a process of its own.

    c.Autograde.sanitize_preprocessors = SANITIZE       what nbgrader_config.py of a course folder says
    c.Autograde.autograde_preprocessors = AUTOGRADE
    c.Autograde.pre_convert_hook = set_aside_unreadable

nbgrader runs a submission's cells in one kernel and takes the test cell's output for the score. A warning
on the error stream is then worth nothing, whatever the answer is; no output at all is worth all points; a
kernel that an answer has ended leaves its student without a score. So here `Judge` takes the place of
nbgrader's `Execute`, and `Restore` comes before all else: what was handed out has its own metadata again,
and its own text where it is locked. A file that is no notebook would cost its student the scores of the
others: it is set aside, to be looked at by hand.

Read next: judging.py.
"""

from __future__ import annotations

import logging
from typing import Any

import nbformat
from nbconvert.preprocessors import ClearMetadataPreprocessor
from nbformat.v4 import new_code_cell, new_markdown_cell, new_output
from nbgrader.api import Gradebook
from nbgrader.preprocessors import (
    AssignLatePenalties,
    CheckCellMetadata,
    ClearOutput,
    DeduplicateIds,
    IgnorePattern,
    LimitOutput,
    NbGraderPreprocessor,
    OverwriteCells,
    OverwriteKernelspec,
    SaveAutoGrades,
)
from nbgrader.utils import is_grade, is_solution
from traitlets import Float

from minidis.course.judging import TIMEOUT_S, Cell, judge


def set_aside_unreadable(*, assignment: str, student: str, notebooks: list[str]) -> None:
    """nbgrader's hook before a submission: what cannot be read leaves the list, and has no score."""
    for path in tuple(notebooks):
        try:
            nbformat.validate(nbformat.read(path, as_version=4))
        except Exception as error:  # nbformat raises whatever a broken file leads to
            logging.getLogger("traitlets").error("%s is no notebook, so it has no score: %s", path, error)
            notebooks.remove(path)


class Restore(NbGraderPreprocessor):
    """The cells that were handed out are what they were, and where one was taken out, it is there again.

    A missing answer stays missing: it may stand in a cell of the student's own. So a missing test comes last.
    """

    def preprocess(self, notebook: Any, resources: Any) -> tuple[Any, Any]:
        names = resources["nbgrader"]
        with Gradebook(names["db_url"]) as book:
            released = _released(book.find_notebook(names["notebook"], names["assignment"]))
        found: dict[str, Any] = {}
        for cell in reversed(notebook.cells):  # of two that are the same cell, the later one counts
            marks = cell.metadata.pop("nbgrader", None)
            name = marks.get("grade_id") if isinstance(marks, dict) else None
            if isinstance(name, str) and name in released and name not in found:
                found[name] = cell
        position = 0
        for name, (marks, source) in released.items():
            if name in found:
                position = next(at for at, cell in enumerate(notebook.cells) if cell is found[name]) + 1
                _restore(found[name], marks, source)
            elif marks["locked"]:
                self.log.warning("Cell '%s' was missing, and is put back", name)
                made = new_code_cell() if marks["cell_type"] == "code" else new_markdown_cell()
                if notebook.nbformat_minor < 5:
                    del made["id"]
                _restore(made, marks, source)
                notebook.cells.insert(len(notebook.cells) if marks["grade"] else position, made)
                position += not marks["grade"]
        return notebook, resources


def _released(notebook: Any) -> dict[str, tuple[dict[str, Any], str]]:
    """The metadata and the text of each cell that was handed out, by its name and in its order."""
    points = {cell.name: cell.max_score for cell in notebook.grade_cells}
    solutions = {cell.name for cell in notebook.solution_cells}
    released = {}
    for cell in notebook.source_cells:
        marks = {"grade_id": cell.name, "cell_type": cell.cell_type, "checksum": cell.checksum}
        marks |= {"locked": cell.locked, "grade": cell.name in points, "solution": cell.name in solutions}
        marks |= {"task": False, "schema_version": 3}
        if cell.name in points:
            marks["points"] = points[cell.name]
        released[cell.name] = (marks, cell.source)
    return released


def _restore(cell: Any, marks: dict[str, Any], source: str) -> None:
    cell.cell_type = marks["cell_type"]
    if marks["cell_type"] == "code":
        cell.outputs, cell.execution_count = [], None
    else:
        cell.pop("outputs", None)
        cell.pop("execution_count", None)
    cell.metadata["nbgrader"] = marks
    if marks["locked"]:
        cell.source = source


class Judge(NbGraderPreprocessor):
    """Each test cell's output is its judgement. Behind the last answer and the last test nothing is run."""

    timeout_s = Float(
        TIMEOUT_S, help="Seconds of the clock after which a submission's notebook is cut off."
    ).tag(config=True)

    def preprocess(self, notebook: Any, resources: Any) -> tuple[Any, Any]:
        code = [cell for cell in notebook.cells if cell.cell_type == "code"]
        while code and not (is_grade(code[-1]) or is_solution(code[-1])):
            code.pop()
        judged = judge(
            [
                Cell(cell.source, cell.metadata.nbgrader["grade_id"] if is_grade(cell) else "")
                for cell in code
            ],
            self.timeout_s,
        )
        for cell in filter(is_grade, code):
            name, points = cell.metadata.nbgrader["grade_id"], float(cell.metadata.nbgrader["points"])
            score = min(max(judged[name].score, 0.0), points)
            self.log.info("%s %s: %g of %g", resources["nbgrader"]["student"], name, score, points)
            data = {"text/plain": repr(score), "text/html": judged[name].html}
            cell.outputs = [new_output("execute_result", data, execution_count=1)]
            cell.execution_count = 1
        return notebook, resources


SANITIZE = [Restore, ClearOutput, DeduplicateIds, OverwriteKernelspec, OverwriteCells, CheckCellMetadata]
AUTOGRADE = [
    Judge,
    IgnorePattern,
    ClearMetadataPreprocessor,
    LimitOutput,
    SaveAutoGrades,
    AssignLatePenalties,
    CheckCellMetadata,
]

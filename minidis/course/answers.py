"""Your own answers, as one file: to keep, to show, and to have again after an upgrade.

    minidis course answers mine.ipynb            out of exercises/ into a notebook, with verdicts
    minidis course answers --back mine.ipynb     back into the exercises that are still blank

An answer is a cell of an exercise that is not what was handed out any more. The file is a notebook: it can be
read and run, and each answer's cell remembers whose it is.

Read next: progress.py, what is known of them.
"""

from __future__ import annotations

import json
from itertools import count
from pathlib import Path
from typing import Any, NamedTuple

from minidis.course import progress
from minidis.course.exercise import Exercise
from minidis.course.feedback import SIGNS, state_of
from minidis.course.sources import (
    Notebook,
    cell_source,
    exercises_folder,
    learner_path,
    learner_version,
    load,
    number_of,
    solution_cells,
    source_paths,
)
from minidis.drivers.storage import JsonDocument

MARK = "minidis_answer"


class Answer(NamedTuple):
    """One cell of a learner's: the exercise's number, nbgrader's name for the cell, its text."""

    number: str
    name: str
    code: str


class NoAnswers(ValueError):
    """The file is not one that `keep_answers` wrote."""


def answers_in(notebook: Notebook, blank: Notebook, number: str) -> list[Answer]:
    """What was written into a notebook's answer cells; `blank` is the notebook as it was handed out."""
    untouched = {_name(cell): cell_source(cell) for cell in solution_cells(blank)}
    return [
        Answer(number, _name(cell), cell_source(cell))
        for cell in solution_cells(notebook)
        if cell_source(cell) != untouched.get(_name(cell))
    ]


def keep_answers(path: str | Path) -> int:
    """Write every answer in exercises/ into a notebook; how many there are.  Raises OSError."""
    found = [answer for source in source_paths() for answer in _answers_to(source)]
    table = progress.Progress()
    known = {exercise.number: (exercise, fields) for exercise, fields in table.rows}
    cells = [_text(f"# My answers\n\n{table.summary}")]
    for answer in found:
        cells += [_text(f"## {_headline(*known[answer.number])}"), _code(answer)]
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    notebook = {"cells": cells, "metadata": {"kernelspec": kernel}, "nbformat": 4, "nbformat_minor": 4}
    JsonDocument(Path(path)).write(notebook, sort_keys=False)
    return len(found)


def set_aside() -> Path | None:
    """Keep the answers in exercises/ in a file beside them, before something is written over them.

    Answers the file, a new one each time; None where nothing was answered.  Raises OSError.
    """
    if not any(map(_answers_to, source_paths())):
        return None
    folder = exercises_folder()
    path = next(free for number in count(1) if not (free := folder / f"kept_answers_{number}.ipynb").exists())
    keep_answers(path)
    return path


def put_answers_back(path: str | Path) -> dict[str, str]:
    """Put a file's answers into the exercises; by exercise, what became of it.  Raises OSError, NoAnswers.

    An exercise that has an answer of its own keeps it.
    """
    outcome: dict[str, str] = {}
    sources = {number_of(source): source for source in source_paths()}
    for answer in _read(path):
        source = sources.get(answer.number)
        if source is None:
            outcome[answer.number] = "there is no such exercise any more"
            continue
        target = learner_path(source)
        blank = learner_version(load(source))
        notebook = load(target) if target.exists() else blank
        if answer in answers_in(notebook, blank, answer.number):
            outcome[answer.number] = "already there"
        elif any(kept.name == answer.name for kept in answers_in(notebook, blank, answer.number)):
            outcome[answer.number] = "kept: the exercise has another answer"
        elif put_in(notebook, [answer]):
            JsonDocument(target).write(notebook, sort_keys=False)
            outcome[answer.number] = "put back"
        else:
            outcome[answer.number] = f"the exercise has no cell {answer.name} any more"
    return outcome


def put_in(notebook: Notebook, answers: list[Answer]) -> int:
    """Write answers into a notebook's cells; how many found theirs."""
    texts = {answer.name: answer.code for answer in answers}
    cells = [cell for cell in solution_cells(notebook) if _name(cell) in texts]
    for cell in cells:
        cell["source"] = texts[_name(cell)].splitlines(keepends=True)
    return len(cells)


def _answers_to(source: Path) -> list[Answer]:
    target = learner_path(source)
    if not target.exists():
        return []
    return answers_in(load(target), learner_version(load(source)), number_of(source))


def _read(path: str | Path) -> list[Answer]:
    try:
        cells = json.loads(Path(path).read_text(encoding="utf-8"))["cells"]
        marked = [(cell["metadata"][MARK], cell_source(cell)) for cell in cells if MARK in cell["metadata"]]
        return [Answer(str(mark["number"]), str(mark["name"]), code) for mark, code in marked]
    except (ValueError, KeyError, TypeError) as error:
        raise NoAnswers(f"{path} is not a file of answers: {error!r}") from None


def _name(cell: dict[str, Any]) -> str:
    return cell["metadata"]["nbgrader"]["grade_id"]


def _headline(exercise: Exercise, fields: dict[str, Any]) -> str:
    state, best = state_of(fields), fields.get("best", 0)
    return f"{exercise.number} {exercise.title}: {SIGNS[state]} {state}, {best:g} of {exercise.points} points"


def _text(text: str) -> dict[str, Any]:
    return {"cell_type": "markdown", "metadata": {}, "source": text.splitlines(keepends=True)}


def _code(answer: Answer) -> dict[str, Any]:
    return {
        "cell_type": "code",
        "execution_count": None,
        "metadata": {MARK: {"number": answer.number, "name": answer.name}},
        "outputs": [],
        "source": answer.code.splitlines(keepends=True),
    }

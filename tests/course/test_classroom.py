"""A class, with nbgrader itself: what students receive, and what good, half, blank and hostile answers get.

One exercise of a chapter is handed in by each student, which nbgrader allows.
"""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from minidis.course import classroom
from minidis.course.sources import (
    Notebook,
    cell_source,
    load,
    solution_cells,
    solution_code,
    source_paths,
    test_cells,
)

CHAPTER = 9
EXERCISE = "9.1"
POINTS = 6

HALF = """
def transfer(redis, source, target, amount):
    if int(redis.get(source) or 0) < amount:
        return False
    redis.decrby(source, amount)
    redis.incrby(target, amount)
    return True
"""


def set_answer(notebook: Notebook, text: str) -> None:
    (cell,) = solution_cells(notebook)
    cell["source"] = text


def tamper(notebook: Notebook) -> None:
    """The answer is wrong, takes the name of the check, and the test cell claims full marks."""
    set_answer(notebook, HALF + f"\ncheck = lambda *words: {POINTS}.0\n")
    for cell in test_cells(notebook):
        cell["source"] = f"{POINTS}.0"


def good(notebook: Notebook) -> None:
    set_answer(notebook, solution_code(EXERCISE))


SUBMISSIONS: dict[str, Any] = {
    "good": good,
    "hostile": tamper,
    "blank": lambda notebook: None,
}


@pytest.fixture(scope="module")
def course(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("class")
    assert classroom.main(["course", "release", str(folder), str(CHAPTER)]) == 0
    return folder


def release_of(course: Path) -> Path:
    (path,) = (course / "release").glob(f"*/{EXERCISE}_*.ipynb")
    return path


def test_students_receive_every_exercise_and_no_solution(course: Path) -> None:
    released = sorted(path.name for path in (course / "release").glob("*/*.ipynb"))
    assert released == [path.name for path in source_paths() if path.parent.name.startswith(f"{CHAPTER:02}")]
    for path in (course / "release").glob("*/*.ipynb"):
        text = path.read_text(encoding="utf-8")
        assert "BEGIN SOLUTION" not in text and "BEGIN HIDDEN" not in text
        assert all("raise NotImplementedError()" in cell_source(cell) for cell in solution_cells(load(path)))
        assert not any(cell.get("outputs") for cell in load(path)["cells"])
    seed = seed_of(course)
    assert seed.isdigit()
    assert all(
        seed not in path.read_text(encoding="utf-8") for path in (course / "release").glob("*/*.ipynb")
    )


def test_a_second_release_keeps_the_teachers_settings(course: Path) -> None:
    before = (course / "nbgrader_config.py").read_text(encoding="utf-8")
    assert classroom.main(["course", "release", str(course), str(CHAPTER)]) == 0
    assert (course / "nbgrader_config.py").read_text(encoding="utf-8") == before


def test_a_chapter_that_is_not_there(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert classroom.main(["course", "release", str(tmp_path / "class"), "99"]) == 1
    assert "no exercises for chapter 99" in capsys.readouterr().err


@pytest.mark.timeout(900)  # a kernel for each submission, and an exercise that plays every schedule
def test_a_class_is_graded(course: Path) -> None:
    path = release_of(course)
    assignment = path.parent.name
    for student, change in SUBMISSIONS.items():
        notebook = load(path)
        change(notebook)
        graded = next(
            at
            for at, cell in enumerate(notebook["cells"])
            if cell["metadata"].get("nbgrader", {}).get("grade")
        )
        del notebook["cells"][graded + 1 :]  # what one may try afterwards
        handed_in = course / "submitted" / student / assignment / path.name
        handed_in.parent.mkdir(parents=True)
        handed_in.write_text(json.dumps(notebook), encoding="utf-8")
    classroom.run_nbgrader(course, "autograde", assignment, "--create", f"--notebook={path.stem}")
    scores = scores_of(course, path.stem)
    assert scores["good"] == POINTS, scores
    assert 0 < scores["hostile"] < POINTS  # what its answer is worth
    assert scores["blank"] == 0
    classroom.run_nbgrader(course, "generate_feedback", assignment, "--student=hostile")
    (page,) = (course / "feedback/hostile").glob(f"*/{path.stem}.html")
    text = page.read_text(encoding="utf-8")
    assert all(f">{label}</td>" in text for label in ("given", "came", "due"))
    assert seed_of(course) not in text


def seed_of(course: Path) -> str:
    config = (course / "nbgrader_config.py").read_text(encoding="utf-8")
    return config.partition('CLASS_SEED"] = "')[2].partition('"')[0]


def scores_of(course: Path, notebook: str) -> dict[str, float]:
    query = """
        SELECT submitted_assignment.student_id, SUM(grade.auto_score)
        FROM grade
        JOIN submitted_notebook ON grade.notebook_id = submitted_notebook.id
        JOIN notebook ON submitted_notebook.notebook_id = notebook.id
        JOIN submitted_assignment ON submitted_notebook.assignment_id = submitted_assignment.id
        WHERE notebook.name = ?
        GROUP BY submitted_assignment.student_id
    """
    with sqlite3.connect(course / "gradebook.db") as database:
        return dict(database.execute(query, [notebook]))

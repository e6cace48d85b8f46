"""A class, with nbgrader itself: what students receive, and what each of their submissions gets.

CI grades seven submissions to one exercise. All of them, for three exercises:

    CLASS_OF_THIRTY='2.2 3.2 4.1' .venv/bin/python -m pytest tests/course/test_classroom.py -n 0
"""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
from pathlib import Path

import pytest

from minidis.course import classroom
from minidis.course.grading import CLASS_SEED, class_seed, grade
from minidis.course.sources import (
    cell_source,
    load,
    number_of,
    solution_cells,
    source_paths,
)
from tests.course.answers import BANK, WRONG
from tests.course.submissions import ALL, NO_SCORE, NOTHING, SUBMISSIONS

FEW = (
    "right",
    "blank",
    "kills_the_process",
    "other_marks",
    "patches_the_judge",
    "claims_all_points",
    "cut_off_file",
)
IS_WHOLE = "CLASS_OF_THIRTY" in os.environ
STUDENTS = tuple(SUBMISSIONS) if IS_WHOLE else FEW
EXERCISES = os.environ.get("CLASS_OF_THIRTY", "4.1").split()
CHAPTERS = [number.partition(".")[0] for number in EXERCISES]
TIMEOUT_S = 40


@pytest.fixture(scope="module")
def course(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("class")
    assert classroom.main(["course", "release", str(folder), *CHAPTERS]) == 0
    if IS_WHOLE:  # one of them runs until it is cut off
        config = folder / "nbgrader_config.py"
        text = config.read_text(encoding="utf-8")
        config.write_text(text.replace("timeout_s = 300", f"timeout_s = {TIMEOUT_S}"), encoding="utf-8")
    return folder


def test_students_receive_every_exercise_and_no_solution(course: Path) -> None:
    released = sorted(path.name for path in (course / "release").glob("*/*.ipynb"))
    assert released == [path.name for path in source_paths() if number_of(path).split(".")[0] in CHAPTERS]
    seed = seed_of(course)
    assert seed.isdigit()
    for path in (course / "release").glob("*/*.ipynb"):
        text = path.read_text(encoding="utf-8")
        assert "BEGIN SOLUTION" not in text and "BEGIN HIDDEN" not in text and seed not in text
        assert all("raise NotImplementedError()" in cell_source(cell) for cell in solution_cells(load(path)))
        assert not any(cell.get("outputs") for cell in load(path)["cells"])


def test_a_second_release_keeps_the_teachers_settings(course: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(classroom, "run_nbgrader", lambda *words: None)  # it makes nothing but the versions
    before = (course / "nbgrader_config.py").read_text(encoding="utf-8")
    assert classroom.main(["course", "release", str(course), *CHAPTERS]) == 0
    assert (course / "nbgrader_config.py").read_text(encoding="utf-8") == before


def test_a_chapter_that_is_not_there(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert classroom.main(["course", "release", str(tmp_path / "class"), "99"]) == 1
    assert "no exercises for chapter 99" in capsys.readouterr().err


@pytest.mark.timeout(3600 if IS_WHOLE else 600)
@pytest.mark.parametrize("number", EXERCISES)
def test_a_class_is_graded(course: Path, number: str, monkeypatch: pytest.MonkeyPatch) -> None:
    hand_in(course, number)
    assert scores_of(course, number) == pytest.approx(due_to(course, number, monkeypatch))
    pages = feedback_on(course, number)
    page = pages["claims_all_points"]
    assert all(f">{label}</td>" in page for label in ("given", "came", "due"))
    assert seed_of(course) not in page
    assert "the process was ended by SIGKILL" in pages["kills_the_process"]
    assert "it changes minidis.course.grading.run_test" in pages["patches_the_judge"]
    if IS_WHOLE:
        assert f"it was still running after {TIMEOUT_S} s, and was cut off" in pages["endless_in_c"]


# -- a class's folder


def release_of(course: Path, number: str) -> Path:
    (path,) = (course / "release").glob(f"*/{number}_*.ipynb")
    return path


def hand_in(course: Path, number: str) -> None:
    """Put each student's notebook into the folder, and let nbgrader grade them."""
    path = release_of(course, number)
    assignment = path.parent.name
    for student in STUDENTS:
        notebook = load(path)
        text = SUBMISSIONS[student].change(notebook, number) or json.dumps(notebook)
        handed_in = course / "submitted" / student / assignment / path.name
        handed_in.parent.mkdir(parents=True)
        handed_in.write_text(text, encoding="utf-8")
    try:
        classroom.run_nbgrader(course, "autograde", assignment, "--create", f"--notebook={path.stem}")
    except subprocess.CalledProcessError:  # it ends so when there is a student with nothing that it can read
        assert any(SUBMISSIONS[student].due == NO_SCORE for student in STUDENTS)


def due_to(course: Path, number: str, monkeypatch: pytest.MonkeyPatch) -> dict[str, float | None]:
    """What each submission should get, worked out here and now, by the checks alone."""
    monkeypatch.setenv(CLASS_SEED, seed_of(course))
    worth = [grade(BANK[number], answers, class_seed(number)).score for _, answers, _ in WRONG[number][:3]]
    fixed = {ALL: float(BANK[number].points), NOTHING: 0.0, NO_SCORE: None}
    students = {student: SUBMISSIONS[student] for student in STUDENTS}
    return {name: fixed.get(one.due, worth[one.wrong]) for name, one in students.items()}


def seed_of(course: Path) -> str:
    config = (course / "nbgrader_config.py").read_text(encoding="utf-8")
    return config.partition('CLASS_SEED"] = "')[2].partition('"')[0]


def scores_of(course: Path, number: str) -> dict[str, float | None]:
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
        return dict(database.execute(query, [release_of(course, number).stem]))


def feedback_on(course: Path, number: str) -> dict[str, str]:
    """The page that each student gets."""
    path = release_of(course, number)
    classroom.run_nbgrader(course, "generate_feedback", path.parent.name, f"--notebook={path.stem}")
    pages = (course / "feedback").glob(f"*/{path.parent.name}/{path.stem}.html")
    return {page.parent.parent.name: page.read_text(encoding="utf-8") for page in pages}

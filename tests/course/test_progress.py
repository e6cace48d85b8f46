"""Progress outlives kernels, upgrades and whoever edits the file; answers go into a file and come back."""

from __future__ import annotations

import json
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from minidis.course import answers, classroom, sources
from minidis.course.answers import NoAnswers, keep_answers, put_answers_back
from minidis.course.interview import repetition
from minidis.course.progress import (
    Progress,
    attempts,
    entry,
    progress,
    record,
    record_hint,
    record_surrender,
)

EXERCISE = "3.2"


@pytest.fixture(autouse=True)
def document(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "progress.json"
    monkeypatch.setenv("MINIDIS_PROGRESS", str(path))
    return path


# -- progress


def test_two_kernels_lose_nothing_of_each_other(document: Path) -> None:
    code = "from minidis.course.progress import record\nfor n in range(40): record('{}', True, False, 1.0)"
    kernels = [subprocess.Popen([sys.executable, "-c", code.format(number)]) for number in ("1.1", "1.2")]
    assert [kernel.wait(timeout=120) for kernel in kernels] == [0, 0]
    assert attempts("1.1") == attempts("1.2") == 40


def test_what_another_version_wrote_is_left_alone_and_harms_nothing(document: Path) -> None:
    strange = {
        "0.9": {"passed": True},
        "1.1": 5,
        "1.2": {"attempts": "many", "best": None, "passed": True, "stars": 3},
        "1.3": {"hints": 2},
        "cards": {"AC1": ["?"], "AC2": {"box": 77, "due": "soon"}, "AC3": {"box": 1, "due": "2026-01-02"}},
    }
    document.write_text(json.dumps(strange), encoding="utf-8")
    assert entry("1.1") == {} and entry("1.2") == {"passed": True}
    record("1.2", True, False, 2.0)
    record_hint("1.3", 1)
    assert entry("1.2") == {"passed": True, "attempts": 1, "best": 2.0}
    assert entry("1.3") == {"hints": 2}
    assert repetition.answered("AC2", 5, "2026-01-01").isoformat() == "2026-03-02"
    kept = json.loads(document.read_text(encoding="utf-8"))
    assert kept["0.9"] == {"passed": True} and kept["1.1"] == 5 and kept["1.2"]["stars"] == 3
    assert "1 of " in Progress().summary


def test_the_summary_is_honest(document: Path) -> None:
    record("1.1", True, True, 4.0)
    record_hint("1.2", 1)
    record("1.2", True, True, 6.0)
    record_surrender("1.3")
    repetition.answered("AC1", 5, "2026-01-01")
    repetition.answered("AC2", 1, "2026-01-01")
    rows = Progress().rows
    points = sum(exercise.points for exercise, _ in rows)
    assert Progress().summary == (
        f"2 of {len(rows)} exercises passed, 10 of {points} points; 1 without a hint, 1 after a look at the "
        "solution. 2 interview cards answered, 1 of them well enough to come back later."
    )
    assert Progress().summary in repr(progress())
    assert Progress().summary not in repr(progress(1))


# -- answers


@pytest.fixture
def exercises(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A learner's folder: every exercise of chapter 3, blank."""
    learners = tmp_path / "my exercises"
    monkeypatch.setattr("minidis.course.answers.learner_path", lambda source: learners / source.name)
    paths = [path for path in sources.source_paths() if path.parent.name.startswith("03")]
    monkeypatch.setattr("minidis.course.answers.source_paths", lambda: paths)
    learners.mkdir()
    blank_again(learners)
    return learners


def blank_again(learners: Path) -> None:
    for path in sources.source_paths():
        if path.parent.name.startswith("03"):
            blank = sources.learner_version(sources.load(path))
            (learners / path.name).write_text(json.dumps(blank), encoding="utf-8")


def write_answer(learners: Path, number: str, code: str) -> None:
    (path,) = learners.glob(f"{number}_*.ipynb")
    notebook = sources.load(path)
    for cell in sources.solution_cells(notebook):
        cell["source"] = code
    path.write_text(json.dumps(notebook), encoding="utf-8")


def test_answers_go_into_a_file_and_come_back_after_an_upgrade(exercises: Path, tmp_path: Path) -> None:
    code = "def followers(redis, a, b, c):\n    return 'mine: \\n ü'"
    write_answer(exercises, EXERCISE, code)
    write_answer(exercises, "3.1", "x = 1")
    record(EXERCISE, True, True, 3.0)
    file = tmp_path / "mine.ipynb"
    assert keep_answers(file) == 2
    text = "\n".join(sources.cell_source(cell) for cell in sources.load(file)["cells"])
    assert code in text and f"{EXERCISE} " in text and "✓ correct, 3 of 3 points" in text
    assert put_answers_back(file) == {EXERCISE: "already there", "3.1": "already there"}
    blank_again(exercises)
    write_answer(exercises, "3.1", "x = 2")
    assert put_answers_back(file) == {
        "3.1": "kept: the exercise has another answer",
        EXERCISE: "put back",
    }
    (path,) = exercises.glob(f"{EXERCISE}_*.ipynb")
    assert [sources.cell_source(cell) for cell in sources.solution_cells(sources.load(path))] == [code]


def test_the_command_line_says_what_became_of_them(
    exercises: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "mine.ipynb"
    assert classroom.main(["course", "answers", str(file)]) == 0
    assert capsys.readouterr().out == f"0 answers in {file}\n"
    file.write_text('{"cells": 3}', encoding="utf-8")
    assert classroom.main(["course", "answers", "--back", str(file)]) == 1
    assert "is not a file of answers" in capsys.readouterr().err
    with pytest.raises(NoAnswers):
        put_answers_back(file)
    assert classroom.main(["course", "answers", "--back", str(tmp_path / "none.ipynb")]) == 1


def test_exercises_are_made_anew_and_no_answer_is_lost(
    exercises: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for module in ("sources", "answers"):
        monkeypatch.setattr(f"minidis.course.{module}.exercises_folder", lambda: exercises)
    monkeypatch.setattr("minidis.course.sources.learner_path", lambda source: exercises / source.name)
    monkeypatch.setattr("minidis.course.sources.source_paths", answers.source_paths)
    sources.main()
    assert "answers" not in capsys.readouterr().out and not list(exercises.glob("kept*"))
    for number, code in ((1, "first = 1"), (2, "second = 2")):
        write_answer(exercises, EXERCISE, code)
        sources.main()
        kept = exercises / f"kept_answers_{number}.ipynb"
        assert f"minidis course answers --back {shlex.quote(str(kept))}" in capsys.readouterr().out
        (path,) = exercises.glob(f"{EXERCISE}_*.ipynb")
        assert "raise NotImplementedError()" in path.read_text(encoding="utf-8")
        assert put_answers_back(kept) == {EXERCISE: "put back"}
        assert code in path.read_text(encoding="utf-8")

"""The exercises, their sources and the wrong answers to them: what the tests of checks go through.

`wrong_answers/chapter_NN.py` holds, for each exercise, `(label, (answer, ...), ("name of a test", ...))`: an
answer somebody might well give, and the tests that must refuse it.
"""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import minidis.course.checks  # noqa: F401
from minidis.course import sources
from minidis.course.exercise import BANK
from minidis.course.grading import run_test

FOLDER = Path(__file__).parent / "wrong_answers"


def load_wrong_answers() -> dict[str, list[tuple[str, tuple[Any, ...], tuple[str, ...]]]]:
    wrong = {}
    for path in sorted(FOLDER.glob("chapter_*.py")):
        spec = importlib.util.spec_from_file_location(f"wrong_answers_{path.stem}", path)
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        wrong.update(module.WRONG)
    return wrong


WRONG = load_wrong_answers()
SOURCES = {sources.number_of(path): path for path in sources.source_paths()}
NUMBERS = sorted(BANK)


def reference_answers(number: str) -> tuple[Any, ...]:
    return answers_of(sources.load(SOURCES[number]), number)


def answers_of(notebook: sources.Notebook, number: str) -> tuple[Any, ...]:
    """What the notebook's own test cell hands to `check` when its solution cell has run."""
    namespace: dict[str, Any] = {"__name__": "solution"}
    for cell in sources.solution_cells(notebook):
        exec(compile(sources.cell_source(cell), f"<solution {number}>", "exec"), namespace)
    given: list[Any] = []
    namespace["check"] = lambda asked, *answers: given.append((asked, answers))
    for cell in sources.test_cells(notebook):
        exec(sources.cell_source(cell), namespace)
    asked, answers = given[0]
    assert (len(given), asked) == (1, number), "the test cell is one check of its own exercise"
    return answers


def check_wrong_answers(number: str) -> None:
    """Raise AssertionError unless each is refused, with what was given, what came and what was due."""
    wrong = WRONG[number]
    assert len(wrong) >= 3
    tests = {test.name: test for test in BANK[number].tests}
    for label, answers, refusing in wrong:
        assert refusing, label
        for name in refusing:  # the others may refuse it, too; a pass needs them all
            outcome = run_test(tests[name], answers, seed=1)
            assert outcome.verdict == "wrong", f"{label}: {outcome}"
            assert outcome.given and outcome.came and outcome.due, f"{label}: {outcome}"


def chapter_of(number: str) -> int:
    return int(number.partition(".")[0])

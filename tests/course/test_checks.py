"""Every check is itself checked: the reference solution passes, the plausible mistakes are refused.

`wrong_answers/chapter_NN.py` holds, for each exercise, `(label, (answer, ...), ("name of a test", ...))`: an
answer somebody might well give, and the tests that must refuse it.
"""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import pytest

import minidis.course.checks  # noqa: F401
from minidis.course import sources
from minidis.course.exercise import BANK
from minidis.course.grading import grade, run_test

SEEDS = (1, 2)
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


def test_every_exercise_has_one_source_and_every_source_an_exercise():
    assert sorted(SOURCES) == NUMBERS
    assert NUMBERS


@pytest.mark.parametrize("number", NUMBERS)
def test_the_reference_solution_passes(number):
    for seed in SEEDS:
        result = grade(BANK[number], reference_answers(number), seed)
        assert result.passed, result.report()
        assert float(repr(result)) == BANK[number].points


@pytest.mark.parametrize("number", NUMBERS)
def test_at_least_three_plausible_wrong_answers_are_refused(number):
    wrong = WRONG[number]
    assert len(wrong) >= 3
    tests = {test.name: test for test in BANK[number].tests}
    for label, answers, refusing in wrong:
        assert refusing, label
        for name in refusing:  # the others may refuse it, too; a pass needs them all
            outcome = run_test(tests[name], answers, seed=1)
            assert outcome.verdict == "wrong", f"{label}: {outcome}"
            assert outcome.given and outcome.came and outcome.due, f"{label}: {outcome}"


@pytest.mark.parametrize("number", NUMBERS)
def test_a_blank_answer_scores_nothing_and_says_so(number):
    def blank(*arguments: Any) -> None:
        raise NotImplementedError

    answers = reference_answers(number)  # a function that is not written yet, or a text that is None still
    result = grade(BANK[number], tuple(blank if callable(a) else None for a in answers), seed=1)
    assert result.score == 0
    assert not result.passed
    assert not result.attempted, result.report()


@pytest.mark.parametrize("number", NUMBERS)
def test_the_blank_cells_run_and_the_check_says_not_attempted(number):
    """Who runs a notebook before anything is written gets no traceback, but one kind line."""
    answers = answers_of(sources.learner_version(sources.load(SOURCES[number])), number)
    texts = [answer for answer in answers if answer is None or isinstance(answer, str)]
    if texts:
        assert not grade(BANK[number], answers, seed=1).attempted


@pytest.mark.parametrize("number", NUMBERS)
def test_three_hints_that_differ(number):
    assert len(set(BANK[number].hints)) == 3
    assert all(BANK[number].hints)


@pytest.mark.parametrize("number", NUMBERS)
def test_every_test_of_an_exercise_refuses_some_wrong_answer(number):
    refusing = {name for _, _, names in WRONG[number] for name in names}
    named = {test.name for test in BANK[number].tests}
    assert refusing <= named, refusing - named

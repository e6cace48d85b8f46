"""What every exercise has: a source, blank cells that run, hints, and tests that refuse something."""

from __future__ import annotations

from typing import Any

import pytest

from minidis.course import sources
from minidis.course.exercise import BANK
from minidis.course.grading import grade
from tests.course.answers import NUMBERS, SOURCES, WRONG, answers_of, reference_answers


def test_every_exercise_has_one_source_and_every_source_an_exercise():
    assert sorted(SOURCES) == NUMBERS
    assert NUMBERS


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

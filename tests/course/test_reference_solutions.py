"""Every check is itself checked: the reference solution passes."""

from __future__ import annotations

import os

import pytest

from minidis.course.exercise import BANK
from minidis.course.grading import grade
from minidis.course.sealing import Seal
from tests.course.answers import NUMBERS, reference_answers

SEEDS = (1,) if os.environ.get("CI") else (1, 2, 3)


@pytest.fixture(scope="module", autouse=True)
def whole_seal():
    """None of them changes what a class's judge has sealed: it would refuse a right answer."""
    seal = Seal()
    yield
    assert not seal.broken()


@pytest.mark.parametrize("number", NUMBERS)
def test_the_reference_solution_passes(number):
    for seed in SEEDS:
        result = grade(BANK[number], reference_answers(number), seed)
        assert result.passed, result.report()
        assert float(repr(result)) == BANK[number].points

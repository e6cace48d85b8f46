"""Plausible mistakes in the exercises of the course's first half. (Two modules: two workers share them.)"""

from __future__ import annotations

import pytest

from tests.course.answers import NUMBERS, chapter_of, check_wrong_answers


@pytest.mark.parametrize("number", [number for number in NUMBERS if chapter_of(number) <= 9])
def test_at_least_three_plausible_wrong_answers_are_refused(number):
    check_wrong_answers(number)

"""What a failing comparison tells the learner."""

from __future__ import annotations

import pytest

from minidis.course.case import Case
from minidis.course.exercise import Wrong


def told(came: object, due: object) -> tuple[str, str]:
    with pytest.raises(Wrong) as raised:
        Case(1).equal(came, due, given="a test")
    return raised.value.came, raised.value.due


def test_short_values_are_shown_whole():
    assert told([1, 2], [1, 3]) == ("[1, 2]", "[1, 3]")
    assert told(True, 1) == ("True", "1")


def test_of_long_lists_the_first_difference_is_shown():
    due = list(range(500))
    assert told([*due[:250], -1, *due[251:]], due) == (
        "500 elements, at 250: -1",
        "500 elements, at 250: 250",
    )
    assert told(due[:-1], due) == ("499 elements, at 499: no more", "500 elements, at 499: 499")

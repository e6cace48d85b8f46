"""An exercise: its question's number, its tests, its hints; and the bank where all of them stand.

    feed = Exercise("3.1", "An activity feed of 100", kind="use", points=4, hints=(..., ..., ...))

    @feed.test("the newest post comes first")
    def newest_first(case, post, read):
        redis = case.redis()
        post(redis, "ada", "hello")
        case.equal(read(redis, "ada"), [b"hello"], given='post "hello", then read')

Tests run in order, each on its own fresh nodes; each is worth the same share of the points.  A test
is refused by raising `Wrong`, best through `case.equal` and its kin, which say what was given, what
came and what was due.

Read next: grading.py, which runs the tests.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal

TestFunction = Callable[..., None]


class Wrong(Exception):
    """An answer that is not right: the input it was `given`, what `came`, what was `due`."""

    def __init__(self, given: str, came: str, due: str) -> None:
        super().__init__(f"given {given}: came {came}, due {due}")
        self.given, self.came, self.due = given, came, due


@dataclass(frozen=True)
class ExerciseTest:
    """One named test of an exercise."""

    name: str
    function: TestFunction


@dataclass
class Exercise:
    """One exercise.  `kind` is "use" (use Redis) or "rebuild" (write a part of the engine)."""

    number: str
    title: str
    kind: Literal["use", "rebuild"]
    points: int
    hints: tuple[str, str, str]
    tests: list[ExerciseTest] = field(default_factory=list)

    def __post_init__(self) -> None:
        if self.number in BANK:
            raise ValueError(f"exercise {self.number} is defined twice")
        BANK[self.number] = self

    def test(self, name: str) -> Callable[[TestFunction], TestFunction]:
        """Register the decorated function as the next test."""

        def register(function: TestFunction) -> TestFunction:
            self.tests.append(ExerciseTest(name, function))
            return function

        return register

    @property
    def chapter(self) -> int:
        return int(self.number.partition(".")[0])


BANK: dict[str, Exercise] = {}
"""Every exercise by its number, filed as the modules of minidis/course/checks are imported."""


def find_exercise(number: str) -> Exercise:
    """The exercise with this number.  Raises LookupError that names the nearest ones."""
    import minidis.course.checks  # noqa: F401  (fills the bank)

    exercise = BANK.get(str(number))
    if exercise is None:
        near = difflib.get_close_matches(str(number), BANK, 3, 0.4)
        known = ", ".join(near or sorted(BANK))
        raise LookupError(f"no exercise {number!r}; is it one of {known}?")
    return exercise


def show(value: Any, limit: int = 300) -> str:
    """A value as feedback prints it: its repr, cut in the middle when it is long."""
    text = repr(value)
    return text if len(text) <= limit else f"{text[: limit // 2]} ... {text[-limit // 4 :]}"

"""Running an exercise's tests on an answer, and the verdict that comes out.

    check("3.1", post, read)     in a cell: runs every test, shows feedback, keeps progress
    3.0                          the result's text is the score: nbgrader reads it as partial credit

Every test runs, whatever the one before it said.  A test that fails shows the input, what came and
what was due; an exception shows its message and the learner's own line; an endless loop, where it
was stopped.

Read next: feedback.py for how it looks.
"""

from __future__ import annotations

import os
import traceback
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Literal

from minidis.course import progress
from minidis.course.case import Case
from minidis.course.exercise import Exercise, ExerciseTest, Wrong, find_exercise, show
from minidis.course.feedback import result_html, result_text
from minidis.course.guard import TooManyInstructions, instruction_budget, is_learners, virtual_sleep
from minidis.course.sources import STUB

CLASS_SEED = "MINIDIS_CLASS_SEED"
"""The environment's name for the seed of a class's hidden inputs (classroom.py writes it)."""

Verdict = Literal["correct", "wrong", "not attempted"]


@dataclass(frozen=True)
class Outcome:
    """One test's verdict; the last three texts are empty when it is correct."""

    test: str
    verdict: Verdict
    given: str = ""
    came: str = ""
    due: str = ""


@dataclass(frozen=True)
class Result:
    """What `check` answers.  Its repr is the score."""

    exercise: Exercise
    outcomes: tuple[Outcome, ...]
    seed: int

    @property
    def passed(self) -> bool:
        return all(outcome.verdict == "correct" for outcome in self.outcomes)

    @property
    def attempted(self) -> bool:
        return any(outcome.verdict != "not attempted" for outcome in self.outcomes)

    @property
    def score(self) -> float:
        """Points: each test is worth the same; all of them only when all tests pass."""
        right = sum(outcome.verdict == "correct" for outcome in self.outcomes)
        if right == len(self.outcomes):
            return float(self.exercise.points)
        return int(self.exercise.points * right / len(self.outcomes) * 2) / 2

    def __repr__(self) -> str:
        return repr(self.score)

    def report(self) -> str:
        """The feedback as plain text."""
        return result_text(self)

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        return {"text/plain": repr(self), "text/html": result_html(self)}


def check(number: str, *answers: Any, seed: int | None = None) -> Result:
    """Judge `answers` to exercise `number`, show feedback, and keep the progress.

    `seed` replays the random inputs of an earlier check (a failing one prints its seed); without
    it every attempt draws new ones. Where a class is graded, all submissions get the class's.
    """
    exercise = find_exercise(number)
    if seed is None:
        seed = class_seed(number) or progress.attempts(number) + 1
    result = grade(exercise, answers, seed)
    progress.record(number, result.attempted, result.passed, result.score)
    return result


def class_seed(number: str) -> int:
    """The seed of an exercise where a class is graded, else 0.

    A page of feedback shows it, so that a failure can be repeated; that of another exercise stays unknown.
    """
    seed = os.environ.get(CLASS_SEED)
    return int.from_bytes(sha256(f"{seed} {number}".encode()).digest()[:4], "big") if seed else 0


def grade(exercise: Exercise, answers: tuple[Any, ...], seed: int) -> Result:
    """Run every test of `exercise` on `answers`, and nothing else: no progress is kept."""
    outcomes = tuple(run_test(test, answers, seed) for test in exercise.tests)
    return Result(exercise, outcomes, seed)


def run_test(test: ExerciseTest, answers: tuple[Any, ...], seed: int) -> Outcome:
    """Run one test within its bounds, and put whatever happens into words."""
    if not answers or any(map(_is_blank, answers)):
        return Outcome(test.name, "not attempted")
    case = Case(seed)
    try:
        with virtual_sleep(case.step), instruction_budget():
            test.function(case, *answers)
    except Wrong as wrong:
        return Outcome(test.name, "wrong", wrong.given, wrong.came, wrong.due)
    except NotImplementedError:
        return Outcome(test.name, "not attempted")
    except TooManyInstructions as endless:
        return _exception_outcome(
            test, f"it was still running at {endless}", "an end: is there a loop that never stops?"
        )
    except BaseException as error:
        if not _is_the_answers(error):
            raise
        came = f"{type(error).__name__}: {error}{_learners_line(error)}"
        return _exception_outcome(test, came, "no exception")
    finally:
        case.close()
    return Outcome(test.name, "correct")


def _is_blank(answer: Any) -> bool:
    """Nothing is there yet: of a text, the lines that stand in the place of the solution."""
    return answer is None or answer is ... or isinstance(answer, str) and STUB[1] in answer


def _exception_outcome(test: ExerciseTest, came: str, due: str) -> Outcome:
    return Outcome(test.name, "wrong", "the test's calls", came, due)


def _is_the_answers(error: BaseException) -> bool:
    """exit() in an answer ends the answer, not the kernel; whoever interrupts the kernel ends the check."""
    if isinstance(error, Exception | SystemExit):
        return True
    frames = traceback.extract_tb(error.__traceback__)
    return not isinstance(error, KeyboardInterrupt) and bool(frames) and is_learners(frames[-1].filename)


def _learners_line(error: BaseException) -> str:
    """Where in the learner's own code an exception arose: ", at line 3 of post(): redis.lpush(...)"."""
    frames = [f for f in traceback.extract_tb(error.__traceback__) if is_learners(f.filename)]
    if not frames:
        return ""
    last = frames[-1]
    return f", at line {last.lineno} of {last.name}()" + (f": {last.line}" if last.line else "")


def accepts(exercise: Exercise, *answers: Any) -> bool:
    """True if every test passes: what the graders' own tests ask."""
    return grade(exercise, answers, seed=1).passed


__all__ = ["Outcome", "Result", "accepts", "check", "grade", "show"]

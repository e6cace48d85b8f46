"""Hints in three steps, and the solution after a pass or on surrender."""

from __future__ import annotations

from html import escape

from minidis.course import progress, sources
from minidis.course.exercise import find_exercise
from minidis.course.feedback import Shown, box
from minidis.palette import EDGES

HINT_COLOUR = EDGES["a"]


def hint(number: str, step: int | None = None) -> Shown:
    """The next hint to an exercise, or hint `step` (1 to 3) again."""
    exercise = find_exercise(number)
    if step is None:
        step = min(int(progress.entry(number).get("hints", 0)) + 1, len(exercise.hints))
    if not 1 <= step <= len(exercise.hints):
        raise ValueError(f"there are hints 1 to {len(exercise.hints)}, not {step}")
    progress.record_hint(number, step)
    text = exercise.hints[step - 1]
    head = f"Hint {step} of {len(exercise.hints)}"
    return Shown(f"{head}: {text}", box(HINT_COLOUR, f"<b>{head}</b><br>{escape(text)}"))


def solution(number: str, surrender: bool = False) -> Shown:
    """The reference solution, once you have passed, or if you give up."""
    exercise = find_exercise(number)
    if not progress.entry(number).get("passed") and not surrender:
        text = f'Not passed yet. hint("{number}") may help; solution("{number}", surrender=True) gives up.'
        return Shown(text, box(HINT_COLOUR, escape(text)))
    if surrender and not progress.entry(number).get("passed"):
        progress.record_surrender(number)
    code = sources.solution_code(exercise.number)
    return Shown(code, f"<pre>{escape(code)}</pre>")

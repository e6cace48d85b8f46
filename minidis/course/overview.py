"""The map of the course: its chapters, how long each takes, how far you are, and what comes next.

Everything is read from the chapters themselves (title, time) and from the learner's progress, so the map
cannot go out of date.

>>> chapters()[0].title, chapters()[0].minutes > 0
('Meet the engine: one thread, one protocol', True)

Read next: progress.py.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from html import escape
from typing import Any

from minidis.course.exercise import BANK
from minidis.course.progress import entry
from minidis.course.sources import cell_source, exercises_folder, load

_TITLE = re.compile(r"# (\d+)\. (.+)")
_TIME = re.compile(r"(?:\*\*Time:\*\*|About)\D{0,10}(\d+) minutes")


@dataclass(frozen=True)
class Chapter:
    """One chapter's notebook."""

    number: int
    title: str
    minutes: int
    file: str


def chapters() -> list[Chapter]:
    """The chapters that are there, in order."""
    found = []
    for path in sorted((exercises_folder().parent / "notebooks").glob("[0-9][0-9]_*.ipynb")):
        opening = "\n".join(cell_source(cell) for cell in load(path)["cells"][:2])
        title, time = _TITLE.match(opening), _TIME.search(opening)
        if title:
            found.append(Chapter(int(title[1]), title[2], int(time[1]) if time else 0, path.name))
    return found


class Overview:
    """The chapters with the learner's progress: `overview()`, last in a cell."""

    def __init__(self) -> None:
        import minidis.course.checks  # noqa: F401  (fills the bank)

        self.rows = [(chapter, *_points(chapter.number)) for chapter in chapters()]

    @property
    def next_exercise(self) -> Any:
        """The first exercise that is not passed, or None."""
        for number in sorted(BANK, key=lambda number: [int(part) for part in number.split(".")]):
            if not entry(number).get("passed"):
                return BANK[number]
        return None

    def __repr__(self) -> str:
        lines = [
            f"{chapter.number:2}. {chapter.title:52} {chapter.minutes:3} min  "
            f"{_bar(had, most)} {had:g}/{most:g}"
            for chapter, had, most in self.rows
        ]
        return "\n".join([*lines, f"Next: {self._next()}"])

    def _repr_html_(self) -> str:
        rows = "".join(
            f"<tr><td>{chapter.number}</td>"
            f'<td style="text-align:left"><a href="{escape(chapter.file)}">{escape(chapter.title)}</a></td>'
            f"<td>{chapter.minutes} min</td><td>{_bar(had, most)}</td><td>{had:g} / {most:g}</td></tr>"
            for chapter, had, most in self.rows
        )
        head = "<tr><th></th><th>chapter</th><th>time</th><th>your points</th><th></th></tr>"
        return f"<table>{head}{rows}</table><p><b>Next:</b> {self._next_html()}</p>"

    def _next(self) -> str:
        exercise = self.next_exercise
        if exercise is None:
            return "nothing: you have passed every exercise"
        return f"exercise {exercise.number}, {exercise.title} (read chapter {exercise.chapter} first)"

    def _next_html(self) -> str:
        """The same with links, to the exercise and to its chapter."""
        exercise = self.next_exercise
        files = {chapter.number: chapter.file for chapter, _, _ in self.rows}
        if exercise is None or exercise.chapter not in files:
            return escape(self._next())
        (path,) = exercises_folder().glob(f"[0-9]*/{exercise.number}_*.ipynb")
        title = escape(f"{exercise.number}, {exercise.title}")
        return (
            f'exercise <a href="../exercises/{path.parent.name}/{path.name}">{title}</a> '
            f'(read <a href="{files[exercise.chapter]}">chapter {exercise.chapter}</a> first)'
        )


def overview() -> Overview:
    """The map of the course with your progress."""
    return Overview()


def _points(chapter: int) -> tuple[float, float]:
    """Points of a chapter's exercises: had, and to be had."""
    exercises = [exercise for exercise in BANK.values() if exercise.chapter == chapter]
    had = sum(float(entry(exercise.number).get("best", 0.0)) for exercise in exercises)
    return had, float(sum(exercise.points for exercise in exercises))


def _bar(had: float, most: float, width: int = 10) -> str:
    """
    >>> _bar(3, 6), _bar(0, 0)
    ('■■■■■□□□□□', '□□□□□□□□□□')
    """
    full = round(width * had / most) if most else 0
    return "■" * full + "□" * (width - full)

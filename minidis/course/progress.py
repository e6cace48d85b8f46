"""What the learner has tried, passed and asked for, kept across kernels in one small file.

The file is `minidis/progress.json` in the user's data folder (MINIDIS_PROGRESS names another).
Nothing of it leaves the machine.
"""

from __future__ import annotations

from typing import Any

from minidis.course.exercise import BANK
from minidis.course.feedback import progress_html, progress_text
from minidis.drivers.storage import user_document

VARIABLE = "MINIDIS_PROGRESS"
CARDS = "cards"  # beside the exercises' numbers


def _read() -> dict[str, Any]:
    return user_document("progress.json", VARIABLE).read()


def _update(number: str, **changes: Any) -> None:
    content = _read()
    entry = content.setdefault(str(number), {})
    entry.update(changes)
    try:
        user_document("progress.json", VARIABLE).write(content)
    except OSError:  # a read-only home: the check's verdict matters more than its record
        pass


def entry(number: str) -> dict[str, Any]:
    """What is known of one exercise: attempts, passed, best score, hints seen, surrendered."""
    return _read().get(str(number), {})


def attempts(number: str) -> int:
    """How often the exercise was checked with an answer."""
    return int(entry(number).get("attempts", 0))


def record(number: str, attempted: bool, passed: bool, score: float) -> None:
    """Note a check.  A pass stays a pass, the best score stays the best."""
    old = entry(number)
    _update(
        number,
        attempts=attempts(number) + attempted,
        passed=bool(old.get("passed")) or passed,
        best=max(float(old.get("best", 0.0)), score),
    )


def record_hint(number: str, step: int) -> None:
    """Note that hints up to `step` were read."""
    _update(number, hints=max(int(entry(number).get("hints", 0)), step))


def card_entry(identifier: str) -> dict[str, Any]:
    """What is known of one interview card: its box, when it is due, the last score."""
    return _read().get(CARDS, {}).get(identifier, {})


def record_card(identifier: str, **changes: Any) -> None:
    """Note where a card stands."""
    entries = _read().get(CARDS, {})
    _update(CARDS, **{identifier: {**entries.get(identifier, {}), **changes}})


def record_surrender(number: str) -> None:
    """Note that the solution was asked for before a pass."""
    _update(number, surrendered=True)


class Progress:
    """The table that `progress()` shows: one line for each exercise."""

    def __init__(self, chapter: int | None = None) -> None:
        import minidis.course.checks  # noqa: F401  (fills the bank)

        content = _read()
        self.rows = [
            (exercise, content.get(number, {}))
            for number, exercise in sorted(
                BANK.items(), key=lambda item: [int(n) for n in item[0].split(".")]
            )
            if chapter is None or exercise.chapter == chapter
        ]

    def __repr__(self) -> str:
        return progress_text(self.rows)

    def _repr_html_(self) -> str:
        return progress_html(self.rows)


def progress(chapter: int | None = None) -> Progress:
    """Your exercises (of one chapter), with verdicts and points."""
    return Progress(chapter)

"""What the learner has tried, passed and asked for, kept across kernels in one small file.

The file is `minidis/progress.json` in the user's data folder (MINIDIS_PROGRESS names another).
Nothing of it leaves the machine.

    {"3.1": {"attempts": 2, "passed": true, "best": 4.0, "hints": 1}, "cards": {"AC5": {"box": 2, ...}}}

It is read by every later version, and may be edited: what is not understood (an exercise of another version,
a field of the wrong type) is left where it is, and counts for nothing.

Read next: answers.py, the answers themselves.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import Any

from minidis.course.exercise import BANK
from minidis.course.feedback import progress_html, progress_text
from minidis.drivers.storage import user_document

VARIABLE = "MINIDIS_PROGRESS"
CARDS = "cards"  # beside the exercises' numbers


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _is_day(value: Any) -> bool:
    try:
        return bool(date.fromisoformat(value))
    except (TypeError, ValueError):
        return False


_FIELDS: dict[str, Callable[[Any], bool]] = {
    "attempts": _is_count,
    "hints": _is_count,
    "best": lambda value: isinstance(value, int | float) and value >= 0,
    "passed": lambda value: isinstance(value, bool),
    "surrendered": lambda value: isinstance(value, bool),
    "box": _is_count,
    "score": _is_count,
    "due": _is_day,
}


def _sound(fields: Any) -> dict[str, Any]:
    """The fields of an entry that are what they should be."""
    if not isinstance(fields, dict):
        return {}
    return {name: value for name, value in fields.items() if name in _FIELDS and _FIELDS[name](value)}


def _read() -> dict[str, Any]:
    return user_document("progress.json", VARIABLE).read()


def _update(change: Callable[[dict[str, Any]], None]) -> None:
    try:
        with user_document("progress.json", VARIABLE).changing() as content:
            change(content)
    except OSError:  # a read-only home: the check's verdict matters more than its record
        pass


def _place(content: dict[str, Any], name: str) -> dict[str, Any]:
    """Where an entry's fields stand in the document; made if there is none."""
    if not isinstance(content.get(name), dict):
        content[name] = {}
    return content[name]


def entry(number: str) -> dict[str, Any]:
    """What is known of one exercise: attempts, passed, best score, hints seen, surrendered."""
    return _sound(_read().get(str(number)))


def attempts(number: str) -> int:
    """How often the exercise was checked with an answer."""
    return entry(number).get("attempts", 0)


def record(number: str, attempted: bool, passed: bool, score: float) -> None:
    """Note a check.  A pass stays a pass, the best score stays the best."""

    def change(content: dict[str, Any]) -> None:
        old = _sound(content.get(number))
        _place(content, number).update(
            attempts=old.get("attempts", 0) + attempted,
            passed=old.get("passed", False) or passed,
            best=max(old.get("best", 0.0), score),
        )

    _update(change)


def record_hint(number: str, step: int) -> None:
    """Note that hints up to `step` were read."""

    def change(content: dict[str, Any]) -> None:
        fields = _place(content, number)
        fields["hints"] = max(_sound(fields).get("hints", 0), step)

    _update(change)


def card_entry(identifier: str) -> dict[str, Any]:
    """What is known of one interview card: its box, when it is due, the last score."""
    return _sound(card_entries().get(identifier))


def card_entries() -> dict[str, Any]:
    """What is known of all cards, by their names."""
    entries = _read().get(CARDS)
    return entries if isinstance(entries, dict) else {}


def record_card(identifier: str, **changes: Any) -> None:
    """Note where a card stands."""
    _update(lambda content: _place(_place(content, CARDS), identifier).update(changes))


def record_surrender(number: str) -> None:
    """Note that the solution was asked for before a pass."""
    _update(lambda content: _place(content, number).update(surrendered=True))


class Progress:
    """The table that `progress()` shows: one line for each exercise, and what it comes to."""

    def __init__(self, chapter: int | None = None) -> None:
        import minidis.course.checks  # noqa: F401  (fills the bank)

        content = _read()
        self.chapter = chapter
        self.rows = [
            (exercise, _sound(content.get(number)))
            for number, exercise in sorted(
                BANK.items(), key=lambda item: [int(n) for n in item[0].split(".")]
            )
            if chapter is None or exercise.chapter == chapter
        ]

    @property
    def summary(self) -> str:
        """In a sentence or two, of the whole course: what was passed, with what help, and the cards."""
        passed = [fields for _, fields in self.rows if fields.get("passed")]
        had = sum(fields.get("best", 0) for _, fields in self.rows)
        most = sum(exercise.points for exercise, _ in self.rows)
        alone = sum(not fields.get("surrendered") and not fields.get("hints") for fields in passed)
        given_up = sum(bool(fields.get("surrendered")) for _, fields in self.rows)
        cards = [_sound(fields) for fields in card_entries().values()]
        boxes = sum(fields.get("box", 0) > 0 for fields in cards)
        return (
            f"{len(passed)} of {len(self.rows)} exercises passed, {had:g} of {most} points; "
            f"{alone} without a hint, {given_up} after a look at the solution. {len(cards)} interview cards "
            f"answered, {boxes} of them well enough to come back later."
        )

    def __repr__(self) -> str:
        table = progress_text(self.rows)
        return table if self.chapter is not None else f"{table}\n{self.summary}"

    def _repr_html_(self) -> str:
        table = progress_html(self.rows)
        return table if self.chapter is not None else f"{table}<p>{self.summary}</p>"


def progress(chapter: int | None = None) -> Progress:
    """Your exercises (of one chapter), with verdicts and points."""
    return Progress(chapter)

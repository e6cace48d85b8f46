"""Spaced repetition: a card that was answered well comes back later and later, one that was not, at once.

    box      0     1      2       3       4        5
    again    now   1 day  3 days  7 days  21 days  60 days

A card goes up a box with a score of 4 or 5, stays with 3, and begins anew below that (Leitner's boxes). Where
each card stands is in the learner's progress file (progress.py), so it outlives the kernel.

>>> box_after(box=2, score=5), box_after(box=2, score=3), box_after(box=2, score=1)
(3, 2, 0)

Read next: gauntlet.py.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from random import Random
from typing import Any

from minidis.course import progress
from minidis.course.interview.cards import cards
from minidis.course.interview.rubrics import RUBRICS
from minidis.notebook import views

PAUSE_DAYS = (0, 1, 3, 7, 21, 60)
MOST_SCORE = 5


def box_after(box: int, score: int) -> int:
    """The box of a card that was answered with this score."""
    if score >= MOST_SCORE - 1:
        return min(box + 1, len(PAUSE_DAYS) - 1)
    return box if score == MOST_SCORE - 2 else 0


def today_or(today: str | date | None) -> date:
    """The day that is meant: the computer's, unless given."""
    if today is None:
        return datetime.now(UTC).date()
    return date.fromisoformat(today) if isinstance(today, str) else today


def answered(identifier: str, score: int, today: str | date | None = None) -> date:
    """Note an answer; the day when the card comes back."""
    day = today_or(today)
    before = min(progress.card_entry(identifier).get("box", 0), len(PAUSE_DAYS) - 1)
    box = box_after(before, score)
    due = day + timedelta(days=PAUSE_DAYS[box])
    progress.record_card(identifier, box=box, due=due.isoformat(), score=score)
    return due


def due_on(identifier: str) -> date | None:
    """When the card comes back; None for one that was never answered."""
    due = progress.card_entry(identifier).get("due")
    return None if due is None else date.fromisoformat(due)


def draw(identifiers: Iterable[str], seed: int, today: str | date | None = None) -> str:
    """The next card: one that is due, else one never seen, else the one that is due first."""
    day, known = today_or(today), sorted(identifiers)
    when = {identifier: due_on(identifier) for identifier in known}
    due = [identifier for identifier in known if when[identifier] is not None and when[identifier] <= day]
    new = [identifier for identifier in known if when[identifier] is None]
    if due or new:
        return Random(f"card {seed}").choice(due or new)
    return min(known, key=lambda identifier: (when[identifier], identifier))


def deck(today: str | date | None = None) -> Any:
    """A picture of the boxes: where each card of the twenty stands, and which are due."""
    day = today_or(today)
    boxes: dict[str, list[tuple[str, str, str]]] = {"new": []}
    boxes |= {f"{pause} d" if pause else "again": [] for pause in PAUSE_DAYS}
    names = list(boxes)[1:]
    twenty = [card for card in cards() if card.identifier in RUBRICS]
    for card in sorted(twenty, key=lambda card: int(card.identifier[2:])):
        due = due_on(card.identifier)
        box = int(progress.card_entry(card.identifier).get("box", 0))
        state = "" if due is None else "due" if due <= day else f"from {due.isoformat()}"
        boxes["new" if due is None else names[box]].append((card.identifier, card.question, state))
    return views.deck(boxes)

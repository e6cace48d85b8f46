"""The gauntlet: a random question, your answer, a live demonstration, a score.

    round_ = gauntlet()                         draws a card: what is due, else what is new
    round_.say("KEYS walks the whole ...")      your spoken answer, typed: which of the four points it has
    round_.predict("over 50 ms")                what will the demonstration show?
    round_.demo()                               runs it
    round_.score()                              of 5; the card goes to its next box, and comes back then

A prediction counts only before the demonstration has run. `seed` draws the same card again.

Read next: rubrics.py, demos/, repetition.py.
"""

from __future__ import annotations

from datetime import date
from html import escape
from typing import Any

from minidis.course.demos import Demo, Outcome, demo
from minidis.course.feedback import Shown, box
from minidis.course.interview import repetition
from minidis.course.interview.cards import CARD_COLOUR, Card, cards
from minidis.course.interview.rubrics import LONGEST_S, RUBRICS, Judgement, judge


class OutOfTurn(ValueError):
    """Something was asked for before its time; the text says what comes first."""


class Round:
    """One question of the gauntlet."""

    def __init__(self, card: Card, today: date) -> None:
        self.card = card
        self.today = today
        self.demonstration: Demo = demo(card.identifier)
        self.judgement: Judgement | None = None
        self.prediction: str | None = None
        self.outcome: Outcome | None = None
        self.points: int | None = None
        self._scored: Shown | None = None

    def say(self, spoken: str) -> Shown:
        """Your answer, as you would say it in a minute.  The last one counts, until `score`."""
        if self._scored is not None:
            raise OutOfTurn("this question is over: gauntlet() draws the next one")
        self.judgement = judge(self.card.identifier, spoken)
        return _shown([f"said in about {self.judgement.seconds} s", *_points(self.judgement)])

    def predict(self, choice: str) -> Shown:
        """What will the demonstration show?"""
        if self.outcome is not None:
            raise OutOfTurn("the demonstration has run already: that was no prediction")
        if choice not in self.demonstration.choices:
            raise ValueError(f"choose one of {', '.join(self.demonstration.choices)}; not {choice!r}")
        self.prediction = choice
        return _shown([f"predicted: {choice}"])

    def demo(self) -> Outcome:
        """Run the demonstration."""
        self.outcome = self.outcome or self.demonstration.run()
        return self.outcome

    def answer(self) -> Card:
        """The card's own answer; after that, `say` still counts, but you know it yourself."""
        return self.card

    def score(self) -> Shown:
        """Four points for what you said, one for a right prediction; the card moves on.  Once."""
        if self.judgement is None or self.outcome is None:
            raise OutOfTurn("first say(...) your answer and run demo(); predict(...) before it")
        if self._scored is None:
            foreseen = self.prediction == self.outcome.answer
            self.points = self.judgement.score + foreseen
            back = repetition.answered(self.card.identifier, self.points, self.today)
            self._scored = _shown(
                [
                    f"{self.card.identifier}: {self.points} of {repetition.MOST_SCORE}",
                    *_points(self.judgement),
                    f"{'✓' if foreseen else '✗'} prediction: {self.prediction}; it was {self.outcome.answer}",
                    f"the card comes back on {back.isoformat()}",
                ]
            )
        return self._scored

    def __repr__(self) -> str:
        return f"{self.card.identifier}. {self.card.question}\n" + "\n".join(self._what_to_do())

    def _repr_html_(self) -> str:
        body = "".join(f"<div>{escape(line)}</div>" for line in self._what_to_do())
        return box(CARD_COLOUR, f"<b>{self.card.identifier}. {escape(self.card.question)}</b>{body}")

    def _what_to_do(self) -> list[str]:
        choices = " / ".join(self.demonstration.choices)
        return [
            f"You have a minute: say(...). Four points are listened for, {LONGEST_S} s are the limit.",
            f"Then: {self.demonstration.question} predict(...) one of: {choices}",
            "Then demo(), and score().",
        ]


def gauntlet(
    question: str | None = None, *, seed: int | None = None, today: str | date | None = None
) -> Round:
    """Draw a question, or take the one that is named ("AC13").

    `seed` decides among those that are due (or new); without one, today does.  Raises LookupError.
    """
    day = repetition.today_or(today)
    by_name = {card.identifier: card for card in cards() if card.identifier in RUBRICS}
    if question is not None and question not in by_name:
        raise LookupError(f"no question {question!r}; there are {', '.join(by_name)}")
    drawn = question or repetition.draw(by_name, day.toordinal() if seed is None else seed, day)
    return Round(by_name[drawn], day)


def _points(judgement: Judgement) -> list[str]:
    lines = [f"✓ {name}" for name in judgement.said] + [f"✗ not said: {name}" for name in judgement.missed]
    if judgement.seconds > LONGEST_S:
        lines.append(f"✗ longer than {LONGEST_S} s: one point less")
    return lines


def _shown(lines: list[Any]) -> Shown:
    return Shown("\n".join(lines), box(CARD_COLOUR, "<br>".join(map(escape, lines))))

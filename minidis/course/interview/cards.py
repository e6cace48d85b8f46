"""Interview cards: a question, and an answer that can be spoken in sixty seconds.

A card has four parts.  The claim answers; the evidence is what you saw in a cell; the caveat is what
a good interviewer waits for; the follow-up is what comes next.

>>> from minidis.course.interview.cards import card, cards
>>> card("AC5").question
'How does Redis handle expiration of keys?'

Read next: minidis/course/interview/questions/, one module for each chapter.
"""

from __future__ import annotations

from dataclasses import dataclass
from html import escape

from minidis.course.feedback import box
from minidis.palette import EDGES

CARD_COLOUR = EDGES["d"]


@dataclass(frozen=True)
class Card:
    """One interview question.  `identifier` is the guide's item ("AC5"), `chapters` where it is answered."""

    identifier: str
    chapters: tuple[int, ...]
    question: str
    claim: str
    evidence: str
    caveat: str
    follow_up: str

    def _parts(self) -> tuple[tuple[str, str], ...]:
        return (
            ("Claim", self.claim),
            ("Evidence", self.evidence),
            ("Caveat", self.caveat),
            ("Follow-up", self.follow_up),
        )

    def __repr__(self) -> str:
        parts = "\n".join(f"  {name}: {text}" for name, text in self._parts())
        return f"{self.identifier}. {self.question}\n{parts}"

    def _repr_html_(self) -> str:
        parts = "".join(f"<div><b>{name}.</b> {escape(text)}</div>" for name, text in self._parts())
        return box(CARD_COLOUR, f"<b>{escape(self.question)}</b>{parts}")


DECK: dict[str, Card] = {}


def add(card: Card) -> Card:
    """File a card in the deck."""
    DECK[card.identifier] = card
    return card


def cards(chapter: int | None = None) -> list[Card]:
    """All cards, or those of one chapter."""
    import minidis.course.interview.questions  # noqa: F401  (fills the deck)

    return [card for card in DECK.values() if chapter is None or chapter in card.chapters]


def card(identifier: str) -> Card:
    """The card of one item of the guide.  Raises LookupError for an unknown one."""
    cards()
    if identifier not in DECK:
        raise LookupError(f"no card {identifier!r}; there are {', '.join(sorted(DECK))}")
    return DECK[identifier]

"""A deck of flash cards in Leitner's boxes: where each card stands, and which are due.

Read next: minidis/course/interview/repetition.py.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from minidis.notebook.views.drawing import Canvas, table_text
from minidis.notebook.views.view import View

CARD_HEIGHT = 24.0


class DeckView(View):
    """Boxes from left to right; each holds (name, question, state) of its cards."""

    def __init__(self, boxes: Mapping[str, Sequence[tuple[str, str, str]]]) -> None:
        super().__init__(None)
        self.boxes = {name: [*cards] for name, cards in boxes.items()}

    def snapshot(self) -> dict[str, Any]:
        return {name: [[*card] for card in cards] for name, cards in self.boxes.items()}

    def draw(self, data: dict[str, Any]) -> Canvas:
        cards = [card for box in data.values() for card in box]
        due = [name for name, _, state in cards if state == "due"]
        canvas = Canvas(f"a deck of {len(cards)} cards, {len(due)} due")
        canvas.heading(
            "the deck", f"{len(cards)} cards, {len(due)} due; a right answer moves one to the right"
        )
        width = (canvas.width - 32) / max(1, len(data))
        tallest = max((len(box) for box in data.values()), default=0)
        for number, (name, box) in enumerate(data.items()):
            x = 16 + number * width
            canvas.text(x + 6, 58, name, "b", 12)
            canvas.box(x, 66, width - 6, max(1, tallest) * CARD_HEIGHT + 8, "page", 5)
            for row, (identifier, question, state) in enumerate(box):
                role = "b" if state == "due" else "a" if state else "f"
                with canvas.group(note=f"{identifier}: {question} {state}".strip()):
                    canvas.box(x + 5, 71 + row * CARD_HEIGHT, width - 16, CARD_HEIGHT - 4, role, 3)
                    mark = " due" if state == "due" else ""
                    canvas.text(x + 12, 85 + row * CARD_HEIGHT, identifier + mark, f"t-{role}", 11)
        canvas.bottom = 66 + max(1, tallest) * CARD_HEIGHT + 12
        return canvas

    def text(self, data: dict[str, Any]) -> str:
        rows = [[name, *card] for name, box in data.items() for card in box]
        return table_text(["box", "card", "question", "state"], rows)


def deck(boxes: Mapping[str, Sequence[tuple[str, str, str]]]) -> DeckView:
    """Cards in boxes: `boxes[name]` are (card, question, state), state "due" or when it comes back."""
    return DeckView(boxes)

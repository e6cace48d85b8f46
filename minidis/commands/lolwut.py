"""LOLWUT: a picture for its own sake, and the version in its last line.

    LOLWUT VERSION 5 [columns [squares in a row [squares in a column]]]

draws Georg Nees's "Schotter" of 1968 in braille dots: rows of squares that lose their order downwards.
Other versions say which Redis this is, as 7.2 does.

Mirrors: lolwut.c, lolwut5.c.
Differs: VERSION 6, a city by night, is not drawn.
Complexity: O(dots).

>>> from minidis.drivers.embedded import Embedded
>>> print(bytes(Embedded(clock=0).execute("LOLWUT", "VERSION", "5", "4", "1", "1")).decode().split("\\n")[0])
⠀⡤⠤⡄
>>> bytes(Embedded(clock=0).execute("LOLWUT"))
b'Redis ver. 7.2.0\\n'
"""

from __future__ import annotations

import math
from random import Random

from minidis.engine.binding import integer
from minidis.engine.client import Client
from minidis.engine.node import VERSION
from minidis.engine.registry import FAST, READONLY, command
from minidis.protocol.replies import Verbatim

_DOT_BITS = ((0, 3), (1, 4), (2, 5), (6, 7))  # of a braille sign: two columns, four rows


@command("LOLWUT [VERSION version:int]", READONLY | FAST, since="5.0.0", raw=True)
def lolwut(client: Client, *words: bytes):
    """Display computer art, or the Redis version. O(1), or the dots of the picture."""
    if len(words) < 2 or words[0].upper() != b"VERSION" or integer(words[1]) != 5:
        return Verbatim(f"Redis ver. {VERSION}\n".encode())
    numbers = [integer(word) for word in words[2:5]]
    columns, in_row, in_column = (*numbers, *(66, 8, 12)[len(numbers) :])
    in_row, in_column = min(max(in_row, 1), 200), min(max(in_column, 1), 200)
    picture = schotter(min(max(columns, 1), 1000), in_row, in_column, client.node.random)
    credit = f"\nGeorg Nees - schotter, plotter on paper, 1968. Redis ver. {VERSION}\n"
    return Verbatim((picture + credit).encode())


def schotter(columns: int, in_row: int, in_column: int, random: Random) -> str:
    """Squares that turn and move the more the further down they are."""
    width = columns * 2
    padding = 2 if width > 4 else 0
    side = (width - padding * 2) / in_row
    canvas = Canvas(width, int(side * in_column + padding * 2))
    for row in range(in_column):
        for column in range(in_row):
            x, y = (place * side + side / 2 + padding for place in (column, row))
            angle = 0.0
            if row > 1:
                disorder = row / in_column
                angle, right, down = (random.random() * disorder * random.choice((1, -1)) for _ in range(3))
                x, y = x + right * side / 3, y + down * side / 3
            canvas.square(x, y, side, angle)
    return canvas.text()


class Canvas:
    """Dots, four rows and two columns to a character."""

    def __init__(self, width: int, height: int) -> None:
        self.width, self.height = width, height
        self.dots: set[tuple[int, int]] = set()

    def square(self, x: float, y: float, side: float, angle: float) -> None:
        """Draw a square around (x, y)."""
        radius = round(side / math.sqrt(2))
        turns = [math.pi / 4 + angle + corner * math.pi / 2 for corner in range(4)]
        corners = [(round(math.sin(turn) * radius + x), round(math.cos(turn) * radius + y)) for turn in turns]
        for at, corner in enumerate(corners):
            self.line(*corner, *corners[(at + 1) % 4])

    def line(self, x1: int, y1: int, x2: int, y2: int) -> None:
        """Bresenham's line."""
        across, down = abs(x2 - x1), abs(y2 - y1)
        step_x, step_y = (1 if x1 < x2 else -1), (1 if y1 < y2 else -1)
        error = across - down
        while True:
            if 0 <= x1 < self.width and 0 <= y1 < self.height:
                self.dots.add((x1, y1))
            if (x1, y1) == (x2, y2):
                return
            doubled = error * 2
            if doubled > -down:
                error, x1 = error - down, x1 + step_x
            if doubled < across:
                error, y1 = error + across, y1 + step_y

    def text(self) -> str:
        lines = []
        for top in range(0, self.height, 4):
            signs = [
                sum(
                    1 << bit
                    for row, bits in enumerate(_DOT_BITS)
                    for column, bit in enumerate(bits)
                    if (left + column, top + row) in self.dots
                )
                for left in range(0, self.width, 2)
            ]
            lines.append("".join(chr(0x2800 + sign) for sign in signs))
        return "\n".join(lines) + "\n"

"""LOLWUT: a picture for its own sake, and the version in its last line.

    LOLWUT VERSION 5 [columns [squares in a row [squares in a column]]]

draws Georg Nees's "Schotter" of 1968 in braille dots: rows of squares that lose their order downwards.

    LOLWUT VERSION 6 [columns [rows]]

draws a city by night as games of eight bits had it, in the grays of a terminal. Other versions say which
Redis this is, as 7.2 does.

Mirrors: lolwut.c, lolwut5.c, lolwut6.c.
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

from minidis.engine.client import Client
from minidis.engine.command_table.binding import integer
from minidis.engine.command_table.registry import FAST, READONLY, command
from minidis.engine.node import VERSION
from minidis.protocol.replies import Verbatim

_DOT_BITS = ((0, 3), (1, 4), (2, 5), (6, 7))  # of a braille sign: two columns, four rows


@command("LOLWUT [VERSION version:int]", READONLY | FAST, since="5.0.0", raw=True)
def lolwut(client: Client, *words: bytes):
    """Display computer art, or the Redis version. O(1), or the dots of the picture."""
    version = integer(words[1]) if len(words) >= 2 and words[0].upper() == b"VERSION" else None
    random = client.node.random
    if version == 5:
        columns, in_row, in_column = _numbers(words[2:5], (66, 1000), (8, 200), (12, 200))
        picture = schotter(columns, in_row, in_column, random)
        credit = "Georg Nees - schotter, plotter on paper, 1968."
    elif version == 6:
        columns, rows = _numbers(words[2:4], (80, 1000), (20, 1000))
        picture = skyline(columns, rows, random)
        credit = (
            "Dedicated to the 8 bit game developers of past and present.\n"
            "Original 8 bit image from Plaguemon by hikikomori."
        )
    else:
        return Verbatim(f"Redis ver. {VERSION}\n".encode())
    return Verbatim(f"{picture}\n{credit} Redis ver. {VERSION}\n".encode())


def _numbers(words: tuple[bytes, ...], *limits: tuple[int, int]) -> list[int]:
    """The words as numbers from 1 to a most, or the default of each: pairs of default and most."""
    return [
        min(max(integer(words[at]) if at < len(words) else default, 1), most)
        for at, (default, most) in enumerate(limits)
    ]


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


_GRAYS = ("0;30;40m", "0;90;100m", "0;37;47m", "0;97;107m")
_BLACK, _WHITE = 0, 3


def skyline(columns: int, rows: int, random: Random) -> str:
    """A city in four grays: light houses far away, darker ones before them, black ones with windows first."""
    pixels = [[_WHITE] * columns for _ in range(rows)]
    for gray, floors in ((2, 2), (1, 3)):
        offset = -10
        while offset < columns:
            offset += random.randrange(8)
            width = 10 + random.randrange(9)
            height = rows // 2 + random.randrange(rows) // floors
            _house(pixels, offset, width, height, gray, None)
            offset += width // 2 if gray == 2 else width + 1
    offset = -10
    while offset < columns:
        offset += random.randrange(8)
        width = 5 + random.randrange(14)
        if width % 4:
            width += width % 3
        _house(pixels, offset, width, rows // 3 + random.randrange(rows) // 2, _BLACK, random)
        offset += width + 5
    return "\n".join("".join(f"\x1b[{_GRAYS[pixel]} \x1b[0m" for pixel in row) for row in pixels)


def _house(
    pixels: list[list[int]], left: int, width: int, height: int, gray: int, windows: Random | None
) -> None:
    """A house with a narrower roof; its windows are two wide, lit or half lit by lot."""
    rows, columns = len(pixels), len(pixels[0])
    bottom = rows - 1
    top = bottom - height + 1
    for y in range(bottom, top - 1, -1):
        for x in range(left, left + width):
            if y == top and (x <= left + 1 or x >= left + width - 2):
                continue
            pixel = gray
            inside = left + 1 < x < left + width - 2 and top + 1 < y < bottom - 1
            across, down = x - (left + 1), y - (top + 1)
            if windows is not None and inside and across // 2 % 2 and down % 2:
                pixel = 1 + windows.randrange(2)
                if across % 2:  # the second half of a window is as its first
                    pixel = pixels[y][x - 1] if 0 <= x - 1 < columns and 0 <= y < rows else _BLACK
            if 0 <= x < columns and 0 <= y < rows:
                pixels[y][x] = pixel

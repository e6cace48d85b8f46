"""The colours of everything that is drawn: one table for light, dark and colour-blind readers.

A colour has a role, not a name: seven of them, `a` to `g`, each with a fill (`a`) and an ink (`A`: the line
around the fill, and the text on it). Whoever cannot see red, green or blue as others do sees less of hue. So
the seven also differ in lightness, and differently on the two pages: dark inks on the light one, light inks
on the dark one.

    role  hue            used for
    a     blue           what is asked about, strings, a primary
    b     orange         caution, what waits, lists
    c     green          right, a replica, sets
    d     violet         a pattern, sorted sets, a Sentinel
    e     red            wrong, refused, streams
    f     grey           neutral, dead, the default
    g     teal           hashes, whatever else there is
    hot   magenta        what matters now: a ring, a note's line

What the table promises, for normal sight and for protanopia, deuteranopia and tritanopia as simulated by
Machado, Oliveira and Fernandes (2009), with distances in CIEDE2000 (about 2 is seen side by side):

    any two inks are at least 12 apart, any two edges too, any two fills 9
    text has a contrast of at least 4.5 to 1 on its page and on its fill, lines and edges 3 to 1

tests/test_palette.py works all of it out anew. And no fact is told by colour alone.

>>> LIGHT["A"] != DARK["A"], len(ROLES), EDGES[RIGHT]
(True, 7, '#35784b')

Read next: notebook/views/drawing.py, the pen that uses it.
"""

from __future__ import annotations

ROLES = "abcdefg"

LIGHT = {
    "page": "#ffffff", "frame": "#d5dae1", "ink": "#1b2129",
    "dim": "#4a535e", "line": "#7d8791", "hot": "#d82d74",
    "a": "#9fc9fe", "A": "#1d19b1", "b": "#ffe6c3", "B": "#875e00", "c": "#a1d484", "C": "#033a08",
    "d": "#ede2ff", "D": "#7e1efc", "e": "#e5bdb5", "E": "#921c31", "f": "#c2c6cd", "F": "#353a49",
    "g": "#ecfffa", "G": "#137365",
}  # fmt: skip

DARK = {
    "page": "#14181e", "frame": "#39424e", "ink": "#e8edf2",
    "dim": "#b3bec9", "line": "#75818e", "hot": "#f82a85",
    "a": "#14284f", "A": "#889ffc", "b": "#644605", "B": "#fcc446", "c": "#434e3d", "C": "#d3fcbd",
    "d": "#583897", "D": "#edc6fe", "e": "#4c0c04", "E": "#ef8875", "f": "#1c1d21", "F": "#88939b",
    "g": "#165458", "G": "#65d5c1",
}  # fmt: skip

EDGES = {
    "a": "#5b71fe", "b": "#b18e4a", "c": "#35784b", "d": "#934898",
    "e": "#c62105", "f": "#646568", "g": "#23a49c", "hot": "#f95898",
}  # fmt: skip
"""Lines that stand on either page: in HTML and in plotly's charts, which do not know which one it is."""

RIGHT, WRONG, OPEN = "c", "e", "f"
"""Roles of verdicts; each has a word and a sign beside it."""


def chip(role: str, words: str) -> str:
    """A small label in HTML, of words that need no escaping: no ink is dark enough for a light page and light
    enough for a dark one, so these stand on a fill of their own.

    >>> chip(RIGHT, "✓")
    '<span style="background-color:#a1d484;color:#033a08;padding:0 .4em;border-radius:3px">✓</span>'
    """
    look = f"background-color:{LIGHT[role]};color:{LIGHT[role.upper()]};padding:0 .4em;border-radius:3px"
    return f'<span style="{look}">{words}</span>'

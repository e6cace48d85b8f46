"""The pen: a small SVG canvas, in the colours of minidis/palette.py.

A view draws with the canvas, and the same SVG is the still picture in a notebook and the body of the
live widget. What makes a shape live is only an attribute:

    note    a sentence that the widget shows when the shape is pointed at or reached by the keyboard
    event   (name, value): what the widget tells Python when the shape is clicked
    step    the shape belongs to step n of an animation; without a widget all steps are visible
    key     the shape's identity: the widget lets a shape flash that changed since the last drawing

Colours are roles with two letters' worth of CSS: `--a` the fill, `--A` the line and the text on it; then
`ink`, `dim`, `line`, `page` and `hot`. No fact is told by colour alone.

Text from data goes through `label` (bytes to a short readable string) and `escape`, so a hostile key
name is a label and nothing else.

Read next: view.py.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from html import escape as _escape_markup

from minidis.palette import DARK, LIGHT, ROLES

SANS = "system-ui,-apple-system,'Segoe UI',Helvetica,Arial,sans-serif"
MONO = "ui-monospace,SFMono-Regular,Menlo,Consolas,'DejaVu Sans Mono',monospace"
MONO_ADVANCE = 0.605
"""Width of a monospaced character, as a share of the font size."""
SANS_ADVANCE = 0.53
"""About the same for running text."""

WIDTH = 780
"""Width of a figure in pixels: what a notebook's output area has."""


def _variables(palette: dict[str, str]) -> str:
    return ";".join(f"--{name}:{value}" for name, value in palette.items())


def _rules() -> str:
    rules = [
        f"text{{font-family:{SANS};fill:var(--ink)}}",
        f".m{{font-family:{MONO}}}",
        ".b{font-weight:600}",
    ]
    rules += [".f-page{fill:var(--page);stroke:var(--frame)}", ".f-none{fill:none;stroke:var(--line)}"]
    rules += [".f-hot{fill:var(--page);stroke:var(--hot);stroke-width:2.5}"]
    rules += [".f-veil{fill:var(--hot);fill-opacity:.22;stroke:var(--hot);stroke-width:1.5}"]
    inks = {role: role.upper() for role in ROLES} | {ink: ink for ink in ("ink", "dim", "line", "hot")}
    for role, ink in inks.items():
        if role in ROLES:
            rules.append(f".f-{role}{{fill:var(--{role});stroke:var(--{ink})}}")
        rules += [
            f".t-{role},.mds .s-{role}{{fill:var(--{ink})}}",
            f".l-{role}{{stroke:var(--{ink});fill:none}}",
        ]
    return "".join(f".mds {rule}" for rule in rules)


STILL_STYLE = (
    f".mds{{{_variables(LIGHT)}}}@media (prefers-color-scheme:dark){{.mds{{{_variables(DARK)}}}}}{_rules()}"
)
"""Inside each SVG. A picture in an <img> knows nothing of the page around it: the reader's system decides."""

LIVE_STYLE = (
    f".minidis-view.light .mds{{{_variables(LIGHT)}}}.minidis-view.dark .mds{{{_variables(DARK)}}}"
    f".minidis-view.light{{{_variables(LIGHT)}}}.minidis-view.dark{{{_variables(DARK)}}}"
)
"""For the widget, which sees JupyterLab's own theme."""


class Canvas:
    """Shapes on a page of fixed width; the height follows what was drawn.

    >>> canvas = Canvas("one box")
    >>> canvas.box(10, 10, 80, 20, "a")
    >>> with canvas.group(note="a byte"):
    ...     canvas.text(50, 24, "<82>", "m", anchor="middle")
    >>> canvas.svg().count("&lt;82&gt;"), canvas.height
    (1, 42)
    """

    def __init__(self, title: str, width: int = WIDTH) -> None:
        self.title = title
        self.width = width
        self.bottom = 0.0
        self.parts: list[str] = []

    @property
    def height(self) -> int:
        return round(self.bottom + 12)

    # -- shapes

    def box(
        self,
        x: float,
        y: float,
        width: float,
        height: float,
        role: str = "none",
        radius: float = 3,
        dash: str = "",
    ) -> None:
        """A rectangle in a role's colours."""
        extra = f' stroke-dasharray="{dash}"' if dash else ""
        self._add(
            f'<rect x="{_n(x)}" y="{_n(y)}" width="{_n(width)}" height="{_n(height)}" rx="{_n(radius)}"'
            f' class="f-{role}"{extra}/>',
            y + height,
        )

    def text(
        self, x: float, y: float, text: str, style: str = "", size: float = 12, anchor: str = "start"
    ) -> None:
        """Text with its baseline at y. `style` is a list of classes: m (monospaced), b (bold), t-ROLE."""
        where = "" if anchor == "start" else f' text-anchor="{anchor}"'
        look = f' class="{style}"' if style else ""
        self._add(
            f'<text x="{_n(x)}" y="{_n(y)}" font-size="{_n(size)}"{where}{look}>{escape(text)}</text>', y + 4
        )

    def line(
        self,
        x1: float,
        y1: float,
        x2: float,
        y2: float,
        role: str = "line",
        width: float = 1,
        dash: str = "",
        arrow: bool = False,
    ) -> None:
        """A straight line, with an arrow's head at its end if wanted."""
        extra = f' stroke-dasharray="{dash}"' if dash else ""
        self._add(
            f'<line x1="{_n(x1)}" y1="{_n(y1)}" x2="{_n(x2)}" y2="{_n(y2)}" class="l-{role}"'
            f' stroke-width="{_n(width)}"{extra}/>',
            max(y1, y2),
        )
        if arrow:
            self._head(x1, y1, x2, y2, role)

    def path(
        self,
        commands: str,
        role: str = "line",
        width: float = 1.5,
        bottom: float = 0,
        dash: str = "",
        opacity: float = 1,
    ) -> None:
        """The outline of SVG path commands; `bottom` says how far down it reaches."""
        extra = f' stroke-dasharray="{dash}"' if dash else ""
        extra += f' stroke-opacity="{_n(opacity)}"' if opacity < 1 else ""
        self._add(f'<path d="{commands}" class="l-{role}" stroke-width="{_n(width)}"{extra}/>', bottom)

    def dot(self, x: float, y: float, radius: float, role: str = "a") -> None:
        self._add(f'<circle cx="{_n(x)}" cy="{_n(y)}" r="{_n(radius)}" class="f-{role}"/>', y + radius)

    def ring(self, x: float, y: float, width: float, height: float) -> None:
        """A thick outline around something that matters now."""
        self._add(
            f'<rect x="{_n(x)}" y="{_n(y)}" width="{_n(width)}" height="{_n(height)}" rx="4" class="l-hot"'
            ' stroke-width="2.5"/>',
            y + height,
        )

    def raw(self, markup: str, bottom: float) -> None:
        """Markup that is known to be safe: made by the caller from numbers alone."""
        self._add(markup, bottom)

    @contextmanager
    def group(
        self,
        note: str = "",
        event: tuple[str, str | int] | None = None,
        step: int | None = None,
        key: str = "",
    ) -> Iterator[None]:
        """What is drawn inside belongs together: see the module's docstring for the four attributes."""
        attributes = ""
        if note:
            attributes += f' data-note="{escape(note)}"'
        if event:
            attributes += (
                f' data-event="{escape(event[0])}" data-value="{escape(str(event[1]))}" role="button"'
            )
        if note or event:
            attributes += ' tabindex="0"'
        if step is not None:
            attributes += f' data-step="{step}"'
        if key:
            attributes += f' data-key="{escape(key)}"'
        self.parts.append(f"<g{attributes}>" + (f"<title>{escape(note)}</title>" if note else ""))
        yield
        self.parts.append("</g>")

    # -- pieces that many figures need

    def heading(self, text: str, detail: str = "") -> float:
        """The figure's title line; returns the y below it."""
        self.text(16, 26, text, "b", 14)
        if detail:
            self.text(16 + len(text) * 14 * 0.6 + 16, 26, detail, "t-dim", 12)
        return 44

    def badge(self, x: float, y: float, text: str, role: str) -> float:
        """A small rounded label; returns the x behind it."""
        width = text_width(text, 11, mono=True) + 12
        self.box(x, y, width, 18, role, 9)
        self.text(x + width / 2, y + 13, text, f"m t-{role}", 11, "middle")
        return x + width + 6

    def embed(self, other: Canvas, y: float) -> None:
        """Another figure below, as it is."""
        self._add(f'<g transform="translate(0 {_n(y)})">' + "".join(other.parts) + "</g>", y + other.bottom)

    def svg(self) -> str:
        """The whole picture, as one SVG element with its own style and title."""
        width, height = self.width, self.height
        return (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}"'
            f' height="{height}" class="mds" role="img" aria-label="{escape(self.title)}">'
            f"<style>{STILL_STYLE}</style>"
            f'<rect x=".5" y=".5" width="{width - 1}" height="{height - 1}" rx="8" class="f-page"/>'
            + "".join(self.parts)
            + "</svg>"
        )

    def _add(self, markup: str, bottom: float) -> None:
        self.parts.append(markup)
        self.bottom = max(self.bottom, bottom)

    def _head(self, x1: float, y1: float, x2: float, y2: float, role: str) -> None:
        length = ((x2 - x1) ** 2 + (y2 - y1) ** 2) ** 0.5 or 1.0
        dx, dy = (x2 - x1) / length, (y2 - y1) / length
        left = f"{_n(x2 - 7 * dx - 3.5 * dy)},{_n(y2 - 7 * dy + 3.5 * dx)}"
        right = f"{_n(x2 - 7 * dx + 3.5 * dy)},{_n(y2 - 7 * dy - 3.5 * dx)}"
        self._add(f'<polygon points="{_n(x2)},{_n(y2)} {left} {right}" class="s-{role}"/>', max(y1, y2))


# -- words and pictures ------------------------------------------------------------------------


# What XML refuses, and what would make a text read otherwise than it is (direction marks).
_HARMFUL = re.compile("[\x00-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff\ufffe\uffff]")


def printable(text: str) -> str:
    """The text with every control character written out."""
    return _HARMFUL.sub(lambda match: _escaped(match[0]), text)


def escape(text: str) -> str:
    """Text as it may stand in SVG and HTML, in an attribute too."""
    return _escape_markup(printable(text))


def label(data: bytes | bytearray | str, limit: int = 24) -> str:
    r"""Bytes as a short text that is safe to look at: at most about `limit` characters. O(limit).

    >>> label(b"caf\xc3\xa9"), label(b"a\x00\xff"), label(b"x" * 1000, 10)
    ('café', 'a\\x00\\xff', 'xxxxxxxxx… (1000 bytes)')
    """
    if isinstance(data, str):
        data = data.encode("utf-8", "backslashreplace")
    head = bytes(data[: limit * 4 + 4])
    if len(head) < len(data):  # the cut may go through a character
        head = head.decode("utf-8", "ignore").encode() or head
    characters = [
        character if character.isprintable() else _escaped(character)
        for character in head.decode("utf-8", "surrogateescape")
    ]
    if len(head) == len(data) and sum(map(len, characters)) <= limit:
        return "".join(characters)
    kept, width = [], 0
    for character in characters:
        width += len(character)
        if width >= limit:
            break
        kept.append(character)
    return f"{''.join(kept)}… ({len(data)} bytes)"


def _escaped(character: str) -> str:
    if 0xDC80 <= ord(character) <= 0xDCFF:  # a byte that is no UTF-8
        return f"\\x{ord(character) - 0xDC00:02x}"
    return character.encode("unicode_escape").decode()


def text_width(text: str, size: float = 12, mono: bool = False) -> float:
    """About how wide a text is drawn, in pixels."""
    return len(text) * size * (MONO_ADVANCE if mono else SANS_ADVANCE)


def clock_text(ms: int) -> str:
    """Unix milliseconds as a date and a time, UTC.

    >>> clock_text(1_500)
    '1970-01-01 00:00:01.500'
    """
    return datetime.fromtimestamp(ms / 1000, UTC).isoformat(" ", "milliseconds").removesuffix("+00:00")


def count_of(number: int, noun: str, plural: str = "") -> str:
    """A number with its noun.

    >>> count_of(1, "byte"), count_of(2, "entry", "entries")
    ('1 byte', '2 entries')
    """
    return f"{number} {noun}" if number == 1 else f"{number} {plural or noun + 's'}"


def as_image(svg: str, alt: str) -> str:
    """An <img> that holds the picture itself: what an untrusted notebook and a code host leave standing."""
    data = base64.b64encode(svg.encode()).decode()
    return f'<img alt="{escape(alt)}" style="max-width:100%" src="data:image/svg+xml;base64,{data}">'


def table_text(head: list[str], rows: list[list[str]]) -> str:
    """Columns of plain text, numbers to the right.

    >>> print(table_text(["key", "bytes"], [["a", "16"], ["bc", "5"]]))
    key  bytes
    a       16
    bc       5
    """
    columns = list(zip(head, *rows, strict=True))
    widths = [max(map(len, column)) for column in columns]
    numeric = [all(_is_number(cell) for cell in column[1:]) and len(column) > 1 for column in columns]
    lines = [
        "  ".join(
            cell.rjust(width) if right else cell.ljust(width)
            for cell, width, right in zip(row, widths, numeric, strict=True)
        ).rstrip()
        for row in [head, *rows]
    ]
    return "\n".join(lines)


def _is_number(text: str) -> bool:
    return text.replace(".", "", 1).replace(" ", "").lstrip("+-").isdigit() or text in ("", "-")


def _n(number: float) -> str:
    """A coordinate in as few characters as it needs."""
    return f"{number:.1f}".rstrip("0").rstrip(".")

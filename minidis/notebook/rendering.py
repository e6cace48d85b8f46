"""How a reply looks: the text that redis-cli prints in a terminal, and the same text in colour.

A reply becomes a list of *fragments*, `(kind, text)`: the plain form joins the texts, the HTML form
wraps each text in a coloured span.  So the two can never say different things, and colour is never
the only sign: `(error)`, `(integer)`, quotes and numbers are words of the text itself.

    GET k        "bar"               LRANGE l 0 -1   1) "a"
    INCR n       (integer) 3                         2) "b"
    GET none     (nil)               HGETALL h       1# "field" => "value"     (RESP3)
    SET k v      OK                  SMEMBERS s      1~ "member"               (RESP3)

The colours stand on a background of their own, because an output must be readable on light and on
dark pages; each has a contrast of at least 7:1 with it.  They are inline styles: an untrusted notebook
keeps those, and a page that drops them still shows the whole text.

Mirrors: `cliFormatReplyTTY`, `cliFormatReplyRaw` in redis-cli.c; `sdscatrepr` in sds.c.
Differs: an error keeps its `(error)` after INFO and CLIENT LIST too; a number above 64 bits has a form.

>>> to_text(reply_fragments([b"a", 1, None, [b"nested", 2.5]]))
'1) "a"\\n2) (integer) 1\\n3) (nil)\\n4) 1) "nested"\\n   2) "2.5"'
>>> to_text(reply_fragments({b"field": 2.5}, resp=3))
'1# "field" => (double) 2.5'

Read next: language.py, which reads the commands; magics.py, which brings both together.
"""

from __future__ import annotations

import html
from collections.abc import Iterable, Sequence
from collections.abc import Set as AbstractSet
from typing import Any

from minidis.palette import DARK
from minidis.protocol.numbers import format_double
from minidis.protocol.quoting import quote
from minidis.protocol.replies import BigNumber, NullArray, Pairs, Push, ReplyError, Verbatim

Fragment = tuple[str, str]

# A page of a million lines would stop the browser, not teach; the value itself can be assigned.
MAX_LINES = 1000
MAX_LINE_CHARACTERS = 20_000

PANEL_STYLE = (
    f"background-color: {DARK['page']}; color: {DARK['ink']}; padding: 8px 12px; margin: 0 0 4px; "
    "border-radius: 6px; font-family: monospace; line-height: 1.4; white-space: pre-wrap; "
    "overflow-wrap: anywhere"
)
STYLES = {
    "prompt": f"color: {DARK['dim']}",
    "command": f"color: {DARK['ink']}; font-weight: bold",
    "string": f"color: {DARK['A']}",
    "number": f"color: {DARK['B']}",
    "type": f"color: {DARK['dim']}",
    "status": f"color: {DARK['C']}",
    "nil": f"color: {DARK['D']}; font-style: italic",
    "index": f"color: {DARK['dim']}",
    "error": f"color: {DARK['E']}; font-weight: bold",
    "note": f"color: {DARK['dim']}; font-style: italic",
    "wire": f"color: {DARK['G']}",
}

# Commands whose reply redis-cli prints as it is, because it is a text made for people.
_TEXT_REPLIES = {
    (b"info",),
    (b"lolwut",),
    (b"memory", b"malloc-stats"),
    (b"memory", b"doctor"),
    (b"cluster", b"nodes"),
    (b"cluster", b"info"),
    (b"client", b"list"),
    (b"client", b"info"),
    (b"latency", b"graph"),
    (b"latency", b"doctor"),
}


def reply_fragments(value: Any, resp: int = 2, argv: Sequence[bytes] = ()) -> list[Fragment]:
    """The fragments of one reply, as a client that speaks RESP2 or RESP3 prints it; no newline at the end.

    `argv` is the command that was answered: redis-cli prints INFO's text as it is, GET's with escapes.
    """
    if argv and is_text_reply(argv) and isinstance(value, bytes):
        return [("string", readable(value).rstrip("\n"))]
    out: list[Fragment] = []
    _format(value, resp, "", out)
    return out


def raw_text(value: Any, resp: int = 2) -> str:
    """The form of `redis-cli --raw`: bytes as they are, one element per line."""
    value = wire_value(value, resp)
    if value is None:
        return ""
    if isinstance(value, bool):
        return "(true)" if value else "(false)"
    if isinstance(value, dict):
        return "\n".join(f"{raw_text(k, resp)} {raw_text(v, resp)}" for k, v in value.items())
    if isinstance(value, (list, tuple, AbstractSet)):
        return "\n".join(raw_text(item, resp) for item in _elements(value))
    if isinstance(value, bytes):
        return readable(value)
    return format_double(value).decode() if isinstance(value, float) else str(value)


def error_fragments(message: str) -> list[Fragment]:
    return [("error", f"(error) {message}")]


def wire_fragments(arrow: str, data: bytes) -> list[Fragment]:
    """RESP bytes, one frame or item per line: `arrow` tells the direction."""
    lines = []
    start = 0
    while start < len(data):
        end = data.find(b"\r\n", start)
        end = len(data) if end < 0 else end + 2
        head = data[start : start + 1]
        if head in b"$=!" and data[start + 1 : start + 2] not in (b"-", b"?"):
            length = int(data[start + 1 : end - 2] or 0)
            end = min(len(data), end + length + 2)
        lines.append(quoted(data[start:end])[1:-1])
        start = end
    indent = "\n" + " " * (len(arrow) + 1)
    return [("prompt", arrow + " "), ("wire", indent.join(lines))]


def quoted(data: bytes) -> str:
    """Bytes as redis-cli shows them: in double quotes, with escapes. O(N)."""
    return quote(data).decode("ascii")


def readable(data: bytes) -> str:
    """Bytes as text for people: UTF-8 where they are, an escape where they are not."""
    return data.decode("utf-8", "backslashreplace").replace("\r\n", "\n")


def is_text_reply(argv: Sequence[bytes]) -> bool:
    words = tuple(word.lower() for word in argv[:2])
    return words[:1] in _TEXT_REPLIES or words in _TEXT_REPLIES


def wire_value(value: Any, resp: int) -> Any:
    """The value with the types that travel: RESP2 has no map, set, double, boolean or verbatim text."""
    if isinstance(value, NullArray):
        return None
    if resp >= 3:
        return [list(pair) for pair in value] if isinstance(value, Pairs) else value
    if isinstance(value, bool):
        return int(value)
    if isinstance(value, float):
        return format_double(value)
    if isinstance(value, BigNumber):
        return b"%d" % value
    if isinstance(value, dict):
        return [item for pair in value.items() for item in pair]
    if isinstance(value, Pairs):
        return [item for pair in value for item in pair]
    if isinstance(value, Verbatim):
        return bytes(value)
    return value


def to_text(fragments: Iterable[Fragment]) -> str:
    return "".join(text for _, text in fragments)


def to_html(fragments: Iterable[Fragment]) -> str:
    """The fragments as a panel of escaped, coloured text."""
    spans = []
    for kind, text in fragments:
        escaped = html.escape(text, quote=False)
        style = STYLES.get(kind)
        spans.append(f'<span style="{style}">{escaped}</span>' if style else escaped)
    return f'<pre style="{PANEL_STYLE}">{"".join(spans)}</pre>'


def shortened(fragments: list[Fragment]) -> list[Fragment]:
    """The same fragments, cut where a page would become unreadable, and saying so."""
    out: list[Fragment] = []
    lines = 0
    for position, (kind, text) in enumerate(fragments):
        lines += text.count("\n")
        if lines >= MAX_LINES:
            rest = sum(text.count("\n") for _, text in fragments[position:])
            note = f"\n... {rest} more lines. To see them all, assign the reply: %%redis reply <<"
            return out + [("note", note)]
        if len(text) > MAX_LINE_CHARACTERS:
            text = f"{text[:MAX_LINE_CHARACTERS]}... ({len(text) - MAX_LINE_CHARACTERS} more characters)"
        out.append((kind, text))
    return out


class Panel:
    """What a cell shows: its repr is the plain text, its HTML the same text in colour."""

    def __init__(self, fragments: Iterable[Fragment]) -> None:
        self.fragments = shortened(list(fragments))

    def __repr__(self) -> str:
        return to_text(self.fragments)

    def _repr_html_(self) -> str:
        return to_html(self.fragments)


def _format(value: Any, resp: int, prefix: str, out: list[Fragment]) -> None:
    value = wire_value(value, resp)
    if value is None:
        out.append(("nil", "(nil)"))
    elif isinstance(value, Verbatim):
        out.append(("string", readable(value)))
    elif isinstance(value, bytes):
        out.append(("string", quoted(value)))
    elif isinstance(value, ReplyError):
        out.extend(error_fragments(str(value)))
    elif isinstance(value, str):
        out.append(("status", value))
    elif isinstance(value, bool):
        out.append(("number", "(true)" if value else "(false)"))
    elif isinstance(value, float):
        out.extend([("type", "(double) "), ("number", format_double(value).decode())])
    elif isinstance(value, BigNumber):
        out.extend([("type", "(big number) "), ("number", str(int(value)))])
    elif isinstance(value, int):
        out.extend([("type", "(integer) "), ("number", str(value))])
    else:
        _format_aggregate(value, resp, prefix, out)


def _format_aggregate(value: Any, resp: int, prefix: str, out: list[Fragment]) -> None:
    """An array, map, set or push: each item behind its number, nested ones indented below it."""
    if resp >= 3 and isinstance(value, Push) and _is_invalidation(value):
        keys = ", ".join(f"'{readable(key)}'" for key in value[1])
        out.append(("note", f"-> invalidate: {keys}"))
        return
    is_map, is_set = isinstance(value, dict), isinstance(value, AbstractSet) and resp >= 3
    if not value:
        empty = "hash" if is_map else "set" if is_set else "push" if isinstance(value, Push) else "array"
        out.append(("nil", f"(empty {empty})"))
        return
    width = len(str(len(value)))
    mark = "#" if is_map else "~" if is_set else ")"
    inner = prefix + " " * (width + 2)
    for number, item in enumerate(value.items() if is_map else _elements(value), start=1):
        lead = "" if number == 1 else "\n" + prefix
        out.append(("index", f"{lead}{number:{width}d}{mark} "))
        if not is_map:
            _format(item, resp, inner, out)
            continue
        _format(item[0], resp, inner, out)
        out.append(("index", " => "))
        if _takes_lines(item[1], resp):
            out.append(("index", "\n" + inner))
        _format(item[1], resp, inner, out)


def _takes_lines(value: Any, resp: int) -> bool:
    """Does the value need more than one line?  A map's value then starts below its key."""
    value = wire_value(value, resp)
    if not isinstance(value, (list, tuple, AbstractSet, dict)) or not value:
        return False
    if len(value) > 1:
        return True
    return _takes_lines(next(iter(value.values() if isinstance(value, dict) else value)), resp)


def _is_invalidation(push: Push) -> bool:
    return len(push) == 2 and push[0] == b"invalidate" and isinstance(push[1], (list, tuple))


def _elements(value: Any) -> Iterable[Any]:
    """The items in the order in which the encoder sends them: a plain set has none of its own."""
    return sorted(value) if isinstance(value, (set, frozenset)) else value

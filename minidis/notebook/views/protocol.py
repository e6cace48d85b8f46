r"""The RESP ribbon: every byte of a request or reply, and what it says.

One line of the protocol per row, up to its CRLF: each byte as its character and in hex, the kind by colour
and in words. The cutting is done by minidis/protocol/annotation.py, that is by the engine's own parsers.

Read next: minidis/protocol/resp.py.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from minidis.drivers.embedded import Embedded
from minidis.notebook.views.drawing import Canvas, count_of, printable, table_text
from minidis.notebook.views.mirrors import Mirror
from minidis.notebook.views.sources import node_or_mirror
from minidis.notebook.views.view import View
from minidis.protocol.annotation import Span, annotate
from minidis.protocol.quoting import split_arguments
from minidis.protocol.replies import ReplyError
from minidis.protocol.resp import encode, encode_command

SHOWN_ROWS = 40
SHOWN_CELLS = 18
CELL = 22
_KINDS_OF_ROLE = {
    "a": ("array", "map", "set", "push", "attributes"),
    "b": ("bulk string", "verbatim string"),
    "c": ("status", "inline"),
    "d": ("integer", "double", "big number", "boolean"),
    "e": ("error", "blob error", "broken", "incomplete"),
    "f": ("null",),
    "g": ("data",),
}
KIND_ROLES = {kind: role for role, kinds in _KINDS_OF_ROLE.items() for kind in kinds}


class RespView(View):
    """Parts of (direction, bytes): what the client sent, what the server answered."""

    def __init__(self, *parts: tuple[str, bytes]) -> None:
        super().__init__(None)
        self.parts = parts

    def snapshot(self) -> list[dict[str, Any]]:
        return [_part(direction, data) for direction, data in self.parts]

    def draw(self, data: list[dict[str, Any]]) -> Canvas:
        canvas = Canvas("RESP: " + "; ".join(f"{part['direction']} {part['summary']}" for part in data))
        y = 6.0
        step = 0
        for part in data:
            canvas.text(16, y + 20, part["direction"], "b", 13)
            canvas.text(
                30 + 8 * len(part["direction"]), y + 20, count_of(part["bytes"], "byte"), "t-dim", 11.5
            )
            y += 30
            for row in part["rows"]:
                step += 1
                with canvas.group(
                    note=f"bytes {row['start']} to {row['end'] - 1}: {row['meaning']}", step=step
                ):
                    draw_row(canvas, row, y)
                y += 40
            if part["more"]:
                canvas.text(56, y + 14, f"… {count_of(part['more'], 'more line')}", "t-dim", 12)
                y += 24
            y += 8
        canvas.bottom -= 4
        return canvas

    def text(self, data: list[dict[str, Any]]) -> str:
        blocks = []
        for part in data:
            rows = [
                [str(r["start"]), "  " * r["depth"] + r["shown"], r["kind"], r["meaning"]]
                for r in part["rows"]
            ]
            lines = [f"{part['direction']}: {count_of(part['bytes'], 'byte')}"]
            lines.append(table_text(["byte", "bytes", "kind", "meaning"], rows))
            if part["more"]:
                lines.append(f"... {count_of(part['more'], 'more line')}")
            blocks.append("\n".join(lines))
        return "\n\n".join(blocks)

    def captions(self, data: list[dict[str, Any]]) -> list[str]:
        return [f"{row['shown']}  {row['meaning']}" for part in data for row in part["rows"]]


def ribbon(data: bytes | str, request: bool | None = None) -> RespView:
    """Bytes as they came from a server (or, with `request`, from a client); a str is a command to encode."""
    if isinstance(data, str):
        return RespView(("client to server", encode_command(split_arguments(data.encode()) or [])))
    return RespView(("client to server" if request else "server to client", bytes(data)))


def exchange(command: str, node: Embedded | None = None, protocol: int = 2) -> RespView:
    """Run a command on the node, or on the server that cells run on, and show both directions."""
    words = split_arguments(command.encode()) or []
    node = node_or_mirror(node)
    if isinstance(node, Mirror):
        return RespView(*_directions(*node.bytes_of(words, protocol)))
    try:
        reply = node.execute(*words)
    except ReplyError as error:
        reply = error
    return RespView(*_directions(encode_command(words), encode(reply, protocol)))


def _directions(request: bytes, reply: bytes) -> tuple[tuple[str, bytes], tuple[str, bytes]]:
    return ("client to server", request), ("server to client", reply)


def _part(direction: str, data: bytes) -> dict[str, Any]:
    rows = _rows(data, direction.startswith("client"))
    return {
        "direction": direction,
        "bytes": len(data),
        "summary": ", ".join(row["meaning"] for row in rows[:6] if row["kind"] != "data"),
        "rows": rows[:SHOWN_ROWS],
        "more": max(0, len(rows) - SHOWN_ROWS),
    }


def _rows(data: bytes, is_request: bool) -> list[dict[str, Any]]:
    """A row per span, with the CRLF that ends it."""
    rows: list[dict[str, Any]] = []
    for span in annotate(data, is_request):
        if span.kind == "crlf" and rows and not rows[-1]["ends"]:
            rows[-1] |= {
                "end": span.end,
                "ends": list(data[span.start : span.end]),
                "shown": rows[-1]["shown"] + _shown(data[span.start : span.end]),
            }
            continue
        rows.append(row_of(data, span))
    return rows


def row_of(data: bytes, span: Span) -> dict[str, Any]:
    """A span of bytes as a row of a picture: the first of its bytes, and what they say."""
    piece = data[span.start : span.end]
    head = piece if len(piece) <= SHOWN_CELLS else piece[: SHOWN_CELLS - 3]
    more = f"+{len(piece) - len(head)} bytes" if len(head) < len(piece) else ""
    return {
        "start": span.start,
        "end": span.end,
        "kind": span.kind,
        "meaning": printable(span.explanation),
        "depth": span.depth,
        "cells": list(head),
        "hidden": len(piece) - len(head),
        "shown": _shown(head) + more,
        "hexes": head.hex(" ") + (f" {more}" if more else ""),
        "ends": [],  # the bytes where its CRLF stands; a server does not look at them behind a string
    }


def _shown(data: bytes) -> str:
    return "".join(_character(byte) for byte in data)


def _character(byte: int) -> str:
    named = {13: "\\r", 10: "\\n", 9: "\\t", 92: "\\\\"}
    return named.get(byte) or (chr(byte) if 0x20 <= byte < 0x7F else f"\\x{byte:02x}")


def draw_row(canvas: Canvas, row: dict[str, Any], y: float, roles: Mapping[str, str] = KIND_ROLES) -> None:
    """A row from `y` on, 40 high: offset, bytes as cells, kind and meaning."""
    role = roles.get(row["kind"], "f")
    canvas.text(44, y + 22, str(row["start"]), "m t-dim", 10, "end")
    x = 52 + 16 * min(row["depth"], 8)
    if row["depth"]:
        canvas.line(x - 8, y - 4, x - 8, y + 34, "line", 1, dash="1 3")
    for byte in row["cells"]:
        x = _draw_cell(canvas, x, y, byte, role)
    if row["hidden"]:
        canvas.box(x, y, CELL * 2.4, 34, role, 2)
        canvas.text(x + CELL * 1.2, y + 21, f"+{row['hidden']}", f"m t-{role}", 11, "middle")
        x += CELL * 2.4 + 1
    for byte in row["ends"]:
        x = _draw_cell(canvas, x, y, byte, "f" if byte in b"\r\n" else "e")
    if not row["cells"]:
        canvas.text(x, y + 21, "∅" if row["kind"] == "incomplete" else "", "t-e b", 13)
        x += 16
    left = max(x + 12, 330)
    canvas.text(left, y + 15, row["kind"], f"b t-{role}", 11.5)
    room = int((canvas.width - left - 10) / 6.1)
    meaning = row["meaning"] if len(row["meaning"]) <= room else row["meaning"][: room - 1] + "…"
    canvas.text(left, y + 29, meaning, "", 11.5)


def _draw_cell(canvas: Canvas, x: float, y: float, byte: int, role: str) -> float:
    canvas.box(x + 0.5, y, CELL - 1, 34, role, 2)
    if byte == 32:  # a space is drawn: fonts differ in the character for it
        canvas.path(f"M{x + 6:.1f} {y + 11:.1f}v4h{CELL - 12}v-4", role, 1.5, y + 15)
    else:
        character = "\\" if byte == 92 else _character(byte)
        canvas.text(
            x + CELL / 2, y + 15, character if len(character) < 3 else "·", f"m b t-{role}", 12, "middle"
        )
    canvas.text(x + CELL / 2, y + 28, f"{byte:02x}", "m t-dim", 9.5, "middle")
    return x + CELL

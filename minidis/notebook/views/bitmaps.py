"""Picture of a string as bits: bit 0 is the most significant bit of byte 0, as SETBIT counts.

Read next: minidis/structures/bits.py.
"""

from __future__ import annotations

from typing import Any

from minidis.notebook.views.drawing import Canvas, count_of
from minidis.notebook.views.view import slider, text_field

WRITTEN_BYTES = 24  # up to so many, each bit is written as a digit; beyond, bits are small squares
SHOWN_BYTES = 512
BYTES_PER_ROW = 4
CELL = 18
SQUARES_PER_ROW = 16  # bytes
SQUARE = 5.3


def take(data: bytes | bytearray, options: dict[str, Any]) -> dict[str, Any]:
    """A string's bits. `options`: start (first byte shown), marked (a bit), field=(offset, width)."""
    raw = bytes(data)
    start = max(0, min(int(options.get("start") or 0), max(0, len(raw) - 1)))
    start -= start % SQUARES_PER_ROW
    marked = options.get("marked")
    field = options.get("field")
    return {
        "kind": "bits",
        "title": options.get("title", "bits"),
        "encoding": options.get("encoding", ""),
        "bytes": len(raw),
        "ones": int.from_bytes(raw, "big").bit_count(),
        "start": start,
        "shown": list(raw[start : start + SHOWN_BYTES]),
        "marked": None if marked is None else int(marked),
        "field": None if field is None else [int(field[0]), int(field[1])],
    }


def draw(data: dict[str, Any]) -> Canvas:
    canvas = Canvas(_summary(data))
    canvas.heading(data["title"], _size(data))
    canvas.text(62, 62, "each byte: bit 0 on the left, the most significant", "t-dim", 11)
    y = (
        _draw_digits(canvas, data, 76)
        if len(data["shown"]) <= WRITTEN_BYTES
        else _draw_squares(canvas, data, 82)
    )
    rest = data["bytes"] - data["start"] - len(data["shown"])
    if rest > 0:
        canvas.text(62, y + 8, f"… {count_of(rest, 'more byte')}", "t-dim", 12)
    if not data["bytes"]:
        canvas.text(62, y + 8, "no bytes at all: every bit reads 0", "t-dim", 12)
    return canvas


def _draw_digits(canvas: Canvas, data: dict[str, Any], y: float) -> float:
    for first in range(0, len(data["shown"]), BYTES_PER_ROW):
        row = data["shown"][first : first + BYTES_PER_ROW]
        canvas.text(52, y + 32, str(data["start"] + first), "m t-dim", 10.5, "end")
        for place, byte in enumerate(row):
            _draw_byte(canvas, data, data["start"] + first + place, byte, 62 + place * (8 * CELL + 32), y)
        y += 54
    return y


def _draw_squares(canvas: Canvas, data: dict[str, Any], y: float) -> float:
    """A byte ruler, then sixteen bytes in a row; a set bit is a dark square."""
    for place in range(0, SQUARES_PER_ROW, 2):
        canvas.text(62 + place * 8.3 * SQUARE, y - 2, f"+{place}", "m t-dim", 9)
    for first in range(0, len(data["shown"]), SQUARES_PER_ROW):
        index = data["start"] + first
        canvas.text(54, y + 13, str(index), "m t-dim", 10, "end")
        for place, byte in enumerate(data["shown"][first : first + SQUARES_PER_ROW]):
            x = 62 + place * 8.3 * SQUARE
            ones = [bit for bit in range(8) if byte >> (7 - bit) & 1]
            offset = (index + place) * 8
            note = (
                f"byte {index + place}: {byte:08b}, bits set: {', '.join(str(offset + bit) for bit in ones)}"
            )
            with canvas.group(note=note if ones else "", key=f"byte-{index + place}"):
                canvas.box(x, y + 3, 8 * SQUARE, 13, "none", 1)
                if ones:
                    strokes = "".join(f"M{x + (bit + 0.5) * SQUARE:.1f} {y + 4:.1f}v11" for bit in ones)
                    canvas.path(strokes, "a", SQUARE - 1, y + 16)
            for bit in range(8):
                if offset + bit == data["marked"]:
                    middle = x + (bit + 0.5) * SQUARE
                    canvas.line(middle, y + 24, middle, y + 16, "hot", 2, arrow=True)
        y += 21
    return y + 6


def _draw_byte(canvas: Canvas, data: dict[str, Any], index: int, byte: int, x: float, y: float) -> None:
    printable = f" '{chr(byte)}'" if 0x21 <= byte < 0x7F else ""
    canvas.text(x, y + 11, f"byte {index}", "t-dim", 10)
    canvas.text(x + 8 * CELL, y + 11, f"0x{byte:02x}{printable}", "m t-dim", 10, "end")
    for place in range(8):
        offset = index * 8 + place
        bit = byte >> (7 - place) & 1
        in_field = data["field"] and data["field"][0] <= offset < sum(data["field"])
        role = "a" if bit else "none"
        with canvas.group(note=f"bit {offset} = {bit}: byte {index}, bit {place}", key=f"bit-{offset}"):
            canvas.box(x + place * CELL, y + 17, CELL - 1.5, CELL, role, 2)
            canvas.text(
                x + place * CELL + 8.2, y + 30, str(bit), "m b t-a" if bit else "m t-dim", 11, "middle"
            )
        if in_field or offset == data["marked"]:
            canvas.line(x + place * CELL, y + 39, x + (place + 1) * CELL - 1, y + 39, "hot", 3)
        if place in (0, 7) or offset == data["marked"]:
            style = "m t-hot" if offset == data["marked"] else "m t-dim"
            canvas.text(x + place * CELL + 8.2, y + 48, str(offset), style, 8.5, "middle")


def text(data: dict[str, Any]) -> str:
    lines = [f"{data['title']}: {_size(data)}"]
    lines.append("each byte: bit 0 on the left, the most significant")
    zeros = 0
    for first in range(0, len(data["shown"]), 8):
        row = data["shown"][first : first + 8]
        if first and not any(row):  # a long run of zeros is told in one line
            zeros += len(row)
            continue
        if zeros:
            lines.append(f"... {count_of(zeros, 'zero byte')}")
        zeros = 0
        index = data["start"] + first
        lines.append(f"byte {index:4d}  bit {index * 8:5d}  " + " ".join(f"{byte:08b}" for byte in row))
    if zeros:
        lines.append(f"... {count_of(zeros, 'zero byte')}")
    rest = data["bytes"] - data["start"] - len(data["shown"])
    if rest > 0:
        lines.append(f"... {count_of(rest, 'more byte')}")
    ones = [
        data["start"] * 8 + i * 8 + p
        for i, b in enumerate(data["shown"])
        for p in range(8)
        if b >> (7 - p) & 1
    ]
    lines.append(
        f"bits set: {', '.join(map(str, ones[:32]))}{' ...' if len(ones) > 32 or rest > 0 else ''}"
        if ones
        else "no bit set"
    )
    if data["marked"] is not None:
        index, place = divmod(data["marked"], 8)
        lines.append(
            f"bit {data['marked']}: byte {index}, bit {place} of it, counted from the most significant"
        )
    if data["field"]:
        lines.append(f"field: bits {data['field'][0]} to {sum(data['field']) - 1}")
    return "\n".join(lines)


def controls(data: dict[str, Any]) -> list[dict[str, Any]]:
    found = [text_field("mark", "mark bit", "" if data["marked"] is None else str(data["marked"]))]
    if data["bytes"] > SHOWN_BYTES:
        found.append(slider("start", "from byte", data["start"], 0, data["bytes"] - 1, SQUARES_PER_ROW))
    return found


def _mark(data: Any, options: dict[str, Any], value: Any) -> None:
    options["marked"] = None if value in (None, "") else int(value)


def _start(data: Any, options: dict[str, Any], value: Any) -> None:
    options["start"] = int(value)


ACTIONS = {"mark": _mark, "start": _start}


def _size(data: dict[str, Any]) -> str:
    encoding = f", encoding {data['encoding']}" if data["encoding"] else ""
    size, bits = count_of(data["bytes"], "byte"), count_of(data["bytes"] * 8, "bit")
    return f"{size}, {data['ones']} of {bits} set{encoding}"


def _summary(data: dict[str, Any]) -> str:
    shown = " ".join(f"{byte:08b}" for byte in data["shown"][:8])
    return f"{data['title']}: a string as bits, {_size(data)}: {shown}{' …' if data['bytes'] > 8 else ''}"

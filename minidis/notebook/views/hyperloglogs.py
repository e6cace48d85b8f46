"""Picture of a HyperLogLog: its 16384 registers as a map, its opcodes, and the register of an element.

Read next: minidis/structures/hyperloglog.py.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby
from typing import Any

from minidis.notebook.views.drawing import Canvas, count_of, label, table_text
from minidis.notebook.views.view import text_field
from minidis.structures import hyperloglog

COLUMNS, ROWS = 256, 64
SQUARE = 2.9
SHADE_STARTS = (0, 1, 2, 3, 5, 8, 12)  # the register values at which a map square gets darker
SHOWN_OPCODES = 24


def take(data: bytes | bytearray, options: dict[str, Any]) -> dict[str, Any]:
    """Registers, opcodes and count. `options`: element (whose hash and register are shown)."""
    raw = bytes(data)
    title = options.get("title", "HyperLogLog")
    if not hyperloglog.is_valid(raw):
        return {
            "kind": "hyperloglog",
            "title": title,
            "bytes": len(raw),
            "fault": "not a HyperLogLog: " + _fault(raw),
        }
    try:
        registers = hyperloglog.registers(raw)
    except hyperloglog.CorruptedHyperLogLog as error:
        return {"kind": "hyperloglog", "title": title, "bytes": len(raw), "fault": str(error)}
    totals = hyperloglog.register_histogram(registers)
    opcodes = list(hyperloglog.opcodes(raw)) if raw[4] == hyperloglog.SPARSE else []
    element = options.get("element")
    return {
        "kind": "hyperloglog",
        "title": title,
        "bytes": len(raw),
        "fault": "",
        "encoding": "sparse" if raw[4] == hyperloglog.SPARSE else "dense",
        "count": hyperloglog.estimate(totals),
        "cached": hyperloglog.cached_count(raw),
        "header": raw[:16].hex(" "),
        "registers": list(registers),
        "histogram": {str(value): total for value, total in enumerate(totals) if total},
        "opcodes": [
            [raw[o.offset : o.offset + o.size].hex(" "), str(o), o.length, o.value]
            for o in opcodes[:SHOWN_OPCODES]
        ],
        "opcode_count": len(opcodes),
        "element": None if element in (None, "", b"") else _element(element, registers),
    }


def _fault(raw: bytes) -> str:
    if raw[:4] != hyperloglog.MAGIC:
        return f"the first four bytes are {raw[:4].hex(' ') or 'missing'}, not 48 59 4c 4c (HYLL)"
    if len(raw) < hyperloglog.HEADER_BYTES:
        return f"{count_of(len(raw), 'byte')} are less than the header of 16"
    return f"encoding byte {raw[4]} with {count_of(len(raw), 'byte')}"


def _element(element: str | bytes, registers: bytes) -> dict[str, Any]:
    raw = element.encode() if isinstance(element, str) else bytes(element)
    hashed = hyperloglog.murmur_hash_64a(raw, hyperloglog.HASH_SEED)
    register, value = hyperloglog.register_of(raw)
    return {
        "name": label(raw, 32),
        "bits": f"{hashed:064b}",
        "register": register,
        "zeros": value - 1,
        "value": value,
        "holds": registers[register],
    }


def draw(data: dict[str, Any]) -> Canvas:
    canvas = Canvas(_summary(data))
    if data["fault"]:
        canvas.heading(data["title"], f"{count_of(data['bytes'], 'byte')}; {data['fault']}")
        return canvas
    canvas.heading(data["title"], _size(data))
    y = _draw_map(canvas, data, 66)
    y = _draw_histogram(canvas, data, y + 14)
    if data["element"]:
        y = _draw_element(canvas, data["element"], y + 10)
    if data["opcodes"]:
        _draw_opcodes(canvas, data, y + 12)
    return canvas


def _draw_map(canvas: Canvas, data: dict[str, Any], y: float) -> float:
    left = 20.0
    canvas.text(left, y - 6, "16384 registers, 256 in a row", "t-dim", 11)
    canvas.box(left - 2, y - 2, COLUMNS * SQUARE + 4, ROWS * SQUARE + 4, "none", 2)
    few = sum(map(bool, data["registers"])) < 500
    thickness = SQUARE + (1.4 if few else -0.3)  # a few squares alone would hardly be seen
    # One path per shade, a stroke per run: so even 16384 registers are a small picture.
    strokes: dict[int, str] = dict.fromkeys(range(1, len(SHADE_STARTS)), "")
    shades = bytes(data["registers"]).translate(_SHADE_OF_VALUE)
    for row in range(ROWS):
        for shade, start, stop in _runs(shades[row * COLUMNS : (row + 1) * COLUMNS]):
            if shade:
                x, middle = left + start * SQUARE, y + (row + 0.5) * SQUARE
                strokes[shade] += f"M{x:.1f} {middle:.1f}h{(stop - start) * SQUARE:.1f}"
    for shade, commands in strokes.items():
        if commands:
            canvas.path(commands, "a", thickness, y + ROWS * SQUARE, opacity=_opacity(shade))
    if data["element"]:
        row, column = divmod(data["element"]["register"], COLUMNS)
        x, top = left + (column + 0.5) * SQUARE, y + (row + 0.5) * SQUARE
        canvas.raw(f'<circle cx="{x:.1f}" cy="{top:.1f}" r="8" class="l-hot" stroke-width="2.5"/>', top)
    return y + ROWS * SQUARE + 6


def _runs(shades: bytes) -> Iterator[tuple[int, int, int]]:
    """(shade, start, stop) of each run of registers that have the same shade."""
    start = 0
    for shade, run in groupby(shades):
        stop = start + sum(1 for _ in run)
        yield shade, start, stop
        start = stop


def _shade(value: int) -> int:
    return max(shade for shade, start in enumerate(SHADE_STARTS) if value >= start)


_SHADE_OF_VALUE = bytes(map(_shade, range(256)))


def _opacity(shade: int) -> float:
    return 0.3 + 0.7 * shade / (len(SHADE_STARTS) - 1)


def _draw_histogram(canvas: Canvas, data: dict[str, Any], y: float) -> float:
    totals = {int(value): total for value, total in data["histogram"].items()}
    highest = max(totals.values())
    top_value = max(totals)
    width = min(44.0, 740 / (top_value + 1))
    is_roomy = width > 21  # many values stand too close for all their numbers; hovering tells them
    canvas.text(20, y + 10, "registers by value", "t-dim", 11)
    for value in range(top_value + 1):
        total = totals.get(value, 0)
        height = 56 * total / highest
        x = 20 + value * width
        with canvas.group(note=f"{count_of(total, 'register')} at {value}"):
            canvas.box(x + 2, y + 88 - height, width - 4, max(height, 0.5), "a" if value else "f", 1)
            if value:  # the shade that the map has for this value
                canvas.path(
                    f"M{x + 2:.1f} {y + 104:.1f}h{width - 4:.1f}",
                    "a",
                    4,
                    y + 106,
                    opacity=_opacity(_shade(value)),
                )
            if is_roomy or value % 5 == 0:
                canvas.text(x + width / 2, y + 99, str(value), "m t-dim", 10, "middle")
            if total and (is_roomy or not value):
                canvas.text(x + width / 2, y + 84 - height, str(total), "m", 9, "middle")
    return y + 112


def _draw_element(canvas: Canvas, element: dict[str, Any], y: float) -> float:
    grows = element["value"] > element["holds"]
    canvas.text(20, y + 12, f"element {element['name']}: its hash, 64 bits", "b t-hot", 12)
    bits = element["bits"]
    run = 50 - element["zeros"] - 1  # the bits above the index, read from right to left, zeros first
    for place, bit in enumerate(bits):
        role = "d" if place >= 50 else "b" if run <= place else "none"
        x = 20 + place * 11.4 + (8 if place >= 50 else 0)
        canvas.box(x, y + 20, 10.6, 18, role, 1.5)
        canvas.text(x + 5.3, y + 33, bit, f"m t-{role if role != 'none' else 'dim'}", 10, "middle")
    canvas.text(
        20 + 50 * 11.4,
        y + 52,
        f"{count_of(element['zeros'], 'zero')}, then a 1: value {element['value']}",
        "m t-b",
        11,
        "end",
    )
    canvas.text(28 + 64 * 11.4, y + 52, f"register {element['register']}", "m t-d", 11, "end")
    outcome = f"register {element['register']} holds {element['holds']}: " + (
        f"PFADD would raise it to {element['value']}"
        if grows
        else f"{element['value']} is not more, PFADD changes nothing"
    )
    canvas.text(20, y + 70, outcome, "", 12)
    return y + 78


def _draw_opcodes(canvas: Canvas, data: dict[str, Any], y: float) -> None:
    canvas.text(
        20,
        y + 10,
        f"sparse form: {count_of(data['opcode_count'], 'opcode')} after the 16 bytes of header",
        "t-dim",
        11,
    )
    x, y = 20.0, y + 18
    for hexes, name, length, value in data["opcodes"]:
        width = max(len(name), len(hexes)) * 6.4 + 12
        if x + width > canvas.width - 20:
            x, y = 20.0, y + 40
        meaning = f"{count_of(length, 'register')} {'hold' if length > 1 else 'holds'} {value}"
        with canvas.group(note=f"{hexes}: {name}: {meaning}"):
            canvas.box(x, y, width - 4, 32, "b" if value else "f", 3)
            canvas.text(x + width / 2 - 2, y + 13, hexes, "m t-dim", 10, "middle")
            canvas.text(x + width / 2 - 2, y + 26, name, f"m b t-{'b' if value else 'f'}", 10.5, "middle")
        x += width
    if data["opcode_count"] > len(data["opcodes"]):
        canvas.text(20, y + 48, f"… {data['opcode_count'] - len(data['opcodes'])} more", "t-dim", 11)


def text(data: dict[str, Any]) -> str:
    if data["fault"]:
        return f"{data['title']}: {count_of(data['bytes'], 'byte')}; {data['fault']}"
    lines = [f"{data['title']}: {_size(data)}", f"header: {data['header']}"]
    lines.append(
        table_text(
            ["value", "registers"], [[value, str(total)] for value, total in data["histogram"].items()]
        )
    )
    if data["element"]:
        e = data["element"]
        lines.append(f"element {e['name']}: hash {e['bits'][:50]} {e['bits'][50:]}")
        lines.append(
            f"  last 14 bits: register {e['register']}; "
            f"before them {count_of(e['zeros'], 'zero')} and a 1: value {e['value']}"
        )
        lines.append(f"  register {e['register']} holds {e['holds']}")
    if data["opcodes"]:
        more = (
            f" ... {data['opcode_count'] - len(data['opcodes'])} more"
            if data["opcode_count"] > len(data["opcodes"])
            else ""
        )
        lines.append(f"opcodes: {' '.join(name for _, name, _, _ in data['opcodes'])}{more}")
    return "\n".join(lines)


def controls(data: dict[str, Any]) -> list[dict[str, Any]]:
    if data["fault"]:  # there are no registers to show an element in
        return []
    element = data["element"]
    return [
        text_field("element", "show element", element["name"] if element else "", "its hash and its register")
    ]


def _show_element(data: Any, options: dict[str, Any], value: Any) -> None:
    options["element"] = value or None


ACTIONS = {"element": _show_element}


def _size(data: dict[str, Any]) -> str:
    cached = "stale" if data["cached"] is None else str(data["cached"])
    set_ = 16384 - data["histogram"].get("0", 0)
    return (
        f"{data['encoding']}, {count_of(data['bytes'], 'byte')}, {count_of(set_, 'register')} set, "
        f"count {data['count']} (in the header: {cached})"
    )


def _summary(data: dict[str, Any]) -> str:
    if data["fault"]:
        return f"{data['title']}: {data['fault']}"
    return (
        f"{data['title']}: a HyperLogLog, {_size(data)}; highest register {max(map(int, data['histogram']))}"
    )

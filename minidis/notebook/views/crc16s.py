"""From a key to its slot, byte by byte: the tag, the check sum, its low 14 bits.

    user:{1000}:name      only what stands between { and } is hashed: keys with one tag share a slot

    byte   sum before   (sum >> 8) ^ byte   table[..]   sum << 8 ^ table
    1 31      0000             31              2672           2672
    0 30      2672             16              ...

    ac3e = 10|10110000111110     the low 14 bits: slot 11326

Read next: minidis/distributed/cluster/slots.py.
"""

from __future__ import annotations

from typing import Any

from minidis.distributed.cluster.slots import crc16, hash_tag, slot_of
from minidis.notebook.views.drawing import MONO_ADVANCE, Canvas, count_of, label, table_text
from minidis.notebook.views.view import View, text_field

MOST_BYTES = 16
ROW = 22.0
_COLUMNS = (16.0, 110.0, 230.0, 400.0, 520.0)
_HEADS = ["byte", "sum before", "(sum >> 8) ^ byte", "table", "sum after"]


class Crc16View(View):
    """How a key's slot is worked out."""

    def __init__(self, key: str | bytes) -> None:
        super().__init__(None)
        self.key = key.encode() if isinstance(key, str) else bytes(key)

    def on_key(self, key: str) -> None:
        """Another key."""
        self.key = key.encode()

    def snapshot(self) -> dict[str, Any]:
        tag = hash_tag(self.key)
        steps, before = [], 0
        for byte in tag:
            index = (before >> 8) ^ byte
            entry = crc16(bytes([index]))  # the sum of one byte is its entry in the table
            after = (before << 8 & 0xFFFF) ^ entry
            steps.append({"byte": byte, "before": before, "index": index, "entry": entry, "after": after})
            before = after
        start = self.key.find(b"{") + 1 if tag != self.key else 0
        return {
            "key": label(self.key, 48),
            "parts": [label(part, 40) for part in (self.key[:start], tag, self.key[start + len(tag) :])],
            "is_tagged": tag != self.key,
            "bytes": len(tag),
            "steps": steps[:MOST_BYTES],
            "sum": crc16(tag),
            "slot": slot_of(self.key),
        }

    def controls(self, data: dict[str, Any]) -> list[dict[str, Any]]:
        return [text_field("key", "key", data["key"], "work out another key's slot")]

    def captions(self, data: dict[str, Any]) -> list[str]:
        return [
            f"{_shown(step['byte'])}: the top byte of {step['before']:04x} xor {step['byte']:02x} is "
            f"{step['index']:02x}; the table says {step['entry']:04x}; "
            f"with the rest of the sum: {step['after']:04x}"
            for step in data["steps"]
        ]

    def draw(self, data: dict[str, Any]) -> Canvas:
        canvas = Canvas(_summary(data))
        canvas.heading("the slot of a key", "CRC16, polynomial 0x1021, one table entry for each byte")
        x = 16.0
        for number, part in enumerate(data["parts"]):
            if part:
                width = len(part) * 15 * MONO_ADVANCE
                if number == 1:
                    canvas.box(x - 2, 50, width + 4, 24, "a")
                canvas.text(x, 67, part, "m b t-a" if number == 1 else "m t-dim", 15)
                x += width + 4
        canvas.text(x + 14, 67, _what_is_hashed(data), "t-dim", 11.5)
        y = 98.0
        for column, head in zip(_COLUMNS, _HEADS, strict=True):
            canvas.text(column, y, head, "b", 11)
        for number, row in enumerate(_rows(data), 1):
            y += ROW
            with canvas.group(step=number, note=self.captions(data)[number - 1]):
                for column, cell in zip(_COLUMNS, row, strict=True):
                    canvas.text(column, y, cell, "m", 12)
        if data["bytes"] > MOST_BYTES:
            y += ROW
            canvas.text(16, y, f"and {count_of(data['bytes'] - MOST_BYTES, 'byte')} more", "t-dim", 11)
        y += 40
        bits = f"{data['sum']:016b}"
        canvas.text(16, y, f"sum {data['sum']:04x}", "m b", 13)
        for place, bit in enumerate(bits):
            x = 130 + place * 24
            canvas.box(x, y - 16, 22, 24, "f" if place < 2 else "c")
            canvas.text(x + 11, y, bit, "m t-f" if place < 2 else "m b t-c", 13, "middle")
        canvas.text(130, y + 24, "dropped", "t-dim", 10.5)
        canvas.text(178, y + 24, f"the low 14 bits: slot {data['slot']}", "b", 12)
        return canvas

    def text(self, data: dict[str, Any]) -> str:
        lines = [_summary(data), _what_is_hashed(data)]
        if data["steps"]:
            lines.append(table_text(_HEADS, _rows(data)))
        if data["bytes"] > MOST_BYTES:
            lines.append(f"and {count_of(data['bytes'] - MOST_BYTES, 'byte')} more")
        bits = f"{data['sum']:016b}"
        lines.append(f"{data['sum']:04x} = {bits[:2]}|{bits[2:]}: the low 14 bits are slot {data['slot']}")
        return "\n".join(lines)


def crc16_steps(key: str | bytes) -> Crc16View:
    """How the slot of a key is worked out, byte by byte."""
    return Crc16View(key)


def _rows(data: dict[str, Any]) -> list[list[str]]:
    return [
        [
            _shown(step["byte"]),
            f"{step['before']:04x}",
            f"{step['index']:02x}",
            f"{step['entry']:04x}",
            f"{step['after']:04x}",
        ]
        for step in data["steps"]
    ]


def _shown(byte: int) -> str:
    return f"{chr(byte)} {byte:02x}" if 32 < byte < 127 else f"  {byte:02x}"


def _what_is_hashed(data: dict[str, Any]) -> str:
    return "only the tag is hashed" if data["is_tagged"] else "no tag: the whole key is hashed"


def _summary(data: dict[str, Any]) -> str:
    what = f"CRC16 of {count_of(data['bytes'], 'byte')} is {data['sum']:04x}"
    return f"the slot of {data['key']}: {what}, slot {data['slot']}"

"""Picture of an intset: the header and the sorted numbers, each as wide as the widest needs to be.

With `add`, the number is added to a copy and both are drawn: the width upgrade before and after.

Read next: minidis/structures/intset.py.
"""

from __future__ import annotations

from typing import Any

from minidis.notebook.views.byteflow import ByteFlow
from minidis.notebook.views.drawing import Canvas, count_of, table_text
from minidis.notebook.views.view import text_field

SHOWN_NUMBERS = 64


def take(intset: Any, options: dict[str, Any]) -> dict[str, Any]:
    """The bytes of an intset. `options`: add (a number to add to a copy), search (a number to look for)."""
    after = None
    if options.get("add") not in (None, ""):
        copy = intset.copy()
        copy.add(int(options["add"]))
        after = _array(copy)
    search = options.get("search")
    probes = intset.search_path(int(search)) if search not in (None, "") else []
    return {
        "kind": "intset",
        "title": options.get("title", "intset"),
        "before": _array(intset),
        "added": None if after is None else int(options["add"]),
        "after": after,
        "search": None if search in (None, "") else int(search),
        "path": [
            {"position": p.position, "value": p.value, "caption": _caption(p.position, p.value, int(search))}
            for p in probes
        ],
    }


def _array(intset: Any) -> dict[str, Any]:
    data = bytes(intset)
    width = intset.width
    numbers = list(intset)
    return {
        "width": width,
        "count": len(numbers),
        "bytes": len(data),
        "header": data[:8].hex(" "),
        "numbers": numbers[:SHOWN_NUMBERS],
        "cells": [
            data[8 + i * width : 8 + (i + 1) * width].hex(" ")
            for i in range(min(len(numbers), SHOWN_NUMBERS))
        ],
    }


def _caption(position: int, value: int, wanted: int) -> str:
    verdict = "found" if value == wanted else "too small" if value < wanted else "too large"
    return f"position {position} holds {value}: {verdict}"


def draw(data: dict[str, Any]) -> Canvas:
    canvas = Canvas(_summary(data))
    canvas.heading(data["title"], f"intset, {_size(data['before'])}")
    steps = {step["position"]: number for number, step in reversed(list(enumerate(data["path"], 1)))}
    y = _draw_array(canvas, data["before"], 54, steps)
    if data["path"]:
        canvas.text(56, y + 8, f"search for {data['search']}, comparison by comparison", "b t-hot", 12)
        for number, step in enumerate(data["path"], 1):
            with canvas.group(step=number):
                canvas.text(68, y + 8 + 17 * number, f"{number}. {step['caption']}", "", 11.5)
        y += 24 + 17 * len(data["path"])
    if data["after"]:
        before, after = data["before"], data["after"]
        canvas.line(64, y - 6, 64, y + 18, "hot", 2, arrow=True)
        change = (
            "the width stays"
            if after["width"] == before["width"]
            else f"every number becomes {after['width']} bytes wide"
        )
        canvas.text(76, y + 10, f"add {data['added']}: {change} ({_size(after)})", "b t-hot", 12)
        _draw_array(canvas, after, y + 30, {})
    return canvas


def _draw_array(canvas: Canvas, array: dict[str, Any], y: float, steps: dict[int, int]) -> float:
    flow = ByteFlow(canvas, y)
    flow.group(
        [(array["header"][:11], "f")], f"width {array['width']}", f"bytes per number: {array['width']}"
    )
    flow.group([(array["header"][12:], "f")], f"{array['count']} numbers", f"numbers: {array['count']}")
    for position, (number, cell) in enumerate(zip(array["numbers"], array["cells"], strict=True)):
        role = "ac"[position % 2]
        mark = f"({steps[position]}) " if position in steps else ""
        note = f"position {position}: {number}, {array['width']} bytes, little-endian"
        flow.group([(cell, role)], f"{mark}{number}", note, key=f"n{number}", chosen=position in steps)
    y = flow.finish()
    if array["count"] > len(array["numbers"]):
        canvas.text(56, y + 8, f"… {array['count'] - len(array['numbers'])} more numbers", "t-dim", 12)
        y += 20
    return y + 6


def text(data: dict[str, Any]) -> str:
    lines = [f"{data['title']}: intset, {_size(data['before'])}", _array_text(data["before"])]
    if data["path"]:
        lines.append(f"search for {data['search']}:")
        lines += [f"  {number}. {step['caption']}" for number, step in enumerate(data["path"], 1)]
    if data["after"]:
        lines += [f"after adding {data['added']}: {_size(data['after'])}", _array_text(data["after"])]
    return "\n".join(lines)


def _array_text(array: dict[str, Any]) -> str:
    width = array["width"]
    rows = [["0", "", array["header"][:11], f"bytes per number: {width}"]]
    rows.append(["4", "", array["header"][12:], f"numbers: {array['count']}"])
    for position, (number, cell) in enumerate(zip(array["numbers"], array["cells"], strict=True)):
        rows.append([str(8 + position * width), str(position), cell, str(number)])
    if array["count"] > len(array["numbers"]):
        rows.append(["", "", "...", f"{array['count'] - len(array['numbers'])} more"])
    return table_text(["byte", "#", "bytes", "meaning"], rows)


def captions(data: dict[str, Any]) -> list[str]:
    return [step["caption"] for step in data["path"]]


def controls(data: dict[str, Any]) -> list[dict[str, Any]]:
    added, search = data["added"], data["search"]
    return [
        text_field(
            "add", "try to add", "" if added is None else str(added), "to a copy: the set itself stays"
        ),
        text_field("search", "search for", "" if search is None else str(search), "shows the binary search"),
    ]


def _add(intset: Any, options: dict[str, Any], value: Any) -> None:
    options["add"] = None if value in (None, "") else int(value)


def _search(intset: Any, options: dict[str, Any], value: Any) -> None:
    options["search"] = None if value in (None, "") else int(value)


ACTIONS = {"add": _add, "search": _search}


def _size(array: dict[str, Any]) -> str:
    numbers = f"{count_of(array['count'], 'number')} of {array['width']} bytes"
    return f"{numbers}, {count_of(array['bytes'], 'byte')} in all"


def _summary(data: dict[str, Any]) -> str:
    numbers = ", ".join(map(str, data["before"]["numbers"][:8]))
    more = " …" if data["before"]["count"] > 8 else ""
    text = f"{data['title']}: an intset, {_size(data['before'])}: {numbers}{more}"
    return f"{text}; after adding {data['added']}: {_size(data['after'])}" if data["after"] else text

"""Picture of a listpack's bytes, entry by entry, each explained bit by bit.

Each module of pictures has the same functions, which `structures.py` calls:

    take(structure, options) -> plain data        draw(data) -> Canvas        text(data) -> str
    ACTIONS {name: function(structure, options, value)}        controls(data), captions(data)   (if any)

Read next: byteflow.py; quicklists.py, which draws chains of these.
"""

from __future__ import annotations

from typing import Any

from minidis.notebook.views.byteflow import ByteFlow
from minidis.notebook.views.drawing import Canvas, count_of, label, table_text, text_width
from minidis.structures.listpack import Entry, Listpack

SHOWN_CELLS = 280  # ten rows
SHOWN_CONTENT = 16


def take(pack: Any, options: dict[str, Any]) -> dict[str, Any]:
    """A listpack's bytes, entry by entry. `options`: names (what entries are by turns), select (an index)."""
    data = bytes(pack)
    entries = pack.entries() if hasattr(pack, "entries") else Listpack.from_bytes(data).entries()
    names = options.get("names") or ["element"]
    selected = options.get("select")
    if selected is not None:
        selected = int(selected)
        selected = selected if 0 <= selected < len(entries) else None
    return {
        "kind": "listpack",
        "title": options.get("title", "listpack"),
        "bytes": len(data),
        "count": len(entries),
        "names": names,
        "header": data[:6].hex(" "),
        "entries": [_entry(index, entry, names) for index, entry in enumerate(_first_rows(entries))],
        "selected": None if selected is None else _entry(selected, entries[selected], names),
    }


def _first_rows(entries: tuple[Entry, ...]) -> list[Entry]:
    """The entries whose cells fill about ten rows."""
    shown, cells = [], 6
    for entry in entries:
        cells += len(entry.header) + min(len(entry.content), SHOWN_CONTENT) + len(entry.backlen)
        if cells > SHOWN_CELLS:
            break
        shown.append(entry)
    return shown


def _entry(index: int, entry: Entry, names: list[str]) -> dict[str, Any]:
    text = str(entry.value) if isinstance(entry.value, int) else f'"{label(entry.value, 32)}"'
    name = names[index % len(names)]
    return {
        "index": index,
        "name": name if len(names) == 1 else f"{name} {index // len(names)}",
        "turn": index % len(names),
        "offset": entry.offset,
        "encoding": entry.encoding,
        "header": entry.header.hex(" "),
        "content": entry.content[:SHOWN_CONTENT].hex(" "),
        "hidden": max(0, len(entry.content) - SHOWN_CONTENT),
        "backlen": entry.backlen.hex(" "),
        "value": text,
        "length": len(entry.header) + len(entry.content),
        "explanation": _explain(entry),
    }


def _explain(entry: Entry) -> list[str]:
    """The entry's header read bit by bit, then its content and its backlen."""
    first = f"{entry.header[0]:08b}"
    kinds = (("0", "an integer 0..127, in the header itself"), ("10", "a string, 6 bits of length"))
    kinds += (("110", "an integer of 13 bits"), ("1110", "a string, 12 bits of length"))
    for prefix, meaning in kinds:
        if first.startswith(prefix):
            rest = first[len(prefix) :] + "".join(f" {byte:08b}" for byte in entry.header[1:])
            value = entry.value if isinstance(entry.value, int) else len(entry.content)
            lines = [f"header   {prefix}|{rest}   {prefix}: {meaning}; {rest} is {value}"]
            break
    else:
        size = f"its 4 bytes of length say {len(entry.content)}" if first == "11110000" else entry.encoding
        lines = [f"header   {first}   {entry.encoding}: {size}, little-endian"]
    if entry.content:
        shown = entry.content[:8].hex(" ") + (" ..." if len(entry.content) > 8 else "")
        meaning = entry.value if isinstance(entry.value, int) else f'"{label(entry.value, 32)}"'
        lines.append(f"content  {shown}   {meaning}")
    length = len(entry.header) + len(entry.content)
    lines.append(
        f"backlen  {entry.backlen.hex(' ')}   {count_of(length, 'byte')} back to where this entry starts"
    )
    return lines


def draw(data: dict[str, Any]) -> Canvas:
    canvas = Canvas(_summary(data))
    canvas.heading(data["title"], f"listpack, {size_of(data)}")
    y = draw_bytes(canvas, data, 52)
    draw_selected(canvas, data, y)
    return canvas


def draw_bytes(canvas: Canvas, data: dict[str, Any], y: float) -> float:
    """The bytes from `y` on; returns the y below."""
    flow = ByteFlow(canvas, y)
    flow.group([(data["header"][:11], "f")], "total bytes", f"total bytes: {data['bytes']}, little-endian")
    flow.group([(data["header"][12:], "f")], "count", f"number of entries: {data['count']}, little-endian")
    chosen = data["selected"]["index"] if data["selected"] else -1
    for entry in data["entries"]:
        flow.group(
            [(entry["header"], "a"), (entry["content"], "bc"[entry["turn"] % 2]), (entry["backlen"], "d")],
            entry["value"],
            f"{entry['name']} at byte {entry['offset']}: {entry['encoding']} {entry['value']}",
            hidden=entry["hidden"],
            event=("select", entry["index"]),
            key=f"{entry['name']}-{entry['index']}",
            chosen=entry["index"] == chosen,
        )
    more = data["count"] - len(data["entries"])
    if more:
        y = flow.finish()
        canvas.text(
            56,
            y + 8,
            f"… {count_of(more, 'more entry', 'more entries')} up to byte {data['bytes'] - 1}",
            "t-dim",
            12,
        )
        y += 20
    else:
        flow.group([("ff", "f")], "end", "the end mark")
        y = flow.finish()
    x = 56.0
    legend = [
        ("header", "a"),
        (data["names"][0], "b"),
        *[(name, "c") for name in data["names"][1:2]],
        ("backlen", "d"),
    ]
    for name, role in legend:
        canvas.box(x, y + 1, 12, 12, role)
        canvas.text(x + 17, y + 11, name, "t-dim", 11)
        x += 38 + text_width(name, 11)
    return y + 20


def draw_selected(canvas: Canvas, data: dict[str, Any], y: float) -> None:
    """The chosen entry, explained bit by bit."""
    entry = data["selected"]
    if entry is None:
        return
    canvas.box(48, y + 6, canvas.width - 64, 26 + 18 * len(entry["explanation"]), "f", 6)
    canvas.text(60, y + 24, f"{entry['name']} at byte {entry['offset']}: {entry['value']}", "b", 12)
    for number, line in enumerate(entry["explanation"]):
        canvas.text(60, y + 42 + 18 * number, line.replace("  ", "\u00a0\u00a0"), "m", 11)


def text(data: dict[str, Any]) -> str:
    rows = [["0", "", data["header"][:11], "", "", f"total bytes: {data['bytes']}"]]
    rows.append(["4", "", data["header"][12:], "", "", f"entries: {data['count']}"])
    for entry in data["entries"]:
        content = entry["content"] + (f" +{entry['hidden']}" if entry["hidden"] else "")
        meaning = f"{entry['name']}: {entry['value']} ({entry['encoding']})"
        rows.append(
            [str(entry["offset"]), str(entry["index"]), entry["header"], content, entry["backlen"], meaning]
        )
    more = data["count"] - len(data["entries"])
    rows.append(
        ["", "", "...", "", "", f"{more} more"] if more else [str(data["bytes"] - 1), "", "ff", "", "", "end"]
    )
    lines = [f"{data['title']}: listpack, {size_of(data)}"]
    lines.append(table_text(["byte", "#", "header", "content", "backlen", "meaning"], rows))
    if data["selected"]:
        lines += [
            "",
            f"{data['selected']['name']}: {data['selected']['value']}",
            *data["selected"]["explanation"],
        ]
    return "\n".join(lines)


def size_of(data: dict[str, Any]) -> str:
    return f"{count_of(data['count'], 'entry', 'entries')} in {count_of(data['bytes'], 'byte')}"


def _summary(data: dict[str, Any]) -> str:
    values = ", ".join(entry["value"] for entry in data["entries"][:8])
    more = " …" if data["count"] > 8 else ""
    return f"{data['title']}: the bytes of a listpack, {size_of(data)}: {values}{more}"


def select(pack: Any, options: dict[str, Any], value: Any) -> None:
    """Choose the entry that is explained; choosing it again closes the explanation."""
    index = int(value)
    options["select"] = None if options.get("select") == index else index


ACTIONS = {"select": select}

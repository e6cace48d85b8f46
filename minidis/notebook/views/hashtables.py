"""Pictures of a hash table: buckets and chains, and the two tables of a rehash under way.

Small tables (up to 32 buckets) show every key in its chain, larger ones a square per bucket with the
length of its chain. Buckets that the rehash has emptied are crossed out, and an arrow marks the next one.

Read next: minidis/structures/hashtable.py.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

from minidis.notebook.views.drawing import Canvas, count_of, label, text_width
from minidis.notebook.views.view import button, text_field

BUCKETS_WITH_KEYS = 32
BUCKETS_AS_SQUARES = 4096
ROW = 22


def take(table: Any, options: dict[str, Any]) -> dict[str, Any]:
    """The buckets of each table. `options`: search (a key whose look-up is shown), cursor (of SCAN), note."""
    buckets = getattr(table, "index", table)  # a DictTable keeps its buckets in an index of keys
    chains_of = buckets.tables()
    search = options.get("search")
    path = _path(table, search, chains_of) if search not in (None, "", b"") else []
    return {
        "kind": "hashtable",
        "title": options.get("title", "hash table"),
        "note": options.get("note", ""),
        "count": len(table),
        "rehash_index": buckets.rehash_index,
        "search": label(search, 24) if path else None,
        "path": path,
        "cursor": options.get("cursor"),
        "tables": [
            {
                "size": len(chains),
                "scan": _scanned(options.get("cursor"), len(chains), min(map(len, chains_of))),
                "used": sum(map(len, chains)),
                "chains": [[label(key, 14) for key in chain[:6]] for chain in chains[:BUCKETS_WITH_KEYS]]
                if len(chains) <= BUCKETS_WITH_KEYS
                else None,
                "lengths": [len(chain) for chain in chains[:BUCKETS_AS_SQUARES]],
                "chain_lengths": {str(n): k for n, k in sorted(Counter(map(len, chains)).items())},
            }
            for chains in chains_of
        ],
    }


def _scanned(cursor: int | None, size: int, smallest: int) -> list[int]:
    """The buckets of a table that one call of SCAN visits: what the smaller table's bucket splits into."""
    return [] if cursor is None else list(range(cursor & (smallest - 1), size, smallest))


def _path(table: Any, search: str | bytes, chains_of: list[list[list[bytes]]]) -> list[dict[str, Any]]:
    key = search.encode() if isinstance(search, str) else search
    if not hasattr(table, "search_path"):
        return []
    steps = []
    for probe in table.search_path(key):
        chain = chains_of[probe.table][probe.bucket]
        place = chain.index(probe.key) if probe.key is not None else len(chain)
        where = f"table {probe.table}, bucket {probe.bucket}"
        if probe.key is None:
            verdict = "the end of the chain: not here" if chain else "empty"
        else:
            found = probe.key == key
            verdict = f"{label(probe.key, 20)}: {'found' if found else 'another key, go on along the chain'}"
        steps.append(
            {"table": probe.table, "bucket": probe.bucket, "place": place, "caption": f"{where}: {verdict}"}
        )
    return steps


def draw(data: dict[str, Any]) -> Canvas:
    canvas = Canvas(_summary(data))
    y = canvas.heading(data["title"], _detail(data))
    if data["note"]:
        canvas.text(16, y + 4, data["note"], "t-dim", 11.5)
        y += 18
    tops = y + 24
    beside = all(table["chains"] is not None for table in data["tables"])
    bottom = tops
    for number, table in enumerate(data["tables"]):
        x = 16.0 + (380 * number if beside and len(data["tables"]) > 1 else 0)
        y = tops if beside else bottom + (24 if number else 0)
        name = f"table {number}: {count_of(table['size'], 'bucket')}, {count_of(table['used'], 'key')}"
        canvas.text(x, y, name, "b", 12)
        if table["chains"] is not None:
            end = _draw_chains(canvas, data, number, x, y + 10)
        else:
            end = _draw_squares(canvas, data, number, x, y + 12)
        bottom = max(bottom, end)
    if data["path"]:
        canvas.text(16, bottom + 20, f"look-up of {data['search']}", "b t-hot", 12)
        for number, step in enumerate(data["path"], 1):
            with canvas.group(step=number):
                canvas.text(28, bottom + 20 + 17 * number, f"{number}. {step['caption']}", "", 11.5)
    return canvas


def _draw_chains(canvas: Canvas, data: dict[str, Any], number: int, x: float, y: float) -> float:
    table = data["tables"][number]
    bits = max(1, (table["size"] - 1).bit_length())
    narrow = len(data["tables"]) > 1
    steps = {(s["bucket"], s["place"]): n for n, s in enumerate(data["path"], 1) if s["table"] == number}
    for bucket, chain in enumerate(table["chains"]):
        top = y + bucket * ROW
        moved = number == 0 and bucket < data["rehash_index"]
        keys = "moved" if moved else " -> ".join(chain) or "empty"
        with canvas.group(note=f"bucket {bucket}: {keys}"):
            canvas.text(x + 26, top + 14, str(bucket), "m", 11, "end")
            canvas.text(x + 32, top + 14, f"{bucket:0{bits}b}", "m t-dim", 9.5)
            left = x + 40 + bits * 6
            canvas.box(left, top, 18, ROW - 4, "f" if moved else "none", 2, "2 2" if moved else "")
            if moved:
                canvas.line(left + 3, top + 3, left + 15, top + ROW - 7, "dim")
            if number == 0 and bucket == data["rehash_index"]:
                canvas.text(left + 24, top + 14, "◀ next to move", "b t-hot", 11)
                left += 96
            if bucket in table["scan"]:
                canvas.text(left + 24, top + 14, "◀ cursor", "b t-hot", 11)
                left += 62
        _draw_chain(canvas, chain, steps, bucket, left, top, 1 if narrow else 2, table["lengths"][bucket])
    return y + len(table["chains"]) * ROW


def _draw_chain(
    canvas: Canvas,
    chain: list[str],
    steps: dict,
    bucket: int,
    left: float,
    top: float,
    room: int,
    length: int,
) -> None:
    cursor = left + 18
    for place, key in enumerate(chain[: 2 + room]):
        width = text_width(key, 10.5, mono=True) + 12
        canvas.line(cursor, top + 9, cursor + 14, top + 9, "line", 1.2, arrow=True)
        with canvas.group(note=f"{key}, in bucket {bucket}", key=f"{bucket}-{key}"):
            canvas.box(cursor + 14, top, width, ROW - 4, "a", 4)
            canvas.text(cursor + 14 + width / 2, top + 13, key, "m t-a", 10.5, "middle")
        if (bucket, place) in steps:
            with canvas.group(step=steps[bucket, place]):
                canvas.ring(cursor + 12, top - 2, width + 4, ROW)
        cursor += 14 + width
    if length > min(len(chain), 2 + room):
        canvas.text(cursor + 6, top + 13, f"… {length - min(len(chain), 2 + room)} more", "t-dim", 10.5)
    if (bucket, length) in steps:
        with canvas.group(step=steps[bucket, length]):
            canvas.text(cursor + 8, top + 13, "✗ not here", "b t-hot", 10.5)


def _draw_squares(canvas: Canvas, data: dict[str, Any], number: int, x: float, y: float) -> float:
    table = data["tables"][number]
    columns, side = (32, 23) if table["size"] <= 256 else (64, 11.6)
    for bucket, length in enumerate(table["lengths"]):
        left, top = x + bucket % columns * side, y + bucket // columns * side
        moved = number == 0 and bucket < data["rehash_index"]
        role = "f" if moved else ("none", "c", "b", "e")[min(length, 3)]
        if side > 20:
            with canvas.group(note=f"bucket {bucket}: {'moved' if moved else count_of(length, 'key')}"):
                canvas.box(left, top, side - 2, side - 2, role, 2, "2 2" if moved else "")
                if length:
                    canvas.text(left + side / 2 - 1, top + 14.5, str(length), f"m t-{role}", 10.5, "middle")
        else:
            canvas.box(left, top, side - 1.5, side - 1.5, role, 1)
        if (number == 0 and bucket == data["rehash_index"]) or bucket in table["scan"]:
            canvas.ring(left - 2, top - 2, side + 2, side + 2)
    y += -(-len(table["lengths"]) // columns) * side + 14
    lengths = ", ".join(f"{count_of(k, 'bucket')} with {n}" for n, k in table["chain_lengths"].items())
    canvas.text(x, y, f"keys per bucket: {lengths}", "t-dim", 11)
    return y + 8


def text(data: dict[str, Any]) -> str:
    lines = [f"{data['title']}: {_detail(data)}"]
    if data["note"]:
        lines.append(data["note"])
    for number, table in enumerate(data["tables"]):
        lines.append(f"table {number}: {count_of(table['size'], 'bucket')}, {count_of(table['used'], 'key')}")
        if table["chains"] is None:
            lengths = ", ".join(
                f"{count_of(k, 'bucket')} with {n}" for n, k in table["chain_lengths"].items()
            )
            lines.append(f"  keys per bucket: {lengths}")
            continue
        bits = max(1, (table["size"] - 1).bit_length())
        for bucket, chain in enumerate(table["chains"]):
            moved = number == 0 and bucket < data["rehash_index"]
            keys = " -> ".join(chain) + (" -> ..." if table["lengths"][bucket] > len(chain) else "")
            mark = "   <- next to move" if number == 0 and bucket == data["rehash_index"] else ""
            mark += "   <- cursor" if bucket in table["scan"] else ""
            lines.append(f"  {bucket:2d} {bucket:0{bits}b}  {'(moved)' if moved else keys or '-'}{mark}")
    if data["path"]:
        lines.append(f"look-up of {data['search']}:")
        lines += [f"  {number}. {step['caption']}" for number, step in enumerate(data["path"], 1)]
    return "\n".join(lines)


def captions(data: dict[str, Any]) -> list[str]:
    return [step["caption"] for step in data["path"]]


def controls(data: dict[str, Any]) -> list[dict[str, Any]]:
    rehashing = data["rehash_index"] >= 0
    return [
        button(
            "rehash", "rehash one bucket", "rehash_step(1): what every access does by the way", not rehashing
        ),
        button("grow", "start a rehash to twice the size", "expand()", rehashing),
        text_field("search", "look up", data["search"] or "", "a key; Enter shows the comparisons"),
    ]


def _rehash(table: Any, options: dict[str, Any], value: Any) -> None:
    getattr(table, "index", table).rehash_step(int(value or 1))


def _grow(table: Any, options: dict[str, Any], value: Any) -> None:
    buckets = getattr(table, "index", table)
    buckets.expand(max(buckets.sizes[0] * 2, len(table)))


def _search(table: Any, options: dict[str, Any], value: Any) -> None:
    options["search"] = value


ACTIONS = {"rehash": _rehash, "grow": _grow, "search": _search}


def _detail(data: dict[str, Any]) -> str:
    size = f"{count_of(data['count'], 'key')} in {count_of(sum(t['size'] for t in data['tables']), 'bucket')}"
    if data["rehash_index"] < 0:
        return size
    return f"{size}, rehash under way: bucket {data['rehash_index']} of {data['tables'][0]['size']} is next"


def _summary(data: dict[str, Any]) -> str:
    parts = [f"table {n}: {t['used']} keys in {t['size']} buckets" for n, t in enumerate(data["tables"])]
    return f"{data['title']}: a hash table, {_detail(data)}. {'; '.join(parts)}."

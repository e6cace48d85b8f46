"""Picture of a skip list: lanes, spans, and the path of a search.

Up to 20 elements are all drawn. Of a longer list the tallest nodes are, and those on the search path:
every pointer drawn is a real one, with its real span; a dotted line says how many nodes it leaves out.

Read next: minidis/structures/skiplist.py.
"""

from __future__ import annotations

from typing import Any

from minidis.notebook.views.drawing import WIDTH, Canvas, count_of, label, table_text
from minidis.notebook.views.view import button, slider, text_field

SHOWN_NODES = 20
SHOWN_STEPS = 20
LANE = 34


def take(skiplist: Any, options: dict[str, Any]) -> dict[str, Any]:
    """Nodes, lanes and a search. `options`: search, the element whose path is shown: (score, member),
    or the member alone if it is in the list."""
    search = _element(skiplist, options.get("search"))
    steps = skiplist.search_path(*search) if search else []
    shown = _both_ends(steps)
    kept = _chosen(skiplist, [step for _, step in shown])
    return {
        "kind": "skiplist",
        "title": options.get("title", "skip list"),
        "count": len(skiplist),
        "level": skiplist.level,
        "p": skiplist.p,
        "nodes": [
            {
                "position": position,
                "score": _number(node.score),
                "member": label(node.member, 16),
                "height": len(node.forward),
            }
            for position, node in kept.items()
            if position
        ],
        "lanes": [
            [
                {"from": position, "span": node.span[level], "last": node.forward[level] is None}
                for position, node in kept.items()
                if level < len(node.forward)
            ]
            for level in range(skiplist.level)
        ],
        "search": [_number(search[0]), label(search[1], 16)] if search else None,
        "path": [_step(number, step) for number, step in shown],
        "spans": [step.span for step in steps if step.moved][:8],
        "rank": skiplist.rank(*search) if search else None,
        "reached": sum(step.span for step in steps if step.moved),
        "hops": sum(step.moved for step in steps),
    }


def _element(skiplist: Any, search: Any) -> tuple[float, bytes] | None:
    """(score, member) of what is searched for; None for nothing, or for a member that is not there."""
    if not search:
        return None
    if isinstance(search, (str, bytes)):
        wanted = _bytes(search)
        return next(((node.score, node.member) for node in skiplist if node.member == wanted), None)
    score, member = search
    return float(score), _bytes(member)


def _chosen(skiplist: Any, steps: list[Any]) -> dict[int, Any]:
    """The nodes to draw by position (0 is the header): all, or those of the search and the tallest.

    Only lanes are walked, from the top one down until there are enough, so a million elements cost no more.
    """
    kept = {0: skiplist.header}
    for step in steps:
        kept[step.position] = step.node
        if step.ahead is not None:
            kept[step.position + step.span] = step.ahead
    if len(skiplist):
        kept[1], kept[len(skiplist)] = skiplist.header.forward[0], skiplist.tail
    for level in range(skiplist.level - 1, -1, -1):
        node, position = skiplist.header, 0
        while len(kept) <= SHOWN_NODES and node.forward[level] is not None:
            position += node.span[level]
            node = node.forward[level]
            kept[position] = node
    return dict(sorted(kept.items()))


def _both_ends(steps: list[Any]) -> list[tuple[int, Any]]:
    """The steps with their numbers from 1; of a long path (a list without lanes) the first and the last."""
    numbered = list(enumerate(steps, 1))
    return (
        numbered
        if len(steps) <= SHOWN_STEPS + 4
        else numbered[: SHOWN_STEPS // 2] + numbered[-SHOWN_STEPS // 2 :]
    )


def _step(number: int, step: Any) -> dict[str, Any]:
    ahead = None if step.ahead is None else step.position + step.span
    look = "the end" if step.ahead is None else f"{_number(step.ahead.score)} {label(step.ahead.member, 16)}"
    verdict = (
        f"not beyond: go on, position {step.position + step.span}"
        if step.moved
        else "beyond: go down a level"
    )
    if ahead is None:
        verdict = "go down a level" if step.level else "no further level: stop"
    elif not step.moved and step.level == 0:
        verdict = "beyond, and no further level: stop"
    return {
        "number": number,
        "level": step.level,
        "from": step.position,
        "to": ahead,
        "span": step.span,
        "moved": step.moved,
        "caption": f"level {step.level}: ahead is {look} (span {step.span}); {verdict}",
    }


def draw(data: dict[str, Any]) -> Canvas:
    canvas = Canvas(_summary(data))
    top = canvas.heading(data["title"], _size(data)) + 22
    lanes = data["level"]
    columns = _columns(data)
    base = top + lanes * LANE
    for level in range(lanes):
        y = base - (level + 1) * LANE + 16
        canvas.text(16, y + 4, f"level {level}", "t-dim", 10.5)
    for level, lane in enumerate(data["lanes"]):
        _draw_lane(canvas, data, level, lane, columns, base - (level + 1) * LANE + 16)
    _draw_towers(canvas, data, columns, base)
    bottom = base + 10 + 24 * _label_rows(data)
    if data["path"]:
        _draw_path(canvas, data, columns, base)
        outcome = f"search for {data['search'][0]} {data['search'][1]}: {count_of(data['hops'], 'hop')}"
        canvas.text(16, bottom + 12, outcome + _sum_of_spans(data), "b t-hot", 12)
        for place, line in enumerate(_path_lines(data), 1):
            with canvas.group(step=min(place, len(data["path"]))):
                canvas.text(28, bottom + 12 + 16 * place, line, "", 11)
    return canvas


def _columns(data: dict[str, Any]) -> dict[int | None, float]:
    """The x of each drawn position; 0 is the header, None the end."""
    left, right = 84.0, WIDTH - 30.0
    gap = (right - left) / (len(data["nodes"]) + 1)
    columns: dict[int | None, float] = {0: left, None: right}
    for place, node in enumerate(data["nodes"], 1):
        columns[node["position"]] = left + place * gap
    return columns


def _draw_lane(
    canvas: Canvas, data: dict[str, Any], level: int, lane: list[dict[str, Any]], columns: dict, y: float
) -> None:
    drawn = set(columns)
    for place, link in enumerate(lane):
        start = columns[link["from"]] + 9
        target = None if link["last"] else link["from"] + link["span"]
        if target in drawn:
            end = columns[target] - (9 if target is not None else 0)
            where = "the end" if target is None else f"position {target}"
            with canvas.group(
                note=f"level {level}, from position {link['from']} to {where}: span {link['span']}"
            ):
                canvas.line(start, y, end, y, "line", 1.5, arrow=True)
                if end - start > 14:
                    canvas.text((start + end) / 2, y - 4, str(link["span"]), "m t-dim", 10, "middle")
            continue
        following = lane[place + 1]["from"] if place + 1 < len(lane) else None
        end = columns[following] - 9
        canvas.line(start, y, end, y, "line", 1.2, dash="2 4")
        hidden = (following or data["count"] + 1) - link["from"] - 1
        if level == 0 and end - start > 6 * len(str(hidden)) + 8:
            canvas.text((start + end) / 2, y - 4, f"+{hidden}", "m t-dim", 9.5, "middle")


def _draw_towers(canvas: Canvas, data: dict[str, Any], columns: dict, base: float) -> None:
    rows = _label_rows(data)
    room = int(rows * (columns[None] - columns[0]) / (len(data["nodes"]) + 1) / 6) - 1
    towers = [{"position": 0, "height": data["level"], "score": "", "member": "header"}, *data["nodes"]]
    for place, node in enumerate(towers):
        x, height = columns[node["position"]], min(node["height"], data["level"])
        top = base - height * LANE + 4
        role = "f" if node["position"] == 0 else "a"
        note = (
            f"{node['member']}, score {node['score']}, rank {node['position'] - 1}, "
            f"{count_of(node['height'], 'level')}"
            if node["position"]
            else "the header: it comes before all elements"
        )
        with canvas.group(note=note, key=f"tower-{node['member']}-{node['position']}"):
            canvas.box(x - 9, top, 18, height * LANE - 8, role, 4)
            for level in range(height):
                canvas.dot(x, base - (level + 1) * LANE + 16, 2.6, "f" if role == "a" else "a")
        shift = 24 * (place % rows) if place else 0
        if shift:
            canvas.line(x, base, x, base + shift, "line", 0.8, dash="1 3")
        canvas.text(x, base + 10 + shift, _cut(node["score"], room), "m b", 10, "middle")
        member = _cut(node["member"], room)
        canvas.text(x, base + (21 if node["position"] else 12) + shift, member, "m t-dim", 9.5, "middle")
    canvas.text(columns[None] + 3, base - LANE + 20, "end", "t-dim", 10)


def _label_rows(data: dict[str, Any]) -> int:
    """In how many rows the names stand, so that neighbours do not touch."""
    return 1 if len(data["nodes"]) <= 9 else 2 if len(data["nodes"]) <= 14 else 3


def _cut(text: str, room: int) -> str:
    return text if len(text) <= room else text[: room - 1] + "…"


def _draw_path(canvas: Canvas, data: dict[str, Any], columns: dict, base: float) -> None:
    for number, step in enumerate(data["path"], 1):
        y = base - (step["level"] + 1) * LANE + 16
        x = columns[step["from"]]
        with canvas.group(step=number):
            if step["moved"]:
                canvas.line(x + 6, y, columns[step["to"]] - 8, y, "hot", 3, arrow=True)
                canvas.dot(columns[step["to"]], y, 4.5, "hot")
            else:
                goal = columns[step["to"]] - 9
                canvas.line(x + 6, y, x + 6 + min(14, goal - x - 6), y, "hot", 1.5, dash="2 2")
                if step["level"]:
                    canvas.line(x, y + 3, x, y + LANE - 4, "hot", 3, arrow=True)
            if number == 1:
                canvas.dot(x, y, 4.5, "hot")


def text(data: dict[str, Any]) -> str:
    lines = [f"{data['title']}: skip list, {_size(data)}"]
    spans: dict[int, dict[int, int]] = {}
    for level, lane in enumerate(data["lanes"]):
        for link in lane:
            spans.setdefault(link["from"], {})[level] = link["span"]
    rows = [["header", "", "", str(data["level"]), _spans_text(spans.get(0, {}))]]
    previous = 0
    for node in data["nodes"]:
        if node["position"] > previous + 1:
            rows.append(["...", "", f"{node['position'] - previous - 1} more", "", ""])
        previous = node["position"]
        own = spans.get(node["position"], {})
        rows.append(
            [str(node["position"] - 1), node["score"], node["member"], str(node["height"]), _spans_text(own)]
        )
    lines.append(table_text(["rank", "score", "member", "levels", "span of each level, from level 0"], rows))
    if data["path"]:
        lines.append(f"search for {data['search'][0]} {data['search'][1]}: {count_of(data['hops'], 'hop')}")
        lines += [f"  {line}" for line in _path_lines(data)]
        lines.append(f"  {_sum_of_spans(data).removeprefix('; ')}")
    return "\n".join(lines)


def _path_lines(data: dict[str, Any]) -> list[str]:
    lines, before = [], 0
    for step in data["path"]:
        if step["number"] > before + 1:
            lines.append(f"… {count_of(step['number'] - before - 1, 'step')} like these …")
        lines.append(f"{step['number']}. {step['caption']}")
        before = step["number"]
    return lines


def _sum_of_spans(data: dict[str, Any]) -> str:
    spans = [str(span) for span in data["spans"]]
    if not spans:
        return "; no pointer was followed"
    shown = spans if data["hops"] <= 8 else [*spans[:7], "…"]
    result = f"; spans {' + '.join(shown)} = position {data['reached']}"
    return result + (", not found" if data["rank"] is None else f", so rank {data['rank']}")


def _spans_text(spans: dict[int, int]) -> str:
    return " ".join(str(spans[level]) for level in sorted(spans))


def captions(data: dict[str, Any]) -> list[str]:
    return [step["caption"] for step in data["path"]]


def controls(data: dict[str, Any]) -> list[dict[str, Any]]:
    search = data["search"]
    return [
        text_field(
            "search",
            "search",
            "" if search is None else " ".join(search),
            "MEMBER, or SCORE MEMBER, then Enter",
        ),
        slider("p", "p", data["p"], 0, 0.75, 0.05, title="the coin: how likely is each further level"),
        button("reroll", "throw the coins again", "every element gets a new height; the order stays"),
    ]


def _search(skiplist: Any, options: dict[str, Any], value: Any) -> None:
    """`value`: "SCORE MEMBER", a member, (score, member), or nothing to end the search."""
    if isinstance(value, str):
        first, _, rest = value.strip().partition(" ")
        try:
            value = (float(first), rest) if rest else first
        except ValueError:  # a member with a space in it
            value = value.strip()
    options["search"] = value or None


def _set_p(skiplist: Any, options: dict[str, Any], value: Any) -> None:
    skiplist.p = float(value)
    skiplist.reroll()


def _reroll(skiplist: Any, options: dict[str, Any], value: Any) -> None:
    skiplist.reroll()


ACTIONS = {"search": _search, "p": _set_p, "reroll": _reroll}


def _number(score: float) -> str:
    return f"{score:.17g}" if score != int(score) else str(int(score)) if abs(score) < 1e17 else f"{score:g}"


def _bytes(member: str | bytes) -> bytes:
    return member.encode() if isinstance(member, str) else member


def _size(data: dict[str, Any]) -> str:
    return f"{count_of(data['count'], 'element')}, {count_of(data['level'], 'level')}, p = {data['p']:g}"


def _summary(data: dict[str, Any]) -> str:
    summary = f"{data['title']}: a skip list, {_size(data)}: " + ", ".join(
        f"{node['member']} {node['score']}" for node in data["nodes"][:8]
    )
    if data["path"]:
        summary += f"; the search for {data['search'][1]} takes {count_of(data['hops'], 'hop')}"
    return summary

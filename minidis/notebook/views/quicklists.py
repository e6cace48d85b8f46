"""Picture of a quicklist: the chain of its nodes, and the bytes of the node that was chosen.

Read next: minidis/structures/quicklist.py.
"""

from __future__ import annotations

from typing import Any

from minidis.notebook.views import listpacks
from minidis.notebook.views.drawing import Canvas, count_of, label, table_text

SHOWN_NODES = 10


def take(quicklist: Any, options: dict[str, Any]) -> dict[str, Any]:
    """The nodes' figures. `options`: chosen_node (an index, default 0)."""
    nodes = list(quicklist.nodes())
    chosen = min(int(options.get("chosen_node") or 0), len(nodes) - 1)
    title = options.get("title", "quicklist")
    inside = None
    if nodes and nodes[chosen].plain is None:
        inside = listpacks.take(
            nodes[chosen].pack, options | {"title": f"node {chosen}", "names": ["element"]}
        )
    return {
        "kind": "quicklist",
        "title": title,
        "count": len(quicklist),
        "bytes": sum(node.size for node in nodes),
        "fill": quicklist.fill,
        "chosen": chosen,
        "nodes": [
            {
                "index": index,
                "container": node.container,
                "count": len(node),
                "bytes": node.size,
                "first": label(node.elements(0, 1)[0], 14),
            }
            for index, node in enumerate(nodes)
        ],
        "inside": inside,
    }


def draw(data: dict[str, Any]) -> Canvas:
    nodes = data["nodes"]
    canvas = Canvas(
        f"{data['title']}: a quicklist of {count_of(len(nodes), 'node')} with {data['count']} elements; "
        "elements per node: " + ", ".join(str(node["count"]) for node in nodes[:SHOWN_NODES])
    )
    size = f"{count_of(data['count'], 'element')} in {count_of(len(nodes), 'node')}"
    detail = f"quicklist, {size}, fill {data['fill']}"
    canvas.heading(data["title"], detail)
    shown = _ends(nodes)
    width, gap = 122, 24
    x, y = 24.0, 74.0
    for place, node in enumerate(shown):
        if place and place % 5 == 0:
            x, y = 24.0, y + 96
        if node is None:
            canvas.text(x + 30, y + 34, f"… {len(nodes) - len(shown) + 1} nodes", "t-dim", 12)
            x += width + gap
            continue
        _draw_node(canvas, node, x, y, width, node["index"] == data["chosen"])
        if node["index"] == 0:
            canvas.text(x + 4, y - 8, "head", "b t-a", 11)
        if node["index"] == len(nodes) - 1:
            canvas.text(x + width - 4, y - 8, "tail", "b t-a", 11, "end")
        elif (place + 1) % 5:
            canvas.line(x + width + 2, y + 24, x + width + gap - 2, y + 24, "line", 1.5, arrow=True)
            canvas.line(x + width + gap - 2, y + 40, x + width + 2, y + 40, "line", 1.5, arrow=True)
        x += width + gap
    y += 86
    if data["inside"]:
        canvas.text(
            24, y + 10, f"node {data['chosen']}: listpack, {listpacks.size_of(data['inside'])}", "b", 12
        )
        y = listpacks.draw_bytes(canvas, data["inside"], y + 26)
        listpacks.draw_selected(canvas, data["inside"], y)
    return canvas


def text(data: dict[str, Any]) -> str:
    rows = [
        [str(node["index"]), node["container"], str(node["count"]), str(node["bytes"]), node["first"]]
        if node
        else ["...", "", "", "", ""]
        for node in _ends(data["nodes"])
    ]
    lines = [
        f"{data['title']}: quicklist, {count_of(data['count'], 'element')}"
        f" in {count_of(len(data['nodes']), 'node')} ({data['bytes']} bytes), fill {data['fill']}",
        table_text(["node", "container", "elements", "bytes", "first element"], rows),
    ]
    if data["inside"]:
        lines += ["", listpacks.text(data["inside"])]
    return "\n".join(lines)


def choose_node(quicklist: Any, options: dict[str, Any], value: Any) -> None:
    options["chosen_node"] = int(value)
    options["select"] = None


ACTIONS = {"node": choose_node, "select": listpacks.select}


def _ends(nodes: list[dict[str, Any]]) -> list[dict[str, Any] | None]:
    """All nodes, or those at both ends with a None for the many between."""
    if len(nodes) <= SHOWN_NODES:
        return list(nodes)
    return [*nodes[: SHOWN_NODES // 2], None, *nodes[-(SHOWN_NODES - SHOWN_NODES // 2 - 1) :]]


def _draw_node(canvas: Canvas, node: dict[str, Any], x: float, y: float, width: float, chosen: bool) -> None:
    role = "c" if node["container"] == "packed" else "b"
    size = f"{count_of(node['count'], 'element')}, {count_of(node['bytes'], 'byte')}"
    note = f"node {node['index']}: {node['container']}, {size}"
    with canvas.group(note=note, event=("node", node["index"]), key=f"node-{node['index']}"):
        canvas.box(x, y, width, 58, role, 6)
        if chosen:
            canvas.line(x + 6, y + 62, x + width - 6, y + 62, "hot", 3)
        canvas.text(x + 8, y + 17, f"{node['index']}  {node['container']}", f"b t-{role}", 11)
        canvas.text(
            x + 8, y + 33, f"{count_of(node['count'], 'element')}, {node['bytes']} B", f"m t-{role}", 10
        )
        canvas.text(x + 8, y + 49, node["first"][:18], "m t-dim", 10.5)

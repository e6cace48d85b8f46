"""A Venn diagram of two or three sets of a node: how many members, and which, lie in each region.

Read next: minidis/commands/sets.py for SINTER, SUNION and SDIFF.
"""

from __future__ import annotations

from typing import Any

from minidis.drivers.embedded import Embedded
from minidis.notebook.views.drawing import Canvas, count_of, label, table_text
from minidis.notebook.views.sources import look, node_or_mirror, to_key
from minidis.notebook.views.view import View

SHOWN_MEMBERS = 4

# Where circles and regions stand; a region is named by the circles that it lies in.
_TWO: dict[str, Any] = {
    "circles": [(300, 190, 135), (480, 190, 135)],
    "regions": {(0,): (235, 170), (1,): (545, 170), (0, 1): (390, 170)},
    "names": [(225, 48, "end"), (555, 48, "start")],
}
_THREE: dict[str, Any] = {
    "circles": [(310, 190, 135), (470, 190, 135), (390, 320, 135)],
    "regions": {
        (0,): (240, 150), (1,): (540, 150), (2,): (390, 385),
        (0, 1): (390, 135), (0, 2): (295, 272), (1, 2): (485, 272), (0, 1, 2): (390, 222),
    },
    "names": [(215, 66, "end"), (565, 66, "start"), (540, 400, "start")],
}  # fmt: skip


class VennView(View):
    """Two or three keys that hold sets (or do not exist: an empty set)."""

    def __init__(self, *keys: str | bytes, node: Embedded | None = None, db: int = 0) -> None:
        if len(keys) not in (2, 3):
            raise ValueError("a Venn diagram is drawn of two or three sets")
        super().__init__(node_or_mirror(node))
        self.keys = [to_key(key) for key in keys]
        self.db = db

    def looked_at(self) -> tuple[list[bytes] | None, int]:
        return self.keys, self.db

    def snapshot(self) -> dict[str, Any]:
        table = self.node.node.databases[self.db].table
        sets = []
        for key in self.keys:
            value = look(table, key)
            if value is not None and value.kind != "set":
                raise TypeError(f"{label(key)} holds a {value.kind}, not a set")
            sets.append(frozenset(value) if value is not None else frozenset())
        regions: dict[tuple[int, ...], list[bytes]] = {}
        for member in sorted(frozenset().union(*sets)):
            regions.setdefault(tuple(n for n, members in enumerate(sets) if member in members), []).append(
                member
            )
        return {
            "names": [label(key, 22) for key in self.keys],
            "sizes": [len(members) for members in sets],
            "regions": [
                {
                    "in": list(region),
                    "count": len(regions.get(region, [])),
                    "members": [label(member, 12) for member in regions.get(region, [])[:SHOWN_MEMBERS]],
                }
                for region in (_TWO if len(sets) == 2 else _THREE)["regions"]
            ],
        }

    def draw(self, data: dict[str, Any]) -> Canvas:
        plan: dict[str, Any] = _TWO if len(data["names"]) == 2 else _THREE
        canvas = Canvas(
            "Venn diagram: " + "; ".join(f"{_where(r, data)}: {r['count']}" for r in data["regions"])
        )
        for number, (x, y, radius) in enumerate(plan["circles"]):
            role = "abc"[number]
            canvas.raw(
                f'<circle cx="{x}" cy="{y}" r="{radius}" class="f-{role}" fill-opacity=".55"/>',
                y + radius,
            )
        for (x, y, radius), role in zip(plan["circles"], "abc", strict=False):
            canvas.raw(
                f'<circle cx="{x}" cy="{y}" r="{radius}" class="l-{role}" stroke-width="2"/>', y + radius
            )
        for number, (x, y, anchor) in enumerate(plan["names"]):
            canvas.text(x, y, data["names"][number], f"b t-{'abc'[number]}", 14, anchor)
            canvas.text(x, y + 17, count_of(data["sizes"][number], "member"), "t-dim", 11.5, anchor)
        for region in data["regions"]:
            x, y = plan["regions"][tuple(region["in"])]
            with canvas.group(note=f"{_where(region, data)}: {region['count']}"):
                canvas.text(x, y, str(region["count"]), "b", 17, "middle")
                for line, member in enumerate(_member_lines(region)):
                    canvas.text(x, y + 16 + 13 * line, member, "m", 10, "middle")
        return canvas

    def text(self, data: dict[str, Any]) -> str:
        sizes = [
            f"{name}: {count_of(size, 'member')}"
            for name, size in zip(data["names"], data["sizes"], strict=True)
        ]
        rows = [[_where(r, data), str(r["count"]), ", ".join(_member_lines(r))] for r in data["regions"]]
        return "\n".join(["; ".join(sizes), table_text(["region", "members", "which"], rows)])


def _member_lines(region: dict[str, Any]) -> list[str]:
    more = region["count"] - len(region["members"])
    return region["members"] + ([f"… {more} more"] if more else [])


def _where(region: dict[str, Any], data: dict[str, Any]) -> str:
    names = [data["names"][number] for number in region["in"]]
    return f"only {names[0]}" if len(names) == 1 else " and ".join(names)

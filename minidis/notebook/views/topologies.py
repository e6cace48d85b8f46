"""The topology of a lab: nodes, roles, replication links, bytes in flight, walls; and a brush for walls.

    a primary, offset 420
    |  \\
    |   \\ 14 bytes in flight
    b    x  c        a wall between a and c

The live picture is painted on: a click on a line puts a wall between two nodes, or takes it away; a click on
nodes chooses them, and "part" puts a wall around all that are chosen. What a click does, `do` does too:
`do("link", "a c")`, `do("choose", "a").do("part")`, `do("heal")`, `do("run", "5s")`.

Read next: sequences.py, the same lab message by message.
"""

from __future__ import annotations

import math
from itertools import combinations
from typing import Any

from minidis.drivers.simulation.lab import Lab
from minidis.drivers.simulation.standings import Standing
from minidis.notebook.views.drawing import Canvas, count_of, label, table_text
from minidis.notebook.views.labs import LabView, name_of, when
from minidis.notebook.views.view import button, text_field

MIDDLE_X, MIDDLE_Y, RADIUS_X, RADIUS_Y = 390.0, 210.0, 280.0, 128.0
HALF_WIDTH, HALF_HEIGHT = 74.0, 27.0
MOST_PAIRS = 28
"""With more pairs of nodes only those are drawn between which there is something."""
_ROLES = {"primary": "a", "replica": "c", "sentinel": "d"}

Point = tuple[float, float]


class TopologyView(LabView):
    """All nodes of a lab, and what is between them."""

    def __init__(self, lab: Lab) -> None:
        super().__init__(lab)
        self.chosen: set[str] = set()

    def snapshot(self) -> dict[str, Any]:
        standings = self.lab.record.standings
        found = {name: standings.at(name, self.time_us) for name in self.lab.processes}
        there = {name: standing for name, standing in found.items() if standing is not None}
        walls = [[a, b] for a, b in sorted(standings.walls_at(self.time_us)) if a in there and b in there]
        return {
            **self.clock(),
            "nodes": [self._node(name, standing, there) for name, standing in there.items()],
            "walls": walls,
            "flight": self._in_flight(),
        }

    def _node(self, name: str, standing: Standing, there: dict[str, Standing]) -> dict[str, Any]:
        primary = name_of(self.lab, standing.primary)
        above = there.get(primary)
        behind = None
        if standing.role == "replica" and above is not None and above.history == standing.history:
            behind = above.offset - standing.offset
        return {
            "name": name,
            "state": standing.state,
            "role": standing.role,
            "primary": primary,
            "link": standing.link,
            "offset": standing.offset,
            "behind": behind,
            "epoch": standing.epoch,
            "chosen": name in self.chosen,
        }

    def _in_flight(self) -> list[dict[str, Any]]:
        """Bytes on the way between two nodes, by direction."""
        names, sums = self.lab.processes, {}
        for message in self.lab.record.messages:
            if message.source in names and message.target in names and message.is_on_the_way(self.time_us):
                pair = (message.source, message.target)
                sums[pair] = sums.get(pair, 0) + len(message.data)
        return [{"from": a, "to": b, "bytes": size} for (a, b), size in sorted(sums.items())]

    # -- what one can do

    def controls(self, data: dict[str, Any]) -> list[dict[str, Any]]:
        chosen = [node["name"] for node in data["nodes"] if node["chosen"]]
        part = button("part", "part", f"a wall around {', '.join(chosen) or 'the nodes clicked on'}")
        return [
            *self.time_controls(data),
            part | {"disabled": not chosen},
            button("heal", "heal", "no walls, no delays, nobody paused"),
            text_field("run", "run", "", "let time pass: 5s, 200ms"),
        ]

    def on_choose(self, name: str) -> None:
        """Choose a node, or choose it no longer."""
        if name not in self.lab.processes:
            raise ValueError(f"no node is called {name}")
        self.chosen ^= {name}

    def on_part(self, value: Any = None) -> None:
        """A wall around the chosen nodes."""
        if not self.chosen:
            raise ValueError("choose nodes first: click on them")
        self._looks_at_us = None
        self.lab.partition(sorted(self.chosen))
        self.message = f"{', '.join(sorted(self.chosen))} on one side, the others on the other"
        self.chosen = set()

    def on_link(self, pair: str) -> None:
        """A wall between two nodes; where there is one in either direction, none."""
        names = pair.split()
        if len(names) != 2 or not set(names) <= self.lab.processes.keys():
            raise ValueError(f"not a pair of nodes: {pair!r}")
        self._looks_at_us = None
        if {tuple(names), tuple(names[::-1])} & self.lab.wires.blocked:
            self.lab.mend(*names)
        else:
            self.lab.partition(*([name] for name in names))

    def on_heal(self, value: Any = None) -> None:
        self._looks_at_us = None
        self.lab.heal()

    def on_run(self, duration: str) -> None:
        """Let virtual time pass."""
        self._looks_at_us = None
        self.lab.run(duration)

    # -- words

    def text(self, data: dict[str, Any]) -> str:
        rows = [
            [node["name"], node["state"], node["role"], node["primary"], node["link"], _standing(node)]
            for node in data["nodes"]
        ]
        lines = [_summary(data), table_text(["node", "state", "role", "of", "link", ""], rows)]
        lines += [
            f"in flight {f['from']} -> {f['to']}: {count_of(f['bytes'], 'byte')}" for f in data["flight"]
        ]
        lines += [f"wall: {wall}" for wall in _walls(data)]
        return "\n".join(lines)

    # -- picture

    def draw(self, data: dict[str, Any]) -> Canvas:
        canvas = Canvas(_summary(data))
        canvas.heading("topology", when(data))
        places = _places([node["name"] for node in data["nodes"]])
        _draw_pairs(canvas, data, places)
        for node in data["nodes"]:
            if node["primary"] in places and node["role"] == "replica":
                _draw_replication(canvas, node, places)
        for flight in data["flight"]:
            _draw_flight(canvas, flight, places)
        for node in data["nodes"]:
            _draw_node(canvas, node, places[node["name"]])
        canvas.bottom = max(canvas.bottom, MIDDLE_Y + RADIUS_Y + HALF_HEIGHT)
        return canvas


def topology(lab: Lab) -> TopologyView:
    """Nodes, roles, links, offsets, bytes in flight and walls of a lab, at any time of its history."""
    return TopologyView(lab)


def _places(names: list[str]) -> dict[str, Point]:
    """On an ellipse, the first node at the top."""
    turn = 2 * math.pi / max(1, len(names))
    return {
        name: (MIDDLE_X + RADIUS_X * math.sin(turn * index), MIDDLE_Y - RADIUS_Y * math.cos(turn * index))
        for index, name in enumerate(names)
    }


def _edge(center: Point, towards: Point) -> Point:
    """Where the line from a node's middle leaves its box."""
    dx, dy = towards[0] - center[0], towards[1] - center[1]
    scale = min(HALF_WIDTH / abs(dx) if dx else math.inf, HALF_HEIGHT / abs(dy) if dy else math.inf, 1.0)
    return center[0] + dx * scale, center[1] + dy * scale


def _between(start: Point, end: Point, share: float) -> Point:
    return start[0] + (end[0] - start[0]) * share, start[1] + (end[1] - start[1]) * share


def _draw_pairs(canvas: Canvas, data: dict[str, Any], places: dict[str, Point]) -> None:
    """A line between every two nodes, to click on; a wall across it."""
    walls = {tuple(wall) for wall in data["walls"]}
    pairs = list(combinations(places, 2))
    for a, b in pairs:
        directions = [pair for pair in ((a, b), (b, a)) if pair in walls]
        if not directions and len(pairs) > MOST_PAIRS:
            continue
        start, end = _edge(places[a], places[b]), _edge(places[b], places[a])
        words = {0: "open", 2: "wall"}.get(len(directions)) or "{} ↛ {}".format(*directions[0])
        with canvas.group(
            note=f"{a} - {b}: {words}. Click: a wall, or none.", event=("link", f"{a} {b}"), key=f"{a}-{b}"
        ):
            canvas.line(*start, *end, "e" if directions else "line", 2.5 if directions else 0.7, "3 4")
            if directions:
                x, y = _between(start, end, 0.5)
                canvas.badge(x - 22, y - 9, f"✗ {words}", "e")


def _draw_replication(canvas: Canvas, node: dict[str, Any], places: dict[str, Point]) -> None:
    """From the primary to its replica: so the stream flows."""
    start = _edge(places[node["primary"]], places[node["name"]])
    end = _edge(places[node["name"]], places[node["primary"]])
    stands = node["link"] == "connected"
    with canvas.group(note=f"{node['name']} follows {node['primary']}: {node['link'] or 'no link'}"):
        canvas.line(*start, *end, "c" if stands else "e", 2.4, "" if stands else "7 4", arrow=True)


def _draw_flight(canvas: Canvas, flight: dict[str, Any], places: dict[str, Point]) -> None:
    start = _edge(places[flight["from"]], places[flight["to"]])
    x, y = _between(start, _edge(places[flight["to"]], places[flight["from"]]), 0.27)
    note = f"{count_of(flight['bytes'], 'byte')} on the way from {flight['from']} to {flight['to']}"
    with canvas.group(note=note, key=f"flight-{flight['from']}-{flight['to']}"):
        canvas.badge(x - 20, y - 26, f"{flight['bytes']} B", "b")


def _draw_node(canvas: Canvas, node: dict[str, Any], place: Point) -> None:
    x, y = place[0] - HALF_WIDTH, place[1] - HALF_HEIGHT
    role = _ROLES.get(node["role"], "e") if node["state"] == "running" else "f"
    note = f"{node['name']}: {node['state']} {node['role']}, {_standing(node)}. Click to choose it."
    with canvas.group(note=note, event=("choose", node["name"]), key=f"node-{node['name']}"):
        canvas.box(x, y, 2 * HALF_WIDTH, 2 * HALF_HEIGHT, "page", 7)
        canvas.box(
            x, y, 2 * HALF_WIDTH, 2 * HALF_HEIGHT, role, 7, "" if node["state"] == "running" else "5 4"
        )
        what = node["role"] if node["state"] == "running" else f"{node['state']} {node['role']}".strip()
        canvas.text(place[0], y + 22, f"{label(node['name'], 10)}  {what}", f"b t-{role}", 12.5, "middle")
        canvas.text(place[0], y + 40, _standing(node), f"t-{role}", 10.5, "middle")
        if node["chosen"]:
            canvas.ring(x - 4, y - 4, 2 * HALF_WIDTH + 8, 2 * HALF_HEIGHT + 8)


def _standing(node: dict[str, Any]) -> str:
    """Offset or epoch in words."""
    if node["state"] == "down":
        return "no process"
    if node["role"] == "sentinel":
        return f"epoch {node['epoch']}, says {node['primary'] or 'nothing'}"
    behind = f", {node['behind']} behind" if node["behind"] else ""
    return f"offset {node['offset']}{behind}"


def _walls(data: dict[str, Any]) -> list[str]:
    """Walls in words, both directions as one."""
    walls = {tuple(wall) for wall in data["walls"]}
    return [
        f"{a} | {b}" if (b, a) in walls else f"{a} does not reach {b}"
        for a, b in sorted(walls)
        if (b, a) not in walls or a < b
    ]


def _summary(data: dict[str, Any]) -> str:
    nodes = count_of(len(data["nodes"]), "node")
    walls = f"; walls: {', '.join(_walls(data))}" if data["walls"] else ""
    return f"topology of {nodes} {when(data)}{walls}"

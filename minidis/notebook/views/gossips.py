"""What the nodes of a cluster hold of each other: a row for each that looks, a column for each looked at.

           of n1            of n2            of n3
    n1     myself, epoch 1  ok, epoch 2      fail? 1/2       n1 suspects n3: one report of two that are needed
    n2     ok, epoch 1      myself, epoch 2  FAIL            n2 knows it by a majority
    n3     -                -                myself          n3 was restarted: it knows nobody

Gossip makes the rows alike, in time. `fail?` is one node's own impression; when a primary has such reports of
the majority it says FAIL, and everyone believes it. Epochs tell which of two claims is the newer.

Read next: minidis/distributed/cluster/gossip.py, detection.py.
"""

from __future__ import annotations

from typing import Any

from minidis.drivers.simulation.cluster_standings import ClusterStanding, Known
from minidis.drivers.simulation.lab import Lab
from minidis.notebook.views.clusters import ClusterView
from minidis.notebook.views.drawing import Canvas, count_of, table_text
from minidis.notebook.views.labs import when
from minidis.notebook.views.view import button

NAME_WIDTH, ROW, MOST_WIDTH = 174.0, 44.0, 130.0
_ROLES = {"myself": "f", "ok": "c", "fail?": "b", "FAIL": "e", "handshake": "d", "unknown": "none"}


class GossipView(ClusterView):
    """Each node's view of each other, at a time."""

    def on_run(self, duration: str | None = None) -> None:
        """Let so much virtual time pass."""
        self._looks_at_us = None
        self.lab.run(duration or "1s")

    def controls(self, data: dict[str, Any]) -> list[dict[str, Any]]:
        return [*self.time_controls(data), button("run", "1 s on", "let a second of virtual time pass")]

    def snapshot(self) -> dict[str, Any]:
        held = self.held_by_each()
        names = {standing.myself: name for name, standing in held.items()}
        return {
            **self.clock(),
            "names": list(held),
            "rows": [
                self._row(name, standing, names, self.is_running(name)) for name, standing in held.items()
            ],
        }

    def _row(
        self, name: str, held: ClusterStanding, names: dict[str, str], is_running: bool
    ) -> dict[str, Any]:
        known = {one.name: one for one in held.nodes}
        return {
            "name": name,
            "is_running": is_running,
            "role": "replica" if held.own.is_replica else "primary",
            "is_ok": held.is_ok,
            "epoch": held.epoch,
            "last_vote": held.last_vote_epoch,
            "needed": held.quorum,
            "cells": {
                other: _cell(known[identity], names) if identity in known else {"is": "unknown"}
                for identity, other in names.items()
            },
        }

    def draw(self, data: dict[str, Any]) -> Canvas:
        canvas = Canvas(_summary(data))
        canvas.heading("who holds what of whom", f"rows look, columns are looked at; {when(data)}")
        width = min(MOST_WIDTH, (canvas.width - 16 - NAME_WIDTH) / max(1, len(data["names"])))
        for place, name in enumerate(data["names"]):
            canvas.text(NAME_WIDTH + place * width + 6, 58, f"of {name}", "b", 12)
        y = 66.0
        for row in data["rows"]:
            canvas.text(16, y + 15, row["name"], "b", 12)
            canvas.text(16, y + 29, _standing(row), "t-dim", 10)
            for place, name in enumerate(data["names"]):
                cell = row["cells"][name]
                words = _words(cell, row["needed"])
                role = _ROLES[cell["is"]]
                x = NAME_WIDTH + place * width
                with canvas.group(note=f"{row['name']} of {name}: {words}", key=f"{row['name']}-{name}"):
                    canvas.box(x, y, width - 5, ROW - 6, role, 4)
                    first, _, rest = words.partition(", ")
                    canvas.text(x + 6, y + 14, first, f"b t-{role}" if role != "none" else "t-dim", 11)
                    canvas.text(x + 6, y + 28, rest, "", 10)
            y += ROW
        canvas.bottom = max(canvas.bottom, y)
        return canvas

    def text(self, data: dict[str, Any]) -> str:
        rows = [
            [
                row["name"],
                _standing(row),
                *[_words(row["cells"][name], row["needed"]) for name in data["names"]],
            ]
            for row in data["rows"]
        ]
        heads = ["node", "itself", *[f"of {name}" for name in data["names"]]]
        return f"{_summary(data)}\n{table_text(heads, rows)}"


def gossip(lab: Lab) -> GossipView:
    """What each node of a lab's cluster holds of each other: well, suspected, failed; reports; epochs."""
    return GossipView(lab)


def _cell(known: Known, names: dict[str, str]) -> dict[str, Any]:
    return {
        "is": known.state,
        "epoch": known.config_epoch,
        "follows": names.get(known.primary, known.primary[:8]),
        "reports": sorted(names.get(reporter, reporter[:8]) for reporter in known.reporters),
    }


def _words(cell: dict[str, Any], needed: int) -> str:
    if cell["is"] == "unknown":
        return "unknown"
    rest = f"replica of {cell['follows']}" if cell["follows"] else f"epoch {cell['epoch']}"
    if cell["is"] == "fail?":
        by = f": {' '.join(cell['reports'])}" if cell["reports"] else ""
        return f"fail?, {len(cell['reports'])} of {needed}{by}"
    if cell["is"] == "ok" and cell["reports"]:
        return f"ok, reported by {' '.join(cell['reports'])}"
    return f"{cell['is']}, {rest}"


def _standing(row: dict[str, Any]) -> str:
    if not row["is_running"]:
        return "down"
    health = "ok" if row["is_ok"] else "fail"
    return f"{row['role']}, {health}, epoch {row['epoch']}, vote {row['last_vote']}"


def _summary(data: dict[str, Any]) -> str:
    running = [row for row in data["rows"] if row["is_running"]]
    failed = sorted({name for row in running for name, cell in row["cells"].items() if cell["is"] == "FAIL"})
    said = f", {' '.join(failed)} held for failed" if failed else ""
    return f"{count_of(len(data['rows']), 'node')} of each other {when(data)}{said}"

"""How a cluster's client finds its way: its map of the slots beside the truth, and the way of each command.

    alice believes   aaaaaaaaaaaabbbbbbbbbbbbbccccccccccc
    the cluster      aaaaaaaaaabbbbbbbbbbbbbbbccccccccccc        400 slots of the map are wrong

    SET user:7 ann   slot 2780    a: MOVED b  ->  b: OK
    GET user:7       slot 2780    b: OK                          the map has learned

Read next: minidis/drivers/simulation/routed_client.py.
"""

from __future__ import annotations

from typing import Any

from minidis.distributed.cluster.slots import SLOTS, ranges
from minidis.drivers.simulation.routed_client import RoutedClient
from minidis.notebook.views.clusters import ClusterView
from minidis.notebook.views.drawing import Canvas, count_of, label, table_text
from minidis.notebook.views.labs import when
from minidis.notebook.views.slot_maps import runs_of
from minidis.notebook.views.view import text_field
from minidis.palette import ROLES

LEFT, BAR_WIDTH, BAR_HEIGHT, ROW = 150.0, 610.0, 22.0, 26.0
MOST_JOURNEYS = 10
_SAID = {"OK": "c", "MOVED": "b", "ASK": "d", "TRYAGAIN": "f", "CLUSTERDOWN": "e", "no": "e"}


class RoutesView(ClusterView):
    """A `RoutedClient`'s map and journeys, up to a time."""

    def __init__(self, client: RoutedClient) -> None:
        super().__init__(client.lab)
        self.client = client

    def on_call(self, line: str) -> None:
        """Let the client send a command, words parted by blanks."""
        self._looks_at_us = None
        self.client.call(*line.split())

    def controls(self, data: dict[str, Any]) -> list[dict[str, Any]]:
        return [*self.time_controls(data), text_field("call", "command", "", "let the client send it")]

    def snapshot(self) -> dict[str, Any]:
        truth = self._truth()
        believed = self.client.map_at(self.time_us)
        journeys = [journey for journey in self.client.journeys if journey.began_us <= self.time_us]
        return {
            **self.clock(),
            "client": self.client.name,
            "believed": runs_of(believed),
            "truth": runs_of(truth),
            "wrong": sum(mine != real for mine, real in zip(believed, truth, strict=True)),
            "commands": len(journeys),
            "redirected": sum(len(journey.hops) > 1 for journey in journeys),
            "journeys": [
                {
                    "command": " ".join(label(word, 14) for word in journey.words[:4]),
                    "slot": journey.slot,
                    "hops": [list(hop) for hop in journey.hops],
                }
                for journey in journeys[-MOST_JOURNEYS:]
            ],
        }

    def _truth(self) -> list[str]:
        """Slot -> the node that serves it: of several that claim it, that with the greatest config epoch."""
        truth = [""] * SLOTS
        claims = [(held.own.config_epoch, name, held.own.slots) for name, held in self.held_by_each().items()]
        for _, name, claimed in sorted(claims):
            for first, last in ranges(claimed):
                truth[first : last + 1] = [name] * (last + 1 - first)
        return truth

    def draw(self, data: dict[str, Any]) -> Canvas:
        canvas = Canvas(_summary(data))
        canvas.heading("a client's map, and its ways", _summary(data).partition(": ")[2])
        owners = sorted({name for _, _, name in data["believed"] + data["truth"] if name})
        roles = {owner: ROLES[number % len(ROLES)] for number, owner in enumerate(owners)}
        for number, (words, runs) in enumerate(
            ((f"{data['client']} believes", data["believed"]), ("the cluster", data["truth"]))
        ):
            y = 50 + number * (BAR_HEIGHT + 8)
            canvas.text(16, y + 15, words, "b", 12)
            for first, last, owner in runs:
                x, width = LEFT + first / SLOTS * BAR_WIDTH, (last - first + 1) / SLOTS * BAR_WIDTH
                role = roles.get(owner, "none")
                with canvas.group(note=f"{words}: {first}-{last} {owner or 'nobody'}"):
                    canvas.box(x, y, width, BAR_HEIGHT, role, 1)
                    if width > 7 * len(owner) + 6:
                        canvas.text(x + width / 2, y + 15, owner, f"b t-{role}", 11, "middle")
        y = 50 + 2 * (BAR_HEIGHT + 8) + 12
        for journey in data["journeys"]:
            canvas.text(16, y + 13, journey["command"], "m", 11)
            canvas.text(300, y + 13, _slot_text(journey), "t-dim", 11)
            x = 380.0
            for number, (node, said) in enumerate(journey["hops"]):
                if number:
                    canvas.text(x, y + 13, "→", "t-dim", 12)
                    x += 16
                role = _SAID.get(said.split()[0], "e")
                x = canvas.badge(x, y, f"{node}: {label(said, 24)}", role)
            y += ROW
        canvas.bottom = max(canvas.bottom, y)
        return canvas

    def text(self, data: dict[str, Any]) -> str:
        lines = [_summary(data)]
        for words, runs in ((f"{data['client']} believes", data["believed"]), ("the cluster", data["truth"])):
            shown = ", ".join(f"{owner or 'nobody'} {first}-{last}" for first, last, owner in runs[:6])
            lines.append(f"{words}: {shown}{' ...' if len(runs) > 6 else ''}")
        rows = [
            [
                journey["command"],
                _slot_text(journey),
                " -> ".join(f"{node}: {label(said, 40)}" for node, said in journey["hops"]),
            ]
            for journey in data["journeys"]
        ]
        return "\n".join(lines) + ("\n" + table_text(["command", "slot", "way"], rows) if rows else "")


def routes(client: RoutedClient) -> RoutesView:
    """A cluster client's map of the slots beside the truth, and how its commands found their way."""
    return RoutesView(client)


def _slot_text(journey: dict[str, Any]) -> str:
    return "no key" if journey["slot"] is None else f"slot {journey['slot']}"


def _summary(data: dict[str, Any]) -> str:
    then = f" {when(data)}" if data["is_past"] else ""
    return (
        f"{data['client']}'s map of the slots{then}: {count_of(data['wrong'], 'slot')} of it wrong, "
        f"{data['redirected']} of {count_of(data['commands'], 'command')} redirected"
    )

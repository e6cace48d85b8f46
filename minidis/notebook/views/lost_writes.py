"""Lost writes on a line of time: what each node was, which writes were acknowledged, and which are lost.

    walls     ░░░░░░░░░░░░░░░░
    n1     primary ====| fail |----- replica
    n4     replica ---------- primary ======
    ann    ✓✓✓✓✓xxxxxx  !!!!!!!!!!!
                ^    ^
                |    the last one that is lost: the window
                the wall

A write is kept if every node of its shard that takes itself for the primary has it; at stake if only some of
them have it (there are two, and one will have to give in), or if there is no primary just now; else lost.
The view goes back in time: what is lost at the end was only at stake before the walls fell.

Read next: promises.py; minidis/distributed/cluster/role.py, which stops a primary among a minority.
"""

from __future__ import annotations

from typing import Any

from minidis.drivers.simulation.lab import Lab
from minidis.drivers.simulation.standings import Standing
from minidis.drivers.simulation.terminal import ScriptedClient
from minidis.notebook.views.drawing import Canvas, count_of, label, table_text
from minidis.notebook.views.labs import LabView, when
from minidis.notebook.views.promises import Promise, has, parents, promises

LEFT, RIGHT, LANE = 96.0, 16.0, 34.0
_OF_NODES = {"primary": "c", "primary, refuses": "e", "replica": "a", "down": "none", "paused": "f"}
_OF_WRITES = {"kept": "c", "at stake": "b", "lost": "e", "refused": "none"}


class LostWritesView(LabView):
    """A script's writes, and what became of them."""

    def __init__(self, lab: Lab, script: ScriptedClient) -> None:
        super().__init__(lab)
        self.script = script

    def snapshot(self) -> dict[str, Any]:
        promised = [promise for promise in promises(self.lab, self.script) if promise.time_us <= self.time_us]
        histories = parents(self.lab)
        shard = self._shard({promise.place[0] for promise in promised}, histories)
        began_us = self.script.log[0][0] if self.script.log else self.lab.started_us
        writes = [
            {
                "time_s": self.seconds(promise.time_us),
                "word": label(str(promise.words[-1]), 24),
                "fate": self._fate(promise, shard, histories),
            }
            for promise in promised
        ]
        walls = self._walls(began_us)
        lost_s = [write["time_s"] for write in writes if write["fate"] in ("lost", "at stake")]
        return {
            **self.clock(),
            "client": self.script.host.name,
            "began_s": self.seconds(began_us),
            "walls": walls,
            "lanes": [{"node": name, "stretches": self._stretches(name, began_us)} for name in shard],
            "writes": writes,
            "refused_s": self._refused_s(),
            "window_s": lost_s[-1] - walls[0][0] if lost_s and walls else None,
        }

    def _shard(self, acknowledged: set[str], histories: dict) -> list[str]:
        """The nodes that ever had one of these histories, or one that went on from them."""
        family = set(acknowledged)
        while more := {child for child, (parent, _) in histories.items() if parent in family} - family:
            family |= more
        kept = self.lab.record.standings.kept
        return [name for name, held in kept.items() if any(one.history in family for one in held)]

    def _fate(self, promise: Promise, shard: list[str], histories: dict) -> str:
        found = [self.lab.record.standings.at(name, self.time_us) for name in shard]
        primaries = [one for one in found if one is not None and one.role == "primary"]
        there = sum(has(standing, promise.place, histories) for standing in primaries)
        if primaries and there == len(primaries):
            return "kept"
        return "at stake" if there or not primaries else "lost"

    def _stretches(self, name: str, began_us: int) -> list[list[Any]]:
        """What a node was, from when to when."""
        standings, found = self.lab.record.standings, []
        times_us = [began_us, *[at for at in standings.times_us[name] if began_us < at <= self.time_us]]
        for at_us in times_us:
            words = _what(standings.at(name, at_us))
            if found and found[-1][2] == words:
                continue
            if found:
                found[-1][1] = self.seconds(at_us)
            found.append([self.seconds(at_us), self.seconds(self.time_us), words])
        return found

    def _walls(self, began_us: int) -> list[list[float]]:
        """From when to when there were any."""
        walls = [entry for entry in self.lab.record.standings.walls if entry[0] <= self.time_us]
        found: list[list[float]] = []
        since_us: int | None = None
        for at_us, blocked in [*walls, (self.time_us, frozenset())]:
            if blocked and since_us is None:
                since_us = max(at_us, began_us)
            elif not blocked and since_us is not None:
                if at_us > since_us:
                    found.append([self.seconds(since_us), self.seconds(at_us)])
                since_us = None
        return found

    def _refused_s(self) -> list[float]:
        """When a command of the script got an error, or lost its connection."""
        return [
            self.seconds(replied_us)
            for _, _, replied_us, reply in self.script.log
            if replied_us is not None and replied_us <= self.time_us and isinstance(reply, Exception)
        ]

    def controls(self, data: dict[str, Any]) -> list[dict[str, Any]]:
        return self.time_controls(data)

    # -- picture

    def draw(self, data: dict[str, Any]) -> Canvas:
        canvas = Canvas(_summary(data))
        canvas.heading("acknowledged and lost", when(data))
        canvas.text(16, 44, _verdict(data), "b", 12)
        began_s, span_s = data["began_s"], max(1e-6, data["time_s"] - data["began_s"])

        def x_of(time_s: float) -> float:
            return LEFT + (time_s - began_s) / span_s * (canvas.width - LEFT - RIGHT)

        top, bottom = 56.0, 56.0 + LANE * (len(data["lanes"]) + 1) + 18
        for start_s, end_s in data["walls"]:
            with canvas.group(note=f"walls from {start_s:.3f} s to {end_s:.3f} s"):
                canvas.box(x_of(start_s), top, x_of(end_s) - x_of(start_s), bottom - top, "f", 2, "3 3")
                canvas.text(x_of(start_s) + 5, top + 11, "walls", "t-f", 10)
        y = top + 16
        for lane in data["lanes"]:
            canvas.text(16, y + 18, lane["node"], "b", 12)
            for start_s, end_s, words in lane["stretches"]:
                x, width = x_of(start_s), max(1.0, x_of(end_s) - x_of(start_s))
                role = _OF_NODES[words]
                with canvas.group(note=f"{lane['node']}: {words}, {start_s:.3f} s to {end_s:.3f} s"):
                    canvas.box(x, y + 3, width, LANE - 10, role, 3)
                    if width > 7 * len(words):
                        canvas.text(x + width / 2, y + 19, words, f"t-{role}", 11, "middle")
            y += LANE
        canvas.text(16, y + 18, data["client"], "b", 12)
        for time_s in data["refused_s"]:
            canvas.line(x_of(time_s), y + 10, x_of(time_s), y + 20, "dim", 1)
        for write in data["writes"]:
            x, is_fine = x_of(write["time_s"]), write["fate"] == "kept"
            with canvas.group(note=f"{write['word']} at {write['time_s']:.3f} s: {write['fate']}"):
                canvas.box(
                    x - 1, y + (8 if is_fine else 3), 2, 14 if is_fine else 24, _OF_WRITES[write["fate"]], 0
                )
        y += LANE
        for share in range(5):
            time_s = began_s + span_s * share / 4
            canvas.text(
                x_of(time_s), bottom + 14, f"{time_s:.1f} s", "m t-dim", 10, "middle" if share else "start"
            )
        canvas.bottom = max(canvas.bottom, bottom + 18)
        return canvas

    # -- words

    def text(self, data: dict[str, Any]) -> str:
        rows = [
            [
                lane["node"],
                "; ".join(f"{words} from {start_s:.3f}" for start_s, _, words in lane["stretches"]),
            ]
            for lane in data["lanes"]
        ]
        walls = [["walls", "; ".join(f"{start_s:.3f} to {end_s:.3f}" for start_s, end_s in data["walls"])]]
        return f"{_summary(data)}\n{table_text(['', 'seconds'], [*(walls if data['walls'] else []), *rows])}"


def lost_writes(lab: Lab, script: ScriptedClient) -> LostWritesView:
    """What a script of the lab was promised, and what became of it, on a line of time with the roles."""
    return LostWritesView(lab, script)


def _stretches_text(stretches: list[list[Any]]) -> str:
    return "; ".join(f"{words} from {start_s:.3f}" for start_s, _, words in stretches)


def _what(standing: Standing | None) -> str:
    if standing is None or standing.state == "down":
        return "down"
    if standing.state == "paused":
        return "paused"
    refuses = standing.role == "primary" and standing.cluster is not None and not standing.cluster.is_ok
    return "primary, refuses" if refuses else standing.role


def _verdict(data: dict[str, Any]) -> str:
    counts = {fate: sum(write["fate"] == fate for write in data["writes"]) for fate in _OF_WRITES}
    parts = [f"{count_of(len(data['writes']), 'write')} acknowledged"]
    parts += [f"{counts[fate]} {fate}" for fate in ("at stake", "lost") if counts[fate]] or ["none lost"]
    parts += [f"{len(data['refused_s'])} refused"] if data["refused_s"] else []
    if data["window_s"] is not None:
        parts.append(f"the last of them {data['window_s']:.2f} s after the wall")
    return ", ".join(parts)


def _summary(data: dict[str, Any]) -> str:
    return f"{data['client']}: {_verdict(data)}, {when(data)}"

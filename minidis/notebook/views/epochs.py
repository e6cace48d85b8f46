"""The ladder of config epochs: who took which one, when, why, and by whose votes; the newest is at the top.

    epoch 5   n2   at 21.400 s   took in slot 2780
    epoch 4   n4   at 19.002 s   elected; votes: n2 n3         serves 0-5460
    epoch 3   n3   at 0 s        from the start                serves 10923-16383
    epoch 2   n2   at 0 s        from the start                (past: n2 has taken epoch 5)
    epoch 1   n1   at 0 s        from the start                (past: its slots are n4's)

Of two claims to a slot the one on the higher rung holds. A rung may be empty: somebody asked for votes, and
did not get enough.

Read next: minidis/distributed/cluster/ownership.py, election.py.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

from minidis.distributed.cluster.annotation import show_slots
from minidis.distributed.cluster.slots import SlotSet
from minidis.drivers.simulation.lab import Lab
from minidis.drivers.simulation.record import Note
from minidis.notebook.views.clusters import ClusterView
from minidis.notebook.views.drawing import Canvas, count_of, label, table_text
from minidis.notebook.views.labs import when
from minidis.palette import ROLES

LEFT, ROW, MOST_RUNGS = 100.0, 40.0, 12
_ASKED = re.compile(r"Starting a failover election for epoch (\d+)")
_GRANTED = re.compile(r"Failover auth granted to (\S+) for epoch (\d+)")
_REASONS = (
    (re.compile(r"configEpoch set to \d+ after successful failover"), "elected"),
    (re.compile(r"configEpoch updated after importing slot (\d+)"), "took in slot {}"),
    (re.compile(r"Taking over the master"), "TAKEOVER, asking nobody"),
    (re.compile(r"configEpoch set to \d+ via CLUSTER SET-CONFIG-EPOCH"), "set by hand"),
)


@dataclass
class Rung:
    """One epoch."""

    epoch: int
    owner: str = ""
    taken_us: int = 0
    why: str = ""
    asked: list[str] = field(default_factory=list)
    votes: list[str] = field(default_factory=list)


class EpochsView(ClusterView):
    """Config epochs of a lab's cluster, up to a time."""

    def snapshot(self) -> dict[str, Any]:
        held = self.held_by_each()
        rungs = self._rungs()
        claims = {name: standing.own for name, standing in held.items() if not standing.own.is_replica}
        newer: SlotSet = 0
        found = []
        for rung in sorted(rungs.values(), key=lambda rung: -rung.epoch):
            claim = claims.get(rung.owner)
            is_current = claim is not None and claim.config_epoch == rung.epoch
            serves = claim.slots & ~newer if is_current and claim is not None else 0
            newer |= serves
            found.append(
                {
                    "epoch": rung.epoch,
                    "owner": rung.owner,
                    "time_s": self.seconds(rung.taken_us),
                    "why": rung.why,
                    "asked": rung.asked,
                    "votes": rung.votes,
                    "serves": show_slots(serves) if serves else "",
                    "claims_in_vain": bool(is_current and claim is not None and claim.slots & ~serves),
                }
            )
        return {**self.clock(), "nodes": list(held), "rungs": found[:MOST_RUNGS]}

    def _rungs(self) -> dict[int, Rung]:
        rungs: dict[int, Rung] = {}
        notes = [note for note in self.lab.record.notes if note.time_us <= self.time_us]
        for note in notes:
            if asked := _ASKED.match(note.text):
                rungs.setdefault(int(asked[1]), Rung(int(asked[1]))).asked.append(note.where)
            elif granted := _GRANTED.match(note.text):
                rungs.setdefault(int(granted[2]), Rung(int(granted[2]))).votes.append(note.where)
        standings = self.lab.record.standings
        for name, kept in standings.kept.items():
            for time_us, standing in zip(standings.times_us[name], kept, strict=True):
                if standing.cluster is None or time_us > self.time_us:
                    continue
                own = standing.cluster.own
                rung = rungs.setdefault(own.config_epoch, Rung(own.config_epoch))
                if own.config_epoch and not own.is_replica and not rung.owner:
                    rung.owner, rung.taken_us = name, time_us
                    rung.why = _reason(notes, name, time_us)
        return {epoch: rung for epoch, rung in rungs.items() if epoch and (rung.owner or rung.asked)}

    def controls(self, data: dict[str, Any]) -> list[dict[str, Any]]:
        return self.time_controls(data)

    def draw(self, data: dict[str, Any]) -> Canvas:
        canvas = Canvas(_summary(data))
        canvas.heading("the ladder of config epochs", f"the higher rung holds; {when(data)}")
        owners = sorted({rung["owner"] for rung in data["rungs"] if rung["owner"]})
        y = 48.0
        for rung in data["rungs"]:
            canvas.text(16, y + 21, f"epoch {rung['epoch']}", "b", 12.5)
            canvas.line(LEFT - 10, y + ROW - 3, canvas.width - 16, y + ROW - 3, "line", 0.7)
            is_in_force = bool(rung["serves"])
            role = ROLES[owners.index(rung["owner"]) % len(ROLES)] if is_in_force else "none"
            note = f"epoch {rung['epoch']}: {_owner_text(rung)}; {_serves_text(rung)}"
            with canvas.group(note=note, key=f"epoch-{rung['epoch']}"):
                canvas.box(LEFT, y + 4, 92, ROW - 13, role, 5, "" if is_in_force else "4 3")
                colour = f"b t-{role}" if is_in_force else "t-dim"
                canvas.text(LEFT + 46, y + 21, rung["owner"] or "nobody", colour, 12.5, "middle")
                canvas.text(LEFT + 106, y + 16, _why_text(rung), "", 11.5)
                canvas.text(
                    LEFT + 106, y + 30, _serves_text(rung), "t-e" if rung["claims_in_vain"] else "t-dim", 10.5
                )
            y += ROW
        canvas.bottom = max(canvas.bottom, y)
        return canvas

    def text(self, data: dict[str, Any]) -> str:
        rows = [
            [
                str(rung["epoch"]),
                rung["owner"] or "nobody",
                f"{rung['time_s']:.3f}" if rung["owner"] else "-",
                _why_text(rung),
                _serves_text(rung),
            ]
            for rung in data["rungs"]
        ]
        return f"{_summary(data)}\n{table_text(['epoch', 'taken by', 'at (s)', 'why', 'now'], rows)}"


def epochs(lab: Lab) -> EpochsView:
    """The config epochs of a lab's cluster: who took which one, when and why, and what it is worth now."""
    return EpochsView(lab)


def _reason(notes: list[Note], name: str, time_us: int) -> str:
    """Why a node has taken an epoch at that moment: what its bus said then."""
    for note in notes:
        if note.where == name and note.time_us == time_us:
            for pattern, words in _REASONS:
                if said := pattern.search(note.text):
                    return words.format(*said.groups())
    return (
        "from the start" if time_us <= min((note.time_us for note in notes), default=time_us) else "unasked"
    )


def _owner_text(rung: dict[str, Any]) -> str:
    return f"{rung['owner']}, {_why_text(rung)}" if rung["owner"] else _why_text(rung)


def _why_text(rung: dict[str, Any]) -> str:
    votes = f"votes of {' '.join(rung['votes'])}" if rung["votes"] else "no vote"
    if not rung["owner"]:
        return f"{' '.join(rung['asked'])} asked, and was not elected: {votes}"
    return f"{rung['why']}, {votes}" if rung["asked"] else rung["why"]


def _serves_text(rung: dict[str, Any]) -> str:
    if rung["claims_in_vain"]:
        return f"claims slots that a higher rung has{'; serves ' + rung['serves'] if rung['serves'] else ''}"
    return f"serves {label(rung['serves'], 60)}" if rung["serves"] else "past"


def _summary(data: dict[str, Any]) -> str:
    return f"config epochs {when(data)}: {count_of(len(data['rungs']), 'rung')}"

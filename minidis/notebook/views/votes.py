"""Who voted for whom: a row for each Sentinel, a column for each epoch, as the Sentinels themselves said it.

             epoch 1     epoch 2
    s1       s2          s1
    s2       s2          s1
    s3       s3          s1
    s4       s3          -           not asked, down, or cut off
             2 : 2       s1 leads

One vote in an epoch, first come first served; whoever has more than half of *all* Sentinels leads.

Read next: minidis/distributed/sentinel/election.py.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

from minidis.drivers.simulation.lab import Lab
from minidis.notebook.views.drawing import Canvas, table_text
from minidis.notebook.views.labs import LabView, Names, when

NAME_WIDTH, MOST_WIDTH, ROW = 110.0, 150.0, 30.0
MOST_EPOCHS = 6
VOTE = "+vote-for-leader"
_ROLES = "abcd"


class VotesView(LabView):
    """Votes of a lab's Sentinels, up to a time."""

    def snapshot(self) -> dict[str, Any]:
        names, votes, elected = Names(self.lab), {}, {}
        voters = [name for name, process in self.lab.processes.items() if _is_sentinel(process)]
        for note in self.lab.record.notes:
            channel, *words = names.put_into(note.text).split() or [""]
            if note.time_us > self.time_us or note.where not in voters:
                continue
            if channel == VOTE and len(words) >= 2:
                votes.setdefault(int(words[1]), {})[note.where] = words[0]
            elif channel == "+elected-leader" and votes:
                elected[max(votes)] = note.where
        epochs = sorted(votes)[-MOST_EPOCHS:]
        return {
            **self.clock(),
            "voters": voters,
            "epochs": [
                {"epoch": epoch, "votes": votes[epoch], "leader": elected.get(epoch, "")} for epoch in epochs
            ],
        }

    def controls(self, data: dict[str, Any]) -> list[dict[str, Any]]:
        return self.time_controls(data)

    def draw(self, data: dict[str, Any]) -> Canvas:
        canvas = Canvas(_summary(data))
        canvas.heading("votes by epoch", f"{len(data['voters'])} Sentinels, {when(data)}")
        candidates = sorted({name for column in data["epochs"] for name in column["votes"].values()})
        width = min(MOST_WIDTH, (canvas.width - 24 - NAME_WIDTH) / max(1, len(data["epochs"])))
        y = 66.0
        for number, voter in enumerate(data["voters"]):
            canvas.text(16, y + number * ROW + 17, voter, "b", 12)
        for place, column in enumerate(data["epochs"]):
            x = NAME_WIDTH + place * width
            canvas.text(x + 8, 56, f"epoch {column['epoch']}", "b", 12)
            for number, voter in enumerate(data["voters"]):
                choice, top = column["votes"].get(voter), y + number * ROW
                if choice is None:
                    canvas.text(x + 8, top + 17, "no vote", "t-dim", 11)
                    continue
                role = _ROLES[candidates.index(choice) % len(_ROLES)]
                with canvas.group(note=f"epoch {column['epoch']}: {voter} votes for {choice}"):
                    canvas.box(x, top, width - 8, ROW - 6, role, 4)
                    canvas.text(x + 8, top + 16, f"for {choice}", f"b t-{role}", 11)
            role = "c" if column["leader"] else "e"
            canvas.text(x + 8, y + len(data["voters"]) * ROW + 14, _outcome(data, column), f"t-{role}", 11.5)
        canvas.bottom = y + len(data["voters"]) * ROW + 24
        return canvas

    def text(self, data: dict[str, Any]) -> str:
        if not data["epochs"]:
            return _summary(data)
        rows = [
            [voter, *[column["votes"].get(voter, "-") for column in data["epochs"]]]
            for voter in data["voters"]
        ]
        rows.append(["", *[_outcome(data, column) for column in data["epochs"]]])
        heads = ["Sentinel", *[f"epoch {column['epoch']}" for column in data["epochs"]]]
        return f"{_summary(data)}\n{table_text(heads, rows)}"


def votes(lab: Lab) -> VotesView:
    """Who voted for whom, by epoch, and who was elected."""
    return VotesView(lab)


def _is_sentinel(process: Any) -> bool:
    return getattr(process.node, "sentinel", None) is not None


def _outcome(data: dict[str, Any], column: dict[str, Any]) -> str:
    counts = Counter(column["votes"].values()).most_common()
    tally = " : ".join(f"{name} {count}" for name, count in counts)
    if column["leader"]:
        return f"{column['leader']} leads with {counts[0][1]} of {len(data['voters'])}"
    return f"nobody: {tally} of {len(data['voters'])}"


def _summary(data: dict[str, Any]) -> str:
    if not data["epochs"]:
        return f"votes of {len(data['voters'])} Sentinels: none yet, {when(data)}"
    return f"votes of {', '.join(data['voters'])} in {len(data['epochs'])} epochs, {when(data)}"

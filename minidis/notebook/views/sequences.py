"""A message sequence chart, from the lab's record: who said what to whom, when it was sent and when it came.

              s1              s2              s3
    16.755    |  is-master-down-by-addr a 1   |
              |-------------->|               |
    16.757    |               [votes for s1]  |
              |<--------------|               |
                          epoch 1: s1 has 3 of 3 votes

Each node has a life line, time goes down, a row for each thing that happened. An arrow slants from the row
where it was sent to the row where it came; one that was lost ends in a cross. What goes to and fro all the
time (PING, INFO, hello, acknowledgements) is left out and counted; `everything=True` shows it.

Addresses and ids of the lab's nodes are shown as their names.

Read next: minidis/drivers/simulation/record.py.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from itertools import pairwise
from typing import Any

from minidis.drivers.simulation.lab import Lab
from minidis.drivers.simulation.record import Message, Note
from minidis.notebook.views.drawing import MONO_ADVANCE, Canvas, count_of, label, table_text
from minidis.notebook.views.labs import LabView, Names
from minidis.notebook.views.view import text_field

MOST = 40
"""So many entries make a chart that can be read."""

LEFT, RIGHT, TOP, ROW = 96.0, 764.0, 64.0, 19.0
LABEL_SIZE = 9.5

_HEARTBEAT = re.compile(
    r"PING|\+PONG|:\d+|REPLCONF (ACK|GETACK) .*|INFO\b.*|\"# Server.*|PUBLISH __sentinel__:hello .*"
    r"|(push )?message __sentinel__:hello .*|\(newline\)|\(\d+ newlines\)",
    re.DOTALL,
)


Rows = dict[tuple[float, int], int]
"""(seconds, which of the notes of that time; 0: messages) -> row."""


class SequenceView(LabView):
    """The messages between some nodes, within a time."""

    def __init__(
        self, lab: Lab, names: Iterable[str], start_s: float, end_s: float | None, everything: bool, most: int
    ) -> None:
        super().__init__(lab)
        self.names = list(names) or list(lab.processes)
        unknown = [name for name in self.names if name not in lab.wires.hosts]
        if unknown:
            raise ValueError(f"nobody in the lab is called {', '.join(unknown)}")
        self.start_s = start_s
        self.everything = everything
        self.most = most
        if end_s is not None:
            self.on_time(end_s)

    def snapshot(self) -> dict[str, Any]:
        names = Names(self.lab)
        start_us, end_us = self.lab.started_us + round(self.start_s * 1_000_000), self.time_us
        messages, notes, hidden = [], [], 0
        nodes = self.lab.record.node_names()
        for entry in self.lab.record.entries:
            if isinstance(entry, Note):
                if start_us <= entry.time_us <= end_us and entry.where in ("", *self.names):
                    notes.append(self._note(entry, names))
            elif start_us <= entry.sent_us <= end_us and {entry.source, entry.target} <= set(self.names):
                said = names.put_into(entry.words(nodes))
                if not self.everything:
                    said = "; ".join(part for part in said.split("; ") if not _HEARTBEAT.fullmatch(part))
                if said:
                    messages.append(self._message(entry, said, end_us))
                else:
                    hidden += 1
        for before, note in pairwise(notes):
            note["nth"] = before["nth"] + 1 if note["time_s"] == before["time_s"] else 1
        shown = sorted([*messages, *notes], key=lambda entry: entry["time_s"])
        return {
            **self.clock(),
            "start_s": self.start_s,
            "names": self.names,
            "entries": shown[-self.most :],
            "earlier": max(0, len(shown) - self.most),
            "hidden": hidden,
            "votes": _votes(notes),
        }

    def _message(self, message: Message, said: str, end_us: int) -> dict[str, Any]:
        came = message.arrived_us is not None and message.arrived_us <= end_us
        lost = message.lost_us is not None and message.lost_us <= end_us
        return {
            "kind": "message",
            "time_s": self.seconds(message.sent_us),
            "from": message.source,
            "to": message.target,
            "said": said,
            "arrived_s": self.seconds(message.arrived_us) if came and message.arrived_us else None,
            "lost": lost,
        }

    def _note(self, note: Note, names: Names) -> dict[str, Any]:
        said = names.put_into(note.text)
        time_s = self.seconds(note.time_us)
        return {"kind": note.kind, "time_s": time_s, "where": note.where, "said": said, "nth": 1}

    # -- what one can do

    def controls(self, data: dict[str, Any]) -> list[dict[str, Any]]:
        return [*self.time_controls(data), text_field("start", "from (s)", f"{data['start_s']:g}")]

    def on_start(self, seconds: float | str) -> None:
        """Where the chart begins, seconds since the lab began."""
        self.start_s = float(seconds)

    # -- words

    def text(self, data: dict[str, Any]) -> str:
        rows = []
        for entry in data["entries"]:
            if entry["kind"] == "message":
                rows.append([f"{entry['time_s']:.6f}", f"{entry['from']} -> {entry['to']}", entry["said"]])
                rows[-1].append(_arrival(entry))
            else:
                rows.append(
                    [f"{entry['time_s']:.6f}", f"{entry['where'] or '*'}", entry["said"], entry["kind"]]
                )
        lines = [_summary(data)]
        if rows:
            lines.append(table_text(["sent (s)", "who", "what", "came (s)"], rows))
        return "\n".join([*lines, *map(_vote_line, data["votes"])])

    # -- picture

    def draw(self, data: dict[str, Any]) -> Canvas:
        canvas = Canvas(_summary(data))
        canvas.heading("who said what to whom", _left_out(data))
        columns = _columns(data["names"])
        rows = _rows(data["entries"])
        bottom = TOP + ROW * (len(rows) + 1)
        for name, x in columns.items():
            canvas.line(x, TOP - 4, x, bottom, "line", 1)
            width = min(120.0, 14 + 8 * len(name))
            canvas.box(x - width / 2, TOP - 24, width, 20, "f", 5)
            canvas.text(x, TOP - 10, label(name, 14), "b t-f", 11.5, "middle")
        for (time_s, _), row in rows.items():
            canvas.text(10, TOP + ROW * row + 4, f"{time_s:.6f}", "m t-dim", 9.5)
        for entry in data["entries"]:
            if entry["kind"] == "message":
                _draw_message(canvas, entry, columns, rows, bottom)
            else:
                _draw_note(canvas, entry, columns, rows)
        y = bottom + 6
        for vote in data["votes"]:
            y += 18
            canvas.text(16, y, _vote_line(vote), "b t-d", 11.5)
        canvas.bottom = max(canvas.bottom, bottom, y)
        return canvas


def sequence(
    lab: Lab, *names: str, start: float = 0.0, end: float | None = None,
    everything: bool = False, most: int = MOST,
) -> SequenceView:  # fmt: skip
    """Messages between nodes (all, or those named; clients too), from `start` to `end` seconds of the lab."""
    return SequenceView(lab, names, start, end, everything, most)


def _votes(notes: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Who voted for whom, by epoch: a Sentinel says so itself when it votes."""
    votes: dict[tuple[int, str], list[str]] = {}
    for note in notes:
        channel, *words = note["said"].split()
        if channel == "+vote-for-leader" and len(words) >= 2:
            votes.setdefault((int(words[1]), words[0]), []).append(note["where"])
    return [
        {"epoch": epoch, "candidate": candidate, "voters": voters}
        for (epoch, candidate), voters in sorted(votes.items())
    ]


def _vote_line(vote: dict[str, Any]) -> str:
    votes = count_of(len(vote["voters"]), "vote")
    return f"epoch {vote['epoch']}: {vote['candidate']} has {votes}, from {', '.join(vote['voters'])}"


def _columns(names: list[str]) -> dict[str, float]:
    width = (RIGHT - LEFT) / max(1, len(names))
    return {name: LEFT + width * (index + 0.5) for index, name in enumerate(names)}


def _rows(entries: list[dict[str, Any]]) -> Rows:
    """A row for each moment at which something was sent or came, and one for each note."""
    moments = {(entry["time_s"], entry.get("nth", 0)) for entry in entries}
    moments |= {(entry["arrived_s"], 0) for entry in entries if entry.get("arrived_s") is not None}
    return {moment: row for row, moment in enumerate(sorted(moments), start=1)}


def _draw_message(
    canvas: Canvas, entry: dict[str, Any], columns: dict[str, float], rows: Rows, bottom: float
) -> None:
    x1, y1 = columns[entry["from"]], TOP + ROW * rows[entry["time_s"], entry.get("nth", 0)]
    x2, came = columns[entry["to"]], entry["arrived_s"] is not None
    y2 = TOP + ROW * rows[entry["arrived_s"], 0] if came else min(y1 + ROW, bottom)
    if not came:  # it ends on its way
        x2 = x1 + (x2 - x1) * 0.6
    reply = entry["said"].startswith(("+", "-", ":", "(nil)"))
    role = "e" if entry["lost"] else "c" if reply else "a"
    note = f"{entry['from']} -> {entry['to']}: {entry['said']}, {_arrival(entry)}"
    with canvas.group(note=note):
        canvas.line(x1, y1, x2, y2, role, 1.5, "" if came else "5 3", arrow=True)
        if not came:
            canvas.text(
                x2 + (8 if x2 > x1 else -8), y2 + 4, "✗" if entry["lost"] else "…", "b t-e", 12, "middle"
            )
        middle = (x1 + columns[entry["to"]]) / 2
        room = max(8, int((abs(columns[entry["to"]] - x1) - 14) / (LABEL_SIZE * MONO_ADVANCE)))
        said = entry["said"]
        said = said if len(said) <= room else said[: room - 1] + "…"
        canvas.text(middle, min(y1, y2) - 1, said, f"m t-{role}", LABEL_SIZE, "middle")


def _draw_note(canvas: Canvas, entry: dict[str, Any], columns: dict[str, float], rows: Rows) -> None:
    y = TOP + ROW * rows[entry["time_s"], entry.get("nth", 0)]
    role = "e" if entry["kind"] == "fault" else "d"
    with canvas.group(note=f"{entry['where'] or 'the lab'}: {entry['said']}"):
        if entry["where"] not in columns:
            canvas.line(LEFT, y, RIGHT, y, role, 1.5, "2 3")
            canvas.text(RIGHT, y - 3, entry["said"], f"b t-{role}", 10.5, "end")
            return
        x, words = columns[entry["where"]], entry["said"]
        words = words if len(words) <= 26 else words[:25] + "…"
        width = 8 + len(words) * LABEL_SIZE * MONO_ADVANCE
        x = min(max(x, width / 2 + 4), canvas.width - width / 2 - 4)
        canvas.box(x - width / 2, y - 8, width, 15, role, 4)
        canvas.text(x, y + 3, words, f"m t-{role}", LABEL_SIZE, "middle")


def _arrival(entry: dict[str, Any]) -> str:
    if entry["arrived_s"] is not None:
        return f"{entry['arrived_s']:.6f}"
    return "lost" if entry["lost"] else "on the way"


def _left_out(data: dict[str, Any]) -> str:
    parts = [f"{data['start_s']:g} s to {data['time_s']:.3f} s"]
    parts += [f"{count_of(data['earlier'], 'earlier entry', 'earlier entries')} not shown"] * bool(
        data["earlier"]
    )
    parts += [f"{count_of(data['hidden'], 'heartbeat')} left out"] * bool(data["hidden"])
    return "; ".join(parts)


def _summary(data: dict[str, Any]) -> str:
    return f"messages between {', '.join(data['names'])}: {_left_out(data)}"

"""Picture of a race: one schedule, command by command, and where it stands among all the others.

    schedule 2 of 6          ann               bob               afterwards
    1                        GET balance 100                     balance 100
    2                                          GET balance 100   balance 100
    3                        SET balance 70                      balance 70
    4                                          SET balance 70    balance 70     30 are lost

What is drawn is an exploration (course/models/interleaving.py, found by its methods: this room does not know
that one). It has run every schedule; the one that is shown is run again, on its node.

Read next: minidis/course/models/interleaving.py.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from typing import Any

from minidis.notebook.views.drawing import Canvas, label, table_text, text_width
from minidis.notebook.views.view import View, button, slider
from minidis.protocol.replies import NULL_ARRAY, ReplyError

LEFT, AFTER, ROW = 44.0, 560.0, 34.0
MOST_CELLS = 252
"""So many schedules have a cell each in the strip."""


class InterleavingView(View):
    """A schedule of an exploration. `good` are the outcomes that are right; the others are marked."""

    def __init__(self, found: Any, title: str, good: Iterable[Hashable], number: int = 0) -> None:
        super().__init__(None)
        self.found, self.title, self.good = found, title, tuple(good)
        self.outcome: Hashable = None  # None: all schedules, one after the other
        self.number = number

    def on_schedule(self, number: float) -> None:
        """Show this schedule, counted from 0 (of those with the chosen outcome)."""
        self.number = min(max(int(number), 0), self._count() - 1)

    def on_outcome(self, _value: Any) -> None:
        """Look only at schedules with the next outcome; after the last one, at all again."""
        outcomes = [None, *self.found.outcomes]
        self.outcome = outcomes[(outcomes.index(self.outcome) + 1) % len(outcomes)]
        self.number = 0

    def _count(self) -> int:
        return self.found.schedules if self.outcome is None else self.found.outcomes[self.outcome]

    def snapshot(self) -> dict[str, Any]:
        order = self.found.schedule(self.number, self.outcome)
        outcome = self.found.outcome_of(order)
        return {
            "title": self.title,
            "clients": list(self.found.clients),
            "schedules": self.found.schedules,
            "outcomes": [
                {"name": _name(name), "count": count, "good": name in self.good}
                for name, count in self.found.outcomes.items()
            ],
            "only": None if self.outcome is None else _name(self.outcome),
            "number": self.number,
            "count": self._count(),
            "outcome": {"name": _name(outcome), "good": outcome in self.good},
            "steps": [_step(step) for step in self.found.steps(order)],
            "strip": self._strip(),
        }

    def _strip(self) -> list[dict[str, Any]]:
        """Each schedule's outcome, where there are few enough to draw."""
        if self._count() > MOST_CELLS:
            return []
        outcomes = [self.found.outcome_of(self.found.schedule(n, self.outcome)) for n in range(self._count())]
        return [{"name": _name(outcome), "good": outcome in self.good} for outcome in outcomes]

    def controls(self, data: dict[str, Any]) -> list[dict[str, Any]]:
        shown = "all schedules" if data["only"] is None else f"only those with {data['only']}"
        found = [button("outcome", shown, "the next outcome")]
        if data["count"] > 1:
            found.insert(0, slider("schedule", "schedule", data["number"], 0, data["count"] - 1, 1))
        return found

    def captions(self, data: dict[str, Any]) -> list[str]:
        return [
            f"{s['client']}: {s['command']} answers {s['reply']}. Then: {s['keys']}" for s in data["steps"]
        ]

    def draw(self, data: dict[str, Any]) -> Canvas:
        canvas = Canvas(_summary(data))
        y = canvas.heading(data["title"], f"{data['schedules']:,} schedules")
        y = self._draw_outcomes(canvas, data, y)
        if data["strip"]:
            y = self._draw_strip(canvas, data, y)
        shown = "" if data["only"] is None else f" with {data['only']}"
        canvas.text(16, y + 14, f"schedule {data['number'] + 1:,} of {data['count']:,}{shown}", "b", 12)
        return self._draw_steps(canvas, data, y + 26)

    def _draw_outcomes(self, canvas: Canvas, data: dict[str, Any], y: float) -> float:
        """A bar for each outcome, as long as its share of the schedules."""
        room = canvas.width - 16 - 330
        for outcome in data["outcomes"]:
            role = "c" if outcome["good"] else "e"
            share = outcome["count"] / data["schedules"]
            with canvas.group(note=f"{outcome['name']}: {outcome['count']:,} of {data['schedules']:,}"):
                canvas.text(16, y + 13, f"{_sign(outcome)} {outcome['name']}", f"b t-{role}", 11.5)
                canvas.box(330, y, max(2.0, room * share), 17, role, 3)
                canvas.text(322, y + 13, f"{outcome['count']:,}  ({share:.1%})", "m", 10.5, "end")
            y += 22
        return y + 4

    def _draw_strip(self, canvas: Canvas, data: dict[str, Any], y: float) -> float:
        width = max(8.0, min(24.0, (canvas.width - 32) / len(data["strip"])))
        per_line = int((canvas.width - 32) // width)
        for number, outcome in enumerate(data["strip"]):
            x, top = 16 + width * (number % per_line), y + 15 * (number // per_line)
            note = f"schedule {number + 1}: {outcome['name']}"
            with canvas.group(note=note, event=("schedule", number)):
                if outcome["good"]:
                    canvas.box(x, top + 4, width - 1, 8, "c", 2)
                else:  # taller: told apart without the colour, too
                    canvas.box(x, top, width - 1, 12, "e", 2)
            if number == data["number"]:
                canvas.ring(x - 1, top - 1, width + 1, 14)
        return y + 15 * ((len(data["strip"]) - 1) // per_line + 1) + 6

    def _draw_steps(self, canvas: Canvas, data: dict[str, Any], y: float) -> Canvas:
        width = (AFTER - LEFT) / len(data["clients"])
        place = {name: LEFT + width * number for number, name in enumerate(data["clients"])}
        for number, name in enumerate(data["clients"]):
            canvas.text(place[name] + 6, y + 10, name, f"b t-{'adg'[number % 3]}", 12)
        canvas.text(AFTER + 8, y + 10, "afterwards", "b t-dim", 12)
        y += 18
        room = int((width - 16) / 6.4)
        for number, step in enumerate(data["steps"], start=1):
            role = "adg"[data["clients"].index(step["client"]) % 3]
            x = place[step["client"]]
            note = f"{step['client']}: {step['command']} answers {step['reply']}"
            with canvas.group(note=note, step=number):
                canvas.text(LEFT - 8, y + 19, str(number), "m t-dim", 10.5, "end")
                canvas.box(x, y, width - 6, ROW - 4, role, 4)
                canvas.text(x + 6, y + 13, _cut(step["command"], room), f"m b t-{role}", 10.5)
                flags = ", ".join(step["flags"])
                canvas.text(x + 6, y + 25, _cut(step["reply"], room - len(flags) - 1), "m", 10)
                canvas.text(x + width - 12, y + 25, flags, "t-dim", 10, "end")
                canvas.text(AFTER + 8, y + 13, _cut(step["keys"], 33), "m", 10.5)
                if step["dirty"]:
                    changed = f"watched key changed: {', '.join(step['dirty'])}"
                    canvas.text(AFTER + 8, y + 25, changed, "t-e", 10.5)
            y += ROW
        outcome = data["outcome"]
        text = f"{_sign(outcome)} {outcome['name']}"
        canvas.badge(canvas.width - 28 - text_width(text, 11, mono=True), y + 2, text, _role(outcome))
        return canvas

    def text(self, data: dict[str, Any]) -> str:
        rows = [
            [
                str(number),
                *[
                    f"{s['command']} -> {s['reply']}" if s["client"] == name else ""
                    for name in data["clients"]
                ],
                s["keys"],
                ", ".join(s["dirty"]),
            ]
            for number, s in enumerate(data["steps"], start=1)
        ]
        shown = "" if data["only"] is None else f" with {data['only']}"
        head = ["", *data["clients"], "afterwards", "must fail EXEC"]
        if not any(row[-1] for row in rows):
            rows, head = [row[:-1] for row in rows], head[:-1]
        return "\n".join(
            [
                _summary(data),
                *[f"  {_sign(o)} {o['name']}: {o['count']:,} schedules" for o in data["outcomes"]],
                f"schedule {data['number'] + 1:,} of {data['count']:,}{shown}: {data['outcome']['name']}",
                table_text(head, rows),
            ]
        )


def interleaving(
    found: Any,
    title: str = "every schedule",
    good: Iterable[Hashable] = (),
    number: int = 0,
    shortest: Hashable = None,
) -> InterleavingView:
    """The schedules that `explore` found, and one of them step by step; `good` are the right outcomes.

    `shortest` is an outcome: the shortest schedule that leads to it is shown.
    """
    view = InterleavingView(found, title, good, number)
    if shortest in found.outcomes:
        view.outcome, view.number = shortest, found.number_of(found.shortest(shortest), shortest)
    return view


def _step(step: Any) -> dict[str, Any]:
    queued = step.queued[step.client]
    watching = step.watching[step.client]
    flags = [f"{queued} queued"] if queued else []
    flags += [f"watches {', '.join(label(key, 12) for key in watching)}"] if watching else []
    keys = ", ".join(f"{label(key, 12)} {label(value, 12)}" for key, value in sorted(step.keys.items()))
    return {
        "client": step.client,
        "command": " ".join(label(word, 30) for word in step.argv),
        "reply": _reply(step.reply),
        "keys": keys or "no keys",
        "flags": flags,
        "dirty": sorted(step.dirty),
    }


def _reply(reply: Any) -> str:
    if reply is None or reply is NULL_ARRAY:
        return "nil"
    if isinstance(reply, ReplyError):
        return label(str(reply), 40)
    if isinstance(reply, list):
        return "[" + ", ".join(map(_reply, reply)) + "]"
    return label(reply, 24) if isinstance(reply, bytes | str) else str(reply)


def _name(outcome: Hashable) -> str:
    return label(outcome, 40) if isinstance(outcome, bytes | str) else label(str(outcome), 40)


def _sign(outcome: dict[str, Any]) -> str:
    return "✓" if outcome["good"] else "✗"


def _role(outcome: dict[str, Any]) -> str:
    return "c" if outcome["good"] else "e"


def _cut(text: str, room: int) -> str:
    return text if len(text) <= room else text[: max(1, room - 1)] + "…"


def _summary(data: dict[str, Any]) -> str:
    wrong = sum(outcome["count"] for outcome in data["outcomes"] if not outcome["good"])
    verdict = f"{wrong:,} of {data['schedules']:,} schedules go wrong" if wrong else "no schedule goes wrong"
    return f"{data['title']}: {verdict}"

"""A lock's time line: who believes that he holds it, who does, who waits, and where two are inside at once.

    redis   [alice      \\    ][bob        \\          ]     what the node says; the slope is the time to live
    alice   [believes         : : : : ]                      : without the lock
    bob      x   x   x   x     [believes        ]            x a try that failed
                               ^^^^^^^^^ red

What is drawn is a record (course/models/contention.py, known by its methods: this room does not know it).
The cursor asks every node and worker about one moment; with several nodes it counts the majority.

Read next: minidis/course/models/contention.py.
"""

from __future__ import annotations

from typing import Any

from minidis.notebook.views.drawing import Canvas, count_of, label
from minidis.notebook.views.view import View, slider

LEFT, RIGHT, LANE, BAR = 118.0, 764.0, 44.0, 24.0
ROLES = "abdgcf"
PASSING_S = 0.2
"""An id that nobody got to know, and that was there so briefly, was a try that gave back what it had."""


class ContentionView(View):
    """The time line of a record, from `start` to `end` (seconds of the lab); the cursor stands at `time`."""

    def __init__(self, watch: Any, title: str, start: float, end: float | None, time: float | None) -> None:
        super().__init__(None)
        self.watch, self.title, self.start = watch, title, start
        self.end = watch.lab.now_s if end is None else end
        self.time = time

    def on_time(self, value: Any) -> None:
        """Put the cursor to a time."""
        self.time = min(max(float(value), self.start), self.end)

    def controls(self, data: dict[str, Any]) -> list[dict[str, Any]]:
        at = data["start"] if data["time"] is None else data["time"]
        return [slider("time", "time", at, data["start"], data["end"], 0.01, " s", "ask everybody then")]

    # -- data -------------------------------------------------------------------------------------

    def snapshot(self) -> dict[str, Any]:
        watch = self.watch
        workers = watch.workers()
        return {
            "title": self.title,
            "lock": watch.lock,
            "start": self.start,
            "end": self.end,
            "nodes": [self._node(name) for name in watch.nodes],
            "workers": [self._worker(name) for name in workers],
            "overlaps": [
                {"who": list(one.who), **self._span(one.start_us, one.end_us)} for one in watch.overlaps()
            ],
            "time": self.time,
            "moment": None if self.time is None else self._moment(self.time),
        }

    def _s(self, time_us: int) -> float:
        return round((time_us - self.watch.lab.started_us) / 1_000_000, 3)

    def _span(self, start_us: int, end_us: int | None) -> dict[str, Any]:
        end_us = self.watch.lab.now_us if end_us is None else end_us
        return {"start": self._s(start_us), "end": self._s(end_us)}

    def _node(self, name: str) -> dict[str, Any]:
        watch = self.watch
        kinds = ("killed", "power cut", "restarted", "clock stepped")
        faults = [fault for kind in kinds for fault in watch.faults(name, kind)]
        return {
            "name": name,
            "holds": [
                {
                    **self._span(hold.start_us, hold.end_us),
                    "who": watch.owner(hold.value),
                    "open": hold.end_us is None,
                    "deadlines": [
                        [self._s(seen_us), None if deadline_us is None else self._s(deadline_us)]
                        for seen_us, deadline_us in hold.deadlines
                    ],
                }
                for hold in watch.truth[name]
            ],
            "pauses": [self._span(*times) for times in watch.pauses(name)],
            "faults": [[self._s(us), text] for us, text in sorted(faults)],
        }

    def _worker(self, name: str) -> dict[str, Any]:
        watch = self.watch
        return {
            "name": name,
            "beliefs": [
                {
                    **self._span(belief.start_us, watch.end_of(belief)),
                    "open": belief.end_us is None,
                    "validity": None
                    if belief.validity_us is None
                    else self._s(belief.start_us + belief.validity_us),
                    "pieces": [[self._s(a), self._s(b), agreed] for a, b, agreed in watch.backed(belief)],
                    "released": None if belief.released is None else bool(belief.released),
                }
                for belief in watch.beliefs
                if belief.who == name
            ],
            "failed": [self._s(one.start_us) for one in watch.tries if one.who == name and not one.got],
            "waits": [
                {**self._span(start_us, end_us), "tries": tries, "got": got}
                for start_us, end_us, tries, got in watch.waits(name)
            ],
            "pauses": [self._span(*times) for times in watch.pauses(name)],
            "killed": [self._s(us) for us, _ in watch.faults(name, "killed")],
            "uses": [[self._s(use.at_us), use.token, use.accepted] for use in watch.uses if use.who == name],
        }

    def _moment(self, time_s: float) -> dict[str, Any]:
        watch = self.watch
        time_us = watch.lab.started_us + round(time_s * 1_000_000)
        names = {node: value and watch.owner(value) for node, value in watch.holders_at(time_us).items()}
        counts = {who: list(names.values()).count(who) for who in dict.fromkeys(filter(None, names.values()))}
        return {
            "nodes": names,
            "counts": counts,
            "holder": next((who for who, count in counts.items() if count >= watch.quorum), None),
            "believers": list(
                dict.fromkeys(b.who for b in watch.beliefs if b.start_us <= time_us < watch.end_of(b))
            ),
            "quorum": watch.quorum,
        }

    # -- the picture ------------------------------------------------------------------------------

    def draw(self, data: dict[str, Any]) -> Canvas:
        canvas = Canvas(f"{data['title']}: {_verdict(data)}")
        canvas.heading(data["title"], "")
        canvas.text(16, 44, _verdict(data), "b t-e" if data["overlaps"] else "t-c", 12)
        roles = {worker["name"]: ROLES[n % len(ROLES)] for n, worker in enumerate(data["workers"])}
        y = 62.0
        for node in data["nodes"]:
            self._draw_node(canvas, node, roles, y)
            y += LANE
        top = y
        for worker in data["workers"]:
            self._draw_worker(canvas, worker, roles[worker["name"]], y)
            y += LANE
        for overlap in data["overlaps"]:
            self._draw_overlap(canvas, overlap, top, y)
        self._draw_axis(canvas, data, y)
        if data["moment"] is not None:
            x = self._x(data["time"])
            canvas.line(x, 56, x, y, "hot", 1.3, "4 3")
            canvas.text(16, y + 40, _moment_text(data), "t-hot", 11)
        return canvas

    def _x(self, time_s: float) -> float:
        share = (time_s - self.start) / max(1e-6, self.end - self.start)
        return LEFT + (RIGHT - LEFT) * min(1.0, max(0.0, share))

    def _draw_node(self, canvas: Canvas, node: dict[str, Any], roles: dict[str, str], y: float) -> None:
        canvas.text(16, y + 16, node["name"][:14], "b", 12)
        canvas.line(LEFT, y + BAR, RIGHT, y + BAR, "line", 0.6)
        for hold in node["holds"]:
            x, right = self._x(hold["start"]), self._x(hold["end"])
            role = roles.get(hold["who"], "f")
            note = f"{node['name']} names {hold['who']} from {hold['start']:.2f} to {hold['end']:.2f} s"
            with canvas.group(note=note):
                canvas.box(x, y, max(1.5, right - x), BAR, role, 2)
                if right - x > 34:
                    canvas.text(x + 5, y + 16, label(hold["who"], 12), f"b t-{role}", 11)
            self._draw_time_to_live(canvas, hold, role, y)
        self._draw_pauses(canvas, node, y)
        for at_s, text in node["faults"]:
            x = self._x(at_s)
            with canvas.group(note=f"{node['name']}: {text} at {at_s:.2f} s"):
                canvas.line(x, y - 3, x, y + BAR + 3, "e", 2)
                canvas.text(x + 3, y + BAR + 12, text, "t-e", 9.5)

    def _draw_time_to_live(self, canvas: Canvas, hold: dict[str, Any], role: str, y: float) -> None:
        """A slope from the top (set) to the bottom (expires), cut where the time to live was set anew."""
        changes = [change for change in hold["deadlines"] if change[1] is not None]
        ends = [*[change[0] for change in changes[1:]], hold["end"]]
        for (since, deadline), until in zip(changes, ends, strict=True):
            left = (deadline - until) / max(1e-6, deadline - since)
            end_y = y + BAR * (1 - min(1.0, max(0.0, left)))
            canvas.line(self._x(since), y, self._x(until), end_y, role, 1.2)

    def _draw_pauses(self, canvas: Canvas, lane: dict[str, Any], y: float) -> None:
        for pause in lane["pauses"]:
            x, right = self._x(pause["start"]), self._x(pause["end"])
            with canvas.group(
                note=f"{lane['name']} stands still, {pause['start']:.2f} to {pause['end']:.2f} s"
            ):
                canvas.box(x, y + BAR + 2, max(2.0, right - x), 9, "f", 1, "3 2")
                canvas.text(x + 3, y + BAR + 9.5, "paused", "t-dim", 8.5)

    def _draw_worker(self, canvas: Canvas, worker: dict[str, Any], role: str, y: float) -> None:
        canvas.text(16, y + 16, worker["name"][:14], f"b t-{role}", 12)
        canvas.line(LEFT, y + BAR, RIGHT, y + BAR, "line", 0.6)
        for wait in worker["waits"]:
            if wait["tries"] > 1:
                canvas.line(
                    self._x(wait["start"]), y + BAR / 2, self._x(wait["end"]), y + BAR / 2, "dim", 1, "2 3"
                )
        for belief in worker["beliefs"]:
            self._draw_belief(canvas, worker["name"], belief, role, y)
        last_x = -10.0
        for x in map(self._x, worker["failed"]):
            if x - last_x >= 4:  # closer ones could not be told apart
                canvas.text(x, y + 16, "×", "b t-dim", 11, "middle")
                last_x = x
        self._draw_pauses(canvas, worker, y)
        for at_s in worker["killed"]:
            canvas.text(self._x(at_s) + 3, y + 16, "✝ killed", "b t-e", 11)
        for at_s, token, accepted in worker["uses"]:
            x = self._x(at_s)
            says = "written" if accepted else "REFUSED"
            with canvas.group(note=f"{worker['name']} writes with token {token}: {says}"):
                canvas.dot(x, y + BAR - 5, 4, "c" if accepted else "e")
                canvas.text(
                    x + 6, y + BAR - 2, _token(token, accepted), "b t-c" if accepted else "b t-e", 9.5
                )

    def _draw_belief(self, canvas: Canvas, name: str, belief: dict[str, Any], role: str, y: float) -> None:
        for start, end, agreed in belief["pieces"]:
            x, right = self._x(start), self._x(end)
            says = "and holds it" if agreed else "and does not hold it"
            with canvas.group(note=f"{name} believes, {says}: {start:.2f} to {end:.2f} s"):
                canvas.box(
                    x, y, max(1.5, right - x), BAR, role if agreed else "none", 2, "" if agreed else "3 2"
                )
                if right - x > 46:
                    canvas.text(x + 5, y + 11, "believes" if agreed else "without it", f"t-{role}", 9.5)
        if belief["validity"] is not None:
            x, right = self._x(belief["start"]), self._x(belief["validity"])
            with canvas.group(note=f"{name} was promised the lock until {belief['validity']:.2f} s"):
                canvas.box(x, y + BAR + 2, max(1.5, right - x), 4, role, 1)

    def _draw_overlap(self, canvas: Canvas, overlap: dict[str, Any], top: float, bottom: float) -> None:
        x, right = self._x(overlap["start"]), self._x(overlap["end"])
        who = " and ".join(overlap["who"])
        with canvas.group(
            note=f"{who} are inside together, {overlap['start']:.2f} to {overlap['end']:.2f} s"
        ):
            canvas.box(x, top - 6, max(2.0, right - x), bottom - top, "veil", 0)

    def _draw_axis(self, canvas: Canvas, data: dict[str, Any], y: float) -> None:
        for tick in range(6):
            time_s = data["start"] + (data["end"] - data["start"]) * tick / 5
            x = self._x(time_s)
            canvas.line(x, y, x, y + 4, "dim")
            canvas.text(x, y + 16, f"{time_s:.1f} s", "m t-dim", 10, "middle" if tick < 5 else "end")

    # -- the words --------------------------------------------------------------------------------

    def text(self, data: dict[str, Any]) -> str:
        lines = [
            f"{data['title']} ({data['lock']}, {data['start']:.1f} to {data['end']:.1f} s): {_verdict(data)}"
        ]
        width = max((len(lane["name"]) for lane in (*data["nodes"], *data["workers"])), default=4)
        for node in data["nodes"]:
            lines.append(f"  {node['name']:{width}}  " + "; ".join(_node_words(node) or ["names nobody"]))
        for worker in data["workers"]:
            lines.append(f"  {worker['name']:{width}}  " + "; ".join(_worker_words(worker)))
        if data["moment"] is not None:
            lines.append(_moment_text(data))
        return "\n".join(lines)


def contention(
    watch: Any, title: str = "a lock", start: float = 0.0, end: float | None = None, time: float | None = None
) -> ContentionView:
    """Belief and truth about a lock, `start` to `end` (seconds of the lab; None: now), cursor at `time`."""
    return ContentionView(watch, title, start, end, time)


def _verdict(data: dict[str, Any]) -> str:
    if data["overlaps"]:
        first = data["overlaps"][0]
        total_s = sum(one["end"] - one["start"] for one in data["overlaps"])
        who = " and ".join(first["who"])
        return f"DOUBLE ENTRY of {who} at {first['start']:.2f} s, for {total_s:.2f} s in all"
    refused = sum(not accepted for worker in data["workers"] for _, _, accepted in worker["uses"])
    return "never two inside" + (f", {count_of(refused, 'write')} refused" if refused else "")


def _node_words(node: dict[str, Any]) -> list[str]:
    passing = [
        hold for hold in node["holds"] if hold["who"] == "?" and hold["end"] - hold["start"] < PASSING_S
    ]
    words = [
        (hold["start"], f"{hold['who']} {_times(hold)}") for hold in node["holds"] if hold not in passing
    ]
    if passing:
        words.append((passing[0]["start"], f"{count_of(len(passing), 'id')} for a moment, given back"))
    words += [(pause["start"], f"paused {_times(pause)}") for pause in node["pauses"]]
    words += [(at_s, f"{text} at {at_s:.2f}") for at_s, text in node["faults"]]
    return [text for _, text in sorted(words)]


def _worker_words(worker: dict[str, Any]) -> list[str]:
    words: list[tuple[float, str]] = []
    for wait in worker["waits"]:
        failed = wait["tries"] - wait["got"]
        if failed:
            words.append((wait["start"], f"{count_of(failed, 'try', 'tries')} in vain {_times(wait)}"))
    for belief in worker["beliefs"]:
        bare_s = sum(end - start for start, end, agreed in belief["pieces"] if not agreed)
        text = f"believes {_times(belief)}" + (
            f", {bare_s:.2f} s of it WITHOUT THE LOCK" if bare_s >= 0.02 else ""
        )
        text += "" if belief["validity"] is None else f" (promised until {belief['validity']:.2f})"
        words.append(
            (belief["start"], text + {None: "", True: "", False: ", release answers 0"}[belief["released"]])
        )
    words += [(pause["start"], f"paused {_times(pause)}") for pause in worker["pauses"]]
    words += [(at_s, f"killed at {at_s:.2f}") for at_s in worker["killed"]]
    words += [(at_s, f"writes at {at_s:.2f} {_token(*use)}") for at_s, *use in worker["uses"]]
    return [text for _, text in sorted(words)]


def _token(token: int | None, accepted: bool) -> str:
    return ("" if token is None else f"token {token} ") + ("written" if accepted else "REFUSED")


def _times(span: dict[str, Any]) -> str:
    return f"{span['start']:.2f}-{span['end']:.2f}"


def _moment_text(data: dict[str, Any]) -> str:
    moment = data["moment"]
    believers = " and ".join(moment["believers"]) or "nobody"
    if len(data["nodes"]) == 1:
        truth = f"{data['nodes'][0]['name']} names {moment['holder'] or 'nobody'}"
    else:
        board = ", ".join(f"{node} {who or '-'}" for node, who in moment["nodes"].items())
        truth = f"{board}: majority ({moment['quorum']}) for {moment['holder'] or 'nobody'}"
    return f"at {data['time']:.2f} s: {truth}; {believers} inside"

"""Two pictures of an operator's day: an audit's verdicts as a scorecard, and who may do what.

    scorecard     AF1 ✓  AF2 ?  AF3 ✗ ...        29 tiles; pointing at one tells evidence and repair
    ACL matrix    SET order:1   app ✓  worker ✗ key  monitor ✗ command

The matrix asks the users of the node themselves, as ACL DRYRUN does; nothing is run and nothing is logged.

Read next: minidis/audit/report.py, minidis/engine/acl.py.
"""

from __future__ import annotations

from collections.abc import Sequence
from textwrap import wrap
from typing import Any

from minidis.audit.report import SIGNS, WORDS, Report
from minidis.drivers.embedded import Embedded
from minidis.engine.errors import shown
from minidis.notebook.views.drawing import Canvas, table_text
from minidis.notebook.views.sources import node_or_default
from minidis.notebook.views.view import View
from minidis.protocol.quoting import split_arguments
from minidis.protocol.replies import ReplyError

TILE_WIDTH, TILE_HEIGHT, IN_A_ROW, LETTERS = 148.0, 54.0, 5, 25
_ROLES = {"pass": "c", "fail": "e", "cannot tell": "f"}
NAME_WIDTH, ROW = 250.0, 24.0


class ScorecardView(View):
    """The findings of an audit, a tile for each."""

    def __init__(self, report: Report, title: str) -> None:
        super().__init__(None)
        self.report, self.title = report, title

    def snapshot(self) -> dict[str, Any]:
        return {
            "title": self.title,
            "summary": self.report.summary,
            "findings": [
                [one.item, one.title, one.verdict, one.evidence, one.repair] for one in self.report.findings
            ],
        }

    def draw(self, data: dict[str, Any]) -> Canvas:
        canvas = Canvas(f"{data['title']}: {data['summary']}")
        canvas.heading(data["title"], data["summary"])
        y = 56.0
        for letters, name in (("AF", "15 best practices"), ("AG", "14 pitfalls")):
            canvas.text(16, y + 4, name, "b", 12)
            y += 14
            tiles = [finding for finding in data["findings"] if finding[0].startswith(letters)]
            for number, finding in enumerate(tiles):
                row, column = divmod(number, IN_A_ROW)
                _tile(canvas, 16 + column * (TILE_WIDTH + 2), y + row * (TILE_HEIGHT + 4), finding)
            y += -(-len(tiles) // IN_A_ROW) * (TILE_HEIGHT + 4) + 14
        canvas.bottom = y
        return canvas

    def text(self, data: dict[str, Any]) -> str:
        return f"{data['title']}\n{self.report!r}"


def _tile(canvas: Canvas, x: float, y: float, finding: list[Any]) -> None:
    item, title, verdict, evidence, repair = finding
    role = _ROLES[verdict]
    note = f"{item} {title}: {WORDS[verdict]}. {evidence}"
    with canvas.group(note=note + (f". Repair: {repair}" if verdict == "fail" else "")):
        canvas.box(x, y, TILE_WIDTH - 4, TILE_HEIGHT, role, 4)
        canvas.text(x + 8, y + 18, f"{SIGNS[verdict]} {item}", f"b t-{role}", 12)
        for number, line in enumerate(wrap(title, LETTERS, max_lines=2, placeholder=" …")):
            canvas.text(x + 8, y + 33 + 13 * number, line, "", 10)


class AclMatrixView(View):
    """For each request and each user: may he? And if not, is it for the command, a key or a channel?"""

    def __init__(self, requests: Sequence[str], users: Sequence[str], node: Embedded | None) -> None:
        super().__init__(node_or_default(node))
        self.requests, self.chosen = [*requests], [*users]

    def snapshot(self) -> dict[str, Any]:
        names = [name.encode() for name in self.chosen] or sorted(self.node.node.users.by_name)
        return {
            "users": [shown(name) for name in names],
            "rows": [[line, [self._verdict(name, line) for name in names]] for line in self.requests],
        }

    def _verdict(self, name: bytes, line: str) -> str:
        """ "" for what is allowed, else the reason: command, key or channel."""
        user = self.node.node.users.by_name.get(name)
        if user is None:
            return "no such user"
        argv = split_arguments(line.encode()) or [b""]
        try:
            command = self.node.node.commands.find(argv)
        except ReplyError:
            return "no such command"
        denial = user.check(command, argv)
        return "" if denial is None else denial.reason

    def draw(self, data: dict[str, Any]) -> Canvas:
        allowed = sum(not verdict for _, verdicts in data["rows"] for verdict in verdicts)
        canvas = Canvas(
            f"who may do what: {len(data['rows'])} requests of {', '.join(data['users'])}; {allowed} allowed"
        )
        canvas.heading("who may do what", "asked of the users' own rules, as ACL DRYRUN does")
        width = min(130.0, (canvas.width - 16 - NAME_WIDTH) / max(1, len(data["users"])))
        for number, user in enumerate(data["users"]):
            canvas.text(NAME_WIDTH + number * width + 8, 56, user, "b", 12)
        y = 64.0
        for line, verdicts in data["rows"]:
            canvas.text(16, y + 15, line if len(line) < 36 else line[:35] + "…", "m", 11)
            for number, verdict in enumerate(verdicts):
                role, x = ("e" if verdict else "c"), NAME_WIDTH + number * width
                text = _words(verdict)
                with canvas.group(note=f"{data['users'][number]}, {line}: {text}"):
                    canvas.box(x, y, width - 4, ROW - 4, role, 3)
                    canvas.text(x + 8, y + 14, text, f"t-{role}", 10.5)
            y += ROW
        canvas.bottom = y
        return canvas

    def text(self, data: dict[str, Any]) -> str:
        rows = [[line, *map(_words, verdicts)] for line, verdicts in data["rows"]]
        return table_text(["request", *data["users"]], rows)


def _words(verdict: str) -> str:
    return f"✗ {verdict}" if verdict else "✓"


def scorecard(report: Report, title: str = "ready for production?") -> ScorecardView:
    """The 29 verdicts of an audit (`minidis.audit.audit`)."""
    return ScorecardView(report, title)


def acl_matrix(
    requests: Sequence[str], users: Sequence[str] = (), node: Embedded | None = None
) -> AclMatrixView:
    """Which of the node's users (no names: all) may send which of the requests, and what is in the way."""
    return AclMatrixView(requests, users, node)

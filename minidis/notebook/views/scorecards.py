"""Two pictures of an operator's day: an audit's verdicts as a scorecard, and who may do what.

    scorecard     AF1 ✓  AF2 ?  AF3 ✗ ...        29 tiles; pointing at one tells evidence and repair
    ACL matrix    SET order:1   app ✓  worker ✗ key  monitor ✗ command

The matrix asks ACL DRYRUN: nothing is run and nothing is logged. A server that refuses that (before 7.0, or
to users with few rights) may still tell its rules: they are then judged here.

Read next: minidis/audit/report.py, minidis/commands/acl.py.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from textwrap import wrap
from typing import Any

from minidis.audit.report import SIGNS, WORDS, Report
from minidis.commands.acl import acl_dryrun
from minidis.drivers.embedded import Embedded
from minidis.engine.errors import shown
from minidis.notebook.views.drawing import Canvas, table_text
from minidis.notebook.views.mirrors import Mirror, Untold
from minidis.notebook.views.sources import node_or_mirror
from minidis.notebook.views.view import View
from minidis.protocol.quoting import split_arguments
from minidis.protocol.replies import ReplyError

TILE_WIDTH, TILE_HEIGHT, IN_A_ROW, LETTERS = 148.0, 54.0, 5, 25
_OF_REPLIES = [
    ("no permissions to run the ", "command"),
    (" key$", "key"),
    (" channel$", "channel"),
]
_OF_ERRORS = [
    ("^ERR User '.*' not found", "no such user"),
    ("^ERR Command '.*' not found", "no such command"),
    ("^ERR wrong number of arguments for ", "wrong arity"),
]
_REFUSED = "refused"
"""The verdict of a text that is none of these: in doubt a request is not allowed."""

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

    shows_keys = False

    def __init__(self, requests: Sequence[str], users: Sequence[str], node: Embedded | None) -> None:
        super().__init__(node_or_mirror(node))
        self.requests, self.chosen = [*requests], [*users]

    def snapshot(self) -> dict[str, Any]:
        if not isinstance(self.node, Mirror):
            return self._matrix(sorted(self.node.node.users.by_name), self._judged_here)
        mirror, names = self.node, []
        if not self.chosen:
            names = sorted(mirror.ask(b"ACL", b"USERS"))
        try:
            data = self._matrix(names, self._judged_there) | {"kind": "rights"}
        except Untold:
            mirror.take_users()
            data = self._matrix(names, self._judged_here) | {"kind": "rules"}
        return data | {"untold": mirror.only_of()}

    def _matrix(self, names: list[bytes], judge: Callable[[bytes, list[bytes]], Any]) -> dict[str, Any]:
        """A verdict for each request and user; `judge` answers as ACL DRYRUN does."""
        names = [name.encode() for name in self.chosen] or names
        rows = []
        for line in self.requests:
            argv = split_arguments(line.encode()) or [b""]
            rows.append([line, [_verdict(judge(name, argv)) for name in names]])
        return {"users": [shown(name) for name in names], "rows": rows}

    def _judged_here(self, name: bytes, argv: list[bytes]) -> Any:
        """By this kernel's node; the handler itself is asked, so that looking counts as no command."""
        try:
            return acl_dryrun(self.node.client, name, *argv)
        except ReplyError as error:
            return error

    def _judged_there(self, name: bytes, argv: list[bytes]) -> Any:
        """By the server.  Raises Untold where it knows no DRYRUN, or does not let us."""
        words = [b"ACL", b"DRYRUN", name, *argv]
        try:
            return self.node.server.call(words)
        except ReplyError as error:
            if _verdict(error) == _REFUSED:
                raise Untold(self.node.refusal(words[:2], error)) from None
            return error

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


def _verdict(answer: Any) -> str:
    """What is in the way, as ACL DRYRUN says it; "" for nothing, _REFUSED if it cannot be read out of that.

    >>> _verdict("OK"), _verdict(b"This user has no permissions to access the 'k' key")
    ('', 'key')
    >>> _verdict(ReplyError("ERR Command 'NOSUCH' not found")), _verdict(ReplyError("ERR unknown subcommand"))
    ('no such command', 'refused')
    """
    if answer in ("OK", b"OK"):
        return ""
    phrases = _OF_ERRORS if isinstance(answer, ReplyError) else _OF_REPLIES
    said = answer.decode("utf-8", "replace") if isinstance(answer, bytes) else str(answer)
    return next((verdict for phrase, verdict in phrases if re.search(phrase, said, re.DOTALL)), _REFUSED)


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

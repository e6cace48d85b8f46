"""Checks, findings and the report: 29 verdicts with evidence and repair.

A check is a function of the facts that answers `passed(evidence)` or `failed(evidence)`; where it cannot
know, it answers `cannot_tell(why)`, or the facts raise CannotTell for it.

    @check("AG2", "KEYS in production", repair="SCAN; +@all -keys for the application's user")
    def keys_command(facts):
        ...

Read next: practices.py.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from html import escape
from typing import Any, Literal, NamedTuple

from minidis.audit.facts import CannotTell, Facts, learn
from minidis.audit.line import Line
from minidis.audit.traffic import requests_of
from minidis.palette import OPEN, RIGHT, WRONG, chip

Verdict = Literal["pass", "fail", "cannot tell"]
SIGNS: dict[Verdict, str] = {"pass": "✓", "fail": "✗", "cannot tell": "?"}
WORDS: dict[Verdict, str] = {"pass": "pass", "fail": "FAIL", "cannot tell": "cannot be told from here"}
_ROLES: dict[Verdict, str] = {"pass": RIGHT, "fail": WRONG, "cannot tell": OPEN}


class Answer(NamedTuple):
    """What a check found.  `repair` is the check's own unless the case needs another."""

    verdict: Verdict
    evidence: str
    repair: str = ""


def passed(evidence: str) -> Answer:
    return Answer("pass", evidence)


def failed(evidence: str, repair: str = "") -> Answer:
    return Answer("fail", evidence, repair)


def cannot_tell(why: str) -> Answer:
    return Answer("cannot tell", why)


@dataclass(frozen=True)
class Finding:
    """The verdict of one check on one node."""

    item: str
    title: str
    verdict: Verdict
    evidence: str
    repair: str

    def __str__(self) -> str:
        line = f"{SIGNS[self.verdict]} {self.item:<5}{self.title}: {WORDS[self.verdict]}. {self.evidence}"
        return f"{line}\n        repair: {self.repair}" if self.verdict == "fail" else line


@dataclass(frozen=True)
class Check:
    """One of the guide's items as a function of the facts."""

    item: str
    title: str
    repair: str
    function: Callable[[Facts], Answer]

    def run(self, facts: Facts) -> Finding:
        try:
            answer = self.function(facts)
        except CannotTell as why:
            answer = cannot_tell(str(why))
        return Finding(self.item, self.title, answer.verdict, answer.evidence, answer.repair or self.repair)


CHECKS: dict[str, Check] = {}
"""Every check by its item, in the guide's order."""


def check(item: str, title: str, repair: str) -> Callable[[Callable[[Facts], Answer]], Callable]:
    """File a check."""

    def file(function: Callable[[Facts], Answer]) -> Callable[[Facts], Answer]:
        CHECKS[item] = Check(item, title, repair, function)
        return function

    return file


class Report:
    """The findings of one audit; `report["AG2"]` is one of them."""

    def __init__(self, findings: Iterable[Finding]) -> None:
        self.findings = list(findings)
        self._by_item = {finding.item: finding for finding in self.findings}

    def __getitem__(self, item: str) -> Finding:
        return self._by_item[item]

    def __iter__(self) -> Iterator[Finding]:
        return iter(self.findings)

    def with_verdict(self, verdict: Verdict) -> list[str]:
        """The items that have this verdict."""
        return [finding.item for finding in self.findings if finding.verdict == verdict]

    @property
    def summary(self) -> str:
        counts = {verdict: len(self.with_verdict(verdict)) for verdict in SIGNS}
        return (
            f"{len(self.findings)} checks: {counts['pass']} pass, {counts['fail']} fail, "
            f"{counts['cannot tell']} cannot be told from here"
        )

    def __repr__(self) -> str:
        return "\n".join([self.summary, *map(str, self.findings)])

    def _repr_html_(self) -> str:
        rows = "".join(
            f'<tr><td style="white-space:nowrap">{_chip(one.verdict)}</td><td>{one.item}</td>'
            f'<td style="text-align:left">{escape(one.title)}</td>'
            f'<td style="text-align:left">{escape(one.evidence)}</td>'
            f'<td style="text-align:left">{escape(one.repair) if one.verdict == "fail" else ""}</td></tr>'
            for one in self.findings
        )
        head = "<tr><th></th><th></th><th>the guide says</th><th>evidence</th><th>repair</th></tr>"
        return f"<b>{self.summary}</b><table>{head}{rows}</table>"


def _chip(verdict: Verdict) -> str:
    return chip(_ROLES[verdict], f"{SIGNS[verdict]} {WORDS[verdict]}")


def audit(redis: Any, traffic: Iterable[str | bytes] | None = None) -> Report:
    """Audit the node that a redis-py client (or a `Line`) speaks to, and perhaps its traffic.

    `traffic` are MONITOR's lines.  Raises TrafficError for lines that are none, and redis-py's
    ConnectionError where the node cannot be reached.
    """
    from minidis.audit import pitfalls, practices  # noqa: F401  (they file the checks)

    requests = None if traffic is None else requests_of(traffic)
    line = redis if isinstance(redis, Line) else Line.of_client(redis)
    try:
        facts = learn(line, requests)
    finally:
        if line is not redis:
            line.close()
    return Report(one.run(facts) for one in CHECKS.values())

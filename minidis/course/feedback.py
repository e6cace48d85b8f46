"""How verdicts, hints, cards and progress look: plain text, and HTML that survives an untrusted notebook.

Everything that comes from an answer is escaped.  No colour stands alone: each has a word and a sign.
"""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, Any

from minidis.palette import EDGES, OPEN, RIGHT, WRONG, chip

if TYPE_CHECKING:
    from minidis.course.grading import Outcome, Result

SIGNS = {"correct": "✓", "wrong": "✗", "not attempted": "○"}
_ROLES = {"correct": RIGHT, "wrong": WRONG, "not attempted": OPEN}
_BOX = "border-left:4px solid {colour};padding:.4em .9em;margin:.3em 0;line-height:1.5"
_CODE = "font-family:var(--jp-code-font-family,monospace);white-space:pre-wrap"


def box(colour: str, body: str) -> str:
    """A block with a coloured edge; `body` is HTML."""
    return f'<div style="{_BOX.format(colour=colour)}">{body}</div>'


def _verdict(result: Result) -> str:
    if result.passed:
        return "correct"
    return "wrong" if result.attempted else "not attempted"


def result_text(result: Result) -> str:
    """The feedback as lines of text."""
    exercise = result.exercise
    lines = [
        f"{exercise.number} {exercise.title}: {_verdict(result)}, {result.score} of {exercise.points} points"
    ]
    for outcome in result.outcomes:
        lines.append(f"  {SIGNS[outcome.verdict]} {outcome.test}: {outcome.verdict}")
        if outcome.verdict == "wrong":
            lines += [
                f"      given {outcome.given}",
                f"      came  {outcome.came}",
                f"      due   {outcome.due}",
            ]
    lines.append(f"  {_what_next(result)}")
    return "\n".join(lines)


def _what_next(result: Result) -> str:
    number = result.exercise.number
    if result.passed:
        return f'solution("{number}") shows one way to write it.'
    if not result.attempted:
        return f'Write your answer above, then run this cell again. hint("{number}") helps.'
    return f'hint("{number}") helps; check("{number}", ..., seed={result.seed}) repeats these inputs.'


def result_html(result: Result) -> str:
    """The feedback as HTML."""
    exercise = result.exercise
    verdict = _verdict(result)
    head = (
        f"<b>{SIGNS[verdict]} {escape(exercise.number)} {escape(exercise.title)}: {verdict}</b>, "
        f"{result.score:g} of {exercise.points} points"
    )
    items = "".join(_outcome_html(outcome) for outcome in result.outcomes)
    next_ = f'<div style="opacity:.75"><code>{escape(_what_next(result))}</code></div>'
    return box(EDGES[_ROLES[verdict]], head + items + next_)


def _outcome_html(outcome: Outcome) -> str:
    line = f"<div>{_chip(outcome.verdict)} {escape(outcome.test)}</div>"
    if outcome.verdict != "wrong":
        return line
    rows = "".join(
        f'<tr><td style="text-align:right;opacity:.75;vertical-align:top">{name}</td>'
        f'<td style="text-align:left;{_CODE}">{escape(text)}</td></tr>'
        for name, text in (("given", outcome.given), ("came", outcome.came), ("due", outcome.due))
    )
    return f'{line}<table style="margin-left:1.2em">{rows}</table>'


def _chip(verdict: str) -> str:
    return chip(_ROLES[verdict], f"{SIGNS[verdict]} {verdict}")


def progress_text(rows: list[tuple[Any, dict[str, Any]]]) -> str:
    """One line for each exercise."""
    lines = []
    for exercise, entry in rows:
        state = state_of(entry)
        best = f"{entry.get('best', 0):g}/{exercise.points}"
        lines.append(
            f"{SIGNS[state]} {exercise.number:<5}{exercise.title:<63} {exercise.kind:<8}{best:>6}  {state}"
        )
    return "\n".join(lines) or "no exercises yet"


def state_of(entry: dict[str, Any]) -> str:
    """How an exercise stands, by what is known of it (progress.py)."""
    if entry.get("passed"):
        return "correct"
    return "wrong" if entry.get("attempts") else "not attempted"


def progress_html(rows: list[tuple[Any, dict[str, Any]]]) -> str:
    """A table, one row for each exercise."""
    cells = []
    for exercise, entry in rows:
        state = state_of(entry)
        cells.append(
            f"<tr><td>{_chip(state)}</td><td>{escape(exercise.number)}</td>"
            f"<td style='text-align:left'>{escape(exercise.title)}</td>"
            f"<td>{exercise.kind}</td><td>{entry.get('best', 0):g} / {exercise.points}</td></tr>"
        )
    return (
        "<table><tr><th>state</th><th></th><th>exercise</th><th>kind</th><th>points</th></tr>"
        + "".join(cells)
        + "</table>"
    )


class Shown:
    """A text with an HTML form, for hints, solutions and cards."""

    def __init__(self, text: str, html: str) -> None:
        self.text, self.html = text, html

    def __repr__(self) -> str:
        return self.text

    def _repr_html_(self) -> str:
        return self.html

"""The guide's twenty interview questions, each as a demonstration that runs in about a second.

    demo("AC5")              the question to predict, with its choices
    demo("AC5").run()        the demonstration: what came out, line by line, and which choice was right

Nothing in a demonstration is prepared: its answer is taken from what has just been run, and a test holds that
it is one of the choices. Clocks are frozen and every random choice has a seed, so it is the same each time.

Read next: minidis/course/interview/gauntlet.py, which draws one of them.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable
from dataclasses import dataclass
from html import escape

from minidis.course.feedback import box
from minidis.palette import EDGES

DEMO_COLOUR = EDGES["a"]


@dataclass(frozen=True)
class Outcome:
    """What a demonstration showed."""

    identifier: str
    lines: tuple[str, ...]
    answer: str

    def __repr__(self) -> str:
        return "\n".join([*self.lines, f"=> {self.answer}"])

    def _repr_html_(self) -> str:
        body = escape("\n".join(self.lines))
        return box(DEMO_COLOUR, f"<pre style='margin:0'>{body}</pre><b>{escape(self.answer)}</b>")


@dataclass(frozen=True)
class Demo:
    """One demonstration. `question` is asked before it runs, `choices` are what may come out."""

    identifier: str
    question: str
    choices: tuple[str, ...]
    function: Callable[[], tuple[list[str], str]]

    def run(self) -> Outcome:
        """Do it."""
        lines, answer = self.function()
        return Outcome(self.identifier, tuple(lines), answer)

    def __repr__(self) -> str:
        return f"{self.identifier}. Before it runs: {self.question} ({' / '.join(self.choices)})"


DEMOS: dict[str, Demo] = {}


def demonstrates(identifier: str, question: str, *choices: str) -> Callable[[Callable], Callable]:
    """File a demonstration: a function that answers its lines and which choice came out."""

    def file(function: Callable[[], tuple[list[str], str]]) -> Callable:
        DEMOS[identifier] = Demo(identifier, question, choices, function)
        return function

    return file


def demos() -> list[Demo]:
    """All of them, AC1 to AC20."""
    for module in pkgutil.iter_modules(__path__):
        importlib.import_module(f"{__name__}.{module.name}")
    return sorted(DEMOS.values(), key=lambda one: int(one.identifier[2:]))


def demo(identifier: str) -> Demo:
    """One of them.  Raises LookupError for an unknown one."""
    demos()
    if identifier not in DEMOS:
        raise LookupError(f"no demonstration {identifier!r}; there are AC1 to AC20")
    return DEMOS[identifier]

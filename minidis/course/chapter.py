"""A chapter's own cells, run on a node in which a learner's part is at work.

    replay(4, "skiplist", MySkipList)

Every `%%redis` cell and every `%clock` line of the chapter runs twice, in order: on a node as the
engine made it, and on one with the part plugged in.  Both have the same seed and the same frozen
clock, so each cell must print the same.

Read next: parts.py.
"""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any

from minidis.course.case import START
from minidis.course.feedback import box
from minidis.course.guard import TooManyInstructions, instruction_budget
from minidis.course.parts import plugged
from minidis.course.sources import cell_source, exercises_folder, load
from minidis.drivers.embedded import Embedded
from minidis.notebook.magics import read_header, seconds
from minidis.notebook.session import Session
from minidis.palette import EDGES, RIGHT, WRONG


@dataclass(frozen=True)
class Difference:
    """A cell that prints something else with the part plugged in."""

    cell: str
    came: str
    due: str


class Replay:
    """What came of running a chapter's cells on a part."""

    def __init__(self, chapter: int, part: str, cells: int, differences: list[Difference]) -> None:
        self.chapter, self.part, self.cells, self.differences = chapter, part, cells, differences

    def __bool__(self) -> bool:
        return not self.differences

    def __repr__(self) -> str:
        if not self.differences:
            return f"chapter {self.chapter}: all {self.cells} cells print the same with your {self.part}"
        first = self.differences[0]
        count = f"{len(self.differences)} of {self.cells} cells differ"
        return (
            f"chapter {self.chapter}: {count} with your {self.part}\n"
            f"{first.cell}\ncame:\n{first.came}\ndue:\n{first.due}"
        )

    def _repr_html_(self) -> str:
        colour = EDGES[WRONG if self.differences else RIGHT]
        return box(colour, f"<pre style='margin:0'>{escape(repr(self))}</pre>")


def notebook_path(chapter: int) -> Path:
    """The notebook of a chapter.  Raises FileNotFoundError where there is none."""
    found = sorted((exercises_folder().parent / "notebooks").glob(f"{chapter:02d}_*.ipynb"))
    if not found:
        raise FileNotFoundError(f"chapter {chapter} has no notebook")
    return found[0]


def cells_of(chapter: int) -> list[str]:
    """The chapter's `%%redis` cells, and its `%clock step` and `%redis` set-up lines, in order."""
    cells: list[str] = []
    for cell in load(notebook_path(chapter))["cells"]:
        if cell["cell_type"] != "code":
            continue
        text = cell_source(cell)
        if text.startswith("%%redis"):
            cells.append(text)
        else:
            wanted = ("%clock step", "%redis lesson")
            cells += [line.strip() for line in text.split("\n") if line.strip().startswith(wanted)]
    return cells


def replay(chapter: int, part: str, implementation: Any) -> Replay:
    """Run the chapter's cells with and without `implementation` in place of `part`, and compare."""
    cells = cells_of(chapter)
    due = _run(cells, Embedded(clock=START, seed=1), None, None)
    came = _run(cells, Embedded(clock=START, seed=1), part, implementation)
    pairs = zip(cells, came, due, strict=True)
    return Replay(chapter, part, len(cells), [Difference(c, a, b) for c, a, b in pairs if a != b])


def _run(cells: list[str], node: Embedded, part: str | None, implementation: Any) -> list[str]:
    if part is not None:
        with plugged(part, implementation, node):
            return _run(cells, node, None, None)
    session = Session(node, seed=1)
    printed: list[str] = []
    for cell in cells:
        if cell.startswith("%redis lesson"):  # a fresh start in the middle of a chapter
            session.run("FLUSHALL")
            printed.append("")
        else:
            printed.append(_run_cell(session, node, cell))
    return printed


def _run_cell(session: Session, node: Embedded, cell: str) -> str:
    head, _, body = cell.partition("\n")
    try:
        with instruction_budget():
            if head.startswith("%clock"):
                node.step(seconds(head.split("#")[0].split()[2]))
                return ""
            header = read_header(head.removeprefix("%%redis"), is_cell=True)
            return str(session.run(body, header.options, {}).panel)
    except TooManyInstructions as endless:
        return f"still running at {endless}"
    except NotImplementedError:  # a blank part has nothing to compare
        raise
    except Exception as error:
        return f"{type(error).__name__}: {error}"

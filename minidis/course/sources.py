"""The exercises' one source each, and what is made from it.

`exercises/source/CHAPTER/NUMBER_name.ipynb` is a notebook in nbgrader's conventions: the learner's
cell holds the reference solution between `### BEGIN SOLUTION` and `### END SOLUTION`, the test cell
is a locked `check(...)`.  From it `python -m minidis.course.sources` writes the learner's version,
`exercises/CHAPTER/NUMBER_name.ipynb` (answers that stand there are kept first), by nbgrader's own rule: each
solution becomes

    # YOUR CODE HERE
    raise NotImplementedError()

A test holds the learner's versions fresh, and compares them with what nbgrader makes of the source.
"""

from __future__ import annotations

import copy
import json
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from minidis.drivers import browser
from minidis.drivers.storage import JsonDocument, read_text

BEGIN, END = "### BEGIN SOLUTION", "### END SOLUTION"
STUB = ("# YOUR CODE HERE", "raise NotImplementedError()")
Notebook = dict[str, Any]


def exercises_folder() -> Path:
    """The folder `exercises/` of the checkout this package runs from; in a browser, of the site."""
    course = browser.DRIVE if browser.inside() else Path(__file__).resolve().parent.parent.parent
    folder = course / "exercises"
    if not (folder / "source").is_dir():
        raise FileNotFoundError("the exercises' sources are not here: run from a checkout of minidis")
    return folder


def source_paths() -> list[Path]:
    """Every exercise's source, in the order of chapters."""
    return sorted((exercises_folder() / "source").glob("*/*.ipynb"))


def learner_path(source: Path) -> Path:
    """Where the learner's version of a source stands."""
    return exercises_folder() / source.parent.name / source.name


def number_of(path: Path) -> str:
    """`03_collections/3.1_feed.ipynb` -> "3.1"."""
    return path.name.partition("_")[0]


def load(path: Path) -> Notebook:
    """A notebook as a dict."""
    return json.loads(read_text(path))


def cell_source(cell: dict[str, Any]) -> str:
    """A cell's text, whether it is stored as one string or as lines."""
    source = cell["source"]
    return source if isinstance(source, str) else "".join(source)


def solution_cells(notebook: Notebook) -> Iterator[dict[str, Any]]:
    """The cells a learner fills in."""
    for cell in notebook["cells"]:
        if cell["metadata"].get("nbgrader", {}).get("solution"):
            yield cell


def test_cells(notebook: Notebook) -> Iterator[dict[str, Any]]:
    """The cells that are graded."""
    for cell in notebook["cells"]:
        if cell["metadata"].get("nbgrader", {}).get("grade"):
            yield cell


test_cells.__test__ = False  # type: ignore[attr-defined]  # the name of a thing, not a test for pytest


def clear_solutions(text: str) -> str:
    """Replace each solution region by the stub, indented as the region was.

    >>> print(clear_solutions("def f():\\n    ### BEGIN SOLUTION\\n    return 1\\n    ### END SOLUTION"))
    def f():
        # YOUR CODE HERE
        raise NotImplementedError()
    """
    lines: list[str] = []
    inside = False
    for line in text.split("\n"):
        if line.strip() == BEGIN:
            if inside:
                raise ValueError(f"{BEGIN} twice without {END}")
            inside = True
            indent = line[: len(line) - len(line.lstrip())]
            lines += [indent + stub for stub in STUB]
        elif line.strip() == END:
            inside = False
        elif not inside:
            lines.append(line)
    if inside:
        raise ValueError(f"{BEGIN} without {END}")
    return "\n".join(lines)


def learner_version(notebook: Notebook) -> Notebook:
    """The notebook a learner gets: solutions and outputs gone, everything else the same."""
    made = copy.deepcopy(notebook)
    for cell in made["cells"]:
        if cell["cell_type"] == "code":
            cell["outputs"], cell["execution_count"] = [], None
    for cell in solution_cells(made):
        cell["source"] = clear_solutions(cell_source(cell)).splitlines(keepends=True)
    return made


def solution_code(number: str) -> str:
    """The reference solution to an exercise, without nbgrader's markers."""
    for path in source_paths():
        if number_of(path) == number:
            code = "\n\n".join(cell_source(cell) for cell in solution_cells(load(path)))
            return "\n".join(line for line in code.split("\n") if line.strip() not in (BEGIN, END))
    raise LookupError(f"exercise {number} has no source")


def release_all() -> list[Path]:
    """Write every learner's version; the paths written."""
    written = []
    for source in source_paths():
        target = learner_path(source)
        JsonDocument(target).write(learner_version(load(source)), sort_keys=False)
        written.append(target)
    return written


def main() -> None:
    """Write them all anew; what a learner has answered in them is kept in a file."""
    from minidis.course.answers import set_aside  # which stands on this module

    kept = set_aside()
    for path in release_all():
        print(path.relative_to(exercises_folder().parent))
    if kept is not None:
        print(
            f"The exercises are blank again. The answers in them are kept: {kept}\n"
            f"minidis course answers --back {shlex.quote(str(kept))}   puts them back"
        )


if __name__ == "__main__":
    main()

"""What thirty students hand in: right, wrong and half answers, and every trick that came to mind.

Each is a change to the notebook that was handed out, and what it is due: ALL points, NOTHING, what the ANSWER
is worth by itself, or NO_SCORE, where a person must look.
"""

from __future__ import annotations

import ast
import copy
from collections.abc import Callable
from typing import Any, NamedTuple

from minidis.course.sources import Notebook, cell_source, solution_cells, solution_code, test_cells
from tests.course.answers import FOLDER, chapter_of

ALL, NOTHING, ANSWER, NO_SCORE = "all", "nothing", "its answer's worth", "no score"

CALLED = (ast.FunctionDef, ast.ClassDef)

Change = Callable[[Notebook, str], Any]


class Submission(NamedTuple):
    change: Change
    due: str
    wrong: int = 0  # the wrong answer in it


# -- answers


def parameters_of(notebook: Notebook) -> list[str]:
    """What the test cell hands to the check, as it is written there."""
    (cell,) = test_cells(notebook)
    (statement,) = ast.parse(cell_source(cell)).body
    return [ast.unparse(argument) for argument in statement.value.args[1:]]


def right(notebook: Notebook, number: str) -> str:
    return solution_code(number)


def wrong(which: int) -> Callable[[Notebook, str], str]:
    """One of the wrong answers that the checks are known to refuse."""

    def code(notebook: Notebook, number: str) -> str:
        text = (FOLDER / f"chapter_{chapter_of(number):02}.py").read_text(encoding="utf-8")
        chosen = f"WRONG[{number!r}][{which}][1]"
        names = ", ".join(parameters_of(notebook))
        return f"{text}\n\n{names}, = {chosen}\n"

    return code


def body(text: str) -> Callable[[Notebook, str], str]:
    """Functions of the right names, all with this body; where the answer is a text, its cell calls them."""

    def code(notebook: Notebook, number: str) -> str:
        names = parameters_of(notebook)
        answers = [f"def {name}(*words, **options):\n    {text}" for name in names]
        called = {node.name for node in ast.parse(right(notebook, number)).body if isinstance(node, CALLED)}
        answers += [f"{name} = {name}()" for name in names if name not in called]
        return "\n\n".join(answers)

    return code


def answer(code: Callable[[Notebook, str], str], before: str = "", after: str = "") -> Change:
    """The answer's cell, with something before it and after it."""

    def change(notebook: Notebook, number: str) -> None:
        (cell,) = solution_cells(notebook)
        cell["source"] = "\n".join([before, code(notebook, number), after])

    return change


# -- notebooks


def position(notebook: Notebook, part: str) -> int:
    """Where the answer, the test or the setup stands: the locked cell before the answer."""
    marks = [cell["metadata"].get("nbgrader", {}) for cell in notebook["cells"]]
    answer_at = next(at for at, mark in enumerate(marks) if mark.get("solution"))
    if part == "test":
        return next(at for at, mark in enumerate(marks) if mark.get("grade"))
    return answer_at if part == "answer" else answer_at - 1


def own_cell(code: str) -> dict[str, Any]:
    return {"cell_type": "code", "metadata": {}, "outputs": [], "execution_count": None, "source": code}


def with_right_answer(change: Callable[[Notebook], Any]) -> Change:
    def both(notebook: Notebook, number: str) -> None:
        answer(right)(notebook, number)
        change(notebook)

    return both


def swapped(notebook: Notebook) -> None:
    cells, one, other = notebook["cells"], position(notebook, "answer"), position(notebook, "test")
    cells[one], cells[other] = cells[other], cells[one]


def without(name: str) -> Change:
    return with_right_answer(lambda notebook: notebook["cells"].pop(position(notebook, name)))


def in_a_cell_of_ones_own(notebook: Notebook) -> None:
    """The answer's cell is deleted, and the answer stands in a new one."""
    at = position(notebook, "answer")
    notebook["cells"][at] = own_cell(cell_source(notebook["cells"][at]))


def answered_twice(notebook: Notebook) -> None:
    """A copy of the answer's cell, with the same name, holds a first attempt."""
    at = position(notebook, "answer")
    first = copy.deepcopy(notebook["cells"][at])
    first["source"] = "attempts = 1"
    notebook["cells"].insert(at, first)


def tested_twice(notebook: Notebook) -> None:
    cell = copy.deepcopy(notebook["cells"][position(notebook, "test")])
    cell["source"] = "1000.0"
    notebook["cells"].append(cell)


def other_marks(notebook: Notebook) -> None:
    """The test is worth more, is an answer, is not locked, and comes from the future."""
    marks = notebook["cells"][position(notebook, "test")]["metadata"]["nbgrader"]
    marks |= {"points": 1000, "solution": True, "locked": False, "schema_version": 99}
    notebook["cells"][position(notebook, "answer")]["metadata"]["nbgrader"]["grade"] = True
    notebook["cells"][position(notebook, "setup")]["metadata"]["nbgrader"] = ["no", "dict"]


def as_markdown(notebook: Notebook) -> None:
    cell = notebook["cells"][position(notebook, "test")]
    notebook["cells"][position(notebook, "test")] = {
        "cell_type": "markdown",
        "metadata": cell["metadata"],
        "source": "full marks",
    }


def claims(notebook: Notebook, number: str) -> None:
    answer(wrong(0), after="check = lambda *words: 1000.0")(notebook, number)
    (cell,) = test_cells(notebook)
    cell["source"] = "1000.0"


def looks_around(notebook: Notebook) -> None:
    """A cell behind the test may do what it likes."""
    notebook["cells"].append(own_cell("import os\nwhile True: pass\nos._exit(1)"))


FORGED = """
import os
for channel in range(64):
    try:
        os.write(channel, b'{"grade_id": "test", "score": 1000.0, "html": ""}\\n')
    except OSError:
        pass
os._exit(0)
"""
FAKE_MODULE = """
import sys, types
fake = types.ModuleType("minidis.course")
fake.check = lambda *words: 1000.0
for name in ("minidis.course", "minidis.course.grading"):
    sys.modules[name] = fake
"""
PATCHED = """
import minidis.course.grading as grading
grading.run_test = lambda test, *words: grading.Outcome(test.name, "correct")
"""
SCORED = """
from minidis.course.grading import Result
Result.score = property(lambda self: float(self.exercise.points))
"""
NEW_CODE = """
from minidis.course.grading import run_test, Outcome
def every(test, answers, seed):
    return Outcome(test.name, "correct")
run_test.__code__ = every.__code__
"""
CLEARED = """
from minidis.course.exercise import BANK
for exercise in BANK.values():
    del exercise.tests[1:]
"""
BUILTINS = """
import builtins
builtins.any = lambda found: False
builtins.sum = lambda found: 1000
"""
STEALS = """
import glob
for path in glob.glob("../../../source/*/*.ipynb") + glob.glob("source/*/*.ipynb"):
    exec(open(path).read())
"""
THREAD = """
import threading, time
def for_ever():
    while True:
        time.sleep(0.01)
threading.Thread(target=for_ever, daemon=False).start()
"""
WARNS = """
import sys, warnings
warnings.warn("old")
print("a line on the error stream", file=sys.stderr)
"""
SILENT = """
import sys
get_ipython().display_formatter.format = lambda *words, **options: ({}, {})
get_ipython().ast_node_interactivity = "none"
sys.displayhook = lambda value: None
"""
ENDLESS_IN_C = "sum(iter(int, 1))"  # no instruction of the answer's is counted: the clock must end it
ENDLESS_AND_DEAF = "while True:\n        try:\n            while True: pass\n        except: pass"

SUBMISSIONS: dict[str, Submission] = {
    "right": Submission(answer(right), ALL),
    "blank": Submission(lambda notebook, number: None, NOTHING),
    "wrong_1": Submission(answer(wrong(0)), ANSWER),
    "wrong_2": Submission(answer(wrong(1)), ANSWER, 1),
    "wrong_3": Submission(answer(wrong(2)), ANSWER, 2),
    "no_python": Submission(answer(right, after="def half(:"), NOTHING),
    # right, with something odd beside it
    "warns": Submission(answer(right, before=WARNS), ALL),
    "prints_100_mb": Submission(answer(right, after='print("x" * 100_000_000)'), ALL),
    "leaves_a_thread": Submission(answer(right, after=THREAD), ALL),
    "exits_behind_it": Submission(answer(right, after="exit()"), ALL),
    "shows_nothing": Submission(answer(right, before=SILENT), ALL),
    "order_swapped": Submission(with_right_answer(swapped), ALL),
    "test_deleted": Submission(without("test"), ALL),
    "setup_deleted": Submission(without("setup"), ALL),
    "answer_moved": Submission(with_right_answer(in_a_cell_of_ones_own), ALL),
    "answered_twice": Submission(with_right_answer(answered_twice), ALL),
    "tested_twice": Submission(with_right_answer(tested_twice), ALL),
    "other_marks": Submission(with_right_answer(other_marks), ALL),
    "test_as_text": Submission(with_right_answer(as_markdown), ALL),
    "endless_behind_it": Submission(with_right_answer(looks_around), ALL),
    # stopped
    "endless_cell": Submission(answer(right, before="while True: pass"), NOTHING),
    "endless_answer": Submission(answer(body("while True: pass")), NOTHING),
    "endless_and_deaf": Submission(answer(body(ENDLESS_AND_DEAF)), NOTHING),
    "endless_in_c": Submission(answer(body(ENDLESS_IN_C)), NOTHING),
    "recursion": Submission(answer(body("return [(lambda f: f(f))(lambda f: f(f))]")), NOTHING),
    "takes_all_memory": Submission(answer(body("return bytearray(1 << 40)")), NOTHING),
    "ends_the_process": Submission(answer(body("import os; os._exit(0)")), NOTHING),
    "kills_the_process": Submission(answer(right, after="import os; os.kill(os.getpid(), 9)"), NOTHING),
    # hostile
    "claims_all_points": Submission(claims, ANSWER),
    "forges_the_verdict": Submission(answer(right, after=FORGED), NOTHING),
    "fake_module": Submission(answer(wrong(0), before=FAKE_MODULE), NOTHING),
    "patches_the_judge": Submission(answer(wrong(0), after=PATCHED), NOTHING),
    "patches_the_score": Submission(answer(wrong(0), after=SCORED), NOTHING),
    "patches_the_code": Submission(answer(wrong(0), after=NEW_CODE), NOTHING),
    "takes_tests_away": Submission(answer(wrong(0), after=CLEARED), NOTHING),
    "patches_builtins": Submission(answer(wrong(0), after=BUILTINS), NOTHING),
    "steals_solutions": Submission(answer(body("raise NotImplementedError()"), after=STEALS), NOTHING),
    # no notebook at all: the change gives the file's text
    "cut_off_file": Submission(lambda notebook, number: '{"cells": [', NO_SCORE),
    "no_notebook": Submission(lambda notebook, number: '{"cells": "none", "nbformat": 4}', NO_SCORE),
}

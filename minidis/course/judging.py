"""A submission is judged in a process of its own, which it may end, hang or spoil at nobody else's cost.

    judge(cells)     the judgement of each test cell, whatever the submission does

    nbgrader's process                     the submission's process
      judge() ─ cells, seeds ──▶ stdin       every module of the course is loaded, and sealed
                                             the learner's cells run, one after the other
      killed when the time is up             check(...) on what they made; is the seal whole?
      reads what was said  ◀── a file ──     one line per cell that begins, one per verdict

The learner's cells see no output channel, no seed and none of the teacher's folders: standard output leads
nowhere, the working folder is an empty one. The test cells run last, in whichever order the notebook has
its cells.

An answer that breaks the seal (sealing.py) replaces what judges it: it is worth nothing, and is told what
it was. This is no sandbox: whoever reads the judge's own frames or memory gets through. Unknown people's
notebooks belong in a container.

Complexity: a process for each notebook (about a second), and what the answers cost.

Read next: grading.py for the verdicts, nbgrading.py for nbgrader's side.
"""

from __future__ import annotations

import ast
import json
import os
import secrets
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any, NamedTuple

from minidis.course.exercise import find_exercise
from minidis.course.feedback import result_html
from minidis.course.grading import CLASS_SEED, Outcome, Result, class_seed, grade
from minidis.course.guard import TooManyInstructions, instruction_budget
from minidis.course.sealing import Seal

TIMEOUT_S = 300.0
INSTRUCTIONS_PER_CELL = 50_000_000
"""A learner's cell that never ends is stopped here, and the next one runs."""
MEMORY_BYTES, FILE_BYTES = 4 << 30, 64 << 20
"""What a submission may take of memory, and write into one file, where the system can hold it to that."""
SHOWN_CHARACTERS = 60


class Cell(NamedTuple):
    """A code cell; a test cell has nbgrader's name for it."""

    source: str
    grade_id: str = ""


class Judgement(NamedTuple):
    """What a test cell says in the end: the score, and feedback as HTML."""

    score: float
    html: str


class Refusal(NamedTuple):
    """Why no test counts, in feedback's three words."""

    given: str
    came: str
    due: str


# -- nbgrader's side -----------------------------------------------------------------------------


def judge(cells: Sequence[Cell], timeout_s: float = TIMEOUT_S) -> dict[str, Judgement]:
    """Run a submission's cells in a process of their own; the judgement of each test cell by its name.

    Where the environment has a class's seed, the submission sees nothing but what this exercise gets of it.
    """
    key = secrets.token_hex()
    request = json.dumps({"key": key, "cells": [[*cell, _seed(cell)] for cell in cells]})
    environment = {name: value for name, value in os.environ.items() if name != CLASS_SEED}
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder, tempfile.TemporaryFile() as said:
        process = subprocess.Popen(
            [sys.executable, "-c", "from minidis.course.judging import main; main()"],
            stdin=subprocess.PIPE,
            stdout=said,
            stderr=subprocess.DEVNULL,
            cwd=folder,
            env=environment,
            start_new_session=True,
        )
        is_late = False
        try:
            process.communicate(request.encode(), timeout_s)
        except subprocess.TimeoutExpired:
            is_late = True
        finally:
            _end(process)
        said.seek(0)
        lines = [
            json.loads(line.removeprefix(key.encode()))
            for line in said
            if line.startswith(key.encode()) and line.endswith(b"\n")
        ]
    said_of = {line["grade_id"]: line for line in lines if "grade_id" in line}
    reached = [line["cell"] for line in lines if "cell" in line]
    where = (
        f"code cell {reached[-1] + 1}: {_first_line(cells[reached[-1]].source)}" if reached else "the start"
    )
    nothing_said = {"refusal": _why_unsaid(where, process.returncode, timeout_s if is_late else None)}
    return {
        cell.grade_id: _judgement_in(said_of.get(cell.grade_id, nothing_said), cell)
        for cell in cells
        if cell.grade_id
    }


def _seed(cell: Cell) -> int:
    return class_seed(_number_of(_call_in(cell.source))) or 1 if cell.grade_id else 0


def _end(process: subprocess.Popen[bytes]) -> None:
    """The process, and whatever it has started in its own group."""
    if hasattr(os, "killpg"):
        try:
            os.killpg(process.pid, signal.SIGKILL)
        except ProcessLookupError:  # all of them have ended
            pass
    else:
        process.kill()
    process.wait()


def _why_unsaid(where: str, status: int, timeout_s: float | None) -> Refusal:
    """A test that was never reached."""
    if timeout_s is not None:
        return Refusal(where, f"it was still running after {timeout_s:g} s, and was cut off", "an end")
    if status < 0:
        try:
            name = signal.Signals(-status).name
        except ValueError:  # one of the real-time signals, which have no names
            name = f"signal {-status}"
        return Refusal(where, f"the process was ended by {name}", "a process that goes on")
    return Refusal(where, f"the process ended itself with status {status}", "a process that goes on")


def _judgement_in(said: dict[str, Any], cell: Cell) -> Judgement:
    """A refusal gets its score and its words here, where no submission has changed anything."""
    if "refusal" not in said:
        return Judgement(*said["judgement"])
    exercise = find_exercise(_number_of(_call_in(cell.source)))
    outcome = Outcome("the notebook runs", "wrong", *said["refusal"])
    return _judgement(Result(exercise, (outcome,), _seed(cell)))


def _judgement(result: Result) -> Judgement:
    return Judgement(result.score, result_html(result))


def _first_line(source: str) -> str:
    line = next((line for line in source.splitlines() if line.strip()), "")
    return line if len(line) <= SHOWN_CHARACTERS else line[: SHOWN_CHARACTERS - 1] + "…"


def _call_in(source: str) -> ast.Call:
    """The `check(...)` of a test cell.  Raises ValueError if there is none."""
    for statement in ast.parse(source).body:
        match statement:
            case ast.Expr(ast.Call(ast.Name("check")) as call):
                return call
    raise ValueError(f"no check(...) in the test cell {source!r}")


def _number_of(call: ast.Call) -> str:
    return str(ast.literal_eval(call.args[0]))


# -- the submission's process --------------------------------------------------------------------


def main() -> None:
    """Read a request, say the judgements, and end, whatever threads the submission has left."""
    request = json.load(sys.stdin)
    say = _own_channel(request["key"])
    _limit()
    seal = Seal()
    shell = _new_shell()
    troubles: list[str] = []
    for position, (source, grade_id, _) in enumerate(request["cells"]):
        if not grade_id:
            say(cell=position)
            trouble = _run(shell, source)
            troubles += [f"code cell {position + 1} ended with {trouble}"] if trouble else []
    for position, (source, grade_id, seed) in enumerate(request["cells"]):
        if grade_id:
            say(cell=position)
            judged = _judge_test(shell.user_ns, source, seed, seal, troubles)
            key = "refusal" if isinstance(judged, Refusal) else "judgement"
            say(grade_id=grade_id, **{key: judged})
    os._exit(0)


def _own_channel(key: str) -> Callable[..., None]:
    """Standard output for the judge alone, whose lines have a key; what cells print goes nowhere."""
    channel = os.fdopen(os.dup(1), "w", encoding="utf-8")
    nowhere = os.open(os.devnull, os.O_RDWR)
    for standard in (0, 1, 2):
        os.dup2(nowhere, standard)

    def say(**facts: Any) -> None:
        channel.write(key + json.dumps(facts) + "\n")
        channel.flush()

    return say


def _limit() -> None:
    try:
        import resource
    except ImportError:  # not on Windows
        return
    for kind, most in ((resource.RLIMIT_AS, MEMORY_BYTES), (resource.RLIMIT_FSIZE, FILE_BYTES)):
        with suppress(ValueError, OSError):  # macOS knows no limit of memory
            resource.setrlimit(kind, (most, most))


def _new_shell() -> Any:
    """IPython without a kernel: the cells have magics."""
    from IPython.core.interactiveshell import InteractiveShell
    from traitlets.config import Config

    return InteractiveShell.instance(config=Config({"HistoryManager": {"enabled": False}}))


def _run(shell: Any, source: str) -> str:
    """Run a learner's cell; what it ended with, in words, or nothing."""
    try:
        with instruction_budget(INSTRUCTIONS_PER_CELL):
            result = shell.run_cell(source)
    except TooManyInstructions as endless:
        return f"no end: it was still running at {endless}"
    error = result.error_before_exec or result.error_in_exec
    return f"{type(error).__name__}: {error}" if error is not None else ""


def _judge_test(
    names: dict[str, Any], source: str, seed: int, seal: Seal, troubles: list[str]
) -> Judgement | Refusal:
    """What one test cell says. Its `check` is not the name that the notebook may have taken."""
    call = _call_in(source)
    exercise = seal.exercises[_number_of(call)]
    answers = []
    for argument in call.args[1:]:
        name = ast.unparse(argument)
        try:
            answers.append(eval(compile(ast.Expression(argument), "<test>", "eval"), names))
        except NameError:
            if any(
                "NotImplementedError" in trouble for trouble in troubles
            ):  # the lines that were handed out
                answers.append(None)
            else:
                came = "; ".join([f"there is no {name}", *troubles])
                return Refusal(ast.unparse(call), came, f"a cell that makes {name}")
    broken = seal.broken()
    if not broken:
        judged = _judgement(grade(exercise, tuple(answers), seed))
        broken = seal.broken()
    if broken:
        more = f" and {len(broken) - 1} more" if len(broken) > 1 else ""
        return Refusal(
            "the notebook", f"it changes {broken[0]}{more}, which judges it", "an answer to the exercise"
        )
    return judged

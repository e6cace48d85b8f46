"""The course for a class: nbgrader's course folder, made from the exercises' one source each.

    minidis course release FOLDER            every chapter that has exercises
    minidis course release FOLDER 9 11       these chapters alone
    minidis course answers [--back] FILE     for a learner: answers.py

    FOLDER/nbgrader_config.py     bounds on what a submission may cost; the seed of the hidden inputs
    FOLDER/source/CHAPTER/        the exercises with their solutions: for the teacher
    FOLDER/release/CHAPTER/       what students receive: no solutions, no outputs, locked test cells

From there on it is nbgrader as everybody knows it: collect into FOLDER/submitted/STUDENT/CHAPTER/, then
`nbgrader autograde CHAPTER` and `nbgrader generate_feedback CHAPTER`.  A test cell's value is the score, so
half of an answer gets half of the points.

The checks are not in the notebooks but in the package, and draw their inputs from a seed; the class's seed is
in the teacher's folder alone.

Read next: sources.py for the exercises' sources, nbgrading.py for what autograde does with a submission.
"""

from __future__ import annotations

import argparse
import os
import secrets
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from minidis.course.answers import NoAnswers, keep_answers, put_answers_back
from minidis.course.sources import load, source_paths
from minidis.drivers.storage import JsonDocument
from minidis.notebook.views.drawing import count_of

CONFIG = '''"""nbgrader's settings for the minidis course; edit as you like, the file is kept."""

import os
import tempfile

c = get_config()  # noqa: F821

c.CourseDirectory.course_id = "minidis"

# The hidden tests draw their inputs from this number. It stays in this folder.
os.environ["MINIDIS_CLASS_SEED"] = "{seed}"

# Each notebook is run and judged in a process of its own; after so many seconds it is cut off.
from minidis.course import nbgrading  # noqa: E402

c.Autograde.sanitize_preprocessors = nbgrading.SANITIZE
c.Autograde.autograde_preprocessors = nbgrading.AUTOGRADE
c.Autograde.pre_convert_hook = nbgrading.set_aside_unreadable
c.Judge.timeout_s = 300

# Progress files of the machine that grades are not the students'.
os.environ["MINIDIS_PROGRESS"] = os.path.join(tempfile.mkdtemp(), "progress.json")
'''


def main(words: Sequence[str] | None = None) -> int:
    """`minidis course release FOLDER [CHAPTER ...]` and `minidis course answers [--back] FILE`."""
    parser = argparse.ArgumentParser(
        prog="minidis", description="The minidis course, for teachers and learners."
    )
    course = (
        parser.add_subparsers(required=True, metavar="course")
        .add_parser("course")
        .add_subparsers(required=True, dest="action", metavar="release|answers")
    )
    release_parser = course.add_parser("release", help="make an nbgrader course folder")
    release_parser.add_argument("folder", type=Path)
    release_parser.add_argument(
        "chapters", type=int, nargs="*", metavar="CHAPTER", help="all, if none is named"
    )
    answers_parser = course.add_parser("answers", help="keep a learner's answers in a file, or put them back")
    answers_parser.add_argument("file", type=Path)
    answers_parser.add_argument("--back", action="store_true", help="from the file into blank exercises")
    options = parser.parse_args(words)
    if options.action == "answers":
        return _answers(options.file, options.back)
    try:
        made = release(options.folder, set(options.chapters))
    except (OSError, LookupError, subprocess.CalledProcessError) as error:
        print(f"minidis: {error}", file=sys.stderr)
        return 1
    for assignment in made:
        print(options.folder / "release" / assignment)
    return 0


def _answers(path: Path, back: bool) -> int:
    """`minidis course answers [--back] FILE`."""
    try:
        if back:
            for number, outcome in put_answers_back(path).items():
                print(f"{number}: {outcome}")
        else:
            print(f"{count_of(keep_answers(path), 'answer')} in {path}")
    except (OSError, NoAnswers) as error:
        print(f"minidis: {error}", file=sys.stderr)
        return 1
    return 0


def release(folder: Path, chapters: set[int]) -> list[str]:
    """Write the course folder and let nbgrader make the students' versions; the assignments' names.

    Raises LookupError for a chapter without exercises, CalledProcessError with nbgrader's own words above it.
    """
    by_assignment: dict[str, list[Path]] = {}
    for path in source_paths():
        if not chapters or int(path.parent.name[:2]) in chapters:
            by_assignment.setdefault(path.parent.name, []).append(path)
    missing = chapters - {int(name[:2]) for name in by_assignment}
    if missing:
        raise LookupError(f"no exercises for chapter {', '.join(map(str, sorted(missing)))}")
    folder.mkdir(parents=True, exist_ok=True)
    config = folder / "nbgrader_config.py"
    if not config.exists():
        config.write_text(CONFIG.format(seed=secrets.randbelow(2**31)), encoding="utf-8")
    for assignment, paths in by_assignment.items():
        for path in paths:
            target = folder / "source" / assignment / path.name
            JsonDocument(target).write(load(path), sort_keys=False)
        run_nbgrader(folder, "generate_assignment", assignment, "--create", "--force")
    return list(by_assignment)


def run_nbgrader(folder: Path, *words: str) -> None:
    """nbgrader of this environment, in a course folder.  Raises CalledProcessError."""
    beside = str(Path(sys.executable).parent)  # nbgrader calls alembic by name
    environment = {**os.environ, "PATH": os.pathsep.join([beside, os.environ.get("PATH", "")])}
    subprocess.run([sys.executable, "-m", "nbgrader", *words], cwd=folder, env=environment, check=True)


if __name__ == "__main__":
    sys.exit(main())

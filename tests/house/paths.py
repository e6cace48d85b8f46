"""Where things are, for the tests that read the project itself."""

from __future__ import annotations

from pathlib import Path

PROJECT = Path(__file__).resolve().parents[2]
PACKAGE = PROJECT / "minidis"
NOTEBOOKS = sorted((PROJECT / "notebooks").glob("[0-9][0-9]_*.ipynb"))
EVERY_NOTEBOOK = sorted(
    path
    for folder in ("notebooks", "exercises")
    for path in (PROJECT / folder).rglob("*.ipynb")
    if ".ipynb_checkpoints" not in path.parts and not path.match("kept_answers_*")
)


def modules(*rooms: str) -> list[Path]:
    """Every Python file in these folders of the package."""
    return [path for room in rooms for path in sorted((PACKAGE / room).rglob("*.py"))]


def short(path: Path) -> str:
    return str(path.relative_to(PROJECT))

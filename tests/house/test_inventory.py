"""Which of the guide's 243 items the chapters show: the cell that shows one carries the tag `guide-ID`."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import nbformat
import pytest

from tests.house.paths import NOTEBOOKS, PROJECT, short

INVENTORY = {item["id"]: item for item in json.loads((PROJECT / "tests/data/inventory.json").read_text())}
TAG = "guide-"


def chapter(path: Path) -> int:
    return int(path.name[:2])


def shown_in(path: Path) -> set[str]:
    """The ids that the cells of a notebook say they show."""
    cells = nbformat.read(path, as_version=4).cells
    return {
        tag.removeprefix(TAG)
        for cell in cells
        for tag in cell.metadata.get("tags", [])
        if tag.startswith(TAG)
    }


SHOWN = {path: shown_in(path) for path in NOTEBOOKS}
CHAPTERS = {chapter(path) for path in NOTEBOOKS}


def test_the_inventory_is_whole() -> None:
    assert len(INVENTORY) == 243


@pytest.mark.parametrize("path", NOTEBOOKS, ids=short)
def test_tags_name_items_of_the_guide(path: Path) -> None:
    assert not SHOWN[path] - INVENTORY.keys()


@pytest.mark.parametrize("path", NOTEBOOKS, ids=short)
def test_chapter_shows_what_is_first_due_in_it(path: Path) -> None:
    """An item is due in its first chapter; another of its chapters may show it, when that one is written."""
    due = {id for id, item in INVENTORY.items() if item["chapters"][0] == chapter(path)}
    elsewhere = {
        id for other, ids in SHOWN.items() for id in ids if chapter(other) in INVENTORY[id]["chapters"]
    }
    missing = {id: INVENTORY[id]["claim"] for id in due - SHOWN[path] - elsewhere}
    assert not missing


def test_report_of_items_shown(record_property: Callable[[str, object], None]) -> None:
    """Puts a line per section into pytest's summary (tests/conftest.py prints it)."""
    shown = set().union(*SHOWN.values())
    lines = [f"guide items shown: {len(shown)} of {len(INVENTORY)}"]
    for section in dict.fromkeys(item["section"] for item in INVENTORY.values()):
        ids = [id for id, item in INVENTORY.items() if item["section"] == section]
        missing = [id for id in ids if id not in shown]
        to_come = f"; to come: {' '.join(missing)}" if missing else ""
        lines.append(f"  {section}: {len(ids) - len(missing)} of {len(ids)}{to_come}")
    record_property("summary", "\n".join(lines))
    assert shown <= INVENTORY.keys()

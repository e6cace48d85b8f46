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


WRITTEN = set(range(1, 19))


def test_the_inventory_is_whole() -> None:
    assert len(INVENTORY) == 243


def test_the_chapters_that_are_written_are_here() -> None:
    assert CHAPTERS >= WRITTEN


@pytest.mark.parametrize("number", sorted(WRITTEN))
def test_a_chapter_shows_every_item_assigned_to_it(number: int) -> None:
    """An item of several chapters is shown in each: its part in this one."""
    due = {id for id, item in INVENTORY.items() if number in item["chapters"]}
    shown = set().union(*(ids for path, ids in SHOWN.items() if chapter(path) == number))
    assert not {id: INVENTORY[id]["claim"] for id in due - shown}


@pytest.mark.parametrize("path", NOTEBOOKS, ids=short)
def test_tags_name_items_of_the_guide(path: Path) -> None:
    assert not SHOWN[path] - INVENTORY.keys()


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

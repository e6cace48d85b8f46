"""The map leads to what comes next."""

from __future__ import annotations

import re

import pytest

import minidis.course.checks  # noqa: F401  (fills the bank)
from minidis.course.exercise import BANK
from minidis.course.overview import overview
from minidis.course.progress import record
from minidis.course.sources import exercises_folder


@pytest.fixture(autouse=True)
def own_progress(tmp_path, monkeypatch):
    monkeypatch.setenv("MINIDIS_PROGRESS", str(tmp_path / "progress.json"))


def test_next_is_a_link_to_the_first_exercise_that_is_not_passed():
    for number, following in (("1.1", "1.2"), ("1.2", "1.3")):
        record(number, True, True, 1.0)
        exercise, chapter = re.findall(r'href="([^"]+)"', overview()._repr_html_())[-2:]
        notebooks = exercises_folder().parent / "notebooks"
        assert (notebooks / exercise).resolve().name.startswith(f"{following}_")
        assert (notebooks / exercise).is_file()
        assert (notebooks / chapter).is_file()


def test_nothing_is_next_when_all_is_passed():
    for number in BANK:
        record(number, True, True, 1.0)
    assert "<b>Next:</b> nothing" in overview()._repr_html_()

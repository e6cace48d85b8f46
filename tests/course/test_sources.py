"""The learner's versions are what the sources make, and what nbgrader would make of them."""

from __future__ import annotations

import json

import pytest

from minidis.course import sources

PATHS = sources.source_paths()
IDS = [sources.number_of(path) for path in PATHS]


@pytest.mark.parametrize("path", PATHS, ids=IDS)
def test_the_learners_version_is_fresh(path):
    learner = sources.load(sources.learner_path(path))
    assert learner == sources.learner_version(sources.load(path)), "run python -m minidis.course.sources"


@pytest.mark.parametrize("path", PATHS, ids=IDS)
def test_nbgrader_agrees(path):
    nbformat = pytest.importorskip("nbformat")
    from nbgrader.preprocessors import ClearSolutions

    notebook = nbformat.read(path, as_version=4)
    cleared, _ = ClearSolutions().preprocess(notebook, {})
    ours = sources.load(sources.learner_path(path))
    assert [c.source for c in cleared.cells] == [sources.cell_source(c) for c in ours["cells"]]


@pytest.mark.parametrize("path", PATHS, ids=IDS)
def test_the_cells_follow_nbgraders_conventions(path):
    notebook = sources.load(path)
    graded = list(sources.test_cells(notebook))
    assert len(graded) == 1
    assert graded[0]["metadata"]["nbgrader"]["locked"]
    assert sources.cell_source(graded[0]).startswith(f'check("{sources.number_of(path)}"')
    identifiers = [
        cell["metadata"]["nbgrader"]["grade_id"]
        for cell in notebook["cells"]
        if "nbgrader" in cell["metadata"]
    ]
    assert len(set(identifiers)) == len(identifiers)
    assert all(cell["metadata"]["nbgrader"]["schema_version"] == 3 for cell in graded)
    assert "BEGIN SOLUTION" not in json.dumps(sources.load(sources.learner_path(path)))

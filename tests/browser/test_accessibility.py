"""Pages that are read without JupyterLab, under an accessibility checker: `make html`, the site's first."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import nbformat
import pytest

from tests.browser.accessibility import complaints
from tests.house.paths import NOTEBOOKS, PROJECT
from tests.house.test_html_pages import load_renderer


def write_pages(folder: Path) -> list[Path]:
    """The index, a chapter, an exercise, a document and a piece of code, as `make html` writes them."""
    renderer = load_renderer(folder)
    exercise = PROJECT / "exercises/09_atomicity/9.1_transfer.ipynb"
    notebooks = {path: nbformat.read(path, as_version=4) for path in (NOTEBOOKS[0], exercise)}
    for path, notebook in notebooks.items():
        renderer.write_page(path, renderer.notebook_page(notebook))
    others = [PROJECT / "ARCHITECTURE.md", PROJECT / "minidis/engine/keyspace/expiry.py"]
    for path in others:
        renderer.write_page(path, renderer.document_page(path))
    passages = list(renderer.passages_of(notebooks[NOTEBOOKS[0]], renderer.address_of(NOTEBOOKS[0])))
    renderer.write_index(notebooks, passages)
    return [folder / "index.html", *(folder / renderer.address_of(path) for path in (*notebooks, *others))]


@pytest.mark.timeout(300)
def test_the_rendered_pages_can_be_read_by_everybody(page: Any, tmp_path: Path) -> None:
    for written in write_pages(tmp_path):
        page.goto(written.as_uri())
        assert complaints(page) == [], written
    page.goto((tmp_path / "index.html").as_uri())
    page.keyboard.press("Tab")  # the search is the first that a keyboard reaches
    page.keyboard.type("redis")
    page.locator("#found li a").first.wait_for()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_sites_first_page_can_be_read_by_everybody(page: Any, scheme: Any) -> None:
    page.emulate_media(color_scheme=scheme)
    template = (PROJECT / "site/index.html").read_text(encoding="utf-8")
    page.set_content(template.replace("$chapters", '<li><a href="lab/index.html">A chapter</a></li>'))
    assert complaints(page) == []

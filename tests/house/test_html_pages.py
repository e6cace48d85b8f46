"""`make html`: the course as pages that ask nobody for anything, and whose links lead somewhere."""

from __future__ import annotations

import importlib.util
import json
import re
from html.parser import HTMLParser
from pathlib import Path
from types import ModuleType

import nbformat
import pytest

from tests.house.paths import NOTEBOOKS, PROJECT


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> ModuleType:
    return load_renderer(tmp_path_factory.mktemp("html"))


def load_renderer(output: Path) -> ModuleType:
    """tools/render_html.py with another output folder."""
    spec = importlib.util.spec_from_file_location("render_html", PROJECT / "tools/render_html.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    module.OUTPUT = output
    return module


class Addresses(HTMLParser):
    """What a browser would fetch for a page, where its links lead, and how many pictures lack words."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.fetched: list[str] = []
        self.links: list[str] = []
        self.wordless = 0
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        if tag == "img":
            self.wordless += not values.get("alt")
        if tag in ("img", "script", "iframe") and values.get("src"):
            self.fetched.append(values["src"] or "")
        elif tag == "link" and values.get("href"):
            self.fetched.append(values["href"] or "")
        elif tag == "a" and values.get("href"):
            self.links.append(values["href"] or "")


@pytest.mark.parametrize("path", [NOTEBOOKS[0], NOTEBOOKS[4]], ids=lambda path: path.stem)
def test_a_chapter_stands_alone(pages: ModuleType, path: Path) -> None:
    notebook = nbformat.read(path, as_version=4)
    targets = pages.write_page(path, pages.notebook_page(notebook))
    page = (pages.OUTPUT / pages.address_of(path)).read_text(encoding="utf-8")
    found = Addresses(page)
    assert [address for address in found.fetched if not address.startswith("data:")] == []
    assert found.wordless == 0
    assert any(address.startswith("data:image/svg") for address in found.fetched)
    inside = [link for link in found.links if not re.match(r"\w+:|#", link)]
    assert inside and all(link.partition("#")[0].endswith(".html") for link in inside)
    assert targets and all(target.exists() for target in targets)


def test_code_is_coloured_and_its_lines_can_be_linked(pages: ModuleType) -> None:
    page = pages.document_page(PROJECT / "minidis/engine/node.py")
    assert 'name="line-10"' in page and "<title>minidis/engine/node.py</title>" in page
    assert Addresses(page).fetched == []


def test_the_search_holds_every_passage_and_no_cell_can_break_out(pages: ModuleType) -> None:
    passages = [("a.html#x", "Hostile", "</script><script>alert(1)</script>")]
    pages.write_index({NOTEBOOKS[0]: nbformat.read(NOTEBOOKS[0], as_version=4)}, passages)
    page = (pages.OUTPUT / "index.html").read_text(encoding="utf-8")
    data = page.partition('id="passages">')[2].partition("</script>")[0]
    assert json.loads(data) == [list(passages[0])]
    assert "alert(1)</script>" not in page

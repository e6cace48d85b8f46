"""The static site in a real browser: a page, a file server, and nothing else.

The site is built once (the first time, its parts are fetched from PyPI and npm) and served from its folder,
as any file server would. Every request to another host is refused, and counted.

One chapter is run each time, with tasks, SQLite and Lua; others by MINIDIS_SITE_CHAPTERS: `08 15`, or `all`.
"""

from __future__ import annotations

import contextlib
import functools
import http.server
import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from minidis.drivers.browser import REFUSAL
from tests.browser.lab import Notebook
from tests.browser.test_lab import failures
from tests.differential import test_scripts
from tests.house.paths import NOTEBOOKS, PROJECT, short

BUILD_S = 250
IGNORED = "nbval-ignore-output"
START_MS = 240_000  # Python is loaded into the page, on a busy machine
CHAPTER_MS = 280_000

IDEMPOTENCY = "17"
WANTED = os.environ.get("MINIDIS_SITE_CHAPTERS", IDEMPOTENCY).split()
CHAPTERS = [path for path in NOTEBOOKS if WANTED == ["all"] or path.name[:2] in WANTED]


class Site:
    """build/site behind a file server on this machine."""

    def __init__(self) -> None:
        build = subprocess.run(
            [sys.executable, PROJECT / "site/build.py"], capture_output=True, text=True, timeout=BUILD_S
        )
        assert build.returncode == 0, build.stdout[-2000:] + build.stderr[-2000:]
        handler = functools.partial(Quiet, directory=str(PROJECT / "build/site"))
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def stop(self) -> None:
        self.server.shutdown()
        self.server.server_close()


class Quiet(http.server.SimpleHTTPRequestHandler):
    """A file server that does not write to the terminal, and lets a page hang up."""

    def log_message(self, *words: object) -> None: ...

    def copyfile(self, *files: Any) -> None:
        with contextlib.suppress(ConnectionError):
            super().copyfile(*files)


@pytest.fixture(scope="module")
def site(browser: Any) -> Iterator[Site]:
    site = Site()
    yield site
    site.stop()


@pytest.fixture
def outside(page: Any, site: Site) -> list[str]:
    """What the page asked of anybody but the file server: refused, and noted here."""
    asked: list[str] = []

    def decide(route: Any) -> None:
        if route.request.url.startswith(site.url):
            route.continue_()
        else:
            asked.append(route.request.url)
            route.abort()

    page.context.route("**/*", decide)
    return asked


def open_chapter(page: Any, site: Site, path: Path) -> Notebook:
    address = f"{site.url}/lab/index.html?path=notebooks/{path.name}"
    return Notebook(page, address, START_MS)


@pytest.mark.timeout(900)
@pytest.mark.parametrize("path", CHAPTERS, ids=short)
def test_a_chapter_runs_in_the_page_alone(page: Any, site: Site, outside: list[str], path: Path) -> None:
    chapter = open_chapter(page, site, path)
    committed = json.loads(path.read_text(encoding="utf-8"))["cells"]
    chapter.command("notebook:clear-all-cell-outputs")
    chapter.command("notebook:run-all-cells", CHAPTER_MS)
    cells = chapter.cells()
    assert failures(cells) == []
    assert [cell["source"] for cell in cells if cell["type"] == "code" and not cell["count"]] == []
    for came, due in zip(cells, committed, strict=True):
        if came["type"] == "code" and IGNORED not in came["tags"]:
            assert text_of(came["outputs"]) == text_of(due["outputs"]), came["source"]
    assert outside == []
    if path == CHAPTERS[0]:
        spare = next(index for index, cell in enumerate(cells) if cell["type"] == "code")
        check_refusals(chapter, spare)
        check_progress_outlives_the_page(page, site, chapter, spare)


def text_of(outputs: list[dict[str, Any]]) -> str:
    """What a reader reads in the outputs of a cell; of a view its text form."""
    texts = [output.get("text", output.get("data", {}).get("text/plain", "")) for output in outputs]
    return "".join("".join(text) for text in texts)


def check_refusals(chapter: Notebook, index: int) -> None:
    """What a page cannot do is said in the cell."""
    for line in ("%redis serve", "%redis connect redis://127.0.0.1:6379"):
        chapter.write(index, line)
        (output,) = chapter.run(index)["outputs"]
        assert REFUSAL in text_of([output]).replace("\n", "")


def check_progress_outlives_the_page(page: Any, site: Site, chapter: Notebook, index: int) -> None:
    progress = "from importlib import import_module\nprogress = import_module('minidis.course.progress')\n"
    chapter.write(index, progress + "progress.record('9.1', True, True, 1.0)")
    assert chapter.run(index)["outputs"] == []
    again = open_chapter(page, site, CHAPTERS[0])
    again.write(index, progress + "print(progress.entry('9.1')['passed'])")
    (output,) = again.run(index)["outputs"]
    assert "".join(output["text"]) == "True\n"


def test_the_first_page_leads_to_every_chapter(page: Any, site: Site, outside: list[str]) -> None:
    page.goto(site.url)
    for path in NOTEBOOKS:
        assert page.locator(f"a[href$='notebooks/{path.name}']").count() >= 1
    page.locator("a.start").click()
    page.wait_for_selector(".jp-Notebook:visible h1", timeout=START_MS)
    assert outside == []


# -- Lua

ANSWERS = """
def answers(commands):
    from minidis.drivers.embedded import Embedded
    from minidis.protocol.replies import ReplyError
    node = Embedded(clock=0)
    found = []
    for words in commands:
        try:
            found.append(repr(node.execute(*[word.encode("latin-1") for word in words])))
        except ReplyError as error:
            found.append(repr(error))
    return found
"""

IN_THE_PAGE = """async ([definition, commands]) => {
  const { loadPyodide } = await import('/static/pyodide/pyodide.mjs');
  const pyodide = await loadPyodide({ indexURL: '/static/pyodide/', packages: ['minidis'] });
  await pyodide.runPythonAsync('from minidis.drivers import browser; await browser.fetch_lua()');
  pyodide.runPython(definition);
  return pyodide.globals.get('answers')(pyodide.toPy(commands)).toJs();
}"""


@pytest.mark.timeout(600)
def test_two_luas_give_the_same_answers(page: Any, site: Site, outside: list[str]) -> None:
    """Every script that is compared with real servers, on lupa and on the page's Lua."""
    texts = (test_scripts.VALUES, test_scripts.ERRORS, test_scripts.SYNTAX, test_scripts.CALLS)
    tail = (b"%d" % len(test_scripts.KEYS), *test_scripts.KEYS, *test_scripts.ARGV)
    lines = [line for text in texts for line in test_scripts.scripts(text)]
    commands = [
        [word.decode("latin-1") for word in words]
        for words in [*test_scripts.SETUP, *((b"EVAL", line, *tail) for line in lines)]
    ]
    assert len(lines) > 200
    page.set_default_timeout(START_MS)
    page.goto(f"{site.url}/index.html")
    theirs = page.evaluate(IN_THE_PAGE, [ANSWERS, commands])
    names: dict[str, Any] = {}
    exec(ANSWERS, names)
    ours = names["answers"](commands)
    assert [row for row in zip(commands, ours, theirs, strict=True) if row[1] != row[2]] == []
    assert outside == []

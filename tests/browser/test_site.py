"""The static site in a real browser: a page, a file server, and nothing else.

The site is built once (the first time, its parts are fetched from PyPI and npm) and served from its folder,
as any file server would. Every request to another host is refused, and counted.

The start page is run in JupyterLite; the cells of the chapters in one page that has the site's kernel alone,
which starts once. MINIDIS_SITE_CHAPTERS names chapters to run in JupyterLite instead: `08 15`, or `all`.
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
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from minidis.drivers.browser import REFUSAL
from tests.browser.console import Console
from tests.browser.controls import move_main_controls
from tests.browser.kernel import Kernel
from tests.browser.lab import Notebook, new_reader
from tests.browser.test_lab import failures
from tests.differential import test_scripts
from tests.house.paths import NOTEBOOKS, PROJECT, short

BUILD_S = 250
IGNORED = "nbval-ignore-output"
START_MS = 240_000  # Python is loaded into the page, on a busy machine
CHAPTER_MS = 580_000

START_PAGE = NOTEBOOKS[0]
WANTED = os.environ.get("MINIDIS_SITE_CHAPTERS", START_PAGE.name).split()
IN_THE_LAB = [path for path in NOTEBOOKS if WANTED == ["all"] or path.name.startswith(tuple(WANTED))]
LONG = ("01", "02", "05", "07", "08", "11", "13", "14", "15", "16", "18")  # left to those who ask for them
IN_ONE_PAGE = [path for path in NOTEBOOKS if path not in IN_THE_LAB and not path.name.startswith(LONG)]


class Site:
    """build/site behind a file server on this machine."""

    def __init__(self) -> None:
        build = subprocess.run(
            [sys.executable, PROJECT / "site/build.py"], capture_output=True, text=True, timeout=BUILD_S
        )
        assert build.returncode == 0, build.stdout[-2000:] + build.stderr[-2000:]
        self.asked: list[str] = []  # paths, in the order of requests
        handler = functools.partial(Quiet, self.asked, directory=str(PROJECT / "build/site"))
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def stop(self) -> None:
        self.server.shutdown()
        self.server.server_close()


class Quiet(http.server.SimpleHTTPRequestHandler):
    """A file server that notes what is asked for instead of printing it, and lets a page hang up."""

    def __init__(self, asked: list[str], *connection: Any, directory: str) -> None:
        self.asked = asked
        super().__init__(*connection, directory=directory)

    def log_request(self, code: object = "-", size: object = "-") -> None:
        self.asked.append(self.path)

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
def context(browser: Any) -> Iterator[Any]:
    """For each test its own: notebooks and progress stay in the browser."""
    with new_reader(browser) as context:
        yield context


@pytest.fixture
def outside(page: Any, site: Site) -> Iterator[list[str]]:
    """What the page asked of anybody but the file server: refused, and noted here."""
    yield refuse_others(page, site)
    page.context.unroute_all(behavior="ignoreErrors")


def refuse_others(page: Any, site: Site) -> list[str]:
    asked: list[str] = []

    def decide(route: Any) -> None:
        if route.request.url.startswith(site.url):
            route.continue_()
        else:
            asked.append(route.request.url)
            route.abort()

    page.context.route("**/*", decide)
    return asked


@pytest.fixture(scope="module")
def kernel(browser: Any, site: Site) -> Iterator[Kernel]:
    """The site's Python, started once; whatever runs in it asks nobody else, and nobody complains."""
    page = browser.new_page()
    outside, console = refuse_others(page, site), Console(page)
    yield Kernel(page, f"{site.url}/index.html", START_MS)
    page.close()
    assert (outside, console.complaints) == ([], [])


def open_chapter(page: Any, site: Site, path: Path) -> Notebook:
    address = f"{site.url}/lab/index.html?path=notebooks/{path.name}"
    return Notebook(page, address, START_MS)


# -- chapters


@pytest.mark.timeout(900)
@pytest.mark.parametrize("path", IN_ONE_PAGE, ids=short)
def test_a_chapters_cells_say_in_a_page_what_they_say_here(kernel: Kernel, path: Path) -> None:
    kernel.restart()
    committed = json.loads(path.read_text(encoding="utf-8"))["cells"]
    compare([as_run(cell, kernel) for cell in committed], committed)


def as_run(cell: dict[str, Any], kernel: Kernel) -> dict[str, Any]:
    """A cell of a notebook's file, in the form of `Notebook.cells`, with what the kernel makes of it."""
    source, kind = "".join(cell["source"]), cell["cell_type"]
    outputs = kernel.run(source) if kind == "code" else []
    return {"source": source, "type": kind, "tags": cell["metadata"].get("tags", []), "outputs": outputs}


def compare(cells: list[dict[str, Any]], committed: list[dict[str, Any]]) -> None:
    """No cell failed, and each shows the text that is committed, but for those that measure."""
    assert failures(cells) == []
    for came, due in zip(cells, committed, strict=True):
        if came["type"] == "code" and IGNORED not in came["tags"]:
            assert text_of(came["outputs"]) == text_of(due["outputs"]), came["source"]


@pytest.mark.timeout(900)
@pytest.mark.parametrize("path", IN_THE_LAB, ids=short)
def test_a_chapter_runs_in_the_page_alone(page: Any, site: Site, outside: list[str], path: Path) -> None:
    site.asked.clear()
    chapter = open_chapter(page, site, path)
    check_what_was_loaded(site)
    chapter.command("notebook:clear-all-cell-outputs")
    chapter.command("notebook:run-all-cells", CHAPTER_MS)
    cells = chapter.cells()
    compare(cells, json.loads(path.read_text(encoding="utf-8"))["cells"])
    assert [cell["source"] for cell in cells if cell["type"] == "code" and not cell["count"]] == []
    assert move_main_controls(chapter) == []
    assert outside == []
    if path == IN_THE_LAB[0]:
        spare = next(index for index, cell in enumerate(cells) if cell["type"] == "code")
        check_refusals(chapter, spare)
        check_exercises(chapter, spare)
        check_progress_outlives_the_page(chapter, spare, lambda: open_chapter(page, site, path))
        assert outside == []


def check_what_was_loaded(site: Site) -> None:
    """Before the kernel is ready: what the settings name, what that needs, and no more."""
    lock = json.loads((PROJECT / "build/site/static/pyodide/pyodide-lock.json").read_text())["packages"]
    settings = json.loads((PROJECT / "site/jupyter-lite.json").read_text())["jupyter-config-data"]
    kernel = settings["litePluginSettings"]["@jupyterlite/pyodide-kernel-extension:kernel"]
    due: set[str] = set()
    wanted = list(kernel["loadPyodideOptions"]["packages"])
    while wanted:
        name = wanted.pop()
        if name not in due:
            due.add(name)
            wanted += lock[name]["depends"]
    assert {path.rpartition("/")[2] for path in site.asked if path.endswith(".whl")} == {
        lock[name]["file_name"] for name in due
    }
    assert "plotly" in set(lock) - due  # the largest: a cell that imports it waits for it, no other


EXERCISES = """
from minidis.course import replay, solution
exec(repr(solution("10.3", surrender=True)))
replay(10, "pubsub", deliver)
"""


def check_exercises(chapter: Notebook, index: int) -> None:
    """What reads the course's own files finds them: a solution, and a chapter run on it."""
    chapter.write(index, EXERCISES)
    (output,) = chapter.run(index)["outputs"]
    assert "cells print the same with your pubsub" in text_of([output])


def text_of(outputs: list[dict[str, Any]]) -> str:
    """What a reader reads in the outputs of a cell; of a view its text form."""
    texts = [output.get("text", output.get("data", {}).get("text/plain", "")) for output in outputs]
    return "".join("".join(text) for text in texts).replace("\r\n", "\n")  # JupyterLab keeps no CR


def check_refusals(chapter: Notebook, index: int) -> None:
    """What a page cannot do is said in the cell."""
    for line in ("%redis serve", "%redis connect redis://127.0.0.1:6379"):
        chapter.write(index, line)
        (output,) = chapter.run(index)["outputs"]
        assert REFUSAL in text_of([output]).replace("\n", "")


def check_progress_outlives_the_page(chapter: Notebook, index: int, reopen: Callable[[], Notebook]) -> None:
    progress = "from importlib import import_module\nprogress = import_module('minidis.course.progress')\n"
    chapter.write(index, progress + "progress.record('9.1', True, True, 1.0)")
    assert chapter.run(index)["outputs"] == []
    again = reopen()
    again.write(index, progress + "print(progress.entry('9.1')['passed'])")
    (output,) = again.run(index)["outputs"]
    assert "".join(output["text"]) == "True\n"


def test_the_first_page_leads_to_every_chapter(page: Any, site: Site, outside: list[str]) -> None:
    page.goto(site.url)
    for path in NOTEBOOKS:
        assert page.locator(f"a[href$='notebooks/{path.name}']").count() >= 1
    assert not any(title[0].isdigit() for title in page.locator("ol li").all_inner_texts())
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


@pytest.mark.timeout(600)
def test_two_luas_give_the_same_answers(kernel: Kernel) -> None:
    """Every script that is compared with real servers, on lupa and on the page's Lua."""
    texts = (test_scripts.VALUES, test_scripts.ERRORS, test_scripts.SYNTAX, test_scripts.CALLS)
    tail = (b"%d" % len(test_scripts.KEYS), *test_scripts.KEYS, *test_scripts.ARGV)
    lines = [line for text in texts for line in test_scripts.scripts(text)]
    commands = [
        [word.decode("latin-1") for word in words]
        for words in [*test_scripts.SETUP, *((b"EVAL", line, *tail) for line in lines)]
    ]
    assert len(lines) > 200
    kernel.restart()
    assert kernel.run("%load_ext minidis") == []  # fetches Lua
    assert kernel.run(ANSWERS) == []
    theirs = text_of(kernel.run(f"print(*answers({commands!r}), sep='\\n')")).splitlines()
    names: dict[str, Any] = {}
    exec(ANSWERS, names)
    ours = names["answers"](commands)
    assert [row for row in zip(commands, ours, theirs, strict=True) if row[1] != row[2]] == []

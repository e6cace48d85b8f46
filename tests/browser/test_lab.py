"""What `make lab` promises, in a real browser: the course opens, every chapter runs, its widgets move.

One module on purpose: its tests share a server and a browser, on whichever worker runs them.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nbformat
import pytest

from minidis.course import sources
from tests.browser.accessibility import THEMES, complaints_about_outputs
from tests.browser.controls import move_main_controls
from tests.browser.lab import LOOK_MS, START_MS, Lab, Notebook
from tests.house.paths import NOTEBOOKS, short

WIDGET = "application/vnd.jupyter.widget-view+json"
PLOTLY = "application/vnd.plotly.v1+json"
DRAWN = "svg, canvas, .widget-text, .widget-slider, .widget-button"  # a view's picture, or an ipywidget
ACCESSIBLE = os.environ.get("MINIDIS_ACCESSIBLE", "04").split()
"""Chapters that are put under an accessibility checker, too.  It takes time, and beside other tests it may
not see the end of so long a page in the dark theme: so CI looks at one chapter, in the light."""
LIGHTS = THEMES if "MINIDIS_ACCESSIBLE" in os.environ else THEMES[:1]
ANNOUNCED = {"raises-exception", "nbval-raises-exception"}

# Plotly's extension keeps an image without a source of its own.
IMAGES_LOADED = """() => [...document.querySelectorAll('.jp-OutputArea-output img[src^="data:"]')]
  .every(image => image.naturalWidth > 0)"""

# The control or the shape of a view that has the focus, as the view's own words for it; "" outside of it.
FOCUSED = """view => {
  const element = document.activeElement;
  if (!view.contains(element)) return '';
  return element.dataset.event ? `${element.dataset.event}|${element.dataset.value}` : element.tagName;
}"""

FOCUSABLE = "button:visible, input:visible, select:visible, [tabindex]:visible"
MOST_STOPS = 100

Open = Callable[[str], Notebook]


# -- JupyterLab itself


def test_the_lab_opens_on_the_first_chapter_and_asks_nobody_for_news(lab: Lab, page: Any) -> None:
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(lab.url)
    first = NOTEBOOKS[0].name
    page.wait_for_function(
        """path => {
          const panel = window.jupyterapp?.shell.currentWidget;
          const kernel = panel?.context?.sessionContext.session?.kernel;
          return panel?.context?.path === path && kernel?.status === 'idle';
        }""",
        arg=f"notebooks/{first}",
        timeout=START_MS,
    )
    assert page.locator(".jp-Notebook:visible h1").first.inner_text()
    assert page.locator(".Toastify__toast, .jp-Dialog").count() == 0
    assert [url for url in asked if not url.startswith((lab.url, "data:", "blob:"))] == []
    page.evaluate("() => window.jupyterapp.shell.currentWidget.context.sessionContext.shutdown()")


# -- the chapters


@pytest.mark.parametrize("path", NOTEBOOKS, ids=short)
def test_a_chapter_runs_and_every_view_is_alive(open_notebook: Open, path: Path) -> None:
    chapter = open_notebook(f"notebooks/{path.name}")
    check_still_pictures(chapter)
    cells = chapter.run_all()
    assert failures(cells) == []
    assert [cell["source"] for cell in cells if cell["type"] == "code" and not cell["count"]] == []
    views = outputs_of(cells, WIDGET)
    assert views, "a chapter without a live view"
    chapter.wait_until_shown(views, DRAWN)
    chapter.wait_until_shown(outputs_of(cells, PLOTLY), ".js-plotly-plot svg.main-svg")
    for complaint in ("Error displaying widget", "model not found", "Javascript Error"):
        assert chapter.page.get_by_text(complaint).count() == 0
    assert move_main_controls(chapter) == []
    if path.name[:2] in ACCESSIBLE:
        assert complaints_about_outputs(chapter, LIGHTS) == []


def check_still_pictures(chapter: Notebook) -> None:
    """As a fresh clone opens it, not trusted and not run: every committed picture is there."""
    pictures = outputs_of(chapter.cells(), "text/html", "<img")
    assert pictures, "a chapter that shows nothing before it runs"
    chapter.wait_until_shown(pictures, "img, .js-plotly-plot svg.main-svg")
    chapter.page.wait_for_function(IMAGES_LOADED, timeout=LOOK_MS)


def outputs_of(cells: list[dict[str, Any]], kind: str, containing: str = "") -> list[list[int]]:
    """Where outputs of a MIME type are: [index of the cell, number of the output] each."""
    return [
        [index, number]
        for index, cell in enumerate(cells)
        for number, output in enumerate(cell["outputs"])
        if kind in output.get("data", {}) and (not containing or containing in "".join(output["data"][kind]))
    ]


def failures(cells: list[dict[str, Any]]) -> list[str]:
    """Errors that no tag announces, also those that IPython only prints."""
    found = []
    for cell in cells:
        for output in cell["outputs"]:
            if output["output_type"] == "error" and not ANNOUNCED & set(cell["tags"]):
                found.append(f"{cell['source']}\n{output['ename']}: {output['evalue']}")
            elif output.get("name") == "stderr" and any(
                word in "".join(output["text"]) for word in ("UsageError", "Traceback")
            ):
                found.append(f"{cell['source']}\n{''.join(output['text'])}")
    return found


# -- the widgets


def write_notebook(lab: Lab, name: str, *sources: str) -> str:
    """Put a notebook of these code cells beside the chapters; its path."""
    kernel = {"kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"}}
    cells = [nbformat.v4.new_code_cell(source) for source in sources]
    nbformat.write(nbformat.v4.new_notebook(metadata=kernel, cells=cells), lab.folder / name)
    return name


SET_UP = "%load_ext minidis\n%redis lesson\nfrom minidis.notebook import views"


def has_text(locator: Any, *words: str) -> None:
    """Wait until all these words stand in it."""
    from playwright.sync_api import expect

    for word in words:
        expect(locator).to_contain_text(word, timeout=LOOK_MS)


def test_views_follow_what_cells_do(lab: Lab, open_notebook: Open) -> None:
    path = write_notebook(
        lab,
        "following.ipynb",
        SET_UP,
        "%%redis\nCONFIG SET zset-max-listpack-entries 2\nRPUSH queue first\nZADD board 10 ann 20 bob 30 cid",
        "views.list('queue')",
        "views.zset('board')",
        "views.ttl_board()",
        "views.keys('*')",
        "",
    )
    notebook = open_notebook(path)
    assert failures(notebook.run_all()) == []
    queue, board, times, keys = [notebook.output(index).locator(".figure") for index in (2, 3, 4, 5)]
    has_text(queue, "first", "listpack, 1 entr")
    has_text(board, "3 elements")
    has_text(times, "0 live")
    has_text(keys, "2 keys")
    notebook.write(6, "%%redis\nRPUSH queue second\nZADD board 25 dan\nSET session x EX 30")
    notebook.run(6)
    has_text(queue, "second", "listpack, 2 entries")
    has_text(board, "dan", "4 elements")
    has_text(times, "session", "1 live")
    has_text(keys, "session", "3 keys")
    notebook.write(6, "%clock step 31s")
    notebook.run(6)
    has_text(times, "0 live", "1 freed")
    has_text(keys, "2 keys")


def test_buttons_move_the_clock_and_other_views_follow(lab: Lab, open_notebook: Open) -> None:
    cells = (
        "%%redis\nSET session x EX 15\nSET token x EX 15",
        "views.ttl_board()",
        "views.keys('*')",
    )
    notebook = open_notebook(write_notebook(lab, "clock.ipynb", SET_UP, *cells))
    assert failures(notebook.run_all()) == []
    board, keys = notebook.output(2), notebook.output(3).locator(".figure")
    has_text(board.locator(".figure"), "clock 2026-01-01 00:00:00", "2 live")
    has_text(keys, "15 s left")
    board.get_by_label("active cycle on").focus()
    notebook.page.keyboard.press("Space")  # off: what is dead now stays until it is sampled
    board.get_by_role("button", name="+10 s").focus()
    notebook.page.keyboard.press("Enter")
    has_text(board.locator(".figure"), "clock 2026-01-01 00:00:10", "2 live")
    has_text(keys, "5 s left")
    board.get_by_role("button", name="+10 s").click()
    has_text(board.locator(".figure"), "clock 2026-01-01 00:00:20", "2 logically dead")
    board.get_by_role("button", name="session: dead for 5 s").press("Enter")  # asks for it: lazy expiry
    has_text(board.locator(".figure"), "1 logically dead", "1 freed")
    has_text(keys, "1 key")
    for _ in range(2):  # a cycle ends where the table ends: the next one begins at its beginning
        board.get_by_role("button", name="run one active cycle").click()
    has_text(board.locator(".figure"), "0 logically dead", "2 freed")
    has_text(keys, "0 keys")


def test_a_search_path_is_played_step_by_step(lab: Lab, open_notebook: Open) -> None:
    cells = (
        "%%redis\nCONFIG SET zset-max-listpack-entries 0\nZADD board 10 ann 20 bob 30 cid 40 dan 50 eve",
        "views.skiplist('board', search=(40, 'dan'))",
    )
    notebook = open_notebook(write_notebook(lab, "search.ipynb", SET_UP, *cells))
    assert failures(notebook.run_all()) == []
    view = notebook.output(2)
    note, hidden = view.locator(".note"), view.locator(".figure .later")
    step = view.get_by_label("step of the animation")
    steps = int(step.get_attribute("max"))
    assert steps >= 3 and hidden.count() == 0
    has_text(note, f"{steps} of {steps}")
    step.press("Home")
    has_text(note, "before the first step")
    step.press("ArrowRight")
    has_text(note, f"1 of {steps}: level")
    assert hidden.count() >= steps - 1 and view.locator(".figure .now").count() >= 1
    step.fill(str(steps - 1))
    step.press("Shift+Tab")
    notebook.page.keyboard.press("Enter")  # plays
    view.get_by_role("button", name="pause").wait_for()
    has_text(note, f"{steps} of {steps}")
    view.get_by_role("button", name="play").wait_for()
    assert hidden.count() == 0

    before = view.locator(".figure").inner_html()
    view.get_by_role("button", name="throw the coins again").click()
    notebook.page.wait_for_function(
        "([figure, before]) => figure.innerHTML !== before",
        arg=[view.locator(".figure").element_handle(), before],
    )
    search = view.get_by_label("search", exact=True)
    search.fill("20 bob")
    search.press("Enter")
    has_text(view.locator(".figure"), "search for 20 bob")


BAIT = """
from minidis.notebook.views.drawing import Canvas
from minidis.notebook.views.view import View, button, slider, text_field, toggle

class Bait(View):
    def __init__(self, control):
        super().__init__()
        self.control, self.presses = control, 0

    def snapshot(self):
        return self.presses

    def draw(self, presses):
        canvas = Canvas("bait")
        canvas.text(10, 20, f"{presses} presses")
        return canvas

    def text(self, presses):
        return f"{presses} presses"

    def controls(self, presses):
        return [self.control]

    def on_idle(self, value):
        pass

    def on_fail(self, value):
        raise KeyError("gone")

    def on_count(self, value):
        self.presses += 1
"""

AWAKE = """
display(Bait(button("fail", "a")), Bait(toggle("fail", "b", False)), Bait(slider("count", "c", 0, 0, 9, 1)))
"""

IDLE = """
display(Bait(button("idle", "d")), Bait(toggle("idle", "e", False)))
display(Bait(slider("idle", "f", 0, 0, 9, 1)), Bait(text_field("idle", "g", "")))
"""


def test_a_control_without_effect_is_noticed(lab: Lab, open_notebook: Open) -> None:
    notebook = open_notebook(write_notebook(lab, "bait.ipynb", SET_UP, BAIT, AWAKE))
    assert failures(notebook.run_all()) == []
    assert move_main_controls(notebook) == [f"{name}: KeyError: 'gone'" for name in "ab"]
    notebook.write(2, IDLE)
    notebook.run(2)
    assert move_main_controls(notebook, wait_ms=2_000) == [f"{name}: nothing came back" for name in "defg"]


def test_bytes_are_explained_where_one_clicks(lab: Lab, open_notebook: Open) -> None:
    cells = ("%redis RPUSH queue first second", "views.list('queue')")
    notebook = open_notebook(write_notebook(lab, "bytes.ipynb", SET_UP, *cells))
    assert failures(notebook.run_all()) == []
    view = notebook.output(2)
    assert "backlen 07" not in view.inner_text()
    reached = reachable_by_tab(view)
    assert {"select|0", "select|1"} <= set(reached)
    view.locator("g[data-event=select][data-value='1']").first.click()
    has_text(view.locator(".figure"), "backlen 07")
    view.locator("g[data-event=select][data-value='0']").first.press("Space")
    has_text(view.locator(".figure"), "backlen 06")


def reachable_by_tab(view: Any) -> list[str]:
    """What a keyboard reaches in a view, from its first control on, until it leaves the view again."""
    reached: list[str] = []
    view.locator(FOCUSABLE).first.focus()
    while focused := view.evaluate(FOCUSED):
        assert len(reached) < MOST_STOPS, "the keyboard does not get out"
        reached.append(focused)
        view.page.keyboard.press("Tab")
    return reached


# -- %%redis cells


def test_commands_are_coloured_and_completed(lab: Lab, open_notebook: Open) -> None:
    cells = ("%%redis\nRPUSH queue first second # two\nMSET greeting 'hello' grid 60", "")
    notebook = open_notebook(write_notebook(lab, "typing.ipynb", SET_UP, *cells))
    assert failures(notebook.run_all()) == []
    coloured = notebook.cell(1)
    assert coloured.locator(".cm-minidis-command").all_inner_texts() == ["RPUSH", "MSET"]
    assert coloured.locator(".cm-minidis-comment").all_inner_texts() == ["# two"]
    assert coloured.locator(".cm-minidis-string").all_inner_texts() == ["'hello'"]
    command = coloured.locator(".cm-minidis-command").first
    plain = coloured.locator(".cm-minidis-word").first
    colour = "element => getComputedStyle(element).color"
    assert command.evaluate(colour) != plain.evaluate(colour)

    assert complete(notebook, 2, "INCR", choose="INCRBYFLOAT") == "INCRBYFLOAT"
    assert complete(notebook, 2, "SET user ann N", choose="NX") == "SET user ann NX"
    assert complete(notebook, 2, "GET gr", choose="greeting") == "GET greeting"  # a key that lives now


def complete(notebook: Notebook, index: int, begun: str, choose: str) -> str:
    """Type Tab behind a line of a cell and take one of the choices; the line then."""
    from playwright.sync_api import expect

    notebook.write(index, f"%%redis\n{begun}")
    editor = notebook.cell(index).locator(".cm-content")
    editor.click()
    notebook.page.keyboard.press("Control+End")
    notebook.page.keyboard.press("Tab")
    choices = notebook.page.locator(".jp-Completer:visible .jp-Completer-match")
    expect(choices.filter(has_text=choose).first).to_be_visible(timeout=LOOK_MS)
    last_word = begun.split()[-1]
    assert all(text.startswith(last_word) for text in choices.all_inner_texts())
    choices.get_by_text(choose, exact=True).click()
    expect(notebook.page.locator(".jp-Completer:visible")).to_have_count(0)
    return editor.locator(".cm-line").last.inner_text()


# -- exercises


WRONG = "def set_(socket, key, value):\n    return 'OK'\n\nget = hgetall = lambda socket, key: None"


def test_an_exercise_from_blank_to_solved(lab: Lab, open_notebook: Open) -> None:
    source = next(path for path in sources.source_paths() if sources.number_of(path) == "1.1")
    notebook = open_notebook(f"exercises/{source.parent.name}/{source.name}")
    cells = sources.load(source)["cells"]
    answer, check = (
        next(n for n, cell in enumerate(cells) if cell["metadata"].get("nbgrader", {}).get(role))
        for role in ("solution", "grade")
    )
    assert failures(notebook.run_all()) == []
    has_text(notebook.output(check), "not attempted, 0 of 4 points", "helps")

    notebook.write(answer, WRONG)
    notebook.run(answer)
    notebook.run(check)
    has_text(notebook.output(check), "wrong", "given", "came", "due")
    assert complaints_about_outputs(notebook) == []

    scratch = next(n for n in range(answer, check) if cells[n]["metadata"] == {} and is_code(cells[n]))
    notebook.write(scratch, 'hint("1.1")')
    notebook.run(scratch)
    has_text(notebook.output(scratch), "Hint 1 of 3")
    notebook.run(scratch)
    has_text(notebook.output(scratch), "Hint 2 of 3")

    notebook.write(answer, sources.cell_source(cells[answer]))
    notebook.run(answer)
    notebook.run(check)
    has_text(notebook.output(check), "correct, 4 of 4 points")
    noted = json.loads((lab.private / "progress.json").read_text())["1.1"]
    assert noted["passed"] and noted["hints"] == 2


def is_code(cell: dict[str, Any]) -> bool:
    return cell["cell_type"] == "code"

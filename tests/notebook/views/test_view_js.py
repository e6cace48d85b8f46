"""The browser's half, in a real browser: view.js with a model that stands in for JupyterLab's."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from minidis import Embedded
from minidis.notebook import views
from minidis.notebook.views import view as view_module

CHROMIUM_OPTIONS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync"]
CHROMIUM_OPTIONS += ["--disable-background-networking", "--disable-component-update"]
VIEW_JS = Path(view_module.__file__).with_name("view.js")
VIEW_CSS = Path(view_module.__file__).with_name("view.css")
NAMES = ("svg", "controls", "captions", "message", "polling")

STAND_IN = """async ([source, css, state]) => {
  const style = document.createElement("style");
  style.textContent = css;
  document.head.append(style);
  const encoded = btoa(unescape(encodeURIComponent(source)));
  const {default: half} = await import("data:text/javascript;base64," + encoded);
  const listeners = new Map();
  window.sent = [];
  window.model = {
    state,
    get: (name) => window.model.state[name],
    send: (message) => window.sent.push(message),
    on: (names, call) => listeners.set(call, names.split(" ")),
    off: (names, call) => listeners.delete(call),
    update: (state) => {
      const before = window.model.state;
      const differs = (name) => JSON.stringify(before[name]) !== JSON.stringify(state[name]);
      window.model.state = state;
      listeners.forEach((names, call) => { if (names.some((name) => differs(name.slice(7)))) call(); });
    },
    count: () => listeners.size,
  };
  const el = document.createElement("div");
  document.body.replaceChildren(el);
  window.close_view = half.render({ model: window.model, el });
}"""


class Screen:
    """A view on a page; messages go both ways when `settle` is called."""

    def __init__(self, page: Any, view: Any) -> None:
        self.page = page
        self.view = view
        css = VIEW_CSS.read_text(encoding="utf-8") + view_module.LIVE_STYLE
        page.evaluate(STAND_IN, [VIEW_JS.read_text(encoding="utf-8"), css, self.state()])
        self.settle()

    def state(self) -> dict[str, Any]:
        return {name: getattr(self.view.widget, name) for name in NAMES}

    def settle(self) -> list[Any]:
        messages = self.page.evaluate("() => window.sent.splice(0)")
        for message in messages:
            self.view._receive(message)
        self.page.evaluate("(state) => window.model.update(state)", self.state())
        return messages

    def text(self) -> str:
        return self.page.inner_text(".figure") if self.page.locator(".figure svg").count() else ""


@pytest.fixture(scope="module")
def page() -> Iterator[Any]:
    program = shutil.which("chromium")
    if program is None:
        pytest.skip("no chromium on this machine")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=CHROMIUM_OPTIONS)
        page = browser.new_page()
        page.failures = []  # type: ignore[attr-defined]
        page.on("pageerror", lambda error: page.failures.append(str(error)))  # type: ignore[attr-defined]
        yield page
        assert page.failures == []  # type: ignore[attr-defined]
        browser.close()


@pytest.fixture
def node() -> Embedded:
    return Embedded(clock=0, seed=1)


def test_the_picture_follows_and_the_focus_stays(page, node):
    node.execute("RPUSH", "l", "a", "b")
    screen = Screen(page, views.list("l", node))
    entry = page.locator('g[data-event="select"][data-value="1"]')
    entry.focus()
    page.keyboard.press("Enter")
    assert screen.settle() == [{"id": "select", "value": "1"}]
    assert "backlen 02" in " ".join(screen.text().split()) and '"b"' in page.inner_text(".note")
    node.execute("RPUSH", "l", "third")
    screen.view.refresh()
    screen.settle()
    assert '"third"' in screen.text()
    focused = page.evaluate("() => document.activeElement.dataset.value")
    assert focused == "1"  # the drawing is new, the reader is where they were
    changed = page.evaluate("() => [...document.querySelectorAll('.changed')].map((g) => g.dataset.key)")
    assert "element-2" in changed and "element-0" not in changed
    page.evaluate("() => window.close_view()")
    assert screen.settle()[-1]["id"] == "close" and not node.node.observed
    assert page.evaluate("() => window.model.count()") == 0


def test_controls_move_the_clock(page, node):
    node.node.active_expiry = False
    node.execute("SET", "k", "x", "EX", 5)
    screen = Screen(page, views.ttl_board(node=node))
    page.get_by_role("button", name="+1 s").click()
    screen.settle()
    assert "4 s left" in screen.text() and node.now_us == 1_000_000
    slider = page.locator('input[type="range"]').first
    slider.fill("9")
    screen.settle()
    assert "dead for 4 s" in screen.text()
    page.get_by_role("button", name="run one active cycle").click()
    screen.settle()
    assert "freed 4 s after its time" in screen.text() and node.execute("DBSIZE") == 0
    screen.view.close()


def test_an_animation_shows_one_step_after_the_other(page, node):
    node.node.encodings.zset_max_listpack_entries = 1
    node.execute("ZADD", "z", *[word for n in range(9) for word in (n, f"m{n}")])
    view = views.zset("z", node, search=(7, "m7"))
    Screen(page, view)
    steps = len(view.captions(view.take()))
    hidden = "() => [...document.querySelectorAll('g.later')].map((g) => Number(g.dataset.step))"
    assert page.evaluate(hidden) == [] and steps > 3  # all of it, as in the still picture
    player = page.get_by_label("step of the animation")
    player.fill("2")
    assert set(page.evaluate(hidden)) == set(range(3, steps + 1))
    assert page.inner_text(".note").startswith(f"2 of {steps}: level")
    player.press("ArrowRight")
    assert set(page.evaluate(hidden)) == set(range(4, steps + 1))
    view.close()


def test_both_themes_are_told_by_jupyterlab_or_the_system(page, node):
    node.execute("SET", "k", "x")
    screen = Screen(page, views.encoding("k", node=node))
    paper = "() => getComputedStyle(document.querySelector('.mds .f-page')).fill"
    colours = []
    for light in ("true", "false"):
        page.evaluate("(light) => { document.body.dataset.jpThemeLight = light; }", light)
        page.wait_for_function(
            "(name) => document.querySelector('.minidis-view').classList.contains(name)",
            arg="light" if light == "true" else "dark",
        )
        colours.append(page.evaluate(paper))
    assert colours == ["rgb(255, 255, 255)", "rgb(20, 24, 30)"]
    page.evaluate("() => { delete document.body.dataset.jpThemeLight; }")
    screen.view.close()


def test_a_hostile_name_runs_nothing(page, node):
    evil = b"<script>window.hit = 1</script><img src=x onerror='window.hit = 1'>\"'"
    node.execute("RPUSH", evil, evil)
    screen = Screen(page, views.keys(node=node).do("open", evil.hex()))
    page.locator("g[data-note]").first.hover()
    page.wait_for_timeout(50)
    assert page.evaluate("() => window.hit") is None
    assert page.locator(".figure script, .figure img").count() == 0
    assert "<script>" in page.inner_text(".note") + screen.text()
    screen.view.close()

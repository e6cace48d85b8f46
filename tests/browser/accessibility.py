"""What axe-core has to say about a page, or about parts of it, or about what a notebook shows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from axe_playwright_python.sync_playwright import Axe

from tests.browser.lab import Notebook

RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa"]
OUTPUT = ".jp-OutputArea-output"
LOOKS = 10
THEMES = ("JupyterLab Light", "JupyterLab Dark")

# axe takes for hidden what lies outside of a body without height, and what one would have to scroll to.
GIVE_BODY_A_HEIGHT = """() => {
  const style = document.createElement('style');
  style.textContent = 'html, body {height: 100%}';
  document.head.append(style);
}"""
HEIGHT_OF_WHOLE = """() => {
  return document.querySelector('.jp-WindowedPanel-viewport').scrollHeight + 300;
}"""

# An output that nobody could read, at the very end: as long as it is not found, nothing was looked at.
ADD_A_BAIT = """selector => {
  const bait = document.createElement('span');
  bait.style.cssText = 'color: #808080; background: #8c8c8c';
  bait.textContent = 'bait';
  [...document.querySelectorAll(selector)].at(-1).append(bait);
}"""


def complaints_about_outputs(notebook: Notebook, themes: Sequence[str] = THEMES) -> list[str]:
    """What is wrong with the outputs and live views of an open notebook, in these themes."""
    page, found = notebook.page, []
    page.evaluate(GIVE_BODY_A_HEIGHT)
    for theme in themes:
        notebook.change_theme(theme)
        found += [f"{theme}: {complaint}" for complaint in complaints_beside_a_bait(page)]
    return found


def complaints_beside_a_bait(page: Any) -> list[str]:
    """What is wrong with a notebook's outputs, looked at again while the page is still being drawn anew."""
    for _ in range(LOOKS):
        page.set_viewport_size({"width": 1280, "height": page.evaluate(HEIGHT_OF_WHOLE)})
        page.evaluate(ADD_A_BAIT, OUTPUT)
        wrong = complaints(page, OUTPUT)
        others = [complaint for complaint in wrong if ">bait<" not in complaint]
        if len(others) < len(wrong):
            return others
    raise AssertionError("axe does not see what stands at the end of the notebook")


def complaints(page: Any, *parts: str) -> list[str]:
    """Each violation of WCAG 2.1 AA below these selectors (or anywhere): rule, place, what to do."""
    context = {"include": [[part] for part in parts]} if parts else None
    found = Axe().run(page, context, {"runOnly": RULES, "resultTypes": ["violations"]})
    return [
        "\n".join(
            [f"{violation['id']} at {node['target']}", node["failureSummary"], node["html"][:300]],
        )
        for violation in found.response["violations"]
        for node in violation["nodes"]
    ]

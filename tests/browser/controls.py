"""The main control of every view on a page, moved as a reader does: by mouse and keyboard."""

from __future__ import annotations

import re
from typing import Any

from tests.browser.lab import LOOK_MS, Notebook

# A view's first control (its animation is the last); of a view that has none, what can be clicked on.
MAIN_CONTROLS = (
    ".bar :is(button, input, select):enabled:visible",
    ".figure [data-event]",
)

# The picture, and how often the kernel has answered: not what a control changes by itself in the page.
STATE = "view => `${view.dataset.answers} ${view.querySelector('.figure').innerHTML}`"
IS_CHANGED = f"([view, before]) => ({STATE})(view) !== before"

NAME = "each => each.labels?.[0]?.firstChild.textContent || each.textContent || each.ariaLabel"

FAILED = re.compile(r"[A-Z]\w*(Error|Exception|Refused|Untold): ")


def move_main_controls(notebook: Notebook, wait_ms: int = LOOK_MS) -> list[str]:
    """Move them all, one after another; those that nothing comes back from, or an error."""
    from playwright.sync_api import TimeoutError

    complaints = []
    for view in notebook.page.locator(".minidis-view").all():
        control = main_control(view)
        if control is None:  # a picture that only follows
            continue
        notebook.wait_until_idle()  # what the last one moved, other views may show, too
        before = view.evaluate(STATE)
        name = move(control)
        try:
            notebook.page.wait_for_function(IS_CHANGED, arg=[view.element_handle(), before], timeout=wait_ms)
        except TimeoutError:
            complaints.append(f"{name}: nothing came back")
        notebook.wait_until_idle()
        note = view.locator(".note").inner_text()
        if FAILED.match(note):
            complaints.append(f"{name}: {note}")
    return complaints


def main_control(view: Any) -> Any | None:
    for selector in MAIN_CONTROLS:
        found = view.locator(selector)
        if found.count():
            return found.first
    return None


def move(control: Any) -> str:
    """Press, tick, shift or fill it in; what it is called."""
    kind = control.evaluate("element => element.type || element.tagName")
    name = control.evaluate(NAME)
    if kind == "range":
        at_the_end = control.evaluate("element => element.value === element.max")
        control.press("ArrowLeft" if at_the_end else "ArrowRight")
    elif kind == "text":
        control.fill("2" if control.input_value() == "1" else "1")
        control.press("Enter")
    elif kind == "select-one":
        control.press("ArrowUp" if control.evaluate("element => element.selectedIndex") else "ArrowDown")
    else:
        control.click()
    return name

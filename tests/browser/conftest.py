"""A server, a browser, and a picture of the page for every test that fails."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.browser.console import Console
from tests.browser.lab import Lab, Notebook, launched_browser, new_reader

# Scope: playwright keeps an event loop running in this thread, so it has to end with its module; a later
# test on the same worker may want a loop of its own.


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with launched_browser() as browser:
        yield browser


@pytest.fixture(scope="module")
def lab(browser: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    lab = Lab(tmp_path_factory.mktemp("lab"))
    yield lab
    lab.stop()


CONSOLE = pytest.StashKey[Console]()


@pytest.fixture(scope="module")
def context(browser: Any) -> Iterator[Any]:
    """What pages share, as those of a reader do: what was fetched and compiled once is there for the next."""
    with new_reader(browser) as context:
        yield context


@pytest.fixture
def page(context: Any, request: pytest.FixtureRequest) -> Iterator[Any]:
    page = context.new_page()
    request.node.stash[CONSOLE] = Console(page)
    yield page
    page.close()


@pytest.fixture
def open_notebook(lab: Lab, page: Any) -> Iterator[Callable[[str], Notebook]]:
    """Opens a notebook by its path in the course's folder; its kernel ends with the test."""
    opened = []

    def open_(path: str) -> Notebook:
        opened.append(Notebook(page, f"{lab.url}/doc/tree/{path}?reset"))
        return opened[-1]

    yield open_
    for notebook in opened:
        notebook.close()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Iterator[Any]:
    """A test that has passed fails if its page complained, up to then: not while its kernel is shut down."""
    result = yield
    if CONSOLE in item.stash:
        complaints = item.stash[CONSOLE].complaints
        assert complaints == [], "\n".join(complaints)
    return result


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo) -> Iterator[Any]:
    report = yield
    page = getattr(item, "funcargs", {}).get("page")
    if report.when == "call" and report.failed and page is not None:
        path = Path(item.config._tmp_path_factory.mktemp("screenshot")) / "page.png"
        try:
            page.screenshot(path=path)
            report.sections.append(("screenshot", str(path)))
        except Exception as error:  # the report of the failure itself matters more
            report.sections.append(("screenshot", f"none: {error}"))
    return report

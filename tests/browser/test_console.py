"""That the other tests of this folder would notice: each kind of complaint, and what is none."""

from __future__ import annotations

from typing import Any

from tests.browser.console import Console
from tests.browser.lab import LOOK_MS

PAGE = """
<script>
  console.warn("no complaint");
  console.error("said by the page");
  new Worker(URL.createObjectURL(new Blob(['console.error("said by a worker")'])));
  fetch("/gone");
  fetch("/api/contents/minidis/all.json");
  Promise.reject(new Error("a promise"));
  throw new Error("a script");
</script>"""

DUE = ["/gone", "a promise", "a script", "said by a worker", "said by the page"]


def test_all_complaints_are_heard_but_for_those_of_others(browser: Any) -> None:
    page = browser.new_page()
    console = Console(page)

    def serve(route: Any) -> None:
        if route.request.url == "http://nobody.invalid/":
            route.fulfill(body=PAGE, content_type="text/html")
        else:
            route.fulfill(status=404)

    page.route("**/*", serve)
    page.goto("http://nobody.invalid/")
    waited_ms = 0
    while len(console.complaints) < len(DUE) and waited_ms < LOOK_MS:
        page.wait_for_timeout(100)
        waited_ms += 100
    page.close()
    assert len(console.complaints) == len(DUE), console.complaints
    for due in DUE:
        assert sum(due in complaint for complaint in console.complaints) == 1, due

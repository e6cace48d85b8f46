"""What a page complains of, in its console and by exceptions that nobody catches."""

from __future__ import annotations

import re
from typing import Any

OTHERS = {
    r"Shared module @jupyterlite/services doesn't exist": (
        "the tests' .venv has the site's kernel, too, which JupyterLab offers to load, and cannot"
    ),
    r"Canceled future for \w+ message before replies were done": (
        "JupyterLab asks something of a kernel, a debugger's state for example, that is being shut down"
    ),
    r"status of 404 .*:\d+/favicon\.ico\)$": (
        "JupyterLite names its icon when the browser may have looked for one already"
    ),
    r"status of 404 .*/api/contents/.*/all\.json\)$": (
        "JupyterLite asks the file server what it has in a folder that was made in the browser's storage"
    ),
}
"""Complaints that are not ours, as patterns, each with the reason why it may stand."""


class Console:
    """Listens to a page, its frames and its workers from now on."""

    def __init__(self, page: Any) -> None:
        self.complaints: list[str] = []
        page.on("console", self._on_message)
        page.on("pageerror", lambda error: self._note(f"uncaught: {error}"))

    def _on_message(self, message: Any) -> None:
        if message.type == "error":
            self._note(f"{message.text} ({message.location.get('url', '')})")

    def _note(self, complaint: str) -> None:
        if not any(re.search(pattern, complaint) for pattern in OTHERS):
            self.complaints.append(complaint)

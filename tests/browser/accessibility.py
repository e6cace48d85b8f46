"""What axe-core has to say about a page, or about parts of it."""

from __future__ import annotations

from typing import Any

from axe_playwright_python.sync_playwright import Axe

RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa"]


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

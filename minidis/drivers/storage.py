"""A small JSON document on disk, written whole or not at all.

The learner's progress lives in one.  Writing goes to a temporary file beside it, then a rename: a
kernel killed in between leaves the old document.  Two kernels that change it at once take turns.

Complexity: O(size of the document).

>>> import tempfile, pathlib
>>> document = JsonDocument(pathlib.Path(tempfile.mkdtemp()) / "progress.json")
>>> document.read()
{}
>>> document.write({"1.1": {"passed": True}}); document.read()
{'1.1': {'passed': True}}
>>> with document.changing() as content:
...     content["1.2"] = {}
>>> sorted(document.read())
['1.1', '1.2']
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path
from typing import Any

from minidis.drivers import browser

try:
    import fcntl
except ImportError:  # Windows, and some browsers: the last one to write wins
    fcntl = None  # type: ignore[assignment]


class JsonDocument:
    """The document at `path`; a missing one reads as `{}`."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def read(self) -> dict[str, Any]:
        """The content.  A damaged file is set aside as `NAME.damaged`, never overwritten."""
        try:
            content = json.loads(self.path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return {}
        except (OSError, ValueError):
            content = None
        if isinstance(content, dict):
            return content
        try:
            self.path.replace(self.path.with_suffix(self.path.suffix + ".damaged"))
        except OSError:  # it cannot be read, and not be moved either: leave it alone
            pass
        return {}

    def write(self, content: dict[str, Any], sort_keys: bool = True) -> None:
        """Replace the content.  A folder that cannot be written to raises OSError."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        temporary = self.path.with_suffix(self.path.suffix + ".new")
        temporary.write_text(
            json.dumps(content, indent=1, sort_keys=sort_keys, ensure_ascii=False) + "\n", encoding="utf-8"
        )
        temporary.replace(self.path)

    @contextmanager
    def changing(self) -> Iterator[dict[str, Any]]:
        """The content, written back at the end of the block; nobody else changes it meanwhile.

        A folder that cannot be written to raises OSError.
        """
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with nullcontext() if fcntl is None or browser.inside() else self._locked():
            content = self.read()
            yield content
            self.write(content)

    @contextmanager
    def _locked(self) -> Iterator[None]:
        with self.path.with_suffix(self.path.suffix + ".lock").open("w", encoding="utf-8") as lock:
            with suppress(OSError):  # a file system without locks: as good as it can be
                fcntl.flock(lock, fcntl.LOCK_EX)
            yield


def user_document(name: str, variable: str) -> JsonDocument:
    """The document `name` in the user's data folder, or at the path that the environment `variable` gives."""
    override = os.environ.get(variable)
    if override:
        return JsonDocument(Path(override))
    if browser.inside():
        return JsonDocument(browser.DRIVE / "minidis" / name)
    base = os.environ.get("APPDATA") or os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share"
    return JsonDocument(Path(base) / "minidis" / name)


def read_text(path: Path) -> str:
    """The text of a file of the course (an exercise, a chapter)."""
    return path.read_text(encoding="utf-8")

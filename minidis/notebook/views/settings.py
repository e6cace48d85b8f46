"""A redis.conf beside the defaults: what each line changes, which lines are refused, what nobody has said.

    line                       default        verdict
    timeout 0                  0              says what is so anyway
    maxmemory 256mb            0              changes it
    replicaof <master-ip> ...                 refused: Invalid master port
    (absent) bind              * -::*         the default stands

The lines are read by the engine's own reader of redis.conf, one by one, so a refused line hides no other.

Read next: minidis/engine/settings/config_file.py.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from minidis.engine.settings.config import BY_NAME, Config
from minidis.engine.settings.config_file import ConfigFileError, Settings
from minidis.notebook.views.drawing import Canvas, table_text
from minidis.notebook.views.view import View

ROW = 22.0
_ROLES = {"changes": "c", "the default": "f", "refused": "e", "absent": "b", "beside the settings": "d"}


class ConfigDiffView(View):
    """The lines of a file, each with the default and what becomes of it."""

    def __init__(self, text: str, wanted: Sequence[str]) -> None:
        super().__init__(None)
        self.content, self.wanted = text, [*wanted]

    def snapshot(self) -> dict[str, Any]:
        rows, named = [], set()
        for raw in self.content.splitlines():
            line = raw.strip()
            if line and not line.startswith("#"):
                name = line.split()[0].lower()
                named.add(name)
                rows.append([line, *_verdict(line, name)])
        rows += [[f"(absent) {name}", _shown(name), "absent"] for name in self.wanted if name not in named]
        return {"rows": rows}

    def draw(self, data: dict[str, Any]) -> Canvas:
        refused = sum(verdict.startswith("refused") for _, _, verdict in data["rows"])
        canvas = Canvas(f"settings beside the defaults: {len(data['rows'])} lines, {refused} refused")
        canvas.heading("settings beside the defaults", "read by the server's own reader, line by line")
        y = 48.0
        for line, default, verdict in data["rows"]:
            role = _ROLES[verdict.partition(":")[0]]
            with canvas.group(note=f"{line}: {verdict}; the default is {default or 'none'}"):
                canvas.box(16, y, canvas.width - 32, ROW - 3, role, 3)
                canvas.text(24, y + 14, _cut(line, 44), "m", 11)
                canvas.text(330, y + 14, _cut(default, 26), "m", 11)
                canvas.text(510, y + 14, _cut(verdict, 46), f"t-{role}", 10.5)
            y += ROW
        canvas.bottom = y
        return canvas

    def text(self, data: dict[str, Any]) -> str:
        return table_text(["line", "default", "verdict"], [[*row] for row in data["rows"]])


def _verdict(line: str, name: str) -> tuple[str, str]:
    """The default, and what becomes of the line."""
    settings = Settings()
    try:
        settings.load(line.encode())
    except ConfigFileError as error:
        return _shown(name), f"refused: {str(error).splitlines()[-1]}"
    if name not in settings.values:
        return "", "beside the settings"
    return _shown(name), "the default" if _shown(name, settings.values) == _shown(name) else "changes"


def _shown(name: str, values: dict[str, str] | None = None) -> str:
    """A setting as CONFIG GET shows it; the default's unless other values are given."""
    directive = BY_NAME.get(name)
    if directive is None:
        return ""
    return Config(values).show(directive) or '""'


def _cut(text: str, room: int) -> str:
    return text if len(text) <= room else text[: room - 1] + "…"


def config_diff(text: str, wanted: Sequence[str] = ()) -> ConfigDiffView:
    """A redis.conf's lines beside the defaults; `wanted` are settings to name where the file does not."""
    return ConfigDiffView(text, wanted)

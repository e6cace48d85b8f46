"""JupyterLab as `make lab` starts it, and a notebook in the browser: what the browser tests drive."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.house.paths import PROJECT

WHAT_LAB_NEEDS = ("Makefile", "share", "notebooks", "exercises")
SHARE = PROJECT / "share/jupyter"

CHROMIUM_OPTIONS = (
    "--no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync"
).split()

# Completions that come later than a second are dropped, and a busy machine may need longer.
SETTINGS = {"@jupyterlab/completer-extension/manager": {"providerTimeout": 15_000}}

START_MS = 90_000  # a server, a page or a kernel starts within this, also on a busy machine of two cores
RUN_MS = 180_000  # a chapter runs within this
LOOK_MS = 60_000  # what was done is seen within this, also there


@contextmanager
def launched_browser() -> Iterator[Any]:
    """Debian's chromium, driven by playwright, which brings none of its own; or the test is skipped."""
    program = shutil.which("chromium")
    if program is None:
        pytest.skip("no chromium on this machine")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=CHROMIUM_OPTIONS)
        yield browser
        browser.close()


@contextmanager
def new_reader(browser: Any) -> Iterator[Any]:
    """A reader who has not been here before: what a browser stores, and has fetched, is his alone."""
    context = browser.new_context(viewport={"width": 1280, "height": 1000})
    context.set_default_timeout(LOOK_MS)
    yield context
    context.close()


class Lab:
    """`make lab` over a copy of the course, on a free port, without a token; it writes only there."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.private = folder / ".private"
        self.private.mkdir(parents=True)
        for name in WHAT_LAB_NEEDS:
            source = PROJECT / name
            if source.is_dir():
                shutil.copytree(source, folder / name, ignore=shutil.ignore_patterns(".ipynb_checkpoints"))
            else:
                shutil.copy(source, folder / name)
        for name, values in SETTINGS.items():
            path = self.private / f"settings/{name}.jupyterlab-settings"
            path.parent.mkdir(parents=True)
            path.write_text(json.dumps(values))
        self.url = ""  # known when the server prints it: then it listens
        self.log: list[str] = []
        self._ready = threading.Event()
        self.process = subprocess.Popen(
            self._command(),
            cwd=folder,
            env=self._environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
        )
        self._reader = threading.Thread(target=self._read_log, daemon=True)
        self._reader.start()
        self._ready.wait(START_MS / 1000)
        if not self.url:
            self.stop()
            raise RuntimeError("JupyterLab did not start:\n" + "".join(self.log))

    def stop(self) -> None:
        """End the server, which ends its kernels."""
        self.process.terminate()
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self._reader.join(5)

    def _command(self) -> list[str]:
        """What the Makefile's target would run, with the Python of these tests in place of the .venv's."""
        options = [
            "--no-browser",
            "--expose-app-in-browser",
            "--ServerApp.port=0",
            "--IdentityProvider.token=",
            "--ServerApp.disable_check_xsrf=True",
        ]
        if not is_installed():
            options.append(f"--LabApp.app_settings_dir={SHARE / 'lab/settings'}")
        # --old-file: the .venv that `lab` would make first is not wanted here.
        make = ["make", "--no-print-directory", "--dry-run", "--old-file=.venv/.course", "lab"]
        make.append("LAB_ARGS=" + shlex.join(options))
        planned = subprocess.run(make, cwd=self.folder, capture_output=True, text=True, check=True).stdout
        program, *arguments = shlex.split(planned.replace("\\\n", " "))
        assert program.endswith("/jupyter"), planned
        return [sys.executable, "-m", "jupyter", *arguments]

    def _environment(self) -> dict[str, str]:
        """Nothing of the user's own settings is read or written."""
        names = ("CONFIG_DIR", "DATA_DIR", "RUNTIME_DIR")
        environment = {
            **os.environ,
            **{f"JUPYTER_{name}": str(self.private / name.removesuffix("_DIR").lower()) for name in names},
            "JUPYTERLAB_SETTINGS_DIR": str(self.private / "settings"),
            "JUPYTERLAB_WORKSPACES_DIR": str(self.private / "workspaces"),
            "IPYTHONDIR": str(self.private / "ipython"),
            "MINIDIS_PROGRESS": str(self.private / "progress.json"),
        }
        if not is_installed():
            environment["JUPYTER_PATH"] = str(SHARE)
            environment["PYTHONPATH"] = str(PROJECT)
        return environment

    def _read_log(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.log.append(line)
            if not self.url and (found := re.search(r"http://127\.0\.0\.1:\d+", line)):
                self.url = found[0]
                self._ready.set()
        self._ready.set()  # it has ended: nobody need wait longer


def is_installed() -> bool:
    """Whether minidis's labextension was installed with it, as in the .venv that the Makefile makes."""
    return (Path(sys.prefix) / "share/jupyter/labextensions/minidis").is_dir()


# -- a notebook in the browser

READY = """() => {
  const panel = window.jupyterapp?.shell.currentWidget;
  const kernel = panel?.context?.sessionContext?.session?.kernel;
  return panel?.context?.isReady && panel.context.sessionContext.isReady
    && kernel?.connectionStatus === 'connected' && kernel.status === 'idle';
}"""

# A promise that evaluate() waits for may hang with the page; a mark on the window is looked at instead.
EXECUTE = """name => {
  window.executed = false;
  window.jupyterapp.commands.execute(name).finally(() => { window.executed = true; });
}"""

EXECUTED = """() => window.executed
  && window.jupyterapp.shell.currentWidget.context.sessionContext.session.kernel.status === 'idle'"""

CHANGE_THEME = "theme => { window.jupyterapp.commands.execute('apputils:change-theme', { theme }); }"

THEME_IS_SHOWN = """isLight => document.body.dataset.jpThemeLight === String(isLight)
  && !document.getElementById('jupyterlab-splash')"""

CELLS = """() => window.jupyterapp.shell.currentWidget.content.widgets.map(({ model }) => ({
  type: model.type,
  source: model.sharedModel.source,
  tags: model.getMetadata('tags') || [],
  count: model.executionCount,
  outputs: model.outputs?.toJSON() || [],
}))"""

SELECT = """index => {
  const notebook = window.jupyterapp.shell.currentWidget.content;
  notebook.activeCellIndex = index;
  notebook.deselectAll();
}"""

WRITE = """([index, source]) => {
  window.jupyterapp.shell.currentWidget.content.widgets[index].model.sharedModel.setSource(source);
}"""

SHOWN = """([places, selector]) => {
  const cells = document.querySelectorAll('.jp-Notebook-cell');
  return places.every(([index, number]) => {
    const output = cells[index]?.querySelectorAll('.jp-Cell-outputArea > .jp-OutputArea-child')[number];
    const shapes = [...output?.querySelectorAll(selector) ?? []];
    return shapes.some(shape => shape.getBoundingClientRect().width > 0);
  });
}"""

SHUT_DOWN = "() => window.jupyterapp?.shell.currentWidget?.context?.sessionContext?.shutdown()"


class Notebook:
    """A notebook that stands alone in a browser tab, with its kernel."""

    def __init__(self, page: Any, address: str, start_ms: int = START_MS) -> None:
        self.page = page
        page.goto(address)
        page.wait_for_function(READY, timeout=start_ms)

    def command(self, name: str, wait_ms: int = RUN_MS) -> None:
        """Do what a menu entry of JupyterLab does, and wait until it is done and the kernel is idle."""
        self.page.evaluate(EXECUTE, name)
        self.page.wait_for_function(EXECUTED, timeout=wait_ms)

    def run_all(self) -> list[dict[str, Any]]:
        """Run every cell, and answer them all. Committed outputs go first: they are not what came."""
        self.command("notebook:clear-all-cell-outputs")
        self.command("notebook:run-all-cells")
        return self.cells()

    def wait_until_idle(self) -> None:
        """Wait until the kernel has done what it was asked."""
        self.page.wait_for_function(READY, timeout=LOOK_MS)

    def run(self, index: int) -> dict[str, Any]:
        """Run one cell, and answer it."""
        self.page.evaluate(SELECT, index)
        self.command("notebook:run-cell")
        return self.cells()[index]

    def write(self, index: int, source: str) -> None:
        """Put another text into a cell."""
        self.page.evaluate(WRITE, [index, source])

    def cells(self) -> list[dict[str, Any]]:
        """All cells: type, source, tags, execution count, outputs."""
        return self.page.evaluate(CELLS)

    def cell(self, index: int) -> Any:
        """A cell on the page."""
        return self.page.locator(".jp-Notebook-cell").nth(index)

    def output(self, index: int, number: int = 0) -> Any:
        """An output of a cell on the page, scrolled into view."""
        output = self.cell(index).locator(".jp-Cell-outputArea > .jp-OutputArea-child").nth(number)
        output.scroll_into_view_if_needed(timeout=LOOK_MS)
        return output

    def wait_until_shown(self, places: list[list[int]], selector: str) -> None:
        """Wait until each of these outputs, [index of its cell, number] each, shows something like this."""
        self.page.wait_for_function(SHOWN, arg=[places, selector], timeout=LOOK_MS)

    def change_theme(self, name: str) -> None:
        """Change JupyterLab's theme, and wait until it is there, and the curtain before it gone."""
        self.page.evaluate(CHANGE_THEME, name)
        self.page.wait_for_function(THEME_IS_SHOWN, arg="Dark" not in name, timeout=LOOK_MS)

    def close(self) -> None:
        """Let the kernel go."""
        self.page.evaluate(SHUT_DOWN)

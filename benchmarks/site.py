"""How long a visitor of the static site waits: build/site behind a file server, in Debian's chromium.

    make site && .venv/bin/python -m benchmarks.site

The first visit fetches everything, the second finds it in the browser's cache, as a learner does who comes
back. Both are measured from the address to the idle kernel, and to the reply of a first `%%redis` cell.
"""

from __future__ import annotations

import functools
import http.server
import shutil
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

from playwright.sync_api import sync_playwright

SITE = Path(__file__).parents[1] / "build/site"
CHROMIUM_OPTIONS = ("--no-sandbox", "--disable-gpu", "--disable-background-networking")
VISITS = 3
PATIENCE_MS = 240_000

IS_IDLE = """() => {
  const context = window.jupyterapp?.shell.currentWidget?.context;
  return context?.isReady && context.sessionContext.session?.kernel?.status === 'idle';
}"""
WRITE_CELL = """source => {
  const notebook = window.jupyterapp.shell.currentWidget.content;
  notebook.activeCellIndex = notebook.widgets.findIndex(cell => cell.model.type === 'code');
  notebook.activeCell.model.sharedModel.setSource(source);
  notebook.activeCell.model.outputs.clear();
  window.jupyterapp.commands.execute('notebook:run-cell');
}"""
HAS_REPLY = """() => window.jupyterapp.shell.currentWidget.content.activeCell.model.outputs.toJSON()
  .some(output => JSON.stringify(output).includes('PONG'))"""
FIRST_CELL = "%load_ext minidis\nget_ipython().run_cell_magic('redis', '', 'PING')"


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *words: object) -> None:
        """Nothing is printed between the figures."""


def visit(context: Any, address: str) -> tuple[float, float]:
    """Seconds to the idle kernel, and to the first reply."""
    page = context.new_page()
    started_s = time.perf_counter()
    page.goto(address)
    page.wait_for_function(IS_IDLE, timeout=PATIENCE_MS)
    idle_s = time.perf_counter() - started_s
    page.evaluate(WRITE_CELL, FIRST_CELL)
    page.wait_for_function(HAS_REPLY, timeout=PATIENCE_MS)
    reply_s = time.perf_counter() - started_s
    page.close()
    return idle_s, reply_s


def main() -> None:
    if not SITE.is_dir():
        sys.exit("There is no build/site yet: make site")
    handler = functools.partial(Quiet, directory=str(SITE))
    with (
        http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server,
        sync_playwright() as playwright,
        tempfile.TemporaryDirectory() as profile,
    ):
        threading.Thread(target=server.serve_forever, daemon=True).start()
        address = f"http://127.0.0.1:{server.server_port}/lab/index.html?path=notebooks/00_start_here.ipynb"
        context = playwright.chromium.launch_persistent_context(
            profile, executable_path=shutil.which("chromium"), args=list(CHROMIUM_OPTIONS)
        )
        for number in range(1, VISITS + 1):
            idle_s, reply_s = visit(context, address)
            print(f"visit {number}: idle kernel after {idle_s:.1f} s, first reply after {reply_s:.1f} s")
        context.close()
        server.shutdown()


if __name__ == "__main__":
    main()

"""The course in a browser: Python itself runs in WebAssembly (Pyodide), in a page of a static site.

What is different there:

    threads, sockets   there are none: what needs them says so (`REFUSAL`) and names the lab's form,
                       where Python that blocks runs on stacks of its own (simulation/turns.py)
    Lua                no lupa; a Lua in WebAssembly is fetched from the site (scripting/wasm.py)
    files              all but DRIVE are forgotten with the page; DRIVE is kept by the browser

Read next: site/build.py, which puts the pages together.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from minidis.scripting import interpreter, wasm

DRIVE = Path("/drive")
"""JupyterLite's own contents: what lies there is in the browser's storage."""

REFUSAL = (
    "there are no sockets and no threads in a browser page: here, open several nodes and clients in the lab "
    "(%%redis @node); for the real thing, run the course on your machine"
)

IN_THE_LAB = "(a browser page has no processes: on a node of the lab, in virtual time)"

CANNOT_WAIT = (
    "Python cannot wait here: where there are no threads, the lab's tasks need WebAssembly's JSPI, which "
    "Chrome and Edge have from version 137 on, and a cell that runs, not a button"
)

LUA_IS_COMING = "ERR Lua is still being fetched from the site; run the cell again"

# Evaluated as CommonJS: the file's own form for a page would put names into the global scope.
FETCH_LUA = """
async (folder) => {
  const text = await (await fetch(folder + 'lua.js')).text();
  const exports = {};
  new Function('exports', 'require', 'module', text)(exports, () => ({}), {exports});
  return (await exports.LuaApi.initialize(folder + 'lua.wasm')).module;
}
"""

_loading: asyncio.Future[None] | None = None


def inside() -> bool:
    """True where Python runs in a browser page."""
    return sys.platform == "emscripten"


def prepare() -> None:
    """Called when the magics are loaded: begin to fetch Lua, and wait for it where a page can wait."""
    global _loading
    if not inside() or _loading is not None:
        return
    from pyodide.ffi import can_run_sync, run_sync  # type: ignore[import-not-found]

    interpreter.say_why_there_is_none(LUA_IS_COMING)
    _loading = asyncio.ensure_future(fetch_lua())
    if can_run_sync():
        run_sync(_loading)


async def fetch_lua() -> None:
    """Let scripts run on the Lua that the site carries beside Python itself."""
    import pyodide_js  # type: ignore[import-not-found]
    from pyodide.code import run_js  # type: ignore[import-not-found]

    folder = str(pyodide_js._api.config.indexURL).rstrip("/") + "/"
    wasm.use(await run_js(FETCH_LUA)(folder))

"""The site's Python as its kernel starts it, in a page without JupyterLab: cells go in, outputs come out."""

from __future__ import annotations

import json
from typing import Any

START = """async (cells) => {
  const settings = await (await fetch('/jupyter-lite.json')).json();
  const plugins = settings['jupyter-config-data'].litePluginSettings;
  const options = plugins['@jupyterlite/pyodide-kernel-extension:kernel'].loadPyodideOptions;
  const { loadPyodide } = await import('/static/pyodide/pyodide.mjs');
  window.pyodide = await loadPyodide({
    ...options,
    indexURL: '/static/pyodide/',
    lockFileURL: new URL(options.lockFileURL, location.origin).href,
    stdout: () => {},
  });
  pyodide.runPython(cells);
}"""

# What the kernel's worker does with them, in JavaScript: what a cell shows is a list, in its notebook's form.
CELLS = """
import json, os, sys

os.makedirs("/drive/notebooks")
os.chdir("/drive/notebooks")  # in the memory of this page: there are no contents of JupyterLite here

from pyodide_kernel import kernel_instance, stderr_stream, stdout_stream

shell = kernel_instance.interpreter
shell.send_comm = lambda *message: None
outputs = []

def add(output_type, **fields):
    outputs.append({"output_type": output_type, **fields})

for stream in (stdout_stream, stderr_stream):
    stream.publish_stream_callback = lambda name, text: add("stream", name=name, text=text)
shell.display_pub.clear_output_callback = lambda wait: outputs.clear()
shell.display_pub.display_data_callback = lambda data, *more: add("display_data", data=data)
shell.displayhook.publish_execution_result = lambda count, data, metadata: add("execute_result", data=data)

async def run(source):
    outputs.clear()
    result = await kernel_instance.run(source)
    if result["status"] == "error":
        add("error", ename=result["ename"], evalue=result["evalue"])
    return json.dumps(outputs)

def restart():
    shell.extension_manager.unload_extension("minidis")
    shell.reset()
    for name in [name for name in sys.modules if name.partition(".")[0] == "minidis"]:
        del sys.modules[name]
"""


class Kernel:
    """One Python in one page."""

    def __init__(self, page: Any, address: str, start_ms: int) -> None:
        self.page = page
        page.set_default_timeout(start_ms)
        page.goto(address)
        page.evaluate(START, CELLS)

    def run(self, source: str) -> list[dict[str, Any]]:
        """Run a cell as the kernel does; its outputs."""
        return json.loads(self.page.evaluate("source => pyodide.globals.get('run')(source)", source))

    def restart(self) -> None:
        """Forget all names, and the course with all that it holds: as after a restart, but at once."""
        self.page.evaluate("pyodide.globals.get('restart')()")

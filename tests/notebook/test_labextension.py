"""The colours inside JupyterLab's cells: the extension itself, run in a browser on stand-ins for CodeMirror.

JupyterLab is not started here: the extension gets the few classes that it asks for, and tells what it would
colour. What counts as a comment must agree with the language that runs the cell.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from minidis.notebook.language import Command, parse
from tests.browser.lab import launched_browser

FOLDER = Path(__file__).parents[2] / "share/jupyter/labextensions/minidis"

STAND_INS = """
async text => {
  class RangeSetBuilder {
    ranges = [];
    add(from, to, mark) { this.ranges.push([mark.class, from, to]); }
    finish() { return this.ranges; }
  }
  const modules = {
    '@codemirror/view': {
      Decoration: { mark: spec => spec },
      EditorView: { theme: rules => ({ rules }) },
      ViewPlugin: { fromClass: value => value },
    },
    '@codemirror/state': { Prec: { highest: value => value }, RangeSetBuilder },
    '@jupyterlab/codemirror': {
      IEditorExtensionRegistry: 'registry',
      EditorExtensionRegistry: { createImmutableExtension: value => value },
    },
  };
  const scope = {};
  for (const name in modules) scope[name] = { '6.0.0': { get: async () => () => modules[name] } };
  const container = window._JUPYTERLAB.minidis;
  container.init(scope);
  const plugin = (await container.get('./extension'))().default;
  let added;
  plugin.activate({}, { addExtension: extension => { added = extension; } });
  const [Plugin] = added.factory();
  const lines = text.split('\\n');
  let start = 0;
  const starts = lines.map(line => { const at = start; start += line.length + 1; return at; });
  const doc = { lines: lines.length, line: n => ({ from: starts[n - 1], text: lines[n - 1] }) };
  return new Plugin({ state: { doc } }).decorations
    .map(([name, a, b]) => [name.replace('cm-minidis-', ''), text.slice(a, b)]);
}
"""


@pytest.fixture(scope="module")
def page() -> Iterator[Any]:
    with launched_browser() as browser:
        page = browser.new_page()
        page.add_script_tag(path=FOLDER / "static/remoteEntry.js")
        yield page


def test_the_package_names_its_entry() -> None:
    package = json.loads((FOLDER / "package.json").read_text())
    assert package["name"] == "minidis"
    assert (FOLDER / package["jupyterlab"]["_build"]["load"]).is_file()


def test_a_cell_of_everything(page: Any) -> None:
    cell = (
        "%%redis @a\nSET user:$id ${x + 1} EX 60 'a b' # note\n3 INCR n\n"
        "ZADD z (1.5 m +inf \\\n  x\n@bob GET k"
    )
    assert page.evaluate(STAND_INS, cell) == [
        ["magic", "%%redis @a"],
        ["command", "SET"],
        ["word", "user:"],
        ["variable", "$id"],
        ["variable", "${x + 1}"],
        ["option", "EX"],
        ["number", "60"],
        ["string", "'a b'"],
        ["comment", "# note"],
        ["number", "3"],
        ["command", "INCR"],
        ["word", "n"],
        ["command", "ZADD"],
        ["word", "z"],
        ["number", "(1.5"],
        ["word", "m"],
        ["number", "+inf"],
        ["option", "\\"],
        ["word", "x"],
        ["variable", "@bob"],
        ["command", "GET"],
        ["word", "k"],
    ]


def test_python_cells_are_left_alone_but_for_the_line_magic(page: Any) -> None:
    cell = "x = %redis GET k # c\nfor i in range(3):\n    pass\n%%redis"
    assert page.evaluate(STAND_INS, cell) == [["command", "GET"], ["word", "k"], ["comment", "# c"]]


@pytest.mark.parametrize(
    "line",
    [
        'LPUSH mylist "first"    # Add to left',
        "SET user#1 a#b # c",
        "SET k '# no' \"# no\"# yes",
        "SORT l GET # GET o_* # yes",
        "BITFIELD k SET u8 #2 200 # yes",
        "GET k",
        "# all of it",
        "   # all of it",
        'SET k "escaped \\" # quote" # yes',
        "SET k #tag",
    ],
)
def test_comments_are_those_of_the_language(page: Any, line: str) -> None:
    coloured = [text for kind, text in page.evaluate(STAND_INS, f"%%redis\n{line}") if kind == "comment"]
    parsed = parse(line)
    wanted = [item.comment for item in parsed if isinstance(item, Command) and item.comment] or (
        [] if parsed else [line.strip()]
    )
    assert coloured == wanted

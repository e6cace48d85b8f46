"""How long until something is there: an import, a node, the first reply of a notebook, a view, a chapter.

Each number but the views' is the processor time of a fresh process, without what Python takes to start.
"""

from __future__ import annotations

import resource
import subprocess
import sys
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import minidis
from benchmarks.harness import Call, Row
from minidis.notebook import views

TITLE = "Start-up"
ABOUT = """Milliseconds of the processor, in a process of its own: what a program or a notebook pays before
its first command, beside what other imports cost. Views are opened in this process, on a node with a few
keys; chapters run from top to bottom in a kernel of their own."""
UNIT = "ms"
PEERS = ("ms",)
COMPARED = ()

NOTEBOOKS = Path(__file__).parents[1] / "notebooks"
PROCESSES = 5

SHELL = """
from IPython.core.interactiveshell import InteractiveShell
shell = InteractiveShell.instance()
"""
PROGRAMS = {
    "import minidis": ("", "import minidis"),
    "minidis.connect()": ("import minidis", "minidis.connect().ping()"),
    "import redis": ("", "import redis"),
    "import fakeredis": ("", "import fakeredis"),
    "%load_ext minidis": (SHELL, "shell.run_line_magic('load_ext', 'minidis')"),
    "first %%redis reply": (
        SHELL + "shell.run_line_magic('load_ext', 'minidis')",
        "shell.run_cell_magic('redis', '', 'PING')",
    ),
}
VIEWS: dict[str, Callable[..., Any]] = {
    "keys()": views.keys,
    "show('board')": partial(views.show, "board"),
    "skiplist('board')": partial(views.skiplist, "board"),
    "hash('user')": partial(views.hash, "user"),
    "hashtable('user')": partial(views.hashtable, "user"),
    "list('feed')": partial(views.list, "feed"),
    "bits('bits')": partial(views.bits, "bits"),
    "hll('sketch')": partial(views.hll, "sketch"),
}
PREPARE = [
    "ZADD board 1 a 2 b 3 c 4 dddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddd",
    "HSET user name Ada text tttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttt",
    "RPUSH feed a b c",
    "SETBIT bits 7 1",
    "PFADD sketch a b c",
]


def rows(quick: bool) -> Iterator[Row]:
    node = minidis.Embedded(clock=0, seed=1)
    for command in PREPARE:
        node.execute(*command.split())
    yield Row("a node", {"ms": Call(minidis.Embedded)})
    opened = list(VIEWS.items())
    for name, view in opened[:1] if quick else opened:
        yield Row(f"views.{name}", {"ms": Call(lambda view=view: view(node=node)._repr_mimebundle_())})
    programs = list(PROGRAMS.items())
    for name, (before, program) in programs[:1] if quick else programs:
        yield Row(name, values={"ms": processor_ms(before, program, 1 if quick else PROCESSES)})
    for path in [] if quick else sorted(NOTEBOOKS.glob("[0-9]*.ipynb")):
        yield Row(path.name, values={"ms": processor_ms("", RUN_NOTEBOOK.format(path=str(path)), 1)})


RUN_NOTEBOOK = """
import nbformat
from nbclient import NotebookClient
NotebookClient(nbformat.read({path!r}, 4), allow_errors=True,
               resources={{"metadata": {{"path": "notebooks"}}}}).execute()
"""


def processor_ms(before: str, program: str, processes: int) -> float:
    """What `program` takes after `before`: the least of several processes."""
    return min(_cost_s(before + "\n" + program) for _ in range(processes)) * 1000 - (
        min(_cost_s(before) for _ in range(processes)) * 1000
    )


def _cost_s(program: str) -> float:
    """The processor time of a process that runs this, and of those that it starts itself."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    before_s = used.ru_utime + used.ru_stime
    subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, cwd=NOTEBOOKS.parent)
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime - before_s

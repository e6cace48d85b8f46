"""How long until something is there: an import, a node, the first reply of a notebook, a view.

Each number but the views' is the processor time of a fresh process, without what Python takes to start.
"""

from __future__ import annotations

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
keys."""
UNIT = "ms"
PEERS = ("ms",)
COMPARED = ()

PROJECT = Path(__file__).parents[1]
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


def processor_ms(before: str, program: str, processes: int) -> float:
    """What `program` takes after `before`, other processes that it starts included: the least of several."""
    watched = WATCHED.format(before=before, program=program)
    return min(_printed_number(watched) for _ in range(processes)) * 1000


WATCHED = """
import resource
def used_s():
    used = map(resource.getrusage, (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(each.ru_utime + each.ru_stime for each in used)
{before}
start_s = used_s()
{program}
print(used_s() - start_s)
"""


def _printed_number(program: str) -> float:
    done = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, cwd=PROJECT)
    return float(done.stdout.split()[-1])

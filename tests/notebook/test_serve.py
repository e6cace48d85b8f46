"""%redis serve: other programs reach the notebook's node, also while one of its cells runs."""

from __future__ import annotations

import re
import shutil
import subprocess

import pytest

from tests.notebook.conftest import Notebook

SECONDS = 20


def served_port(text: str) -> int:
    match = re.search(r"redis://127\.0\.0\.1:(\d+)", text)
    assert match is not None, text
    return int(match[1])


def test_a_program_reaches_the_node_while_a_cell_blocks(notebook: Notebook) -> None:
    """The clock of the lesson is frozen; the cell runs another Python and does nothing but wait for it."""
    port = served_port(notebook.run("%redis serve"))
    notebook.run("%redis SET from-cell 1")
    notebook.names["program"] = (
        f"import redis; r = redis.Redis(port={port}); "
        "print(r.get('from-cell'), r.set('from-program', 2, ex=60), r.time()[0])"
    )
    notebook.run(
        "import subprocess, sys\n"
        "words = [sys.executable, '-c', program]\n"
        f"done = subprocess.run(words, capture_output=True, text=True, timeout={SECONDS})"
    )
    assert notebook.names["done"].stdout == "b'1' True 1767225600\n", notebook.names["done"].stderr
    assert notebook.run("%redis GET from-program") == '"2"'
    assert notebook.run("%clock step 61s").endswith("1 expired key freed)")


def test_redis_cli_wakes_a_cells_client(notebook: Notebook) -> None:
    cli = shutil.which("redis-cli")
    if cli is None:
        pytest.skip("no redis-cli on this machine")
    port = served_port(notebook.run("%redis serve"))
    notebook.run("%%redis @alice\nBLPOP jobs 0")
    words = [cli, "-p", str(port), "RPUSH", "jobs", "one"]
    done = subprocess.run(words, capture_output=True, text=True, timeout=SECONDS, check=True)
    assert done.stdout == "1\n"
    assert "alice> BLPOP jobs 0   # waited until now" in notebook.run("1")


def test_what_the_cell_says(notebook: Notebook) -> None:
    first = notebook.run("%redis serve")
    port = served_port(first)
    assert first.splitlines() == [
        f"serving the embedded node on redis://127.0.0.1:{port}, also while a cell runs",
        f"in a terminal:  redis-cli -p {port}",
        f"in Python:      redis.Redis(port={port})",
    ]
    assert notebook.run("%redis serve") == first
    assert "already served on port" in notebook.run("%redis serve --port 1")
    assert f"served   redis://127.0.0.1:{port}" in notebook.run("%redis status")
    assert notebook.run("%redis serve stop").startswith("no longer served")
    assert "nothing is served" in notebook.run("%redis serve stop")
    assert notebook.run(f"%redis serve --port {port}") == first
    assert "%redis serve [--port N] or %redis serve stop" in notebook.run("%redis serve 1 2")
    notebook.run("%redis serve stop")
    assert "to 65535" in notebook.run("%redis serve --port 99999")

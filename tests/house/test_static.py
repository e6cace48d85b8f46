"""ruff, mypy and the direction of imports, as tests: `make test` says it all in one summary."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.house.paths import PROJECT

CHECKS = {
    "ruff check": ["ruff", "check", "--no-cache", "."],
    "ruff format": ["ruff", "format", "--no-cache", "--check", "."],
    "mypy": ["mypy", "--no-error-summary"],
}


@pytest.mark.parametrize("name", CHECKS)
def test_static_check(name: str) -> None:
    done = run([sys.executable, "-m", *CHECKS[name]])
    assert done.returncode == 0, f"{name}:\n{done.stdout}{done.stderr}"


def test_imports_go_one_way_only() -> None:
    code = "from importlinter.cli import lint_imports; raise SystemExit(lint_imports(no_cache=True))"
    done = run([sys.executable, "-c", code])
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_engine_imports_with_the_standard_library_alone() -> None:
    """Without site-packages, as in a browser or before anything is installed."""
    code = f"""
import sys
sys.path.insert(0, {str(PROJECT)!r})
from minidis.drivers.embedded import Embedded
redis = Embedded()
redis.execute("SET", "k", "v")
print(redis.execute("GET", "k"))
"""
    done = run([sys.executable, "-I", "-S", "-c", code])
    assert (done.returncode, done.stdout) == (0, "b'v'\n"), done.stderr


def run(argv: list[str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(argv, cwd=PROJECT, capture_output=True, text=True, timeout=240)

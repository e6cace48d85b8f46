"""The engine is sans-IO and deterministic: what that forbids is read from the syntax trees."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from tests.house.paths import PACKAGE, modules, short

# Drivers are the only impure room; client, notebook and course stand above them.
PURE_ROOMS = (
    "structures",
    "protocol",
    "values",
    "persistence",
    "engine",
    "commands",
    "scripting",
    "distributed",
)

WORLDLY_MODULES = {
    "asyncio", "concurrent", "datetime", "fcntl", "glob", "io", "logging", "mmap", "multiprocessing", "os",
    "pathlib", "secrets", "select", "selectors", "shutil", "signal", "socket", "ssl", "subprocess",
    "tempfile", "threading", "time", "urllib", "uuid", "http",
}  # fmt: skip


def imported(tree: ast.AST) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names.add(node.module.partition(".")[0])
    return names


def called(tree: ast.AST) -> set[str]:
    """Names of the builtins and globals that are called, such as `open`."""
    calls = [node.func for node in ast.walk(tree) if isinstance(node, ast.Call)]
    return {function.id for function in calls if isinstance(function, ast.Name)}


def drawn_from_the_global_generator(tree: ast.AST) -> set[str]:
    """Attributes of the `random` module in use; a seeded `Random` that is handed in is the only right one."""
    aliases = {
        alias.asname or alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.Import)
        for alias in node.names
        if alias.name == "random"
    }
    by_attribute = {
        node.attr
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id in aliases
    }
    by_name = {
        alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and node.module == "random"
        for alias in node.names
    }
    return by_attribute | by_name


@pytest.mark.parametrize("path", modules(*PURE_ROOMS), ids=short)
def test_pure_room_touches_nothing_outside(path: Path) -> None:
    tree = ast.parse(path.read_text())
    assert not imported(tree) & WORLDLY_MODULES
    assert not called(tree) & {"open", "input", "print"}
    assert drawn_from_the_global_generator(tree) <= {"Random"}


@pytest.mark.parametrize("path", modules("."), ids=short)
def test_nothing_depends_on_the_hash_of_this_process(path: Path) -> None:
    """`hash()` of bytes and str changes with every run; zlib.crc32 does not."""
    tree = ast.parse(path.read_text())
    in_hash_methods = {
        id(call)
        for function in ast.walk(tree)
        if isinstance(function, ast.FunctionDef) and function.name == "__hash__"
        for call in ast.walk(function)
    }
    calls = [
        node.lineno
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id == "hash"
        and id(node) not in in_hash_methods
    ]
    assert not calls, f"hash() in line {calls}"


@pytest.mark.parametrize("path", modules("."), ids=short)
def test_functions_stay_under_seventy_lines(path: Path) -> None:
    tree = ast.parse(path.read_text())
    functions = [n for n in ast.walk(tree) if isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef)]
    long = {f.name: f.end_lineno - f.lineno + 1 for f in functions if f.end_lineno - f.lineno >= 70}
    assert not long


def test_the_rooms_are_those_that_are_listed() -> None:
    rooms = {path.name for path in PACKAGE.iterdir() if path.is_dir() and path.name != "__pycache__"}
    assert rooms <= {*PURE_ROOMS, "drivers", "client", "audit", "notebook", "course"}

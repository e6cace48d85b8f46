"""The seal: what judges an answer is still the same when the answer has run.

Answers run beside the code that judges them, and Python lets them replace any of it:

    minidis.course.grading.run_test = lambda *words: Outcome("all", "correct")
    sys.modules["minidis.course.grading"] = my_module
    find_exercise("9.1").tests.clear()
    builtins.all = lambda tests: True

So before an answer runs, every module, function, class and method of minidis, redis-py and Python's
builtins is noted, and afterwards each must be the very same object with the very same code. So must be the
exercises' tests.

Complexity: O(functions of the package), about 10 ms for all of them.

>>> seal = Seal()
>>> from minidis.course import grading
>>> kept, grading.check = grading.check, print
>>> seal.broken()
['minidis.course.grading.check']
>>> grading.check = kept
>>> seal.broken()
[]

Read next: judging.py, which asks.
"""

from __future__ import annotations

import builtins
import sys
from collections.abc import Iterator
from types import BuiltinFunctionType, FunctionType, ModuleType
from typing import Any

import minidis.course.checks  # noqa: F401  (all of it is loaded before the seal is set)
from minidis.course.exercise import BANK
from minidis.structures.record import settle

SEALED = ("minidis", "redis", "builtins", "random", "time")
_METHODS = (FunctionType, BuiltinFunctionType, classmethod, staticmethod, property)


class Seal:
    """What stood in the sealed packages when this was made, and the exercises then."""

    def __init__(self) -> None:
        _settle_records()
        self.exercises = dict(BANK)
        self._tests = {number: _tests_of(exercise) for number, exercise in BANK.items()}
        self._parts = dict(_parts())

    def broken(self) -> list[str]:
        """The names of what is not the same any more, sorted; no name, if all is whole."""
        now = dict(_parts())
        names = {name for name, part in self._parts.items() if not _same(part, now.get(name))}
        names |= {name for name in now.keys() - self._parts.keys() if _hides_a_builtin(name)}
        for number, exercise in self.exercises.items():
            if BANK.get(number) is not exercise or _tests_of(exercise) != self._tests[number]:
                names.add(f"the tests of exercise {number}")
        return sorted(names)


def _tests_of(exercise: Any) -> list[Any]:
    return [exercise.points, *((id(test), id(test.function)) for test in exercise.tests)]


def _settle_records() -> None:
    """What a record would change in its class by itself, with the first one that is made, is done before."""
    for module_name, module in list(sys.modules.items()):
        if module_name.partition(".")[0] == "minidis":
            for value in list(vars(module).values()):
                if isinstance(value, type):
                    settle(value)


def _parts() -> Iterator[tuple[str, tuple[Any, ...]]]:
    """Every name of the sealed packages, with the objects that must stay the same."""
    for module_name, module in list(sys.modules.items()):
        if module_name.partition(".")[0] not in SEALED or not isinstance(module, ModuleType):
            continue
        yield module_name, (module,)
        for name, value in list(vars(module).items()):
            if isinstance(value, FunctionType | BuiltinFunctionType):
                yield f"{module_name}.{name}", _pieces(value)
            elif isinstance(value, type):
                yield f"{module_name}.{name}", (value,)
                if value.__module__ == module_name and module is not builtins:
                    for member, method in list(vars(value).items()):
                        if isinstance(method, _METHODS):
                            yield f"{module_name}.{name}.{member}", _pieces(method)


def _pieces(function: Any) -> tuple[Any, ...]:
    """A function and what can be changed in it; of a property and its kin, the function within, too."""
    inner = getattr(function, "fget", None) or getattr(function, "__func__", function)
    return function, inner, getattr(inner, "__code__", None), getattr(inner, "__defaults__", None)


def _same(one: tuple[Any, ...], other: tuple[Any, ...] | None) -> bool:
    return (
        other is not None and len(one) == len(other) and all(a is b for a, b in zip(one, other, strict=True))
    )


def _hides_a_builtin(name: str) -> bool:
    """A new name in a module, by which the module's own code would mean something else."""
    module, _, last = name.rpartition(".")
    return last in vars(builtins) and module in sys.modules and module != "builtins"

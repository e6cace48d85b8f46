"""The measures of benchmarks/growth.py and pauses.py, at sizes that take no time."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext

import pytest

from benchmarks import growth, pauses
from minidis.structures import growing


@pytest.fixture(autouse=True)
def leave_the_process_alone(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Other tests have use of what is frozen, and nobody moves their dicts."""
    for module in (growth, pauses):
        monkeypatch.setattr(module, "collector_of_the_server", nullcontext)
    monkeypatch.setattr(pauses.collecting, "freeze_the_old", lambda: None)
    yield
    growing.watch(False)


@contextmanager
def no_knots_of_ours() -> Iterator[None]:
    """What is done leaves the garbage collector nothing: a server freezes what is old, and would keep it."""
    gc.collect()
    gc.freeze()
    gc.disable()
    try:
        yield
        gc.set_debug(gc.DEBUG_SAVEALL)
        gc.collect()
        knots = {type(thing).__qualname__ for thing in gc.garbage if type(thing).__module__ != "builtins"}
        size = sum(len(thing) for thing in gc.garbage if isinstance(thing, (list, dict, set, tuple)))
    finally:
        gc.set_debug(0)
        gc.garbage.clear()
        gc.enable()
        gc.unfreeze()
    assert not knots and size < 100, f"{knots or 'containers'} in a knot that is never freed"


@pytest.mark.parametrize("name", pauses.WORK)
def test_each_kind_of_work_goes_in_steps(name: str) -> None:
    world = pauses.World()
    with no_knots_of_ours():
        pauses.WORK[name](world, 3000)
    assert 0 < max(world.longest_ns) <= world.total_ns
    assert world.steps > 1 or name == "UNLINK of a list", "a list of few nodes goes at once"


def test_costs_stand_beside_the_curves_that_fit_them() -> None:
    costs = {10: 2.0, 100: 4.0, 1000: 6.0}
    assert growth.expected(costs, growth.CURVES["O(log n)"]) == [
        (size, pytest.approx(cost)) for size, cost in costs.items()
    ]
    level = growth.expected({10: 1.0, 100: 4.0}, growth.CURVES["O(1)"])
    assert level == [(10, pytest.approx(2.0)), (100, pytest.approx(2.0))]


def test_a_page_of_all_kinds_of_work() -> None:
    sizes = (1000, 10_000)
    found = {
        name: {size: work.measure(size // 10) for size in sizes}
        if work.sizes is growth.SIZES
        else {3: 1.0, 10: 9.0}
        for name, work in growth.WORK.items()
    }
    text, svg = growth.growth_table(found), growth.chart(found)
    for name, work in growth.WORK.items():
        assert f"| {name} " in text and name in svg and f"beside {work.expected}" in svg

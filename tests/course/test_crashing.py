"""Chapter 17's engine room: programs that die at each of their lines, a server without power, a provider."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

import pytest

from minidis import Lab
from minidis.course.guard import TooManyInstructions, instruction_budget
from minidis.course.models.crashing import Crash, Line, crashes, define, everywhere, run_with_power_cut
from minidis.course.models.payments import Conflict, Gateway, Refused
from minidis.course.models.shop import Shop

TWO_STEPS = """
def job(r):
    r.incr("first")
    try:
        r.incr("second")
    finally:
        r.delete("first")
"""


def histories(program: Callable, *watched: Callable) -> Any:
    def history(crash: Crash) -> str:
        lab = Lab(seed=1)
        lab.node("redis", {"hz": 1})
        r = lab.own_client("redis")
        crash.at_death.append(lambda: crash.tell("dead"))
        lab.machine("web").spawn(crash.dies(lambda: program(r), *watched))
        lab.run("1s")
        return " ".join(key.decode() for key in sorted(lab.call("redis", "KEYS", "*")))

    return everywhere(history)


def test_a_program_dies_before_each_of_its_lines_and_no_finally_reaches_anybody() -> None:
    namespace: dict[str, Any] = {}
    define(TWO_STEPS, namespace, "two steps")
    found = histories(namespace["job"], namespace["job"])
    assert found.without == "second" and found.without_story == []
    assert [(line.number, outcome) for line, outcome, _ in found.points] == [
        (3, ""),
        (4, "first"),
        (5, "first"),
        (7, "first second"),
    ]
    assert found.outcomes == {"": 1, "first": 2, "first second": 1}
    assert found.lines("first second") == [Line("job", 7, '        r.delete("first")')]
    assert all(story == ["dead"] for _, _, story in found.points)


def test_without_names_all_that_a_learner_wrote_counts_and_loops_are_bounded() -> None:
    def job(r: Any) -> None:
        for _ in range(300):
            time.sleep(0)

    assert len(histories(lambda r: None).points) == 2  # the two lambdas of this file
    lab = Lab(seed=1)
    counts = []
    for crash in crashes(most=7):
        lab.machine(f"m{crash.at}").spawn(crash.dies(lambda: job(None)))
        lab.run("1ms")
        counts.append(len(crash.path))
    assert counts[0] > 600 and counts[1:] == [1, 2, 3, 4, 5, 6, 7]


def test_a_bound_on_instructions_goes_on_counting() -> None:
    def spins() -> None:
        while True:
            pass

    lab = Lab(seed=1)
    with pytest.raises(TooManyInstructions), instruction_budget(100_000):
        lab.machine("web").spawn(Crash().dies(spins))
        lab.run("1s")


def test_power_is_cut_in_each_operation_of_the_disk_and_no_later() -> None:
    kept = []
    for step in range(1, 20):
        lab = Lab(seed=1)
        lab.node("redis", {"appendonly": "yes", "appendfsync": "always"})
        r = lab.own_client("redis", socket_timeout=1)
        task = lab.machine("web").spawn(lambda r=r: r.set("k", "v"))
        was_cut = run_with_power_cut(lab, "redis", step, "5s")
        if not was_cut:
            break
        assert not (task.result and lab.call("redis", "GET", "k") is None), "acknowledged and gone"
        kept.append(lab.call("redis", "GET", "k"))
    assert not was_cut and len(kept) >= 2 and None in kept
    lab.call("redis", "SET", "later", 1)  # the plug is in


def in_a_lab(**options: Any) -> tuple[Lab, Gateway, Callable]:
    lab = Lab(seed=1)
    gateway = Gateway(lab, **options)

    def ask(function: Callable, *arguments: Any) -> Any:
        task = lab.machine("web").spawn(lambda: function(*arguments))
        lab.run("40s")
        return task.error or task.result

    return lab, gateway, ask


def test_a_provider_has_books_of_his_own() -> None:
    _, gateway, ask = in_a_lab()
    assert ask(gateway.charge, "a", 5) == {"payment": "a", "amount": 5, "receipt": 1}
    gateway.silent = True
    assert isinstance(ask(gateway.charge, "a", 5), TimeoutError)
    gateway.silent, gateway.refuses = False, True
    assert isinstance(ask(gateway.charge, "a", 5), Refused)
    assert [(one.at_s, one.who, one.payment) for one in gateway.charges] == [
        (0.2, "web", "a"),
        (40.2, "web", "a"),
    ]


def test_a_provider_that_knows_references_charges_once_for_each() -> None:
    _, gateway, ask = in_a_lab(knows_references=True)
    receipt = ask(gateway.charge, "a", 5, "r1")
    assert ask(gateway.charge, "a", 5, "r1") == receipt
    assert isinstance(ask(gateway.charge, "a", 6, "r1"), Conflict)
    assert ask(gateway.charge, "a", 5, "r2") != receipt
    assert len(gateway.charges) == 2


def test_a_shops_database_keeps_what_was_committed() -> None:
    with Shop() as shop, Shop() as other:
        db = shop.connect()
        with db:
            db.execute("INSERT INTO orders VALUES ('a', 5)")
            db.execute("INSERT INTO outbox (name, amount) VALUES ('a', 5)")
        db.execute("INSERT INTO orders VALUES ('b', 6)")
        db.close()
        assert (shop.orders(), shop.unsent(), other.orders()) == ({"a": 5}, 1, {})


def test_the_checks_are_there_without_sqlite() -> None:
    """A browser's Python hasn't got it before somebody asks: no other exercise may need it."""
    program = "import sys; sys.modules['sqlite3'] = None; from minidis.course import checks"
    assert subprocess.run([sys.executable, "-c", program], timeout=60).returncode == 0

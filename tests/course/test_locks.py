"""The engine room of chapter 16: the reference Redlock stands its exercise, rows lock as a database's do."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest

from minidis import Lab
from minidis.course.exercise import find_exercise
from minidis.course.grading import grade
from minidis.course.models.redlock import RedLock, Redlock
from minidis.course.models.row_locks import Deadlock, LockNotAvailable, RowDatabase


class AsTheExerciseWants:
    def __init__(self, nodes: list[str], connect: Callable, tries: int) -> None:
        clients = [connect(node, socket_timeout=0.12, socket_connect_timeout=0.12) for node in nodes]
        self.red = Redlock(clients, tries)

    def lock(self, name: str, ttl_s: float) -> tuple[str, float] | None:
        lock = self.red.lock(name, ttl_s)
        return lock and (lock.lock_id, lock.validity_ms)

    def extend(self, name: str, lock_id: str, ttl_s: float) -> float:
        lock = RedLock(name, lock_id, 0)
        return lock.validity_ms if self.red.extend(lock, ttl_s) else 0

    def unlock(self, name: str, lock_id: str) -> None:
        self.red.unlock(RedLock(name, lock_id, 0))


def test_the_reference_redlock_stands_the_checks_of_16_3() -> None:
    result = grade(find_exercise("16.3"), (AsTheExerciseWants,), seed=4)
    assert result.passed, result.report()


def play(*jobs: Callable[[RowDatabase], Any], run: str = "20s") -> tuple[RowDatabase, list[Any]]:
    """Each job on a machine of its own, half a second after the one before."""
    lab = Lab(seed=1)
    database = RowDatabase(lab, stock=10, price=5)
    tasks = [
        lab.machine(f"m{number}").spawn(lambda job=job: job(database), after=number / 2)
        for number, job in enumerate(jobs)
    ]
    lab.run(run)
    return database, [task.error or task.result for task in tasks]


def sell(database: RowDatabase, seconds: float = 2, **how: Any) -> Any:
    with database.begin() as transaction:
        amount = transaction.for_update("stock", **how)
        if amount is None:
            return "skipped"
        time.sleep(seconds)
        transaction.update("stock", amount - 1)
        return amount


def test_who_waits_sees_what_was_committed_and_in_turn() -> None:
    database, results = play(sell, sell, sell)
    assert results == [10, 9, 8] and database.value("stock") == 7


def test_nowait_skip_locked_and_a_time_out() -> None:
    nowait = lambda database: sell(database, nowait=True)  # noqa: E731
    skips = lambda database: sell(database, skip_locked=True)  # noqa: E731
    times_out = lambda database: sell(database, timeout_s=0.2)  # noqa: E731
    database, (first, *others) = play(sell, nowait, skips, times_out)
    assert first == 10 and others[1] == "skipped" and database.value("stock") == 9
    assert isinstance(others[0], LockNotAvailable) and isinstance(others[2], LockNotAvailable)


def test_a_circle_is_found_and_the_other_goes_on() -> None:
    def two(first: str, second: str) -> Callable:
        def job(database: RowDatabase) -> str:
            with database.begin() as transaction:
                transaction.for_update(first)
                time.sleep(1)
                transaction.for_update(second)
                return "done"

        return job

    _, (one, other) = play(two("stock", "price"), two("price", "stock"))
    assert one == "done" and isinstance(other, Deadlock)


@pytest.mark.parametrize("ends", ["kill", "error", "connection_lost"])
def test_lock_and_data_end_together(ends: str) -> None:
    lab = Lab(seed=1)
    database = RowDatabase(lab, stock=10)

    def half_way() -> None:
        with database.begin() as transaction:
            transaction.update("stock", 0)
            time.sleep(2)
            if ends == "error":
                raise RuntimeError("half-way")
            time.sleep(100)

    lab.machine("ann").spawn(half_way)
    bob = lab.machine("bob").spawn(lambda: sell(database), after=1)
    lab.run("3s")
    if ends == "kill":
        lab.kill("ann")
    elif ends == "connection_lost":
        lab.pause("ann")
        database.connection_lost("ann")
    lab.run("5s")
    assert bob.result == 10 and database.value("stock") == 9
    assert database.transactions == []


def test_begin_belongs_to_a_task() -> None:
    with pytest.raises(RuntimeError, match="task of the lab"):
        RowDatabase(Lab(), stock=1).begin()

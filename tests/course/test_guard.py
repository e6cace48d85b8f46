"""An answer's loops end; its time.sleep moves the virtual clock, nobody else's does."""

from __future__ import annotations

import threading
import time

import pytest

import minidis
from minidis.course.case import Case
from minidis.course.guard import TooManyInstructions, instruction_budget, unobserved, virtual_sleep


def test_only_the_answers_own_thread_sleeps_virtually():
    steps: list[float] = []
    with virtual_sleep(steps.append):
        time.sleep(30)
        other = threading.Thread(target=lambda: time.sleep(0))
        other.start()
        other.join(5)
    assert not other.is_alive()
    assert steps == [30]


def test_sleep_is_put_back():
    before = time.sleep
    with virtual_sleep(lambda seconds: None):
        assert time.sleep is not before
    assert time.sleep is before


def test_a_loop_of_nothing_but_redis_calls_ends():
    ping = unobserved(minidis.connect(minidis.Embedded(clock=0)).ping)
    calls = 0
    with pytest.raises(TooManyInstructions, match="after thousands of them"), instruction_budget(30_000):
        while calls < 1000:
            ping()
            calls += 1
    assert calls == 100


def test_a_loop_that_sleeps_for_ever_ends():
    slept: list[float] = []
    with pytest.raises(TooManyInstructions), virtual_sleep(slept.append), instruction_budget(100_000):
        while True:
            time.sleep(1)
    assert 10 < len(slept) < 25


def test_a_loop_that_waits_for_messages_ends():
    case = Case(seed=1)
    subscriber = case.redis().pubsub()
    subscriber.subscribe("news")
    with pytest.raises(TooManyInstructions), instruction_budget(30_000):
        while True:
            subscriber.get_message(timeout=60)
    case.close()


def swallows_all(function):
    while True:
        try:
            function()
        except:  # noqa: E722
            pass


def spins():
    while True:
        pass


@pytest.mark.parametrize(
    "function",
    [spins, lambda: undefined, lambda: swallows_all(spins), lambda: time.sleep(1), unobserved(lambda: None)],  # noqa: F821
)
def test_a_loop_that_swallows_every_exception_ends(function):
    with (
        pytest.raises(TooManyInstructions),
        virtual_sleep(lambda seconds: None),
        instruction_budget(20_000),
    ):
        swallows_all(function)


def test_calls_outside_a_budget_are_free():
    assert unobserved(lambda: 7)() == 7

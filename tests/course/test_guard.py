"""An answer's time.sleep moves the virtual clock; nobody else's does."""

from __future__ import annotations

import threading
import time

from minidis.course.guard import virtual_sleep


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

"""Traces and their replay: what the chapter on eviction rests on."""

from __future__ import annotations

import pytest

from minidis.course.models.caching import PAGES_THAT_FIT, TRACES, hit_rate, replay, running_rate


@pytest.mark.parametrize("name", TRACES)
def test_a_trace_is_its_seeds(name: str) -> None:
    make = TRACES[name]
    assert make(1, requests=500) == make(1, requests=500) != make(2, requests=500)
    assert len(make(1, requests=700)) == 700


def test_as_many_pages_fit_as_promised() -> None:
    trace = [b"page:%07d" % number for number in range(PAGES_THAT_FIT)]
    assert replay(trace * 2, "allkeys-lru") == [False] * PAGES_THAT_FIT + [True] * PAGES_THAT_FIT


def test_policies_differ_as_the_chapter_says() -> None:
    rates = {
        name: {
            policy: hit_rate(make(3), policy) for policy in ("allkeys-lru", "allkeys-lfu", "allkeys-random")
        }
        for name, make in TRACES.items()
        if name in ("drifting", "looped", "sessions")
    }
    assert (
        rates["drifting"]["allkeys-lru"]
        > rates["drifting"]["allkeys-lfu"]
        > rates["drifting"]["allkeys-random"]
    )
    assert rates["looped"]["allkeys-lru"] < 0.25 < rates["looped"]["allkeys-random"]
    assert rates["sessions"]["allkeys-lru"] > rates["sessions"]["allkeys-random"]


def test_without_eviction_the_first_pages_stay() -> None:
    trace = [b"page:%07d" % number for number in range(2 * PAGES_THAT_FIT)]
    hits = replay(trace * 2, "noeviction")
    assert PAGES_THAT_FIT - 5 <= sum(hits) <= PAGES_THAT_FIT + 5


def test_the_curve_is_of_a_window() -> None:
    assert running_rate([True] * 500 + [False] * 500, window=500) == [
        (250, 100),
        (500, 100),
        (750, 50),
        (1000, 0),
    ]

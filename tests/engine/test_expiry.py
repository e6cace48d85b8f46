"""Expiry: on access, by the active cycle, on a replica, with a clock that goes back."""

from __future__ import annotations

import pytest

from minidis import Embedded
from minidis.engine.keyspace import expiry


def node_with_keys(count, ttl_ms, seed=1):
    redis = Embedded(clock=0, seed=seed)
    for number in range(count):
        redis.execute("SET", f"k{number}", "v", "PX", ttl_ms(number))
    return redis


def test_a_key_lives_through_its_last_millisecond():
    redis = node_with_keys(1, lambda number: 100)
    redis.node.active_expiry = False
    redis.step(0.1)
    assert redis.execute("GET", "k0") == b"v"
    redis.step(0.001)
    assert redis.execute("GET", "k0") is None


def test_lazy_expiry_frees_only_what_is_read():
    redis = node_with_keys(10, lambda number: 5)
    redis.node.active_expiry = False
    redis.step(1)
    assert redis.execute("DBSIZE") == 10
    assert redis.execute("GET", "k3") is None
    assert redis.execute("DBSIZE") == 9
    assert redis.node.expired_keys == 1


@pytest.mark.parametrize("share", [0.0, 0.05, 0.3, 1.0])
def test_the_cycle_leaves_at_most_about_a_tenth_stale(share):
    total = 4000
    redis = node_with_keys(total, lambda number: 10 if number < total * share else 10**9)
    redis.step(2)
    stale = len(redis.node.databases[0]) - round(total * (1 - share))
    assert stale <= 0.15 * len(redis.node.databases[0].expires) + 20
    redis.node.check()


def test_the_cycle_goes_on_while_more_than_a_tenth_is_dead():
    redis = node_with_keys(1000, lambda number: 10)
    redis.node.active_expiry = False
    redis.step(1)
    cycle = redis.node.active_cycle(redis.node)
    assert cycle.expired == 1000
    assert len(cycle.rounds) >= 1000 // 40
    assert all(set(r.expired) <= set(r.sampled) for r in cycle.rounds)


@pytest.mark.parametrize("count", [1, 3, 20, 23])
def test_every_cycle_finds_the_dead_among_few_keys_wherever_the_last_one_stopped(count):
    redis = Embedded(clock=0, seed=1)
    for second in range(10):
        for number in range(count):
            redis.execute("SET", f"{second}:{number}", "v", "PX", 50)
        redis.step(0.1)
        assert redis.execute("DBSIZE") == 0
        sampled = [key for round_ in redis.node.last_cycle.rounds for key in round_.sampled]
        assert len(set(sampled)) == len(sampled)


def test_a_replica_hides_dead_keys_and_keeps_them():
    redis = node_with_keys(1, lambda number: 10)
    redis.node.deletes_expired_keys = False
    redis.step(1)
    assert redis.execute("GET", "k0") is None
    assert len(redis.node.databases[0]) == 1


def test_a_clock_that_is_set_back_gives_time_back():
    redis = Embedded(clock=10_000_000)
    redis.execute("SET", "k", "v", "EX", 5)
    redis.jump(4_000_000)
    assert redis.execute("TTL", "k") == 11


def test_set_clears_incr_keeps_keepttl_keeps():
    redis = Embedded(clock=0)
    redis.execute("SET", "k", "1", "EX", 10)
    redis.execute("INCR", "k")
    assert redis.execute("TTL", "k") == 10
    redis.execute("SET", "k", "2", "KEEPTTL")
    assert redis.execute("TTL", "k") == 10
    redis.execute("SET", "k", "3")
    assert redis.execute("TTL", "k") == -1


def slow_down(redis: Embedded, reading_us: int) -> None:
    """From now on the clock moves by itself, whenever it is read."""
    frozen, readings = redis.node.clock, iter(range(10**6))
    redis.node.clock = lambda: frozen() + reading_us * next(readings)


def test_what_a_cycle_has_no_time_for_is_done_by_fast_ones() -> None:
    redis = Embedded(clock=0, seed=1)
    for number in range(3000):
        redis.execute("SET", f"k{number}", "v", "PX", 1)
    redis.node.active_expiry = False
    redis.step(1)
    redis.node.active_expiry = True
    slow_down(redis, 30_000)
    cycle = redis.node.active_cycle(redis.node)
    left = len(redis.node.databases[0])
    assert cycle.out_of_time and 0 < left < 3000
    assert redis.node.expiry.time_cap_reached_count == 1
    redis.node.before_sleep()
    assert len(redis.node.databases[0]) < left
    for _ in range(200):  # a round each
        redis.node.before_sleep()
    assert len(redis.node.databases[0]) < 300 and not redis.node.expiry.out_of_time
    fewer = len(redis.node.databases[0])
    redis.node.before_sleep()  # nothing was left over: cron will do
    assert len(redis.node.databases[0]) == fewer
    info = redis.execute("INFO", "stats").decode()
    assert f"expired_time_cap_reached_count:{redis.node.expiry.time_cap_reached_count}" in info
    assert 0 < redis.node.expiry.stale_share < 1


def test_a_cycle_takes_its_quarter_of_the_time_in_parts() -> None:
    redis = Embedded(clock=0, seed=1)
    for number in range(12_000):
        redis.execute("SET", f"k{number}", "v", "PX", 1)
    redis.node.active_expiry = False
    redis.step(1)
    redis.node.active_expiry = True
    slow_down(redis, 1000)
    progress = redis.node.expiry
    progress.part_us = expiry.PART_US
    redis.node.active_cycle(redis.node)
    left = [len(redis.node.databases[0])]
    assert progress.used_us < 2 * expiry.PART_US and progress.left_us and progress.time_cap_reached_count == 0
    while progress.left_us:
        assert progress in redis.node.services
        redis.node.tick()
        left.append(len(redis.node.databases[0]))
    assert len(set(left)) >= 4 and left == sorted(left, reverse=True)
    assert progress.used_us < 35_000 and progress.time_cap_reached_count == 1
    assert progress not in redis.node.services


def test_a_database_that_takes_all_the_time_does_not_starve_the_next() -> None:
    redis = Embedded(clock=0, seed=1)
    for index in (0, 1):
        redis.execute("SELECT", index)
        for number in range(2000):
            redis.execute("SET", f"k{number}", "v", "PX", 1)
    redis.node.active_expiry = False
    redis.step(1)
    slow_down(redis, 30_000)
    first = redis.node.active_cycle(redis.node)
    second = redis.node.active_cycle(redis.node)
    assert {r.database for r in first.rounds} == {0} and {r.database for r in second.rounds} == {1}

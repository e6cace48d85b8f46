"""The embedded driver: several threads, waiting, the two modes of its clock."""

from __future__ import annotations

import threading

import pytest

from minidis import Embedded, ReplyError
from minidis.drivers.embedded import FrozenClockError


def test_several_threads_lose_no_increment():
    redis = Embedded(seed=1)

    def work():
        client = redis.connect()
        for _ in range(500):
            redis.execute("INCR", "n", client=client)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert redis.execute("GET", "n") == b"2000"


def test_a_thread_that_waits_is_woken_by_another():
    redis = Embedded(seed=1)
    got = []
    waiter = redis.connect("waiter")
    thread = threading.Thread(target=lambda: got.append(redis.execute("BLPOP", "q", 30, client=waiter)))
    thread.start()
    redis.execute("RPUSH", "q", "x")
    thread.join(timeout=20)
    assert got == [[b"q", b"x"]]


def test_a_connection_to_a_node_that_has_gone_takes_none_of_its_successor_along():
    """Both have the same number."""
    redis = Embedded({"appendonly": "yes"}, clock=0, seed=1)
    former = redis.connect("former")
    hung_up_at_work = redis.connect("former, too")
    redis.kill()
    others = [redis.connect("other"), redis.connect("another")]
    assert [client.id for client in others] == [former.id, hung_up_at_work.id]
    redis.disconnect(former)
    with redis.lock:
        redis.hang_up(hung_up_at_work)
    redis.step(1)
    assert [client.closed for client in others] == [False, False]
    assert set(others) < set(redis.node.clients.values())


def test_a_wait_on_a_frozen_clock_ends_with_an_error():
    redis = Embedded(clock=0)
    redis.patience_s = 0
    with pytest.raises(FrozenClockError, match="frozen"):
        redis.execute("BLPOP", "q", 5)


def test_a_wait_ends_when_the_client_is_disconnected():
    redis = Embedded(seed=1)
    client = redis.connect()
    failed = threading.Event()

    def wait():
        try:
            redis.execute("BLPOP", "q", 30, client=client)
        except ConnectionError:
            failed.set()

    thread = threading.Thread(target=wait)
    thread.start()
    while client.parked is None:
        pass
    redis.disconnect(client)
    thread.join(timeout=20)
    assert failed.is_set()


def test_the_clock_moves_only_when_told():
    redis = Embedded(clock="2026-01-01T00:00:00Z")
    before = redis.now_us
    redis.execute("PING")
    assert redis.now_us == before
    redis.step(3600)
    assert redis.now_us == before + 3600 * 1_000_000
    redis.jump("2025-12-31T00:00:00Z")
    assert redis.now_us == before - 86400 * 1_000_000


def test_a_running_clock_refuses_steps():
    redis = Embedded()
    with pytest.raises(RuntimeError, match="freeze"):
        redis.step(1)
    redis.freeze()
    with pytest.raises(ValueError, match="forward"):
        redis.step(-1)


def test_a_long_step_is_bounded_and_exact():
    redis = Embedded(clock=0)
    redis.execute("SET", "k", "v", "EX", 86400 * 365)
    redis.step(86400 * 366)
    assert redis.now_us == 86400 * 366 * 1_000_000
    assert redis.execute("DBSIZE") == 0


def test_words_that_are_no_words():
    redis = Embedded(clock=0)
    with pytest.raises(TypeError, match="bytes, str, int or float"):
        redis.execute("SET", "k", None)
    with pytest.raises(ReplyError, match="unknown command"):
        redis.execute("NOPE")


def test_the_same_seed_draws_the_same_lots():
    def draw(seed):
        redis = Embedded(clock=0, seed=seed)
        redis.execute("SADD", "s", *range(100))
        return redis.execute("SRANDMEMBER", "s", 10)

    assert draw(1) == draw(1)
    assert draw(1) != draw(2)

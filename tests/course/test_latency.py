"""What commands are priced at, and who waits for them."""

from __future__ import annotations

import pytest

import minidis
from minidis.course.models.latency import COMMAND_US, Strip, price_us


@pytest.fixture
def node():
    node = minidis.Embedded(clock=0, seed=1)
    node.execute("RPUSH", "list", *range(1000))
    node.execute("SADD", "set", *range(500))  # an intset: one piece
    node.execute("SADD", "big", *[f"member {n}" for n in range(500)])
    for number in range(100):
        node.execute("SET", f"k{number}", "x")
    return node


@pytest.mark.parametrize(
    ("words", "extra_us"),
    [
        ("PING", 0), ("GET k1", 0), ("KEYS *", 41.2), ("SCAN 0 COUNT 50", 20), ("SCAN 0", 4),
        ("SCAN 0 COUNT x", 4), ("LRANGE list 0 -1", 200), ("LRANGE list -10 -1", 2),
        ("LRANGE list 5 4", 0), ("LRANGE list a b", 200),
        ("SMEMBERS set", 100), ("SSCAN set 0 COUNT 20", 4),
        ("DEL list", 0.5), ("DEL k1 k2 nothing", 1),
        ("UNLINK list", 0.5), ("DEL set", 0.5), ("DEL big", 250), ("UNLINK big", 1), ("UNLINK k1", 0.5),
        ("FLUSHALL", 301), ("FLUSHALL ASYNC", 0),
        ("EXPIRE big 0", 250), ("EXPIRE big 1", 0), ("PEXPIREAT big 0", 250), ("PEXPIREAT big 1", 0),
        ("EXPIRE k1 x", 0), ("NONSENSE a b", 0),
    ],
)  # fmt: skip
def test_a_command_is_priced_by_what_it_touches(node, words, extra_us):
    argv = [word.encode() for word in words.split()]
    assert price_us(node, argv) == pytest.approx(COMMAND_US + extra_us)


def test_pings_that_come_while_a_command_runs_wait_for_its_end(node):
    strip = Strip(node, clients=1, period_us=100)
    strip.idle(250)
    strip.run("DEL", "big")
    strip.idle(100)
    latencies = [round(ping.latency_us) for ping in strip.pings]
    assert latencies[:3] == [1, 1, 1]
    assert latencies[3:7] == [202, 102, 2, 1]  # the command ran from 250 to 501 us


def test_redis_py_is_timed_batch_by_batch(node):
    redis, strip = minidis.connect(node), Strip(node)
    with strip.watching():
        redis.keys("*")
        pipe = redis.pipeline(transaction=False)
        pipe.get("k1").get("k2").delete("set").execute()
    redis.keys("*")  # nobody is watching
    assert [stretch.command for stretch in strip.busy] == ["KEYS *", "DEL set and 2 more"]


def test_what_exec_and_scripts_run_is_one_stretch(node):
    redis, strip = minidis.connect(node), Strip(node)
    with strip.watching():
        redis.eval("redis.call('KEYS', '*') return redis.call('DEL', KEYS[1])", 1, "big")
        for words in (("MULTI",), ("KEYS", "*"), ("EXEC",)):
            redis.execute_command(*words)
    lengths_us = [round(stretch.end_us - stretch.start_us) for stretch in strip.busy]
    assert lengths_us == [294, 1, 43]  # EVAL, MULTI, EXEC: what is queued takes its time then


def test_switches_make_del_and_flushall_lazy(node):
    for switch, words, before_us, after_us in (("del", "DEL big", 251, 2), ("flush", "FLUSHALL", 302, 1)):
        argv = [word.encode() for word in words.split()]
        assert price_us(node, argv) == before_us
        node.execute("CONFIG", "SET", f"lazyfree-lazy-user-{switch}", "yes")
        assert price_us(node, argv) == after_us

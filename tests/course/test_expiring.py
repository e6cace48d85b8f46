"""A learner's expiry and counters in a live node, and their way out again."""

from __future__ import annotations

import pytest

from minidis import Embedded
from minidis.course.fixtures.expiring import Sampler
from minidis.course.parts import plug, unplug
from minidis.protocol.replies import ReplyError


def immortal(expires, key, now_ms):
    return False


def never(expires, key, now_ms, delete, is_replica):
    return False


def idle(expires, now_ms, sample, delete, budget):
    return 0


def test_a_plugged_expiry_decides_over_life_until_it_is_unplugged():
    node = Embedded(clock=0, seed=1)
    plug("expiry", (immortal, never, idle), node)
    node.execute("SET", "k", "v", "PX", 10)
    node.step(1)
    assert node.execute("GET", "k") == b"v"
    assert node.execute("KEYS", "*") == [b"k"]
    assert unplug(node) == ["expiry"]
    assert node.execute("GET", "k") is None


def test_deleting_a_key_twice_is_told():
    def cycle(expires, now_ms, sample, delete, budget):
        for key in sample(20) * 2:
            delete(key)
        return 0

    node = Embedded(clock=0, seed=1)
    node.execute("SET", "k", "v", "PX", 10)
    plug("expiry", (immortal, never, cycle), node)
    with pytest.raises(LookupError, match="deleted twice"):
        node.step(1)


@pytest.mark.parametrize("count", [1, 7, 20, 60])
def test_the_sampler_hands_out_different_keys_and_comes_by_all(count):
    node = Embedded(clock=0, seed=1)
    for number in range(60):
        node.execute("SET", f"k{number}", "v", "EX", 100)
    sampler = Sampler(node.node.databases[0])
    samples = [sampler(count) for _ in range(60)]
    assert all(len(set(sample)) == count for sample in samples)
    assert len({key for sample in samples for key in sample}) == 60


def test_a_plugged_counter_counts_until_it_is_unplugged():
    node = Embedded(clock=0, seed=1)
    plug("counters", lambda stored, step: b"%d" % (100 * step), node)
    assert [node.execute(*words) for words in (["INCR", "n"], ["DECRBY", "n", 2])] == [100, -200]
    with pytest.raises(ReplyError, match="decrement would overflow"):
        node.execute("DECRBY", "n", -(2**63))
    assert unplug(node) == ["counters"]
    assert node.execute("INCR", "n") == -199

"""The frames of exercises 4.3 and 4.4: a learner's functions under a live sorted set."""

from __future__ import annotations

from random import Random

import pytest

from minidis.course.fixtures.skiplists import skiplist_of
from minidis.course.parts import plug, unplug
from minidis.drivers.embedded import Embedded
from minidis.protocol.replies import ReplyError
from minidis.structures.skiplist import LexRange, ScoreRange, SkipList


class _HeightAsTold(SkipList):
    __slots__ = ("height",)

    def random_height(self) -> int:
        return self.height

    def __del__(self) -> None:
        """Its nodes are those of the list that it stands in for: they stay."""


def _insert(lanes, score, member, height):
    twin = _HeightAsTold.__new__(_HeightAsTold)
    for name in ("header", "length", "level", "tail", "random", "p"):
        setattr(twin, name, getattr(lanes, name))
    twin.height = height
    SkipList.insert(twin, score, member)
    lanes.length, lanes.level, lanes.tail = twin.length, twin.level, twin.tail


Rebuilt = skiplist_of(_insert, SkipList.delete, SkipList.rank)


@pytest.fixture
def node():
    with Embedded({"zset-max-listpack-entries": 0}, clock=0, seed=1) as embedded:
        yield embedded
        unplug(embedded)


def test_every_way_of_changing_it_keeps_it_whole():
    lanes = Rebuilt.from_sorted([(float(n), b"m%d" % n) for n in range(50)], Random(1))
    lanes.update_score(3.0, b"m3", 3.5)  # stays between its neighbours
    lanes.update_score(4.0, b"m4", 40.5)
    assert lanes.delete_range(ScoreRange(10.0, 12.0)) == [b"m10", b"m11", b"m12"]
    assert lanes.delete_range_by_rank(0, 1) == [b"m0", b"m1"]
    lanes.reroll()
    lanes.check()
    duplicate = lanes.copy()
    duplicate.check()
    assert [(n.score, n.member, len(n.forward)) for n in duplicate] == [
        (n.score, n.member, len(n.forward)) for n in lanes
    ]
    assert type(duplicate) is Rebuilt
    assert lanes.rank(40.5, b"m4") == 35
    with pytest.raises(KeyError):
        lanes.update_score(1.0, b"nobody", 2.0)


def test_a_plugged_skip_list_throws_the_same_coins(node):
    plain = Embedded({"zset-max-listpack-entries": 0}, clock=0, seed=1)
    plug("skiplist", Rebuilt, node)
    for embedded in (node, plain):
        for number in range(200):
            embedded.execute("ZADD", "z", number * 7 % 50, f"m{number % 80}")
        embedded.execute("ZREMRANGEBYRANK", "z", 3, 9)
    both = [embedded.node.databases[0].table[b"z"].form.skiplist for embedded in (node, plain)]
    assert type(both[0]) is Rebuilt
    assert type(both[1]) is SkipList
    assert [[span for _, span in lane] for lane in both[0].levels()] == [
        [span for _, span in lane] for lane in both[1].levels()
    ]
    assert node.node.random.random() == plain.node.random.random()


def _engines(reader, is_score):
    def read(minimum, maximum):
        bounds = reader.parse(minimum, maximum)

        def place(value):
            element = (value, b"") if is_score else (0.0, value)
            return -1 if bounds.is_below(*element) else int(bounds.is_above(*element))

        return place

    return read


@pytest.mark.parametrize("entries", [0, 128])
def test_plugged_ranges_decide_and_are_taken_out_again(entries):
    node = Embedded({"zset-max-listpack-entries": entries}, clock=0, seed=1)
    node.execute("ZADD", "z", 0, "a", 0, "b", 0, "c")
    node.execute("ZADD", "s", 1, "a", 2, "b", 3, "c")
    everything = lambda minimum, maximum: lambda value: 0  # noqa: E731
    plug("ranges", (everything, everything), node)
    assert node.execute("ZRANGE", "z", "[b", "[b", "BYLEX") == [b"a", b"b", b"c"]
    assert node.execute("ZCOUNT", "s", 2, 2) == node.execute("ZLEXCOUNT", "z", "[b", "[b") == 3
    assert unplug(node) == ["ranges"]
    assert node.execute("ZRANGE", "z", "[b", "[b", "BYLEX") == [b"b"]
    plug("ranges", (_engines(ScoreRange, True), _engines(LexRange, False)), node)
    assert node.execute("ZREVRANGEBYSCORE", "s", "+inf", "(1", "LIMIT", 1, 1) == [b"b"]
    assert node.execute("ZRANGE", "s", "(3", "1", "BYSCORE", "REV", "WITHSCORES") == [
        (b"b", 2.0),
        (b"a", 1.0),
    ]
    assert node.execute("ZRANGEBYSCORE", "s", 5, 1) == []
    assert node.execute("ZREMRANGEBYSCORE", "s", "-inf", "(3") == 2
    assert node.execute("ZREMRANGEBYLEX", "z", "-", "+") == 3
    assert node.execute("EXISTS", "z") == node.execute("ZCOUNT", "z", 0, 1) == 0
    with pytest.raises(ReplyError, match="min or max is not a float"):
        node.execute("ZCOUNT", "s", "ten", 1)
    unplug(node)

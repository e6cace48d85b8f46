"""The skip list against a plain sorted list; the real comparisons counted; Redis's range words."""

from __future__ import annotations

import math
import random
from bisect import bisect_left, insort

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from minidis.structures.skiplist import (
    LEX_MAXIMUM,
    LEX_MINIMUM,
    MAX_LEVEL,
    LexRange,
    ScoreRange,
    SkipList,
)

SCORES = st.sampled_from([-math.inf, -1.5, -0.0, 0.0, 1.0, 1.0000000000000002, 2.0, 2.0**53, math.inf])
MEMBERS = st.binary(max_size=3)


def filled(elements, seed=1, p=0.25):
    """A skip list made by inserting (score, member) pairs one by one."""
    skip_list = SkipList(random.Random(seed), p)
    for score, member in elements:
        skip_list.insert(score, member)
    return skip_list


def pairs(nodes):
    return [(node.score, node.member) for node in nodes]


def as_pair(node):
    return None if node is None else (node.score, node.member)


class AgainstSortedList(RuleBasedStateMachine):
    """Random operations on a skip list and on a sorted Python list must tell the same story."""

    @initialize(seed=st.integers(0, 1000), p=st.sampled_from([0.0, 0.25, 0.5, 1.0]))
    def start(self, seed, p):
        self.skip_list = SkipList(random.Random(seed), p)
        self.model = []  # (score, member), in order
        self.score_of = {}

    @rule(score=SCORES, member=MEMBERS)
    def insert_or_update(self, score, member):
        old = self.score_of.get(member)
        if old is None:
            node = self.skip_list.insert(score, member)
        else:
            self.model.remove((old, member))
            node = self.skip_list.update_score(old, member, score)
        insort(self.model, (score, member))
        self.score_of[member] = score
        assert as_pair(node) == (score, member)

    @rule(score=SCORES, member=MEMBERS)
    def delete(self, score, member):
        expected = (score, member) in self.model
        assert self.skip_list.delete(score, member) is expected
        if expected:
            self.model.remove((score, member))
            del self.score_of[member]

    @precondition(lambda self: self.model)
    @rule(data=st.data())
    def delete_present(self, data):
        score, member = data.draw(st.sampled_from(self.model))
        assert self.skip_list.delete(score, member) is True
        self.model.remove((score, member))
        del self.score_of[member]

    @rule(low=SCORES, high=SCORES, low_exclusive=st.booleans(), high_exclusive=st.booleans())
    def score_range(self, low, high, low_exclusive, high_exclusive):
        bounds = ScoreRange(low, high, low_exclusive, high_exclusive)
        inside = [
            (score, member)
            for score, member in self.model
            if (low < score if low_exclusive else low <= score)
            and (score < high if high_exclusive else score <= high)
        ]
        assert as_pair(self.skip_list.first_in_range(bounds)) == (inside[0] if inside else None)
        assert as_pair(self.skip_list.last_in_range(bounds)) == (inside[-1] if inside else None)

    @rule(low=SCORES, width=st.integers(0, 1), low_exclusive=st.booleans(), high_exclusive=st.booleans())
    def delete_score_range(self, low, width, low_exclusive, high_exclusive):
        bounds = ScoreRange(low, low + width, low_exclusive, high_exclusive)
        gone = [
            (score, member)
            for score, member in self.model
            if not bounds.is_below(score, member) and not bounds.is_above(score, member)
        ]
        assert self.skip_list.delete_range(bounds) == [member for _, member in gone]
        self._forget(gone)

    @rule(start=st.integers(0, 12), count=st.integers(1, 4))
    def delete_ranks(self, start, count):
        gone = self.model[start : start + count]
        assert self.skip_list.delete_range_by_rank(start, start + count - 1) == [m for _, m in gone]
        self._forget(gone)

    @rule(p=st.sampled_from([0.0, 0.25, 0.9]))
    def reroll(self, p):
        self.skip_list.p = p
        self.skip_list.reroll()

    @rule()
    def copy(self):
        original, self.skip_list = self.skip_list, self.skip_list.copy()
        assert [len(node.forward) for node in original] == [len(node.forward) for node in self.skip_list]
        for score, member in self.model:
            assert original.delete(score, member)

    @invariant()
    def same_story(self):
        self.skip_list.check()
        assert pairs(self.skip_list) == self.model
        assert pairs(reversed(self.skip_list)) == self.model[::-1]
        assert len(self.skip_list) == len(self.model)
        for rank, (score, member) in enumerate(self.model):
            assert self.skip_list.rank(score, member) == rank
            assert as_pair(self.skip_list.by_rank(rank)) == (score, member)
            assert self.skip_list.rank(score + 0.5 if score != score + 0.5 else 7.0, member) is None
        assert self.skip_list.by_rank(-1) is None
        assert self.skip_list.by_rank(len(self.model)) is None

    def _forget(self, gone):
        for score, member in gone:
            self.model.remove((score, member))
            del self.score_of[member]


TestAgainstSortedList = AgainstSortedList.TestCase


@given(st.sets(MEMBERS, max_size=20), MEMBERS, MEMBERS, st.booleans(), st.booleans())
def test_lex_ranges(members, low, high, low_exclusive, high_exclusive):
    bounds = LexRange(low, high, low_exclusive, high_exclusive)
    inside = [
        member
        for member in sorted(members)
        if (low < member if low_exclusive else low <= member)
        and (member < high if high_exclusive else member <= high)
    ]
    skip_list = filled([(0.0, member) for member in members])
    first, last = skip_list.first_in_range(bounds), skip_list.last_in_range(bounds)
    assert (first and first.member) == (inside[0] if inside else None)
    assert (last and last.member) == (inside[-1] if inside else None)
    assert skip_list.delete_range(bounds) == inside
    skip_list.check()
    assert [node.member for node in skip_list] == sorted(members - set(inside))


@given(st.lists(st.tuples(SCORES, MEMBERS), unique=True, max_size=30), st.integers(0, 99))
def test_from_sorted_is_the_same_as_inserting(elements, seed):
    built = SkipList.from_sorted(sorted(elements), random.Random(seed))
    built.check()
    assert pairs(built) == pairs(filled(elements, seed)) == sorted(elements)
    assert built.insert(3.0, b"more").member == b"more"
    built.check()


def test_update_score_in_place_keeps_the_node_and_out_of_place_keeps_the_order():
    skip_list = filled([(1.0, b"a"), (2.0, b"b"), (3.0, b"c")])
    node = skip_list.by_rank(1)
    assert skip_list.update_score(2.0, b"b", 2.5) is node
    assert skip_list.update_score(2.5, b"b", 9.0).member == b"b"
    skip_list.check()
    assert pairs(skip_list) == [(1.0, b"a"), (3.0, b"c"), (9.0, b"b")]
    with pytest.raises(KeyError):
        skip_list.update_score(2.0, b"b", 1.0)


# -- the lanes -------------------------------------------------------------------------------------


def test_p_zero_makes_a_linked_list_and_p_one_uses_every_lane():
    assert filled([(float(i), b"%d" % i) for i in range(50)], p=0.0).level == 1
    tower = filled([(float(i), b"%d" % i) for i in range(50)], p=1.0)
    assert tower.level == MAX_LEVEL
    tower.check()


def test_the_coin_gives_each_lane_a_quarter_of_the_one_below():
    skip_list = SkipList(random.Random(5))
    heights = [skip_list.random_height() for _ in range(40_000)]
    for height in range(1, 5):
        above = sum(h > height for h in heights) / sum(h >= height for h in heights)
        assert 0.2 < above < 0.3


def test_the_same_seed_lays_the_same_lanes():
    elements = [(float(i % 7), b"%d" % i) for i in range(200)]
    first, second = filled(elements, seed=3), filled(elements, seed=3)
    assert [len(node.forward) for node in first] == [len(node.forward) for node in second]


def test_levels_draw_what_is_there():
    skip_list = filled([(float(i), b"%d" % i) for i in range(40)])
    lanes = skip_list.levels()
    assert len(lanes) == skip_list.level
    for level, lane in enumerate(lanes):
        assert lane[0][0] is skip_list.header
        assert all(len(node.forward) > level for node, _ in lane)
        assert sum(span for _, span in lane) == 40


def test_search_path_is_a_chain_of_steps_that_ends_at_the_rank():
    skip_list = filled([(float(i), b"%d" % i) for i in range(300)])
    for i in range(300):
        path = skip_list.search_path(float(i), b"%d" % i)
        node, position, level = skip_list.header, 0, skip_list.level - 1
        for step in path:
            assert (step.node, step.position, step.level) == (node, position, level)
            assert step.ahead is node.forward[level] and step.span == node.span[level]
            if step.moved:
                node, position = step.ahead, position + step.span
            else:
                level -= 1
        assert position - 1 == skip_list.rank(float(i), b"%d" % i) == i
        assert node.member == b"%d" % i
        assert skip_list.hops(float(i), b"%d" % i) == sum(step.moved for step in path)


class CountedFloat(float):
    """A score that counts how often the skip list compares with it."""

    compared = 0

    def __lt__(self, other):
        CountedFloat.compared += 1
        return float(self) < other


def comparisons(operation, *arguments):
    CountedFloat.compared = 0
    operation(*arguments)
    return CountedFloat.compared


def test_search_path_tells_the_comparisons_that_rank_really_makes():
    skip_list = filled([(CountedFloat(i), b"%d" % i) for i in range(500)])
    for i in range(0, 500, 7):
        told = sum(step.ahead is not None for step in skip_list.search_path(float(i), b"%d" % i))
        assert comparisons(skip_list.rank, float(i), b"%d" % i) == told


@pytest.fixture(scope="module")
def large():
    scores = list(range(100_000))
    elements = ((CountedFloat(score), b"%06d" % score) for score in scores)
    return SkipList.from_sorted(elements, random.Random(11))


def test_work_grows_with_the_logarithm(large):
    """Counted, not timed: at 100 000 elements an operation makes about log(n) / (p log(1/p)) comparisons."""
    count = len(large)
    bound = 3 * math.log(count, 4) / large.p  # three times the expected number
    generator = random.Random(2)
    costs = {"rank": [], "insert": [], "delete": [], "update": [], "range": []}
    for _ in range(300):
        score = generator.randrange(count)
        member = b"%06d" % score
        costs["rank"].append(comparisons(large.rank, float(score), member))
        costs["insert"].append(comparisons(large.insert, CountedFloat(score + 0.5), b"new"))
        costs["update"].append(comparisons(large.update_score, score + 0.5, b"new", CountedFloat(-1.0)))
        costs["delete"].append(comparisons(large.delete, -1.0, b"new"))
        bounds = ScoreRange(float(score), float(score))
        costs["range"].append(comparisons(large.first_in_range, bounds))
    average = {name: sum(counts) / len(counts) for name, counts in costs.items()}
    assert average["rank"] > 5, "nothing was counted"
    assert all(cost < bound for name, cost in average.items() if name != "update"), average
    assert average["update"] < 2 * bound  # a deletion and an insertion
    assert max(costs["rank"]) < 3 * bound
    assert all(large.hops(float(i), b"%06d" % i) < bound for i in range(0, count, 997))


class CountedSpans(list):
    """Spans that count how often they are read."""

    read = 0

    def __getitem__(self, index):
        CountedSpans.read += 1
        return list.__getitem__(self, index)


def test_by_rank_reads_few_spans(large):
    counted = large.copy()
    for node in [counted.header, *counted]:
        node.span = CountedSpans(node.span)
    CountedSpans.read = 0
    ranks = range(0, len(counted), 1009)
    for rank in ranks:
        assert counted.by_rank(rank).score == rank
    # Each step of the walk reads a span once or twice.
    assert 5 < CountedSpans.read / len(ranks) < 2 * 3 * math.log(len(counted), 4) / counted.p


# -- check() finds damage --------------------------------------------------------------------------


def damage_span(skip_list):
    skip_list.by_rank(3).span[0] += 1


def damage_order(skip_list):
    skip_list.by_rank(3).score = 99.0


def damage_backward(skip_list):
    skip_list.by_rank(3).backward = skip_list.by_rank(1)


def damage_length(skip_list):
    skip_list.length += 1


def damage_tail(skip_list):
    skip_list.tail = skip_list.by_rank(0)


def damage_level(skip_list):
    skip_list.level += 1


def damage_lane(skip_list):
    tall = skip_list.header.forward[1]
    skip_list.header.forward[1] = tall.forward[1]


@pytest.mark.parametrize(
    "damage",
    [damage_span, damage_order, damage_backward, damage_length, damage_tail, damage_level, damage_lane],
)
def test_check_finds(damage):
    skip_list = filled([(float(i), b"%d" % i) for i in range(20)])
    skip_list.check()
    damage(skip_list)
    with pytest.raises(AssertionError):
        skip_list.check()


def test_removing_the_tail_moves_it_back():
    skip_list = filled([(1.0, b"a"), (2.0, b"b")])
    assert skip_list.delete(2.0, b"b")
    assert as_pair(skip_list.tail) == (1.0, b"a")
    assert set(skip_list.tail.forward) == {None}


# -- Redis's range words ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "value", "exclusive"),
    [
        (b"1.5", 1.5, False),
        (b"(1.5", 1.5, True),
        (b"-inf", -math.inf, False),
        (b"(+Infinity", math.inf, True),
        (b"", 0.0, False),
        (b"(", 0.0, True),
        (b" 2", 2.0, False),
        (b"0x10", 16.0, False),
        (b"(0x.8p1", 1.0, True),
        (b"1e400", math.inf, False),
        (b"-1e400", -math.inf, False),
        (b"0x1p99999", math.inf, False),
        (b"-0x1p99999", -math.inf, False),
        (b".5", 0.5, False),
        (b"5.", 5.0, False),
        (b"1\x00junk", 1.0, False),
    ],
)
def test_score_words(text, value, exclusive):
    bounds = ScoreRange.parse(text, text)
    assert bounds == ScoreRange(value, value, exclusive, exclusive)


@pytest.mark.parametrize(
    "text", [b"nan", b"(nan", b"1e", b"0x", b"1 ", b"+-1", b"infinit", b"((1", b"1_0", b"a"]
)
def test_words_that_are_no_score(text):
    for bounds in [(text, b"1"), (b"1", text)]:
        with pytest.raises(ValueError, match="^min or max is not a float$"):
            ScoreRange.parse(*bounds)


@pytest.mark.parametrize(
    ("text", "value", "exclusive"),
    [
        (b"-", LEX_MINIMUM, True),
        (b"+", LEX_MAXIMUM, True),
        (b"+\x00junk", LEX_MAXIMUM, True),
        (b"[a", b"a", False),
        (b"(a", b"a", True),
        (b"[", b"", False),
        (b"[-", b"-", False),
    ],
)
def test_lex_words(text, value, exclusive):
    assert LexRange.parse(text, text) == LexRange(value, value, exclusive, exclusive)


@pytest.mark.parametrize("text", [b"", b"a", b"-a", b"+ "])
def test_words_that_are_no_lex_bound(text):
    for bounds in [(text, b"[a"), (b"[a", text)]:
        with pytest.raises(ValueError, match="^min or max not valid string range item$"):
            LexRange.parse(*bounds)


def test_names_beyond_those_at_both_ends_are_not_looked_for_where_scores_differ():
    """zslIsInLexRange: the last element, whatever its score, is taken for the greatest name."""
    skip_list = SkipList(random.Random(1))
    for score, member in ((0.0, b"m"), (0.0, b"z"), (1.0, b"a")):
        skip_list.insert(score, member)
    bounds = LexRange.parse(b"(x", b"+")
    assert skip_list.first_in_range(bounds) is None and skip_list.last_in_range(bounds) is None
    assert skip_list.delete_range(bounds) == [b"z", b"a"], "zslDeleteRangeByLex does not ask"


@pytest.mark.parametrize(
    ("low", "high", "inside"),
    [
        (b"-", b"+", [b"", b"a", b"b"]),
        (b"+", b"-", []),
        (b"-", b"-", []),
        (b"+", b"+", []),
        (b"(", b"[a", [b"a"]),
        (b"[a", b"(a", []),
        (b"[b", b"+", [b"b"]),
    ],
)
def test_lex_infinities(low, high, inside):
    skip_list = filled([(0.0, b"a"), (0.0, b""), (0.0, b"b")])
    assert skip_list.delete_range(LexRange.parse(low, high)) == inside


def test_a_model_of_bisect_agrees_on_ranks_of_ties():
    elements = sorted((1.0, b"%d" % i) for i in range(100))
    skip_list = filled(elements)
    for element in elements:
        assert skip_list.rank(*element) == bisect_left(elements, element)

"""The sorted set value: both encodings tell the same as a plain dict; when it converts; what it weighs."""

from __future__ import annotations

import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from minidis.structures.skiplist import LexRange, ScoreRange, SkipList
from minidis.values.encodings import Encodings
from minidis.values.sorted_set import ListpackForm, SkipListForm, SortedSet, clamp

SCORES = st.sampled_from([-math.inf, -2.5, 0.0, 0.1, 1.0, 2.0, 1e17, math.inf])
MEMBERS = st.one_of(st.binary(max_size=2), st.integers(-5, 300).map(lambda number: b"%d" % number))


def make(scores=(), entries=128, seed=1, **thresholds):
    """A sorted set from (member, score) pairs, added one by one."""
    encodings = Encodings(zset_max_listpack_entries=entries, **thresholds)
    sorted_set = SortedSet(encodings, random.Random(seed))
    for member, score in dict(scores).items():
        sorted_set.add(member, score)
    return sorted_set


def in_order(model):
    return sorted(model.items(), key=lambda pair: (pair[1], pair[0]))


class AgainstDict(RuleBasedStateMachine):
    """Random operations on a sorted set and on a dict."""

    @initialize(entries=st.sampled_from([0, 5, 128]), seed=st.integers(0, 99))
    def start(self, entries, seed):
        self.sorted_set = make(entries=entries, seed=seed)
        self.model = {}

    @rule(member=MEMBERS, score=SCORES)
    def add(self, member, score):
        self.sorted_set.add(member, score)
        self.model[member] = score

    @rule(member=MEMBERS)
    def remove(self, member):
        assert self.sorted_set.remove(member) == (self.model.pop(member, None) is not None)

    @rule(low=SCORES, high=SCORES, exclusive=st.booleans(), reverse=st.booleans())
    def ask_range(self, low, high, exclusive, reverse):
        bounds = ScoreRange(low, high, exclusive, exclusive)
        inside = [
            (member, score)
            for member, score in in_order(self.model)
            if (low < score < high if exclusive else low <= score <= high)
        ]
        assert self.sorted_set.count(bounds) == len(inside)
        assert list(self.sorted_set.walk(bounds, reverse)) == (inside[::-1] if reverse else inside)

    @rule(low=SCORES, exclusive=st.booleans())
    def delete_range(self, low, exclusive):
        gone = [
            m for m, score in self.model.items() if (low < score if exclusive else low <= score) and score < 1
        ]
        assert self.sorted_set.delete_range(ScoreRange(low, 1.0, exclusive, True)) == len(gone)
        for member in gone:
            del self.model[member]

    @rule(start=st.integers(0, 8), count=st.integers(0, 3))
    def delete_ranks(self, start, count):
        gone = in_order(self.model)[start : start + count]
        assert self.sorted_set.delete_ranks(start, len(gone)) == len(gone)
        for member, _ in gone:
            del self.model[member]

    @rule()
    def copy(self):
        original, self.sorted_set = self.sorted_set, self.sorted_set.copy()
        assert original.encoding == self.sorted_set.encoding
        original.add(b"only in the original", 1.0)

    @rule()
    def rebuild(self):
        old = self.sorted_set
        self.sorted_set = SortedSet.from_scores(self.model, old.encodings, old.random)

    @invariant()
    def same_story(self):
        self.sorted_set.check()
        expected = in_order(self.model)
        assert list(self.sorted_set) == expected
        assert len(self.sorted_set) == len(self.model)
        for rank, (member, score) in enumerate(expected):
            assert self.sorted_set.score(member) == score
            assert self.sorted_set.rank(member) == rank
            assert self.sorted_set.rank(member, reverse=True) == len(expected) - 1 - rank
        assert self.sorted_set.score(b"no such member") is None
        assert self.sorted_set.rank(b"no such member") is None
        assert self.sorted_set.slice(1, 2) == expected[1:3]
        assert self.sorted_set.slice(1, 2, reverse=True) == expected[::-1][1:3]
        for form in (self.sorted_set.form, self.sorted_set.form.copy()):  # which has decoded nothing yet
            for start, stop in ((1, 2), (-2, -1), (-9, 1), (2, 99), (0, -9)):
                rank, count = clamp(start, stop, len(expected))
                assert form.between(start, stop, False) == expected[rank : rank + count]
                assert form.between(start, stop, True) == expected[::-1][rank : rank + count]
        ranks = list(range(len(expected)))[::-2]
        assert self.sorted_set.at(ranks) == [expected[rank] for rank in ranks]


TestAgainstDict = AgainstDict.TestCase


@given(st.sets(MEMBERS, max_size=12), MEMBERS, MEMBERS, st.booleans())
def test_ranges_of_names_are_the_same_in_both_encodings(members, low, high, reverse):
    bounds = LexRange(low, high)
    inside = [(member, 0.0) for member in sorted(members) if low <= member <= high]
    for entries in (128, 0):
        sorted_set = make(((member, 0.0) for member in members), entries=entries)
        assert sorted_set.count(bounds) == len(inside)
        assert list(sorted_set.walk(bounds, reverse)) == (inside[::-1] if reverse else inside)
        assert sorted_set.delete_range(bounds) == len(inside)
        sorted_set.check()


# -- encodings -------------------------------------------------------------------------------------


def test_converts_at_the_129th_member_and_never_back():
    sorted_set = make((b"%d" % i, float(i)) for i in range(128))
    assert sorted_set.encoding == "listpack" and sorted_set.table is None
    sorted_set.add(b"128", 128.0)
    assert sorted_set.encoding == "skiplist" and len(sorted_set.table) == 129
    for i in range(120):
        sorted_set.remove(b"%d" % i)
    assert sorted_set.encoding == "skiplist"
    sorted_set.check()


@pytest.mark.parametrize(("length", "encoding"), [(64, "listpack"), (65, "skiplist")])
def test_converts_at_a_long_member(length, encoding):
    sorted_set = make([(b"a", 1.0), (b"m" * length, 2.0)])
    assert sorted_set.encoding == encoding
    assert SortedSet.from_scores(dict(sorted_set), Encodings(), random.Random(0)).encoding == encoding


def test_a_changed_score_converts_nothing():
    sorted_set = make(((b"%d" % i, float(i)) for i in range(5)), entries=5)
    sorted_set.add(b"3", -1.0)
    assert sorted_set.encoding == "listpack"
    assert sorted_set.slice(0, 2) == [(b"3", -1.0), (b"0", 0.0)]


def test_expecting_many_converts_before_they_come():
    sorted_set = make([(b"a", 0.1)])
    sorted_set.expect(128)
    assert sorted_set.encoding == "listpack"
    sorted_set.expect(129)
    assert sorted_set.encoding == "skiplist" and list(sorted_set) == [(b"a", 0.1)]


def test_the_bytes_of_a_listpack_are_members_and_scores_in_order():
    sorted_set = make([(b"bob", 20.0), (b"al", 0.5), (b"cid", 20.0)])
    assert list(sorted_set.form.listpack) == [b"al", b"0.5", b"bob", b"20", b"cid", b"20"]


def test_minus_zero_is_zero_in_a_listpack_only():
    assert math.copysign(1, make([(b"a", -0.0)]).score(b"a")) == 1
    assert math.copysign(1, make([(b"a", -0.0)], entries=0).score(b"a")) == -1


def test_a_learners_skip_list_can_be_plugged_in():
    class Counting(SkipList):
        inserted = 0

        def insert(self, score, member):
            Counting.inserted += 1
            return super().insert(score, member)

    sorted_set = make(((b"%d" % i, 1.0) for i in range(3)), entries=0, skiplist=Counting)
    assert Counting.inserted == 3
    assert type(sorted_set.form.skiplist) is type(sorted_set.copy().form.skiplist) is Counting


def test_copies_share_nothing():
    for entries in (128, 0):
        original = make([(b"a", 1.0), (b"b", 2.0)], entries=entries)
        duplicate = original.copy()
        duplicate.add(b"c", 3.0)
        duplicate.remove(b"a")
        assert list(original) == [(b"a", 1.0), (b"b", 2.0)]
        original.check()
        duplicate.check()


def test_memory_grows_with_members_and_shrinks_with_removals():
    for entries in (1000, 0):
        sorted_set = make([(b"member %d" % i, float(i)) for i in range(50)], entries=entries)
        before = sorted_set.memory_usage()
        for i in range(50, 100):
            sorted_set.add(b"member %d" % i, float(i))
        grown = sorted_set.memory_usage()
        assert grown > before
        sorted_set.delete_ranks(50, 50)
        assert before <= sorted_set.memory_usage() < grown
        assert sorted_set.copy().memory_usage() == sorted_set.memory_usage()


def test_a_listpack_is_several_times_smaller():
    members = [(b"member:%d" % i, float(i)) for i in range(100)]
    assert make(members).memory_usage() * 4 < make(members, entries=0).memory_usage()


# -- check() finds damage --------------------------------------------------------------------------


def test_check_finds_a_listpack_out_of_order():
    sorted_set = make([(b"a", 1.0), (b"b", 2.0)])
    assert type(sorted_set.form) is ListpackForm
    sorted_set.form.listpack.replace(1, b"3")
    with pytest.raises(AssertionError, match="order"):
        sorted_set.check()


def test_check_finds_a_list_and_a_table_that_disagree():
    sorted_set = make([(b"a", 1.0), (b"b", 2.0)], entries=0)
    assert type(sorted_set.form) is SkipListForm
    sorted_set.form.scores[b"b"] = 5.0
    with pytest.raises(AssertionError, match="list and table"):
        sorted_set.check()

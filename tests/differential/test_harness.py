"""The harness itself: it finds a planted fault, shrinks the way to it, and excuses only what may differ."""

from __future__ import annotations

import pytest

from tests.differential.grammar import Command, Grammar, Unit
from tests.differential.harness import Comparison, assert_same, find_mismatch, shrink
from tests.differential.pools import COMMON
from tests.differential.sides import MinidisSide
from tests.differential.wire import Reply

KEYS = [b"a", b"b", b"c"]
COUNTERS = Grammar("3 INCR key\n1 GET key\n1 DEL key\n1 SET key text", {**COMMON, "key": KEYS}, spoil_share=0)


class Faulty(MinidisSide):
    """Forgets, once a counter has come to 3, to count on."""

    name = "faulty"

    def run(self, commands: list[Command]) -> list[Reply]:
        replies = super().run(commands)
        stuck = (b":", b"4"), (b":", b"3")
        return [stuck[1] if reply == stuck[0] else reply for reply in replies]


def test_same_sides_agree() -> None:
    assert find_mismatch(MinidisSide(), MinidisSide(), COUNTERS.units(1, 500), KEYS, 2) is None


def test_planted_fault_is_shrunk_to_the_four_commands_that_show_it() -> None:
    units = COUNTERS.units(1, 500)
    mismatch = find_mismatch(MinidisSide(), Faulty(), units, KEYS, 2)
    assert mismatch
    mismatch = shrink(MinidisSide(), Faulty(), mismatch, KEYS, 2)
    counted = {command for unit in mismatch.units for command in unit}
    assert len(mismatch.units) == 4 and len(counted) == 1
    assert (mismatch.theirs, mismatch.ours) == ((b":", b"4"), (b":", b"3"))


def test_report_can_be_typed_again() -> None:
    with pytest.raises(AssertionError) as failure:
        assert_same(MinidisSide(), Faulty(), COUNTERS.units(1, 500), KEYS, 1, 3)
    report = str(failure.value)
    assert report.startswith("seed 1, RESP3: minidis and faulty part after these commands:")
    assert report.count("    INCR ") == 4
    assert report.endswith("minidis  :4\nfaulty   :3")


HASHTABLE, LISTPACK = [(b"$", b"hashtable")], [(b"$", b"listpack")]
AB, BA = (b"*", [(b"$", b"a"), (b"$", b"b")]), (b"*", [(b"$", b"b"), (b"$", b"a")])


@pytest.mark.parametrize(
    ("command", "theirs", "ours", "then", "excused"),
    [
        ((b"SMEMBERS", b"k"), AB, BA, HASHTABLE, True),
        ((b"SMEMBERS", b"k"), AB, BA, LISTPACK, False),
        ((b"LRANGE", b"k", b"0", b"-1"), AB, BA, [], False),
        ((b"SINTER", b"k", b"l"), AB, BA, [], True),
        ((b"SRANDMEMBER", b"k"), (b"$", b"a"), (b"$", b"b"), [], True),
        ((b"SRANDMEMBER", b"k"), (b"$", b"a"), (b"$", None), [], False),
        ((b"TTL", b"k"), (b":", b"100"), (b":", b"99"), [], True),
        ((b"TTL", b"k"), (b":", b"100"), (b":", b"-1"), [], False),
        ((b"GET", b"k"), (b"$", b"0.1"), (b"$", b"0.10000000000000001"), [], False),
        ((b"GET", b"k"), (b"-", b"ERR one thing"), (b"-", b"ERR another"), [], False),
        ((b"GET", b"k"), (b"$", b"1"), (b":", b"1"), [], False),
    ],
)
def test_only_what_may_differ_is_excused(
    command: Command, theirs: Reply, ours: Reply, then: list[Reply], excused: bool
) -> None:
    assert Comparison("some server", "minidis").excused(command, theirs, ours, then) == excused


def test_same_key_stands_for_the_first_argument_of_the_unit() -> None:
    grammar = Grammar("1 { SPOP key ; DEL same }", {"key": [b"a", b"b"]})
    units: list[Unit] = grammar.units(3, 20)
    assert all(pop[1] == delete[1] for pop, delete in units)
    assert {pop[1] for pop, _ in units} == {b"a", b"b"}

"""What a node knows of its cluster: slots, roles, failure reports, epochs."""

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from minidis.distributed.cluster.state import FAIL, MIGRATE_TO, MYSELF, PRIMARY, ClusterNode, ClusterState

LETTERS = "abcdef"


@pytest.fixture
def state() -> ClusterState:
    return ClusterState(ClusterNode("0" * 40, MYSELF | PRIMARY, created_ms=0))


def add(state: ClusterState, letter: str) -> ClusterNode:
    return state.add(ClusterNode(letter * 40, PRIMARY, created_ms=0))


def test_a_replica_joins_the_shard_of_its_primary(state):
    primary, replica = add(state, "a"), add(state, "b")
    replica.become_replica_of(primary)
    assert state.shards() == {"0" * 40: [state.myself], "a" * 40: [primary, replica]}
    assert primary.flags & MIGRATE_TO and primary.count_working_replicas() == 1
    replica.flags |= FAIL
    assert primary.count_working_replicas() == 0
    replica.become_primary()
    assert not primary.replicas and not primary.flags & MIGRATE_TO
    state.check()


def test_who_reports_a_failure_counts_once_and_not_for_ever(state):
    suspect, one, two = add(state, "a"), add(state, "b"), add(state, "c")
    assert suspect.report_failure(one, 1_000)
    assert not suspect.report_failure(one, 2_000)
    assert suspect.report_failure(two, 25_000)
    assert suspect.count_fail_reports(32_000, node_timeout_ms=15_000) == 2
    assert suspect.count_fail_reports(32_001, node_timeout_ms=15_000) == 1
    assert suspect.withdraw_failure(two) and not suspect.withdraw_failure(two)


def test_a_node_that_is_struck_out_leaves_no_trace(state):
    leaving, other, replica = add(state, "a"), add(state, "b"), add(state, "c")
    replica.become_replica_of(leaving)
    state.give(5, leaving)
    state.give(6, state.myself)
    state.migrating_to[6] = leaving
    other.report_failure(leaving, 0)
    state.remove(leaving)
    assert state.owners[5] is None and not state.migrating_to and not other.fail_reports
    assert replica.primary is None and replica.is_replica
    state.check()


def test_forgotten_for_a_minute(state):
    state.forget_for_a_while("a" * 40, until_ms=60_000)
    assert state.is_forgotten("a" * 40, 60_000)
    assert not state.is_forgotten("a" * 40, 60_001) and not state.forgotten


def test_an_epoch_of_our_own_is_above_all_others(state):
    other = add(state, "a")
    other.config_epoch = state.current_epoch = 7
    assert state.bump_epoch()
    assert state.myself.config_epoch == state.current_epoch == 8
    assert not state.bump_epoch()


class Views(RuleBasedStateMachine):
    """Whatever is done to a view, it never contradicts itself."""

    def __init__(self) -> None:
        super().__init__()
        self.state = ClusterState(ClusterNode("0" * 40, MYSELF | PRIMARY, created_ms=0))

    nodes = st.sampled_from(LETTERS)

    def node(self, letter: str) -> ClusterNode:
        return self.state.find(letter * 40) or add(self.state, letter)

    @rule(slot=st.integers(0, 9), letter=nodes)
    def give(self, slot: int, letter: str) -> None:
        self.state.give(slot, self.node(letter))
        assert self.state.owners[slot] is self.node(letter)

    @rule(slot=st.integers(0, 9))
    def take(self, slot: int) -> None:
        self.state.take(slot)
        assert self.state.owners[slot] is None

    @rule(slots=st.integers(0, 1023), letter=nodes)
    def give_set(self, slots: int, letter: str) -> None:
        self.state.give_set(slots, self.node(letter))
        assert slots & ~self.node(letter).slots == 0

    @rule(slots=st.integers(0, 1023))
    def take_set(self, slots: int) -> None:
        served = sum(node.slots for node in self.state.nodes.values())
        assert self.state.take_set(slots) == served & slots

    @rule(letter=nodes, other=nodes)
    def follow(self, letter: str, other: str) -> None:
        if letter != other:
            self.node(letter).become_replica_of(self.node(other))

    @rule(letter=nodes)
    def lead(self, letter: str) -> None:
        self.node(letter).become_primary()

    @rule(letter=nodes, other=nodes)
    def report(self, letter: str, other: str) -> None:
        self.node(letter).report_failure(self.node(other), 0)

    @rule(letter=nodes)
    def remove(self, letter: str) -> None:
        self.state.remove(self.node(letter))
        assert self.state.find(letter * 40) is None

    @invariant()
    def holds(self) -> None:
        self.state.check()


TestViews = Views.TestCase
TestViews.settings = settings(max_examples=40, stateful_step_count=30)

"""What exercises 13.3 and 13.4 stand on: Sentinels of a lab whose votes, or whose choice, are a learner's.

    with voting(Ballot): ...          every vote in the block is given by a Ballot
    with choosing(best_replica): ...  every promotion in the block is the learner's choice

Read next: minidis/distributed/sentinel/election.py and failover.py, after you have passed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple
from unittest import mock

from minidis.distributed.sentinel import election, failover


class Candidate(NamedTuple):
    """What a Sentinel knows of a replica; times are in milliseconds."""

    name: str
    run_id: str  # "": not known yet
    priority: int
    offset: int
    is_down: bool  # this Sentinel's opinion
    is_connected: bool
    heard_ms: int  # when it last answered a PING
    info_ms: int  # when its last INFO came
    link_down_ms: int  # how long its link to the primary has been down, as its INFO said


class Watched(NamedTuple):
    """What a Sentinel knows of the primary."""

    is_down: bool
    down_since_ms: int
    down_after_ms: int


@contextmanager
def voting(make: Callable[[dict], Any]) -> Iterator[None]:
    """Let a learner's ballots vote, one for each Sentinel; its memory outlives the Sentinel's process."""
    memories: dict[str, dict] = {}
    ballots: dict[int, Any] = {}  # by the Sentinel object: a restarted one is another

    def vote(sentinel: Any, primary: Any, epoch: int, candidate: str) -> tuple[str, int]:
        ballot = ballots.get(id(sentinel))
        if ballot is None:
            ballot = ballots[id(sentinel)] = make(memories.setdefault(sentinel.my_id, {}))
        if epoch > sentinel.current_epoch:
            sentinel.new_epoch(epoch, primary)
        before = primary.leader, primary.leader_epoch
        primary.leader, primary.leader_epoch = ballot.vote(candidate, epoch)
        if (primary.leader, primary.leader_epoch) != before:
            election.announce_vote(sentinel, primary)
        return primary.leader, primary.leader_epoch

    with mock.patch.object(election, "vote", vote):
        yield


def candidate_of(replica: Any) -> Candidate:
    return Candidate(
        replica.name,
        replica.run_id,
        replica.priority,
        replica.offset,
        replica.is_s_down,
        not replica.link.disconnected,
        replica.link.last_valid_ms,
        replica.info_ms,
        replica.link_to_primary_down_ms,
    )


def watched_of(primary: Any) -> Watched:
    return Watched(primary.is_s_down, primary.s_down_since_ms, primary.down_after_ms)


@contextmanager
def choosing(best_replica: Callable[[list[Candidate], Watched, int], Any]) -> Iterator[None]:
    """Let a learner's function choose whom to promote."""

    def best(sentinel: Any, primary: Any) -> Any:
        by_candidate = {candidate_of(replica): replica for replica in primary.replicas.values()}
        chosen = best_replica(list(by_candidate), watched_of(primary), sentinel.now_ms)
        return None if chosen is None else by_candidate[chosen]

    with mock.patch.object(failover, "best_replica", best):
        yield

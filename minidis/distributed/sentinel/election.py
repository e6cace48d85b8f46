"""Election: at most one leader for each epoch.

    epoch 7      s1 asks s2, s3, s4, s5:  vote for s1 in epoch 7?       s3 asks the others the same
                 s2 -> s1    s4 -> s1    s5 -> s3                       first come, first served
    s1 has s1, s2, s4: 3 of 5, a majority, and at least the quorum      s1 leads; s3 gives up in time

A Sentinel votes once in an epoch, writes that down before it says so, and asked again answers the same. Two
majorities would have a member in common, who would have voted twice: so there is one leader at most. There
may be none, when the votes split; then everyone waits a random time, and the next epoch decides.

A majority is one of all Sentinels that were *ever* met (until SENTINEL RESET), so that a minority behind a
partition can't forget the others and elect itself.

Mirrors: sentinel.c (`sentinelVoteLeader`, `sentinelGetLeader`).
Complexity: O(Sentinels).

>>> winner({"s1": 3, "s3": 1}, voters=5, quorum=2), winner({"s1": 2, "s3": 2}, voters=5, quorum=2)
('s1', '')
>>> winner({"s1": 3}, voters=5, quorum=4)
''

Read next: failover.py.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import TYPE_CHECKING

from minidis.distributed.sentinel.state import Primary

if TYPE_CHECKING:
    from minidis.distributed.sentinel.role import Sentinel

MOST_DESYNC_MS = 1_000
"""Up to so long, by lot, a failover is put off: so that rivals do not collide again and again."""


def vote(sentinel: Sentinel, primary: Primary, epoch: int, candidate: str) -> tuple[str, int]:
    """Vote for a candidate, or name the vote of before.  Whom this Sentinel has voted for, in which epoch."""
    if epoch > sentinel.current_epoch:
        sentinel.current_epoch = epoch
        sentinel.flush()
        sentinel.new_epoch(epoch, primary)
    if primary.leader_epoch < epoch and sentinel.current_epoch <= epoch:
        primary.leader, primary.leader_epoch = candidate, sentinel.current_epoch
        sentinel.flush()
        announce_vote(sentinel, primary)
    return primary.leader, primary.leader_epoch


def announce_vote(sentinel: Sentinel, primary: Primary) -> None:
    """Say whom this Sentinel has just voted for."""
    sentinel.announce("warning", "+vote-for-leader", f"{primary.leader} {primary.leader_epoch}", primary)
    if primary.leader != sentinel.my_id:  # let it try: no failover of our own for a while
        primary.failover.started_ms = sentinel.now_ms + sentinel.random.randrange(MOST_DESYNC_MS)


def leader(sentinel: Sentinel, primary: Primary, epoch: int) -> str:
    """Who has been elected in this epoch, as far as is known here; "" for nobody.  Votes itself, too."""
    votes = Counter(
        other.leader
        for other in primary.sentinels.values()
        if other.leader and other.leader_epoch == sentinel.current_epoch
    )
    favourite = max(votes, key=votes.__getitem__, default=sentinel.my_id)
    own, own_epoch = vote(sentinel, primary, epoch, favourite)
    if own and own_epoch == epoch:
        votes[own] += 1
    return winner(votes, len(primary.sentinels) + 1, primary.quorum)


def winner(votes: Mapping[str, int], voters: int, quorum: int) -> str:
    """Who has the majority of all voters, and `quorum` votes at least; "" for nobody."""
    best = max(votes, key=votes.__getitem__, default="")
    return best if best and votes[best] >= max(voters // 2 + 1, quorum) else ""

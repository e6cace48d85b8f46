"""The interview card that chapter 13 answers."""

from __future__ import annotations

from minidis.course.interview.cards import Card, add

add(
    Card(
        "AC9",
        (13,),
        "What is Redis Sentinel and what problem does it solve?",
        claim=(
            "Replication keeps copies but promotes nobody. Sentinels are separate processes that watch a "
            "primary, agree that it is down, elect one of them to promote the best replica, and tell clients "
            "the new address. Detection needs the quorum, an opinion count I configure; acting needs a "
            "majority of all known Sentinels, which I cannot configure away."
        ),
        evidence=(
            "Kill the primary with down-after 5 s: three times +sdown, +odown, votes in one epoch, "
            "+switch-master about six seconds later. Two Sentinels, quorum 1, one of them lost with the "
            "primary: +odown, and then -failover-abort-not-elected, for ever. A primary that was cut off "
            "with one client acknowledged twenty writes; after the heal none was left."
        ),
        caveat=(
            "It is no consensus on data: acknowledged writes are lost, min-replicas-to-write bounds how "
            "many. Clients must ask the Sentinels; a fixed address keeps writing to the old primary. "
            "failover-timeout is the pause between attempts (twice that), not the time of a failover; a "
            "short down-after makes failovers of healthy primaries."
        ),
        follow_up=(
            "Why never two leaders? One vote for each epoch, and any two majorities share a member. How "
            "many, and where? Three or five, on machines that do not fail together. And a Sentinel that "
            "slept through it? The higher configuration epoch in the others' hello wins."
        ),
    )
)

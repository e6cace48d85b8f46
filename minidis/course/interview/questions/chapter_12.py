"""The interview card that chapter 12 answers."""

from __future__ import annotations

from minidis.course.interview.cards import Card, add

add(
    Card(
        "AC8",
        (12,),
        "How does Redis replication work?",
        claim=(
            "A replica asks PSYNC with the history it knows and its offset. If the primary shares that "
            "history and still has the byte in its backlog, it sends what is missing (+CONTINUE); else a "
            "snapshot (+FULLRESYNC), which replaces everything the replica had. From then on it sends the "
            "effects of writes as one stream, asynchronously: OK means that one server has it in memory."
        ),
        evidence=(
            "Two replicas behind a wall: one came back within the backlog for a few kilobytes, the other got "
            "the whole dataset. Writes acknowledged while the link was cut were gone when the replica took "
            "over; with the replica's process merely stopped nothing was lost, since its kernel took the "
            "bytes. Reads at a replica missed the client's own write, and went backwards between two."
        ),
        caveat=(
            "WAIT tells how many replicas have it and undoes nothing; min-replicas-to-write bounds how long "
            "a lonely primary goes on. Nobody is promoted by replication alone. A primary without "
            "persistence that restarts empties its replicas. FLUSHALL is replicated too: it is no backup."
        ),
        follow_up=(
            "How large a backlog? Bytes written per second times the outage to survive. And why need the "
            "other replicas no full copy after a promotion? The new primary keeps the old history's id as "
            "its second one, good up to the offset at which it was promoted."
        ),
    )
)

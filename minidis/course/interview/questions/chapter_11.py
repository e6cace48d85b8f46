"""The interview card that chapter 11 answers."""

from __future__ import annotations

from minidis.course.interview.cards import Card, add

add(
    Card(
        "AC4",
        (11,),
        "What is the difference between RDB and AOF persistence?",
        claim=(
            "RDB is a snapshot of everything at one moment: compact, quick to load, and a crash costs what "
            "came since the last one. AOF is a log of every change, replayed at the start: with appendfsync "
            "always no acknowledged write is lost, with everysec about a second's, with no whatever the "
            "kernel held. Since 4.0 the log's base is itself a snapshot, so I run the log with everysec and "
            "keep snapshots as backups."
        ),
        evidence=(
            "Two hundred power cuts for each mode on a disk whose page cache and platter are apart: always "
            "lost nothing, everysec never more than a second's worth, no anything up to all. kill -9 lost "
            "nothing in any mode with a log, unless a slow sync made the node hold writes back: it is the "
            "wrong test. The snapshot's size followed the data, the log's the number of changes, until it "
            "was rewritten."
        ),
        caveat=(
            "A snapshot while clients write may need twice the memory (copy on write). everysec is two "
            "seconds on a busy disk. With the log on, dump.rdb is ignored at the start: appendonly yes put "
            "into the file of an RDB server brings it up empty; CONFIG SET it first. Neither protects from "
            "FLUSHALL: backups do."
        ),
        follow_up=(
            "How does a client know that its write is safe? WAITAOF 1 0, which answers at the next sync. "
            "And a log with a cut tail? It is loaded, a half transaction is dropped; damage in the middle "
            "is refused, and redis-check-aof says where."
        ),
    )
)

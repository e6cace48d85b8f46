"""The interview card that chapter 15 answers."""

from __future__ import annotations

from minidis.course.interview.cards import Card, add

add(
    Card(
        "AC6",
        (15,),
        "How would you implement caching with Redis?",
        claim=(
            "Cache-aside: GET; on a miss read the database and SET with a time to live that has jitter. On a "
            "change write the database, then delete the key and the reader's lease, so that a late reader "
            "can't put the old value back. One reader at a time renews, the others get the old value or wait "
            "a little. A short timeout, a breaker and a limited fallback for the day when Redis is gone."
        ),
        evidence=(
            "200 readers in one tick and an expired key: the guide's code asked the database 200 times; with "
            "a lock it is once, with an early refresh nobody waits for it. Of ten schedules of a reader and "
            "a writer, one leaves a stale value for a whole time to live; with a lease none of 1800 does. "
            "When Redis stood still, reads took as long as the outage without a timeout, and what "
            "the database takes with a breaker."
        ),
        caveat=(
            "A cached value is old by design: the time to live says how old. A writer that dies between the "
            "database and the DEL leaves a stale one until then. From 99 to 98 per cent of hits the database "
            "gets twice the load."
        ),
        follow_up=(
            "Users who don't exist (negative cache, short), write-through and its race of two writers, what "
            "JSON does to types, and which keys go first when memory is full (chapter 7)."
        ),
    )
)

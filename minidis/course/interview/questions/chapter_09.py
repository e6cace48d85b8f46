"""The interview card that chapter 9 answers."""

from __future__ import annotations

from minidis.course.interview.cards import Card, add

add(
    Card(
        "AC10",
        (9,),
        "How do you handle race conditions in Redis?",
        claim=(
            "Commands run one after the other, so a race is always between my commands. First I look for "
            "one command that does the whole change (INCR, SETNX, GETDEL). Where I must decide by what "
            "I read: WATCH, MULTI, EXEC with a second try on nil, or one Lua script. MULTI alone doesn't "
            "help, for it can't read."
        ),
        evidence=(
            "All schedules of two withdrawals, run: GET and SET lose money in 4 of 6, DECRBY and Lua in "
            "none, WATCH with a retry in none of 252. With three clients WATCH holds in all 438 million. "
            "Without the retry, or with WATCH on another connection of the pool, money is lost again."
        ),
        caveat=(
            "There is no rollback: an error in EXEC or in a script leaves what was done. WATCH compares "
            "no values: the same value, my own write and an expiry all make EXEC nil. A script blocks "
            "everybody, and declares its keys for the Cluster's sake."
        ),
        follow_up=(
            "Pipeline or transaction? A pipeline saves trips, others get in between; MULTI isolates. And "
            "a crash in the middle of EXEC? The log holds MULTI ... EXEC; a torn one is dropped when it "
            "is loaded: all or nothing."
        ),
    )
)

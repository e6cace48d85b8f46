"""The interview card that chapter 6 answers."""

from __future__ import annotations

from minidis.course.interview.cards import Card, add

add(
    Card(
        "AC13",
        (6,),
        "What is the difference between KEYS and SCAN, and which would you use?",
        claim=(
            "KEYS walks over all keys in one command, so everybody waits for it; SCAN answers a page and a "
            "cursor, and others are served in between. In production I use SCAN, or better, keep an index (a "
            "set of ids) so that no walk is needed."
        ),
        evidence=(
            "Twenty clients pinging beside it: KEYS over 20 000 keys made every ping of 8 ms wait, for "
            "ten matches; SCAN with COUNT 500 never more than 0.2 ms. With the table growing and "
            "shrinking under it, no key was ever missed, and some came twice: the cursor counts buckets "
            "from the highest bit down, so the halves of a split bucket stand where it stood."
        ),
        caveat=(
            "At least once, for keys that are there the whole time: duplicates happen, so use a set or "
            "idempotent work. An empty page is not the end, only cursor 0 is. COUNT is how much to look "
            "at, and a huge COUNT is KEYS again. Small collections come whole from SSCAN and HSCAN."
        ),
        follow_up=(
            "How would you delete a million keys? SCAN and UNLINK page by page: DEL frees big values "
            "while all wait. And on a Cluster? SCAN each primary; a cursor belongs to one node."
        ),
    )
)

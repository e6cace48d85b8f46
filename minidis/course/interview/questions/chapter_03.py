"""The interview card that chapters 3, 4 and 5 answer."""

from __future__ import annotations

from minidis.course.interview.cards import Card, add

add(
    Card(
        "AC2",
        (3, 4, 5),
        "What are the different Redis data structures and when would you use each?",
        claim=(
            "Choose by access pattern. String: a value, a counter, a cached object. List: a queue, a "
            "stack, a feed; quick at both ends, slow in the middle. Set: membership, uniqueness, "
            "intersections. Hash: an object whose fields change one by one. Sorted set: anything "
            "ranked or ordered by time. Bitmaps and HyperLogLogs are commands on strings: one bit per "
            "user, or a count in 12 KB. Streams: a log with consumer groups. Geo: a sorted set."
        ),
        evidence=(
            "I grew one of each from 1 to 1 000 members and watched OBJECT ENCODING: while small they "
            "are all one run of bytes (listpack, intset); past 512 fields, 128 members or 64 bytes "
            "they become hash tables and skip lists, for several times the memory: 512 integers took "
            "1 KB as an intset, and one word among them made it over 20 KB. TYPE of a bitmap or a "
            "HyperLogLog says string."
        ),
        caveat=(
            "Complexity depends on the encoding: HGET is O(1) in a hash table and a walk in a "
            "listpack, and the walk is the better deal while it is short. SMEMBERS, HGETALL and "
            "LRANGE 0 -1 are O(N) and hold up every other client. A list loses a popped job with its "
            "worker, unless LMOVE keeps it."
        ),
        follow_up=(
            "How do you see it in production? OBJECT ENCODING, MEMORY USAGE, redis-cli --bigkeys; "
            "then the thresholds (hash-max-listpack-entries ...) are a trade of memory for CPU. And: "
            "per-field expiry of hashes only exists since Redis 7.4."
        ),
    )
)

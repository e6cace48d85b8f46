"""Interview cards of chapter 1."""

from __future__ import annotations

from minidis.course.cards import Card, add

add(
    Card(
        "AC1",
        (1,),
        "What is Redis, and what is it used for?",
        claim="Redis is a server that keeps typed data structures in memory and runs commands on them one at a "
        "time: one thread, so every command is atomic and none needs a lock. It is used where a shared structure "
        "must answer in well under a millisecond: caches, sessions, counters and rate limits, leaderboards, queues.",
        evidence="I stepped its event loop: four clients, one thread, each command whole before the next. The same "
        "5,000 visitors took four structures and four prices, from hundreds of kilobytes as a set to 12 KB as "
        "a HyperLogLog, so I choose a use by the cost of its commands and its memory.",
        caveat="In memory is not the same as volatile, and not the same as endless: the shipped defaults save "
        "snapshots, with noeviction a full server refuses writes, and one O(N) command (KEYS) makes every other "
        "client wait.",
        follow_up="What happens to the other clients while KEYS runs on ten million keys, and what would you run "
        "instead?",
    )
)

add(
    Card(
        "AC3",
        (1, 8),
        "How is Redis different from Memcached?",
        claim="Memcached is a cache of opaque strings with many threads and an LRU for each slab class. Redis has "
        "typed structures with commands that work inside them, expiry per key, and ways to outlive a restart: "
        "persistence, replication, failover.",
        evidence="I ran the same jobs on both kinds: a top ten, an atomic list push, a restart and a copy fed from "
        "the journal. The memcached model failed each for want of a command, not of speed; but it used several "
        "cores, and its eviction is on from the start, where Redis's default refuses writes.",
        caveat="For plain get and set of small blobs on a machine with many cores, Memcached is simpler and scales "
        "up inside one process; Redis scales by more processes. Slabs waste the gap between an item and its "
        "class, but they cannot fragment.",
        follow_up="You need a cache of 200 GB of session blobs and nothing else: which of the two, and why?",
    )
)

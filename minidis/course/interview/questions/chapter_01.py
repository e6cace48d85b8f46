"""Interview cards of chapter 1."""

from __future__ import annotations

from minidis.course.interview.cards import Card, add

add(
    Card(
        "AC1",
        (1,),
        "What is Redis, and what is it used for?",
        claim="Redis is a server that keeps typed data structures in memory and runs commands on them one "
        "at a time: one thread, so each command is atomic and needs no lock. It is used where a "
        "shared structure must answer in well under a millisecond: caches, sessions, counters, rate "
        "limits, leaderboards, queues.",
        evidence="I stepped its event loop: four clients, one thread, each command whole before the next. "
        "And 5000 visitors counted four ways had four prices: a set of 260 KB knows them all, a "
        "HyperLogLog of 12 KB is half a percent off. I choose a use by the cost of its commands and "
        "its memory.",
        caveat="In memory is neither volatile nor endless: the shipped defaults save snapshots, a full "
        "server refuses writes (noeviction), and one O(N) command such as KEYS makes every other "
        "client wait.",
        follow_up="What do the other clients see while KEYS runs on ten million keys, and what would you run "
        "instead?",
    )
)

add(
    Card(
        "AC3",
        (1, 8),
        "How is Redis different from Memcached?",
        claim="Memcached is a cache of opaque strings: several threads, slab classes, an LRU for each. "
        "Redis has typed structures with commands that work inside them, and ways to outlive a "
        "restart: persistence, replication, failover.",
        evidence="I ran the same jobs on Redis and on a model of memcached: a top list, a queue with two "
        "workers, a restart, a copy on another node, a value of 2 MB. All five were Redis's. Going "
        "on when full was memcached's, because Redis's default is to refuse writes.",
        caveat="It is not about speed. For get and set of small blobs on a machine with many cores, "
        "memcached is simpler and scales inside one process; Redis scales by more processes. Slabs "
        "cannot fragment, but they waste what an item leaves of its chunk, and a page stays with its "
        "class.",
        follow_up="You need a cache of 200 GB of session blobs and nothing else: which of the two, and why?",
    )
)

"""The interview card of chapter 7."""

from __future__ import annotations

from minidis.course.interview.cards import Card, add

add(
    Card(
        "AE2",
        (7,),
        "Your Redis is full. What happens, and which eviction policy would you choose?",
        claim=(
            "By default writes fail: maxmemory-policy is noeviction, and on Linux maxmemory is 0, so the "
            "kernel may come first. A cache gets allkeys-lru, or allkeys-lfu when the same keys stay "
            "popular; the volatile policies only touch keys with a time to live, and fail like "
            "noeviction when there are none. State (locks, idempotency keys, queues) gets a "
            "node of its own with noeviction."
        ),
        evidence=(
            "I filled a node under each policy: lock, session and idempotency key were gone under "
            "allkeys-lru, and a second worker took the lock. I replayed five traces: in a loop a quarter "
            "larger than the cache LRU had a quarter of the hits of random; where popularity drifted it "
            "beat LFU by 3 points, where it was steady LFU led by 1.4. Under scans they were equal, until "
            "LFU never forgot (lfu-decay-time 0): 2 points more."
        ),
        caveat=(
            "LRU is approximated: maxmemory-samples keys (5) and a pool of 16; LFU is eight bits, "
            "logarithmic, one point lost per minute, new keys at 5. The check comes before a command, so "
            "one command can overshoot. Replicas do not evict, and their buffers do not count."
        ),
        follow_up=(
            "How do you see it in production? used_memory against maxmemory, evicted_keys, the hit rate "
            "from keyspace_hits and keyspace_misses, OBJECT FREQ and --hotkeys; an alarm before the "
            "limit, not at it."
        ),
    )
)

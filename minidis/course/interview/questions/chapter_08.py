"""The interview cards that chapter 8 answers."""

from __future__ import annotations

from minidis.course.interview.cards import Card, add

add(
    Card(
        "AC14",
        (8,),
        "How would you optimise Redis performance?",
        claim=(
            "I count before I change: round trips, connections, bytes, the server's own time. Then in that "
            "order: one client with its pool for the whole process, pipelines (in chunks) or MGET for what "
            "is asked together, the field and not the object, the structure that answers directly; last, "
            "commands that hold up the one thread."
        ),
        evidence=(
            "214 calls at 1 ms took 214 ms, of which the server worked 0.2; as a pipeline, one trip. A page "
            "with a client per request spent most of its trips on handshakes. A top ten by HGETALL moved "
            "thousands of times the bytes of ZREVRANGE. One KEYS on 205,000 keys held up everybody for 82 ms."
        ),
        caveat=(
            "redis-py's pipeline() is MULTI ... EXEC unless transaction=False; without it nothing is atomic, "
            "and an error in the middle stops nothing. A pipeline without end fills both sides' memory. "
            "redis.Redis() already pools."
        ),
        follow_up=(
            "And fewer trips than one? Client-side caching: CLIENT TRACKING, a message per key that I read "
            "and somebody changed. Forget all on a broken connection, and never store a value that was "
            "invalidated while its reply was under way."
        ),
    )
)

add(
    Card(
        "AC15",
        (8,),
        "How do you monitor Redis in production?",
        claim=(
            "Four questions, each with its gauge. Is it alive and in time: PING from outside, with latency "
            "percentiles. What holds it up: SLOWLOG, LATENCY, INFO commandstats by total time. Is there "
            "room: used_memory, rss, maxmemory, evicted_keys, hit rate. Who is connected: connected_clients, "
            "connections per second, omem in CLIENT LIST. Plus replication lag and the last save."
        ),
        evidence=(
            "I diagnosed broken nodes from these alone: 500 idle clients is a leak, thousands of connections "
            "received with few open is a client per request, a client with megabytes of omem does not read, "
            "evictions with a falling hit rate is a cache too small, OOM in errorstats a full node."
        ),
        caveat=(
            "The slow log has execution time only: who waited behind a KEYS is not in it. The latency "
            "monitor is off by default. MONITOR costs the server a good part of its throughput. Counters "
            "are since the start: alarm on their rate."
        ),
        follow_up=(
            "The slow log is empty and clients are slow: where next? Round trips and connections, the "
            "network, swap (rss below used), fork and fsync in LATENCY, CPU of a neighbour; "
            "redis-cli --intrinsic-latency measures the machine without Redis."
        ),
    )
)

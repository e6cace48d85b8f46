r"""What a spoken answer to each of the twenty questions must contain: four points, told by their words.

    judge("AC13", "KEYS walks the whole keyspace and blocks; SCAN has a cursor ...")

An interviewer listens for four things: the mechanism, the trap, a number or something you have *seen*, and
what you would do. A point counts if the answer says it in any of the usual words; an answer that takes longer
than a minute or so (150 words a minute) loses one.

It is a rubric for practice, not a judge of style: it cannot hear whether a sentence is true. So learn the
points from the card, say them aloud, and type what you said.

>>> judged = judge("AC13", "KEYS blocks everybody while it walks the whole keyspace.")
>>> judged.said, judged.missed
(('KEYS is O(N) and blocks',), ('SCAN goes by cursor', 'SCAN may repeat', 'keep KEYS away from production'))

Read next: gauntlet.py.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

WORDS_PER_MINUTE = 150
LONGEST_S = 100

_POINTS: dict[str, tuple[tuple[str, str], ...]] = {
    "AC1": (
        ("data structures in memory", r"structure"),
        ("one thread, commands one by one", r"one thread|single.thread|one at a time|event loop"),
        ("uses, by what they need", r"cache|session|counter|leaderboard|rate limit|queue"),
        ("what it costs or risks", r"O\(N\)|KEYS|noeviction|memory|RAM|refuse|full"),
    ),
    "AC2": (
        ("the basic types", r"(?s)(?=.*string)(?=.*list)(?=.*hash)(?=.*set)"),
        ("sorted sets and what they are for", r"sorted set|zset|rank|leaderboard"),
        ("bitmaps and HyperLogLog are strings", r"(bitmap|HyperLogLog|HLL).*string|string.*(bitmap|HLL)"),
        ("encodings change with size", r"listpack|intset|skip ?list|encoding|threshold|quicklist"),
    ),
    "AC3": (
        ("memcached is strings, several threads", r"thread"),
        ("Redis has structures", r"structure|type"),
        ("persistence, replication", r"persist|replica|restart|failover"),
        ("when memcached is right", r"slab|blob|simple|core|only a cache|evict|full"),
    ),
    "AC4": (
        ("RDB is a snapshot", r"snapshot|point.in.time|RDB"),
        ("AOF logs commands", r"log|append"),
        ("what a crash loses", r"los(e|es|t|ing|s)|second"),
        ("fsync, and the right test", r"fsync|power|page cache|everysec"),
    ),
    "AC5": (
        ("lazily, on access", r"lazy|lazily|access|read|asked for|touch"),
        ("actively, by sampling", r"sampl|cycle|active|ten times|hz"),
        ("memory may stay for a while", r"DBSIZE|stay|memory|still (there|counted|in)|later|not freed"),
        ("replicas wait for the primary's DEL", r"replica"),
    ),
    "AC6": (
        ("cache-aside with a TTL", r"cache.aside|read.*cache|miss|look.*cache"),
        ("stampede and its cure", r"stampede|thundering|lock|early|XFetch|single.?flight"),
        ("staleness, invalidation", r"stale|invalidat|delete|late writer|race"),
        ("jitter or negative caching, and what happens without Redis", r"jitter|negative|down|fallback|fail"),
    ),
    "AC7": (
        ("fire and forget", r"fire|at most once|no(body)? (memory|history)|not (kept|stored)|forget|listens"),
        ("what a disconnect loses", r"disconnect|gone|miss|los(t|e|es)|reconnect"),
        ("slow subscribers are cut off", r"slow|buffer|output"),
        ("Streams when it must arrive", r"stream|XREADGROUP|XACK|pending|list"),
    ),
    "AC8": (
        ("asynchronous", r"asynchron"),
        ("full and partial sync", r"PSYNC|partial|full|backlog"),
        ("acknowledged writes can be lost", r"los(t|e|es)|never (crossed|arriv)"),
        ("WAIT, min-replicas", r"WAIT|min-replicas|lag"),
    ),
    "AC9": (
        ("watches and fails over", r"promot|fail.?over"),
        ("quorum detects", r"quorum"),
        ("majority elects", r"majorit"),
        ("clients must ask, the old primary may lose writes", r"client|split|partition|lose|lost"),
    ),
    "AC10": (
        ("one command is atomic", r"atomic|INCR|DECRBY|one command|single command"),
        ("WATCH for optimistic locking", r"WATCH|optimistic"),
        ("Lua for check and change", r"Lua|script"),
        ("no rollback, or retries", r"rollback|roll back|retr|interleav|schedule|order"),
    ),
    "AC11": (
        ("16384 slots by CRC16", r"16,?384|CRC16|slot"),
        ("MOVED and ASK", r"MOVED|ASK"),
        ("multi-key needs hash tags", r"CROSSSLOT|tag|multi.?key|same slot"),
        ("failover by vote, and what it loses", r"majorit|vote|PFAIL|FAIL|epoch|election|los(e|t|es)"),
    ),
    "AC12": (
        ("SET NX with a TTL", r"NX"),
        ("an own id, released by a script", r"script|Lua|compare"),
        ("it may run out: pause", r"pause|run out|expire|late|TTL|time to live"),
        ("fencing or idempotency for correctness", r"fenc|token|idempoten"),
    ),
    "AC13": (
        ("KEYS is O(N) and blocks", r"block|O\(N\)|holds? up|every.* wait|stall|82 ms"),
        ("SCAN goes by cursor", r"cursor|page|incremental"),
        ("SCAN may repeat", r"twice|duplicate|repeat|more than once"),
        ("keep KEYS away from production", r"ACL|index|production|rename|own set|-keys|MATCH|COUNT"),
    ),
    "AC14": (
        ("count round trips first", r"round trip|trips"),
        ("pipeline or MGET", r"pipelin|MGET"),
        ("one client, one pool", r"pool|one client|connection"),
        ("pipeline() is MULTI by default, or chunks", r"MULTI|transaction|chunk"),
    ),
    "AC15": (
        ("memory and evictions", r"memory|evict"),
        ("slow log and LATENCY", r"SLOWLOG|slow log|LATENCY"),
        ("clients and connections", r"client|connection"),
        ("what a gauge does not show", r"execution time|off by default|MONITOR|rate|not in it|percentile"),
    ),
    "AC16": (
        ("the database's ends with its transaction", r"commit|rollback|transaction|connection"),
        ("Redis's ends by time", r"TTL|time to live|by time|expire"),
        ("lock and data are apart", r"elsewhere|apart|half.written|not .*(coupled|together)|separate"),
        ("blocking, deadlock, or when which", r"block|deadlock|NOWAIT|SKIP LOCKED|version|idle"),
    ),
    "AC17": (
        ("the work outlives the TTL", r"TTL|time to live|expire|run out|longer"),
        ("renewal", r"renew|heartbeat|extend|watchdog"),
        ("a renewal has its own trap", r"hung|hang|maximum|paus|for ever|forever"),
        ("a fence", r"fenc|token"),
    ),
    "AC18": (
        ("a key per request, reserved first", r"key|reserv|record"),
        ("a crash between effect and record", r"crash|die|between|twice|unknown"),
        ("the stored answer, the fingerprint", r"fingerprint|result|response|answer|same request|amount"),
        ("how long it lives, where it is kept", r"TTL|hours|evict|unique|database|outbox|gateway|provider"),
    ),
    "AC19": (
        ("majority of independent nodes", r"majorit"),
        ("validity: TTL less elapsed less drift", r"validity|drift|elapsed"),
        ("what it survives", r"surviv|stood|two (dead|nodes|of five|losses)|dead|one node's failure"),
        ("what breaks it: pause, clock, restart", r"paus|clock|restart|forget|fsync"),
    ),
    "AC20": (
        ("it runs out while one works", r"pause|run out|runs out|expire|TTL|time"),
        ("replication and restarts lose it", r"replica|failover|restart|asynchron|lost|forget"),
        ("two inside cannot be excluded", r"two|double|twice|schedule|both"),
        ("efficiency or correctness: fence", r"fenc|token|efficien|correct|idempoten"),
    ),
}  # fmt: skip

RUBRICS = {
    identifier: tuple((name, re.compile(words, re.IGNORECASE)) for name, words in points)
    for identifier, points in _POINTS.items()
}


@dataclass(frozen=True)
class Judgement:
    """Which points an answer has, and how long it takes to say."""

    said: tuple[str, ...]
    missed: tuple[str, ...]
    seconds: int

    @property
    def score(self) -> int:
        """A point for each thing said; one less for an answer that is too long."""
        return max(0, len(self.said) - (self.seconds > LONGEST_S))


def judge(identifier: str, spoken: str) -> Judgement:
    """Hold a spoken answer, as text, against the four points.  Raises LookupError for an unknown question."""
    if identifier not in RUBRICS:
        raise LookupError(f"no question {identifier!r}; there are AC1 to AC20")
    found = {name: words.search(spoken) is not None for name, words in RUBRICS[identifier]}
    return Judgement(
        tuple(name for name, is_there in found.items() if is_there),
        tuple(name for name, is_there in found.items() if not is_there),
        round(len(spoken.split()) * 60 / WORDS_PER_MINUTE),
    )

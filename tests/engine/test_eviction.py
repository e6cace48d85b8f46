"""Eviction: the policies and their pool, the limit and its errors, what others are told."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from minidis.drivers.embedded import Embedded
from minidis.engine.memory import access
from minidis.engine.memory.eviction import POOL_SIZE, Candidate, EvictionPool, Outcome
from minidis.protocol.replies import NULL_ARRAY, ReplyError

POLICIES = [f"{crowd}-{order}" for crowd in ("volatile", "allkeys") for order in ("lru", "lfu", "random")] + [
    "volatile-ttl"
]


def start(policy: str, seed: int = 1, **config: object) -> Embedded:
    return Embedded({"maxmemory-policy": policy, **config}, clock=1_700_000_000_000_000, seed=seed)


def fill(redis: Embedded, count: int, volatile_each: int = 1, size: int = 100) -> None:
    """Keys k0, k1 ... a second apart; every `volatile_each`th has a time to live, the later the longer."""
    for number in range(count):
        redis.jump(redis.now_us + 1_000_000)  # one leap: a step would take ten ticks
        redis.execute("SET", f"k{number}", "x" * size)
        if volatile_each and number % volatile_each == 0:
            redis.execute("EXPIRE", f"k{number}", 100_000 + number)


def limit_to(redis: Embedded, share: float) -> int:
    """Set the limit so that `share` of the keys' bytes fit; the limit."""
    memory = redis.node.memory
    limit = memory.used_bytes() - int(memory.dataset_bytes * (1 - share))
    redis.execute("CONFIG", "SET", "maxmemory", limit)
    return limit


def keys(redis: Embedded) -> set[bytes]:
    return set(redis.node.databases[0].table)


# ---- which keys go ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("policy", POLICIES)
def test_memory_is_below_the_limit_after_any_command(policy: str) -> None:
    redis = start(policy)
    fill(redis, 300)
    limit = limit_to(redis, 0.5)
    redis.execute("PING")
    assert redis.node.memory.used_bytes() <= limit
    assert len(keys(redis)) < 300
    assert redis.node.eviction.evicted_keys == 300 - len(keys(redis))
    redis.node.check()


@pytest.mark.parametrize("policy", [policy for policy in POLICIES if policy.startswith("volatile")])
def test_volatile_policies_leave_lasting_keys_alone(policy: str) -> None:
    redis = start(policy)
    fill(redis, 100, volatile_each=2)
    lasting = keys(redis) - set(redis.node.databases[0].expires)
    redis.execute("CONFIG", "SET", "maxmemory", 1)
    redis.execute("PING")
    assert keys(redis) == lasting
    with pytest.raises(ReplyError, match="OOM"):
        redis.execute("SET", "k", "v")


def test_the_pool_forgets_names_that_another_policy_put_there() -> None:
    redis = start("allkeys-lru")
    fill(redis, 30, volatile_each=3)
    limit_to(redis, 0.9)
    redis.execute("PING")
    assert any(c.key not in redis.node.databases[0].expires for c in redis.node.eviction.pool.candidates)
    lasting = keys(redis) - set(redis.node.databases[0].expires)
    redis.execute("CONFIG", "SET", "maxmemory-policy", "volatile-lru", "maxmemory", 1)
    redis.execute("PING")
    assert keys(redis) == lasting


def test_ttl_policy_lets_the_soonest_of_its_sample_go() -> None:
    redis = start("volatile-ttl", **{"maxmemory-samples": 64})
    fill(redis, 60)
    victims = []
    redis.node.eviction.listeners.append(lambda eviction: victims.append(eviction.key))
    limit_to(redis, 0.8)
    redis.execute("PING")
    assert victims == [b"k%d" % number for number in range(len(victims))] and victims


def test_keys_of_every_database_are_sampled() -> None:
    redis = start("allkeys-lru")
    for index in range(16):
        redis.execute("SELECT", index)
        redis.execute("SET", "k", "x" * 1000)
        redis.step(1)
    redis.execute("CONFIG", "SET", "maxmemory", redis.node.memory.used_bytes() - 1)
    redis.execute("PING")
    assert redis.node.eviction.last is not None
    assert (redis.node.eviction.last.database, redis.node.eviction.last.key) == (0, b"k")


def test_random_policy_visits_the_databases_in_turn() -> None:
    redis = start("allkeys-random")
    for index in range(3):
        redis.execute("SELECT", index)
        for number in range(20):
            redis.execute("SET", f"k{number}", "x" * 1000)
    visited = []
    redis.node.eviction.listeners.append(lambda eviction: visited.append(eviction.database))
    limit_to(redis, 0.8)
    redis.execute("PING")
    assert visited[:6] in ([1, 2, 0, 1, 2, 0], [0, 1, 2, 0, 1, 2], [2, 0, 1, 2, 0, 1])


def lru_overlap(samples: int, seed: int) -> float:
    """Half of 600 keys go: the share of those that true LRU would have chosen."""
    redis = start("allkeys-lru", seed, **{"maxmemory-samples": samples})
    fill(redis, 600, volatile_each=0, size=10)
    limit_to(redis, 0.5)
    redis.execute("PING")
    gone = {b"k%d" % number for number in range(600)} - keys(redis)
    oldest = {b"k%d" % number for number in range(len(gone))}
    return len(gone & oldest) / len(gone)


def test_more_samples_come_closer_to_true_lru() -> None:
    overlap = {samples: sum(lru_overlap(samples, seed) for seed in range(3)) / 3 for samples in (1, 5, 10)}
    assert overlap[1] < overlap[5] < overlap[10]
    assert overlap[5] > 0.85 and overlap[10] > 0.93, overlap


def test_a_key_in_use_outlives_the_others() -> None:
    for policy in ("allkeys-lru", "allkeys-lfu"):
        redis = start(policy)
        fill(redis, 200, volatile_each=0)
        for _ in range(50):
            redis.step(1)
            redis.execute("GET", "k0")
        limit_to(redis, 0.2)
        redis.execute("PING")
        assert b"k0" in keys(redis), policy


# ---- the pool --------------------------------------------------------------------------------------------


@given(st.lists(st.integers(0, 40), max_size=60))
def test_the_pool_holds_the_best_in_order(scores: list[int]) -> None:
    pool = EvictionPool()
    for score in scores:
        pool.offer(Candidate(score, 0, b"k"))
    assert [candidate.score for candidate in pool.candidates] == sorted(scores)[-POOL_SIZE:]


def test_a_view_sees_sample_pool_and_victim() -> None:
    redis = start("allkeys-lru")
    fill(redis, 50)
    limit_to(redis, 0.9)
    redis.execute("PING")
    last = redis.node.eviction.last
    assert last is not None and len(last.samples) == 5
    best = max([last.score, *(candidate.score for candidate in last.pool)])
    assert last.score == best and last.key not in keys(redis)


# ---- the limit and its errors ----------------------------------------------------------------------------


def test_errors_come_where_redis_gives_them() -> None:
    redis = start("noeviction")
    fill(redis, 10)
    redis.execute("CONFIG", "SET", "maxmemory", 1)
    with pytest.raises(ReplyError, match="^OOM command not allowed when used memory > 'maxmemory'.$"):
        redis.execute("APPEND", "k1", "x")
    assert redis.execute("GET", "k1") == b"x" * 100
    assert redis.execute("DEL", "k1") == 1  # what frees is never refused
    assert redis.execute("MULTI") == "OK"
    with pytest.raises(ReplyError, match="^OOM"):
        redis.execute("GET", "k2")  # even this would take room in the queue
    with pytest.raises(ReplyError, match="^EXECABORT Transaction discarded because of previous errors"):
        redis.execute("EXEC")


def test_an_exec_is_as_its_queue() -> None:
    redis = start("noeviction")
    redis.execute("MULTI")
    redis.execute("SET", "k", "v")
    other = redis.connect()
    redis.execute("CONFIG", "SET", "maxmemory", 1, client=other)
    with pytest.raises(ReplyError, match="^EXECABORT Transaction discarded because of: OOM command not"):
        redis.execute("EXEC")
    redis.execute("CONFIG", "SET", "maxmemory", 0)
    redis.execute("MULTI")
    redis.execute("DEL", "k")
    redis.execute("CONFIG", "SET", "maxmemory", 1, client=other)
    assert redis.execute("EXEC") == [0]


def test_a_lower_limit_acts_before_the_next_command() -> None:
    redis = start("allkeys-random")
    fill(redis, 100)
    redis.execute("CONFIG", "SET", "maxmemory", 1)
    assert redis.node.eviction.is_running
    redis.node.tick()
    assert not keys(redis) and not redis.node.eviction.is_running


def test_a_table_that_would_pass_the_limit_grows_only_when_it_is_much_too_small() -> None:
    redis = start("allkeys-random")
    redis.execute("DEBUG", "POPULATE", 64)
    memory, grew_at = redis.node.memory, []
    for count in range(65, 111):
        before = memory.used_bytes()
        redis.execute("CONFIG", "SET", "maxmemory", before + 1000)  # the next table takes 1024 bytes
        redis.execute("SET", f"k{count}", "")
        if memory.used_bytes() - before > 512:
            grew_at.append(count)
    assert grew_at == [104]  # more than 1.618 keys for each of 64 buckets
    assert len(keys(redis)) == 110


def test_a_replica_leaves_eviction_to_its_primary() -> None:
    redis = start("allkeys-lru")
    fill(redis, 20)
    redis.node.is_replica = True
    redis.execute("CONFIG", "SET", "maxmemory", 1)
    redis.execute("SET", "more", "data")
    assert len(keys(redis)) == 21
    redis.execute("CONFIG", "SET", "replica-ignore-maxmemory", "no")
    redis.execute("PING")
    assert not keys(redis)


def test_eviction_takes_only_so_long_at_a_time() -> None:
    redis = start("allkeys-lru")
    fill(redis, 100)
    frozen = redis.node.clock
    readings = iter(range(10**6))
    redis.node.clock = lambda: frozen() + 1000 * next(readings)  # every reading costs a millisecond
    redis.execute("CONFIG", "SET", "maxmemory", 1)
    assert redis.node.eviction.make_room() is Outcome.RUNNING
    assert len(keys(redis)) == 100 - 16
    assert redis.execute("SET", "more", "data") == "OK"  # while eviction goes on, nobody is refused
    redis.execute("CONFIG", "SET", "maxmemory-eviction-tenacity", 100)
    redis.node.tick()
    assert not keys(redis)
    assert redis.node.eviction.total_exceeded_us > 1000
    assert redis.node.eviction.current_exceeded_us > 0  # the base alone is over a limit of one byte


def test_others_are_told() -> None:
    redis = start("allkeys-lru")
    fill(redis, 3, volatile_each=0)
    entries: list[tuple[int, list[bytes]]] = []
    redis.node.journal.subscribe(lambda entry: entries.append((entry.database, entry.argv)))
    redis.execute("CONFIG", "SET", "notify-keyspace-events", "Ee")
    watcher = redis.connect()
    redis.execute("SUBSCRIBE", "__keyevent@0__:evicted", client=watcher)
    redis.execute("WATCH", "k0")
    redis.execute("CONFIG", "SET", "maxmemory", redis.node.memory.used_bytes() - 1)
    redis.execute("PING")
    assert entries == [(0, [b"DEL", b"k0"])]
    assert list(redis.wait(watcher)) == [b"message", b"__keyevent@0__:evicted", b"k0"]
    redis.execute("MULTI")
    assert redis.execute("EXEC") is NULL_ARRAY
    assert b"evicted_keys:1" in redis.execute("INFO", "stats")


def test_what_eviction_itself_writes_does_not_count_against_the_limit() -> None:
    redis = start("allkeys-lru")
    fill(redis, 10)
    redis.node.memory.add_part("replication.buffers", lambda: 10_000, grows_by_eviction=True)
    redis.execute("CONFIG", "SET", "maxmemory", redis.node.memory.used_bytes() - 10_000)
    redis.execute("PING")
    assert len(keys(redis)) == 10
    redis.node.memory.add_part("lua.caches", lambda: 300)
    redis.execute("PING")
    assert len(keys(redis)) < 10


# ---- the sum that is kept up -----------------------------------------------------------------------------

COMMANDS = st.sampled_from(
    [
        ("SET", "a", "x"), ("APPEND", "a", "y" * 40), ("DEL", "a"), ("EXPIRE", "a", "1"), ("PERSIST", "a"),
        ("SADD", "s", *map(str, range(600))), ("SADD", "s", "word"), ("SREM", "s", "1", "2", "3"),
        ("RPUSH", "l", *["element" * 9] * 300), ("LTRIM", "l", "1", "-2"), ("RENAME", "l", "m"),
        ("LPOP", "m"), ("FLUSHDB",),
        ("HSET", "h", "f", "v" * 100), ("HDEL", "h", "f"), ("ZADD", "z", "1", "m" * 70),
        ("ZREM", "z", "m" * 70),
        ("XADD", "x", "*", "f", "v"), ("XGROUP", "CREATE", "x", "g", "0", "MKSTREAM"), ("UNLINK", "s"),
        ("SWAPDB", "0", "1"), ("MOVE", "a", "1"), ("COPY", "s", "t", "REPLACE"), ("SELECT", "1"),
        ("SELECT", "0"), ("PFADD", "p", "1", "2"), ("SETBIT", "b", "9999", "1"), ("GETDEL", "a"),
    ]
)  # fmt: skip


@settings(deadline=None)
@given(st.lists(COMMANDS, max_size=40), st.integers(0, 40))
def test_the_sum_is_what_counting_anew_would_find(commands: list[tuple[str, ...]], start_at: int) -> None:
    redis = start("noeviction")
    for number, words in enumerate(commands):
        if number == start_at:
            redis.execute("CONFIG", "SET", "maxmemory", "1gb")
        try:
            redis.execute(*words)
        except ReplyError:
            pass
        redis.step(0.3)
    kept_up = redis.node.memory.dataset_bytes
    redis.execute("CONFIG", "SET", "maxmemory", "0")
    assert redis.node.memory.dataset_bytes == kept_up


# ---- how use is remembered -------------------------------------------------------------------------------


def test_idle_time_is_in_whole_seconds_of_24_bits() -> None:
    redis = Embedded(clock=900_000)
    redis.execute("SET", "k", "v")
    redis.step(0.2)
    assert redis.execute("OBJECT", "IDLETIME", "k") == 1  # the clock has ticked once
    redis.jump(((1 << 24) + 10) * 1_000_000)
    assert redis.execute("OBJECT", "IDLETIME", "k") == 10
    redis.execute("SET", "late", "v")
    redis.jump(((1 << 25) + 3) * 1_000_000)  # round once more: 3 is less than 10
    assert redis.execute("OBJECT", "IDLETIME", "late") == (1 << 24) - 1 - 10 + 3


def test_counter_rises_by_use_and_falls_by_the_minute() -> None:
    redis = start("allkeys-lfu")
    redis.execute("SET", "k", "v")
    assert redis.execute("OBJECT", "FREQ", "k") == access.LFU_INITIAL
    redis.execute("GET", "k")
    redis.execute("GET", "k")
    first = redis.execute("OBJECT", "FREQ", "k")
    assert first >= access.LFU_INITIAL + 1  # at 5 the chance is 1
    for _ in range(1000):
        redis.execute("APPEND", "k", "x")
    risen = redis.execute("OBJECT", "FREQ", "k")
    assert 10 <= risen <= 30
    redis.jump(redis.now_us + 180 * 1_000_000)
    assert redis.execute("OBJECT", "FREQ", "k") == risen - 3
    redis.execute("SET", "k", "new")  # the key keeps what it has earned
    assert redis.execute("OBJECT", "FREQ", "k") in (risen - 3, risen - 2)
    redis.execute("CONFIG", "SET", "lfu-decay-time", 0)
    redis.jump(redis.now_us + 6000 * 1_000_000)
    assert redis.execute("OBJECT", "FREQ", "k") in (risen - 3, risen - 2)


def test_a_policy_that_counts_can_be_switched_on_and_off() -> None:
    redis = start("allkeys-lru")
    redis.execute("SET", "old", "v")
    plain = type(redis.node.databases[0])
    redis.execute("CONFIG", "SET", "maxmemory-policy", "volatile-lfu")
    redis.step(120)
    assert redis.execute("OBJECT", "FREQ", "old") == access.LFU_INITIAL - 2
    with pytest.raises(ReplyError, match="An LFU maxmemory policy is selected, idle time not tracked"):
        redis.execute("OBJECT", "IDLETIME", "old")
    redis.execute("CONFIG", "SET", "maxmemory-policy", "noeviction")
    assert type(redis.node.databases[0]) is plain
    with pytest.raises(ReplyError, match="An LFU maxmemory policy is not selected"):
        redis.execute("OBJECT", "FREQ", "old")


def test_slow_evictions_are_latency_events() -> None:
    redis = start("allkeys-lru")
    fill(redis, 20)
    readings = iter(range(10**6))
    redis.node.stopwatch_ns = lambda: 3_000_000 * next(readings)  # every reading costs three milliseconds
    redis.execute("CONFIG", "SET", "latency-monitor-threshold", 1)
    limit_to(redis, 0.5)
    redis.execute("PING")
    names = {bytes(event[0]) for event in redis.execute("LATENCY", "LATEST")}
    assert {b"eviction-cycle", b"eviction-del"} <= names

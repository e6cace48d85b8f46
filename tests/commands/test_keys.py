"""Key commands: time, access, the journal. Replies are compared in tests/differential/test_keys.py."""

from __future__ import annotations

import pytest

from minidis.protocol.replies import ReplyError


def test_looking_leaves_no_trace_and_touch_does(redis):
    redis.execute("SET", "k", "v")
    redis.step(60)
    for words in [("EXISTS", "k"), ("TYPE", "k"), ("TTL", "k"), ("OBJECT", "ENCODING", "k")]:
        redis.execute(*words)
    assert redis.execute("OBJECT", "IDLETIME", "k") == 60
    assert redis.execute("TOUCH", "k", "missing") == 1
    assert redis.execute("OBJECT", "IDLETIME", "k") == 0


def test_looking_counts_as_a_hit_or_a_miss(redis):
    redis.execute("SET", "k", "v")
    for words in [("EXISTS", "k", "missing"), ("TYPE", "k"), ("TTL", "missing"), ("OBJECT", "REFCOUNT", "k")]:
        redis.execute(*words)
    redis.execute("MEMORY", "USAGE", "k")
    assert (redis.client.db.hits, redis.client.db.misses) == (3, 2)


def test_object_idletime_and_freq_ask_for_their_policies(redis):
    redis.execute("SET", "k", "v")
    with pytest.raises(ReplyError, match="An LFU maxmemory policy is not selected"):
        redis.execute("OBJECT", "FREQ", "k")
    redis.execute("CONFIG", "SET", "maxmemory-policy", "allkeys-lfu")
    with pytest.raises(ReplyError, match="An LFU maxmemory policy is selected, idle time not tracked"):
        redis.execute("OBJECT", "IDLETIME", "k")
    assert redis.execute("OBJECT", "FREQ", "missing") is None


def test_small_integers_are_shared_unless_eviction_needs_their_access_times(redis):
    redis.execute("MSET", "small", 9999, "large", 10_000, "text", "a")
    counts = [redis.execute("OBJECT", "REFCOUNT", key) for key in ("small", "large", "text")]
    assert counts == [2**31 - 1, 1, 1]
    redis.execute("CONFIG", "SET", "maxmemory-policy", "allkeys-lru", "maxmemory", "100mb")
    assert redis.execute("OBJECT", "REFCOUNT", "small") == 1


@pytest.mark.parametrize("move", [("RENAME", "k", "new"), ("COPY", "k", "new"), ("RENAMENX", "k", "new")])
def test_the_time_to_live_goes_with_the_value(redis, move):
    redis.execute("SET", "k", "v", "EX", 100)
    redis.step(10)
    redis.execute(*move)
    assert redis.execute("TTL", "new") == 90
    redis.execute("SET", "eternal", "v")
    redis.execute("RENAME", "eternal", "new")
    assert redis.execute("TTL", "new") == -1


def test_move_takes_the_key_to_another_database(redis):
    redis.execute("SET", "k", "v", "EX", 100)
    assert redis.execute("MOVE", "k", 3) == 1
    assert redis.execute("EXISTS", "k") == 0
    redis.execute("SELECT", 3)
    assert (redis.execute("GET", "k"), redis.execute("TTL", "k")) == (b"v", 100)
    redis.node.check()


def test_a_copy_is_independent(redis):
    for words in [("RPUSH", "l", "a"), ("SADD", "s", "a"), ("ZADD", "z", 1, "a"), ("HSET", "h", "f", "v")]:
        key, twin = words[1], f"{words[1]}2"
        redis.execute(*words)
        assert redis.execute("COPY", key, twin) == 1
        redis.execute("DEL", key)
        assert redis.execute("EXISTS", key, twin) == 1
    redis.execute("SET", "text", "x" * 50)
    redis.execute("APPEND", "text", "y")
    redis.execute("COPY", "text", "text2")
    redis.execute("APPEND", "text", "z")
    assert redis.execute("STRLEN", "text2") == 51
    redis.node.check()


def test_dead_keys_are_not_seen(redis):
    redis.node.active_expiry = False
    for number in range(20):
        redis.execute("SET", f"dead{number}", "v", "PX", 10)
    redis.execute("SET", "alive", "v")
    redis.step(1)
    assert redis.execute("KEYS", "*") == [b"alive"]
    assert redis.execute("DBSIZE") == 21
    assert redis.execute("RANDOMKEY") == b"alive"
    assert redis.execute("SCAN", 0, "COUNT", 100) == [b"0", [b"alive"]]
    assert redis.execute("DBSIZE") == 1
    assert redis.execute("DEL", "dead1") == 0


def test_scan_walks_over_all_keys_and_sifts(redis):
    for number in range(500):
        redis.execute("SET", f"user:{number}", number)
    redis.execute("RPUSH", "user:list", "a")
    redis.execute("SET", "other", 1)
    names, cursor = [], b"0"
    while True:
        cursor, page = redis.execute("SCAN", cursor, "MATCH", "user:*", "TYPE", "STRING", "COUNT", 20)
        names += page
        if cursor == b"0":
            break
    assert sorted(names) == sorted(b"user:%d" % number for number in range(500))


def test_randomkey_draws_them_all(redis):
    assert redis.execute("RANDOMKEY") is None
    redis.execute("MSET", "a", 1, "b", 2, "c", 3)
    assert {redis.execute("RANDOMKEY") for _ in range(60)} == {b"a", b"b", b"c"}


def test_memory_usage_grows_with_the_value(redis):
    assert redis.execute("MEMORY", "USAGE", "k") is None
    redis.execute("SET", "k", 1)
    small = redis.execute("MEMORY", "USAGE", "k")
    redis.execute("SET", "k", "x" * 1000)
    assert redis.execute("MEMORY", "USAGE", "k", "SAMPLES", 0) > small + 1000
    with pytest.raises(ReplyError, match="ERR syntax error"):
        redis.execute("MEMORY", "USAGE", "k", "SAMPLES", -1)


def test_the_journal_gets_what_was_typed(redis, journal):
    redis.execute("SET", "k", "v")
    redis.execute("RENAME", "k", "l")
    redis.execute("RENAME", "l", "l")
    redis.execute("COPY", "l", "m")
    redis.execute("COPY", "l", "m")
    redis.execute("DEL", "missing")
    redis.execute("UNLINK", "l", "m", "missing")
    assert journal == ["SET k v", "RENAME k l", "COPY l m", "UNLINK l m missing"]

"""What commands about the server count; their replies are compared in tests/differential."""

from __future__ import annotations

import pytest

from minidis.drivers.embedded import Embedded


@pytest.fixture
def redis() -> Embedded:
    return Embedded(clock=0, seed=1)


def info(redis: Embedded, section: str) -> dict[str, str]:
    text = redis.execute("INFO", section).decode()
    return dict(line.split(":", 1) for line in text.splitlines() if ":" in line)


def test_resetstat_forgets_counters_and_the_memory_peak(redis):
    redis.execute("SET", "large", "x" * 1_000_000)
    redis.execute("GET", "large")
    redis.execute("GET", "missing")
    before = info(redis, "memory")
    redis.execute("DEL", "large")
    assert info(redis, "memory")["used_memory_peak"] == before["used_memory_peak"]
    redis.execute("CONFIG", "RESETSTAT")
    memory, stats = info(redis, "memory"), info(redis, "stats")
    assert memory["used_memory_peak"] == memory["used_memory"] < before["used_memory"]
    assert (stats["keyspace_hits"], stats["keyspace_misses"]) == ("0", "0")


def test_a_memory_peak_that_nobody_looked_at(redis):
    redis.execute("SET", "large", "x" * 1_000_000)
    redis.step(2)
    redis.execute("DEL", "large")
    memory = info(redis, "memory")
    assert int(memory["used_memory_peak"]) > int(memory["used_memory"]) + 1_000_000


@pytest.mark.parametrize(
    ("command", "hits", "misses"),
    [
        ("PFMERGE a b", "2", "0"),  # the destination is a source as well
        ("PFMERGE new b missing", "1", "2"),
        ("PFCOUNT a missing", "1", "1"),
    ],
)
def test_hits_and_misses_of_hyperloglogs(redis, command, hits, misses):
    redis.execute("PFADD", "a", "1")
    redis.execute("PFADD", "b", "2")
    redis.execute(*command.split())
    stats = info(redis, "stats")
    assert (stats["keyspace_hits"], stats["keyspace_misses"]) == (hits, misses)


@pytest.mark.parametrize("line", ["FLUSHALL", "FLUSHALL SYNC", "FLUSHDB", "FLUSHDB ASYNC"])
def test_a_flush_of_nothing_is_repeated_by_replicas(redis, journal, line):
    redis.execute(*line.split())
    assert journal == [line]
    assert redis.node.changes == 0


def test_flushall_saves_the_empty_dataset(redis):
    redis.node.config.set({"save": "3600 1"})
    redis.execute("MSET", "a", 1, "b", 2)
    redis.execute("FLUSHALL")
    assert redis.node.saving.changes == 0
    assert redis.node.disk.size("dump.rdb") is not None

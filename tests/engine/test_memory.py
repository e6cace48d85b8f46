"""What INFO says of very many keys is worked out from some of them."""

from __future__ import annotations

from random import Random

import pytest

from minidis import Embedded
from minidis.distributed.replication.receiving import Receiver
from minidis.engine.durability.snapshots import REST_US
from minidis.engine.memory import ledger, weighing
from minidis.persistence.rdb_writer import write_snapshot
from minidis.protocol.replies import ReplyError
from minidis.structures.dicttable import DictTable
from minidis.values.string import String

MANY = 3000


@pytest.fixture(autouse=True)
def few_are_many(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ledger, "MOST_PASSED", 2000)
    monkeypatch.setattr(ledger, "MOST_WEIGHED", 100)


def test_of_very_many_keys_those_at_both_ends_speak_for_all() -> None:
    table = dict.fromkeys(range(MANY))
    keys = [key for key, _ in ledger.some_items(table)]
    assert sorted(keys) == [*range(50), *range(MANY - 50, MANY)]
    few = [key for key, _ in ledger.some_items(dict.fromkeys(range(1000)))]
    assert len(few) <= 100 and few[1] - few[0] == few[-1] - few[-2]


def test_of_a_table_that_holds_still_nobody_passes_over_many() -> None:
    """There each key that is passed is a look-up: 30 ms for 100,000."""
    table = DictTable((b"%d" % number, None) for number in range(1000))
    table.hold()
    table[b"new"] = None
    keys = [key for key, _ in ledger.some_items(table)]
    assert keys == [*(b"%d" % n for n in range(50)), b"new", *(b"%d" % n for n in range(999, 950, -1))]
    table.let_go()
    assert len({key for key, _ in ledger.some_items(table)}) == 91


def test_few_that_hold_still_are_all_weighed() -> None:
    table = DictTable((b"%d" % number, None) for number in range(60))
    table.hold()
    assert [key for key, _ in ledger.some_items(table)] == list(table)


def test_info_of_very_many_keys() -> None:
    redis = Embedded(clock=0)
    database = redis.node.databases[0]
    for number in range(MANY):
        key = b"k%06d" % number
        database.table[key] = String(b"value")
        database.expires[key] = 1000 + 2000 * (number & 1)
    assert f"db0:keys={MANY},expires={MANY},avg_ttl=2000".encode() in redis.execute("INFO", "keyspace")
    estimated = redis.node.memory.dataset_bytes
    redis.execute("CONFIG", "SET", "maxmemory", "1gb")  # from now on every key is counted
    assert redis.node.memory.dataset_bytes == estimated


# ---- a first limit for very many keys --------------------------------------------------------------------


def with_unweighed_keys(count: int = MANY) -> Embedded:
    """A node that works as a server does, with keys of different sizes and no limit so far."""
    redis = Embedded(clock=0)
    redis.node.works_at_once = False
    for number in range(count):
        redis.execute("SET", f"k{number}", "x" * (number % 300))
    return redis


def exact_bytes(redis: Embedded) -> int:
    """What the keys weigh, by a walk over all of them."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ledger, "MOST_PASSED", 1 << 60)
        patch.setattr(ledger, "MOST_WEIGHED", 1 << 60)
        return ledger.MemoryLedger(redis.node).dataset_bytes


def test_a_first_limit_weighs_the_keys_by_and_by(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(weighing, "KEYS_A_TURN", 100)
    redis = with_unweighed_keys()
    ledger, exact = redis.node.memory, exact_bytes(redis)
    redis.execute("CONFIG", "SET", "maxmemory", "1gb")
    turns = 0
    while not redis.node.memory.is_exact:
        assert ledger.weighed(redis.node.databases[0]) <= (turns + 1) * 100
        assert abs(ledger.dataset_bytes - exact) < exact / 10, "meanwhile it is told about"
        redis.step(REST_US / 1e6)
        turns += 1
    assert turns >= MANY // 100 - 1 and ledger.dataset_bytes == exact


def test_a_clock_that_is_put_back_does_not_stop_the_weighing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(weighing, "KEYS_A_TURN", 100)
    redis = with_unweighed_keys()
    redis.step(7200)
    redis.execute("CONFIG", "SET", "maxmemory", "1gb")
    redis.step(REST_US / 1e6)
    redis.jump(0)
    redis.step(1)
    assert redis.node.memory.is_exact


@pytest.mark.parametrize("seed", range(2))
def test_whatever_happens_meanwhile_the_sum_is_the_exact_one(
    seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(weighing, "KEYS_A_TURN", 40)
    redis, random = with_unweighed_keys(600), Random(seed)
    redis.execute("MSET", *(word for n in range(50) for word in (f"other{n}", n)))
    redis.execute("CONFIG", "SET", "maxmemory", "1gb")
    happenings = [
        lambda key: ("SET", key, "y" * random.randrange(500)),
        lambda key: ("DEL", key),
        lambda key: ("UNLINK", key),
        lambda key: ("APPEND", key, "more"),
        lambda key: ("EXPIRE", key, 1),
        lambda key: ("RENAME", key, "renamed" + key),
        lambda key: ("SWAPDB", 0, 1),
        lambda key: ("COPY", key, key, "DB", 3),
    ]
    turns = 0
    while not redis.node.memory.is_exact:
        for _ in range(5):
            words = random.choice(happenings)(f"k{random.randrange(800)}")
            try:
                redis.execute(*words)
            except ReplyError as error:
                assert "no such key" in str(error)
        redis.step(REST_US / 1e6)
        turns += 1
    assert turns > 10
    assert redis.node.memory.dataset_bytes == exact_bytes(redis) > 0


def test_a_flush_ends_it_and_so_does_the_end_of_the_limit() -> None:
    for words in (("FLUSHALL",), ("FLUSHALL", "ASYNC"), ("CONFIG", "SET", "maxmemory", "0")):
        redis = with_unweighed_keys()
        idle = len(redis.node.services)
        redis.execute("CONFIG", "SET", "maxmemory", "1gb")
        redis.step(REST_US / 1e6)
        assert not redis.node.memory.is_exact
        redis.execute(*words)
        redis.step(1)
        assert redis.node.memory.is_exact == (words[0] == "FLUSHALL") and len(redis.node.services) == idle
        assert (redis.node.memory.dataset_bytes == 0) == (words[0] == "FLUSHALL")


def test_no_key_is_lost_to_a_guess(monkeypatch: pytest.MonkeyPatch) -> None:
    """The keys at both ends are large: all seem to be, and to be too many. There is room for all of them."""
    monkeypatch.setattr(weighing, "KEYS_A_TURN", 100)
    redis = Embedded({"maxmemory-policy": "allkeys-lru"}, clock=0)
    redis.node.works_at_once = False
    for number in range(MANY):
        redis.execute("SET", f"k{number}", "x" * (1 if 100 < number < MANY - 100 else 5000))
    limit = ledger.BASE_BYTES + exact_bytes(redis) + 100_000
    redis.execute("CONFIG", "SET", "maxmemory", limit)
    assert redis.node.memory.used_bytes() > limit, "a guess, as INFO tells it"
    while not redis.node.memory.is_exact:
        redis.execute("GET", "k0")
        redis.step(REST_US / 1e6)
    assert redis.execute("DBSIZE") == MANY and redis.node.memory.used_bytes() <= limit


def test_a_limit_that_is_passed_is_kept_when_the_keys_are_weighed() -> None:
    redis = with_unweighed_keys()
    redis.execute("CONFIG", "SET", "maxmemory-policy", "allkeys-random")
    limit = ledger.BASE_BYTES + exact_bytes(redis) // 2
    redis.execute("CONFIG", "SET", "maxmemory", limit)
    redis.step(1)
    assert redis.node.memory.used_bytes() <= limit and 0 < redis.execute("DBSIZE") < MANY
    assert redis.node.memory.dataset_bytes == exact_bytes(redis)


def test_what_a_replica_has_received_is_weighed_by_and_by() -> None:
    """It takes the place of the old data in one step, whatever its size: also where a limit is set."""
    primary, replica = with_unweighed_keys(), Embedded({"maxmemory": "1gb"}, clock=0)
    replica.node.works_at_once = False
    replica.execute("SET", "old", "data")
    payload = b"".join(write_snapshot(primary.node.databases))
    receiver = Receiver(replica.node, size_bytes=len(payload))
    assert receiver.feed(payload) == b""
    receiver.install()
    assert not replica.node.memory.is_exact and replica.execute("EXISTS", "old") == 0
    replica.step(1)
    assert replica.node.memory.is_exact
    assert replica.node.memory.dataset_bytes == exact_bytes(replica) == exact_bytes(primary)

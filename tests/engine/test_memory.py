"""What INFO says of very many keys is worked out from some of them."""

from __future__ import annotations

import pytest

from minidis import Embedded
from minidis.engine import memory
from minidis.values.string import String

MANY = 3000


@pytest.fixture(autouse=True)
def few_are_many(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "MOST_PASSED", 2000)
    monkeypatch.setattr(memory, "MOST_WEIGHED", 100)


def test_of_very_many_keys_those_at_both_ends_speak_for_all() -> None:
    table = dict.fromkeys(range(MANY))
    keys = [key for key, _ in memory.some_items(table)]
    assert sorted(keys) == [*range(50), *range(MANY - 50, MANY)]
    few = [key for key, _ in memory.some_items(dict.fromkeys(range(1000)))]
    assert len(few) <= 100 and few[1] - few[0] == few[-1] - few[-2]


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

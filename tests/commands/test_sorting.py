"""SORT: the join by patterns, keys, the journal. Replies are compared in tests/differential/test_keys.py."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from minidis.commands.sorting import finder
from minidis.drivers.embedded import Embedded
from minidis.engine.command_table.keyaccess import keys_of_request
from minidis.engine.command_table.registry import COMMANDS


def test_the_headers_example(redis):
    redis.execute("SADD", "users", "ann", "bob")
    redis.execute("MSET", "age:ann", 41, "age:bob", 29)
    redis.execute("HSET", "user:ann", "city", "Rome")
    redis.execute("HSET", "user:bob", "city", "Bern")
    words = ["users", "BY", "age:*", "GET", "#", "GET", "user:*->city"]
    assert redis.execute("SORT", *words) == [b"bob", b"Bern", b"ann", b"Rome"]
    assert redis.execute("SORT_RO", *words, "DESC", "LIMIT", 0, 1) == [b"ann", b"Rome"]


@given(
    st.lists(st.floats(-1e6, 1e6, allow_subnormal=False)),
    st.integers(-2, 6),
    st.integers(-2, 6),
    st.booleans(),
)
def test_numbers_in_order_within_a_limit(numbers, offset, count, descending):
    redis = Embedded(clock=0)
    if numbers:
        redis.execute("RPUSH", "l", *map(repr, numbers))
    order = "DESC" if descending else "ASC"
    found = [float(number) for number in redis.execute("SORT", "l", "LIMIT", offset, count, order)]
    start = max(offset, 0)
    expected = sorted(numbers, reverse=descending)[start:]
    assert found == (expected if count < 0 else expected[:count])


def test_patterns(redis):
    redis.execute("MSET", "w_1", "one", "w_1_x", "suffix")
    redis.execute("HSET", "h_1", "f", "field", "a->b", "arrow")
    found = [
        finder(redis.client, pattern)(b"1")
        for pattern in (b"#", b"w_*", b"w_*_x", b"h_*->f", b"h_*->a->b", b"h_*->", b"h_*", b"w_1", b"w_*->f")
    ]
    assert found == [b"1", b"one", b"suffix", b"field", b"arrow", None, None, None, None]


def test_store_makes_a_list_and_an_empty_result_deletes(redis, journal):
    redis.execute("SADD", "s", 3, 1, 2)
    redis.execute("SET", "destination", "x", "EX", 100)
    assert redis.execute("SORT", "s", "STORE", "destination") == 3
    assert redis.execute("LRANGE", "destination", 0, -1) == [b"1", b"2", b"3"]
    assert redis.execute("TTL", "destination") == -1
    assert redis.execute("SORT", "missing", "STORE", "destination") == 0
    assert redis.execute("EXISTS", "destination") == 0
    redis.execute("SORT", "s")
    redis.execute("SORT", "missing", "STORE", "destination")
    assert journal[2:] == ["SORT s STORE destination", "SORT missing STORE destination"]


@pytest.mark.parametrize(
    ("line", "keys"),
    [
        ("SORT k", "k"),
        ("SORT k STORE d", "k d"),
        ("SORT k BY store GET store STORE d", "k d"),
        ("SORT k STORE d STORE e LIMIT 0 1", "k e"),
        ("SORT_RO k BY w", "k"),
    ],
)
def test_key_finder(line, keys):
    argv = line.encode().split()
    found = keys_of_request(COMMANDS.find(argv), argv)
    assert [argv[position] for position, _ in found] == keys.encode().split()

"""SCAN and its kin, by commands: the promise while other clients write, pages, options, complaints."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from minidis.drivers.embedded import Embedded
from minidis.protocol.replies import ReplyError
from minidis.structures.dicttable import DictTable
from minidis.structures.hashtable import HashTable


def scan(redis, *words, cursor=b"0"):
    """All elements of a walk, with their repetitions, and its pages."""
    name, *rest = words
    key = rest[:1] if name != "SCAN" else []
    pages = []
    while True:
        cursor, page = redis.execute(name, *key, cursor, *rest[len(key) :])
        pages.append(page)
        if cursor == b"0":
            return [element for page in pages for element in page], pages


ADD = {"SCAN": "SET {0} x", "SSCAN": "SADD c {0}", "HSCAN": "HSET c {0} {0}", "ZSCAN": "ZADD c 1 {0}"}
DELETE = {"SCAN": "DEL {0}", "SSCAN": "SREM c {0}", "HSCAN": "HDEL c {0}", "ZSCAN": "ZREM c {0}"}


@pytest.mark.parametrize("table", [HashTable, DictTable])
@pytest.mark.parametrize("name", ADD)
@settings(max_examples=25)
@given(
    start=st.integers(100, 200),
    writes=st.lists(st.tuples(st.booleans(), st.sampled_from([1, 30, 200])), max_size=8),
    count=st.integers(1, 30),
)
def test_what_stays_is_returned(name, table, start, writes, count):
    config = {f"{kind}-max-listpack-entries": 4 for kind in ("set", "hash", "zset")}
    redis = Embedded(config, clock=0, seed=1, table=table)
    redis.node.encodings.hashtable = table

    def write(template, member):
        redis.execute(*template[name].format(member).split())

    members = [f"m{n}" for n in range(start)]
    for member in members:
        write(ADD, member)
    staying = {member.encode() for member in members[::20]}
    going = [member for member in members if member.encode() not in staying]
    key = [] if name == "SCAN" else ["c"]
    cursor, found = redis.execute(name, *key, 0, "COUNT", count)
    for growing, amount in writes:
        if cursor == b"0":
            break
        for number in range(amount):
            if growing:
                write(ADD, f"new{number}-{len(found)}")
            elif going:
                write(DELETE, going.pop())
        cursor, page = redis.execute(name, *key, cursor, "COUNT", count)
        found += page
    if cursor != b"0":
        found += scan(redis, name, *key, cursor=cursor)[0]
    assert staying <= set(found)


def test_a_small_collection_comes_in_one_page():
    redis = Embedded(clock=0)
    redis.execute("SADD", "numbers", *range(300))
    redis.execute("SADD", "words", *(f"w{n}" for n in range(100)))
    redis.execute("HSET", "hash", *range(400))
    assert redis.execute("SSCAN", "numbers", 0, "COUNT", 1)[1] == [b"%d" % n for n in range(300)]
    assert redis.execute("SSCAN", "words", 17)[1] == [b"w%d" % n for n in range(100)], "any cursor"
    assert redis.execute("HSCAN", "hash", 0, "COUNT", 1) == [b"0", [b"%d" % n for n in range(400)]]
    assert redis.execute("HSCAN", "hash", 0, "MATCH", "38[02]")[1] == [b"380", b"381", b"382", b"383"]


def test_count_is_met_by_whole_buckets_and_match_sifts_afterwards():
    redis = Embedded(clock=0)
    redis.execute("SADD", "s", *(f"m{n}" for n in range(1000)))
    elements, pages = scan(redis, "SSCAN", "s", "COUNT", "20")
    assert sorted(elements) == sorted(redis.execute("SMEMBERS", "s")), "at rest each comes once"
    assert all(20 <= len(page) < 40 for page in pages[:-1])
    elements, pages = scan(redis, "SSCAN", "s", "MATCH", "m7?", "COUNT", "20")
    assert sorted(elements) == [b"m%d" % n for n in range(70, 80)]
    assert [] in pages[:-1], "an empty page is not the end"


def test_a_sparse_table_is_left_after_ten_buckets_per_count():
    redis = Embedded(clock=0)
    redis.execute("SADD", "s", *(f"m{n}" for n in range(1000)))
    value = redis.node.databases[0].table[b"s"]
    for number in range(999):  # behind the value's back: no step of the shrinking is taken
        value.form.table.discard(b"m%d" % number)
    visits = []
    real_scan = type(value.form.table).scan

    class Spy(type(value.form.table)):
        __slots__ = ()

        def scan(self, cursor):
            visits.append(cursor)
            return real_scan(self, cursor)

    value.form.table.__class__ = Spy
    redis.execute("SSCAN", "s", 0, "COUNT", 2)
    assert 0 < len(visits) <= 21


@pytest.mark.parametrize("name", ["SSCAN", "HSCAN", "ZSCAN"])
def test_the_order_of_complaints(name):
    redis = Embedded(clock=0)
    redis.execute("SET", "text", "x")
    redis.execute("SADD", "SSCAN", "a")
    redis.execute("HSET", "HSCAN", "a", 1)
    redis.execute("ZADD", "ZSCAN", 1, "a")
    for words, error in [
        ("text bad BOGUS", "ERR invalid cursor"),
        ("text 0 BOGUS", "WRONGTYPE Operation against a key holding the wrong kind of value"),
        (f"{name} 0 BOGUS", "ERR syntax error"),
        (f"{name} 0 TYPE set", "ERR syntax error"),
        (f"{name} 0 MATCH", "ERR syntax error"),
        (f"{name} 0 COUNT 0", "ERR syntax error"),
        (f"{name} 0 COUNT x", "ERR value is not an integer or out of range"),
    ]:
        with pytest.raises(ReplyError) as raised:
            redis.execute(name, *words.split())
        assert str(raised.value) == error
    assert redis.execute(name, "missing", 0, "BOGUS") == [b"0", []], "of a missing key no option is read"
    assert redis.execute(name, name, 0, "COUNT", 5, "MATCH", "x*", "match", "a")[1][0] == b"a", (
        "the last counts"
    )

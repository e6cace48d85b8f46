"""Places in a sorted set: what the journal and other commands see of them.

The replies are compared with real servers in tests/differential/test_geo.py.
"""

from __future__ import annotations

import pytest

from minidis.drivers.embedded import Embedded
from minidis.protocol.replies import NULL_ARRAY, ReplyError
from minidis.structures.skiplist import SkipListNode


@pytest.fixture
def redis():
    redis = Embedded(clock=0, seed=1)
    redis.execute("GEOADD", "Sicily", 13.361389, 38.115556, "Palermo", 15.087269, 37.502669, "Catania")
    return redis


def test_a_place_is_a_member_and_its_hash_the_score(redis):
    assert redis.execute("TYPE", "Sicily") == "zset"
    assert redis.execute("ZSCORE", "Sicily", "Palermo") == 3479099956230698.0
    assert redis.execute("ZREM", "Sicily", "Palermo") == 1
    assert redis.execute("GEOPOS", "Sicily", "Palermo") == [NULL_ARRAY]


def test_the_journal_gets_a_zadd_and_only_for_a_change(redis):
    entries = []
    redis.node.journal.subscribe(lambda entry: entries.append(entry.argv))
    redis.execute("GEOADD", "Sicily", "XX", "CH", 13.361389, 38.115556, "Palermo")
    assert entries == []
    redis.execute("GEOADD", "Sicily", "NX", 14.0, 37.5, "Enna")
    assert entries == [
        [b"ZADD", b"Sicily", b"NX", b"%d" % redis.execute("ZSCORE", "Sicily", "Enna"), b"Enna"]
    ]


def test_a_place_outside_the_map_changes_nothing(redis):
    with pytest.raises(ReplyError, match="ERR invalid longitude,latitude pair 13.000000,86.000000"):
        redis.execute("GEOADD", "Sicily", 14, 37, "Enna", 13, 86, "North")
    assert redis.execute("ZCARD", "Sicily") == 2


def test_count_alone_means_the_nearest(redis):
    redis.execute("GEOADD", "Sicily", 15.0, 37.4, "near", 14.9, 37.3, "farther")
    search = ("GEOSEARCH", "Sicily", "FROMMEMBER", "Catania", "BYRADIUS", 300, "km")
    assert redis.execute(*search, "COUNT", 2) == [b"Catania", b"near"]
    assert redis.execute(*search, "DESC", "COUNT", 1) == [b"Palermo"]
    assert len(redis.execute(*search, "COUNT", 3, "ANY")) == 3


def test_any_walks_no_further_than_to_as_many_as_are_wanted(redis):
    redis.execute("GEOADD", "map", *(word for n in range(1000) for word in (n / 10, 0, f"place:{n}")))
    looks = []

    class Spy(SkipListNode):
        __slots__ = ()

        @property
        def member(self):
            looks.append(self)
            return SkipListNode.member.__get__(self)

    node = redis.node.databases[0].table[b"map"].form.skiplist.header.forward[0]
    while node is not None:
        node.__class__, node = Spy, node.forward[0]
    search = ("GEOSEARCH", "map", "FROMLONLAT", 50, 0, "BYRADIUS", 9000, "km", "COUNT", 2)
    assert len(redis.execute(*search, "ANY")) == 2
    assert len(looks) < 100, "the search for where a box begins, and the two"
    redis.execute(*search)
    assert len(looks) > 1000, "the nearest are known when all have been met"


def test_coordinates_are_texts_in_resp2_and_doubles_in_resp3(redis):
    assert redis.execute("GEOPOS", "Sicily", "Palermo") == [
        [b"13.36138933897018433", b"38.11555639549629859"]
    ]
    redis.client.protocol = 3
    assert redis.execute("GEOPOS", "Sicily", "Palermo") == [[13.361389338970184, 38.1155563954963]]


def test_what_a_search_stores_is_a_sorted_set_of_hashes_or_distances(redis):
    search = ("FROMLONLAT", 15, 37, "BYRADIUS", 200, "km")
    assert redis.execute("GEOSEARCHSTORE", "near", "Sicily", *search) == 2
    assert redis.execute("ZSCORE", "near", "Palermo") == redis.execute("ZSCORE", "Sicily", "Palermo")
    assert redis.execute("GEORADIUS", "Sicily", 15, 37, 200, "km", "STOREDIST", "near") == 2
    stored = dict(redis.execute("ZRANGE", "near", 0, -1, "WITHSCORES"))
    shown = dict(redis.execute("GEOSEARCH", "Sicily", *search, "WITHDIST"))
    assert {member: b"%.4f" % km for member, km in stored.items()} == shown
    assert redis.execute("GEORADIUS", "Sicily", 0, 0, 1, "m", "STORE", "near") == 0
    assert redis.execute("EXISTS", "near") == 0


def test_a_score_that_is_no_hash_is_stored_as_it_is(redis):
    """As redis 7.0 does: found by differential runs of more seeds."""
    redis.execute("ZADD", "Sicily", 3479099956230698.5, "between")
    assert redis.execute("GEOSEARCHSTORE", "near", "Sicily", *"FROMLONLAT 15 37 BYRADIUS 200 km".split()) == 3
    assert redis.execute("ZSCORE", "near", "between") == 3479099956230698.5
    row = redis.execute("GEOSEARCH", "near", *"FROMMEMBER Palermo BYRADIUS 1 m WITHHASH".split())
    assert [b"between", 3479099956230698] in row


@pytest.mark.parametrize(
    "score, place",
    [
        ("-1", (180, 85.05112878)),
        ("inf", (-180, -85.05112878)),
        ("-inf", (180, -85.05112878)),
        ("1e19", (180, 85.05112878)),
        ("4503599627370496", (-180, 85.05112878)),
    ],
)
def test_a_score_that_is_no_hash_is_the_place_that_its_bits_name(redis, score, place):
    """As in Redis 7.0 and Valkey 9.1, on x86-64."""
    redis.execute("ZADD", "Sicily", score, "odd")
    [position] = redis.execute("GEOPOS", "Sicily", "odd")
    assert [float(word) for word in position] == pytest.approx(place, abs=1e-5)
    assert redis.execute("GEODIST", "Sicily", "odd", "odd") == b"0.0000"

"""Places: at the poles, at the date line, in dense clusters; every shape, unit and option."""

from __future__ import annotations

from random import Random

from tests.differential.cases import random_commands_test
from tests.differential.grammar import Grammar
from tests.differential.pools import COMMON, keys

KEYS = [b"g%d" % number for number in range(3)]

FORMS = """
20 GEOADD key (longitude latitude member)+
 5 GEOADD key [NX|XX] [CH] (longitude latitude member)+
10 GEOPOS key member+
 1 GEOPOS key
 8 GEOHASH key member+
 1 GEOHASH key
10 GEODIST key member member [unit]
12 GEOSEARCH key FROMLONLAT longitude latitude BYRADIUS radius unit order [COUNT count [ANY]] [WITHDIST]
12 GEOSEARCH key FROMLONLAT longitude latitude BYBOX radius radius unit order [COUNT count] [WITHHASH]
 8 GEOSEARCH key BYRADIUS radius unit FROMMEMBER member [WITHHASH] order [WITHCOORD]
 6 GEOSEARCH key FROMMEMBER member BYBOX radius radius unit order [WITHDIST] [WITHCOORD]
 5 GEOSEARCH key BYRADIUS radius unit FROMLONLAT longitude latitude [WITHDIST] [COUNT count ANY]
 2 GEOSEARCH key [FROMLONLAT longitude latitude] [FROMMEMBER member] [BYRADIUS radius unit] [ANY]
 1 GEOSEARCH key [FROMMEMBER member] [BYRADIUS radius unit] [BYBOX radius radius unit] [ANY]
10 GEOSEARCHSTORE key key FROMLONLAT longitude latitude BYRADIUS radius unit [COUNT count [ANY]] [STOREDIST]
 6 GEOSEARCHSTORE key key FROMMEMBER member BYBOX radius radius unit [COUNT count] [STOREDIST]
 1 GEOSEARCHSTORE key key [FROMMEMBER member] [BYRADIUS radius unit] [WITHDIST] [ANY]
 8 (GEORADIUS|GEORADIUS_RO) key longitude latitude radius unit [WITHDIST] order [COUNT count [ANY]]
 6 GEORADIUS key longitude latitude radius unit order [COUNT count] (STORE|STOREDIST) key
 8 (GEORADIUSBYMEMBER|GEORADIUSBYMEMBER_RO) key member radius unit [WITHCOORD] [WITHHASH] order [COUNT count]
 6 GEORADIUSBYMEMBER key member radius unit order [COUNT count] (STORE|STOREDIST) key
 2 (GEORADIUS|GEORADIUS_RO) key longitude latitude radius unit [ANY] [WITHDIST] [STORE key]
 3 ZREM key member
 3 ZRANGE key 0 -1 WITHSCORES
 1 ZADD key 1e15 far
 1 ZADD key 0 corner
 1 DEL key
 2 TYPE key
 2 OBJECT ENCODING key
"""


def coordinate(limit: float, edges: list[bytes]):
    """Anywhere, in one of three small clusters, or exactly at an edge."""

    def draw(rng: Random) -> bytes:
        choice = rng.random()
        if choice < 0.1:
            return rng.choice(edges)
        if choice < 0.6:
            return b"%.6f" % (rng.choice([-70.5, 0.0, 45.25]) + rng.uniform(-0.5, 0.5))
        return b"%.6f" % rng.uniform(-limit, limit)

    return draw


POOLS = {
    **COMMON,
    "key": keys(*KEYS),
    "member": [b"m%d" % number for number in range(30)] + [b"far", b"corner"],
    "far": [b"far"],
    "corner": [b"corner"],
    "longitude": coordinate(180, [b"180", b"-180", b"179.9999", b"-179.9999", b"0", b"180.1", b"x"]),
    "latitude": coordinate(85, [b"85.05112878", b"-85.05112878", b"84.99", b"0", b"86", b"nan"]),
    "radius": [b"0", b"1", b"10", b"200", b"1500", b"50000", b"9000000", b"30000000", b"-1", b"r"],
    "unit": [b"m", b"km", b"KM", b"ft", b"mi", b"m", b"km", b"yd"],
    "order": [b"ASC", b"DESC", b"asc"],
    "count": [b"1", b"2", b"5", b"100", b"0", b"-1"],
}

test_same_as_real_servers = random_commands_test(Grammar(FORMS, POOLS), KEYS)

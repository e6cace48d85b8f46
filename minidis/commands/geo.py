"""Geo commands: places on Earth in a sorted set.

There is no geo type. GEOADD turns longitude and latitude into a geohash of 52 bits and stores it as the
score of a member; TYPE says zset, and ZREM removes a place. GEOSEARCH reads nine ranges of scores and
measures what it finds in them.

Mirrors: geo.c.
Complexity: GEOADD O(log N) for each place; GEOSEARCH O(N + log M), N places in the nine boxes of M.

>>> from minidis.drivers.embedded import Embedded
>>> redis = Embedded(clock=0)
>>> redis.execute("GEOADD", "Sicily", 13.361389, 38.115556, "Palermo", 15.087269, 37.502669, "Catania")
2
>>> redis.execute("GEODIST", "Sicily", "Palermo", "Catania", "km")
b'166.2742'
>>> redis.execute("GEOSEARCH", "Sicily", "FROMLONLAT", 15, 37, "BYRADIUS", 100, "km")
[b'Catania']

Read next: minidis/structures/geohash.py.
"""

from __future__ import annotations

from typing import Any

from minidis.commands.sorted_sets import zadd
from minidis.engine import errors
from minidis.engine.client import Client
from minidis.engine.command_table.binding import double, integer
from minidis.engine.command_table.registry import DENYOOM, READONLY, WRITE, command
from minidis.protocol.numbers import format_with_decimals, parse_float
from minidis.protocol.replies import NULL_ARRAY, PlainDouble, ReplyError
from minidis.structures import geohash
from minidis.structures.record import NamedTuple, record
from minidis.values.sorted_set import SortedSet

BAD_UNIT = "ERR unsupported unit provided. please use M, KM, FT, MI"
NO_CENTRE = "ERR exactly one of FROMMEMBER or FROMLONLAT can be specified for {}"
NO_SHAPE = "ERR exactly one of BYRADIUS and BYBOX can be specified for {}"
ROWS_OR_STORE = "ERR {} is not compatible with WITHDIST, WITHHASH and WITHCOORD options"
ANY_NEEDS_COUNT = "ERR the ANY argument requires COUNT argument"
BAD_COUNT = "ERR COUNT must be > 0"
NO_MEMBER = "ERR could not decode requested zset member"

_METRES = {b"m": 1.0, b"km": 1000.0, b"ft": 0.3048, b"mi": 1609.34}


@command(
    "GEOADD key [NX|XX] [CH] longitude:float latitude:float member"
    " [longitude:float latitude:float member ...]",
    WRITE | DENYOOM,
    since="3.2.0",
    raw=True,
)
def geoadd(client: Client, key: bytes, *words: bytes):
    """Add places, or move them. O(log N) for each."""
    at = 0
    while at < len(words) and words[at].upper() in (b"NX", b"XX", b"CH"):
        at += 1
    options = {word.upper() for word in words[:at]}
    places = words[at:]
    if len(places) % 3 or {b"NX", b"XX"} <= options:
        raise ReplyError(errors.SYNTAX)
    pairs: list[bytes] = []
    for longitude, latitude, member in zip(places[::3], places[1::3], places[2::3], strict=True):
        pairs += [b"%d" % geohash.encode(*_place(longitude, latitude)), member]
    client.rewrite(b"ZADD", key, *words[:at], *pairs)
    return zadd(client, key, *words[:at], *pairs)


@command("GEOPOS key [member ...]", READONLY, since="3.2.0")
def geopos(client: Client, key: bytes, *members: bytes):
    """The longitude and latitude of places, as exactly as their hashes say. O(1) for each."""
    return [
        NULL_ARRAY if bits is None else _coordinates(client, bits) for bits in _hashes(client, key, members)
    ]


@command("GEOHASH key [member ...]", READONLY, since="3.2.0")
def geohash_(client: Client, key: bytes, *members: bytes):
    """The geohash strings of places, as geohash.org writes them. O(1) for each."""
    return [None if bits is None else geohash.to_text(bits) for bits in _hashes(client, key, members)]


@command("GEODIST key member1 member2 [M|KM|FT|MI]", READONLY, since="3.2.0", raw=True)
def geodist(client: Client, key: bytes, member1: bytes, member2: bytes, *words: bytes):
    """The distance of two places, in metres unless said otherwise. O(1)."""
    if len(words) > 1:
        raise ReplyError(errors.SYNTAX)
    unit_m = _unit(words[0]) if words else 1.0
    bits1, bits2 = _hashes(client, key, (member1, member2))
    if bits1 is None or bits2 is None:
        return None
    distance_m = geohash.distance_m(*geohash.decode(bits1), *geohash.decode(bits2))
    return b"%.4f" % (distance_m / unit_m)


@command(
    "GEOSEARCH key (FROMMEMBER member|FROMLONLAT longitude:float latitude:float)"
    " (BYRADIUS radius:float (M|KM|FT|MI)|BYBOX width:float height:float (M|KM|FT|MI))"
    " [ASC|DESC] [COUNT count:int [ANY]] [WITHCOORD] [WITHDIST] [WITHHASH]",
    READONLY,
    since="6.2.0",
    raw=True,
)
def geosearch(client: Client, key: bytes, *words: bytes):
    """The places within a circle or a box. O(N + log M), N places in the boxes around it, M in all."""
    places = client.db.find(key, SortedSet)
    return _answer(client, places, _parse_search(words, places, "GEOSEARCH"))


@command(
    "GEOSEARCHSTORE destination:key source:key (FROMMEMBER member|FROMLONLAT longitude:float latitude:float)"
    " (BYRADIUS radius:float (M|KM|FT|MI)|BYBOX width:float height:float (M|KM|FT|MI))"
    " [ASC|DESC] [COUNT count:int [ANY]] [STOREDIST]",
    WRITE | DENYOOM,
    since="6.2.0",
    raw=True,
)
def geosearchstore(client: Client, destination: bytes, source: bytes, *words: bytes):
    """Store the places within a circle or a box, with their hashes or distances as scores. O(N + log M), \
N places in the boxes around it, M in all."""
    places = client.db.find(source, SortedSet)
    search = _parse_search(words, places, "GEOSEARCHSTORE", destination)
    return _store(client, places, search, "geosearchstore")


_RADIUS = "radius:float (M|KM|FT|MI) [WITHCOORD] [WITHDIST] [WITHHASH] [COUNT count:int [ANY]] [ASC|DESC]"
_STORE = "[STORE storekey:key|STOREDIST storedistkey:key]"


@command(
    f"GEORADIUS key longitude:float latitude:float {_RADIUS} {_STORE}",
    WRITE | DENYOOM,
    since="3.2.0",
    raw=True,
)
def georadius(client: Client, key: bytes, *words: bytes):
    """The places within a circle; now GEOSEARCH and GEOSEARCHSTORE. O(N + log M), as GEOSEARCH."""
    return _radius(client, key, words, by_member=False, may_store=True)


@command(f"GEORADIUS_RO key longitude:float latitude:float {_RADIUS}", READONLY, since="3.2.10", raw=True)
def georadius_ro(client: Client, key: bytes, *words: bytes):
    """The places within a circle; now GEOSEARCH. O(N + log M), as GEOSEARCH."""
    return _radius(client, key, words, by_member=False, may_store=False)


@command(f"GEORADIUSBYMEMBER key member {_RADIUS} {_STORE}", WRITE | DENYOOM, since="3.2.0", raw=True)
def georadiusbymember(client: Client, key: bytes, *words: bytes):
    """The places around a member; now GEOSEARCH and GEOSEARCHSTORE. O(N + log M), as GEOSEARCH."""
    return _radius(client, key, words, by_member=True, may_store=True)


@command(f"GEORADIUSBYMEMBER_RO key member {_RADIUS}", READONLY, since="3.2.10", raw=True)
def georadiusbymember_ro(client: Client, key: bytes, *words: bytes):
    """The places around a member; now GEOSEARCH. O(N + log M), as GEOSEARCH."""
    return _radius(client, key, words, by_member=True, may_store=False)


def _radius(client: Client, key: bytes, words: tuple[bytes, ...], by_member: bool, may_store: bool) -> Any:
    """GEORADIUS and its kin: centre and radius at fixed places, then the options of all searches."""
    places = client.db.find(key, SortedSet)
    search = Search()
    rest = list(words)
    centre = [rest.pop(0)] if by_member else [rest.pop(0), rest.pop(0)]
    radius, unit = rest.pop(0), rest.pop(0)
    if places is not None or not by_member:  # without a key Redis does not look at radius and unit either
        place = _member_place(places, centre[0]) if by_member else _place(*centre)
        radius_m = _size(radius, "need numeric radius", "radius cannot be negative")
        search.unit_m = _unit(unit)
        if place is not None:
            search.shape = geohash.Shape(*place, radius_m=radius_m * search.unit_m)
    while rest:
        option = rest.pop(0).upper()
        if option in (b"STORE", b"STOREDIST") and may_store and rest:
            search.destination, search.store_distance = rest.pop(0), option == b"STOREDIST"
        elif not _read_option(search, option, rest):
            raise ReplyError(errors.SYNTAX)
    _check(search, "STORE option in GEORADIUS")
    if search.destination is not None:
        return _store(client, places, search, "georadiusstore")
    return _answer(client, places, search)


def _answer(client: Client, places: SortedSet | None, search: Search) -> list:
    """The members found, or rows of what was asked about them."""
    found = [] if places is None else _select(places, search)
    if not search.has_rows:
        return [place.member for place in found]
    return [_row(client, place, search) for place in found]


def _store(client: Client, places: SortedSet | None, search: Search, event: str) -> int:
    """Put what was found in place of whatever the destination held; nothing found deletes it."""
    db, node = client.db, client.node
    assert search.destination is not None
    found = [] if places is None else _select(places, search)
    if found:
        scores = {
            place.member: place.distance_m / search.unit_m if search.store_distance else place.score
            for place in found
        }
        db.put(search.destination, SortedSet.from_scores(scores, node.encodings, node.random))
        db.touch(search.destination, event, len(found))
    elif db.edit(search.destination) is not None:
        db.delete(search.destination)
        db.touch(search.destination, "del")
    return len(found)


def _select(places: SortedSet, search: Search) -> list[Place]:
    """The places within the shape, in the order and number that was asked for."""
    found = _find(places, search)
    if search.descending is not None:
        found.sort(key=lambda place: place.distance_m, reverse=search.descending)
    return found[: search.count] if search.count else found


class Place(NamedTuple):
    """A place found by a search."""

    member: bytes
    score: float  # its geohash, unless somebody has stored something else
    distance_m: float


@record
class Search:
    """What GEOSEARCH was asked."""

    shape: geohash.Shape | None = None
    unit_m: float = 1.0
    descending: bool | None = None  # None: in the order found
    count: int = 0
    any: bool = False
    with_distance: bool = False
    with_hash: bool = False
    with_coordinates: bool = False
    destination: bytes | None = None  # of a search that stores
    store_distance: bool = False

    @property
    def has_rows(self) -> bool:
        return self.with_distance or self.with_hash or self.with_coordinates


def _find(places: SortedSet, search: Search) -> list[Place]:
    """All places within the shape, box by box; with ANY only as many as are wanted."""
    assert search.shape is not None
    distance_within, decode = search.shape.distance_within, geohash.decode
    enough = search.count if search.any else 0
    found: list[Place] = []
    for pairs in places.runs(search.shape.score_ranges()):
        for member, score in pairs:
            distance_m = distance_within(*decode(int(score)))
            if distance_m is not None:
                found.append(Place(member, score, distance_m))
                if enough and len(found) >= enough:
                    return found
    return found


def _row(client: Client, place: Place, search: Search) -> list:
    row: list = [place.member]
    if search.with_distance:
        row.append(b"%.4f" % (place.distance_m / search.unit_m))
    if search.with_hash:
        row.append(int(place.score))
    if search.with_coordinates:
        row.append(_coordinates(client, int(place.score)))
    return row


def _parse_search(
    words: tuple[bytes, ...], places: SortedSet | None, name: str, destination: bytes | None = None
) -> Search:
    """Read GEOSEARCH's options, which may come in any order (georadiusGeneric)."""
    search = Search(destination=destination)
    centre: tuple[float, float] | None = None
    from_word = by_word = b""
    sizes: dict[str, float] = {}
    rest = list(words)
    while rest:
        option = rest.pop(0).upper()
        if option == b"FROMMEMBER" and rest and from_word != b"FROMLONLAT":
            from_word, centre = option, _member_place(places, rest.pop(0))
        elif option == b"FROMLONLAT" and len(rest) >= 2 and from_word != b"FROMMEMBER":
            from_word, centre = option, _place(rest.pop(0), rest.pop(0))
        elif option == b"BYRADIUS" and len(rest) >= 2 and by_word != b"BYBOX":
            radius = _size(rest.pop(0), "need numeric radius", "radius cannot be negative")
            by_word, search.unit_m = option, _unit(rest.pop(0))
            sizes = {"radius_m": radius * search.unit_m}
        elif option == b"BYBOX" and len(rest) >= 3 and by_word != b"BYRADIUS":
            width, height = _box_sizes(rest.pop(0), rest.pop(0))
            by_word, search.unit_m = option, _unit(rest.pop(0))
            sizes = {"width_m": width * search.unit_m, "height_m": height * search.unit_m}
        elif option == b"STOREDIST" and destination is not None:
            search.store_distance = True
        elif not _read_option(search, option, rest):
            raise ReplyError(errors.SYNTAX)
    _check(search, name, bool(from_word), bool(by_word))
    if centre is not None:
        search.shape = geohash.Shape(*centre, **sizes)
    return search


def _check(search: Search, name: str, has_centre: bool = True, has_shape: bool = True) -> None:
    """Complain, in Redis's order, about options that do not go together."""
    if search.destination is not None and search.has_rows:
        raise ReplyError(ROWS_OR_STORE.format(name))
    if not has_centre:
        raise ReplyError(NO_CENTRE.format(name))
    if not has_shape:
        raise ReplyError(NO_SHAPE.format(name))
    if search.any and not search.count:
        raise ReplyError(ANY_NEEDS_COUNT)
    if search.count and search.descending is None and not search.any:
        search.descending = False  # the nearest, not the first that happen to be found


def _read_option(search: Search, option: bytes, rest: list[bytes]) -> bool:
    """Note an option that all searches have; False if there is none of that name."""
    if option == b"COUNT" and rest:
        search.count = integer(rest.pop(0))
        if search.count <= 0:
            raise ReplyError(BAD_COUNT)
    elif option in (b"ASC", b"DESC"):
        search.descending = option == b"DESC"
    elif option == b"ANY":
        search.any = True
    elif option == b"WITHDIST":
        search.with_distance = True
    elif option == b"WITHHASH":
        search.with_hash = True
    elif option == b"WITHCOORD":
        search.with_coordinates = True
    else:
        return False
    return True


def _hashes(client: Client, key: bytes, members: tuple[bytes, ...]) -> list[int | None]:
    """The bits of each member's place; None for one that is not there."""
    places = client.db.find(key, SortedSet)
    scores = [None if places is None else places.score(member) for member in members]
    return [None if score is None else geohash.bits_of(score) for score in scores]


def _member_place(places: SortedSet | None, member: bytes) -> tuple[float, float] | None:
    """The place of a member; None if there is not even a key (the search then finds nothing)."""
    if places is None:
        return None
    score = places.score(member)
    if score is None:
        raise ReplyError(NO_MEMBER)
    return geohash.decode(geohash.bits_of(score))


def _place(longitude_text: bytes, latitude_text: bytes) -> tuple[float, float]:
    longitude, latitude = double(longitude_text), double(latitude_text)
    if abs(longitude) > geohash.LONGITUDE_LIMIT or abs(latitude) > geohash.LATITUDE_LIMIT:
        raise ReplyError(f"ERR invalid longitude,latitude pair {longitude:f},{latitude:f}")
    return longitude, latitude


def _size(text: bytes, not_number: str, negative: str) -> float:
    size = parse_float(text)
    if size is None:
        raise ReplyError(f"ERR {not_number}")
    if size < 0:
        raise ReplyError(f"ERR {negative}")
    return size


def _box_sizes(width_text: bytes, height_text: bytes) -> tuple[float, float]:
    width, height = parse_float(width_text), parse_float(height_text)
    if width is None or height is None:
        raise ReplyError(f"ERR need numeric {'width' if width is None else 'height'}")
    if width < 0 or height < 0:
        raise ReplyError("ERR height or width cannot be negative")
    return width, height


def _unit(text: bytes) -> float:
    metres = _METRES.get(text.lower())
    if metres is None:
        raise ReplyError(BAD_UNIT)
    return metres


def _coordinates(client: Client, bits: int) -> list:
    """Longitude and latitude: texts of 17 decimals in RESP2, doubles in RESP3 (addReplyHumanLongDouble)."""
    place = geohash.decode(bits)
    if client.protocol == 3:
        return [PlainDouble(degrees) for degrees in place]
    return [format_with_decimals(degrees) for degrees in place]

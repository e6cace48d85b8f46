"""Geohash: a place on Earth as one number, so that near places are (mostly) near numbers.

Halve the world again and again, by longitude and latitude in turn, and note a bit each time: 1 for
the upper half. After 26 halvings each way the 52 bits name a box of at most 0.6 m by 0.3 m,
and 52 bits fit the 53-bit mantissa of a double: a sorted set can hold them as scores.

    longitude  1   0   1 ...      13.361389 E        all places of a box share a prefix of the bits,
    latitude     1   1   0 ...    38.115556 N   -->  so a box is a *range of scores*:
               11  01  10 ...                        [prefix000..., prefix111...]

A search takes the box that holds its centre, at a level where a box is about as large as the search,
and the eight boxes around it: nine ranges of scores. Boxes are only a first sieve; every place found in
them is then measured (haversine).

The latitude stops at 85.05112878 degrees, where the square map of web Mercator ends. The strings
that GEOHASH answers use the whole -90..90, as geohash.org does.

Mirrors: geohash.c, geohash_helper.c.
Complexity: all O(1).

>>> palermo = encode(13.361389, 38.115556)
>>> palermo
3479099956230698
>>> [round(degrees, 5) for degrees in decode(palermo)]
[13.36139, 38.11556]
>>> to_text(palermo)
b'sqc8b49rny0'

Read next: minidis/commands/geo.py.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import lru_cache

from minidis.structures.record import record

STEPS = 26  # halvings each way of a full hash
LONGITUDE_LIMIT = 180.0
LATITUDE_LIMIT = 85.05112878
EARTH_RADIUS_M = 6372797.560856
MERCATOR_LIMIT_M = 20037726.37
_ALPHABET = b"0123456789bcdefghjkmnpqrstuvwxyz"


def encode(longitude: float, latitude: float, latitude_limit: float = LATITUDE_LIMIT) -> int:
    """The 52 bits of a place: longitude in the odd bits, latitude in the even ones (geohashEncode)."""
    column, row = _cell(longitude, latitude, STEPS, latitude_limit)
    return _interleave(column, row)


def bits_of(score: float) -> int:
    """A score as 64 bits; of one that is no hash, what C's cast makes of it on x86-64.

    >>> bits_of(3.9), bits_of(-1.0) == 2**64 - 1, bits_of(float("inf")), bits_of(float("-inf")) == 2**63
    (3, True, 0, True)
    """
    if -(2.0**63) <= score < 2.0**64:
        return int(score) & (1 << 64) - 1
    return 0 if score > 0 else 1 << 63


@lru_cache(maxsize=4096)  # whoever searches around a place meets its neighbours again and again
def decode(bits: int) -> tuple[float, float]:
    """Longitude and latitude of the middle of the box that 52 bits name (geohashDecodeToLongLat).

    More bits name boxes beyond the edges of the map, and stand for these.
    """
    west, south, east, north = box_of(*_deinterleave(bits), STEPS)
    longitude, latitude = (west + east) / 2, (south + north) / 2
    return (
        max(-LONGITUDE_LIMIT, min(LONGITUDE_LIMIT, longitude)),
        max(-LATITUDE_LIMIT, min(LATITUDE_LIMIT, latitude)),
    )


def to_text(bits: int) -> bytes:
    """The usual string of eleven letters; the last is always 0, for 52 bits are ten letters and a bit."""
    standard = encode(*decode(bits), latitude_limit=90.0)
    return bytes([_ALPHABET[standard >> place & 0x1F] for place in range(47, 0, -5)]) + b"0"


def distance_m(longitude: float, latitude: float, longitude2: float, latitude2: float) -> float:
    """Metres between two places along a great circle, by the haversine formula (geohashGetDistance)."""
    u = math.sin((math.radians(latitude2) - math.radians(latitude)) / 2)
    v = math.sin((math.radians(longitude2) - math.radians(longitude)) / 2)
    a = u * u + math.cos(math.radians(latitude)) * math.cos(math.radians(latitude2)) * v * v
    return 2.0 * EARTH_RADIUS_M * math.asin(math.sqrt(a))


@record(frozen=True)
class Shape:
    """What is searched: a circle (`radius_m`) or a box (`width_m`, `height_m`) around a place."""

    longitude: float
    latitude: float
    radius_m: float | None = None
    width_m: float = 0.0
    height_m: float = 0.0

    def distance_within(self, longitude: float, latitude: float) -> float | None:
        """Metres from the centre to a place within the shape; None if it is outside."""
        if self.radius_m is None:
            if EARTH_RADIUS_M * abs(math.radians(latitude) - math.radians(self.latitude)) > self.height_m / 2:
                return None
            if distance_m(longitude, latitude, self.longitude, latitude) > self.width_m / 2:
                return None
        distance = distance_m(self.longitude, self.latitude, longitude, latitude)
        return None if self.radius_m is not None and distance > self.radius_m else distance

    def score_ranges(self) -> Iterator[tuple[int, int]]:
        """Ranges [low, high) of 52-bit hashes that cover the shape (geohashCalculateAreasByShapeWGS84)."""
        west, south, east, north = bounds = self._bounds()
        steps = self._estimated_steps()
        column, row = _cell(self.longitude, self.latitude, steps)
        if steps > 1 and _reach_too_far(bounds, column, row, steps):
            steps, column, row = steps - 1, column >> 1, row >> 1  # the box of twice the size
        inner = box_of(column, row, steps)
        # A neighbour is left out when the centre's own box already ends beyond the shape on that side.
        skip_west = steps >= 2 and inner[0] < west
        skip_south = steps >= 2 and inner[1] < south
        skip_east = steps >= 2 and inner[2] > east
        skip_north = steps >= 2 and inner[3] > north
        columns, rows = (
            {step: _spread(_moved(index, step, steps)) for step in (0, 1, -1)} for index in (column, row)
        )
        last = None
        for dx, dy in _NEIGHBOURS:
            if (dx < 0 and skip_west) or (dx > 0 and skip_east):
                continue
            if (dy < 0 and skip_south) or (dy > 0 and skip_north):
                continue
            prefix = columns[dx] << 1 | rows[dy]
            if prefix != last:  # on a map of 2 x 2 boxes the eastern neighbour is the western one
                free_bits = 52 - 2 * steps
                yield prefix << free_bits, (prefix + 1) << free_bits
            last = prefix if (dx, dy) != (0, 0) else None

    def _bounds(self) -> tuple[float, float, float, float]:
        """West, south, east and north of a box around the shape (geohashBoundingBox)."""
        half_height = self.height_m / 2 if self.radius_m is None else self.radius_m
        half_width = self.width_m / 2 if self.radius_m is None else self.radius_m
        delta = math.degrees(half_height / EARTH_RADIUS_M)
        # Meridians come together towards the pole, so the edge nearer to it spans more degrees.
        edge = self.latitude - delta if self.latitude < 0 else self.latitude + delta
        wide = math.degrees(half_width / EARTH_RADIUS_M / math.cos(math.radians(edge)))
        return self.longitude - wide, self.latitude - delta, self.longitude + wide, self.latitude + delta

    def _estimated_steps(self) -> int:
        """Halvings at which a box is about as large as the shape (geohashEstimateStepsByRadius)."""
        radius_m = self.radius_m
        if radius_m is None:
            radius_m = math.sqrt((self.width_m / 2) ** 2 + (self.height_m / 2) ** 2)
        if radius_m == 0:
            return STEPS
        steps = 1
        while radius_m < MERCATOR_LIMIT_M:
            radius_m *= 2
            steps += 1
        steps -= 2
        if abs(self.latitude) > 66:  # boxes get narrower towards the poles
            steps -= 2 if abs(self.latitude) > 80 else 1
        return max(1, min(STEPS, steps))


def _reach_too_far(bounds: tuple[float, float, float, float], column: int, row: int, steps: int) -> bool:
    """Do bounds go beyond the neighbours of a box?"""
    west, south, east, north = bounds
    return (
        _parallel(_moved(row, 1, steps) + 1, steps) < north
        or _parallel(_moved(row, -1, steps), steps) > south
        or _meridian(_moved(column, 1, steps) + 1, steps) < east
        or _meridian(_moved(column, -1, steps), steps) > west
    )


# The centre first, then in Redis's order: it decides the order of unsorted answers.
_NEIGHBOURS = ((0, 0), (0, 1), (0, -1), (1, 0), (-1, 0), (1, 1), (-1, 1), (1, -1), (-1, -1))


def box_of(column: int, row: int, steps: int) -> tuple[float, float, float, float]:
    """West, south, east and north of a box on the map of 2**steps by 2**steps boxes (geohashDecode)."""
    return (
        _meridian(column, steps),
        _parallel(row, steps),
        _meridian(column + 1, steps),
        _parallel(row + 1, steps),
    )


def _meridian(column: int, steps: int) -> float:
    """The longitude at which a column begins."""
    return -LONGITUDE_LIMIT + (column / (1 << steps)) * (2 * LONGITUDE_LIMIT)


def _parallel(row: int, steps: int) -> float:
    """The latitude at which a row begins."""
    return -LATITUDE_LIMIT + (row / (1 << steps)) * (2 * LATITUDE_LIMIT)


def _moved(index: int, step: int, steps: int) -> int:
    """The next column or row, round the world; a place on the very edge (180 E) lies one beyond the last."""
    return (index + step) % (1 << steps) if step else index


def _cell(
    longitude: float, latitude: float, steps: int, latitude_limit: float = LATITUDE_LIMIT
) -> tuple[int, int]:
    size = 1 << steps
    column = int((longitude + LONGITUDE_LIMIT) / (2 * LONGITUDE_LIMIT) * size)
    row = int((latitude + latitude_limit) / (2 * latitude_limit) * size)
    return column, row


def _interleave(column: int, row: int) -> int:
    """Bits of both by turns, the column's above the row's."""
    return _spread(column) << 1 | _spread(row)


def _deinterleave(bits: int) -> tuple[int, int]:
    digits = f"{bits:064b}"  # a place on the very edge has a 53rd bit
    return int(digits[::2], 2), int(digits[1::2], 2)


@lru_cache(maxsize=4096)
def _spread(value: int) -> int:
    """Put a zero before each bit: binary digits, read as those of a number to the base 4.

    >>> f"{_spread(0b1011):08b}"
    '01000101'
    """
    return int(f"{value:b}", 4)

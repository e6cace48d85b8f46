"""Geohashes: there and back, neighbours, and that the nine ranges miss nothing."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from minidis.structures import geohash

LONGITUDES = st.floats(-180, 179.9999)
LATITUDES = st.floats(-85.05, 85.05)
MODEST_LATITUDES = st.floats(-75, 75)


@given(LONGITUDES, LATITUDES)
def test_decoding_gives_a_place_within_half_a_box(longitude, latitude):
    bits = geohash.encode(longitude, latitude)
    assert 0 <= bits < 1 << 52
    found_longitude, found_latitude = geohash.decode(bits)
    assert abs(found_longitude - longitude) <= 360 / 2**26
    assert abs(found_latitude - latitude) <= 2 * geohash.LATITUDE_LIMIT / 2**26
    assert geohash.encode(found_longitude, found_latitude) == bits


@given(LONGITUDES, LATITUDES, st.integers(1, 25))
def test_a_prefix_names_the_box_around_the_place(longitude, latitude, steps):
    bits = geohash.encode(longitude, latitude) >> (52 - 2 * steps)
    column = sum((bits >> (2 * index + 1) & 1) << index for index in range(steps))
    row = sum((bits >> (2 * index) & 1) << index for index in range(steps))
    west, south, east, north = geohash.box_of(column, row, steps)
    tiny = 1e-9
    assert west - tiny <= longitude <= east + tiny and south - tiny <= latitude <= north + tiny


@given(LONGITUDES, MODEST_LATITUDES, st.floats(-1, 1), st.floats(-1, 1), st.floats(1, 500_000), st.booleans())
def test_what_lies_within_lies_in_one_of_the_ranges(longitude, latitude, dx, dy, size_m, is_box):
    """A place somewhere around the centre, most often inside the shape."""
    if is_box:
        shape = geohash.Shape(longitude, latitude, width_m=size_m, height_m=size_m / 2)
    else:
        shape = geohash.Shape(longitude, latitude, radius_m=size_m)
    degrees = size_m / 111_000
    place_longitude = (longitude + dx * degrees + 180) % 360 - 180
    bits = geohash.encode(place_longitude, latitude + dy * degrees)
    if shape.distance_within(*geohash.decode(bits)) is not None:
        assert any(low <= bits < high for low, high in shape.score_ranges())


@given(LONGITUDES, LATITUDES, st.floats(0, 30_000_000))
def test_the_ranges_overlap_nowhere(longitude, latitude, radius_m):
    ranges = sorted(geohash.Shape(longitude, latitude, radius_m=radius_m).score_ranges())
    assert 1 <= len(ranges) <= 9
    assert all(low < high for low, high in ranges)
    assert all(before[1] <= after[0] for before, after in zip(ranges, ranges[1:], strict=False))


def test_distances():
    quarter_m = geohash.EARTH_RADIUS_M * 3.141592653589793 / 2
    assert abs(geohash.distance_m(0, 0, 90, 0) - quarter_m) < 1e-6
    assert abs(geohash.distance_m(10, -45, 10, 45) - quarter_m) < 1e-6
    assert geohash.distance_m(5, 5, 5, 5) == 0.0


def test_the_edge_of_the_map_wraps_round():
    shape = geohash.Shape(179.9, 0.0, radius_m=50_000)
    beyond = geohash.encode(-179.9, 0.0)
    assert shape.distance_within(-179.9, 0.0) is not None
    assert any(low <= beyond < high for low, high in shape.score_ranges())
